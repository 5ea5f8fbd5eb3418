//! The start of nothing in a boundary that was built before, against bubblewrap with the same mounts.

use std::time::Duration;

use super::scene::{Scene, Whose};
use super::{BWRAP, HELD, LAUNCH, OUTSIDE, RUN};
use crate::bench::{Program, WARM_UP, heading, interleave, is_there, print};

/// How long before each start, so that the next boundary stands and its building falls on nobody.
const PAUSE: Duration = Duration::from_millis(40);

const LAUNCH_HELD: &str = "launch, held";
const RUN_HELD: &str = "palisade run, held";

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
    Ok(())
}
