//! Tokens that say what they are: by a prefix, a frame, or their form.

use super::{Secret, Span, at, from, run, search};

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
struct Token(&'static str, Class, usize, Secret);

const TOKENS: [Token; 53] = [
    Token("github_pat_", Class::Word, 20, Secret::GithubToken),
    Token("ghp_", Class::Word, 20, Secret::GithubToken),
    Token("gho_", Class::Word, 20, Secret::GithubToken),
    Token("ghu_", Class::Word, 20, Secret::GithubToken),
    Token("ghs_", Class::Dotted, 20, Secret::GithubToken),
    Token("ghr_", Class::Word, 20, Secret::GithubToken),
    Token("glpat-", Class::Dotted, 16, Secret::GitlabToken),
    Token("gldt-", Class::Dotted, 16, Secret::GitlabToken),
    Token("glrt-", Class::Dotted, 16, Secret::GitlabToken),
    Token("glptt-", Class::Dotted, 16, Secret::GitlabToken),
    Token("glcbt-", Class::Dotted, 16, Secret::GitlabToken),
    Token("glsoat-", Class::Dotted, 16, Secret::GitlabToken),
    Token("xoxb-", Class::Url, 10, Secret::SlackToken),
    Token("xoxp-", Class::Url, 10, Secret::SlackToken),
    Token("xoxa-", Class::Url, 10, Secret::SlackToken),
    Token("xoxs-", Class::Url, 10, Secret::SlackToken),
    Token("xoxr-", Class::Url, 10, Secret::SlackToken),
    Token("xoxo-", Class::Url, 10, Secret::SlackToken),
    Token("xoxc-", Class::Url, 10, Secret::SlackToken),
    Token("xoxd-", Class::Url, 10, Secret::SlackToken),
    Token("xoxe-", Class::Url, 10, Secret::SlackToken),
    Token("xoxe.xox", Class::Dotted, 10, Secret::SlackToken),
    Token("xapp-", Class::Url, 10, Secret::SlackToken),
    Token("sk_live_", Class::Word, 10, Secret::StripeKey),
    Token("rk_live_", Class::Word, 10, Secret::StripeKey),
    Token("sk_test_", Class::Word, 10, Secret::StripeKey),
    Token("rk_test_", Class::Word, 10, Secret::StripeKey),
    Token("whsec_", Class::Word, 20, Secret::StripeKey),
    Token("sk-ant-", Class::Url, 16, Secret::AnthropicKey),
    Token("sk-", Class::Url, 20, Secret::OpenaiKey),
    Token("npm_", Class::Alnum, 30, Secret::NpmToken),
    Token("pypi-", Class::Url, 40, Secret::PypiToken),
    Token("AIza", Class::Url, 30, Secret::GoogleKey),
    Token("ya29.", Class::Dotted, 20, Secret::GoogleKey),
    Token("GOCSPX-", Class::Url, 20, Secret::GoogleKey),
    Token("hf_", Class::Alnum, 30, Secret::ServiceToken),
    Token("gsk_", Class::Alnum, 30, Secret::ServiceToken),
    Token("xai-", Class::Alnum, 30, Secret::ServiceToken),
    Token("dop_v1_", Class::Alnum, 30, Secret::ServiceToken),
    Token("dckr_pat_", Class::Url, 20, Secret::ServiceToken),
    Token("glsa_", Class::Word, 30, Secret::ServiceToken),
    Token("shpat_", Class::Alnum, 30, Secret::ServiceToken),
    Token("shpss_", Class::Alnum, 30, Secret::ServiceToken),
    Token("lin_api_", Class::Alnum, 30, Secret::ServiceToken),
    Token("hvs.", Class::Url, 20, Secret::ServiceToken),
    Token("hvb.", Class::Url, 20, Secret::ServiceToken),
    Token("SG.", Class::Dotted, 40, Secret::ServiceToken),
    Token("sbp_", Class::Alnum, 30, Secret::ServiceToken),
    Token("ntn_", Class::Alnum, 30, Secret::ServiceToken),
    Token("tskey-", Class::Url, 20, Secret::ServiceToken),
    Token("dp.pt.", Class::Alnum, 30, Secret::ServiceToken),
    Token("AGE-SECRET-KEY-1", Class::Alnum, 30, Secret::PrivateKey),
    Token("rubygems_", Class::Alnum, 30, Secret::ServiceToken),
];

const AWS_PREFIXES: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];

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

fn token(bytes: &[u8], place: usize) -> Option<(usize, Secret)> {
    match at(bytes, place) {
        b'-' => private_key(bytes, place).map(|length| (length, Secret::PrivateKey)),
        b'e' if from(bytes, place).starts_with(b"eyJ") => jwt(bytes, place).map(|length| (length, Secret::Jwt)),
        b'A' if AWS_PREFIXES.iter().any(|prefix| from(bytes, place).starts_with(prefix)) => {
            let length = run(bytes, place, |byte| byte.is_ascii_alphanumeric());
            let is_key = from(bytes, place).iter().take(20).all(|byte| !byte.is_ascii_lowercase());
            (length == 20 && is_key).then_some((20, Secret::AwsKeyId))
        }
        b'a'..=b'z' | b'A' | b'G' | b'S' => prefixed(bytes, place),
        _ => None,
    }
}

fn prefixed(bytes: &[u8], place: usize) -> Option<(usize, Secret)> {
    let text = from(bytes, place);
    let Token(prefix, class, least, kind) =
        TOKENS.iter().find(|Token(prefix, ..)| text.starts_with(prefix.as_bytes()))?;
    let body = run(bytes, place + prefix.len(), |byte| class.holds(byte));
    let has_digit = || from(bytes, place + prefix.len()).iter().take(body).any(u8::is_ascii_digit);
    (body >= *least && has_digit()).then_some((prefix.len() + body, *kind))
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
