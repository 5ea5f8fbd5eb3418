//! The environment: the one list of variables that count, and the one place that reads them.

use std::ffi::OsString;
use std::fmt;

use policy::AbsPath;

use crate::limits::PASSWD_BYTES_MAX;
use crate::read;

const PASSWD: &str = "/etc/passwd";

/// A variable that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `HOME`.
    Home,
    /// `XDG_CONFIG_HOME`.
    XdgConfigHome,
    /// `XDG_STATE_HOME`.
    XdgStateHome,
    /// `XDG_CACHE_HOME`.
    XdgCacheHome,
    /// `CLAUDE_CONFIG_DIR`.
    ClaudeConfigDir,
    /// `CLAUDE_PROJECT_DIR`.
    ClaudeProjectDir,
    /// `TMPDIR`.
    Tmpdir,
    /// `PATH`.
    Path,
    /// `SHELL`.
    Shell,
    /// `TERM`.
    Term,
    /// `NO_COLOR`.
    NoColor,
    /// `https_proxy`.
    HttpsProxy,
    /// `HTTPS_PROXY`.
    HttpsProxyUpper,
    /// `http_proxy`.
    HttpProxy,
    /// `HTTP_PROXY`.
    HttpProxyUpper,
    /// `no_proxy`.
    NoProxy,
    /// `NO_PROXY`.
    NoProxyUpper,
    /// `CLAUDE_CODE_SUBPROCESS_ENV_SCRUB`.
    Scrub,
}

/// What a variable's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    AbsolutePath,
    Text,
}

impl Variable {
    /// Every variable, in the order of the reference.
    pub const ALL: [Self; 18] = [
        Self::Home,
        Self::XdgConfigHome,
        Self::XdgStateHome,
        Self::XdgCacheHome,
        Self::ClaudeConfigDir,
        Self::ClaudeProjectDir,
        Self::Tmpdir,
        Self::Path,
        Self::Shell,
        Self::Term,
        Self::NoColor,
        Self::HttpsProxy,
        Self::HttpsProxyUpper,
        Self::HttpProxy,
        Self::HttpProxyUpper,
        Self::NoProxy,
        Self::NoProxyUpper,
        Self::Scrub,
    ];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Returns what the variable does.
    pub fn doc(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, Form, &'static str) {
        match self {
            Self::Home => ("HOME", Form::AbsolutePath, "The home directory. Without it, the user database is asked."),
            Self::XdgConfigHome => {
                ("XDG_CONFIG_HOME", Form::AbsolutePath, "Holds `palisade/`, the user's settings. Default: `~/.config`.")
            }
            Self::XdgStateHome => {
                ("XDG_STATE_HOME", Form::AbsolutePath, "Holds `palisade/`, the journal. Default: `~/.local/state`.")
            }
            Self::XdgCacheHome => (
                "XDG_CACHE_HOME",
                Form::AbsolutePath,
                "Holds `palisade/`, the private caches of package managers. Default: `~/.cache`.",
            ),
            Self::ClaudeConfigDir => {
                ("CLAUDE_CONFIG_DIR", Form::AbsolutePath, "Claude Code's user directory, in place of `~/.claude`.")
            }
            Self::ClaudeProjectDir => {
                ("CLAUDE_PROJECT_DIR", Form::AbsolutePath, "The start directory, as Claude Code tells its hooks.")
            }
            Self::Tmpdir => ("TMPDIR", Form::AbsolutePath, "Where temporary files go. Default: `/tmp`."),
            Self::Path => ("PATH", Form::Text, "Where programs are looked for."),
            Self::Shell => ("SHELL", Form::Text, "The shell for an interactive session."),
            Self::Term => ("TERM", Form::Text, "The terminal; `dumb` turns colour off."),
            Self::NoColor => ("NO_COLOR", Form::Text, "Any value but the empty one turns colour off."),
            Self::HttpsProxy => {
                ("https_proxy", Form::Text, "The proxy of the network around, by which allowed connections go.")
            }
            Self::HttpsProxyUpper => ("HTTPS_PROXY", Form::Text, "The same; asked after `https_proxy`."),
            Self::HttpProxy => ("http_proxy", Form::Text, "The same; asked after `HTTPS_PROXY`."),
            Self::HttpProxyUpper => ("HTTP_PROXY", Form::Text, "The same; asked last."),
            Self::NoProxy => ("no_proxy", Form::Text, "Hosts to which connections go without that proxy."),
            Self::NoProxyUpper => ("NO_PROXY", Form::Text, "The same; asked after `no_proxy`."),
            Self::Scrub => (
                "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB",
                Form::Text,
                "Any value but `0` and `false`: commands see no credential of the agent or of a cloud provider, not even \
                 masked; `sandbox.autoAllowBashIfSandboxed` and `sandbox.filesystem.disabled` do not count.",
            ),
        }
    }
}

