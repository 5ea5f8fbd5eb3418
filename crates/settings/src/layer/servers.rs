//! `allowedMcpServers` and `deniedMcpServers`, as far as a call can show them: it names its server.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{Origin, Servers, Severity, Sourced};

use super::{Reader, kind, path};
use crate::keys::Section;

/// One entry of such a list.
enum Entry {
    Name(String),
    /// It names a URL or a command, which no call shows.
    Elsewhere,
}

impl Reader<'_> {
    /// Every server outside the list is denied, unless an entry says more than a name.
    pub(super) fn allowed_servers(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Some(entries) = self.server_entries(section, property) else { return };
        let mut approved = Vec::new();
        for (entry, _) in entries {
            match entry {
                Entry::Name(name) => approved.push(name),
                Entry::Elsewhere => return self.unseen(section, property),
            }
        }
        let origin = self.origin(property.value.start());
        self.block_servers("allowedMcpServers", "*", &approved, origin);
    }

    pub(super) fn denied_servers(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Some(entries) = self.server_entries(section, property) else { return };
        for (entry, origin) in entries {
            match entry {
                Entry::Name(name) => self.block_servers("deniedMcpServers", &name, &[], origin),
                Entry::Elsewhere => self.unseen(section, property),
            }
        }
    }

    pub(super) fn block_servers(&mut self, key: &str, blocked: &str, approved: &[String], origin: Origin) {
        let value = Servers { key: key.to_owned(), blocked: blocked.to_owned(), approved: approved.to_vec() };
        self.layer.servers.push(Sourced { value, origin });
    }

    /// Reads a list of servers: `{"serverName": "x"}`, or the plain names and patterns of articles.
    fn server_entries(&mut self, section: Section, property: &ObjectProp<'_>) -> Option<Vec<(Entry, Origin)>> {
        let elements: Vec<&Value<'_>> = match &property.value {
            Value::Array(list) => list.elements.iter().collect(),
            one @ Value::StringLit(_) => vec![one],
            Value::NumberLit(_) | Value::BooleanLit(_) | Value::Object(_) | Value::NullKeyword(_) => {
                self.wrong_type(Severity::Error, section, property, "a list of servers");
                return None;
            }
        };
        let mut entries = Vec::with_capacity(elements.len());
        let mut is_article = false;
        for (index, element) in elements.into_iter().enumerate() {
            let origin = self.origin(element.start());
            match element {
                Value::StringLit(name) => {
                    is_article = true;
                    entries.push((Entry::Name(name.value.clone().into_owned()), origin));
                }
                Value::Object(object) => {
                    let name = object.properties.iter().find(|field| field.name.as_str() == "serverName");
                    match (name.map(|field| &field.value), object.properties.len()) {
                        (Some(Value::StringLit(name)), 1) => {
                            entries.push((Entry::Name(name.value.clone().into_owned()), origin));
                        }
                        _ => entries.push((Entry::Elsewhere, origin)),
                    }
                }
                Value::NumberLit(_) | Value::BooleanLit(_) | Value::Array(_) | Value::NullKeyword(_) => {
                    let key = path(section, property);
                    let message = format!("entry {} of {key} names no server, and is {}", index + 1, kind(element));
                    self.say(Severity::Error, element.start(), message, Some("write `{\"serverName\": \"name\"}`"));
                }
            }
        }
        if is_article {
            let message = format!("names in {} are read as names of servers", path(section, property));
            self.say(Severity::Warning, property.name.start(), message, Some("write `{\"serverName\": \"name\"}`"));
        }
        Some(entries)
    }

    fn unseen(&mut self, section: Section, property: &ObjectProp<'_>) {
        let message =
            format!("{} names a URL or a command, which no call shows: it is not enforced", path(section, property));
        let hint = "write `{\"serverName\": \"name\"}`, or deny rules for `mcp__<server>`";
        self.say(Severity::Warning, property.name.start(), message, Some(hint));
    }
}
