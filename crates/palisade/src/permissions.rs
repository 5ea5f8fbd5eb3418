//! `palisade permissions`: every rule in force, and every entry that is not.

use policy::layer::{Diagnostic, Severity};
use policy::proof::RuleRef;
use serde_json::{Value, json};
use settings::SourceState;

use crate::cli::PermissionsOptions;
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;

/// Shows the policy in force.
pub(crate) fn permissions(options: &PermissionsOptions) -> anyhow::Result<Exit> {
    let setup = Setup::here(&options.settings)?;
    if options.json {
        say::data(&as_json(&setup, options).to_string());
    } else {
        print(&setup, options);
    }
    Ok(match setup.diagnostics.iter().map(|diagnostic| diagnostic.severity).max() {
        Some(Severity::Error) => Exit::Settings,
        Some(Severity::Warning) => Exit::Finding,
        None => Exit::Yes,
    })
}

fn print(setup: &Setup, options: &PermissionsOptions) {
    let paint = Paint::stdout(setup.environment.is_colourless());
    let policy = &setup.policy;
    let mode = policy.mode_for(options.settings.mode);
    say::data(&format!("{} {}  {}", paint.heading("mode"), mode.name(), paint.faint(&mode_origin(setup, options))));
    let trust = if setup.loaded.trust.trusted { "trusted" } else { "not trusted: its allow rules do not count" };
    say::data(&format!("{} {}  {trust}", paint.heading("folder"), setup.loaded.trust.key));
    for (key, origin) in limits(policy) {
        let place = format!("{} {}", origin.scope.name(), origin.place());
        say::data(&format!("{} {key}  {}", paint.heading("limit"), paint.faint(&place)));
    }
    say::data("");
    say::data(&paint.heading("rules, in the order in which they are asked"));
    let width = policy.rules().iter().map(|rule| rule.reference().text.chars().count()).max().unwrap_or(0).min(60);
    for rule in policy.rules() {
        print_rule(rule.reference(), width, paint);
    }
    if policy.rules().is_empty() {
        say::data("  none");
    }
    if !policy.inactive().is_empty() {
        say::data("");
        say::data(&paint.heading("written, and not in force"));
        for (rule, why) in policy.inactive() {
            print_rule(rule, width, paint);
            say::data(&paint.faint(&format!("         {}", shown(why))));
        }
    }
    say::data("");
    say::data(&paint.heading("files, from the lowest to the highest"));
    for source in &setup.loaded.sources {
        say::data(&format!("  {:8} {}  {}", source.scope.name(), source.file, paint.faint(state(&source.state))));
    }
    for diagnostic in &setup.diagnostics {
        say::diagnostic(diagnostic);
    }
}

/// Returns the limits of every mode that are switched on, and where.
fn limits(policy: &policy::Policy) -> Vec<(&'static str, &policy::Origin)> {
    let policy::Switches { deny_instead, reads_held, writes_held } = policy.switches();
    [
        ("denyInsteadOfPrompting", deny_instead),
        ("blockReadsOutsideWorkingDirectories", reads_held),
        ("blockWritesOutsideWorkingDirectories", writes_held),
    ]
    .into_iter()
    .filter_map(|(key, switch)| switch.as_ref().filter(|switch| switch.value).map(|switch| (key, &switch.origin)))
    .collect()
}

/// Returns where the mode comes from.
fn mode_origin(setup: &Setup, options: &PermissionsOptions) -> String {
    match (options.settings.mode, setup.policy.default_mode()) {
        (Some(_), _) => "--mode".to_owned(),
        (None, Some(mode)) => mode.origin.place(),
        (None, None) => "built in".to_owned(),
    }
}

fn state(state: &SourceState) -> &'static str {
    match state {
        SourceState::Absent => "absent",
        SourceState::Read(_) => "read",
        SourceState::Unreadable => "unreadable: every call is refused",
    }
}

fn source_json(source: &settings::Source) -> Value {
    json!({
        "scope": source.scope.name(),
        "file": source.file,
        "path": source.path.as_ref().map(policy::AbsPath::as_str),
        "state": state(&source.state),
    })
}

fn print_rule(rule: &RuleRef, width: usize, paint: Paint) {
    let text = shown(&rule.text);
    let place = format!("{} {}", rule.origin.scope.name(), rule.origin.place());
    say::data(&format!("  {:5}  {text:width$}  {}", rule.list.name(), paint.faint(&place)));
}

pub(crate) fn diagnostic_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": match diagnostic.severity { Severity::Warning => "warning", Severity::Error => "error" },
        "file": diagnostic.origin.file,
        "line": diagnostic.origin.line,
        "column": diagnostic.column,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}

fn as_json(setup: &Setup, options: &PermissionsOptions) -> Value {
    let policy = &setup.policy;
    let inactive: Vec<Value> = policy
        .inactive()
        .iter()
        .map(|(rule, why)| json!({"rule": hooks::proof::rule_json(rule), "why": why}))
        .collect();
    json!({
        "schema_version": 1,
        "mode": policy.mode_for(options.settings.mode).name(),
        "mode_origin": mode_origin(setup, options),
        "folder": setup.loaded.trust.key.as_str(),
        "trusted": setup.loaded.trust.trusted,
        "files": setup.loaded.sources.iter().map(source_json).collect::<Vec<_>>(),
        "limits": limits(policy).iter().map(|(key, origin)| json!({
            "key": key, "scope": origin.scope.name(), "file": origin.file, "line": origin.line,
        })).collect::<Vec<_>>(),
        "rules": policy.rules().iter().map(|rule| hooks::proof::rule_json(rule.reference())).collect::<Vec<_>>(),
        "inactive": inactive,
        "diagnostics": setup.diagnostics.iter().map(diagnostic_json).collect::<Vec<_>>(),
    })
}
