//! Keys of our own about secrets that stay outside: where they are, what git goes with, and what hosts may be asked.
//!
//! An entry that cannot be read is an error: it could be the limit that somebody relies on.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{GitHost, Mask, RequestAction, Requests, Severity, SourceKeys, Sourced, TokenPlace};

use super::credentials::{field, is_name, text, texts};
use super::{Reader, kind, path};
use crate::keys::Section;
use crate::say::quoted;

/// The keys of an entry of `git`.
const GIT_KEYS: [&str; 5] = ["host", "username", "envVar", "source", "push"];
/// The keys of an entry of `requests`.
const REQUEST_KEYS: [&str; 4] = ["host", "methods", "paths", "action"];
/// Those who hold secrets, and how each is asked.
const SOURCES: [(&str, &[&str]); 5] = [
    ("op", &["address", "token", "account"]),
    ("vault", &["address", "namespace", "token", "role", "secret", "mount"]),
    ("aws", &["address", "accessKeyId", "secretAccessKey", "sessionToken"]),
    ("doppler", &["address", "token"]),
    ("infisical", &["address", "version", "token", "client", "secret"]),
];
/// Keys of masks that say how a secret is found in a text; what a source gives is the secret alone.
const TEXT_KEYS: [&str; 5] = ["extract", "onExtractNoMatch", "decode", "maskClaims", "maskDuplicates"];

