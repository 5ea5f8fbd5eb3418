//! What is wrong with rules, before a call shows it.
//!
//! Pure: layers and the policy compiled from them go in, findings come out. Two instruments answer every
//! question, so that nothing is claimed that the verdict would not bear out:
//!
//! - inclusion of patterns, decided exactly ([`language`], [`cover`]);
//! - example calls, decided by [`crate::decide`] itself ([`world`]).
//!
//! Tables say only which examples are tried (`tables`); whether one passes is decided.

mod boundary;
mod breadth;
mod cover;
mod effect;
mod holes;
pub(crate) mod language;
mod order;
mod tables;
mod traps;
mod world;

use crate::layer::{Diagnostic, Layer, Origin};
use crate::path::AbsPath;
use crate::proof::{RuleRef, Verdict};
use crate::rule::{Policy, Rule};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing; nothing need be wrong.
    Note,
    /// A rule does less, or more, than it seems to.
    Warning,
    /// The settings cannot be relied on.
    Error,
}

impl Level {
    /// Returns the level's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal, $short:literal;)+) => {
        /// What is looked for. The ids are promises.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Check {
            /// Every check, in order of id.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the id, which never changes its meaning.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// Returns a name for a person.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $short,)+ }
            }

            /// Returns what is looked for, in sentences.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc, "\n",)+).trim_ascii(),)+ }
            }
        }
    };
}

checks! {
    /// A file or an entry cannot be read, and every call is refused until it is mended.
    Settings = "PL001", "settings cannot be read";
    /// An entry has no effect, or another than its author may think.
    Entry = "PL002", "entry without its effect";
    /// There are more rules than are compared with one another.
    NotCompared = "PL003", "too many rules to compare";
    /// A rule holds a secret, which everyone knows who may read the settings.
    Secret = "PL004", "secret in a rule";
    /// Rules of a stricter list cover everything that the rule covers: it never decides.
    Unreachable = "PL101", "unreachable rule";
    /// Another rule of the same list covers everything that the rule covers: it can go.
    Shadowed = "PL102", "shadowed rule";
    /// The same text stands in two lists.
    Contradictory = "PL103", "same rule in two lists";
    /// The rule does not cover the very call that it spells out.
    NeverMatches = "PL104", "rule that matches nothing";
    /// The rule is written and does not count.
    NotInForce = "PL105", "rule that does not count";
    /// The rule covers the call that it spells out and yet never allows it.
    NeverApproves = "PL106", "allow rule that allows nothing";
    /// The rule names a program that starts others, and what it starts wants a rule of its own.
    LookedThrough = "PL107", "rule for a program that is looked through";
    /// The rule allows a whole tool, every path or every host.
    Everything = "PL201", "rule that allows everything";
    /// The rule allows a command that runs any other program.
    RunsAnything = "PL202", "rule that allows any program";
    /// The default mode asks about next to nothing.
    Bypass = "PL203", "mode that asks about nothing";
    /// The rule allows a command that does a good deal more than its name says.
    DoesMore = "PL204", "rule that allows more than it seems to";
    /// What is excluded from the boundary runs any other program: that runs outside with it.
    LetsOut = "PL205", "exclusion that lets any program out";
    /// The rule allows edits that a command inside the boundary cannot make: no mount opens some names of a directory.
    NotOpened = "PL206", "edit rule that opens nothing";
    /// Another spelling of a command that is denied, or asked about, passes.
    Hole = "PL301", "spelling that gets past a rule";
    /// Another program that does what a denied one does is allowed.
    OtherProgram = "PL302", "program that does the same";
    /// Another tool reaches a path that is denied.
    OtherTool = "PL303", "tool that reaches the same";
    /// A path that begins with one slash hangs at the directory of its settings, and not at the root.
    SingleSlash = "PL401", "one slash where two are meant";
    /// A path rule covers more, or less, depths than it seems to.
    Depth = "PL402", "directory at another depth";
    /// A star without a space before it also matches longer words.
    NoBoundary = "PL403", "star without a word boundary";
    /// `:*` is a wildcard at the end alone.
    ColonStar = "PL404", "colon and star in the middle";
    /// `*.example.com` does not cover `example.com`.
    Apex = "PL405", "domain without its own name";
    /// Variables and other people's home directories are not expanded in rules.
    NotExpanded = "PL406", "path that is taken literally";
}

