#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::facts::{BoundaryFacts, Held};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Policy};
use proptest::prelude::*;

use crate::facts::boundary::gather;
use crate::place::{Kept, Place, Profile};

const DENIES: [&str; 6] =
    ["Read(.env)", "Read(*.key)", "Read(~/other/**/*.pem)", "Edit(dist/**)", "Edit(/d1/*.lock)", "Read(d2/secret)"];

/// A project whose walks are kept, and another directory that a rule is about.
struct Scene {
    keep: tempfile::TempDir,
    place: Place,
    policy: Policy,
    /// The next time that a changed directory gets.
    tick: u64,
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = AbsPath::parse(fs::canonicalize(keep.path()).unwrap().to_str().unwrap()).unwrap();
        let home = root.join("home");
        let kept = Kept { directory: root.join("walks"), now_ms: 0 };
        let place = Place {
            home: home.clone(),
            project: home.join("project"),
            own_unwritable: Vec::new(),
            own_unreadable: Vec::new(),
            kept: Some(kept),
            programs: Vec::new(),
            profile: Profile::Open,
            caches: None,
            is_proxied: false,
        };
        for name in ["project", "other"] {
            fs::create_dir_all(home.join(name).as_str()).unwrap();
        }
        let mut layer = Layer::empty(Scope::User, "user.json", home.join("project"));
        for rule in DENIES {
            let origin = Origin { scope: Scope::User, file: "user.json".to_owned(), line: 1 };
            layer.deny.push(Sourced { value: rule.to_owned(), origin });
        }
        let (policy, diagnostics) = Policy::compile(&[layer], &home);
        assert_eq!(diagnostics, []);
        Self { keep, place, policy, tick: 1 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.keep.path().canonicalize().unwrap().join("home").join(name)
    }

    /// Walks some time later, when every time of a file is old.
    fn walk(&mut self, kept: bool) -> BoundaryFacts {
        let hour = Duration::from_secs(3_600 + self.tick);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + hour;
        let directory = AbsPath::parse(self.walks().to_str().unwrap()).unwrap();
        let now_ms = i64::try_from(now.as_millis()).unwrap();
        self.place.kept = kept.then_some(Kept { directory, now_ms });
        gather(&self.policy, &self.place, std::slice::from_ref(&self.place.project), &|| ())
    }

    fn walks(&self) -> PathBuf {
        self.keep.path().canonicalize().unwrap().join("walks")
    }

    /// Returns the file in which walks are kept.
    fn file(&self) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(self.walks()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    /// Lets time pass for a directory that changed: the clock of file systems is coarser than a test is fast.
    fn touch(&mut self, directory: &std::path::Path) {
        self.tick += 1;
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000 + self.tick);
        if let Ok(file) = fs::File::open(directory) {
            let _ = file.set_times(fs::FileTimes::new().set_modified(time));
        }
    }

    /// Returns how much of what is held is not the machine's.
    fn own(&self, held: &[Held]) -> usize {
        held.iter().filter(|held| held.path.is_within(&self.place.home)).count()
    }

    #[track_caller]
    fn check(&mut self) {
        let (again, fresh) = (self.walk(true), self.walk(false));
        assert_eq!(again, fresh);
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(String),
    Directory(String),
    Remove(String),
    Rename(String, String),
    Link(String, String),
    HardLink(String, String),
    Closed(String, bool),
}

fn place() -> impl Strategy<Value = String> {
    let top = prop_oneof![4 => Just("project"), 1 => Just("other")];
    let names = [
        "d1",
        "d2",
        "d3",
        "dist",
        ".git",
        ".git/hooks",
        ".git/config",
        ".git/modules",
        "config",
        ".env",
        "a.key",
        "b.pem",
        "c.lock",
        "secret",
        ".mcp.json",
        ".vscode",
        "plain",
        "x",
    ];
    (top, proptest::collection::vec(proptest::sample::select(names.to_vec()), 1..4))
        .prop_map(|(top, parts)| format!("{top}/{}", parts.join("/")))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => place().prop_map(Change::Write),
        3 => place().prop_map(Change::Directory),
        1 => place().prop_map(Change::Remove),
        2 => (place(), place()).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => (place(), place()).prop_map(|(from, to)| Change::Link(from, to)),
        1 => (place(), place()).prop_map(|(from, to)| Change::HardLink(from, to)),
        1 => (place(), any::<bool>()).prop_map(|(path, closed)| Change::Closed(path, closed)),
    ]
}

