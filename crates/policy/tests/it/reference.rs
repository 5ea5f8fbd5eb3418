//! A second evaluator beside the compiled one: slow, plain, and written from the documentation of the rules.
//!
//! It takes what the analysis says of a call, and the facts, and finds the verdict by trying every way: its
//! own reading of rules, its own matching of commands, paths and hosts, its own precedence. Random
//! policies and calls are decided by both. Where documentation leaves room (how far a glob or an unknown
//! word reaches) it gives two verdicts, and the compiled one must lie between them.

mod evaluator;
mod executed;
pub(crate) mod generate;
mod host;
mod path;
mod removal;
mod rule;
mod seeds;
mod text;

use policy::layer::Layer;
use policy::{Policy, Verdict};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::world::{HOME, abs, cases};
use evaluator::{Doubt, evaluate};
use generate::Scene;

/// Calls that are decided under each policy.
const CALLS: usize = 40;
/// Policies of an ordinary run.
const POLICIES: u32 = 300;

fn compare(layers: &[Layer], policy: &Policy, scene: &Scene) -> Result<(Verdict, bool), TestCaseError> {
    let Scene { action, effects, facts, .. } = &scene.under(policy);
    let compiled = policy::decide(policy, action, effects, facts).proof().clone();
    let least = evaluate(layers, action, effects, facts, Doubt::Exact);
    let most = evaluate(layers, action, effects, facts, Doubt::Coarse).max(least);
    if least <= compiled.verdict && compiled.verdict <= most {
        return Ok((compiled.verdict, least == most));
    }
    let rules = |layer: &Layer| {
        let lists = [("allow", &layer.allow), ("ask", &layer.ask), ("deny", &layer.deny)];
        let lines =
            lists.iter().flat_map(|(list, rules)| rules.iter().map(move |rule| format!("{list} {}", rule.value)));
        let mode = layer.default_mode.iter().map(|mode| format!("mode {}", mode.value.name()));
        let switches = [("instead", &layer.deny_instead), ("reads", &layer.reads_held), ("writes", &layer.writes_held)];
        let switches =
            switches.iter().flat_map(|(name, switch)| switch.iter().map(move |on| format!("{name} {}", on.value)));
        let servers = layer.servers.iter().map(|servers| format!("servers {:?}", servers.value));
        format!(
            "{} trusted {}: {}",
            layer.scope.name(),
            layer.trusted,
            lines.chain(mode).chain(switches).chain(servers).collect::<Vec<_>>().join(", ")
        )
    };
    let layers: Vec<String> = layers.iter().map(rules).collect();
    Err(TestCaseError::fail(format!(
        "{} {:?} in {} under {:?}: {:?} ({}), and by the reference {least:?} to {most:?}\nmode {:?}, {:?}\n{layers:#?}\n{effects:?}\n{:?}\nbelow {:?}",
        action.tool,
        action.subject(),
        action.cwd,
        compiled.mode,
        compiled.verdict,
        compiled.reason,
        facts.mode,
        facts.person,
        facts.resolved,
        facts.found_below,
    )))
}

/// The compiled evaluator decides as the reference does.
#[test]
fn both_decide_the_same() {
    let cases = cases(POLICIES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let mut tally = Tally::default();
    let counted = std::cell::RefCell::new(&mut tally);
    let result = runner.run(&(generate::layers(), vec(generate::scene(), CALLS)), |(layers, scenes)| {
        let policy = Policy::compile(&layers, &abs(HOME)).0;
        for scene in &scenes {
            let (verdict, certain) = compare(&layers, &policy, scene)?;
            counted.borrow_mut().count(verdict, certain);
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
    tally.is_worth_something();
}

/// What was compared.
#[derive(Debug, Default)]
struct Tally {
    verdicts: [usize; 3],
    certain: usize,
}

impl Tally {
    fn count(&mut self, verdict: Verdict, certain: bool) {
        let place = match verdict {
            Verdict::Allow => 0,
            Verdict::Ask => 1,
            Verdict::Deny => 2,
        };
        self.verdicts[place] += 1;
        self.certain += usize::from(certain);
    }

    /// A comparison in which everything is refused, or everything is left open, would show nothing.
    fn is_worth_something(&self) {
        let all: usize = self.verdicts.iter().sum();
        println!(
            "{all} decisions compared (allow, ask, deny: {:?}), {} with one possible verdict",
            self.verdicts, self.certain
        );
        assert!(self.verdicts.iter().all(|count| count * 10 >= all), "{self:?}");
        assert!(self.certain * 100 >= all * 95, "{self:?}");
    }
}
