//! What the probes are aimed at: our own files, listeners and process on the host, gone afterwards.

use std::ffi::CString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use policy::facts::Held;
use policy::{AbsPath, Controls, Scope};
use rustix::io::FdFlags;
use sandbox::probes::Bystander;

use super::attempts::{self, Targets, Tried, attempt, behind_link, place_of};
use super::table::{Probe, Way};
use crate::setup::Setup;

/// Held paths of one kind that are tried.
const HELD_MAX: usize = 64;

/// What the probes are aimed at. It is gone when this is.
pub(super) struct World {
    root: PathBuf,
    pub(super) targets: Targets,
    /// The same of our own, on which each attempt must work without a boundary.
    control: Targets,
    bystander: Bystander,
    /// One for the tracer alone: what is traced does not end by itself.
    traced: Bystander,
    loopback: TcpListener,
    by_path: UnixListener,
    by_name: UnixListener,
    /// Names in the project that were there before.
    before: Vec<PathBuf>,
    /// A descriptor that programs inherit.
    _descriptor: File,
}

impl World {
    /// Makes everything.
    pub(super) fn new(setup: &Setup) -> anyhow::Result<Self> {
        let number = std::process::id();
        let name = format!(".palisade-probe-{number}");
        let root = PathBuf::from(setup.environment.cache_home().as_str()).join(format!("palisade/p{number}"));
        let make = |path: PathBuf| {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.with_context(|| format!("the probes' own directory {} cannot be made", path.display())).map(|()| path)
        };
        let control = make(root.join("control"))?;
        make(control.join("project/.git/hooks"))?;
        let beside = make(root.join("beside"))?;
        let socket = root.join("s");
        let by_path = UnixListener::bind(&socket).with_context(|| format!("no socket at {}", socket.display()))?;
        let by_name = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        #[expect(clippy::disallowed_methods, reason = "a listener of the host's, which nobody inside must reach")]
        let loopback = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).context("no listener on 127.0.0.1")?;
        for result in [by_path.set_nonblocking(true), by_name.set_nonblocking(true), loopback.set_nonblocking(true)] {
            result?;
        }
        let descriptor = OpenOptions::new().write(true).create_new(true).open(root.join("descriptor"))?;
        rustix::io::fcntl_setfd(&descriptor, FdFlags::empty())?;
        let process = format!("probe-{number}");
        let bystander = Bystander::start(&CString::new(process.clone())?)?;
        let traced = Bystander::start(c"probe-traced")?;
        let place = &setup.place;
        let targets = Targets {
            project: place.project.as_str().into(),
            home: place.home.as_str().into(),
            etc: "/etc".into(),
            beside,
            name,
            journal: vec![setup.journal_directory()],
            stores: Vec::new(),
            rules: Vec::new(),
            pid: bystander.pid(),
            traced: traced.pid(),
            process,
            port: loopback.local_addr()?.port(),
            abstract_name: format!(".palisade-probe-{number}"),
            socket,
        };
        let own = Targets {
            project: control.join("project"),
            home: control.clone(),
            etc: control.clone(),
            beside: control,
            ..targets.clone()
        };
        let names = super::table::probes().filter_map(|probe| probe.way.protected());
        let paths = names.map(|name| targets.project.join(name));
        let before = paths.flat_map(|path| [path.parent().unwrap_or(&path).to_path_buf(), path]);
        let before = before.filter(|path| is_there(path)).collect();
        Ok(Self {
            root,
            targets,
            control: own,
            bystander,
            traced,
            loopback,
            by_path,
            by_name,
            before,
            _descriptor: descriptor,
        })
    }

    /// Takes what is hidden here as a target, as far as it can be read without a boundary.
    pub(super) fn aim_at(&mut self, controls: &Controls) {
        let is_whole = |held: &&Held| !controls.reopened.iter().any(|open| open.is_within(&held.path));
        let readable = |is_wanted: fn(&Held) -> bool| -> Vec<PathBuf> {
            let held = controls.unreadable.iter().filter(|held| is_wanted(held)).filter(is_whole);
            let paths = held.map(|held| PathBuf::from(held.path.as_str()));
            paths.filter(|path| attempts::opened(path).is_ok()).take(HELD_MAX).collect()
        };
        self.targets.stores = readable(|held| held.origin.scope == Scope::Builtin && held.origin.file != "palisade");
        self.targets.rules = readable(|held| held.origin.scope != Scope::Builtin);
    }

    /// Returns what an attempt has done to the host, if it has done anything.
    pub(super) fn effect(&mut self, probe: &Probe) -> Option<String> {
        let called = |listener: bool, what: &str| listener.then(|| format!("the host's {what} was reached"));
        match probe.way {
            Way::Write(place) => made(&place_of(place, &self.targets).join(&self.targets.name)),
            Way::WriteThroughLink => made(&behind_link(&self.targets)),
            Way::Protected(name) => {
                let path = self.targets.project.join(name);
                made(&path).filter(|_| !self.before.contains(&path))
            }
            Way::MakeDevice => made(&self.targets.project.join(&self.targets.name)),
            Way::Signal => (!self.bystander.is_alive()).then(|| "the process was ended".to_owned()),
            Way::Loopback => called(self.loopback.accept().is_ok(), "listener"),
            Way::UnixSocket => called(self.by_path.accept().is_ok(), "listener"),
            Way::AbstractSocket => called(self.by_name.accept().is_ok(), "listener"),
            Way::Trace => (!self.traced.is_alive()).then(|| "the process was ended".to_owned()),
            Way::Read(_)
            | Way::List
            | Way::SeeProcess
            | Way::KernelSetting
            | Way::SeeDevices
            | Way::Call(_)
            | Way::Capabilities
            | Way::NoNewPrivileges
            | Way::Descriptors
            | Way::Environment
            | Way::Limits => None,
        }
    }

    /// Makes the same attempt without a boundary, on what is our own; what only looks is made by this process. `None` where
    /// the report is the control.
    pub(super) fn control(&mut self, probe: &Probe) -> Option<Tried> {
        match probe.way {
            Way::Write(place) => {
                let tried = attempt(probe.way, &self.control);
                let path = place_of(place, &self.control).join(&self.control.name);
                let has_worked = std::fs::remove_file(path).is_ok();
                Some(if has_worked { tried } else { Tried::Refused("no file was made".to_owned()) })
            }
            Way::Signal => {
                let has_ended = self.bystander.end();
                Some(if has_ended {
                    Tried::Worked("ended it".to_owned())
                } else {
                    Tried::Refused("it went on".to_owned())
                })
            }
            Way::WriteThroughLink
            | Way::Protected(_)
            | Way::SeeProcess
            | Way::Trace
            | Way::Loopback
            | Way::UnixSocket
            | Way::AbstractSocket => Some(attempt(probe.way, &self.control)),
            // What is hidden is read itself: nothing of it is kept.
            Way::Read(_) | Way::List => Some(attempt(probe.way, &self.targets)),
            Way::Call(call) => Some(match call.attempt_apart() {
                Ok(()) => Tried::Worked("the call went through".to_owned()),
                Err(error) => Tried::Refused(attempts::words(&error)),
            }),
            Way::KernelSetting
            | Way::SeeDevices
            | Way::MakeDevice
            | Way::Capabilities
            | Way::NoNewPrivileges
            | Way::Descriptors => Some(attempt(probe.way, &self.control)),
            Way::Environment | Way::Limits => None,
        }
    }

    /// Returns the path that an attempt would write.
    pub(super) fn written(&self, way: Way) -> Option<AbsPath> {
        let path = match way {
            Way::Write(place) => place_of(place, &self.targets).join(&self.targets.name),
            Way::WriteThroughLink => behind_link(&self.targets),
            Way::Protected(_)
            | Way::Read(_)
            | Way::List
            | Way::SeeProcess
            | Way::Signal
            | Way::Trace
            | Way::Loopback
            | Way::UnixSocket
            | Way::AbstractSocket
            | Way::KernelSetting
            | Way::SeeDevices
            | Way::MakeDevice
            | Way::Call(_)
            | Way::Capabilities
            | Way::NoNewPrivileges
            | Way::Descriptors
            | Way::Environment
            | Way::Limits => return None,
        };
        AbsPath::parse(path.to_str()?)
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn made(path: &Path) -> Option<String> {
    is_there(path).then(|| "the file is there".to_owned())
}

impl Drop for World {
    /// Removes everything, also what a probe has left that came through.
    fn drop(&mut self) {
        let Targets { project, home, etc, name, .. } = &self.targets;
        for directory in [project, home, etc] {
            let _ = std::fs::remove_file(directory.join(name));
        }
        for name in super::table::probes().filter_map(|probe| probe.way.protected()) {
            let path = project.join(name);
            let is_empty = path.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() == 0);
            if !self.before.contains(&path) && is_empty {
                let _ = std::fs::remove_file(&path);
            }
            if let Some(directory) = path.parent().filter(|directory| !self.before.iter().any(|path| path == directory))
            {
                let _ = std::fs::remove_dir(directory);
            }
        }
        if let Err(error) = std::fs::remove_dir_all(&self.root)
            && error.kind() != io::ErrorKind::NotFound
        {
            crate::say::error(&format!("{} is left: {error}", self.root.display()));
        }
    }
}
