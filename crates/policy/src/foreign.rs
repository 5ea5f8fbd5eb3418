//! What a PowerShell command would do: its parts, as far as its structure shows them.
//!
//! Names count in any case and behind aliases. A text with a doubt keeps the parts that were found, so
//! that deny rules meet them, and is opaque: nothing in it is allowed by a rule of its own.

mod names;

use shell::powershell::{self, Argument, Invocation};

use crate::command::CommandPattern;
use crate::effects::{Access, By, Effects, Links, Part, Program, Target, Touch};
use crate::limits;
use crate::path::{AbsPath, climbs_out_of_a_name};
use names::Files;

/// Reads what a PowerShell text would do.
pub(crate) fn effects(text: &str, cwd: &AbsPath, home: &AbsPath) -> Effects {
    let found = powershell::parse(text);
    let mut opaque = found.doubts.first().map(|why| format!("{why}, which is not analysed"));
    if text.chars().count() > limits::COMMAND_CHARACTERS_MAX {
        opaque = Some(format!("the command is longer than {} characters", limits::COMMAND_CHARACTERS_MAX));
    }
    let is_plain = opaque.is_none();
    let moves = |command: &Invocation| name(command).is_some_and(|name| names::moves(&full(&name)));
    let reader = Reader { text, cwd, home, is_moved: found.commands.iter().any(moves), is_plain };
    let mut parts: Vec<Part> = found.commands.iter().map(|command| reader.part(command)).collect();
    if let Some(why) = &opaque {
        // A rule may know a piece of the text that was not found as a command.
        let mut whole = Part { program: Program::Unknown, ..Part::named(text) };
        whole.readings.push(squeezed(text));
        whole.suspicious = Some(why.clone());
        parts.insert(0, whole);
    } else if parts.is_empty() && !text.trim().is_empty() {
        parts.push(Part { program: Program::Unknown, ..Part::named(text) });
    }
    Effects { parts, opaque, ..Effects::default() }
}

/// Reads the pattern of a `PowerShell(...)` rule: in small letters, and the full name beside an alias.
///
/// Where a rule allows a program that is no command of PowerShell, the case of its arguments counts: `-D`
/// is not `-d`.
pub(crate) fn pattern(text: &str, tightens: bool) -> Option<CommandPattern> {
    let lower = text.to_lowercase();
    let first = lower.split([' ', '*', ':']).next().unwrap_or_default();
    let keeps_case = !tightens && !is_command(first);
    let rest = text.get(first.len()..).filter(|_| keeps_case);
    let own = CommandPattern::parse(&rest.map_or_else(|| lower.clone(), |rest| format!("{first}{rest}")))?;
    let alias = names::canonical(first).filter(|_| tightens || !names::is_also_program(first));
    let full = alias.and_then(|name| CommandPattern::parse(&lower.replacen(first, name, 1)));
    Some(match full {
        Some(full) => own.or(full),
        None => own,
    })
}

/// Returns true for a command of PowerShell's own form, or an alias of one and nothing else.
fn is_command(plain: &str) -> bool {
    plain.contains('-') || (names::canonical(plain).is_some() && !names::is_also_program(plain))
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Returns a command's plain name, if it is certain.
fn name(command: &Invocation) -> Option<String> {
    command.words.first().filter(|word| word.literal).map(|word| names::plain(&word.text))
}

fn full(plain: &str) -> String {
    names::canonical(plain).map_or_else(|| plain.to_owned(), str::to_owned)
}

struct Reader<'a> {
    text: &'a str,
    cwd: &'a AbsPath,
    home: &'a AbsPath,
    /// True when some command changes the location: what a relative path means is not certain then.
    is_moved: bool,
    is_plain: bool,
}

