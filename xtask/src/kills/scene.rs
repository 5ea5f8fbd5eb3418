//! The project that commands are killed in, and how they are started there.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::trial::{Program, Trial};
use crate::place::output;

/// The number of the ordinary user.
const NOBODY: u32 = 65534;
/// What `palisade run` holds apart from its own tables.
const SETTINGS: &str = r#"{"permissions": {"deny": ["Read(./.env)", "Edit(./held/**)"]}}"#;

/// The project and the programs.
pub(super) struct Scene {
    base: PathBuf,
    launch: PathBuf,
    palisade: PathBuf,
    users: Vec<User>,
    has_strace: bool,
}

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Own,
    Nobody,
}

impl Scene {
    /// Makes a project for each user.
    pub(super) fn new(base: &Path, launch: &Path, palisade: &Path) -> anyhow::Result<Self> {
        let is_root = rustix::process::geteuid().is_root()
            && fs::read_to_string("/proc/self/uid_map")?.trim().ends_with("4294967295");
        let users = if is_root { vec![User::Own, User::Nobody] } else { vec![User::Own] };
        let has_strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
        let scene =
            Self { base: base.to_owned(), launch: launch.to_owned(), palisade: palisade.to_owned(), users, has_strace };
        for user in &scene.users {
            let project = scene.project(*user);
            for name in ["home/.claude", "project/.git/hooks", "project/src", "project/work", "project/held/deep"] {
                fs::create_dir_all(scene.of(*user).join(name))?;
            }
            for name in
                [".git/config", ".git/HEAD", ".git/hooks/sample", ".env", "src/lib.rs", "held/deep/file", "held/other"]
            {
                fs::write(project.join(name), name)?;
            }
            fs::write(scene.of(*user).join("secret"), "secret")?;
            fs::write(scene.of(*user).join("home/.claude/settings.json"), SETTINGS)?;
            fs::create_dir_all(scene.state(*user))?;
            if *user == User::Nobody {
                give(&scene.of(*user))?;
                give(&scene.apart(*user))?;
            }
        }
        Ok(scene)
    }

    fn of(&self, user: User) -> PathBuf {
        self.base.join("watched").join(name(user))
    }

    pub(super) fn project(&self, user: User) -> PathBuf {
        self.of(user).join("project")
    }

    /// Returns the directory in which nothing may change: the command's own work lies elsewhere.
    pub(super) fn watched(&self) -> PathBuf {
        self.base.join("watched")
    }

    pub(super) fn users(&self) -> &[User] {
        &self.users
    }

    pub(super) fn has_strace(&self) -> bool {
        self.has_strace
    }

    /// Returns what there is to say about the runs as a whole.
    pub(super) fn told(&self) -> String {
        let users = if self.users.contains(&User::Nobody) { "as root and as an ordinary user" } else { "as one user" };
        let calls = if self.has_strace { "by time and by call" } else { "by time only: STRACE IS NOT INSTALLED" };
        format!("{users}, {calls}")
    }

    /// Returns what is wrong with the journals of the runs.
    pub(super) fn journals(&self) -> anyhow::Result<Vec<String>> {
        let mut wrong = Vec::new();
        for user in &self.users {
            if self.state(*user).join("palisade/journal").is_dir() {
                let mut verify = self.plain(*user, &self.palisade);
                verify.args(["audit", "verify"]);
                wrong.extend(output(&mut verify).err().map(|error| format!("the journal: {error:#}")));
            }
        }
        Ok(wrong)
    }

    /// Where the journal is: outside of what is watched.
    fn state(&self, user: User) -> PathBuf {
        self.apart(user).join("state")
    }

    /// Where a traced run says what was killed.
    pub(super) fn trace(&self, user: User) -> PathBuf {
        self.apart(user).join("trace")
    }

    /// A directory that changes.
    fn apart(&self, user: User) -> PathBuf {
        self.base.join("apart").join(name(user))
    }

    pub(super) fn plain(&self, user: User, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.project(user)).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.of(user).join("home")).env("XDG_STATE_HOME", self.state(user));
        // Private caches stay: they are the project's.
        command.env("XDG_CACHE_HOME", self.apart(user).join("cache"));
        if user == User::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Starts another command in the same place and waits for it.
    pub(super) fn start_next(&self, trial: &Trial) -> anyhow::Result<()> {
        let mut words = self.words(trial);
        if let Some(last) = words.last_mut() {
            *last = "true".to_owned();
        }
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut command = self.plain(trial.user, Path::new(program));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok(())
    }

    pub(super) fn words(&self, trial: &Trial) -> Vec<String> {
        let own = self.of(trial.user);
        let text = |name: &str| own.join(name).display().to_string();
        let mut words = match trial.program {
            Program::Palisade => vec![self.palisade.display().to_string(), "run".to_owned(), "--quiet".to_owned()],
            Program::Launch => {
                let mut words = vec![self.launch.display().to_string(), "launch".to_owned()];
                for (option, name) in [
                    ("--writable", "project"),
                    ("--close", "project/.git/hooks"),
                    ("--close", "project/.git/config"),
                    ("--close", "project/held/deep/file"),
                    ("--close", "project/absent/name"),
                    ("--hide", "project/.env"),
                    ("--hide", "project/absent-too"),
                    ("--hide", "secret"),
                    ("--cwd", "project"),
                ] {
                    words.extend([option.to_owned(), text(name)]);
                }
                words.extend(["--report".to_owned(), String::new()]);
                words
            }
        };
        words.extend(["--", "sh", "-c", trial.command].map(str::to_owned));
        words
    }
}

fn name(user: User) -> &'static str {
    match user {
        User::Own => "own",
        User::Nobody => "nobody",
    }
}

fn give(directory: &Path) -> anyhow::Result<()> {
    chown(directory, Some(NOBODY), Some(NOBODY))?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { give(&path)? } else { chown(&path, Some(NOBODY), Some(NOBODY))? }
    }
    Ok(())
}
