//! What a program does with its arguments.

use super::part::{Access, By, Part};
use super::shellwords::{State, Value};
use super::walk::{Argument, is_shell_variable, touch};
use super::{changers, readers, scripts, wrappers};
use crate::path::AbsPath;
use crate::tables::programs::{EVALUATORS, INTERPRETERS, NETWORK, SCRIPTED, SHELLS, TREE_READERS};

/// Arguments of one program that are looked at as paths.
const MENTIONS_MAX: usize = 256;

/// Reads what a command does; returns a text that it hands to a shell.
pub(super) fn understand(
    state: &mut State,
    arguments: &[Argument],
    after_pipe: bool,
    part: &mut Part,
) -> Option<String> {
    let (first, rest) = arguments.split_first()?;
    let Some(name) = first.known() else {
        part.program = super::part::Program::Unknown;
        return None;
    };
    let base = wrappers::base_name(name);
    // A program in a directory of the project is not the one the tables mean.
    let is_system = !name.contains('/') || name.starts_with("/bin/") || name.starts_with("/usr/bin/");
    if is_system && readers::prove(state, base, rest, part) {
        part.reads_only = true;
        return None;
    }
    if let Some(inner) = wrappers::behind_clear_wrapper(arguments).filter(|inner| !inner.is_empty()) {
        let mut nested = Part::default();
        let text = understand(state, inner, after_pipe, &mut nested);
        take_over(part, nested);
        if base == "xargs" {
            part.reads_only = false;
            part.edits_only = false;
            part.unknown.push("the words that xargs appends".to_owned());
        }
        return text;
    }
    match base {
        "palisade" => own_program(rest, part),
        _ if EVALUATORS.contains(&base) => return evaluator(base, rest, part),
        _ if SHELLS.contains(&base) => return shell(base, rest, after_pipe, part),
        _ if INTERPRETERS.contains(&base) => interpreter(base, rest, after_pipe, part),
        _ if SCRIPTED.contains(&base) => scripts::understand(state, base, rest, part),
        "cd" | "pushd" | "popd" => state.cwds.clear(),
        "export" | "declare" | "typeset" | "local" | "readonly" | "read" | "unset" | "printf" | "mapfile"
        | "readarray" | "getopts" | "let" => sets_variables(state, base, rest, part),
        "set" | "shopt" if !keeps_reading(base, rest) => {
            part.suspicious.get_or_insert(format!("`{base}` changes how the words after it are read"));
        }
        "find" => find(state, rest, part),
        "git" => git(rest, part),
        "watch" | "setsid" | "ionice" | "flock" => part.exact_only = true,
        _ => {}
    }
    if changers::understand(state, base, rest, part) {
        return None;
    }
    let inner = if wrappers::runs_another(base, arguments) { behind_runner(state, rest, part) } else { None };
    if matches!(base, "xargs" | "parallel") {
        part.unknown.push(format!("the words that {base} appends"));
    } else if base == "strace" {
        part.exact_only = true;
    }
    if NETWORK.contains(&base) {
        reaches(rest, part);
    }
    trees(state, base, rest, part);
    mentions(state, rest, part);
    inner
}

/// `git` that is not proved to only read: options that name programs or lead elsewhere want an exact
/// rule, and commands that change its configuration ask.
fn git(rest: &[Argument], part: &mut Part) {
    let before = std::iter::once(None).chain(rest.iter().map(Argument::known));
    part.exact_only = rest.iter().zip(before).any(|(word, before)| {
        // A message is no option, whatever it says.
        !matches!(before, Some("-m" | "--message")) && word.known().is_none_or(leads_elsewhere)
    });
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
    long || short || word.starts_with("ext::") || word.contains("!")
}

/// `find` that is not proved to only read.
fn find(state: &State, rest: &[Argument], part: &mut Part) {
    if rest.iter().any(|word| word.known() == Some("-delete")) {
        let is_expression = |word: &&Argument| word.known().is_some_and(|known| known.starts_with(['-', '(', '!']));
        for start in rest.iter().take_while(|word| !is_expression(word)) {
            touch(state, start, Access::Delete, By::Operand, true, part);
        }
    }
    part.exact_only = rest.iter().any(|word| word.known().is_none_or(runs_or_deletes));
}

/// Programs that read whole trees: those they name, or the current one where they name none.
fn trees(state: &State, base: &str, rest: &[Argument], part: &mut Part) {
    let searches_git = base == "git" && rest.iter().any(|word| word.known() == Some("grep"));
    if !TREE_READERS.contains(&base) && !searches_git {
        return;
    }
    let is_operand = |word: &&Argument| word.known().is_some_and(|known| !known.starts_with('-'));
    let operands: Vec<&Argument> = rest.iter().filter(is_operand).collect();
    let searches = searches_git || matches!(base, "rg" | "ag" | "ack");
    let named =
        if searches { operands.get(1 + usize::from(searches_git)..).unwrap_or_default() } else { operands.as_slice() };
    readers::read_all(state, named, true, part);
    if searches && named.is_empty() {
        part.touches.push(readers::here(state, true));
    }
}

