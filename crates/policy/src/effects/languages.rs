//! Programs whose argument is a script that can itself read, write and run.
//!
//! Only scripts that do no more than select, replace and show are understood.

use programs::Role;

/// Returns true for a script that neither reads, writes nor runs anything by itself.
pub(super) fn only_selects(role: Role, text: Option<&str>) -> bool {
    text.is_some_and(|text| match role {
        Role::Sed => sed(text),
        Role::Awk => awk(text),
        Role::Jq => jq(text),
        Role::Text
        | Role::Look
        | Role::Read
        | Role::Tree
        | Role::Write
        | Role::WriteTree
        | Role::Delete
        | Role::Move
        | Role::Into
        | Role::Directory
        | Role::List
        | Role::Response
        | Role::Code
        | Role::Shell
        | Role::Command
        | Role::CommandUntil
        | Role::Host
        | Role::Url
        | Role::RemoteRead
        | Role::Upload
        | Role::Form
        | Role::RemoteWrite
        | Role::Source
        | Role::Assignment
        | Role::Variable
        | Role::Unknown => false,
    })
}

/// Returns true for a text that decodes another and runs it.
pub(super) fn decodes_and_runs(text: &str) -> bool {
    const DECODES: &[&str] = &[
        "b64decode",
        "base64",
        "fromhex",
        "unhexlify",
        "atob(",
        "FromBase64String",
        "decode_base64",
        "decode64",
        "Buffer.from(",
        "hex2bin",
        "inflate",
        "unpack(",
        "pack(",
        "rot13",
        "codecs.decode",
        "String.fromCharCode",
        "zlib",
    ];
    const RUNS: &[&str] =
        &["exec", "eval", "system", "spawn", "popen", "Function(", "subprocess", "compile(", "marshal"];
    DECODES.iter().any(|sign| text.contains(sign)) && RUNS.iter().any(|sign| text.contains(sign))
}

/// Returns true for a word whose text a command prints, or a variable holds as a whole.
pub(super) fn is_brought(source: &str) -> bool {
    let plain = source.trim_matches('"');
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric());
    let variable = plain.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}'));
    source.contains("$(") || source.contains('`') || source.contains("<(") || variable.is_some_and(is_name)
}

/// `awk` writes and pipes only in `print` and `printf`, reads only by `getline`, runs by `system`.
///
/// Strings and patterns are not told from code: a sign counts wherever it stands.
fn awk(text: &str) -> bool {
    const SIGNS: &[&str] = &["system", "getline", "ARGV", "ENVIRON", "PROCINFO", "SYMTAB", "FUNCTAB"];
    // A name may begin with `_`, and a line may be continued or commented before it.
    let begins_a_call = |next: char| !next.is_ascii_punctuation() || matches!(next, '_' | '\\' | '#');
    let calls_indirectly = text
        .char_indices()
        .any(|(at, letter)| letter == '@' && text.get(at + 1..).is_some_and(|rest| rest.starts_with(begins_a_call)));
    let prints = text.find("print").and_then(|at| text.get(at..)).unwrap_or_default();
    !SIGNS.iter().any(|sign| text.contains(sign))
        && !calls_indirectly
        && !prints.contains('>')
        && !prints.replace("||", "").contains('|')
}

/// `jq` and `yq` read the environment, and modules, by name.
fn jq(text: &str) -> bool {
    const SIGNS: &[&str] =
        &["env", "ENV", "import", "include", "load", "system", "exec", "eval", "input_filename", "modulemeta"];
    !SIGNS.iter().any(|sign| text.contains(sign))
}

/// Returns true for a script made only of addresses, `p d q = l n N g G h H x D P` and `s///` without
/// the flags that write or run.
fn sed(script: &str) -> bool {
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';', '\n']);
        if rest.is_empty() {
            return true;
        }
        match command(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// Reads one command with its addresses; what follows it, or `None` when it is none of the harmless.
fn command(text: &str) -> Option<&str> {
    let mut rest = address(text)?;
    if let Some(second) = rest.strip_prefix(',') {
        rest = address(second.trim_start())?;
    }
    rest = rest.trim_start_matches([' ', '!']);
    let letter = rest.chars().next()?;
    let after = rest.get(letter.len_utf8()..)?;
    match letter {
        'p' | 'd' | 'q' | '=' | 'l' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | 'D' | 'P' => {
            let next = after.trim_start_matches([' ', '\t']);
            (next.is_empty() || next.starts_with([';', '\n'])).then_some(after)
        }
        's' | 'y' => {
            let delimiter = after.chars().next().filter(|mark| mark.is_ascii_punctuation() && *mark != '\\')?;
            let body = after.get(delimiter.len_utf8()..)?;
            let body = delimited(body, delimiter)?;
            let flags = delimited(body, delimiter)?;
            let end = flags
                .find(|flag: char| !(flag.is_ascii_digit() || matches!(flag, 'g' | 'p' | 'i' | 'I')))
                .unwrap_or(flags.len());
            let next = flags.get(end..)?.trim_start_matches([' ', '\t']);
            (next.is_empty() || next.starts_with([';', '\n'])).then_some(next)
        }
        _ => None,
    }
}

/// Skips an address, if there is one.
fn address(text: &str) -> Option<&str> {
    let text = text.trim_start_matches([' ', '\t']);
    match text.chars().next() {
        Some('$') => text.get(1..),
        Some('/') => delimited(text.get(1..)?, '/').map(|rest| rest.strip_prefix('I').unwrap_or(rest)),
        Some(digit) if digit.is_ascii_digit() => {
            Some(text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '~'))
        }
        Some(_) | None => Some(text),
    }
}

/// Returns what follows the next delimiter that is not escaped. Brackets are not looked into: a delimiter
/// in one ends the text too early, which can only be refused.
fn delimited(text: &str, delimiter: char) -> Option<&str> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if letter == '\n' {
            return None;
        }
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == '[' && delimiter != '[' {
            // What a bracket holds may be read otherwise: only scripts without a delimiter in one are understood.
            let inner = text.get(at + 1..)?;
            let first = if inner.starts_with('^') { 2 } else { 1 };
            let close = inner.char_indices().skip(first).find(|(_, mark)| *mark == ']').map(|(place, _)| place)?;
            if inner.get(..close)?.contains(delimiter) {
                return None;
            }
        } else if letter == delimiter {
            return text.get(at + letter.len_utf8()..);
        }
    }
    None
}

/// Returns the names of the files that a text of a form brings: what stands behind `@` or `<`.
pub(super) fn files_of_form(text: &str) -> Vec<String> {
    let behind = match (text.split_once('='), text.split_once('@')) {
        _ if text.starts_with('@') => text.get(1..),
        (Some((_, value)), _) => value.strip_prefix(['@', '<']),
        (None, Some((_, name))) => Some(name),
        (None, None) => None,
    };
    // A field may bring several, each with its type behind a `;`.
    let names = behind.into_iter().flat_map(|behind| std::iter::once(behind).chain(behind.split([',', ';'])));
    let names: Vec<String> = names.map(|name| name.trim_matches('"').to_owned()).collect();
    names.into_iter().filter(|name| !name.is_empty() && name != "-").collect()
}

/// Returns the names of the files that a format of `curl` writes: `%output{name}`.
pub(super) fn files_of_format(text: &str) -> Vec<String> {
    let pieces = text.split("%output{").skip(1);
    pieces.filter_map(|piece| piece.split_once('}')).map(|(name, _)| name.trim_start_matches('>').to_owned()).collect()
}
