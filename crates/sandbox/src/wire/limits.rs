//! Limits: those that the boundary sets, and what the report says of all.

use serde::{Deserialize, Serialize};

use crate::report::{Hit, Holder, Limit};

/// The limits that are set inside; what is `None` is not limited there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inside {
    /// Bytes of private memory of each process.
    pub(crate) data: Option<u64>,
    /// Processes and threads in the user namespace.
    pub(crate) processes: Option<u64>,
    /// Seconds of processor time of each process.
    pub(crate) cpu_seconds: Option<u64>,
    /// Open files of each process.
    pub(crate) open_files: Option<u64>,
    /// Bytes of each file that is written.
    pub(crate) file_size: Option<u64>,
    /// Milliseconds after which everything ends.
    pub(crate) wall_ms: Option<u64>,
    /// The launcher hands over a control group of version 2.
    pub(crate) has_group: bool,
    /// Bytes of the private directories together.
    pub(crate) private_bytes: Option<u64>,
}

/// A limit in a report.
#[derive(Serialize)]
pub(super) struct LimitWire<'a> {
    name: &'static str,
    at_most: u64,
    written: String,
    by: Option<OriginWire<'a>>,
    held_by: Option<&'static str>,
    note: Option<&'a str>,
    hit: &'static str,
    times: u64,
}

#[derive(Serialize)]
struct OriginWire<'a> {
    file: &'a str,
    line: u32,
}

/// Returns what the report says of a limit.
pub(super) fn render(limit: &Limit) -> LimitWire<'_> {
    let Limit { resource, at_most, by, held_by, note, hit } = limit;
    let (hit, times) = match hit {
        Hit::No => ("no", 0),
        Hit::Unseen => ("unseen", 0),
        Hit::Times(times) => ("yes", *times),
        Hit::Ended => ("ended", 1),
    };
    LimitWire {
        name: resource.name(),
        at_most: *at_most,
        written: resource.render(*at_most),
        by: by.as_ref().map(|origin| OriginWire { file: &origin.file, line: origin.line }),
        held_by: held_by.map(Holder::name),
        note: note.as_deref(),
        hit,
        times,
    }
}
