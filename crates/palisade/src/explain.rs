//! `palisade explain`: the decision for a person.

use policy::Verdict;
use policy::proof::{PartProof, Proof, RuleRef};
use serde_json::{Value, json};

use crate::cli::ExplainOptions;
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;

/// Explains one call.
pub(crate) fn explain(options: &ExplainOptions) -> anyhow::Result<Exit> {
    let setup = Setup::at(&options.settings, &options.place)?;
    let input = input(&options.tool, &options.subject);
    let action = hooks::tool::action(&options.tool, &input, &setup.place.project);
    let proof = guard::explain(&setup.policy, &setup.place, &action, options.settings.mode);
    if options.json {
        let mut answer = as_json(&proof);
        let diagnostics = setup.diagnostics.iter().map(crate::permissions::diagnostic_json).collect();
        answer.as_object_mut().map(|fields| fields.insert("diagnostics".to_owned(), Value::Array(diagnostics)));
        say::data(&answer.to_string());
    } else {
        for diagnostic in &setup.diagnostics {
            say::diagnostic(diagnostic);
        }
        print(&proof, Paint::stdout(setup.environment.is_colourless()));
    }
    Ok(if setup.policy.failures().is_empty() { proof.verdict.into() } else { Exit::Settings })
}

/// Returns the input that a tool's subject stands for.
pub(crate) fn input(tool: &str, subject: &str) -> hooks::Input {
    let key = match tool {
        "Read" | "Edit" | "Write" | "MultiEdit" => "file_path",
        "NotebookEdit" => "notebook_path",
        "Glob" => "pattern",
        "Grep" | "LS" | "LSP" => "path",
        "WebFetch" => "url",
        "WebSearch" => "query",
        "Agent" | "Task" => "subagent_type",
        "Skill" => "skill",
        _ => "command",
    };
    hooks::Input::from_iter([(key.to_owned(), Value::String(subject.to_owned()))])
}

fn print(proof: &Proof, paint: Paint) {
    say::data(&format!("{}: {}", paint.verdict(proof.verdict), shown(&proof.reason)));
    say::data("");
    say::data(&paint.heading("understood as"));
    for part in &proof.parts {
        print_part(part, &proof.parts, paint);
    }
    if let Some(rule) = &proof.rule {
        say::data("");
        say::data(&format!("{} {}", paint.heading("decided by"), place(rule)));
    }
    if let Some(other) = &proof.otherwise {
        let verdict = paint.verdict(other.verdict);
        say::data(&format!("{} {verdict}: {}", paint.heading("without it"), shown(&other.reason)));
    }
    if !proof.shadowed.is_empty() {
        say::data("");
        say::data(&paint.heading("also matched"));
        for (rule, why) in &proof.shadowed {
            say::data(&format!("  {}  {}", place(rule), paint.faint(&format!("({why})"))));
        }
    }
    say::data("");
    say::data(&format!("{} {}", paint.heading("mode"), proof.mode.name()));
    if let Some(hint) = &proof.hint {
        say::data(&format!("{} {}", paint.heading("way forward"), shown(hint)));
    }
}

fn print_part(part: &PartProof, parts: &[PartProof], paint: Paint) {
    say::data(&format!("  {}  {}", paint.verdict(part.verdict), shown(&part.text)));
    if let Some(starter) = part.starter.and_then(|starter| parts.get(starter)) {
        say::data(&format!("         started by `{}`", shown(&starter.text)));
    }
    for line in &part.understood {
        say::data(&format!("         {}", shown(line)));
    }
    if part.verdict != Verdict::Allow || part.rule.is_some() {
        say::data(&paint.faint(&format!("         because {}", shown(&part.reason))));
    }
}

fn place(rule: &RuleRef) -> String {
    format!("{} `{}` at {}:{}", rule.list.name(), shown(&rule.text), rule.origin.file, rule.origin.line)
}

fn rule_json(rule: &RuleRef) -> Value {
    json!({"text": rule.text, "list": rule.list.name(), "file": rule.origin.file, "line": rule.origin.line})
}

fn as_json(proof: &Proof) -> Value {
    let parts: Vec<Value> = proof
        .parts
        .iter()
        .map(|part| {
            json!({
                "text": part.text,
                "start": part.span.map(|span| span.start),
                "end": part.span.map(|span| span.end),
                "started_by": part.starter,
                "understood": part.understood,
                "decision": part.verdict.name(),
                "reason": part.reason,
                "rule": part.rule.as_ref().map(rule_json),
            })
        })
        .collect();
    let shadowed: Vec<Value> =
        proof.shadowed.iter().map(|(rule, why)| json!({"rule": rule_json(rule), "why": why})).collect();
    json!({
        "schema_version": hooks::check::SCHEMA_VERSION,
        "decision": proof.verdict.name(),
        "reason": proof.reason,
        "rule": proof.rule.as_ref().map(rule_json),
        "without_rule": proof.otherwise.as_ref().map(|other| json!({
            "decision": other.verdict.name(),
            "reason": other.reason,
        })),
        "way_forward": proof.hint,
        "mode": proof.mode.name(),
        "parts": parts,
        "also_matched": shadowed,
    })
}
