//! Where a path leads.

use std::io;

use policy::AbsPath;
use policy::facts::{Entry, Resolved};

use crate::limits;

/// Why a path could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// The system refused to look at it.
    #[error("{path} cannot be looked at")]
    Look {
        /// The path.
        path: AbsPath,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A link's target is not UTF-8.
    #[error("{0} leads to a name that is not UTF-8")]
    Utf8(AbsPath),
    /// Too many links.
    #[error("{0} leads through too many symbolic links")]
    Links(AbsPath),
    /// It must exist and does not.
    #[error("{0} does not exist")]
    Missing(AbsPath),
}

/// Follows a path as the kernel would.
///
/// A part that does not exist is kept as it is written, so that a new file resolves to the place it
/// would be made in.
pub(crate) fn resolve(path: &AbsPath) -> Result<Resolved, Unresolved> {
    walk(path).map(|(resolved, _)| resolved)
}

/// Returns where a path leads, and where each link lies that it leads by.
fn walk(path: &AbsPath) -> Result<(Resolved, Vec<AbsPath>), Unresolved> {
    let mut links = Vec::new();
    let mut pending: Vec<String> = path.segments().rev().map(str::to_owned).collect();
    let mut real = AbsPath::root();
    let mut entry = Entry::Directory;
    let mut hops = Vec::new();
    while let Some(segment) = pending.pop() {
        if segment == ".." {
            real = real.join("..");
            continue;
        }
        let next = real.join(&segment);
        entry = match look(&next)? {
            Found::Missing => Entry::Missing,
            Found::File => Entry::File,
            Found::Directory => Entry::Directory,
            Found::Link(target) => {
                if hops.len() >= limits::LINKS_MAX {
                    return Err(Unresolved::Links(path.clone()));
                }
                if target.starts_with('/') {
                    real = AbsPath::root();
                }
                links.push(next);
                pending
                    .extend(target.split('/').rev().filter(|part| !part.is_empty() && *part != ".").map(str::to_owned));
                let rest: Vec<&str> = pending.iter().rev().map(String::as_str).collect();
                hops.push(real.join(&rest.join("/")));
                entry = Entry::Directory;
                continue;
            }
        };
        real = next;
        if entry == Entry::Missing {
            let rest: Vec<&str> = pending.iter().rev().map(String::as_str).collect();
            real = real.join(&rest.join("/"));
            break;
        }
    }
    Ok((Resolved { real, entry, hops }, links))
}

enum Found {
    Missing,
    File,
    Directory,
    Link(String),
}

fn look(path: &AbsPath) -> Result<Found, Unresolved> {
    let failed = |source| Unresolved::Look { path: path.clone(), source };
    let kind = match std::fs::symlink_metadata(path.as_str()) {
        Ok(found) => found.file_type(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Missing);
        }
        // No file has such a name; an argument that is no path at all is taken for one here.
        Err(_) if path.name().is_some_and(|name| name.len() > limits::NAME_BYTES_MAX) => return Ok(Found::Missing),
        Err(error) => return Err(failed(error)),
    };
    if kind.is_symlink() {
        let target = std::fs::read_link(path.as_str()).map_err(failed)?;
        let target = target.to_str().ok_or_else(|| Unresolved::Utf8(path.clone()))?;
        Ok(Found::Link(target.to_owned()))
    } else if kind.is_dir() {
        Ok(Found::Directory)
    } else {
        Ok(Found::File)
    }
}

/// Returns a directory's path with every link followed; an error when it is not there.
pub fn canonical(path: &AbsPath) -> Result<AbsPath, Unresolved> {
    let found = resolve(path)?;
    match found.entry {
        Entry::Missing => Err(Unresolved::Missing(path.clone())),
        Entry::File | Entry::Directory => Ok(found.real),
    }
}

/// Where something that is there leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its path with every link followed.
    pub real: AbsPath,
    /// Where each link lies by which it was come to, in a directory with every link followed.
    pub links: Vec<AbsPath>,
}

/// Returns where a path leads and by which links; an error when nothing is there.
pub fn follow(path: &AbsPath) -> Result<Followed, Unresolved> {
    let (Resolved { real, entry, hops: _ }, links) = walk(path)?;
    match entry {
        Entry::Missing => Err(Unresolved::Missing(path.clone())),
        Entry::File | Entry::Directory => Ok(Followed { real, links }),
    }
}

/// Returns the nearest directory, from `start` upwards, that holds a `.git`.
pub fn git_root(start: &AbsPath) -> Option<AbsPath> {
    let mut directory = Some(start.clone());
    while let Some(here) = directory {
        if std::fs::symlink_metadata(here.join(".git").as_str()).is_ok() {
            return Some(here);
        }
        directory = here.parent();
    }
    None
}

/// Returns what stands at a path, links followed, with its real path.
pub(super) fn existing(path: &AbsPath) -> Result<Option<(AbsPath, Entry)>, Unresolved> {
    // Most paths of the built-in tables are not there: one look says so.
    if let Err(error) = std::fs::symlink_metadata(path.as_str())
        && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    {
        return Ok(None);
    }
    let found = resolve(path)?;
    Ok(match found.entry {
        Entry::Missing => None,
        Entry::File | Entry::Directory => Some((found.real, found.entry)),
    })
}

#[cfg(test)]
mod tests;
