//! Secrets out of texts.
//!
//! Each detector is a function from text to byte ranges; the ranges are united and replaced by
//! `[redacted:<kind>]`. The work grows with the length of the text and with nothing else. What is cut
//! out is bounded by ASCII characters on both sides, so that characters stay whole.
//!
//! This finds secrets that look like secrets. It does not find a password that is a plain word, a
//! secret that is encoded or split, and a hexadecimal one that could be a commit's name.
//!
//! This crate is pure: no I/O, no environment, no clock. It decides nothing.
//!
//! Read first: [`redact`], then `tokens.rs`.

mod assign;
mod entropy;
mod tokens;

pub use tokens::prefix;

use std::ops::Range;

/// A kind of secret, the more certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecretKind {
    /// A PEM block with a private key.
    PrivateKey,
    /// An AWS access key id.
    AwsKeyId,
    /// A GitHub token.
    GithubToken,
    /// A GitLab token.
    GitlabToken,
    /// A Slack token.
    SlackToken,
    /// A Stripe key.
    StripeKey,
    /// An Anthropic key.
    AnthropicKey,
    /// An OpenAI key, or another that begins with `sk-`.
    OpenaiKey,
    /// An npm token.
    NpmToken,
    /// A PyPI token.
    PypiToken,
    /// A Google API key or access token.
    GoogleKey,
    /// A token of another service with a prefix of its own.
    ServiceToken,
    /// A JSON web token.
    Jwt,
    /// The password of a URL.
    UrlPassword,
    /// The credentials of an HTTP header.
    Authorization,
    /// The value of a name like `password` or `api_key`.
    Assignment,
    /// The value of an option like `--password`.
    CliOption,
    /// A long string without order.
    HighEntropy,
}

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::PrivateKey,
        Self::AwsKeyId,
        Self::GithubToken,
        Self::GitlabToken,
        Self::SlackToken,
        Self::StripeKey,
        Self::AnthropicKey,
        Self::OpenaiKey,
        Self::NpmToken,
        Self::PypiToken,
        Self::GoogleKey,
        Self::ServiceToken,
        Self::Jwt,
        Self::UrlPassword,
        Self::Authorization,
        Self::Assignment,
        Self::CliOption,
        Self::HighEntropy,
    ];

    /// Returns the kind's name in markers and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::AwsKeyId => "aws-key-id",
            Self::GithubToken => "github-token",
            Self::GitlabToken => "gitlab-token",
            Self::SlackToken => "slack-token",
            Self::StripeKey => "stripe-key",
            Self::AnthropicKey => "anthropic-key",
            Self::OpenaiKey => "openai-key",
            Self::NpmToken => "npm-token",
            Self::PypiToken => "pypi-token",
            Self::GoogleKey => "google-key",
            Self::ServiceToken => "service-token",
            Self::Jwt => "jwt",
            Self::UrlPassword => "url-password",
            Self::Authorization => "authorization",
            Self::Assignment => "assignment",
            Self::CliOption => "option",
            Self::HighEntropy => "high-entropy",
        }
    }

    /// Returns what stands in the place of such a secret.
    pub fn marker(self) -> String {
        format!("[redacted:{}]", self.name())
    }

    /// Reads a kind's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The text; each secret is `[redacted:<kind>]`.
    pub text: String,
    /// The kinds that were found, each once.
    pub found: Vec<SecretKind>,
}

/// What begins a marker. A value that begins so is not a secret any more.
const MARKER: &[u8] = b"[redacted:";

/// A secret's place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    range: Range<usize>,
    kind: SecretKind,
}

/// Returns a text without its secrets.
pub fn redact(text: &str) -> Redacted {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    tokens::find(bytes, &mut spans);
    assign::find(bytes, &mut spans);
    entropy::find(bytes, &mut spans);
    let spans = unite(spans);
    let mut found: Vec<SecretKind> = spans.iter().map(|span| span.kind).collect();
    found.sort_unstable();
    found.dedup();
    Redacted { text: replace(text, &spans), found }
}

/// Unites spans that overlap; the more certain kind names them.
fn unite(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.range.is_empty());
    spans.sort_by_key(|span| (span.range.start, span.kind));
    let mut united: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                last.range.end = last.range.end.max(span.range.end);
                last.kind = last.kind.min(span.kind);
            }
            _ => united.push(span),
        }
    }
    united
}

fn replace(text: &str, spans: &[Span]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for Span { range, kind } in spans {
        let (start, end) = (text.floor_char_boundary(range.start).max(at), text.ceil_char_boundary(range.end));
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push_str(&kind.marker());
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Returns the byte at a place; 0 outside.
fn at(bytes: &[u8], place: usize) -> u8 {
    bytes.get(place).copied().unwrap_or(0)
}

/// Returns what begins at a place.
fn from(bytes: &[u8], place: usize) -> &[u8] {
    bytes.get(place..).unwrap_or_default()
}

/// Returns how many bytes from a place on are of a class.
fn run(bytes: &[u8], place: usize, class: impl Fn(u8) -> bool) -> usize {
    from(bytes, place).iter().take_while(|byte| class(**byte)).count()
}

/// Returns where a text is found at or after a place.
fn search(bytes: &[u8], place: usize, wanted: &[u8]) -> Option<usize> {
    from(bytes, place).windows(wanted.len()).position(|window| window == wanted).map(|found| place + found)
}
