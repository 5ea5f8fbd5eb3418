//! The rules that bind every process inside a boundary, asked about one path or one program at a time.
//!
//! What exists when a command starts is held by mounts ([`crate::Controls::unwritable`]). What is made later,
//! and the programs that the command starts, are judged here, by the same rules with the same meaning.

use crate::action::{Command, Kind, Runner};
use crate::facts::{Facts, Person};
use crate::layer::{Layer, Origin, Sourced};
use crate::path::AbsPath;
use crate::proof::{RuleRef, Verdict};
use crate::rule::{HeldPath, List, Policy};
use crate::tables::{git, protected};
use crate::{Action, Decision, Effects, decide};

/// A rule as it is handed over to a boundary: with it [`Bounds::compile`] makes the same rule again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bound {
    /// The list that it stands in.
    pub kind: BoundKind,
    /// The rule or entry as written.
    pub text: String,
    /// What `/path` in it is relative to.
    pub anchor: AbsPath,
    /// Where it is written.
    pub origin: Origin,
}

/// The list that a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BoundKind {
    /// `permissions.deny`.
    Rule,
    /// `sandbox.filesystem.denyWrite`.
    DenyWrite,
    /// `sandbox.filesystem.denyRead`.
    DenyRead,
    /// `sandbox.credentials.files`.
    Credential,
    /// `sandbox.filesystem.allowRead`, as far as it counts: it opens what a wider entry of `DenyRead` hides.
    AllowRead,
}

/// Who forbids something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why<'a> {
    /// A rule or entry of the settings.
    Written(&'a str, &'a Origin),
    /// The table of protected names.
    Protected(&'static protected::Name),
    /// A file of a git data directory that decides what git runs.
    Git(git::Role),
}

/// The rules of a boundary, compiled.
#[derive(Debug)]
pub struct Bounds {
    policy: Policy,
    home: AbsPath,
    project: AbsPath,
    cwd: AbsPath,
    /// Which of the Read rules can come to cover a file that nothing hides.
    late: Vec<usize>,
}

impl Bounds {
    /// Compiles rules for a command that starts in `cwd`, which is the project as well.
    ///
    /// A rule that cannot be read is an error: nothing may run without it.
    pub fn compile(bounds: &[Bound], home: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> Result<Self, String> {
        let layers: Vec<Layer> = bounds.iter().map(layer).collect();
        let (policy, _) = Policy::compile(&layers, home);
        match policy.failures().first() {
            Some(failure) => Err(format!("{}: {}", failure.origin.file, failure.message)),
            None => {
                Ok(Self { policy, home: home.clone(), project: project.clone(), cwd: cwd.clone(), late: Vec::new() })
            }
        }
    }

    /// Returns who forbids that something of this name is written, made, renamed or removed.
    ///
    /// Letters of another case count as the same, and invisible letters as nothing: some file systems
    /// take them so.
    pub fn write(&self, path: &AbsPath) -> Option<Why<'_>> {
        let segments: Vec<&str> = path.segments().collect();
        let written = self.written(&self.policy.sandbox().deny_write, path);
        if written.is_none() && !protected::could_be(&segments) {
            return None;
        }
        let row = written.or_else(|| git::role(&segments).map(Why::Git));
        row.or_else(|| protected::held_row(&segments, self.known(path)).map(Why::Protected))
    }

    /// Returns the project.
    pub fn project(&self) -> &AbsPath {
        &self.project
    }

    /// Returns the rows of names of which a directory of this path would hold the rest, each with that rest.
    pub fn rows_below(&self, path: &AbsPath) -> Vec<(&'static protected::Name, &'static str)> {
        protected::rows_below(&path.segments().collect::<Vec<_>>(), self.known(path)).collect()
    }

    /// Returns how many segments of a path are the project's own; all of them for one that lies elsewhere.
    fn known(&self, path: &AbsPath) -> usize {
        let of = if path.is_within(&self.project) { &self.project } else { path };
        of.segments().count()
    }

