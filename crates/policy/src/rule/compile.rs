//! Layers to a policy.

mod credentials;
mod hatches;
mod network;
mod sandbox;

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use super::matcher::NamePattern;
use super::parse::{Anchors, Fault, parse};
use super::{FileAccess, HeldPath, Index, List, Matcher, Policy, Rule, Switches};
use crate::bounds::{Bound, BoundKind};
use crate::controls::Limits;
use crate::layer::{Diagnostic, Layer, Origin, Scope, Severity, Sourced};
use crate::mode::Mode;
use crate::path::AbsPath;
use crate::proof::RuleRef;

impl Policy {
    /// Compiles layers, given from the lowest to the highest.
    ///
    /// A layer that is not trusted only tightens: its allow rules, directories and loosening values
    /// are listed as inactive. A rule that cannot be read grants nothing where it stands in allow,
    /// and makes its layer refuse every call where it stands in deny or ask.
    pub fn compile(layers: &[Layer], home: &AbsPath) -> (Self, Vec<Diagnostic>) {
        let mut compiler = Compiler {
            home,
            policy: Self::default(),
            diagnostics: Vec::new(),
            managed_only: managed_only(layers),
            managed_files: sandbox::ManagedFiles::of(layers),
            trusted_boundary: None,
            trusted_mode: None,
            tightened_plan: None,
            tightened_silence: None,
        };
        for layer in layers.iter().rev() {
            compiler.layer(layer);
        }
        compiler.network(layers);
        compiler.settle_credentials();
        compiler.settle_hatches();
        compiler.settle_acceptance();
        let Compiler {
            home: _,
            mut policy,
            diagnostics,
            managed_only: _,
            managed_files: _,
            trusted_boundary: _,
            trusted_mode,
            tightened_plan,
            tightened_silence,
        } = compiler;
        policy.mode = match trusted_mode {
            Some(mode) if matches!(mode.value, Mode::Plan | Mode::DontAsk) => Some(mode),
            looser => {
                if let (Some(_), Some(silence)) = (&tightened_plan, &tightened_silence) {
                    // Which of the two is stricter depends on the call: both hold.
                    let origin = silence.origin.clone();
                    policy.switches.deny_instead.get_or_insert(Sourced { value: true, origin });
                }
                tightened_plan.or(tightened_silence).or(looser)
            }
        };
        policy.sandbox.limits = Limits::of(layers);
        policy.rules.sort_by_key(|rule| rule.reference.list);
        policy.digest = policy.fingerprint();
        policy.hold_paths_of_rules();
        policy.index = Some(Index::new(&policy.rules));
        (policy, diagnostics)
    }

    /// Turns the path rules of the deny list into paths that the boundary holds too, and what Edit rules allow
    /// into what it may open.
    fn hold_paths_of_rules(&mut self) {
        for rule in &self.rules {
            let Matcher::Path { access, pattern } = &rule.matcher else { continue };
            let held = HeldPath {
                pattern: pattern.clone(),
                why: rule.reference.text.clone(),
                origin: rule.reference.origin.clone(),
                yields: false,
            };
            match (rule.reference.list, access) {
                (List::Deny, FileAccess::Read) => self.sandbox.deny_read.push(held),
                (List::Deny, FileAccess::Edit) => self.sandbox.deny_write.push(held),
                (List::Allow, FileAccess::Edit) => self.sandbox.edit_allowed.push(held),
                (List::Allow, FileAccess::Read) | (List::Ask, FileAccess::Read | FileAccess::Edit) => {}
            }
        }
    }

