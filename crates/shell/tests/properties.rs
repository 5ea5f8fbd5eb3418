//! What holds for every text.

mod spans;

use proptest::prelude::*;
use shell::DoubtKind;
use shell::tree::{Command, Word};

/// Pieces from which bash scripts are made, so that random texts get deep into the grammar.
const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    " ",
    " ",
    "\n",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    "!",
    "(",
    ")",
    "((",
    "))",
    "{",
    "}",
    "{ ",
    "; }",
    "[[",
    "]]",
    "[",
    "]",
    "$",
    "$(",
    "${",
    "$((",
    "$[",
    "`",
    "'",
    "\"",
    "\\",
    "\\\n",
    "$'",
    "$\"",
    "<",
    ">",
    ">>",
    "<<",
    "<<-",
    "<<<",
    ">&",
    "&>",
    "<(",
    ">(",
    "2",
    "-",
    "E",
    "E\n",
    "\nE\n",
    "<<E\n",
    "if ",
    "then ",
    "else ",
    "elif ",
    "fi",
    "for ",
    "in ",
    "do ",
    "done",
    "while ",
    "until ",
    "case ",
    "esac",
    ";;",
    ";&",
    "select ",
    "function ",
    "coproc ",
    "time ",
    "x=",
    "x+=",
    "x[",
    "]=",
    "=(",
    "~",
    "~/",
    "*",
    "?",
    "@(",
    "+(",
    "#",
    "# c\n",
    ",",
    "..",
    "{a,b}",
    "{1..3}",
    ":-",
    "/",
    "%",
    "@P",
    "!x",
    "=~",
    "==",
    "-f ",
    "é",
    "\u{202e}",
    "\u{200b}",
    "\u{a0}",
    "\0",
    "\r",
    "\t",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_tree_with_sound_spans(text in any::<String>()) {
        spans::check(&text, &shell::parse(&text));
    }

    #[test]
    fn any_soup_has_a_tree_with_sound_spans(text in soup()) {
        spans::check(&text, &shell::parse(&text));
    }

    #[test]
    fn a_quoted_word_is_read_as_itself(words in prop::collection::vec(word(), 1..5)) {
        let text = format!("x {}", words.iter().map(|word| shell::quote(word)).collect::<Vec<_>>().join(" "));
        prop_assert_eq!(literals(&text), [vec!["x".to_owned()], words].concat());
    }

    #[test]
    fn an_argument_list_is_read_as_itself(words in prop::collection::vec(word(), 1..5)) {
        let (text, _) = shell::from_argv(&words);
        prop_assert_eq!(literals(&text), words);
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), soup(), "[a-z]{1,6}=?[a-z]{0,3}"]
}

fn literals(text: &str) -> Vec<String> {
    let script = shell::parse(text);
    match script.items.as_slice() {
        [item] => match &item.command {
            Command::Simple(simple) => simple.words.iter().filter_map(Word::literal).collect(),
            other => vec![format!("{other:?}")],
        },
        items => vec![format!("{items:?}")],
    }
}

/// Deep and long texts end, and are doubted.
#[test]
fn nesting_is_bounded() {
    for (open, close) in [
        ("(", ")"),
        ("$(", ")"),
        ("((", ")"),
        ("$((", ") )"),
        ("${x:-", "}"),
        ("\"${x:-", "}\""),
        ("{ ", "; }"),
        ("{a,", "}"),
        ("{a,b}$(", ")"),
        ("{a,b}", ""),
        ("{", ""),
        ("[", ""),
        ("x[", ""),
        ("x[$(", ")]"),
        ("if ", ""),
        ("! ", ""),
        ("[[ ( ", ""),
        ("<(", ")"),
        ("`", "`"),
        ("\\`", ""),
        ("$[", "]"),
        ("@(", ")"),
        ("coproc ", ""),
        ("a() ", ""),
        ("case a in b) ", ""),
        ("x=(", ")"),
        ("a <<E\n", ""),
        ("$(a <<E\n", ""),
        ("\\\n", ""),
        ("a;", ""),
        ("\u{202e} ", ""),
        ("declare x=(", ")"),
        ("{1..9}", ""),
        ("~", ""),
        ("1", ""),
        ("a <<E; ", ""),
        ("#\n", ""),
        ("${x[", "]}"),
        ("\"$(", ")\""),
        ("'${", ""),
        ("$(( '$((", ""),
    ] {
        for count in [100, 20_000] {
            let text = format!("{}{}", open.repeat(count), close.repeat(count));
            let start = std::time::Instant::now();
            spans::check(&text, &shell::parse(&text));
            let millis = start.elapsed().as_millis();
            assert!(millis < 4000, "{open:?} × {count} took {millis} ms");
        }
    }
}

#[test]
fn nesting_beyond_the_bound_is_doubted() {
    for (open, close) in [("$(", ")"), ("( ", ")"), ("\"${x:-", "}\""), ("{ ", "; }")] {
        let nested = |count: usize| shell::parse(&format!("{}a{}", open.repeat(count), close.repeat(count)));
        assert!(!nested(20).is_partial(), "{open}");
        assert!(nested(100).doubts.iter().any(|doubt| doubt.kind == DoubtKind::Limit), "{open}");
    }
}

#[test]
fn long_text_is_one_doubt() {
    let script = shell::parse(&"a ".repeat(200_000));
    assert!(script.items.is_empty() && script.is_partial() && script.doubts.len() == 1);
}
