#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::fs;
use std::os::unix::fs::symlink;

use policy::controls::Reading;
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Policy};

use super::{caches, reading};
use crate::place::{CachePlace, Named, Place, Profile};

struct Scene {
    _keep: tempfile::TempDir,
    root: AbsPath,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = AbsPath::parse(fs::canonicalize(keep.path()).unwrap().to_str().unwrap()).unwrap();
        let place = Place {
            home: root.join("home"),
            project: root.join("home/project"),
            own_unwritable: Vec::new(),
            own_unreadable: Vec::new(),
            kept: None,
            programs: Vec::new(),
            profile: Profile::Closed(Vec::new()),
            caches: Some(CachePlace {
                directory: root.join("home/.cache/palisade"),
                host: Vec::new(),
                more: Vec::new(),
            }),
            is_proxied: false,
        };
        for name in ["home/project", "home/docs", "home/.cargo/registry", "tools/1.2/bin", "go"] {
            fs::create_dir_all(root.join(name).as_str()).unwrap();
        }
        symlink("1.2", root.join("tools/current").as_str()).unwrap();
        Self { _keep: keep, root, place }
    }

    /// Returns what may be read below the scene, one a line, under these allow rules.
    fn readable(&self, allows: &[&str]) -> Vec<String> {
        let mut layer = Layer::empty(Scope::User, "user.json", self.place.home.clone());
        for rule in allows {
            let origin = Origin { scope: Scope::User, file: "user.json".to_owned(), line: 1 };
            layer.allow.push(Sourced { value: (*rule).to_owned(), origin });
        }
        let (policy, _) = Policy::compile(&[layer], &self.place.home);
        let Reading::Closed(readable) = reading(&policy, &self.place).unwrap() else { return vec!["all".to_owned()] };
        let row = |one: &policy::controls::Readable| {
            let below = one.path.below(&self.root)?;
            Some(match &one.link {
                Some(link) => format!("{below} -> {link}: {}", one.why),
                None => format!("{below}: {}", one.why),
            })
        };
        readable.iter().filter_map(row).collect()
    }
}

#[test]
fn the_open_profile_lets_everything_be_read() {
    let mut scene = Scene::new();
    scene.place.profile = Profile::Open;
    assert_eq!(scene.readable(&[]), ["all"]);
}

#[test]
fn what_programs_need_is_there() {
    let scene = Scene::new();
    let Reading::Closed(readable) = reading(&Policy::default(), &scene.place).unwrap() else { panic!("closed") };
    assert!(readable.iter().any(|one| one.path.as_str() == "/usr" && one.link.is_none()));
    assert!(!readable.iter().any(|one| ["/", "/etc", "/home", "/root"].contains(&one.path.as_str())));
    assert_eq!(scene.readable(&[]), [""; 0]);
}

#[test]
fn rules_grant_what_they_name_whole() {
    let scene = Scene::new();
    assert_eq!(
        scene.readable(&[
            "Read(~/docs/**)",
            "Read(~/docs/*.md)",
            "Read(//**)",
            "Read(~/missing)",
            "Edit(~/other)",
            "Read(//proc/**)"
        ]),
        ["home/docs: Read(~/docs/**)"]
    );
}

#[test]
fn what_the_environment_names_is_there_with_its_links_and_never_the_home() {
    let mut scene = Scene::new();
    let named = |path: &str| Named { path: scene.root.join(path), why: "PATH".to_owned() };
    scene.place.profile = Profile::Closed(vec![named("tools/current/bin"), named("home"), named("")]);
    assert_eq!(scene.readable(&[]), ["tools/current -> 1.2: PATH", "tools/1.2/bin: PATH"]);
}

#[test]
fn each_project_has_a_place_of_its_own_with_what_the_host_has() {
    let mut scene = Scene::new();
    let first = caches(&scene.place).unwrap();
    assert_eq!(first.directory.parent().unwrap(), scene.root.join("home/.cache/palisade"));
    let seeds = |found: &policy::controls::Caches| -> Vec<(String, String)> {
        let row = |seed: &policy::controls::Seed| {
            (seed.from.below(&scene.root).unwrap().to_owned(), seed.at.below(&found.directory).unwrap().to_owned())
        };
        found.seeds.iter().map(row).collect()
    };
    let cargo = ("home/.cargo/registry".to_owned(), "cargo/registry".to_owned());
    assert_eq!(seeds(&first), std::slice::from_ref(&cargo));

    let host = vec![("GOMODCACHE".to_owned(), scene.root.join("go"))];
    let place = CachePlace { directory: scene.root.join("home/.cache/palisade"), host, more: Vec::new() };
    let second =
        caches(&Place { caches: Some(place), project: scene.root.join("home"), ..scene.place.clone() }).unwrap();
    assert_ne!(first.directory, second.directory);
    assert_eq!(seeds(&second), [cargo, ("go".to_owned(), "go-mod".to_owned())]);

    scene.place.caches = None;
    assert_eq!(caches(&scene.place), None);
}