    /// Returns the digest. The paths that are held because of deny rules follow from these.
    fn fingerprint(&self) -> String {
        let Self {
            rules,
            inactive: _,
            failures,
            mode,
            bypass_disabled,
            switches,
            additional_directories,
            sandbox,
            network,
            credentials,
            hatches,
            digest: _,
            index: _,
        } = self;
        let mut digest = Feed(Sha256::new());
        (
            rules,
            failures,
            mode,
            bypass_disabled,
            switches,
            additional_directories,
            sandbox,
            network,
            credentials,
            hatches,
        )
            .hash(&mut digest);
        digest.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Takes what a value hashes into a digest. Nothing asks it for the short hash that it would end in.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn managed_only(layers: &[Layer]) -> Option<Origin> {
    layers.iter().filter(|layer| layer.scope == Scope::Managed).find_map(|layer| layer.managed_rules_only.clone())
}

struct Compiler<'a> {
    home: &'a AbsPath,
    policy: Policy,
    diagnostics: Vec<Diagnostic>,
    managed_only: Option<Origin>,
    managed_files: sandbox::ManagedFiles,
    /// The highest trusted layer's `sandbox.enabled`.
    trusted_boundary: Option<bool>,
    trusted_mode: Option<Sourced<Mode>>,
    tightened_plan: Option<Sourced<Mode>>,
    tightened_silence: Option<Sourced<Mode>>,
}

impl Compiler<'_> {
    /// Takes one layer in. Layers come from the highest down, so the first value of a kind stays.
    fn layer(&mut self, layer: &Layer) {
        self.policy.failures.extend(layer.failure.clone());
        for (list, texts) in [(List::Deny, &layer.deny), (List::Ask, &layer.ask), (List::Allow, &layer.allow)] {
            for text in texts {
                self.rule(layer, list, text);
            }
        }
        self.servers(layer);
        self.mode(layer);
        self.switches(layer);
        if self.policy.bypass_disabled.is_none() {
            self.policy.bypass_disabled.clone_from(&layer.bypass_disabled);
        }
        if layer.trusted {
            self.policy.additional_directories.extend(layer.additional_directories.iter().cloned());
        } else {
            for directory in &layer.additional_directories {
                self.warn(&directory.origin, format!("`{}` is not added: the folder is not trusted", directory.value));
            }
        }
        self.sandbox(layer);
        self.credentials(layer);
        self.hatches(layer);
    }

    /// The highest trusted layer's mode counts. One that is not trusted may only put `plan` or `dontAsk`
    /// in the place of a mode under which more passes; which of these two is stricter depends on the
    /// call, so with both what `plan` would ask about is refused.
    fn mode(&mut self, layer: &Layer) {
        let Some(mode) = &layer.default_mode else { return };
        if layer.trusted {
            if self.trusted_mode.is_none() {
                self.trusted_mode = Some(mode.clone());
            }
            return;
        }
        match mode.value {
            Mode::Plan => {
                self.tightened_plan.get_or_insert(mode.clone());
            }
            Mode::DontAsk => {
                self.tightened_silence.get_or_insert(mode.clone());
            }
            Mode::Default => {}
            Mode::AcceptEdits | Mode::BypassPermissions => {
                self.warn(
                    &mode.origin,
                    format!("`{}` is not taken from a folder that is not trusted", mode.value.name()),
                );
            }
        }
    }

    fn rule(&mut self, layer: &Layer, list: List, text: &Sourced<String>) {
        let reference = RuleRef { text: text.value.clone(), list, origin: text.origin.clone() };
        if self.managed_only.is_some() && layer.scope != Scope::Managed {
            self.policy
                .inactive
                .push((reference, "only managed rules count (`allowManagedPermissionRulesOnly`)".to_owned()));
            return;
        }
        self.secret(text);
        let parsed = parse(&text.value, &Anchors { list, anchor: &layer.anchor, home: self.home });
        match parsed {
            Ok(parsed) => {
                if let Some(Fault::Surprise { message, hint } | Fault::Malformed { message, hint }) = parsed.surprise {
                    self.report(Severity::Warning, &text.origin, message, hint);
                }
                if list == List::Allow && !layer.trusted {
                    let why = "the folder is not trusted: run `palisade trust grant` in it".to_owned();
                    self.policy.inactive.push((reference, why));
                } else {
                    if list == List::Deny && matches!(parsed.matcher, Matcher::Path { .. } | Matcher::Command(_)) {
                        self.bound(BoundKind::Rule, layer, text);
                    }
                    self.policy.rules.push(Rule { matcher: parsed.matcher, reference });
                }
            }
            Err(Fault::Malformed { message, hint } | Fault::Surprise { message, hint }) => {
                if list == List::Allow || !self.asks_instead(layer, &reference, &message, hint.as_ref()) {
                    self.malformed(list, reference, message, hint);
                }
            }
        }
    }

