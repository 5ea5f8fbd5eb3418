//! What is read back, of whatever form it is.

use crate::fixture::{Ground, random, record};
use audit::{
    Answer, AnsweredBy, Body, Decision, End, Entry, Filter, Kept, Outcome, Part, Record, Repair, Reply, Settings,
    Started, Trust, TrustChange,
};
use policy::layer::{Origin, Scope};
use policy::mode::Mode;
use policy::proof::{RuleRef, Verdict};
use policy::rule::List;

fn decision(verdict: Verdict, tool: &str) -> Decision {
    Decision {
        verdict,
        reason: "`git push` asks: rule `Bash(git push:*)`".to_owned(),
        rule: Some(RuleRef {
            text: "Bash(git push:*)".to_owned(),
            list: List::Ask,
            origin: Origin { scope: Scope::Project, file: ".claude/settings.json".to_owned(), line: 7 },
        }),
        mode: Mode::AcceptEdits,
        tool: tool.to_owned(),
        cwd: "/work/café".to_owned(),
        input: Kept::Text { text: "git push && ls".to_owned(), found: Vec::new() },
        action_digest: "ab".repeat(32),
        policy_digest: "cd".repeat(32),
        tool_use_id: Some("toolu_01".to_owned()),
        parts: vec![
            Part { text: "git push".to_owned(), verdict },
            Part { text: "ls".to_owned(), verdict: Verdict::Allow },
        ],
    }
}

/// Returns one record of each kind.
fn records() -> Vec<Record> {
    let outcome = |end| {
        Body::Outcome(Outcome {
            of: 0,
            end,
            enforced: vec!["landlock".to_owned()],
            missing: vec!["network".to_owned()],
            refused_count: 3,
            duration_ms: Some(12),
        })
    };
    let bodies = vec![
        Body::Decision(Box::new(decision(Verdict::Ask, "Bash"))),
        Body::Decision(Box::new(Decision {
            rule: None,
            input: Kept::Digest { sha256: "ef".repeat(32), bytes: 9 },
            tool_use_id: None,
            parts: Vec::new(),
            ..decision(Verdict::Allow, "Write")
        })),
        Body::Answer(Answer { to: 0, by: AnsweredBy::Terminal, reply: Reply::Approved }),
        Body::Started(Started { under: 0 }),
        outcome(End::Exited(1)),
        outcome(End::Signalled(9)),
        outcome(End::Succeeded("done".to_owned())),
        outcome(End::Failed("no such file".to_owned())),
        Body::Trust(Trust { change: TrustChange::Withdrawn, folder: "/work".to_owned() }),
        Body::Settings(Settings { policy_digest: "12".repeat(32), previous_digest: None }),
        Body::Repair(Repair::HeadDamaged),
    ];
    let record = |(at, body)| Record {
        time_ms: 1_800_000_000_000 + at as i64 * 1_000,
        session: if at % 2 == 0 { "even" } else { "odd" }.to_owned(),
        source: "hook:claude".to_owned(),
        uid: 1000,
        pid: 7,
        body,
    };
    bodies.into_iter().enumerate().map(record).collect()
}

fn full() -> Ground {
    let ground = Ground::new();
    let journal = ground.open();
    records().iter().for_each(|record| drop(journal.append(record).expect("appended")));
    ground
}

fn numbers(ground: &Ground, filter: &Filter) -> Vec<u64> {
    let entries = audit::read(&ground.path, filter).expect("entries");
    entries
        .filter_map(|entry| match entry.expect("an entry") {
            Entry::Record(logged) => Some(logged.seq),
            Entry::Damaged { .. } => None,
        })
        .collect()
}

#[test]
fn every_kind_comes_back() {
    let ground = full();
    let entries = audit::read(&ground.path, &Filter::default()).expect("entries");
    let read: Vec<_> = entries
        .map(|entry| match entry.expect("an entry") {
            Entry::Record(logged) => logged.record.expect("a known record"),
            Entry::Damaged { text, .. } => panic!("{text}"),
        })
        .collect();
    assert_eq!(read, records());
}

