//! A world in which calls are decided: rules, links, and facts as `guard` would gather them.

use std::collections::BTreeMap;

use policy::action::{Command, FileTarget, Kind, Runner};
use policy::facts::{Below, Entry, Facts, Person, Resolved};
use policy::layer::{Layer, Origin, SandboxKeys, Scope, Servers, Severity, Sourced};
use policy::rule::HeldPath;
use policy::{AbsPath, Action, Effects, Mode, Policy, Proof};

pub(crate) const HOME: &str = "/home/u";
pub(crate) const PROJECT: &str = "/home/u/proj";

pub(crate) fn abs(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

/// A world: layers from low to high, and symbolic links.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) layers: Vec<Layer>,
    pub(crate) links: BTreeMap<AbsPath, AbsPath>,
    pub(crate) directories: Vec<AbsPath>,
    /// Files that lie below directories that a call may read as a whole.
    pub(crate) files: Vec<AbsPath>,
    /// True when these are all that a rule covers.
    pub(crate) searched: bool,
    /// True when the trees are too large to be looked at for links.
    pub(crate) too_large: bool,
    pub(crate) mode: Option<Mode>,
}

impl World {
    /// Adds a layer whose text has a line for each rule: `deny Bash(rm *)`, `mode plan`.
    pub(crate) fn layer(&mut self, scope: Scope, trusted: bool, text: &str) {
        let file = format!("{}.json", scope.name());
        let anchor = if scope == Scope::User { abs("/home/u/.claude") } else { abs(PROJECT) };
        let mut layer = Layer { trusted, ..Layer::empty(scope, &file, anchor) };
        for (index, line) in text.lines().enumerate() {
            let Some((word, rest)) = line.split_once(' ') else { continue };
            let origin = Origin { scope, file: file.clone(), line: u32::try_from(index).unwrap() + 1 };
            let value = Sourced { value: rest.trim().to_owned(), origin: origin.clone() };
            match word {
                "allow" => layer.allow.push(value),
                "ask" => layer.ask.push(value),
                "deny" => layer.deny.push(value),
                "directory" => layer.additional_directories.push(value),
                "mode" => layer.default_mode = Some(Sourced { value: Mode::parse(rest).unwrap().0, origin }),
                "no-bypass" => layer.bypass_disabled = Some(origin),
                "deny-instead" => layer.deny_instead = Some(Sourced { value: rest == "true", origin }),
                "hold-reads" => layer.reads_held = Some(Sourced { value: rest == "true", origin }),
                "hold-writes" => layer.writes_held = Some(Sourced { value: rest == "true", origin }),
                "servers" => {
                    let (blocked, approved) = rest.split_once(" except ").unwrap_or((rest, ""));
                    let approved = approved.split_whitespace().map(str::to_owned).collect();
                    let servers = Servers { key: "deniedMcpServers".to_owned(), blocked: blocked.to_owned(), approved };
                    layer.servers.push(Sourced { value: servers, origin });
                }
                "managed-only" => layer.managed_rules_only = Some(origin),
                "sandbox" => sandbox_key(&mut layer.sandbox, rest, &origin),
                other => panic!("a rule line begins with allow, ask, deny, mode or directory, not `{other}`"),
            }
        }
        self.layers.push(layer);
    }

