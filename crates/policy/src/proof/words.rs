//! The words for a person. Whoever shows a proof takes them from here.

use super::{Boundary, Effect, EffectKind, Lift, Mark, MarkKind, Proof, RuleRef, Verdict};
use crate::facts::Removal;
use crate::layer::Origin;

impl Origin {
    /// Returns the place as a person would name it: the file and, where there is one, the line.
    pub fn place(&self) -> String {
        if self.line == 0 { self.file.clone() } else { format!("{}:{}", self.file, self.line) }
    }
}

impl RuleRef {
    /// Returns the rule with its list and place: "deny `Bash(rm *)` at ~/.claude/settings.json:7".
    pub fn words(&self) -> String {
        format!("{} `{}` at {}", self.list.name(), shown(&self.text), self.origin.place())
    }
}

impl Proof {
    /// Returns the answer to whoever asked: why, and the way forward where one is needed.
    pub fn words(&self) -> String {
        match (self.verdict, &self.hint) {
            (Verdict::Ask | Verdict::Deny, Some(hint)) => format!("{}. Way forward: {hint}", self.reason),
            (Verdict::Allow, _) | (_, None) => self.reason.clone(),
        }
    }

    /// Returns how a part was understood, a line each: what it does, what is not known of it, and how much it
    /// would destroy.
    pub fn understood(&self, part: usize) -> Vec<String> {
        let Some(proof) = self.parts.get(part) else { return Vec::new() };
        let mut lines: Vec<String> = proof.effects.iter().map(Effect::words).collect();
        // What the reason or an effect says is not said again.
        let is_told = |mark: &Mark| match mark.kind {
            MarkKind::Word => proof.effects.iter().any(|effect| effect.what.contains(&format!("`{}`, ", mark.what))),
            MarkKind::Suspicious | MarkKind::Forbidden => proof.reason.contains(&mark.why),
            MarkKind::Text | MarkKind::Program | MarkKind::Meaning => false,
        };
        let marks = self.marks.iter().filter(|mark| mark.part == Some(part) && !is_told(mark));
        lines.extend(marks.map(Mark::words));
        lines.extend(proof.removals.iter().map(Removal::words));
        lines
    }
}

impl Lift {
    /// Returns it with its place: "`sandbox.excludedCommands: docker *` (~/.claude/settings.json:7)".
    pub fn words(&self) -> String {
        format!("`{}` ({})", shown(&secrets::redact(&self.text).text), self.origin.place())
    }
}

impl Boundary {
    /// Returns where the command runs, and why.
    pub fn words(&self) -> String {
        match self {
            Self::Inside { kept: None } => "runs inside the boundary".to_owned(),
            Self::Inside { kept: Some(why) } => format!("stays inside the boundary: {why}"),
            Self::Outside { by } => {
                let by: Vec<String> = by.iter().map(Lift::words).collect();
                format!("leaves the boundary by {}", by.join(" and "))
            }
        }
    }
}

impl EffectKind {
    /// Returns the kind's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Looks => "looks",
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Deletes => "deletes",
            Self::Mentions => "mentions",
            Self::Reaches => "reaches",
            Self::Starts => "starts",
            Self::Does => "does",
            Self::Nothing => "nothing",
        }
    }
}

impl Effect {
    /// Returns the effect as a line: "reads /x and everything below it".
    pub fn words(&self) -> String {
        let Self { kind, what, below, links } = self;
        let below = match (below, links) {
            (false, _) => "",
            (true, false) => " and everything below it",
            (true, true) => " and everything below it, links followed",
        };
        match kind {
            EffectKind::Runs => format!("runs `{what}`"),
            EffectKind::Looks => format!("looks at {what}{below}"),
            EffectKind::Reads => format!("reads {what}{below}"),
            EffectKind::Writes => format!("writes {what}{below}"),
            EffectKind::Deletes => format!("deletes {what}{below}"),
            EffectKind::Mentions => format!("mentions {what}"),
            EffectKind::Reaches => format!("reaches {what}"),
            EffectKind::Starts => format!("starts `{what}` as a part of itself"),
            EffectKind::Does => what.clone(),
            EffectKind::Nothing => "changes nothing".to_owned(),
        }
    }
}

impl MarkKind {
    /// Returns the kind's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Program => "program",
            Self::Word => "word",
            Self::Meaning => "meaning",
            Self::Suspicious => "suspicious",
            Self::Forbidden => "forbidden",
        }
    }
}

impl Mark {
    /// Returns the mark as a line; a part's own text stands above its lines and is not said again.
    pub fn words(&self) -> String {
        let Self { kind, what, why, part: _, span } = self;
        match (kind, span) {
            (MarkKind::Text, _) if what.trim().is_empty() => why.clone(),
            (MarkKind::Text, Some(span)) => format!("{why}: `{}` at byte {}", what.trim(), span.start),
            (MarkKind::Text, None) => format!("{why}: `{}`", what.trim()),
            (MarkKind::Word, _) => format!("`{}`: {why}", what.trim()),
            (MarkKind::Program | MarkKind::Meaning | MarkKind::Suspicious | MarkKind::Forbidden, _) => why.clone(),
        }
    }
}

/// Returns text from outside as it may be shown: control and direction-changing characters are spelled out.
pub fn shown(text: &str) -> String {
    if !text.contains(is_invisible) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_invisible(letter) {
            plain.extend(letter.escape_unicode());
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// Returns true for a character that moves the terminal, cannot be seen or turns the direction of reading.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
