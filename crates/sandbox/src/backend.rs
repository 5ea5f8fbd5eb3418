//! Who builds the boundary, when that is not left to this machine.

/// Who builds the boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// This program, in the best tier that the machine and the invocation let it have.
    Native,
    /// Bubblewrap, and nothing else.
    Bubblewrap,
}

impl Backend {
    /// Returns the name by which it is asked for.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Bubblewrap => "bubblewrap",
        }
    }
}
