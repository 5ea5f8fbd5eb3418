//! Giving up every privilege, for good.

use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::failure::{At, Failure};
use crate::error::Step;
use crate::sys;

/// Drops every capability but the one to look at the command's processes, which the broker needs for those that
/// close their memory to others. In this order:
///
/// 1. the bounding set, so that no program can bring one;
/// 2. the bits that give the number 0 a meaning, locked;
/// 3. the ambient set;
/// 4. the effective, permitted and inheritable sets;
/// 5. no new privileges.
pub(super) fn drop_but_looking() -> Result<(), Failure> {
    drop_for_good()?;
    let looking = CapabilitySet::SYS_PTRACE;
    keep(looking, looking)?;
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)
}

/// Drops every capability where there is no user namespace of ours. Without the right to change them the first three
/// are as they are: with no capability and no new privileges nothing can be gained from them.
pub(super) fn drop_what_is_left() -> Result<(), Failure> {
    if rustix::thread::capabilities(None).at(Step::Capabilities)?.effective.contains(CapabilitySet::SETPCAP) {
        drop_for_good()?;
    }
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    drop_all()
}

fn drop_for_good() -> Result<(), Failure> {
    for number in 0.. {
        if !sys::kernel::drop_from_bounding_set(number).at(Step::Capabilities)? {
            break;
        }
    }
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    rustix::thread::set_capabilities_secure_bits(bits).at(Step::Capabilities)?;
    rustix::thread::clear_ambient_capability_set().at(Step::Capabilities)
}

/// Drops what is left, in the command's process, and looks that nothing is.
pub(super) fn drop_all() -> Result<(), Failure> {
    keep(CapabilitySet::empty(), CapabilitySet::empty())?;
    rustix::thread::clear_ambient_capability_set().at(Step::Capabilities)?;
    let left = rustix::thread::capabilities(None).at(Step::Capabilities)?;
    let is_clean = left.effective.is_empty() && left.permitted.is_empty() && left.inheritable.is_empty();
    if is_clean { Ok(()) } else { Err(rustix::io::Errno::PERM).at(Step::Capabilities) }
}

fn keep(effective: CapabilitySet, permitted: CapabilitySet) -> Result<(), Failure> {
    let sets = CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).at(Step::Capabilities)
}
