//! `Controls` to an ordered list of steps: pure, portable, and readable as text.

mod granted;
mod held;
mod nested;
mod render;

pub use render::Line;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use policy::bounds::Bound;
use policy::controls::{Controls, LateReads, Network};
use policy::tables::git;
use policy::{AbsPath, Scope, facts};

use crate::backend::Backend;
use crate::doors::{self, Outlet};
use crate::environment::Environment;
use crate::error::Error;
use crate::report::{Layer, Missing};
use crate::tier::Tiers;

/// What is to be run, as far as policy has no say in it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program and its arguments. The program is looked up on the inner `PATH` when it has no slash.
    pub argv: Vec<OsString>,
    /// What of the caller's environment the command sees.
    pub environment: Environment,
    /// The program that is started again as the boundary: it calls [`crate::boundary_main`] when its
    /// first argument is [`crate::ROLE`]. `/proc/self/exe` is the running program, even after it was
    /// replaced on disk.
    pub init: PathBuf,
    /// Further paths that the command must not write, such as Palisade's own program and settings.
    pub protect: Vec<AbsPath>,
    /// How standard streams that are terminals are treated.
    pub terminal: Terminal,
    /// Who builds the boundary.
    pub backend: Backend,
    /// How it may be built where that is left to the machine.
    pub tiers: Tiers,
    /// What must stand, or nothing runs.
    pub require: Vec<Layer>,
    /// Whether nothing runs where the private caches of the controls cannot be there.
    pub needs_caches: bool,
    /// Whether a boundary may be taken that a holder has ready: the same one, sooner.
    pub held: bool,
    /// Who serves the sockets of the proxy, where the controls want one; without it the command reaches nothing.
    pub outlet: Option<Arc<dyn Outlet>>,
    /// Files of our own that are seen inside, read-only: in the place of the host's, or below `/run/palisade`.
    pub shown: Vec<Shown>,
    /// Variables that say where these are; they are set where these are seen.
    pub shown_by: Vec<(String, String)>,
    /// Sockets inside that lead to one place of the host each, where the controls want a proxy.
    pub hatches: Vec<Hatch>,
    /// Files of our own, as those above, that are of use with these sockets alone.
    pub hatch_files: Vec<Shown>,
}

/// A socket inside besides those of the proxy: what it leads to is its server's to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hatch {
    /// A Unix socket at this path: in the place of the host's, in a private place, or below [`OWN_FILES`].
    Path(AbsPath),
    /// This port of the loopback interface inside.
    Port(u16),
    /// Connections to servers inside, made from outside.
    Calls,
}

/// A file of our own that is seen inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// Where. In another place than below [`OWN_FILES`] and the private caches it is seen only where the host has a file.
    pub path: AbsPath,
    /// What is in it. It is not shown in messages.
    pub content: Vec<u8>,
    /// Why.
    pub why: String,
}

impl core::fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { path, content, why } = self;
        write!(formatter, "Shown({path}, {} bytes, {why})", content.len())
    }
}

/// Below this directory files of our own are made that the host does not have.
pub const OWN_FILES: &str = "/run/palisade";

/// How standard streams that are terminals are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// The command gets a pseudo-terminal of its own in place of each stream that is a terminal.
    Own,
    /// The command gets `/dev/null` in place of each stream that is a terminal.
    Null,
}

/// The boundary, step by step, in the order of building.
///
/// INVARIANT: made by [`plan`] only, from controls that it has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) cwd: AbsPath,
    pub(crate) home: AbsPath,
    pub(crate) project: AbsPath,
    pub(crate) bounds: Vec<Bound>,
    /// Whether every opening for reading is held against the Read rules that can come to cover a file.
    pub(crate) checks_reads: bool,
    /// Whether the host's files are there as a whole.
    pub(crate) root: Root,
    /// Variables that point package managers to their private places.
    pub(crate) variables: Vec<(String, String)>,
    /// What the command may reach.
    pub(crate) network: Network,
    /// Files of our own that are seen inside.
    pub(crate) shown: Vec<Shown>,
    /// How many of them, the last ones, are of use with the hatches alone.
    pub(crate) for_hatches: usize,
    /// Sockets that lead to one place of the host each.
    pub(crate) hatches: Vec<Hatch>,
}

/// What is there before anything is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// The host's files, read-only.
    Host,
    /// Nothing.
    Empty,
}

