//! A group of version 2, in the nearest place that is delegated to us.
//!
//! A group that hands controllers down may hold no processes of its own. So the best place is a group above us
//! that hands down what is wanted already, as a person's session does. In our own group we can only switch it on
//! when we are alone there: then we step aside into a group of our own first, and back at the end. What
//! was switched on in a group above us stays on: another command may rely on it by then.

use std::io;
use std::path::{Path, PathBuf};

use super::files::{Files, Place};
use super::group::{Controller, Group, Owner, Version, Wanted};

/// A group with what it holds.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) group: Group,
    pub(super) held: Vec<Controller>,
    aside: Option<Aside>,
}

/// Who makes a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maker {
    pub(super) owner: Owner,
    /// The process that takes away what the owner leaves, and goes where it goes.
    pub(super) janitor: Option<u32>,
}

impl Maker {
    fn processes(self) -> impl Iterator<Item = String> {
        std::iter::once(self.owner.pid).chain(self.janitor).map(|pid| pid.to_string())
    }

    /// Moves the processes into a group.
    fn enter(self, files: &dyn Files, group: &Path) -> io::Result<()> {
        self.processes().try_for_each(|pid| files.write(&group.join("cgroup.procs"), &pid))
    }
}

/// Where this process stepped aside.
#[derive(Debug)]
struct Aside {
    from: PathBuf,
    to: Group,
    switched_on: Vec<Controller>,
}

/// A place for a group, with what it hands down.
#[derive(Debug)]
struct Candidate {
    directory: PathBuf,
    /// Handed down already.
    given: Vec<Controller>,
    /// Could be handed down.
    possible: Vec<Controller>,
}

impl Made {
    /// Makes a group that holds as much as can be of what is wanted, or says why there is none.
    pub(super) fn make(files: &dyn Files, place: &Place, maker: Maker, wanted: &[Wanted]) -> Result<Self, String> {
        let mut best: Option<Candidate> = None;
        for directory in place.own.ancestors().take_while(|directory| directory.starts_with(&place.top)) {
            let Some(candidate) = Candidate::look((files, maker), directory, place, wanted) else { continue };
            let has = |candidate: &Candidate| candidate.given.len() + candidate.possible.len();
            if has(&candidate) > best.as_ref().map_or(0, has) {
                best = Some(candidate);
            }
        }
        let Some(best) = best else { return Err(why_none(files, place)) };
        let (aside, switched_on) = best.switch_on(files, place, maker)?;
        let controllers: Vec<Controller> = best.given.iter().copied().chain(switched_on).collect();
        let made = Group::make(files, &best.directory, Version::Two, maker.owner);
        let group = match made {
            Ok(group) => group,
            Err(error) => {
                if let Some(aside) = aside {
                    aside.back(files, maker);
                }
                return Err(said("no group can be made", &best.directory, &error));
            }
        };
        let mut made = Self { group, held: Vec::new(), aside };
        let mut fault = None;
        for one in wanted.iter().filter(|one| controllers.contains(&one.controller)) {
            match made.group.hold(files, *one) {
                Ok(()) => made.held.push(one.controller),
                Err(error) => fault = Some(said("a limit cannot be set", &made.group.directory, &error)),
            }
        }
        if made.held.is_empty() {
            made.end(files, maker);
            return Err(fault.unwrap_or_else(|| why_none(files, place)));
        }
        Ok(made)
    }

    /// Ends the group, and goes back to where we were. Returns false when something stays.
    pub(super) fn end(&mut self, files: &dyn Files, maker: Maker) -> bool {
        let is_gone = self.group.end(files);
        self.aside.take().is_none_or(|aside| aside.back(files, maker)) && is_gone
    }
}

impl Candidate {
    /// Looks at a group; `None` when we may not put processes there.
    fn look((files, maker): (&dyn Files, Maker), directory: &Path, place: &Place, wanted: &[Wanted]) -> Option<Self> {
        // Who moves a process needs this file of the group above both places.
        files.open(&directory.join("cgroup.procs")).ok()?;
        let list = |name: &str| files.read(&directory.join(name)).unwrap_or_default();
        let among = |list: &str, controller: Controller| list.split_whitespace().any(|name| name == controller.name());
        let (available, enabled) = (list("cgroup.controllers"), list("cgroup.subtree_control"));
        let own: Vec<String> = maker.processes().collect();
        let is_ours = |pid: &str| directory == place.own && own.iter().any(|one| one == pid);
        // The very first group may hold processes and hand down.
        let is_first = files.read(&directory.join("cgroup.events")).is_err();
        let may_switch = is_first || list("cgroup.procs").split_whitespace().all(is_ours);
        let (mut given, mut possible) = (Vec::new(), Vec::new());
        for one in wanted {
            if among(&enabled, one.controller) {
                given.push(one.controller);
            } else if may_switch && among(&available, one.controller) {
                possible.push(one.controller);
            }
        }
        Some(Self { directory: directory.to_owned(), given, possible })
    }

    /// Has the group hand down what it could. Returns where we stepped aside for it, and what it hands down now.
    fn switch_on(
        &self,
        files: &dyn Files,
        place: &Place,
        maker: Maker,
    ) -> Result<(Option<Aside>, Vec<Controller>), String> {
        if self.possible.is_empty() {
            return Ok((None, Vec::new()));
        }
        let mut aside = None;
        let is_first = files.read(&self.directory.join("cgroup.events")).is_err();
        if self.directory == place.own && !is_first {
            let to = Group::make(files, &self.directory, Version::Two, maker.owner)
                .map_err(|error| said("no group can be made", &self.directory, &error))?;
            if let Err(error) = maker.enter(files, &to.directory) {
                let _ = maker.enter(files, &self.directory);
                let _ = files.remove(&to.directory);
                return Err(said("no process can be moved", &self.directory, &error));
            }
            aside = Some(Aside { from: self.directory.clone(), to, switched_on: Vec::new() });
        }
        let control = self.directory.join("cgroup.subtree_control");
        let switched_on: Vec<Controller> = self
            .possible
            .iter()
            .copied()
            .filter(|controller| files.write(&control, &format!("+{}", controller.name())).is_ok())
            .collect();
        if let Some(aside) = &mut aside {
            aside.switched_on.clone_from(&switched_on);
        }
        Ok((aside, switched_on))
    }
}

impl Aside {
    fn back(self, files: &dyn Files, maker: Maker) -> bool {
        let Self { from, to, switched_on } = self;
        for controller in switched_on {
            let _ = files.write(&from.join("cgroup.subtree_control"), &format!("-{}", controller.name()));
        }
        // When this fails we stay where we are, which holds nothing back; the group goes with its owner.
        maker.enter(files, &from).is_ok() && files.remove(&to.directory).is_ok()
    }
}

fn why_none(files: &dyn Files, place: &Place) -> String {
    let own = place.own.display();
    if files.open(&place.own.join("cgroup.procs")).is_err() {
        return format!("the control group `{own}` and those above it are not delegated to this user");
    }
    format!("the control group `{own}` and those above it hand no controller down")
}

fn said(what: &str, directory: &Path, error: &io::Error) -> String {
    format!("{what} in the control group `{}`: {error}", directory.display())
}
