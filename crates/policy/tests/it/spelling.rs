//! An equivalent spelling of a command gets the same verdict; one that hides something may be stricter,
//! and none is ever more lenient.
//!
//! The rewrites are tried on a sample written for the project, always, and on the commands of the files
//! that `PALISADE_CORPORA` names, every so many of them.

use std::collections::BTreeMap;

use policy::layer::Scope;
use policy::{Mode, Verdict};
use shell::tree::{Command, Item, Part, Script, Simple, Word};

use crate::world::{World, action};

/// Every so many commands of a corpus; `PALISADE_CORPORA_STEP` asks for others.
const STEP: usize = 97;

const SAMPLE: &[&str] = &[
    "ls -la src",
    "rm -rf build",
    "rm -r -f build/x",
    "cat .env",
    "cat src/a.rs src/b.rs",
    "git push --force origin main",
    "git status",
    "git log --oneline -5",
    "grep -rn key src",
    "grep -i key src/a.rs",
    "cp src/a.rs /tmp/b",
    "mv a b",
    "touch src/new.rs",
    "mkdir -p a/b",
    "sed -i s/a/b/ src/a.rs",
    "find . -name x -delete",
    "head -n 5 src/a.rs",
    "sort -u a",
    "curl -o out https://example.com",
    "npm run build",
    "make test",
    "python3 run.py",
    "chmod 755 src/a.rs",
    "ln -s a b",
    "tee out",
    "wc -l src/a.rs",
    "echo hello",
    "diff a b",
    "tar -xzf a.tar",
    "cd src && cat a.rs",
    "cat a | sort | uniq -c",
    "make; rm -f out",
    "if true; then rm x; fi",
    "for f in a b; do cat src/a.rs; done",
    "(cd sub; ls)",
    "rm --recursive --force build",
    "ls --all",
    "cat .git/config",
    "cp evil .git/hooks/pre-commit",
    "docker ps",
];

/// How a spelling stands to the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The same words reach the program: the same verdict.
    Same,
    /// Shells read it differently, or it means another thing as well: the same verdict or a stricter one.
    Hides,
    /// What is meant is only known when it runs: a deny may become a question, and nothing a permission.
    Unknown,
}

