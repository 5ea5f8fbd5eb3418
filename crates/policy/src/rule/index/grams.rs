//! Texts that need only hold something: found by three bytes of it in a row.

use super::Id;

/// Buckets of a count: enough that thousands of rules seldom share one.
const BUCKETS: usize = 1 << 16;

/// How often texts occur, nearly: two texts may share a count.
#[derive(Debug)]
pub(super) struct Counts(Vec<u32>);

impl Counts {
    pub(super) fn new() -> Self {
        Self(vec![0; BUCKETS])
    }

    pub(super) fn add(&mut self, text: &[u8]) {
        if let Some(count) = self.0.get_mut(bucket(text)) {
            *count += 1;
        }
    }

    pub(super) fn of(&self, text: &[u8]) -> u32 {
        self.0.get(bucket(text)).copied().unwrap_or_default()
    }
}

/// FNV-1a, folded to a bucket.
fn bucket(text: &[u8]) -> usize {
    let hash = text.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) as usize % BUCKETS
}

/// Three bytes in a row.
pub(super) type Gram = [u8; 3];

/// Returns every three bytes in a row.
pub(super) fn grams(text: &str) -> impl Iterator<Item = Gram> {
    text.as_bytes().windows(3).filter_map(|window| window.try_into().ok())
}

/// Three bytes, and the rules whose text must hold them.
#[derive(Debug, Clone, Default)]
pub(super) struct Grams {
    rows: Vec<(Gram, Id)>,
    /// A bit for each bucket that a row falls in: most texts hold none of them.
    filter: Vec<u64>,
}

impl Grams {
    pub(super) fn new(mut rows: Vec<(Gram, Id)>) -> Self {
        rows.sort_unstable();
        let mut filter = if rows.is_empty() { Vec::new() } else { vec![0_u64; BUCKETS / 64] };
        for (gram, _) in &rows {
            let bucket = bucket(gram);
            if let Some(word) = filter.get_mut(bucket / 64) {
                *word |= 1 << (bucket % 64);
            }
        }
        Self { rows, filter }
    }

    /// Finds the rules whose three bytes the text holds.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Id>) {
        if self.rows.is_empty() {
            return;
        }
        for gram in grams(text) {
            let bucket = bucket(&gram);
            if self.filter.get(bucket / 64).is_some_and(|word| word & (1 << (bucket % 64)) != 0) {
                let start = self.rows.partition_point(|(own, _)| *own < gram);
                found.extend(self.rows.iter().skip(start).take_while(|(own, _)| *own == gram).map(|(_, rule)| *rule));
            }
        }
    }

    /// Returns every rule.
    pub(super) fn rules(&self) -> impl Iterator<Item = Id> {
        self.rows.iter().map(|(_, rule)| *rule)
    }
}
