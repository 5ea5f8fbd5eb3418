//! Keys that articles write and the documentation does not know.
//!
//! Each means what its author meant, as far as that tightens: what such a key would loosen it does
//! not. Whoever wrote it is told the documented form. `docs/internals/ledger.md` has a row for each.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use policy::layer::{Severity, Sourced};
use policy::rule::List;

use super::{Reader, path};
use crate::keys::{Article, Section, Used};
use crate::places::Owner;

/// The tools that run commands of a shell; `Bash` means Monitor as well.
const SHELLS: [&str; 2] = ["Bash", "PowerShell"];
/// The tools that write files: `Edit` means every one.
const WRITERS: [&str; 1] = ["Edit"];

impl Reader<'_> {
    pub(super) fn article(&mut self, section: Section, article: Article, property: &ObjectProp<'_>) {
        match article {
            Article::BlockedCommands => self.blocked_commands(section, property),
            Article::AllowShell => self.tools_switch(section, property, Meaning::Use, &SHELLS),
            Article::AllowWrite => self.tools_switch(section, property, Meaning::Use, &WRITERS),
            Article::ApproveShell => self.tools_switch(section, property, Meaning::Approval, &SHELLS),
            Article::ApproveWrite => self.tools_switch(section, property, Meaning::Approval, &WRITERS),
            Article::AllowedPaths => {
                let paths = self.strings(section, Used::Article(article), property);
                let message =
                    format!("{} is read as `allowWrite`; what may be read stays as it is", path(section, property));
                let hint = "write `sandbox.filesystem.allowWrite`, and `denyRead` for what must not be read";
                self.say(Severity::Warning, property.name.start(), message, Some(hint));
                self.layer.sandbox.allow_write.extend(paths);
            }
            Article::AllowedHosts => {
                let hosts = self.strings(section, Used::Article(article), property);
                let message = format!("{} is read as `allowedDomains`", path(section, property));
                let hint = "write `sandbox.network.allowedDomains`";
                self.say(Severity::Warning, property.name.start(), message, Some(hint));
                self.layer.sandbox.network.allowed.extend(hosts);
            }
            Article::Servers => self.listed_servers(section, property),
        }
    }

    /// `blocked_commands`: the beginnings of commands, or of the commands of a pipeline.
    fn blocked_commands(&mut self, section: Section, property: &ObjectProp<'_>) {
        let used = Used::Article(Article::BlockedCommands);
        let commands = self.strings(section, used, property);
        let rules: Vec<Sourced<String>> = commands
            .into_iter()
            .map(|command| Sourced { value: beginning(&command.value), origin: command.origin })
            .collect();
        let example = rules.first().map_or("Bash(rm -rf *)", |rule| rule.value.as_str());
        let message = format!("{} is read as deny rules", path(section, property));
        let hint = format!("write `{example}` in `permissions.deny`, and the others so too");
        self.say(Severity::Warning, property.name.start(), message, Some(&hint));
        self.layer.deny.extend(rules);
    }

    /// `allow_shell` and its like: the word that tightens makes rules, the other one says nothing.
    fn tools_switch(&mut self, section: Section, property: &ObjectProp<'_>, meaning: Meaning, tools: &[&str]) {
        let Some(value) = self.boolean(section, property) else { return };
        let list = match (meaning, value) {
            (Meaning::Use, false) => Some(List::Deny),
            (Meaning::Approval, true) => Some(List::Ask),
            (Meaning::Use, true) | (Meaning::Approval, false) => None,
        };
        let names: Vec<String> = tools.iter().map(|tool| format!("`{tool}`")).collect();
        let names = names.join(" and ");
        let key = path(section, property);
        let (message, hint) = match list {
            Some(list) => (
                format!("{key} is read as the {} rule of {names}", list.name()),
                format!("write {names} in `permissions.{}`", list.name()),
            ),
            None => (
                format!("{key} grants nothing"),
                "remove it: rules in `permissions.allow` say what passes without asking".to_owned(),
            ),
        };
        self.say(Severity::Warning, property.name.start(), message, Some(&hint));
        let origin = self.origin(property.value.start());
        let rules = tools.iter().map(|tool| Sourced { value: (*tool).to_owned(), origin: origin.clone() });
        match list {
            Some(List::Deny) => self.layer.deny.extend(rules),
            Some(List::Ask) => self.layer.ask.extend(rules),
            Some(List::Allow) | None => {}
        }
    }

    /// `mcpServers` with lists: which servers may be used. Definitions of servers are left alone.
    fn listed_servers(&mut self, section: Section, property: &ObjectProp<'_>) {
        let Value::Object(object) = &property.value else {
            return self.wrong_type(Severity::Warning, section, property, "an object");
        };
        let list = |wanted: &str| {
            let found = object.properties.iter().find(|property| property.name.as_str() == wanted)?;
            matches!(found.value, Value::Array(_)).then_some(found)
        };
        let (approved, blocked) = (list("approved"), list("blocked"));
        let used = Used::DeniedServers;
        let names = |reader: &mut Self, property: &ObjectProp<'_>| reader.strings(Section::Servers, used, property);
        let approved_names: Vec<String> =
            approved.map(|list| names(self, list)).unwrap_or_default().into_iter().map(|name| name.value).collect();
        let key = "mcpServers.blocked";
        match (approved, blocked) {
            (None, None) => {
                return match self.owner {
                    Owner::Claude => {}
                    Owner::Palisade => self.unread_key(section, property),
                };
            }
            (Some(list), None) => {
                let origin = self.origin(list.value.start());
                self.block_servers("mcpServers.approved", "*", &approved_names, origin);
            }
            (_, Some(list)) => {
                for name in names(self, list) {
                    self.block_servers(key, &name.value, &approved_names, name.origin);
                }
            }
        }
        let message = "lists of servers in `mcpServers` are read as deny rules for the tools of the others".to_owned();
        let hint = "write `allowedMcpServers` and `deniedMcpServers` in a managed file";
        self.say(Severity::Warning, property.name.start(), message, Some(hint));
    }
}

/// What a switch of an article is about.
#[derive(Clone, Copy)]
enum Meaning {
    /// Whether a tool may be used.
    Use,
    /// Whether its use wants an answer.
    Approval,
}

/// Returns the rule for everything that begins as the text does.
fn beginning(text: &str) -> String {
    let open = |stage: &str| {
        let stage = stage.trim();
        if stage.is_empty() || stage.ends_with('*') { stage.to_owned() } else { format!("{stage} *") }
    };
    let stages: Vec<String> = text.split('|').map(open).collect();
    format!("Bash({})", stages.join(" | "))
}