/// The form of a line is a promise to those who read the journal with other tools.
#[test]
fn a_line_looks_like_this() {
    let ground = full();
    let line = String::from_utf8(ground.lines()[0].clone()).expect("text");
    let expected = concat!(
        r#"{"seq":0,"prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""tree":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","schema_version":1,"#,
        r#""time":"2027-01-15T08:00:00.000Z","session":"even","source":"hook:claude","uid":1000,"pid":7,"#,
        r#""kind":"decision","decision":{"verdict":"ask","reason":"`git push` asks: rule `Bash(git push:*)`","#,
        r#""rule":{"text":"Bash(git push:*)","list":"ask","scope":"project","file":".claude/settings.json","line":7},"#,
        r#""mode":"acceptEdits","tool":"Bash","cwd":"/work/café","input":{"text":"git push && ls"},"#,
        r#""action_digest":"abababababababababababababababababababababababababababababababab","#,
        r#""policy_digest":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","#,
        r#""tool_use_id":"toolu_01","parts":[{"verdict":"ask","text":"git push"},{"verdict":"allow","text":"ls"}]}}"#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn filters_take_what_they_say() {
    let ground = full();
    let all = Filter::default();
    let time = |seconds: i64| Some(1_800_000_000_000 + seconds * 1_000);
    for (filter, expected) in [
        (all.clone(), (0..11).collect::<Vec<_>>()),
        (Filter { session: Some("odd".to_owned()), ..all.clone() }, vec![1, 3, 5, 7, 9]),
        (Filter { kind: Some("outcome".to_owned()), ..all.clone() }, vec![4, 5, 6, 7]),
        (Filter { verdict: Some(Verdict::Allow), ..all.clone() }, vec![1]),
        (Filter { tool: Some("Bash".to_owned()), ..all.clone() }, vec![0]),
        (Filter { since_ms: time(3), until_ms: time(5), ..all.clone() }, vec![3, 4]),
        (Filter { from_seq: Some(8), ..all.clone() }, vec![8, 9, 10]),
        (Filter { from_seq: Some(11), ..all.clone() }, vec![]),
        (Filter { newest: Some(2), ..all.clone() }, vec![9, 10]),
        (Filter { newest: Some(0), ..all.clone() }, vec![]),
        (Filter { newest: Some(99), ..all.clone() }, (0..11).collect()),
        (Filter { newest: Some(2), kind: Some("outcome".to_owned()), ..all.clone() }, vec![6, 7]),
        (Filter { newest: Some(1), from_seq: Some(3), ..all }, vec![10]),
    ] {
        assert_eq!(numbers(&ground, &filter), expected, "{filter:?}");
    }
}

#[test]
fn damaged_lines_are_said_to_be() {
    let ground = full();
    let mut lines = ground.lines();
    lines[2] = b"not a record\n".to_vec();
    lines[4] = vec![b'x'; 200_000];
    lines[4].push(b'\n');
    lines.push(b"{\"seq\":11,\"prev\"".to_vec());
    ground.set_lines(&lines);
    let entries =
        audit::read(&ground.path, &Filter { kind: Some("trust".to_owned()), ..Filter::default() }).expect("entries");
    let said: Vec<String> = entries
        .map(|entry| match entry.expect("an entry") {
            Entry::Record(logged) => format!("record {}", logged.seq),
            Entry::Damaged { bytes, text, .. } => format!("{bytes} bytes: {}", &text[..12]),
        })
        .collect();
    assert_eq!(said, ["12 bytes: not a record", "200000 bytes: xxxxxxxxxxxx", "record 8", "16 bytes: {\"seq\":11,\"p"]);
}

/// A journal of a later version is read as far as it can be, and verified wholly.
#[test]
fn later_versions_are_readable() {
    let ground = Ground::with(2);
    let lines = ground.lines();
    let text = String::from_utf8(lines[1].clone()).expect("text");
    for (old, new, is_known) in [
        ("\"kind\":\"trust\"", "\"kind\":\"prophecy\"", false),
        ("\"schema_version\":1", "\"schema_version\":2", false),
        ("\"folder\"", "\"since\":{\"a\":[1]},\"folder\"", true),
        ("\"change\":\"granted\"", "\"change\":\"sold\"", false),
    ] {
        let mut changed = lines.clone();
        changed[1] = text.replace(old, new).into_bytes();
        ground.set_lines(&changed);
        let logged = audit::find(&ground.path, 1).expect("read").expect("an entry");
        assert_eq!(logged.record.is_some(), is_known, "{new}");
        assert_eq!(logged.session.as_deref(), Some("session-1"));
        assert!(logged.text.contains(new) && logged.value.is_object());
    }
}

#[test]
fn one_record_is_found_by_its_number() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..2_000usize {
        let _ = journal.append(&record(&"/x".repeat(1 + number * 7_919 % 400))).expect("appended");
    }
    let found = |seq| audit::find(&ground.path, seq).expect("read").map(|logged| (logged.seq, logged.leaf));
    for seq in (0..2_000).step_by(37).chain([1, 1_998, 1_999]) {
        let line = &ground.lines()[usize::try_from(seq).expect("small")];
        assert_eq!(found(seq).map(|(seq, _)| seq), Some(seq));
        assert!(line.starts_with(format!("{{\"seq\":{seq},").as_bytes()));
    }
    assert_eq!(found(2_000), None);
    assert_eq!(found(u64::MAX), None);
    // Out of order, it takes longer.
    let mut lines = ground.lines();
    lines.reverse();
    ground.set_lines(&lines);
    for seq in [0, 1, 500, 1_000, 1_999] {
        assert_eq!(found(seq).map(|(seq, _)| seq), Some(seq));
    }
}

