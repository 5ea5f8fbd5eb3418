//! What floors 0 and 1 and `hooks` may not touch, and where wire forms live.

use super::Problem;
use super::source::{Source, has_word};

/// Crates that are pure.
pub(super) const PURE: [&str; 4] = ["crates/secrets", "crates/shell", "crates/policy", "crates/hooks"];

/// What reaches the world.
const WORLD: [&str; 8] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "std::os::unix",
    "SystemTime::now",
    "Instant::now",
];

/// Types whose statics hold state.
const STATE: [&str; 8] =
    ["Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "RefCell", "UnsafeCell", "thread_local!"];

pub(super) fn check(source: &Source, problems: &mut Vec<Problem>) {
    if source.is_in(&PURE) {
        for (number, line) in source.product() {
            for name in WORLD.iter().filter(|name| line.code.contains(**name)) {
                let what = format!("`{name}` in a crate that is pure");
                problems.push(Problem::new(&source.file, number, what, "take the value from the caller"));
            }
        }
    }
    if source.is_in(&["crates"]) {
        check_wire(source, problems);
        check_statics(source, problems);
    }
}

fn check_wire(source: &Source, problems: &mut Vec<Problem>) {
    if source.file.ends_with("/wire.rs") || source.file.contains("/wire/") {
        return;
    }
    let mut in_derive = false;
    for (number, line) in source.product() {
        in_derive |= line.code.contains("derive(");
        let is_form = in_derive || line.code.trim_start().starts_with("impl");
        let has_serde = has_word(&line.code, "Serialize") || has_word(&line.code, "Deserialize");
        if is_form && has_serde && (in_derive || line.code.contains(" for ")) {
            let what = "a serde form outside a `wire.rs`";
            problems.push(Problem::new(&source.file, number, what, "move the type into the crate's wire.rs"));
        }
        in_derive &= !line.code.contains(")]");
    }
}

fn check_statics(source: &Source, problems: &mut Vec<Problem>) {
    for (number, line) in source.product() {
        let is_static = has_word(&line.code, "static") && line.code.contains(':') && !line.code.contains("'static");
        let is_stateful = STATE.iter().any(|name| has_word(&line.code, name)) || line.code.contains(": Atomic");
        let is_mutable = line.code.contains("static mut ") || line.code.contains("thread_local!");
        if is_mutable || (is_static && is_stateful && !source.is_in(&["crates/sandbox/src/sys"])) {
            let what = "a static that holds state";
            problems.push(Problem::new(&source.file, number, what, "make it a value with one owner, and pass it"));
        }
    }
}
