//! The `sandbox` keys of layers: which layer may say what, and what its paths mean.
//!
//! What tightens counts from every layer. What widens counts from a trusted one, and what is a person's or the
//! administrator's alone to say only from theirs; whoever writes it elsewhere is told.

use super::Compiler;
use crate::bounds::BoundKind;
use crate::command::CommandPattern;
use crate::layer::{Layer, Origin, Scope, Severity, Sourced};
use crate::path::{AbsPath, PathPattern, PatternError};
use crate::rule::{CREDENTIAL_FILES, Exclusion, HeldPath, List, credential_file};

const TRUST: &str = "run `palisade trust grant` in the folder, or write it into your own settings";

/// What managed layers say about files, which bounds what others may.
#[derive(Debug)]
pub(super) struct ManagedFiles {
    /// `allowManagedReadPathsOnly`.
    reads_only: Option<Origin>,
    /// A managed file that configures `sandbox.filesystem`, or hides a credential file.
    configured: Option<String>,
}

impl ManagedFiles {
    pub(super) fn of(layers: &[Layer]) -> Self {
        let managed = || layers.iter().filter(|layer| layer.scope == Scope::Managed);
        let configures = |layer: &&Layer| {
            let keys = &layer.sandbox;
            let lists =
                [&keys.deny_read, &keys.deny_write, &keys.allow_write, &keys.allow_read, &keys.credential_files];
            lists.iter().any(|list| !list.is_empty())
                || keys.managed_reads_only.is_some()
                || keys.files_disabled.is_some()
        };
        Self {
            reads_only: managed().find_map(|layer| layer.sandbox.managed_reads_only.clone()),
            configured: managed().find(configures).map(|layer| layer.file.clone()),
        }
    }
}

/// The lists of `sandbox` that hold paths back.
#[derive(Clone, Copy)]
enum Denies {
    Read,
    Write,
    Credential,
}

impl Denies {
    fn key(self) -> &'static str {
        match self {
            Self::Read => "sandbox.filesystem.denyRead",
            Self::Write => "sandbox.filesystem.denyWrite",
            Self::Credential => CREDENTIAL_FILES,
        }
    }
}

