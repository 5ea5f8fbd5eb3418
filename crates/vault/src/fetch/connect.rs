//! 1Password Connect: vaults by name, items by title, fields by label; each also by its ID.

use super::{Fault, Fetcher};
use crate::Secret;
use crate::sources::{Endpoint, Token};
use crate::web::{Field, escaped};
use crate::wire::{self, AnswerFault, Item, ItemField, Listed};

/// What a reference names.
pub(super) struct Names<'a> {
    pub(super) vault: &'a str,
    pub(super) item: &'a str,
    pub(super) section: Option<&'a str>,
    pub(super) field: &'a str,
}

pub(super) fn fetch(fetcher: &Fetcher, server: &Endpoint, token: &Token, names: &Names<'_>) -> Result<Secret, Fault> {
    let token = fetcher.token(token)?;
    let get = |path: &str| {
        fetcher.web.get(
            &server.at(path),
            &[Field::Secret("authorization", "Bearer ", &token), Field::Plain("accept", "application/json")],
        )
    };
    let find = |path: &str, attribute: &str, name: &str, what: &'static str| {
        // The name has letters, digits, `-`, `_`, `.` and spaces alone, so nothing in it ends the filter.
        let filter = escaped(&format!("{attribute} eq \"{name}\""));
        let listed: Vec<Listed> = wire::read(&get(&format!("{path}?filter={filter}"))?)?;
        one(listed.iter().filter(|listed| listed.name.eq_ignore_ascii_case(name)), what).map(|listed| listed.id.clone())
    };
    let or_id = |found: Result<String, Fault>, name: &str| match found {
        Err(Fault::Absent(_)) if is_id(name) => Ok(name.to_owned()),
        found => found.and_then(|id| if is_id(&id) { Ok(id) } else { Err(AnswerFault::Form.into()) }),
    };
    let vault = or_id(find("/v1/vaults", "name", names.vault, "vault"), names.vault)?;
    let items = format!("/v1/vaults/{vault}/items");
    let item = or_id(find(&items, "title", names.item, "item"), names.item)?;
    let body = get(&format!("{items}/{item}"))?;
    let item: Item = wire::read(&body)?;
    let value = field(item, names)?.value.ok_or(AnswerFault::Absent)?;
    Ok(Secret::of(value)?)
}

/// Returns the one field of an item that has these names.
fn field(item: Item, names: &Names<'_>) -> Result<ItemField, Fault> {
    let is_named = |id: &str, label: &str, name: &str| id == name || label.eq_ignore_ascii_case(name);
    let section = match names.section {
        Some(name) => {
            let named = item.sections.iter().filter(|section| is_named(&section.id, &section.label, name));
            Some(one(named, "section")?.id.clone())
        }
        None => None,
    };
    let is_there = |field: &ItemField| match &section {
        Some(section) => field.section.as_ref().is_some_and(|of| of.id == *section),
        None => true,
    };
    let mut fields = item.fields;
    fields.retain(|field| is_there(field) && is_named(&field.id, &field.label, names.field));
    match fields.len() {
        0 => Err(Fault::Absent("field")),
        1 => fields.pop().ok_or(Fault::Absent("field")),
        _ => Err(Fault::Several("field")),
    }
}

fn one<T>(mut of: impl Iterator<Item = T>, what: &'static str) -> Result<T, Fault> {
    match (of.next(), of.next()) {
        (None, _) => Err(Fault::Absent(what)),
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Fault::Several(what)),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
