//! Every bound of this crate.

/// Bytes of one settings file.
pub(crate) const SETTINGS_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of Palisade's trust store.
pub(crate) const TRUST_STORE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of Claude Code's state file, which holds more than trust.
pub(crate) const CLAUDE_STATE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of the user database that is asked for a home directory.
pub(crate) const PASSWD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Objects and lists inside one another in a settings file.
pub(crate) const DEPTH_MAX: usize = 64;

/// Entries in a directory of managed settings, of any name.
pub(crate) const DROP_INS_MAX: usize = 1024;

/// Diagnostics of one file; what comes after is counted in one more.
pub(crate) const DIAGNOSTICS_MAX: usize = 64;

/// Characters of user input that a message repeats.
pub(crate) const QUOTED_CHARS_MAX: usize = 60;

/// Characters of a key for which the closest known one is looked up.
pub(crate) const KEY_CHARS_MAX: usize = 64;

/// Bytes of a profile.
pub(crate) const PROFILE_BYTES_MAX: usize = 64 * 1024;
