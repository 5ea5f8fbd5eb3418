//! Lines of the tracer, one file a process.

/// One recorded system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// The arguments as written.
    pub(super) arguments: Vec<String>,
    pub(super) outcome: Outcome,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeded; the value as written.
    Done(String),
    /// It failed with this error.
    Failed(String),
    /// The process ended before the call did.
    Cut,
}

impl Call {
    /// Reads a line; `None` when it is no call.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let (arguments, rest) = arguments(rest);
        let outcome = match rest.trim_start().strip_prefix("= ") {
            Some(failed) if failed.starts_with("-1 ") => {
                Outcome::Failed(failed.split(' ').nth(1).unwrap_or_default().to_owned())
            }
            Some(value) if !value.starts_with('?') => Outcome::Done(value.to_owned()),
            Some(_) | None => Outcome::Cut,
        };
        Some(Self { name: name.to_owned(), arguments, outcome })
    }

    /// Returns an argument that is a string.
    pub(super) fn text(&self, at: usize) -> Option<String> {
        let bytes = unescaped(self.arguments.get(at)?)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the path that the tracer shows for a descriptor.
    pub(super) fn descriptor(&self, at: usize) -> Option<String> {
        let (_, rest) = self.arguments.get(at)?.split_once('<')?;
        let inner = rest.rsplit_once('>').map_or(rest, |(inner, _)| inner);
        let bytes = unescape(inner);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the strings of a list such as `["ls", "-l"]`.
    pub(super) fn list(&self, at: usize) -> Vec<String> {
        let inner = self.arguments.get(at).and_then(|list| list.strip_prefix('[')).unwrap_or_default();
        let (items, _) = arguments(inner);
        items
            .iter()
            .filter_map(|item| unescaped(item))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }

    /// Returns every string in an argument, as bytes.
    pub(super) fn strings(&self, at: usize) -> Vec<Vec<u8>> {
        let argument = self.arguments.get(at).map(String::as_str).unwrap_or_default();
        let mut found = Vec::new();
        let mut rest = argument;
        while let Some((_, after)) = rest.split_once('"') {
            let end = closing_quote(after);
            found.push(unescape(after.get(..end).unwrap_or_default()));
            rest = after.get(end + 1..).unwrap_or_default();
        }
        found
    }

    /// Returns the process that a call made, by its number outside.
    pub(super) fn child(&self) -> Option<u32> {
        let Outcome::Done(value) = &self.outcome else { return None };
        let outside = value.split_once("/* ").and_then(|(_, comment)| comment.split(' ').next());
        outside.or_else(|| value.split(' ').next())?.parse().ok()
    }
}

/// Splits the arguments up to the closing bracket; returns them and what follows it.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut current = String::new();
    let mut letters = text.char_indices();
    let mut before = ' ';
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                current.push('"');
                let end = at + 1 + closing_quote(text.get(at + 1..).unwrap_or_default());
                for (inside, part) in letters.by_ref() {
                    current.push(part);
                    if inside >= end {
                        break;
                    }
                }
            }
            // The path of a descriptor, in which the tracer escapes brackets of this kind.
            '<' if before.is_ascii_digit() || before == 'D' => {
                current.push('<');
                for (_, part) in letters.by_ref() {
                    current.push(part);
                    if part == '>' {
                        break;
                    }
                }
            }
            ')' | ']' | '}' if depth == 0 => {
                push(&mut found, &current);
                return (found, text.get(at + 1..).unwrap_or_default());
            }
            ',' if depth == 0 => {
                push(&mut found, &current);
                current.clear();
            }
            other => {
                match other {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                current.push(other);
            }
        }
        before = letter;
    }
    push(&mut found, &current);
    (found, "")
}

fn push(found: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if !text.is_empty() {
        found.push(text.to_owned());
    }
}

/// Returns where the quote stands that ends a string.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Returns what a quoted argument means.
fn unescaped(argument: &str) -> Option<Vec<u8>> {
    let inner = argument.strip_prefix('"')?;
    Some(unescape(inner.get(..closing_quote(inner)).unwrap_or(inner)))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some(next) = rest.next() else { break };
        match next {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'v' => bytes.push(11),
            b'f' => bytes.push(12),
            b'x' => {
                let mut value = 0_u32;
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(u8::is_ascii_hexdigit) {
                        value = value * 16 + char::from(digit).to_digit(16).unwrap_or_default();
                    }
                }
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
            }
            b'0'..=b'7' => {
                let mut value = u32::from(next - b'0');
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(|digit| (b'0'..=b'7').contains(digit)) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Call, Outcome};

    #[test]
    fn a_line_is_taken_apart() {
        let line = r#"openat(AT_FDCWD</home/u/a b>, "x\"\303\251, y)", O_WRONLY|O_CREAT, 0666) = 3</home/u/x>"#;
        let call = Call::parse(line).unwrap();
        assert_eq!(call.arguments.len(), 4, "{call:?}");
        assert_eq!(call.descriptor(0).as_deref(), Some("/home/u/a b"));
        assert_eq!(call.text(1).as_deref(), Some("x\"é, y)"));
        assert_eq!(call.outcome, Outcome::Done("3</home/u/x>".to_owned()));
    }

    #[test]
    fn failures_children_and_ends_are_seen() {
        let failed = Call::parse(r#"unlink("a")    = -1 ENOENT (No such file or directory)"#).unwrap();
        assert_eq!(failed.outcome, Outcome::Failed("ENOENT".to_owned()));
        let clone = Call::parse("clone(child_stack=NULL, flags=SIGCHLD) = 5 /* 5005 in strace's PID NS */").unwrap();
        assert_eq!(clone.child(), Some(5005));
        let cut = Call::parse(r#"unlink("a" <unfinished ...>"#).unwrap();
        assert_eq!(cut.outcome, Outcome::Cut);
        let run = Call::parse(r#"execve("/usr/bin/ls", ["ls", "-l", "a, ]b"], 0x55 /* 5 vars */) = 0"#).unwrap();
        assert_eq!(run.list(1), ["ls", "-l", "a, ]b"]);
        assert_eq!(Call::parse("+++ exited with 0 +++"), None);
    }
}
