//! The index narrows and never decides: with it and without it the proof is the same.

use std::collections::BTreeMap;

use policy::facts::{Below, Entry, Facts, Person, Resolved};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Action, Effects, Mode, Policy, Proof};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::{HOME, PROJECT, abs, action, cases};

/// Pieces of commands and of their patterns: near enough to one another that many nearly match.
const WORDS: &[&str] = &[
    "git",
    "gi",
    "github",
    "push",
    "pus",
    "npm",
    "rm",
    "-rf",
    "--force",
    "a",
    "a.b",
    "x*",
    "\\*",
    "src",
    "sudo",
    "cat",
    "src/a.rs",
    "/etc/passwd",
    ".env",
    "$X",
    "\"$Y z\"",
    "'q r'",
    "é",
];
const SEGMENTS: &[&str] = &[
    "src",
    "SRC",
    "a.rs",
    "*.rs",
    "*.RS",
    "*",
    "**",
    ".env",
    "s?c",
    "[st]rc",
    "*key*",
    "my-key.PEM",
    "secret",
    "İx",
    "i̇x",
    "Straße",
    "STRASSE",
    "ΣΑΣ",
    "σας",
    "home",
    "u",
    "proj",
    "etc",
    "id_*",
    "\\*",
    ".ssh",
    "link",
];
const ANCHORS: &[&str] =
    &["", "", "./", "../", "../../", "/", "//", "~/", "**/", "//home/u/proj/", "//home/u/", "~/proj/"];
const LABELS: &[&str] = &["example", "com", "EXAMPLE", "docs", "a*", "*", "*s", "org", "rs"];
const TOOLS: &[&str] = &[
    "Bash",
    "Read",
    "Edit",
    "Write",
    "Grep",
    "WebFetch",
    "WebSearch",
    "Agent",
    "Skill",
    "mcp__git",
    "mcp__git__get",
    "mcp__git__*",
    "mcp__github__get_x",
    "mcp__*",
    "*",
    "*__get",
    "mcp__git__g*t",
    "Monitor",
    "PowerShell",
    "Glob",
];

const RUNNERS: &[&str] =
    &["timeout 5 @", "sh -c '@'", "find . -exec @ ;", "sudo @", "xargs @", "env A=1 @", "nice -n 3 timeout 2 @"];

fn joined(
    pieces: &'static [&'static str],
    count: std::ops::Range<usize>,
    between: &'static str,
) -> impl Strategy<Value = String> {
    vec(select(pieces), count).prop_map(move |words| words.join(between))
}

fn path() -> impl Strategy<Value = String> {
    (select(ANCHORS), joined(SEGMENTS, 1..4, "/")).prop_map(|(anchor, rest)| format!("{anchor}{rest}"))
}

fn command_pattern() -> impl Strategy<Value = String> {
    let ends = select(&["", "*", " *", ":*", "*x"][..]);
    // Most begin with a word.
    let starts = select(&["", "", "", "* ", "*"][..]);
    (starts, joined(WORDS, 1..4, " "), ends).prop_map(|(start, words, end)| format!("{start}{words}{end}"))
}

fn rule() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => command_pattern().prop_map(|pattern| format!("Bash({pattern})")),
        6 => (select(&["Read", "Edit"][..]), path()).prop_map(|(tool, path)| format!("{tool}({path})")),
        2 => joined(LABELS, 1..4, ".").prop_map(|host| format!("WebFetch(domain:{host})")),
        2 => select(TOOLS).prop_map(str::to_owned),
        1 => command_pattern().prop_map(|pattern| format!("PowerShell({pattern})")),
        1 => select(&["Agent(Explore)", "Agent(Ex*)", "Agent(Plan, Explore)", "*(model:o*)", "Cd(src/*)", "Cd(~/**)", "mcp__*(x:y)", "Agent(model:opus)", "Agent(model:o*s)", "Agent(model:*)"][..]).prop_map(str::to_owned),
        1 => select(&["Skill(commit)", "Skill(commit *)", "Skill(com *)"][..]).prop_map(str::to_owned),
    ]
}

