//! Signatures of requests to AWS, version 4: a request and a key to the fields that prove it. Pure.

use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::Secret;
use crate::web::escaped;

/// A request that is to be signed. Its path is the one that is sent, with each part escaped once.
#[derive(Debug, Clone)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, decoded.
    pub path: &'a str,
    /// The names and values of the query, decoded.
    pub query: &'a [(&'a str, &'a str)],
    /// The fields that are signed, without the date; `host` is among them.
    pub fields: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// Where and when a signature counts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service.
    pub service: &'a str,
    /// Seconds since 1970.
    pub unix_seconds: u64,
}

/// What is added to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The field `x-amz-date`.
    pub date: String,
    /// The field `authorization`.
    pub authorization: String,
}

/// Returns the fields that prove who sent a request.
pub fn sign(request: &Unsigned<'_>, scope: Scope<'_>, key: &str, secret: &Secret) -> Signature {
    let date = date(scope.unix_seconds);
    let day = date.get(..8).unwrap_or_default();
    let (fields, names) = fields(request, &date);
    let canonical = format!(
        "{}\n{}\n{}\n{fields}\n{names}\n{}",
        request.method,
        path(request.path),
        query(request.query),
        hexadecimal(digest(&SHA256, request.body).as_ref())
    );
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text =
        format!("AWS4-HMAC-SHA256\n{date}\n{place}\n{}", hexadecimal(digest(&SHA256, canonical.as_bytes()).as_ref()));
    let first = zeroize::Zeroizing::new(format!("AWS4{}", secret.expose()));
    let mut tag = mac(first.as_bytes(), day);
    for part in [scope.region, scope.service, "aws4_request", &text] {
        tag = mac(tag.as_ref(), part);
    }
    let signature = hexadecimal(tag.as_ref());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key}/{place}, SignedHeaders={names}, Signature={signature}");
    Signature { date, authorization }
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// Returns the fields in their order, each with its line's end, and their names.
fn fields(request: &Unsigned<'_>, date: &str) -> (String, String) {
    let dated = [("x-amz-date", date)];
    let mut fields: Vec<(String, String)> = request
        .fields
        .iter()
        .chain(&dated)
        .map(|(name, value)| (name.to_ascii_lowercase(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    // Stable: values under one name keep their order.
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    let mut grouped: Vec<(String, String)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match grouped.last_mut().filter(|(last, _)| *last == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => grouped.push((name, value)),
        }
    }
    let lines = grouped.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = grouped.iter().map(|(name, _)| name.as_str()).collect();
    (lines, names.join(";"))
}

/// Returns the path with each part escaped.
fn path(path: &str) -> String {
    path.split('/').map(escaped).collect::<Vec<_>>().join("/")
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = pairs.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns `20150830T123600Z` for the seconds since 1970.
fn date(unix_seconds: u64) -> String {
    let (days, seconds) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let (year, month, day) = calendar(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Returns year, month and day for the days since 1970.
///
/// Years are counted from March, so that the day that is not always there comes last.
fn calendar(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + 400 * era + u64::from(month <= 2), month, day)
}
