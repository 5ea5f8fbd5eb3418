//! The examples of the packs: what each command does, by the table beside it.

#![expect(clippy::disallowed_methods, reason = "a test reads the packs")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use policy::action::Runner;
use policy::effects::{Access, Links, Part, Target, Touch};
use policy::{AbsPath, Action, Command, Effects, Kind};

/// The directory that the examples run in, and the home.
const DIRECTORY: &str = "/w";
const HOME: &str = "/home/u";

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "pack") {
            files.push(path);
        }
    }
}

fn abs(path: &str) -> AbsPath {
    AbsPath::parse(path).unwrap()
}

fn effects(command: &str) -> Effects {
    let kind = Kind::Command(Command::parse(command, Runner::Agent));
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: abs(DIRECTORY) };
    Effects::of(&action, &abs(HOME))
}

fn name(path: &AbsPath) -> String {
    let text = path.as_str();
    match text.strip_prefix("/w/") {
        Some(rest) => rest.to_owned(),
        None if text == DIRECTORY => ".".to_owned(),
        None => text.replacen(HOME, "~", 1),
    }
}

fn touched(touch: &Touch) -> Vec<String> {
    let names: Vec<String> = match &touch.target {
        Target::Paths(paths) => paths.iter().map(name).collect(),
        Target::Pattern(pattern, _) => vec![pattern.clone()],
        Target::Unknown(_) => vec!["something unknown".to_owned()],
    };
    let verb = match (touch.access, touch.recursive) {
        _ if names == ["something unknown"] => format!("{} ", touch.access.verb()),
        (Access::Look, _) => "looks at ".to_owned(),
        (Access::Read, true) => "reads all of ".to_owned(),
        (Access::Write, true) => "writes in ".to_owned(),
        (Access::Delete, true) => "deletes all of ".to_owned(),
        (access, false) => format!("{} ", access.verb()),
    };
    names.into_iter().filter(|name| !name.starts_with("/dev/")).map(|name| format!("{verb}{name}")).collect()
}

fn said(part: &Part) -> Vec<String> {
    let mut said: Vec<String> = part.touches.iter().flat_map(touched).collect();
    said.extend(part.reaches.iter().map(|host| format!("reaches {host}")));
    said.extend(part.does.iter().map(|does| {
        let row = programs::Does::NAMES.iter().find(|(_, known, _)| known == does).unwrap();
        format!("does {}", row.0)
    }));
    if part.touches.iter().any(|touch| touch.access <= Access::Read && touch.links == Links::Below) {
        said.push("follows links".to_owned());
    }
    if !part.unlisted.is_empty() {
        said.push("unknown".to_owned());
    }
    if part.suspicious.is_some() || part.forbidden.is_some() {
        said.push("asks".to_owned());
    }
    if part.runner.is_some() {
        said.push(format!("runs {}", part.text.split_whitespace().next().unwrap_or_default()));
    }
    said
}

/// Renders what a command does, in the words of an example.
fn render(command: &str) -> BTreeSet<String> {
    let effects = effects(command);
    let mut said: BTreeSet<String> = effects.parts.iter().flat_map(said).collect();
    if effects.opaque.is_some() {
        said.insert("unknown".to_owned());
    } else if effects.parts.iter().all(|part| part.reads_only) {
        said.insert("only reads".to_owned());
    }
    // A copy goes to the name or into the directory of that name: an example says the name.
    let written: Vec<String> = said.iter().filter(|text| text.starts_with("writes ")).cloned().collect();
    said.retain(|text| {
        !written.iter().any(|other| text.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')))
    });
    said
}

/// What is said of an example and is not so, if anything.
fn fault(command: &str, expected: &str) -> Option<String> {
    let plain = |text: &str| text.replace("deletes all of", "deletes");
    let expected: BTreeSet<String> =
        expected.split(';').map(|text| plain(text.trim())).filter(|text| !text.is_empty()).collect();
    let found: BTreeSet<String> = render(command).iter().map(|text| plain(text)).collect();
    (expected != found).then(|| found.into_iter().collect::<Vec<_>>().join("; "))
}

#[test]
fn every_example_does_what_its_table_says() {
    let mut files = Vec::new();
    gather(&testkit::root().join("packs/programs"), &mut files);
    files.sort();
    let mut faults = Vec::new();
    let mut examples = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for block in programs::blocks(&text).unwrap() {
            for (command, expected) in &block.tries {
                examples += 1;
                if let Some(found) = fault(command, expected) {
                    let place = format!("{}:{}", file.display(), block.line);
                    faults.push(format!("{place}: `{command}`\n  says:  {expected}\n  does:  {found}"));
                }
            }
        }
    }
    assert!(examples > 0, "no examples");
    assert!(faults.is_empty(), "{} of {examples} examples differ\n{}", faults.len(), faults.join("\n"));
}
