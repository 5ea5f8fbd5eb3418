//! Asks Palisade.

use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};

use crate::compare::tree::{self, DESK, HOME, PROJECT};
use crate::compare::{Observed, Tree};
use crate::process;

/// What Palisade decides about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// `allow`, `ask` or `deny`.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// True when it is a command that is allowed without the mode and without rules, but for those about reading: it
    /// is proved that it only reads.
    pub proved: bool,
}

/// Returns Palisade's decision about each call, in order.
///
/// # Panics
/// When the program does not answer each line.
pub fn decide(palisade: &Path, observed: &[Observed]) -> Vec<Decided> {
    let mut decided = vec![None; observed.len()];
    for tree in [Tree::Own, Tree::Fixture] {
        let places: Vec<usize> = (0..observed.len()).filter(|at| observed[*at].tree == tree).collect();
        if places.is_empty() {
            continue;
        }
        let lines: String = places.iter().map(|at| format!("{}\n", line(*at, &observed[*at]))).collect();
        for reply in check(palisade, tree, &lines) {
            let text = |name: &str| reply[name].as_str().unwrap().to_owned();
            decided[place(&reply)] = Some(Decided { verdict: text("decision"), reason: text("reason"), proved: false });
        }
        let commands = places.iter().filter(|at| observed[**at].call.tool == "Bash");
        let lines: String = commands.map(|at| format!("{}\n", line(*at, &without_rules(&observed[*at])))).collect();
        for reply in check(palisade, tree, &lines) {
            decided[place(&reply)].as_mut().unwrap().proved = reply["decision"] == "allow";
        }
    }
    decided.into_iter().map(Option::unwrap).collect()
}

fn place(reply: &Value) -> usize {
    usize::try_from(reply["id"].as_u64().unwrap()).unwrap()
}

/// Returns the call under rules that say no more than what may be read.
fn without_rules(observed: &Observed) -> Observed {
    let allow = observed.permissions["allow"].as_array().into_iter().flatten();
    let reading: Vec<&Value> =
        allow.filter(|rule| rule.as_str().is_some_and(|rule| rule == "Read" || rule.starts_with("Read("))).collect();
    let permissions = json!({"allow": reading, "additionalDirectories": observed.permissions["additionalDirectories"]});
    Observed { mode: "default".to_owned(), permissions, ..observed.clone() }
}

fn line(id: usize, observed: &Observed) -> Value {
    json!({
        "id": id,
        "tool_name": observed.call.tool,
        "tool_input": observed.call.input,
        "cwd": PROJECT,
        "permission_mode": observed.mode,
        "settings": {"permissions": observed.permissions},
    })
}

fn check(palisade: &Path, tree: Tree, lines: &str) -> Vec<Value> {
    let home = tree.plant();
    let desk = tempfile::tempdir().unwrap();
    for (name, text) in [("lines", lines), ("palisade", "")] {
        std::fs::write(desk.path().join(name), text).unwrap();
    }
    let mut world = tree::world(home.path(), desk.path(), &[(palisade, "palisade")]);
    world.args(["sh", "-c", &format!("exec \"$0\" \"$@\" < {DESK}/lines"), &format!("{DESK}/palisade"), "check"]);
    world.args(["--only-given-settings", "--home", HOME, "--cwd", PROJECT]);
    world.stdin(File::open("/dev/null").unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let finished = process::run(&mut world, scratch.path(), std::time::Duration::from_secs(120)).unwrap();
    let replies: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replies.len(), lines.lines().count(), "{}", finished.stderr);
    replies
}
