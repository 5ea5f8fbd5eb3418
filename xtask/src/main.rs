//! The repository's tasks: `cargo xtask TASK`.
//!
//! - `tidy` reads the repository and says what is against the house style.
//! - `generate` writes what is generated from the code, or says what is out of date.
//! - `bench` measures how long Palisade takes to start, `bench decide` how long it takes to decide,
//!   `bench walk` what a large repository costs each command, `bench boundary` what the boundary costs, `bench proxy`
//!   what the proxy costs, beside other sandboxes, and `bench agents` whole agents inside beside the same outside.
//! - `kills` kills commands in the boundary at random moments and looks for what is left.
//! - `fuzz` builds and runs the fuzz targets.
//! - `dist` builds the program that is given to people.
//! - `demo` shows the main job on something real.
//! - `client` compares the real client's verdicts with ours.
//! - `corpus` decides recorded commands and counts the verdicts.
//! - `soundness` runs commands in throw-away cells and compares what they do with what was predicted.
//! - `test` runs everything that must pass.
//!
//! Tasks print, start programs and write files: they are the repository's, not the product's.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person who started it")]
#![expect(clippy::disallowed_methods, reason = "a task is on no path of a decision: it reads, writes and starts")]

mod bench;
mod client;
mod corpus;
mod demo;
#[cfg(test)]
mod exports;
mod fuzz;
mod generate;
mod kills;
mod options;
mod peers;
mod place;
mod random;
#[cfg(test)]
mod schema;
mod soundness;
mod test;
mod tidy;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "usage: cargo xtask TASK

  tidy                                  say what is against the house style; exit 1 when something is
  generate [--check]                    write what is generated from the code, or compare it
  bench [--runs N]                      measure how long Palisade takes to start
  bench decide [--rounds N] [--json]    measure how long decisions take at 10, 300 and 10,000 rules
  bench walk [--runs N] [--files N]     measure what a large repository costs each command in it
  bench boundary [--runs N] [--work N] [--files N] [--only start|held|agents|work] [--place DIR]
                                        measure what the boundary costs, beside other sandboxes; with `--files`,
                                        also in a repository of so many files; scenes are made in DIR
  bench proxy [--rounds N] [--connections N]
                                        measure the proxy beside another sandbox's and beside none; with
                                        `--connections`, also with so many at a time
  bench agents [--runs N]               measure whole agents inside beside the same outside
  kills [--runs N] [--seed N] [--only N]
                                        kill commands inside at random moments, and look for what is left
  fuzz [--seconds N] [TARGET]           build the fuzz targets and run each for N seconds (60)
  test                                  run everything that must pass
  demo                                  a hostile script and an honest build, outside and inside the boundary
  dist                                  build the program that is given to people, and say where it is
  corpus [--dir DIR] [--every N] [--commands]
                                        decide recorded commands (and calls) and count the verdicts
  soundness effects|words [--corpus FILE]... [--count N] [--seed S] [--only TEXT] [--keep DIR]
            [--sample] [--workers N] [--minutes N]
                                        compare what commands do, or the words they get, with what is predicted
  client [--settings N] [--calls N] [--sample] [--only NAME] [--useful N] [--compare FILE] [--program FILE] [--all]
                                        ask the real client about calls, and compare its verdicts with ours;
                                        with `--compare`, take its verdicts from the file of an earlier run;
                                        with `--useful`, ask about N commands of each text that people wrote,
                                        without rules; with `--all`, show every difference";

/// How a task ends when it could be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is nothing to find fault with.
    Good,
    /// There is a finding.
    Finding,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let options = Options::new(words.collect());
    let result = match task.as_str() {
        "tidy" => tidy::run(options),
        "generate" => generate::run(options),
        "bench" => bench::run(options),
        "kills" => kills::run(options),
        "fuzz" => fuzz::run(options),
        "client" => client::run(options),
        "corpus" => corpus::run(options),
        "soundness" => soundness::run(options),
        "demo" => demo::run(options),
        "dist" => options.end().and_then(|()| place::palisade(place::Profile::Release)).map(|path| {
            println!("{}", path.display());
            End::Good
        }),
        "test" => options.end().and_then(|()| test::test()).map(|()| End::Good),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(End::Good) => ExitCode::SUCCESS,
        Ok(End::Finding) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask {task}: {error:#}");
            ExitCode::from(2)
        }
    }
}