    /// Returns what the boundary may open and must hold, a path pattern a line, and the switches.
    pub(crate) fn boundary(&self) -> String {
        let policy = self.policy();
        let sandbox = policy.sandbox();
        let mut text = String::new();
        let mut line = |text_of: String, origin: &Origin| {
            text.push_str(&format!("{text_of} <- {}:{}\n", origin.file, origin.line));
        };
        let roots = |held: &HeldPath| {
            let roots = held.pattern.roots(&abs(PROJECT), &abs(PROJECT));
            let shown = roots.iter().map(|(root, whole)| format!("{root}{}", if *whole { "" } else { " ..." }));
            shown.collect::<Vec<_>>().join(", ")
        };
        for (name, switch) in [
            ("enabled", &sandbox.enabled),
            ("auto-allow", &sandbox.auto_allow),
            ("hatch", &sandbox.allow_unsandboxed),
            ("files-disabled", &sandbox.files_disabled),
            ("reads-checked", &sandbox.reads_on_open),
            ("closed-profile", &sandbox.closed_profile),
        ] {
            if let Some(switch) = switch {
                line(format!("{name} {}", switch.value), &switch.origin);
            }
        }
        for entry in &sandbox.allow_write {
            line(format!("write {}", entry.value), &entry.origin);
        }
        for (name, list) in [
            ("write-by-rule", &sandbox.edit_allowed),
            ("hide", &sandbox.deny_read),
            ("open-again", &sandbox.allow_read),
            ("close", &sandbox.deny_write),
        ] {
            for held in list {
                line(format!("{name} {}{}", roots(held), if held.yields { " (yields)" } else { "" }), &held.origin);
            }
        }
        for exclusion in &sandbox.excluded {
            line(format!("exclude {}", exclusion.text), &exclusion.origin);
        }
        text
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::compile(&self.layers, &abs(HOME)).0
    }

    /// Returns what the compiler says about the rules, a line each and its hint below.
    pub(crate) fn notes(&self) -> String {
        let mut text = String::new();
        for note in Policy::compile(&self.layers, &abs(HOME)).1 {
            let severity = if note.severity == Severity::Warning { "warning" } else { "error" };
            text.push_str(&format!("{severity} {}:{}: {}\n", note.origin.file, note.origin.line, note.message));
            text.push_str(&format!("  {}\n", note.hint.as_deref().unwrap_or("-")));
        }
        text
    }

    /// Follows links as the kernel would.
    fn resolve(&self, path: &AbsPath) -> Resolved {
        let mut hops = Vec::new();
        let mut real = path.clone();
        for _ in 0..10 {
            let Some((link, target)) = self.links.iter().find(|(link, _)| real.is_within(link)) else { break };
            let rest = real.below(link).unwrap().to_owned();
            real = if rest.is_empty() { target.clone() } else { target.join(&rest) };
            hops.push(real.clone());
        }
        let entry = if self.directories.contains(&real) { Entry::Directory } else { Entry::File };
        Resolved { real, entry, hops }
    }

    /// Returns which links lie in the trees in which the call follows them.
    fn links_matched(&self, effects: &Effects) -> BTreeMap<String, Vec<AbsPath>> {
        let mut found = BTreeMap::new();
        for touch in effects.parts.iter().flat_map(|part| &part.touches).filter(|_| !self.too_large) {
            let tops: Vec<&AbsPath> = touch.target.paths().collect();
            for (name, top) in touch.links_asked().into_iter().zip(tops) {
                if !name.ends_with("/**") {
                    continue;
                }
                let below = self.links.keys().filter(|link| *link != top && link.is_within(top)).cloned().collect();
                found.insert(name, below);
            }
        }
        found
    }

    pub(crate) fn decide(&self, action: &Action) -> Proof {
        let policy = self.policy();
        let effects = Effects::of(action, &abs(HOME));
        let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter().chain(&part.may_name));
        let links_matched = self.links_matched(&effects);
        let links = links_matched.values().flatten();
        let mut resolved: BTreeMap<AbsPath, Resolved> =
            effects.paths().chain(mentions).chain(links).map(|path| (path.clone(), self.resolve(path))).collect();
        for root in policy.tightening_roots(&abs(PROJECT), &action.cwd) {
            let found = self.resolve(&root);
            if found.real != root {
                resolved.entry(root).or_insert(found);
            }
        }
        let found_below = effects
            .paths()
            .map(|path| {
                let files = self.files.iter().filter(|file| file.is_within(path)).cloned().collect();
                (path.clone(), Below { files, complete: self.searched })
            })
            .collect();
        let mut working_directories = vec![abs(PROJECT)];
        working_directories
            .extend(policy.additional_directories().iter().map(|written| abs(PROJECT).join(&written.value)));
        let facts = Facts {
            home: abs(HOME),
            project: abs(PROJECT),
            working_directories,
            resolved,
            found_below,
            links_matched,
            removals: Vec::new(),
            person: Person::Present,
            mode: self.mode,
            boundary: None,
        };
        policy::decide(&policy, action, &effects, &facts).proof().clone()
    }
}

