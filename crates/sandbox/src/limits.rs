//! Every bound of this crate, named.

/// Paths that one plan may hold (unreadable, unwritable and protected together).
pub(crate) const HELD_PATHS_MAX: usize = 5_000;
/// Bytes of a plan on its way to the boundary process.
pub(crate) const PLAN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of one message between the launcher and the boundary.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// Descriptors that come with one message.
pub(crate) const DESCRIPTORS_MAX: usize = 12;
/// Different refusals that one report lists; further ones are counted.
pub(crate) const REFUSALS_MAX: usize = 256;
/// Openings of pipes that may wait for another process at a time.
pub(crate) const WAITING_OPENS_MAX: usize = 32;
/// Connections that may wait for a server inside or for the launcher at a time.
pub(crate) const WAITING_CONNECTIONS_MAX: usize = 128;
/// Connections at a time to servers inside that are made from outside.
pub(crate) const CALLS_MAX: usize = 64;
/// Milliseconds between two looks at what is being written there.
pub(crate) const PENDING_MS: i64 = 2;
/// Milliseconds that the end of a command waits for the last of these looks.
pub(crate) const PENDING_END_MS: u64 = 200;
/// Callers whose `umask` is remembered, and for how many milliseconds.
pub(crate) const UMASKS_MAX: usize = 1024;
/// See [`UMASKS_MAX`]. No process number comes round again in that time.
pub(crate) const UMASK_MS: u64 = 500;
/// Arguments of a program that are held against rules, and bytes of each.
pub(crate) const ARGUMENTS_MAX: usize = 1024;
/// See [`ARGUMENTS_MAX`].
pub(crate) const ARGUMENT_BYTES_MAX: usize = 8192;
/// Bytes of a configuration of git that is compared.
pub(crate) const GIT_FILE_BYTES_MAX: usize = 1024 * 1024;
/// Configurations of git made by one run that are remembered, and keys set in them.
pub(crate) const MADE_MAX: usize = 1024;
/// Protected files that may be begun and not whole at a time.
pub(crate) const PENDING_FILES_MAX: usize = 64;
/// Bytes kept in each direction between the person's terminal and the command's.
pub(crate) const RELAY_BYTES: usize = 64 * 1024;
/// Bytes that most files of the kernel's have at most.
pub(crate) const KERNEL_FILE_BYTES: usize = 8 * 1024;
/// Bytes of a file below `/proc` that is read whole.
pub(crate) const PROC_FILE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a program's name or path in a report.
pub(crate) const PROGRAM_BYTES_MAX: usize = 4096;
/// How much memory the private temporary directories may take together, as tmpfs reads it.
pub(crate) const PRIVATE_SIZE: &str = "50%";
/// How large the root of the closed profile may be: it holds places of mounts and links only.
pub(crate) const CLOSED_ROOT_SIZE: &str = "16m";
/// Milliseconds for the last output to reach a terminal that takes none.
pub(crate) const LAST_OUTPUT_MS: u64 = 2_000;
/// Bytes of the host's list of mounts.
pub(crate) const MOUNT_LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Mounts that can lie over the new root when it is entered: the old root and the vault.
pub(crate) const COVERS_MAX: usize = 4;
/// Milliseconds for the processes that a command left to be gone, where no process namespace ends them.
pub(crate) const SWEEP_MS_MAX: u64 = 10_000;
/// Temporary directories of killed keepers that one start removes in each place.
pub(crate) const LEFT_MAX: usize = 64;
/// Landlock rules of one boundary without mounts.
pub(crate) const GRANTS_MAX: usize = 20_000;
/// Directories that one report names because nothing can be made in them.
pub(crate) const TOLD_DIRECTORIES_MAX: usize = 16;
/// Arguments that bubblewrap takes.
pub(crate) const BUBBLEWRAP_ARGUMENTS_MAX: usize = 8_500;
/// Bytes of what another program says about its failure.
pub(crate) const SAID_BYTES_MAX: u64 = 4096;

/// Groups of one process that can exist at once.
pub(crate) const GROUPS_PER_PROCESS: u32 = 16;
/// Milliseconds for the kernel to let go of what ended in a control group.
pub(crate) const GROUP_END_MS: u32 = 2_000;
/// Milliseconds in which what a killed launcher left in its groups must be gone.
pub(crate) const JANITOR_MS_MAX: u64 = 30_000;
/// Milliseconds that a command has to end when a limit ends it.
pub(crate) const GRACE_MS: u64 = 5_000;
/// Milliseconds after that grace in which the boundary ends by itself, should the launcher be stopped.
pub(crate) const LATE_MS: u64 = 2_000;
/// Processes of the boundary itself, which count among those inside.
pub(crate) const OWN_PROCESSES: u64 = 2;

/// Processes above a launcher that may own a holder.
pub(crate) const ANCESTORS_MAX: usize = 32;
/// Milliseconds for a holder to answer, and for a held boundary to take a command; then the launcher builds its own.
pub(crate) const HOLDER_MS: u64 = 100;
/// Milliseconds for a holder to have a boundary built that somebody waits for.
pub(crate) const WARM_MS: u64 = 10_000;
/// Milliseconds after a boundary was taken until the next one is built.
pub(crate) const HELD_BUILD_MS: u64 = 4;
/// Milliseconds after something was mounted until what stood is built anew.
pub(crate) const HELD_MOUNTED_MS: u64 = 20;
/// Milliseconds after which boundaries that nobody wanted are let go.
pub(crate) const HELD_IDLE_MS: u64 = 30 * 60 * 1000;
/// Different boundaries that one holder keeps.
pub(crate) const HELD_SETS_MAX: usize = 8;
/// Boundaries of each kind that stand ready: agents start a few commands at once.
pub(crate) const HELD_SPARE: usize = 3;
/// Connections that a holder has open.
pub(crate) const ASKERS_MAX: usize = 64;
/// Bytes of the host's list of hosts that are read.
pub(crate) const HOSTS_BYTES_MAX: u64 = 1024 * 1024;
