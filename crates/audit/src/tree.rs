//! The Merkle tree of RFC 6962, section 2.1, as a compact range.
//!
//! The tree of size n is kept as its peaks: the roots of the perfect subtrees that n's binary digits
//! name, largest first. Adding a leaf and taking the root cost O(log n). An inclusion or consistency
//! proof is made of roots of ranges, which [`root`] gives for any range of leaves.

use sha2::{Digest as _, Sha256};

/// A SHA-256 value: a leaf, a node or a root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// What stands where there is no line before.
    pub(crate) const ZERO: Self = Self([0; 32]);

    /// Digests bytes without a domain prefix.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns 64 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Reads 64 lower-case hexadecimal digits; nothing else is the same digest.
    pub(crate) fn from_hex(text: &[u8]) -> Option<Self> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    /// Returns standard base64 with padding, as checkpoints have it.
    pub(crate) fn base64(self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }

    /// Reads standard base64 with padding, in its one canonical form.
    pub(crate) fn from_base64(text: &[u8]) -> Option<Self> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.hex())
    }
}

/// Hashes a leaf piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct LeafHasher(Sha256);

impl LeafHasher {
    /// Begins a leaf.
    pub(crate) fn new() -> Self {
        Self(Sha256::new_with_prefix([0x00]))
    }

    /// Adds bytes of the leaf.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Ends the leaf.
    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Hashes a leaf.
pub(crate) fn leaf(bytes: &[u8]) -> Digest {
    let mut hasher = LeafHasher::new();
    hasher.update(bytes);
    hasher.finish()
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest(Sha256::new_with_prefix([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Returns the root of the tree over a range of leaves.
#[cfg(test)]
pub(crate) fn root(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(leaf);
    }
    frontier.root()
}

/// A tree's size and peaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frontier {
    size: u64,
    // INVARIANT: one peak for each set bit of `size`, largest first.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Puts a tree together again; nothing when the count of peaks is not the size's.
    pub(crate) fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// Returns the count of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the peaks, largest first.
    pub(crate) fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, leaf: Digest) {
        let mut right = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            right = node(left, right);
        }
        self.peaks.push(right);
        self.size += 1;
    }

    /// Returns the tree with one leaf more.
    pub(crate) fn with(&self, leaf: Digest) -> Self {
        let mut next = self.clone();
        next.push(leaf);
        next
    }

    /// Returns the root; of no leaves, the digest of nothing.
    pub(crate) fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev().copied();
        match peaks.next() {
            None => Digest::of(b""),
            Some(last) => peaks.fold(last, |right, left| node(left, right)),
        }
    }
}

#[cfg(test)]
mod tests;
