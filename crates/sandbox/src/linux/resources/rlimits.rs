//! Limits that the kernel holds for each process by itself, inherited by everything that it starts.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::super::failure::{At, Failure};
use crate::error::Step;
use crate::wire::Inside;

/// Seconds between the signal that tells of too much processor time and the one that cannot be caught.
const CPU_GRACE_SECONDS: u64 = 1;

/// Sets the limits of this process, which can never raise them again.
///
/// Private memory is counted where it is mapped writable, so an address space that is only reserved, as
/// several language runtimes do, costs nothing.
pub(in super::super) fn enforce(inside: &Inside) -> Result<(), Failure> {
    let Inside { data, processes, cpu_seconds, open_files, file_size, wall_ms: _, private_bytes: _, has_group: _ } =
        inside;
    for (resource, most) in [
        (Resource::Data, data),
        (Resource::Nproc, processes),
        (Resource::Nofile, open_files),
        (Resource::Fsize, file_size),
    ] {
        if let Some(most) = most {
            lower(resource, *most, *most)?;
        }
    }
    match cpu_seconds {
        Some(most) => lower(Resource::Cpu, *most, most.saturating_add(CPU_GRACE_SECONDS)),
        None => Ok(()),
    }
}

/// Lowers a limit; one that is lower already stays.
fn lower(resource: Resource, soft: u64, hard: u64) -> Result<(), Failure> {
    let present = getrlimit(resource);
    let least = |present: Option<u64>, wanted: u64| Some(present.map_or(wanted, |present| present.min(wanted)));
    let limit = Rlimit { current: least(present.current, soft), maximum: least(present.maximum, hard) };
    setrlimit(resource, limit).at(Step::Limits)
}
