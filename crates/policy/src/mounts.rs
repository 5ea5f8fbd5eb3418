//! The kernel's list of mounts, as `/proc/self/mountinfo` has it.
//!
//! Paths are bytes: the kernel knows no encoding of names, and a mount that is not understood must not count as none.

use std::collections::BTreeMap;

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The device's number, as `major:minor`.
    pub device: &'a [u8],
    /// The part of the device that is seen.
    pub root: Vec<u8>,
    /// Where it is seen.
    pub place: Vec<u8>,
    /// The options of this mount, separated by commas.
    pub options: &'a [u8],
    /// What kind of file system it is.
    pub kind: &'a [u8],
    /// The options of the file system, separated by commas.
    pub file_system_options: &'a [u8],
}

/// Returns the mounts of a list, in the order in which they were made. What is no line of one is left out.
pub fn mounts(list: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    list.split(|byte| *byte == b'\n').filter_map(mount)
}

/// Reads a line: the third word is the device, the fourth the part of it, the fifth where that is seen and the sixth how;
/// behind a dash stand the kind, the source and the options of the file system.
fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let (device, root, place, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut behind = words.skip_while(|word| *word != b"-").skip(1);
    let (kind, _source) = (behind.next()?, behind.next()?);
    let file_system_options = behind.next().unwrap_or_default();
    Some(Mount { device, root: unescaped(root), place: unescaped(place), options, kind, file_system_options })
}

/// Reads the list's form of a path, in which a space is `\040`.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// The mounts of a host, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Mounts {
    all: Vec<Seen>,
    /// How many mounts a device has.
    counts: BTreeMap<Vec<u8>, usize>,
}

/// Which part of a device is seen where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    device: Vec<u8>,
    root: Vec<u8>,
    place: Vec<u8>,
}

/// Another path that may show the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// The path.
    pub path: Vec<u8>,
    /// The path that shows the same, if it is the one looked for or lies in it.
    pub of: Vec<u8>,
}

impl Mounts {
    /// Reads a list.
    pub fn parse(list: &[u8]) -> Self {
        let seen = |mount: Mount<'_>| Seen { device: mount.device.to_vec(), root: mount.root, place: mount.place };
        // What is no path, such as a namespace, shows no file that has one.
        let all: Vec<Seen> = mounts(list).map(seen).filter(|mount| mount.root.starts_with(b"/")).collect();
        let mut counts = BTreeMap::new();
        for mount in &all {
            *counts.entry(mount.device.clone()).or_insert(0) += 1;
        }
        Self { all, counts }
    }

    /// Returns the mount at which a path is seen: the last one made at the longest of the places above it.
    fn holding(&self, path: &[u8]) -> Option<&Seen> {
        let around = self.all.iter().filter(|mount| below(path, &mount.place).is_some());
        around.max_by_key(|mount| mount.place.len())
    }

    /// Returns the other paths that may show a path, or a part of what lies in it.
    pub fn twins(&self, path: &[u8]) -> Vec<Twin> {
        let Some(own) = self.holding(path).filter(|own| self.counts.get(&own.device).is_some_and(|count| *count > 1))
        else {
            return Vec::new();
        };
        let Some(rest) = below(path, &own.place) else { return Vec::new() };
        let inner = joined(&own.root, rest);
        let others = self.all.iter().filter(|mount| mount.device == own.device && mount.place != own.place);
        let twins = others.filter_map(|other| {
            if let Some(rest) = below(&inner, &other.root) {
                return Some(Twin { path: joined(&other.place, rest), of: path.to_vec() });
            }
            let rest = below(&other.root, &inner)?;
            Some(Twin { path: other.place.clone(), of: joined(path, rest) })
        });
        twins.filter(|twin| below(&twin.path, path).is_none()).collect()
    }
}

/// Returns what remains of a path below a directory, without a slash before it: empty when they are the same, `None` when
/// it does not lie there. Segments are compared whole.
pub fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let rest = if directory == b"/" { Some(path) } else { path.strip_prefix(directory) }?;
    match rest {
        [] => Some(rest),
        [b'/', tail @ ..] => Some(tail),
        _ => None,
    }
}