impl Scene {
    /// Makes a change, as far as it can be made, and returns the directories that changed.
    fn change(&self, change: &Change) -> Vec<PathBuf> {
        let above = |path: &PathBuf| path.parent().unwrap().to_path_buf();
        match change {
            Change::Write(name) => {
                let path = self.path(name);
                let _ = fs::create_dir_all(above(&path));
                let _ = fs::write(&path, "[core]\nhooksPath = d3/hooks\n[include]\npath = ../x\n");
                vec![above(&path), above(&above(&path)), above(&above(&above(&path)))]
            }
            Change::Directory(name) => {
                let path = self.path(name);
                let _ = fs::create_dir_all(&path);
                vec![above(&path), above(&above(&path)), above(&above(&above(&path)))]
            }
            Change::Remove(name) => {
                let path = self.path(name);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                vec![above(&path)]
            }
            Change::Rename(from, to) => {
                let _ = fs::rename(self.path(from), self.path(to));
                vec![above(&self.path(from)), above(&self.path(to))]
            }
            Change::Link(from, to) => {
                let _ = fs::remove_file(self.path(to));
                let _ = symlink(self.path(from), self.path(to));
                vec![above(&self.path(to))]
            }
            Change::HardLink(from, to) => {
                let _ = fs::hard_link(self.path(from), self.path(to));
                vec![above(&self.path(to))]
            }
            Change::Closed(name, closed) => {
                let path = self.path(name);
                if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                    let _ = fs::set_permissions(&path, fs::Permissions::from_mode(if *closed { 0 } else { 0o700 }));
                }
                vec![]
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_answers_as_a_fresh_walk(
        rounds in proptest::collection::vec(proptest::collection::vec(change(), 1..8), 1..8)
    ) {
        let mut scene = Scene::new();
        for round in rounds {
            for change in round {
                for directory in scene.change(&change) {
                    scene.touch(&directory);
                }
            }
            let (again, fresh) = (scene.walk(true), scene.walk(false));
            prop_assert_eq!(again, fresh);
        }
    }

    #[test]
    fn a_damaged_file_is_none(at in 0.0..1.0_f64, byte in any::<u8>(), cut in any::<bool>()) {
        let mut scene = grown();
        let file = scene.file();
        let mut bytes = fs::read(&file).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
        let at = (bytes.len() as f64 * at) as usize;
        if cut { bytes.truncate(at) } else { bytes[at] ^= byte }
        fs::write(&file, bytes).unwrap();
        scene.check();
    }
}

proptest! {
    #[test]
    fn bytes_that_only_look_right_are_none_or_a_tree(
        changes in proptest::collection::vec((0.0..1.0_f64, any::<u8>()), 1..4), cut in proptest::option::of(0.0..1.0_f64)
    ) {
        use sha2::{Digest, Sha256};
        let scene = grown();
        let mut bytes = fs::read(scene.file()).unwrap();
        let head = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
        let place = |length: usize, at: f64| (length as f64 * at) as usize;
        let mut body = bytes.split_off(head + 32);
        for (at, byte) in changes {
            let at = place(body.len(), at);
            body[at] ^= byte;
        }
        if let Some(at) = cut {
            body.truncate(place(body.len(), at));
        }
        bytes.truncate(head);
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        for nodes in super::form::parse(&bytes, &scene.key(), i64::MAX).unwrap_or_default().values() {
            for (at, node) in nodes.iter().enumerate().skip(1) {
                prop_assert!(node.parent < at);
                let names = node.listed.directories.iter().chain(node.listed.marked.iter().map(|named| &named.name));
                prop_assert!(names.chain([&node.name]).all(|name| !name.is_empty() && !name.contains('/') && *name != ".."));
            }
        }
    }
}

/// Returns what is kept.
fn walks(kept: &Kept, key: &super::Key) -> Option<BTreeMap<String, super::Nodes<'static>>> {
    let bytes: &'static [u8] = super::read(kept, key)?.leak();
    super::form::parse(bytes, key, kept.now_ms)
}

/// Returns a scene that was walked.
fn grown() -> Scene {
    let mut scene = Scene::new();
    for name in ["project/.env", "project/d1/c.lock", "project/d2/d3/.git/config", "other/d1/b.pem", "project/plain/x"]
    {
        scene.change(&Change::Write(name.to_owned()));
    }
    let first = scene.walk(true);
    assert_eq!(first.incomplete, None);
    assert_eq!((scene.own(&first.unreadable), scene.own(&first.unwritable)), (2, 2), "{first:?}");
    scene
}

#[test]
fn a_walk_is_written_once() {
    let mut scene = grown();
    let first = fs::metadata(scene.file()).unwrap().modified().unwrap();
    let text = fs::read(scene.file()).unwrap();
    scene.check();
    let second = fs::metadata(scene.file()).unwrap().modified().unwrap();
    assert_eq!((first, text), (second, fs::read(scene.file()).unwrap()));
}

#[test]
fn what_is_kept_is_used() {
    let mut scene = grown();
    // A name that comes and a directory's times that are set back by one who may set both: no program can.
    let mut told = walks(&scene.kept(), &super::Key::of("another"));
    assert!(told.is_none());
    told = walks(&scene.kept(), &scene.key());
    let mut kept_walks = told.unwrap();
    let nodes = kept_walks.get_mut(&format!("writable {}", scene.place.project)).unwrap();
    assert!(nodes.iter().all(|node| node.stamp.is_some()));
    nodes[0].listed.marked.clear();
    super::file::write(&scene.kept(), &scene.key(), &kept_walks);
    let found = scene.walk(true);
    assert!(!found.unreadable.iter().any(|held| held.path.name() == Some(".env")), "{found:?}");
}

impl Scene {
    fn kept(&self) -> Kept {
        self.place.kept.clone().unwrap()
    }

