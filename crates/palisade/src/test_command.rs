//! `palisade test`: a team's own cases for its policy.

mod file;
mod mutants;
mod report;
mod spellings;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use policy::{Policy, Proof, Verdict};

use crate::cli::TestOptions;
use crate::exit::Exit;
use crate::say;
use crate::setup::Setup;
use file::{Case, Cases};
use mutants::How;
use spellings::Spelling;

/// Bytes of one file of cases.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Where cases are looked for when no file is named, from the project.
const DIRECTORY: &str = ".palisade/tests";
const SINGLE: &str = ".palisade/policy-test.md";

/// A case and what was decided.
#[derive(Debug)]
struct Decided<'a> {
    case: &'a Case,
    proof: Proof,
    holds: bool,
}

/// Another spelling of a case, and what was decided about it.
#[derive(Debug)]
struct Respelled<'a> {
    case: &'a Case,
    spelling: Spelling,
    proof: Proof,
}

/// A change of the policy that no case notices.
#[derive(Debug)]
struct Missed {
    rule: policy::proof::RuleRef,
    how: How,
    /// A line of a case that would notice it, where one was found.
    case: Option<String>,
}

/// What running the cases gave.
#[derive(Debug, Default)]
struct Results<'a> {
    cases: Vec<Decided<'a>>,
    spellings: usize,
    /// Spellings that get further than the case may.
    weaker: Vec<Respelled<'a>>,
    /// Spellings of allowed calls that are not allowed.
    stricter: Vec<Respelled<'a>>,
    /// How many mutants there were, where they were asked for.
    mutants: Option<usize>,
    missed: Vec<Missed>,
}

/// Runs the cases.
pub(crate) fn test(options: &TestOptions) -> anyhow::Result<Exit> {
    let setup = Setup::at(&options.settings, &options.place)?;
    let cases = read(options, &setup)?;
    if !cases.mistakes.is_empty() {
        report::mistakes(&cases.mistakes);
        return Ok(Exit::Settings);
    }
    let in_force = cases.cases.iter().any(|case| case.settings.is_none());
    let told = setup.diagnostics.iter().filter(|_| in_force).chain(&cases.warnings);
    told.for_each(say::diagnostic);
    if in_force && !setup.policy.failures().is_empty() {
        return Ok(Exit::Settings);
    }
    let run = Run { setup: &setup, cases: &cases, options };
    let results = run.all();
    if options.json {
        say::data(&report::as_json(&results).to_string());
    } else {
        report::print(&results, &setup);
    }
    let good = results.cases.iter().all(|decided| decided.holds);
    Ok(if good && results.weaker.is_empty() && results.missed.is_empty() { Exit::Yes } else { Exit::Finding })
}

fn read(options: &TestOptions, setup: &Setup) -> anyhow::Result<Cases> {
    let mut cases = Cases::default();
    for (name, path) in files(options, setup)? {
        let text = text(&path).with_context(|| format!("`{name}` cannot be read"))?;
        file::read(&mut cases, &name, &text, &setup.place);
    }
    Ok(cases)
}

/// Returns the files of cases: what they are called, and where they are.
fn files(options: &TestOptions, setup: &Setup) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let project = Path::new(setup.place.project.as_str());
    if !options.files.is_empty() {
        // Named files are named from where the command is given, whatever `--cwd` says of the calls.
        return Ok(options.files.iter().map(|name| (name.clone(), PathBuf::from(name))).collect());
    }
    let mut found = Vec::new();
    let directory = project.join(DIRECTORY);
    if directory.is_dir() {
        for entry in std::fs::read_dir(&directory).with_context(|| format!("`{DIRECTORY}` cannot be read"))? {
            let path = entry?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".md")) {
                found.push((format!("{DIRECTORY}/{name}"), path.clone()));
            }
        }
        found.sort();
    }
    if project.join(SINGLE).exists() {
        found.push((SINGLE.to_owned(), project.join(SINGLE)));
    }
    if found.is_empty() {
        bail!("there are no cases: write `{DIRECTORY}/NAME.md` or `{SINGLE}`, or name a file");
    }
    Ok(found)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cases are data that a person names; nothing here is on a path of a decision"
)]
fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        bail!("it is longer than {FILE_BYTES_MAX} bytes");
    }
    Ok(text)
}

/// The cases and the policies that they are about.
struct Run<'a> {
    setup: &'a Setup,
    cases: &'a Cases,
    options: &'a TestOptions,
}

