//! What `--fix` may do: small changes to the user's own files, shown before they are made.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use policy::AbsPath;

/// Bytes of a settings file.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A change that `--fix` makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Repair {
    /// Registers this program's hook in the user's settings, which have no hooks yet.
    Register { program: AbsPath },
    /// Puts this program into the place of another in a hook's command.
    Replace { from: String, program: AbsPath },
    /// Takes the right to write from everybody else.
    Close { path: AbsPath },
}

/// A change as it was shown: what is made is this, or nothing.
#[derive(Debug)]
pub(super) struct Planned<'r> {
    repair: &'r Repair,
    /// The lines that go and come.
    pub(super) lines: Vec<String>,
    /// The settings before and after.
    texts: Option<(String, String)>,
    /// The mode of a file.
    mode: u32,
}

impl Repair {
    /// Returns what it does, in words.
    pub(super) fn describe(&self, settings: &AbsPath) -> String {
        let text = match self {
            Self::Register { program } => format!("register `{}` in {settings}", command(program)),
            Self::Replace { from, program } => {
                format!("write `{}` in the place of `{from}` in {settings}", command(program))
            }
            Self::Close { path } => format!("take the right to write {path} from others"),
        };
        secrets::redact(&text).text
    }

    /// Returns what changes, after what was planned `before`; makes nothing.
    pub(super) fn plan(&self, settings: &AbsPath, before: &[Planned<'_>]) -> anyhow::Result<Planned<'_>> {
        match self {
            Self::Register { .. } | Self::Replace { .. } => {
                let last = before.iter().rev().find_map(|planned| planned.texts.as_ref());
                let old = last.map_or_else(|| read(settings), |(_, text)| Ok(text.clone()))?;
                let (new, lines) = self.changed(&old)?;
                let lines = lines.iter().map(|line| secrets::redact(line).text).collect();
                Ok(Planned { repair: self, lines, texts: Some((old, new)), mode: 0 })
            }
            Self::Close { path } => {
                let (_, mode) = opened(path)?;
                let lines = vec![format!("chmod {:o} {}", closed(mode), quoted(path))];
                Ok(Planned { repair: self, lines, texts: None, mode })
            }
        }
    }
}

impl Planned<'_> {
    /// Returns what it does, in words.
    pub(super) fn describe(&self, settings: &AbsPath) -> String {
        self.repair.describe(settings)
    }

    /// Makes the change, if everything is as it was when it was shown.
    pub(super) fn make(&self, settings: &AbsPath) -> anyhow::Result<()> {
        match (self.repair, &self.texts) {
            (Repair::Close { path }, _) => {
                let (file, mode) = opened(path)?;
                ensure!(mode == self.mode, "{path} has another mode than a moment ago");
                let mode = rustix::fs::Mode::from_raw_mode(closed(mode));
                rustix::fs::fchmod(file, mode).with_context(|| format!("the mode of {path} cannot be changed"))
            }
            (Repair::Register { .. } | Repair::Replace { .. }, Some((old, new))) => write(settings, old, new),
            (Repair::Register { .. } | Repair::Replace { .. }, None) => bail!("nothing was shown"),
        }
    }
}

/// Opens something of the user's own, with its mode.
fn opened(path: &AbsPath) -> anyhow::Result<(std::fs::File, u32)> {
    // A pipe is not waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path.as_str());
    let file = file.with_context(|| format!("{path} cannot be opened, or is a link, which is not followed"))?;
    let found = file.metadata()?;
    ensure!(found.uid() == rustix::process::geteuid().as_raw(), "{path} is another user's");
    Ok((file, found.mode() & 0o7777))
}

impl Repair {
    /// Returns the settings' text after the change, and what goes and comes: nothing else of the file is shown.
    fn changed(&self, old: &str) -> anyhow::Result<(String, Vec<String>)> {
        let (new, lines) = match self {
            Self::Register { program } => registered(old, program)?,
            Self::Replace { from, program } => replaced(old, from, program)?,
            Self::Close { .. } => bail!("this change is none of a text"),
        };
        let value: serde_json::Value = serde_json::from_str(&new).context("the change would break the settings")?;
        ensure!(value.is_object(), "the change would break the settings");
        Ok((new, lines))
    }
}

/// Returns a hook's command for a program.
fn command(program: &AbsPath) -> String {
    format!("{} hook claude", quoted(program))
}

/// Returns a path as one word of a shell.
fn quoted(path: &AbsPath) -> String {
    let text = path.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn closed(mode: u32) -> u32 {
    mode & 0o7755
}

/// Returns settings with the hook before everything else that they say.
fn registered(old: &str, program: &AbsPath) -> anyhow::Result<(String, Vec<String>)> {
    let command = serde_json::to_string(&command(program))?;
    let entry = |event: &str, more: &str| {
        format!(
            "    \"{event}\": [{{ \"matcher\": \"*\", \"hooks\": [{{ \"type\": \"command\", \"command\": {command}{more} }}] }}]"
        )
    };
    let hooks = [
        entry("PreToolUse", ", \"onFailure\": \"block\", \"timeout\": 60"),
        entry("PostToolUse", ""),
        entry("PostToolUseFailure", ""),
    ];
    let hooks = format!("\"hooks\": {{\n{}\n  }}", hooks.join(",\n"));
    let lines = format!("  {hooks}").lines().map(|line| format!("+ {line}")).collect();
    if old.trim().is_empty() {
        return Ok((format!("{{\n  {hooks}\n}}\n"), lines));
    }
    let value: serde_json::Value = serde_json::from_str(old).context("the settings are no JSON")?;
    let object = value.as_object().context("the settings are no JSON object")?;
    ensure!(!object.contains_key("hooks"), "the settings have hooks already");
    let (before, after) = old.split_once('{').context("the settings are no JSON object")?;
    let comma = if object.is_empty() { "" } else { "," };
    Ok((format!("{before}{{\n  {hooks}{comma}{after}"), lines))
}

/// Returns settings in which a hook's command starts this program.
fn replaced(old: &str, from: &str, program: &AbsPath) -> anyhow::Result<(String, Vec<String>)> {
    let (from, to) = (serde_json::to_string(from)?, serde_json::to_string(&command(program))?);
    // Spaces around the colon are the writer's own.
    let mut new = String::new();
    let mut rest = old;
    let mut count = 0;
    while let Some((before, after)) = rest.split_once(from.as_str()) {
        let is_command = before.trim_end().strip_suffix(':').is_some_and(|key| key.trim_end().ends_with("\"command\""));
        new.push_str(before);
        new.push_str(if is_command { &to } else { &from });
        count += usize::from(is_command);
        rest = after;
    }
    ensure!(count > 0, "the settings do not say {from} in so many words");
    new.push_str(rest);
    let line = |sign: &str, text: &str| format!("{sign} \"command\": {text}");
    let lines = std::iter::repeat_n([line("-", &from), line("+", &to)], count).flatten().collect();
    Ok((new, lines))
}

/// Reads a settings file of the user's own; one that is not there says nothing.
fn read(file: &AbsPath) -> anyhow::Result<String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(file.as_str());
    let opened = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.with_context(|| format!("{file} cannot be opened, or is a link, which is not followed"))?,
    };
    let found = opened.metadata()?;
    ensure!(found.is_file() && found.nlink() == 1, "{file} is no file of its own");
    ensure!(found.uid() == rustix::process::geteuid().as_raw(), "{file} is another user's");
    let mut text = String::new();
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("{file} cannot be read"))?;
    Ok(text)
}

/// Puts a new text into the place of a file that still has the old one, whole or not at all.
fn write(file: &AbsPath, old: &str, text: &str) -> anyhow::Result<()> {
    let path = Path::new(file.as_str());
    let found = std::fs::symlink_metadata(path).ok();
    let mode = found.as_ref().map_or(0o600, |found| found.permissions().mode() & 0o7777);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    }
    let beside = PathBuf::from(format!("{file}.palisade-{}", std::process::id()));
    let written = (|| {
        let mut new = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        new.write_all(text.as_bytes())?;
        let group = found.as_ref().map(MetadataExt::gid);
        if let Some(group) = group.filter(|group| new.metadata().is_ok_and(|own| own.gid() != *group)) {
            std::os::unix::fs::fchown(&new, None, Some(group))?;
        }
        new.set_permissions(PermissionsExt::from_mode(mode))?;
        new.sync_all()?;
        ensure!(read(file)? == old, "{file} has changed since it was shown");
        Ok(std::fs::rename(&beside, path)?)
    })();
    if written.is_err() {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_file(&beside);
    }
    written.with_context(|| format!("{file} cannot be written"))
}

#[cfg(test)]
mod tests;