fn runs_or_deletes(word: &str) -> bool {
    matches!(word, "-exec" | "-execdir" | "-ok" | "-okdir" | "-delete" | "-fprint" | "-fprint0" | "-fprintf" | "-fls")
}

fn take_over(part: &mut Part, nested: Part) {
    part.touches.extend(nested.touches);
    part.mentions.extend(nested.mentions);
    part.reaches.extend(nested.reaches);
    part.reads_only = nested.reads_only;
    part.edits_only = nested.edits_only;
    part.exact_only |= nested.exact_only;
    part.suspicious = part.suspicious.take().or(nested.suspicious);
    part.forbidden = part.forbidden.take().or(nested.forbidden);
}

/// Palisade itself, typed by an agent, never helps it.
fn own_program(rest: &[Argument], part: &mut Part) {
    let words: Vec<Option<&str>> = rest.iter().map(Argument::known).collect();
    match words.first() {
        Some(Some("trust")) if words.iter().any(|word| !matches!(word, Some("trust" | "show" | "--json"))) => {
            part.forbidden = Some("trust is given and withdrawn by a person at a terminal".to_owned());
        }
        Some(Some("run")) => {
            let options = words.iter().skip(1).take_while(|word| **word != Some("--"));
            if options.clone().any(|word| word.is_none_or(|word| word.starts_with('-'))) {
                part.forbidden = Some("options of `palisade run` are a person's to give".to_owned());
            }
        }
        Some(Some("explain" | "permissions" | "check" | "audit" | "trust")) => {}
        Some(Some(_) | None) | None => {
            part.suspicious = Some("it runs Palisade itself".to_owned());
        }
    }
}

/// `eval`, `source` and their kin.
fn evaluator(base: &str, rest: &[Argument], part: &mut Part) -> Option<String> {
    part.suspicious.get_or_insert(format!("`{base}` runs text or changes what later words mean"));
    if base != "eval" {
        return None;
    }
    rest.iter().map(|word| word.known()).collect::<Option<Vec<_>>>().map(|words| words.join(" "))
}

/// `sh -c text`, `sh script`, `sh` on its own.
fn shell(base: &str, rest: &[Argument], after_pipe: bool, part: &mut Part) -> Option<String> {
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.known() {
            Some(option) if option.starts_with('-') && !option.starts_with("--") && option.contains('c') => {
                let text = words.next();
                let known = text.and_then(Argument::known).map(str::to_owned);
                if known.is_none() {
                    part.suspicious
                        .get_or_insert(format!("`{base} -c` is given a text that is not known before it runs"));
                }
                return known;
            }
            Some(option) if option.starts_with(['-', '+']) => {}
            Some(_) | None => return None,
        }
    }
    if after_pipe {
        part.suspicious.get_or_insert(format!("`{base}` runs whatever the pipe brings"));
    }
    None
}

/// Returns true when a shell is started that reads its commands from standard input.
pub(super) fn reads_commands(arguments: &[Argument]) -> bool {
    let mut words = arguments.iter().map(Argument::known);
    let is_shell = words.next().flatten().is_some_and(|name| SHELLS.contains(&wrappers::base_name(name)));
    let is_plain_option = |word: &str| word.starts_with(['-', '+']) && (word.starts_with("--") || !word.contains('c'));
    is_shell && words.all(|word| word.is_some_and(is_plain_option))
}

fn interpreter(base: &str, rest: &[Argument], after_pipe: bool, part: &mut Part) {
    let bare = rest
        .iter()
        .all(|word| word.known().is_some_and(|known| known == "-" || (known.starts_with('-') && known.len() == 1)));
    if after_pipe && bare {
        part.suspicious.get_or_insert(format!("`{base}` runs whatever the pipe brings"));
    }
}

/// Returns true for settings of the shell that leave words what they are, but for what patterns match.
fn keeps_reading(base: &str, rest: &[Argument]) -> bool {
    const NAMES: &[&str] = &[
        "errexit",
        "nounset",
        "xtrace",
        "verbose",
        "pipefail",
        "noglob",
        "errtrace",
        "functrace",
        "nullglob",
        "failglob",
        "dotglob",
        "globstar",
        "nocaseglob",
        "inherit_errexit",
        "checkwinsize",
    ];
    let mut words = rest.iter().map(Argument::known);
    while let Some(word) = words.next() {
        let is_plain = match word {
            Some("--" | "-") => return base == "set",
            Some(word) if word.starts_with(['-', '+']) => word.chars().skip(1).all(|letter| match base {
                "set" => "euxvfETo".contains(letter),
                _ => "squo".contains(letter),
            }),
            Some(word) => NAMES.contains(&word) || (base == "set" && !word.contains('=')),
            None => false,
        };
        if !is_plain {
            return false;
        }
        let names_follow = base == "set" && word.is_some_and(|word| word.contains('o') && word.starts_with(['-', '+']));
        if names_follow && !words.next().flatten().is_some_and(|name| NAMES.contains(&name)) {
            return false;
        }
    }
    true
}

