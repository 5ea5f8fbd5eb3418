use super::parse;

/// Writes what was found: a command a line, `|` before one that is piped into, words in brackets with `?`
/// where they are not literal and `,` where they are joined, and doubts last.
fn outline(text: &str) -> String {
    let found = parse(text);
    let mut out = String::new();
    for command in &found.commands {
        let words: Vec<String> = command
            .words
            .iter()
            .map(|word| {
                let mark = if word.literal { "" } else { "?" };
                format!("{}{mark}[{}]", if word.joined { "," } else { "" }, word.text)
            })
            .collect();
        let targets: Vec<String> = command.redirects.iter().map(|target| format!(" >[{}]", target.text)).collect();
        let pipe = if command.piped { "| " } else { "" };
        out.push_str(&format!("{pipe}{}{}\n", words.join(" "), targets.concat()));
    }
    for doubt in &found.doubts {
        out.push_str(&format!("doubt: {doubt}\n"));
    }
    out
}

#[test]
fn spec() {
    testkit::check("powershell", |case| outline(&case.block("ps").replace('⏎', "\r")));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        parse(&text);
    }

    /// What hides in quotes, blocks and subexpressions is found, or the text is doubted.
    #[test]
    fn a_command_is_found_or_doubted(pieces in proptest::collection::vec("[a-z' \"`$(){}@;|&#<>,.%\\n-]{0,4}", 0..12)) {
        for place in 0..=pieces.len() {
            let (before, after) = pieces.split_at(place);
            let text = format!("{}\n; Remove-Item x\n;{}", before.concat(), after.concat());
            let found = parse(&text);
            let is_found = found.commands.iter().any(|command| {
                command.words.first().is_some_and(|word| word.text == "Remove-Item" && word.literal)
            });
            // In a string or a comment it is no command.
            let is_quoted = found.commands.iter().flat_map(|command| command.words.iter().chain(&command.redirects))
                .any(|word| word.text.contains("Remove-Item")) || text.contains("<#");
            proptest::prop_assert!(is_found || is_quoted || !found.doubts.is_empty(), "{text:?}");
        }
    }
}
