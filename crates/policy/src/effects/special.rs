//! What no table can say: the shell's own directory and variables, Palisade itself, and programs that
//! nothing is known of.

use programs::{Call, Word};

use super::part::{Access, By, Links, Part, Target, Touch};
use super::shellwords::{State, Value};
use super::variables::is_shell_variable;
use super::walk::Argument;
use super::wrappers;
use crate::tables::programs::{HARMLESS_VARIABLES, SHELLS};

/// Stands for the words that a pipe brings.
pub(super) const PIPED_WORDS: &str = "the words that xargs appends";

/// `cd`: the directories that are possible afterwards.
pub(super) fn change_directory(state: &mut State, base: &str, rest: &[Argument], part: &mut Part) {
    let operands: Vec<&Argument> = rest.iter().filter(|word| !matches!(word.known(), Some("-L" | "--"))).collect();
    let before = state.cwds.clone();
    let after = match operands.as_slice() {
        // `pushd` alone turns the stack.
        [] if base == "pushd" => Vec::new(),
        [] => vec![state.home.clone()],
        [one] => match one.known() {
            // `-`, `-2` and `+1` are places of a stack that nobody knows here.
            Some(directory) if !directory.starts_with(['-', '+']) => state.paths(directory),
            Some(_) | None => Vec::new(),
        },
        [_, _, ..] => Vec::new(),
    };
    let known = !after.is_empty();
    if known {
        let target = Target::Paths(after.clone());
        part.touches.push(Touch {
            access: Access::Read,
            by: By::Operand,
            target,
            recursive: false,
            links: Links::Matched,
        });
        state.if_failed = before;
    }
    state.cwds = after;
    if !known {
        // It changes nothing wherever it leads; where that is nobody knows, from then on.
        let source = operands.iter().map(|word| word.source.as_str()).collect::<Vec<_>>().join(" ");
        part.touches.push(Touch {
            access: Access::Read,
            by: By::Operand,
            target: Target::Unknown(source),
            recursive: false,
            links: Links::Matched,
        });
    }
}

