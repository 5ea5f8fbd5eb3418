//! Requests that are signed for AWS with a placeholder, and are signed anew with the secret.
//!
//! There are several ways in which clients write a path and a query down before they sign them. That in which this one
//! did is found out: it is the one in which the placeholder makes the signature that came. A request that no way
//! explains is refused, so that nothing is signed that was not signed inside.

use ring::{digest, hmac};

use super::{Channel, Listing, Vault};
use crate::wire::request::Request;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Another algorithm, whose keys are none that two sides share.
const OTHER_ALGORITHM: &str = "AWS4-ECDSA-P256-SHA256";
/// A streamed body whose parts have no signatures of their own.
const UNSIGNED_STREAM: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// `sandbox.credentials.awsPairs`: the names of credentials that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsPair {
    /// The access key's identifier. Where it may go requests are signed anew.
    pub key_id: String,
    /// The secret key.
    pub secret: String,
    /// The token of a session.
    pub session: Option<String>,
}

impl AwsPair {
    /// Returns the pair of the variables with the usual names, where they are masked whole; `None` where the identifier
    /// or the key is not.
    pub fn usual(is_masked: impl Fn(&str) -> bool) -> Option<Self> {
        let own = |name: &str| is_masked(name).then(|| name.to_owned());
        let (key_id, secret) = (own("AWS_ACCESS_KEY_ID")?, own("AWS_SECRET_ACCESS_KEY")?);
        Some(Self { key_id, secret, session: own("AWS_SESSION_TOKEN") })
    }
}

/// What becomes of a request that cannot be signed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsignable {
    /// It is refused.
    #[default]
    Deny,
    /// It goes on as it is, and AWS refuses it.
    Pass,
}

/// How requests for AWS are signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aws {
    /// The pairs.
    pub pairs: Vec<AwsPair>,
    /// Bodies in parts, each with a signature.
    pub streaming: Unsignable,
    /// Signatures in the URL.
    pub presigned: Unsignable,
    /// Signatures by an algorithm of two keys.
    pub sigv4a: Unsignable,
}

/// Why a request cannot be signed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningFault {
    /// Its field is none.
    #[error("its AWS signature is not well formed")]
    Form,
    /// It does not say when it was signed.
    #[error("it is signed for AWS without `x-amz-date`")]
    Date,
    /// The signature is not that of the placeholder.
    #[error("its AWS signature was not made with the placeholder of the secret key")]
    Signature,
    /// It lacks a field that was signed.
    #[error("a field that its AWS signature covers is missing")]
    Field,
    /// See [`Aws::streaming`].
    #[error("each part of its body has an AWS signature, which cannot be made anew")]
    Streaming,
    /// See [`Aws::presigned`].
    #[error("its AWS signature is in the URL, and cannot be made anew")]
    Presigned,
    /// See [`Aws::sigv4a`].
    #[error("its AWS signature is of SigV4A, and cannot be made anew")]
    Asymmetric,
    /// Its body is longer than is read.
    #[error("its body is too long to be signed for AWS anew")]
    Long,
}

/// A request that was signed with a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pair: AwsPair,
    date: String,
    region: String,
    service: String,
    fields: Vec<String>,
    signature: String,
    /// What the signature says of the body; nothing where that is its digest.
    payload: Option<String>,
    /// The request as it came.
    original: Request,
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Nothing: it is signed with no placeholder.
    None,
    /// It goes on as it is.
    Pass,
    /// It is signed anew.
    Anew(Box<Signed>),
}

/// How a client writes down what it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    path: Coding,
    query: Coding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As it is on the wire.
    Plain,
    /// Decoded, and encoded once.
    Once,
    /// What is on the wire, encoded again.
    Again,
    /// Decoded, and encoded twice.
    Twice,
}

impl Aws {
    /// Returns what is to be done with a request.
    pub(crate) fn detect(
        &self,
        request: &Request,
        vault: &Vault,
        (channel, listing): (Channel, Listing),
    ) -> Result<Signing, SigningFault> {
        let field = request.fields.one("authorization").ok().flatten();
        let field = field.and_then(|value| core::str::from_utf8(value).ok()).unwrap_or_default();
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        for pair in &self.pairs {
            let Some((id, _)) = vault.pair(&pair.key_id) else { continue };
            if !vault.may_go(&pair.key_id, &request.target, channel, listing) {
                continue;
            }
            let of = |text: &str| text.contains(&format!("Credential={id}/"));
            let is_presigned = query.split('&').any(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                name.eq_ignore_ascii_case("x-amz-credential") && value.starts_with(id)
            });
            if is_presigned {
                return unsignable(self.presigned, SigningFault::Presigned);
            }
            if field.starts_with(OTHER_ALGORITHM) && of(field) {
                return unsignable(self.sigv4a, SigningFault::Asymmetric);
            }
            if !field.starts_with(ALGORITHM) || !of(field) {
                continue;
            }
            let signed = Signed::parse(pair, field, request)?;
            let is_stream = signed.payload.as_ref().is_some_and(|said| said.starts_with("STREAMING-"));
            if is_stream && signed.payload.as_deref() != Some(UNSIGNED_STREAM) {
                return unsignable(self.streaming, SigningFault::Streaming);
            }
            return Ok(Signing::Anew(Box::new(signed)));
        }
        Ok(Signing::None)
    }
}

fn unsignable(way: Unsignable, fault: SigningFault) -> Result<Signing, SigningFault> {
    match way {
        Unsignable::Deny => Err(fault),
        Unsignable::Pass => Ok(Signing::Pass),
    }
}

