//! Characters that hide what a text says from the one who reads it.

use crate::limits;
use crate::tree::{Doubt, DoubtKind, Span};

/// Returns a doubt for each run of control, invisible, direction-changing and blank-looking characters.
pub(crate) fn doubts(text: &str) -> Vec<Doubt> {
    let mut doubts: Vec<Doubt> = Vec::new();
    for (start, c) in text.char_indices().filter(|&(_, c)| misleads(c)) {
        let end = start + c.len_utf8();
        if let Some(last) = doubts.last_mut().filter(|last| last.span.end == start) {
            last.span.end = end;
        } else if doubts.len() < limits::DOUBTS_MAX / 2 {
            doubts.push(Doubt { kind: DoubtKind::Characters, span: Span { start, end } });
        }
    }
    doubts
}

fn misleads(c: char) -> bool {
    match c {
        '\t' | '\n' | ' '..='~' => false,
        // No-break space, soft hyphen, joiners and fillers.
        '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        // Blanks of other widths, zero-width characters, marks and overrides of direction.
        '\u{1680}' | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' => true,
        '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        // Variation selectors, except the one that makes an emoji; annotations; tags.
        '\u{fe00}'..='\u{fe0e}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => {
            true
        }
        _ => c.is_control() || c.is_whitespace(),
    }
}
