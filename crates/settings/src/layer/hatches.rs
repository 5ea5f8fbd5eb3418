//! The keys that open something besides what the proxy admits. What cannot be read opens nothing.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{Logins, Ports, Severity, Side, Sourced};

use super::credentials::{text, texts};
use super::{Reader, kind, path};
use crate::keys::{Opened, Section, Used};
use crate::say::quoted;

/// The keys of an entry of `ssh`.
const LOGIN_KEYS: [&str; 3] = ["host", "keys", "knownHosts"];

impl Reader<'_> {
    /// A key of `sandbox.network`.
    pub(super) fn hatch(&mut self, section: Section, used: Used, opened: Opened, property: &ObjectProp<'_>) {
        match opened {
            Opened::Sockets => self.sockets(section, used, property),
            Opened::AllSockets => {
                let said = self.boolean(section, property);
                let origin = self.origin(property.name.start());
                self.layer.sandbox.network.hatches.every_socket = said.map(|value| Sourced { value, origin });
            }
            Opened::Forwards => {
                let ports = self.ports(section, property, Side::Outside);
                self.layer.sandbox.network.hatches.forwards.extend(ports);
            }
            Opened::Published => {
                let ports = self.ports(section, property, Side::Inside);
                self.layer.sandbox.network.hatches.published.extend(ports);
            }
            Opened::HttpProxy => self.layer.sandbox.network.hatches.http_proxy = self.port(section, property),
            Opened::SocksProxy => self.layer.sandbox.network.hatches.socks_proxy = self.port(section, property),
        }
    }

    /// `allowUnixSockets`: whole paths, or paths below the home directory.
    fn sockets(&mut self, section: Section, used: Used, property: &ObjectProp<'_>) {
        for entry in self.strings(section, used, property) {
            let is_whole = entry.value.starts_with('/') || entry.value.starts_with("~/");
            if is_whole && !entry.value.contains(['*', '?', '[', '\0']) {
                self.layer.sandbox.network.hatches.sockets.push(entry);
                continue;
            }
            let offset = property.value.start();
            let message = format!("{} of {} is no socket's whole path", quoted(&entry.value), path(section, property));
            self.say(Severity::Warning, offset, message, Some("write a path that begins with `/` or `~/`"));
        }
    }

    fn ports(&mut self, section: Section, property: &ObjectProp<'_>, first: Side) -> Vec<Sourced<Ports>> {
        let Value::Array(list) = &property.value else {
            self.wrong_type(Severity::Warning, section, property, "a list of ports");
            return Vec::new();
        };
        let mut ports = Vec::new();
        for (number, element) in (1..).zip(&list.elements) {
            let read = match element {
                Value::NumberLit(number) => Ports::parse(number.value, first),
                Value::StringLit(string) => Ports::parse(&string.value, first),
                Value::BooleanLit(_) | Value::Object(_) | Value::Array(_) | Value::NullKeyword(_) => None,
            };
            match read {
                Some(value) => ports.push(Sourced { value, origin: self.origin(element.start()) }),
                None => {
                    let message = format!("entry {number} of {} is no port", path(section, property));
                    let hint = match first {
                        Side::Outside => "write a port, or `\"HOST:INNER\"`",
                        Side::Inside => "write a port, or `\"INNER:HOST\"`",
                    };
                    self.say(Severity::Warning, element.start(), message, Some(hint));
                }
            }
        }
        ports
    }

    fn port(&mut self, section: Section, property: &ObjectProp<'_>) -> Option<Sourced<u16>> {
        let offset = property.value.start();
        let value = match &property.value {
            Value::NumberLit(number) => number.value.parse().ok().filter(|port| *port != 0),
            _ => None,
        };
        if value.is_none() {
            let message = format!("{} must be a port, and is {}", path(section, property), kind(&property.value));
            self.say(Severity::Warning, offset, message, Some("write a number from 1 to 65535"));
        }
        Some(Sourced { value: value?, origin: self.origin(offset) })
    }

    /// `ssh`: logins that the person's agent may sign.
    pub(super) fn logins(&mut self, section: Section, property: &ObjectProp<'_>) {
        for (shown, object) in self.objects(Severity::Warning, section, property) {
            self.unknown(&shown, object, &LOGIN_KEYS);
            let (host, keys) = (text(object, "host"), texts(object, "keys"));
            let (Some(host), Some(keys)) = (host, keys.filter(|keys| !keys.is_empty())) else {
                let message = format!("{shown} names no host and keys");
                let hint = "write `{\"host\": \"git@git.example\", \"keys\": [\"~/.ssh/id_ed25519.pub\"]}`";
                self.say(Severity::Warning, object.start(), message, Some(hint));
                continue;
            };
            let value = Logins { host, keys, known_hosts: text(object, "knownHosts") };
            let origin = self.origin(object.start());
            self.layer.sandbox.network.hatches.logins.push(Sourced { value, origin });
        }
    }
}