impl Signed {
    fn parse(pair: &AwsPair, field: &str, request: &Request) -> Result<Self, SigningFault> {
        let rest = field.strip_prefix(ALGORITHM).ok_or(SigningFault::Form)?;
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().strip_prefix(name));
            parts.next().filter(|_| parts.next().is_none()).ok_or(SigningFault::Form)
        };
        let mut scope = part("Credential=")?.split('/').skip(1);
        let (Some(date), Some(region), Some(service), Some("aws4_request"), None) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(SigningFault::Form);
        };
        let fields: Vec<String> = part("SignedHeaders=")?.split(';').map(str::to_owned).collect();
        let is_name = |name: &String| request.fields.all(name).next().is_some() || name == "host";
        if !fields.iter().all(is_name) || !fields.iter().any(|name| name == "host") {
            return Err(SigningFault::Field);
        }
        let said = request.fields.one("x-amz-content-sha256").map_err(|_| SigningFault::Form)?;
        let said = said.map(|value| String::from_utf8(value.to_vec()).map_err(|_| SigningFault::Form)).transpose()?;
        Ok(Self {
            pair: pair.clone(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signature: part("Signature=")?.to_owned(),
            fields,
            payload: said,
            original: request.clone(),
        })
    }

    /// Returns true when the body must be known.
    pub(crate) fn wants_body(&self) -> bool {
        self.payload.is_none()
    }

    /// Signs a request anew: `request` is what goes out but for its signature, `came` and `goes` are its body.
    pub(crate) fn sign(
        &self,
        request: &mut Request,
        vault: &Vault,
        (came, goes): (&[u8], &[u8]),
        port: u16,
    ) -> Result<(), SigningFault> {
        let of = |name: &str| vault.pair(name).ok_or(SigningFault::Form);
        let (placeholder, secret) = of(&self.pair.secret)?;
        let (_, key_id) = of(&self.pair.key_id)?;
        let payload = |body: &[u8]| self.payload.clone().unwrap_or_else(|| hex(digest(body).as_ref()));
        let host = self.original.fields.one("host").ok().flatten().map(<[u8]>::to_vec);
        let host = host.unwrap_or_else(|| request.host_at(port).into_bytes());
        let written = |style| {
            let canonical = self.canonical(&self.original, style, (&host, &self.fields, &payload(came)))?;
            self.signature(placeholder, &self.original, &canonical)
        };
        const CODINGS: [Coding; 4] = [Coding::Plain, Coding::Again, Coding::Once, Coding::Twice];
        let styles =
            CODINGS.iter().flat_map(|path| [Coding::Plain, Coding::Once].map(|query| Style { path: *path, query }));
        let mut found = None;
        for style in styles {
            if written(style)? == self.signature {
                found = Some(style);
                break;
            }
        }
        let style = found.ok_or(SigningFault::Signature)?;
        let mut fields = self.fields.clone();
        if let Some(session) = &self.pair.session {
            request.fields.set("x-amz-security-token", Some(of(session)?.1.as_bytes()));
            if !fields.iter().any(|name| name == "x-amz-security-token") {
                fields.push("x-amz-security-token".to_owned());
                fields.sort();
            }
        }
        let canonical = self.canonical(request, style, (request.host_at(port).as_bytes(), &fields, &payload(goes)))?;
        let signature = self.signature(secret, request, &canonical)?;
        let scope = self.scope();
        let names = fields.join(";");
        let value = format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}");
        request.fields.set("authorization", Some(value.as_bytes()));
        Ok(())
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    fn signature(&self, secret: &str, request: &Request, canonical: &str) -> Result<String, SigningFault> {
        let time = request.fields.one("x-amz-date").ok().flatten().ok_or(SigningFault::Date)?;
        let time = core::str::from_utf8(time).map_err(|_| SigningFault::Date)?;
        let text = format!("{ALGORITHM}\n{time}\n{}\n{}", self.scope(), hex(digest(canonical.as_bytes()).as_ref()));
        let start = format!("AWS4{secret}").into_bytes();
        let parts = [self.date.as_str(), &self.region, &self.service, "aws4_request", &text];
        Ok(hex(&parts.iter().fold(start, |key, part| hmac_of(&key, part.as_bytes()))))
    }

    fn canonical(
        &self,
        request: &Request,
        style: Style,
        (host, fields, payload): (&[u8], &[String], &str),
    ) -> Result<String, SigningFault> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut lines = String::new();
        for name in fields {
            let values: Vec<String> = match name.as_str() {
                "host" => vec![String::from_utf8_lossy(host).into_owned()],
                _ => request.fields.all(name).map(collapsed).collect(),
            };
            if values.is_empty() {
                return Err(SigningFault::Field);
            }
            lines.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let (path, query) = (coded(path, style.path, b"/"), sorted(query, style.query));
        Ok(format!("{}\n{path}\n{query}\n{lines}\n{}\n{payload}", request.method, fields.join(";")))
    }
}

/// Returns a field's value with one space where there are several.
fn collapsed(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn sorted(query: &str, coding: Coding) -> String {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (coded(name, coding, b""), coded(value, coding, b""))
    };
    let mut pairs: Vec<(String, String)> = query.split('&').filter(|part| !part.is_empty()).map(pair).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn coded(text: &str, coding: Coding, kept: &[u8]) -> String {
    match coding {
        Coding::Plain => text.to_owned(),
        Coding::Once => encode(&decode(text), kept),
        Coding::Again => encode(text.as_bytes(), kept),
        Coding::Twice => encode(encode(&decode(text), kept).as_bytes(), kept),
    }
}

fn encode(bytes: &[u8], kept: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        _ if kept.contains(byte) => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(letter).collect()
}

/// Returns the bytes behind percent signs; what is no code stays.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let code = behind.get(..2).and_then(|digits| core::str::from_utf8(digits).ok());
        let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

fn digest(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

fn hmac_of(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
