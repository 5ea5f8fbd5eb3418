//! The literate cases of `spec/lint/`, and what holds of every finding.
//!
//! A case has `rules` blocks as those of `spec/rules` have, and a `findings` block: a line for each finding
//! with its place, level and id, then an example call with its verdict, and what to do.

use policy::lint::{Check, Finding, Subject, lint};
use policy::{Policy, Verdict};
use proptest::prelude::*;
use proptest::sample::select;
use testkit::Case;

use crate::spec::world;
use crate::world::{HOME, PROJECT, World, abs, action};

fn findings(world: &World) -> Vec<Finding> {
    let (policy, diagnostics) = Policy::compile(&world.layers, &abs(HOME));
    let subject = Subject {
        layers: &world.layers,
        policy: &policy,
        diagnostics: &diagnostics,
        home: &abs(HOME),
        project: &abs(PROJECT),
    };
    lint(&subject)
}

fn render(finding: &Finding) -> String {
    let Finding { check, level, origin, column: _, rule, message, example, fix, others: _ } = finding;
    let rule = rule.as_ref().map(|rule| format!(" {} {}", rule.list.name(), rule.text)).unwrap_or_default();
    let mut text = format!("{}:{}: {} {}{rule}\n  {message}\n", origin.file, origin.line, level.name(), check.id());
    if let Some(example) = example {
        text.push_str(&format!("  {} <- {}: {}\n", example.verdict.name(), example.tool, example.subject));
    }
    if let Some(fix) = fix {
        text.push_str(&format!("  fix: {}\n", fix.hint));
        if let Some(replacement) = &fix.replacement {
            text.push_str(&format!("  put: {replacement}\n"));
        }
    }
    text
}

fn run(case: &Case) -> String {
    let found: Vec<String> = findings(&world(case)).iter().map(render).collect();
    if found.is_empty() { "none".to_owned() } else { found.join("").trim_end().to_owned() }
}

#[test]
fn cases() {
    testkit::check("lint", run);
}

#[test]
fn every_check_has_a_case_and_an_id_of_its_own() {
    let text: String = testkit::cases("lint").iter().map(|case| case.block("findings").to_owned()).collect();
    // No layer of more than a thousand rules is written out.
    let missing: Vec<&str> =
        Check::ALL.iter().map(|check| check.id()).filter(|id| *id != "PL003" && !text.contains(id)).collect();
    assert!(missing.is_empty(), "no case in spec/lint shows {missing:?}");
    let ids: std::collections::BTreeSet<&str> = Check::ALL.iter().map(|check| check.id()).collect();
    assert_eq!(ids.len(), Check::ALL.len());
}

/// Patterns over few words, so that they meet.
fn pattern() -> impl Strategy<Value = String> {
    let word = select(&["a", "b", "-f", "*", "a*", "*b", "-*"][..]);
    (select(&["make", "git", "ma*", "*"][..]), proptest::collection::vec(word, 0..3))
        .prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" "))
}

fn rule() -> impl Strategy<Value = String> {
    let path =
        select(&["src/**", "src/a", "a", "*", "//etc/**", "//etc/*", "/src/**", "~/x", "./a", "**/a", "//**"][..]);
    let host = select(&["*", "a.b", "*.b", "*.a.b", "a*.b", "c.a.b"][..]);
    prop_oneof![
        6 => pattern().prop_map(|text| format!("Bash({text})")),
        3 => (select(&["Read", "Edit"][..]), path).prop_map(|(tool, path)| format!("{tool}({path})")),
        1 => host.prop_map(|host| format!("WebFetch(domain:{host})")),
        1 => select(&["Bash", "Read", "Edit", "WebFetch", "mcp__s", "mcp__s__a", "mcp__s__*", "Agent(a)"][..]).prop_map(str::to_owned),
    ]
}

fn calls() -> impl Strategy<Value = String> {
    let word = select(&["a", "b", "-f", "ab", "-fa", "'a b'", "> a", "; make a"][..]);
    let command =
        (select(&["make", "git", "maker", "nice make", "X=1 make"][..]), proptest::collection::vec(word, 0..4))
            .prop_map(|(first, rest)| format!("Bash: {} {}", first, rest.join(" ")));
    let path =
        select(&["src/a", "a", "src/deep/a", "/etc/x", "/etc/x/y", "/home/u/x", "b/a", "/home/u/proj/src/a"][..]);
    prop_oneof![
        4 => command,
        2 => (select(&["Read", "Edit", "Grep", "Bash: cat", "Bash: touch"][..]), path)
            .prop_map(|(tool, path)| if tool.contains(':') { format!("{tool} {path}") } else { format!("{tool}: {path}") }),
        1 => select(&["WebFetch: https://a.b/", "WebFetch: https://x.b/", "WebFetch: https://c.a.b/", "mcp__s__a:", "mcp__s__b:", "Agent: a"][..]).prop_map(str::to_owned),
    ]
}

proptest! {
    /// A rule that is said never to decide decides nothing, and one that is said to add nothing can go.
    #[test]
    fn what_is_called_superfluous_can_go(
        rules in proptest::collection::vec((select(&["allow", "allow", "ask", "deny"][..]), rule()), 2..6),
        calls in proptest::collection::vec(calls(), 12),
    ) {
        let lines: Vec<String> = rules.iter().map(|(list, rule)| format!("{list} {rule}")).collect();
        let with = |lines: &[String]| {
            let mut world = World::default();
            world.layer(policy::Scope::User, true, &lines.join("\n"));
            world
        };
        let whole = with(&lines);
        for finding in findings(&whole) {
            if !matches!(finding.check, Check::Unreachable | Check::Shadowed) {
                continue;
            }
            let index = finding.origin.line as usize - 1;
            // The line stays, so that the others keep their numbers.
            let mut fewer = lines.clone();
            fewer[index] = String::new();
            let without = with(&fewer);
            for call in &calls {
                let (before, after) = (whole.decide(&action(call)), without.decide(&action(call)));
                prop_assert_eq!(before.verdict, after.verdict, "{:?} without {} on {}", finding.check, &lines[index], call);
                let decided = before.rule.is_some_and(|rule| rule.origin.line == finding.origin.line);
                prop_assert!(finding.check != Check::Unreachable || !decided, "{} decides {}", &lines[index], call);
            }
        }
    }

    /// An example is decided as the finding says: by the same policy, in a world of plain files.
    #[test]
    fn examples_are_decided_as_they_are_told(
        rules in proptest::collection::vec((select(&["allow", "ask", "deny"][..]), rule()), 1..5),
    ) {
        let lines: Vec<String> = rules.iter().map(|(list, rule)| format!("{list} {rule}")).collect();
        let mut world = World::default();
        world.layer(policy::Scope::User, true, &lines.join("\n"));
        for finding in findings(&world) {
            if let Some(example) = finding.example {
                let call = format!("{}: {}", example.tool, example.subject);
                prop_assert_eq!(world.decide(&action(&call)).verdict, example.verdict, "{}", call);
                let opens = matches!(finding.check, Check::Everything | Check::RunsAnything | Check::OtherTool);
                prop_assert!(!opens || example.verdict == Verdict::Allow, "{:?} {}", finding.check, call);
            }
        }
    }
}
