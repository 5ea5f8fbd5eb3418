//! The tree that both see as `/home`, and the world around it.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The home directory.
pub const HOME: &str = "/home/u";
/// The project.
pub const PROJECT: &str = "/home/u/proj";
/// Where a job finds its files.
pub const DESK: &str = "/mnt";

/// Which tree it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// The one written here.
    Own,
    /// The one that the collected cases assume, with ours below.
    Fixture,
}

/// Files of our own tree.
const FILES: [(&str, &str); 24] = [
    ("u/.bashrc", "# start\n"),
    ("u/.ssh/id_rsa", "the key\n"),
    ("u/notes.txt", "at home\n"),
    ("u/other/a.txt", "elsewhere\n"),
    ("u/shared/lib/a.txt", "shared\n"),
    ("u/proj2/a.txt", "another project\n"),
    ("outside/secret.txt", "secret\n"),
    ("u/proj/.env", "SECRET=1\n"),
    ("u/proj/.git/HEAD", "ref: refs/heads/main\n"),
    ("u/proj/.git/config", "[core]\n\trepositoryformatversion = 0\n"),
    ("u/proj/.git/refs/heads/.keep", ""),
    ("u/proj/.git/objects/.keep", ""),
    ("u/proj/a.txt", "one\ntwo\n"),
    ("u/proj/b.txt", "one\nthree\n"),
    ("u/proj/book.ipynb", "{\"cells\": [], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}\n"),
    ("u/proj/package.json", "{}\n"),
    ("u/proj/src/a.txt", "source\n"),
    ("u/proj/src/main.rs", "fn main() {}\n"),
    ("u/proj/src/deep/b.txt", "deep\n"),
    ("u/proj/docs/guide.md", "# guide\n"),
    ("u/proj/secrets/a", "secret\n"),
    ("u/proj/.claude/settings.json", "{}\n"),
    ("u/proj/.claude/skills/hello/SKILL.md", "---\nname: hello\ndescription: says hello\n---\nSay hello.\n"),
    ("u/proj/.claude/skills/bye/SKILL.md", "---\nname: bye\ndescription: says bye\n---\nSay bye.\n"),
];

/// Links of our own tree.
const LINKS: [(&str, &str); 5] = [
    ("u/proj/outlink", "/home/outside"),
    ("u/proj/linkdir", "/home/u"),
    ("u/proj/link_env", ".env"),
    ("u/proj/link_a", "a.txt"),
    ("u/proj/link_new", "/home/outside/new.txt"),
];

impl Tree {
    /// Returns its name in a line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Fixture => "fixture",
        }
    }

    /// Returns the tree of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "own" => Ok(Self::Own),
            "fixture" => Ok(Self::Fixture),
            other => Err(format!("`{other}` is no tree")),
        }
    }

    /// Makes it in a directory of its own.
    pub(super) fn plant(self) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        if self == Self::Fixture {
            let corpora = PathBuf::from(std::env::var_os("PALISADE_CORPORA").expect("PALISADE_CORPORA is not set"));
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(corpora.join("fixture.tgz")).arg("-C").arg(root);
            assert!(tar.status().unwrap().success(), "the collected tree cannot be unpacked");
        }
        for (name, text) in FILES {
            let path = root.join(name);
            if !path.exists() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
        for (name, leads_to) in LINKS {
            let path = root.join(name);
            if path.symlink_metadata().is_err() {
                symlink(leads_to, path).unwrap();
            }
        }
        directory
    }
}

/// Returns the first line of a file of our own tree that is named plainly.
pub(super) fn first_line(path: &str) -> Option<&'static str> {
    let below = path.strip_prefix("/home/")?;
    let (_, text) = FILES.iter().find(|(name, _)| *name == below)?;
    text.lines().next()
}

/// Returns a command in a world where the tree is `/home`, the desk is [`DESK`], everything else is read-only
/// and there is no network.
pub(super) fn world(tree: &Path, desk: &Path, programs: &[(&Path, &str)]) -> Command {
    let mut world = Command::new("bwrap");
    world.args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    world.arg("--bind").args([tree, Path::new("/home")]).arg("--bind").args([desk, Path::new(DESK)]);
    for (program, name) in programs {
        world.arg("--ro-bind").arg(program).arg(format!("{DESK}/{name}"));
    }
    world.args(["--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--chdir", PROJECT, "--"]);
    world
}

/// The files of a tree, and what is in them.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Returns every file below a directory with what is in it.
pub(super) fn files(root: &Path) -> Files {
    let mut found = BTreeMap::new();
    list(root, "", &mut found);
    found
}

fn list(directory: &Path, prefix: &str, found: &mut Files) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            list(&entry.path(), &name, found);
            found.insert(name, Vec::new());
        } else if kind.is_file() {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        } else {
            found.insert(name, format!("{:?}", std::fs::read_link(entry.path())).into_bytes());
        }
    }
}
