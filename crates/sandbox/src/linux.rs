//! The boundary on Linux, one file per mechanism.
//!
//! The launcher's side: `tiers`, [`run`], `streams`, `resources`, `supervise`, `terminal`, `output`. The boundary's side, in
//! the order of building: [`boundary`], `namespaces`, `init`, `mount`, `kernel_files`, `pty`,
//! `privileges`, `landlock`, `seccomp`, `broker`, `target`. Between them: `control`. Before them, for the next command: `template`. The lower tiers: `bubblewrap`
//! outside and `inside`, `keeper` and `landlock::grants`. What the machine can: `probe`, `advice`.

mod advice;
mod boundary;
mod broker;
mod bubblewrap;
mod caches;
mod closed_root;
mod control;
mod doors;
mod failure;
mod hatches;
mod init;
mod inputs;
mod inside;
mod keeper;
mod kernel_files;
mod landlock;
mod mount;
mod names;
mod namespaces;
mod output;
mod privileges;
mod probe;
mod pty;
mod resources;
mod run;
mod seccomp;
mod shown;
mod streams;
mod supervise;
mod target;
mod template;
mod terminal;
mod tiers;
mod tree;
mod veil;

pub(crate) use boundary::boundary_main;
pub(crate) use probe::probe;
pub(crate) use run::warm;
pub(crate) use template::Holder;
pub(crate) use tiers::run;
