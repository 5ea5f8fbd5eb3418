//! The boundary against the probe, judged by the effect on the host.
//!
//! This binary is the test runner, the launcher, the boundary process and the probe, by its first
//! argument. It has its own `main` because the boundary process must run before any harness does.
//!
//! Rows of the escape checklist that are tried here, by number:
//!
//! | rows | where |
//! |---|---|
//! | 2, 9-12, 15-32, 37, 40, 49, 53, 54, 96, 97, 121-123 | `kernel.rs` |
//! | 1, 3, 4, 6, 13, 14, 17, 46-48, 74 | `processes.rs` |
//! | 5, 8, 56, 57, 59, 61, 62, 64-66, 72, 82-84, 87, 91, 93-95, 101, 102 | `files.rs` |
//! | 108-118, 127-129, 170 | `sockets.rs` |
//! | 175, 177, 185, 189 | `hygiene.rs` |
//! | 33-35 | `terminal.rs` |
//!
//! Each runs in every tier that claims it: `claims.rs` says which rows a lower tier does not cover, `lower.rs` has
//! cases of the lowest tier alone, and `fallback.rs` those in which namespaces are really taken away.
//!
//! Row 59 is tried with a link that stands and with one that is swapped in a loop; rows 82-84 with held
//! paths of a test, since which paths are held is the caller's choice.
//!
//! Left for later: 7 and 106 (a process and its own memory), 36 (escape sequences to the terminal), 38,
//! 39, 41, 42, 55 (no list of programs yet), 43-45 (no limits yet), 50, 67-70 (names that do not exist
//! yet need a broker), 51 and 52 (nothing to try: one thread, own processes), 58, 60, 63, 71, 73, 75-81,
//! 85, 86, 88-90, 99, 100, 107 (the caller's side), 92, 98, 103-105 (need mounts or queues of the host),
//! 119, 120, 124-126, the rest of 127-174 (no proxy yet), 176, 178-184, 186-188, 190.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests look at the host and start launchers")]

mod claims;
mod fallback;
mod files;
mod hygiene;
mod kernel;
mod launch;
mod lower;
mod processes;
mod runner;
mod sockets;
mod terminal;
mod world;

fn main() {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.get(1).map(String::as_str) {
        Some(sandbox::ROLE) => sandbox::boundary_main(),
        Some("probe") => std::process::exit(probe::main(&args[2..])),
        Some("launch") => launch::main(),
        Some("machine") => print!("{}", sandbox::probe("/proc/self/exe".as_ref()).unwrap()),
        _ => runner::main(&args[1..]),
    }
}
