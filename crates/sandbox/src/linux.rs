//! The boundary on Linux, one file per mechanism.
//!
//! The launcher's side: [`run`], `streams`, `resources`, `supervise`, `terminal`, `output`. The boundary's side, in
//! the order of building: [`boundary`], `namespaces`, `init`, `mount`, `kernel_files`, `pty`,
//! `privileges`, `landlock`, `seccomp`, `broker`, `target`. Between them: `control`.

mod advice;
mod boundary;
mod broker;
mod caches;
mod closed_root;
mod control;
mod failure;
mod init;
mod inputs;
mod kernel_files;
mod landlock;
mod mount;
mod namespaces;
mod output;
mod privileges;
mod pty;
mod resources;
mod run;
mod seccomp;
mod streams;
mod supervise;
mod target;
mod terminal;
mod tree;
mod veil;

pub(crate) use boundary::boundary_main;
pub(crate) use run::run;