/// One step of the boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A path of the host that is there, read-only; over an empty root only.
    Read { path: AbsPath, why: String },
    /// A symbolic link that is there as on the host; over an empty root only.
    Link { path: AbsPath, target: String },
    /// A private, empty directory in place of the host's.
    Private { zone: Zone },
    /// A directory that may be written; `zone` when it lies in a private place and its mount point
    /// must be made there first.
    Writable { path: AbsPath, zone: Option<Zone> },
    /// A directory of the project's own for package managers, writable. Nothing outside reads it, so no name in it is
    /// protected.
    Cache { path: AbsPath, zone: Option<Zone> },
    /// A directory of the host that is seen in the private caches, read-only.
    Seed { from: AbsPath, at: AbsPath },
    /// A directory between a writable one and a held path: it cannot be renamed or removed.
    Pin { path: AbsPath },
    /// A path below a writable directory that stays read-only.
    ReadOnly { path: AbsPath, why: String },
    /// A configuration of git, of which some keys may be set from inside: the broker takes over what is written.
    /// Without a broker it is read-only.
    ByKey { path: AbsPath, why: String },
    /// A path that is covered by an empty, closed file or directory.
    Hide { path: AbsPath, why: String },
    /// A directory that is covered by one in which only these parts are seen, read-only.
    Veil { path: AbsPath, parts: Vec<AbsPath>, why: String },
}

impl Step {
    /// Returns the directory that may be written, if it is one.
    pub(crate) fn writable(&self) -> Option<&AbsPath> {
        match self {
            Self::Writable { path, zone: _ } | Self::Cache { path, zone: _ } => Some(path),
            Self::Read { .. }
            | Self::Link { .. }
            | Self::Private { .. }
            | Self::Seed { .. }
            | Self::Pin { .. }
            | Self::ReadOnly { .. }
            | Self::ByKey { .. }
            | Self::Hide { .. }
            | Self::Veil { .. } => None,
        }
    }

    /// Returns what is hidden, if it hides something, and the parts that are not.
    pub(crate) fn hidden(&self) -> Option<(&AbsPath, &[AbsPath])> {
        match self {
            Self::Hide { path, why: _ } => Some((path, &[])),
            Self::Veil { path, parts, why: _ } => Some((path, parts)),
            Self::Read { .. }
            | Self::Link { .. }
            | Self::Private { .. }
            | Self::Writable { .. }
            | Self::Cache { .. }
            | Self::Seed { .. }
            | Self::Pin { .. }
            | Self::ReadOnly { .. }
            | Self::ByKey { .. } => None,
        }
    }
}

/// The places that are private to every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// `/tmp`, writable.
    Tmp,
    /// `/var/tmp`, writable.
    VarTmp,
    /// `/run`, empty: this is where the host's sockets are.
    Run,
    /// `/var/run`, where it is no link to `/run`.
    VarRun,
}

impl Zone {
    pub(crate) const ALL: [Self; 4] = [Self::Tmp, Self::VarTmp, Self::Run, Self::VarRun];

    /// Returns the place's path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Tmp => "/tmp",
            Self::VarTmp => "/var/tmp",
            Self::Run => "/run",
            Self::VarRun => "/var/run",
        }
    }

    /// Returns true when the command may write there.
    pub(crate) fn is_writable(self) -> bool {
        match self {
            Self::Tmp | Self::VarTmp => true,
            Self::Run | Self::VarRun => false,
        }
    }

    /// Returns the private place in which a path lies.
    pub(crate) fn of(path: &AbsPath) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| path.is_within(&zone.root()))
    }

    fn root(self) -> AbsPath {
        AbsPath::root().join(self.path())
    }
}

/// Returns true for a path in a place that is private to every command: nothing of the host's is seen there, so that a name
/// there is a hatch's own.
pub fn is_private(path: &AbsPath) -> bool {
    Zone::of(path).is_some()
}

impl Plan {
    /// Returns what is missing when the controls give caches and the plan has none: a deny won.
    pub(crate) fn lost_caches(&self, controls: &Controls) -> Option<Missing> {
        let has_caches = self.steps.iter().any(|step| matches!(step, Step::Cache { .. }));
        let directory = &controls.caches.as_ref().filter(|_| !has_caches)?.directory;
        let meaning = format!(
            "package managers have no place of their own: {directory} lies at or below what must not be read or written, \
             or holds it"
        );
        Some(Missing { what: "private-caches".to_owned(), meaning })
    }

    /// Returns what is missing when the controls give the command a proxy and the plan has none: nobody serves it.
    pub(crate) fn lost_network(&self, controls: &Controls) -> Option<Missing> {
        let is_lost = self.network == Network::None && controls.network != Network::None;
        let meaning = "there is nobody to serve the proxy, and the command reaches nothing".to_owned();
        is_lost.then(|| Missing { what: "egress".to_owned(), meaning })
    }

