//! Files of those whom the person believes besides the machine's authorities. Variables name them, and those can be a
//! project's.

use anyhow::Context;
use policy::AbsPath;

use super::outside::Writable;
use super::secrets::read;
use crate::setup::Setup;

/// Variables that name such files.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];

/// Such a file, as it was when the run began.
#[derive(Debug)]
pub(super) struct File {
    name: &'static str,
    path: AbsPath,
    pub(super) text: Vec<u8>,
}

/// Returns the files that variables name. An error is why nothing runs.
pub(super) fn files(setup: &Setup) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for name in VARIABLES {
        let own = setup.environment.all().iter().find(|(own, _)| own == name);
        let Some(path) = own.and_then(|(_, path)| AbsPath::parse(path.to_str()?)) else { continue };
        let text = read(&path).with_context(|| format!("{path}, which `{name}` names, cannot be read"))?;
        files.push(File { name, path, text });
    }
    Ok(files)
}

/// Returns the files that no command can have written, and tells of the others.
pub(super) fn apart(files: Vec<File>, writable: &Writable, told: &mut Vec<String>) -> Vec<File> {
    let is_apart = |file: &File| {
        let is_apart = !writable.holds(&file.path);
        if !is_apart {
            let File { name, path, text: _ } = file;
            told.push(format!("{path}, which `{name}` names, is not believed: commands can write it"));
        }
        is_apart
    };
    files.into_iter().filter(is_apart).collect()
}

#[cfg(test)]
mod tests;
