//! A profile's file: one object, whose keys say what they grant and why.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::network::allowed;

use super::{Grant, Holder, Home, Profile, Secret};
use crate::json::{self, Lines};
use crate::say::{closest, quoted};

/// The keys of a profile.
const KEYS: [&str; 11] =
    ["programs", "home", "seen", "copied", "held", "writable", "readable", "hidden", "hosts", "variables", "secrets"];
const HOME_KEYS: [&str; 4] = ["variable", "below", "from", "why"];
const SECRET_KEYS: [&str; 6] = ["variable", "file", "extract", "maskClaims", "hosts", "why"];

/// Reads a profile. An error names the file and the line, and says what to do.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Profile, String> {
    let reader = Reader { file, lines: Lines::new(text) };
    let value = json::parse(text).map_err(|fault| reader.wrong(fault.offset, &fault.message, fault.hint))?;
    let Value::Object(object) = value else {
        return Err(reader.wrong(0, "a profile is an object", "write `{ \"hosts\": { ... } }`"));
    };
    reader.known(&object, &KEYS)?;
    let profile = Profile {
        name: name.to_owned(),
        file: file.to_owned(),
        path: None,
        programs: reader.programs(&object)?,
        home: reader.home(&object)?,
        writable: reader.directories(&object, "writable")?,
        readable: reader.directories(&object, "readable")?,
        hidden: reader.directories(&object, "hidden")?,
        hosts: reader.hosts(&object)?,
        variables: reader.variables(&object)?,
        secrets: reader.secrets(&object)?,
    };
    let needs_home = ["seen", "copied", "held"].into_iter().find_map(|key| object.get(key));
    if let (None, Some(property)) = (&profile.home, needs_home) {
        let message = format!("{} says what is in the agent's directory, and there is no `home`", shown(property));
        return Err(reader.wrong(property.name.start(), &message, "add `home`, with `variable`, `from` and `why`"));
    }
    Ok(profile)
}

struct Reader<'t> {
    file: &'t str,
    lines: Lines<'t>,
}

