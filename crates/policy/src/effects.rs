//! What a call would do: its parts, and what each reads, writes, deletes, runs and reaches.
//!
//! A command is walked as the shell would run it, with the directory and the variables that are
//! certain at each point. What is not certain is marked, and a mark can only make a verdict stricter.

mod call;
mod input;
mod languages;
mod losses;
mod meant;
mod part;
mod pieces;
mod shellwords;
mod special;
mod suspicious;
mod variables;
mod walk;
mod wrappers;

use std::borrow::Cow;

use crate::action::{Action, Kind};
use crate::facts::Facts;
use crate::limits;
use crate::path::AbsPath;
pub use losses::Loss;
pub(crate) use losses::removed;
pub use meant::Meant;
pub use part::{Access, By, Links, Part, Program, Target, Touch, all_below};
use shell::tree::{Command, CompoundKind, Item};
pub use shellwords::Value;

/// What a call would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The parts of the call; each is decided on its own and the strictest verdict counts.
    pub parts: Vec<Part>,
    /// Why the text is not known to be understood as a whole.
    pub opaque: Option<String>,
    /// Further such reasons.
    pub opaque_too: Vec<String>,
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
            Kind::Malformed(why) => {
                Self { parts: vec![Part::named(&action.tool)], opaque: Some(why.clone()), ..Self::default() }
            }
        }
    }

    fn tool(part: Part) -> Self {
        Self { parts: vec![part], ..Self::default() }
    }

    fn mark(&mut self, why: String) {
        match &self.opaque {
            None => self.opaque = Some(why),
            Some(first) if *first == why || self.opaque_too.contains(&why) => {}
            Some(_) if self.opaque_too.len() >= limits::MARKS_MAX => {}
            Some(_) => self.opaque_too.push(why),
        }
    }

    /// Returns the effects with the doubts that only the facts can raise.
    pub fn doubted(&self, facts: &Facts) -> Cow<'_, Self> {
        if self.parts.iter().all(|part| part.led_astray(facts).is_none()) {
            return Cow::Borrowed(self);
        }
        let parts = self.parts.iter().map(|part| part.led_astray(facts).unwrap_or_else(|| part.clone())).collect();
        Cow::Owned(Self { parts, ..self.clone() })
    }

    /// Returns every path that the call names, for `guard` to resolve.
    pub fn paths(&self) -> impl Iterator<Item = &AbsPath> {
        let parts = self.parts.iter();
        parts.flat_map(|part| part.touches.iter().flat_map(|touch| touch.target.paths()).chain(&part.climbed))
    }
}
