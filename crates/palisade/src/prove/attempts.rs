//! The attempts themselves. Inside they must fail; outside, on what is our own, each must work.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::AbsPath;
use policy::tables::credentials;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Pid, Resource, Signal};
use serde_json::{Value, json};

use super::table::{Hidden, Place, Way};

/// How long a call to a listener may take.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// Files of a directory that are looked at.
const ENTRIES_MAX: usize = 64;
/// The variable that stands for a secret of the caller's.
pub(super) const SECRET: &str = "PALISADE_PROBE_TOKEN";
/// What a boundary puts into `/dev`.
const DEVICES: [&str; 14] = [
    "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
    "urandom",
];

/// What the attempts are made on.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    pub(super) project: PathBuf,
    pub(super) home: PathBuf,
    pub(super) etc: PathBuf,
    pub(super) beside: PathBuf,
    /// The name of files that are made.
    pub(super) name: String,
    pub(super) journal: Vec<PathBuf>,
    pub(super) stores: Vec<PathBuf>,
    pub(super) rules: Vec<PathBuf>,
    pub(super) pid: i32,
    /// Another process, for a tracer.
    pub(super) traced: i32,
    /// The name of that process.
    pub(super) process: String,
    pub(super) port: u16,
    pub(super) socket: PathBuf,
    pub(super) abstract_name: String,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    /// It failed, or nothing was seen.
    Refused(String),
    /// It worked, or something was seen.
    Worked(String),
    /// There is nothing to try it on.
    Skipped(String),
}

impl Tried {
    fn of<T>(result: io::Result<T>, worked: &str) -> Self {
        match result {
            Ok(_) => Self::Worked(worked.to_owned()),
            Err(error) => Self::Refused(words(&error)),
        }
    }

    fn seen(found: &[String]) -> Self {
        if found.is_empty() {
            Self::Refused("nothing".to_owned())
        } else {
            Self::Worked(format!("saw {}", found.join(" ")))
        }
    }
}

/// Returns what the kernel said.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_lowercase())
}

/// Makes an attempt.
pub(super) fn attempt(way: Way, targets: &Targets) -> Tried {
    match way {
        Way::Write(place) => write(&place_of(place, targets).join(&targets.name)),
        Way::WriteThroughLink => through_link(targets),
        Way::Protected(name) => protected(&targets.project, name),
        Way::Read(hidden) => read(hidden, targets),
        Way::List => match targets.journal.first() {
            Some(journal) => Tried::of(std::fs::read_dir(journal), "saw the names in it"),
            None => Tried::Skipped("there is no journal".to_owned()),
        },
        Way::SeeProcess => Tried::seen(&processes(&targets.process)),
        Way::Signal => Tried::of(signal(targets.pid), "the signal was sent"),
        Way::Trace => filtered(sandbox::probes::trace(targets.traced)),
        Way::Loopback => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, targets.port));
            Tried::of(TcpStream::connect_timeout(&address, CALL_LIMIT), "connected")
        }
        Way::UnixSocket => Tried::of(UnixStream::connect(&targets.socket), "connected"),
        Way::AbstractSocket => {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(&targets.abstract_name);
            Tried::of(address.and_then(|address| UnixStream::connect_addr(&address)), "connected")
        }
        Way::KernelSetting => kernel_settings(),
        Way::SeeDevices => Tried::seen(&devices()),
        Way::MakeDevice => make_device(&targets.project.join(&targets.name)),
        Way::Call(call) => filtered(call.attempt()),
        Way::Capabilities => capabilities(),
        Way::NoNewPrivileges => status("NoNewPrivs", |_, value| value == "1"),
        Way::Descriptors => Tried::seen(&descriptors()),
        Way::Environment => environment(),
        Way::Limits => Tried::Refused(limits()),
    }
}

/// The filter answers before the kernel looks at the arguments.
fn filtered(result: io::Result<()>) -> Tried {
    match result {
        Err(error) if sandbox::probes::is_filters(&error) => Tried::Refused(words(&error)),
        Err(error) => Tried::Worked(format!("the kernel looked at it: {}", words(&error))),
        Ok(()) => Tried::Worked("the call went through".to_owned()),
    }
}

