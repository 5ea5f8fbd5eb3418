//! A profile of macOS' Seatbelt. Of rules that match, the last one counts, so that they stand in the order of the plan.

use policy::AbsPath;

use super::loss::{comments, environment, of_all, stricter, weaker};
use super::quote::{Inexpressible, comment, scheme};
use super::view::View;
use super::{Export, File};
use crate::plan::{Root, Step, Zone};

/// What a program needs to start at all, whatever it does.
const BASE: &str = r#"(version 1)
(deny default)

; Programs start others, and signal what they started.
(allow process-exec)
(allow process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)

; Users and groups by name, and the log.
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.opendirectoryd.membership")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.logd")
  (global-name "com.apple.system.notification_center"))

; Terminals and the devices that everybody writes to.
(allow pseudo-tty)
(allow file-ioctl (literal "/dev/tty") (literal "/dev/ptmx") (regex #"^/dev/ttys[0-9]+$"))
"#;

/// Devices, which stay when files are closed.
const DEVICES: &str = r#"
(allow file-read* file-write-data
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom")
  (literal "/dev/tty") (literal "/dev/ptmx") (regex #"^/dev/ttys[0-9]+$"))
"#;

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    let mut losses = of_all(view);
    losses.extend([
        weaker(
            "unproven",
            "the language has no public reference, and this profile was checked by reading, not by running it",
        ),
        weaker(
            "this-machine",
            "the paths are those of this machine: what lies elsewhere on another is neither hidden nor held there",
        ),
        weaker("processes", "processes of the machine can be listed"),
        environment(),
        stricter(
            "private-directories",
            "/tmp, /var/tmp and /run are closed: point TMPDIR to a directory that may be written",
        ),
        stricter(
            "loopback",
            "the loopback interface is the machine's own, so it is closed: tests cannot talk to themselves",
        ),
    ]);
    losses.extend(view.no_hosts());
    let limits = view.limits_but(&[]);
    if !limits.is_empty() {
        losses.push(weaker("limits", format!("nothing holds the limits on {}", limits.join(", "))));
    }
    let mut text = String::from("; Written by `palisade sandbox export seatbelt`: do not edit, export again.\n");
    text.push_str("; Run a command under it with: sandbox-exec -f palisade.sb COMMAND\n;\n; What is lost:\n");
    text.push_str(&comments(";", &losses));
    text.push('\n');
    text.push_str(BASE);
    text.push('\n');
    match view.root {
        Root::Host => text.push_str("; Everything can be read that nothing below hides.\n(allow file-read*)\n"),
        Root::Empty => {
            text.push_str("; Nothing can be read that nothing below shows.\n(allow file-read* (literal \"/\"))\n")
        }
    }
    for step in view.steps {
        text.push_str(&rules(step)?);
    }
    text.push_str(DEVICES);
    text.push_str("\n; There is no rule for the network: nothing is reached.\n");
    Ok(Export { files: vec![File::plain("palisade.sb", text)], losses })
}

fn rules(step: &Step) -> Result<String, Inexpressible> {
    let closed =
        |path: &AbsPath| Ok::<_, Inexpressible>(format!("(deny file-read* file-write* {})\n", names("subpath", path)?));
    Ok(match step {
        Step::Read { path, why } => format!("; {}\n(allow file-read* {})\n", comment(why), names("subpath", path)?),
        Step::Link { path, target: _ } => format!("(allow file-read* {})\n", names("literal", path)?),
        Step::Private { zone } => private(*zone),
        Step::Writable { path, zone: _ } => format!("\n(allow file-read* file-write* {})\n", names("subpath", path)?),
        Step::Cache { .. } | Step::Seed { .. } => String::new(),
        Step::Pin { path } => format!("(deny file-write-unlink {})\n", names("literal", path)?),
        Step::ReadOnly { path, why } | Step::ByKey { path, why } => {
            format!("; {}\n(deny file-write* {})\n", comment(why), names("subpath", path)?)
        }
        Step::Hide { path, why } => format!("; {}\n{}", comment(why), closed(path)?),
        Step::Veil { path, parts, why } => {
            let mut text = format!("; {}\n{}", comment(why), closed(path)?);
            for part in parts {
                text.push_str(&ways(path, part)?);
                text.push_str(&format!("(allow file-read* {})\n", names("subpath", part)?));
            }
            text
        }
    })
}

/// Returns a filter for a path. Some directories are links on macOS, and what is below them is known by the other name.
fn names(filter: &str, path: &AbsPath) -> Result<String, Inexpressible> {
    let own = format!("({filter} {})", scheme(path)?);
    if !["etc", "tmp", "var"].iter().any(|name| path.is_within(&AbsPath::root().join(name))) {
        return Ok(own);
    }
    let other = AbsPath::root().join("private").join(path.as_str().trim_start_matches('/'));
    Ok(format!("{own} ({filter} {})", scheme(&other)?))
}

/// Returns the rules by which the way to a part that is seen again can be walked.
fn ways(from: &AbsPath, to: &AbsPath) -> Result<String, Inexpressible> {
    let mut text = String::new();
    let mut above = to.parent();
    while let Some(path) = above.filter(|path| path.is_within(from)) {
        text.push_str(&format!("(allow file-read-metadata {})\n", names("literal", &path)?));
        above = path.parent();
    }
    Ok(text)
}

/// Closes a place that is private elsewhere, under both names that it has on macOS.
fn private(zone: Zone) -> String {
    let path = zone.path();
    format!("(deny file-read* file-write* (subpath \"{path}\") (subpath \"/private{path}\"))\n")
}
