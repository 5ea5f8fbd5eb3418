//! A person's lasting answer, kept as a rule where the documentation keeps it: in the folder's local settings.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstRootNode};
use policy::AbsPath;
use rustix::fs::{FileType, Mode, OFlags};

use crate::limits::SETTINGS_BYTES_MAX;
use crate::places::Places;

/// The file's name.
const NAME: &str = "settings.local.json";

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A rule of `permissions.allow`.
    Rule(String),
    /// An entry of `sandbox.network.allowedDomains`.
    Domain(String),
}

/// Why nothing was kept. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file is not one that is edited.
    #[error("{file} cannot be read as settings, and is not changed")]
    Malformed {
        /// The file.
        file: AbsPath,
    },
    /// A step failed.
    #[error("{file} is not changed: {step}")]
    Write {
        /// The file.
        file: AbsPath,
        /// The step.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Adds a rule to the folder's local settings, and returns the file. Comments and order stay; one that is there already
/// is not added again. A file that is a link is not changed.
pub fn keep(places: &Places, kept: &Kept) -> Result<AbsPath, KeepError> {
    let directory = places.trust_key().join(".claude");
    let file = directory.join(NAME);
    let failed = |step| {
        let file = file.clone();
        move |source: io::Error| KeepError::Write { file, step, source }
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory.as_str())
        .map_err(failed("its directory cannot be made"))?;
    // A repository that brings a link in its place does not say where is written.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory.as_str(), flags, Mode::empty());
    let directory = opened.map_err(|errno| failed("its directory cannot be opened")(errno.into()))?;
    let before = read(&directory).map_err(failed("it cannot be read"))?;
    let after = added(before.as_deref().unwrap_or("{}\n"), kept);
    let after = after.ok_or_else(|| KeepError::Malformed { file: file.clone() })?;
    if before.as_ref() != Some(&after) {
        write(&directory, &after).map_err(failed("it cannot be written"))?;
    }
    Ok(file)
}

/// Reads the file; nothing when it is not there.
fn read(directory: &OwnedFd) -> io::Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = match rustix::fs::openat(directory, NAME, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        other => other?,
    };
    let bytes_max = SETTINGS_BYTES_MAX as u64;
    let mut text = String::new();
    File::from(descriptor).take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(text)) }
}

/// Writes the file in its place. No other name is there meanwhile, by which a command of another run could come to have
/// it open: only this one is protected. What is added makes it longer, so that it is whole or as it was but for a crash of
/// the machine.
fn write(directory: &OwnedFd, text: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, NAME, flags, Mode::from_raw_mode(0o600))?);
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
        return Err(io::Error::other("it is no file of its own"));
    }
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Returns the text with the rule in it; nothing when the text is no settings file.
fn added(text: &str, kept: &Kept) -> Option<String> {
    let root = CstRootNode::parse(text, &ParseOptions::default()).ok()?;
    let settings = root.object_value_or_create()?;
    let (list, entry): (CstArray, &str) = match kept {
        Kept::Rule(rule) => (settings.object_value_or_create("permissions")?.array_value_or_create("allow")?, rule),
        Kept::Domain(domain) => {
            let network = settings.object_value_or_create("sandbox")?.object_value_or_create("network")?;
            (network.array_value_or_create("allowedDomains")?, domain)
        }
    };
    let is_there = list.elements().iter().any(|element| {
        element.as_string_lit().and_then(|text| text.decoded_value().ok()).is_some_and(|text| text == *entry)
    });
    if !is_there {
        list.append(CstInputValue::String(entry.to_owned()));
    }
    Some(root.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Kept, added};

    fn rule(text: &str) -> Option<String> {
        added(text, &Kept::Rule("WebFetch(domain:a.example)".to_owned()))
    }

    #[test]
    fn what_is_there_stays() {
        let before =
            "{\n  // mine\n  \"permissions\": {\n    \"allow\": [\"Bash(make)\"], // so\n    \"deny\": []\n  }\n}\n";
        let after = rule(before).unwrap();
        assert_eq!(after, before.replace("\"Bash(make)\"]", "\"Bash(make)\", \"WebFetch(domain:a.example)\"]"));
        assert_eq!(rule(&after).unwrap(), after, "it is added once");
    }

    #[test]
    fn what_is_not_there_is_made() {
        for text in ["", "{}", "{}\n", "// nothing\n{}"] {
            let after = rule(text).unwrap();
            let plain = after.strip_prefix("// nothing\n").unwrap_or(&after);
            let value: serde_json::Value = serde_json::from_str(plain).unwrap();
            assert_eq!(value["permissions"]["allow"][0], "WebFetch(domain:a.example)", "{after}");
        }
        let after = added("{\"sandbox\": {\"enabled\": true}}", &Kept::Domain("a.example:22".to_owned())).unwrap();
        let value: serde_json::Value = serde_json::from_str(&after).unwrap();
        assert_eq!(value["sandbox"]["network"]["allowedDomains"][0], "a.example:22");
        assert_eq!(value["sandbox"]["enabled"], true);
    }

    #[test]
    fn what_is_no_settings_file_is_left() {
        for text in ["[]", "{\"permissions\": []}", "{\"permissions\": {\"allow\": {}}}", "{", "nonsense"] {
            assert_eq!(rule(text), None, "{text}");
        }
    }
}
