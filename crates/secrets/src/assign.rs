//! Values that stand where a secret stands: after a name, an option, a header, or in a URL.

use super::{MARKER, SecretKind, Span, at, from, run, search};

/// Bytes of a value that decide whether it is a secret. One that is goes on to its end.
const DECIDE_BYTES_MAX: usize = 256;
/// Bytes of a name's end that are looked at.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of a URL's authority.
const AUTHORITY_BYTES_MAX: usize = 1_024;

/// Ends of names, without `-`, `_` and `.` and in small letters.
const NAME_ENDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "signingkey",
    "encryptionkey",
];
/// Names, or last words of names.
const NAME_WORDS: [&str; 6] = ["pass", "pwd", "credential", "credentials", "auth", "sig"];
/// What stands after a name and is no secret: words of types, and of nothing.
const NO_VALUES: [&str; 27] = [
    "string",
    "str",
    "number",
    "bool",
    "boolean",
    "int",
    "bytes",
    "any",
    "null",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "required",
    "optional",
    "object",
    "void",
    "unknown",
    "yes",
    "no",
    "bearer",
    "basic",
    "auto",
    "option",
    "vec",
    "default",
];
/// Headers whose whole value is a secret, but for the scheme.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
const SCHEMES: [&str; 8] = ["basic", "bearer", "token", "digest", "negotiate", "apikey", "ntlm", "aws4-hmac-sha256"];

/// Finds every such value.
pub(super) fn find(bytes: &[u8], spans: &mut Vec<Span>) {
    let mut place = 0;
    let mut program = Program::Other;
    while place < bytes.len() {
        let length = run(bytes, place, is_name);
        if length == 0 {
            if ends_command(bytes, place) {
                program = Program::Other;
            }
            place += url_password(bytes, place, spans).unwrap_or(1);
            continue;
        }
        let name = from(bytes, place).get(..length).unwrap_or_default();
        program = Program::parse(name).unwrap_or(program);
        let after = place + length;
        let value = header(bytes, name, after)
            .or_else(|| program.secret(bytes, name, place))
            .or_else(|| bearer(bytes, name, after))
            .or_else(|| assignment(bytes, name, after))
            .or_else(|| option(bytes, name, after));
        // What comes after a value can be the next name; the value itself is done with.
        place = value.as_ref().map_or(after, |span| span.range.end.max(after));
        spans.extend(value);
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn ends_command(bytes: &[u8], place: usize) -> bool {
    matches!(at(bytes, place), b'\n' | b';' | b'|' | b'&' | b'(' | b'`')
}

/// `Authorization: Bearer x`, `"Cookie": "x"`, `authorization=x`.
fn header(bytes: &[u8], name: &[u8], after: usize) -> Option<Span> {
    if !HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes())) {
        return None;
    }
    let quoted = quote(bytes, after);
    let separator = skip_blanks(bytes, after + quoted);
    if !matches!(at(bytes, separator), b':' | b'=') {
        return None;
    }
    let begin = skip_blanks(bytes, separator + 1);
    let begin = begin + quote(bytes, begin);
    let word = run(bytes, begin, is_name);
    let scheme = from(bytes, begin).get(..word).unwrap_or_default();
    let is_scheme = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    let begin = if is_scheme { skip_blanks(bytes, begin + word) } else { begin };
    let end = begin + run(bytes, begin, |byte| !matches!(byte, b'"' | b'\'' | b'\n' | b'\r' | b'\\'));
    span(bytes, begin, end, SecretKind::Authorization)
}

