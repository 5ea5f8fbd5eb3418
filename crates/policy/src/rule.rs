//! Rules: their text, what they match, and the policy they are compiled into.

mod compile;
mod index;
mod matcher;
mod parameter;
mod parse;
pub(crate) mod pipeline;

use crate::bounds::{Bound, Why};
use crate::command::CommandPattern;
use crate::controls::Limits;
use crate::layer::{
    AwsVariables, Diagnostic, GitHost, Hatches, MaskedFile, Origin, Requests, SigningForm, SourceKeys, Sourced,
    TlsKeys, Variable,
};
use crate::mode::Mode;
use crate::network::Network;
use crate::path::{AbsPath, PathPattern};
use crate::proof::RuleRef;

pub(crate) use index::{Id, Index, Readers};
pub(crate) use matcher::{FileAccess, Matcher};
pub use parse::{TOOLS, nearest};

/// The lists, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `permissions.deny`.
    Deny,
    /// `permissions.ask`.
    Ask,
    /// `permissions.allow`.
    Allow,
}

impl List {
    /// All of them, in this order.
    pub(crate) const ALL: [Self; 3] = [Self::Deny, Self::Ask, Self::Allow];

    /// Returns the list's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Allow => "allow",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Hash)]
pub struct Rule {
    pub(crate) matcher: Matcher,
    pub(crate) reference: RuleRef,
}

impl Rule {
    /// Returns true when the client reads the rule's file too, and leaves what it denies out of what its
    /// tools find. Palisade's own files are the only ones that it does not read.
    pub(crate) fn is_known_to_client(&self) -> bool {
        !self.reference.origin.file.contains("palisade")
    }

    /// Returns its text, list and place.
    pub fn reference(&self) -> &RuleRef {
        &self.reference
    }
}

/// The compiled policy: every rule in force, in order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    pub(crate) inactive: Vec<(RuleRef, String)>,
    pub(crate) failures: Vec<Diagnostic>,
    pub(crate) mode: Option<Sourced<Mode>>,
    pub(crate) bypass_disabled: Option<Origin>,
    pub(crate) switches: Switches,
    pub(crate) additional_directories: Vec<Sourced<String>>,
    pub(crate) sandbox: Sandbox,
    pub(crate) network: Network,
    pub(crate) credentials: Credentials,
    pub(crate) hatches: Hatches,
    pub(crate) digest: String,
    /// The rules by what they are about; `None` asks every rule about every call.
    pub(crate) index: Option<Index>,
}

/// Limits that hold in every mode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Switches {
    /// `permissions.denyInsteadOfPrompting`.
    pub deny_instead: Option<Sourced<bool>>,
    /// `permissions.blockReadsOutsideWorkingDirectories`.
    pub reads_held: Option<Sourced<bool>>,
    /// `permissions.blockWritesOutsideWorkingDirectories`.
    pub writes_held: Option<Sourced<bool>>,
}

/// What the settings say about the boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Sandbox {
    /// `sandbox.enabled`, the highest layer that may say it.
    pub enabled: Option<Sourced<bool>>,
    /// Names of layers without which nothing runs, from every layer of settings.
    pub require: Vec<Sourced<String>>,
    /// Paths that must not be readable.
    pub deny_read: Vec<HeldPath>,
    /// Paths that must not be writable.
    pub deny_write: Vec<HeldPath>,
    /// Directories that may be written beside the project, absolute.
    pub allow_write: Vec<Sourced<AbsPath>>,
    /// What Edit rules allow: a pattern that is a directory with everything in it may be written, too.
    pub edit_allowed: Vec<HeldPath>,
    /// What may be read again inside what a path of `deny_read` that yields hides.
    pub allow_read: Vec<HeldPath>,
    /// `sandbox.filesystem.disabled`, the highest layer that may say it.
    pub files_disabled: Option<Sourced<bool>>,
    /// `sandbox.filesystem.checkReadsOnOpen`, the highest layer that may say it.
    pub reads_on_open: Option<Sourced<bool>>,
    /// `sandbox.filesystem.closedProfile`, the highest layer that may say it.
    pub closed_profile: Option<Sourced<bool>>,
    /// `sandbox.autoAllowBashIfSandboxed`, the highest layer that may say it.
    pub auto_allow: Option<Sourced<bool>>,
    /// Commands that run outside.
    pub excluded: Vec<Exclusion>,
    /// `sandbox.allowUnsandboxedCommands`, the highest layer that may say it.
    pub allow_unsandboxed: Option<Sourced<bool>>,
    /// Every deny rule about paths or commands and every entry above, to be compiled again inside a boundary.
    pub bounds: Vec<Bound>,
    /// How much a command may take.
    pub limits: Limits,
}

