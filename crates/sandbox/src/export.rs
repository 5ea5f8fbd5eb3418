//! A plan in the words of other tools: the nearest form that each can hold, and what is lost on the way.
//!
//! Pure: a plan, its controls and the rules of the network in, files out. A name that a tool's syntax cannot say exactly is a
//! refusal: a rule that says more, or less, than it would be another policy.
//!
//! Read first: [`Loss`], then `export/view.rs`, then any of the forms.

mod codex;
mod devcontainer;
mod docker;
mod firejail;
mod loss;
mod quote;
mod seatbelt;
mod srt;
mod view;

use policy::controls::Controls;
use policy::network;

pub use loss::{Loss, Way};
pub use quote::Inexpressible;

use crate::plan::Plan;
use view::View;

/// A tool in whose form a policy can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A profile for macOS' `sandbox-exec`.
    Seatbelt,
    /// A development container.
    Devcontainer,
    /// An image, and how it is run.
    Dockerfile,
    /// A profile for Firejail.
    Firejail,
    /// Settings for `@anthropic-ai/sandbox-runtime`.
    Srt,
    /// A permission profile for Codex.
    Codex,
}

impl Form {
    /// Every form, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Seatbelt, Self::Devcontainer, Self::Dockerfile, Self::Firejail, Self::Srt, Self::Codex];

    /// Returns the name on the command line and in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seatbelt => "seatbelt",
            Self::Devcontainer => "devcontainer",
            Self::Dockerfile => "dockerfile",
            Self::Firejail => "firejail",
            Self::Srt => "srt",
            Self::Codex => "codex",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// What is exported.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The plan of a command here.
    pub plan: &'a Plan,
    /// The controls that the plan was made from.
    pub controls: &'a Controls,
    /// The rules of the network.
    pub network: &'a network::Network,
    /// Commands get placeholders of secrets, or requests are judged, which takes Palisade's proxy.
    pub has_secrets: bool,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, which may have one directory.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
    /// Whether it is a program.
    pub is_program: bool,
}

impl File {
    fn plain(name: &'static str, text: String) -> Self {
        Self { name, text, is_program: false }
    }

    fn program(name: &'static str, text: String) -> Self {
        Self { name, text, is_program: true }
    }
}

/// The nearest form of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The files, the one to be read first.
    pub files: Vec<File>,
    /// What the form does not hold, or holds otherwise.
    pub losses: Vec<Loss>,
}

/// Returns a policy in a tool's form.
pub fn export(form: Form, source: &Source<'_>) -> Result<Export, Inexpressible> {
    let view = View::of(source);
    match form {
        Form::Seatbelt => seatbelt::export(&view),
        Form::Devcontainer => devcontainer::export(&view),
        Form::Dockerfile => docker::export(&view),
        Form::Firejail => firejail::export(&view),
        Form::Srt => srt::export(&view),
        Form::Codex => codex::export(&view),
    }
}

#[cfg(test)]
mod tests;
