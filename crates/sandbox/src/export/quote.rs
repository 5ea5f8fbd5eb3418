//! Paths as words of other languages. What a language cannot say exactly is refused.

use policy::AbsPath;

/// Something of a policy that a form cannot say, and must not leave out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{form} cannot say `{}`: {why}", subject.escape_debug())]
pub struct Inexpressible {
    /// The form's name.
    pub form: &'static str,
    /// What cannot be said.
    pub subject: String,
    /// Why.
    pub why: &'static str,
}

impl Inexpressible {
    pub(super) fn new(form: &'static str, subject: impl Into<String>, why: &'static str) -> Self {
        Self { form, subject: subject.into(), why }
    }
}

/// Returns a string of Seatbelt's language, which is a Scheme.
pub(super) fn scheme(path: &AbsPath) -> Result<String, Inexpressible> {
    let path = path.as_str();
    if path.chars().any(char::is_control) {
        return Err(Inexpressible::new("seatbelt", path, "a control character has no sure form in a string"));
    }
    Ok(format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Returns a key of TOML for Codex, which takes some characters of a path for a pattern.
pub(super) fn codex(path: &AbsPath) -> Result<String, Inexpressible> {
    let path = path.as_str();
    if path.contains(['*', '?', '[', ']', '{', '}', '!']) {
        return Err(Inexpressible::new("codex", path, "it would be read as a pattern, which covers other files"));
    }
    if path.chars().any(char::is_control) {
        return Err(Inexpressible::new("codex", path, "a control character in a path is not documented"));
    }
    Ok(toml(path))
}

/// Returns a basic string of TOML.
pub(super) fn toml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a path for a profile of Firejail, which has no quotes, expands patterns and macros, and refuses most signs.
pub(super) fn firejail(path: &AbsPath) -> Result<String, Inexpressible> {
    let text = path.as_str();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._+@=:~- ".contains(letter);
    if !text.chars().all(is_plain) {
        return Err(Inexpressible::new(
            "firejail",
            text,
            "a profile has no quotes, and this name has a sign with a meaning",
        ));
    }
    // Blanks at the end of a line are taken off.
    if text.contains(" /") || text.ends_with(' ') || text.contains("  ") {
        return Err(Inexpressible::new("firejail", text, "blanks at the end of a name, or several, are not kept"));
    }
    Ok(text.to_owned())
}

/// Returns a word of a shell.
pub(super) fn shell(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._+@=:,-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Returns a mount as `docker run --mount` reads it: fields of CSV.
pub(super) fn mount(form: &'static str, fields: &[(&str, &str)]) -> Result<String, Inexpressible> {
    let mut all = Vec::new();
    for (name, value) in fields {
        if value.chars().any(char::is_control) {
            return Err(Inexpressible::new(form, *value, "a mount with a control character is no line"));
        }
        let field = if value.is_empty() { (*name).to_owned() } else { format!("{name}={value}") };
        all.push(if field.contains(['"', ',']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field });
    }
    Ok(all.join(","))
}

/// Returns a text as a line of a comment.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
