//! Holds what was seen against what was predicted.

use std::collections::BTreeSet;

use policy::effects::Links as Goes;

use super::PROJECT;
use super::observed::{Effect, Observed, joined};
use super::prediction::{Place, Prediction};
use super::tree::Links;

/// Services of this machine, and the programs that are their clients: what is asked of one is what the words say.
const CLIENTS: &[(&str, &str)] = &[("docker", "unix:/var/run/docker.sock")];

/// What the name `localhost` stands for in the table of hosts, which needs no question to a name server.
const LOOPBACK: &[&str] = &["127.0.0.1", "::1"];

/// What a command turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Proved to change nothing, and it changed nothing.
    Proved,
    /// Understood, and it did nothing else.
    Understood,
    /// Marked: it may do anything.
    Marked,
    /// Understood, and it did something else.
    Missed,
    /// Proved to change nothing, and it did something.
    Unsound,
    /// It could not run here: its program is not installed, or its shell rejects it.
    NotRun,
}

/// Returns the effects that a prediction does not cover.
pub(super) fn uncovered(prediction: &Prediction, observed: &Observed, links: &Links) -> Vec<Effect> {
    if prediction.marked.is_some() {
        return Vec::new();
    }
    let is_open =
        |effect: &&Effect| !covers(prediction, effect, links) && !replaces(prediction, effect, observed, links);
    observed.effects.iter().filter(is_open).cloned().collect()
}

fn covers(prediction: &Prediction, effect: &Effect, links: &Links) -> bool {
    match effect {
        Effect::Run { path, by: _ } => prediction.programs.contains(base(path)),
        // What is to be deleted may be overwritten before.
        Effect::Write(path) => {
            refreshes_index(path) || within(&prediction.writes, path, links) || within(&prediction.deletes, path, links)
        }
        // `mkdir -p` makes what stands above what it is told to make, and nothing in it.
        Effect::Make(path) => {
            within(&prediction.writes, path, links)
                || prediction.writes.iter().flat_map(|place| &place.paths).any(|made| is_below(made, path))
        }
        Effect::Delete(path) => refreshes_index(path) || within(&prediction.deletes, path, links),
        Effect::Reach(place) => {
            let is_client =
                |(program, service): &(&str, &str)| place == service && prediction.programs.contains(*program);
            prediction.any_host
                || prediction.reaches.iter().any(|reach| {
                    reach.contains(place.as_str())
                        || (reach.contains("localhost") && LOOPBACK.contains(&place.as_str()))
                })
                || place.strip_prefix("unix:").is_some_and(|socket| within(&prediction.writes, socket, links))
                || CLIENTS.iter().any(is_client)
        }
        Effect::Signal(_) => prediction.signals,
        Effect::System(_) => false,
    }
}

/// What is to be written may be removed first and made anew.
fn replaces(prediction: &Prediction, effect: &Effect, observed: &Observed, links: &Links) -> bool {
    match effect {
        Effect::Delete(path) => {
            observed.effects.contains(&Effect::Write(path.clone())) && within(&prediction.writes, path, links)
        }
        Effect::Run { .. }
        | Effect::Write(_)
        | Effect::Make(_)
        | Effect::Reach(_)
        | Effect::Signal(_)
        | Effect::System(_) => false,
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Commands of git that only read bring the times in its index up to date. Its content stays.
fn refreshes_index(path: &str) -> bool {
    path.ends_with("/.git/index.lock") || path.ends_with("/.git/index")
}

fn within(places: &[Place], path: &str, links: &Links) -> bool {
    let names = links.names(path);
    let is_in = |place: &Place| names.iter().any(|name| means(place, name, links)) || leads_to(place, &names, links);
    places.iter().any(is_in)
}

/// Returns true when a place means a name, without the links in it.
fn means(place: &Place, name: &str, links: &Links) -> bool {
    let Some(pattern) = &place.pattern else {
        let mut targets = place.paths.iter().flat_map(|target| links.names(target));
        return targets.any(|target| *name == target || (place.below && is_below(name, &target)));
    };
    // What `find` found: at any depth.
    if is_all_below(pattern) {
        let mut targets = place.paths.iter().flat_map(|target| links.names(target));
        return targets.any(|target| *name == target || is_below(name, &target));
    }
    let full = joined(PROJECT, pattern);
    let depth = full.matches('/').count();
    let above = name.split('/').take(depth + 1).collect::<Vec<_>>().join("/");
    (above == *name || place.below) && glob(full.as_bytes(), above.as_bytes())
        || place.paths.iter().any(|directory| {
            let tail = pattern.rsplit('/').next().unwrap_or(pattern);
            glob(joined(directory, tail).as_bytes(), name.as_bytes())
        })
}

/// Returns true when a link that the prediction says is gone through leads to what was touched: of such a link a
/// decision wants to know where it leads.
fn leads_to(place: &Place, names: &BTreeSet<String>, links: &Links) -> bool {
    let reaches =
        |target: &str, whole: bool| names.iter().any(|name| *name == target || (whole && is_below(name, target)));
    let mut met = links.all().filter(|(link, _)| match place.links {
        Goes::None => false,
        Goes::Matched => place.pattern.is_some() && means(place, link, links),
        Goes::Below => place.paths.iter().flat_map(|path| links.names(path)).any(|top| is_below(link, &top)),
    });
    met.any(|(_, target)| reaches(&target, place.below || place.links == Goes::Below))
}

fn is_all_below(pattern: &str) -> bool {
    pattern == "**"
        || pattern.strip_suffix("**").is_some_and(|above| above.ends_with('/') && !above.contains(['*', '?', '[']))
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| directory == "/" || rest.starts_with('/'))
}

/// Returns true when a text matches a pattern; a bracket stands for any one letter.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => glob(rest, text),
        (Some(_), None) | (None, Some(_)) => false,
        (Some((b'*', rest)), Some((letter, after))) => glob(rest, text) || (*letter != b'/' && glob(pattern, after)),
        (Some((b'?', rest)), Some((letter, after))) => *letter != b'/' && glob(rest, after),
        (Some((b'[', rest)), Some((letter, after))) => {
            let close = rest.iter().skip(1).position(|byte| *byte == b']').map_or(rest.len(), |at| at + 2);
            *letter != b'/' && glob(rest.get(close..).unwrap_or_default(), after)
        }
        (Some((wanted, rest)), Some((letter, after))) => wanted == letter && glob(rest, after),
    }
}

/// Returns the class of a command that could run.
pub(super) fn class(prediction: &Prediction, open: &[Effect]) -> Class {
    match (prediction.reads_only, prediction.marked.is_some(), open.is_empty()) {
        (true, _, true) => Class::Proved,
        (true, _, false) => Class::Unsound,
        (false, true, _) => Class::Marked,
        (false, false, true) => Class::Understood,
        (false, false, false) => Class::Missed,
    }
}

#[cfg(test)]
mod tests {
    use super::{glob, is_below};

    #[test]
    fn patterns_stay_in_their_directory() {
        for (pattern, text, expected) in [
            ("/a/*.c", "/a/x.c", true),
            ("/a/*.c", "/a/b/x.c", false),
            ("/a/?[0-9]", "/a/x7", true),
            ("/a/*", "/a", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(is_below("/a/b", "/a") && is_below("/a", "/") && !is_below("/ab", "/a") && !is_below("/a", "/a"));
    }
}