/// A call as a line, and the text of its tool.
fn call() -> impl Strategy<Value = String> {
    let line = || joined(WORDS, 1..6, " ");
    let files = (select(&["Read", "Edit", "Write", "Grep", "Glob"][..]), path());
    prop_oneof![
        4 => line().prop_map(|line| format!("Bash: {line}")),
        2 => (line(), select(&["&&", "|", ";", ">", "<"][..]), line()).prop_map(|(left, sign, right)| format!("Bash: {left} {sign} {right}")),
        3 => (select(&["cat", "rm -r", "grep -r x", "cp a", "find", "ls", "touch", "tee"][..]), path()).prop_map(|(program, path)| format!("Bash: {program} {path}")),
        // What one program starts for another.
        3 => (select(RUNNERS), line()).prop_map(|(runner, line)| format!("Bash: {}", runner.replace('@', &line))),
        3 => (select(RUNNERS), select(&["cat", "rm -r", "tee"][..]), path())
            .prop_map(|(runner, program, path)| format!("Bash: {}", runner.replace('@', &format!("{program} {path}")))),
        2 => (select(&["cat", "ls -R", "rm -r", "sed -i s/a/b/"][..]), path(), select(&["*", "*/x", "*/../a.rs", "[a-z]*", "*.rs"][..]))
            .prop_map(|(program, path, glob)| format!("Bash: {program} {path}/{glob}")),
        4 => files.prop_map(|(tool, path)| format!("{tool}: {path}")),
        2 => (select(&["https://", "http://", "ftp://", "https://u@"][..]), joined(LABELS, 1..5, ".")).prop_map(|(scheme, host)| format!("WebFetch: {scheme}{host}/x")),
        1 => line().prop_map(|line| format!("PowerShell: {line}")),
        1 => select(&["Agent: Explore model=opus", "Agent: Ex model=os", "Skill: commit", "Skill: commit all", "Skill: committed"][..]).prop_map(str::to_owned),
        1 => select(TOOLS).prop_map(|tool| format!("{tool}: x")),
    ]
}

/// Rules, each with its list and whether a file that only Palisade reads holds it.
type Rules = Vec<(&'static str, String, bool)>;

fn rules() -> impl Strategy<Value = Rules> {
    let one = || (select(&["deny", "ask", "allow"][..]), rule(), any::<bool>());
    // Among many rules the first that matches hides what the others do.
    prop_oneof![3 => vec(one(), 0..4), 1 => vec(one(), 0..40)]
}

fn compiled(rules: &Rules) -> Policy {
    let layers = [false, true].map(|own| {
        let file = if own { "~/.config/palisade/settings.json" } else { "~/.claude/settings.json" };
        let mut layer = Layer { trusted: true, ..Layer::empty(Scope::User, file, abs("/home/u/.claude")) };
        for (line, (list, text, _)) in (1..).zip(rules).filter(|(_, rule)| rule.2 == own) {
            // What cannot be read would refuse everything, and be no test of the index.
            if *list == "allow" || Policy::compile(&[single(list, text)], &abs(HOME)).0.failures().is_empty() {
                let origin = Origin { scope: Scope::User, file: file.to_owned(), line };
                push(&mut layer, list, Sourced { value: text.clone(), origin });
            }
        }
        layer
    });
    Policy::compile(&layers, &abs(HOME)).0
}

fn single(list: &str, text: &str) -> Layer {
    let mut layer = Layer { trusted: true, ..Layer::empty(Scope::User, "one", abs("/home/u/.claude")) };
    let origin = Origin { scope: Scope::User, file: "one".to_owned(), line: 1 };
    push(&mut layer, list, Sourced { value: text.to_owned(), origin });
    layer
}

fn push(layer: &mut Layer, list: &str, rule: Sourced<String>) {
    match list {
        "deny" => layer.deny.push(rule),
        "ask" => layer.ask.push(rule),
        _ => layer.allow.push(rule),
    }
}

/// In this world `link` leads to the home directory's `secret`, and names without a dot are directories.
fn resolve(path: &AbsPath) -> Resolved {
    let link = abs("/home/u/proj/link");
    let (real, hops) = match path.below(&link) {
        Some(rest) => {
            let real = abs("/home/u/secret").join(if rest.is_empty() { "." } else { rest });
            (real.clone(), vec![abs("/home/u/proj/src"), real])
        }
        None => (path.clone(), Vec::new()),
    };
    let entry = if real.name().is_some_and(|name| name.contains('.')) { Entry::File } else { Entry::Directory };
    Resolved { real, entry, hops }
}

/// What is known of the world beside its links.
#[derive(Debug, Clone, Copy)]
struct Known {
    mode: Mode,
    /// True when some paths could not be looked at.
    unseen: bool,
    /// Which files lie below directories, and whether there are no others.
    below: Option<(usize, bool)>,
}

const PLAIN: Known = Known { mode: Mode::Default, unseen: false, below: None };
const FILES: &[&str] = &[
    "/home/u/proj/src/a.rs",
    "/home/u/proj/SRC/my-key.PEM",
    "/home/u/secret/.env",
    "/home/u/proj/src/link/id_x",
    "/etc/home/u",
];

fn found_below(known: Known, effects: &Effects) -> BTreeMap<AbsPath, Below> {
    let Some((bits, complete)) = known.below else { return BTreeMap::new() };
    let there = FILES.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0).map(|(_, file)| abs(file));
    let files: Vec<AbsPath> = there.collect();
    let below = |path: &AbsPath| files.iter().filter(|file| file.is_within(path)).cloned().collect();
    effects.paths().map(|path| (path.clone(), Below { files: below(path), complete })).collect()
}

