//! Tokens that say what they are: by a prefix, a frame, or their form.

use super::{SecretKind, Span, at, from, run, search};

/// The bytes of a token after its prefix.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// Letters and digits.
    Alnum,
    /// And underscores.
    Word,
    /// And hyphens.
    Url,
    /// And dots.
    Dotted,
}

/// A prefix, the class and least count of the bytes after it, and the kind.
struct Token(&'static str, Class, usize, SecretKind);

const TOKENS: [Token; 53] = [
    Token("github_pat_", Class::Word, 20, SecretKind::GithubToken),
    Token("ghp_", Class::Word, 20, SecretKind::GithubToken),
    Token("gho_", Class::Word, 20, SecretKind::GithubToken),
    Token("ghu_", Class::Word, 20, SecretKind::GithubToken),
    Token("ghs_", Class::Dotted, 20, SecretKind::GithubToken),
    Token("ghr_", Class::Word, 20, SecretKind::GithubToken),
    Token("glpat-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("gldt-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("glrt-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("glptt-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("glcbt-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("glsoat-", Class::Dotted, 16, SecretKind::GitlabToken),
    Token("xoxb-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxp-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxa-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxs-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxr-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxo-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxc-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxd-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxe-", Class::Url, 10, SecretKind::SlackToken),
    Token("xoxe.xox", Class::Dotted, 10, SecretKind::SlackToken),
    Token("xapp-", Class::Url, 10, SecretKind::SlackToken),
    Token("sk_live_", Class::Word, 10, SecretKind::StripeKey),
    Token("rk_live_", Class::Word, 10, SecretKind::StripeKey),
    Token("sk_test_", Class::Word, 10, SecretKind::StripeKey),
    Token("rk_test_", Class::Word, 10, SecretKind::StripeKey),
    Token("whsec_", Class::Word, 20, SecretKind::StripeKey),
    Token("sk-ant-", Class::Url, 16, SecretKind::AnthropicKey),
    Token("sk-", Class::Url, 20, SecretKind::OpenaiKey),
    Token("npm_", Class::Alnum, 30, SecretKind::NpmToken),
    Token("pypi-", Class::Url, 40, SecretKind::PypiToken),
    Token("AIza", Class::Url, 30, SecretKind::GoogleKey),
    Token("ya29.", Class::Dotted, 20, SecretKind::GoogleKey),
    Token("GOCSPX-", Class::Url, 20, SecretKind::GoogleKey),
    Token("hf_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("gsk_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("xai-", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("dop_v1_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("dckr_pat_", Class::Url, 20, SecretKind::ServiceToken),
    Token("glsa_", Class::Word, 30, SecretKind::ServiceToken),
    Token("shpat_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("shpss_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("lin_api_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("hvs.", Class::Url, 20, SecretKind::ServiceToken),
    Token("hvb.", Class::Url, 20, SecretKind::ServiceToken),
    Token("SG.", Class::Dotted, 40, SecretKind::ServiceToken),
    Token("sbp_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("ntn_", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("tskey-", Class::Url, 20, SecretKind::ServiceToken),
    Token("dp.pt.", Class::Alnum, 30, SecretKind::ServiceToken),
    Token("AGE-SECRET-KEY-1", Class::Alnum, 30, SecretKind::PrivateKey),
    Token("rubygems_", Class::Alnum, 30, SecretKind::ServiceToken),
];

/// Bytes after a prefix that decide whether it begins a token.
const DECIDE_BYTES_MAX: usize = 128;

const AWS_PREFIXES: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];

/// Returns how many bytes of a text are a prefix that says what kind of token it is, and nothing of the token itself.
pub fn prefix(text: &str) -> usize {
    let usual = TOKENS.iter().map(|token| token.0.as_bytes()).chain(AWS_PREFIXES);
    usual.filter(|prefix| text.as_bytes().starts_with(prefix)).map(<[u8]>::len).max().unwrap_or(0)
}

/// Finds every token.
pub(super) fn find(bytes: &[u8], spans: &mut Vec<Span>) {
    let mut place = 0;
    while place < bytes.len() {
        // A token begins where no word is going on.
        let begins = place == 0 || !at(bytes, place - 1).is_ascii_alphanumeric();
        match begins.then(|| token(bytes, place)).flatten() {
            Some((length, kind)) => {
                spans.push(Span { range: place..place + length, kind });
                place += length;
            }
            None => place += 1,
        }
    }
}

fn token(bytes: &[u8], place: usize) -> Option<(usize, SecretKind)> {
    match at(bytes, place) {
        b'-' => private_key(bytes, place).map(|length| (length, SecretKind::PrivateKey)),
        // Only where no part of a token is before it: each run of such bytes is looked at once.
        b'e' if from(bytes, place).starts_with(b"eyJ")
            && (place == 0 || !Class::Dotted.holds(at(bytes, place - 1))) =>
        {
            jwt(bytes, place).map(|length| (length, SecretKind::Jwt))
        }
        b'A' if AWS_PREFIXES.iter().any(|prefix| from(bytes, place).starts_with(prefix)) => {
            let length = run(bytes, place, |byte| byte.is_ascii_alphanumeric());
            let is_key = from(bytes, place).iter().take(20).all(|byte| !byte.is_ascii_lowercase());
            (length == 20 && is_key).then_some((20, SecretKind::AwsKeyId))
        }
        b'a'..=b'z' | b'A' | b'G' | b'S' => prefixed(bytes, place),
        _ => None,
    }
}

fn prefixed(bytes: &[u8], place: usize) -> Option<(usize, SecretKind)> {
    let text = from(bytes, place);
    let first = text.first();
    let is_prefix = |token: &&Token| token.0.as_bytes().first() == first && text.starts_with(token.0.as_bytes());
    let Token(prefix, class, least, kind) = TOKENS.iter().find(is_prefix)?;
    let begin = text.get(prefix.len()..text.len().min(prefix.len() + DECIDE_BYTES_MAX))?;
    let body = begin.get(..run(begin, 0, |byte| class.holds(byte)))?;
    let is_token = body.len() >= *least && body.iter().any(u8::is_ascii_digit);
    is_token.then(|| (prefix.len() + run(text, prefix.len(), |byte| class.holds(byte)), *kind))
}

impl Class {
    fn holds(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || match self {
                Self::Alnum => false,
                Self::Word => byte == b'_',
                Self::Url => matches!(byte, b'_' | b'-'),
                Self::Dotted => matches!(byte, b'_' | b'-' | b'.'),
            }
    }
}

/// `-----BEGIN ... PRIVATE KEY...-----` up to the end of its last line, or of the text.
fn private_key(bytes: &[u8], place: usize) -> Option<usize> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const LABEL_BYTES_MAX: usize = 64;
    let rest = from(bytes, place).strip_prefix(BEGIN)?;
    let label = run(rest, 0, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if label > LABEL_BYTES_MAX || search(rest.get(..label)?, 0, b"PRIVATE KEY").is_none() {
        return None;
    }
    let Some(end) = search(bytes, place + BEGIN.len(), b"-----END ") else { return Some(bytes.len() - place) };
    let dashes = run(bytes, end + 9, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let close = run(bytes, end + 9 + dashes, |byte| byte == b'-');
    Some(end + 9 + dashes + close - place)
}

/// `eyJ<header>.<payload>.<signature>`: three parts or more, of base64url.
fn jwt(bytes: &[u8], place: usize) -> Option<usize> {
    let length = run(bytes, place, |byte| Class::Dotted.holds(byte));
    let text = from(bytes, place).get(..length)?;
    let mut parts = text.split(|byte| *byte == b'.');
    let (header, payload) = (parts.next()?, parts.next()?);
    parts.next()?;
    (header.len() >= 12 && payload.len() >= 8).then_some(length)
}
