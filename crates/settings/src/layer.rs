//! One settings file to one layer.
//!
//! What a file says to widen and cannot be read grants nothing; what it says to tighten and cannot
//! be read makes the layer refuse. Rule texts are handed on as they are: `policy` parses them.

mod articles;
mod credentials;
mod hatches;
mod limits;
mod sandbox;
mod servers;
mod sources;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{Diagnostic, Layer, Origin, Severity, Sourced};
use policy::mode::Spelling;
use policy::{AbsPath, Mode, Scope};

use crate::json::{self, Lines};
use crate::keys::{self, Field, Section, Used};
use crate::limits::DIAGNOSTICS_MAX;
use crate::places::Owner;
use crate::say::quoted;

const BOM: &[u8] = b"\xef\xbb\xbf";
const REWRITE: &str = "save the file as utf-8";

/// Reads settings from text that has no file of its own, in Claude Code's format.
///
/// `name` is what messages call it. A layer is trusted as its scope is ([`Layer::empty`]). Errors
/// are also in [`Layer::failure`]: such a layer refuses every call.
pub fn layer_from_json_text(name: &str, text: &str, anchor: AbsPath, scope: Scope) -> (Layer, Vec<Diagnostic>) {
    parse(Layer::empty(scope, name, anchor), Owner::Claude, text.as_bytes(), None)
}

/// Fills a layer that says nothing with what a file says.
///
/// `below` is the mode that is in force without this file: an unknown mode stands for the default
/// one, except where that would loosen it.
pub(crate) fn parse(empty: Layer, owner: Owner, bytes: &[u8], below: Option<Mode>) -> (Layer, Vec<Diagnostic>) {
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let (text, fault) = match std::str::from_utf8(body) {
        Ok(text) => (text, None),
        Err(error) => (valid_part(body, error.valid_up_to()), Some(error.valid_up_to())),
    };
    let mut reader = Reader { layer: empty, owner, below, lines: Lines::new(text), diagnostics: Vec::new(), more: 0 };
    if body.len() < bytes.len() {
        reader.say(
            Severity::Warning,
            0,
            "the file begins with a byte order mark".to_owned(),
            Some("save the file without it"),
        );
    }
    match fault {
        Some(offset) => reader.say(Severity::Error, offset, "the file is not utf-8 text".to_owned(), Some(REWRITE)),
        None => reader.document(text),
    }
    reader.finish()
}

/// Makes a layer that refuses for a reason that no line of the file shows.
pub(crate) fn refusing(empty: Layer, message: String, hint: &str) -> (Layer, Vec<Diagnostic>) {
    let origin = Origin { scope: empty.scope, file: empty.file.clone(), line: 0 };
    let diagnostic = Diagnostic { severity: Severity::Error, origin, column: 0, message, hint: Some(hint.to_owned()) };
    (Layer { failure: Some(diagnostic.clone()), ..empty }, vec![diagnostic])
}

fn valid_part(bytes: &[u8], valid: usize) -> &str {
    bytes.get(..valid).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
}

struct Reader<'t> {
    layer: Layer,
    owner: Owner,
    below: Option<Mode>,
    lines: Lines<'t>,
    diagnostics: Vec<Diagnostic>,
    /// Diagnostics beyond the bound.
    more: usize,
}