impl Reader<'_> {
    fn part(&self, command: &Invocation) -> Part {
        let source = self.text.get(command.span.start..command.span.end).unwrap_or_default().trim();
        let mut part = Part { span: Some(command.span), ..Part::named(source) };
        part.unknown = command.words.iter().filter(|word| !word.literal).map(|word| word.text.clone()).collect();
        part.program = match (name(command), command.words.is_empty()) {
            (Some(name), _) => Program::Named(full(&name)),
            (None, true) => Program::None,
            (None, false) => Program::Unknown,
        };
        self.read_as(command, source, &mut part);
        if let Program::Named(program) = part.program.clone() {
            part.suspicious = names::runs(&program).map(|why| format!("it {why}"));
            self.files(&program, command, &mut part);
        }
        for target in &command.redirects {
            part.touches.push(Touch { by: By::Redirect, ..self.touch(Access::Write, target) });
        }
        part
    }

    /// The texts under which rules may know a command.
    fn read_as(&self, command: &Invocation, source: &str, part: &mut Part) {
        part.readings.push(squeezed(source));
        let Some(plain) = name(command) else { return };
        let words: Vec<String> = command.words.iter().skip(1).map(spelled).collect();
        let behind = |name: &str| {
            let all = std::iter::once(name.to_owned()).chain(words.iter().cloned()).collect::<String>();
            all.to_lowercase()
        };
        part.readings.extend([behind(&plain), behind(&full(&plain))]);
        let whole: String = command.words.iter().skip(1).map(|word| spelled(&unabbreviated(word))).collect();
        part.readings.push(format!("{}{}", full(&plain), whole.to_lowercase()));
        let written = command.words.first().map_or("", |word| word.text.as_str());
        if self.is_plain && part.unknown.is_empty() && !written.contains(['/', '\\']) {
            if is_command(&plain) {
                part.allow_readings.extend([behind(&full(&plain)), behind(&written.to_lowercase())]);
            } else {
                part.allow_readings.push(format!("{}{}", written.to_lowercase(), words.concat()));
            }
        }
        part.readings.dedup();
    }

    /// What a command of files does with the paths that it names.
    fn files(&self, program: &str, command: &Invocation, part: &mut Part) {
        let operands = operands(command);
        let Some((files, first)) = names::files(program) else {
            part.mentions = operands.paths().filter_map(|word| self.path(word)).collect();
            let wild = operands.paths().filter(|word| is_pattern(word));
            part.touches.extend(wild.map(|word| self.touch(Access::Read, word)));
            return;
        };
        let paths: Vec<&Argument> = operands.named.iter().chain(operands.plain.iter().skip(first)).collect();
        if paths.is_empty() {
            let target = if command.piped {
                Target::Unknown("what is piped into it".to_owned())
            } else {
                self.place(self.cwd.clone(), ".")
            };
            let access = if files == Files::Reads { Access::Read } else { Access::Write };
            part.touches.push(Touch {
                access,
                by: By::Operand,
                target,
                recursive: operands.recurses,
                links: Links::Matched,
            });
        }
        for (index, word) in paths.iter().enumerate() {
            let access = match files {
                Files::Reads => Access::Read,
                Files::Writes => Access::Write,
                Files::Removes => Access::Delete,
                Files::Copies => {
                    if index == 0 {
                        Access::Read
                    } else {
                        Access::Write
                    }
                }
                Files::Moves => {
                    if index == 0 {
                        Access::Delete
                    } else {
                        Access::Write
                    }
                }
            };
            part.touches.push(Touch { recursive: operands.recurses, ..self.touch(access, word) });
            if files == Files::Removes && part.forbidden.is_none() {
                part.forbidden = self.forbidden_removal(word);
            }
        }
        if files == Files::Removes {
            part.loses = crate::effects::removed(part);
        }
        if operands.is_uncertain {
            let target = Target::Unknown("a parameter of another command".to_owned());
            let access = if files == Files::Reads { Access::Read } else { Access::Write };
            part.touches.push(Touch { access, by: By::Operand, target, recursive: true, links: Links::Matched });
        }
    }

    fn touch(&self, access: Access, word: &Argument) -> Touch {
        let written = word.text.as_str();
        let target = match self.path(word) {
            _ if is_pattern(word) => {
                let bases = self.directory_of(word).into_iter().collect();
                Target::Pattern(written.replace('\\', "/"), bases)
            }
            Some(path) if !climbs_out_of_a_name(&written.replace('\\', "/")) => self.place(path, written),
            Some(_) | None => Target::Unknown(written.to_owned()),
        };
        Touch { access, by: By::Operand, target, recursive: false, links: Links::Matched }
    }

    fn place(&self, path: AbsPath, written: &str) -> Target {
        let is_relative = !written.starts_with(['/', '~']);
        if self.is_moved && is_relative { Target::Unknown(written.to_owned()) } else { Target::Paths(vec![path]) }
    }

    /// Returns the path that a word names; `None` where it is not certain.
    fn path(&self, word: &Argument) -> Option<AbsPath> {
        // A colon is a drive, a provider (`env:`, `alias:`) or a stream of a file.
        if !word.literal || word.text.contains(':') {
            return None;
        }
        let text = word.text.replace('\\', "/");
        Some(match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None if text == "~" => self.home.clone(),
            None => self.cwd.join(&text),
        })
    }

    /// Returns the directory in which a pattern is looked for, where no earlier segment is a pattern.
    fn directory_of(&self, word: &Argument) -> Option<AbsPath> {
        let text = word.text.replace('\\', "/");
        if self.is_moved && !text.starts_with(['/', '~']) {
            return None;
        }
        let before = text.find(['*', '?', '[']).map_or(text.as_str(), |at| text.get(..at).unwrap_or_default());
        let directory = before.rfind('/').map_or("", |at| before.get(..=at).unwrap_or_default());
        self.path(&Argument { text: directory.to_owned(), ..word.clone() })
    }

    /// Removals that are refused in every mode: system paths, and everything in a directory.
    fn forbidden_removal(&self, word: &Argument) -> Option<String> {
        let text = word.text.to_lowercase().replace('\\', "/");
        let text = text.trim_matches(['"', '\'']);
        if text == "*" || text.ends_with("/*") || text.ends_with("/*.*") || text == "*.*" {
            return Some(format!("it removes everything that `{}` matches", word.text));
        }
        let trimmed = text.trim_end_matches('/');
        let home = ["~", "$home", "$env:home", "$env:userprofile", "${home}"].contains(&trimmed);
        let drive = trimmed.split_once(':').is_some_and(|(letter, rest)| {
            letter.len() == 1 && rest.trim_matches('/').split('/').filter(|segment| !segment.is_empty()).count() <= 1
        });
        let system = ["$env:systemroot", "$env:windir", "$env:systemdrive", "$env:programfiles", "$env:programdata"];
        let is_system = system.iter().any(|name| trimmed.starts_with(name));
        let is_top = word.literal
            && self.path(word).is_some_and(|path| {
                let written_absolute = text.starts_with('/') || text.starts_with('~');
                written_absolute && (path.segments().count() <= 1 || path == *self.home)
            });
        (home || drive || is_system || is_top).then(|| format!("it removes `{}`, a path of the system", word.text))
    }
}

