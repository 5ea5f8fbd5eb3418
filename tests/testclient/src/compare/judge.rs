//! What is the same, what is not, and which class of the ledger that is.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::compare::Observed;
use crate::compare::ledger::Class;
use crate::compare::ours::Decided;

/// How two verdicts stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Both are the same.
    Same,
    /// The client asks, or refuses for want of an answer, and Palisade proves that the command only reads.
    Proved,
    /// Palisade is stricter.
    Stricter,
    /// Palisade is more permissive.
    Permissive,
}

/// Calls of one class.
#[derive(Debug, Default)]
pub struct Group {
    /// How many.
    pub count: usize,
    /// What they are, a line each.
    pub lines: Vec<String>,
}

/// Commands that run unasked.
#[derive(Debug, Default)]
pub struct Useful {
    /// How many commands.
    pub count: usize,
    /// Allowed by the client.
    pub client: usize,
    /// Allowed by Palisade.
    pub ours: usize,
    /// Allowed by both.
    pub both: usize,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Report {
    /// Calls that the client did not decide, by what it said.
    pub dropped: BTreeMap<String, usize>,
    /// Calls under each mode.
    pub modes: BTreeMap<String, usize>,
    /// Different settings.
    pub settings: usize,
    /// Calls by how the verdicts stand to each other.
    pub sides: BTreeMap<Side, usize>,
    /// Differences by the state of their class.
    pub states: BTreeMap<(Side, String), usize>,
    /// Differences by what demands them.
    pub grounds: BTreeMap<(Side, String), usize>,
    /// Classes that no difference is of.
    pub unused: Vec<String>,
    /// Differences by class; those without one stand under the empty name.
    pub classes: BTreeMap<(Side, String), Group>,
    /// Commands asked about in mode `default` and without rules, by where they come from.
    pub useful: BTreeMap<String, Useful>,
    /// How many lines of a class are shown when Palisade is stricter or proves more.
    pub shown: usize,
}

/// Compares.
pub fn judge(observed: &[Observed], decided: &[Decided], classes: &[Class]) -> Report {
    let mut report = Report { shown: 3, ..Report::default() };
    let mut settings = BTreeSet::new();
    for (one, ours) in observed.iter().zip(decided) {
        if one.verdict == "dropped" {
            *report.dropped.entry(one.said.chars().take(60).collect()).or_default() += 1;
            continue;
        }
        settings.insert(format!("{} {}", one.permissions, one.mode));
        *report.modes.entry(one.mode.clone()).or_default() += 1;
        report.count_useful(one, ours);
        let side = side(one, ours);
        *report.sides.entry(side).or_default() += 1;
        if side == Side::Same {
            continue;
        }
        let call = text(one);
        let (verdict, reason) = as_question(ours);
        let subject = [&one.verdict, verdict, &one.mode, &one.call.tool, &call, &one.said, reason];
        let class = classes.iter().find(|class| class.covers(&subject));
        let key = class.map_or_else(String::new, |class| format!("{} ({})", class.key, class.state));
        *report.states.entry((side, class.map_or("no class", |class| &class.state).to_owned())).or_default() += 1;
        let ground = class.map_or("nothing", |class| &class.ground).to_owned();
        *report.grounds.entry((side, ground)).or_default() += 1;
        let group = report.classes.entry((side, key)).or_default();
        group.count += 1;
        group.lines.push(line(one, ours, &call));
    }
    report.settings = settings.len();
    let used = |class: &&Class| report.classes.keys().any(|(_, key)| key.starts_with(&format!("{} (", class.key)));
    report.unused = classes.iter().filter(|class| !used(class)).map(|class| class.key.clone()).collect();
    report
}

impl Report {
    /// Returns the differences that no class covers.
    pub fn uncovered(&self) -> impl Iterator<Item = &String> {
        self.classes.iter().filter(|((_, key), _)| key.is_empty()).flat_map(|(_, group)| &group.lines)
    }