    fn key(&self) -> super::Key {
        crate::facts::boundary::key(&self.policy, &self.place)
    }
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_seen() {
    let mut scene = Scene::new();
    for round in 0..50 {
        // Now is now: the times are too young to be relied on.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let directory = AbsPath::parse(scene.walks().to_str().unwrap()).unwrap();
        scene.place.kept = Some(Kept { directory, now_ms: i64::try_from(now.as_millis()).unwrap() });
        let facts = gather(&scene.policy, &scene.place, std::slice::from_ref(&scene.place.project), &|| ());
        assert_eq!(scene.own(&facts.unreadable), round, "round {round}");
        fs::write(scene.path(&format!("project/{round}.key")), "x").unwrap();
    }
}

#[test]
fn a_clock_that_went_back_means_a_fresh_walk() {
    let scene = grown();
    let kept = scene.kept();
    assert!(walks(&kept, &scene.key()).is_some());
    let before = Kept { now_ms: kept.now_ms - 1, ..kept };
    assert!(walks(&before, &scene.key()).is_none());
}

#[test]
fn files_that_others_may_touch_do_not_count() {
    let scene = grown();
    let (kept, key, file) = (scene.kept(), scene.key(), scene.file());
    let counts = || walks(&kept, &key).is_some();
    let mode = |path: &PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert!(counts());
    mode(&file, 0o644);
    assert!(!counts());
    mode(&file, 0o600);
    mode(&scene.walks(), 0o755);
    assert!(!counts());
    mode(&scene.walks(), 0o700);
    assert!(counts());
    fs::hard_link(&file, scene.path("another")).unwrap();
    assert!(!counts());
    fs::rename(&file, scene.path("moved")).unwrap();
    symlink(scene.path("moved"), &file).unwrap();
    assert!(!counts());
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(!counts());
}

#[test]
fn many_writers_and_one_that_was_killed_leave_one_whole_file() {
    let mut scene = grown();
    let first = fs::read(scene.file()).unwrap();
    fs::write(scene.walks().join("unfinished"), &first[..first.len() / 2]).unwrap();
    let (kept, key) = (scene.kept(), scene.key());
    let kept_walks = walks(&kept, &key).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    super::file::write(&kept, &key, &kept_walks);
                    assert_eq!(walks(&kept, &key).as_ref(), Some(&kept_walks));
                }
            });
        }
    });
    let _ = fs::remove_file(scene.walks().join("unfinished"));
    assert_eq!(fs::read(scene.file()).unwrap(), first);
    scene.check();
}

#[test]
fn a_bounded_number_of_files_is_kept() {
    let scene = grown();
    let kept_walks = walks(&scene.kept(), &scene.key()).unwrap();
    for number in 0..crate::limits::KEPT_FILES_MAX + 5 {
        super::file::write(&scene.kept(), &super::Key::of(number), &kept_walks);
    }
    assert_eq!(fs::read_dir(scene.walks()).unwrap().count(), crate::limits::KEPT_FILES_MAX);
}

#[test]
fn a_large_tree_is_looked_at_by_two() {
    let mut scene = grown();
    for number in 0..crate::limits::WALK_ALONE_MAX + 100 {
        scene.change(&Change::Directory(format!("project/many/{number}")));
    }
    scene.check();
    scene.check();
    fs::write(scene.path("project/many/500/.env"), "x").unwrap();
    scene.touch(&scene.path("project/many/500"));
    let found = scene.walk(true);
    assert!(found.unreadable.iter().any(|held| held.path.as_str().ends_with("many/500/.env")));
    scene.check();
}
