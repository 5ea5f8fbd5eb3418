//! What happens to a body on its way: it is opened where it is compressed, and texts change places in it.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use super::exchange::Broken;
use crate::credential::Swap;

/// Compressed bytes that are opened at once: a thousand times as many may come of them.
const OPENED_BYTES: usize = 512;

/// A body's way.
#[derive(Debug)]
pub(super) struct Filter {
    opened: Option<MultiGzDecoder<Vec<u8>>>,
    swap: Swap,
}

impl Filter {
    /// Returns a way on which texts change places.
    pub(super) fn new(swap: Swap) -> Self {
        Self { opened: None, swap }
    }

    /// Returns one for a body that is compressed by gzip.
    pub(super) fn opening(swap: Swap) -> Self {
        Self { opened: Some(MultiGzDecoder::new(Vec::new())), swap }
    }

    /// Returns true when more or fewer bytes come out than go in.
    pub(super) fn is_opening(&self) -> bool {
        self.opened.is_some()
    }

    /// Returns how many bytes are to be given at once.
    pub(super) fn step(&self) -> usize {
        if self.is_opening() { OPENED_BYTES } else { usize::MAX }
    }

    /// Takes bytes, and returns those that can go on.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Broken> {
        let Some(opened) = &mut self.opened else { return Ok(self.swap.push(bytes)) };
        opened.write_all(bytes).map_err(|_| Broken::Encoded)?;
        let clear = core::mem::take(opened.get_mut());
        Ok(self.swap.push(&clear))
    }

    /// Ends the body, and returns what was held back.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Broken> {
        let mut rest = Vec::new();
        if let Some(opened) = &mut self.opened {
            opened.try_finish().map_err(|_| Broken::Encoded)?;
            let clear = core::mem::take(opened.get_mut());
            rest = self.swap.push(&clear);
        }
        rest.extend(self.swap.finish());
        Ok(rest)
    }

    /// Returns the texts that change places, and what was found of them.
    pub(super) fn swap(&mut self) -> &mut Swap {
        &mut self.swap
    }
}
