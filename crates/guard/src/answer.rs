//! A person's answer to a question.

use audit::{Answer, AnsweredBy, Body, Receipt, Reply};
use policy::{Approval, Pending, Permit, Refusal, Tool};

use crate::admit::{Guard, Stamp};

/// What an answer makes of a question.
#[derive(Debug)]
#[must_use = "an answered question is carried out or refused"]
pub enum Answered {
    /// The person said yes, in a way that is strong enough.
    Permit(Permit<Tool>),
    /// The person said no, nobody was asked, or the answer could not be recorded.
    Refusal(Refusal),
}

impl Guard<'_> {
    /// Answers a question: `None` is a no. The answer is recorded before it counts.
    pub fn answer(&self, pending: Pending, of: &Receipt, approval: Option<Approval>, stamp: &Stamp<'_>) -> Answered {
        let enough = approval.filter(|approval| *approval >= pending.needs());
        let answer = Answer {
            to: of.seq,
            by: match approval {
                Some(Approval::Typed) => AnsweredBy::Typed,
                Some(Approval::Prompted) => AnsweredBy::Prompted,
                Some(Approval::Terminal) | None => AnsweredBy::Terminal,
            },
            reply: if enough.is_some() { Reply::Approved } else { Reply::Refused },
        };
        if let Err(error) = self.journal.append(&stamp.record(Body::Answer(answer))) {
            return Answered::Refusal(pending.refuse(&format!("the answer cannot be recorded: {error}")));
        }
        match enough {
            Some(approval) => match pending.approve(approval) {
                Ok(permit) => Answered::Permit(permit),
                Err(pending) => Answered::Refusal(pending.refuse("the answer is not strong enough")),
            },
            None => Answered::Refusal(pending.refuse("nobody approved it")),
        }
    }
}
