//! Permission modes as data.

/// What happens to a call that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reads pass, everything else asks. Also written `manual`; `auto` is read as this.
    Default,
    /// As default, and file edits in the working directories pass.
    AcceptEdits,
    /// Reads pass; what may change anything asks, whatever allows it.
    Plan,
    /// What would ask is denied.
    DontAsk,
    /// What would ask passes, but for explicit ask rules and critical removals.
    BypassPermissions,
}

/// How a mode's name was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// The canonical name.
    Canonical,
    /// Another name with the same meaning.
    Alias,
    /// A mode that Palisade does not have and reads as a stricter one.
    Substitute,
}

impl Mode {
    /// Every mode, in the documentation's order.
    pub const ALL: [Self; 5] = [Self::Default, Self::AcceptEdits, Self::Plan, Self::DontAsk, Self::BypassPermissions];

    /// Reads a mode's name.
    pub fn parse(name: &str) -> Option<(Self, Spelling)> {
        Some(match name {
            "default" => (Self::Default, Spelling::Canonical),
            "manual" => (Self::Default, Spelling::Alias),
            "auto" => (Self::Default, Spelling::Substitute),
            "acceptEdits" => (Self::AcceptEdits, Spelling::Canonical),
            "plan" => (Self::Plan, Spelling::Canonical),
            "dontAsk" => (Self::DontAsk, Spelling::Canonical),
            "bypassPermissions" => (Self::BypassPermissions, Spelling::Canonical),
            _ => return None,
        })
    }

    /// Returns the canonical name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AcceptEdits => "acceptEdits",
            Self::Plan => "plan",
            Self::DontAsk => "dontAsk",
            Self::BypassPermissions => "bypassPermissions",
        }
    }

    /// Returns true for a mode under which something passes that the default mode would ask about.
    ///
    /// A layer that is not trusted cannot set such a mode.
    pub fn is_looser_than_default(self) -> bool {
        match self {
            Self::AcceptEdits | Self::BypassPermissions => true,
            Self::Default | Self::Plan | Self::DontAsk => false,
        }
    }
}
