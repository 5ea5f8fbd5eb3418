//! The text of a table; `docs/internals/packs.md` describes it.

use std::sync::OnceLock;

use crate::table::{Command, Does, Effect, Opt, Place, Role, Style, Sub, Table, Takes, Times};

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line within the text, counted from 0.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// One program of a pack, before its table is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// The names by which it is started.
    pub names: Vec<&'a str>,
    /// The program whose table it shares, if it does.
    pub like: Option<&'a str>,
    /// Where its options are documented.
    pub source: &'a str,
    /// The lines of its table.
    pub body: String,
    /// Its examples: the command and what it does.
    pub tries: Vec<(&'a str, &'a str)>,
    /// The line of the pack on which it begins, counted from 1.
    pub line: usize,
}

/// Splits a pack into its programs.
pub fn blocks(text: &str) -> Result<Vec<Block<'_>>, Fault> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fault = |message: &str| Fault { line: number, message: message.to_owned() };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(names) = line.strip_prefix("program ") {
            let names = names.split(',').map(str::trim).collect();
            let tries = Vec::new();
            blocks.push(Block { names, like: None, source: "", body: String::new(), tries, line: number + 1 });
            continue;
        }
        let block = blocks.last_mut().ok_or_else(|| fault("a pack begins with `program NAME`"))?;
        if let Some(source) = line.strip_prefix("from ") {
            block.source = source;
        } else if let Some(name) = line.strip_prefix("like ") {
            block.like = Some(name.trim());
        } else if let Some(example) = line.strip_prefix("try ") {
            let (command, effects) =
                example.rsplit_once(" => ").ok_or_else(|| fault("an example is `try COMMAND => EFFECTS`"))?;
            block.tries.push((command.trim(), effects.trim()));
        } else {
            block.body.push_str(line);
            block.body.push('\n');
        }
    }
    Ok(blocks)
}

/// Reads a table as far as its first sub-command, and finds the texts of these.
pub(crate) fn table(body: &str) -> Result<Table<'_>, Fault> {
    let end = if body.starts_with("sub ") { 0 } else { body.find("\nsub ").map_or(body.len(), |at| at + 1) };
    let (head, mut rest) = body.split_at_checked(end).unwrap_or((body, ""));
    let mut table = Table {
        style: Style::Gnu,
        globals_anywhere: false,
        bundled: false,
        root: Command::default(),
        commands: Vec::new(),
    };
    for (number, line) in head.lines().enumerate() {
        if let Some(style) = line.strip_prefix("style ") {
            for word in style.split_whitespace() {
                match Style::parse(word) {
                    Some(style) => table.style = style,
                    None if word == "globals-anywhere" => table.globals_anywhere = true,
                    None if word == "bundled" => table.bundled = true,
                    None => return Err(Fault { line: number, message: format!("`{word}` is no style") }),
                }
            }
        } else {
            read_line(&mut table.root, line).map_err(|message| Fault { line: number, message })?;
        }
    }
    while !rest.is_empty() {
        let end = rest.find("\nsub ").map_or(rest.len(), |at| at + 1);
        let (one, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (names, lines) = one.split_once('\n').unwrap_or((one, ""));
        let names = names.strip_prefix("sub ").unwrap_or(names);
        let names = names.split(',').map(str::trim).collect();
        table.commands.push(Sub { names, body: lines, command: OnceLock::new() });
        rest = after;
    }
    Ok(table)
}

/// Reads the lines of a sub-command.
pub(crate) fn command(body: &str) -> Result<Command<'_>, Fault> {
    let mut command = Command::default();
    for (number, line) in body.lines().enumerate() {
        read_line(&mut command, line).map_err(|message| Fault { line: number, message })?;
    }
    Ok(command)
}

fn read_line<'a>(command: &mut Command<'a>, line: &'a str) -> Result<(), String> {
    if line.starts_with('-') || line.starts_with('+') || line.starts_with("key ") || line.starts_with("word ") {
        command.options.push(option(line)?);
        return Ok(());
    }
    let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
    match (keyword, rest) {
        ("operands", _) => command.operands = places(rest)?,
        ("options", "only read") => command.options_only_read = true,
        ("complete", "") => command.complete = true,
        ("unlisted", "exact") => command.unlisted_exact = true,
        ("edits", "") => command.edits = true,
        ("clear", "") => command.clear = true,
        ("input", name) => command.input = Some(role(name)?),
        _ => command.effects.push(effect(line)?),
    }
    Ok(())
}

fn option(line: &str) -> Result<Opt<'_>, String> {
    let (spelled, effects) = line.split_once(" : ").unwrap_or((line, ""));
    let spelled = spelled.strip_prefix("key ").or_else(|| spelled.strip_prefix("word ")).unwrap_or(spelled);
    let mut spellings = Vec::new();
    let mut takes = Takes::Nothing;
    for word in spelled.split_whitespace() {
        if takes != Takes::Nothing {
            return Err(format!("`{word}` stands after the value"));
        }
        if let Some((name, value)) = word.split_once("[=") {
            let name_of_role = value.strip_suffix(']').ok_or_else(|| format!("`{word}` has no `]`"))?;
            takes = Takes::Optional(role(name_of_role)?);
            spellings.push(name);
        } else if let Some((name, value)) = word.split_once('=') {
            takes = Takes::Values(value.split(',').map(role).collect::<Result<_, _>>()?);
            spellings.push(name);
        } else {
            spellings.push(word);
        }
    }
    let effects = effects.split(';').map(str::trim).filter(|text| !text.is_empty());
    Ok(Opt { spellings, takes, effects: effects.map(effect).collect::<Result<_, _>>()? })
}

fn effect(text: &str) -> Result<Effect<'_>, String> {
    let (keyword, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match (keyword, rest) {
        ("operands", _) => Effect::Operands(places(rest)?),
        ("given", "") => Effect::Given,
        ("writes", "") => Effect::Writes,
        ("recursive", "") => Effect::Recursive,
        ("follows", "") => Effect::Follows,
        ("exact", "") => Effect::Exact,
        ("unknown", "") => Effect::Unknown,
        ("starts", names) if !names.is_empty() => Effect::Starts(names),
        ("asks", why) if !why.is_empty() => Effect::Asks(why),
        ("does", name) => Effect::Does(Does::parse(name).ok_or_else(|| format!("`{name}` is nothing that is done"))?),
        ("alone", _) => {
            let (name, path) = rest.split_once(' ').ok_or("`alone` wants a role and a path")?;
            Effect::Alone(role(name)?, path)
        }
        _ => return Err(format!("`{text}` is not understood")),
    })
}

fn places(text: &str) -> Result<Vec<Place>, String> {
    if text == "none" {
        return Ok(Vec::new());
    }
    text.split_whitespace()
        .map(|word| {
            let (name, times) = match (word.strip_suffix("..."), word.strip_suffix('?')) {
                (Some(name), _) => (name, Times::Many),
                (None, Some(name)) => (name, Times::Maybe),
                (None, None) => (word, Times::Once),
            };
            Ok(Place { role: role(name)?, times })
        })
        .collect()
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| format!("`{name}` is no role"))
}
