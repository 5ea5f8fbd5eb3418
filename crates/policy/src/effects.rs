//! What a call would do: its parts, and what each reads, writes, deletes, runs and reaches.
//!
//! A command is walked as the shell would run it, with the directory and the variables that are
//! certain at each point. What is not certain is marked, and a mark can only make a verdict stricter.

mod call;
mod input;
mod languages;
mod meant;
mod part;
mod pieces;
mod shellwords;
mod special;
mod suspicious;
mod variables;
mod walk;
mod wrappers;

use crate::action::{Action, Kind};
use crate::limits;
use crate::path::AbsPath;
pub use meant::Meant;
pub use part::{Access, By, Part, Program, Target, Touch};
use shell::tree::{Command, CompoundKind, Item};
pub use shellwords::Value;

/// What a call would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The parts of the call; each is decided on its own and the strictest verdict counts.
    pub parts: Vec<Part>,
    /// Why the text is not known to be understood as a whole.
    pub opaque: Option<String>,
}

/// Returns true for `[[ ... ]]`. What stands in `(( ... ))` may be read as commands, too.
fn is_test(item: &Item) -> bool {
    matches!(&item.command, Command::Compound(compound) if compound.kind == CompoundKind::Test)
}

impl Effects {
    /// Reads what an action would do.
    pub fn of(action: &Action, home: &AbsPath) -> Self {
        match &action.kind {
            Kind::Command(command) => {
                let mut effects = walk::script(&command.text, &command.script, &action.cwd, home);
                if command.text.chars().count() > limits::COMMAND_CHARACTERS_MAX {
                    effects.mark(format!("the command is longer than {} characters", limits::COMMAND_CHARACTERS_MAX));
                }
                if effects.parts.is_empty() && command.script.items.iter().all(is_test) {
                    // A comment or a test runs nothing; rules about the whole tool speak of it all the same.
                    effects.parts.push(Part { reads_only: true, ..Part::named(&command.text) });
                }
                effects
            }
            Kind::Read(target) => Self::tool(Part::file(Access::Read, target, &action.cwd, home)),
            Kind::Edit(target) => Self::tool(Part::file(Access::Write, target, &action.cwd, home)),
            Kind::ForeignCommand(text) => crate::foreign::effects(text, &action.cwd, home),
            Kind::Fetch { url } => {
                let mut part = Part::named(url);
                part.reaches.push(url.clone());
                Self::tool(part)
            }
            Kind::Agent { agent_type } => Self::tool(Part::named(agent_type)),
            Kind::Skill { skill } => Self::tool(Part::named(skill)),
            Kind::Mcp { .. } | Kind::Other => Self::tool(Part::named(&action.tool)),
            Kind::Malformed(why) => Self { parts: vec![Part::named(&action.tool)], opaque: Some(why.clone()) },
        }
    }

    fn tool(part: Part) -> Self {
        Self { parts: vec![part], opaque: None }
    }

    fn mark(&mut self, why: String) {
        self.opaque.get_or_insert(why);
    }

    /// Returns every path that the call names, for `guard` to resolve.
    pub fn paths(&self) -> impl Iterator<Item = &AbsPath> {
        self.parts.iter().flat_map(|part| part.touches.iter()).flat_map(|touch| touch.target.paths())
    }
}