/// `Bearer x` where no header's name is before it.
fn bearer(bytes: &[u8], name: &[u8], after: usize) -> Option<Span> {
    if !name.eq_ignore_ascii_case(b"bearer") || at(bytes, after) != b' ' {
        return None;
    }
    let begin = after + 1;
    let is_token = |byte: u8| is_name(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=');
    let end = begin + run(bytes, begin, is_token);
    let value = bytes.get(begin..end)?;
    let is_secret = value.len() >= 20 || (value.len() >= 8 && value.iter().any(u8::is_ascii_digit));
    is_secret.then(|| span(bytes, begin, end, SecretKind::Authorization)).flatten()
}

/// `password=x`, `"api_key": "x"`, `token := 'x'`, `--secret=x`.
fn assignment(bytes: &[u8], name: &[u8], after: usize) -> Option<Span> {
    if !is_secret_name(name) {
        return None;
    }
    let separator = skip_blanks(bytes, after + quote(bytes, after));
    let width = match (at(bytes, separator), at(bytes, separator + 1)) {
        (b'=', b'=' | b'~') | (b':', b':') => return None,
        (b':', b'=') | (b'=', b'>') => 2,
        (b'=' | b':', _) => 1,
        _ => return None,
    };
    let value = Value::at(bytes, skip_blanks(bytes, separator + width));
    let text = value.beginning(bytes);
    let is_directory = name.to_ascii_lowercase().ends_with(b"pwd") && matches!(at(text, 0), b'/' | b'~');
    let is_plain = is_no_value(text) || is_directory || matches!(at(text, 0), b'{' | b'[');
    (!is_plain).then(|| value.span(bytes, SecretKind::Assignment))
}

/// `--password x`, `-token x`.
fn option(bytes: &[u8], name: &[u8], after: usize) -> Option<Span> {
    if at(name, 0) != b'-' || !is_secret_name(name) || !matches!(at(bytes, after), b' ' | b'\t') {
        return None;
    }
    let begin = skip_blanks(bytes, after);
    if matches!(at(bytes, begin), b'=' | b':' | b'-' | b'|' | b';' | b'&' | b'>' | b'<') {
        return None;
    }
    let value = Value::at(bytes, begin);
    (!is_no_value(value.beginning(bytes))).then(|| value.span(bytes, SecretKind::CliOption))
}

/// `scheme://user:password@host`.
fn url_password(bytes: &[u8], place: usize, spans: &mut Vec<Span>) -> Option<usize> {
    if !from(bytes, place).starts_with(b"://") {
        return None;
    }
    let begin = place + 3;
    let is_authority = |byte: u8| {
        !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\' | b'<' | b'>' | b'`')
    };
    let length = run(bytes.get(..bytes.len().min(begin + AUTHORITY_BYTES_MAX))?, begin, is_authority);
    let authority = from(bytes, begin).get(..length)?;
    let at_sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let user = authority.get(..at_sign)?;
    if search(user, 0, MARKER).is_some() {
        return None;
    }
    let colon = user.iter().position(|byte| *byte == b':')?;
    spans.extend(span(bytes, begin + colon + 1, begin + at_sign, SecretKind::UrlPassword));
    Some(3 + at_sign)
}

/// Programs whose short options carry passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// `-pPASSWORD`; with a blank it would be the database.
    Mysql,
    /// `-p PASSWORD`, `-pPASSWORD`.
    Sshpass,
    /// `-u user:PASSWORD`, `--user user:PASSWORD`.
    Curl,
    /// Any other.
    Other,
}

impl Program {
    fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql" | b"mysqldump" | b"mysqladmin" | b"mysqlimport" | b"mariadb" | b"mariadb-dump" => {
                Some(Self::Mysql)
            }
            b"sshpass" => Some(Self::Sshpass),
            b"curl" => Some(Self::Curl),
            _ => None,
        }
    }

    /// Finds the secret of an option that begins at `place`.
    fn secret(self, bytes: &[u8], name: &[u8], place: usize) -> Option<Span> {
        if place == 0 || !matches!(at(bytes, place - 1), b' ' | b'\t') {
            return None;
        }
        let after = place + name.len();
        match self {
            Self::Other => None,
            Self::Mysql | Self::Sshpass if name.starts_with(b"-p") && !name.starts_with(b"-P") => {
                let is_apart = name.len() == 2 && matches!(at(bytes, after), b' ' | b'\t');
                if is_apart && self == Self::Mysql {
                    return None;
                }
                let value = Value::at(bytes, if is_apart { skip_blanks(bytes, after) } else { place + 2 });
                (!is_done(value.beginning(bytes))).then(|| value.span(bytes, SecretKind::CliOption))
            }
            Self::Mysql | Self::Sshpass => None,
            Self::Curl if matches!(name, b"-u" | b"--user" | b"-U" | b"--proxy-user") => {
                let value = Value::at(bytes, skip_blanks(bytes, after));
                let text = value.beginning(bytes);
                let colon = text.iter().position(|byte| *byte == b':')?;
                let password = Value { begin: value.begin + colon + 1, ..value };
                (!is_done(from(text, colon + 1))).then(|| password.span(bytes, SecretKind::CliOption))
            }
            Self::Curl => None,
        }
    }
}

/// Returns true for a name whose value is a secret.
fn is_secret_name(name: &[u8]) -> bool {
    let end = name.get(name.len().saturating_sub(NAME_BYTES_MAX)..).unwrap_or_default();
    let joined: Vec<u8> = end.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    if NAME_ENDS.iter().any(|known| joined.ends_with(known.as_bytes())) {
        return true;
    }
    let word = end.rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
    // The last word of `dbPass` begins with its last capital.
    let capital = word.iter().rposition(u8::is_ascii_uppercase).unwrap_or(0);
    let is_known = |word: &[u8]| NAME_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    is_known(word) || (word.iter().any(u8::is_ascii_lowercase) && is_known(from(word, capital)))
}

/// Where a value begins, and in which quotes.
#[derive(Debug, Clone, Copy)]
struct Value {
    begin: usize,
    /// How many bytes the opening quote takes.
    quote: usize,
    /// The quote itself.
    mark: u8,
}

impl Value {
    fn at(bytes: &[u8], place: usize) -> Self {
        let quote = quote(bytes, place);
        let begin = place + quote;
        Self { begin, quote, mark: if quote == 0 { 0 } else { at(bytes, begin - 1) } }
    }

    /// Returns as much of the value as decides whether it is a secret.
    fn beginning(self, bytes: &[u8]) -> &[u8] {
        let end = self.end(bytes, bytes.len().min(self.begin + DECIDE_BYTES_MAX));
        bytes.get(self.begin..end).unwrap_or_default()
    }

    fn span(self, bytes: &[u8], kind: SecretKind) -> Span {
        Span { range: self.begin..self.end(bytes, bytes.len()), kind }
    }

    /// Returns where the value ends: at its closing quote or the line's end, or at what ends a word.
    fn end(self, bytes: &[u8], max: usize) -> usize {
        let mut end = self.begin;
        while end < max && !self.is_ended(bytes, end) {
            // An escaped character does not end a quoted value.
            end += if self.quote > 0 && at(bytes, end) == b'\\' { 2 } else { 1 };
        }
        end.min(max)
    }

    fn is_ended(self, bytes: &[u8], place: usize) -> bool {
        match (self.quote, at(bytes, place)) {
            (0, byte) => {
                let ends = matches!(byte, b'"' | b'\'' | b',' | b';' | b'&' | b'|' | b')' | b'}' | b'`');
                ends || byte.is_ascii_whitespace() || is_escape(bytes, place)
            }
            (_, b'\n') => true,
            (2, b'\\') => at(bytes, place + 1) == self.mark,
            (_, byte) => byte == self.mark,
        }
    }
}

