//! Patterns of hosts as the texts that they cover, for comparing and for finding them.

use super::HostPattern;
use crate::lint::language::{Language, Letters};

impl HostPattern {
    /// Returns the names that the pattern covers.
    pub(crate) fn language(&self) -> Language {
        let mut language = Language::empty_text();
        match self {
            Self::Any => language.then_many(&Letters::any()),
            Self::Below(domain) => {
                language.then(&Letters::any());
                language.then_many(&Letters::any());
                language.then_text(&format!(".{domain}"));
            }
            Self::Labels(labels) => {
                for (index, label) in labels.iter().enumerate() {
                    language.then_text(if index == 0 { "" } else { "." });
                    crate::command::spell(label, &Letters::but('.'), &mut language);
                }
            }
            Self::Address(_) => language.then_text(&self.to_string()),
        }
        language
    }

    /// Returns the last labels that every host it covers has; empty where any host may do.
    pub(crate) fn tail(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Below(domain) => domain.clone(),
            Self::Labels(labels) => {
                let start = labels.iter().rposition(|label| label.contains('*')).map_or(0, |at| at + 1);
                labels.get(start..).unwrap_or_default().join(".")
            }
            Self::Address(_) => self.to_string(),
        }
    }
}
