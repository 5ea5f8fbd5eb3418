//! Names of PowerShell's commands: aliases, and what a few of them do.

/// An alias and the command it stands for, in small letters.
///
/// From the list of built-in aliases in PowerShell's documentation (`about_Aliases`), those of Windows
/// among them.
const ALIASES: &[(&str, &str)] = &[
    ("%", "foreach-object"),
    ("?", "where-object"),
    ("ac", "add-content"),
    ("cat", "get-content"),
    ("cd", "set-location"),
    ("chdir", "set-location"),
    ("clc", "clear-content"),
    ("cli", "clear-item"),
    ("copy", "copy-item"),
    ("cp", "copy-item"),
    ("cpi", "copy-item"),
    ("curl", "invoke-webrequest"),
    ("del", "remove-item"),
    ("dir", "get-childitem"),
    ("echo", "write-output"),
    ("epal", "export-alias"),
    ("erase", "remove-item"),
    ("foreach", "foreach-object"),
    ("gc", "get-content"),
    ("gci", "get-childitem"),
    ("gi", "get-item"),
    ("gp", "get-itemproperty"),
    ("icm", "invoke-command"),
    ("iex", "invoke-expression"),
    ("ii", "invoke-item"),
    ("ipal", "import-alias"),
    ("ipcsv", "import-csv"),
    ("ipmo", "import-module"),
    ("irm", "invoke-restmethod"),
    ("iwmi", "invoke-wmimethod"),
    ("iwr", "invoke-webrequest"),
    ("kill", "stop-process"),
    ("ls", "get-childitem"),
    ("md", "mkdir"),
    ("mi", "move-item"),
    ("move", "move-item"),
    ("mv", "move-item"),
    ("nal", "new-alias"),
    ("ni", "new-item"),
    ("popd", "pop-location"),
    ("pushd", "push-location"),
    ("rd", "remove-item"),
    ("ren", "rename-item"),
    ("ri", "remove-item"),
    ("rm", "remove-item"),
    ("rmdir", "remove-item"),
    ("rni", "rename-item"),
    ("rp", "remove-itemproperty"),
    ("sajb", "start-job"),
    ("sal", "set-alias"),
    ("saps", "start-process"),
    ("sc", "set-content"),
    ("select", "select-object"),
    ("si", "set-item"),
    ("sl", "set-location"),
    ("sls", "select-string"),
    ("sp", "set-itemproperty"),
    ("spps", "stop-process"),
    ("start", "start-process"),
    ("tee", "tee-object"),
    ("type", "get-content"),
    ("wget", "invoke-webrequest"),
    ("where", "where-object"),
];

/// Aliases that are programs of their own where the system is not Windows.
const ALSO_PROGRAMS: &[&str] = &[
    "cat", "cp", "curl", "echo", "kill", "ls", "mv", "rm", "rmdir", "start", "tee", "type", "wget", "where", "dir",
    "sc", "cd", "select",
];

/// Commands that run what they are given, load code, or change what other names mean.
const RUNNERS: &[(&str, &str)] = &[
    ("add-type", "compiles and loads code"),
    ("enter-pssession", "runs commands elsewhere"),
    ("import-alias", "changes what names mean"),
    ("import-module", "loads code"),
    ("install-module", "installs code"),
    ("install-package", "installs code"),
    ("install-script", "installs code"),
    ("invoke-cimmethod", "calls a method of the system"),
    ("invoke-command", "runs what it is given"),
    ("invoke-expression", "runs text as commands"),
    ("invoke-item", "opens a file with whatever program it is for"),
    ("invoke-wmimethod", "calls a method of the system"),
    ("new-alias", "changes what names mean"),
    ("new-object", "makes an object of .NET"),
    ("new-pssession", "runs commands elsewhere"),
    ("new-service", "installs a service"),
    ("register-scheduledtask", "runs commands later"),
    ("set-alias", "changes what names mean"),
    ("set-executionpolicy", "changes which scripts may run"),
    ("start-job", "runs what it is given"),
    ("start-process", "starts a program that is not looked at"),
    ("start-threadjob", "runs what it is given"),
];