impl Sandbox {
    /// Returns the Read rules that can come to cover a file which nothing hides when a command starts, each with
    /// its place: patterns, and paths at which there is nothing yet.
    pub(crate) fn late_reads(
        &self,
        project: &AbsPath,
        cwd: &AbsPath,
        is_hidden: impl Fn(&AbsPath) -> bool,
    ) -> impl Iterator<Item = String> {
        let late = self.deny_read.iter().filter(move |held| held.is_late(project, cwd, &is_hidden));
        late.map(|held| Why::Written(&held.why, &held.origin).to_string())
    }
}

impl HeldPath {
    /// Returns true when this is what hides the file of an entry that is masked. Several can stand on one line.
    pub fn is_of(&self, masked: &Sourced<MaskedFile>) -> bool {
        self.origin == masked.origin && self.why == credential_file(&masked.value.path)
    }

    /// Returns true when it can cover a file which nothing hides when a command starts.
    pub(crate) fn is_late(&self, project: &AbsPath, cwd: &AbsPath, is_hidden: impl Fn(&AbsPath) -> bool) -> bool {
        !self.pattern.roots(project, cwd).iter().all(|(root, whole)| *whole && is_hidden(root))
    }
}

/// An entry of `sandbox.excludedCommands`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exclusion {
    pub(crate) pattern: CommandPattern,
    /// The entry as written.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

/// The key of files that hold secrets.
pub(crate) const CREDENTIAL_FILES: &str = "sandbox.credentials.files";

/// A path or pattern that the boundary must hold, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeldPath {
    /// What it covers.
    pub pattern: PathPattern,
    /// The rule or entry as written.
    pub why: String,
    /// Where it is written.
    pub origin: Origin,
    /// True when `allowRead` opens again what is named more narrowly than this: a path of `denyRead`, and never
    /// what a rule or a credential file hides.
    pub yields: bool,
}

/// Returns how an entry of `sandbox.credentials.files` is shown.
pub(crate) fn credential_file(path: &str) -> String {
    format!("{CREDENTIAL_FILES}: {path}")
}

/// What becomes of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Credentials {
    /// Variables that no command sees.
    pub denied: Vec<Sourced<String>>,
    /// Variables of which commands see placeholders.
    pub masked: Vec<Sourced<Variable>>,
    /// How hidden files of `sandbox.credentials.files` are shown masked, each with its entry's place.
    pub files: Vec<Sourced<MaskedFile>>,
    /// Variables that are one credential of AWS together.
    pub aws: Vec<Sourced<AwsVariables>>,
    /// What goes on as it is when it cannot be signed anew: of each form the highest word first.
    pub signing: Vec<Sourced<(SigningForm, bool)>>,
    /// Whether secrets go to servers in clear text too.
    pub plain: Option<Sourced<bool>>,
    /// How TLS ends at the proxy, if it does.
    pub tls: Option<Sourced<TlsKeys>>,
    /// Hosts to which git goes with a token that it does not have, the highest word about a host first.
    pub git: Vec<Sourced<GitHost>>,
    /// How those are asked who hold secrets, the highest word about one first.
    pub sources: Vec<Sourced<SourceKeys>>,
    /// Rules about what hosts are asked.
    pub requests: Vec<Sourced<Requests>>,
}

impl Policy {
    /// Returns every rule in force: deny, then ask, then allow, each from the highest layer down.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the rules that are written and do not count, with the reason.
    pub fn inactive(&self) -> &[(RuleRef, String)] {
        &self.inactive
    }

    /// Returns why every call is refused, if a layer cannot be read.
    pub fn failures(&self) -> &[Diagnostic] {
        &self.failures
    }

    /// Returns the default mode and where it is set.
    pub fn default_mode(&self) -> Option<&Sourced<Mode>> {
        self.mode.as_ref()
    }

    /// Returns the extra working directories, as written.
    pub fn additional_directories(&self) -> &[Sourced<String>] {
        &self.additional_directories
    }

