//! What a lower tier does not claim: data, printed at the end of each run.

use sandbox::Tier;

/// A case that a tier does not claim.
struct Row {
    tier: Tier,
    case: &'static str,
    /// The rows of the escape checklist that are not covered, or only by another case.
    rows: &'static str,
    why: &'static str,
}

const fn row(tier: Tier, case: &'static str, rows: &'static str, why: &'static str) -> Row {
    Row { tier, case, rows, why }
}

const ROWS: &[Row] = &[
    row(Tier::Bubblewrap, "limits_fork_bomb", "", "bubblewrap's own process counts among those inside"),
    row(Tier::Bubblewrap, "mounts_of_the_project_elsewhere", "", "its scene has no bubblewrap for an ordinary user"),
    row(Tier::Bubblewrap, "hygiene_arguments_tell_nothing", "", "its own processes have bubblewrap's words"),
    row(Tier::Bubblewrap, "hygiene_no_user_namespaces", "", "about the best tier; see fallback_no_namespaces_left"),
    row(
        Tier::Bubblewrap,
        "mounts_made_later_do_not_come_in",
        "as the report says",
        "they appear, and cannot be written",
    ),
    row(Tier::Bubblewrap, "mounts_below_a_read_only_place", "", "its scene has no bubblewrap for an ordinary user"),
    row(Tier::Landlock, "limits_private_directories", "44 of them", "there are none; see lower_temporary"),
    row(
        Tier::Landlock,
        "checked_reads_of_late_files",
        "",
        "what is made beside a hidden path outside cannot be read at all; see checked_reads_of_late_directories",
    ),
    row(Tier::Landlock, "checked_reads_that_no_rule_forbids", "", "`/tmp` is closed; see lower_temporary"),
    row(Tier::Bubblewrap, "template_*", "", "no boundary of this tier is held ready"),
    row(Tier::Landlock, "template_*", "", "no boundary of this tier is held ready"),
    row(Tier::Landlock, "mounts_*", "", "there are no mounts"),
    row(Tier::Bubblewrap, "doors_take_what_knows_no_proxy", "", "that takes rights in the network namespace"),
    row(Tier::Bubblewrap, "shown_*", "", "none are shown: what they stand for is hidden"),
    row(Tier::Landlock, "shown_*", "", "there are no mounts to show them by: what they stand for is hidden"),
    row(Tier::Landlock, "doors_*", "", "there is no network namespace to make them in, and no connection"),
    row(Tier::Landlock, "broker_leases_keep_only_who_waits", "", "no lease can be taken on a file; see lower_leases"),
    row(Tier::Landlock, "hygiene_no_user_namespaces", "", "about the best tier; see fallback_no_namespaces_left"),
    row(Tier::Landlock, "kernel_queues_and_memory_of_the_host", "", "they are refused; see lower_shared_memory"),
    row(Tier::Landlock, "programs_are_all_filtered", "", "the process with number 1 is the host's"),
    row(Tier::Bubblewrap, "hygiene_nested", "", "the error is that of the best tier; no boundary is built in either"),
    row(Tier::Bubblewrap, "hygiene_report", "", "its report has rows of what is missing"),
    row(Tier::Landlock, "kernel_files_closed", "11, 12", "`/proc` is the host's, and tells of its kernel"),
    row(Tier::Landlock, "kernel_devices", "", "names of devices are seen; see lower_devices"),
    row(
        Tier::Landlock,
        "processes_of_the_host_are_not_seen",
        "4, 17 as not visible",
        "processes of the host are seen with their command lines; they cannot be entered, see lower_processes",
    ),
    row(Tier::Landlock, "processes_init_is_closed", "", "the process with number 1 is the host's; see lower_processes"),
    row(
        Tier::Landlock,
        "processes_launcher_killed",
        "74 when the boundary process is killed too",
        "its own case says what is left; see lower_launcher_killed",
    ),
    row(
        Tier::Landlock,
        "files_private_directories",
        "91 as private directories",
        "they are closed, and TMPDIR is the command's own; see lower_temporary",
    ),
    row(Tier::Landlock, "files_project_below_tmp", "", "names beside the project are seen; see lower_below_tmp"),
    row(
        Tier::Landlock,
        "files_replaced_on_the_host",
        "",
        "what is put there is hidden as well, so that the command may go on; see lower_broker_replaced_files",
    ),
    row(Tier::Landlock, "network_own_loopback", "", "no socket can be made"),
    row(Tier::Landlock, "hygiene_nested", "", "it is refused with another reason; see lower_nested"),
    row(Tier::Landlock, "hygiene_report", "", "its report has rows of what is missing"),
    row(
        Tier::Landlock,
        "terminal_is_the_commands_own",
        "",
        "its terminal is one of the host's set; see lower_terminal",
    ),
];

/// Returns true when a tier claims a case. Those that are about one tier, or about the choice of one, are
/// marked by their name.
pub(crate) fn claims(tier: Tier, case: &str) -> bool {
    let is_for_lowest = !case.starts_with("lower_") || tier == Tier::Landlock;
    let is_for_best = !case.starts_with("fallback_") || tier == Tier::Full;
    is_for_lowest && is_for_best && !ROWS.iter().any(|row| row.tier == tier && is_about(row, case))
}

/// A row is about one case, or about all whose names begin alike.
fn is_about(row: &Row, case: &str) -> bool {
    row.case.strip_suffix('*').map_or(row.case == case, |beginning| case.starts_with(beginning))
}

/// Prints what a tier does not cover.
pub(crate) fn print_not_covered(tier: Tier) {
    for Row { case, rows, why, .. } in ROWS.iter().filter(|row| row.tier == tier) {
        let rows = if rows.is_empty() { String::new() } else { format!(" (row {rows})") };
        println!("tier {} does not claim {case}{rows}: {why}", tier.name());
    }
}

/// Every case that a row names exists, and so does every case that it points to.
pub(crate) fn check_names(cases: &[&str]) {
    for row in ROWS {
        let Row { case, why, .. } = row;
        assert!(cases.iter().any(|one| is_about(row, one)), "no such case: {case}");
        if let Some((_, name)) = why.split_once("see ") {
            assert!(cases.contains(&name), "no such case: {name}");
        }
    }
}