impl Compiler<'_> {
    pub(super) fn sandbox(&mut self, layer: &Layer) {
        self.sandbox_switches(layer);
        self.files_disabled(layer);
        let keys = &layer.sandbox;
        self.policy.sandbox.require.extend(keys.require.iter().cloned());
        for (denies, list) in [
            (Denies::Read, &keys.deny_read),
            (Denies::Credential, &keys.credential_files),
            (Denies::Write, &keys.deny_write),
        ] {
            for entry in list {
                self.held(layer, entry, denies);
            }
        }
        for entry in &keys.allow_write {
            self.allow_write(layer, entry);
        }
        for entry in &keys.allow_read {
            self.allow_read(layer, entry);
        }
        for entry in &keys.excluded {
            self.excluded(layer, entry);
        }
    }

    /// The highest word counts. A layer that is not trusted may say what tightens and never what loosens.
    fn sandbox_switches(&mut self, layer: &Layer) {
        let keys = &layer.sandbox;
        let own = &mut self.policy.sandbox;
        let mut ignored = Vec::new();
        for (name, own, written, tightens) in [
            ("enabled", &mut own.enabled, &keys.enabled, true),
            ("filesystem.checkReadsOnOpen", &mut own.reads_on_open, &keys.reads_on_open, true),
            ("filesystem.closedProfile", &mut own.closed_profile, &keys.closed_profile, true),
            ("autoAllowBashIfSandboxed", &mut own.auto_allow, &keys.auto_allow, false),
            ("allowUnsandboxedCommands", &mut own.allow_unsandboxed, &keys.allow_unsandboxed, false),
        ] {
            let Some(written) = written else { continue };
            if name == "enabled" && layer.trusted {
                self.trusted_boundary.get_or_insert(written.value);
            }
            if !layer.trusted && written.value != tightens {
                ignored.push((name, written));
            } else if own.is_none() {
                *own = Some(written.clone());
            }
        }
        for (name, written) in ignored {
            let message = format!("`sandbox.{name}` does not count: the folder is not trusted");
            self.report(Severity::Warning, &written.origin, message, Some(TRUST.to_owned()));
        }
    }

    /// Who accepts whatever runs inside did so knowing where a boundary is: a folder that is not trusted and switches
    /// one on does not spend that.
    pub(super) fn settle_acceptance(&mut self) {
        let own = &mut self.policy.sandbox;
        let is_on = own.enabled.as_ref().is_some_and(|enabled| enabled.value);
        if is_on && self.trusted_boundary != Some(true) {
            own.auto_allow = own.auto_allow.take().filter(|switch| !switch.value);
        }
    }

    /// Whoever reads the files of a folder does not take from them that files lie open; the reader of the
    /// settings told their author.
    fn files_disabled(&mut self, layer: &Layer) {
        let Some(disabled) = &layer.sandbox.files_disabled else { return };
        match layer.scope {
            Scope::Project | Scope::Local => return,
            Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed => {}
        }
        if layer.scope != Scope::Managed
            && let Some(file) = &self.managed_files.configured
        {
            let message = format!("`sandbox.filesystem.disabled` does not count: {file} says what holds for files");
            let hint = "remove it: where managed settings speak of files, only they can lift that".to_owned();
            self.report(Severity::Warning, &disabled.origin, message, Some(hint));
        } else {
            self.policy.sandbox.files_disabled.get_or_insert(disabled.clone());
        }
    }

    fn held(&mut self, layer: &Layer, entry: &Sourced<String>, denies: Denies) {
        let key = denies.key();
        match pattern(&entry.value, List::Deny, layer, self.home) {
            Ok(pattern) => {
                let own = &mut self.policy.sandbox;
                let (list, yields, kind) = match denies {
                    Denies::Read => (&mut own.deny_read, true, BoundKind::DenyRead),
                    Denies::Credential => (&mut own.deny_read, false, BoundKind::Credential),
                    Denies::Write => (&mut own.deny_write, false, BoundKind::DenyWrite),
                };
                let why = match denies {
                    Denies::Credential => credential_file(&entry.value),
                    Denies::Read | Denies::Write => format!("{key}: {}", entry.value),
                };
                list.push(HeldPath { pattern, why, origin: entry.origin.clone(), yields });
                self.bound(kind, layer, entry);
            }
            Err(fault) => {
                let message = format!("`{}` in `{key}`: {}", entry.value, fault.message());
                self.report(Severity::Error, &entry.origin, message, hint(fault));
                self.policy.failures.extend(self.diagnostics.last().cloned());
            }
        }
    }

    fn allow_write(&mut self, layer: &Layer, entry: &Sourced<String>) {
        let refused = |why: &str| format!("`{}` is not made writable: {why}", entry.value);
        if !layer.trusted {
            let message = refused("the folder is not trusted");
            return self.report(Severity::Warning, &entry.origin, message, Some(TRUST.to_owned()));
        }
        if trimmed(&entry.value).contains(['*', '?', '[']) {
            let message = refused("a pattern names no directory");
            let hint = "name each directory; what lies in it is meant too".to_owned();
            return self.report(Severity::Warning, &entry.origin, message, Some(hint));
        }
        match pattern(&entry.value, List::Allow, layer, self.home) {
            Ok(_) => {
                let value = path(trimmed(&entry.value), layer, self.home);
                self.policy.sandbox.allow_write.push(Sourced { value, origin: entry.origin.clone() });
            }
            Err(fault) => self.report(Severity::Warning, &entry.origin, refused(fault.message()), hint(fault)),
        }
    }

    fn allow_read(&mut self, layer: &Layer, entry: &Sourced<String>) {
        let refused = |why: &str| format!("`{}` is not opened again: {why}", entry.value);
        if !layer.trusted {
            let message = refused("the folder is not trusted");
            return self.report(Severity::Warning, &entry.origin, message, Some(TRUST.to_owned()));
        }
        if layer.scope != Scope::Managed
            && let Some(lock) = &self.managed_files.reads_only
        {
            let message =
                refused(&format!("only managed paths count (`allowManagedReadPathsOnly` at {})", lock.place()));
            let hint = "remove it, or have it put into the managed settings".to_owned();
            return self.report(Severity::Warning, &entry.origin, message, Some(hint));
        }
        match pattern(&entry.value, List::Allow, layer, self.home) {
            Ok(pattern) => {
                let why = format!("sandbox.filesystem.allowRead: {}", entry.value);
                let held = HeldPath { pattern, why, origin: entry.origin.clone(), yields: false };
                self.policy.sandbox.allow_read.push(held);
                self.bound(BoundKind::AllowRead, layer, entry);
            }
            Err(fault) => self.report(Severity::Warning, &entry.origin, refused(fault.message()), hint(fault)),
        }
    }

    fn excluded(&mut self, layer: &Layer, entry: &Sourced<String>) {
        let refused = |why: &str| format!("`{}` in `sandbox.excludedCommands` excludes nothing: {why}", entry.value);
        if !layer.trusted {
            let message = refused("the folder is not trusted");
            return self.report(Severity::Warning, &entry.origin, message, Some(TRUST.to_owned()));
        }
        self.secret(entry);
        match CommandPattern::parse(entry.value.trim()) {
            Some(pattern) if !names_program(&pattern) => {
                let hint = "write the program's whole name first, such as `docker *`".to_owned();
                self.report(Severity::Warning, &entry.origin, refused("it could be any program"), Some(hint));
            }
            Some(pattern) => self.policy.sandbox.excluded.push(Exclusion {
                pattern,
                text: entry.value.clone(),
                origin: entry.origin.clone(),
            }),
            None => {
                let hint = "name the program first, such as `docker *`".to_owned();
                self.report(Severity::Warning, &entry.origin, refused("it is empty"), Some(hint));
            }
        }
    }
}