/// However much text a record has, it fits into a line, and what is left says what it was.
#[test]
fn a_huge_record_is_cut() {
    let ground = Ground::new();
    let journal = ground.open();
    let huge = "line \u{0}é ".repeat(100_000);
    let decision = Decision {
        reason: huge.clone(),
        cwd: huge.clone(),
        input: audit::keep("Bash", &huge),
        parts: vec![Part { text: huge.clone(), verdict: Verdict::Deny }; 500],
        ..decision(Verdict::Deny, &huge)
    };
    let record = Record { session: huge.clone(), body: Body::Decision(Box::new(decision)), ..record("") };
    let _ = journal.append(&record).expect("appended");
    assert!(ground.lines()[0].len() <= 65_536);
    let logged = audit::find(&ground.path, 0).expect("read").expect("an entry");
    let Some(Record { body: Body::Decision(read), .. }) = logged.record else { panic!("a decision") };
    assert!(read.reason.starts_with("line \u{0}é ") && read.reason.ends_with("[cut: 900000 bytes]"));
    assert_eq!(logged.value["decision"]["parts_left_out"], 500 - read.parts.len());
    assert!(audit::verify(&ground.path, None).expect("a report").findings.is_empty());
}

/// A caller that forgot to redact leaves no secret behind.
#[test]
fn no_secret_reaches_the_journal() {
    let ground = Ground::new();
    let token = format!("{}{}", "ghp_", random(36, 1));
    let with = |before: &str| format!("{before} {token}");
    let decision = Decision {
        reason: with("reason"),
        input: Kept::Text { text: with("input"), found: Vec::new() },
        parts: vec![Part { text: with("part"), verdict: Verdict::Ask }],
        ..decision(Verdict::Ask, "Bash")
    };
    let journal = ground.open();
    let _ = journal.append(&Record { body: Body::Decision(Box::new(decision)), ..record("") }).expect("appended");
    let end = End::Failed(with("summary"));
    let outcome = Outcome { of: 0, end, enforced: vec![], missing: vec![], refused_count: 0, duration_ms: None };
    let _ = journal.append(&Record { body: Body::Outcome(outcome), ..record("") }).expect("appended");
    let text = String::from_utf8(ground.journal()).expect("text");
    assert!(!text.contains(&token) && text.matches("[redacted:github-token]").count() == 4, "{text}");
    assert!(text.contains(r#""redacted":["github-token"]"#), "{text}");
}
