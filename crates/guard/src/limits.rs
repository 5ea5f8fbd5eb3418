//! Every bound of this crate.

/// Symbolic links followed for one path, as the kernel has it.
pub(crate) const LINKS_MAX: usize = 40;
/// Bytes of a file's name, as every file system of Linux has it.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Paths of one call that are looked up; what is beyond counts as unknown.
pub(crate) const PATHS_MAX: usize = 4_096;
/// Entries of the file system that are looked at to build one boundary.
pub(crate) const WALK_ENTRIES_MAX: usize = 1_000_000;
/// Directories of a walk that one thread looks at alone.
pub(crate) const WALK_ALONE_MAX: usize = 512;
/// Milliseconds after which a directory's times are sure to differ after a further change.
pub(crate) const TIMES_SETTLE_MS: i64 = 2_000;
/// Bytes of a file in which is kept what walks saw.
pub(crate) const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Such files that are kept, one for each project and set of rules.
pub(crate) const KEPT_FILES_MAX: usize = 32;
/// Characters of a part's text that a record keeps.
pub(crate) const PART_CHARACTERS_MAX: usize = 200;
/// Bytes of a git configuration that are looked at.
pub(crate) const GIT_CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// Entries of directories that are looked at for files that a rule covers.
pub(crate) const BELOW_ENTRIES_MAX: usize = 20_000;
/// Files found below one directory after which nothing more is looked for.
pub(crate) const BELOW_FOUND_MAX: usize = 256;
/// Files and directories that are counted to say what a command would remove.
pub(crate) const REMOVED_ENTRIES_MAX: usize = 20_000;
/// Bytes of a git index that is read.
pub(crate) const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Links among what one pattern matches that are followed.
pub(crate) const LINKS_MATCHED_MAX: usize = 1_024;
/// Milliseconds in which a file system must answer, where a command waits for that.
pub(crate) const ANSWER_MS_MAX: u64 = 10_000;
/// Bytes of the list of the host's mounts.
pub(crate) const MOUNT_LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
