//! Every bound of this crate. Reaching one only makes a verdict stricter.

/// Characters of a command beyond which no verdict is quicker than a question (documented by Claude Code).
pub(crate) const COMMAND_CHARACTERS_MAX: usize = 10_000;
/// Depth of commands within commands (`sh -c`, wrappers).
pub(crate) const NESTED_COMMANDS_MAX: usize = 8;
/// Parts that one command may have.
pub(crate) const PARTS_MAX: usize = 1_000;
/// Characters of a part's text that a reason quotes.
pub(crate) const QUOTED_CHARACTERS_MAX: usize = 120;
/// Words of a loop that are walked one by one.
pub(crate) const LOOP_WORDS_MAX: usize = 16;
/// Bytes of a word whose value is followed.
pub(crate) const VALUE_BYTES_MAX: usize = 128 * 1024;

/// Commands that are walked, each time they are walked: loops and functions walk theirs more than once.
pub(crate) const STEPS_MAX: usize = 4_000;

/// Directories that are possible at one point; beyond that none is known.
pub(crate) const DIRECTORIES_MAX: usize = 16;

/// Words behind a runner of which each may begin the command that it runs.
pub(crate) const RUNNER_WORDS_MAX: usize = 200;
/// Marks of one call that its proof carries; the verdict counts every one.
pub(crate) const MARKS_MAX: usize = 64;
/// Losses that a question tells; the proof holds them all.
pub(crate) const LOSSES_TOLD_MAX: usize = 4;
/// Bytes of the texts within the words of one program that count as commands it may run.
pub(crate) const MAY_RUN_BYTES_MAX: usize = 256 * 1024;
/// Arguments of one program, or pieces of them, that are looked at as paths.
pub(crate) const MENTIONS_MAX: usize = 512;
/// Names of one file through links that are held against rules.
pub(crate) const NAMES_MAX: usize = 256;