/// Returns the directory that a place stands for.
pub(super) fn place_of(place: Place, targets: &Targets) -> &Path {
    match place {
        Place::Home => &targets.home,
        Place::Etc => &targets.etc,
        Place::Beside => &targets.beside,
    }
}

fn write(path: &Path) -> Tried {
    Tried::of(OpenOptions::new().write(true).create_new(true).open(path), "made the file")
}

/// Returns the file beside the project that is made through a link.
pub(super) fn behind_link(targets: &Targets) -> PathBuf {
    targets.beside.join(format!("{}-linked", targets.name))
}

fn through_link(targets: &Targets) -> Tried {
    let link = std::env::temp_dir().join(format!("{}-link", targets.name));
    if let Err(error) = std::os::unix::fs::symlink(behind_link(targets), &link) {
        return Tried::Skipped(format!("no link can be made: {}", words(&error)));
    }
    let tried = Tried::of(OpenOptions::new().write(true).create(true).truncate(false).open(&link), "made the file");
    let _ = std::fs::remove_file(&link);
    tried
}

/// Nothing is written: what is there stays as it is, and what is made is empty.
fn protected(project: &Path, name: &str) -> Tried {
    let path = project.join(name);
    let directory = path.parent().unwrap_or(project);
    if name.starts_with(".git/") && !project.join(".git").is_dir() {
        return Tried::Skipped("there is no repository here".to_owned());
    }
    let is_new = !directory.exists();
    if is_new && let Err(error) = std::fs::create_dir(directory) {
        return Tried::Refused(words(&error));
    }
    let tried = Tried::of(OpenOptions::new().append(true).create(true).open(&path), "opened it for writing");
    if is_new {
        // It stays when something was made in it.
        let _ = std::fs::remove_dir(directory);
    }
    tried
}

fn read(hidden: Hidden, targets: &Targets) -> Tried {
    let (paths, none) = match hidden {
        Hidden::Journal => (&targets.journal, "there is no journal"),
        Hidden::Stores => (&targets.stores, "there is none that you can read"),
        Hidden::Rules => (&targets.rules, "nothing hides anything that you can read"),
    };
    let mut refusals: Vec<String> = Vec::new();
    for path in paths {
        match opened(path) {
            Ok(()) if is_replaced(path, &targets.home) => refusals.push("another text is read".to_owned()),
            Ok(()) => return Tried::Worked(format!("read {}", path.display())),
            Err(error) => refusals.push(words(&error)),
        }
    }
    refusals.dedup();
    match refusals.as_slice() {
        [] => Tried::Skipped(none.to_owned()),
        told => Tried::Refused(format!("{} ({} tried)", told.join(", "), paths.len())),
    }
}

/// Returns true when what is read of a store is the text that stands for it inside.
fn is_replaced(path: &Path, home: &Path) -> bool {
    let paths = AbsPath::parse(&path.to_string_lossy()).zip(AbsPath::parse(&home.to_string_lossy()));
    let instead = paths.and_then(|(path, home)| credentials::instead(&path, &home));
    instead.is_some_and(|instead| text(path) == instead)
}

/// Reads a byte of a file, or of the first file in a directory that can be read. Nothing of it is kept.
pub(super) fn opened(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        // A pipe in the place of a file must not hold the probe up.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        return file.read(&mut [0]).map(drop);
    }
    let mut refused = io::Error::other("nothing in it");
    for entry in std::fs::read_dir(path)?.take(ENTRIES_MAX) {
        let path = entry?.path();
        if !path.is_symlink() && path.is_file() {
            match opened(&path) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
    }
    Err(refused)
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    let read = OpenOptions::new().read(true).open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map(|_| text).unwrap_or_default()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn processes(name: &str) -> Vec<String> {
    let named = |path: &PathBuf| text(&path.join("comm")).trim_end() == name;
    entries(Path::new("/proc")).iter().filter(|path| named(path)).map(|path| path.display().to_string()).collect()
}

fn signal(pid: i32) -> io::Result<()> {
    let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    if pid == rustix::process::getpid() || pid == Pid::INIT {
        return Err(io::Error::other("the number is a process inside"));
    }
    Ok(rustix::process::kill_process(pid, Signal::TERM)?)
}

fn kernel_settings() -> Tried {
    let mut refusals = Vec::new();
    for name in ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory"] {
        match OpenOptions::new().write(true).open(name) {
            Ok(_) => return Tried::Worked(format!("opened {name}")),
            Err(error) => refusals.push(words(&error)),
        }
    }
    refusals.dedup();
    Tried::Refused(refusals.join(", "))
}

