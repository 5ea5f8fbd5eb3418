//! The cases of `spec/audit`.
//!
//! `steps` are done to an empty journal, one a line; the last block is the report of `verify`. `input`
//! is a text; the last block is what is left of it. `{alnum:40}` in an input stands for 40 letters and
//! digits that look random.

use crate::fixture::{Ground, random, record, report};
use audit::{Checkpoint, Kept};
use testkit::Case;

#[test]
fn cases_hold() {
    testkit::check("audit", |case| match (case.find("steps"), case.find("input")) {
        (Some(steps), _) => after(steps),
        (None, Some(input)) => redacted(case, input),
        (None, None) => panic!("{}:{}: neither `steps` nor `input`", case.file.display(), case.line),
    })
}

fn redacted(case: &Case, input: &str) -> String {
    let (input, random) = expand(input);
    let text = match case.find("tool") {
        None => {
            let once = audit::redact(&input);
            assert_eq!(audit::redact(&once.text).text, once.text, "redacting again changes nothing");
            once.text
        }
        Some(tool) => match audit::keep(tool, &input) {
            Kept::Text { text, .. } => text,
            Kept::Digest { sha256, bytes } => format!("digest {sha256} of {bytes} bytes"),
        },
    };
    // What was not taken out is shown as it was written in the case.
    random.iter().fold(text, |text, (written, random)| text.replace(random, written))
}

/// Puts letters for every `{alnum:n}`, and returns which.
fn expand(input: &str) -> (String, Vec<(String, String)>) {
    let (mut out, mut expanded, mut rest) = (String::new(), Vec::new(), input);
    while let Some((before, after)) = rest.split_once("{alnum:") {
        let (count, after) = after.split_once('}').expect("a closing brace");
        out.push_str(before);
        let letters = random(count.parse().expect("a count"), out.len() as u64 + 7);
        out.push_str(&letters);
        expanded.push((format!("{{alnum:{count}}}"), letters));
        rest = after;
    }
    (out + rest, expanded)
}

/// A journal, and what is kept elsewhere.
struct State {
    ground: Ground,
    head: Option<Vec<u8>>,
    checkpoint: Option<Checkpoint>,
    said: String,
}

fn after(steps: &str) -> String {
    let mut state = State { ground: Ground::new(), head: None, checkpoint: None, said: String::new() };
    for step in steps.lines().filter(|line| !line.is_empty()) {
        state.step(&step.split(' ').collect::<Vec<_>>());
    }
    let report = report(&state.ground.path, state.checkpoint.as_ref());
    format!("{}{}", state.said, without_hashes(&report))
}

/// Names what depends on every byte of a record: roots, and the names of journals.
fn without_hashes(report: &str) -> String {
    let word = |word: &str| match word.trim_end_matches(',') {
        root if root.len() == 44 && root.ends_with('=') => word.replace(root, "<root>"),
        name if name.starts_with("palisade/") => word.replace(name, "palisade/<name>"),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    report.lines().map(line).collect::<Vec<_>>().join("\n")
}

impl State {
    fn step(&mut self, step: &[&str]) {
        let ground = &self.ground;
        let number = |at: usize| -> usize { step[at].parse().unwrap_or_else(|_| panic!("a number in {step:?}")) };
        let mut lines = if ground.file("journal.jsonl").exists() { ground.lines() } else { Vec::new() };
        match step[0] {
            "append" => return self.append(number(1)),
            "edit" => {
                let line = String::from_utf8(lines[number(1) - 1].clone()).expect("text");
                assert!(line.contains(step[2]), "line {} has no {}: {line}", step[1], step[2]);
                lines[number(1) - 1] = line.replacen(step[2], step[3], 1).into_bytes();
            }
            "drop" => {
                let last = if step.len() > 2 { number(2) } else { number(1) };
                lines.drain(number(1) - 1..last);
            }
            "swap" => lines.swap(number(1) - 1, number(2) - 1),
            "move" => {
                let line = lines.remove(number(1) - 1);
                lines.insert(number(2) - 1, line);
            }
            "copy" => lines.insert(number(2) - 1, lines[number(1) - 1].clone()),
            "insert" => lines.insert(number(1) - 1, format!("{}\n", step[2..].join(" ")).into_bytes()),
            "cut" => lines.truncate(lines.len() - number(1)),
            "tear" => {
                let bytes = ground.journal();
                return ground.set_journal(&bytes[..bytes.len() - number(1)]);
            }
            "write" => lines.push(step[1..].join(" ").into_bytes()),
            "keep" if step[1] == "head" => self.head = std::fs::read(ground.file("head")).ok(),
            "keep" => self.checkpoint = Some(ground.open().checkpoint().expect("a checkpoint")),
            "bring" => {
                std::fs::write(ground.file("head"), self.head.as_deref().expect("a kept head")).expect("written")
            }
            "lose" => std::fs::remove_file(ground.file("head")).expect("removed"),
            "garble" => std::fs::write(ground.file("head"), "palisade head 1\nsize x\n").expect("written"),
            "begin" => {
                std::fs::remove_dir_all(&ground.path).expect("removed");
                let _ = ground.open().append(&record(step[1])).expect("appended");
                return;
            }
            "torn" => {
                let bytes = std::fs::read(ground.file(step[1])).expect("a torn file");
                self.said.push_str(&format!("{}: {} bytes\n", step[1], bytes.len()));
            }
            other => panic!("no step `{other}`"),
        }
        if !lines.is_empty() || ground.file("journal.jsonl").exists() {
            ground.set_lines(&lines);
        }
    }

    fn append(&mut self, count: usize) {
        for _ in 0..count {
            let folder = format!("/work/{}", self.ground.lines_or_none());
            match self.ground.open().append(&record(&folder)) {
                Ok(receipt) => assert_eq!(receipt.leaf.len(), 64),
                Err(error) => {
                    let error = error.to_string().replace(&*self.ground.path.to_string_lossy(), "");
                    self.said.push_str(&format!("append refused: {error}\n"));
                }
            }
        }
    }
}
