//! Files of our own that are seen inside.

use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::Mode;
use rustix::io::Errno;

use super::failure::{At, Failure};
use super::mount::{self, Mounts};
use super::{caches, tree};
use crate::error::Step as Stage;
use crate::plan::{OWN_FILES, Plan, Shown, Step};

/// Shows them. Those that the host has no file for are made in the private `/run`, which is read-only inside.
pub(super) fn build(mounts: &mut Mounts, plan: &Plan) -> Result<(), Failure> {
    for (number, shown) in plan.shown.iter().enumerate() {
        if is_among_caches(plan, &shown.path) {
            // A link leads to it, which was made with the caches.
            let own = caches::own_file(&shown.path);
            let name = own.strip_prefix(OWN_FILES).unwrap_or_default().trim_start_matches('/');
            make(mounts, name, &shown.content).at_path(Stage::Doors, shown.path.as_str())?;
            continue;
        }
        // What is hidden is covered with ours, or with a directory that holds it.
        if is_covered(plan, &shown.path) {
            continue;
        }
        let path = shown.path.as_str();
        match path.strip_prefix(OWN_FILES).and_then(|below| below.strip_prefix('/')) {
            Some(name) => make(mounts, name, &shown.content).at_path(Stage::Doors, path)?,
            None => put(mounts, path, &format!("shown-{number}"), |_| Ok(shown.content.clone()))?,
        }
    }
    Ok(())
}

fn is_among_caches(plan: &Plan, path: &AbsPath) -> bool {
    plan.steps.iter().any(|step| matches!(step, Step::Cache { path: own, zone: _ } if path.is_within(own)))
}

/// Returns true for what a later step covers, itself or with a directory that holds it.
pub(super) fn is_covered(plan: &Plan, path: &AbsPath) -> bool {
    plan.steps.iter().any(|step| match step {
        Step::Hide { path: own, .. }
        | Step::Veil { path: own, .. }
        | Step::Writable { path: own, .. }
        | Step::Cache { path: own, .. }
        | Step::Seed { from: _, at: own } => path.is_within(own),
        // These stand already, or leave what is there.
        Step::Read { .. }
        | Step::Link { .. }
        | Step::Private { .. }
        | Step::Pin { .. }
        | Step::ReadOnly { .. }
        | Step::ByKey { .. } => false,
    })
}

/// Returns those that lie in a hidden directory.
pub(super) fn below<'a>(plan: &'a Plan, directory: &AbsPath) -> Vec<&'a Shown> {
    plan.shown.iter().filter(|shown| shown.path != *directory && shown.path.is_within(directory)).collect()
}

/// Makes a file in our directory of the private `/run`.
fn make(mounts: &Mounts, name: &str, content: &[u8]) -> std::io::Result<()> {
    let run = tree::resolve(mounts.vault.as_fd(), "run")?;
    let own = OWN_FILES.trim_start_matches("/run/");
    match rustix::fs::mkdirat(&run, own, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let directory = tree::resolve(run.as_fd(), own)?;
    mount::make_file(&directory, name, content)
}

/// Puts a file of our own in the place of the host's, if there is one. Nothing may cover it later.
pub(super) fn put(
    mounts: &mut Mounts,
    path: &str,
    name: &str,
    content: impl FnOnce(&OwnedFd) -> std::io::Result<Vec<u8>>,
) -> Result<(), Failure> {
    let target = match tree::resolve_links(mounts.root.as_fd(), path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(error) => return Err(error).at_path(Stage::Doors, path),
    };
    let bytes = content(&target).at_path(Stage::Doors, path)?;
    // In the closed profile the host's file was to be seen there.
    let before = tree::identity(target.as_fd()).at_path(Stage::Doors, path)?;
    mounts.expected.retain(|one| one.identity != before);
    mount::make_file(&mounts.vault, name, &bytes).at_path(Stage::Doors, path)?;
    let mask = mounts.cover_with(&target, name).at_path(Stage::Doors, path)?;
    // A host that puts another file there takes ours away: a boundary that is held is built anew then. One behind a link
    // is not looked at again.
    if tree::resolve(mounts.root.as_fd(), path).is_ok() {
        mounts.expect(path, mask, true, true);
    }
    Ok(())
}
