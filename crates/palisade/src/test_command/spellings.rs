//! Other spellings of a command that mean the same.
//!
//! Each is one that bash reads as the same command, or as one that runs it: what must be denied or must
//! ask in one spelling must in all of them.

use shell::Span;
use shell::tree::{Command, Simple};

/// Builtins and reserved words, which no program stands for.
const BUILTINS: &[&str] = &[
    ".", ":", "[", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "dirs", "enable", "eval",
    "exec", "exit", "export", "fg", "hash", "jobs", "let", "local", "popd", "pushd", "read", "readonly", "return",
    "set", "shift", "shopt", "source", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
];
/// Programs whose one-letter options may be joined and come apart, and whose long ones may be shortened.
const CLUSTERED: &[&str] = &["chmod", "chown", "cp", "ln", "ls", "mkdir", "mv", "rm", "rmdir", "touch"];
/// Long options and a shorter form that the programs above take for the same.
const SHORTENED: &[(&str, &str)] = &[("--recursive", "--recurs"), ("--force", "--forc"), ("--verbose", "--verb")];

/// Another spelling of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelling {
    /// What was changed.
    pub(super) how: &'static str,
    /// The command.
    pub(super) text: String,
}

/// Returns other spellings of a command; none of one that is not plainly understood.
pub(super) fn of(text: &str) -> Vec<Spelling> {
    let script = shell::parse(text);
    if !script.doubts.is_empty() || script.items.is_empty() {
        return Vec::new();
    }
    let mut spellings = whole(text);
    if let [item] = script.items.as_slice()
        && !item.background
        && let Command::Simple(simple) = &item.command
        && let Some(words) = plain_words(text, simple)
    {
        spellings.extend(of_words(text, simple, &words));
    }
    spellings.retain(|spelling| spelling.text != text);
    spellings
}

/// Returns spellings of any text.
fn whole(text: &str) -> Vec<Spelling> {
    // A here-document ends on a line of its own.
    if text.contains("<<") {
        return Vec::new();
    }
    let quoted = shell::quote(text);
    // A newline closes what a comment or `&` at the end would leave open.
    let made = [
        ("inside sh -c", format!("sh -c {quoted}")),
        ("inside bash -c", format!("bash -c {quoted}")),
        ("inside eval", format!("eval {quoted}")),
        ("after cd .", format!("cd . && {text}")),
        ("after another command", format!("true; {text}")),
        ("on a second line", format!("true\n{text}")),
        ("in a subshell", format!("({text}\n)")),
        ("in a group", format!("{{ {text}\n}}")),
        ("negated", format!("! {{ {text}\n}}")),
        ("in an if", format!("if true; then {text}\nfi")),
        ("in the background", format!("{{ {text}\n}} &")),
        ("in a substitution", format!("echo \"$({text}\n)\"")),
        ("in a function", format!("f() {{ {text}\n}}; f")),
    ];
    made.into_iter().map(|(how, text)| Spelling { how, text }).collect()
}

/// A word of a simple command: its text as written, and what it means.
struct Word {
    span: Span,
    written: String,
    value: String,
}

/// Returns the words when each is one piece of the text with one meaning.
fn plain_words(text: &str, simple: &Simple) -> Option<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    for word in &simple.words {
        let written = text.get(word.span.start..word.span.end)?.to_owned();
        let is_expanded = words.last().is_some_and(|last| last.span == word.span);
        words.push(Word { span: word.span, written, value: word.literal().filter(|_| !is_expanded)? });
    }
    (!words.is_empty()).then_some(words)
}

fn of_words(text: &str, simple: &Simple, words: &[Word]) -> Vec<Spelling> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let (start, end) = (program.span.start, program.span.end);
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let put = |how, word: &str| Spelling { how, text: format!("{before}{word}{after}") };
    let name = program.value.as_str();
    let is_word = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+".contains(letter));
    let mut letters = name.chars();
    let (Some(first), tail, true) = (letters.next(), letters.as_str(), is_word) else { return Vec::new() };
    let escaped: String = name.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let mut made = vec![
        put("in single quotes", &format!("'{name}'")),
        put("in double quotes", &format!("\"{name}\"")),
        put("with an empty pair of quotes", &format!("{first}''{tail}")),
        put("with one letter quoted", &format!("\"{first}\"{tail}")),
        put("with a backslash", &format!("\\{name}")),
        put("with ANSI-C quoting", &format!("$'{escaped}'")),
        put("behind command", &format!("command {name}")),
        put("from a variable", "$X").prefixed(&format!("X={name}; ")),
    ];
    if !BUILTINS.contains(&name) {
        made.push(put("behind env", &format!("env {name}")));
        made.push(put("behind timeout", &format!("timeout 5 {name}")));
        made.push(put("behind nohup", &format!("nohup {name}")));
        if !name.contains('/') {
            made.push(put("by its path", &format!("/usr/bin/{name}")));
        }
    }
    if simple.assignments.is_empty() {
        made.push(Spelling { how: "behind an assignment", text: format!("X=1 {text}") });
    }
    if let Some(next) = rest.first() {
        let (head, tail) =
            (text.get(..next.span.start).unwrap_or_default(), text.get(next.span.start..).unwrap_or_default());
        made.push(Spelling { how: "with more spaces", text: format!("{head}  {tail}") });
        made.push(Spelling { how: "with a tab", text: format!("{}\t{tail}", head.trim_end()) });
        made.push(Spelling { how: "over two lines", text: format!("{head}\\\n{tail}") });
    }
    made.extend(options(text, name, rest));
    made
}

impl Spelling {
    fn prefixed(self, prefix: &str) -> Self {
        Self { text: format!("{prefix}{}", self.text), ..self }
    }
}

/// Returns the spellings of options that a program is known to take for the same.
fn options(text: &str, name: &str, rest: &[Word]) -> Vec<Spelling> {
    let mut made = Vec::new();
    for word in rest {
        let put = |how, new: String| {
            let (before, after) = (text.get(..word.span.start), text.get(word.span.end..));
            Spelling { how, text: format!("{}{new}{}", before.unwrap_or_default(), after.unwrap_or_default()) }
        };
        if word.value.starts_with('-') && word.written == word.value && word.value.len() > 1 {
            made.push(put("with a quoted option", format!("'{}'", word.value)));
        }
        if !CLUSTERED.contains(&name.rsplit('/').next().unwrap_or_default()) {
            continue;
        }
        if let Some((_, short)) = SHORTENED.iter().find(|(long, _)| *long == word.value) {
            made.push(put("with a shortened option", (*short).to_owned()));
        }
        let letters = word
            .value
            .strip_prefix('-')
            .filter(|letters| letters.len() > 1 && letters.chars().all(|letter| letter.is_ascii_alphabetic()));
        if let Some(letters) = letters {
            let apart: Vec<String> = letters.chars().map(|letter| format!("-{letter}")).collect();
            made.push(put("with its options apart", apart.join(" ")));
            made.push(put(
                "with its options in another order",
                format!("-{}", letters.chars().rev().collect::<String>()),
            ));
        }
    }
    made
}

#[cfg(test)]
mod tests;