impl Reader<'_> {
    fn document(&mut self, text: &str) {
        match json::parse(text) {
            Ok(Value::Object(object)) => self.section(Section::Top, &object),
            Ok(other) => {
                let message = format!("settings are an object, and this is {}", kind(&other));
                self.say(Severity::Error, other.start(), message, Some("write the settings in braces"));
            }
            Err(fault) => self.say(Severity::Error, fault.offset, fault.message, Some(fault.hint)),
        }
    }

    fn finish(mut self) -> (Layer, Vec<Diagnostic>) {
        if self.more > 0 {
            let origin = Origin { scope: self.layer.scope, file: self.layer.file.clone(), line: 0 };
            let message = format!("{} more like these are not shown", self.more);
            self.diagnostics.push(Diagnostic { severity: Severity::Warning, origin, column: 0, message, hint: None });
        }
        (self.layer, self.diagnostics)
    }

    fn section(&mut self, section: Section, object: &Object<'_>) {
        let mut seen: Vec<&'static str> = Vec::new();
        for property in &object.properties {
            let Some((name, field)) = section.field(property.name.as_str()) else {
                self.unknown_key(section, property);
                continue;
            };
            if seen.contains(&name) {
                self.repeated_key(section, field, property);
            } else {
                seen.push(name);
            }
            self.field(section, field, property);
        }
    }

    fn field(&mut self, section: Section, field: Field, property: &ObjectProp<'_>) {
        match (field, self.owner) {
            (Field::Schema | Field::Kept, Owner::Claude | Owner::Palisade) | (Field::Unread, Owner::Claude) => {}
            (Field::Nobody(documented), Owner::Claude) => {
                let message = format!("{} is no hook, and nobody runs it", path(section, property));
                self.say(Severity::Warning, property.name.start(), message, Some(&format!("write {documented}")));
            }
            (Field::Used(used), Owner::Claude | Owner::Palisade) => self.used(section, used, property),
            (Field::Section(inner), Owner::Palisade) if !inner.is_enforced() => self.unread_key(section, property),
            (Field::Section(inner), Owner::Claude | Owner::Palisade) => match &property.value {
                Value::Object(object) => self.section(inner, object),
                _ => {
                    let severity = if inner.is_enforced() { Severity::Error } else { Severity::Warning };
                    self.wrong_type(severity, section, property, "an object");
                }
            },
            (Field::Unread | Field::Nobody(_), Owner::Palisade) => self.unread_key(section, property),
        }
    }

    fn used(&mut self, section: Section, used: Used, property: &ObjectProp<'_>) {
        match used {
            Used::Allow => {
                let rules = self.strings(section, used, property);
                self.layer.allow.extend(rules);
            }
            Used::Ask => {
                let rules = self.strings(section, used, property);
                self.layer.ask.extend(rules);
            }
            Used::Deny => {
                let rules = self.strings(section, used, property);
                self.layer.deny.extend(rules);
            }
            Used::AdditionalDirectories => {
                let directories = self.strings(section, used, property);
                self.layer.additional_directories.extend(directories);
            }
            Used::DenyRead => self.sandbox_list(section, used, property, |keys| &mut keys.deny_read),
            Used::AllowRead => self.sandbox_list(section, used, property, |keys| &mut keys.allow_read),
            Used::AllowWrite => self.sandbox_list(section, used, property, |keys| &mut keys.allow_write),
            Used::DenyWrite => self.sandbox_list(section, used, property, |keys| &mut keys.deny_write),
            Used::RequireLayers => self.sandbox_list(section, used, property, |keys| &mut keys.require),
            Used::Excluded => self.sandbox_list(section, used, property, |keys| &mut keys.excluded),
            Used::Network(key) => self.network(section, used, key, property),
            Used::Variables => self.variables(section, property),
            Used::PlainSecrets => self.layer.sandbox.credentials.plain = self.switch(section, property),
            Used::AwsPairs => self.aws_pairs(section, property),
            Used::Signing => self.signing(section, property),
            Used::Git => self.git(section, property),
            Used::Sources => self.sources(section, property),
            Used::Requests => self.requests(section, property),
            Used::Tls => self.tls(section, property),
            Used::Logins => self.logins(section, property),
            Used::CredentialFiles => self.credential_files(section, property),
            Used::ManagedReadsOnly => {
                if self.boolean(section, property) == Some(true) {
                    self.layer.sandbox.managed_reads_only = Some(self.origin(property.value.start()));
                    self.managed_only(section, property);
                }
            }
            Used::FilesDisabled => self.files_disabled(section, property),
            Used::FailIfUnavailable => self.fail_if_unavailable(section, property),
            Used::ReadsOnOpen => self.layer.sandbox.reads_on_open = self.switch(section, property),
            Used::ClosedProfile => self.layer.sandbox.closed_profile = self.switch(section, property),
            Used::AutoAllow => self.layer.sandbox.auto_allow = self.switch(section, property),
            Used::AllowUnsandboxed => self.layer.sandbox.allow_unsandboxed = self.switch(section, property),
            Used::DefaultMode => self.default_mode(section, property),
            Used::BypassSwitch => self.bypass_switch(section, property),
            Used::ManagedRulesOnly => {
                if self.boolean(section, property) == Some(true) {
                    self.layer.managed_rules_only = Some(self.origin(property.value.start()));
                    self.managed_only(section, property);
                }
            }
            Used::DenyInstead => self.layer.deny_instead = self.switch(section, property),
            Used::ReadsHeld => self.layer.reads_held = self.switch(section, property),
            Used::WritesHeld => self.layer.writes_held = self.switch(section, property),
            Used::SandboxEnabled => {
                if let Some(enabled) = self.switch(section, property) {
                    self.layer.sandbox.enabled = Some(enabled);
                }
            }
            Used::AllowedServers => self.allowed_servers(section, property),
            Used::DeniedServers => self.denied_servers(section, property),
            Used::Limit(resource) => self.limit(section, resource, property),
            Used::Article(article) => self.article(section, article, property),
        }
    }

    /// A lock that only the administrator's files can set.
    fn managed_only(&mut self, section: Section, property: &ObjectProp<'_>) {
        if self.layer.scope != Scope::Managed {
            let message = format!("{} counts in managed files only", path(section, property));
            self.say(
                Severity::Warning,
                property.name.start(),
                message,
                Some("remove it, or put it into a managed file"),
            );
        }
    }

    fn switch(&mut self, section: Section, property: &ObjectProp<'_>) -> Option<Sourced<bool>> {
        let value = self.boolean(section, property)?;
        Some(Sourced { value, origin: self.origin(property.value.start()) })
    }

    fn strings(&mut self, section: Section, used: Used, property: &ObjectProp<'_>) -> Vec<Sourced<String>> {
        let strict = used.is_tightening_list() || self.owner == Owner::Palisade;
        let severity = if strict { Severity::Error } else { Severity::Warning };
        let Value::Array(list) = &property.value else {
            self.wrong_type(severity, section, property, "a list of strings");
            return Vec::new();
        };
        let mut strings = Vec::with_capacity(list.elements.len());
        for (index, element) in list.elements.iter().enumerate() {
            if let Value::StringLit(string) = element {
                let value = string.value.clone().into_owned();
                strings.push(Sourced { value, origin: self.origin(string.range.start) });
            } else {
                let key = path(section, property);
                let message = format!("entry {} of {key} must be a string, and is {}", index + 1, kind(element));
                self.say(severity, element.start(), message, Some("write the entry in double quotes, or remove it"));
            }
        }
        strings
    }

    fn boolean(&mut self, section: Section, property: &ObjectProp<'_>) -> Option<bool> {
        if let Value::BooleanLit(boolean) = &property.value {
            return Some(boolean.value);
        }
        self.wrong_type(Severity::Error, section, property, "true or false");
        None
    }

    fn bypass_switch(&mut self, section: Section, property: &ObjectProp<'_>) {
        match &property.value {
            Value::StringLit(string) if string.value == "disable" => {
                self.layer.bypass_disabled = Some(self.origin(string.range.start));
            }
            other => {
                let message = format!("{} can only be `\"disable\"`", path(section, property));
                self.say(Severity::Error, other.start(), message, Some("write `\"disable\"`, or remove the key"));
            }
        }
    }

    fn default_mode(&mut self, section: Section, property: &ObjectProp<'_>) {
        let offset = property.value.start();
        let Value::StringLit(string) = &property.value else {
            self.wrong_type(self.doubt(), section, property, "the name of a mode");
            return self.unknown_mode(offset);
        };
        match Mode::parse(&string.value) {
            Some((value, spelling)) => {
                if spelling == Spelling::Substitute {
                    let message = format!("mode {} is read as `{}`", quoted(&string.value), value.name());
                    self.say(Severity::Warning, offset, message, Some("name the mode that is meant"));
                }
                self.layer.default_mode = Some(Sourced { value, origin: self.origin(offset) });
            }
            None => {
                let known = crate::say::closest(&string.value, Mode::ALL.into_iter().map(Mode::name));
                let hint = known.map_or_else(modes, |name| format!("did you mean `{name}`?"));
                let message = format!("there is no mode {}", quoted(&string.value));
                self.say(self.doubt(), offset, message, Some(&hint));
                self.unknown_mode(offset);
            }
        }
    }

    /// A mode that is not known stands for the default one where that cannot loosen anything.
    fn unknown_mode(&mut self, offset: usize) {
        let stricter_below = matches!(self.below, Some(Mode::Plan | Mode::DontAsk));
        if !stricter_below {
            self.layer.default_mode = Some(Sourced { value: Mode::Default, origin: self.origin(offset) });
        }
    }

    fn unknown_key(&mut self, section: Section, property: &ObjectProp<'_>) {
        let key = property.name.as_str();
        let misplaced = keys::misplaced(section, key);
        let closest = section.closest(key);
        if section == Section::Top && self.owner == Owner::Claude && misplaced.is_none() && closest.is_none() {
            return;
        }
        let hint = match (misplaced, closest) {
            (Some(home), _) => format!("it belongs at `{}{key}`", home.prefix()),
            (None, Some(name)) => format!("did you mean `{name}`?"),
            (None, None) => "remove it: it has no effect".to_owned(),
        };
        let message = format!("there is no key {}", path(section, property));
        // A key that a newer client knows must not stop a whole machine; a slip must not open it.
        let is_slip = misplaced.is_some() || closest.is_some();
        // Nobody else has limits, so no key among them is a newer client's.
        let severity = if section == Section::Limits {
            Severity::Error
        } else if is_slip || section == Section::Top {
            self.doubt()
        } else {
            self.doubt_of_newer()
        };
        self.say(severity, property.name.start(), message, Some(&hint));
    }

    fn unread_key(&mut self, section: Section, property: &ObjectProp<'_>) {
        let message = format!("{} has no effect in palisade", path(section, property));
        let hint = "remove it: in palisade's own files every key must have an effect";
        self.say(Severity::Error, property.name.start(), message, Some(hint));
    }

    fn repeated_key(&mut self, section: Section, field: Field, property: &ObjectProp<'_>) {
        let is_united = matches!(field, Field::Used(used) if used.is_tightening_list());
        let is_foreign = section == Section::Hooks || field == Field::Section(Section::Hooks) || field == Field::Schema;
        let severity =
            if (is_united || is_foreign) && self.owner == Owner::Claude { Severity::Warning } else { Severity::Error };
        let key = path(section, property);
        let message = if is_united {
            format!("{key} is written twice; both are in force")
        } else {
            format!("{key} is written twice")
        };
        self.say(severity, property.name.start(), message, Some("merge the two into one"));
    }

    fn wrong_type(&mut self, severity: Severity, section: Section, property: &ObjectProp<'_>, wanted: &str) {
        let severity = if self.owner == Owner::Palisade { Severity::Error } else { severity };
        let message = format!("{} must be {wanted}, and is {}", path(section, property), kind(&property.value));
        let hint = format!("write {wanted}, or remove the key");
        self.say(severity, property.value.start(), message, Some(&hint));
    }

    /// Returns how bad something is that neither Palisade's own files nor the administrator's may hold.
    fn doubt(&self) -> Severity {
        if self.layer.scope == Scope::Managed { Severity::Error } else { self.doubt_of_newer() }
    }

    /// Returns how bad something is that only Palisade's own files must not hold.
    fn doubt_of_newer(&self) -> Severity {
        match self.owner {
            Owner::Claude => Severity::Warning,
            Owner::Palisade => Severity::Error,
        }
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin { scope: self.layer.scope, file: self.layer.file.clone(), line: self.lines.line(offset) }
    }

    fn say(&mut self, severity: Severity, offset: usize, message: String, hint: Option<&str>) {
        let is_first_error = severity == Severity::Error && self.layer.failure.is_none();
        if self.diagnostics.len() >= DIAGNOSTICS_MAX && !is_first_error {
            self.more += 1;
            return;
        }
        let column = self.lines.column(offset);
        let diagnostic =
            Diagnostic { severity, origin: self.origin(offset), column, message, hint: hint.map(str::to_owned) };
        if is_first_error {
            self.layer.failure = Some(diagnostic.clone());
        }
        self.diagnostics.push(diagnostic);
    }
}

fn path(section: Section, property: &ObjectProp<'_>) -> String {
    quoted(&format!("{}{}", section.prefix(), property.name.as_str()))
}

fn modes() -> String {
    let names: Vec<String> = Mode::ALL.iter().map(|mode| format!("`{}`", mode.name())).collect();
    format!("the modes are {}", names.join(", "))
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "a boolean",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}