/// Returns true where a text within a JSON text ends a word: `\n`, `\"`.
fn is_escape(bytes: &[u8], place: usize) -> bool {
    at(bytes, place) == b'\\' && matches!(at(bytes, place + 1), b'n' | b'r' | b't' | b'"')
}

/// Returns how many bytes an opening or closing quote takes at a place: `"`, `'`, `\"`, or none.
fn quote(bytes: &[u8], place: usize) -> usize {
    match (at(bytes, place), at(bytes, place + 1)) {
        (b'"' | b'\'', _) => 1,
        (b'\\', b'"' | b'\'') => 2,
        _ => 0,
    }
}

fn is_no_value(value: &[u8]) -> bool {
    let end = run(value, 0, |byte| byte.is_ascii_alphanumeric());
    let word = value.get(..end).unwrap_or_default();
    // `String` and `Option<String>` are types; `string1` is a bad password.
    let is_word = end > 0 && matches!(at(value, end), 0 | b'<' | b'?' | b'[' | b'.' | b'(');
    is_reference(value) || (is_word && NO_VALUES.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())))
}

/// Returns true for a value that is none, or in which a secret was found already.
fn is_done(value: &[u8]) -> bool {
    is_reference(value) || search(value, 0, MARKER).is_some()
}

/// Returns true for a value that names where the secret is, hides it already, or is empty.
fn is_reference(value: &[u8]) -> bool {
    let starts = [&b"$"[..], b"{{", b"<", b"%", b"***", b"xxx", b"XXX", b"...", b"@", MARKER];
    value.is_empty() || starts.iter().any(|start| value.starts_with(start))
}

fn skip_blanks(bytes: &[u8], place: usize) -> usize {
    const BLANKS_MAX: usize = 16;
    place + run(bytes, place, |byte| matches!(byte, b' ' | b'\t')).min(BLANKS_MAX)
}

fn span(bytes: &[u8], begin: usize, end: usize, kind: SecretKind) -> Option<Span> {
    let is_done = is_reference(bytes.get(begin..end)?);
    (!is_done).then_some(Span { range: begin..end, kind })
}