/// Programs that take commands of a shell as an argument.
const SHELLS: &[&str] =
    &["powershell", "pwsh", "cmd", "bash", "sh", "zsh", "wsl", "wscript", "cscript", "mshta", "rundll32"];

/// What a command does with the files that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    Reads,
    Writes,
    Removes,
    /// It reads its first operand and writes its second.
    Copies,
    /// It removes its first operand and writes its second.
    Moves,
}

/// Commands of files: name, what it does, and the position of its first path.
const FILES: &[(&str, Files, usize)] = &[
    ("add-content", Files::Writes, 0),
    ("clear-content", Files::Writes, 0),
    ("clear-item", Files::Writes, 0),
    ("copy-item", Files::Copies, 0),
    ("get-childitem", Files::Reads, 0),
    ("get-content", Files::Reads, 0),
    ("get-filehash", Files::Reads, 0),
    ("get-item", Files::Reads, 0),
    ("import-csv", Files::Reads, 0),
    ("mkdir", Files::Writes, 0),
    ("move-item", Files::Moves, 0),
    ("new-item", Files::Writes, 0),
    ("out-file", Files::Writes, 0),
    ("remove-item", Files::Removes, 0),
    ("rename-item", Files::Moves, 0),
    ("select-string", Files::Reads, 1),
    ("set-content", Files::Writes, 0),
    ("set-item", Files::Writes, 0),
    ("tee-object", Files::Writes, 0),
];

/// Commands after which a relative path means another.
const MOVERS: &[&str] = &["set-location", "push-location", "pop-location"];

/// Returns the plain name of a command as written: small letters, without directory, module and `.exe`.
pub(super) fn plain(written: &str) -> String {
    let lower = written.to_lowercase();
    let name = lower.rsplit(['/', '\\']).next().unwrap_or(&lower);
    let name = [".exe", ".cmd", ".bat", ".com"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    name.to_owned()
}

/// Returns the command that an alias stands for.
pub(super) fn canonical(plain: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(alias, _)| *alias == plain).map(|(_, command)| *command)
}

/// Returns true for an alias that elsewhere is a program of its own.
pub(super) fn is_also_program(plain: &str) -> bool {
    ALSO_PROGRAMS.contains(&plain)
}

/// Returns why a command runs more than its words show.
pub(super) fn runs(command: &str) -> Option<&'static str> {
    if SHELLS.contains(&command) {
        return Some("runs commands of another shell");
    }
    RUNNERS.iter().find(|(name, _)| *name == command).map(|(_, why)| *why)
}

/// Returns what a command does with files, and where its first path stands.
pub(super) fn files(command: &str) -> Option<(Files, usize)> {
    FILES.iter().find(|(name, _, _)| *name == command).map(|(_, files, first)| (*files, *first))
}

/// Returns true for a command that changes the current location.
pub(super) fn moves(command: &str) -> bool {
    MOVERS.contains(&command)
}

/// Parameters that take no value, of the commands of files.
pub(super) const SWITCHES: &[&str] = &[
    "-append",
    "-asbytestream",
    "-casesensitive",
    "-confirm",
    "-container",
    "-debug",
    "-directory",
    "-file",
    "-force",
    "-hidden",
    "-list",
    "-name",
    "-noclobber",
    "-nonewline",
    "-notmatch",
    "-passthru",
    "-quiet",
    "-raw",
    "-readonly",
    "-recurse",
    "-simplematch",
    "-verbose",
    "-wait",
    "-whatif",
];

/// Parameters whose value is a path.
pub(super) const PATHS: &[&str] =
    &["-path", "-literalpath", "-pspath", "-lp", "-filepath", "-destination", "-newname", "-outfile"];
