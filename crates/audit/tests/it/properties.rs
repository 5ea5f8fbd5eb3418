//! What holds for every journal and every change.

use crate::fixture::{Ground, record};
use audit::Finding;
use proptest::prelude::*;

/// Every byte of a journal, changed in four ways, is found, and on the record that it is in.
#[test]
fn any_changed_byte_is_found_at_its_place() {
    let ground = Ground::with(7);
    let bytes = ground.journal();
    let mut record = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, bytes[at] ^ b'\n'] {
            if flip == 0 {
                continue;
            }
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            ground.set_journal(&changed);
            let report = audit::verify(&ground.path, None).expect("a report");
            let place = Finding::Edited { record, line: record + 1 };
            let is_end = at + 1 == bytes.len();
            assert!(!report.is_sound(), "byte {at}: {:?}", report.findings);
            assert!(is_end || report.findings.contains(&place), "byte {at} of record {record}: {:?}", report.findings);
            let is_newline = bytes[at] == b'\n' || changed[at] == b'\n';
            assert!(is_newline || report.findings.len() == 1, "byte {at}: {:?}", report.findings);
        }
        record += u64::from(bytes[at] == b'\n');
    }
}

/// A journal cut at any byte is found by its head file.
#[test]
fn any_cut_is_found() {
    let ground = Ground::with(3);
    let bytes = ground.journal();
    for at in 0..bytes.len() {
        ground.set_journal(&bytes[..at]);
        let report = audit::verify(&ground.path, None).expect("a report");
        let cut = report.findings.iter().any(|finding| matches!(finding, Finding::TailCut { known: 3, .. }));
        assert!(cut, "cut at {at}: {:?}", report.findings);
    }
}

/// Whatever happened to the head file, it is made again as it was.
#[test]
fn a_rebuilt_head_is_the_head_that_was_kept() {
    for count in [1, 2, 3, 4, 7, 8, 9, 31, 33] {
        let ground = Ground::with(count);
        let head = std::fs::read(ground.file("head")).expect("a head");
        let checkpoint = ground.open().checkpoint().expect("a checkpoint");
        std::fs::remove_file(ground.file("head")).expect("removed");
        assert_eq!(ground.open().checkpoint().expect("a checkpoint"), checkpoint);
        ground.append(1);
        let mut rebuilt = ground.open().checkpoint().expect("a checkpoint");
        assert_eq!(rebuilt.size(), count + 2, "the repair record and the record");
        // An older head is followed by the lines after it.
        let newest = std::fs::read(ground.file("head")).expect("a head");
        std::fs::write(ground.file("head"), head).expect("written");
        rebuilt = ground.open().checkpoint().expect("a checkpoint");
        assert_eq!(rebuilt.size(), count + 2);
        std::fs::write(ground.file("head"), newest).expect("written");
        assert_eq!(ground.open().checkpoint().expect("a checkpoint"), rebuilt);
    }
}

#[derive(Debug, Clone)]
enum Change {
    Drop(usize),
    Swap(usize, usize),
    Copy(usize, usize),
    Move(usize, usize),
    Flip(usize, usize),
    Insert(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let line = 0..12usize;
    prop_oneof![
        line.clone().prop_map(Change::Drop),
        (line.clone(), line.clone()).prop_map(|(left, right)| Change::Swap(left, right)),
        (line.clone(), line.clone()).prop_map(|(from, to)| Change::Copy(from, to)),
        (line.clone(), line.clone()).prop_map(|(from, to)| Change::Move(from, to)),
        (line.clone(), 0..300usize).prop_map(|(line, byte)| Change::Flip(line, byte)),
        line.prop_map(Change::Insert),
    ]
}

fn apply(lines: &mut Vec<Vec<u8>>, change: &Change) {
    let last = lines.len().saturating_sub(1);
    if lines.is_empty() {
        return;
    }
    match *change {
        Change::Drop(at) => drop(lines.remove(at.min(last))),
        Change::Swap(left, right) => lines.swap(left.min(last), right.min(last)),
        Change::Copy(from, to) => lines.insert(to.min(last), lines[from.min(last)].clone()),
        Change::Move(from, to) => {
            let line = lines.remove(from.min(last));
            lines.insert(to.min(last), line);
        }
        Change::Flip(line, byte) => {
            let line = &mut lines[line.min(last)];
            let byte = byte.min(line.len() - 2);
            line[byte] ^= 1;
        }
        Change::Insert(at) => lines.insert(at.min(last), b"{\"seq\":3}\n".to_vec()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any changes to any lines are found, unless together they change nothing; and the report names
    /// no line that is not there.
    #[test]
    fn any_changes_are_found(changes in prop::collection::vec(change(), 1..5), head in any::<bool>()) {
        let ground = Ground::with(12);
        let checkpoint = ground.open().checkpoint().expect("a checkpoint");
        let lines = ground.lines();
        let mut changed = lines.clone();
        changes.iter().for_each(|change| apply(&mut changed, change));
        ground.set_lines(&changed);
        if !head {
            std::fs::remove_file(ground.file("head")).expect("removed");
        }
        let report = audit::verify(&ground.path, Some(&checkpoint)).expect("a report");
        let findings: Vec<_> = report.findings.iter().filter(|finding| **finding != Finding::HeadMissing).collect();
        prop_assert_eq!(findings.is_empty(), changed == lines, "{:?}", findings);
        for finding in &findings {
            let line = finding.line().unwrap_or(1);
            prop_assert!((1..=changed.len() as u64 + 1).contains(&line), "{:?}", finding);
        }
    }

    /// Records come back in the order and the form in which they were given.
    #[test]
    fn what_is_appended_is_read(folders in prop::collection::vec("[a-z /é\u{0}-\u{1f}\"\\\\]{0,20}", 1..20)) {
        let ground = Ground::new();
        let journal = ground.open();
        for (at, folder) in folders.iter().enumerate() {
            prop_assert_eq!(journal.append(&record(folder)).expect("appended").seq, at as u64);
        }
        let entries = audit::read(&ground.path, &audit::Filter::default()).expect("entries");
        let records: Vec<_> = entries
            .map(|entry| match entry.expect("an entry") {
                audit::Entry::Record(logged) => logged.record,
                audit::Entry::Damaged { .. } => None,
            })
            .collect();
        let expected: Vec<_> = folders.iter().map(|folder| Some(record(folder))).collect();
        prop_assert_eq!(records, expected);
        prop_assert!(audit::verify(&ground.path, None).expect("a report").findings.is_empty());
    }

    /// No text makes the redaction fail, lose characters outside of a secret, or give another text when
    /// it is done again.
    #[test]
    fn redaction_is_stable(text in "([a-zA-Z0-9é=:/@\"'\\\\ \n.-]{0,8}(token|password|Bearer |://|sk-|-----BEGIN |eyJ|-p|mysql )?){0,30}") {
        let once = audit::redact(&text);
        prop_assert_eq!(&audit::redact(&once.text).text, &once.text);
        prop_assert_eq!(once.found.is_empty(), once.text == text);
    }
}
