//! The form of a record in the journal: JSON with a version.
//!
//! A reader takes any field it does not know, and any kind: see [`crate::Entry`].

use crate::keep::{CONTENT_FIELDS, Kept};
use crate::records::{
    Answer, AnsweredBy, Body, Connection, ConnectionStage, Decision, End, Outcome, Part, Record, Repair, Reply,
    Settings, Started, Trust, TrustChange,
};
use crate::store::Error;
use crate::{clock, limits};
use policy::layer::{Origin, Scope};
use policy::mode::Mode;
use policy::proof::{RuleRef, Verdict};
use policy::rule::List;
use secrets::{SecretKind, redact};
use serde::{Deserialize, Serialize};

/// The version that is written. It grows when a field changes its meaning, not when one is added.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The bytes of a line that `seq`, `prev` and `tree` take at most.
const HEADER_BYTES: usize = 180;

#[derive(Debug, Serialize, Deserialize)]
struct Fields {
    schema_version: u32,
    time: String,
    session: String,
    source: String,
    uid: u32,
    pid: u32,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<StartedFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<ConnectionFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trust: Option<TrustFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<SettingsFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repair: Option<RepairFields>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DecisionFields {
    verdict: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<RuleFields>,
    mode: String,
    tool: String,
    cwd: String,
    input: InputFields,
    action_digest: String,
    policy_digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartFields>,
    #[serde(default, skip_serializing_if = "is_zero")]
    parts_left_out: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct RuleFields {
    text: String,
    list: String,
    scope: String,
    file: String,
    line: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct PartFields {
    verdict: String,
    text: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct InputFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redacted: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AnswerFields {
    to: u64,
    by: String,
    reply: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StartedFields {
    under: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ConnectionFields {
    of: u64,
    number: u64,
    stage: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    way: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<RuleFields>,
    verdict: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OutcomeFields {
    of: u64,
    end: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    enforced: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(default)]
    refused_count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TrustFields {
    change: String,
    folder: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct SettingsFields {
    policy_digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_digest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RepairFields {
    found: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

/// Renders a record as a JSON object that fits into a line.
///
/// Every text that a person or an agent wrote goes through [`redact`] once more: a caller that forgot
/// leaves no secret behind.
pub(crate) fn fields(record: &Record) -> Result<String, Error> {
    let mut bytes = 0;
    for (text_bytes, count) in limits::SHRINK {
        let shrink = Shrink { text_bytes, count };
        let json =
            serde_json::to_string(&shrink.record(record)).map_err(|error| Error::Encode { source: error.into() })?;
        if json.len() + HEADER_BYTES <= limits::LINE_BYTES_MAX {
            return Ok(json);
        }
        bytes = json.len();
    }
    Err(Error::TooLong { bytes })
}

/// How far texts and lists are cut.
#[derive(Debug, Clone, Copy)]
struct Shrink {
    text_bytes: usize,
    count: usize,
}

impl Shrink {
    fn record(self, record: &Record) -> Fields {
        let Record { time_ms, session, source, uid, pid, body } = record;
        let mut fields = Fields {
            schema_version: SCHEMA_VERSION,
            time: clock::render(*time_ms),
            session: self.name(session),
            source: self.name(source),
            uid: *uid,
            pid: *pid,
            kind: body.kind().to_owned(),
            decision: None,
            answer: None,
            started: None,
            connection: None,
            outcome: None,
            trust: None,
            settings: None,
            repair: None,
        };
        match body {
            Body::Decision(decision) => fields.decision = Some(self.decision(decision)),
            Body::Answer(answer) => fields.answer = Some(answer_fields(answer)),
            Body::Started(Started { under }) => fields.started = Some(StartedFields { under: *under }),
            Body::Connection(connection) => fields.connection = Some(self.connection(connection)),
            Body::Outcome(outcome) => fields.outcome = Some(self.outcome(outcome)),
            Body::Trust(Trust { change, folder }) => {
                fields.trust = Some(TrustFields { change: trust_name(*change).to_owned(), folder: self.name(folder) });
            }
            Body::Settings(Settings { policy_digest, previous_digest }) => {
                fields.settings = Some(SettingsFields {
                    policy_digest: self.name(policy_digest),
                    previous_digest: previous_digest.as_deref().map(|digest| self.name(digest)),
                });
            }
            Body::Repair(repair) => fields.repair = Some(repair_fields(repair)),
        }
        fields
    }

    fn decision(self, decision: &Decision) -> DecisionFields {
        let Decision { verdict, reason, rule, mode, tool, cwd, input, .. } = decision;
        let Decision { action_digest, policy_digest, tool_use_id, parts, .. } = decision;
        let kept = parts.iter().take(self.count);
        DecisionFields {
            verdict: verdict.name().to_owned(),
            reason: self.text(reason),
            rule: rule.as_ref().map(|rule| self.rule(rule)),
            mode: mode.name().to_owned(),
            tool: self.name(tool),
            cwd: self.name(cwd),
            input: self.input(input),
            action_digest: self.name(action_digest),
            policy_digest: self.name(policy_digest),
            tool_use_id: tool_use_id.as_deref().map(|id| self.name(id)),
            parts: kept
                .map(|Part { text, verdict }| PartFields { verdict: verdict.name().to_owned(), text: self.text(text) })
                .collect(),
            parts_left_out: parts.len().saturating_sub(self.count),
        }
    }

    fn rule(self, rule: &RuleRef) -> RuleFields {
        let RuleRef { text, list, origin: Origin { scope, file, line } } = rule;
        RuleFields {
            text: self.text(text),
            list: list.name().to_owned(),
            scope: scope.name().to_owned(),
            file: self.name(file),
            line: *line,
        }
    }

    fn input(self, input: &Kept) -> InputFields {
        match input {
            Kept::Text { text, found } => {
                let text = self.text(text);
                // What `redact` found here, its markers name.
                let is_found = |kind: &SecretKind| found.contains(kind) || text.contains(&kind.marker());
                let kinds = SecretKind::ALL.iter().filter(|kind| is_found(kind));
                let redacted = kinds.map(|kind| kind.name().to_owned()).collect();
                InputFields { text: Some(text), redacted, ..InputFields::default() }
            }
            Kept::Digest { sha256, bytes } => {
                InputFields { sha256: Some(self.name(sha256)), bytes: Some(*bytes), ..InputFields::default() }
            }
        }
    }

    fn connection(self, connection: &Connection) -> ConnectionFields {
        let Connection { of, number, stage, way, target, address, program, rule, verdict, reason } = connection;
        let (stage_name, note, sent, received) = match stage {
            ConnectionStage::Decided => ("decided", None, None, None),
            ConnectionStage::Noted(note) => ("noted", Some(note), None, None),
            ConnectionStage::Ended { sent, received } => ("ended", None, Some(*sent), Some(*received)),
        };
        ConnectionFields {
            of: *of,
            number: *number,
            stage: stage_name.to_owned(),
            note: note.map(|note| self.name(note)),
            way: self.name(way),
            target: target.as_deref().map(|target| self.name(target)),
            address: address.as_deref().map(|address| self.name(address)),
            program: program.as_deref().map(|program| self.name(program)),
            rule: rule.as_ref().map(|rule| self.rule(rule)),
            verdict: verdict.name().to_owned(),
            reason: self.text(reason),
            sent,
            received,
        }
    }

    fn outcome(self, outcome: &Outcome) -> OutcomeFields {
        let Outcome { of, end, enforced, missing, refused_count, duration_ms } = outcome;
        let (name, code, signal, summary) = match end {
            End::Exited(code) => ("exited", Some(*code), None, None),
            End::Signalled(signal) => ("signalled", None, Some(*signal), None),
            End::Succeeded(summary) => ("succeeded", None, None, Some(self.text(summary))),
            End::Failed(summary) => ("failed", None, None, Some(self.text(summary))),
        };
        let list = |texts: &[String]| texts.iter().take(self.count).map(|text| self.text(text)).collect();
        OutcomeFields {
            of: *of,
            end: name.to_owned(),
            code,
            signal,
            summary,
            enforced: list(enforced),
            missing: list(missing),
            refused_count: *refused_count,
            duration_ms: *duration_ms,
        }
    }

    /// Free text: without secrets, and cut. Of a text that is far too long only the beginning is looked
    /// at, and so much more that a secret that goes over the cut is found.
    fn text(self, text: &str) -> String {
        let end = text.floor_char_boundary(self.text_bytes + limits::REDACT_MARGIN_BYTES);
        if end == text.len() {
            return cut(redact(text).text, self.text_bytes);
        }
        let begin = redact(text.get(..end).unwrap_or_default()).text;
        let kept = begin.get(..begin.floor_char_boundary(self.text_bytes)).unwrap_or_default();
        format!("{kept}[cut: {} bytes]", text.len())
    }

    /// A name, path, or digest: cut only.
    fn name(self, text: &str) -> String {
        cut(text.to_owned(), self.text_bytes)
    }
}

/// Cuts a text at a character's end, and says how long it was and what it was.
pub(crate) fn cut(text: String, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let end = text.floor_char_boundary(bytes_max);
    let sha256 = crate::tree::Digest::of(text.as_bytes()).hex();
    format!("{}[cut: {} bytes, sha256 {sha256}]", text.get(..end).unwrap_or_default(), text.len())
}

fn answer_fields(answer: &Answer) -> AnswerFields {
    let Answer { to, by, reply } = answer;
    AnswerFields { to: *to, by: by_name(*by).to_owned(), reply: reply_name(*reply).to_owned() }
}

fn repair_fields(repair: &Repair) -> RepairFields {
    let (found, file, bytes, size, root) = match repair {
        Repair::Torn { file, bytes } => ("torn", Some(file.clone()), Some(*bytes), None, None),
        Repair::HeadMissing => ("head_missing", None, None, None, None),
        Repair::HeadDamaged => ("head_damaged", None, None, None, None),
        Repair::Cut { size, root } => ("cut", None, None, Some(*size), Some(root.clone())),
    };
    RepairFields { found: found.to_owned(), file, bytes, size, root }
}

fn by_name(by: AnsweredBy) -> &'static str {
    match by {
        AnsweredBy::Typed => "typed",
        AnsweredBy::Prompted => "prompted",
        AnsweredBy::Terminal => "terminal",
    }
}

fn reply_name(reply: Reply) -> &'static str {
    match reply {
        Reply::Approved => "approved",
        Reply::Refused => "refused",
    }
}

fn trust_name(change: TrustChange) -> &'static str {
    match change {
        TrustChange::Granted => "granted",
        TrustChange::Withdrawn => "withdrawn",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Takes content and secrets out of an input that is a JSON object. Nothing when it is not one.
pub(crate) fn keep_fields(input: &str) -> Option<(String, Vec<SecretKind>)> {
    let mut value: serde_json::Value = serde_json::from_str(input).ok().filter(serde_json::Value::is_object)?;
    let mut found = Vec::new();
    strip(&mut value, &mut found);
    Some((value.to_string(), found))
}

/// JSON of `serde_json` is at most 128 deep, so this recursion is bounded.
fn strip(value: &mut serde_json::Value, found: &mut Vec<SecretKind>) {
    match value {
        serde_json::Value::String(text) => {
            let redacted = redact(text);
            found.extend(redacted.found);
            *text = cut(redacted.text, limits::KEEP_STRING_BYTES_MAX);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| strip(item, found)),
        serde_json::Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match field {
            serde_json::Value::String(text) if CONTENT_FIELDS.contains(&name.as_str()) => {
                let sha256 = crate::tree::Digest::of(text.as_bytes()).hex();
                *text = format!("[content: {} bytes, sha256 {sha256}]", text.len());
            }
            _ => strip(field, found),
        }),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// What any line says, of whatever version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Common {
    pub(crate) value: serde_json::Value,
    pub(crate) schema_version: Option<u64>,
    pub(crate) time: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) record: Option<Record>,
}

/// Reads a line's JSON; nothing when it is not a JSON object.
pub(crate) fn read(line: &[u8]) -> Option<Common> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let object = value.as_object()?;
    let text = |name: &str| object.get(name)?.as_str().map(str::to_owned);
    let schema_version = object.get("schema_version").and_then(serde_json::Value::as_u64);
    let (time, session, source, kind) = (text("time"), text("session"), text("source"), text("kind"));
    let known = schema_version == Some(u64::from(SCHEMA_VERSION));
    let record = known.then(|| serde_json::from_slice(line).ok().and_then(record)).flatten();
    Some(Common { schema_version, time, session, source, kind, record, value })
}

/// Returns the verdict of a decision and its tool, of whatever version.
pub(crate) fn decision_texts(value: &serde_json::Value) -> (Option<&str>, Option<&str>) {
    let text = |name: &str| value.get("decision")?.get(name)?.as_str();
    (text("verdict"), text("tool"))
}

/// Returns what a repair record found, of whatever version: its name, size and root.
pub(crate) fn repair_cut(line: &[u8]) -> Option<(u64, String)> {
    let fields: Fields = serde_json::from_slice(line).ok()?;
    let repair = fields.repair?;
    (repair.found == "cut").then_some((repair.size?, repair.root?))
}

fn record(fields: Fields) -> Option<Record> {
    let body = match fields.kind.as_str() {
        "decision" => Body::Decision(Box::new(decision(fields.decision?)?)),
        "answer" => Body::Answer(answer(&fields.answer?)?),
        "started" => Body::Started(Started { under: fields.started?.under }),
        "connection" => Body::Connection(Box::new(connection(fields.connection?)?)),
        "outcome" => Body::Outcome(outcome(fields.outcome?)?),
        "trust" => Body::Trust(trust(fields.trust?)?),
        "settings" => {
            let SettingsFields { policy_digest, previous_digest } = fields.settings?;
            Body::Settings(Settings { policy_digest, previous_digest })
        }
        "repair" => Body::Repair(repair(fields.repair?)?),
        _ => return None,
    };
    let time_ms = clock::parse(&fields.time)?;
    Some(Record { time_ms, session: fields.session, source: fields.source, uid: fields.uid, pid: fields.pid, body })
}

fn decision(fields: DecisionFields) -> Option<Decision> {
    let rule = match fields.rule {
        None => None,
        Some(rule) => Some(rule_ref(rule)?),
    };
    let part = |part: PartFields| Some(Part { verdict: verdict(&part.verdict)?, text: part.text });
    Some(Decision {
        verdict: verdict(&fields.verdict)?,
        reason: fields.reason,
        rule,
        mode: Mode::ALL.into_iter().find(|mode| mode.name() == fields.mode)?,
        tool: fields.tool,
        cwd: fields.cwd,
        input: input(fields.input)?,
        action_digest: fields.action_digest,
        policy_digest: fields.policy_digest,
        tool_use_id: fields.tool_use_id,
        parts: fields.parts.into_iter().map(part).collect::<Option<_>>()?,
    })
}

fn rule_ref(rule: RuleFields) -> Option<RuleRef> {
    Some(RuleRef {
        list: [List::Deny, List::Ask, List::Allow].into_iter().find(|list| list.name() == rule.list)?,
        origin: Origin { scope: Scope::parse(&rule.scope)?, file: rule.file, line: rule.line },
        text: rule.text,
    })
}

fn connection(fields: ConnectionFields) -> Option<Connection> {
    let ConnectionFields { of, number, stage, way, target, address, program, rule, .. } = fields;
    let stage = match stage.as_str() {
        "decided" => ConnectionStage::Decided,
        "noted" => ConnectionStage::Noted(fields.note?),
        "ended" => ConnectionStage::Ended { sent: fields.sent?, received: fields.received? },
        _ => return None,
    };
    let rule = match rule {
        None => None,
        Some(rule) => Some(rule_ref(rule)?),
    };
    let (verdict, reason) = (verdict(&fields.verdict)?, fields.reason);
    Some(Connection { of, number, stage, way, target, address, program, rule, verdict, reason })
}

fn verdict(name: &str) -> Option<Verdict> {
    [Verdict::Allow, Verdict::Ask, Verdict::Deny].into_iter().find(|verdict| verdict.name() == name)
}

fn input(fields: InputFields) -> Option<Kept> {
    match fields {
        InputFields { text: Some(text), redacted, .. } => {
            let found = redacted.iter().filter_map(|name| SecretKind::parse(name)).collect();
            Some(Kept::Text { text, found })
        }
        InputFields { sha256: Some(sha256), bytes: Some(bytes), .. } => Some(Kept::Digest { sha256, bytes }),
        _ => None,
    }
}

fn answer(fields: &AnswerFields) -> Option<Answer> {
    let by = [AnsweredBy::Typed, AnsweredBy::Prompted, AnsweredBy::Terminal];
    let by = by.into_iter().find(|by| by_name(*by) == fields.by)?;
    let reply = [Reply::Approved, Reply::Refused].into_iter().find(|reply| reply_name(*reply) == fields.reply)?;
    Some(Answer { to: fields.to, by, reply })
}

fn outcome(fields: OutcomeFields) -> Option<Outcome> {
    let end = match fields.end.as_str() {
        "exited" => End::Exited(fields.code?),
        "signalled" => End::Signalled(fields.signal?),
        "succeeded" => End::Succeeded(fields.summary?),
        "failed" => End::Failed(fields.summary?),
        _ => return None,
    };
    let OutcomeFields { of, enforced, missing, refused_count, duration_ms, .. } = fields;
    Some(Outcome { of, end, enforced, missing, refused_count, duration_ms })
}

fn trust(fields: TrustFields) -> Option<Trust> {
    let changes = [TrustChange::Granted, TrustChange::Withdrawn];
    let change = changes.into_iter().find(|change| trust_name(*change) == fields.change)?;
    Some(Trust { change, folder: fields.folder })
}

fn repair(fields: RepairFields) -> Option<Repair> {
    Some(match fields.found.as_str() {
        "torn" => Repair::Torn { file: fields.file?, bytes: fields.bytes? },
        "head_missing" => Repair::HeadMissing,
        "head_damaged" => Repair::HeadDamaged,
        "cut" => Repair::Cut { size: fields.size?, root: fields.root? },
        _ => return None,
    })
}
