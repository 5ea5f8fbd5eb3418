//! Agreement with `bash -n` on texts that people wrote.
//!
//! The texts are not part of the repository. The test reads them from the directory that
//! `PALISADE_CORPORA` names: files of JSON, each an array of strings. Where we differ from bash on
//! purpose, a command in backticks is broken: bash only reads it when it runs.

#![expect(clippy::print_stdout, reason = "the disagreements are the result")]
#![expect(clippy::expect_used, reason = "a corpus that cannot be read is a failed test")]

mod bash;

use std::path::Path;

use shell::DoubtKind;

/// Of the texts both of us judge, so many in ten thousand get the same verdict.
const AGREEMENT_MIN: usize = 9990;
/// One text in so many is given to bash.
const STEP: usize = 10;

#[test]
#[expect(clippy::disallowed_methods, reason = "the corpora lie outside the repository, where the environment says")]
fn agrees_with_bash_on_corpora() {
    let Some(directory) = std::env::var_os("PALISADE_CORPORA") else {
        println!("skipped: PALISADE_CORPORA is not set");
        return;
    };
    if !bash::is_there() {
        println!("skipped: there is no bash");
        return;
    }
    let step = std::env::var("PALISADE_CORPORA_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(STEP);
    for file in ["nl2bash", "tldr", "intercode"] {
        let path = Path::new(&directory).join(format!("{file}.json"));
        let text = std::fs::read_to_string(&path).expect("the corpus can be read");
        compare(file, &strings(&text), step);
    }
}

fn compare(name: &str, texts: &[String], step: usize) {
    let doubts: Vec<bool> = texts.iter().map(|text| has_syntax_doubt(text)).collect();
    let (mut judged, mut agreed) = (0_usize, 0_usize);
    for (text, doubted) in texts.iter().zip(doubts).step_by(step) {
        if text.contains('\0') {
            continue;
        }
        judged += 1;
        let rejected = bash::rejects(text);
        if rejected == doubted {
            agreed += 1;
        } else {
            println!("{name}: bash {}: {text:?}", if rejected { "rejects" } else { "accepts" });
        }
    }
    println!("{name}: {} texts, {judged} judged, {agreed} agreed", texts.len());
    assert!(agreed * 10_000 >= judged * AGREEMENT_MIN, "{name}: {agreed} of {judged}");
}

fn has_syntax_doubt(text: &str) -> bool {
    shell::parse(text).doubts.iter().any(|doubt| doubt.kind == DoubtKind::Syntax)
}

/// Returns the strings of a JSON array of strings.
fn strings(text: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut chars = text.chars();
    while chars.by_ref().any(|c| c == '"') {
        let mut string = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => string.push_str(&escaped(&mut chars)),
                _ => string.push(c),
            }
        }
        strings.push(string);
    }
    strings
}

fn escaped(chars: &mut std::str::Chars<'_>) -> String {
    let unit = |chars: &mut std::str::Chars<'_>| {
        u16::from_str_radix(&chars.by_ref().take(4).collect::<String>(), 16).expect("four digits")
    };
    match chars.next() {
        Some('n') => "\n".to_owned(),
        Some('t') => "\t".to_owned(),
        Some('r') => "\r".to_owned(),
        Some('b') => "\u{8}".to_owned(),
        Some('f') => "\u{c}".to_owned(),
        Some('u') => {
            let first = unit(chars);
            let pair = (0xd800..0xdc00).contains(&first);
            let second = pair.then(|| {
                chars.nth(1);
                unit(chars)
            });
            String::from_utf16_lossy(&[Some(first), second].into_iter().flatten().collect::<Vec<u16>>())
        }
        Some(c) => c.to_string(),
        None => String::new(),
    }
}
