//! `palisade sandbox`: what the boundary can be on this machine, and what it would be here.

mod export;
mod plan;

use std::path::Path;

use anyhow::Context;
pub(crate) use plan::opened_by;
use sandbox::{Holder, Machine, Tier};

use crate::cli::{SandboxCommand, SandboxHoldOptions, SandboxOptions, SandboxStatusOptions};
use crate::exit::Exit;
use crate::say;

/// Carries out a command of the group.
pub(crate) fn sandbox(options: &SandboxOptions) -> anyhow::Result<Exit> {
    match &options.command {
        SandboxCommand::Status(options) => status(options),
        SandboxCommand::Plan(options) => plan::plan(options),
        SandboxCommand::Export(options) => export::export(options),
        SandboxCommand::Hold(options) => hold(options),
    }
}

/// Keeps boundaries ready for commands below the owner.
fn hold(options: &SandboxHoldOptions) -> anyhow::Result<Exit> {
    let init = Path::new("/proc/self/exe");
    let parent = || rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
    let owner = options.owner.or_else(parent).context("there is no parent process; name one with `--owner`")?;
    let is_new = if options.detach {
        Holder::spawn(init, owner, options.lasting)?
    } else {
        match Holder::new(init, owner, options.lasting)? {
            Some(holder) => {
                holder.serve()?;
                true
            }
            None => false,
        }
    };
    if is_new {
        return Ok(Exit::Yes);
    }
    say::error(&format!("process {owner} has a holder already"));
    Ok(Exit::Finding)
}

/// Says what this machine can enforce.
fn status(options: &SandboxStatusOptions) -> anyhow::Result<Exit> {
    let machine = sandbox::probe(Path::new("/proc/self/exe"))?;
    if options.json {
        say::data(&machine.render_json());
    } else {
        for line in machine.render().lines() {
            say::data(&say::shown(line));
        }
    }
    Ok(exit(&machine))
}

fn exit(machine: &Machine) -> Exit {
    match machine.tier() {
        Some(Tier::Full) => Exit::Yes,
        Some(Tier::Bubblewrap | Tier::Landlock) => Exit::Finding,
        None => Exit::World,
    }
}
