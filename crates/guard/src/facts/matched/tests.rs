#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use policy::action::Runner;
use policy::facts::Resolved;
use policy::{AbsPath, Action, Command, Effects, Kind};

use super::links;
use crate::facts::resolve::resolve;

/// A project with a link out of it, one within it, and one out behind the latter.
fn scene() -> (tempfile::TempDir, AbsPath) {
    let keep = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(keep.path()).unwrap();
    let root = AbsPath::parse(real.to_str().unwrap()).unwrap();
    for directory in ["proj/src/deep", "proj/near", "outside"] {
        std::fs::create_dir_all(root.join(directory).as_str()).unwrap();
    }
    for file in ["outside/secret.txt", "proj/a.txt", "proj/src/deep/b.txt"] {
        std::fs::write(root.join(file).as_str(), "x").unwrap();
    }
    symlink(root.join("outside").as_str(), root.join("proj/src/deep/out").as_str()).unwrap();
    symlink("../near", root.join("proj/src/near").as_str()).unwrap();
    symlink(root.join("outside/secret.txt").as_str(), root.join("proj/near/one").as_str()).unwrap();
    (keep, root)
}

fn found(root: &AbsPath, text: &str) -> (BTreeMap<String, Vec<AbsPath>>, BTreeMap<AbsPath, Resolved>) {
    let kind = Kind::Command(Command::parse(text, Runner::Agent));
    let cwd = root.join("proj");
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd };
    let effects = Effects::of(&action, root);
    let mut resolved: BTreeMap<AbsPath, Resolved> =
        effects.paths().filter_map(|path| Some((path.clone(), resolve(path).ok()?))).collect();
    (links(&effects, &mut resolved), resolved)
}

#[test]
fn links_that_find_hands_out_are_found_at_any_depth() {
    let (_keep, root) = scene();
    let (links, resolved) = found(&root, "find . -exec touch {} \\;");
    let mut all = links["./**"].clone();
    all.sort();
    assert_eq!(all, ["near/one", "src/deep/out", "src/near"].map(|name| root.join("proj").join(name)));
    assert_eq!(resolved[&root.join("proj/src/deep/out")].real, root.join("outside"));
}

#[test]
fn links_behind_links_are_found_where_they_are_followed() {
    let (_keep, root) = scene();
    let (links, resolved) = found(&root, "grep -R x src");
    let mut all = links[&format!("{root}/proj/src/**")].clone();
    all.sort();
    assert_eq!(all, ["src/deep/out", "src/near", "src/near/one"].map(|name| root.join("proj").join(name)));
    assert_eq!(resolved[&root.join("proj/src/near/one")].real, root.join("outside/secret.txt"));
}

#[test]
fn who_follows_none_looks_for_none() {
    let (_keep, root) = scene();
    assert!(found(&root, "grep -r x src").0.is_empty());
}

#[test]
fn one_pattern_in_two_directories_is_expanded_in_both() {
    let (_keep, root) = scene();
    let (links, _) = found(&root, "cat *; cd near && cat *");
    assert!(links["*"].contains(&root.join("proj/near/one")), "{links:?}");
}

#[test]
fn a_tree_that_cannot_be_read_to_its_end_is_left_out() {
    let (_keep, root) = scene();
    for number in 0..=crate::limits::LINKS_MATCHED_MAX {
        symlink("../a.txt", root.join(&format!("proj/near/{number}")).as_str()).unwrap();
    }
    assert!(found(&root, "find . -exec touch {} \\;").0.is_empty());
    assert!(found(&root, "grep -R x .").0.is_empty());
}
