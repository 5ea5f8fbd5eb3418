//! The client's verdicts against Palisade's.
//!
//! 1. [`plan`]: settings, and the calls that are made under each of them, are [`Job`]s.
//! 2. [`drive`]: the client gets the job's calls from its model. Nothing runs: its shell is a stub that writes down
//!    that it was called, a person refuses what is asked, and the world is read-only but for a tree of the job's own.
//! 3. [`ours`]: `palisade check` gets the same calls in the same tree.
//! 4. [`judge`]: what is not the same must be a class of the ledger.
//!
//! Between 2 and 3 stand lines of JSON, so the comparison can be made again without the client.

pub mod drive;
pub mod judge;
pub mod ledger;
pub mod ours;
pub mod plan;
mod tree;

use serde_json::{Value, json};

pub use tree::Tree;

/// One call to ask both about.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Where it comes from: `form`, `own`, `bypass`, `nl2bash`, ...
    pub source: String,
    /// The tool.
    pub tool: String,
    /// Its input.
    pub input: Value,
}

/// One start of the client: settings, a mode, and the calls under them.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The settings' name.
    pub name: String,
    /// The permission mode.
    pub mode: String,
    /// What stands under `permissions`.
    pub permissions: Value,
    /// The tree that is `/home`.
    pub tree: Tree,
    /// The calls.
    pub calls: Vec<Asked>,
}

/// What the client did with a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The settings' name.
    pub settings: String,
    /// The permission mode.
    pub mode: String,
    /// What stands under `permissions`.
    pub permissions: Value,
    /// The tree that was `/home`.
    pub tree: Tree,
    /// The call.
    pub call: Asked,
    /// `allow`, `ask`, `deny`, or `dropped`: the client answered before it came to permissions.
    pub verdict: String,
    /// What the client said about it.
    pub said: String,
}

impl Observed {
    /// Returns it as a value of one line.
    pub fn to_json(&self) -> Value {
        json!({
            "settings": self.settings, "mode": self.mode, "permissions": self.permissions, "tree": self.tree.name(),
            "source": self.call.source, "tool": self.call.tool, "input": self.call.input,
            "verdict": self.verdict, "said": self.said,
        })
    }

    /// Reads a line that [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        let text = |name: &str| value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no `{name}`: {line}"));
        Ok(Self {
            settings: text("settings")?,
            mode: text("mode")?,
            permissions: value["permissions"].clone(),
            tree: Tree::parse(&text("tree")?)?,
            call: Asked { source: text("source")?, tool: text("tool")?, input: value["input"].clone() },
            verdict: text("verdict")?,
            said: text("said")?,
        })
    }
}
