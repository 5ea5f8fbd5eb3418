//! Bash is asked whether it accepts a text and what its words are; the answers must be ours.

mod bash;

use shell::DoubtKind;
use shell::tree::Command;

/// Texts between lines of `%%`.
fn texts(file: &'static str) -> Vec<&'static str> {
    file.trim_end_matches('\n').split("\n%%\n").collect()
}

/// What bash only finds when it runs a text is not in this list: it does not read backticks, the
/// bodies of here-documents or arithmetic before that, and we do.
#[test]
fn syntax_doubts_are_what_bash_rejects() {
    if !bash::is_there() {
        println!("skipped: there is no bash");
        return;
    }
    let mut wrong = String::new();
    for text in texts(include_str!("oracle/snippets.txt")) {
        let doubted = shell::parse(text).doubts.iter().any(|doubt| doubt.kind == DoubtKind::Syntax);
        if bash::rejects(text) != doubted {
            wrong.push_str(&format!("bash {}: {text:?}\n", if doubted { "accepts" } else { "rejects" }));
        }
    }
    assert!(wrong.is_empty(), "we differ from bash:\n{wrong}");
}

#[test]
fn literal_words_are_what_bash_makes_of_them() {
    if !bash::is_there() {
        println!("skipped: there is no bash");
        return;
    }
    let mut wrong = String::new();
    for text in texts(include_str!("oracle/words.txt")) {
        let output = bash::run(&[], &format!("set -f; set -- {text}\nprintf '%s\\0' \"$#\" \"$@\""));
        let mut theirs: Vec<Vec<u8>> = output.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
        theirs.pop();
        let ours = literals(text);
        let mut expected = vec![ours.len().to_string().into_bytes()];
        expected.extend(ours.iter().map(|word| word.clone().into_bytes()));
        if theirs != expected {
            let theirs: Vec<_> = theirs.iter().map(|word| String::from_utf8_lossy(word)).collect();
            wrong.push_str(&format!("{text:?}: bash {theirs:?}, we {ours:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "we differ from bash:\n{wrong}");
}

fn literals(text: &str) -> Vec<String> {
    let text = format!("set {text}");
    let script = shell::parse(&text);
    match script.items.first().map(|item| &item.command) {
        Some(Command::Simple(simple)) => {
            simple.words.iter().skip(1).map(|word| word.literal().unwrap_or_else(|| format!("{word:?}"))).collect()
        }
        other => vec![format!("no simple command: {other:?}")],
    }
}
