//! A plan as text.

use std::fmt;

use policy::AbsPath;
use policy::controls::Network;

use super::{Hatch, Plan, Root, Step};

/// One thing that the boundary is built of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is done: `writable`, `hide`, `seccomp`.
    pub what: &'static str,
    /// What it is about, in words.
    pub subject: String,
    /// The path that it is about, if it is about one.
    pub path: Option<AbsPath>,
    /// The rule with its file and line, or the reason of the table's row; may be empty.
    pub why: String,
}

impl Line {
    fn says(what: &'static str, subject: impl Into<String>) -> Self {
        Self { what, subject: subject.into(), path: None, why: String::new() }
    }

    fn at(what: &'static str, path: &AbsPath) -> Self {
        Self { what, subject: path.to_string(), path: Some(path.clone()), why: String::new() }
    }

    fn because(self, why: &str) -> Self {
        Self { why: why.to_owned(), ..self }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, subject, path: _, why } = self;
        write!(formatter, "{what:<12}{subject}")?;
        if why.is_empty() { Ok(()) } else { write!(formatter, ": {why}") }
    }
}

impl fmt::Display for Plan {
    /// Renders one step a line, in the order of building.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().iter().map(Line::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl Plan {
    /// Returns the plan as text, a step a line.
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// Returns the plan step by step, in the order of building.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = vec![
            Line::says("separate", "users, mounts, processes, network, ipc, host name, cgroups"),
            match &self.network {
                Network::None => Line::says("network", "a loopback interface of its own and nothing else"),
                Network::Proxied { captured } => {
                    let ports: Vec<String> = captured.iter().map(u16::to_string).collect();
                    let ports = ports.join(", ");
                    Line::says(
                        "network",
                        format!("a loopback interface of its own, and the proxy on it; ports {ports} lead to it"),
                    )
                }
            },
            match self.root {
                Root::Host => Line::says("read-only", "/"),
                Root::Empty => Line::says("empty", "/"),
            },
        ];
        lines.extend(self.steps.iter().map(line));
        lines.extend(self.shown.iter().map(|shown| Line::at("show", &shown.path).because(&shown.why)));
        lines.extend(self.hatches.iter().map(|hatch| match hatch {
            Hatch::Path(path) => {
                Line::at("hatch", path).because("a socket of ours, which leads to one place of the host")
            }
            Hatch::Port(port) => Line::says("hatch", format!("port {port}, which leads to one place of the host")),
            Hatch::Calls => Line::says("hatch", "from published ports of the host to servers inside"),
        }));
        let read = match self.root {
            Root::Host => "all",
            Root::Empty => "only the above",
        };
        lines.extend([
            Line::says("devices", "null zero full random urandom tty, terminals and /dev/shm of its own"),
            Line::says("processes", "a /proc of its own, read-only"),
            Line::says("drop", "every capability, for good"),
        ]);
        lines.extend(self.variables.iter().map(|(name, value)| Line::says("set", format!("{name}={value}"))));
        lines.extend([
            Line::says("landlock", format!("read {read}, write only the above, signal nobody outside")),
            Line::says("seccomp", "refuse the calls that no build or test needs"),
            Line::says("start in", self.cwd.as_str()),
        ]);
        lines
    }
}

fn line(step: &Step) -> Line {
    match step {
        Step::Read { path, why } => Line::at("read", path).because(why),
        Step::Link { path, target } => Line { subject: format!("{path} to {target}"), ..Line::at("link", path) },
        Step::Cache { path, zone: _ } => Line::at("cache", path),
        Step::Seed { from, at } => Line { subject: format!("{at} ({from}, read-only)"), ..Line::at("seed", at) },
        Step::Private { zone } => {
            let state = if zone.is_writable() { "writable" } else { "empty" };
            Line::says("private", format!("{} ({state})", zone.path()))
        }
        Step::Writable { path, zone: _ } => Line::at("writable", path),
        Step::Pin { path } => Line::at("pin", path),
        Step::ReadOnly { path, why } => Line::at("read-only", path).because(why),
        Step::ByKey { path, why } => Line::at("by key", path).because(why),
        Step::Hide { path, why } => Line::at("hide", path).because(why),
        Step::Veil { path, parts, why } => {
            let parts: Vec<&str> = parts.iter().map(AbsPath::as_str).collect();
            let subject = format!("{path} but for {}", parts.join(", "));
            Line { subject, ..Line::at("hide", path).because(why) }
        }
    }
}
