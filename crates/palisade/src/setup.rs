//! What every command needs first: the environment, the place, the settings, the policy.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, ensure};
use guard::{CachePlace, Kept, Named, Place};
use policy::controls::limits::Word;
use policy::layer::{Diagnostic, Layer, Origin, Ports, Scope, Severity, Sourced};
use policy::{AbsPath, Mode, Policy};
use sandbox::{Invocation, Terminal, Tiers};
use settings::{Discovery, Environment, Loaded, Places};

use crate::agent::{self, Agent, Choice};
use crate::cli::{BoundaryOptions, Network, PlaceOptions, Profile, SettingsOptions};

/// Everything a command starts from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) environment: Environment,
    pub(crate) places: Places,
    pub(crate) loaded: Loaded,
    pub(crate) policy: Policy,
    /// What is wrong in the settings: in their files, then in their rules.
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) place: Place,
    /// The agent that is run as a whole.
    pub(crate) agent: Option<Agent>,
    /// Layers of the command line, which stand besides those of files.
    pub(crate) typed: Vec<Layer>,
}

impl Setup {
    /// Reads everything for a call in the current directory.
    pub(crate) fn here(options: &SettingsOptions) -> anyhow::Result<Self> {
        Self::at(options, &PlaceOptions::default())
    }

    /// Reads everything for a call in a given place.
    pub(crate) fn at(options: &SettingsOptions, place: &PlaceOptions) -> anyhow::Result<Self> {
        let environment = Environment::read()?;
        let cwd = match &place.cwd {
            Some(given) => current_directory().unwrap_or_else(|_| AbsPath::root()).join(given),
            None => current_directory()?,
        };
        // A place that is only asked about need not exist.
        let project = if place.cwd.is_some() { guard::canonical(&cwd).unwrap_or(cwd) } else { guard::canonical(&cwd)? };
        let git_root = guard::git_root(&project);
        let mut places = Places::usual(&environment, project, git_root);
        if let Some(home) = &place.home {
            let home = AbsPath::root().join(home);
            places.home = guard::canonical(&home).unwrap_or(home);
            places.claude_config_dir = None;
            places.xdg_config_home = None;
        }
        places.given.clone_from(&options.settings);
        if place.only_given_settings {
            places.discovery = Discovery::OnlyGiven;
            places.managed_claude = None;
            places.managed_palisade = None;
        }
        Self::load(environment, places, options.mode)
    }

    /// Reads everything for a hook's call: the session's start directory is the project.
    pub(crate) fn for_hook(environment: Environment, project: AbsPath) -> anyhow::Result<Self> {
        let git_root = guard::git_root(&project);
        let places = Places::usual(&environment, project, git_root);
        Self::load(environment, places, None)
    }

    /// Reads everything again, for a call of an agent inside: what was typed when it began stands.
    pub(crate) fn anew(places: &Places, typed: &[Layer]) -> anyhow::Result<Self> {
        let mut setup = Self::load(Environment::read()?, places.clone(), None)?;
        add_typed(&mut setup.loaded.layers, typed);
        let (policy, _) = Policy::compile(&setup.loaded.layers, &setup.places.home);
        setup.policy = policy;
        Ok(setup)
    }

    fn load(environment: Environment, places: Places, mode: Option<Mode>) -> anyhow::Result<Self> {
        let mut loaded = settings::load(&places);
        if environment.scrubs() {
            scrub(&mut loaded.layers);
        }
        let (policy, found) = Policy::compile(&loaded.layers, &places.home);
        let mut diagnostics: Vec<Diagnostic> = loaded.diagnostics.iter().cloned().chain(found).collect();
        diagnostics.extend(bypass_refused(&policy, mode));
        let state = environment.state_home().join("palisade");
        let key = policy.credentials().tls.as_ref().and_then(|tls| tls.value.key.as_ref());
        // The key of an authority is as good as every secret that goes by it.
        let key = key.map(|text| of_a_person(&places, text)).into_iter();
        let key = key.flat_map(|path| guard::canonical(&path).ok().into_iter().chain([path]));
        let place = Place {
            home: places.home.clone(),
            project: places.project.clone(),
            own_unwritable: [own_program()?, places.palisade_dir()].into_iter().chain(of_persons(&loaded)).collect(),
            kept: Some(Kept { directory: state.join("walks"), now_ms: now_ms() }),
            own_unreadable: key.chain([state]).collect(),
            programs: Vec::new(),
            profile: guard::Profile::Open,
            caches: None,
            is_proxied: true,
        };
        Ok(Self { environment, places, loaded, policy, diagnostics, place, agent: None, typed: Vec::new() })
    }

