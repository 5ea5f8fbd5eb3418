//! What walks saw, as bytes.
//!
//! A first line names the form; the digest of all that follows is next, then the key, the time of writing, and for
//! each walk its name and its directories. Numbers are little-endian.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::file::Key;
use super::listing::{Kind, Listed, Named};
use super::stamp::Stamp;
use super::{Node, Nodes};

/// Changed with the form, and with what matters to a walk.
const FORM: &[u8] = b"palisade walks 1\n";
/// Bytes of a digest.
const DIGEST: usize = 32;

/// Renders what walks saw. `None` when a number is too large for the form.
pub(super) fn render(key: &Key, written_ms: i64, walks: &BTreeMap<String, Nodes<'_>>) -> Option<Vec<u8>> {
    let mut body = key.as_bytes().to_vec();
    body.extend(written_ms.to_le_bytes());
    number(&mut body, walks.len())?;
    for (name, nodes) in walks {
        text(&mut body, name)?;
        number(&mut body, nodes.len())?;
        for node in nodes {
            render_node(&mut body, node)?;
        }
    }
    let mut bytes = FORM.to_vec();
    bytes.extend(Sha256::digest(&body));
    bytes.extend(body);
    Some(bytes)
}

fn render_node(body: &mut Vec<u8>, node: &Node<'_>) -> Option<()> {
    let Node { name, parent, stamp, listed: Listed { names, marked, directories } } = node;
    text(body, name)?;
    number(body, *parent)?;
    body.push(u8::from(stamp.is_some()));
    if let Some(Stamp { device, inode, modified, changed }) = stamp {
        body.extend(device.to_le_bytes());
        body.extend(inode.to_le_bytes());
        for (seconds, nanoseconds) in [modified, changed] {
            body.extend(seconds.to_le_bytes());
            body.extend(nanoseconds.to_le_bytes());
        }
    }
    number(body, *names)?;
    number(body, marked.len())?;
    for Named { name, kind } in marked {
        body.push(match kind {
            Kind::File => 0,
            Kind::Directory => 1,
            Kind::Link => 2,
        });
        text(body, name)?;
    }
    number(body, directories.len())?;
    directories.iter().try_for_each(|name| text(body, name))
}

fn number(body: &mut Vec<u8>, number: usize) -> Option<()> {
    body.extend(u32::try_from(number).ok()?.to_le_bytes());
    Some(())
}

fn text(body: &mut Vec<u8>, text: &str) -> Option<()> {
    number(body, text.len())?;
    body.extend(text.as_bytes());
    Some(())
}

/// Reads what [`render`] wrote under this key, not after now. `None` for anything else.
pub(super) fn parse<'k>(bytes: &'k [u8], key: &Key, now_ms: i64) -> Option<BTreeMap<String, Nodes<'k>>> {
    let (digest, body) = bytes.strip_prefix(FORM)?.split_at_checked(DIGEST)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    let mut rest = Rest(body);
    let is_ours = rest.take(DIGEST)? == key.as_bytes() && rest.long()? <= now_ms;
    let mut walks = BTreeMap::new();
    for _ in 0..rest.number().filter(|_| is_ours)? {
        let name = rest.text()?.to_owned();
        let count = rest.number()?;
        // Each takes more bytes than this.
        let mut nodes = Nodes::with_capacity(count.min(rest.0.len() / 16));
        for at in 0..count {
            nodes.push(parse_node(&mut rest, at)?);
        }
        walks.insert(name, nodes);
    }
    rest.0.is_empty().then_some(walks)
}

fn parse_node<'k>(rest: &mut Rest<'k>, at: usize) -> Option<Node<'k>> {
    let name = if at == 0 { rest.text()? } else { rest.name()? };
    let parent = rest.number().filter(|parent| *parent < at || at == 0)?;
    let stamp = match rest.byte()? {
        0 => None,
        1 => Some(Stamp {
            device: u64::from_le_bytes(rest.eight()?),
            inode: u64::from_le_bytes(rest.eight()?),
            modified: (rest.long()?, rest.short()?),
            changed: (rest.long()?, rest.short()?),
        }),
        _ => return None,
    };
    let names = rest.number()?;
    let mut listed = Listed { names, ..Listed::default() };
    for _ in 0..rest.number()? {
        let kind = match rest.byte()? {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Link,
            _ => return None,
        };
        listed.marked.push(Named { kind, name: Cow::Borrowed(rest.name()?) });
    }
    for _ in 0..rest.number()? {
        listed.directories.push(Cow::Borrowed(rest.name()?));
    }
    Some(Node { name: Cow::Borrowed(name), parent, stamp, listed })
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn long(&mut self) -> Option<i64> {
        self.eight().map(i64::from_le_bytes)
    }

    fn short(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.short()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// A name in a directory.
    fn name(&mut self) -> Option<&'a str> {
        self.text().filter(|name| !matches!(*name, "" | "." | "..") && !name.contains(['/', '\0']))
    }
}