/// A rewrite of one word.
type Rewrite = (&'static str, Kind, fn(&str, bool) -> Option<String>);

/// The rewrites of a plain word; the second argument says that it is the program's name.
const REWRITES: &[Rewrite] = &[
    ("single quotes", Kind::Same, |word, _| Some(format!("'{word}'"))),
    ("double quotes", Kind::Same, |word, _| Some(format!("\"{word}\""))),
    ("backslash first", Kind::Same, |word, _| Some(format!("\\{word}"))),
    ("backslash inside", Kind::Same, |word, _| inside(word, "\\")),
    ("backslash everywhere", Kind::Same, |word, _| Some(word.chars().map(|letter| format!("\\{letter}")).collect())),
    ("ansi quotes", Kind::Hides, |word, _| Some(format!("$'{word}'"))),
    ("ansi hex", Kind::Hides, |word, _| {
        Some(format!("$'{}'", word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>()))
    }),
    ("ansi octal", Kind::Hides, |word, _| {
        Some(format!("$'{}'", word.bytes().map(|byte| format!("\\{byte:03o}")).collect::<String>()))
    }),
    ("translated quotes", Kind::Hides, |word, _| Some(format!("$\"{word}\""))),
    ("empty quotes inside", Kind::Same, |word, _| inside(word, "''")),
    ("empty quotes before", Kind::Same, |word, _| Some(format!("\"\"{word}"))),
    ("empty quotes behind", Kind::Same, |word, _| Some(format!("{word}''"))),
    ("half in quotes", Kind::Same, |word, _| Some(format!("{}'{}'", word.get(..1)?, word.get(1..)?))),
    ("braces", Kind::Same, |word, program| program.then(|| format!("{{{word},}}"))),
    ("line continued inside", Kind::Same, |word, _| inside(word, "\\\n")),
    ("line continued before", Kind::Same, |word, _| Some(format!("\\\n{word}"))),
    ("blanks before", Kind::Same, |word, program| (!program).then(|| format!("  \t{word}"))),
    ("substitution", Kind::Unknown, |word, _| Some(format!("\"$(printf %s {word})\""))),
    ("backticks", Kind::Unknown, |word, _| Some(format!("`printf %s {word}`"))),
    ("default of a variable", Kind::Unknown, |word, _| Some(format!("${{unset_name:-{word}}}"))),
    ("empty variable", Kind::Unknown, |word, _| Some(format!("{word}$unset_name"))),
    ("absolute program", Kind::Hides, |word, program| {
        (program && !word.contains('/')).then(|| format!("/usr/bin/{word}"))
    }),
    ("this directory", Kind::Same, |word, program| relative(word, program).then(|| format!("./{word}"))),
    ("doubled slash", Kind::Same, |word, program| {
        (relative(word, program) && word.contains('/')).then(|| word.replace('/', "//"))
    }),
    ("up and down", Kind::Hides, |word, program| relative(word, program).then(|| format!("x/../{word}"))),
    ("dot inside", Kind::Same, |word, program| {
        (relative(word, program) && word.contains('/')).then(|| word.replace('/', "/./"))
    }),
    ("cluster split", Kind::Same, |word, program| {
        let letters = word.strip_prefix('-').filter(|rest| ["rf", "la", "rn", "fr", "al"].contains(rest));
        letters.filter(|_| !program).map(|rest| format!("-{} -{}", &rest[..1], &rest[1..]))
    }),
    ("option abbreviated", Kind::Hides, |word, program| {
        let long = ["--recursive", "--force", "--all"].contains(&word) && !program;
        long.then(|| word[..word.len() - 2].to_owned())
    }),
];

fn inside(word: &str, what: &str) -> Option<String> {
    let (left, right) = (word.get(..1)?, word.get(1..).filter(|rest| !rest.is_empty())?);
    Some(format!("{left}{what}{right}"))
}

/// A word that is surely a path from here: it lies in a directory of the sample.
fn relative(word: &str, program: bool) -> bool {
    !program && ["src/", "build", ".env", ".git/"].iter().any(|start| word.starts_with(start))
}

/// Finds the simple commands of a script, not those inside of words.
fn simple_commands<'s>(items: &'s [Item], found: &mut Vec<&'s Simple>) {
    items.iter().for_each(|item| simple_commands_of(&item.command, found));
}

fn simple_commands_of<'s>(command: &'s Command, found: &mut Vec<&'s Simple>) {
    match command {
        Command::Simple(simple) => found.push(simple),
        Command::Pipeline(pipeline) => pipeline.stages.iter().for_each(|stage| simple_commands_of(stage, found)),
        Command::Compound(compound) => compound.bodies.iter().for_each(|body| simple_commands(body, found)),
        Command::Function(function) => simple_commands_of(&function.body, found),
    }
}

/// Returns a word's text when it is written plainly.
fn plain<'t>(word: &Word, text: &'t str) -> Option<&'t str> {
    let written = text.get(word.span.start..word.span.end)?;
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "-_./%+:,@".contains(letter);
    let literal = word.parts.iter().all(|part| matches!(part, Part::Literal(_)));
    (literal && !word.quoted && !written.is_empty() && written.chars().all(bare)).then_some(written)
}

/// The policies under which spellings are compared: without rules, with rules that forbid, and with rules
/// made from the command itself.
fn worlds(text: &str, script: &Script) -> Vec<World> {
    let mut commands = Vec::new();
    simple_commands(&script.items, &mut commands);
    let mut programs: Vec<&str> =
        commands.iter().filter_map(|simple| simple.words.first()).filter_map(|word| plain(word, text)).collect();
    programs.sort_unstable();
    programs.dedup();
    let of_programs = |list: &str| programs.iter().map(|name| format!("{list} Bash({name} *)\n")).collect::<String>();
    let forbidding =
        "allow Bash\ndeny Bash(git push *)\ndeny Bash(rm *)\nask Bash(curl *)\ndeny Read(.env)\ndeny Edit(src/**)\n";
    let texts = [String::new(), forbidding.to_owned(), of_programs("allow"), of_programs("deny"), of_programs("ask")];
    let modes = [Mode::Default, Mode::Default, Mode::AcceptEdits, Mode::BypassPermissions, Mode::Default];
    texts
        .iter()
        .zip(modes)
        .map(|(text, mode)| {
            let mut world = World { mode: Some(mode), ..World::default() };
            world.layer(Scope::User, true, text);
            world
        })
        .collect()
}

