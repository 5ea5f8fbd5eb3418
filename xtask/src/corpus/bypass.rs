//! Calls with the verdict that they must get, decided in a tree of their own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{ask, decision};
use crate::place::Scratch;
use crate::{End, place};

/// What a case wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Expect,
    ExpectNot,
    Control,
}

impl Want {
    const ALL: [Self; 3] = [Self::Expect, Self::ExpectNot, Self::Control];

    fn of(case: &Value) -> Self {
        match case.get("control").and_then(Value::as_bool) {
            Some(true) => Self::Control,
            Some(false) | None if case.get("expect").is_some() => Self::Expect,
            Some(false) | None => Self::ExpectNot,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Expect => "expect",
            Self::ExpectNot => "expect_not",
            Self::Control => "control",
        }
    }
}

/// A case that does not hold.
struct Broken {
    want: Want,
    line: String,
}

pub(super) fn run(program: &Path, directory: &Path, every: usize) -> anyhow::Result<End> {
    let file = directory.join("bypass.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("xtask corpus: {} IS NOT THERE and is left out", file.display());
        return Ok(End::Good);
    };
    let cases: Result<Vec<Value>, _> = text.lines().step_by(every).map(serde_json::from_str).collect();
    let cases = cases.with_context(|| format!("{} is not understood", file.display()))?;
    let tree = unpacked(&directory.join("fixture.tgz"))?;
    let lines: Vec<Value> = cases.iter().map(line).collect();
    let replies = ask(inside(program, tree.path()), &lines)?;
    let mut broken = Vec::new();
    for (case, reply) in cases.iter().zip(&replies) {
        if !holds(case, decision(reply)) {
            broken.push(Broken { want: Want::of(case), line: told(case, reply) });
        }
    }
    println!();
    for want in Want::ALL {
        let all = cases.iter().filter(|case| Want::of(case) == want).count();
        let bad = broken.iter().filter(|broken| broken.want == want).count();
        println!("bypass: {}: {} of {all} hold", want.name(), all - bad);
    }
    for broken in &broken {
        println!("bypass: {}: {}", broken.want.name(), broken.line);
    }
    Ok(if broken.is_empty() { End::Good } else { End::Finding })
}

/// Returns a case as a line of `palisade check`.
fn line(case: &Value) -> Value {
    let field = |name: &str| case.get(name).cloned().unwrap_or(Value::Null);
    let settings = field("settings");
    let list = |name: &str| settings.get(name).cloned().unwrap_or_else(|| json!([]));
    json!({
        "id": field("id"),
        "tool_name": field("tool"),
        "tool_input": field("input"),
        "cwd": field("cwd"),
        "permission_mode": settings.get("mode"),
        "settings": {"permissions": {"allow": list("allow"), "ask": list("ask"), "deny": list("deny")}},
    })
}

fn holds(case: &Value, decision: &str) -> bool {
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    text("expect").is_none_or(|expected| decision == expected) && text("expect_not") != Some(decision)
}

fn told(case: &Value, reply: &Value) -> String {
    let text = |value: &Value, name: &str| match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let wanted = match (case.get("expect"), case.get("expect_not")) {
        (Some(expected), _) => format!("wants {expected}"),
        (None, Some(unwanted)) => format!("wants not {unwanted}"),
        (None, None) => String::new(),
    };
    format!(
        "{} ({}): {wanted}, is {}: {} {} under {}: {}",
        text(case, "id"),
        text(case, "class"),
        decision(reply),
        text(case, "tool"),
        text(case, "input"),
        text(case, "settings"),
        text(reply, "reason"),
    )
}

/// Unpacks the tree that the cases assume.
fn unpacked(archive: &Path) -> anyhow::Result<Scratch> {
    let scratch = Scratch::new("tree")?;
    let mut tar = Command::new("tar");
    place::output(tar.arg("--extract").arg("--gzip").arg("--file").arg(archive).arg("-C").arg(scratch.path()))?;
    let outside = scratch.path().join("outside");
    std::fs::create_dir_all(&outside)?;
    if !outside.join("secret.txt").exists() {
        std::fs::write(outside.join("secret.txt"), "secret\n")?;
    }
    if !scratch.path().join("u/proj").is_dir() {
        bail!("{} has no u/proj in it", archive.display());
    }
    Ok(scratch)
}

/// Returns the program in a mount namespace of its own, in which the tree is `/home`.
fn inside(program: &Path, tree: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.args(["mount --bind \"$1\" /home && shift && exec \"$@\"", "sh"]).arg(tree).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Want, holds};

    #[test]
    fn a_case_holds_by_what_it_wants() {
        let cases = [
            (json!({"expect": "ask"}), "ask", true, Want::Expect),
            (json!({"expect": "ask"}), "deny", false, Want::Expect),
            (json!({"expect_not": "allow"}), "ask", true, Want::ExpectNot),
            (json!({"expect_not": "allow"}), "allow", false, Want::ExpectNot),
            (json!({"expect": "allow", "control": true}), "allow", true, Want::Control),
        ];
        for (case, decision, expected, want) in cases {
            assert_eq!((holds(&case, decision), Want::of(&case)), (expected, want), "{case}");
        }
    }
}