fn decide(policy: &Policy, action: &Action, effects: &Effects, known: Known) -> Proof {
    let Known { mode, unseen, below: _ } = known;
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter());
    let hidden = |path: &&AbsPath| unseen && path.as_str().len().is_multiple_of(3);
    let seen = effects.paths().chain(mentions).filter(|path| !hidden(path));
    let mut resolved: BTreeMap<AbsPath, Resolved> = seen.map(|path| (path.clone(), resolve(path))).collect();
    let roots = policy.tightening_roots(&abs(PROJECT), &action.cwd);
    resolved.extend(
        roots.into_iter().map(|root| (root.clone(), resolve(&root))).filter(|(root, known)| *root != known.real),
    );
    let facts = Facts {
        home: abs(HOME),
        project: abs(PROJECT),
        working_directories: vec![abs(PROJECT)],
        resolved,
        person: Person::Present,
        mode: Some(mode),
        found_below: found_below(known, effects),
        links_matched: std::collections::BTreeMap::new(),
        removals: Vec::new(),
        boundary: None,
    };
    policy::decide(policy, action, effects, &facts).proof().clone()
}

fn same(rules: &Rules, line: &str, cwd: &str, known: Known) -> Result<Proof, TestCaseError> {
    let policy = compiled(rules);
    let action = Action { cwd: abs(cwd), ..action(line) };
    let effects = Effects::of(&action, &abs(HOME));
    let proof = decide(&policy, &action, &effects, known);
    prop_assert_eq!(&proof, &decide(&policy.without_index(), &action, &effects, known));
    Ok(proof)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    /// Whatever the rules and the call: asking every rule gives the same proof, to the last word.
    #[test]
    fn the_index_changes_nothing(
        rules in rules(),
        line in call(),
        cwd in select(&[PROJECT, "/home/u/proj/src", "/home/u", "/srv"][..]),
        mode in select(&Mode::ALL[..]),
        unseen in prop::bool::weighted(0.1),
        below in weighted(0.5, (0..32usize, any::<bool>())),
    ) {
        same(&rules, &line, cwd, Known { mode, unseen, below })?;
    }

    /// Texts of any letters are found by the rule that is made of them.
    #[test]
    fn any_text_is_found(text in "[^\\p{C}()]{1,12}", before in rules(), tool in select(&["Bash", "Read", "Edit", "PowerShell"][..])) {
        let mut rules = before;
        rules.push(("deny", format!("{tool}({text})"), false));
        same(&rules, &format!("{tool}: {text}"), PROJECT, PLAIN)?;
    }
}

/// A rule that is found by what only just concerns it: each line a deny, and a call that it decides.
#[test]
fn what_may_concern_is_found() {
    let cases = [
        ("Bash(git push --force)", "Bash: git $X"),
        ("Bash(git push *)", "Bash: git $X"),
        ("Bash(* --force)", "Bash: git $X"),
        ("Bash(a\\*b c*)", "Bash: 'a*b' $X"),
        ("Bash(git *)", "Bash: $X push"),
        ("Bash(*f*)", "Bash: git push -f"),
        ("Read(σας)", "Read: ΣΑΣ"),
        ("Read(secret)", "Read: src/SECRET/a"),
        ("Read(*.PEM)", "Read: src/my.pem"),
        ("Read(*secret*)", "Read: a/my-SECRETS/b"),
        ("Read(//home/u/**)", "Bash: cat *.x"),
        ("Read(//home/u/proj/src/deep/x.y)", "Bash: grep -r x src"),
        ("Read(../other/*.x)", "Bash: grep -r x .."),
        ("Read(./src/deep/x.y)", "Bash: grep -r x src"),
        ("Read(./src/deep/x.y)", "Bash: grep -r x ."),
        ("Read(./src/deep/x.y)", "Bash: grep -r x /home"),
        ("Edit(../other/x.y)", "Bash: rm -r ../other"),
        ("Read(~/secret/**)", "Bash: cat link/a.b"),
        ("WebFetch(domain:example.com)", "WebFetch: https://u@example.com/"),
        ("WebFetch(domain:a*.example.com)", "WebFetch: https://ab.example.com/"),
        ("Edit", "Write: a.rs"),
        ("mcp__git", "mcp__git__get: x"),
        ("*__get", "mcp__git__get: x"),
        ("PowerShell(remove-item *)", "PowerShell: ls; Remove-Item x"),
    ];
    for (rule, line) in cases {
        let proof = same(&vec![("deny", rule.to_owned(), false)], line, PROJECT, PLAIN).unwrap();
        assert!(proof.rule.is_some(), "{rule}, {line}: {}", proof.reason);
    }
}
