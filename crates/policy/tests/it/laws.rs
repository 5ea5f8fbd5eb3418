//! The laws: they hold for every policy and call, so they are tested on generated ones.

use policy::layer::Scope;
use policy::{Mode, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::{World, action, cases};

const RULES: &[&str] = &[
    "Bash",
    "Bash(ls *)",
    "Bash(git *)",
    "Bash(git push *)",
    "Bash(rm *)",
    "Bash(* --force)",
    "Read",
    "Read(.env)",
    "Read(src/**)",
    "Read(//etc/**)",
    "Edit",
    "Edit(src/**)",
    "Edit(.git/**)",
    "WebFetch(domain:*.example.com)",
    "mcp__github__get_x",
    "Agent(Explore)",
    "WebSearch",
    "Bash(curl * | bash *)",
    "Bash(cat:*/.env)",
    "Monitor(ls *)",
    "PowerShell",
    "PowerShell(gci *)",
    "PowerShell(Remove-Item *)",
    "Skill(deploy)",
    "mcp:github:get_x",
    "Bash(run_in_background:true)",
];

/// Limits and lists of servers, as a layer may write them.
const LIMITS: &[&str] = &[
    "deny-instead true",
    "deny-instead false",
    "hold-reads true",
    "hold-reads false",
    "hold-writes true",
    "hold-writes false",
    "servers * except github",
    "servers github",
    "no-bypass true",
];

fn switched_on() -> Vec<&'static str> {
    LIMITS.iter().copied().filter(|limit| !limit.ends_with("false")).collect()
}

const CALLS: &[&str] = &[
    "Bash: ls -la",
    "Bash: git push --force",
    "Bash: git push $X",
    "Bash: rm -rf build",
    "Bash: rm -rf /",
    "Bash: cat .env",
    "Bash: echo $(rm x)",
    "Bash: $X y",
    "Bash: make > out",
    "Bash: echo 'open",
    "Read: src/a.rs",
    "Read: .env",
    "Read: /etc/passwd",
    "Edit: src/a.rs",
    "Edit: .git/config",
    "WebFetch: https://a.example.com/",
    "mcp__github__get_x:",
    "Agent: Explore",
    "WebSearch: x",
    "TodoWrite:",
    "Bash: curl x | bash",
    "Bash: ls ⟨run_in_background=true⟩",
    "Monitor: ls",
    "PowerShell: gci src",
    "PowerShell: gci; ri x -r",
    "PowerShell: gc .env",
    "PowerShell: & $x .env",
    "PowerShell: if (1) { rm a }",
    "Skill: deploy prod",
    "EndConversation:",
];

fn rules() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    proptest::collection::vec((select(&["allow", "ask", "deny"][..]), select(RULES)), 0..6)
}

fn modes() -> impl Strategy<Value = Mode> {
    select(&Mode::ALL[..])
}

fn world(rules: &[(&str, &str)], mode: Mode) -> World {
    let text: Vec<String> = rules.iter().map(|(list, rule)| format!("{list} {rule}")).collect();
    let mut world = World { mode: Some(mode), ..World::default() };
    world.layer(Scope::User, true, &text.join("\n"));
    world
}

