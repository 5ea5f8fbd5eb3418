#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::fs;
use std::os::unix::fs::symlink;

use policy::facts::{BoundaryFacts, Entry};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Policy};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::gather;
use crate::place::{Place, Profile};

struct Scene {
    _keep: tempfile::TempDir,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = AbsPath::parse(fs::canonicalize(keep.path()).unwrap().to_str().unwrap()).unwrap();
        let place = Place {
            home: root.join("home"),
            project: root.join("home/project"),
            own_unwritable: vec![root.join("home/project/palisade")],
            own_unreadable: vec![root.join("home/state")],
            kept: None,
            programs: Vec::new(),
            profile: Profile::Open,
            caches: None,
            is_proxied: false,
        };
        fs::create_dir_all(place.project.as_str()).unwrap();
        fs::write(place.project.join("palisade").as_str(), "the program").unwrap();
        Self { _keep: keep, place }
    }

    fn write(&self, path: &str) {
        let path = self.place.project.join(path);
        fs::create_dir_all(path.parent().unwrap().as_str()).unwrap();
        fs::write(path.as_str(), "x").unwrap();
    }

    fn facts(&self, denies: &[&str]) -> BoundaryFacts {
        let lines: Vec<String> = denies.iter().map(|rule| format!("deny {rule}")).collect();
        self.facts_of(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the facts for lines of the form `deny RULE`, `allow RULE`, `denyRead PATH` and the like.
    fn facts_of(&self, lines: &[&str]) -> BoundaryFacts {
        let mut layer = Layer::empty(Scope::User, "user.json", self.place.home.clone());
        for (index, line) in lines.iter().enumerate() {
            let origin =
                Origin { scope: Scope::User, file: "user.json".to_owned(), line: u32::try_from(index).unwrap() };
            let (key, value) = line.split_once(' ').unwrap();
            let keys = &mut layer.sandbox;
            let list = match key {
                "deny" => &mut layer.deny,
                "allow" => &mut layer.allow,
                "denyRead" => &mut keys.deny_read,
                "allowRead" => &mut keys.allow_read,
                "allowWrite" => &mut keys.allow_write,
                "denyWrite" => &mut keys.deny_write,
                "credential" => &mut keys.credential_files,
                other => panic!("{other}"),
            };
            list.push(Sourced { value: value.to_owned(), origin });
        }
        let (policy, diagnostics) = Policy::compile(&[layer], &self.place.home);
        assert_eq!(diagnostics, [], "{lines:?}");
        gather(&policy, &self.place, std::slice::from_ref(&self.place.project), &|| ())
    }

    /// Returns paths below the home directory.
    fn shown(&self, paths: &[AbsPath]) -> Vec<String> {
        paths.iter().map(|path| path.below(&self.place.home).unwrap_or_else(|| path.as_str()).to_owned()).collect()
    }

    /// Asserts what is hidden, opened again, writable beside the project, and refused, as words after each name.
    #[track_caller]
    fn check(&self, lines: &[&str], hidden: &[&str], reopened: &[&str], writable: &[&str]) {
        let facts = self.facts_of(lines);
        assert_eq!(facts.incomplete, None, "{lines:?}");
        assert_eq!(self.held(&facts.unreadable), hidden, "hidden by {lines:?}");
        assert_eq!(self.shown(&facts.reopened), reopened, "opened again by {lines:?}");
        let beside: Vec<_> = facts.writable.iter().filter(|path| **path != self.place.project).cloned().collect();
        assert_eq!(self.shown(&beside), writable, "writable by {lines:?}");
    }

    /// Returns what is held, below the home directory, one a line.
    fn held(&self, held: &[policy::facts::Held]) -> Vec<String> {
        held.iter()
            .map(|held| held.path.below(&self.place.home).unwrap_or_else(|| held.path.as_str()).to_owned())
            .filter(|path| !path.starts_with('/'))
            .collect()
    }
}

#[test]
fn existing_stores_names_and_denied_files_are_held() {
    let scene = Scene::new();
    for path in [
        "../.ssh/id",
        "../.npmrc",
        "../state/journal",
        ".git/config",
        ".git/hooks/pre-commit",
        "sub/.mcp.json",
        "sub/.env",
        "src/a.rs",
        "palisade",
        "dist/x",
    ] {
        scene.write(path);
    }
    let facts = scene.facts(&["Read(.env)", "Edit(dist/**)"]);
    assert_eq!(facts.incomplete, None);
    assert_eq!(facts.writable, std::slice::from_ref(&scene.place.project));
    assert_eq!(scene.held(&facts.unreadable), [".npmrc", ".ssh", "project/sub/.env", "state"]);
    assert_eq!(
        scene.held(&facts.unwritable),
        [
            "project/.git/config",
            "project/.git/hooks",
            "project/dist",
            "project/dist/x",
            "project/palisade",
            "project/sub/.mcp.json"
        ]
    );
    let hooks = facts.unwritable.iter().find(|held| held.path.as_str().ends_with("hooks")).unwrap();
    assert_eq!((hooks.entry, hooks.origin.scope), (Entry::Directory, Scope::Builtin));
}

#[test]
fn a_denied_program_is_hidden_under_each_of_its_names() {
    let mut scene = Scene::new();
    for path in ["one/fetcher", "one/other", "far/elsewhere"] {
        scene.write(&format!("../{path}"));
    }
    let at = |path: &str| scene.place.home.join(path);
    fs::create_dir(at("two").as_str()).unwrap();
    fs::hard_link(at("one/fetcher").as_str(), at("two/copy").as_str()).unwrap();
    symlink(at("one").as_str(), at("linked").as_str()).unwrap();
    // A link to a program of another name is one of that program's many.
    symlink(at("far/elsewhere").as_str(), at("two/many").as_str()).unwrap();
    scene.place.programs = ["one", "two", "linked", "missing", "one"].map(at).to_vec();
    let facts = scene.facts(&["Bash(fetcher *)", "Bash(many *)"]);
    assert_eq!(facts.incomplete, None);
    assert_eq!(scene.held(&facts.unreadable), words("one/fetcher two/copy"));
    assert_eq!(scene.held(&scene.facts(&["Bash(copy *)"]).unreadable), words("one/fetcher two/copy"));
    assert_eq!(scene.held(&scene.facts(&["Bash(other *)"]).unreadable), words("one/other"));
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn a_denied_path_is_held_where_its_links_lead() {
    let scene = Scene::new();
    scene.write("real/secret");
    symlink("real/secret", scene.place.project.join("link").as_str()).unwrap();
    let facts = scene.facts(&["Read(link)"]);
    assert_eq!(scene.held(&facts.unreadable), ["project/real/secret"]);
}

#[test]
fn a_protected_name_that_is_a_link_cannot_be_held() {
    let scene = Scene::new();
    scene.write("elsewhere");
    symlink("elsewhere", scene.place.project.join(".mcp.json").as_str()).unwrap();
    let why = scene.facts(&[]).incomplete.unwrap();
    assert!(why.contains(".mcp.json is protected") && why.contains("symbolic link"), "{why}");
}

#[test]
fn a_deny_outside_the_project_is_searched_for() {
    let scene = Scene::new();
    scene.write("../other/deep/token.key");
    let facts = scene.facts(&["Read(~/other/**/*.key)"]);
    assert_eq!(scene.held(&facts.unreadable), ["other/deep/token.key"]);
}

#[test]
fn the_home_directory_is_not_made_writable() {
    let mut scene = Scene::new();
    scene.place.project = scene.place.home.clone();
    let why = scene.facts(&[]).incomplete.unwrap();
    assert!(why.contains("cannot be made writable as a whole"), "{why}");
}

#[test]
fn hiding_the_project_itself_is_refused() {
    let scene = Scene::new();
    let why = scene.facts(&["Read(~/project/**)"]).incomplete.unwrap();
    assert!(why.contains("which holds a directory that must be writable"), "{why}");
}

#[test]
fn what_git_reads_from_elsewhere_is_held() {
    let scene = Scene::new();
    for path in [
        ".git/config",
        ".git/modules/sub/config",
        ".git/modules/sub/hooks/post-checkout",
        ".git/worktrees/wt/commondir",
        ".git/refs/heads/config",
        ".githooks/pre-commit",
        "extra.inc",
    ] {
        scene.write(path);
    }
    scene.write("sub/.git");
    fs::write(
        scene.place.project.join(".git/config").as_str(),
        "[core]\n\thooksPath = .githooks\n[include]\npath=../extra.inc\n",
    )
    .unwrap();
    let facts = scene.facts(&[]);
    assert_eq!(facts.incomplete, None);
    assert_eq!(
        scene.held(&facts.unwritable),
        [
            "project/.git/config",
            "project/.git/modules/sub/config",
            "project/.git/modules/sub/hooks",
            "project/.git/worktrees/wt/commondir",
            "project/.githooks",
            "project/extra.inc",
            "project/palisade",
            "project/sub/.git",
        ]
    );
}

#[test]
fn a_directory_of_protected_names_that_is_a_link_cannot_be_held() {
    let scene = Scene::new();
    scene.write("cfg/settings.json");
    symlink("cfg", scene.place.project.join(".claude").as_str()).unwrap();
    let why = scene.facts(&[]).incomplete.unwrap();
    assert!(why.contains(".claude is a symbolic link"), "{why}");
}

#[test]
fn a_protected_file_with_another_name_cannot_be_held() {
    let scene = Scene::new();
    scene.write(".mcp.json");
    fs::hard_link(scene.place.project.join(".mcp.json").as_str(), scene.place.project.join("other").as_str()).unwrap();
    let why = scene.facts(&[]).incomplete.unwrap();
    assert!(why.contains("has another name"), "{why}");
}

#[test]
fn a_directory_of_ones_own_that_cannot_be_listed_is_not_passed_over() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.write("closed/.git/config");
    let closed = scene.place.project.join("closed");
    fs::set_permissions(closed.as_str(), fs::Permissions::from_mode(0o300)).unwrap();
    let facts = scene.facts(&[]);
    fs::set_permissions(closed.as_str(), fs::Permissions::from_mode(0o700)).unwrap();
    // Root lists it all the same, and then holds what is in it.
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(facts.incomplete.is_none(), is_root, "{:?}", facts.incomplete);
    assert_eq!(scene.held(&facts.unwritable).contains(&"project/closed/.git/config".to_owned()), is_root);
}

#[test]
fn what_is_named_more_narrowly_is_opened_again() {
    let scene = Scene::new();
    for path in ["../notes/a/deep/x.pem", "../notes/a/key.pem", "../notes/b/key.pem", "../notes/pub.pem"] {
        scene.write(path);
    }
    let check = |lines: &[&str], hidden: &[&str], reopened: &[&str]| scene.check(lines, hidden, reopened, &[]);
    check(&["denyRead ~/notes", "allowRead ~/notes/a"], &["notes"], &["notes/a"]);
    check(&["allowRead ~/notes/a/**", "denyRead ~/notes/**"], &["notes"], &["notes/a"]);
    check(&["denyRead ~/notes/a", "allowRead ~/notes"], &["notes/a"], &[]);
    check(&["denyRead ~/notes", "allowRead ~/notes"], &["notes"], &[]);
    check(
        &["denyRead ~/notes", "allowRead ~/notes/a", "denyRead ~/notes/a/deep"],
        &["notes", "notes/a/deep"],
        &["notes/a"],
    );
    check(&["denyRead ~/notes", "allowRead ~/notes/*/*.pem"], &["notes"], &["notes/a/key.pem", "notes/b/key.pem"]);
    check(&["denyRead ~/notes", "allowRead ~/notes/absent"], &["notes"], &[]);
    check(&["allowRead ~/notes/a"], &[], &[]);
    // A name is narrower than a pattern, and a pattern no narrower than another.
    check(
        &["denyRead ~/notes/**/*.pem", "allowRead ~/notes/pub.pem"],
        &["notes/a/deep/x.pem", "notes/a/key.pem", "notes/b/key.pem"],
        &[],
    );
    check(&["denyRead ~/notes/*.pem", "allowRead ~/notes/*.pem"], &["notes/pub.pem"], &[]);
}

#[test]
fn what_does_not_yield_is_not_opened_again() {
    let scene = Scene::new();
    for path in ["../.ssh/id", "../.cargo/credentials.toml", "../.cargo/bin/x", "../state/journal/x", "../notes/a/x"] {
        scene.write(path);
    }
    let check = |lines: &[&str], hidden: &[&str], reopened: &[&str]| scene.check(lines, hidden, reopened, &[]);
    let home = ["", ".cargo/credentials.toml", ".ssh", "state"];
    check(
        &["denyRead ~", "allowRead ./project", "allowRead ~/.ssh", "allowRead ~/.ssh/id", "allowRead ~/state/journal"],
        &home,
        &["project"],
    );
    check(&["denyRead ~", "allowRead ./project", "allowRead ~/.cargo"], &home, &[".cargo", "project"]);
    for line in ["deny Read(~/notes/**)", "credential ~/notes"] {
        let hidden = [".cargo/credentials.toml", ".ssh", "notes", "state"];
        check(&[line, "allowRead ~/notes/a"], &hidden, &[]);
        check(&[line, "denyRead ~/notes", "allowRead ~/notes/a"], &hidden, &[]);
        check(&["denyRead ~/notes", "allowRead ~/notes/a", line], &hidden, &[]);
    }
}

#[test]
fn the_project_is_opened_again_where_all_around_it_is_hidden() {
    let scene = Scene::new();
    for path in ["../other/x", "sub/.env", "sub/secrets/x", "sub/secrets/open/.env"] {
        scene.write(path);
    }
    let check = |lines: &[&str], hidden: &[&str], reopened: &[&str]| scene.check(lines, hidden, reopened, &[]);
    check(
        &["denyRead ~", "allowRead ./project", "deny Read(.env)"],
        &["", "project/sub/.env", "project/sub/secrets/open/.env"],
        &["project"],
    );
    check(
        &["denyRead ~/project/sub/secrets", "allowRead ~/project/sub/secrets/open", "deny Read(.env)"],
        &["project/sub/.env", "project/sub/secrets", "project/sub/secrets/open/.env"],
        &["project/sub/secrets/open"],
    );
    check(
        &["denyRead ~/project/*/secrets", "allowRead ~/project/sub/secrets/open"],
        &["project/sub/secrets"],
        &["project/sub/secrets/open"],
    );
    for lines in [&["denyRead ~"][..], &["denyRead ~/*"], &["denyRead ~", "allowRead ./project/sub"]] {
        let why = scene.facts_of(lines).incomplete.unwrap();
        assert!(why.contains("`sandbox.filesystem.allowRead` opens it again"), "{lines:?}: {why}");
    }
    let why = scene.facts_of(&["denyRead /", "allowRead ./project"]).incomplete.unwrap();
    assert!(why.contains("hides `/`, without which nothing runs"), "{why}");
}

#[test]
fn a_link_opens_where_it_leads_and_nothing_else() {
    let scene = Scene::new();
    scene.write("../notes/a/x");
    scene.write("../.ssh/id");
    symlink("../notes/a", scene.place.home.join("notes/link").as_str()).unwrap();
    symlink("../.ssh", scene.place.home.join("notes/keys").as_str()).unwrap();
    let lines = ["denyRead ~/notes", "allowRead ~/notes/link", "allowRead ~/notes/keys"];
    scene.check(&lines, &[".ssh", "notes"], &["notes/a"], &[]);
}

#[test]
fn edit_rules_open_directories() {
    let scene = Scene::new();
    for path in ["../work/x", "../drafts/a.md", "../.ssh/id", "../.config/gh/hosts.yml", "src/a.rs"] {
        scene.write(path);
    }
    symlink("work", scene.place.home.join("alias").as_str()).unwrap();
    let check = |lines: &[&str], writable: &[&str]| {
        let facts = scene.facts_of(lines);
        assert_eq!(facts.incomplete, None, "{lines:?}");
        assert_eq!(scene.shown(&facts.writable[1..]), writable, "{lines:?}");
    };
    check(&["allow Edit(~/work/**)"], &["work"]);
    check(&["allow Edit(~/work)", "allow Edit(~/work/x)"], &["work"]);
    check(&["allow Edit(/work/**)"], &["work"]);
    check(&["allow Edit(src/**)", "allow Edit(*.rs)", "allow Edit(~/drafts/*.md)", "allow Edit(~/absent/**)"], &[]);
    check(&["allow Edit(~/**)", "allow Edit(//**)", "allow Edit(//tmp/**)", "allow Edit(//proc/self/**)"], &[]);
    check(&["allow Edit(~/alias/**)", "allow Read(~/work/**)"], &[]);
    // A deny wins, and nobody is stopped by a rule about edits.
    check(&["allow Edit(~/.ssh/**)"], &[]);
    check(&["allow Edit(~/work/**)", "deny Edit(~/work/**)"], &[]);
    check(&["allow Edit(~/work/**)", "deny Read(~/work)"], &[]);
    check(&["allow Edit(~/work/**)", "denyRead ~/work"], &[]);
    check(&["allow Edit(~/state/**)"], &[]);
}

/// What a small home directory holds.
const TREE: &[&str] = &[
    ".ssh/id",
    "notes/a/x",
    "notes/a/y.pem",
    "notes/b/y.pem",
    "project/src/a.rs",
    "project/private/x",
    "project/private/open/.env",
    "project/.mcp.json",
    "work/deep/x",
];
const DENIES: &[&str] = &[
    "deny Read(.env)",
    "deny Read(~/notes/**)",
    "deny Edit(~/work/deep/**)",
    "deny Edit(src/**)",
    "denyRead ~",
    "denyRead ~/notes",
    "denyRead ~/notes/*/*.pem",
    "denyRead ~/project/private",
    "denyRead ~/work",
    "denyWrite ~/work/deep",
    "denyWrite ~/project/src",
    "credential ~/notes/a",
];
const ALLOWS: &[&str] = &[
    "allow Edit(~/work/**)",
    "allow Edit(~/notes/a/**)",
    "allowWrite ~/work",
    "allowWrite ~/notes",
    "allowRead ~/project",
    "allowRead ~/notes/a",
    "allowRead ~/notes/*/x",
    "allowRead ~/notes/b/y.pem",
    "allowRead ~/work/**",
    "allowRead ~/project/private/open",
    "allowRead ~/.ssh",
];

/// Returns what may be read and what may be written, of the tree; `None` where nothing runs.
fn open(scene: &Scene, lines: &[&str]) -> Option<Vec<(bool, bool)>> {
    let facts = scene.facts_of(lines);
    if facts.incomplete.is_some() {
        return None;
    }
    let length = |path: &AbsPath| path.segments().count();
    let one = |text: &&str| {
        let path = scene.place.home.join(text);
        let inner = |paths: &mut dyn Iterator<Item = &AbsPath>| {
            paths.filter(|top| path.is_within(top)).map(length).max().unwrap_or(0)
        };
        let hidden = inner(&mut facts.unreadable.iter().map(|held| &held.path));
        let opened = inner(&mut facts.reopened.iter());
        let reads = hidden == 0 || opened > hidden;
        let closed = facts.unwritable.iter().any(|held| path.is_within(&held.path));
        (reads, reads && !closed && facts.writable.iter().any(|top| path.is_within(top)))
    };
    Some(TREE.iter().map(one).collect())
}

fn some_lines() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence([DENIES, ALLOWS].concat(), 0..8).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A deny more opens nothing, for reading or for writing, and the order of entries does not matter.
    #[test]
    fn a_deny_more_opens_nothing(lines in some_lines(), more in select(DENIES)) {
        let scene = Scene::new();
        for path in TREE {
            scene.write(&format!("../{path}"));
        }
        let before = open(&scene, &lines);
        let turned: Vec<&str> = lines.iter().rev().copied().collect();
        prop_assert_eq!(&before, &open(&scene, &turned), "in another order");
        let tighter: Vec<&str> = lines.iter().copied().chain([more]).collect();
        if let (Some(before), Some(after)) = (before, open(&scene, &tighter)) {
            for ((path, (read, write)), (still_read, still_write)) in TREE.iter().zip(before).zip(after) {
                prop_assert!(read >= still_read && write >= still_write, "{} is open by {}", path, more);
            }
        }
    }
}
