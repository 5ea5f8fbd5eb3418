//! The cell: namespaces and limits in which a hostile command can do no harm.
//!
//! 1. Started by the superuser, it runs as a user without a name, so that the bound on processes holds.
//! 2. `prlimit` bounds time of the processor, size of files, processes and memory.
//! 3. `strace` stands outside and watches everything below it; the command cannot reach it.
//! 4. `timeout` ends the cell's first process, and with it everything in the cell.
//! 5. `bwrap` makes namespaces for users, mounts, processes, network (loopback only), IPC and host name;
//!    the system is read-only, and what is writable belongs to one command and is thrown away.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{HOME, PROJECT};

/// Seconds that a command may take.
const WALL_SECONDS: u64 = 3;
/// Seconds after which the tracer itself is ended.
const TRACER_SECONDS: u64 = 12;
/// The first number of the users without a name; each worker has its own, and so its own processes to count.
const USER_FIRST: u32 = 61_200;
const PROCESSES_MAX: u32 = 150;
const FILE_BYTES_MAX: u64 = 32 << 20;
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// Where the programs that make a cell are looked for.
const TOOL_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The calls that are recorded.
const CALLS: &str = "trace=execve,execveat,open,openat,openat2,creat,truncate,rename,renameat,renameat2,\
unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,\
link,linkat,symlink,symlinkat,utime,utimes,utimensat,futimesat,setxattr,lsetxattr,fsetxattr,\
removexattr,lremovexattr,fremovexattr,connect,bind,sendto,sendmsg,sendmmsg,kill,tkill,tgkill,\
pidfd_send_signal,reboot,mount,umount2,sethostname,setdomainname,settimeofday,clock_settime,init_module,\
finit_module,delete_module,swapon,swapoff,acct,setns,unshare,chroot,pivot_root,\
clone,clone3,fork,vfork,chdir,fchdir";

/// One worker's cell.
#[derive(Debug)]
pub(super) struct Cell {
    directory: PathBuf,
    user: Option<u32>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With this status.
    Status(i32),
    /// It was ended.
    Killed,
}

