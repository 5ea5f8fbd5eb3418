//! Calls by which a program runs something that it is given, made from its table.
//!
//! They are examples and no description: a table may know more ways than come out, and whether one of them
//! may happen is not said here.

use crate::parse;
use crate::table::{Command, Does, Effect, Opt, Place, Role, Style, Sub, Table, Takes, Times};

/// What the calls run.
pub const STRANGER: &str = "./anything";

/// What a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// An operand, by what it is.
    Operand(Role),
    /// The value of an option, by what it is.
    Option(Role),
    /// No word of its own.
    Does(Does),
}

/// A call that runs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The words behind the program's name, as a shell reads them.
    pub words: String,
    /// What it runs.
    pub runs: Runs,
}

/// Returns calls by which the program of a table runs what it is given, operands before options.
pub fn ways(body: &str) -> Vec<Way> {
    let Ok(table) = parse::table(body) else { return Vec::new() };
    let mut found = Vec::new();
    of_command(&table, &table.root, "", &mut found);
    for Sub { names, body: lines, .. } in &table.commands {
        let Ok(command) = parse::command(lines) else { continue };
        let named = names.iter().filter_map(|name| match *name {
            "-" => None,
            "*" => Some(""),
            name => Some(name),
        });
        named.for_each(|name| of_command(&table, &command, name, &mut found));
    }
    found.sort_by_key(|way| match way.runs {
        Runs::Operand(_) => 0,
        Runs::Option(_) => 1,
        Runs::Does(_) => 2,
    });
    found
}

fn of_command(table: &Table<'_>, command: &Command<'_>, sub: &str, found: &mut Vec<Way>) {
    if wants_exact(&command.effects) {
        return;
    }
    let mut push = |options: String, operands: String, runs| {
        let words =
            [sub, &options, &operands].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        found.push(Way { words, runs });
    };
    if let Some((operands, role)) = running(&command.operands) {
        push(String::new(), operands, Runs::Operand(role));
    }
    for option in command.options.iter().filter(|option| !wants_exact(&option.effects)) {
        let Some((spelled, own)) = spelled(table.style, option) else { continue };
        let places = option
            .effects
            .iter()
            .find_map(|effect| if let Effect::Operands(places) = effect { Some(places) } else { None });
        if let Some(role) = own {
            push(spelled, required(places.unwrap_or(&command.operands)), Runs::Option(role));
        } else if let Some((operands, role)) = places.and_then(|places| running(places)) {
            push(spelled, operands, Runs::Option(role));
        }
    }
    for effect in &command.effects {
        if let Effect::Does(does) = effect {
            push(String::new(), required(&command.operands), Runs::Does(*does));
        }
    }
}

/// Returns true where no rule with a wildcard allows the call.
fn wants_exact(effects: &[Effect<'_>]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Exact | Effect::Asks(_)))
}

/// Returns operands as far as one that runs, with what that is.
fn running(places: &[Place]) -> Option<(String, Role)> {
    let mut words = Vec::new();
    for place in places {
        if place.role.is_run() {
            words.push(sample(place.role));
            return Some((words.join(" "), place.role));
        }
        if place.times == Times::Once && place.role != Role::Assignment {
            // What stands before a command is a number more often than not.
            words.push(if place.role == Role::Text { "5" } else { sample(place.role) });
        }
    }
    None
}

/// Returns the operands without which a program ends with a complaint.
fn required(places: &[Place]) -> String {
    let once = places.iter().filter(|place| place.times == Times::Once && place.role != Role::Assignment);
    once.map(|place| sample(place.role)).collect::<Vec<_>>().join(" ")
}

/// Returns an option as it is written, and what of its value runs.
fn spelled(style: Style, option: &Opt<'_>) -> Option<(String, Option<Role>)> {
    let name = option.spellings.iter().find(|name| !name.contains(['*', 'N']))?;
    let attached = match style {
        Style::Gnu | Style::GnuFirst | Style::Exact | Style::ExactFirst => name.starts_with("--"),
        Style::Single | Style::SingleFirst | Style::Words => false,
        Style::Keys => true,
    };
    let between = if attached { "=" } else { " " };
    match &option.takes {
        Takes::Nothing => Some(((*name).to_owned(), None)),
        Takes::Optional(role) => {
            let between = if name.starts_with("--") { "=" } else { "" };
            Some((format!("{name}{between}{}", sample(*role)), Some(*role).filter(|role| role.is_run())))
        }
        Takes::Values(roles) => {
            let values: Vec<&str> = roles.iter().map(|role| sample(*role)).collect();
            let own = roles.iter().copied().find(|role| role.is_run());
            Some((format!("{name}{between}{}", values.join(" ")), own))
        }
    }
}

/// Returns a word that may stand in a place.
fn sample(role: Role) -> &'static str {
    match role {
        Role::Code | Role::Shell | Role::Command => STRANGER,
        Role::CommandUntil => "./anything \\;",
        Role::Source => "'anything()'",
        Role::Sed => "'1e ./anything'",
        Role::Awk => "'BEGIN { system(\"./anything\") }'",
        Role::Tree | Role::Directory => ".",
        Role::Host => "host",
        Role::Url => "https://example.com/",
        Role::RemoteWrite => "host:x",
        Role::Assignment => "A=x",
        Role::Variable => "A",
        Role::Into => "y",
        Role::Text
        | Role::Look
        | Role::Read
        | Role::Write
        | Role::WriteTree
        | Role::Delete
        | Role::Move
        | Role::List
        | Role::Response
        | Role::RemoteRead
        | Role::Upload
        | Role::Form
        | Role::Jq
        | Role::Unknown => "x",
    }
}
