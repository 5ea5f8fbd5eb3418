//! What of the host explains a finding.

use rustix::fs::{Access, AtFlags, CWD};

use crate::linux::advice::read;
use crate::machine::Fact;

/// Files that one kind of container or another leaves, and what it is.
const CONTAINERS: [(&str, &str); 3] =
    [("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman"), ("/run/systemd/container", "a systemd container")];

/// Settings of the kernel that decide, and what to call them.
const SETTINGS: [(&str, &str); 5] = [
    ("yama-ptrace-scope", "/proc/sys/kernel/yama/ptrace_scope"),
    ("apparmor-restricts", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    ("userns-clone", "/proc/sys/kernel/unprivileged_userns_clone"),
    ("max-user-namespaces", "/proc/sys/user/max_user_namespaces"),
    ("apparmor-profile", "/proc/self/attr/apparmor/current"),
];

/// Returns what is seen.
pub(super) fn look() -> Vec<Fact> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut facts = vec![Fact { name: "kernel", value: release }];
    let user = rustix::process::geteuid().as_raw();
    facts.push(Fact { name: "user", value: if user == 0 { "root".to_owned() } else { format!("number {user}") } });
    facts.push(Fact { name: "container", value: container() });
    let status = read("/proc/self/status");
    let filter = match status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim) {
        Some("2") => "one is in force already",
        Some("1") => "strict",
        Some(_) | None => "none",
    };
    facts.push(Fact { name: "filter", value: filter.to_owned() });
    for (name, path) in SETTINGS {
        let value = read(path);
        let value = value.trim_end_matches(['\n', '\0']);
        facts.push(Fact { name, value: if value.is_empty() { "absent".to_owned() } else { value.to_owned() } });
    }
    facts.push(Fact { name: "control-groups", value: control_groups() });
    facts
}

fn is_there(path: &str) -> bool {
    rustix::fs::accessat(CWD, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Returns what kind of container this is, by what it leaves.
fn container() -> String {
    if read("/proc/1/comm").trim() == "palisade: init" {
        return "the inside of a boundary".to_owned();
    }
    if let Some((_, name)) = CONTAINERS.iter().find(|(path, _)| is_there(path)) {
        return (*name).to_owned();
    }
    let groups = read("/proc/1/cgroup");
    let signs = [("docker", "Docker"), ("kubepods", "Kubernetes"), ("containerd", "containerd"), ("lxc", "LXC")];
    let named = signs.iter().find(|(sign, _)| groups.contains(sign));
    named.map_or_else(|| "no sign of one".to_owned(), |(_, name)| (*name).to_owned())
}

/// Returns what is seen of control groups: the version, the own group, and whether it is the user's to divide.
fn control_groups() -> String {
    let own = read("/proc/self/cgroup");
    if !is_there("/sys/fs/cgroup/cgroup.controllers") {
        return if is_there("/sys/fs/cgroup") { "version 1, or none mounted".to_owned() } else { "absent".to_owned() };
    }
    let Some(group) = own.lines().find_map(|line| line.strip_prefix("0::")) else { return "version 2".to_owned() };
    let directory = format!("/sys/fs/cgroup{group}");
    let procs = format!("{directory}/cgroup.procs");
    let may = |path: &str| rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    let delegated = if may(&directory) && may(&procs) { "the user's to divide" } else { "not the user's to divide" };
    format!("version 2, `{group}` is {delegated}")
}
