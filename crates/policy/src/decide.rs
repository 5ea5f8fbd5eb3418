//! The only verdict (to come).
use crate::controls::{Controls, Network};
use crate::proof::{PartProof, Verdict};
use crate::{Action, Decision, Effects, Facts, Mode, Permit, Policy, Proof};
/// Decides.
pub fn decide(_policy: &Policy, action: &Action, _effects: &Effects, facts: &Facts) -> Decision {
    let part = PartProof {
        text: action.tool.clone(),
        span: None,
        understood: Vec::new(),
        verdict: Verdict::Allow,
        reason: String::new(),
        rule: None,
    };
    let proof = Proof {
        verdict: Verdict::Allow,
        reason: "stub".into(),
        rule: None,
        hint: None,
        parts: vec![part],
        shadowed: Vec::new(),
        mode: Mode::Default,
    };
    let controls = facts.boundary.as_ref().map(|boundary| Controls {
        cwd: action.cwd.clone(),
        home: facts.home.clone(),
        writable: boundary.writable.clone(),
        unreadable: boundary.unreadable.clone(),
        unwritable: boundary.unwritable.clone(),
        network: Network::None,
    });
    Decision::Allow(Permit::new(proof, controls))
}
