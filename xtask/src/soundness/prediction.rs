//! What the analysis says beforehand. The only place that interprets [`Effects`].

use std::collections::BTreeSet;

use policy::Effects;
use policy::effects::{Access, By, Part, Program, Target};

/// Programs that change nothing whatever their words are: only a redirection of theirs does.
const SPEAKERS: &[&str] = &["echo", "printf", "cat", "ls", "grep", "head", "tail", "true", ":"];

/// A prediction, in the words of the comparison.
#[derive(Debug, Clone, Default)]
pub(super) struct Prediction {
    /// Names of programs that may be started.
    pub(super) programs: BTreeSet<String>,
    pub(super) writes: Vec<Place>,
    pub(super) deletes: Vec<Place>,
    /// Hosts and URLs.
    pub(super) reaches: Vec<String>,
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
}

/// Returns what the effects predict.
pub(super) fn predicted(effects: &Effects) -> Prediction {
    let mut prediction = Prediction { marked: effects.opaque.clone(), ..Prediction::default() };
    for part in &effects.parts {
        match &part.program {
            Program::Named(name) => {
                // What a wrapper runs is told by the part's readings.
                let inner =
                    part.allow_readings.iter().chain(&part.readings).filter_map(|reading| reading.split(' ').next());
                let names = inner.chain([name.as_str()]).map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
                prediction.programs.extend(names);
            }
            Program::None | Program::Unknown => {}
        }
        for touch in &part.touches {
            let place = match &touch.target {
                Target::Paths(paths) => Place { paths: texts(paths), pattern: None, below: touch.recursive },
                Target::Pattern(pattern, paths) => {
                    Place { paths: texts(paths), pattern: Some(pattern.clone()), below: touch.recursive }
                }
                Target::Unknown(word) if touch.access > Access::Read => {
                    prediction.marked.get_or_insert(format!("it changes `{word}`, which is not known"));
                    continue;
                }
                Target::Unknown(_) => continue,
            };
            match touch.access {
                Access::Read => {}
                Access::Write => prediction.writes.push(place),
                Access::Delete => prediction.deletes.push(place),
            }
        }
        prediction.reaches.extend(part.reaches.iter().cloned());
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
    if let Some(word) = part.unknown.first().filter(|_| !part.reads_only) {
        return Some(format!("`{word}` is not known"));
    }
    let name = match &part.program {
        Program::None => return None,
        Program::Unknown => return Some("its program is not known".to_owned()),
        Program::Named(name) => name,
    };
    if part.exact_only {
        return Some(format!("the arguments of `{name}` run or delete"));
    }
    let changes = part.touches.iter().any(|touch| touch.access > Access::Read && touch.by == By::Operand);
    let redirects = part.touches.iter().any(|touch| touch.access > Access::Read && touch.by == By::Redirect);
    let speaks = redirects && SPEAKERS.contains(&name.as_str());
    (!part.reads_only && !changes && !speaks).then(|| format!("`{name}` is in no table"))
}

fn texts(paths: &[policy::AbsPath]) -> Vec<String> {
    paths.iter().map(|path| path.as_str().to_owned()).collect()
}