impl Reader<'_> {
    /// Returns a mask with its `source`; nothing where that is not clear: then the variable is denied.
    pub(super) fn with_source(&mut self, shown: &str, object: &Object<'_>, mask: Mask) -> Option<Mask> {
        if field(object, "source").is_none() {
            return Some(mask);
        }
        let source = text(object, "source").filter(|source| !source.is_empty());
        let beside = TEXT_KEYS.into_iter().find(|key| field(object, key).is_some());
        let wrong = match (&source, beside, &mask.hosts) {
            (None, ..) => "`source` is no reference".to_owned(),
            (Some(_), Some(key), _) => format!("`{key}` is for a text in which a secret is, and `source` is a secret"),
            (Some(_), None, None) => "a secret with `source` needs `injectHosts`".to_owned(),
            (Some(_), None, Some(_)) => {
                self.hide_file(source.as_deref().unwrap_or_default(), object);
                return Some(Mask { source, ..mask });
            }
        };
        let message = format!("{wrong}, in {shown}: the variable is denied");
        self.say(Severity::Warning, object.start(), message, Some("see the guide on hosts and secrets"));
        None
    }

    /// A file in which a secret is is not read inside.
    fn hide_file(&mut self, source: &str, object: &Object<'_>) {
        let Some(rest) = source.strip_prefix("file://") else { return };
        let path = rest.split('#').next().unwrap_or_default();
        let origin = self.origin(object.start());
        self.layer.sandbox.credential_files.push(Sourced { value: literal(&unescaped(path)), origin });
    }

    /// `git`: hosts to which git goes with a token.
    pub(super) fn git(&mut self, section: Section, property: &ObjectProp<'_>) {
        for (shown, object) in self.objects(Severity::Error, section, property) {
            self.unread_keys(Severity::Error, &shown, (object, &GIT_KEYS));
            let named = |name| text(object, name).filter(|text| !text.is_empty());
            let token = match (field(object, "envVar"), field(object, "source")) {
                (Some(_), None) => named("envVar").filter(|name| is_name(name)).map(TokenPlace::Variable),
                (None, Some(_)) => named("source").map(TokenPlace::Source),
                (Some(_), Some(_)) | (None, None) => None,
            };
            let push = if field(object, "push").is_some() { texts(object, "push") } else { Some(Vec::new()) };
            let username = named("username");
            let is_user = field(object, "username").is_none() || username.as_deref().is_some_and(is_user);
            let (Some(host), Some(token), Some(push), true) = (named("host"), token, push, is_user) else {
                let message = format!("{shown} is not whole");
                let hint =
                    "write a `host`, one of `envVar` and `source`, and where you like `username` and a list `push`";
                self.say(Severity::Error, object.start(), message, Some(hint));
                continue;
            };
            if let TokenPlace::Source(source) = &token {
                self.hide_file(source, object);
            }
            let origin = self.origin(object.start());
            let value = GitHost { host, username, token, push };
            self.layer.sandbox.credentials.git.push(Sourced { value, origin });
        }
    }

    /// `requests`: rules about what hosts are asked.
    pub(super) fn requests(&mut self, section: Section, property: &ObjectProp<'_>) {
        for (shown, object) in self.objects(Severity::Error, section, property) {
            self.unread_keys(Severity::Error, &shown, (object, &REQUEST_KEYS));
            let list = |name| if field(object, name).is_some() { texts(object, name) } else { Some(Vec::new()) };
            let is_list = |name| field(object, name).is_none() || list(name).is_some_and(|list| !list.is_empty());
            let action = match (field(object, "action"), text(object, "action").as_deref()) {
                (None, _) | (Some(_), Some("allow")) => Some(RequestAction::Allow),
                (Some(_), Some("deny")) => Some(RequestAction::Deny),
                (Some(_), Some(_) | None) => None,
            };
            let host = text(object, "host").filter(|host| !host.is_empty());
            let whole = (action, host, list("methods"), list("paths"));
            let (Some(action), Some(host), Some(methods), Some(paths)) = whole else {
                self.no_rule(&shown, object);
                continue;
            };
            if !is_list("methods") || !is_list("paths") {
                self.no_rule(&shown, object);
                continue;
            }
            let no_path = paths.iter().find(|path| !path.starts_with('/'));
            let wrong = no_path.map(|path| format!("{} of {shown} does not begin with `/`", quoted(path)));
            let no_host = host.contains('/').then(|| format!("the host {} of {shown} has a path", quoted(&host)));
            if let Some(message) = wrong.or(no_host) {
                let hint = "write hosts into `host`, and paths like `/admin/**` into `paths`";
                self.say(Severity::Error, object.start(), message, Some(hint));
                continue;
            }
            let origin = self.origin(object.start());
            let value = Requests { action, host, methods, paths };
            self.layer.sandbox.network.requests.push(Sourced { value, origin });
        }
    }

    fn no_rule(&mut self, shown: &str, object: &Object<'_>) {
        let hint =
            "write a `host`, and where you like lists of `methods` and `paths`, and an `action`: `allow` or `deny`";
        self.say(Severity::Error, object.start(), format!("{shown} is no rule about requests"), Some(hint));
    }

    /// `sources`: how those are asked who hold secrets.
    pub(super) fn sources(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Value::Object(sources) = &property.value else {
            return self.wrong_type(Severity::Error, section, property, "an object");
        };
        for source in &sources.properties {
            let name = source.name.as_str();
            let shown = format!("{} of {}", quoted(name), path(section, property));
            let Some((_, known)) = SOURCES.iter().find(|(known, _)| *known == name) else {
                let names = SOURCES.map(|(name, _)| format!("`{name}`")).join(", ");
                let hint = format!("there are {names}");
                self.say(Severity::Warning, source.name.start(), format!("{shown} is not known"), Some(&hint));
                continue;
            };
            let Value::Object(object) = &source.value else {
                let message = format!("{shown} must be an object, and is {}", kind(&source.value));
                self.say(Severity::Error, source.value.start(), message, Some("write an object, or remove the key"));
                continue;
            };
            self.unread_keys(Severity::Error, &shown, (object, known));
            let mut keys = Vec::new();
            for key in known.iter().filter(|key| field(object, key).is_some()) {
                match text(object, key).filter(|text| !text.is_empty()) {
                    Some(text) => keys.push(((*key).to_owned(), text)),
                    None => {
                        let message = format!("`{key}` of {shown} must be a string");
                        self.say(Severity::Error, object.start(), message, Some("write it in double quotes"));
                    }
                }
            }
            let origin = self.origin(object.start());
            for (_, text) in &keys {
                self.hide_file(text, object);
            }
            let value = SourceKeys { name: name.to_owned(), keys };
            self.layer.sandbox.credentials.sources.push(Sourced { value, origin });
        }
    }
}

/// Returns true for a name that stands for itself before a colon, in a line and in a shell.
fn is_user(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte))
}

/// Returns the pattern that covers this path alone: paths that are hidden are patterns, and references are none.
fn literal(path: &str) -> String {
    path.chars().fold(String::new(), |mut made, letter| {
        if matches!(letter, '*' | '?' | '[' | '\\') {
            made.push('\\');
        }
        made.push(letter);
        made
    })
}

/// Returns the text that percent signs stand for, as references have them.
fn unescaped(text: &str) -> String {
    let mut made = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|digits| u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok());
        let (byte, taken) = match code {
            Some(code) if *first == b'%' => (code, 2),
            Some(_) | None => (*first, 0),
        };
        made.push(byte);
        rest = behind.get(taken..).unwrap_or_default();
    }
    String::from_utf8_lossy(&made).into_owned()
}
