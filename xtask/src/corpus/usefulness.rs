//! How much is decided without a question, and what the questions are about.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use super::{HOME, PROJECT};
use crate::End;
use anyhow::Context;
use guard::Place;
use policy::action::Runner;
use policy::effects::{Access, Part, Program, Target};
use policy::{AbsPath, Action, Effects, Kind, Layer, Mode, Policy, Scope, Verdict};

/// A setting under which every command is decided.
struct Profile {
    name: &'static str,
    mode: Mode,
    settings: &'static str,
}

/// The last stands for running inside the boundary: everything passes that no rule stops and that does not ask
/// whatever is allowed. Its rule matches nothing, and is there because marks only count beside a rule.
const PROFILES: &[Profile] = &[
    Profile { name: "default", mode: Mode::Default, settings: "{}" },
    Profile { name: "default, all readable", mode: Mode::Default, settings: ALL_READABLE },
    Profile { name: "acceptEdits", mode: Mode::AcceptEdits, settings: "{}" },
    Profile { name: "acceptEdits, all readable", mode: Mode::AcceptEdits, settings: ALL_READABLE },
    Profile {
        name: "sandboxed",
        mode: Mode::BypassPermissions,
        settings: r#"{"permissions": {"deny": ["mcp__nobody__nothing"]}}"#,
    },
];
const ALL_READABLE: &str = r#"{"permissions": {"allow": ["Read(//**)"]}}"#;
/// The profile whose questions are told by their reason: what it asks about is not where something lies.
const TOLD: &str = "default, all readable";
/// Rows of the table of reasons.
const REASONS_MAX: usize = 60;

/// What came of one corpus.
#[derive(Debug, Default)]
struct Tally {
    lines: usize,
    panics: Vec<String>,
    /// Lines whose syntax is not understood, though bash accepts them.
    unparsed: Vec<String>,
    /// Lines that are understood and marked, with the kinds of their doubts.
    marked: Vec<(String, BTreeSet<String>)>,
    /// Lines that bash rejects, among those with a doubt.
    rejected: usize,
    /// Lines allowed, by profile.
    allowed: Vec<usize>,
    /// Why lines ask: in how many it is one of the reasons, in how many the only one, and one of these.
    reasons: BTreeMap<String, (usize, usize, String)>,
}

/// Decides every command under every profile and prints what came of it.
pub(super) fn run(corpora: &[(&str, Vec<String>)]) -> anyhow::Result<End> {
    let home = AbsPath::parse(HOME).context("the home is no path")?;
    let project = AbsPath::parse(PROJECT).context("the project is no path")?;
    let policies: Vec<Policy> = PROFILES.iter().map(|profile| compiled(profile, &home, &project)).collect();
    let place = Place {
        home,
        project,
        own_unwritable: Vec::new(),
        own_unreadable: Vec::new(),
        kept: None,
        programs: Vec::new(),
        profile: guard::Profile::Open,
        caches: None,
        is_proxied: false,
    };
    let mut tallies = Vec::new();
    for (name, commands) in corpora {
        let mut tally = Tally { allowed: vec![0; PROFILES.len()], ..Tally::default() };
        for text in commands {
            let outcome = catch_unwind(AssertUnwindSafe(|| line(text, &policies, &place)));
            tally.lines += 1;
            match outcome {
                Ok(line) => count(&mut tally, text, line)?,
                Err(_) => tally.panics.push(text.clone()),
            }
        }
        tallies.push((*name, tally));
    }
    Ok(told(&tallies))
}

fn compiled(profile: &Profile, home: &AbsPath, project: &AbsPath) -> Policy {
    let name = profile.name;
    let (layer, _): (Layer, _) = settings::layer_from_json_text(name, profile.settings, project.clone(), Scope::Flag);
    Policy::compile(&[layer], home).0
}

/// What is known of one line.
struct Line {
    /// True when the tree is not the whole of what the text would run.
    partial: bool,
    /// The kinds of the parser's doubts.
    doubts: BTreeSet<String>,
    verdicts: Vec<Verdict>,
    reasons: Vec<String>,
}

fn line(text: &str, policies: &[Policy], place: &Place) -> Line {
    let command = policy::Command::parse(text, Runner::Agent);
    let partial = command.script.is_partial();
    let doubts = command.script.doubts.iter().map(|doubt| format!("{:?}", doubt.kind)).collect();
    let kind = Kind::Command(command);
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: place.project.clone() };
    let mut reasons = Vec::new();
    let mut verdicts = Vec::new();
    for (profile, policy) in PROFILES.iter().zip(policies) {
        let proof = guard::consider(policy, place, &action, Some(profile.mode));
        if profile.name == TOLD && proof.verdict != Verdict::Allow {
            let effects = Effects::of(&action, &place.home);
            reasons.extend(effects.opaque.iter().map(|why| format!("(all) | {why}")));
            let asking = effects.parts.iter().zip(&proof.parts).filter(|(_, part)| part.verdict != Verdict::Allow);
            reasons.extend(asking.map(|(part, _)| format!("{} | {}", program(part), why(part))));
            reasons.sort();
            reasons.dedup();
        }
        verdicts.push(proof.verdict);
    }
    Line { partial, doubts, verdicts, reasons }
}

