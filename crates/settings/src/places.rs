//! Where settings are looked for.

use policy::{AbsPath, Scope};

use crate::env::{self, Environment};
use crate::say::printable;

/// The system's directory of Claude Code's managed settings.
const MANAGED_CLAUDE: &str = "/etc/claude-code";
/// The system's directory of Palisade's managed settings.
const MANAGED_PALISADE: &str = "/etc/palisade";

/// Whose format a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Claude Code's: keys that do not concern Palisade are left alone.
    Claude,
    /// Palisade's own: every key must be known.
    Palisade,
}

/// Whether files are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// The user's and the folder's files are looked for; the folder counts as far as it is trusted.
    Discovered,
    /// Only `--settings` counts, beside what the administrator set; the folder counts as trusted.
    OnlyGiven,
}

/// Everything that says where settings are. The program fills it once; nothing here is global.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The home directory.
    pub home: AbsPath,
    /// The start directory, with links resolved.
    pub project: AbsPath,
    /// The root of the git repository that holds the start directory, with links resolved.
    pub git_root: Option<AbsPath>,
    /// The directory of Claude Code's managed files. Read under either [`Discovery`] when given.
    pub managed_claude: Option<AbsPath>,
    /// The directory of Palisade's managed files. Read under either [`Discovery`] when given.
    pub managed_palisade: Option<AbsPath>,
    /// `CLAUDE_CONFIG_DIR`, when it replaces `~/.claude`.
    pub claude_config_dir: Option<AbsPath>,
    /// What replaces `~/.config`.
    pub xdg_config_home: Option<AbsPath>,
    /// The `--settings` arguments in order: a path, or JSON text that begins with `{`.
    pub given: Vec<String>,
    /// Whether files are looked for.
    pub discovery: Discovery,
}

/// One file that may be there.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) scope: Scope,
    pub(crate) owner: Owner,
    pub(crate) path: AbsPath,
    pub(crate) anchor: AbsPath,
    /// The folder that the file must truly lie in to widen, for files that come with a folder.
    pub(crate) folder: Option<AbsPath>,
}

impl Places {
    /// Returns the usual places for a start directory: what the environment and the system say.
    pub fn usual(environment: &Environment, project: AbsPath, git_root: Option<AbsPath>) -> Self {
        Self {
            home: environment.home().clone(),
            project,
            git_root,
            managed_claude: AbsPath::parse(MANAGED_CLAUDE),
            managed_palisade: AbsPath::parse(MANAGED_PALISADE),
            claude_config_dir: environment.path(env::Variable::ClaudeConfigDir),
            xdg_config_home: environment.path(env::Variable::XdgConfigHome),
            given: Vec::new(),
            discovery: Discovery::Discovered,
        }
    }

    /// Returns the directory of Claude Code's user files.
    pub fn claude_dir(&self) -> AbsPath {
        self.claude_config_dir.clone().unwrap_or_else(|| self.home.join(".claude"))
    }

    /// Returns the directory of Palisade's user files.
    pub fn palisade_dir(&self) -> AbsPath {
        self.xdg_config_home.clone().unwrap_or_else(|| self.home.join(".config")).join("palisade")
    }

    /// Returns the file of Palisade's trust records.
    pub fn trust_store(&self) -> AbsPath {
        self.palisade_dir().join("trust.json")
    }

    /// Returns the file in which Claude Code records trusted folders.
    pub fn claude_state(&self) -> AbsPath {
        self.claude_config_dir.as_ref().unwrap_or(&self.home).join(".claude.json")
    }

    /// Returns the folder whose trust counts: the git root, or the start directory without one.
    pub fn trust_key(&self) -> &AbsPath {
        self.repository().unwrap_or(&self.project)
    }

    /// Returns the git root, unless it is the home directory or holds it: a repository of dot files
    /// says nothing about the folders in it.
    pub(crate) fn repository(&self) -> Option<&AbsPath> {
        self.git_root.as_ref().filter(|root| !self.home.is_within(root))
    }

    /// Returns a path as messages name it: below the home directory it begins with `~`.
    pub fn shown(&self, path: &AbsPath) -> String {
        match path.below(&self.home) {
            Some("") if self.home.name().is_some() => "~".to_owned(),
            Some(below) if self.home.name().is_some() => format!("~/{}", printable(below)),
            Some(_) | None => printable(path.as_str()),
        }
    }

    /// Returns the user's and the folder's files, low to high.
    pub(crate) fn discovered(&self) -> Vec<Lookup> {
        let root = self.trust_key();
        let own = |owner, directory: AbsPath| Lookup {
            scope: Scope::User,
            owner,
            path: directory.join("settings.json"),
            anchor: directory,
            folder: None,
        };
        let brought = |scope, owner, folder: &AbsPath, name| Lookup {
            scope,
            owner,
            path: folder.join(name),
            anchor: self.project.clone(),
            folder: Some(folder.clone()),
        };
        vec![
            own(Owner::Claude, self.claude_dir()),
            own(Owner::Palisade, self.palisade_dir()),
            brought(Scope::Project, Owner::Claude, &self.project, ".claude/settings.json"),
            brought(Scope::Project, Owner::Palisade, &self.project, ".palisade/settings.json"),
            brought(Scope::Local, Owner::Claude, root, ".claude/settings.local.json"),
            brought(Scope::Local, Owner::Palisade, root, ".palisade/settings.local.json"),
        ]
    }
}
