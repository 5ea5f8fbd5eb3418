//! What programs do with their arguments, as far as it is certain.
//!
//! A program or option that is not listed is unknown, and the unknown asks.

/// A program that only reads, with these options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// Short options without a value.
    pub(crate) short: &'static str,
    /// Short options with a value, attached or as the next word.
    pub(crate) short_with_value: &'static str,
    /// Long options without a value, or whose value is attached with `=`.
    pub(crate) long: &'static [&'static str],
    /// What the operands are.
    pub(crate) operands: Operands,
}

/// What a program's operands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operands {
    /// Text that is not looked at as paths.
    Text,
    /// Files and directories that are read; without one, standard input or the current directory.
    Files,
    /// A pattern first, then files that are read.
    PatternThenFiles,
    /// One file at most: a second one would be written.
    OneFile,
    /// A directory to go to.
    Directory,
}

const fn reader(
    name: &'static str,
    short: &'static str,
    short_with_value: &'static str,
    long: &'static [&'static str],
    operands: Operands,
) -> Reader {
    Reader { name, short, short_with_value, long, operands }
}

/// Programs that only read, from the manuals of coreutils 9, findutils 4.9, grep 3.11, diffutils 3.10
/// and bash 5.2. Options that write, run a program, or read a list of files are left out.
pub(crate) const READERS: &[Reader] = &[
    reader(
        "ls",
        "aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxXZ1",
        "ITw",
        &[
            "--all",
            "--almost-all",
            "--color",
            "--directory",
            "--full-time",
            "--group-directories-first",
            "--human-readable",
            "--inode",
            "--no-group",
            "--numeric-uid-gid",
            "--recursive",
            "--reverse",
            "--size",
            "--sort",
            "--time",
            "--time-style",
        ],
        Operands::Files,
    ),
    reader(
        "cat",
        "AbeEnstTuv",
        "",
        &["--number", "--number-nonblank", "--show-all", "--show-ends", "--show-tabs", "--squeeze-blank"],
        Operands::Files,
    ),
    reader("head", "qvz0123456789", "cn", &["--bytes", "--lines", "--quiet", "--verbose"], Operands::Files),
    reader(
        "tail",
        "fFqvrz0123456789",
        "cns",
        &["--bytes", "--lines", "--quiet", "--verbose", "--follow", "--retry"],
        Operands::Files,
    ),
    reader("wc", "clLmw", "", &["--bytes", "--chars", "--lines", "--words", "--max-line-length"], Operands::Files),
    reader("nl", "p", "bdfhilnsvw", &[], Operands::Files),
    reader("tac", "br", "s", &[], Operands::Files),
    reader(
        "cut",
        "ns",
        "bcdf",
        &[
            "--complement",
            "--only-delimited",
            "--delimiter",
            "--fields",
            "--bytes",
            "--characters",
            "--output-delimiter",
        ],
        Operands::Files,
    ),
    reader("stat", "Lft", "c", &["--dereference", "--file-system", "--format", "--printf", "--terse"], Operands::Files),
    reader(
        "du",
        "0abcDhHklLmPsSx",
        "BdtX",
        &[
            "--all",
            "--apparent-size",
            "--bytes",
            "--human-readable",
            "--max-depth",
            "--summarize",
            "--total",
            "--exclude",
        ],
        Operands::Files,
    ),
    reader(
        "df",
        "ahHiklPT",
        "Btx",
        &["--human-readable", "--inodes", "--local", "--print-type", "--total"],
        Operands::Files,
    ),
    reader(
        "file",
        "bhikLNpr0",
        "F",
        &["--brief", "--mime", "--mime-type", "--mime-encoding", "--dereference"],
        Operands::Files,
    ),
    reader("readlink", "efmnqsvz", "", &["--canonicalize"], Operands::Files),
    reader("realpath", "eLmPqsz", "", &[], Operands::Files),
    reader("basename", "az", "s", &["--multiple", "--suffix"], Operands::Text),
    reader("dirname", "z", "", &[], Operands::Text),
    reader(
        "diff",
        "abBcdeEHilnNpPqrsStTuUwy0123456789",
        "CIWx",
        &[
            "--brief",
            "--unified",
            "--context",
            "--recursive",
            "--side-by-side",
            "--ignore-all-space",
            "--ignore-blank-lines",
            "--ignore-case",
            "--ignore-space-change",
            "--new-file",
            "--report-identical-files",
            "--color",
            "--suppress-common-lines",
            "--text",
        ],
        Operands::Files,
    ),
    reader("cmp", "bls", "in", &[], Operands::Files),
    reader("comm", "123z", "", &[], Operands::Files),
    reader(
        "grep",
        "abcEFGhHiIlLnoPqrRsTUvVwxyzZ0123456789",
        "ABCem",
        &[
            "--after-context",
            "--before-context",
            "--binary-files",
            "--color",
            "--colour",
            "--context",
            "--count",
            "--exclude",
            "--exclude-dir",
            "--extended-regexp",
            "--files-with-matches",
            "--files-without-match",
            "--fixed-strings",
            "--ignore-case",
            "--include",
            "--invert-match",
            "--line-number",
            "--line-regexp",
            "--max-count",
            "--no-filename",
            "--no-messages",
            "--null",
            "--only-matching",
            "--perl-regexp",
            "--quiet",
            "--recursive",
            "--dereference-recursive",
            "--regexp",
            "--silent",
            "--text",
            "--with-filename",
            "--word-regexp",
        ],
        Operands::PatternThenFiles,
    ),
    reader(
        "egrep",
        "abcEFGhHiIlLnoqrRsTUvwxyzZ",
        "ABCem",
        &["--include", "--exclude", "--color"],
        Operands::PatternThenFiles,
    ),
    reader(
        "fgrep",
        "abcEFGhHiIlLnoqrRsTUvwxyzZ",
        "ABCem",
        &["--include", "--exclude", "--color"],
        Operands::PatternThenFiles,
    ),
    reader("uniq", "cdDiuz", "fsw", &["--count", "--repeated", "--unique", "--ignore-case"], Operands::OneFile),
    reader(
        "sort",
        "bcCdfghimMnrRsuVz",
        "kt",
        &[
            "--check",
            "--dictionary-order",
            "--field-separator",
            "--general-numeric-sort",
            "--human-numeric-sort",
            "--ignore-case",
            "--key",
            "--month-sort",
            "--numeric-sort",
            "--reverse",
            "--stable",
            "--unique",
            "--version-sort",
        ],
        Operands::Files,
    ),
    reader("tr", "cCdst", "", &["--complement", "--delete", "--squeeze-repeats", "--truncate-set1"], Operands::Text),
    reader("md5sum", "bt", "", &[], Operands::Files),
    reader("sha1sum", "bt", "", &[], Operands::Files),
    reader("sha256sum", "bt", "", &[], Operands::Files),
    reader("sha512sum", "bt", "", &[], Operands::Files),
    reader("pwd", "LP", "", &[], Operands::Text),
    reader("echo", "neE", "", &[], Operands::Text),
    reader("true", "", "", &[], Operands::Text),
    reader("false", "", "", &[], Operands::Text),
    reader(":", "", "", &[], Operands::Text),
    reader("seq", "w", "fs", &[], Operands::Text),
    reader("sleep", "", "", &[], Operands::Text),
    reader("id", "gGnruzZ", "", &[], Operands::Text),
    reader("whoami", "", "", &[], Operands::Text),
    reader("uname", "asnrvmpio", "", &[], Operands::Text),
    reader("nproc", "", "", &["--all"], Operands::Text),
    reader("which", "as", "", &["--all"], Operands::Text),
    reader("type", "afptP", "", &[], Operands::Text),
    reader("cd", "L", "", &[], Operands::Directory),
    reader("test", "", "", &[], Operands::Text),
    reader("[", "", "", &[], Operands::Text),
    reader("palisade check", "", "", &[], Operands::Text),
];