/// Why the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable's value is not UTF-8.
    #[error("the value of `{name}` is not utf-8")]
    NotUtf8 {
        /// The variable.
        name: &'static str,
    },
    /// A directory is not an absolute path.
    #[error("the value of `{name}` is not an absolute path")]
    NotAbsolute {
        /// The variable.
        name: &'static str,
    },
    /// `HOME` is not set and the user database has no home directory for this user.
    #[error("`HOME` is not set, and {PASSWD} has no home directory for user {uid}")]
    NoHome {
        /// The user.
        uid: u32,
    },
    /// `HOME` is not set and the user database cannot be read.
    #[error("`HOME` is not set, and {PASSWD} cannot be read")]
    UserDatabase(#[source] read::Error),
}

/// The environment as it was at the start.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment {
    home: AbsPath,
    /// Variables that count and are set to something, checked.
    values: Vec<(Variable, String)>,
    all: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> Result<Self, Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        let all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        Self::from_pairs(all, home_from_user_database)
    }

    /// Checks given variables; `home` answers when `HOME` is not among them.
    pub fn from_pairs(
        all: Vec<(OsString, OsString)>,
        home: impl FnOnce() -> Result<AbsPath, Error>,
    ) -> Result<Self, Error> {
        let mut values = Vec::new();
        for variable in Variable::ALL {
            let (name, form, _) = variable.row();
            // An empty value is as good as none.
            let Some((_, value)) = all.iter().find(|(key, value)| key == name && !value.is_empty()) else { continue };
            let value = value.to_str().ok_or(Error::NotUtf8 { name })?;
            if form == Form::AbsolutePath && AbsPath::parse(value).is_none() {
                return Err(Error::NotAbsolute { name });
            }
            values.push((variable, value.to_owned()));
        }
        let set = values.iter().find(|(variable, _)| *variable == Variable::Home);
        let home = match set.and_then(|(_, value)| AbsPath::parse(value)) {
            Some(home) => home,
            None => home()?,
        };
        Ok(Self { home, values, all })
    }

    /// Returns the home directory.
    pub fn home(&self) -> &AbsPath {
        &self.home
    }

    /// Returns the value of a variable that is set and not empty.
    pub fn get(&self, variable: Variable) -> Option<&str> {
        self.values.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a variable as a path, by its text; `None` when it is not an absolute one.
    pub fn path(&self, variable: Variable) -> Option<AbsPath> {
        self.get(variable).and_then(AbsPath::parse)
    }

    /// Returns the directory that holds the state of programs.
    pub fn state_home(&self) -> AbsPath {
        self.path(Variable::XdgStateHome).unwrap_or_else(|| self.home.join(".local/state"))
    }

    /// Returns the directory that holds what programs keep to be faster next time.
    pub fn cache_home(&self) -> AbsPath {
        self.path(Variable::XdgCacheHome).unwrap_or_else(|| self.home.join(".cache"))
    }

    /// Returns the proxy of the network around, and what goes without it.
    pub fn upstream(&self) -> Option<(&str, &str)> {
        let first = |variables: &[Variable]| variables.iter().find_map(|variable| self.get(*variable));
        let proxies = [Variable::HttpsProxy, Variable::HttpsProxyUpper, Variable::HttpProxy, Variable::HttpProxyUpper];
        let beside = first(&[Variable::NoProxy, Variable::NoProxyUpper]).unwrap_or_default();
        first(&proxies).map(|proxy| (proxy, beside))
    }

    /// Returns true when commands are to see no credential of the agent or of a cloud provider.
    pub fn scrubs(&self) -> bool {
        self.get(Variable::Scrub).is_some_and(|value| !matches!(value, "0" | "false"))
    }

    /// Returns true when the environment asks for output without colour.
    pub fn is_colourless(&self) -> bool {
        self.get(Variable::NoColor).is_some() || self.get(Variable::Term) == Some("dumb")
    }

    /// Returns every variable of the process, as it is.
    pub fn all(&self) -> &[(OsString, OsString)] {
        &self.all
    }
}

impl fmt::Debug for Environment {
    /// Variables can hold secrets, so the names alone of those that count are shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { home, values, all } = self;
        let values: Vec<Variable> = values.iter().map(|(variable, _)| *variable).collect();
        formatter
            .debug_struct("Environment")
            .field("home", home)
            .field("values", &values)
            .field("all", &format_args!("{} variables", all.len()))
            .finish()
    }
}

fn home_from_user_database() -> Result<AbsPath, Error> {
    let uid = rustix::process::getuid().as_raw();
    let path = AbsPath::root().join(PASSWD);
    let Some(mut opened) = read::open(&path).map_err(Error::UserDatabase)? else { return Err(Error::NoHome { uid }) };
    let bytes = opened.read(PASSWD_BYTES_MAX).map_err(Error::UserDatabase)?;
    home_in(&String::from_utf8_lossy(&bytes), uid).ok_or(Error::NoHome { uid })
}

/// Returns the home directory of a user in the text of a user database.
fn home_in(passwd: &str, uid: u32) -> Option<AbsPath> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        let is_user = fields.next()?.parse() == Ok(uid);
        let home = fields.nth(2)?;
        if is_user { AbsPath::parse(home) } else { None }
    })
}

#[cfg(test)]
mod tests;
