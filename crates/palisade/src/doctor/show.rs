//! The checks and situations as text and as JSON.

use policy::AbsPath;
use serde_json::{Value, json};

use super::checks::{Check, Fix, Status};
use super::facts::Facts;
use super::situations::{self, Judged, Situation};
use crate::say::{self, Paint, shown};

/// What is to be shown.
pub(super) struct Report<'a> {
    pub(super) facts: &'a Facts,
    pub(super) checks: &'a [Check],
    /// The one that was asked about.
    pub(super) situation: Option<Situation>,
    /// The user's settings file.
    pub(super) settings: &'a AbsPath,
}

impl Report<'_> {
    fn judged(&self) -> Vec<Judged> {
        let all = match self.situation {
            Some(one) => vec![one],
            None => Situation::ALL.to_vec(),
        };
        all.into_iter().map(|situation| situations::judge(situation, self.facts)).collect()
    }

    pub(super) fn print(&self, paint: Paint) {
        for check in self.checks {
            let status = match check.status {
                Status::Ok | Status::Skip => paint.faint(&format!("{:<6}", check.status.name())),
                Status::Warn | Status::Fail => paint.bad(&format!("{:<6}", check.status.name())),
            };
            say::data(&format!("{status}{:<18}{}", check.id, shown(&clean(&check.evidence))));
            for fix in &check.fixes {
                say::data(&format!("      {:<18}{}", "", shown(&self.fix(fix))));
            }
        }
        say::data("");
        say::data(&paint.heading("what this machine is for now"));
        for Judged { situation, lacks } in &self.judged() {
            let fits = if lacks.is_empty() {
                "fits"
            } else if lacks.iter().any(|lack| lack.is_required) {
                "does not fit"
            } else {
                "fits, and could be better"
            };
            say::data(&format!("  {:<11}{fits}: {}", situation.name(), situation.command()));
            for lack in lacks {
                say::data(&format!("             lacks {}: {}", lack.what, shown(&lack.takes)));
            }
        }
        let others: Vec<&str> = self.facts.hands.iter().map(|(name, _)| *name).collect();
        if !others.is_empty() {
            say::data("");
            say::data(&paint.faint(&format!("other boundaries are here, too: {}", others.join(", "))));
        }
        let count = |status: Status| self.checks.iter().filter(|check| check.status == status).count();
        say::data(&paint.faint(&format!(
            "{} checks: {} fail, {} warn",
            self.checks.len(),
            count(Status::Fail),
            count(Status::Warn)
        )));
    }

    fn fix(&self, fix: &Fix) -> String {
        match fix {
            Fix::Command(command) => format!("what helps: {command}"),
            Fix::Advice(advice) => format!("what helps: {}", clean(advice)),
            Fix::Repair(repair) => format!("`palisade doctor --fix` would {}", repair.describe(self.settings)),
        }
    }

    pub(super) fn json(&self) -> Value {
        let check = |check: &Check| {
            let Check { id, status, evidence, fixes } = check;
            let fixes: Vec<Value> = fixes.iter().map(|fix| self.fix_json(fix)).collect();
            json!({"id": id, "status": status.name(), "evidence": clean(evidence), "fixes": fixes})
        };
        let situation = |judged: &Judged| {
            let lacks = judged.lacks.iter();
            let lacks = lacks.map(|lack| json!({"what": lack.what, "takes": lack.takes, "required": lack.is_required}));
            json!({
                "situation": judged.situation.name(),
                "fits": judged.fits(),
                "command": judged.situation.command(),
                "lacks": lacks.collect::<Vec<_>>(),
            })
        };
        let hands = self.facts.hands.iter().map(|(name, path)| json!({"name": name, "path": path}));
        json!({
            "schema_version": 1,
            "ok": !self.checks.iter().any(|check| check.status == Status::Fail),
            "tier": self.facts.machine.tier().map(sandbox::Tier::name),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "situations": self.judged().iter().map(situation).collect::<Vec<_>>(),
            "other_boundaries": hands.collect::<Vec<_>>(),
        })
    }

    fn fix_json(&self, fix: &Fix) -> Value {
        match fix {
            Fix::Command(command) => json!({"kind": "command", "text": command}),
            Fix::Advice(advice) => json!({"kind": "advice", "text": clean(advice)}),
            Fix::Repair(repair) => json!({"kind": "fix", "text": repair.describe(self.settings)}),
        }
    }
}

/// Returns what was seen without the secrets in it, which a hook's command or a message about settings can hold.
fn clean(text: &str) -> String {
    secrets::redact(text).text
}
