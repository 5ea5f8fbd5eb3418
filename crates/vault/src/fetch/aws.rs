//! AWS Secrets Manager: `GetSecretValue`.

use super::{Fault, Fetcher};
use crate::Secret;
use crate::sigv4::{Scope, Unsigned, sign};
use crate::sources::{Aws, Endpoint};
use crate::web::{Field, WebFault};
use crate::wire::{self, AnswerFault};

const TARGET: &str = "secretsmanager.GetSecretValue";
const CONTENT: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "secretsmanager";

/// What a reference names.
pub(super) struct Names<'a> {
    pub(super) region: &'a str,
    pub(super) name: &'a str,
    pub(super) field: Option<&'a str>,
}

pub(super) fn fetch(fetcher: &Fetcher, source: &Aws, names: &Names<'_>) -> Result<Secret, Fault> {
    let (key, secret) = (fetcher.token(&source.key)?, fetcher.token(&source.secret)?);
    let session = source.session.as_ref().map(|session| fetcher.token(session)).transpose()?;
    let own = server(names.region)?;
    let server = source.server.as_ref().unwrap_or(&own);
    // A path would have to be signed; nothing but tests and gateways has one.
    if !server.is_bare() {
        return Err(WebFault::Protocol.into());
    }
    let body = wire::object(&[("SecretId", names.name)]);
    let mut signed = vec![("content-type", CONTENT), ("host", server.authority()), ("x-amz-target", TARGET)];
    signed.extend(session.as_ref().map(|session| ("x-amz-security-token", session.expose())));
    let request = Unsigned { method: "POST", path: "/", query: &[], fields: &signed, body: body.as_bytes() };
    let scope = Scope { region: names.region, service: SERVICE, unix_seconds: fetcher.world.unix_seconds() };
    let signature = sign(&request, scope, key.expose(), &secret);
    let mut fields = vec![
        Field::Plain("content-type", CONTENT),
        Field::Plain("x-amz-target", TARGET),
        Field::Plain("x-amz-date", &signature.date),
        Field::Plain("authorization", &signature.authorization),
    ];
    fields.extend(session.as_ref().map(|session| Field::Secret("x-amz-security-token", "", session)));
    let answer = fetcher.web.post(&server.at("/"), &fields, body.as_bytes())?;
    let whole = wire::text(&answer, &["SecretString"]).map_err(|fault| match fault {
        // A binary secret has another field, and is no text.
        AnswerFault::Absent => AnswerFault::NotText,
        fault @ (AnswerFault::Form | AnswerFault::Twice | AnswerFault::NotText | AnswerFault::Hidden) => fault,
    })?;
    Ok(Secret::of(match names.field {
        Some(field) => wire::text(whole.as_bytes(), &[field])?,
        None => whole,
    })?)
}

/// Returns the region's own server.
fn server(region: &str) -> Result<Endpoint, Fault> {
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{SERVICE}.{region}.{end}").parse().map_err(|_| WebFault::Protocol.into())
}
