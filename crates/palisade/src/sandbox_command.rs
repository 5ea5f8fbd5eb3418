//! `palisade sandbox`: what the boundary can be on this machine, and what it would be here.

mod plan;

use std::path::Path;

pub(crate) use plan::opened_by;
use sandbox::{Machine, Tier};

use crate::cli::{SandboxCommand, SandboxOptions, SandboxStatusOptions};
use crate::exit::Exit;
use crate::say;

/// Carries out a command of the group.
pub(crate) fn sandbox(options: &SandboxOptions) -> anyhow::Result<Exit> {
    match &options.command {
        SandboxCommand::Status(options) => status(options),
        SandboxCommand::Plan(options) => plan::plan(options),
    }
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
