//! The texts under which a rule may know a command.

use super::part::Part;
use super::walk::Argument;
use crate::limits;
use crate::tables::programs::{CLEAR_WRAPPERS, HARMLESS_VARIABLES, RUNNERS};
use shell::tree::Assignment;

/// Gathers the readings of a simple command.
///
/// A deny or ask rule must see through everything, so it is shown every suffix that could be the
/// command a runner starts: too many rather than too few. An allow rule is shown only what is
/// certain: the command itself, and what stands behind wrappers that change nothing.
pub(super) fn readings(arguments: &[Argument], assignments: &[Assignment], part: &mut Part) {
    deny_readings(arguments, part);
    let written: Vec<String> = assignments.iter().map(|assignment| assignment.name.clone()).collect();
    if !written.is_empty() {
        let prefix = part.text.split_whitespace().collect::<Vec<_>>().join(" ");
        part.readings.push(prefix);
    }
    let clear = written.iter().all(|name| HARMLESS_VARIABLES.contains(&name.as_str()));
    if clear {
        allow_readings(arguments, part);
    } else {
        part.allow_readings.push(part.text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    part.readings.dedup();
    part.allow_readings.dedup();
}

fn deny_readings(arguments: &[Argument], part: &mut Part) {
    let mut start = 0;
    loop {
        let Some(rest) = arguments.get(start..) else { return };
        let Some(first) = rest.first() else { return };
        push_texts(rest, &mut part.readings);
        part.readings.extend(elsewhere(rest));
        // `git -c alias.x='!command'`: what follows the mark is a command.
        part.readings.extend(name_of(first).split_once("=!").map(|(_, command)| command.trim().to_owned()));
        if let Some(plain) = without_git_options(rest) {
            push_texts(&plain, &mut part.readings);
        }
        let name = first.known().map(base_name).unwrap_or_default();
        if start >= limits::RUNNER_WORDS_MAX {
            part.suspicious.get_or_insert("it has too many words to be analysed".to_owned());
            return;
        }
        if start == 0 && !runs_another(name, rest) {
            return;
        }
        start += 1;
    }
}

/// Returns the text of a command by the name of another that does the same: git's commands are programs too.
fn elsewhere(arguments: &[Argument]) -> Option<String> {
    let (first, rest) = arguments.split_first()?;
    let name = base_name(first.known()?);
    let second = rest.first().and_then(Argument::known).unwrap_or_default();
    let (same, skipped) = match (name, second) {
        ("git", "send-pack" | "http-push") => ("git push", 1),
        ("git", "fetch-pack" | "http-fetch") => ("git fetch", 1),
        ("git", "subtree" | "lfs") if rest.get(1).and_then(Argument::known) == Some("push") => ("git push", 2),
        ("docker" | "podman", "container") => (name, 1),
        ("npm", "pub") => ("npm publish", 1),
        _ => (name.strip_prefix("git-").map(|_| name)?, 0),
    };
    let words = rest.iter().skip(skipped).map(|word| word.known().unwrap_or(&word.source));
    let text = std::iter::once(same).chain(words).collect::<Vec<_>>().join(" ");
    Some(if skipped == 0 { text.replacen("git-", "git ", 1) } else { text })
}

/// Returns true when a command may run another one that its arguments name.
pub(super) fn runs_another(name: &str, arguments: &[Argument]) -> bool {
    let mut words = arguments.iter().skip(1).map(Argument::known);
    match name {
        "command" => !words.next().flatten().is_some_and(|word| word.starts_with('-') && word.contains(['v', 'V'])),
        "git" => words.any(|word| word.is_some_and(runs_by_git)),
        _ => RUNNERS.contains(&name) || is_clear(name) || name.starts_with("ld-linux"),
    }
}

/// Returns a git command without the options that stand before its sub-command, if there are any.
fn without_git_options(arguments: &[Argument]) -> Option<Vec<Argument>> {
    const VALUED: &[&str] =
        &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env", "--super-prefix", "--attr-source"];
    let (git, rest) = arguments.split_first()?;
    if base_name(git.known()?) != "git" {
        return None;
    }
    let mut words = rest.iter().peekable();
    while let Some(option) = words.next_if(|word| word.known().is_some_and(|known| known.starts_with('-'))) {
        if option.known().is_some_and(|known| VALUED.contains(&known)) {
            words.next();
        }
    }
    let command: Vec<Argument> = words.cloned().collect();
    (command.len() < rest.len()).then(|| std::iter::once(git.clone()).chain(command).collect())
}

/// Returns true for a word of git's by which a later word is run.
fn runs_by_git(word: &str) -> bool {
    const COMMANDS: &[&str] =
        &["bisect", "submodule", "rebase", "filter-branch", "difftool", "mergetool", "for-each-repo"];
    COMMANDS.contains(&word) || word.starts_with("-c") || word.starts_with("--config-env") || word.starts_with("--exec")
}

fn is_clear(name: &str) -> bool {
    CLEAR_WRAPPERS.iter().any(|(wrapper, ..)| *wrapper == name)
}

fn name_of(argument: &Argument) -> &str {
    argument.known().unwrap_or_default()
}

/// Adds the texts of an argument list: as written, with quotes resolved, and by the bare name of the program.
fn push_texts(arguments: &[Argument], texts: &mut Vec<String>) {
    let join = |words: Vec<String>| words.join(" ");
    let written = join(arguments.iter().map(|argument| argument.source.clone()).collect());
    let plain = join(arguments.iter().map(|a| a.known().map_or_else(|| a.source.clone(), str::to_owned)).collect());
    if let Some((first, rest)) = arguments.split_first()
        && let Some(name) = first.known()
    {
        let base = base_name(name);
        if base != name {
            let words = std::iter::once(base.to_owned())
                .chain(rest.iter().map(|a| a.known().map_or_else(|| a.source.clone(), str::to_owned)));
            texts.push(join(words.collect()));
        }
    }
    if plain != written {
        texts.push(plain);
    }
    texts.push(written);
}

fn allow_readings(arguments: &[Argument], part: &mut Part) {
    let written: Vec<String> = arguments.iter().map(|argument| argument.source.clone()).collect();
    part.allow_readings.push(written.join(" "));
    // A variable's value is no reading: what it holds is the writer's to say anew.
    if arguments.iter().all(|argument| argument.known().is_some() && !argument.source.contains('$')) {
        let quoted: Vec<String> = arguments.iter().filter_map(Argument::known).map(shell::quote).collect();
        part.allow_readings.push(quoted.join(" "));
    }
}

/// `git` with options that name programs or lead elsewhere wants an exact rule, and commands that change
/// its configuration ask. The table says of each command's own options what they are; where it does not know
/// one, the spelling counts.
pub(super) fn git(rest: &[Argument], part: &mut Part) {
    let is_option = |word: &&Argument| word.known().is_some_and(|known| known.starts_with('-'));
    let own = rest.iter().take_while(is_option);
    let spelt: Vec<&Argument> = if part.unlisted.is_empty() { own.collect() } else { rest.iter().collect() };
    let another =
        |word: &Argument| word.known().is_some_and(|known| known.starts_with("ext::") || known.starts_with('!'));
    // A message is no address, whatever it says.
    let before = std::iter::once(None).chain(rest.iter().map(Argument::known));
    let is_message = |before: Option<&str>| matches!(before, Some("-m" | "--message"));
    part.exact_only |= spelt.iter().any(|word| word.known().is_some_and(leads_elsewhere))
        || rest.iter().zip(before).any(|(word, before)| !is_message(before) && another(word));
    let words: Vec<&str> = rest.iter().filter_map(Argument::known).collect();
    let commands = words.iter().skip_while(|word| word.starts_with('-')).copied().collect::<Vec<&str>>();
    let configures = match commands.as_slice() {
        ["config", options @ ..] => {
            !options.iter().any(|option| option.starts_with("--get") || matches!(*option, "-l" | "--list"))
        }
        ["remote", second, ..] => matches!(*second, "add" | "set-url" | "rename" | "remove" | "rm"),
        ["daemon" | "maintenance" | "credential-store" | "sparse-checkout" | "filter-branch" | "instaweb", ..] => true,
        [_, ..] | [] => false,
    };
    // `ext::command` and its kin: a program of that name, or the command itself, is the other end.
    let is_helper = |word: &str| {
        let name = word.rsplit_once('=').map_or(word, |(_, value)| value).split_once("::").map(|(name, _)| name);
        name.is_some_and(|name| matches!(name, "ext" | "fd"))
    };
    if words.iter().any(|word| is_helper(word)) {
        part.suspicious.get_or_insert("its other end is a program that it names".to_owned());
    }
    if configures {
        part.suspicious.get_or_insert("it changes git's configuration, or starts a service".to_owned());
    }
}

/// Returns true for an option of git's that names a program, another repository or a file to write, in
/// any of the shorter spellings that git takes.
fn leads_elsewhere(word: &str) -> bool {
    const OPTIONS: &[&str] = &[
        "--upload-pack",
        "--receive-pack",
        "--exec",
        "--exec-path",
        "--config-env",
        "--config",
        "--git-dir",
        "--work-tree",
        "--no-index",
        "--output",
        "--output-directory",
        "--separate-git-dir",
        "--ext-diff",
        "--textconv",
        "--open-files-in-pager",
        "--template",
        "--file",
        "--prefix",
        "--export-marks",
        "--import-marks",
        "--global",
        "--system",
    ];
    let name = word.split('=').next().unwrap_or(word);
    let long = name.len() > 3 && OPTIONS.iter().any(|option| option.starts_with(name));
    let short = !word.starts_with("--")
        && (word.starts_with("-c")
            || word.starts_with("-C")
            || word.starts_with("-x")
            || word.starts_with("-O")
            || word.starts_with("-u"));
    long || short
}

/// Returns the last segment of a program's path.
pub(super) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}
