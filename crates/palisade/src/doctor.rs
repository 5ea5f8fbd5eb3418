//! `palisade doctor`: what this machine can, whether an agent's calls come here at all, and what each situation needs.

mod checks;
mod facts;
mod gather;
mod repair;
mod show;
mod situations;
#[cfg(test)]
mod tests;

use std::io::{BufRead, BufReader, IsTerminal, Write};

use anyhow::Context;
use policy::AbsPath;

use crate::cli::{DoctorOptions, SettingsOptions};
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;
use checks::{Check, Fix, Status};
use facts::Facts;
use repair::Planned;
pub(crate) use situations::Situation;

/// Looks, judges, and with `--fix` mends what is the user's own.
pub(crate) fn doctor(options: &DoctorOptions) -> anyhow::Result<Exit> {
    let (mut setup, mut facts) = look()?;
    let settings = setup.places.claude_dir().join("settings.json");
    let mut checks = checks::examine(&facts);
    if options.fix {
        match mend(&checks, &settings, options)? {
            Mended::Nothing => say::talk("there is nothing that `--fix` could do"),
            Mended::Refused => {
                say::error("nothing was changed: a person at a terminal agrees to it, or `--yes` does");
                return Ok(Exit::Asks);
            }
            Mended::Done => {
                (setup, facts) = look()?;
                checks = checks::examine(&facts);
            }
        }
    }
    let report = show::Report { facts: &facts, checks: &checks, situation: options.situation, settings: &settings };
    if options.json {
        say::data(&format!("{:#}", report.json()));
    } else {
        report.print(Paint::stdout(setup.environment.is_colourless()));
    }
    let fits = options.situation.is_none_or(|situation| situations::fitting(&facts).contains(&situation));
    let is_well = checks.iter().all(|check| check.status != Status::Fail);
    Ok(if is_well && fits { Exit::Yes } else { Exit::Finding })
}

fn look() -> anyhow::Result<(Setup, Facts)> {
    let setup = Setup::here(&SettingsOptions::default())?;
    let facts = gather::gather(&setup)?;
    Ok((setup, facts))
}

enum Mended {
    Nothing,
    Refused,
    Done,
}

/// Shows every change, asks, and makes them. What cannot be made is told, and holds up nothing else.
fn mend(checks: &[Check], settings: &AbsPath, options: &DoctorOptions) -> anyhow::Result<Mended> {
    let fixes = checks.iter().flat_map(|check| &check.fixes);
    let repairs = fixes.filter_map(|fix| match fix {
        Fix::Repair(repair) => Some(repair),
        Fix::Command(_) | Fix::Advice(_) => None,
    });
    let mut planned: Vec<Planned<'_>> = Vec::new();
    for repair in repairs {
        let description = repair.describe(settings);
        match repair.plan(settings, &planned) {
            Ok(plan) => {
                say::talk(&format!("would {}", shown(&description)));
                plan.lines.iter().for_each(|line| say::talk(&format!("    {}", shown(line))));
                planned.push(plan);
            }
            Err(error) => left_alone(&description, &error),
        }
    }
    if planned.is_empty() {
        return Ok(Mended::Nothing);
    }
    if !options.yes && !is_agreed()? {
        return Ok(Mended::Refused);
    }
    for plan in planned {
        match plan.make(settings) {
            Ok(()) => say::talk(&format!("done: {}", shown(&plan.describe(settings)))),
            Err(error) => left_alone(&plan.describe(settings), &error),
        }
    }
    Ok(Mended::Done)
}

fn left_alone(what: &str, error: &anyhow::Error) {
    say::talk(&format!("left alone, and did not {}: {}", shown(what), shown(&format!("{error:#}"))));
}

/// Asks on the terminal itself.
fn is_agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    let terminal = terminal.context("there is no terminal to ask on")?;
    write!(&terminal, "Make these changes? [y/N] ")?;
    let mut answer = String::new();
    BufReader::new(&terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
