//! Vault's engine for keys and values, both versions.

use super::{Fault, Fetcher};
use crate::Secret;
use crate::sources::{HashiCorp, HashiCorpLogin, KvVersion};
use crate::web::{Body, Field, WebFault, escaped};
use crate::wire::{self, Mount};

/// What a reference names.
pub(super) struct Names<'a> {
    pub(super) mount: &'a str,
    pub(super) path: &'a [String],
    pub(super) field: &'a str,
}

pub(super) fn fetch(fetcher: &Fetcher, source: &HashiCorp, names: &Names<'_>) -> Result<Secret, Fault> {
    let token = match &source.login {
        HashiCorpLogin::Token(token) => fetcher.token(token)?,
        HashiCorpLogin::AppRole { mount, role, secret } => {
            let secret = fetcher.token(secret)?;
            let body = wire::object(&[("role_id", role), ("secret_id", secret.expose())]);
            let url = source.server.at(&format!("/v1/auth/{}/login", parts(mount)));
            let answer = fetcher.web.post(&url, &fields(source, None), body.as_bytes())?;
            Secret::of(wire::text(&answer, &["auth", "client_token"])?)?
        }
    };
    let get = |path: &str| fetcher.web.get(&source.server.at(path), &fields(source, Some(&token)));
    let version = match source.versions.get(names.mount) {
        Some(version) => *version,
        None => version(names.mount, get)?,
    };
    let path = names.path.iter().map(|part| escaped(part)).collect::<Vec<_>>().join("/");
    let mount = parts(names.mount);
    Ok(Secret::of(match version {
        KvVersion::One => wire::text(&get(&format!("/v1/{mount}/{path}"))?, &["data", names.field])?,
        KvVersion::Two => wire::text(&get(&format!("/v1/{mount}/data/{path}"))?, &["data", "data", names.field])?,
    })?)
}

/// Asks the server for the version of a mount, as its own program does.
fn version(mount: &str, get: impl Fn(&str) -> Result<Body, WebFault>) -> Result<KvVersion, Fault> {
    let answer = get(&format!("/v1/sys/internal/ui/mounts/{}", parts(mount)))?;
    let Mount { data } = wire::read(&answer)?;
    // The server answers for the mount that a path is in, which may be another one.
    if data.path.trim_end_matches('/') != mount || !matches!(data.kind.as_str(), "kv" | "generic") {
        return Err(Fault::Mount);
    }
    match data.options.and_then(|options| options.version).as_deref() {
        Some("2") => Ok(KvVersion::Two),
        Some("1") | None => Ok(KvVersion::One),
        Some(_) => Err(Fault::Mount),
    }
}

fn fields<'a>(source: &'a HashiCorp, token: Option<&'a Secret>) -> Vec<Field<'a>> {
    let mut fields = vec![Field::Plain("x-vault-request", "true")];
    fields.extend(token.map(|token| Field::Secret("x-vault-token", "", token)));
    fields.extend(source.namespace.as_deref().map(|namespace| Field::Plain("x-vault-namespace", namespace)));
    fields
}

/// Returns a path with each part escaped.
fn parts(path: &str) -> String {
    path.split('/').map(escaped).collect::<Vec<_>>().join("/")
}
