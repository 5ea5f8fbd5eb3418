//! A table reads each spelling of an option alike, and less that is known never reads as more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use programs::table::{Style, Takes};
use programs::{Argument, Call, Role, Word};
use proptest::prelude::*;

/// Options of a table: spellings, whether each takes a value.
fn options(body: &'static str) -> Vec<(Vec<&'static str>, bool)> {
    let table = programs::table(body).unwrap();
    let mut options = Vec::new();
    for option in &table.root.options {
        let takes = match &option.takes {
            Takes::Nothing => false,
            Takes::Values(roles) if roles.len() == 1 && roles.first() != Some(&Role::CommandUntil) => true,
            Takes::Values(_) | Takes::Optional(_) => continue,
        };
        let plain = |name: &&&str| {
            let getopt = name.len() == 2 || name.starts_with("--");
            getopt && name.starts_with('-') && !name.ends_with('*') && !name.contains('=')
        };
        let spellings: Vec<&str> = option.spellings.iter().filter(plain).copied().collect();
        if !spellings.is_empty() {
            options.push((spellings, takes));
        }
    }
    options
}

/// What is said of a call, but for where the words stand and how options are spelled.
fn said<'a>(call: &'a Call<'_, 'a>) -> (Vec<(Role, Word<'a>, bool)>, usize, bool, bool) {
    let plain = |argument: &Argument<'a>| (argument.role, argument.word, argument.option.is_some());
    (call.arguments.iter().map(plain).collect(), call.unknown.len(), call.recursive, call.exact)
}

fn read<'a>(body: &'static str, words: &[&'a str]) -> Call<'static, 'a> {
    let words: Vec<Word<'a>> = words.iter().map(|word| Word::Known(word)).collect();
    programs::read(body, &words)
}

fn is_getopt(body: &str) -> bool {
    let table = programs::table(body).unwrap();
    let getopt = matches!(table.style, Style::Gnu | Style::GnuFirst | Style::Exact | Style::ExactFirst);
    getopt && !table.bundled && table.commands.is_empty()
}

/// Every program's own table, with its name.
fn tables() -> Vec<(&'static str, &'static str)> {
    programs::names().filter_map(|name| Some((name, programs::find(name)?))).collect()
}

#[test]
fn a_value_is_attached_or_follows() {
    let mut compared = 0;
    for (name, body) in tables().into_iter().filter(|(_, body)| is_getopt(body)) {
        for (spellings, _) in options(body).into_iter().filter(|(_, takes)| *takes) {
            let first = *spellings.first().unwrap();
            let reference = read(body, &[first, "value"]);
            for spelling in spellings {
                let attached =
                    if spelling.starts_with("--") { format!("{spelling}=value") } else { format!("{spelling}value") };
                // Another option may begin like this one.
                if programs::table(body).unwrap().root.options.iter().any(|option| option.is_spelled(&attached)) {
                    continue;
                }
                let attached = [attached.as_str()];
                assert_eq!(said(&read(body, &[spelling, "value"])), said(&reference), "{name} {spelling} value");
                assert_eq!(said(&read(body, &attached)), said(&reference), "{name} {}", attached[0]);
                compared += 1;
            }
        }
    }
    assert!(compared > 1_000, "only {compared} compared");
}

#[test]
fn flags_stand_together_or_apart() {
    let mut compared = 0;
    for (name, body) in tables().into_iter().filter(|(_, body)| is_getopt(body)) {
        let letters: Vec<&str> = options(body)
            .into_iter()
            .filter(|(_, takes)| !takes)
            .filter_map(|(spellings, _)| spellings.into_iter().find(|name| name.len() == 2 && *name != "--"))
            .collect();
        for pair in letters.windows(2) {
            let [left, right] = pair else { continue };
            let together = format!("{left}{}", right.trim_start_matches('-'));
            let table = programs::table(body).unwrap();
            if table.root.options.iter().any(|option| option.is_spelled(&together) || option.continues(&together)) {
                continue;
            }
            let together = [together.as_str()];
            let apart = [*left, *right];
            assert_eq!(said(&read(body, &together)), said(&read(body, &apart)), "{name} {left} {right}");
            compared += 1;
        }
    }
    assert!(compared > 500, "only {compared} compared");
}

/// Words that tables have something to say about, and words that they do not.
fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        Just("-".to_owned()),
        Just("--".to_owned()),
        "-[a-zA-Z0-9]{1,3}",
        "--[a-z]{1,8}(=[a-z./*]{0,4})?",
        "[a-z./]{1,6}",
        "[a-z]{1,3}=[a-z]{0,3}",
        Just(";".to_owned()),
        Just("\u{e9}-\u{1F600}".to_owned()),
        Just(String::new()),
    ];
    prop::collection::vec(word, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No word list makes a reader panic, and each operand is given a role or said to be unknown.
    #[test]
    fn nothing_panics(words in words(), seed in any::<usize>()) {
        let tables = tables();
        for step in 0..20 {
            let (_, body) = tables[(seed.wrapping_mul(31).wrapping_add(step * 977)) % tables.len()];
            let known: Vec<&str> = words.iter().map(String::as_str).collect();
            let _ = read(body, &known);
            for kind in 0..3 {
                let vague: Vec<Word<'_>> = known
                    .iter()
                    .enumerate()
                    .map(|(at, word)| match (at + seed) % 3 {
                        0 if kind == 0 => Word::Unknown,
                        1 if kind == 1 => Word::Pattern(word),
                        2 if kind == 2 => Word::Begins(word),
                        _ => Word::Known(word),
                    })
                    .collect();
                let _ = programs::read(body, &vague);
            }
        }
    }

    /// A call that is understood with an unknown word is understood at least as strictly as with any word in
    /// its place: what is then read, written or run is among the roles that were possible.
    #[test]
    fn an_unknown_word_hides_no_role(words in words(), at in 0_usize..6, seed in any::<usize>()) {
        let at = at % words.len();
        let tables = tables();
        let known: Vec<&str> = words.iter().map(String::as_str).collect();
        for step in 0..50_usize {
            let (name, body) = tables[(seed.wrapping_add(step * 977)) % tables.len()];
            let vague: Vec<Word<'_>> = (0..known.len()).map(|index| if index == at { Word::Unknown } else { Word::Known(known[index]) }).collect();
            let blind = programs::read(body, &vague);
            if !blind.unknown.is_empty() || !blind.commands.is_empty() {
                continue;
            }
            let sharp = read(body, &known);
            // A second `--` is an operand where the hidden word is the first: a file of that name apart.
            for argument in sharp.arguments.iter().filter(|argument| argument.index != at && argument.option.is_none() && argument.word != Word::Known("--")) {
                let possible = blind.arguments.iter().filter(|other| other.index == argument.index);
                prop_assert!(
                    possible.clone().any(|other| other.role == argument.role) || argument.role.only_reads(),
                    "{} {:?}: word {} is {:?}, and with word {} unknown {:?}",
                    name, known, argument.index, argument.role, at, possible.collect::<Vec<_>>()
                );
            }
        }
    }
}