/// `test` without the operators that read a name as code: `-v` and `-R` evaluate the subscript of one.
pub(super) fn compares(rest: &[Argument]) -> bool {
    const BINARY: &[&str] = &["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
    rest.iter().enumerate().all(|(at, word)| match &word.value {
        Value::Known(known) => !matches!(known.as_str(), "-v" | "-R") && (known == "]" || !known.contains('[')),
        // A word that is not known could itself be such an operator, where an operator may stand.
        Value::Begins(_) => {
            let is = |at: Option<usize>, test: &dyn Fn(&str) -> bool| {
                at.and_then(|at| rest.get(at)).and_then(Argument::known).is_some_and(test)
            };
            let binary = |word: &str| BINARY.contains(&word);
            is(at.checked_sub(1), &|word| binary(word) || (word.len() == 2 && word.starts_with('-')))
                || is(Some(at + 1), &binary)
        }
        Value::Pattern(_) | Value::Unknown => false,
    })
}

/// `test` with an operator that evaluates the subscript of a name, and a word that may be a name with one.
pub(super) fn evaluates(rest: &[Argument]) -> bool {
    let names_variable = rest.iter().any(|word| matches!(word.known(), Some("-v" | "-R")));
    let may_hold_one = |word: &Argument| word.known().is_none_or(|known| known.contains('[') && known != "[");
    names_variable && rest.iter().any(may_hold_one)
}

/// An interpreter that is asked for its version alone reads no program.
pub(super) fn prints_version(base: &str, rest: &[Argument]) -> bool {
    let [only] = rest else { return false };
    match only.known() {
        Some("--version") => !SHELLS.contains(&base),
        Some("-v") => base == "node",
        Some("-V") => base.starts_with("python"),
        Some(_) | None => false,
    }
}

/// `set` with options that only say how the shell reports and stops.
pub(super) fn sets_strictness(rest: &[Argument]) -> bool {
    !rest.is_empty()
        && rest.iter().all(|word| {
            word.known().is_some_and(|known| match known.strip_prefix(['-', '+']) {
                Some(letters) => !letters.is_empty() && letters.chars().all(|letter| "euxvo".contains(letter)),
                None => matches!(known, "pipefail" | "errexit" | "nounset" | "xtrace" | "verbose"),
            })
        })
}

/// Returns true for settings of the shell that leave words what they are, but for what patterns match.
pub(super) fn keeps_reading(base: &str, rest: &[Argument]) -> bool {
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
    // Without an option that sets or unsets, `shopt` shows.
    let sets = |word: Option<&str>| word.is_none_or(|word| word.starts_with('-') && word.contains(['s', 'u']));
    if base == "shopt" && !rest.iter().map(Argument::known).any(sets) {
        return true;
    }
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

/// `export NAME=value` and its kin: what the variables hold afterwards. Returns true when nothing else is
/// changed.
pub(super) fn sets_variables(state: &mut State, base: &str, rest: &[Argument], part: &mut Part) -> bool {
    let mut plain = matches!(base, "export" | "declare" | "typeset" | "local" | "readonly");
    let gives_attribute =
        |word: &&str| word.starts_with(['-', '+']) && word.contains(['i', 'u', 'l', 'n', 'c', 'a', 'A']);
    let words: Vec<&str> = rest.iter().filter_map(Argument::known).collect();
    if plain && words.iter().any(gives_attribute) {
        // What is assigned later is calculated, put in capitals, or goes to another variable.
        let names = words.iter().flat_map(|word| word.split(['=', '[', '+'])).map(str::to_owned);
        state.uncertain.extend(names);
    }
    if words.iter().any(|word| word.contains('[') && (word.contains("$(") || word.contains('`'))) {
        part.suspicious.get_or_insert("a subscript is calculated, and what it holds runs".to_owned());
    }
    let has_option = |letter: char| words.iter().any(|word| word.starts_with('-') && word.contains(letter));
    let exports = base == "export" || has_option('x');
    // A later assignment to a variable that cannot be changed fails, and leaves what it held.
    let keeps = base == "readonly" || has_option('r');
    for word in rest {
        let (text, value) = match &word.value {
            Value::Known(text) => match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Value::Known(value.to_owned())),
                None => (text.clone(), Value::Unknown),
            },
            Value::Begins(text) | Value::Pattern(text) => {
                (text.split('=').next().unwrap_or_default().to_owned(), Value::Unknown)
            }
            // What is not known may be several words, but the name before the sign is the first of them.
            Value::Unknown => {
                plain = false;
                (word.source.split_once('=').map_or("", |(name, _)| name).to_owned(), Value::Unknown)
            }
        };
        // All of these but `export` evaluate a subscript in the name.
        if word.known().is_none() && base != "export" && (text.is_empty() || text.contains('$')) {
            let why =
                format!("the name of the variable that `{base}` sets is not known, and a subscript in it would run");
            part.suspicious.get_or_insert(why);
        }
        let is_number = |value: &str| value.bytes().all(|byte| byte.is_ascii_digit());
        if has_option('i') && !matches!(&value, Value::Known(value) if is_number(value)) && word.source.contains('=') {
            part.suspicious
                .get_or_insert(format!("`{base} -i` calculates with what is assigned, and a subscript in it runs"));
        }
        if matches!(text.as_str(), "-x" | "-r" | "-g" | "--") {
            continue;
        }
        let name = text.split(['[', '+']).next().unwrap_or_default();
        // Options give other meanings, a subscript is evaluated, and a name that is not known may be any.
        plain &=
            name == text && !name.is_empty() && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric());
        // Nobody can list every variable by which some program is told what to load or run.
        plain &= !exports || HARMLESS_VARIABLES.contains(&name);
        if keeps {
            state.uncertain.insert(name.to_owned());
        }
        // What is appended to, and what `local` says outside a function, is not known.
        let is_set = name == text && (base != "local" || state.locals.is_some());
        state.variables.insert(name.to_owned(), if is_set { value } else { Value::Unknown });
        if let Some(locals) = state.locals.as_mut().filter(|_| matches!(base, "local" | "declare" | "typeset")) {
            locals.insert(name.to_owned());
        }
        if is_shell_variable(name) {
            plain = false;
            part.suspicious.get_or_insert(format!("it sets `{name}`, which changes what later words mean or run"));
        }
    }
    plain && !rest.is_empty()
}

