#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::fs;
use std::os::unix::fs::symlink;

use policy::facts::{BoundaryFacts, Entry};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Policy};

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
            profile: Profile::Open,
            caches: None,
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
        let mut layer = Layer::empty(Scope::User, "user.json", self.place.home.clone());
        for (index, rule) in denies.iter().enumerate() {
            let origin =
                Origin { scope: Scope::User, file: "user.json".to_owned(), line: u32::try_from(index).unwrap() };
            layer.deny.push(Sourced { value: (*rule).to_owned(), origin });
        }
        let (policy, diagnostics) = Policy::compile(&[layer], &self.place.home);
        assert_eq!(diagnostics, []);
        gather(&policy, &self.place, std::slice::from_ref(&self.place.project))
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
