//! Every bound of the proxy.

use core::time::Duration;

/// Bytes of a host's name.
pub const NAME_BYTES_MAX: usize = 253;
/// Bytes of one label of a name.
pub const LABEL_BYTES_MAX: usize = 63;
/// Bytes of a request's or an answer's head.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header fields of a head.
pub const FIELDS_MAX: usize = 100;
/// Bytes of a request's first line.
pub const LINE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the line before a chunk.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// Bytes of the fields after the last chunk.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a TLS hello, with the heads of its records.
pub const HELLO_BYTES_MAX: usize = 32 * 1024;
/// Bytes of what one TLS record holds.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a DNS query that is read.
pub const QUERY_BYTES_MAX: usize = 512;