/// Palisade itself, typed by an agent, never helps it.
pub(super) fn own_program(rest: &[Argument], part: &mut Part) {
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
        Some(Some("doctor")) if words.iter().any(|word| word.is_none_or(|word| word.starts_with("--fix"))) => {
            part.forbidden = Some("what `palisade doctor --fix` changes is a person's to agree to".to_owned());
        }
        Some(Some("check")) => part.reads_only = true,
        Some(Some("explain" | "permissions" | "audit" | "trust" | "lint" | "test")) => {}
        Some(Some(_) | None) | None => {
            part.suspicious = Some("it runs Palisade itself".to_owned());
        }
    }
}

/// `xargs` appends words of its input, or puts one in the place of `{}`.
pub(super) fn append_input(call: &Call<'_, '_>, words: &mut Vec<Argument>) {
    let is_mark = |option: &str| matches!(option.trim_start_matches('-'), "I" | "i" | "J" | "replace");
    let replaced = call.arguments.iter().find(|argument| argument.option.is_some_and(is_mark));
    let mark = match replaced.map(|argument| argument.word) {
        Some(Word::Known("")) => Some("{}"),
        Some(Word::Known(mark)) => Some(mark),
        // Any word may hold it.
        Some(Word::Pattern(_) | Word::Begins(_) | Word::Unknown) => Some(""),
        None => None,
    };
    match mark {
        Some(mark) => {
            for word in words.iter_mut() {
                if let Some(at) = word.known().and_then(|text| text.find(mark)) {
                    let begin = word.known().and_then(|text| text.get(..at)).unwrap_or_default().to_owned();
                    word.value = Value::Begins(begin);
                }
            }
        }
        None => words.push(Argument::new(Value::Unknown, PIPED_WORDS.to_owned())),
    }
}

/// Returns the patterns of what `find` may find, one for each place where it starts; none where one is not known.
pub(super) fn found_below(call: &Call<'_, '_>) -> Vec<String> {
    let starts: Vec<&programs::Argument<'_>> =
        call.arguments.iter().filter(|argument| argument.option.is_none()).collect();
    if starts.is_empty() {
        return vec!["./**".to_owned()];
    }
    let known = |start: &&programs::Argument<'_>| {
        let text = start.word.known().filter(|text| !text.starts_with('-'))?;
        Some(format!("{}/**", text.trim_end_matches('/')))
    };
    starts.iter().map(known).collect::<Option<Vec<String>>>().unwrap_or_default()
}

/// `find` puts the name of what it finds in the place of `{}`: a path below where it starts.
///
/// `before` is what stands before the command on the line.
pub(super) fn fill_in_found(
    call: &Call<'_, '_>,
    before: &[Argument],
    words: &[Argument],
    below: Option<&str>,
) -> Vec<Argument> {
    let before = before.split_last().map_or(before, |(_, before)| before);
    let links = found_links(call, before);
    let filled = |word: &Argument| {
        let mut word = word.clone();
        let Some((begin, rest)) = word.known().and_then(|text| text.split_once("{}")) else { return word };
        word.value = match below {
            // `./{}` is the same place where it starts below this one.
            Some(below) if rest.is_empty() => Value::Pattern(format!("{begin}{below}")),
            Some(_) | None => Value::Begins(begin.to_owned()),
        };
        word.links = links;
        word
    };
    words.iter().map(filled).collect()
}

/// Which links `find` hands out: all of them, followed where it follows them itself, and none where each name
/// that it hands out is tested to be a file or a directory.
fn found_links(call: &Call<'_, '_>, before: &[Argument]) -> Links {
    let tested = |argument: &programs::Argument<'_>| {
        let is_type = argument.option.is_some_and(|name| name.trim_start_matches('-') == "type");
        is_type && argument.index < before.len() && matches!(argument.word, Word::Known("f" | "d"))
    };
    const JOINTS: &[&str] = &["-o", "-or", ",", "!", "-not", "(", ")", "-exec", "-execdir", "-ok", "-okdir"];
    if call.follows {
        return Links::Below;
    }
    let plain = |word: &Argument| word.known().is_some_and(|text| !JOINTS.contains(&text));
    let is_tested = before.iter().all(plain) && call.arguments.iter().any(tested);
    if is_tested { Links::None } else { Links::Matched }
}

/// Returns true for the option by which `find` starts a program in the directory of what it finds.
pub(super) fn starts_elsewhere(word: &Argument) -> bool {
    matches!(word.known(), Some("-execdir" | "-okdir"))
}

