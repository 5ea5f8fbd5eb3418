//! The lines, version 1.

use serde::{Deserialize, Serialize};

use crate::limits::REASON_BYTES_MAX;
use crate::proxy::{Answer, Question};

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Asks<'a> {
    version: u32,
    id: u64,
    host: String,
    port: u16,
    command: &'a str,
    program: &'a str,
    reason: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Says {
    version: u32,
    id: u64,
    answer: Word,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Once,
    Session,
    Always,
    Deny,
}

/// Returns a question's line.
pub(super) fn question(id: u64, question: &Question) -> Vec<u8> {
    let asks = Asks {
        version: VERSION,
        id,
        host: question.target.host.to_string(),
        port: question.target.port(),
        command: &question.caller.command,
        program: &question.caller.program,
        reason: &question.reason,
    };
    // Texts and numbers can always be written.
    let mut line = serde_json::to_vec(&asks).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads an answer's line: its number and what it says.
pub(super) fn answer(line: &[u8]) -> Option<(u64, Answer)> {
    let Says { version, id, answer, reason } = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    if version != VERSION {
        return None;
    }
    let answer = match answer {
        Word::Once => Answer::Once,
        Word::Session => Answer::Session,
        Word::Always => Answer::Always,
        Word::Deny => {
            let reason = reason.unwrap_or_else(|| "the decider said no".to_owned());
            // It goes into lines that a program reads.
            let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
            Answer::Deny(reason.chars().map(plain).take(REASON_BYTES_MAX).collect())
        }
    };
    Some((id, answer))
}
