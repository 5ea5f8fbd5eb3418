//! Secrets that a program prints.

use super::connect::Names;
use super::{Fault, Fetcher};
use crate::Secret;
use crate::limits::SECRET_BYTES_MAX;
use crate::sources::Token;
use crate::world::Command;

impl Fetcher {
    /// Returns what a program prints, without the end of its last line.
    pub(super) fn command(&self, words: &[String]) -> Result<Secret, Fault> {
        self.printed(words, &[])
    }

    /// Returns what `op read` prints.
    pub(super) fn one_password(
        &self,
        names: &Names<'_>,
        account: Option<&str>,
        token: Option<&Token>,
    ) -> Result<Secret, Fault> {
        let reference = match names.section {
            Some(section) => format!("op://{}/{}/{section}/{}", names.vault, names.item, names.field),
            None => format!("op://{}/{}/{}", names.vault, names.item, names.field),
        };
        let mut words: Vec<String> = ["op", "read", "--no-newline"].map(str::to_owned).into();
        if let Some(account) = account {
            words.push(format!("--account={account}"));
        }
        words.push(reference);
        let variables = match token {
            Some(token) => vec![("OP_SERVICE_ACCOUNT_TOKEN", self.token(token)?)],
            None => Vec::new(),
        };
        self.printed(&words, &variables)
    }

    pub(super) fn printed(&self, words: &[String], variables: &[(&'static str, Secret)]) -> Result<Secret, Fault> {
        let timeout = self.bounds.timeout;
        let output = self.world.run(&Command { words, variables, timeout, output_bytes_max: SECRET_BYTES_MAX + 2 })?;
        if output.code != Some(0) {
            return Err(Fault::Failed(output.code));
        }
        let printed = output.printed.as_slice();
        let printed = printed.strip_suffix(b"\n").unwrap_or(printed);
        let printed = printed.strip_suffix(b"\r").unwrap_or(printed);
        Ok(Secret::from_bytes(printed)?)
    }
}