/// What stands behind a runner whose options are not analysed: whatever could be a program that
/// changes files, or a shell, counts as one. Returns the text that it would hand to a shell.
pub(super) fn behind_runner(state: &mut State, rest: &[Argument], part: &mut Part) -> Option<String> {
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
        let base = wrappers::base_name(name);
        match base {
            "palisade" => own_program(inner, part),
            _ if SHELLS.contains(&base) => text = text.or_else(|| shell_text(inner)),
            _ => {}
        }
        if let Some(table) = programs::table_of(base).filter(|_| CHANGERS.contains(&base)) {
            let mut nested = Part::default();
            super::call::understand(state, base, inner, table, &mut nested);
            part.touches.extend(nested.touches);
        }
    }
    text
}

/// Programs that change the files named behind a runner.
const CHANGERS: &[&str] = &[
    "chgrp", "chmod", "chown", "cp", "dd", "install", "ln", "mkdir", "mv", "rm", "rmdir", "sed", "shred", "tee",
    "touch", "truncate", "unlink",
];

/// Returns the text of `sh -c text`.
fn shell_text(rest: &[Argument]) -> Option<String> {
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let option = word.known()?;
        if option.starts_with('-') && !option.starts_with("--") && option.contains('c') {
            return words.next().and_then(Argument::known).map(str::to_owned);
        }
        if !option.starts_with(['-', '+']) {
            return None;
        }
    }
    None
}

/// Hosts in the arguments of a program that opens connections.
pub(super) fn reaches(rest: &[Argument], part: &mut Part) {
    for word in rest.iter().filter_map(Argument::known) {
        let looks_like_host =
            word.contains("://") || (!word.starts_with(['-', '/', '.']) && word.contains('.') && !word.contains(' '));
        if looks_like_host {
            part.reaches.push(word.to_owned());
        }
    }
}

/// `printf` of some shells calculates numbers, and a subscript in one runs what stands in it.
pub(super) fn calculates(rest: &[Argument]) -> bool {
    rest.iter().skip(1).any(|word| word.known().is_none_or(|text| text.contains('[')))
        && rest.first().and_then(Argument::known).is_none_or(|format| {
            format.contains('%') && format.contains(['d', 'i', 'o', 'u', 'x', 'X', 'e', 'f', 'g', '*'])
        })
}

/// Programs that give what lies below a directory to whoever asks, or to a container: by a word of their own.
pub(super) fn serves(state: &mut State, base: &str, rest: &[Argument], part: &mut Part) {
    let words: Vec<&str> = rest.iter().filter_map(Argument::known).collect();
    let behind = |names: &[&str]| {
        let attached =
            words.iter().find_map(|word| names.iter().find_map(|name| word.strip_prefix(&format!("{name}="))));
        let next = words.iter().position(|word| names.contains(word)).and_then(|at| words.get(at + 1));
        attached.or(next.copied())
    };
    let directory = match base {
        _ if base.starts_with("python")
            && words.iter().any(|word| matches!(*word, "http.server" | "-mhttp.server" | "SimpleHTTPServer")) =>
        {
            behind(&["-d", "--directory"]).unwrap_or(".")
        }
        "php" if words.contains(&"-S") => behind(&["-t", "--docroot"]).unwrap_or("."),
        "docker" | "podman" | "nerdctl" => {
            mounted(state, &words, part);
            return;
        }
        _ => return,
    };
    let target = Target::Paths(state.paths(directory));
    part.touches.push(Touch { access: Access::Read, by: By::Operand, target, recursive: true, links: Links::Below });
}

/// Directories of this machine that a container is given: it may read what lies there, or change it.
fn mounted(state: &State, words: &[&str], part: &mut Part) {
    let mut before = "";
    for word in words {
        let value = match before {
            "-v" | "--volume" | "--mount" => Some(*word),
            _ => ["--volume=", "--mount=", "-v"].iter().find_map(|name| word.strip_prefix(name)),
        };
        before = word;
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let keyed =
            value.split(',').find_map(|field| field.strip_prefix("src=").or_else(|| field.strip_prefix("source=")));
        let Some(source) = keyed.or_else(|| value.split(':').next()).filter(|source| source.contains(['/', '.']))
        else {
            continue;
        };
        for (access, recursive) in [(Access::Look, true), (Access::Write, false)] {
            let target = Target::Paths(state.paths(source));
            part.touches.push(Touch { access, by: By::Operand, target, recursive, links: Links::Below });
        }
    }
}
