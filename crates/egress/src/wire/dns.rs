//! Questions and answers of the domain name system, as far as one who answers by himself needs them.

use core::net::Ipv4Addr;

use super::Cursor;
use crate::host::{Host, HostFault};
use crate::limits::QUERY_BYTES_MAX;

/// The type of a question for an address of version 4.
pub const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
const HEAD_BYTES: usize = 12;
const TYPE_OPT: u16 = 41;
/// Where the question's name stands in an answer, as a pointer to it.
const NAME_POINTER: u16 = 0xc00c;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its number.
    pub id: u16,
    /// The host asked for, or why it is none.
    pub host: Result<Host, HostFault>,
    /// The type of what is asked for.
    pub kind: u16,
    is_recursion_desired: bool,
    question: Vec<u8>,
}

/// Why a question is not answered by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// Too short or long for one, or an answer: there is nothing to send back.
    #[error("is no question")]
    None,
    /// It cannot be read.
    #[error("is a question that cannot be read")]
    Form(u16),
    /// It is of a kind that is not answered.
    #[error("is a question of a kind that is not answered")]
    Kind(u16),
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The name has this address.
    Address(Ipv4Addr),
    /// The name has nothing of this type.
    Empty,
    /// There is no such name.
    NoName,
    /// It cannot be answered now.
    Failure,
}

/// Reads a question.
pub fn read(bytes: &[u8]) -> Result<Query, QueryFault> {
    if bytes.len() > QUERY_BYTES_MAX {
        return Err(QueryFault::None);
    }
    let mut cursor = Cursor::new(bytes);
    let (Some(id), Some(flags)) = (cursor.short(), cursor.short()) else { return Err(QueryFault::None) };
    let counts = [cursor.short(), cursor.short(), cursor.short(), cursor.short()];
    let [Some(questions), Some(answers), Some(authorities), Some(additions)] = counts else {
        return Err(QueryFault::None);
    };
    if flags & 0x8000 != 0 {
        return Err(QueryFault::None);
    }
    if flags & 0x7800 != 0 {
        return Err(QueryFault::Kind(id));
    }
    if (questions, answers, authorities) != (1, 0, 0) || additions > 1 {
        return Err(QueryFault::Form(id));
    }
    let (name, kind, class) = question(&mut cursor).ok_or(QueryFault::Form(id))?;
    let taken = bytes.len() - cursor.left();
    let question = bytes.get(HEAD_BYTES..taken).unwrap_or_default().to_vec();
    let is_whole = if additions == 1 { option(&mut cursor).is_some() && cursor.is_empty() } else { cursor.is_empty() };
    if !is_whole {
        return Err(QueryFault::Form(id));
    }
    if class != CLASS_IN {
        return Err(QueryFault::Kind(id));
    }
    Ok(Query { id, host: Host::parse_bytes(&name), kind, is_recursion_desired: flags & 0x0100 != 0, question })
}

/// Takes the name as text, the type and the class. A pointer in a question's name is no name.
fn question(cursor: &mut Cursor<'_>) -> Option<(Vec<u8>, u16, u16)> {
    let mut name = Vec::new();
    loop {
        let label = match cursor.byte()? {
            0 => break,
            count @ 1..=63 => cursor.take(usize::from(count))?,
            64.. => return None,
        };
        // A dot within a label would be read as two labels.
        if label.contains(&b'.') || name.len() > 255 {
            return None;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    Some((name, cursor.short()?, cursor.short()?))
}

/// Takes the record that tells of extensions.
fn option(cursor: &mut Cursor<'_>) -> Option<()> {
    let is_option = cursor.byte()? == 0 && cursor.short()? == TYPE_OPT;
    let _sizes = cursor.take(6)?;
    let _data = cursor.vector()?;
    is_option.then_some(())
}

/// Returns the bytes of an answer. `lifetime_s` is how long the asker may keep it.
pub fn respond(query: &Query, answer: Answer, lifetime_s: u32) -> Vec<u8> {
    let (code, count) = match answer {
        Answer::Address(_) => (0, 1),
        Answer::Empty => (0, 0),
        Answer::NoName => (3, 0),
        Answer::Failure => (2, 0),
    };
    let mut bytes = head(query.id, query.is_recursion_desired, code, (1, count));
    bytes.extend_from_slice(&query.question);
    if let Answer::Address(address) = answer {
        for part in [NAME_POINTER, TYPE_A, CLASS_IN] {
            bytes.extend_from_slice(&part.to_be_bytes());
        }
        bytes.extend_from_slice(&lifetime_s.to_be_bytes());
        bytes.extend_from_slice(&4u16.to_be_bytes());
        bytes.extend_from_slice(&address.octets());
    }
    bytes
}

/// Returns the bytes of an answer to what is no question that is answered; `None` where there is nobody to answer.
pub fn refuse(fault: QueryFault) -> Option<Vec<u8>> {
    match fault {
        QueryFault::None => None,
        QueryFault::Form(id) => Some(head(id, false, 1, (0, 0))),
        QueryFault::Kind(id) => Some(head(id, false, 4, (0, 0))),
    }
}

fn head(id: u16, is_recursion_desired: bool, code: u16, (questions, answers): (u16, u16)) -> Vec<u8> {
    // An answer, from one who can ask further.
    let flags = 0x8080 | u16::from(is_recursion_desired) << 8 | code;
    [id, flags, questions, answers, 0, 0].iter().flat_map(|part| part.to_be_bytes()).collect()
}
