//! The grammar of references.
//!
//! A fault never shows the text: whoever puts a secret where a reference belongs must not find it in a log.

use super::Place;
use crate::limits::{REFERENCE_BYTES_MAX, WORDS_MAX};

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceFault {
    /// It begins with no scheme that is known.
    #[error("this is no reference to a secret")]
    Scheme,
    /// It is longer than a reference may be.
    #[error("the reference is longer than {REFERENCE_BYTES_MAX} bytes")]
    Long,
    /// A character that readers take for different things.
    #[error("`{}` does not stand for itself in a reference", shown(*.0))]
    Letter(char),
    /// A percent sign that begins no escape.
    #[error("`%` is not followed by two hexadecimal digits")]
    Percent,
    /// An escape that makes something that no part may have.
    #[error("an escape with `%` makes a character that cannot be here")]
    Escape,
    /// Too many or too few parts.
    #[error("the reference has not the parts that it must have")]
    Parts(&'static str),
    /// A part between two slashes, or a field, with nothing in it.
    #[error("a part of the reference is empty")]
    Empty,
    /// A part that leads elsewhere.
    #[error("`.` and `..` are no parts of a reference")]
    Dots,
    /// A field where there is none.
    #[error("this kind of reference has no field after `#`")]
    Field(&'static str),
    /// No field where there must be one.
    #[error("the reference names no field")]
    NoField(&'static str),
    /// A part with characters that its kind does not have.
    #[error("the {part} has characters that it cannot have")]
    Name {
        /// Which part.
        part: &'static str,
        /// Which characters it may have.
        allowed: &'static str,
    },
    /// A program that depends on the working directory.
    #[error("the program is found by the working directory")]
    Program,
    /// A name of a secret in another region than the reference says.
    #[error("the secret's ARN is of another region, or is none")]
    Region,
}

fn shown(letter: char) -> String {
    if letter.is_ascii_graphic() || letter == ' ' { letter.to_string() } else { letter.escape_default().to_string() }
}

impl ReferenceFault {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Scheme => {
                format!("begin with one of {}", SCHEMES.map(|(scheme, ..)| format!("`{scheme}`")).join(", "))
            }
            Self::Long => "name the secret by something shorter".to_owned(),
            Self::Letter(letter) => {
                let mut bytes = [0; 4];
                let escaped: String =
                    letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
                format!("write `{escaped}` for the character itself; nothing is put in and no shell reads it")
            }
            Self::Percent => "write `%25` for a percent sign".to_owned(),
            Self::Escape => "write text without control characters; a slash is escaped in few places only".to_owned(),
            Self::Parts(form) | Self::Field(form) | Self::NoField(form) => format!("write `{form}`"),
            Self::Empty => "write something between the slashes".to_owned(),
            Self::Dots => "write the whole path".to_owned(),
            Self::Name { allowed, .. } => format!("it may have {allowed}"),
            Self::Program => "write the program's whole path, or its name alone".to_owned(),
            Self::Region => "name the secret by its name, or write the region of its ARN".to_owned(),
        }
    }
}

type Reader = fn(&str, &'static str) -> Result<Place, ReferenceFault>;

/// Every scheme, its reader and its form.
const SCHEMES: [(&str, Reader, &str); 9] = [
    ("env://", variable, "env://NAME"),
    ("file://", file, "file:///path or file:///path#field"),
    ("cmd://", command, "cmd://program argument"),
    ("op://", one_password, "op://vault/item/field or op://vault/item/section/field"),
    ("vault://", hashicorp, "vault://mount/path#field"),
    ("aws-sm://", aws, "aws-sm://region/name or aws-sm://region/name#field"),
    ("doppler://", doppler, "doppler://project/config/NAME"),
    ("infisical://", infisical, "infisical://project/environment/folder/NAME"),
    ("keychain://", keychain, "keychain://service/account"),
];

pub(super) fn read(text: &str) -> Result<Place, ReferenceFault> {
    let known = SCHEMES.iter().find_map(|(scheme, reader, form)| Some((text.strip_prefix(scheme)?, reader, form)));
    let (rest, reader, form) = known.ok_or(ReferenceFault::Scheme)?;
    if text.len() > REFERENCE_BYTES_MAX {
        return Err(ReferenceFault::Long);
    }
    reader(rest, form)
}

fn variable(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    // A name is written as it is, so that whoever looks for it finds it.
    let name = if rest.contains('%') { rest.to_owned() } else { whole(rest, form)? };
    let is_begun = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if !name.starts_with(is_begun) || !name.chars().all(|letter| is_begun(letter) || letter.is_ascii_digit()) {
        let allowed = "letters, digits and `_`, and begins with no digit";
        return Err(ReferenceFault::Name { part: "variable's name", allowed });
    }
    Ok(Place::Variable { name })
}

fn file(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    let (path, field) = field(rest)?;
    // Between `file://` and the first slash a host would stand, or `~`, or a relative path.
    let parts = path.strip_prefix('/').ok_or(ReferenceFault::Parts(form))?;
    let parts = parts.split('/').map(|text| part(text, Slash::Never)).collect::<Result<Vec<_>, _>>()?;
    Ok(Place::File { path: format!("/{}", parts.join("/")), field })
}

fn command(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    let words = rest.split(' ').map(word).collect::<Result<Vec<_>, _>>()?;
    let program = words.first().ok_or(ReferenceFault::Parts(form))?;
    if words.len() > WORDS_MAX {
        return Err(ReferenceFault::Long);
    }
    if program.starts_with('-') || program.contains('=') {
        return Err(ReferenceFault::Program);
    }
    match program.strip_prefix('/') {
        None if program.contains('/') || matches!(program.as_str(), "." | "..") => Err(ReferenceFault::Program),
        Some(path) if path.split('/').any(|part| matches!(part, "" | "." | "..")) => Err(ReferenceFault::Dots),
        None | Some(_) => Ok(Place::Command { words }),
    }
}

fn one_password(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    const ALLOWED: &str = "letters, digits, `-`, `_`, `.` and spaces inside; a part with others is named by its ID";
    without_field(rest, form)?;
    let read = |text: &str| {
        let name = part(&text.replace(' ', "%20"), Slash::Never)?;
        let is_allowed = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_. ".contains(letter));
        let is_trimmed = name.trim() == name;
        if is_allowed && is_trimmed {
            Ok(name)
        } else {
            Err(ReferenceFault::Name { part: "name of a vault, item, section or field", allowed: ALLOWED })
        }
    };
    let mut parts = rest.split('/').map(read);
    let mut next = || parts.next().ok_or(ReferenceFault::Parts(form))?;
    let (vault, item, third) = (next()?, next()?, next()?);
    let fourth = parts.next().transpose()?;
    if parts.next().is_some() {
        return Err(ReferenceFault::Parts(form));
    }
    Ok(match fourth {
        Some(field) => Place::OnePassword { vault, item, section: Some(third), field },
        None => Place::OnePassword { vault, item, section: None, field: third },
    })
}

fn hashicorp(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    let (rest, field) = field(rest)?;
    let (mount, path) = rest.split_once('/').ok_or(ReferenceFault::Parts(form))?;
    // A mount may have slashes of its own; they are escaped, so that where it ends is never a guess.
    let mount = part(mount, Slash::Escaped)?;
    if mount.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(ReferenceFault::Dots);
    }
    let path = path.split('/').map(|text| part(text, Slash::Never)).collect::<Result<Vec<_>, _>>()?;
    let field = field.ok_or(ReferenceFault::NoField(form))?;
    Ok(Place::HashiCorp { mount, path, field })
}

fn aws(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    let (rest, field) = field(rest)?;
    let (region, name) = rest.split_once('/').ok_or(ReferenceFault::Parts(form))?;
    let region = part(region, Slash::Never)?;
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region = region.rsplit_once('-').is_some_and(|(place, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && place.contains('-') && place.split('-').all(letters)
    });
    if !is_region {
        let allowed = "the form of `eu-west-1`";
        return Err(ReferenceFault::Name { part: "region", allowed });
    }
    let parts = name.split('/').map(|text| part(text, Slash::Never)).collect::<Result<Vec<_>, _>>()?;
    let name = parts.join("/");
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_+=.@-:".contains(letter)) {
        let allowed = "letters, digits, and `/`, `_`, `+`, `=`, `.`, `@`, `-`";
        return Err(ReferenceFault::Name { part: "secret's name", allowed });
    }
    if name.contains(':') && !is_arn(&name, &region) {
        return Err(ReferenceFault::Region);
    }
    Ok(Place::Aws { region, name, field })
}

