//! The proxy beside that of another sandbox, on the loopback interface.
//!
//! Both are asked for an address by clients that name it, decide by a list of one entry, and write nothing to a disk. Ours
//! is an example of its crate; theirs is the server of the published package, with a decision that compares the host.

use std::process::Command;

use anyhow::{Context, bail};

use super::machine;
use crate::options::Options;
use crate::peers::SANDBOX_RUNTIME;
use crate::place::{Scratch, proxy_measure};
use crate::{End, bench};

const ROUNDS: usize = 7;

/// Starts the other's proxy and prints its address.
const THEIRS: &str = "
const { createHttpProxyServer } = await import(process.argv[2]);
const server = createHttpProxyServer({ filter: (port, host) => host === '127.0.0.1' });
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
";

pub(super) fn run(mut options: Options) -> anyhow::Result<End> {
    let connections: Option<usize> = options.value("--connections")?;
    let rounds = options.value("--rounds")?.unwrap_or(ROUNDS);
    options.end()?;
    if !bench::is_there("node") || !bench::is_there("npm") {
        bail!("node or npm is not installed: there is no other proxy to measure beside ours");
    }
    let measure = proxy_measure()?;
    let scratch = Scratch::new("bench-proxy")?;
    let script = scratch.path().join("theirs.mjs");
    std::fs::write(&script, THEIRS)?;
    let server = SANDBOX_RUNTIME.package()?.join("dist/sandbox/http-proxy.js");
    println!("{}, {rounds} rounds; medians, beside {}\n", machine()?, SANDBOX_RUNTIME.name());
    let mut command = Command::new(&measure);
    command.arg("beside").arg(rounds.to_string()).arg("node").arg(script).arg(server);
    let status = command.status().context("what measures cannot be started")?;
    let mut is_good = status.success();
    if let Some(connections) = connections {
        println!();
        is_good &= Command::new(measure).arg(connections.to_string()).status()?.success();
    }
    Ok(if is_good { End::Good } else { End::Finding })
}
