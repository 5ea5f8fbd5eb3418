//! Chunks of a body, checked while they are passed on as they are.

use crate::limits::{CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use crate::wire::fields::HeadFault;

/// Sixteen digits would be more than any body has.
const SIZE_DIGITS_MAX: usize = 15;

/// Where in the chunks the reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    state: State,
    line: Vec<u8>,
    trailers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size, line: Vec::new(), trailers: 0 }
    }
}

impl Chunks {
    /// Reads on, and returns how many of the bytes belong to the body. Fewer than were given: the body is over.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, HeadFault> {
        self.read(bytes, &mut |_| ())
    }

    /// Reads on in the same way, and gives away what the chunks hold.
    pub fn read(&mut self, bytes: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<usize, HeadFault> {
        let mut rest = bytes;
        while !rest.is_empty() && self.state != State::Done {
            let used = match self.state {
                State::Data(left) => {
                    let used = self.data(left, rest);
                    take(rest.get(..used).unwrap_or_default());
                    used
                }
                State::Size | State::DataEnd | State::Trailer => self.byte(*rest.first().unwrap_or(&0))?,
                State::Done => 0,
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(bytes.len() - rest.len())
    }

    /// Returns true when the body is over.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn data(&mut self, left: u64, rest: &[u8]) -> usize {
        let used = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let left = left - used as u64;
        self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
        used
    }

    /// Takes a byte of a line; the line counts when it is whole.
    fn byte(&mut self, byte: u8) -> Result<usize, HeadFault> {
        let is_after_return = self.line.last() == Some(&b'\r');
        match byte {
            b'\n' if is_after_return => {
                self.line.pop();
                let line = core::mem::take(&mut self.line);
                self.whole(&line)?;
            }
            b'\n' => return Err(HeadFault::LineEnd),
            _ if is_after_return => return Err(HeadFault::LineEnd),
            _ => self.line.push(byte),
        }
        let limit = if self.state == State::Trailer { TRAILER_BYTES_MAX } else { CHUNK_LINE_BYTES_MAX };
        if self.line.len() > limit { Err(HeadFault::Long) } else { Ok(1) }
    }

    fn whole(&mut self, line: &[u8]) -> Result<(), HeadFault> {
        self.state = match self.state {
            State::Size => match size(line).ok_or(HeadFault::Length)? {
                0 => State::Trailer,
                size => State::Data(size),
            },
            State::DataEnd if line.is_empty() => State::Size,
            State::DataEnd => return Err(HeadFault::Length),
            State::Trailer if line.is_empty() => State::Done,
            State::Trailer => self.trailer(line)?,
            State::Data(_) | State::Done => return Err(HeadFault::Length),
        };
        Ok(())
    }

    /// Checks a field behind the chunks: none on which the reading of a message rests.
    fn trailer(&mut self, line: &[u8]) -> Result<State, HeadFault> {
        const HELD: [&[u8]; 4] = [b"host", b"content-length", b"transfer-encoding", b"connection"];
        self.trailers += line.len();
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_name = !name.is_empty() && name.iter().all(|byte| super::fields::is_token(*byte));
        if self.trailers > TRAILER_BYTES_MAX {
            return Err(HeadFault::Long);
        }
        if !is_name || name.len() == line.len() || HELD.iter().any(|held| name.eq_ignore_ascii_case(held)) {
            return Err(HeadFault::Field);
        }
        Ok(State::Trailer)
    }
}

/// Reads a chunk's size: digits and nothing else.
fn size(line: &[u8]) -> Option<u64> {
    let is_plain = !line.is_empty() && line.len() <= SIZE_DIGITS_MAX && line.iter().all(u8::is_ascii_hexdigit);
    is_plain.then(|| u64::from_str_radix(core::str::from_utf8(line).ok()?, 16).ok())?
}
