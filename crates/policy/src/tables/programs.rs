//! Programs by what they are to the analysis; what each does with its words is in `packs/`.

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

/// Editors and calculators: the commands in their arguments read, write and run.
pub(crate) const EDITORS: &[&str] =
    &["vi", "vim", "nvim", "view", "rview", "ex", "ed", "emacs", "m4", "bc", "dc", "nano"];

/// Builtins that run a text or change what later words mean: they always ask.
pub(crate) const EVALUATORS: &[&str] = &["eval", "source", ".", "trap", "alias", "enable", "hash", "fc"];

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