impl Cell {
    /// Makes a cell in a directory of its own.
    pub(super) fn new(scratch: &Path, number: usize) -> anyhow::Result<Self> {
        let directory = scratch.join(format!("cell-{number}"));
        std::fs::create_dir_all(&directory)?;
        let is_superuser = std::fs::metadata("/proc/self")?.uid() == 0;
        let user = if is_superuser { Some(USER_FIRST + u32::try_from(number)?) } else { None };
        let cell = Self { directory, user };
        cell.own(&cell.directory)?;
        std::fs::write(cell.directory.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
        Ok(cell)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Gives a path to the cell's user.
    pub(super) fn own(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(user) = self.user {
            std::os::unix::fs::lchown(path, Some(user), Some(user))
                .with_context(|| format!("{} cannot be given away", path.display()))?;
        }
        Ok(())
    }

    /// Gives a whole tree to the cell's user.
    pub(super) fn own_all(&self, path: &Path) -> anyhow::Result<()> {
        self.own(path)?;
        if path.symlink_metadata()?.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.own_all(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Runs a command text under the tracer, whose files go to `traces`.
    pub(super) fn trace(&self, text: &str, tree: &Path, traces: &Path) -> anyhow::Result<Ended> {
        let mut command = self.limited();
        command.args(["strace", "-f", "-ff", "-qq", "--seccomp-bpf", "-y", "--decode-pids=pidns", "-s", "4096"]);
        command.args(["-e", "signal=none", "-e", CALLS, "-o"]).arg(traces.join("t"));
        command.args(["timeout", "--signal=KILL", &WALL_SECONDS.to_string()]);
        self.enclosed(&mut command);
        command.args(["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]);
        if Path::new("/etc/resolv.conf").symlink_metadata().is_ok_and(|found| found.is_file()) {
            command.arg("--ro-bind").arg(self.directory.join("resolv.conf")).arg("/etc/resolv.conf");
        }
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            match std::fs::read_link(&path) {
                Ok(target) => command.arg("--symlink").arg(target).arg(path),
                Err(_) if path.is_dir() => command.arg("--ro-bind").arg(&path).arg(&path),
                Err(_) => &mut command,
            };
        }
        for entry in std::fs::read_dir(tree)? {
            let entry = entry?;
            command.arg("--bind").arg(entry.path()).arg(Path::new("/").join(entry.file_name()));
        }
        command.args(["--chdir", PROJECT, "/usr/bin/bash", "-c", text]);
        finish(command, Duration::from_secs(TRACER_SECONDS))
    }

    /// Returns the start of a command line that drops rights and sets bounds.
    pub(super) fn limited(&self) -> Command {
        let mut command = Command::new(if self.user.is_some() { "setpriv" } else { "env" });
        if let Some(user) = self.user {
            let user = user.to_string();
            command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--inh-caps=-all"]);
        }
        command.args(["prlimit", "--cpu=5", "--core=0"]);
        command.arg(format!("--nproc={PROCESSES_MAX}")).arg(format!("--fsize={FILE_BYTES_MAX}"));
        command.arg(format!("--as={MEMORY_BYTES_MAX}"));
        command.env_clear().env("PATH", TOOL_PATH).env("LC_ALL", "C").current_dir("/");
        command
    }

    /// Adds the namespaces.
    pub(super) fn enclosed(&self, command: &mut Command) {
        command.args(["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]);
        command.args(["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]);
        command.args(["--setenv", "PATH", TOOL_PATH, "--setenv", "HOME", HOME, "--setenv", "LC_ALL", "C.UTF-8"]);
        command.args(["--proc", "/proc", "--dev", "/dev"]);
    }
}

/// Runs a command without input or output until it ends, or ends it.
pub(super) fn finish(mut command: Command, limit: Duration) -> anyhow::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("the cell cannot be started")?;
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().map_or(Ended::Killed, Ended::Status));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Killed);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Returns what is missing for a cell, if anything is.
pub(super) fn missing() -> Option<String> {
    let tools = ["strace", "bwrap", "prlimit", "timeout", "setpriv", "bash"];
    let has = |tool: &&str| TOOL_PATH.split(':').any(|directory| Path::new(directory).join(tool).exists());
    if let Some(tool) = tools.iter().find(|tool| !has(tool)) {
        return Some(format!("`{tool}` is not installed"));
    }
    let works = Command::new("bwrap")
        .args(["--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if works { None } else { Some("this machine does not let `bwrap` make namespaces".to_owned()) }
}

/// Fails unless destructive commands in a cell leave the outside as it is.
pub(super) fn prove_isolation(cell: &Cell, tree: &Path, traces: &Path) -> anyhow::Result<()> {
    let outside = cell.directory().join("outside");
    std::fs::write(&outside, "untouched")?;
    cell.own(&outside)?;
    let attacks = [
        format!("rm -rf --no-preserve-root {} /etc/passwd /usr/bin/true", cell.directory().display()),
        format!("echo x > {}; cd /proc/1/root && echo x > .{}", outside.display(), outside.display()),
        "kill -9 -1; reboot -f; echo b > /proc/sysrq-trigger; sysctl -w kernel.hostname=broken".to_owned(),
        "bomb() { bomb | bomb & }; bomb".to_owned(),
        "mount -t tmpfs none /usr; umount -l /; hostname broken; mknod /tmp/disk b 254 0".to_owned(),
    ];
    for attack in &attacks {
        cell.trace(attack, tree, traces)?;
    }
    let is_whole = std::fs::read_to_string(&outside).is_ok_and(|text| text == "untouched");
    if !is_whole || !Path::new("/usr/bin/true").exists() || !Path::new("/etc/passwd").exists() {
        bail!("the cell does not hold: a command reached what lies outside");
    }
    Ok(())
}
