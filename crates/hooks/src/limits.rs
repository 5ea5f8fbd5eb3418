//! Every bound of this crate.

/// Bytes of one hook input. A larger one is refused.
pub const HOOK_BYTES_MAX: usize = 16 * 1024 * 1024;
