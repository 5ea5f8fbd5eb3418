//! `palisade lint`: what is wrong with the rules in force, or with those of named files.

mod places;
mod sarif;

use hooks::proof::rule_json;
use policy::Policy;
use policy::layer::Layer;
use policy::lint::{self, Check, Example, Finding, Fix, Level, Subject};
use policy::mode::{Mode, Spelling};
use serde_json::{Value, json};
use settings::SourceState;

use crate::cli::{Format, LintOptions, PlaceOptions, SettingsOptions};
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;
use places::Places;

/// Shows the findings.
pub(crate) fn lint(options: &LintOptions) -> anyhow::Result<Exit> {
    let setup = setup(options)?;
    let places = Places::new(&setup);
    let findings = findings(&setup, &places);
    match if options.json { Format::Json } else { options.format } {
        Format::Human => print(&setup, &findings, &places),
        Format::Json => say::data(&as_json(&setup, &findings, &places).to_string()),
        Format::Sarif => say::data(&sarif::log(&setup, &findings, &places).to_string()),
    }
    Ok(match findings.iter().map(|finding| finding.level).max() {
        Some(Level::Error) => Exit::Settings,
        Some(level) if level >= options.level.into() => Exit::Finding,
        Some(_) | None => Exit::Yes,
    })
}

/// Named files stand alone: neither what is in force here nor the administrator's files join them.
fn setup(options: &LintOptions) -> anyhow::Result<Setup> {
    if options.files.is_empty() {
        return Setup::here(&options.settings);
    }
    let files = options.files.iter().chain(&options.settings.settings).cloned().collect();
    let settings = SettingsOptions { settings: files, mode: options.settings.mode };
    let mut setup = Setup::at(&settings, &PlaceOptions { only_given_settings: true, ..PlaceOptions::default() })?;
    // A project's own file hangs its paths at the project, also when it is named.
    let own = [setup.places.claude_dir(), setup.places.palisade_dir()];
    for layer in &mut setup.loaded.layers {
        let is_of_project =
            !own.contains(&layer.anchor) && matches!(layer.anchor.name(), Some(".claude" | ".palisade"));
        if let Some(project) = layer.anchor.parent().filter(|_| is_of_project) {
            layer.anchor = project;
        }
    }
    let (policy, found) = Policy::compile(&setup.loaded.layers, &setup.places.home);
    setup.diagnostics = setup.loaded.diagnostics.iter().cloned().chain(found).collect();
    setup.policy = policy;
    Ok(setup)
}

fn findings(setup: &Setup, places: &Places<'_>) -> Vec<Finding> {
    let mut findings = lint::lint(&Subject {
        layers: &setup.loaded.layers,
        policy: &setup.policy,
        diagnostics: &setup.diagnostics,
        home: &setup.place.home,
        project: &setup.place.project,
    });
    findings.extend(setup.loaded.layers.iter().filter_map(|layer| other_name_of_mode(layer, places)));
    findings.sort_by(|left, right| left.origin.cmp(&right.origin));
    findings
}

/// Returns the finding about a mode that is written by its other name; a layer holds the mode alone.
fn other_name_of_mode(layer: &Layer, places: &Places<'_>) -> Option<Finding> {
    let mode = layer.default_mode.as_ref()?;
    let is_alias = |name: &str| Mode::parse(name) == Some((mode.value, Spelling::Alias));
    let (written, (column, _)) = places.string(&mode.origin, is_alias)?;
    let name = mode.value.name();
    Some(Finding {
        check: Check::Entry,
        level: Level::Note,
        origin: mode.origin.clone(),
        column,
        rule: None,
        message: format!("mode `{written}` is another name of `{name}`"),
        example: None,
        fix: Some(Fix { hint: format!("write `{name}`"), replacement: None }),
        others: Vec::new(),
    })
}

fn print(setup: &Setup, findings: &[Finding], places: &Places<'_>) {
    let paint = Paint::stdout(setup.environment.is_colourless());
    for finding in findings {
        print_one(finding, places, paint);
    }
    let rules = setup.policy.rules().len();
    let read = setup.loaded.sources.iter().filter(|source| matches!(source.state, SourceState::Read(_))).count();
    let looked = format!("{} in {}", counted(rules, "rule"), counted(read, "file"));
    if findings.is_empty() {
        say::data(&format!("no findings: {looked}"));
        return;
    }
    let of = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let counts = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
    let told: Vec<String> =
        counts.iter().filter(|(level, _)| of(*level) > 0).map(|(level, name)| counted(of(*level), name)).collect();
    say::data(&format!("{}: {looked}", told.join(", ")));
}

/// Returns a number with its noun.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn print_one(finding: &Finding, places: &Places<'_>, paint: Paint) {
    let origin = &finding.origin;
    let place = match (origin.line, places.column(finding)) {
        (0, _) => origin.file.clone(),
        (line, None) => format!("{}:{line}", origin.file),
        (line, Some(column)) => format!("{}:{line}:{column}", origin.file),
    };
    let level = paint.level(finding.level);
    let rule = finding.rule.as_ref().map(|rule| format!("  {} `{}`", rule.list.name(), shown(&rule.text)));
    say::data(&format!("{place}: {level} {}{}", finding.check.id(), paint.heading(&rule.unwrap_or_default())));
    say::data(&format!("    {}", shown(&finding.message)));
    if let Some(example) = &finding.example {
        say::data(&format!("    {} {}", paint.faint("example"), shown(&example_text(example))));
    }
    if let Some(fix) = &finding.fix {
        say::data(&format!("    {}     {}", paint.faint("fix"), shown(&fix.hint)));
        if let Some(put) = fix.replacement.as_ref().filter(|put| !fix.hint.contains(put.as_str())) {
            say::data(&format!("    {}     `{}`", paint.faint("put"), shown(put)));
        }
    }
    say::data("");
}

fn example_text(example: &Example) -> String {
    let verdict = match example.verdict {
        policy::Verdict::Allow => "is allowed",
        policy::Verdict::Ask => "asks",
        policy::Verdict::Deny => "is denied",
    };
    match (example.tool.as_str(), example.subject.as_str()) {
        (tool, "") => format!("`{tool}` {verdict}"),
        ("Bash", command) => format!("`{command}` {verdict}"),
        (tool, subject) => format!("{tool} of `{subject}` {verdict}"),
    }
}

fn finding_json(finding: &Finding, places: &Places<'_>) -> Value {
    let Finding { check, level, origin, column: _, rule, message, example, fix, others } = finding;
    json!({
        "id": check.id(),
        "name": check.name(),
        "level": level.name(),
        "file": origin.file,
        "path": places.path(origin).map(policy::AbsPath::as_str),
        "line": origin.line,
        "column": places.column(finding),
        "rule": rule.as_ref().map(rule_json),
        "message": message,
        "example": example.as_ref().map(|example| json!({
            "tool": example.tool,
            "subject": example.subject,
            "decision": example.verdict.name(),
        })),
        "fix": fix.as_ref().map(|fix| json!({"hint": fix.hint, "replacement": fix.replacement})),
        "others": others.iter().map(rule_json).collect::<Vec<_>>(),
    })
}

fn as_json(setup: &Setup, findings: &[Finding], places: &Places<'_>) -> Value {
    json!({
        "schema_version": 1,
        "rules": setup.policy.rules().len(),
        "findings": findings.iter().map(|finding| finding_json(finding, places)).collect::<Vec<_>>(),
    })
}