    /// A rule about a field that its tool's own rules are about is documented to count for nothing. Its author
    /// meant to hold something back: what its documented form covers asks.
    fn asks_instead(&mut self, layer: &Layer, reference: &RuleRef, message: &str, hint: Option<&String>) -> bool {
        let Some(documented) = super::parameter::documented(&reference.text) else { return false };
        let anchors = Anchors { list: List::Ask, anchor: &layer.anchor, home: self.home };
        let Ok(parsed) = parse(&documented, &anchors) else { return false };
        self.report(Severity::Warning, &reference.origin, format!("{message}: it asks"), hint.cloned());
        let reference = RuleRef { list: List::Ask, ..reference.clone() };
        self.policy.rules.push(Rule { matcher: parsed.matcher, reference });
        true
    }

    /// A server that is denied, or not among those that are allowed, has no tool that may be called.
    fn servers(&mut self, layer: &Layer) {
        for entry in &layer.servers {
            let text = format!("{}: {}", entry.value.key, entry.value.blocked);
            let reference = RuleRef { text, list: List::Deny, origin: entry.origin.clone() };
            let name = NamePattern::servers(&entry.value.blocked, &entry.value.approved);
            self.policy.rules.push(Rule { matcher: Matcher::Tool(name), reference });
        }
    }

    /// The highest word counts, except that a repository's file can only switch on.
    fn switches(&mut self, layer: &Layer) {
        let may_loosen = match layer.scope {
            Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed => layer.trusted,
            Scope::Project | Scope::Local => false,
        };
        let Switches { deny_instead, reads_held, writes_held } = &mut self.policy.switches;
        for (own, written) in
            [(deny_instead, &layer.deny_instead), (reads_held, &layer.reads_held), (writes_held, &layer.writes_held)]
        {
            if let Some(written) = written
                && own.is_none()
                && (written.value || may_loosen)
            {
                *own = Some(written.clone());
            }
        }
    }

    fn malformed(&mut self, list: List, reference: RuleRef, message: String, hint: Option<String>) {
        match list {
            List::Allow => {
                self.report(Severity::Warning, &reference.origin, message.clone(), hint);
                self.policy.inactive.push((reference, message));
            }
            List::Deny | List::Ask => {
                self.report(Severity::Error, &reference.origin, message, hint);
                self.policy.failures.extend(self.diagnostics.last().cloned());
            }
        }
    }

    fn bound(&mut self, kind: BoundKind, layer: &Layer, entry: &Sourced<String>) {
        let Sourced { value, origin } = entry.clone();
        self.policy.sandbox.bounds.push(Bound { kind, text: value, anchor: layer.anchor.clone(), origin });
    }

    fn warn(&mut self, origin: &Origin, message: String) {
        self.report(Severity::Warning, origin, message, None);
    }

    /// Whoever may read the settings reads a secret that stands in a rule.
    fn secret(&mut self, text: &Sourced<String>) {
        let masked = secrets::redact(&text.value);
        if !masked.found.is_empty() {
            let message = format!("`{}` holds a secret", masked.text);
            let hint = "put it into a variable or a file, remove it here, and replace it where it is good for";
            self.report(Severity::Warning, &text.origin, message, Some(hint.to_owned()));
        }
    }

    /// Nothing that is told about a rule tells a secret in it.
    fn report(&mut self, severity: Severity, origin: &Origin, message: String, hint: Option<String>) {
        let message = secrets::redact(&message).text;
        let hint = hint.map(|hint| secrets::redact(&hint).text);
        self.diagnostics.push(Diagnostic { severity, origin: origin.clone(), column: 0, message, hint });
    }
}
