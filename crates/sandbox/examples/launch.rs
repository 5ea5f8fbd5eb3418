//! The boundary alone: a launcher without settings, decision or journal, to measure and to kill.
//!
//! `launch launch --writable PATH --close PATH --hide PATH --cwd PATH --report FILE -- COMMAND`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a launcher for measurements and trials"
)]
#![expect(clippy::disallowed_methods, reason = "it reads its environment and writes the report")]

#[path = "../tests/boundary/greeter.rs"]
mod greeter;
#[expect(dead_code, reason = "the tests write command lines with it")]
#[path = "../tests/boundary/launch.rs"]
mod launch;

fn main() {
    match std::env::args_os().nth(1) {
        Some(role) if role == sandbox::ROLE => sandbox::boundary_main(),
        Some(role) if role == "hold" => launch::hold(),
        Some(role) if role == "turns" => launch::turns(),
        _ => launch::main(),
    }
}