/// Readers whose words cannot be options that do anything else: unknown words are harmless in them.
pub(crate) const INERT: &[&str] = &["echo", "true", "false", ":", "pwd", "sleep", "seq"];

/// Readers that have other options which write: an unquoted glob could match a file named like one.
pub(crate) const OPTIONS_WRITE: &[&str] = &["sort", "file", "uniq"];

/// Expressions of `find` that neither write nor run anything, with the number of words they take.
pub(crate) const FIND_EXPRESSIONS: &[(&str, usize)] = &[
    ("-name", 1),
    ("-iname", 1),
    ("-path", 1),
    ("-ipath", 1),
    ("-wholename", 1),
    ("-regex", 1),
    ("-iregex", 1),
    ("-type", 1),
    ("-xtype", 1),
    ("-maxdepth", 1),
    ("-mindepth", 1),
    ("-size", 1),
    ("-mtime", 1),
    ("-mmin", 1),
    ("-atime", 1),
    ("-amin", 1),
    ("-ctime", 1),
    ("-cmin", 1),
    ("-newer", 1),
    ("-perm", 1),
    ("-user", 1),
    ("-group", 1),
    ("-links", 1),
    ("-empty", 0),
    ("-readable", 0),
    ("-writable", 0),
    ("-executable", 0),
    ("-print", 0),
    ("-print0", 0),
    ("-ls", 0),
    ("-prune", 0),
    ("-not", 0),
    ("!", 0),
    ("-o", 0),
    ("-or", 0),
    ("-a", 0),
    ("-and", 0),
    ("(", 0),
    (")", 0),
    ("-depth", 0),
    ("-xdev", 0),
    ("-mount", 0),
    ("-true", 0),
    ("-false", 0),
    ("-quit", 0),
    ("-follow", 0),
    ("-printf", 1),
];