    /// Returns who forbids that something of this name is read.
    pub fn read(&self, path: &AbsPath) -> Option<Why<'_>> {
        let held = self.policy.sandbox().deny_read.iter().find(|held| self.denies_read(held, path))?;
        Some(Why::Written(&held.why, &held.origin))
    }

    /// Takes note of the Read rules that can come to cover a file, given what is hidden: [`Bounds::late_read`]
    /// asks these alone.
    pub fn know_hidden(&mut self, is_hidden: impl Fn(&AbsPath) -> bool) {
        let all = self.policy.sandbox().deny_read.iter().enumerate();
        let is_late = |held: &HeldPath| held.is_late(&self.project, &self.cwd, &is_hidden);
        self.late = all.filter(|(_, held)| is_late(held)).map(|(number, _)| number).collect();
    }

    /// Returns the rule that forbids that a file of this name is read, which was not there when the command started.
    pub fn late_read(&self, path: &AbsPath) -> Option<Why<'_>> {
        let held = self.late_rules().find(|held| self.denies_read(held, path))?;
        Some(Why::Written(&held.why, &held.origin))
    }

    /// Returns the Read rule that hangs below a directory of this name, as [`Bounds::written_below`] does.
    pub fn late_read_below(&self, path: &AbsPath) -> Option<Why<'_>> {
        let held = self.late_rules().find(|held| self.hangs_below(held, path))?;
        Some(Why::Written(&held.why, &held.origin))
    }

    fn late_rules(&self) -> impl Iterator<Item = &HeldPath> {
        self.late.iter().filter_map(|number| self.policy.sandbox().deny_read.get(*number))
    }

    fn denies_read(&self, held: &HeldPath, path: &AbsPath) -> bool {
        let sandbox = self.policy.sandbox();
        let is_open = || {
            let opens = |open: &HeldPath| open.pattern.covers(path, &self.project, &self.cwd);
            held.yields && sandbox.allow_read.iter().any(|open| opens(open) && self.is_narrower(open, held, path))
        };
        self.covers(held, path) && !is_open()
    }

    fn hangs_below(&self, held: &HeldPath, path: &AbsPath) -> bool {
        !held.pattern.is_by_name() && held.pattern.could_cover_below(path, &self.project, &self.cwd)
    }

    /// Returns true when what opens a path names it more narrowly than what hides it: by a place inside the hidden
    /// one, or where a pattern hides it, by its own name.
    fn is_narrower(&self, open: &HeldPath, held: &HeldPath, path: &AbsPath) -> bool {
        let roots = |held: &HeldPath| held.pattern.roots(&self.project, &self.cwd);
        roots(held).iter().all(|(hidden, by_name)| {
            roots(open).iter().any(|(opened, whole)| {
                if *by_name { opened != hidden && opened.is_within(hidden) } else { *whole && opened == path }
            })
        })
    }

    fn covers(&self, held: &HeldPath, path: &AbsPath) -> bool {
        held.pattern.could_cover_in_any_case(path)
            && (held.pattern.covers(path, &self.project, &self.cwd)
                || held.pattern.covers_in_any_case(path, &self.project, &self.cwd))
    }

    fn written<'a>(&'a self, held: &'a [HeldPath], path: &AbsPath) -> Option<Why<'a>> {
        held.iter().find(|held| self.covers(held, path)).map(|held| Why::Written(&held.why, &held.origin))
    }

    /// Returns the rule that hangs below a directory of this name: what lies in a directory that comes to have it,
    /// or loses it, would be under the rule, or no longer. Rules about a name at any depth go with the file.
    pub fn written_below(&self, path: &AbsPath) -> Option<Why<'_>> {
        let held = self.policy.sandbox().deny_write.iter().find(|held| self.hangs_below(held, path));
        held.map(|held| Why::Written(&held.why, &held.origin))
    }

    /// Returns true when some rule is about commands.
    pub fn has_commands(&self) -> bool {
        self.policy.tightens("Bash")
    }

    /// Returns the rule that denies a program with these arguments, as it would be denied as a command.
    pub fn command(&self, argv: &[String]) -> Option<RuleRef> {
        if !self.has_commands() {
            return None;
        }
        let kind = Kind::Command(Command::from_argv(argv, Runner::Agent));
        let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: self.cwd.clone() };
        let effects = Effects::of(&action, &self.home);
        let facts = Facts::unknown(self.home.clone(), self.project.clone(), Person::Present);
        match decide(&self.policy, &action, &effects, &facts) {
            Decision::Deny(refusal) => denied_by(refusal.proof()).filter(|rule| rule.text.starts_with("Bash")),
            Decision::Allow(_) | Decision::Ask(_) => None,
        }
    }
}

