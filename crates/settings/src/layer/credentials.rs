//! `sandbox.credentials` and `sandbox.network.tlsTerminate`: lists of objects.
//!
//! What protects and cannot be read is an error; what sends a secret somewhere and cannot be read sends it nowhere.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{AwsVariables, Mask, MaskedFile, NoMatch, Severity, SigningForm, Sourced, TlsKeys, Variable};

use super::{Reader, kind, path};
use crate::keys::Section;
use crate::say::quoted;

/// The keys of an entry of `envVars`.
const VARIABLE_KEYS: [&str; 9] =
    ["name", "mode", "extract", "onExtractNoMatch", "decode", "maskClaims", "maskDuplicates", "injectHosts", "source"];
/// The keys of an entry of `awsPairs`.
const PAIR_KEYS: [&str; 3] = ["accessKeyIdVar", "secretAccessKeyVar", "sessionTokenVar"];
/// The keys of `tlsTerminate`.
const TLS_KEYS: [&str; 2] = ["caCertPath", "caKeyPath"];

impl Reader<'_> {
    /// `envVars`: a variable whose entry is not whole is denied.
    pub(super) fn variables(&mut self, section: Section, property: &ObjectProp<'_>) {
        for (shown, object) in self.objects(Severity::Error, section, property) {
            let text = |name| text(object, name);
            let Some(name) = text("name").filter(|name| is_name(name)) else {
                let message = format!("{shown} names no variable");
                self.say(Severity::Error, object.start(), message, Some("write an object with a `name` and a `mode`"));
                continue;
            };
            self.unknown(&shown, object, &VARIABLE_KEYS);
            let mask = match text("mode").as_deref() {
                Some("mask") => self.mask(&shown, object).and_then(|mask| self.with_source(&shown, object, mask)),
                Some("deny") => None,
                Some(_) | None => {
                    let message = format!("{shown} has no mode that is known: `{name}` is denied");
                    self.say(
                        Severity::Warning,
                        object.start(),
                        message,
                        Some("write `\"mode\": \"deny\"` or `\"mask\"`"),
                    );
                    None
                }
            };
            let origin = self.origin(object.start());
            self.layer.sandbox.credentials.variables.push(Sourced { value: Variable { name, mask }, origin });
        }
    }

    /// A file of `files` with `mask`: it is hidden, and shown masked where that can be done.
    pub(super) fn masked_file(&mut self, shown: &str, object: &Object<'_>, named: &Sourced<String>) {
        if text(object, "mode").as_deref() == Some("mask")
            && let Some(mask) = self.mask(shown, object)
        {
            let value = MaskedFile { path: named.value.clone(), mask };
            self.layer.sandbox.credentials.files.push(Sourced { value, origin: named.origin.clone() });
        }
    }

    /// Returns how a secret is masked; nothing where that is not clear: then it is denied.
    fn mask(&mut self, shown: &str, object: &Object<'_>) -> Option<Mask> {
        let mut mask = Mask { extract: text(object, "extract"), ..Mask::default() };
        let mut wrong = Vec::new();
        for (name, is_fine) in [
            ("extract", mask.extract.is_some()),
            (
                "onExtractNoMatch",
                matches!(text(object, "onExtractNoMatch").as_deref(), Some("warn" | "deny" | "error")),
            ),
            ("decode", text(object, "decode").as_deref() == Some("jwt")),
            ("maskClaims", texts(object, "maskClaims").is_some()),
            ("maskDuplicates", matches!(field(object, "maskDuplicates"), Some(Value::BooleanLit(_)))),
            ("injectHosts", texts(object, "injectHosts").is_some()),
        ] {
            if field(object, name).is_some() && !is_fine {
                wrong.push(name);
            }
        }
        if !wrong.is_empty() {
            let message = format!("`{}` of {shown} is none: the secret is denied", wrong.join("`, `"));
            self.say(
                Severity::Warning,
                object.start(),
                message,
                Some("see the documentation of `sandbox.credentials`"),
            );
            return None;
        }
        mask.no_match = match text(object, "onExtractNoMatch").as_deref() {
            Some("deny") => NoMatch::Deny,
            Some("error") => NoMatch::Error,
            Some(_) | None => NoMatch::Warn,
        };
        mask.is_token = field(object, "decode").is_some();
        mask.masks_duplicates = matches!(field(object, "maskDuplicates"), Some(Value::BooleanLit(word)) if word.value);
        mask.claims = texts(object, "maskClaims").unwrap_or_default();
        mask.hosts = texts(object, "injectHosts");
        Some(mask)
    }

    /// `awsPairs`.
    pub(super) fn aws_pairs(&mut self, section: Section, property: &ObjectProp<'_>) {
        for (shown, object) in self.objects(Severity::Warning, section, property) {
            self.unknown(&shown, object, &PAIR_KEYS);
            let named = |name| text(object, name).filter(|name| is_name(name));
            let (Some(key_id), Some(secret)) = (named("accessKeyIdVar"), named("secretAccessKeyVar")) else {
                let message = format!("{shown} names no two variables");
                let hint = "write `accessKeyIdVar` and `secretAccessKeyVar`";
                self.say(Severity::Warning, object.start(), message, Some(hint));
                continue;
            };
            let value = AwsVariables { key_id, secret, session: named("sessionTokenVar") };
            let origin = self.origin(object.start());
            self.layer.sandbox.credentials.aws.push(Sourced { value, origin });
        }
    }

    /// `sigv4`: what is not `passthrough` is refused.
    pub(super) fn signing(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Value::Object(object) = &property.value else {
            return self.wrong_type(Severity::Warning, section, property, "an object");
        };
        for (name, form) in [
            ("streaming", SigningForm::Streaming),
            ("presigned", SigningForm::Presigned),
            ("sigv4a", SigningForm::Sigv4a),
        ] {
            if field(object, name).is_some() {
                let passes = text(object, name).as_deref() == Some("passthrough");
                let origin = self.origin(object.start());
                self.layer.sandbox.credentials.signing.push(Sourced { value: (form, passes), origin });
            }
        }
        self.unknown(&path(section, property), object, &["streaming", "presigned", "sigv4a"]);
    }

    /// `tlsTerminate`: one file of an authority without the other is an error.
    pub(super) fn tls(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Value::Object(object) = &property.value else {
            return self.wrong_type(Severity::Error, section, property, "an object");
        };
        self.unknown(&path(section, property), object, &TLS_KEYS);
        let value = TlsKeys { certificate: text(object, "caCertPath"), key: text(object, "caKeyPath") };
        let is_whole = TLS_KEYS.into_iter().all(|name| field(object, name).is_none() || text(object, name).is_some());
        if !is_whole || value.certificate.is_some() != value.key.is_some() {
            let message = format!("{} names one file of two", path(section, property));
            let hint = "write both `caCertPath` and `caKeyPath`, or neither";
            return self.say(Severity::Error, object.start(), message, Some(hint));
        }
        self.layer.sandbox.network.tls = Some(Sourced { value, origin: self.origin(object.start()) });
    }

    /// Returns the objects of a list, each with its name for messages.
    pub(super) fn objects<'v, 't>(
        &mut self,
        severity: Severity,
        section: Section,
        property: &'v ObjectProp<'t>,
    ) -> Vec<(String, &'v Object<'t>)> {
        let Value::Array(list) = &property.value else {
            self.wrong_type(severity, section, property, "a list of objects");
            return Vec::new();
        };
        let mut objects = Vec::new();
        for (number, element) in (1..).zip(&list.elements) {
            let shown = format!("entry {number} of {}", path(section, property));
            match element {
                Value::Object(object) => objects.push((shown, object)),
                other => {
                    let message = format!("{shown} must be an object, and is {}", kind(other));
                    self.say(severity, other.start(), message, Some("write an object, or remove the entry"));
                }
            }
        }
        objects
    }

    /// Tells keys that nobody reads.
    pub(super) fn unknown(&mut self, shown: &str, object: &Object<'_>, known: &[&str]) {
        self.unread_keys(Severity::Warning, shown, (object, known));
    }

    pub(super) fn unread_keys(&mut self, severity: Severity, shown: &str, (object, known): (&Object<'_>, &[&str])) {
        for field in &object.properties {
            let name = field.name.as_str();
            if !known.contains(&name) {
                let message = format!("{shown} has a key that nobody reads: {}", quoted(name));
                self.say(severity, field.name.start(), message, Some("remove it"));
            }
        }
    }
}

pub(super) fn field<'v, 't>(object: &'v Object<'t>, name: &str) -> Option<&'v Value<'t>> {
    object.properties.iter().find(|field| field.name.as_str() == name).map(|field| &field.value)
}

pub(super) fn text(object: &Object<'_>, name: &str) -> Option<String> {
    match field(object, name) {
        Some(Value::StringLit(text)) => Some(text.value.clone().into_owned()),
        Some(_) | None => None,
    }
}

pub(super) fn texts(object: &Object<'_>, name: &str) -> Option<Vec<String>> {
    let Some(Value::Array(list)) = field(object, name) else { return None };
    list.elements
        .iter()
        .map(|element| match element {
            Value::StringLit(text) => Some(text.value.clone().into_owned()),
            _ => None,
        })
        .collect()
}

/// Returns true for a name as documented: `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