/// A call that shows a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The tool.
    pub tool: String,
    /// The command, path or URL.
    pub subject: String,
    /// What the policy decides about it.
    pub verdict: Verdict,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// For a person.
    pub hint: String,
    /// The text to put in the rule's place, where there is one.
    pub replacement: Option<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked for.
    pub check: Check,
    /// How much it weighs.
    pub level: Level,
    /// Where.
    pub origin: Origin,
    /// Column, counted from 1; 0 where it is not known.
    pub column: u32,
    /// The rule, where it is one's.
    pub rule: Option<RuleRef>,
    /// What is wrong: lower case, no full stop, user input in backticks.
    pub message: String,
    /// A call that shows it.
    pub example: Option<Example>,
    /// What to do.
    pub fix: Option<Fix>,
    /// Other rules that it is about.
    pub others: Vec<RuleRef>,
}

impl Finding {
    fn about(check: Check, level: Level, rule: &Rule, message: String) -> Self {
        Self {
            check,
            level,
            origin: rule.reference.origin.clone(),
            column: 0,
            rule: Some(rule.reference.clone()),
            message,
            example: None,
            fix: None,
            others: Vec::new(),
        }
    }

    fn example(self, example: Example) -> Self {
        Self { example: Some(example), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { fix: Some(Fix { hint: hint.into(), replacement: None }), ..self }
    }

    fn replace(self, hint: impl Into<String>, replacement: String) -> Self {
        Self { fix: Some(Fix { hint: hint.into(), replacement: Some(replacement) }), ..self }
    }

    fn others(self, others: Vec<RuleRef>) -> Self {
        Self { others, ..self }
    }

    /// Returns the finding with every secret masked. What would put a mask into the settings is left out.
    fn without_secrets(self) -> Self {
        let rule = |rule: RuleRef| RuleRef { text: masked(&rule.text), ..rule };
        let Self { check, level, origin, column, rule: about, message, example, fix, others } = self;
        Self {
            check,
            level,
            origin,
            column,
            rule: about.map(rule),
            message: masked(&message),
            example: example.map(|example| Example { subject: masked(&example.subject), ..example }),
            fix: fix.map(|fix| Fix {
                hint: masked(&fix.hint),
                replacement: fix.replacement.filter(|text| secrets::redact(text).found.is_empty()),
            }),
            others: others.into_iter().map(rule).collect(),
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The layers, low to high.
    pub layers: &'a [Layer],
    /// The policy compiled from them.
    pub policy: &'a Policy,
    /// What reading and compiling them found.
    pub diagnostics: &'a [Diagnostic],
    /// The home directory.
    pub home: &'a AbsPath,
    /// The project.
    pub project: &'a AbsPath,
}

/// Returns everything that is found, by file and line.
pub fn lint(subject: &Subject<'_>) -> Vec<Finding> {
    let world = world::World::new(subject);
    let mut findings = effect::told(subject);
    findings.extend(order::findings(&world));
    findings.extend(breadth::of_mode(&world));
    findings.extend(boundary::findings(&world));
    for rule in &world.policy.rules {
        findings.extend(effect::of_rule(&world, rule));
        findings.extend(breadth::of_rule(&world, rule));
        findings.extend(holes::of_rule(&world, rule));
        findings.extend(traps::of_rule(&world, rule));
    }
    findings.sort_by(|left, right| {
        let key = |finding: &Finding| (finding.origin.clone(), finding.check);
        key(left).cmp(&key(right)).then_with(|| left.message.cmp(&right.message))
    });
    findings.dedup();
    // What a check of its own says better is said once.
    let said: Vec<RuleRef> = findings
        .iter()
        .filter(|finding| matches!(finding.check, Check::ColonStar | Check::NotExpanded))
        .filter_map(|finding| finding.rule.clone())
        .collect();
    findings.retain(|finding| {
        finding.check != Check::Entry || finding.rule.as_ref().is_none_or(|rule| !said.contains(rule))
    });
    findings.into_iter().map(Finding::without_secrets).collect()
}

/// Returns a text as findings show it: without secrets.
pub fn masked(text: &str) -> String {
    secrets::redact(text).text
}

/// Returns the place of a rule for a person.
fn place(rule: &RuleRef) -> String {
    match rule.origin.line {
        0 => rule.origin.file.clone(),
        line => format!("{}:{line}", rule.origin.file),
    }
}

/// Returns the rule as messages name it.
fn named(rule: &RuleRef) -> String {
    format!("{} `{}` ({})", rule.list.name(), rule.text, place(rule))
}