/// Returns whether this is `arn:partition:secretsmanager:REGION:account:secret:name`.
fn is_arn(name: &str, region: &str) -> bool {
    let parts: Vec<&str> = name.splitn(7, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "secretsmanager", of, account, "secret", name]
        if partition.starts_with("aws") && *of == region && !name.is_empty() && !name.contains(':')
            && account.bytes().all(|byte| byte.is_ascii_digit()))
}

fn doppler(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    without_field(rest, form)?;
    let parts = parts(rest)?;
    let [project, config, name] = <[String; 3]>::try_from(parts).map_err(|_| ReferenceFault::Parts(form))?;
    plain("project", &project)?;
    plain("config", &config)?;
    if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
        return Err(ReferenceFault::Name { part: "secret's name", allowed: "capital letters, digits and `_`" });
    }
    Ok(Place::Doppler { project, config, name })
}

fn infisical(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    without_field(rest, form)?;
    let mut parts = parts(rest)?;
    let name = parts.pop().ok_or(ReferenceFault::Parts(form))?;
    let mut parts = parts.into_iter();
    let (Some(project), Some(environment)) = (parts.next(), parts.next()) else {
        return Err(ReferenceFault::Parts(form));
    };
    plain("project", &project)?;
    plain("environment", &environment)?;
    let folders: Vec<String> = parts.collect();
    for folder in &folders {
        plain("folder", folder)?;
    }
    plain("secret's name", &name)?;
    Ok(Place::Infisical { project, environment, folder: format!("/{}", folders.join("/")), name })
}

