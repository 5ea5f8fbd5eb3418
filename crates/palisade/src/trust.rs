//! `palisade trust`: whether a folder's own settings may widen what is allowed.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Write};

use anyhow::Context;
use audit::{Body, Record, Trust, TrustChange};
use policy::AbsPath;
use serde_json::json;
use settings::{Environment, Places, trust as store};

use crate::cli::{FolderOptions, PlaceOptions, SettingsOptions, TrustAction, TrustOptions};
use crate::exit::Exit;
use crate::say;
use crate::setup::{Setup, journal_directory, now, now_ms, open_journal};

/// Shows or changes trust.
pub(crate) fn trust(options: &TrustOptions) -> anyhow::Result<Exit> {
    let default = TrustAction::Show(FolderOptions::default());
    let action = options.action.as_ref().unwrap_or(&default);
    let (TrustAction::Show(folder) | TrustAction::Grant(folder) | TrustAction::Withdraw(folder)) = action;
    let place = PlaceOptions { cwd: folder.folder.clone(), ..PlaceOptions::default() };
    let setup = Setup::at(&SettingsOptions::default(), &place)?;
    match action {
        TrustAction::Show(_) => Ok(show(&setup, options.json)),
        TrustAction::Grant(_) => change(&setup, TrustChange::Granted, options.json),
        TrustAction::Withdraw(_) => change(&setup, TrustChange::Withdrawn, options.json),
    }
}

fn show(setup: &Setup, as_json: bool) -> Exit {
    let status = &setup.loaded.trust;
    let by = match status.by {
        store::By::None => "nobody",
        store::By::Palisade => "palisade",
        store::By::Claude => "claude",
        store::By::Given => "given",
    };
    if as_json {
        say::data(
            &json!({"schema_version": 1, "folder": status.key.as_str(), "trusted": status.trusted, "by": by})
                .to_string(),
        );
    } else if status.trusted {
        say::data(&format!("{} is trusted, by the word given to {by}", status.key));
        say::data("its own settings may allow as well as forbid");
    } else {
        say::data(&format!("{} is not trusted", status.key));
        say::data("its own settings may forbid and not allow; `palisade trust grant` changes that");
    }
    for diagnostic in &status.diagnostics {
        say::diagnostic(diagnostic);
    }
    if status.trusted { Exit::Yes } else { Exit::Finding }
}

/// Changes trust after a person at a terminal has confirmed it. What is granted is recorded first.
fn change(setup: &Setup, change: TrustChange, as_json: bool) -> anyhow::Result<Exit> {
    let folder = setup.loaded.trust.key.clone();
    if change == TrustChange::Granted && setup.places.home.is_within(&folder) {
        say::error(&format!("`{folder}` is the home directory or holds it, and is never trusted as a whole"));
        return Ok(Exit::Denied);
    }
    if change == TrustChange::Granted && !confirmed(setup, &folder)? {
        say::error("not granted: trust is given by a person at a terminal");
        return Ok(Exit::Denied);
    }
    record(&setup.environment, &folder, change)?;
    apply(&setup.places, &folder, change)?;
    let word = match change {
        TrustChange::Granted => "granted",
        TrustChange::Withdrawn => "withdrawn",
    };
    if as_json {
        say::data(&json!({"schema_version": 1, "folder": folder.as_str(), "trust": word}).to_string());
    } else {
        say::data(&format!("trust in {folder} is {word}"));
    }
    Ok(Exit::Yes)
}

/// Withdraws trust because a command made settings of its own in the folder.
pub(crate) fn withdraw_after_run(setup: &Setup) -> anyhow::Result<()> {
    let folder = &setup.loaded.trust.key;
    record(&setup.environment, folder, TrustChange::Withdrawn)?;
    apply(&setup.places, folder, TrustChange::Withdrawn)
}

fn record(environment: &Environment, folder: &AbsPath, change: TrustChange) -> anyhow::Result<()> {
    let journal = open_journal(&journal_directory(environment))?;
    let receipt = journal.append(&Record {
        time_ms: now_ms(),
        session: format!("trust-{}", std::process::id()),
        source: "trust".to_owned(),
        uid: rustix::process::getuid().as_raw(),
        pid: std::process::id(),
        body: Body::Trust(Trust { change, folder: folder.to_string() }),
    })?;
    let _ = receipt;
    Ok(journal.sync()?)
}

fn apply(places: &Places, folder: &AbsPath, change: TrustChange) -> anyhow::Result<()> {
    match change {
        TrustChange::Granted => store::grant(places, folder, now())?,
        TrustChange::Withdrawn => store::withdraw(places, folder, now())?,
    }
    Ok(())
}

/// Shows what the folder's settings would newly allow and asks on the terminal itself.
fn confirmed(setup: &Setup, folder: &AbsPath) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let terminal =
        OpenOptions::new().read(true).write(true).open("/dev/tty").context("there is no terminal to ask on")?;
    let mut ask = &terminal;
    writeln!(ask, "These rules of {folder} would begin to allow:")?;
    for (rule, _) in setup.policy.inactive() {
        writeln!(
            ask,
            "  {} `{}` at {}:{}",
            rule.list.name(),
            say::shown(&rule.text),
            rule.origin.file,
            rule.origin.line
        )?;
    }
    write!(ask, "Trust this folder? [y/N] ")?;
    let mut answer = String::new();
    BufReader::new(&terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