impl Reader<'_> {
    fn wrong(&self, offset: usize, message: &str, hint: &str) -> String {
        let (line, column) = (self.lines.line(offset), self.lines.column(offset));
        format!("{}:{line}:{column}: {message}: {hint}", self.file)
    }

    fn known(&self, object: &Object<'_>, keys: &'static [&'static str]) -> Result<(), String> {
        let mut seen: Vec<&str> = Vec::new();
        for property in &object.properties {
            let name = property.name.as_str();
            if !keys.contains(&name) {
                let known = closest(name, keys.iter().copied());
                let hint = known.map_or_else(
                    || format!("the keys are `{}`", keys.join("`, `")),
                    |known| format!("did you mean `{known}`?"),
                );
                return Err(self.wrong(property.name.start(), &format!("there is no key {}", shown(property)), &hint));
            }
            if seen.contains(&name) {
                let message = format!("{} is written twice", shown(property));
                return Err(self.wrong(property.name.start(), &message, "merge the two into one"));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// An object of what is granted, each with its reason.
    fn grants(&self, object: &Object<'_>, key: &str) -> Result<Vec<Grant>, String> {
        let Some(property) = object.get(key) else { return Ok(Vec::new()) };
        let Value::Object(entries) = &property.value else {
            let message = format!("{} must be an object", shown(property));
            return Err(self.wrong(property.value.start(), &message, "write what is granted, and after a colon why"));
        };
        let mut grants: Vec<Grant> = Vec::new();
        for entry in &entries.properties {
            let offset = entry.name.start();
            let what = entry.name.as_str().to_owned();
            let why = match &entry.value {
                Value::StringLit(text) if !text.value.trim().is_empty() => text.value.clone().into_owned(),
                _ => {
                    let message = format!("{} of `{key}` has no reason", shown(entry));
                    return Err(self.wrong(entry.value.start(), &message, "say in words why the agent needs it"));
                }
            };
            if what.is_empty() || grants.iter().any(|known| known.what == what) {
                let message = format!("{} of `{key}` is empty or written twice", shown(entry));
                return Err(self.wrong(offset, &message, "remove it"));
            }
            grants.push(Grant { what, why, line: self.lines.line(offset) });
        }
        Ok(grants)
    }

    /// Checks each of what is granted.
    fn checked(
        &self,
        object: &Object<'_>,
        key: &str,
        (is_fine, hint): (impl Fn(&str) -> bool, &str),
    ) -> Result<Vec<Grant>, String> {
        let grants = self.grants(object, key)?;
        match grants.iter().find(|grant| !is_fine(&grant.what)) {
            Some(grant) => {
                let message = format!("{} cannot stand in `{key}`", quoted(&grant.what));
                Err(format!("{}:{}: {message}: {hint}", self.file, grant.line))
            }
            None => Ok(grants),
        }
    }

    fn directories(&self, object: &Object<'_>, key: &str) -> Result<Vec<Grant>, String> {
        let hint = "write a whole path, or one below `~/`, without wildcards";
        self.checked(object, key, (|text| is_path(text), hint))
    }

    fn hosts(&self, object: &Object<'_>) -> Result<Vec<Grant>, String> {
        let hint = "write `host`, `*.host` or `host:port`";
        self.checked(object, "hosts", (is_host, hint))
    }

    fn variables(&self, object: &Object<'_>) -> Result<Vec<Grant>, String> {
        let is_fine = |text: &str| is_name(text.split_once('=').map_or(text, |(name, _)| name));
        self.checked(object, "variables", (is_fine, "write `NAME` for one that passes, or `NAME=value`"))
    }

    fn programs(&self, object: &Object<'_>) -> Result<Vec<Grant>, String> {
        let Some(property) = object.get("programs") else { return Ok(Vec::new()) };
        let hint = "write a list of names: `[\"agent\"]`";
        let names = self.texts(property, hint)?;
        let line = self.lines.line(property.name.start());
        Ok(names.into_iter().map(|what| Grant { what, why: "the agent's program".to_owned(), line }).collect())
    }

    fn texts(&self, property: &ObjectProp<'_>, hint: &str) -> Result<Vec<String>, String> {
        let wrong = |offset| self.wrong(offset, &format!("{} must be a list of texts", shown(property)), hint);
        let Value::Array(list) = &property.value else { return Err(wrong(property.value.start())) };
        let texts = list.elements.iter().map(|element| match element {
            Value::StringLit(text) if !text.value.is_empty() => Ok(text.value.clone().into_owned()),
            other => Err(wrong(other.start())),
        });
        texts.collect()
    }

    fn text(&self, object: &Object<'_>, key: &str) -> Result<Option<String>, String> {
        match object.get(key) {
            None => Ok(None),
            Some(property) => match &property.value {
                Value::StringLit(text) if !text.value.is_empty() => Ok(Some(text.value.clone().into_owned())),
                other => {
                    let message = format!("{} must be a text", shown(property));
                    Err(self.wrong(other.start(), &message, "write it in double quotes"))
                }
            },
        }
    }

    fn home(&self, object: &Object<'_>) -> Result<Option<Home>, String> {
        let Some(property) = object.get("home") else { return Ok(None) };
        let offset = property.name.start();
        let Value::Object(own) = &property.value else {
            let hint = "write `variable`, `from` and `why`";
            return Err(self.wrong(offset, "`home` must be an object", hint));
        };
        self.known(own, &HOME_KEYS)?;
        let needed = |key: &str| {
            let hint = "it needs `variable`, `from` and `why`";
            self.text(own, key)?.ok_or_else(|| self.wrong(offset, &format!("`home` has no `{key}`"), hint))
        };
        let (variable, from, why) = (needed("variable")?, needed("from")?, needed("why")?);
        let below = self.text(own, "below")?.unwrap_or_default();
        if !is_name(&variable) || !is_path(&from) || !below.is_empty() && !is_below(&below) {
            let hint = "`variable` is a variable's name, `from` a path from the root or `~/`, `below` names below";
            return Err(self.wrong(offset, "`home` is not understood", hint));
        }
        let inner = "write a name below the agent's directory, with a slash at its end for a directory";
        let is_inner = |text: &str| is_below(text.trim_end_matches('/'));
        let home = Home {
            variable,
            below,
            from,
            why,
            line: self.lines.line(offset),
            seen: self.checked(object, "seen", (is_inner, inner))?,
            copied: self.directories(object, "copied")?,
            held: self.checked(object, "held", (is_inner, inner))?,
        };
        Ok(Some(home))
    }

    fn secrets(&self, object: &Object<'_>) -> Result<Vec<Secret>, String> {
        let Some(property) = object.get("secrets") else { return Ok(Vec::new()) };
        let Value::Array(list) = &property.value else {
            let hint = "write `[{\"variable\": \"NAME\", \"hosts\": [\"host\"], \"why\": \"...\"}]`";
            return Err(self.wrong(property.value.start(), "`secrets` must be a list of objects", hint));
        };
        let secrets = list.elements.iter().map(|element| match element {
            Value::Object(secret) => self.secret(secret, object.get("home").is_some()),
            other => Err(self.wrong(other.start(), "an entry of `secrets` is no object", "write it in braces")),
        });
        secrets.collect()
    }

    fn secret(&self, secret: &Object<'_>, has_home: bool) -> Result<Secret, String> {
        self.known(secret, &SECRET_KEYS)?;
        let offset = secret.start();
        let holder = match (self.text(secret, "variable")?, self.text(secret, "file")?) {
            (Some(name), None) if is_name(&name) => Holder::Variable(name),
            (None, Some(name)) if is_below(&name) && has_home => Holder::File(name),
            _ => {
                let hint = "write `variable` with a name, or `file` with a name below the `home`";
                return Err(self.wrong(offset, "a secret is in one variable or in one file", hint));
            }
        };
        let Some(hosts) = secret.get("hosts") else {
            let hint = "name them, or write `[]` for none";
            return Err(self.wrong(offset, "a secret has no `hosts` that may have it", hint));
        };
        let at = hosts.value.start();
        let hosts = self.texts(hosts, "name the hosts that get the secret, or none")?;
        if let Some(wrong) = hosts.iter().find(|host| !is_host(host)) {
            let message = format!("{} is no host", quoted(wrong));
            return Err(self.wrong(at, &message, "write `host`, `*.host` or `host:port`"));
        }
        let Some(why) = self.text(secret, "why")? else {
            return Err(self.wrong(offset, "a secret has no reason", "say in `why` what the agent needs it for"));
        };
        let extract = self.text(secret, "extract")?;
        if extract.is_some() && matches!(holder, Holder::Variable(_)) {
            return Err(self.wrong(offset, "`extract` is for files", "remove it: all of a variable is the secret"));
        }
        let claims = match secret.get("maskClaims") {
            Some(property) => self.texts(property, "name claims of the token: `[\"jti\", \"sub\"]`")?,
            None => Vec::new(),
        };
        if extract.is_none() && !claims.is_empty() {
            return Err(self.wrong(offset, "`maskClaims` goes with `extract`", "say where in a file the token is"));
        }
        Ok(Secret { holder, extract, claims, hosts, why, line: self.lines.line(offset) })
    }
}

fn shown(property: &ObjectProp<'_>) -> String {
    quoted(property.name.as_str())
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns true for a path from the root or the home directory in which nothing is a pattern.
fn is_path(text: &str) -> bool {
    let rest = text.strip_prefix("~/").or_else(|| text.strip_prefix('/'));
    rest.is_some_and(|rest| is_below(rest.trim_end_matches('/')))
}

/// Returns true for names, one below the other, that lead nowhere else.
fn is_below(text: &str) -> bool {
    let is_plain = |name: &str| !name.is_empty() && name != "." && name != "..";
    text.split('/').all(is_plain) && !text.contains(['*', '?', '[', ']', '{', '}', '\\', '\0', '\n'])
}

fn is_host(text: &str) -> bool {
    allowed(text).is_ok()
}
