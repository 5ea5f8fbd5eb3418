//! Infisical: one shared secret of a project's environment, with references in it resolved and nothing imported.

use super::{Fault, Fetcher};
use crate::Secret;
use crate::sources::{Infisical, InfisicalLogin, InfisicalVersion};
use crate::web::{Field, escaped};
use crate::wire::{self, AnswerFault, InfisicalAnswer};

/// What a reference names.
pub(super) struct Names<'a> {
    pub(super) project: &'a str,
    pub(super) environment: &'a str,
    pub(super) folder: &'a str,
    pub(super) name: &'a str,
}

pub(super) fn fetch(fetcher: &Fetcher, source: &Infisical, names: &Names<'_>) -> Result<Secret, Fault> {
    let token = match &source.login {
        InfisicalLogin::Token(token) => fetcher.token(token)?,
        InfisicalLogin::Universal { client, secret } => {
            let secret = fetcher.token(secret)?;
            let body = wire::object(&[("clientId", client), ("clientSecret", secret.expose())]);
            let url = source.server.at("/api/v1/auth/universal-auth/login");
            let answer =
                fetcher.web.post(&url, &[Field::Plain("content-type", "application/json")], body.as_bytes())?;
            Secret::of(wire::text(&answer, &["accessToken"])?)?
        }
    };
    let (project, environment) = (escaped(names.project), escaped(names.environment));
    let (folder, name) = (escaped(names.folder), escaped(names.name));
    let place = format!("environment={environment}&secretPath={folder}&type=shared&expandSecretReferences=true");
    let path = match source.version {
        InfisicalVersion::Three => {
            format!("/api/v3/secrets/raw/{name}?workspaceId={project}&{place}&include_imports=false")
        }
        InfisicalVersion::Four => {
            format!("/api/v4/secrets/{name}?projectId={project}&{place}&includeImports=false&viewSecretValue=true")
        }
    };
    let answer = fetcher.web.get(&source.server.at(&path), &[Field::Secret("authorization", "Bearer ", &token)])?;
    let InfisicalAnswer { secret } = wire::read(&answer)?;
    if secret.secret_key != names.name {
        return Err(AnswerFault::Form.into());
    }
    // In place of a value that may not be read stands a text that says so.
    if secret.secret_value_hidden {
        return Err(AnswerFault::Hidden.into());
    }
    Ok(Secret::of(secret.secret_value.ok_or(AnswerFault::Absent)?)?)
}
