//! What is lost, and in which direction.

use super::view::View;

/// Which way an export differs from the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Something that the policy refuses goes through.
    Weaker,
    /// Something that the policy lets through is refused.
    Stricter,
}

impl Way {
    /// Returns the name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weaker => "weaker",
            Self::Stricter => "stricter",
        }
    }
}

/// Something that a form does not hold, or holds otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// A name that stays.
    pub id: &'static str,
    /// Which way.
    pub way: Way,
    /// What it means.
    pub meaning: String,
}

pub(super) fn weaker(id: &'static str, meaning: impl Into<String>) -> Loss {
    Loss { id, way: Way::Weaker, meaning: meaning.into() }
}

pub(super) fn stricter(id: &'static str, meaning: impl Into<String>) -> Loss {
    Loss { id, way: Way::Stricter, meaning: meaning.into() }
}

/// Returns what no form holds.
pub(super) fn of_all(view: &View<'_>) -> Vec<Loss> {
    let mut losses = vec![
        weaker("journal", "what a command does, and which hosts it reaches, is written down nowhere"),
        weaker(
            "later-names",
            "a protected name that does not exist yet, such as a hook or an agent's settings, can be made in a writable directory",
        ),
    ];
    if view.has_command_rules() {
        losses.push(weaker("command-rules", "rules about commands do not bind the programs that a command starts"));
    }
    if view.has_late_reads() {
        losses.push(weaker("late-reads", "a file that comes under a Read rule while a command runs can be read"));
    }
    if view.has_secrets {
        losses.push(weaker(
            "secrets",
            "there is no proxy that puts secrets in, and rules about requests do not count; put no real secret there instead",
        ));
    }
    if view.has_git_keys() {
        losses.push(stricter("git-keys", "configurations of git are read-only as a whole: no key of them can be set"));
    }
    if view.has_caches() {
        losses.push(stricter("caches", "package managers have no private directory, and their usual one is read-only"));
    }
    if view.is_proxied {
        losses.push(stricter("questions", "a host that no rule names is refused: nobody is asked about it"));
    }
    losses
}

/// What a form that keeps the caller's environment loses.
pub(super) fn environment() -> Loss {
    weaker("environment", "variables of the caller are seen inside, secrets in them as well: start it with `env -i`")
}

/// What a form loses whose tool has a filter of its own.
pub(super) fn kernel_calls() -> Loss {
    weaker("kernel-calls", "the tool's own filter of system calls counts, and not Palisade's")
}

/// What a form that has held paths by mounts alone loses.
pub(super) fn pins() -> Loss {
    weaker(
        "pins",
        "a directory that holds a read-only or hidden path can be renamed, and another put into its place for later",
    )
}

/// Renders losses as comments, a line each.
pub(super) fn comments(mark: &str, losses: &[Loss]) -> String {
    let line =
        |loss: &Loss| format!("{mark}   {}, {}: {}\n", loss.way.name(), loss.id, super::quote::comment(&loss.meaning));
    losses.iter().map(line).collect()
}