/// Sub-commands of git that only read, each with the options under which that is so.
pub(crate) const GIT_READERS: &[(&str, &[&str])] = &[
    (
        "status",
        &["-s", "-b", "-sb", "--short", "--branch", "--porcelain", "--long", "--ignored", "-u", "-uno", "-uall"],
    ),
    (
        "log",
        &[
            "--oneline",
            "--graph",
            "--all",
            "--decorate",
            "--stat",
            "--shortstat",
            "--name-only",
            "--name-status",
            "-p",
            "--patch",
            "--no-merges",
            "--merges",
            "--first-parent",
            "--reverse",
            "--follow",
            "--no-pager",
            "--abbrev-commit",
            "-n",
            "--max-count",
            "--since",
            "--until",
            "--author",
            "--grep",
            "--format",
            "--pretty",
            "--date",
        ],
    ),
    (
        "diff",
        &[
            "--stat",
            "--shortstat",
            "--name-only",
            "--name-status",
            "--cached",
            "--staged",
            "--numstat",
            "--word-diff",
            "-w",
            "-b",
            "--no-color",
            "--color",
            "-U",
            "--unified",
            "--check",
            "--summary",
        ],
    ),
    ("show", &["--stat", "--name-only", "--name-status", "--oneline", "--format", "--pretty", "--no-patch", "-s"]),
    (
        "rev-parse",
        &["--show-toplevel", "--abbrev-ref", "--short", "--git-dir", "--is-inside-work-tree", "--verify", "HEAD"],
    ),
    (
        "ls-files",
        &[
            "-c",
            "-d",
            "-m",
            "-o",
            "-s",
            "-z",
            "--cached",
            "--deleted",
            "--modified",
            "--others",
            "--stage",
            "--exclude-standard",
        ],
    ),
    ("blame", &["-L", "-w", "-C", "-M", "-s", "-e", "--porcelain"]),
    ("shortlog", &["-s", "-n", "-e", "-sn", "-sne"]),
    ("describe", &["--tags", "--all", "--always", "--dirty", "--abbrev"]),
];

/// Sub-commands of git that only read when nothing but these options follows: an operand would write.
pub(crate) const GIT_LISTS: &[(&str, &[&str])] = &[
    ("branch", &["-a", "-r", "-v", "-vv", "--all", "--remotes", "--list", "--show-current", "-av", "-avv"]),
    ("tag", &["-l", "--list"]),
    ("remote", &["-v", "--verbose"]),
    ("stash", &["list"]),
    ("worktree", &["list"]),
];

/// What a program that changes files does with its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Every operand is written.
    Written,
    /// Every operand is deleted.
    Deleted,
    /// The last operand is written, the others are read.
    Copied,
    /// The last operand is written, the others are deleted.
    Moved,
    /// The first operand is data, the others are written.
    AfterFirst,
}

