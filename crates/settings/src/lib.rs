//! Settings files to [`policy::Layer`]s in which every value knows its file and line.
//!
//! This crate owns reading configuration: the settings files that Claude Code documents, Palisade's
//! own beside them, the record of trusted folders, and the environment. It decides nothing: what
//! a rule means, and whether a layer may widen, is `policy`'s to say. It never writes a settings
//! file; the trust store is the one file it writes.
//!
//! Doubt goes down: a file that is there and cannot be read or understood becomes a layer that
//! refuses every call, and a folder whose trust is unclear is not trusted.
//!
//! Read first: [`places`] (where files are looked for), [`load`](mod@load) (which one stands above
//! which), `layer` (what a file may say), then [`trust`] and [`env`](mod@env).

pub mod env;
mod json;
mod keep;
mod keys;
mod layer;
mod limits;
pub mod load;
pub mod places;
pub mod profile;
mod read;
mod say;
pub mod trust;
mod wire;

pub use env::Environment;
pub use keep::{KeepError, Kept, keep};
pub use layer::layer_from_json_text;
pub use load::{Loaded, Source, SourceState, load};
pub use places::{Discovery, Owner, Places};
pub use profile::Profile;
pub use read::Error as ReadError;

#[cfg(test)]
mod tests;
