//! `palisade sandbox export`: the plan in the form of another tool, and what is lost.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustix::fs::{Mode, OFlags};
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

/// Writes every file, or none: what was there before stays, and what was made is taken away when another cannot be.
fn write(export: &Export, form: Form, directory: &Path) -> anyhow::Result<()> {
    let mut made = Vec::new();
    let written = write_all(export, form, directory, &mut made);
    if written.is_err() {
        for path in made.iter().rev() {
            // What is left of it is told by the error that led here.
            let _ = if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
        }
    }
    written?;
    made.iter()
        .filter(|path| path.is_file())
        .for_each(|path| say::talk(&format!("written: {}", shown(&path.display().to_string()))));
    Ok(())
}

fn write_all(export: &Export, form: Form, directory: &Path, made: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let names = export.files.iter().map(|file| file.name);
    let program = (form == Form::Devcontainer).then_some(PROGRAM);
    for name in names.chain(program) {
        let path = directory.join(name);
        ensure!(path.symlink_metadata().is_err(), "`{}` is there already: nothing is written", path.display());
    }
    std::fs::create_dir_all(directory).with_context(|| format!("`{}` cannot be made", directory.display()))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(directory, flags, Mode::empty());
    let root = root.with_context(|| format!("`{}` cannot be opened", directory.display()))?;
    for File { name, text, is_program } in &export.files {
        let mode = if *is_program { 0o755 } else { 0o644 };
        make_file(&root, directory, name, mode, text.as_bytes(), made)?;
    }
    if let Some(name) = program {
        let mut own = Vec::new();
        std::fs::OpenOptions::new().read(true).open(own_program()?.as_str())?.read_to_end(&mut own)?;
        make_file(&root, directory, name, 0o755, &own, made)?;
    }
    Ok(())
}

/// Makes a file below a directory. Below it no link is followed: it would lead to where nobody asked to write.
fn make_file(
    root: &OwnedFd,
    directory: &Path,
    name: &str,
    mode: u32,
    bytes: &[u8],
    made: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let path = directory.join(name);
    let failed = || format!("`{}` cannot be written, or is below a link, which is not followed", path.display());
    let (above, last) = name.rsplit_once('/').map_or((None, name), |(above, last)| (Some(above), last));
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = match above {
        None => root.try_clone().with_context(failed)?,
        Some(above) => {
            if rustix::fs::mkdirat(root, above, Mode::from_raw_mode(0o777)).is_ok() {
                made.push(directory.join(above));
            }
            rustix::fs::openat(root, above, flags | OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
                .with_context(failed)?
        }
    };
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let file = rustix::fs::openat(&inner, last, flags, Mode::from_raw_mode(mode)).with_context(failed)?;
    made.push(path.clone());
    std::fs::File::from(file).write_all(bytes).with_context(failed)
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
