//! Doppler: one secret of a project's config, as programs get it.

use super::{Fault, Fetcher};
use crate::Secret;
use crate::sources::Doppler;
use crate::web::{Field, escaped};
use crate::wire::{self, AnswerFault, DopplerAnswer};

/// What a reference names.
pub(super) struct Names<'a> {
    pub(super) project: &'a str,
    pub(super) config: &'a str,
    pub(super) name: &'a str,
}

pub(super) fn fetch(fetcher: &Fetcher, source: &Doppler, names: &Names<'_>) -> Result<Secret, Fault> {
    let token = fetcher.token(&source.token)?;
    let (project, config, name) = (escaped(names.project), escaped(names.config), escaped(names.name));
    let path = format!("/v3/configs/config/secret?project={project}&config={config}&name={name}");
    let answer = fetcher.web.get(
        &source.server.at(&path),
        &[Field::Secret("authorization", "Bearer ", &token), Field::Plain("accept", "application/json")],
    )?;
    let DopplerAnswer { name, value } = wire::read(&answer)?;
    if name != names.name {
        return Err(AnswerFault::Form.into());
    }
    // What a restricted secret is, nobody is told.
    Ok(Secret::of(value.computed.ok_or(AnswerFault::Hidden)?)?)
}
