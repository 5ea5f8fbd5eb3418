//! The literate cases of `spec/` that say what is decided.
//!
//! A case has `rules` blocks (`rules`, `rules project`, `rules untrusted`, `rules managed`), perhaps a
//! `world` block (`link A -> B`, `directory D`, `file F`, `searched`, `too-large`, `mode M`), and a `verdicts` block: a line for each
//! call, its verdict first, and after `<-` the rule that decided. In the place of it a `notes` block says
//! what compiling the rules tells their author, a `hints` block the way forward after each call,
//! and a `reasons` block why. A `runs` block tells the verdict and where the command runs, and a `boundary` block
//! what the settings have the boundary open and hold.

use policy::layer::Scope;
use policy::{AbsPath, Mode};
use testkit::Case;

use crate::world::{PROJECT, World, abs, action};

pub(crate) fn world(case: &Case) -> World {
    let mut world = World::default();
    for (info, text) in &case.blocks {
        match info.as_str() {
            "rules" => world.layer(Scope::User, true, text),
            "rules project" => world.layer(Scope::Project, true, text),
            "rules untrusted" => world.layer(Scope::Project, false, text),
            "rules managed" => world.layer(Scope::Managed, true, text),
            "rules given" => world.layer(Scope::Flag, true, text),
            "world" => {
                for line in text.lines() {
                    match line.split_once(' ').unwrap_or((line, "")) {
                        ("searched", "") => world.searched = true,
                        ("too-large", "") => world.too_large = true,
                        ("link", rest) => {
                            let (link, target) = rest.split_once(" -> ").unwrap();
                            world.links.insert(abs(PROJECT).join(link), abs(PROJECT).join(target));
                        }
                        ("file", path) => world.files.push(abs(PROJECT).join(path)),
                        ("directory", path) => world.directories.push(abs(PROJECT).join(path)),
                        ("mode", name) => world.mode = Some(Mode::parse(name).unwrap().0),
                        other => panic!("{other:?}"),
                    }
                }
            }
            "verdicts" | "notes" | "hints" | "reasons" | "findings" | "runs" | "boundary" => {}
            other => panic!("{}:{}: unknown block `{other}`", case.file.display(), case.line),
        }
    }
    world
}

/// Decides the calls of the `verdicts` block and renders them in the same form.
fn run(case: &Case) -> String {
    let world = world(case);
    if case.find("notes").is_some() {
        return world.notes();
    }
    if case.find("boundary").is_some() {
        return world.boundary();
    }
    for (name, told) in [("hints", Told::Hint), ("reasons", Told::Reason), ("runs", Told::Runs)] {
        if let Some(block) = case.find(name) {
            return tell(&world, block, told);
        }
    }
    let mut out = String::new();
    for line in case.block("verdicts").lines() {
        let (_, rest) = line.split_once(' ').unwrap();
        let (call, _) = rest.split_once(" <- ").unwrap_or((rest, ""));
        let call = call.trim();
        let proof = world.decide(&action(call));
        let rule = proof.rule.map(|rule| format!(" <- {} {}", rule.list.name(), rule.text)).unwrap_or_default();
        out.push_str(&format!("{:5} {call}{rule}\n", proof.verdict.name()));
    }
    out
}

#[derive(Clone, Copy)]
enum Told {
    Hint,
    Reason,
    Runs,
}

/// Decides the calls that stand in a block without indentation, and puts what is told below each.
fn tell(world: &World, block: &str, told: Told) -> String {
    let mut out = String::new();
    for call in block.lines().filter(|line| !line.starts_with(' ')) {
        let proof = world.decide(&action(call));
        let text = match told {
            Told::Hint => proof.hint.as_deref().unwrap_or("-").to_owned(),
            Told::Reason => proof.reason,
            Told::Runs => {
                let where_to = proof.boundary.map_or_else(|| "-".to_owned(), |boundary| boundary.words());
                format!("{}, {where_to}", proof.verdict.name())
            }
        };
        out.push_str(&format!("{call}\n  {text}\n"));
    }
    out
}

fn check(area: &str) {
    testkit::check(area, |case| run(case).lines().map(str::to_owned).collect::<Vec<_>>().join("\n"));
}

#[test]
fn rules() {
    check("rules");
}

#[test]
fn sandbox() {
    check("sandbox");
}

#[test]
fn paths() {
    check("paths");
}

#[test]
fn modes() {
    check("modes");
}

#[test]
fn net() {
    check("net");
}

#[test]
fn mcp() {
    check("mcp");
}

#[test]
fn bypass() {
    check("bypass");
}

#[test]
fn an_absolute_path_is_read_by_its_text() {
    let cases = [("/a/../b", "/b"), ("/", "/"), ("//a//b/", "/a/b"), ("/a/./b", "/a/b"), ("/../../x", "/x")];
    for (text, expected) in cases {
        assert_eq!(abs(text).as_str(), expected);
    }
    assert_eq!(AbsPath::parse("a/b"), None);
    assert_eq!(AbsPath::parse("/a\0b"), None);
}

/// Returns the text of each block of a page with this info string.
fn blocks<'a>(page: &'a str, info: &str) -> Vec<&'a str> {
    page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(info)?.strip_prefix('\n')).collect()
}

#[test]
fn the_guide_says_what_is_decided() {
    let page = include_str!("../../../../docs/guides/decisions.md");
    let block = |info: &str| (info.to_owned(), blocks(page, info).concat().trim_end().to_owned());
    let case = Case {
        file: "docs/guides/decisions.md".into(),
        line: 0,
        name: "examples".to_owned(),
        blocks: vec![block("rules"), block("verdicts")],
    };
    assert_eq!(case.block("verdicts").lines().count(), 8);
    assert_eq!(run(&case).trim_end(), case.block("verdicts"));
}
