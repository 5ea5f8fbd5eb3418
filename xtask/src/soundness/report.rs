//! Tells what came of a run.

use std::collections::BTreeMap;

use super::commands::Source;
use super::compare::Class;
use super::effects::Finding;
use super::observed::Effect;
use crate::End;

/// Prints the table of a run of `effects`, and every miss.
pub(super) fn effects(sources: &[Source], findings: &[Finding]) -> End {
    println!("| commands of | all | ran | proved | understood | marked | missed | unsound |");
    println!("|---|---|---|---|---|---|---|---|");
    for (at, source) in sources.iter().enumerate() {
        row(&source.name, &findings.iter().filter(|finding| finding.source == at).collect::<Vec<_>>());
    }
    let all: Vec<&Finding> = findings.iter().collect();
    row("all", &all);
    let count = |wanted: &[Class]| all.iter().filter(|finding| wanted.contains(&finding.class)).count();
    let unsound = count(&[Class::Unsound]);
    let missed = count(&[Class::Missed]);
    let acted = all.iter().filter(|finding| finding.acted && finding.class != Class::NotRun).count();
    println!();
    println!("{acted} of the commands that ran started a program or changed something");
    bound("proved to change nothing, yet it did", unsound, count(&[Class::Proved, Class::Unsound]));
    bound("understood, yet it did something else", missed, count(&[Class::Understood, Class::Missed]));
    let ran = all.len() - count(&[Class::NotRun]);
    println!("marked: {:.1} % of those that ran", count(&[Class::Marked]) as f64 * 100.0 / ran.max(1) as f64);
    marks(&all);
    for finding in all.iter().filter(|finding| matches!(finding.class, Class::Unsound | Class::Missed)) {
        let what = if finding.class == Class::Unsound { "UNSOUND" } else { "MISSED" };
        println!("{what}: {}", finding.text.replace('\n', "\\n"));
        println!("    {}", finding.open.iter().take(6).map(Effect::describe).collect::<Vec<_>>().join("; "));
        println!("    predicted: {}", told(finding));
    }
    if unsound + missed == 0 { End::Good } else { End::Finding }
}

fn row(name: &str, findings: &[&Finding]) {
    let count = |class: Class| findings.iter().filter(|finding| finding.class == class).count();
    let ran = findings.len() - count(Class::NotRun);
    println!(
        "| {name} | {} | {ran} | {} | {} | {} | {} | {} |",
        findings.len(),
        count(Class::Proved),
        count(Class::Understood),
        count(Class::Marked),
        count(Class::Missed),
        count(Class::Unsound)
    );
}

/// Prints a rate with the bound below which it lies in 95 of 100 cases.
pub(super) fn bound(what: &str, bad: usize, all: usize) {
    // Of n without a find: 3/n. Otherwise the upper end of the normal approximation, not below that.
    let (bad_f, all_f) = (bad as f64, all.max(1) as f64);
    let upper = ((bad_f + 3.0) / all_f).max((bad_f + 1.96 * bad_f.sqrt()) / all_f) * 100.0;
    println!("{what}: {bad} of {all}; at most {upper:.3} % (95 %)");
}

/// Prints the most frequent reasons for marks.
fn marks(findings: &[&Finding]) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.class == Class::Marked) {
        *reasons.entry(finding.prediction.marked.as_deref().unwrap_or_default()).or_default() += 1;
    }
    let mut sorted: Vec<(&str, usize)> = reasons.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in sorted.into_iter().take(12) {
        println!("    {count} because {reason}");
    }
}

fn told(finding: &Finding) -> String {
    let prediction = &finding.prediction;
    let places = |places: &[super::prediction::Place]| {
        let one = |place: &super::prediction::Place| {
            let pattern = place.pattern.as_ref().map(|pattern| format!(" `{pattern}`")).unwrap_or_default();
            format!("{}{pattern}{}", place.paths.join(" or "), if place.below { "/**" } else { "" })
        };
        places.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    format!(
        "programs {:?}; writes [{}]; deletes [{}]; reaches {:?}",
        prediction.programs,
        places(&prediction.writes),
        places(&prediction.deletes),
        prediction.reaches
    )
}