    /// Returns the plan of a command that reaches nothing.
    pub(crate) fn without_network(self) -> Self {
        let own = doors::variables(&self.network);
        // What is shown is not, without it.
        let is_kept = |variable: &(String, String)| !own.contains(variable) && !variable.1.starts_with(OWN_FILES);
        let variables = self.variables.into_iter().filter(is_kept).collect();
        Self { network: Network::None, variables, shown: Vec::new(), for_hatches: 0, hatches: Vec::new(), ..self }
    }

    /// Returns the plan without sockets that lead elsewhere than to the proxy, the variables that say where they are, and the
    /// files for them.
    pub(crate) fn without_hatches(self) -> Self {
        let is_kept = |variable: &(String, String)| {
            !self.hatches.iter().any(|hatch| matches!(hatch, Hatch::Path(path) if path.as_str() == variable.1))
        };
        let variables = self.variables.iter().filter(|variable| is_kept(variable)).cloned().collect();
        let mut shown = self.shown;
        shown.truncate(shown.len().saturating_sub(self.for_hatches));
        Self { hatches: Vec::new(), variables, shown, for_hatches: 0, ..self }
    }

    /// Returns whether Unix sockets can be made inside: some lead out.
    pub(crate) fn names_sockets(&self) -> bool {
        self.hatches.iter().any(|hatch| matches!(hatch, Hatch::Path(_)))
    }

    /// Returns the plan of a command whose package managers have no place of their own.
    pub(crate) fn without_caches(self) -> Self {
        let is_kept = |step: &Step| match step {
            Step::Seed { .. } | Step::Cache { .. } => false,
            Step::Read { .. }
            | Step::Link { .. }
            | Step::Private { .. }
            | Step::Writable { .. }
            | Step::Pin { .. }
            | Step::ReadOnly { .. }
            | Step::ByKey { .. }
            | Step::Hide { .. }
            | Step::Veil { .. } => true,
        };
        let steps = self.steps.into_iter().filter(is_kept).collect();
        let of_caches = |variable: &(String, String)| {
            !variable.1.starts_with(OWN_FILES) && !doors::variables(&self.network).contains(variable)
        };
        let variables = self.variables.iter().filter(|variable| !of_caches(variable)).cloned().collect();
        Self { steps, variables, ..self }
    }
}

/// Directories that no plan makes writable as a whole, nor any directory that holds one of them.
const NEVER_WRITABLE: [&str; 16] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr",
    "/var", "/var/run", "/var/tmp",
];

/// Directories below which nothing is made writable.
const NEVER_WRITABLE_BELOW: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Returns the steps that hold the controls, in this order:
///
/// 1. in the closed profile what is there to be read, outermost first;
/// 2. the private places;
/// 3. the veils that do not lie in a writable directory, outermost first;
/// 4. the writable directories;
/// 5. the private caches, and what is seen in them;
/// 6. the pins, outermost first;
/// 7. the read-only paths below writable directories;
/// 8. the veils that lie in a writable directory, outermost first;
/// 9. the hidden paths.
///
/// A deny wins: a writable directory at or below a held path is not made writable, unless it is readable again
/// there. What is readable again inside a writable directory is read-only.
pub fn plan(controls: &Controls, invocation: &Invocation) -> Result<Plan, Error> {
    let Controls {
        cwd,
        home,
        writable,
        unreadable,
        unwritable,
        reopened,
        project,
        bounds,
        reading,
        late_reads,
        caches,
        require: _,
        network,
        limits: _,
    } = controls;
    check_count(unreadable.len() + unwritable.len() + reopened.len() + invocation.protect.len())?;
    writable.iter().try_for_each(|path| check_writable(path, home))?;
    let hidden = nested::hidden(unreadable.iter().map(|held| (held.path.clone(), reason(held))), reopened);
    let own = invocation.protect.iter().map(|path| (path.clone(), "Palisade's own".to_owned()));
    let closed = held::outermost(unwritable.iter().map(|held| (held.path.clone(), reason(held))).chain(own));
    let roots = held::writable_roots(writable, &hidden, &closed);
    let granted = granted::of(reading, &hidden);
    check_start(cwd, &roots, &hidden)?;
    granted::check_start(cwd, &roots, &granted)?;
    let caches = granted::caches(caches.as_ref(), &hidden, &closed);
    if let Some(caches) = &caches {
        check_writable(&caches.directory, home)?;
    }

    let is_there = |path: &AbsPath| granted::is_there(path, &granted, &roots, caches.as_ref());
    let hidden: Vec<_> =
        hidden.into_iter().filter(|hidden| !hidden.is_gone(&roots) && is_there(&hidden.path)).collect();
    let closed: Vec<_> = closed.into_iter().filter(|(path, _)| held::needs_closing(path, &roots, &hidden)).collect();
    let pins = held::pins(&roots, &hidden, &closed);

    let (veiled, hidden): (Vec<_>, Vec<_>) = hidden.into_iter().partition(nested::Hidden::is_veiled);
    let (inner, outer): (Vec<_>, Vec<_>) =
        veiled.into_iter().partition(|hidden| roots.iter().any(|root| hidden.path.is_within(root)));
    let veil = |hidden: nested::Hidden| Step::Veil { path: hidden.path, parts: hidden.parts, why: hidden.why };

    let mut variables = granted::variables(caches.as_ref(), &invocation.environment, &roots);
    let network = if invocation.outlet.is_some() { network.clone() } else { Network::None };
    let hatches = if network == Network::None { Vec::new() } else { invocation.hatches.clone() };
    variables.extend(doors::variables(&network).into_iter().chain(invocation.shown_by.iter().cloned()));
    let (root, mut steps) = granted::steps(granted);
    steps.extend(Zone::ALL.into_iter().map(|zone| Step::Private { zone }));
    steps.extend(outer.into_iter().map(veil));
    steps.extend(roots.into_iter().map(|path| Step::Writable { zone: Zone::of(&path), path }));
    steps.extend(granted::cache_steps(caches));
    steps.extend(pins.into_iter().map(|path| Step::Pin { path }));
    steps.extend(closed.into_iter().map(|(path, why)| close(path, why, unwritable, invocation)));
    steps.extend(inner.into_iter().map(veil));
    steps.extend(hidden.into_iter().map(|hidden| Step::Hide { path: hidden.path, why: hidden.why }));
    Ok(Plan {
        steps,
        cwd: cwd.clone(),
        home: home.clone(),
        project: project.clone(),
        bounds: bounds.clone(),
        checks_reads: matches!(late_reads, LateReads::Checked(_)),
        root,
        variables,
        network,
        shown: [invocation.shown.as_slice(), &invocation.hatch_files].concat(),
        for_hatches: invocation.hatch_files.len(),
        hatches,
    })
}