/// Returns the deny rule that decided, or the one that decided a part.
fn denied_by(proof: &crate::Proof) -> Option<RuleRef> {
    let parts = proof.parts.iter().filter(|part| part.verdict == Verdict::Deny).filter_map(|part| part.rule.as_ref());
    proof.rule.iter().chain(parts).find(|rule| rule.list == List::Deny).cloned()
}

fn layer(bound: &Bound) -> Layer {
    let mut layer = Layer::empty(bound.origin.scope, &bound.origin.file, bound.anchor.clone());
    let entry = Sourced { value: bound.text.clone(), origin: bound.origin.clone() };
    match bound.kind {
        BoundKind::Rule => layer.deny.push(entry),
        BoundKind::DenyWrite => layer.sandbox.deny_write.push(entry),
        BoundKind::DenyRead => layer.sandbox.deny_read.push(entry),
        BoundKind::Credential => layer.sandbox.credential_files.push(entry),
        BoundKind::AllowRead => {
            // It counted when the settings were read.
            layer.trusted = true;
            layer.sandbox.allow_read.push(entry);
        }
    }
    layer
}

impl std::fmt::Display for Why<'_> {
    /// Renders the rule with its file and line, or the row with its reason.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Written(text, origin) if origin.line > 0 => {
                write!(formatter, "`{text}` ({}:{})", origin.file, origin.line)
            }
            Self::Written(text, origin) => write!(formatter, "`{text}` ({})", origin.file),
            Self::Protected(row) => write!(formatter, "the protected name `{}` ({})", row.name, row.why),
            Self::Git(role) => write!(formatter, "a protected file of git ({})", role.why()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short way out of a rule leaves nothing out that the rule covers.
    #[test]
    fn what_a_rule_covers_it_could_cover() {
        let home = AbsPath::root().join("home/me");
        for rule in [
            "Read(**/*.pem)",
            "Read(./.env)",
            "Read(~/x/**)",
            "Read(**/secrets/**)",
            "Read(//srv/[a-c]*)",
            "Read(b?)",
            "Read(**)",
        ] {
            let origin = Origin { scope: crate::Scope::User, file: "t".to_owned(), line: 1 };
            let bound = Bound { kind: BoundKind::Rule, text: rule.to_owned(), anchor: home.clone(), origin };
            let bounds = Bounds::compile(&[bound], &home, &home.join("p"), &home.join("p/c")).unwrap();
            let names = [
                "k.pem",
                "K.PEM",
                "k.pem.",
                "k.pem ",
                "k.pe\u{200c}m",
                "k.pem\u{200c}",
                ".env",
                ".ENV",
                "secrets",
                "a",
                "bz",
                "x",
                "X",
            ];
            for first in names {
                for second in ["", "/k", "/secrets/y", "/.env", "/."] {
                    for at in ["/home/me", "/home/me/p", "/home/me/p/c/d", "/srv", "/"] {
                        let Some(path) = AbsPath::parse(&format!("{at}/{first}{second}")) else { continue };
                        for held in &bounds.policy.sandbox().deny_read {
                            let (project, cwd) = (&bounds.project, &bounds.cwd);
                            let covers = held.pattern.covers(&path, project, cwd)
                                || held.pattern.covers_in_any_case(&path, project, cwd);
                            assert!(!covers || held.pattern.could_cover_in_any_case(&path), "{rule} {path}");
                        }
                    }
                }
            }
        }
    }

    /// The short way out leaves nothing out.
    #[test]
    fn what_is_protected_could_be() {
        let names =
            protected::NAMES.iter().map(|row| row.name).chain([".git/x/config", ".git/commondir", ".gitmodules"]);
        for name in names {
            let hidden = format!("{}\u{200c}{}", &name[..1], &name[1..]);
            for spelled in [name.to_owned(), name.to_uppercase(), hidden] {
                for path in [format!("/p/{spelled}"), format!("/p/{spelled}/below"), format!("/p/q/{spelled}")] {
                    let segments: Vec<&str> = path.split('/').skip(1).collect();
                    let is_protected = git::role(&segments).is_some() || protected::held_row(&segments, 0).is_some();
                    assert!(!is_protected || protected::could_be(&segments), "{path}");
                }
            }
        }
        assert!(!protected::could_be(&["p", "src", "lib.rs"]));
    }
}
