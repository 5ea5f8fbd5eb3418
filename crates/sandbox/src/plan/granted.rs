//! What a plan grants beside the writable directories: what the closed profile lets be read, and the private caches.

use policy::AbsPath;
use policy::controls::{Caches, Readable, Reading};
use policy::tables::caches::CACHES;

use super::nested::Hidden;
use super::{Root, Step, Zone, held};
use crate::environment::Environment;
use crate::error::Error;

type Held = (AbsPath, String);

/// What is there to be read: everything, or these.
pub(super) enum Granted {
    Everything,
    These { links: Vec<Readable>, paths: Vec<Held> },
}

/// Returns what is there to be read, without what is hidden as a whole.
pub(super) fn of(reading: &Reading, hidden: &[Hidden]) -> Granted {
    let Reading::Closed(readable) = reading else { return Granted::Everything };
    let (links, paths): (Vec<_>, Vec<_>) = readable.iter().cloned().partition(|readable| readable.link.is_some());
    let is_open = |path: &AbsPath| !hidden.iter().any(|hidden| hidden.covers(path)) && Zone::of(path).is_none();
    let paths = held::outermost(paths.into_iter().map(|readable| (readable.path, readable.why)));
    let paths: Vec<Held> = paths.into_iter().filter(|(path, _)| is_open(path)).collect();
    // A link in what is there is there already.
    let is_new = |link: &Readable| is_open(&link.path) && !paths.iter().any(|(path, _)| link.path.is_within(path));
    Granted::These { links: links.into_iter().filter(is_new).collect(), paths }
}

/// The command cannot start in a directory that is not there.
pub(super) fn check_start(cwd: &AbsPath, roots: &[AbsPath], granted: &Granted) -> Result<(), Error> {
    if is_there(cwd, granted, roots, None) {
        return Ok(());
    }
    let why = "it is not there in the closed profile: no rule lets it be read or written".to_owned();
    Err(Error::Start { path: cwd.to_string(), why })
}

/// Returns true for a path that is there in the profile.
pub(super) fn is_there(path: &AbsPath, granted: &Granted, roots: &[AbsPath], caches: Option<&Caches>) -> bool {
    match granted {
        Granted::Everything => true,
        Granted::These { links: _, paths } => {
            let directories = roots.iter().chain(paths.iter().map(|(path, _)| path));
            directories.chain(caches.map(|caches| &caches.directory)).any(|directory| path.is_within(directory))
        }
    }
}

/// Returns the caches, unless what must not be read or written holds them; and of the seeds those that may be read.
pub(super) fn caches(caches: Option<&Caches>, hidden: &[Hidden], closed: &[Held]) -> Option<Caches> {
    let Caches { directory, seeds } = caches?;
    let mut held = hidden.iter().map(|hidden| &hidden.path).chain(closed.iter().map(|(path, _)| path));
    if held.any(|held| directory.is_within(held) || held.is_within(directory)) {
        return None;
    }
    let is_open = |path: &AbsPath| !hidden.iter().any(|hidden| hidden.covers(path) || hidden.path.is_within(path));
    let seeds = seeds.iter().filter(|seed| is_open(&seed.from) && Zone::of(&seed.from).is_none()).cloned().collect();
    Some(Caches { directory: directory.clone(), seeds })
}

/// Returns the variables that point tools to their private places. One that the caller set to a place in a writable
/// directory stays.
pub(super) fn variables(
    caches: Option<&Caches>,
    environment: &Environment,
    roots: &[AbsPath],
) -> Vec<(String, String)> {
    let Some(caches) = caches else { return Vec::new() };
    let own = |variable: &str| {
        let kept = environment.kept.iter().find(|(name, _)| name == variable);
        kept.and_then(|(_, value)| value.to_str())
    };
    let stays = |variable: &str| {
        let path = own(variable).and_then(AbsPath::parse);
        path.is_some_and(|path| roots.iter().any(|root| path.is_within(root)))
    };
    let directory = caches.directory.as_str();
    let rows = CACHES.iter().filter(|row| !stays(row.variable));
    // Words of options end at a blank.
    let rows = rows.filter(|row| row.value.starts_with("DIR") || !directory.contains(char::is_whitespace));
    let set = rows.flat_map(|row| {
        // An empty entry at the end stands for the places that the tool knows.
        let besides = row.besides.zip(own(row.variable)).map(|(name, value)| {
            let more = own(name).unwrap_or_default();
            (name.to_owned(), format!("{value}:{more}"))
        });
        std::iter::once((row.variable.to_owned(), row.value.replace("DIR", directory))).chain(besides)
    });
    set.collect()
}

/// Returns the steps of what is there to be read.
pub(super) fn steps(granted: Granted) -> (Root, Vec<Step>) {
    match granted {
        Granted::Everything => (Root::Host, Vec::new()),
        Granted::These { links, paths } => {
            let links = links.into_iter().filter_map(|link| Some(Step::Link { path: link.path, target: link.link? }));
            (Root::Empty, paths.into_iter().map(|(path, why)| Step::Read { path, why }).chain(links).collect())
        }
    }
}

/// Returns the steps of the caches.
pub(super) fn cache_steps(caches: Option<Caches>) -> Vec<Step> {
    let Some(Caches { directory, seeds }) = caches else { return Vec::new() };
    let seeds = seeds.into_iter().map(|seed| Step::Seed { from: seed.from, at: seed.at });
    std::iter::once(Step::Cache { zone: Zone::of(&directory), path: directory }).chain(seeds).collect()
}
