//! What the words of a command line mean to the program that gets them.
//!
//! Each program has a table: which options it takes, with which values, what its operands are, and
//! what it does beyond them. The tables are the packs in `packs/programs`, written to be read beside
//! the manual; `docs/internals/packs.md` describes their form. An option or operand that no table
//! lists is unknown, and this crate says so.
//!
//! Pure: no file, no environment, no clock. It says what words mean and never whether that may happen.
//!
//! Read [`table`] first, then [`read()`].

use std::sync::{LazyLock, OnceLock};

mod parse;
mod read;
pub mod table;
mod ways;

pub use parse::{Block, Fault, blocks};
pub use read::{Argument, Call, Given, Word, by_table, read};
pub use table::{Does, Role};
pub use ways::{Runs, STRANGER, Way, ways};

/// Reads a table's text as far as its first sub-command.
///
/// # Errors
/// When the text is no table.
pub fn table(body: &str) -> Result<table::Table<'_>, Fault> {
    parse::table(body)
}

/// Every table, one after the other.
static TABLES: &str = include_str!(concat!(env!("OUT_DIR"), "/tables.txt"));

/// Where each program's name and table stand in [`TABLES`], sorted by name.
static INDEX: &[(u32, u32, u32, u32)] = &include!(concat!(env!("OUT_DIR"), "/index.rs"));

/// Returns the text of a program's table by the name it is started by.
pub fn find(name: &str) -> Option<&'static str> {
    let at = INDEX.binary_search_by(|entry| span(entry.0, entry.1).cmp(name)).ok()?;
    INDEX.get(at).map(|entry| span(entry.2, entry.3))
}

/// The tables that were asked for, in the order of [`INDEX`].
static READ: LazyLock<Vec<OnceLock<Option<Box<table::Table<'static>>>>>> =
    LazyLock::new(|| INDEX.iter().map(|_| OnceLock::new()).collect());

/// Returns the table of a program by the name it is started by; it is read once.
pub fn table_of(name: &str) -> Option<&'static table::Table<'static>> {
    let at = INDEX.binary_search_by(|entry| span(entry.0, entry.1).cmp(name)).ok()?;
    let (_, _, start, length) = INDEX.get(at)?;
    READ.get(at)?.get_or_init(|| parse::table(span(*start, *length)).ok().map(Box::new)).as_deref()
}

/// Returns the name of every program with a table.
pub fn names() -> impl Iterator<Item = &'static str> {
    INDEX.iter().map(|entry| span(entry.0, entry.1))
}

fn span(start: u32, length: u32) -> &'static str {
    let start = start as usize;
    TABLES.get(start..start + length as usize).unwrap_or_default()
}