/// Returns true when the first word of a pattern is one program's name.
fn names_program(pattern: &CommandPattern) -> bool {
    pattern
        .stems()
        .iter()
        .all(|stem| stem.split(' ').next().is_some_and(|word| !word.is_empty() && !word.contains('*')))
}

fn hint(fault: PatternError) -> Option<String> {
    match fault {
        PatternError::OtherHome | PatternError::Variable => {
            Some("write the path out: `/` and the path from the root, or `~/` and the path from your home".to_owned())
        }
        PatternError::Empty | PatternError::Negated | PatternError::Control | PatternError::Upwards => {
            fault.hint().map(str::to_owned)
        }
    }
}

/// Returns the text without the slashes, and the `/**`, at its end: a directory is meant with all that lies in it.
fn trimmed(text: &str) -> &str {
    let mut rest = text;
    while let Some(shorter) = rest.strip_suffix("/**").or_else(|| rest.strip_suffix('/')) {
        rest = shorter;
    }
    if rest.is_empty() && text.starts_with('/') { "/" } else { rest }
}

/// Returns a path of `sandbox.filesystem`, whose prefixes differ from those of rules: `/x` and `//x`
/// are absolute, `~/x` lies in the home directory, anything else at the layer's anchor.
fn path(text: &str, layer: &Layer, home: &AbsPath) -> AbsPath {
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        Some(_) | None => layer.anchor.join(text),
    }
}

fn pattern(text: &str, list: List, layer: &Layer, home: &AbsPath) -> Result<PathPattern, PatternError> {
    let text = trimmed(text);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let of_another = text.strip_prefix('~').is_some_and(|rest| rest.starts_with(is_name));
    if text.is_empty() || text.starts_with('!') || text.starts_with('$') || of_another {
        return PathPattern::parse(text, list, &layer.anchor, home);
    }
    PathPattern::parse(&format!("/{}", path(text, layer, home)), list, &layer.anchor, home)
}
