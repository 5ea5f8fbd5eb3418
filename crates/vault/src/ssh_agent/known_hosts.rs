//! Which keys named hosts have: the lines of a `known_hosts` file that are about them.

use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy::network::host::{HostFault, Target};
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};

use super::message::kind;
use crate::limits::{KNOWN_LINE_BYTES_MAX, KNOWN_LINES_MAX, USER_BYTES_MAX};

/// A host at which a login may be signed: `host`, `host:port`, `user@host` or `user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    user: Option<String>,
    target: Target,
}

/// Why a text names no such host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// The host or port is none.
    #[error(transparent)]
    Host(#[from] HostFault),
    /// The user is none.
    #[error("the user's name before `@` is none")]
    User,
}

impl FromStr for Server {
    type Err = ServerFault;

    fn from_str(text: &str) -> Result<Self, ServerFault> {
        let (user, target) = match text.rsplit_once('@') {
            Some((user, target)) => (Some(user), target),
            None => (None, text),
        };
        let is_name = |user: &str| {
            let is_odd = |letter: char| !letter.is_ascii_graphic() || letter == '@';
            !user.is_empty() && user.len() <= USER_BYTES_MAX && !user.contains(is_odd)
        };
        if !user.is_none_or(is_name) {
            return Err(ServerFault::User);
        }
        Ok(Self { user: user.map(str::to_owned), target: Target::parse(target, Some(22))? })
    }
}

impl Server {
    /// Returns whether a login as this user is one at this host.
    pub fn is_for(&self, user: &str) -> bool {
        self.user.as_deref().is_none_or(|named| named == user)
    }

    /// Returns what the host is called in a file of known hosts.
    fn name(&self) -> String {
        let host = self.target.host.to_string();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if self.target.port() == 22 { bare.to_owned() } else { format!("[{bare}]:{}", self.target.port()) }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(formatter, "{user}@")?;
        }
        write!(formatter, "{}", self.target)
    }
}

/// The named hosts and their keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownHosts {
    keys: Vec<(Server, Vec<u8>)>,
}

impl FromIterator<KnownHosts> for KnownHosts {
    fn from_iter<T: IntoIterator<Item = KnownHosts>>(all: T) -> Self {
        Self { keys: all.into_iter().flat_map(|one| one.keys).collect() }
    }
}

/// Why the named hosts' keys are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownHostsFault {
    /// No line is about a named host.
    #[error("no key is known of the host `{0}`")]
    Unknown(String),
    /// Too many lines, or one that is too long.
    #[error("the known hosts are too many")]
    Many,
    /// A line is none.
    #[error("line {0} of the known hosts is not understood")]
    Line(usize),
    /// A host's key is known by who signed it.
    #[error("line {0} of the known hosts is about `{1}` and names an authority, not its key")]
    Authority(usize, String),
}

impl KnownHostsFault {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "connect to the host once outside and look at its key, or add its line",
            Self::Many => "give a file with the lines of the named hosts alone",
            Self::Line(_) => "correct the line or remove it",
            Self::Authority(..) => "add a line with the host's own key",
        }
    }
}

impl KnownHosts {
    /// Returns the keys that a text of known hosts has for these hosts.
    ///
    /// A key that a line revokes for a host is none of its keys, wherever that line stands.
    pub fn read(text: &str, servers: &[Server]) -> Result<Self, KnownHostsFault> {
        let lines: Vec<Line<'_>> = lines(text)?;
        let mut keys = Vec::new();
        for server in servers {
            let name = server.name();
            let about: Vec<&Line<'_>> = lines.iter().filter(|line| line.is_about(&name)).collect();
            if let Some(line) = about.iter().find(|line| line.mark == Some("@cert-authority")) {
                return Err(KnownHostsFault::Authority(line.number, server.to_string()));
            }
            let (revoked, good): (Vec<&Line<'_>>, Vec<&Line<'_>>) = about.iter().partition(|line| line.mark.is_some());
            let good = good.iter().filter(|line| !revoked.iter().any(|revoked| revoked.key == line.key));
            let before = keys.len();
            keys.extend(good.map(|line| (server.clone(), line.key.clone())));
            if keys.len() == before {
                return Err(KnownHostsFault::Unknown(server.to_string()));
            }
        }
        Ok(Self { keys })
    }

