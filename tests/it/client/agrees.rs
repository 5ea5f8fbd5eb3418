//! What the program decides is what the client decides, or stands in the ledger of differences.

use std::io::Write;

use testclient::compare::{drive, judge, ledger, ours, plan};
use testclient::{fetch, palisade};

/// `cargo xtask client` asks about all of them.
const SAMPLE: plan::Size = plan::Size { settings: 5, calls: 15 };

/// Asks the client about a sample; `name` is the test that runs itself again.
pub fn sample(name: &str) {
    if drive::inside() {
        return;
    }
    let claude = match (drive::missing(), fetch::claude()) {
        (None, Ok(claude)) => claude,
        (Some(reason), _) | (None, Err(reason)) => {
            // Not `eprintln`: the harness would keep it to itself.
            return std::io::stderr().write_all(format!("\nSKIPPED {name}: {reason}\n").as_bytes()).unwrap();
        }
    };
    let arguments = [name, "--exact", "--nocapture", "--test-threads=1"];
    let jobs = plan::own(SAMPLE);
    let observed: Vec<_> = jobs.iter().flat_map(|job| drive::run(&claude, job, &arguments).unwrap()).collect();
    let decided = ours::decide(&palisade(), &observed);
    let classes = ledger::parse(&std::fs::read_to_string(ledger::file()).unwrap());
    let report = judge::judge(&observed, &decided, &classes);
    let dropped: usize = report.dropped.values().sum();
    assert!(observed.len() >= 60 && dropped * 5 < observed.len(), "too few calls were decided\n{report}");
    assert_eq!(report.uncovered().count(), 0, "differences that the ledger does not know\n{report}");
}