    fn count_useful(&mut self, one: &Observed, ours: &Decided) {
        let has_rules = one
            .permissions
            .as_object()
            .is_some_and(|lists| lists.values().any(|list| list.as_array().is_none_or(|rules| !rules.is_empty())));
        if one.mode != "default" || one.call.tool != "Bash" || has_rules {
            return;
        }
        let useful = self.useful.entry(one.call.source.clone()).or_default();
        let (client, ours) = (one.verdict == "allow", ours.verdict == "allow");
        useful.count += 1;
        useful.client += usize::from(client);
        useful.ours += usize::from(ours);
        useful.both += usize::from(client && ours);
    }

    /// Says how much is the same of what is not counted apart, and how much of the rest is demanded.
    fn fmt_grounds(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.sides.values().sum::<usize>() - self.count(Side::Proved);
        let percent = |count: usize| count as f64 * 100.0 / of.max(1) as f64;
        let same = self.count(Side::Same);
        writeln!(out, "of {of} that are not counted apart {same} are the same ({:.1} %)", percent(same))?;
        let differences = || self.grounds.iter().filter(|((side, _), _)| *side != Side::Proved);
        for ((side, ground), count) in differences() {
            writeln!(out, "{count:>14} {side:?}: {ground}")?;
        }
        let on = |ground: &str| -> usize { differences().filter(|((_, own), _)| own == ground).map(|(_, n)| n).sum() };
        let mut upto = same;
        for ground in ["law", "documentation", "aim"] {
            upto += on(ground);
            writeln!(out, "{upto:>6} {:5.1} % the same, or demanded, up to: {ground}", percent(upto))?;
        }
        Ok(())
    }