/// Builtins that set variables: what these hold is not known any more.
fn sets_variables(state: &mut State, base: &str, rest: &[Argument], part: &mut Part) {
    let words: Vec<&str> = rest.iter().filter_map(Argument::known).collect();
    if words.iter().any(|word| word.contains('[') && (word.contains("$(") || word.contains('`'))) {
        part.suspicious.get_or_insert("a subscript is calculated, and what it holds runs".to_owned());
    }
    let gives_attribute = |word: &&str| word.starts_with('-') && word.contains(['i', 'u', 'l', 'n', 'c']);
    let changes_values = matches!(base, "declare" | "typeset" | "local" | "export" | "readonly");
    if changes_values && words.iter().any(gives_attribute) {
        // What is assigned later is calculated, put in capitals, or goes to another variable.
        let names = words.iter().flat_map(|word| word.split(['=', '[', '+'])).map(str::to_owned);
        state.uncertain.extend(names);
    }
    let named: Vec<&str> = match (base, words.as_slice()) {
        ("printf", ["-v", name, ..]) => vec![name],
        ("printf", [first, ..]) => first.strip_prefix("-v").into_iter().collect(),
        ("printf", []) => Vec::new(),
        (_, words) => words.to_vec(),
    };
    for text in named {
        let name = text.split(['=', '[', '+', '-', '*', '/', '%', '<', '>', '&', '^', '|']).next().unwrap_or(text);
        state.variables.insert(name.to_owned(), None);
        if is_shell_variable(name) {
            part.suspicious.get_or_insert(format!("it sets `{name}`, which changes what later words mean or run"));
        }
    }
}

/// What stands behind a runner whose options are not analysed: whatever could be a program that
/// changes files, or a shell, counts as one. Returns the text that it would hand to a shell.
fn behind_runner(state: &State, rest: &[Argument], part: &mut Part) -> Option<String> {
    let mut text = None;
    for start in 0..rest.len() {
        let Some((first, inner)) = rest.get(start..).and_then(<[Argument]>::split_first) else { break };
        let Some(name) = first.known() else { continue };
        // A word with spaces may be a command of its own: `script -c "palisade trust grant"`.
        let words: Vec<Argument> = name.split_whitespace().map(Argument::literal).collect();
        for (at, word) in words.iter().enumerate() {
            if words.len() > 1 && word.known().is_some_and(|word| wrappers::base_name(word) == "palisade") {
                own_program(words.get(at + 1..).unwrap_or_default(), part);
            }
        }
        let mut nested = Part::default();
        if changers::understand(state, wrappers::base_name(name), inner, &mut nested) {
            part.touches.extend(nested.touches);
        }
        match wrappers::base_name(name) {
            "palisade" => own_program(inner, part),
            base if SHELLS.contains(&base) => text = text.or(shell(base, inner, false, part)),
            _ => {}
        }
    }
    text
}

/// Hosts in the arguments of a program that opens connections.
fn reaches(rest: &[Argument], part: &mut Part) {
    for word in rest.iter().filter_map(Argument::known) {
        let looks_like_host =
            word.contains("://") || (!word.starts_with(['-', '/', '.']) && word.contains('.') && !word.contains(' '));
        if looks_like_host {
            part.reaches.push(word.to_owned());
        }
    }
}

/// Arguments that may be paths, of a program that is not listed.
fn mentions(state: &State, rest: &[Argument], part: &mut Part) {
    for word in rest {
        match &word.value {
            Value::Known(text) => {
                for candidate in candidates(text) {
                    let paths: Vec<AbsPath> = state.paths(candidate);
                    if part.mentions.len() + paths.len() <= MENTIONS_MAX {
                        part.mentions.extend(paths);
                    }
                }
            }
            Value::Pattern(_) => {
                touch(state, word, Access::Read, By::Operand, true, part);
            }
            Value::Unknown => {}
        }
    }
}

/// The pieces of a word that may be a path: the word, what follows `=`, `@` or `:`, what follows a short option.
fn candidates(word: &str) -> Vec<&str> {
    if word.starts_with("http://") || word.starts_with("https://") {
        return Vec::new();
    }
    let mut found = vec![word];
    found.extend(word.split_once('=').map(|(_, value)| value));
    found.extend(word.split_once(':').map(|(_, value)| value));
    found.extend(word.split_once('@').map(|(_, value)| value));
    if word.starts_with('-') && !word.starts_with("--") {
        found.extend(word.get(2..));
    }
    found.retain(|candidate| !candidate.is_empty() && !candidate.starts_with('-') && candidate.len() < 4096);
    found
}