impl<'a> Run<'a> {
    fn all(&self) -> Results<'a> {
        let mut results = Results::default();
        for case in &self.cases.cases {
            let policy = self.policy(case);
            let proof = self.decide(policy, case, &case.subject);
            let holds = holds(case, &proof);
            if holds && !self.options.no_spellings && case.tool == "Bash" {
                self.respell(case, policy, &mut results);
            }
            results.cases.push(Decided { case, proof, holds });
        }
        if self.options.mutants {
            self.mutate(&mut results);
        }
        results
    }

    fn policy(&self, case: &Case) -> &Policy {
        case.settings.and_then(|number| self.cases.policies.get(number)).unwrap_or(&self.setup.policy)
    }

    fn decide(&self, policy: &Policy, case: &Case, subject: &str) -> Proof {
        let project = &self.setup.place.project;
        let cwd = case.cwd.as_ref().map_or_else(|| project.clone(), |cwd| project.join(cwd));
        let whole = serde_json::from_str::<hooks::Input>(subject).ok().filter(|_| subject.starts_with('{'));
        let input = whole.unwrap_or_else(|| crate::explain::input(&case.tool, subject));
        let action = hooks::tool::action(&case.tool, &input, &cwd);
        guard::consider(policy, &self.setup.place, &action, case.mode.or(self.options.settings.mode))
    }

    fn respell(&self, case: &'a Case, policy: &Policy, results: &mut Results<'a>) {
        for spelling in spellings::of(&case.subject) {
            results.spellings += 1;
            let proof = self.decide(policy, case, &spelling.text);
            let list = match case.expected {
                Verdict::Allow if proof.verdict > Verdict::Allow => &mut results.stricter,
                Verdict::Ask | Verdict::Deny if proof.verdict < case.expected => &mut results.weaker,
                Verdict::Allow | Verdict::Ask | Verdict::Deny => continue,
            };
            list.push(Respelled { case, spelling, proof });
        }
    }

    /// Changes each policy that a case is about, one rule at a time.
    fn mutate(&self, results: &mut Results<'a>) {
        let in_force = self.setup.loaded.layers.as_slice();
        let own =
            self.cases.layers.iter().enumerate().map(|(number, layer)| (Some(number), std::slice::from_ref(layer)));
        let mut tried = 0;
        let mut missed: Vec<Missed> = Vec::new();
        for (settings, layers) in own.chain([(None, in_force)]) {
            let about = |decided: &&Decided<'a>| decided.holds && decided.case.settings == settings;
            let cases: Vec<&Case> = results.cases.iter().filter(about).map(|decided| decided.case).collect();
            let Some(first) = cases.first() else { continue };
            let rules = self.policy(first).rules().iter();
            for mutant in rules.flat_map(|rule| mutants::of(rule.reference(), layers)) {
                tried += 1;
                // What nobody misses whole, nobody misses in part.
                let is_part = matches!(mutant.how, How::Narrowed(_));
                if !(is_part && missed.last().is_some_and(|last| last.rule == mutant.rule)) {
                    missed.extend(self.missed(mutant, &cases));
                }
            }
        }
        results.mutants = Some(tried);
        results.missed = missed;
    }

    /// Returns a mutant that none of the cases notices.
    fn missed(&self, mutant: mutants::Mutant, cases: &[&Case]) -> Option<Missed> {
        let (policy, _) = Policy::compile(&mutant.layers, &self.setup.place.home);
        if cases.iter().any(|case| !holds(case, &self.decide(&policy, case, &case.subject))) {
            return None;
        }
        let case = self.noticing(cases.first()?, &mutant, &policy);
        Some(Missed { rule: mutant.rule, how: mutant.how, case })
    }
}

impl Run<'_> {
    /// Returns a line of a case that holds with the policy and not with its mutant.
    fn noticing(&self, like: &Case, mutant: &mutants::Mutant, changed: &Policy) -> Option<String> {
        let line = mutants::noticing(&mutant.rule, &mutant.how);
        let case = file::case_like(like, &line)?;
        let holds_with = |policy: &Policy| holds(&case, &self.decide(policy, &case, &case.subject));
        (holds_with(self.policy(like)) && !holds_with(changed)).then_some(line)
    }
}

/// Returns true when the verdict is the expected one, and the rule that decided where one is named.
fn holds(case: &Case, proof: &Proof) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let decided = proof.rule.as_ref().map(|rule| format!("{} {}", rule.list.name(), rule.text));
    let by = |rule: &String| decided.as_ref().is_some_and(|decided| words(decided) == words(rule));
    proof.verdict == case.expected && case.rule.as_ref().is_none_or(by)
}
