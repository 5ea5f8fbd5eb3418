//! The keys of `sandbox` that are more than a value.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::Scope;
use policy::layer::{SandboxKeys, Severity, Sourced};

use super::{Reader, path};
use crate::keys::{Connections, Section, Used};

impl Reader<'_> {
    /// A list of texts, handed on as they are.
    pub(super) fn sandbox_list(
        &mut self,
        section: Section,
        used: Used,
        property: &ObjectProp<'_>,
        list: impl Fn(&mut SandboxKeys) -> &mut Vec<Sourced<String>>,
    ) {
        let entries = self.strings(section, used, property);
        list(&mut self.layer.sandbox).extend(entries);
    }

    /// `sandbox.network`: lists are handed on as they are, and of two switches only the word that tightens counts.
    pub(super) fn network(&mut self, section: Section, used: Used, key: Connections, property: &ObjectProp<'_>) {
        match key {
            Connections::Allowed => self.sandbox_list(section, used, property, |keys| &mut keys.network.allowed),
            Connections::Denied => self.sandbox_list(section, used, property, |keys| &mut keys.network.denied),
            Connections::Opaque => self.sandbox_list(section, used, property, |keys| &mut keys.network.danger_opaque),
            Connections::Passthrough => {
                self.sandbox_list(section, used, property, |keys| &mut keys.network.passthrough)
            }
            Connections::Hatch(opened) => self.hatch(section, used, opened, property),
            Connections::LocalBinding => self.layer.sandbox.network.local_binding = self.switch(section, property),
            Connections::Strict | Connections::ManagedOnly => {
                if self.boolean(section, property) != Some(true) {
                    return;
                }
                let origin = Some(self.origin(property.value.start()));
                if key == Connections::Strict {
                    self.layer.sandbox.network.strict = origin;
                } else {
                    self.layer.sandbox.network.managed_only = origin;
                    self.managed_only(section, property);
                }
            }
        }
    }

    /// `sandbox.filesystem.disabled`: a person's and the administrator's to say.
    pub(super) fn files_disabled(&mut self, section: Section, property: &ObjectProp<'_>) {
        let disabled = self.switch(section, property);
        match self.layer.scope {
            Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed => {}
            Scope::Project | Scope::Local => {
                let message = format!("{} does not count in the files of a folder", path(section, property));
                let hint = "remove it, or put it into your own settings";
                return self.say(Severity::Warning, property.name.start(), message, Some(hint));
            }
        }
        self.layer.sandbox.files_disabled = disabled;
    }

    /// `sandbox.failIfUnavailable`: what it asks for is always so, and what its absence allows never is.
    pub(super) fn fail_if_unavailable(&mut self, section: Section, property: &ObjectProp<'_>) {
        match &property.value {
            Value::BooleanLit(wanted) if wanted.value => {}
            Value::BooleanLit(_) => {
                let message = format!("{} is always true", path(section, property));
                let hint = "remove it: a command that must run inside the boundary never runs without one";
                self.say(Severity::Warning, property.name.start(), message, Some(hint));
            }
            _ => self.wrong_type(Severity::Warning, section, property, "true or false"),
        }
    }

    /// `sandbox.credentials.files`: a file of either mode is hidden; a masked copy can be put in its place.
    pub(super) fn credential_files(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Value::Array(list) = &property.value else {
            self.wrong_type(Severity::Error, section, property, "a list of objects");
            return;
        };
        for (index, element) in list.elements.iter().enumerate() {
            let named = match element {
                Value::Object(object) => object.properties.iter().find(|field| field.name.as_str() == "path"),
                _ => None,
            };
            if let Some(Value::StringLit(string)) = named.map(|field| &field.value) {
                let value = string.value.clone().into_owned();
                let named = Sourced { value, origin: self.origin(string.range.start) };
                if let Value::Object(object) = element {
                    let shown = format!("entry {} of {}", index + 1, path(section, property));
                    self.masked_file(&shown, object, &named);
                }
                self.layer.sandbox.credential_files.push(named);
            } else {
                let key = path(section, property);
                let message = format!("entry {} of {key} has no `path`", index + 1);
                self.say(Severity::Error, element.start(), message, Some("write an object with a `path` and a `mode`"));
            }
        }
    }
}
