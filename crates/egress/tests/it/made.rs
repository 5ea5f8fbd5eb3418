//! Hellos and questions as the tests want them.

/// A hello: names, further extensions, and how it is cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
    /// How many bytes of the handshake a record holds; 0 for all.
    pub(crate) record: usize,
    /// Bytes behind the extensions.
    pub(crate) behind: Vec<u8>,
    /// How many of the bytes there are; 0 for all.
    pub(crate) cut: usize,
    /// The extension of names is there, whatever it has.
    pub(crate) is_named: bool,
}

impl Made {
    /// Returns a hello with one name.
    pub(crate) fn named(name: &str) -> Self {
        Self { names: vec![name.as_bytes().to_vec()], is_named: true, ..Self::default() }
    }

    /// Reads `name X`, `record N`, `extension HEX`, `behind N`, `cut N`, between semicolons.
    pub(crate) fn parse(text: &str) -> Self {
        let mut made = Self::default();
        for part in text.split("; ") {
            let (word, rest) = part.split_once(' ').unwrap_or((part, ""));
            match word {
                "name" => made.names.push(rest.as_bytes().to_vec()),
                "record" => made.record = rest.parse().unwrap(),
                "extension" => made.extensions.push((u16::from_str_radix(rest, 16).unwrap(), vec![0; 3])),
                "behind" => made.behind = vec![0; rest.parse().unwrap()],
                "cut" => made.cut = rest.parse().unwrap(),
                "padding" => made.extensions.push((21, vec![0; rest.parse().unwrap()])),
                "plain" | "no-names" => made.is_named |= word == "no-names",
                other => panic!("no such part: {other}"),
            }
        }
        made.is_named |= !made.names.is_empty();
        made
    }

    /// Returns a server's wish for another hello.
    pub(crate) fn retry() -> Vec<u8> {
        let random = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
        let random = (0..32).map(|at| u8::from_str_radix(&random[at * 2..at * 2 + 2], 16).unwrap());
        let body = [vec![3, 3], random.collect(), vec![0, 0x13, 1, 0], vector(&[])].concat();
        let message = [vec![2, 0, 0, u8::try_from(body.len()).unwrap()], body].concat();
        [vec![22, 3, 3], vector(&message)].concat()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if self.is_named {
            let entry = |name: &Vec<u8>| [vec![0], vector(name)].concat();
            let list: Vec<u8> = self.names.iter().flat_map(entry).collect();
            extensions.extend([vec![0, 0], vector(&vector(&list))].concat());
        }
        for (kind, data) in &self.extensions {
            extensions.extend([kind.to_be_bytes().to_vec(), vector(data)].concat());
        }
        let fixed = [vec![3, 3], vec![7; 32], vec![0], vector(&[0x13, 1]), vec![1, 0]].concat();
        let body = [fixed, vector(&extensions), self.behind.clone()].concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [vec![1], length[1..].to_vec(), body].concat();
        let record = if self.record == 0 { 16_384 } else { self.record };
        let bytes: Vec<u8> = message.chunks(record).flat_map(|part| [vec![22, 3, 1], vector(part)].concat()).collect();
        if self.cut == 0 { bytes } else { bytes[..self.cut].to_vec() }
    }
}

fn vector(bytes: &[u8]) -> Vec<u8> {
    [u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec(), bytes.to_vec()].concat()
}

/// Returns a question for a name.
pub(crate) fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes: Vec<u8> = [id, 0x0100, 1, 0, 0, 0].iter().flat_map(|part| part.to_be_bytes()).collect();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend([kind, 1].iter().flat_map(|part| part.to_be_bytes()));
    bytes
}
