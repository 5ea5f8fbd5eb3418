//! A server's answer, as far as one who passes it on must understand it.

use super::Progress;
use super::fields::{Body, Fields, HeadFault, Version, split};

/// An answer's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The three digits.
    pub status: u16,
    /// The text behind them.
    pub reason: String,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// What follows.
    pub body: Body,
}

/// Reads an answer's head. What follows it depends on the request's method.
pub fn read(bytes: &[u8], method: &str) -> Result<Progress<Response>, HeadFault> {
    let Some((line, fields, taken)) = split(bytes)? else { return Ok(Progress::More) };
    let (version, rest) = line.split_once(' ').ok_or(HeadFault::FirstLine)?;
    let version = Version::parse(version)?;
    let (digits, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_status = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let status = digits.parse().ok().filter(|status| is_status && *status >= 100).ok_or(HeadFault::FirstLine)?;
    fields.check_connection()?;
    let said = fields.body(version)?;
    let is_empty = method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
    let body = if is_empty { Body::None } else { said.unwrap_or(Body::UntilClose) };
    Ok(Progress::Done(Response { status, reason: reason.to_owned(), version, fields, body }, taken))
}

impl Response {
    /// Returns true when the server keeps the connection for another request.
    pub fn is_kept(&self) -> bool {
        self.version == Version::New && !self.fields.has_word("connection", "close") && self.body != Body::UntilClose
    }

    /// Returns the head as it goes to the client.
    pub fn render(&self, is_kept: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).into_bytes();
        for (name, value) in self.fields.iter().filter(|(name, _)| !self.fields.is_of_this_hop(name)) {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        match self.status {
            101 => head.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n"),
            100..=199 => {}
            _ if is_kept => {}
            _ => head.extend_from_slice(b"connection: close\r\n"),
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}
