//! What every form asks of a plan, without its mechanism.

use policy::AbsPath;
use policy::bounds::{Bound, BoundKind};
use policy::controls::limits::Resource;
use policy::controls::{Controls, LateReads, Network};
use policy::facts::Entry;
use policy::network::host::{HostPattern, Place};

use super::Source;
use super::loss::{Loss, stricter};
use crate::plan::{Root, Step, Zone};

/// The ports of an entry that names none.
const WEB_PORTS: [u16; 2] = [80, 443];

/// What there is to be said.
pub(super) struct View<'a> {
    pub(super) steps: &'a [Step],
    pub(super) root: Root,
    pub(super) cwd: &'a AbsPath,
    pub(super) project: &'a AbsPath,
    pub(super) is_proxied: bool,
    pub(super) has_secrets: bool,
    allowed: Vec<&'a Place>,
    denied: Vec<&'a Place>,
    controls: &'a Controls,
}

impl<'a> View<'a> {
    pub(super) fn of(source: &Source<'a>) -> Self {
        let Source { plan, controls, network, has_secrets } = *source;
        let is_proxied = plan.network != Network::None;
        let allowed = if is_proxied { network.allowed_places().collect() } else { Vec::new() };
        let denied = if is_proxied { network.denied_places().collect() } else { Vec::new() };
        Self {
            steps: &plan.steps,
            root: plan.root,
            cwd: &plan.cwd,
            project: &plan.project,
            is_proxied,
            has_secrets,
            allowed,
            denied,
            controls,
        }
    }

    /// Returns the directories that may be written.
    pub(super) fn writable(&self) -> impl Iterator<Item = &'a AbsPath> {
        self.steps.iter().filter_map(|step| match step {
            Step::Writable { path, zone: _ } => Some(path),
            Step::Cache { .. }
            | Step::Read { .. }
            | Step::Link { .. }
            | Step::Private { .. }
            | Step::Seed { .. }
            | Step::Pin { .. }
            | Step::ReadOnly { .. }
            | Step::ByKey { .. }
            | Step::Hide { .. }
            | Step::Veil { .. } => None,
        })
    }

    /// Returns what stays read-only in them, with the reason.
    pub(super) fn read_only(&self) -> impl Iterator<Item = (&'a AbsPath, &'a str)> {
        self.steps.iter().filter_map(|step| match step {
            Step::ReadOnly { path, why } | Step::ByKey { path, why } => Some((path, why.as_str())),
            Step::Writable { .. }
            | Step::Cache { .. }
            | Step::Read { .. }
            | Step::Link { .. }
            | Step::Private { .. }
            | Step::Seed { .. }
            | Step::Pin { .. }
            | Step::Hide { .. }
            | Step::Veil { .. } => None,
        })
    }

    /// Returns what is hidden, with the parts that are not, and the reason.
    pub(super) fn hidden(&self) -> impl Iterator<Item = (&'a AbsPath, &'a [AbsPath], &'a str)> {
        self.steps.iter().filter_map(|step| {
            let (path, parts) = step.hidden()?;
            let (Step::Hide { why, .. } | Step::Veil { why, .. }) = step else { return None };
            Some((path, parts, why.as_str()))
        })
    }

    /// Returns what is there to be read over an empty root.
    pub(super) fn readable(&self) -> impl Iterator<Item = &'a AbsPath> {
        self.steps.iter().filter_map(|step| match step {
            Step::Read { path, why: _ } | Step::Link { path, target: _ } => Some(path),
            Step::Writable { .. }
            | Step::Cache { .. }
            | Step::Private { .. }
            | Step::Seed { .. }
            | Step::Pin { .. }
            | Step::ReadOnly { .. }
            | Step::ByKey { .. }
            | Step::Hide { .. }
            | Step::Veil { .. } => None,
        })
    }

    /// Returns the places that are private to a command.
    pub(super) fn zones(&self) -> impl Iterator<Item = Zone> {
        Zone::ALL.into_iter()
    }

    /// Returns whether a hidden path is a directory.
    pub(super) fn is_directory(&self, path: &AbsPath) -> bool {
        let held = self.controls.unreadable.iter().find(|held| held.path == *path);
        held.is_none_or(|held| held.entry == Entry::Directory)
    }

    pub(super) fn has_command_rules(&self) -> bool {
        self.controls.bounds.iter().any(|Bound { kind, .. }| *kind == BoundKind::Rule)
    }

    pub(super) fn has_late_reads(&self) -> bool {
        self.controls.late_reads != LateReads::None
    }

    pub(super) fn has_git_keys(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::ByKey { .. }))
    }

    pub(super) fn has_caches(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Cache { .. }))
    }

    pub(super) fn has_held(&self) -> bool {
        self.read_only().next().is_some() || self.hidden().next().is_some()
    }

    /// Returns a limit that is in force.
    pub(super) fn limit(&self, resource: Resource) -> Option<u64> {
        self.controls.limits.get(resource).at_most
    }

    /// Returns a limit that somebody wrote. What holds by itself can be more than a tool may raise a limit to.
    pub(super) fn written_limit(&self, resource: Resource) -> Option<u64> {
        let limit = self.controls.limits.get(resource);
        limit.by.as_ref().and(limit.at_most)
    }

    /// Returns the names of limits that a form cannot hold, of those in force.
    pub(super) fn limits_but(&self, held: &[Resource]) -> Vec<&'static str> {
        let all = Resource::ALL.into_iter().filter(|resource| !held.contains(resource));
        let mut names: Vec<&str> = all.filter(|one| self.limit(*one).is_some()).map(Resource::name).collect();
        if self.controls.limits.memory_share.at_most.is_some() && !names.contains(&"memory") {
            names.insert(0, "memory");
        }
        names
    }

    /// Returns what is allowed, each with its port.
    pub(super) fn allowed(&self) -> Vec<(&'a HostPattern, u16)> {
        let ports = |place: &&'a Place| match place.port {
            Some(port) => vec![port],
            None => WEB_PORTS.to_vec(),
        };
        let mut all: Vec<_> = Vec::new();
        for place in &self.allowed {
            for port in ports(place) {
                if !all.contains(&(&place.pattern, port)) {
                    all.push((&place.pattern, port));
                }
            }
        }
        all
    }

    /// Returns what is denied.
    pub(super) fn denied(&self) -> &[&'a Place] {
        &self.denied
    }

    /// Returns what is lost by a form without a network.
    pub(super) fn no_hosts(&self) -> Option<Loss> {
        let hosts: Vec<String> = self.allowed.iter().map(|place| place.to_string()).collect();
        let meaning = format!("no host can be reached, and the rules allow {}", hosts.join(", "));
        (!hosts.is_empty()).then(|| stricter("hosts", meaning))
    }
}
