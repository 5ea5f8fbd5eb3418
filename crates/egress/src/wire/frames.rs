//! Frames of a WebSocket, in whose contents texts change places. Their lengths stay, and so do their heads.

use crate::credential::Swap;

/// Bytes of a head: two, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;

/// Why bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the WebSocket is not well formed")]
pub struct FrameFault;

/// One direction of a WebSocket.
#[derive(Debug)]
pub struct Frames {
    swap: Swap,
    head: Vec<u8>,
    /// Bytes of the frame that are still to come.
    left: u64,
    mask: Option<[u8; 4]>,
    /// Where in the mask the next byte that comes in is, and the next that goes out.
    read: usize,
    written: usize,
}

impl Frames {
    /// Returns a direction in which this changes places.
    pub fn new(swap: Swap) -> Self {
        Self { swap, head: Vec::new(), left: 0, mask: None, read: 0, written: 0 }
    }

    /// Takes bytes, and returns those that can go on. A text over the border of two frames is not found.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, FrameFault> {
        let mut out = Vec::with_capacity(bytes.len() + HEAD_BYTES_MAX);
        while let Some((first, rest)) = bytes.split_first() {
            if self.left == 0 {
                self.head.push(*first);
                bytes = rest;
                if let Some(length) = self.length()? {
                    out.append(&mut self.head);
                    (self.left, self.read, self.written) = (length, 0, 0);
                }
                continue;
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(count).ok_or(FrameFault)?;
            bytes = rest;
            self.left -= count as u64;
            let mut clear = part.to_vec();
            self.read = self.flip(&mut clear, self.read);
            let mut sent = self.swap.push(&clear);
            if self.left == 0 {
                sent.extend(self.swap.finish());
            }
            self.written = self.flip(&mut sent, self.written);
            out.extend(sent);
        }
        Ok(out)
    }

    /// Returns true when a few bytes are held back; see [`Swap::holds_little`].
    pub fn holds_little(&self) -> bool {
        self.swap.holds_little()
    }

    /// Lets go of them.
    pub fn release(&mut self) -> Vec<u8> {
        let mut sent = self.swap.release();
        self.written = self.flip(&mut sent, self.written);
        sent
    }

    /// Returns the stream of contents.
    pub fn swap(&self) -> &Swap {
        &self.swap
    }

    /// Reads the head: the length of what follows, `None` where it is not yet whole.
    fn length(&mut self) -> Result<Option<u64>, FrameFault> {
        let [first, second, rest @ ..] = self.head.as_slice() else { return Ok(None) };
        let wide = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = if second & 0x80 == 0 { 0 } else { 4 };
        // Bits that only what was agreed on could give a meaning; nothing is agreed on.
        if first & 0x70 != 0 {
            return Err(FrameFault);
        }
        if rest.len() < wide + masked {
            return Ok(None);
        }
        let (length, mask) = rest.split_at_checked(wide).ok_or(FrameFault)?;
        let said = length.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        self.mask = mask.try_into().ok();
        let length = if wide == 0 { u64::from(second & 0x7f) } else { said };
        if length >> 63 == 0 { Ok(Some(length)) } else { Err(FrameFault) }
    }

    fn flip(&self, bytes: &mut [u8], at: usize) -> usize {
        let Some(mask) = self.mask else { return at };
        for (byte, key) in bytes.iter_mut().zip(mask.iter().cycle().skip(at % 4)) {
            *byte ^= key;
        }
        (at + bytes.len()) % 4
    }
}
