//! What the analysis says beforehand. The only place that interprets [`Effects`].

use std::collections::BTreeSet;

use policy::Effects;
use policy::effects::{Access, Links, Part, Program, Target};

/// A prediction, in the words of the comparison.
#[derive(Debug, Clone, Default)]
pub(super) struct Prediction {
    /// Names of programs that may be started.
    pub(super) programs: BTreeSet<String>,
    pub(super) writes: Vec<Place>,
    pub(super) deletes: Vec<Place>,
    /// Hosts and URLs.
    pub(super) reaches: Vec<String>,
    /// True when it may reach hosts that the line does not name.
    pub(super) any_host: bool,
    /// True when it signals other processes.
    pub(super) signals: bool,
    /// Why anything may happen, if the analysis says so.
    pub(super) marked: Option<String>,
    /// True when the analysis proves that nothing is changed: it would be allowed without a rule.
    pub(super) reads_only: bool,
}

/// A place that is written or deleted.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) paths: Vec<String>,
    /// The pattern that the last names must match, below the paths.
    pub(super) pattern: Option<String>,
    pub(super) below: bool,
    /// Which links it goes through: a decision wants to know of each where it leads.
    pub(super) links: Links,
}

/// Returns what the effects predict.
pub(super) fn predicted(effects: &Effects) -> Prediction {
    let mut prediction = Prediction { marked: effects.opaque.clone(), ..Prediction::default() };
    for part in &effects.parts {
        if let Program::Named(name) = &part.program {
            prediction.programs.insert(name.rsplit('/').next().unwrap_or(name).to_owned());
        }
        prediction.programs.extend(part.starts.iter().cloned());
        for touch in &part.touches {
            let (below, links) = (touch.recursive, touch.links);
            let place = match &touch.target {
                Target::Paths(paths) => Place { paths: texts(paths), pattern: None, below, links },
                Target::Pattern(pattern, paths) => {
                    let pattern = Some(pattern.trim_start_matches("./").to_owned());
                    Place { paths: texts(paths), pattern, below, links }
                }
                Target::Unknown(word) if touch.access > Access::Read => {
                    prediction.marked.get_or_insert(format!("it changes `{word}`, which is not known"));
                    continue;
                }
                Target::Unknown(_) => continue,
            };
            match touch.access {
                Access::Look | Access::Read => {}
                Access::Write => prediction.writes.push(place),
                Access::Delete => prediction.deletes.push(place),
            }
        }
        prediction.reaches.extend(part.reaches.iter().cloned());
        prediction.any_host |= part.does.contains(&programs::Does::Network);
        prediction.signals |= part.does.contains(&programs::Does::Signals);
        if let Some(why) = mark(part) {
            prediction.marked.get_or_insert(why);
        }
    }
    let harmless = |part: &Part| part.reads_only && part.suspicious.is_none() && part.forbidden.is_none();
    prediction.reads_only = effects.opaque.is_none() && effects.parts.iter().all(harmless);
    if prediction.reads_only {
        // A proof is held to its word, whatever else is marked.
        prediction.marked = None;
    }
    prediction
}

/// Returns why a part may do anything, if it is not claimed to be understood.
fn mark(part: &Part) -> Option<String> {
    if let Some(why) = part.suspicious.as_ref().or(part.forbidden.as_ref()) {
        return Some(why.clone());
    }
    if part.program == Program::Unknown {
        return Some("its program is not known".to_owned());
    }
    if let Some(does) = part.does.iter().find(|does| does.is_open()) {
        return Some(does.words().to_owned());
    }
    part.unlisted.first().cloned()
}

fn texts(paths: &[policy::AbsPath]) -> Vec<String> {
    paths.iter().map(|path| path.as_str().to_owned()).collect()
}
