//! `sandbox.limits`, which is Palisade's own: `{"memory": "2G", "processes": 100, "wall": "10m"}`.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::controls::limits::{Resource, Word};
use policy::layer::{Severity, Sourced};

use super::{Reader, kind, path};
use crate::keys::Section;
use crate::say::quoted;

impl Reader<'_> {
    /// A limit that cannot be read is a protection that is not there, so the layer refuses.
    pub(super) fn limit(&mut self, section: Section, resource: Resource, property: &ObjectProp<'_>) {
        let offset = property.value.start();
        let text = match &property.value {
            Value::StringLit(string) => string.value.clone().into_owned(),
            Value::NumberLit(number) => number.value.to_owned(),
            other => {
                let message =
                    format!("{} must be a string or a number, and is {}", path(section, property), kind(other));
                return self.say(Severity::Error, offset, message, Some(&format!("write {}", resource.form())));
            }
        };
        match resource.parse_amount(&text) {
            Some(amount) => {
                let value = Word { resource, amount };
                self.layer.limits.push(Sourced { value, origin: self.origin(offset) });
            }
            None => {
                let message = format!("{} cannot be {}", path(section, property), quoted(&text));
                self.say(Severity::Error, offset, message, Some(&format!("write {}", resource.form())));
            }
        }
    }
}