fn verdict(world: &World, call: &str) -> Verdict {
    world.decide(&action(call)).verdict
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    /// Adding a deny never lowers a verdict, and neither does adding an ask.
    #[test]
    fn tightening_never_loosens(rules in rules(), mode in modes(), call in select(CALLS), list in select(&["ask", "deny"][..]), rule in select(RULES)) {
        let before = verdict(&world(&rules, mode), call);
        let mut more = rules.clone();
        more.push((list, rule));
        let after = verdict(&world(&more, mode), call);
        prop_assert!(after >= before, "{before:?} became {after:?} by {list} {rule}");
    }

    /// A limit that is switched on never lowers a verdict, and neither does a list of servers.
    #[test]
    fn a_limit_never_loosens(rules in rules(), mode in modes(), call in select(CALLS), limit in select(switched_on())) {
        let before = verdict(&world(&rules, mode), call);
        let mut world = world(&rules, mode);
        world.layer(Scope::Project, true, limit);
        prop_assert!(verdict(&world, call) >= before);
    }

    /// An equivalent spelling of a PowerShell command is denied as well.
    #[test]
    fn spelling_does_not_matter_in_powershell(name in select(&["Remove-Item", "remove-item", "RI", "del", "'Remove-Item'", "Remove`-Item", "Microsoft.PowerShell.Management\\Remove-Item", "\"erase\""][..]), before in select(&["", "gci; ", "gci | ", "$x = ", "npm test && ", "if (1) { ", "echo \"$(", "& { ", "gci | % { ", "try { gci } catch { ", "foo ("][..]), argument in select(&["a", "'a b'", "$x", "-Path a", "-r a"][..])) {
        let quoted = if name.starts_with(['\'', '"']) { format!("& {name}") } else { name.to_owned() };
        let after: String = before.chars().rev().filter_map(|letter| match letter { '{' => Some(" }"), '(' => Some(")"), _ => None }).collect();
        let quote = if before.contains('"') { "\"" } else { "" };
        // The condition of `if` closes by itself.
        let after = if before.starts_with("if") || before.starts_with("try") { " }".to_owned() } else { after };
        let call = format!("PowerShell: {before}{quoted} {argument}{after}{quote}");
        let world = world(&[("deny", "PowerShell(Remove-Item *)"), ("allow", "PowerShell")], Mode::BypassPermissions);
        prop_assert_eq!(verdict(&world, &call), Verdict::Deny, "{}", call);
    }

    /// No PowerShell text makes the analysis fail, and none that holds a denied name passes.
    #[test]
    fn a_denied_name_never_passes(before in "[a-z' \"`$(){}@;|&#<>,.%-]{0,12}", after in "\\PC{0,20}") {
        let world = world(&[("deny", "PowerShell(Remove-Item *)"), ("allow", "PowerShell(*)")], Mode::Default);
        let call = format!("PowerShell: {before}; Remove-Item x; {after}");
        let is_text = before.contains(['\'', '"', '#', '`', '<', '@']);
        prop_assert!(is_text || verdict(&world, &call) > Verdict::Allow, "{}", call);
    }

    /// Taking an allow away never lowers a verdict.
    #[test]
    fn an_allow_less_never_loosens(rules in rules(), mode in modes(), call in select(CALLS)) {
        let with = verdict(&world(&rules, mode), call);
        let without: Vec<_> = rules.iter().copied().filter(|(list, _)| *list != "allow").collect();
        prop_assert!(verdict(&world(&without, mode), call) >= with);
    }

    /// The order of rules in a file does not matter.
    #[test]
    fn order_does_not_matter(rules in rules(), mode in modes(), call in select(CALLS)) {
        let mut reversed = rules.clone();
        reversed.reverse();
        prop_assert_eq!(verdict(&world(&rules, mode), call), verdict(&world(&reversed, mode), call));
    }

    /// A layer that is not trusted never lowers a verdict, whatever it says.
    #[test]
    fn an_untrusted_layer_never_loosens(own in rules(), theirs in rules(), limit in select(LIMITS), mode in select(&["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"][..]), call in select(CALLS)) {
        let mut base = World::default();
        base.layer(Scope::User, true, &own.iter().map(|(list, rule)| format!("{list} {rule}")).collect::<Vec<_>>().join("\n"));
        let before = verdict(&base, call);
        let mut text: Vec<String> = theirs.iter().map(|(list, rule)| format!("{list} {rule}")).collect();
        text.push(format!("mode {mode}"));
        text.push(limit.to_owned());
        base.layer(Scope::Project, false, &text.join("\n"));
        prop_assert!(verdict(&base, call) >= before);
    }

    /// A line is as strict as its strictest command.
    #[test]
    fn verdicts_join(rules in rules(), mode in modes(), left in select(&["ls -la", "rm -rf build", "git push --force", "make"][..]), right in select(&["ls", "cat .env", "rm x", "touch a"][..]), between in select(&[" && ", "; ", " | ", " || ", "\n"][..])) {
        let world = world(&rules, mode);
        let whole = verdict(&world, &format!("Bash: {left}{between}{right}"));
        let strictest = verdict(&world, &format!("Bash: {left}")).max(verdict(&world, &format!("Bash: {right}")));
        prop_assert!(whole >= strictest, "{whole:?} < {strictest:?}");
    }

    /// An equivalent spelling of a word changes no deny.
    #[test]
    fn spelling_does_not_matter(rules in rules(), word in select(&["rm", "git", "ls"][..]), spelling in 0..5usize) {
        let world = world(&rules, Mode::Default);
        let spelt = match spelling {
            0 => format!("'{word}'"),
            1 => format!("\"{word}\""),
            2 => format!("\\{word}"),
            3 => format!("$'{word}'"),
            _ => format!("{}''{}", &word[..1], &word[1..]),
        };
        let plain = verdict(&world, &format!("Bash: {word} push x"));
        let other = verdict(&world, &format!("Bash: {spelt} push x"));
        prop_assert_eq!(plain == Verdict::Deny, other == Verdict::Deny);
        prop_assert!(other >= plain || other == Verdict::Ask);
    }

    /// No text makes the analysis fail.
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = verdict(&world(&[("deny", "Bash(rm *)")], Mode::Default), &format!("Bash: {text}"));
    }
}

/// What the way forward of a question names, when it names rules, turns the verdict.
#[test]
fn the_way_forward_leads_there() {
    let calls = [
        "Bash: make",
        "Bash: npm i && make",
        "Bash: sh -c 'make a; make b'",
        "Bash: cat a > /tmp/x; make",
        "Bash: make > out.log 2>&1",
        "Bash: ls /opt/*",
        "Bash: cat /etc/hosts",
        "Bash: git push 'a b'",
        "Bash: touch x | tee y",
        "Bash: FOO=1 make",
        "Bash: timeout 5 make",
        "Bash: sudo make install",
        "Read: /opt/[a]b*",
        "Read: ../x",
        "Edit: src/a.rs",
        "Edit: /etc/hosts",
        "WebFetch: https://example.com/x",
        "WebSearch: x",
        "Skill: commit",
        "Monitor: make watch",
        "Bash: unlisted-program *.o",
        "PowerShell: npm run build",
        "PowerShell: GCI src",
        "PowerShell: npm run 'a b' *.x",
        "mcp__a__b:",
    ];
    for call in calls {
        let mut world = World::default();
        let proof = world.decide(&action(call));
        assert_eq!(proof.verdict, Verdict::Ask, "{call}");
        let Some(hint) = proof.hint.filter(|hint| hint.starts_with("to allow it, add ")) else { continue };
        let named = hint.strip_suffix(" to `permissions.allow`").unwrap().strip_prefix("to allow it, add `").unwrap();
        let rules: Vec<String> =
            named.strip_suffix('`').unwrap().split("` and `").map(|rule| format!("allow {rule}")).collect();
        world.layer(Scope::User, true, &rules.join("\n"));
        assert_eq!(world.decide(&action(call)).verdict, Verdict::Allow, "{call}: {hint}");
    }
}
