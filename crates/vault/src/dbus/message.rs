//! Messages of D-Bus, little endian, as bytes.

/// A call of a method.
pub(super) struct Call<'a> {
    destination: &'a str,
    path: &'a str,
    interface: &'a str,
    member: &'a str,
    signature: &'static str,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(super) fn bus(member: &'a str) -> Self {
        let (destination, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        Self { destination, path, interface: destination, member, signature: "", body: Vec::new() }
    }

    pub(super) fn secrets(path: &'a str, interface: &'a str, member: &'a str) -> Self {
        let destination = "org.freedesktop.secrets";
        Self { destination, path, interface, member, signature: "", body: Vec::new() }
    }

    pub(super) fn with(self, signature: &'static str, body: Writer) -> Self {
        Self { signature, body: body.bytes, ..self }
    }

    pub(super) fn render(&self, serial: u32) -> Vec<u8> {
        let fields = [(1, "o", self.path), (2, "s", self.interface), (3, "s", self.member), (6, "s", self.destination)];
        let head = Writer { bytes: vec![b'l', 1, 0, 1] }.number(length(&self.body)).number(serial);
        let mut head = head
            .array(8, &fields, |writer, (code, kind, value)| writer.align(8).byte(*code).signature(kind).text(value));
        if !self.signature.is_empty() {
            let before = head.bytes.len();
            head = head.align(8).byte(8).signature("g").signature(self.signature);
            let added = u32::try_from(head.bytes.len() - before).unwrap_or(u32::MAX);
            head = head.grown(12, added);
        }
        let mut bytes = head.align(8).bytes;
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Writes values with their alignment.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn align(mut self, to: usize) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
        self
    }

    fn byte(mut self, byte: u8) -> Self {
        self.bytes.push(byte);
        self
    }

    fn number(self, number: u32) -> Self {
        let mut writer = self.align(4);
        writer.bytes.extend_from_slice(&number.to_le_bytes());
        writer
    }

    pub(super) fn text(self, text: &str) -> Self {
        let mut writer = self.number(length(text.as_bytes()));
        writer.bytes.extend_from_slice(text.as_bytes());
        writer.byte(0)
    }

    fn signature(self, signature: &str) -> Self {
        let mut writer = self.byte(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        writer.bytes.extend_from_slice(signature.as_bytes());
        writer.byte(0)
    }

    pub(super) fn variant_text(self, text: &str) -> Self {
        self.signature("s").text(text)
    }

    /// Writes a list whose elements are aligned to so many bytes.
    pub(super) fn array<T>(self, to: usize, elements: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        let writer = self.number(0);
        let place = writer.bytes.len() - 4;
        let writer = writer.align(to);
        let start = writer.bytes.len();
        let writer = elements.iter().fold(writer, write);
        let added = u32::try_from(writer.bytes.len() - start).unwrap_or(u32::MAX);
        writer.grown(place, added)
    }

    /// Adds to the length that stands somewhere.
    fn grown(mut self, place: usize, added: u32) -> Self {
        if let Some(length) = self.bytes.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<4>()) {
            *length = u32::from_le_bytes(*length).saturating_add(added).to_le_bytes();
        }
        self
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// What a message's first 16 bytes say of the rest.
pub(super) struct Lengths {
    /// Bytes of the fields, with what fills them up.
    pub(super) head: usize,
    pub(super) body: usize,
}

pub(super) fn lengths(fixed: &[u8]) -> Option<Lengths> {
    let mut reader = Reader::new(fixed);
    let (order, _, _, version) = (reader.byte()?, reader.byte()?, reader.byte()?, reader.byte()?);
    let (body, _, fields) = (reader.number()?, reader.number()?, reader.number()?);
    let head = usize::try_from(fields).ok()?.checked_next_multiple_of(8)?;
    (order == b'l' && version == 1).then_some(Lengths { head, body: usize::try_from(body).ok()? })
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Answer,
    Error,
    Other,
}

/// What a message's fields say, as far as it matters.
pub(super) struct Head<'a> {
    pub(super) kind: Kind,
    pub(super) answers: Option<u32>,
    pub(super) signature: &'a str,
}

pub(super) fn head<'a>(fixed: &[u8], fields: &'a [u8]) -> Option<Head<'a>> {
    let kind = match *fixed.get(1)? {
        2 => Kind::Answer,
        3 => Kind::Error,
        _ => Kind::Other,
    };
    let length = u32::from_le_bytes(*fixed.get(12..)?.first_chunk()?);
    let mut reader = Reader::new(fields.get(..usize::try_from(length).ok()?)?);
    let (mut answers, mut signature) = (None, "");
    while !reader.is_empty() {
        reader.align(8);
        match (reader.byte()?, reader.signature()?) {
            (5, "u") => answers = Some(reader.number()?),
            (8, "g") => signature = reader.signature()?,
            (_, "s" | "o") => drop(reader.text()?),
            (_, "g") => drop(reader.signature()?),
            (_, "u") => drop(reader.number()?),
            _ => return None,
        }
    }
    Some(Head { kind, answers, signature })
}

/// Reads values with their alignment.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let text = core::str::from_utf8(self.bytes()?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    fn signature(&mut self) -> Option<&'a str> {
        let count = self.byte()?;
        let text = core::str::from_utf8(self.take(usize::from(count))?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    pub(super) fn variant_text(&mut self) -> Option<&'a str> {
        if self.signature()? == "s" { self.text() } else { None }
    }

    pub(super) fn paths(&mut self) -> Option<Vec<String>> {
        let count = usize::try_from(self.number()?).ok()?;
        let end = self.at.checked_add(count)?;
        let mut paths = Vec::new();
        while self.at < end {
            paths.push(self.text()?.to_owned());
        }
        (self.at == end).then_some(paths)
    }
}
