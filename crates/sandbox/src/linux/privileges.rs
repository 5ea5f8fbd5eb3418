//! Giving up every privilege, for good.

use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::failure::{At, Failure};
use crate::error::Step;
use crate::sys;

/// Drops every capability from every set, in this order:
///
/// 1. the bounding set, so that no program can bring one;
/// 2. the bits that give the number 0 a meaning, locked;
/// 3. the ambient set;
/// 4. the effective, permitted and inheritable sets;
/// 5. no new privileges;
/// 6. look that nothing is left.
///
/// Without the right to change them the first three are as they are: with no capability and no new privileges
/// nothing can be gained from them.
pub(super) fn drop_all() -> Result<(), Failure> {
    let has = rustix::thread::capabilities(None).at(Step::Capabilities)?;
    if has.effective.contains(CapabilitySet::SETPCAP) {
        drop_for_good()?;
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::clear_ambient_capability_set().at(Step::Capabilities)?;
    rustix::thread::set_capabilities(None, none).at(Step::Capabilities)?;
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    let left = rustix::thread::capabilities(None).at(Step::Capabilities)?;
    let is_clean = left.effective.is_empty() && left.permitted.is_empty() && left.inheritable.is_empty();
    if is_clean { Ok(()) } else { Err(rustix::io::Errno::PERM).at(Step::Capabilities) }
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
    rustix::thread::set_capabilities_secure_bits(bits).at(Step::Capabilities)
}
