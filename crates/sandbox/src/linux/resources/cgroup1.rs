//! Groups of version 1: one for each controller, below our own group of its hierarchy.

use super::files::{Files, Place};
use super::group::{Group, Owner, Version, Wanted};

/// Makes a group that holds what is wanted, or says why there is none.
pub(super) fn make(files: &dyn Files, place: &Place, owner: Owner, wanted: Wanted) -> Result<Group, String> {
    let own = place.own.display();
    let group = Group::make(files, &place.own, Version::One, owner)
        .map_err(|error| format!("no group can be made in the control group `{own}`: {error}"))?;
    group.hold(files, wanted).map_err(|error| {
        group.end(files);
        format!("a limit cannot be set in the control group `{own}`: {error}")
    })?;
    Ok(group)
}