fn program(part: &Part) -> String {
    match &part.program {
        Program::Named(name) => name.rsplit('/').next().unwrap_or(name).to_owned(),
        Program::None => "(none)".to_owned(),
        Program::Unknown => "(unknown)".to_owned(),
    }
}

/// Returns why a part asks, in few words.
fn why(part: &Part) -> String {
    if let Some(why) = part.forbidden.as_ref().or(part.suspicious.as_ref()) {
        return why.clone();
    }
    if let Some(why) = part.unlisted.first() {
        return why.clone();
    }
    if !part.does.is_empty() {
        return part.does.iter().map(|does| does.words()).collect::<Vec<_>>().join(", ");
    }
    if !part.reaches.is_empty() {
        return "reaches a host".to_owned();
    }
    let changes = part.touches.iter().filter(|touch| !touch.only_reads()).map(|touch| touch.access).max();
    match changes {
        Some(access) if access != Access::Read => return access.verb().to_owned(),
        Some(_) | None => {}
    }
    let unknown = part.touches.iter().any(|touch| matches!(touch.target, Target::Unknown(_)));
    match (part.reads_only, unknown) {
        (true, true) => "reads something that is not known".to_owned(),
        (true, false) => "reads elsewhere".to_owned(),
        (false, _) => "is not proved to only read".to_owned(),
    }
}

fn count(tally: &mut Tally, text: &str, line: Line) -> anyhow::Result<()> {
    for (sum, verdict) in tally.allowed.iter_mut().zip(&line.verdicts) {
        *sum += usize::from(*verdict == Verdict::Allow);
    }
    if !line.doubts.is_empty() {
        match (accepted(text)?, line.partial) {
            (true, true) => tally.unparsed.push(text.to_owned()),
            (true, false) => tally.marked.push((text.to_owned(), line.doubts)),
            (false, _) => tally.rejected += 1,
        }
    }
    let alone = usize::from(line.reasons.len() == 1);
    for reason in line.reasons {
        let entry = tally.reasons.entry(reason).or_default();
        entry.0 += 1;
        entry.1 += alone;
        if entry.2.is_empty() {
            text.clone_into(&mut entry.2);
        }
    }
    Ok(())
}

/// Returns true for a text that bash's own parser takes.
fn accepted(text: &str) -> anyhow::Result<bool> {
    if text.contains('\0') {
        return Ok(false);
    }
    let mut bash = Command::new("bash");
    bash.args(["-n", "-c", text]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(bash.status().context("bash cannot be started")?.success())
}

fn told(tallies: &[(&str, Tally)]) -> End {
    let share = |part: usize, all: usize| part as f64 * 100.0 / all.max(1) as f64;
    println!("\n| allowed without a question, of 100 | lines | {} |", names());
    println!("|---|---|{}", "---|".repeat(PROFILES.len()));
    for (name, tally) in tallies {
        let shares: Vec<String> = tally.allowed.iter().map(|one| format!("{:.1}", share(*one, tally.lines))).collect();
        println!("| {name} | {} | {} |", tally.lines, shares.join(" | "));
    }
    println!(
        "\nOf what bash accepts: syntax that is not understood, and what is understood and marked, by the kind of the mark"
    );
    println!("| corpus | lines | panics | not understood | share | marked | share | not modelled | dialect |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, tally) in tallies {
        let (unparsed, marked, accepted) = (tally.unparsed.len(), tally.marked.len(), tally.lines - tally.rejected);
        let of = |kind: &str| tally.marked.iter().filter(|(_, kinds)| kinds.contains(kind)).count();
        println!(
            "| {name} | {accepted} | {} | {unparsed} | {:.2} % | {marked} | {:.2} % | {} | {} |",
            tally.panics.len(),
            share(unparsed, accepted),
            share(marked, accepted),
            of("Unmodelled"),
            of("Dialect"),
        );
    }
    for (name, tally) in tallies {
        println!("\nWhy {name} asks where everything may be read: lines with this reason, and with it alone");
        let mut rows: Vec<_> = tally.reasons.iter().collect();
        rows.sort_by_key(|(_, (all, alone, _))| std::cmp::Reverse((*alone, *all)));
        println!("| lines | alone | program | reason | such as |\n|---|---|---|---|---|");
        for (reason, (all, alone, example)) in rows.into_iter().take(REASONS_MAX) {
            println!("| {all} | {alone} | {reason} | {} |", short(example));
        }
        tally.unparsed.iter().for_each(|text| println!("UNPARSED: {}", short(text)));
        tally.marked.iter().for_each(|(text, kinds)| println!("MARKED {kinds:?}: {}", short(text)));
        tally.panics.iter().for_each(|text| println!("PANIC: {text}"));
    }
    let panics = tallies.iter().any(|(_, tally)| !tally.panics.is_empty());
    if panics { End::Finding } else { End::Good }
}

fn names() -> String {
    PROFILES.iter().map(|profile| profile.name).collect::<Vec<_>>().join(" | ")
}

fn short(text: &str) -> String {
    text.replace('\n', "\\n").chars().take(110).collect()
}
