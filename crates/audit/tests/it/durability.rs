//! Many processes, killed processes, full disks.

use crate::fixture::{Ground, record, report};
use audit::{Entry, Filter, Finding, Journal};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The name of the test that is the child, and the variable that says so.
const CHILD: &str = "durability::child";
const DIRECTORY: &str = "PALISADE_AUDIT_TEST_DIRECTORY";
const COUNT: &str = "PALISADE_AUDIT_TEST_COUNT";

/// Appends records to a journal of another test; does nothing on its own.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let count: u64 = std::env::var(COUNT).expect("a count").parse().expect("a number");
    let journal = match Journal::open(directory.as_ref()) {
        Ok(journal) => journal,
        Err(error) => return println!("refused: {error}: {:?}", std::error::Error::source(&error)),
    };
    for number in 0..count {
        let mut record = record(&format!("/work/{number}/{}", "x".repeat(usize::try_from(number % 900).unwrap_or(0))));
        record.pid = std::process::id();
        if let Err(error) = journal.append(&record) {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            println!("refused: {error}: {source}");
            return;
        }
    }
}

/// Returns the command of a child that appends to a journal.
pub(crate) fn command(ground: &Ground, count: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", CHILD, "--nocapture", "--test-threads", "1"]);
    command.env(DIRECTORY, &ground.path).env(COUNT, count.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn eight_processes_append_at_once() {
    let ground = Ground::new();
    let children: Vec<_> = (0..8).map(|_| command(&ground, 50).spawn().expect("a child")).collect();
    for mut child in children {
        assert!(child.wait().expect("its end").success());
    }
    assert_eq!(report(&ground.path, None), "400 lines, 400 records\nsound");
    let mut of_process = std::collections::BTreeMap::<u32, Vec<String>>::new();
    for entry in audit::read(&ground.path, &Filter::default()).expect("entries") {
        let Entry::Record(logged) = entry.expect("an entry") else { panic!("a damaged line") };
        let record = logged.record.expect("a known record");
        let audit::Body::Trust(trust) = record.body else { panic!("another record") };
        of_process.entry(record.pid).or_default().push(trust.folder);
    }
    assert_eq!(of_process.len(), 8);
    for folders in of_process.values() {
        let numbers: Vec<usize> = folders
            .iter()
            .map(|folder| folder.split('/').nth(2).expect("a number").parse().expect("a number"))
            .collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "in the order of the process");
    }
}

#[test]
fn threads_share_a_journal() {
    let ground = Ground::new();
    let journal = ground.open();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|number| drop(journal.append(&record(&format!("/{number}"))))));
        }
    });
    assert_eq!(report(&ground.path, None), "400 lines, 400 records\nsound");
}

/// Children are killed while they append; what they leave is mended by the next.
#[test]
fn killed_processes_leave_a_sound_journal() {
    let ground = Ground::with(1);
    let length = || std::fs::metadata(ground.file("journal.jsonl")).expect("metadata").len();
    for round in 0..25u64 {
        let begin = length();
        let mut child = command(&ground, 1_000_000).spawn().expect("a child");
        // The child is killed at an arbitrary moment after it has begun to append.
        while length() < begin + 1 + round * 997 {
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        child.wait().expect("its end");
        let report = audit::verify(&ground.path, None).expect("a report");
        assert!(report.is_sound(), "round {round}: {:?}", report.findings);
        ground.append(1);
        let report = audit::verify(&ground.path, None).expect("a report");
        assert_eq!(report.findings, [], "round {round}");
    }
}

/// A line that was cut off at any byte is moved aside whole, and the journal goes on.
#[test]
fn half_a_line_of_any_length_is_mended() {
    let ground = Ground::with(3);
    let (before, head) = (ground.journal(), std::fs::read(ground.file("head")).expect("a head"));
    ground.append(1);
    let line = ground.lines()[3].clone();
    for length in 1..line.len() {
        let half = &line[..length];
        ground.set_journal(&[&before[..], half].concat());
        std::fs::write(ground.file("head"), &head).expect("written");
        ground.append(1);
        assert_eq!(report(&ground.path, None), "5 lines, 5 records\nsound", "{length} bytes");
        let repair = audit::find(&ground.path, 3).expect("read").and_then(|logged| logged.record).expect("a record");
        let torn = audit::Repair::Torn { file: "torn-3".to_owned(), bytes: length as u64 };
        assert_eq!(repair.body, audit::Body::Repair(torn));
        assert_eq!(std::fs::read(ground.file("torn-3")).expect("the half line"), half);
        std::fs::remove_file(ground.file("torn-3")).expect("removed");
    }
}

/// A limit on the size of files stands for a full disk: the write stops in the middle of a line.
#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let ground = Ground::with(3);
    let before = ground.lines();
    let program = std::env::current_exe().expect("this program");
    // The shell ignores the signal that the limit sends, and the child inherits that.
    let script =
        format!("trap '' XFSZ; ulimit -f 16; exec {} --exact {CHILD} --nocapture --test-threads 1", program.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).env(DIRECTORY, &ground.path).env(COUNT, "100").arg0("sh");
    let output = shell.output().expect("the child's end");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("refused: cannot write `") && said.contains("journal.jsonl`: File too large"), "{said}");
    let after = ground.lines();
    assert!(after.len() > before.len() && after.starts_with(&before), "some records did fit");
    assert!(after.iter().all(|line| line.ends_with(b"\n")), "and no half of one is left");
    assert!(report(&ground.path, None).ends_with("records\nsound"));
    ground.append(1);
    assert_eq!(ground.lines().len(), after.len() + 1, "nothing had to be mended");
}

/// A lock that is not given back is waited for, and not for ever.
#[test]
fn a_held_lock_ends_in_an_error() {
    let ground = Ground::with(1);
    let holder = std::fs::File::open(ground.file("journal.jsonl")).expect("opened");
    holder.lock().expect("locked");
    let begin = std::time::Instant::now();
    let error = ground.open().append(&record("/x")).expect_err("locked");
    assert!(matches!(error, audit::Error::Locked { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
    drop(holder);
    ground.append(1);
    assert_eq!(report(&ground.path, None), "2 lines, 2 records\nsound");
}

/// A journal that is moved away while it is open is not written to any more.
#[test]
fn a_replaced_journal_is_opened_again() {
    let ground = Ground::with(2);
    let journal = ground.open();
    let _ = journal.append(&record("/a")).expect("appended");
    std::fs::rename(ground.file("journal.jsonl"), ground.file("old.jsonl")).expect("moved");
    std::fs::rename(ground.file("head"), ground.file("old.head")).expect("moved");
    assert_eq!(journal.append(&record("/b")).expect("appended").seq, 0);
    assert_eq!(report(&ground.path, None), "1 lines, 1 records\nsound");
    // The journal alone is gone, and the head file is not: that is on record.
    std::fs::remove_file(ground.file("journal.jsonl")).expect("removed");
    let _ = journal.append(&record("/c")).expect("appended");
    let findings = audit::verify(&ground.path, None).expect("a report").findings;
    assert!(matches!(findings[..], [Finding::CutBefore { record: 0, known: 1, .. }]), "{findings:?}");
}