/// Returns the step that keeps a path from being written.
fn close(path: AbsPath, why: String, unwritable: &[facts::Held], invocation: &Invocation) -> Step {
    if is_by_key(&path, unwritable) && !invocation.protect.contains(&path) {
        Step::ByKey { path, why }
    } else {
        Step::ReadOnly { path, why }
    }
}

/// Returns true for a configuration of git that nothing but the table of protected names holds.
fn is_by_key(path: &AbsPath, unwritable: &[facts::Held]) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    let mut rows = unwritable.iter().filter(|held| held.path == *path).peekable();
    matches!(git::role(&segments), Some(git::Role::Configuration | git::Role::Modules))
        && rows.peek().is_some()
        && rows.all(|held| held.origin.scope == Scope::Builtin)
}

/// Returns the rule with its file and line, or the reason of the table's row.
fn reason(held: &facts::Held) -> String {
    let facts::Held { path: _, entry: _, why, origin } = held;
    match (origin.scope, origin.line) {
        (Scope::Builtin, _) => why.clone(),
        (_, 0) => format!("{why} ({})", origin.file),
        (_, line) => format!("{why} ({}:{line})", origin.file),
    }
}

fn check_count(count: usize) -> Result<(), Error> {
    let max = crate::limits::HELD_PATHS_MAX;
    if count > max { Err(Error::TooManyPaths { count, max }) } else { Ok(()) }
}

fn check_writable(path: &AbsPath, home: &AbsPath) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Writable { path: path.to_string(), why });
    if home.is_within(path) {
        return refuse(format!("it holds the home directory `{home}`"));
    }
    for name in NEVER_WRITABLE {
        if AbsPath::root().join(name).is_within(path) {
            return refuse(format!("it holds `{name}`"));
        }
    }
    for name in NEVER_WRITABLE_BELOW {
        if path.is_within(&AbsPath::root().join(name)) {
            return refuse(format!("it lies in `{name}`"));
        }
    }
    Ok(())
}

fn check_start(cwd: &AbsPath, roots: &[AbsPath], hidden: &[nested::Hidden]) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Start { path: cwd.to_string(), why });
    if let Some(nested::Hidden { path, why, parts: _ }) = hidden.iter().find(|hidden| hidden.covers(cwd)) {
        return refuse(format!("it lies in `{path}`, which must not be readable: {why}"));
    }
    if let Some(root) = hidden.iter().find(|hidden| hidden.path.name().is_none()) {
        return refuse(format!("nothing runs where `/` is hidden, even in part: {}", root.why));
    }
    match Zone::of(cwd) {
        Some(zone) if held::is_gone(cwd, roots) => {
            refuse(format!("it lies in `{}`, which is private to the command", zone.path()))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