    /// Returns what the settings say about the boundary.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Returns what the settings say about connections.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns what the settings say about secrets in variables.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Returns what is opened besides what the proxy admits.
    pub fn hatches(&self) -> &Hatches {
        &self.hatches
    }

    /// Returns a digest of every rule and setting in force: equal digests decide equally.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns where bypassing is switched off, if it is.
    pub fn bypass_disabled(&self) -> Option<&Origin> {
        self.bypass_disabled.as_ref()
    }

    /// Returns the limits that hold in every mode, and where each is set.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Returns the mode a call is decided under: the session's own if it names one, else the default
    /// mode of the settings. Where bypassing is switched off it is read as the default mode.
    pub fn mode_for(&self, requested: Option<Mode>) -> Mode {
        let mode = requested.or(self.mode.as_ref().map(|mode| mode.value)).unwrap_or(Mode::Default);
        match mode {
            Mode::BypassPermissions if self.bypass_disabled.is_some() => Mode::Default,
            Mode::Default | Mode::AcceptEdits | Mode::Plan | Mode::DontAsk | Mode::BypassPermissions => mode,
        }
    }

    /// Returns the path patterns of the rules that tighten.
    pub fn tightened_paths(&self) -> impl Iterator<Item = &PathPattern> {
        self.rules.iter().filter(|rule| rule.reference.list != List::Allow).filter_map(|rule| rule.matcher.path())
    }

    /// Returns the path patterns of the allow rules that let something be read, each with its rule.
    pub fn allowed_reads(&self) -> impl Iterator<Item = (&PathPattern, &RuleRef)> {
        self.rules.iter().filter(|rule| rule.reference.list == List::Allow).filter_map(|rule| match &rule.matcher {
            Matcher::Path { access: FileAccess::Read, pattern } => Some((pattern, &rule.reference)),
            _ => None,
        })
    }

    /// Returns the programs that a rule denies with whatever arguments, each with the rule.
    pub fn denied_programs(&self) -> impl Iterator<Item = (&str, &RuleRef)> {
        let denied = self.rules.iter().filter(|rule| rule.reference.list == List::Deny);
        denied.filter_map(|rule| Some((rule.matcher.command()?.whole_program()?, &rule.reference)))
    }

    /// Returns the same policy without one of its rules.
    pub fn without(&self, rule: &RuleRef) -> Self {
        let rules = self.rules.iter().filter(|known| known.reference != *rule).cloned().collect();
        Self { rules, index: None, ..self.clone() }
    }

    /// Returns the same policy with every rule asked about every call: what the index is held against.
    pub fn without_index(&self) -> Self {
        Self { index: None, ..self.clone() }
    }

    /// Returns the paths at which deny and ask rules about paths hang, each once: where one is reached
    /// through a link, what it leads to must be known under both names.
    pub fn tightening_roots(&self, project: &AbsPath, cwd: &AbsPath) -> Vec<AbsPath> {
        let mut roots: Vec<AbsPath> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.reference.list != List::Allow) {
            if let Matcher::Path { access: _, pattern } = &rule.matcher {
                roots.extend(pattern.roots(project, cwd).into_iter().map(|(root, _)| root));
            }
        }
        roots.sort();
        roots.dedup();
        roots
    }

    /// Returns true when a limit on paths is in force, or a deny or ask rule that could cover a call of the tool.
    pub(crate) fn tightens(&self, tool: &str) -> bool {
        let Switches { deny_instead: _, reads_held, writes_held } = &self.switches;
        let holds = [reads_held, writes_held].into_iter().flatten().any(|switch| switch.value);
        // They stand before the allow rules.
        let mut rules = self.rules.iter().take_while(|rule| rule.reference.list != List::Allow);
        holds || rules.any(|rule| rule.matcher.could_cover(tool))
    }

    /// Returns the places of a list's rules.
    pub(crate) fn ids(&self, list: List) -> std::ops::Range<Id> {
        let place = |at: usize| Id::try_from(at).unwrap_or(Id::MAX);
        let start = self.rules.partition_point(|rule| rule.reference.list < list);
        let end = self.rules.partition_point(|rule| rule.reference.list <= list);
        place(start)..place(end)
    }

    /// Returns the rule of a place.
    pub(crate) fn rule(&self, id: Id) -> Option<&Rule> {
        self.rules.get(usize::try_from(id).ok()?)
    }
}
