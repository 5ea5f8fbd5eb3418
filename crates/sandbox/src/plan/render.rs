//! A plan as text.

use std::fmt;

use super::{Plan, Step};

impl fmt::Display for Plan {
    /// Renders one step a line, in the order of building.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "separate    users, mounts, processes, network, ipc, host name, cgroups")?;
        writeln!(formatter, "network     a loopback interface of its own and nothing else")?;
        writeln!(formatter, "read-only   /")?;
        for step in &self.steps {
            render_step(step, formatter)?;
        }
        writeln!(formatter, "devices     null zero full random urandom tty, terminals and /dev/shm of its own")?;
        writeln!(formatter, "processes   a /proc of its own, read-only")?;
        writeln!(formatter, "drop        every capability, for good")?;
        writeln!(formatter, "landlock    read all, write only the above, signal nobody outside")?;
        writeln!(formatter, "seccomp     refuse the calls that no build or test needs")?;
        write!(formatter, "start in    {}", self.cwd)
    }
}

impl Plan {
    /// Returns the plan as text, a step a line.
    pub fn render(&self) -> String {
        self.to_string()
    }
}

fn render_step(step: &Step, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match step {
        Step::Private { zone } if zone.is_writable() => writeln!(formatter, "private     {} (writable)", zone.path()),
        Step::Private { zone } => writeln!(formatter, "private     {} (empty)", zone.path()),
        Step::Writable { path, zone: _ } => writeln!(formatter, "writable    {path}"),
        Step::Pin { path } => writeln!(formatter, "pin         {path}"),
        Step::ReadOnly { path, why } => writeln!(formatter, "read-only   {path} ({why})"),
        Step::ByKey { path, why } => writeln!(formatter, "by key      {path} ({why})"),
        Step::Hide { path, why } => writeln!(formatter, "hide        {path} ({why})"),
        Step::Veil { path, parts, why } => {
            let parts: Vec<&str> = parts.iter().map(policy::AbsPath::as_str).collect();
            writeln!(formatter, "hide        {path} ({why}) but for {}", parts.join(", "))
        }
    }
}
