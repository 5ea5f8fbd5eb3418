//! `palisade explain`: the decision for a person.

use policy::Verdict;
use policy::proof::{PartProof, Proof};
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
        let answer = json!({
            "schema_version": hooks::check::SCHEMA_VERSION,
            "decision": proof.verdict.name(),
            "reason": proof.reason,
            "rule": proof.rule.as_ref().map(hooks::proof::rule_json),
            "proof": hooks::proof::json(&proof),
            "diagnostics": setup.diagnostics.iter().map(crate::permissions::diagnostic_json).collect::<Vec<_>>(),
        });
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
    for (index, part) in proof.parts.iter().enumerate() {
        print_part(proof, index, part, paint);
    }
    let whole: Vec<_> = proof.marks.iter().filter(|mark| mark.part.is_none()).collect();
    if !whole.is_empty() {
        say::data("");
        say::data(&paint.heading("in doubt as a whole"));
        for mark in whole {
            say::data(&format!("  {}", shown(&mark.words())));
        }
    }
    if let Some(rule) = &proof.rule {
        say::data("");
        say::data(&format!("{} {}", paint.heading("decided by"), rule.words()));
    }
    if let Some(other) = &proof.otherwise {
        let verdict = paint.verdict(other.verdict);
        say::data(&format!("{} {verdict}: {}", paint.heading("without it"), shown(&other.reason)));
    }
    if !proof.shadowed.is_empty() {
        say::data("");
        say::data(&paint.heading("also matched"));
        for (rule, why) in &proof.shadowed {
            say::data(&format!("  {}  {}", rule.words(), paint.faint(&format!("({why})"))));
        }
    }
    say::data("");
    say::data(&format!("{} {}", paint.heading("mode"), proof.mode.name()));
    if let Some(boundary) = &proof.boundary {
        say::data(&format!("{} {}", paint.heading("boundary"), shown(&boundary.words())));
    }
    if let Some(hint) = &proof.hint {
        say::data(&format!("{} {}", paint.heading("way forward"), shown(hint)));
    }
}

fn print_part(proof: &Proof, index: usize, part: &PartProof, paint: Paint) {
    say::data(&format!("  {}  {}", paint.verdict(part.verdict), shown(&part.text)));
    if let Some(starter) = part.starter.and_then(|starter| proof.parts.get(starter)) {
        say::data(&format!("         started by `{}`", shown(&starter.text)));
    }
    for line in proof.understood(index) {
        say::data(&format!("         {}", shown(&line)));
    }
    if part.verdict != Verdict::Allow || part.rule.is_some() {
        let is_told = proof.reason.starts_with(&part.reason);
        let why = if is_told { "this decides".to_owned() } else { format!("because {}", shown(&part.reason)) };
        say::data(&paint.faint(&format!("         {why}")));
    }
}