/// Reads a key of `sandbox`: `sandbox denyRead ~/x`, `sandbox enabled true`.
fn sandbox_key(keys: &mut SandboxKeys, line: &str, origin: &Origin) {
    let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
    let text = Sourced { value: rest.to_owned(), origin: origin.clone() };
    let switch = Some(Sourced { value: rest == "true", origin: origin.clone() });
    match key {
        "enabled" => keys.enabled = switch,
        "autoAllowBashIfSandboxed" => keys.auto_allow = switch,
        "allowUnsandboxedCommands" => keys.allow_unsandboxed = switch,
        "checkReadsOnOpen" => keys.reads_on_open = switch,
        "closedProfile" => keys.closed_profile = switch,
        "disabled" => keys.files_disabled = switch,
        "allowManagedReadPathsOnly" => keys.managed_reads_only = Some(origin.clone()),
        "excludedCommands" => keys.excluded.push(text),
        "denyRead" => keys.deny_read.push(text),
        "denyWrite" => keys.deny_write.push(text),
        "allowWrite" => keys.allow_write.push(text),
        "allowRead" => keys.allow_read.push(text),
        "credential" => keys.credential_files.push(text),
        "allowedDomains" => keys.network.allowed.push(text),
        "deniedDomains" => keys.network.denied.push(text),
        other => panic!("no sandbox key `{other}`"),
    }
}

/// Returns how many cases a property is tried on: `PALISADE_TIMES` asks for a multiple of the ordinary number.
pub(crate) fn cases(ordinary: u32) -> u32 {
    #[expect(clippy::disallowed_methods, reason = "a test that is asked for more says so by a variable")]
    let wanted = std::env::var("PALISADE_TIMES").ok();
    ordinary.saturating_mul(wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(1))
}

/// Returns the action that a line of a case names: `Bash: ls`, `Read: src/a.rs`, `TodoWrite:`, and with a
/// field of its input `Bash: make ⟨timeout=5⟩`.
pub(crate) fn action(line: &str) -> Action {
    let (tool, subject) = line.split_once(':').unwrap_or((line, ""));
    let (subject, fields) = subject.split_once('⟨').unwrap_or((subject, ""));
    let subject = subject.strip_prefix(' ').unwrap_or(subject);
    let subject = if fields.is_empty() { subject } else { subject.trim_end() }.replace('⏎', "\n").replace('␉', "\t");
    let file = |recursive| FileTarget { path: subject.clone(), recursive };
    let fields = fields.trim_end_matches('⟩').split_once('=');
    let mut params: Vec<(String, String)> =
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let kind = match tool {
        "Bash" | "Monitor" => Kind::Command(Command::parse(&subject, Runner::Agent)),
        "PowerShell" => Kind::ForeignCommand(subject.clone()),
        "Read" | "NotebookRead" => Kind::Read(file(false)),
        "Grep" | "Glob" | "LS" | "LSP" => Kind::Read(file(true)),
        "Edit" | "Write" | "MultiEdit" | "NotebookEdit" => Kind::Edit(file(false)),
        "WebFetch" => Kind::Fetch { url: subject.clone() },
        "Agent" => {
            let (agent_type, rest) = subject.split_once(' ').unwrap_or((&subject, ""));
            params.extend(rest.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
            Kind::Agent { agent_type: agent_type.to_owned() }
        }
        "Skill" => Kind::Skill { skill: subject.clone() },
        name => match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
            Some((server, tool)) => Kind::Mcp { server: server.to_owned(), tool: tool.to_owned() },
            None => Kind::Other,
        },
    };
    Action { tool: tool.to_owned(), kind, params, cwd: abs(PROJECT) }
}
