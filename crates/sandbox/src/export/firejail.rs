//! A profile of Firejail.

use policy::AbsPath;
use policy::controls::limits::Resource;

use super::loss::{comments, environment, kernel_calls, of_all, pins, stricter, weaker};
use super::quote::{Inexpressible, comment, firejail as word};
use super::view::View;
use super::{Export, File};
use crate::plan::Root;

/// Limits that a profile can hold, with what it calls them.
const LIMITS: [(Resource, &str); 5] = [
    (Resource::ProcessMemory, "rlimit-as"),
    (Resource::CpuTime, "rlimit-cpu"),
    (Resource::FileSize, "rlimit-fsize"),
    (Resource::OpenFiles, "rlimit-nofile"),
    (Resource::Processes, "rlimit-nproc"),
];

/// What is closed whatever the plan says.
const BASE: &str = "\
private-dev
private-tmp
blacklist /run/user
blacklist /run/docker.sock
blacklist /run/dbus
caps.drop all
nonewprivs
noroot
restrict-namespaces
seccomp
ipc-namespace
dbus-system none
dbus-user none
x11 none
net none
";

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    if view.root == Root::Empty {
        let why = "a profile cannot show some directories of the root and nothing else";
        return Err(Inexpressible::new("firejail", "the closed profile", why));
    }
    let mut losses = of_all(view);
    losses.extend([
        environment(),
        kernel_calls(),
        weaker("private-directories", "/run is the machine's own but for the usual sockets"),
        weaker("hidden-names", "a hidden path is seen by its name, size and mode; its contents are not"),
    ]);
    losses.extend(view.no_hosts());
    if view.has_held() {
        losses.push(pins());
    }
    let known = LIMITS.iter().map(|(resource, _)| *resource).chain([Resource::Wall]);
    // Times are whole seconds there, and none cannot be said.
    let is_said = |resource: Resource, value: u64| resource != Resource::Wall || value >= 1000;
    let is_held = |resource: &Resource| view.written_limit(*resource).is_some_and(|value| is_said(*resource, value));
    let held: Vec<Resource> = known.filter(is_held).collect();
    let limits = view.limits_but(&held);
    if !limits.is_empty() {
        losses.push(weaker("limits", format!("nothing holds the limits on {}", limits.join(", "))));
    }
    let temporary = AbsPath::root().join("tmp");
    if let Some(path) = view.writable().chain([view.cwd]).find(|path| path.is_within(&temporary)) {
        losses.push(stricter("private-directories", format!("{path} is not there: /tmp is another, which is empty")));
    }
    let mut rules = String::from("read-only /\n");
    for path in view.writable() {
        rules.push_str(&format!("read-write {}\n", word(path)?));
    }
    for (path, why) in view.read_only() {
        rules.push_str(&format!("# {}\nread-only {}\n", comment(why), word(path)?));
    }
    for (path, parts, why) in view.hidden() {
        if let Some(inside) = view.writable().chain([view.cwd]).find(|inside| inside.is_within(path)) {
            let why = "it lies in a directory that is hidden, and a profile cannot open a part of one again";
            return Err(Inexpressible::new("firejail", inside.as_str(), why));
        }
        if !parts.is_empty() {
            losses.push(stricter(
                "opened-again",
                format!("{path} is hidden as a whole, with the parts that could be read"),
            ));
        }
        rules.push_str(&format!("# {}\nblacklist {}\n", comment(why), word(path)?));
    }
    let mut limits = String::new();
    for (resource, name) in LIMITS {
        limits.extend(view.written_limit(resource).map(|value| format!("{name} {value}\n")));
    }
    limits.extend(view.written_limit(Resource::Wall).filter(|_| held.contains(&Resource::Wall)).map(timeout));
    let text = format!(
        "# Written by `palisade sandbox export firejail`: do not edit, export again.\n# Run a command under it with: firejail \
         --profile=palisade.profile -- COMMAND\n#\n# What is lost:\n{}\nquiet\n{rules}\n{BASE}{limits}",
        comments("#", &losses)
    );
    Ok(Export { files: vec![File::plain("palisade.profile", text)], losses })
}

/// Returns the line about time, in whole seconds and never more than asked for.
fn timeout(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    format!("timeout {:02}:{:02}:{:02}\n", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