    /// Takes what the command line says about a run: what may be read, whether package managers have a place of
    /// their own, and limits.
    pub(crate) fn for_run(&mut self, options: &BoundaryOptions, program: Option<&str>) -> anyhow::Result<()> {
        let seen = sandbox::environment(self.environment.all().iter().cloned());
        let path = seen.kept.iter().find(|(name, _)| name == "PATH").and_then(|(_, value)| value.to_str());
        self.place.programs =
            path.unwrap_or_default().split(':').filter_map(|text| self.directory_of_programs(text)).collect();
        let is_closed = self.policy.sandbox().closed_profile.as_ref().is_some_and(|closed| closed.value);
        if options.profiles.contains(&Profile::Closed) || is_closed {
            let named = seen.toolchains().map(|(why, path)| Named { path, why });
            self.place.profile = guard::Profile::Closed(named.collect());
        }
        if !options.no_caches {
            let kept = seen.kept.iter();
            let host =
                kept.filter_map(|(name, value)| Some((name.to_str()?.to_owned(), AbsPath::parse(value.to_str()?)?)));
            let directory = self.environment.cache_home().join("palisade/projects");
            self.place.caches = Some(CachePlace { directory, host: host.collect(), more: Vec::new() });
        }
        self.take_agent(options, program)?;
        self.place.is_proxied = options.network == Network::Rules;
        self.tighten(&options.limits, options.check_reads_on_open);
        self.open(&options.forward, &options.publish)
    }

    /// Takes the profile of the agent that is run, if it has one: what it grants stands beside what files say.
    fn take_agent(&mut self, options: &BoundaryOptions, program: Option<&str>) -> anyhow::Result<()> {
        let Self { environment, places, place, policy, .. } = self;
        let choice = Choice { named: &options.profiles, program, environment, places, place, policy };
        let Some(agent) = choice.agent()? else { return Ok(()) };
        if let Some(caches) = &mut self.place.caches {
            caches.more = agent.seeds();
            if let Some(home) = &agent.home {
                caches.directory.clone_from(&home.among);
            }
        }
        let readable = agent.profile.readable.iter();
        if let guard::Profile::Closed(named) = &mut self.place.profile {
            let granted = readable
                .map(|grant| Named { path: agent::in_home(&self.place.home, &grant.what), why: grant.why.clone() });
            named.extend(granted);
        }
        self.place.own_unwritable.extend(agent.profile.path.as_ref().and_then(|path| guard::canonical(path).ok()));
        let home = agent.home.as_ref().map(|home| (&home.from, &home.at));
        let layer = agent.profile.layer(home, &self.place.project);
        add_typed(&mut self.loaded.layers, std::slice::from_ref(&layer));
        self.typed.push(layer);
        let (policy, found) = Policy::compile(&self.loaded.layers, &self.places.home);
        self.diagnostics.extend(found.into_iter().filter(|found| found.origin.file == agent.profile.file));
        self.policy = policy;
        self.agent = Some(agent);
        Ok(())
    }

    /// Returns the directory that an entry of `PATH` means; one that is relative is looked for from the project.
    fn directory_of_programs(&self, text: &str) -> Option<AbsPath> {
        AbsPath::parse(text).or_else(|| (!text.is_empty()).then(|| self.place.project.join(text)))
    }

    /// Adds the ports that the command line opens. Whoever types that is told that it is not theirs to open.
    fn open(&mut self, forwards: &[Ports], published: &[Ports]) -> anyhow::Result<()> {
        if forwards.is_empty() && published.is_empty() {
            return Ok(());
        }
        let said = |list: &[Ports], option: &str| -> Vec<Sourced<Ports>> {
            let origin = Origin { scope: Scope::Flag, file: option.to_owned(), line: 0 };
            list.iter().map(|ports| Sourced { value: *ports, origin: origin.clone() }).collect()
        };
        let mut layer = Layer::empty(Scope::Flag, "--forward", self.places.project.clone());
        layer.sandbox.network.hatches.forwards = said(forwards, "--forward");
        layer.sandbox.network.hatches.published = said(published, "--publish");
        self.loaded.layers.push(layer);
        let (policy, _) = Policy::compile(&self.loaded.layers, &self.places.home);
        self.policy = policy;
        let is_said = |sourced: &Sourced<Ports>| sourced.origin.scope == Scope::Flag;
        let hatches = self.policy.hatches();
        for (option, list, said) in
            [("--forward", &hatches.forwards, forwards), ("--publish", &hatches.published, published)]
        {
            ensure!(
                said.is_empty() || list.iter().any(is_said),
                "`{option}` opens nothing: `allowManagedDomainsOnly` leaves that to managed files"
            );
        }
        Ok(())
    }

    /// Adds what the command line says, which only tightens.
    fn tighten(&mut self, words: &[Word], checks_reads: bool) {
        if words.is_empty() && !checks_reads {
            return;
        }
        let mut layer = Layer::empty(Scope::Flag, "--limit", self.places.project.clone());
        layer.trusted = false;
        let origin = |file: &str| Origin { scope: Scope::Flag, file: file.to_owned(), line: 0 };
        layer.limits = words.iter().map(|word| Sourced { value: *word, origin: origin("--limit") }).collect();
        if checks_reads {
            let origin = origin("--check-reads-on-open");
            // The settings may say otherwise: whoever types this says it of this one command.
            self.loaded.layers.iter_mut().for_each(|layer| layer.sandbox.reads_on_open = None);
            layer.sandbox.reads_on_open = Some(Sourced { value: true, origin });
        }
        self.loaded.layers.push(layer);
        // What is wrong in the layers is known already.
        let (policy, _) = Policy::compile(&self.loaded.layers, &self.places.home);
        self.policy = policy;
    }

