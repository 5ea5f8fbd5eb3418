//! Findings as SARIF 2.1.0, for what shows findings beside code.

use policy::AbsPath;
use policy::layer::Origin;
use policy::lint::{Check, Finding, Level};
use serde_json::{Value, json};

use super::places::Places;
use crate::setup::Setup;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What paths in the project are relative to.
const BASE: &str = "SRCROOT";

/// Returns the log of one run.
pub(super) fn log(setup: &Setup, findings: &[Finding], places: &Places<'_>) -> Value {
    let project = &setup.place.project;
    let rules: Vec<Value> = Check::ALL.iter().map(|check| descriptor(*check)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, places, project)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "palisade", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {BASE: {"uri": format!("{}/", file_uri(project).trim_end_matches('/'))}},
            "results": results,
        }],
    })
}

fn descriptor(check: Check) -> Value {
    json!({
        "id": check.id(),
        "name": pascal(check.name()),
        "shortDescription": {"text": check.name()},
        "fullDescription": {"text": check.about()},
    })
}

/// Returns a name without spaces, as names of rules are written.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split(' ').map(word).collect()
}

fn result(finding: &Finding, places: &Places<'_>, project: &AbsPath) -> Value {
    let index = Check::ALL.iter().position(|check| *check == finding.check);
    let mut result = json!({
        "ruleId": finding.check.id(),
        "ruleIndex": index,
        "level": level(finding.level),
        "message": {"text": message(finding)},
        "locations": [location(&finding.origin, region(finding, places), places, project)],
    });
    let related: Vec<Value> =
        finding.others.iter().map(|rule| location(&rule.origin, line_region(&rule.origin), places, project)).collect();
    let fix = fix(finding, places, project);
    if let Some(fields) = result.as_object_mut() {
        if !related.is_empty() {
            fields.insert("relatedLocations".to_owned(), Value::Array(related));
        }
        fields.extend(fix.map(|fix| ("fixes".to_owned(), json!([fix]))));
    }
    result
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn message(finding: &Finding) -> String {
    let rule = finding.rule.as_ref().map(|rule| format!("{} `{}`: ", rule.list.name(), rule.text));
    let example = finding.example.as_ref().map(|example| format!("; for example {}", super::example_text(example)));
    let fix = finding.fix.as_ref().map(|fix| format!(". Fix: {}", fix.hint));
    let pieces = [rule, Some(finding.message.clone()), example, fix];
    pieces.into_iter().flatten().collect()
}

fn region(finding: &Finding, places: &Places<'_>) -> Option<Value> {
    if finding.origin.line == 0 {
        return None;
    }
    let line = finding.origin.line;
    Some(match (places.rule(finding), places.column(finding)) {
        (Some((start, end)), _) => json!({"startLine": line, "startColumn": start, "endLine": line, "endColumn": end}),
        (None, Some(column)) => json!({"startLine": line, "startColumn": column}),
        (None, None) => json!({"startLine": line}),
    })
}

fn line_region(origin: &Origin) -> Option<Value> {
    (origin.line > 0).then(|| json!({"startLine": origin.line}))
}

fn location(origin: &Origin, region: Option<Value>, places: &Places<'_>, project: &AbsPath) -> Value {
    let mut physical = json!({"artifactLocation": artifact(origin, places, project)});
    if let Some(fields) = physical.as_object_mut() {
        fields.extend(region.map(|region| ("region".to_owned(), region)));
    }
    json!({"physicalLocation": physical})
}

/// Returns where a file is: in the project relative to it, so that the log means the same elsewhere.
fn artifact(origin: &Origin, places: &Places<'_>, project: &AbsPath) -> Value {
    let Some(path) = places.path(origin) else {
        // Text of the command line has no file; its name is a relative reference.
        return json!({"uri": encoded(&origin.file)});
    };
    match path.below(project).filter(|below| !below.is_empty()) {
        Some(below) => json!({"uri": encoded(below), "uriBaseId": BASE}),
        None => json!({"uri": file_uri(path)}),
    }
}

fn fix(finding: &Finding, places: &Places<'_>, project: &AbsPath) -> Option<Value> {
    let fix = finding.fix.as_ref()?;
    let text = Value::String(fix.replacement.clone()?).to_string();
    places.rule(finding)?;
    let replacement = json!({"deletedRegion": region(finding, places)?, "insertedContent": {"text": text}});
    Some(json!({
        "description": {"text": fix.hint},
        "artifactChanges": [{
            "artifactLocation": artifact(&finding.origin, places, project),
            "replacements": [replacement],
        }],
    }))
}

fn file_uri(path: &AbsPath) -> String {
    format!("file://{}", encoded(path.as_str()))
}

/// Returns a path as it stands in a URI.
fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
