//! `cargo xtask client`: asks the real client about generated and collected calls, and compares.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow, bail};
use testclient::compare::{Job, Observed, drive, judge, ledger, ours, plan};
use testclient::fetch;

use crate::End;
use crate::options::Options;
use crate::place::{self, Profile};

/// Clients that run side by side.
const CLIENTS: usize = 2;
/// Settings and calls under each, unless told otherwise.
const FULL: plan::Size = plan::Size { settings: 1_000, calls: 80 };
const SAMPLE: plan::Size = plan::Size { settings: 4, calls: 15 };

/// Asks the client, unless verdicts of an earlier run are given, and compares.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    if drive::inside() {
        return Ok(End::Good);
    }
    let sample = options.flag("--sample");
    let mut size = if sample { SAMPLE } else { FULL };
    size.settings = options.value("--settings")?.unwrap_or(size.settings);
    size.calls = options.value("--calls")?.unwrap_or(size.calls);
    let earlier = options.value::<PathBuf>("--compare")?;
    let only = options.value::<String>("--only")?;
    let program = options.value::<PathBuf>("--program")?;
    let all = options.flag("--all");
    let useful = options.value::<usize>("--useful")?;
    options.end()?;
    let (observed, asked) = match earlier {
        Some(file) => (read(&file)?, End::Good),
        None => {
            let mut jobs = match useful {
                Some(count) => plan::useful(&corpora().context("PALISADE_CORPORA is not set")?, count),
                None => jobs(size, sample),
            };
            jobs.retain(|job| only.as_ref().is_none_or(|only| job.name == *only));
            ask(&jobs)?
        }
    };
    let compared = compare(&observed, program, all.then_some(usize::MAX))?;
    Ok(if asked == End::Good { compared } else { asked })
}

fn corpora() -> Option<PathBuf> {
    std::env::var_os("PALISADE_CORPORA").filter(|corpora| !corpora.is_empty()).map(PathBuf::from)
}

fn jobs(size: plan::Size, sample: bool) -> Vec<Job> {
    let mut jobs = plan::own(size);
    match corpora() {
        _ if sample => {}
        Some(corpora) => jobs.extend(plan::collected(&corpora)),
        None => eprintln!("xtask client: PALISADE_CORPORA is not set: collected calls are LEFT OUT"),
    }
    jobs
}

/// Asks the client about every job, and keeps what it did: a line a call, as it comes.
fn ask(jobs: &[Job]) -> anyhow::Result<(Vec<Observed>, End)> {
    if let Some(reason) = drive::missing() {
        bail!("the client cannot be shut in: {reason}");
    }
    let claude = fetch::claude().map_err(|error| anyhow!("there is no client: {error}"))?;
    let path = place::target().join("client-verdicts.jsonl");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("what the client does is kept in {}", path.display());
    let next = AtomicUsize::new(0);
    let found = Mutex::new((file, Vec::new(), End::Good));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| take_jobs(&claude, jobs, &next, &found))).collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| anyhow!("a session ended in a panic"))?)
    })?;
    let (_, observed, end) = found.into_inner().map_err(|_| anyhow!("a session ended in a panic"))?;
    Ok((observed, end))
}

/// The file of what was observed, the same in memory, and whether every session came to its end.
type Found = (File, Vec<Observed>, End);

fn take_jobs(claude: &Path, jobs: &[Job], next: &AtomicUsize, found: &Mutex<Found>) -> anyhow::Result<()> {
    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let result = drive::run(claude, job, &["client"]);
        let mut found = found.lock().map_err(|_| anyhow!("another session ended in a panic"))?;
        let (file, all, end) = &mut *found;
        match result {
            Ok(observed) => {
                eprintln!("{}: {} calls", job.name, observed.len());
                let lines: String = observed.iter().map(|one| format!("{}\n", one.to_json())).collect();
                file.write_all(lines.as_bytes()).context("the verdicts cannot be written")?;
                all.extend(observed);
            }
            Err(error) => {
                println!("FAILED session `{}`: {error}", job.name);
                *end = End::Finding;
            }
        }
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<Observed>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    text.lines().map(|line| Observed::from_line(line).map_err(|error| anyhow!(error))).collect()
}

fn compare(observed: &[Observed], program: Option<PathBuf>, shown: Option<usize>) -> anyhow::Result<End> {
    let palisade = program.map_or_else(|| place::palisade(Profile::Debug), Ok)?;
    let decided = ours::decide(&palisade, observed);
    let classes = std::fs::read_to_string(ledger::file()).context("the ledger of differences cannot be read")?;
    let mut report = judge::judge(observed, &decided, &ledger::parse(&classes));
    report.shown = shown.unwrap_or(report.shown);
    println!("{report}");
    Ok(if report.uncovered().next().is_none() { End::Good } else { End::Finding })
}