    fn count(&self, side: Side) -> usize {
        self.sides.get(&side).copied().unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.sides.values().sum();
        let dropped: usize = self.dropped.values().sum();
        let modes: Vec<String> = self.modes.iter().map(|(mode, count)| format!("{mode} {count}")).collect();
        writeln!(
            out,
            "{all} calls under {} settings ({}); {dropped} more the client did not decide",
            self.settings,
            modes.join(", ")
        )?;
        let share = |count: usize| count as f64 * 100.0 / all.max(1) as f64;
        for (side, name) in [
            (Side::Same, "the same verdict"),
            (Side::Proved, "the client asks, Palisade proves that it only reads"),
            (Side::Stricter, "Palisade is stricter"),
            (Side::Permissive, "Palisade is more permissive"),
        ] {
            writeln!(out, "{:>6} {:5.1} % {name}", self.count(side), share(self.count(side)))?;
            for ((_, state), count) in self.states.iter().filter(|((of, _), _)| *of == side) {
                writeln!(out, "{count:>14} {state}")?;
            }
        }
        self.fmt_grounds(out)?;
        for (source, Useful { count, client, ours, both }) in &self.useful {
            let percent = |part: &usize| *part as f64 * 100.0 / *count as f64;
            writeln!(
                out,
                "{source}: of {count} commands without rules the client allows {client} ({:.1} %), Palisade {ours} \
                 ({:.1} %), both {both}",
                percent(client),
                percent(ours)
            )?;
        }
        writeln!(out, "classes without a difference: {}", self.unused.join(", "))?;
        for (said, count) in &self.dropped {
            writeln!(out, "dropped {count}: {}", said.replace('\n', " "))?;
        }
        for ((side, key), group) in &self.classes {
            let key = if key.is_empty() { "NO CLASS" } else { key };
            writeln!(out, "\n{side:?}: {key}: {}", group.count)?;
            let shown = if *side == Side::Permissive || key == "NO CLASS" { usize::MAX } else { self.shown };
            for line in group.lines.iter().take(shown) {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn side(one: &Observed, ours: &Decided) -> Side {
    let rank = |verdict: &str| ["allow", "ask", "deny"].iter().position(|name| *name == verdict);
    match rank(&ours.verdict).cmp(&rank(&one.verdict)) {
        Ordering::Equal => Side::Same,
        Ordering::Greater => Side::Stricter,
        Ordering::Less if was_question(one) && ours.proved => Side::Proved,
        Ordering::Less => Side::Permissive,
    }
}

/// Returns Palisade's verdict and reason; what it refuses only because nobody may be asked is a question.
fn as_question(ours: &Decided) -> (&str, &str) {
    match ours.reason.strip_suffix("; mode `dontAsk` refuses what would ask") {
        Some(reason) => ("ask", reason),
        None => (&ours.verdict, &ours.reason),
    }
}

/// Returns true when the client asked, or would have if it could ask.
fn was_question(one: &Observed) -> bool {
    one.verdict == "ask" || one.said.contains("don't ask mode")
}

/// Returns what is called, in one line.
fn text(one: &Observed) -> String {
    let input = &one.call.input;
    let named = ["command", "file_path", "notebook_path", "url"].iter().find_map(|name| input[*name].as_str());
    named.map_or_else(|| input.to_string(), str::to_owned).replace('\n', "\\n")
}

fn line(one: &Observed, ours: &Decided, call: &str) -> String {
    let rules: Vec<String> = ["allow", "ask", "deny", "additionalDirectories"]
        .iter()
        .filter(|list| one.permissions[**list].as_array().is_some_and(|rules| !rules.is_empty()))
        .map(|list| format!("{list} {}", one.permissions[*list]))
        .collect();
    format!(
        "{} > {} | {} `{call}` | {} {} | client: {} | palisade: {}",
        one.verdict,
        ours.verdict,
        one.call.tool,
        one.mode,
        rules.join(" "),
        one.said.replace('\n', " ").chars().take(160).collect::<String>(),
        ours.reason
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Side, judge};
    use crate::compare::ledger::parse;
    use crate::compare::ours::Decided;
    use crate::compare::{Asked, Observed, Tree};

    const LEDGER: &str = "\
| key | client | palisade | mode | tool | call | client says | palisade says | rests on | state |
|---|---|---|---|---|---|---|---|---|---|
| looser | ask | allow | * | Bash | make | * | *rule* | law | argued |
";

    #[test]
    fn a_difference_has_a_side_and_a_class() {
        let rows = [
            ("ask", "", "ask", "", Side::Same, None),
            ("ask", "other", "allow", "`make` is allowed by a rule", Side::Permissive, Some("looser (argued)")),
            ("ask", "other", "allow", "`make` only reads, in the project", Side::Proved, Some("")),
            ("deny", "running in don't ask mode", "allow", "`make` only reads, in it", Side::Proved, Some("")),
            ("deny", "has been denied", "allow", "`make` only reads, in it", Side::Permissive, Some("")),
            ("allow", "", "ask", "no rule decides `make`", Side::Stricter, Some("")),
        ];
        for (client, said, ours, reason, side, class) in rows {
            let input = json!({"command": "make"});
            let observed = Observed {
                settings: "one".to_owned(),
                mode: "default".to_owned(),
                permissions: json!({}),
                tree: Tree::Own,
                call: Asked { source: "own".to_owned(), tool: "Bash".to_owned(), input },
                verdict: client.to_owned(),
                said: said.to_owned(),
            };
            assert_eq!(Observed::from_line(&observed.to_json().to_string()), Ok(observed.clone()));
            let proved = reason.contains("only reads");
            let decided = Decided { verdict: ours.to_owned(), reason: reason.to_owned(), proved };
            let report = judge(&[observed], &[decided], &parse(LEDGER));
            let classes: Vec<_> = report.classes.keys().map(|(side, key)| (*side, key.as_str())).collect();
            assert_eq!(report.sides.keys().collect::<Vec<_>>(), [&side], "{client} {ours} {reason}");
            assert_eq!(classes, class.map(|class| (side, class)).into_iter().collect::<Vec<_>>());
        }
    }
}