fn verdict(world: &World, text: &str) -> Verdict {
    // The line form of a call marks line ends and tabs.
    world.decide(&action(&format!("Bash: {text}"))).verdict
}

/// What was tried, and what came out otherwise than the law has it: the rewrite, and cases of it.
#[derive(Debug, Default)]
struct Findings {
    tried: usize,
    lowered: BTreeMap<&'static str, Vec<String>>,
    raised: BTreeMap<&'static str, Vec<String>>,
}

impl Findings {
    fn take(
        &mut self,
        name: &'static str,
        kind: Kind,
        (plain, before): (&str, Verdict),
        (spelt, after): (&str, Verdict),
    ) {
        self.tried += 1;
        let case = || format!("{before:?} {plain:?} becomes {after:?} {spelt:?}");
        let least = if kind == Kind::Unknown { before.min(Verdict::Ask) } else { before };
        if after < least {
            self.lowered.entry(name).or_default().push(case());
        } else if after > before && kind == Kind::Same {
            self.raised.entry(name).or_default().push(case());
        }
    }

    fn of(&mut self, text: &str) {
        let script = shell::parse(text);
        if script.is_partial() {
            return;
        }
        let mut commands = Vec::new();
        simple_commands(&script.items, &mut commands);
        let worlds = worlds(text, &script);
        let before: Vec<Verdict> = worlds.iter().map(|world| verdict(world, text)).collect();
        for simple in commands {
            for (index, word) in simple.words.iter().enumerate() {
                let Some(written) = plain(word, text) else { continue };
                for (name, kind, rewrite) in REWRITES {
                    let Some(spelling) = rewrite(written, index == 0) else { continue };
                    let spelt = format!("{}{spelling}{}", &text[..word.span.start], &text[word.span.end..]);
                    for (world, before) in worlds.iter().zip(&before) {
                        self.take(name, *kind, (text, *before), (&spelt, verdict(world, &spelt)));
                    }
                }
            }
        }
    }

    fn report(&self, of: &str) {
        let count = |found: &BTreeMap<&str, Vec<String>>| found.values().map(Vec::len).sum::<usize>();
        println!("{of}: {} spellings, {} lowered, {} raised", self.tried, count(&self.lowered), count(&self.raised));
        for (how, found) in [("lowered", &self.lowered), ("raised", &self.raised)] {
            for (name, cases) in found {
                println!("{how} by {name}: {}", cases.len());
                cases.iter().take(4).for_each(|case| println!("    {case}"));
            }
        }
    }
}

#[test]
fn a_spelling_of_the_sample_changes_nothing() {
    let mut findings = Findings::default();
    SAMPLE.iter().for_each(|text| findings.of(text));
    findings.report("the sample");
    assert!(findings.tried > 5_000, "{}", findings.tried);
    assert!(findings.lowered.is_empty() && findings.raised.is_empty(), "{findings:#?}");
}

/// On what people and agents wrote no spelling is more lenient.
#[test]
fn a_spelling_of_a_corpus_permits_nothing() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the corpora lie outside the project, and the environment names them"
    )]
    let (directory, step) = (std::env::var_os("PALISADE_CORPORA"), std::env::var("PALISADE_CORPORA_STEP"));
    let Some(directory) = directory else {
        println!("SKIPPED: PALISADE_CORPORA is not set, so only the sample of the project is spelt otherwise");
        return;
    };
    let step = step.ok().and_then(|step| step.parse().ok()).unwrap_or(STEP);
    let mut findings = Findings::default();
    for file in ["nl2bash.json", "intercode.json", "tldr.json"] {
        #[expect(clippy::disallowed_methods, reason = "the corpora lie outside the project")]
        let text = std::fs::read_to_string(std::path::Path::new(&directory).join(file)).unwrap();
        let commands: Vec<String> = serde_json::from_str(&text).unwrap();
        commands.iter().step_by(step).for_each(|command| findings.of(command));
    }
    findings.report("the corpora");
    assert!(findings.lowered.is_empty(), "{:#?}", findings.lowered);
}
