//! The kernel's list of mounts, as `/proc/self/mountinfo` has it.
//!
//! Paths are bytes: the kernel knows no encoding of names, and a mount that is not understood must not count as none.

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
pub fn joined(directory: &[u8], rest: &[u8]) -> Vec<u8> {
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
}