fn is_pattern(word: &Argument) -> bool {
    word.literal && word.text.contains(['*', '?', '['])
}

/// Returns a word as it stands in a reading, with what separates it from the word before.
fn spelled(word: &Argument) -> String {
    let before = if word.joined { "," } else { " " };
    format!("{before}{}", word.text)
}

/// Returns a parameter with its whole name, where it is one of those that are known.
fn unabbreviated(word: &Argument) -> Argument {
    let lower = word.text.to_lowercase();
    let (parameter, value) = lower.split_once(':').map_or((lower.as_str(), None), |(name, value)| (name, Some(value)));
    if word.quoted || parameter.len() < 2 || !parameter.starts_with('-') {
        return word.clone();
    }
    let known = || names::SWITCHES.iter().chain(names::PATHS).filter(|name| name.starts_with(parameter));
    let whole = known().find(|name| **name == "-recurse").or_else(|| known().next());
    let text = whole.map(|whole| value.map_or_else(|| (*whole).to_owned(), |value| format!("{whole}:{value}")));
    Argument { text: text.unwrap_or(lower), ..word.clone() }
}

/// The operands of a command of files.
#[derive(Default)]
struct Operands {
    /// Values of parameters that name paths.
    named: Vec<Argument>,
    /// Words that are no parameters.
    plain: Vec<Argument>,
    recurses: bool,
    /// True when a parameter is not known: which word is its value is not certain.
    is_uncertain: bool,
}

impl Operands {
    fn paths(&self) -> impl Iterator<Item = &Argument> {
        self.named.iter().chain(&self.plain)
    }
}

/// Reads the parameters of a command: in any case, shortened, and with a colon before the value.
fn operands(command: &Invocation) -> Operands {
    let mut operands = Operands::default();
    let mut words = command.words.iter().skip(1);
    // True while further words of a list belong to the parameter before them.
    let mut names_path = false;
    while let Some(word) = words.next() {
        let is_parameter = !word.quoted && !word.joined && word.text.starts_with('-') && word.text.len() > 1;
        if !is_parameter {
            names_path &= word.joined;
            if names_path {
                operands.named.push(word.clone())
            } else {
                operands.plain.push(word.clone())
            }
            continue;
        }
        let (name, value) =
            word.text.split_once(':').map_or((word.text.as_str(), None), |(name, value)| (name, Some(value)));
        let lower = name.to_lowercase();
        let could_be = |names: &[&str]| names.iter().any(|name| name.starts_with(&lower));
        operands.recurses |= could_be(&["-recurse"]);
        let (path, switch) = (could_be(names::PATHS), could_be(names::SWITCHES));
        names_path = path;
        match value {
            Some(value) if !value.is_empty() => {
                operands.named.push(Argument { text: value.to_owned(), ..word.clone() });
                operands.is_uncertain |= !path && !switch;
            }
            Some(_) => operands.named.extend(words.next().cloned()),
            None if path && !switch => operands.named.extend(words.next().cloned()),
            None => operands.is_uncertain |= !switch,
        }
    }
    operands
}