/// Returns a path below a directory; the directory itself where the rest is empty.
fn joined(directory: &[u8], rest: &[u8]) -> Vec<u8> {
    match (directory, rest) {
        (_, []) => directory.to_vec(),
        (b"/", _) => [b"/", rest].concat(),
        _ => [directory, b"/", rest].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a line and renders what it says.
    fn check(line: &[u8], expected: &str) {
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let found = mounts(line).map(|mount| {
            let Mount { device, root, place, options, kind, file_system_options } = mount;
            [device, &root, &place, options, kind, file_system_options].map(shown).join(" ")
        });
        assert_eq!(found.collect::<Vec<_>>().join("|"), expected, "{}", shown(line));
    }

    #[test]
    fn lines() {
        check(b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw", "254:0 / / rw,relatime ext4 rw");
        check(b"22 27 0:21 / /proc rw shared:5 master:1 - proc proc rw", "0:21 / /proc rw proc rw");
        check(b"22 27 0:21 /a /srv/a\\040b\\134c\\012 ro - cgroup2 none rw", r"0:21 /a /srv/a b\\c\n ro cgroup2 rw");
        check(b"22 27 0:21 / /srv/\xff\\ rw - tmpfs none rw,size=1k", r"0:21 / /srv/\xff\\ rw tmpfs rw,size=1k");
        check(b"1 2 8:1 / /a rw - ext4 x rw\n2 2 8:1 / /b rw - ext4 x rw\n", "8:1 / /a rw ext4 rw|8:1 / /b rw ext4 rw");
        for line in ["", "22 27", "22 27 0:21 / /x rw", "22 27 0:21 / /x rw - proc"] {
            check(line.as_bytes(), "");
        }
    }

    #[test]
    fn paths() {
        for (path, directory, rest) in [
            ("/a/b", "/a", Some("b")),
            ("/a/b", "/a/b", Some("")),
            ("/a/b", "/", Some("a/b")),
            ("/", "/", Some("")),
            ("/ab", "/a", None),
            ("/", "/a", None),
        ] {
            assert_eq!(below(path.as_bytes(), directory.as_bytes()), rest.map(str::as_bytes), "{path} {directory}");
            if let Some(rest) = rest {
                assert_eq!(joined(directory.as_bytes(), rest.as_bytes()), path.as_bytes());
            }
        }
    }

    /// Returns the other paths of one, given mounts as `DEVICE ROOT PLACE`.
    fn check_twins(mounts: &[&str], path: &str, expected: &[&str]) {
        let lines = mounts.iter().enumerate().map(|(id, mount)| format!("{id} 1 {mount} rw - ext4 /dev/x rw\n"));
        // No byte of UTF-8.
        let lines: Vec<u8> =
            lines.collect::<String>().bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        let mounts = Mounts::parse(&lines);
        let shown = |path: &[u8]| path.escape_ascii().to_string();
        let found: Vec<String> = mounts
            .twins(path.as_bytes())
            .into_iter()
            .map(|twin| format!("{} = {}", shown(&twin.path), shown(&twin.of)))
            .collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn places_that_show_the_same() {
        let mounts = ["8:1 / /", "8:1 /data /mnt/data", "8:1 /data/a\\040b /srv/ab", "8:2 / /other", "0:5 / /tmp"];
        check_twins(&mounts, "/data/secret", &["/mnt/data/secret = /data/secret"]);
        check_twins(&mounts, "/mnt/data/secret", &["/data/secret = /mnt/data/secret"]);
        check_twins(&mounts, "/data/a b/x", &["/mnt/data/a b/x = /data/a b/x", "/srv/ab/x = /data/a b/x"]);
        check_twins(&mounts, "/srv/ab", &["/data/a b = /srv/ab", "/mnt/data/a b = /srv/ab"]);
        // A part of what is hidden is seen elsewhere.
        check_twins(&mounts, "/data", &["/mnt/data = /data", "/srv/ab = /data/a b"]);
        check_twins(&mounts, "/home/me", &[]);
        check_twins(&mounts, "/other/data/secret", &[]);
        check_twins(&mounts, "/tmp/x", &[]);
    }

    #[test]
    fn the_last_mount_at_a_place_is_seen() {
        let mounts = ["8:1 / /", "8:1 /a /m", "8:1 /b /m"];
        check_twins(&mounts, "/m/x", &["/b/x = /m/x"]);
    }

    #[test]
    fn names_that_are_not_utf8() {
        let mounts = ["8:1 / /", "8:1 /data /mnt/?", "8:1 /data/? /srv/x"];
        check_twins(&mounts, "/data/secret", &[r"/mnt/\xff/secret = /data/secret"]);
        check_twins(&mounts, "/data", &[r"/mnt/\xff = /data", r"/srv/x = /data/\xff"]);
    }

    #[test]
    fn what_is_no_line_is_no_mount() {
        check_twins(&["", "8:1", "8:1 rel /x", "8:1 / /", "8:1 //deleted /gone"], "/x", &[]);
    }
}
