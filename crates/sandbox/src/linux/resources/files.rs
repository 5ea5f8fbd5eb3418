//! The files of control groups: the kernel's, or a test's.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use policy::mounts;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::limits::MOUNT_LIST_BYTES_MAX;

/// What control groups need of a file system.
pub(super) trait Files {
    /// Returns a file's text.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Writes a file that is there, in one call.
    fn write(&self, path: &Path, text: &str) -> io::Result<()>;
    /// Makes a directory.
    fn make(&self, directory: &Path) -> io::Result<()>;
    /// Removes a directory; one of a control group goes with its files.
    fn remove(&self, directory: &Path) -> io::Result<()>;
    /// Returns the names of the directories in a directory.
    fn directories(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for writing.
    fn open(&self, path: &Path) -> io::Result<OwnedFd>;
    /// Ends the processes of a group, one by one.
    fn kill(&self, group: &Path);
}

/// The kernel's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel;

impl Files for Kernel {
    fn read(&self, path: &Path) -> io::Result<String> {
        let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let bytes = super::super::kernel_files::read_whole(file, MOUNT_LIST_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EILSEQ))
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let file = self.open(path)?;
        let written = rustix::io::write(&file, text.as_bytes())?;
        if written == text.len() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EIO)) }
    }

    fn make(&self, directory: &Path) -> io::Result<()> {
        Ok(rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755))?)
    }

    fn remove(&self, directory: &Path) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(CWD, directory, rustix::fs::AtFlags::REMOVEDIR)?)
    }

    fn directories(&self, directory: &Path) -> io::Result<Vec<String>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(directory, flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&opened)? {
            let entry = entry?;
            if entry.file_type() == FileType::Directory
                && let Ok(name) = entry.file_name().to_str()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        Ok(rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?)
    }

    fn kill(&self, group: &Path) {
        let list = || self.read(&group.join("cgroup.procs")).unwrap_or_default();
        let pids = |list: &str| list.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect::<Vec<_>>();
        let opened =
            pids(&list()).into_iter().filter_map(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?)));
        let opened: Vec<_> = opened.collect();
        // A number that is still in the list when its process is held is no other process's.
        let still = pids(&list());
        for (_, process) in opened.iter().filter(|(pid, _)| still.contains(pid)) {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// Where this process is in one hierarchy of control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The hierarchy's mount point, or the lowest group that is mounted there.
    pub(super) top: PathBuf,
    /// Our group's directory, at or below it.
    pub(super) own: PathBuf,
}

/// Returns where this process is in the hierarchy of version 2.
pub(super) fn place_v2(groups: &str, mounts: &str) -> Option<Place> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounted(mounts, path, |kind, _| kind == "cgroup2")
}

/// Returns where this process is in the hierarchy of version 1 that has a controller.
pub(super) fn place_v1(groups: &str, mounts: &str, controller: &str) -> Option<Place> {
    let has = |list: &str| list.split(',').any(|name| name == controller);
    let path = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        has(controllers).then_some(path)
    })?;
    mounted(mounts, path, |kind, options| kind == "cgroup" && has(options))
}

/// Returns the first mount that shows a group, with the group's directory in it.
fn mounted(list: &str, group: &str, is_wanted: impl Fn(&str, &str) -> bool) -> Option<Place> {
    mounts::mounts(list.as_bytes()).find_map(|mount| {
        let options = std::str::from_utf8(mount.file_system_options).ok()?;
        if !is_wanted(std::str::from_utf8(mount.kind).ok()?, options) {
            return None;
        }
        let [root, point] = [mount.root, mount.place].map(|path| PathBuf::from(std::ffi::OsString::from_vec(path)));
        let below = Path::new(group).strip_prefix(&root).ok()?;
        // A group above the root of our namespace shows as `/..`.
        let is_inside = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let own = if below.as_os_str().is_empty() { point.clone() } else { point.join(below) };
        is_inside.then_some(Place { top: point, own })
    })
}
