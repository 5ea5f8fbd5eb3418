//! The system call filter: a table of what is refused, and its translation into a kernel program.

mod assemble;
mod closed;
mod named;
mod table;

pub(crate) use assemble::{Telling, assemble, assemble_brokered, assemble_closed, assemble_named};
pub(crate) use closed::verdict as verdict_apart;
pub(crate) use named::verdict as verdict_named;
pub(crate) use table::{FCHMODAT2, Verdict, name, verdict};

#[cfg(test)]
mod tests;
