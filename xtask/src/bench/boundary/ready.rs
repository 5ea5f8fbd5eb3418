//! The start of nothing in a boundary that was built before, against bubblewrap with the same mounts.
//!
//! Twice: by a program that is started for it, and by a process that runs already and calls the library. Of the second
//! two moments are measured, that at which the command's program runs, and that at which its end is known.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::scene::{Scene, Whose};
use super::{BWRAP, HELD, LAUNCH, OUTSIDE, RUN};
use crate::bench::{Program, WARM_UP, heading, interleave, is_there, print};

/// How long before each start, so that the next boundary stands and its building falls on nobody.
const PAUSE: Duration = Duration::from_millis(40);

const LAUNCH_HELD: &str = "launch, held";
const RUN_HELD: &str = "palisade run, held";
/// What a process that runs already calls, with the moment until which it is measured.
const CALLED: [[&str; 2]; 2] = [
    ["sandbox::run, held, to the program's start", "sandbox::run, held, to its end"],
    ["sandbox::run, to the program's start", "sandbox::run, to its end"],
];

/// Measures and prints: the boundary alone, and all of `palisade run`, each with a holder of its own.
pub(super) fn run(scene: &Scene, runs: usize) -> anyhow::Result<()> {
    let argv = ["/bin/true"];
    for held in HELD {
        println!("\n`/bin/true` in a boundary that stands, {held} files held, {runs} rounds\n");
        heading();
        for whose in [Whose::Launch, Whose::Palisade] {
            let mut programs = match whose {
                Whose::Launch => vec![
                    Program::new(LAUNCH_HELD, scene.launch_held(held, &argv)),
                    Program::new(LAUNCH, scene.launch(held, &argv)),
                ],
                Whose::Palisade => vec![Program::new(RUN_HELD, scene.palisade(held, &argv))],
            };
            if is_there(BWRAP) {
                programs.push(Program::new(BWRAP, scene.bubblewrap(held, &argv)));
            }
            programs.push(Program::new(OUTSIDE, scene.outside(&argv)));
            let mut holder = scene.holder(whose)?;
            let pause = || {
                std::thread::sleep(PAUSE);
                Ok(())
            };
            interleave(&mut programs, runs, WARM_UP.min(runs), pause)?;
            holder.check()?;
            let ours = if whose == Whose::Launch { LAUNCH_HELD } else { RUN_HELD };
            print(&programs, &[(ours, BWRAP), (ours, OUTSIDE)]);
            if whose == Whose::Launch {
                print(&programs, &[(ours, LAUNCH)]);
            }
        }
    }
    println!("\n{RUN} is measured without a holder under `start`.");
    HELD.into_iter().try_for_each(|held| called(scene, held, runs))
}

/// Measures and prints what a process has that runs already.
fn called(scene: &Scene, held: usize, runs: usize) -> anyhow::Result<()> {
    println!("\n`/bin/true` from a process that runs already, {held} files held, {runs} rounds\n");
    heading();
    let argv = ["/bin/true"];
    let mut holder = scene.holder(Whose::Launch)?;
    let mut callers = [Caller::start(scene, held, true)?, Caller::start(scene, held, false)?];
    let mut programs: Vec<Program> =
        CALLED.iter().flatten().map(|name| Program::new(*name, scene.outside(&argv))).collect();
    let mut others = vec![Program::new(OUTSIDE, scene.outside(&argv))];
    if is_there(BWRAP) {
        others.push(Program::new(BWRAP, scene.bubblewrap(held, &argv)));
    }
    for round in 0..runs + WARM_UP {
        let (called, rest) = (callers.iter_mut().zip(programs.chunks_mut(2)), others.iter_mut());
        for (caller, moments) in called {
            std::thread::sleep(PAUSE);
            let times = caller.turn()?;
            if round >= WARM_UP {
                moments.iter_mut().zip(times).for_each(|(moment, ms)| moment.times_ms.push(ms));
            }
        }
        for other in rest {
            std::thread::sleep(PAUSE);
            let ms = other.once()?;
            if round >= WARM_UP {
                other.times_ms.push(ms);
            }
        }
    }
    holder.check()?;
    let taken = callers[0].taken;
    programs.extend(others);
    CALLED.iter().flatten().for_each(|name| print(&programs, &[(name, BWRAP)]));
    print(&programs, &[(OUTSIDE, BWRAP)]);
    println!("\n{taken} of {} took a boundary that stood.", runs + WARM_UP);
    Ok(())
}

/// A process that calls the library when it is told to.
struct Caller {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// How often its boundary stood before.
    taken: usize,
}

impl Caller {
    fn start(scene: &Scene, held: usize, is_ready: bool) -> anyhow::Result<Self> {
        let mut command = scene.turns(held, &["/bin/true"], is_ready);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).context("it has no streams")?;
        Ok(Self { child, input, output: BufReader::new(output), taken: 0 })
    }

    /// Has it run the command, and returns the milliseconds to its program's start and to its end.
    fn turn(&mut self) -> anyhow::Result<[f64; 2]> {
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let mut next = || words.next().with_context(|| format!("it says `{}`", line.trim()));
        let [started, over, is_held] = [next()?, next()?, next()?];
        self.taken += usize::from(is_held == "true");
        Ok([started.parse::<f64>()? / 1_000.0, over.parse::<f64>()? / 1_000.0])
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