    /// Returns what is to be run, as far as policy has no say in it.
    pub(crate) fn invocation(&self, argv: Vec<OsString>, options: &BoundaryOptions) -> Invocation {
        Invocation {
            argv,
            environment: sandbox::environment(self.environment.all().iter().cloned()),
            init: "/proc/self/exe".into(),
            protect: self.place.own_unwritable.clone(),
            terminal: Terminal::Own,
            backend: options.backend(),
            tiers: Tiers::all(),
            require: options.require.clone(),
            needs_caches: self.agent.as_ref().is_some_and(|agent| agent.home.is_some()),
            held: true,
            outlet: None,
            shown: Vec::new(),
            shown_by: Vec::new(),
            hatches: Vec::new(),
            hatch_files: Vec::new(),
        }
    }

    /// Returns the journal's directory.
    pub(crate) fn journal_directory(&self) -> PathBuf {
        journal_directory(&self.environment)
    }
}

/// Returns the settings files that count as a person's or an administrator's, wherever they lie: `--settings` can name one of
/// the project.
fn of_persons(loaded: &Loaded) -> impl Iterator<Item = AbsPath> {
    let counts = |source: &&settings::Source| match source.scope {
        Scope::User | Scope::Flag | Scope::Managed => true,
        Scope::Builtin | Scope::Project | Scope::Local => false,
    };
    loaded.sources.iter().filter(counts).filter_map(|source| guard::canonical(source.path.as_ref()?).ok())
}

/// Returns the path that a setting of a person's means.
pub(crate) fn of_a_person(places: &Places, text: &str) -> AbsPath {
    match text.strip_prefix("~/") {
        Some(below) => places.home.join(below),
        None => places.claude_dir().join(text),
    }
}

/// What the switch for credentials in the environment takes with it, as documented: whoever sets it runs what others say.
fn scrub(layers: &mut [Layer]) {
    for switches in layers.iter_mut().map(|layer| &mut layer.sandbox) {
        for switch in [&mut switches.auto_allow, &mut switches.files_disabled] {
            *switch = switch.take().filter(|switch| !switch.value);
        }
    }
}

/// Adds layers of the command line: those of an agent's profile, which stand below what a person or the administrator wrote.
pub(crate) fn add_typed(layers: &mut Vec<Layer>, typed: &[Layer]) {
    let first = layers.iter().take_while(|layer| layer.scope == Scope::Builtin).count();
    layers.splice(first..first, typed.iter().cloned());
}

/// Tells that bypassing was asked for and is switched off.
fn bypass_refused(policy: &Policy, mode: Option<Mode>) -> Option<Diagnostic> {
    let origin = policy.bypass_disabled().filter(|_| mode == Some(Mode::BypassPermissions))?;
    Some(Diagnostic {
        severity: Severity::Warning,
        origin: origin.clone(),
        column: 0,
        message: "mode `bypassPermissions` is switched off; mode `default` decides".to_owned(),
        hint: None,
    })
}

/// Returns the journal's directory.
pub(crate) fn journal_directory(environment: &Environment) -> PathBuf {
    PathBuf::from(environment.state_home().join("palisade/journal").as_str())
}

/// Opens the journal; what is wrong with it is told with the way forward.
pub(crate) fn open_journal(directory: &std::path::Path) -> anyhow::Result<audit::Journal> {
    audit::Journal::open(directory).map_err(|error| {
        let told = format!("the journal cannot be used; {}", error.hint());
        anyhow::Error::new(error).context(told)
    })
}

/// Returns the running program's path.
pub(crate) fn own_program() -> anyhow::Result<AbsPath> {
    let path = std::env::current_exe().context("the path of the running program is not known")?;
    let text = path.to_str().ok_or_else(|| anyhow!("the path of the running program is not UTF-8"))?;
    AbsPath::parse(text).ok_or_else(|| anyhow!("the path of the running program is not absolute"))
}

#[expect(clippy::disallowed_methods, reason = "the program reads the current directory once and passes it down")]
pub(crate) fn current_directory() -> anyhow::Result<AbsPath> {
    let path = std::env::current_dir().context("the current directory is not known")?;
    let text =
        path.to_str().ok_or_else(|| anyhow!("the path of the current directory is not UTF-8: {}", path.display()))?;
    AbsPath::parse(text).ok_or_else(|| anyhow!("the current directory is not absolute"))
}

/// Returns milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the program reads the clock and passes it down")]
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Returns the present time.
#[expect(clippy::disallowed_methods, reason = "the program reads the clock and passes it down")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
