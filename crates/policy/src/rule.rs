//! Rules and the compiled policy.

use crate::layer::Origin;

/// The lists, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `permissions.deny`.
    Deny,
    /// `permissions.ask`.
    Ask,
    /// `permissions.allow`.
    Allow,
}

impl List {
    /// Returns the list's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Allow => "allow",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its list.
    pub list: List,
    /// The rule as written.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

/// The compiled policy.
#[derive(Debug, Clone)]
pub struct Policy {}
impl Policy {
    /// Compiles layers, given in any order.
    pub fn compile(_layers: &[crate::Layer]) -> (Self, Vec<crate::Diagnostic>) {
        (Self {}, Vec::new())
    }
}
