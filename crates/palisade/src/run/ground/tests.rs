#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use policy::AbsPath;

use super::Ground;

struct Scene {
    _keep: tempfile::TempDir,
    root: AbsPath,
    ground: Ground,
}

/// Makes a writable project with a held directory in it, and a directory beside it.
fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(directory.path()).unwrap();
    let root = AbsPath::parse(real.to_str().unwrap()).unwrap();
    for name in ["project/held", "project/below", "beside"] {
        std::fs::create_dir_all(root.join(name).as_str()).unwrap();
    }
    let ground = Ground {
        written: vec![root.join("project")],
        held: vec![root.join("project/held")],
        unreadable: vec![root.join("beside"), root.join("beside/open/closed")],
        reopened: vec![root.join("beside/open")],
        readable: Some(vec![root.join("beside/open")]),
    };
    Scene { _keep: directory, root, ground }
}

impl Scene {
    fn link(&self, target: &str, name: &str) {
        symlink(self.root.join(target).as_str(), self.root.join(name).as_str()).unwrap();
    }

    /// Returns what is found at a path, below the scene's root.
    fn find(&self, name: &str) -> String {
        let found = self.ground.find(&self.root.join(name));
        self.shown(found.map(|found| found.real.to_string()).unwrap_or_else(|lost| lost.to_string()))
    }

    fn read(&self, name: &str) -> String {
        let read = self.ground.read(&self.root.join(name));
        self.shown(read.map(|bytes| String::from_utf8(bytes).unwrap()).unwrap_or_else(|lost| lost.to_string()))
    }

    fn shown(&self, text: String) -> String {
        text.replace(self.root.as_str(), "")
    }
}

#[test]
fn no_link_of_a_command_leads_to_a_socket() {
    let scene = scene();
    let _servers = ["beside/socket", "project/below/socket"]
        .map(|name| UnixListener::bind(scene.root.join(name).as_str()).unwrap());
    scene.link("beside/socket", "project/link");
    scene.link("beside", "project/parent");
    scene.link("beside/socket", "project/held/link");
    scene.link("project/below", "way");
    scene.link("project/link", "onwards");
    let rows = [
        ("beside/socket", "/beside/socket"),
        ("project/below/socket", "/project/below/socket"),
        ("project/link", "/project/link is a link that a command could have laid"),
        ("project/parent/socket", "/project/parent is a link that a command could have laid"),
        ("project/held/link", "/beside/socket"),
        ("way/socket", "/project/below/socket"),
        ("onwards", "/project/link is a link that a command could have laid"),
        ("project/none", "it is not there"),
    ];
    assert_eq!(rows.map(|(name, _)| (name, scene.find(name))), rows.map(|(name, found)| (name, found.to_owned())));
}

#[test]
fn no_file_of_a_command_is_believed() {
    let scene = scene();
    for name in ["beside/file", "project/file", "project/held/file"] {
        std::fs::write(scene.root.join(name).as_str(), name).unwrap();
    }
    scene.link("project/file", "way");
    scene.link("beside/file", "project/link");
    let rows = [
        ("beside/file", "beside/file"),
        ("project/held/file", "project/held/file"),
        ("project/file", "a command could have written /project/file"),
        ("way", "a command could have written /project/file"),
        ("project/link", "/project/link is a link that a command could have laid"),
        ("none", "it is not there"),
        ("beside", "it is no regular file"),
    ];
    assert_eq!(rows.map(|(name, _)| (name, scene.read(name))), rows.map(|(name, read)| (name, read.to_owned())));
}

#[test]
fn of_what_hides_and_what_opens_the_inner_one_counts() {
    let scene = scene();
    let hides = |name: &str| scene.ground.hides(&scene.root.join(name)).map(|path| scene.shown(path.to_string()));
    let shown = ["project/a", "beside/a", "beside/open/a", "beside/open/closed/a"].map(hides);
    assert_eq!(shown, [None, Some("/beside".into()), None, Some("/beside/open/closed".into())]);
}

#[test]
fn what_is_not_there_inside_is_known() {
    let mut scene = scene();
    let names = ["project/a", "beside/open/a", "beside/a"];
    let has = |scene: &Scene| names.map(|name| scene.ground.has(&scene.root.join(name)));
    assert_eq!(has(&scene), [true, true, false]);
    scene.ground.readable = None;
    assert_eq!(has(&scene), [true; 3]);
}
