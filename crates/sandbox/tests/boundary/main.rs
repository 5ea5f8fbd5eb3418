//! The boundary against the probe, judged by the effect on the host.
//!
//! This binary is the test runner, the launcher, the boundary process and the probe, by its first
//! argument. It has its own `main` because the boundary process must run before any harness does.
//!
//! What is tried where is listed in `docs/internals/escapes.md`, a line a row of the checklist. Each case runs in
//! every tier that claims it: `claims.rs` says which rows a lower tier does not cover, `lower.rs` has cases of the
//! lowest tier alone, and `fallback.rs` those in which namespaces are really taken away; `docker.rs` runs all of the
//! lowest tier again in a container.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests look at the host and start launchers")]

mod broker;
mod claims;
mod docker;
mod doors;
mod fallback;
mod files;
mod greeter;
mod hygiene;
mod kernel;
mod launch;
mod limits;
mod lower;
mod lower_broker;
mod mounts;
mod processes;
mod profile;
mod programs;
mod races;
mod reads;
mod repositories;
mod runner;
mod sockets;
mod template;
mod terminal;
mod world;

fn main() {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.get(1).map(String::as_str) {
        Some(sandbox::ROLE) => sandbox::boundary_main(),
        Some("probe") => std::process::exit(probe::main(&args[2..])),
        Some("launch") => launch::main(),
        Some("hold") => launch::hold(),
        Some("turns") => launch::turns(),
        Some("machine") => print!("{}", sandbox::probe("/proc/self/exe".as_ref()).unwrap()),
        _ => runner::main(&args[1..]),
    }
}
