//! The real Claude Code client, headless, driven by a scripted model on loopback.
//!
//! It is for tests and measurements alone. [`model`] says what a script says, [`person`] answers what the client
//! asks, [`session`] drives one session, [`namespace`] is where that happens: nothing but loopback exists there.
//! [`compare`] holds the client's verdicts against Palisade's.
//!
//! Read first: [`session`], then [`compare`].
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its processes, files and servers"
)]

pub mod compare;
pub mod fetch;
pub mod model;
pub mod namespace;
pub mod person;
pub mod process;
pub mod session;

use std::path::PathBuf;

/// Returns the program under test.
///
/// # Panics
/// When it has not been built.
pub fn palisade() -> PathBuf {
    let path =
        std::env::var_os("PALISADE_PROGRAM").map_or_else(|| fetch::target().join("debug/palisade"), PathBuf::from);
    assert!(path.is_file(), "{}: not there; run `cargo build -p palisade` first", path.display());
    path
}
