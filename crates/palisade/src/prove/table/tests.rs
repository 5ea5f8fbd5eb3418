use std::collections::BTreeSet;

use sandbox::Tier;

use super::probes;

#[test]
fn names_are_unique_and_rows_are_in_the_table_of_escapes() {
    let escapes = include_str!("../../../../../docs/internals/escapes.md");
    let mut names = BTreeSet::new();
    for probe in probes() {
        assert!(names.insert(probe.name), "{}", probe.name);
        for row in probe.rows {
            assert!(escapes.contains(&format!("\n| {row} | ")), "{}: there is no row {row}", probe.name);
        }
    }
}

/// Only what a lower tier, a kernel or a machine says that it lacks excuses a probe.
#[test]
fn what_excuses_a_probe_is_something_that_reports_say() {
    let tiers = Tier::ALL.into_iter().flat_map(Tier::missing).map(|(what, _)| *what);
    let known: BTreeSet<&str> = tiers.chain(["landlock-scope", "broker"]).collect();
    for probe in probes() {
        for what in probe.lacking {
            assert!(known.contains(what), "{}: {what}", probe.name);
        }
    }
}
