//! `palisade sandbox export`: the plan in the form of another tool, and what is lost.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, ensure};
use sandbox::export::{self, Export, File, Form, Source};
use serde_json::json;

use super::plan::{Made, make};
use crate::cli::SandboxExportOptions;
use crate::exit::Exit;
use crate::say::{self, shown};
use crate::setup::own_program;

/// What of the development container is the program itself.
const PROGRAM: &str = ".devcontainer/palisade";

/// Writes the plan in the form of a tool. Nothing is run or recorded.
pub(super) fn export(options: &SandboxExportOptions) -> anyhow::Result<Exit> {
    let Made { setup, controls, plan, .. } = match make(&options.settings, &options.boundary)? {
        Ok(made) => made,
        Err(exit) => return Ok(exit),
    };
    let credentials = setup.policy.credentials();
    let has_secrets = !credentials.masked.is_empty()
        || !credentials.files.is_empty()
        || !credentials.git.is_empty()
        || !credentials.requests.is_empty();
    let source = Source { plan: &plan, controls: &controls, network: setup.policy.network(), has_secrets };
    let export = export::export(options.form, &source).context("nothing is exported")?;
    if let Some(directory) = &options.output {
        write(&export, options.form, directory)?;
    }
    if options.json {
        say::data(&format!("{:#}", as_json(options.form, &export)));
        return Ok(Exit::Yes);
    }
    if options.output.is_none() {
        print(&export);
    }
    for loss in &export.losses {
        say::talk(&format!("{}: {}: {}", loss.way.name(), loss.id, shown(&loss.meaning)));
    }
    Ok(Exit::Yes)
}

/// Prints one file as it is, and several with their names.
fn print(export: &Export) {
    if let [file] = export.files.as_slice() {
        return say::data(file.text.trim_end());
    }
    for file in &export.files {
        say::data(&format!("==> {} <==", file.name));
        say::data(&file.text);
    }
}

/// Writes every file, or none that was there before.
fn write(export: &Export, form: Form, directory: &Path) -> anyhow::Result<()> {
    let names = export.files.iter().map(|file| file.name);
    let program = (form == Form::Devcontainer).then_some(PROGRAM);
    for name in names.chain(program) {
        let path = directory.join(name);
        ensure!(path.symlink_metadata().is_err(), "`{}` is there already: nothing is written", path.display());
    }
    for file in &export.files {
        let path = directory.join(file.name);
        make_file(&path, file).with_context(|| format!("`{}` cannot be written", path.display()))?;
        say::talk(&format!("written: {}", shown(&path.display().to_string())));
    }
    if program.is_some() {
        let path = directory.join(PROGRAM);
        std::fs::copy(own_program()?.as_str(), &path)
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
        say::talk(&format!("written: {}", shown(&path.display().to_string())));
    }
    Ok(())
}

fn make_file(path: &Path, file: &File) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mode = if file.is_program { 0o755 } else { 0o644 };
    std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(file.text.as_bytes())
}

fn as_json(form: Form, export: &Export) -> serde_json::Value {
    let files =
        export.files.iter().map(|file| json!({"name": file.name, "text": file.text, "program": file.is_program}));
    let losses =
        export.losses.iter().map(|loss| json!({"id": loss.id, "way": loss.way.name(), "meaning": loss.meaning}));
    json!({
        "schema_version": 1,
        "tool": form.name(),
        "files": files.collect::<Vec<_>>(),
        "losses": losses.collect::<Vec<_>>(),
    })
}
