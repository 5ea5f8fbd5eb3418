use std::collections::BTreeMap;

use super::source::{Source, code_of};
use super::{Problem, effects, escapes, floors, functions, ledger, lints, names, size, unsafety};

/// Returns what is found in one file, without the advice.
fn found(file: &str, text: &str) -> Vec<String> {
    let source = Source::new(file, text);
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    effects::check(&source, &mut problems);
    unsafety::check(&source, &mut problems);
    lints::check_source(&source, &mut problems);
    names::check(&source, &mut problems);
    size::check(&source, &mut problems, &mut warnings);
    told(&problems)
}

fn told(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}:{}: {}", problem.file, problem.line, problem.what)).collect()
}

#[test]
fn comments_and_quoted_text_are_no_code() {
    let cases = [
        ("let a = 1; // std::fs", "let a = 1;           "),
        ("a /* x /* y */ z */ b", "a                   b"),
        ("f(\"a\\\"b\", 'x', '\\'', '\\u{1}')", "f(      ,    ,     ,        )"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("r#\"a\"b\"# + br\"x\" + r#type", "         + b     + r#type"),
        ("\"two\nlines\" x", "    \n       x"),
        ("for\"x\"", "for   "),
    ];
    for (text, expected) in cases {
        assert_eq!(code_of(text), expected);
    }
}

#[test]
fn a_pure_crate_reaches_nothing() {
    let text =
        "use std::fs;\n// std::env\nlet now = Instant::now();\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\n";
    let expected = [
        "crates/shell/src/a.rs:1: `std::fs` in a crate that is pure",
        "crates/shell/src/a.rs:3: `Instant::now` in a crate that is pure",
    ];
    assert_eq!(found("crates/shell/src/a.rs", text), expected);
    assert_eq!(found("crates/audit/src/a.rs", text), [""; 0]);
    assert_eq!(found("crates/shell/tests/a.rs", text), [""; 0]);
    assert_eq!(found("crates/shell/src/a/tests.rs", text), [""; 0]);
}

#[test]
fn serde_lives_in_wire_files() {
    let text = "use serde::Deserialize;\n#[derive(Debug,\n    Serialize)]\nstruct A;\n// derive(Serialize)\n\
        impl<'a> Deserialize<'a> for A {}\nfn f(value: impl Serialize) {}\n";
    let expected = [
        "crates/audit/src/a.rs:3: a serde form outside a `wire.rs`",
        "crates/audit/src/a.rs:6: a serde form outside a `wire.rs`",
    ];
    assert_eq!(found("crates/audit/src/a.rs", text), expected);
    assert_eq!(found("crates/audit/src/wire.rs", text), [""; 0]);
    assert_eq!(found("crates/audit/src/wire/a.rs", text), [""; 0]);
}

#[test]
fn unsafe_has_one_folder_and_a_reason() {
    let text = "// SAFETY: sound.\nunsafe { a() };\n\n\n\nunsafe { b() };\n#![deny(unsafe_code)]\n";
    let expected = ["crates/sandbox/src/sys/a.rs:6: `unsafe` without a reason"];
    assert_eq!(found("crates/sandbox/src/sys/a.rs", text), expected);
    let expected = [
        "crates/sandbox/src/a.rs:2: `unsafe` outside the one folder for it",
        "crates/sandbox/src/a.rs:6: `unsafe` outside the one folder for it",
    ];
    assert_eq!(found("crates/sandbox/src/a.rs", text), expected);
    assert_eq!(found("tests/probe/src/a.rs", text), [""; 0]);
}

#[test]
fn lints_are_not_switched_off_and_statics_hold_nothing() {
    let text = "#[allow(dead_code)]\n#[expect(dead_code, reason = \"x\")]\nstatic mut A: u8 = 0;\n\
        static B: Mutex<u8> = x;\nstatic C: &str = \"x\";\nstatic D: AtomicBool = x;\nfn f(a: &'static Mutex<u8>) {}\n";
    let expected = [
        "crates/audit/src/a.rs:3: a static that holds state",
        "crates/audit/src/a.rs:4: a static that holds state",
        "crates/audit/src/a.rs:6: a static that holds state",
        "crates/audit/src/a.rs:1: a lint is switched off",
    ];
    assert_eq!(found("crates/audit/src/a.rs", text), expected);
}

#[test]
fn names_say_what_is_in_them() {
    let expected = ["crates/audit/src/utils/a.rs:1: `utils` names nothing"];
    assert_eq!(found("crates/audit/src/utils/a.rs", ""), expected);
    let expected = ["crates/audit/src/a.rs:2: `mod helpers` names nothing"];
    assert_eq!(found("crates/audit/src/a.rs", "mod help;\npub(crate) mod helpers;\n"), expected);
}

#[test]
fn length_is_counted_without_tests() {
    let long = format!("fn f() {{\n{}}}\n", "    a();\n".repeat(69));
    assert_eq!(found("crates/audit/src/a.rs", &long), ["crates/audit/src/a.rs:1: `f` has 71 lines"]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert_eq!(found("crates/audit/src/a.rs", &tests), [""; 0]);
    let file = "const A: u8 = 1;\n".repeat(801);
    assert_eq!(found("crates/audit/src/a.rs", &file), ["crates/audit/src/a.rs:1: 801 lines that are not of tests"]);
    assert_eq!(found("crates/policy/src/tables/a.rs", &file), [""; 0]);
}

#[test]
fn functions_end_where_their_braces_close() {
    let text = "trait T {\n    fn none(&self);\n    fn one() -> [u8; 2] { [1, 2] }\n}\n\
        pub(crate) fn two<'a>(\n    x: &'a str,\n) where\n    u8: Copy,\n{\n    if x == \"}\" {}\n}\nlet f: fn(u8) = g;\n";
    let found: Vec<String> = functions::all(&Source::new("crates/audit/src/a.rs", text))
        .iter()
        .map(|function| format!("{} at {} has {}", function.name, function.line, function.lines))
        .collect();
    assert_eq!(found, ["one at 3 has 1", "two at 5 has 7"]);
}

#[test]
fn edges_go_strictly_down() {
    let metadata = r#"{"packages": [
        {"name": "a", "manifest_path": "/r/crates/policy/Cargo.toml", "dependencies": [
            {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "rustix", "kind": null}]},
        {"name": "b", "manifest_path": "/r/crates/b/Cargo.toml", "dependencies": [{"name": "serde", "kind": null}]},
        {"name": "c", "manifest_path": "/r/crates/c/Cargo.toml", "dependencies": [{"name": "a", "kind": "build"}]}]}"#;
    let packages = floors::packages(metadata, std::path::Path::new("/r")).unwrap();
    let mut problems = Vec::new();
    floors::check(&packages, "# x = 1\n[floors]\na = 1\nb = 1\nd = 2\n", &mut problems);
    floors::check_folders(&["b".to_owned(), "e".to_owned()], &packages, &mut problems);
    floors::check_map("| `b` |\n| `policy` |", &packages, &mut problems);
    let expected = [
        "crates/policy/Cargo.toml:1: `b` is not below `a`",
        "crates/policy/Cargo.toml:1: `a` is pure and depends on `rustix`",
        "crates/c/Cargo.toml:1: `c` has no floor",
        "floors.toml:5: there is no package `d`",
        "crates/e/Cargo.toml:1: the folder is no package",
        "ARCHITECTURE.md:1: `c` is not on the map",
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn every_package_takes_the_lints() {
    let workspace = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\na = 1\n[workspace.lints.clippy]\nb = 2\n";
    let taken = |file: &str, text: &str| {
        let mut problems = Vec::new();
        lints::check_manifest(file, text, workspace, &mut problems);
        told(&problems)
    };
    assert_eq!(taken("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"), [""; 0]);
    assert_eq!(taken("testkit/Cargo.toml", ""), [""; 0]);
    assert_eq!(taken("crates/a/Cargo.toml", ""), ["crates/a/Cargo.toml:1: the workspace's lints are not taken"]);
    let copy = "[lints.rust]\nunsafe_code = \"deny\"\na = 1\n# x\n[lints.clippy]\nb = 2\n";
    assert_eq!(taken("crates/sandbox/Cargo.toml", copy), [""; 0]);
    let expected = ["crates/sandbox/Cargo.toml:1: its copy of the clippy lints is not the workspace's"];
    assert_eq!(taken("crates/sandbox/Cargo.toml", &copy.replace("b = 2", "b = 3")), expected);
    let expected = ["crates/sandbox/Cargo.toml:1: `unsafe_code` is not denied"];
    assert_eq!(taken("crates/sandbox/Cargo.toml", &copy.replace("\"deny\"", "\"warn\"")), expected);
}

#[test]
fn the_ledger_and_the_cases_name_each_other() {
    let headings = ledger::headings("# x\n## One | two\n```rules\n## no\n```\n## Three\n");
    assert_eq!(headings, ["One | two", "Three"]);
    let cases = BTreeMap::from([("spec/bypass/a.md".to_owned(), headings), ("spec/net/b.md".to_owned(), vec![])]);
    let text = "| id | file | case |\n|---|---|---|\n| 1 | `spec/bypass/a.md` | One \\| two |\n\
        | 2 | `spec/bypass/a.md` | Four |\n\n| id | why |\n|---|---|\n| 3 | no case |\n";
    let mut problems = Vec::new();
    ledger::check("ledger.md", text, &cases, &mut problems);
    let expected = [
        "ledger.md:4: there is no case `Four` in `spec/bypass/a.md`",
        "spec/bypass/a.md:1: case `Three` is not in the ledger",
    ];
    assert_eq!(told(&problems), expected);
}

#[test]
fn every_escape_has_its_row() {
    let source = Source::new("tests/a.rs", "fn tried() {}\n    (\"case\", tried),\n");
    let rows = |skipped: u32| -> String {
        let all = (1..=126).chain(175..=190).filter(|row| *row != skipped);
        all.map(|row| format!("| {row} | x | `tried`, `case` | |\n")).collect()
    };
    let found = |text: &str| {
        let mut problems = Vec::new();
        escapes::check("list.md", text, &escapes::tests(std::slice::from_ref(&source)), &mut problems);
        told(&problems)
    };
    assert_eq!(found(&rows(0)), [""; 0]);
    let text = format!("{}| 7 | x | | |\n| 8 | x | `gone` | |\n| 130 | x | | why |\n", rows(9));
    let expected = [
        "list.md:142: row 7 stands here twice",
        "list.md:142: row 7 has neither a test nor a reason",
        "list.md:143: row 8 stands here twice",
        "list.md:143: there is no test `gone`",
        "list.md:144: there is no row 130",
        "list.md:0: row 9 is not in it",
    ];
    assert_eq!(found(&text), expected);
}