fn keychain(rest: &str, form: &'static str) -> Result<Place, ReferenceFault> {
    without_field(rest, form)?;
    let parts = rest.split('/').map(|text| part(text, Slash::Escaped)).collect::<Result<Vec<_>, _>>()?;
    let [service, account] = <[String; 2]>::try_from(parts).map_err(|_| ReferenceFault::Parts(form))?;
    Ok(Place::Keychain { service, account })
}

/// Whether an escape may make a slash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Never,
    Escaped,
}

fn parts(rest: &str) -> Result<Vec<String>, ReferenceFault> {
    rest.split('/').map(|text| part(text, Slash::Never)).collect()
}

fn whole(rest: &str, form: &'static str) -> Result<String, ReferenceFault> {
    without_field(rest, form)?;
    if rest.contains('/') {
        return Err(ReferenceFault::Parts(form));
    }
    part(rest, Slash::Never)
}

fn plain(part: &'static str, text: &str) -> Result<(), ReferenceFault> {
    if text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter)) {
        Ok(())
    } else {
        Err(ReferenceFault::Name { part, allowed: "letters, digits, `_`, `-` and `.`" })
    }
}

fn without_field(rest: &str, form: &'static str) -> Result<(), ReferenceFault> {
    if rest.contains('#') { Err(ReferenceFault::Field(form)) } else { Ok(()) }
}

/// Returns what is before the field, and the field.
fn field(rest: &str) -> Result<(&str, Option<String>), ReferenceFault> {
    let Some((rest, field)) = rest.split_once('#') else { return Ok((rest, None)) };
    if field.contains('#') {
        return Err(ReferenceFault::Letter('#'));
    }
    let field = unescaped(field, Slash::Escaped)?;
    if field.is_empty() { Err(ReferenceFault::Empty) } else { Ok((rest, Some(field))) }
}

/// Reads a part between two slashes.
fn part(text: &str, slash: Slash) -> Result<String, ReferenceFault> {
    match unescaped(text, slash)?.as_str() {
        "" => Err(ReferenceFault::Empty),
        "." | ".." => Err(ReferenceFault::Dots),
        part => Ok(part.to_owned()),
    }
}

/// Reads a word of a command.
fn word(text: &str) -> Result<String, ReferenceFault> {
    if let Some(letter) = text.chars().find(|letter| "#;&()[]!~".contains(*letter)) {
        return Err(ReferenceFault::Letter(letter));
    }
    // Two spaces could be an empty argument, or none.
    if text.is_empty() {
        return Err(ReferenceFault::Empty);
    }
    unescaped(text, Slash::Escaped)
}

/// Returns the text that percent signs stand for.
fn unescaped(text: &str, slash: Slash) -> Result<String, ReferenceFault> {
    let is_other = |letter: &char| !letter.is_ascii_graphic() || "?\\\"'`$<>{}|^*".contains(*letter);
    if let Some(letter) = text.chars().find(is_other) {
        return Err(ReferenceFault::Letter(letter));
    }
    let mut made = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            made.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(ReferenceFault::Percent) };
        let byte = high << 4 | low;
        if byte.is_ascii_control() || (byte == b'/' && slash == Slash::Never) {
            return Err(ReferenceFault::Escape);
        }
        made.push(byte);
    }
    let made = String::from_utf8(made).map_err(|_| ReferenceFault::Escape)?;
    if made.chars().any(char::is_control) { Err(ReferenceFault::Escape) } else { Ok(made) }
}