fn devices() -> Vec<String> {
    let names = entries(Path::new("/dev")).into_iter();
    let names = names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.filter(|name| !DEVICES.contains(&name.as_str()) && name != "zero").collect();
    names.sort();
    names.truncate(4);
    names
}

fn make_device(path: &Path) -> Tried {
    let device = rustix::fs::makedev(1, 3);
    let made = rustix::fs::mknodat(rustix::fs::CWD, path, FileType::CharacterDevice, Mode::RUSR, device);
    if made.is_ok() {
        let _ = std::fs::remove_file(path);
    }
    Tried::of(made.map_err(io::Error::from), "made the device")
}

/// What bounds the capabilities that a program could get is no matter where no program gets any.
fn capabilities() -> Tried {
    let gains_none = matches!(status("NoNewPrivs", |_, value| value == "1"), Tried::Refused(_));
    let is_empty = |value: &str| u64::from_str_radix(value, 16).is_ok_and(|set| set == 0);
    status("Cap", |name, value| is_empty(value) || (name == "CapBnd" && gains_none))
}

fn status(beginning: &str, is_right: impl Fn(&str, &str) -> bool) -> Tried {
    let text = text(Path::new("/proc/self/status"));
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| line.starts_with(beginning))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    if pairs.is_empty() {
        return Tried::Worked("/proc/self/status does not tell".to_owned());
    }
    let wrong: Vec<String> = pairs
        .iter()
        .filter(|(name, value)| !is_right(name, value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Tried::seen(&wrong)
}

fn descriptors() -> Vec<String> {
    let is_standard = |path: &PathBuf| ["0", "1", "2"].iter().any(|number| path.ends_with(number));
    let open = entries(Path::new("/proc/self/fd")).into_iter().filter(|path| !is_standard(path));
    let leads = open.filter_map(|path| std::fs::read_link(path).ok());
    // One of them is how the list is read.
    leads.filter(|leads| !leads.starts_with("/proc")).map(|leads| leads.display().to_string()).collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the process that must not see it")]
fn environment() -> Tried {
    let found = std::env::var_os(SECRET).map(|_| SECRET.to_owned());
    Tried::seen(&found.into_iter().collect::<Vec<_>>())
}

/// Returns the kernel's limits of this process, as [`super::judge`] reads them.
fn limits() -> String {
    let most = |resource| rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    json!({
        "open-files": most(Resource::Nofile),
        "file-size": most(Resource::Fsize),
        "cpu-time": most(Resource::Cpu),
    })
    .to_string()
}

impl Targets {
    /// Returns them as text.
    pub(super) fn render(&self) -> String {
        let paths =
            |paths: &[PathBuf]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>();
        json!({
            "project": self.project.to_string_lossy(), "home": self.home.to_string_lossy(),
            "etc": self.etc.to_string_lossy(), "beside": self.beside.to_string_lossy(), "name": self.name,
            "journal": paths(&self.journal), "stores": paths(&self.stores), "rules": paths(&self.rules),
            "pid": self.pid, "traced": self.traced, "process": self.process, "port": self.port,
            "socket": self.socket.to_string_lossy(), "abstract_name": self.abstract_name,
        })
        .to_string()
    }

    /// Reads them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let path = |name: &str| text(name).map(PathBuf::from);
        let number = |name: &str| i32::try_from(value.get(name)?.as_i64()?).ok();
        let paths = |name: &str| {
            let list = value.get(name)?.as_array()?;
            list.iter().map(|path| path.as_str().map(PathBuf::from)).collect::<Option<Vec<PathBuf>>>()
        };
        Some(Self {
            project: path("project")?,
            home: path("home")?,
            etc: path("etc")?,
            beside: path("beside")?,
            name: text("name")?,
            journal: paths("journal")?,
            stores: paths("stores")?,
            rules: paths("rules")?,
            pid: number("pid")?,
            traced: number("traced")?,
            process: text("process")?,
            port: u16::try_from(value.get("port")?.as_u64()?).ok()?,
            socket: path("socket")?,
            abstract_name: text("abstract_name")?,
        })
    }
}