/// Programs that change files: what they do, the options with a value, and whether `acceptEdits` covers them.
pub(crate) const CHANGERS: &[(&str, Changes, &str, bool)] = &[
    ("mkdir", Changes::Written, "m", true),
    ("touch", Changes::Written, "drt", true),
    ("rm", Changes::Deleted, "", true),
    ("rmdir", Changes::Deleted, "", true),
    ("unlink", Changes::Deleted, "", false),
    ("shred", Changes::Deleted, "ns", false),
    ("mv", Changes::Moved, "St", true),
    ("cp", Changes::Copied, "St", true),
    ("ln", Changes::Copied, "St", false),
    ("install", Changes::Copied, "gmoSt", false),
    ("tee", Changes::Written, "", false),
    ("truncate", Changes::Written, "rs", false),
    ("chmod", Changes::AfterFirst, "", false),
    ("chown", Changes::AfterFirst, "", false),
    ("chgrp", Changes::AfterFirst, "", false),
    ("mkfifo", Changes::Written, "m", false),
];

/// Wrappers that change nothing about what they run: an allow rule sees through them.
///
/// Name, options without a value, options with one, and how many operands stand before the command.
pub(crate) const CLEAR_WRAPPERS: &[(&str, &[&str], &[&str], usize)] = &[
    (
        "timeout",
        &["--foreground", "--preserve-status", "-v", "--verbose"],
        &["-k", "-s", "--kill-after", "--signal"],
        1,
    ),
    ("time", &["-p"], &[], 0),
    ("nice", &[], &["-n", "--adjustment"], 0),
    ("nohup", &[], &[], 0),
    ("stdbuf", &[], &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    ("command", &[], &[], 0),
    ("builtin", &[], &[], 0),
    ("noglob", &[], &[], 0),
    ("xargs", &[], &[], 0),
];

/// Programs that run another one named in their arguments. A deny or ask sees through them; an allow
/// rule must name them.
pub(crate) const RUNNERS: &[&str] = &[
    "bash",
    "bwrap",
    "firejail",
    "proot",
    "tmux",
    "screen",
    "at",
    "batch",
    "nsjail",
    "bun",
    "bunx",
    "busybox",
    "chroot",
    "chrt",
    "command",
    "cpulimit",
    "dash",
    "dbus-run-session",
    "devbox",
    "direnv",
    "doas",
    "docker",
    "entr",
    "env",
    "exec",
    "expect",
    "fakeroot",
    "faketime",
    "find",
    "flock",
    "gdb",
    "git",
    "ionice",
    "kubectl",
    "ld.so",
    "ltrace",
    "mise",
    "nix",
    "nix-shell",
    "nocorrect",
    "npm",
    "npx",
    "nsenter",
    "numactl",
    "parallel",
    "perf",
    "pkexec",
    "pnpm",
    "poetry",
    "podman",
    "prlimit",
    "rlwrap",
    "run-parts",
    "runuser",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "sg",
    "sh",
    "ssh",
    "start-stop-daemon",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "toybox",
    "unbuffer",
    "unshare",
    "uv",
    "uvx",
    "valgrind",
    "watch",
    "xargs",
    "yarn",
    "zsh",
];

/// Shells: `-c` runs a text, standard input is a script.
pub(crate) const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "fish"];

/// Interpreters that run standard input when nothing else is named.
pub(crate) const INTERPRETERS: &[&str] =
    &["python", "python2", "python3", "perl", "ruby", "node", "php", "lua", "deno", "bun"];

/// Programs whose argument is a script that can itself read, write and run.
pub(crate) const SCRIPTED: &[&str] = &[
    "sed", "gsed", "awk", "gawk", "mawk", "nawk", "vi", "vim", "nvim", "view", "ex", "ed", "emacs", "m4", "bc", "dc",
    "jq", "yq",
];

/// Builtins that run a text or change what later words mean: they always ask.
pub(crate) const EVALUATORS: &[&str] = &["eval", "source", ".", "trap", "alias", "enable", "hash", "fc"];

/// Programs that read whole trees named in their arguments.
pub(crate) const TREE_READERS: &[&str] = &["tar", "zip", "rsync", "scp", "rg", "ag", "ack", "7z", "pax", "bsdtar"];

/// Programs that reach hosts named in their arguments.
pub(crate) const NETWORK: &[&str] = &[
    "curl", "wget", "ssh", "scp", "sftp", "rsync", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "dig", "host",
    "nslookup", "ping", "http", "https", "xh", "aria2c", "git",
];

/// Environment variables that change nothing but language, colour and verbosity: an allow rule sees
/// through their assignment.
pub(crate) const HARMLESS_VARIABLES: &[&str] = &[
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "DEBUG",
    "FORCE_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_COLLATE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "LINES",
    "NODE_ENV",
    "NO_COLOR",
    "RAILS_ENV",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TERM",
    "TZ",
];
