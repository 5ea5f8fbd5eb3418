//! Palisade: a security runtime that goes around a coding agent.
//!
//! This crate is wiring: it reads arguments, fills in what the others need, prints, and ends with one
//! of the documented exit codes. One file a command. Nothing is decided here.

mod agent;
mod audit_command;
mod check;
mod cli;
mod doctor;
mod exit;
mod explain;
mod generate;
mod hook;
mod lint;
mod permissions;
mod prove;
mod run;
mod sandbox_command;
mod say;
mod setup;
mod test_command;
mod trust;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    // The boundary starts this program again; nothing may come before its role.
    if std::env::args_os().nth(1).is_some_and(|role| role == sandbox::ROLE) {
        sandbox::boundary_main();
    }
    if std::env::args_os().nth(1).is_some_and(|role| role == prove::ROLE) {
        return prove::inside();
    }
    sandbox::hold_back_size_signal();
    match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => exit::of(check::check(&options)),
        Command::Explain(options) => exit::of(explain::explain(&options)),
        Command::Permissions(options) => exit::of(permissions::permissions(&options)),
        Command::Lint(options) => exit::of(lint::lint(&options)),
        Command::Test(options) => exit::of(test_command::test(&options)),
        Command::Hook(options) => hook::hook(options.agent),
        Command::Trust(options) => exit::of(trust::trust(&options)),
        Command::Sandbox(options) => exit::of(sandbox_command::sandbox(&options)),
        Command::Prove(options) => exit::of(prove::prove(&options)),
        Command::Doctor(options) => exit::of(doctor::doctor(&options)),
        Command::Audit(options) => exit::of(audit_command::audit(&options)),
        Command::Completions(options) => exit::of(generate::completions(options.shell)),
        Command::Man(options) => exit::of(generate::man(&options)),
    }
}
