//! A request to the proxy, or to a server behind it.

use super::Progress;
use super::fields::{Body, Fields, HeadFault, Version, is_token, split};
use crate::host::Target;

const METHOD_BYTES_MAX: usize = 32;
const HTTP_PORT: u16 = 80;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as written.
    pub method: String,
    /// Where it goes.
    pub target: Target,
    /// What it asks for there; empty for CONNECT.
    pub path: String,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// What follows.
    pub body: Body,
}

/// To whom a request speaks, and so which forms of targets it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To the proxy: CONNECT, or an absolute URL.
    Proxy,
    /// To a server at this port: a path, and the field `Host`.
    Server(u16),
}

/// Reads a request's head.
pub fn read(bytes: &[u8], place: Place) -> Result<Progress<Request>, HeadFault> {
    let Some((line, fields, taken)) = split(bytes)? else { return Ok(Progress::More) };
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HeadFault::FirstLine);
    };
    let is_method = !method.is_empty() && method.len() <= METHOD_BYTES_MAX && method.bytes().all(is_token);
    if !is_method || target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(HeadFault::FirstLine);
    }
    let version = Version::parse(version)?;
    fields.check_connection()?;
    let body = fields.body(version)?;
    let (target, path) = match place {
        _ if matches!(method, "TRACE" | "TRACK") => return Err(HeadFault::Method),
        Place::Proxy if method == "CONNECT" => (connect(target, &fields, body)?, String::new()),
        Place::Proxy => absolute(target, &fields, version)?,
        Place::Server(_) if method == "CONNECT" => return Err(HeadFault::Method),
        Place::Server(port) => (origin(target, port, &fields)?, target.to_owned()),
    };
    let body = body.unwrap_or(Body::None);
    Ok(Progress::Done(Request { method: method.to_owned(), target, path, version, fields, body }, taken))
}

/// Reads the target of CONNECT: a host and a port, and no body.
fn connect(text: &str, fields: &Fields, body: Option<Body>) -> Result<Target, HeadFault> {
    if !matches!(body, None | Some(Body::Length(0))) {
        return Err(HeadFault::Length);
    }
    let target = Target::parse(text, None).map_err(|_| HeadFault::Target)?;
    match named(fields, target.port())? {
        Some(named) if named != target => Err(HeadFault::Host),
        Some(_) | None => Ok(target),
    }
}

/// Reads `http://host:port/path`.
fn absolute(text: &str, fields: &Fields, version: Version) -> Result<(Target, String), HeadFault> {
    let (scheme, rest) = text.split_once("://").ok_or(HeadFault::Target)?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(HeadFault::Scheme);
    }
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or(HeadFault::Target)?;
    let target = Target::parse(authority, Some(HTTP_PORT)).map_err(|_| HeadFault::Target)?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    check_path(&path)?;
    match named(fields, HTTP_PORT)? {
        Some(named) if named != target => Err(HeadFault::Host),
        None if version == Version::New => Err(HeadFault::Host),
        Some(_) | None => Ok((target, path)),
    }
}

/// Reads a path, and the host from its field.
fn origin(text: &str, port: u16, fields: &Fields) -> Result<Target, HeadFault> {
    if !text.starts_with('/') && text != "*" {
        return Err(HeadFault::Target);
    }
    check_path(text)?;
    let target = named(fields, port)?.ok_or(HeadFault::Host)?;
    if target.port() == port { Ok(target) } else { Err(HeadFault::Host) }
}

fn check_path(path: &str) -> Result<(), HeadFault> {
    if path.contains(['#', '\\']) { Err(HeadFault::Target) } else { Ok(()) }
}

/// Returns what the field `Host` names.
fn named(fields: &Fields, port: u16) -> Result<Option<Target>, HeadFault> {
    let value = fields.one("host").map_err(|_| HeadFault::Host)?;
    let read = |value| {
        let text = core::str::from_utf8(value).map_err(|_| HeadFault::Host)?;
        Target::parse(text, Some(port)).map_err(|_| HeadFault::Host)
    };
    value.map(read).transpose()
}

impl Request {
    /// Returns true when the client wants another protocol on this connection, and it is one that is passed on.
    pub fn wants_web_socket(&self) -> bool {
        let is_alone =
            matches!(self.fields.one("upgrade"), Ok(Some(value)) if value.eq_ignore_ascii_case(b"websocket"));
        is_alone && self.method == "GET" && self.body == Body::None && self.fields.has_word("connection", "upgrade")
    }

    /// Returns true when the connection serves another request after this one.
    pub fn is_kept(&self) -> bool {
        let says = |word| self.fields.has_word("connection", word) || self.fields.has_word("proxy-connection", word);
        self.version == Version::New && !says("close")
    }

    /// Returns the head as it goes to the server, or with `through` to another proxy.
    pub fn render(&self, through: Option<&str>) -> Vec<u8> {
        self.render_at(through, HTTP_PORT)
    }

    /// Returns the value of the field `Host`, where this port need not be named.
    pub(crate) fn host_at(&self, port: u16) -> String {
        if self.target.port() == port { self.target.host.to_string() } else { self.target.to_string() }
    }

    /// Returns the same where another port need not be named.
    pub(crate) fn render_at(&self, through: Option<&str>, port: u16) -> Vec<u8> {
        let host = self.host_at(port);
        let before = through.map_or_else(String::new, |_| format!("http://{host}"));
        // A client of the old version cannot read what a server sends to one of the new.
        let version = if self.version == Version::Old { "HTTP/1.0" } else { "HTTP/1.1" };
        let mut head = format!("{} {before}{} {version}\r\nhost: {host}\r\n", self.method, self.path).into_bytes();
        if let Some(authorization) = through.filter(|text| !text.is_empty()) {
            head.extend_from_slice(format!("proxy-authorization: {authorization}\r\n").as_bytes());
        }
        for (name, value) in self.fields.iter() {
            if name != "host" && !self.fields.is_of_this_hop(name) {
                head.extend_from_slice(name.as_bytes());
                head.extend_from_slice(b": ");
                head.extend_from_slice(value);
                head.extend_from_slice(b"\r\n");
            }
        }
        if self.wants_web_socket() {
            head.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}
