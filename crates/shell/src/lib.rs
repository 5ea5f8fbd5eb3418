//! Text of a command to a tree of words, redirections, substitutions and commands.
//!
//! This crate is pure: no I/O, no environment, no clock. It never fails and never guesses. What it
//! cannot know it marks with a [`Doubt`], and a doubt may only make a verdict stricter.
//!
//! It knows the grammar of bash and nothing about rules, programs or paths: what a command *does*
//! is read from the tree by `policy`.
//!
//! Read first: [`tree`], then `parse`.

mod limits;
mod parse;
pub mod powershell;
mod render;
pub mod tree;

pub use parse::parse;
pub use render::{from_argv, quote};
pub use tree::{Doubt, DoubtKind, Script, Span, Word};
