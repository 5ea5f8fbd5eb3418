//! Completions and manual pages, from the command line's own definition.

use clap::CommandFactory;

use crate::cli::{Cli, ManOptions};
use crate::exit::Exit;

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    clap_complete::generate(shell, &mut Cli::command(), "palisade", &mut std::io::stdout());
    Ok(Exit::Yes)
}

/// Writes the manual pages.
pub(crate) fn man(options: &ManOptions) -> anyhow::Result<Exit> {
    clap_mangen::generate_to(Cli::command(), &options.directory)?;
    Ok(Exit::Yes)
}