    /// Returns the lines of a text of known hosts that are about a host, as they are. One that is not understood and has the
    /// host's name in it is among them.
    ///
    /// Where a line that is not understood is marked or hashed, nobody knows whether it revokes a key of the host: it is a
    /// fault, as more lines are than are read.
    pub fn lines_about(text: &str, server: &Server) -> Result<String, KnownHostsFault> {
        let name = server.name();
        let bare = name.trim_start_matches('[').split(']').next().unwrap_or_default();
        let mut about = String::new();
        for (number, line) in text.lines().enumerate() {
            let read = line.trim();
            check_size(number, read)?;
            let is_about = match Line::read(number + 1, read) {
                Some(line) => line.is_about(&name),
                None if read.starts_with(['@', '|']) => return Err(KnownHostsFault::Line(number + 1)),
                None => !read.starts_with('#') && read.contains(bare),
            };
            if is_about {
                about.extend([line, "\n"]);
            }
        }
        Ok(about)
    }

    /// Returns the named hosts that have this key.
    pub fn servers<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Server> {
        self.keys.iter().filter(move |(_, known)| known == key).map(|(server, _)| server)
    }
}

struct Line<'a> {
    number: usize,
    mark: Option<&'a str>,
    hosts: &'a str,
    key: Vec<u8>,
}

fn lines(text: &str) -> Result<Vec<Line<'_>>, KnownHostsFault> {
    let mut read = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        check_size(number, line)?;
        if !line.is_empty() && !line.starts_with('#') {
            read.push(Line::read(number + 1, line).ok_or(KnownHostsFault::Line(number + 1))?);
        }
    }
    Ok(read)
}

fn check_size(number: usize, line: &str) -> Result<(), KnownHostsFault> {
    let is_beyond = number >= KNOWN_LINES_MAX || line.len() > KNOWN_LINE_BYTES_MAX;
    if is_beyond { Err(KnownHostsFault::Many) } else { Ok(()) }
}

impl<'a> Line<'a> {
    fn read(number: usize, line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next()?;
        let (mark, hosts) = match first {
            "@cert-authority" | "@revoked" => (Some(first), words.next()?),
            first if first.starts_with('@') => return None,
            hosts => (None, hosts),
        };
        let (named, encoded) = (words.next()?, words.next()?);
        let key = STANDARD.decode(encoded).ok().filter(|key| kind(key) == Some(named))?;
        Some(Self { number, mark, hosts, key })
    }

    /// Returns whether the line is about a host, and no part of it excludes the host. What is marked and not understood is
    /// about every host.
    fn is_about(&self, name: &str) -> bool {
        if self.hosts.starts_with('|') {
            return is_hashed(self.hosts, name).unwrap_or(self.mark.is_some());
        }
        let is_excluded = |pattern: &str| pattern.strip_prefix('!').is_some_and(|pattern| is_matched(pattern, name));
        self.hosts.split(',').any(|pattern| is_matched(pattern, name)) && !self.hosts.split(',').any(is_excluded)
    }
}

fn is_hashed(hosts: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hosts.strip_prefix("|1|")?.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// Returns whether a pattern with `*` and `?` is the whole name, upper and lower case alike.
fn is_matched(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Where the last star stands, and how much of the name it has taken.
    let (mut star, mut at, mut of) = (None, 0, 0);
    while of < name.len() {
        match (pattern.get(at), name.get(of)) {
            (Some(b'*'), _) => {
                star = Some((at, of));
                at += 1;
            }
            (Some(wanted), Some(letter)) if *wanted == b'?' || wanted.eq_ignore_ascii_case(letter) => {
                at += 1;
                of += 1;
            }
            (_, _) => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    of = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}
