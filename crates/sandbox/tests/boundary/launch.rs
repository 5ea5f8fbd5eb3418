//! The launcher: makes a permit and runs a command under it.

use std::ffi::OsString;

use policy::action::{Command, Runner};
use policy::controls::limits::{Resource, Word};
use policy::controls::{Caches, Readable, Reading, Seed};
use policy::layer::{Layer, Sourced};
use policy::{AbsPath, Action, Approval, Decision, Effects, Exec, Facts, Kind, Origin, Permit, Policy, Scope, facts};

/// What a test asks of the launcher.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spec {
    pub(crate) writable: Vec<String>,
    pub(crate) hidden: Vec<String>,
    pub(crate) reopened: Vec<String>,
    pub(crate) closed: Vec<String>,
    pub(crate) protect: Vec<String>,
    /// What is readable in the closed profile; the open one when there is nothing.
    pub(crate) readable: Vec<String>,
    /// The private caches; none when there is nothing.
    pub(crate) caches: Vec<String>,
    /// The home directory; one that is not there when there is nothing.
    pub(crate) home: Vec<String>,
    /// What is seen there: where it is, and where it is seen.
    pub(crate) seeds: Vec<String>,
    /// Limits such as `wall=1s`, as a person would write them.
    pub(crate) limits: Vec<String>,
    /// Deny rules, as a person would write them.
    pub(crate) rules: Vec<String>,
    /// `yes` when openings for reading are checked.
    pub(crate) checks_reads: Vec<String>,
    /// `yes` when there is a proxy.
    pub(crate) proxied: Vec<String>,
    /// What leads out besides the proxy: a path, a port, or `calls`.
    pub(crate) hatches: Vec<String>,
    /// Files of our own that are seen inside: where, `=`, and what is in them.
    pub(crate) shown: Vec<String>,
    pub(crate) cwd: String,
    pub(crate) report: String,
    /// The tiers that are left out.
    pub(crate) without: Vec<String>,
    /// The layers that must stand.
    pub(crate) require: Vec<String>,
    /// `held` to take a boundary that a holder has ready, `warm` to have it built and then take it.
    pub(crate) template: Vec<String>,
}

impl Spec {
    /// Returns the launcher's arguments, without the command.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let lists = [
            ("--writable", &self.writable),
            ("--hide", &self.hidden),
            ("--open", &self.reopened),
            ("--close", &self.closed),
            ("--protect", &self.protect),
            ("--readable", &self.readable),
            ("--caches", &self.caches),
            ("--seed", &self.seeds),
            ("--home", &self.home),
            ("--without", &self.without),
            ("--require", &self.require),
            ("--limit", &self.limits),
            ("--deny", &self.rules),
            ("--check-reads", &self.checks_reads),
            ("--proxied", &self.proxied),
            ("--hatch", &self.hatches),
            ("--shown", &self.shown),
            ("--template", &self.template),
        ];
        let mut arguments = vec!["launch".to_owned()];
        for (name, paths) in lists {
            arguments.extend(paths.iter().flat_map(|path| [name.to_owned(), path.clone()]));
        }
        arguments.extend(["--cwd".to_owned(), self.cwd.clone(), "--report".to_owned(), self.report.clone()]);
        arguments.push("--".to_owned());
        arguments
    }

    fn tiers(&self) -> sandbox::Tiers {
        let left_out = self.without.iter().map(|name| sandbox::Tier::parse(name).unwrap());
        left_out.fold(sandbox::Tiers::all(), sandbox::Tiers::without)
    }

    fn hatches(&self) -> Vec<sandbox::Hatch> {
        let hatch = |text: &String| match (text.as_str(), text.parse()) {
            ("calls", _) => sandbox::Hatch::Calls,
            (_, Ok(port)) => sandbox::Hatch::Port(port),
            (path, Err(_)) => sandbox::Hatch::Path(AbsPath::parse(path).unwrap()),
        };
        self.hatches.iter().map(hatch).collect()
    }

    fn parse() -> (Self, Vec<OsString>) {
        let mut spec = Self::default();
        let mut arguments = std::env::args_os().skip(2);
        while let Some(name) = arguments.next().filter(|name| name != "--") {
            let value = arguments.next().unwrap().into_string().unwrap();
            match name.to_str().unwrap() {
                "--writable" => spec.writable.push(value),
                "--hide" => spec.hidden.push(value),
                "--open" => spec.reopened.push(value),
                "--close" => spec.closed.push(value),
                "--protect" => spec.protect.push(value),
                "--readable" => spec.readable.push(value),
                "--caches" => spec.caches.push(value),
                "--seed" => spec.seeds.push(value),
                "--home" => spec.home.push(value),
                "--require" => spec.require.push(value),
                "--without" => spec.without.push(value),
                "--deny" => spec.rules.push(value),
                "--proxied" => spec.proxied.push(value),
                "--hatch" => spec.hatches.push(value),
                "--shown" => spec.shown.push(value),
                "--check-reads" => spec.checks_reads.push(value),
                "--limit" => spec.limits.push(value),
                "--template" => spec.template.push(value),
                "--cwd" => spec.cwd = value,
                "--report" => spec.report = value,
                other => panic!("no such option: {other}"),
            }
        }
        (spec, arguments.collect())
    }
}

/// Is a holder for its parent: `hold` with the time in milliseconds. It prints its number when launchers find it.
pub(crate) fn hold() -> ! {
    let lasting = std::env::args().nth(2).unwrap().parse().unwrap();
    let owner = rustix::process::getppid().unwrap().as_raw_nonzero().get().unsigned_abs();
    let lasting = std::time::Duration::from_millis(lasting);
    let holder = sandbox::Holder::new("/proc/self/exe".as_ref(), owner, lasting).unwrap();
    println!("{}", std::process::id());
    holder.expect("the parent has a holder already").serve().unwrap();
    std::process::exit(0)
}

/// Runs the command once for every line that comes, in this one process, and prints how many microseconds it was until its
/// program ran and until its end was known, and whether its boundary was held.
pub(crate) fn turns() -> ! {
    let (spec, argv) = Spec::parse();
    let (invocation, permit) = (invocation(&spec, argv), permit(&spec));
    for line in std::io::stdin().lines() {
        line.unwrap();
        let start = std::time::Instant::now();
        let report = sandbox::run(&permit, &invocation).unwrap();
        let over = start.elapsed();
        assert_eq!(report.exit.code(), 0);
        println!("{} {} {}", report.started.as_micros(), over.as_micros(), report.from_holder);
    }
    std::process::exit(0)
}

fn invocation(spec: &Spec, argv: Vec<OsString>) -> sandbox::Invocation {
    let paths = |texts: &[String]| texts.iter().map(|text| AbsPath::parse(text).unwrap()).collect::<Vec<_>>();
    sandbox::Invocation {
        argv,
        environment: sandbox::environment(std::env::vars_os()),
        init: "/proc/self/exe".into(),
        protect: paths(&spec.protect),
        terminal: sandbox::Terminal::Own,
        backend: sandbox::Backend::Native,
        tiers: spec.tiers(),
        require: spec.require.iter().map(|name| sandbox::Layer::parse(name).unwrap()).collect(),
        needs_caches: false,
        held: !spec.template.is_empty(),
        outlet: (!spec.proxied.is_empty()).then(|| std::sync::Arc::new(crate::greeter::Greeter) as _),
        shown: spec.shown.iter().map(|text| shown(text)).collect(),
        shown_by: Vec::new(),
        hatches: spec.hatches(),
        hatch_files: Vec::new(),
    }
}

/// Is the launcher.
pub(crate) fn main() -> ! {
    let (spec, argv) = Spec::parse();
    let (invocation, permit) = (invocation(&spec, argv), permit(&spec));
    if spec.template.iter().any(|way| way == "warm") {
        // Where there is no holder for this user, or its boundary cannot be built, the run says what it came to.
        let _ = sandbox::warm(&permit, &invocation);
    }
    let (text, code) = match sandbox::run(&permit, &invocation) {
        Ok(report) => (report.render_json(), report.exit.code()),
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            let fix = error.fix().map(|fix| format!("\nfix: {fix}")).unwrap_or_default();
            (format!("error: {error}{source}{fix}"), 4)
        }
    };
    if !spec.report.is_empty() {
        std::fs::write(&spec.report, text).unwrap();
    }
    std::process::exit(code.into())
}

fn shown(text: &str) -> sandbox::Shown {
    let (path, content) = text.split_once('=').unwrap();
    sandbox::Shown { path: self::path(path), content: content.into(), why: "a test".to_owned() }
}

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

/// Returns what may be read: a path as it is, and with ` -> ` where a link leads.
fn reading(spec: &Spec) -> Reading {
    let readable = |text: &String| {
        let (path, link) = match text.split_once(" -> ") {
            Some((path, link)) => (path, Some(link.to_owned())),
            None => (text.as_str(), None),
        };
        Readable { path: self::path(path), link, why: "a test".to_owned() }
    };
    if spec.readable.is_empty() { Reading::Open } else { Reading::Closed(spec.readable.iter().map(readable).collect()) }
}

fn caches(spec: &Spec) -> Option<Caches> {
    let directory = path(spec.caches.first()?);
    let seed = |text: &String| {
        let (from, at) = text.split_once(':').unwrap();
        Seed { from: path(from), at: path(at) }
    };
    Some(Caches { directory, seeds: spec.seeds.iter().map(seed).collect() })
}

/// Reads a limit.
fn limit(text: &str) -> Sourced<Word> {
    let (name, amount) = text.split_once('=').unwrap();
    let resource = Resource::parse(name).unwrap();
    let value = Word { resource, amount: resource.parse_amount(amount).unwrap() };
    Sourced { value, origin: Origin { scope: Scope::User, file: "test".to_owned(), line: 1 } }
}

/// Makes a permit for these paths the way a caller would.
fn permit(spec: &Spec) -> Permit<Exec> {
    let held = |text: &String| facts::Held {
        path: path(text),
        entry: facts::Entry::File,
        why: "a test".to_owned(),
        origin: Origin { scope: Scope::User, file: "test".to_owned(), line: 1 },
    };
    let home = path(spec.home.first().map_or("/nonexistent/home", String::as_str));
    let facts = Facts {
        home: home.clone(),
        project: path(&spec.cwd),
        working_directories: vec![path(&spec.cwd)],
        resolved: std::collections::BTreeMap::default(),
        person: facts::Person::Present,
        mode: None,
        found_below: std::collections::BTreeMap::new(),
        links_matched: std::collections::BTreeMap::new(),
        removals: Vec::new(),
        boundary: Some(facts::BoundaryFacts {
            writable: spec.writable.iter().map(|text| path(text)).collect(),
            unreadable: spec.hidden.iter().map(held).collect(),
            unwritable: spec.closed.iter().map(held).collect(),
            reopened: spec.reopened.iter().map(|text| path(text)).collect(),
            reading: reading(spec),
            caches: caches(spec),
            is_proxied: !spec.proxied.is_empty(),
            incomplete: None,
        }),
    };
    let mut layer = Layer::empty(Scope::User, "test", home.clone());
    layer.limits = spec.limits.iter().map(|text| limit(text)).collect();
    let origin = |line| Origin { scope: Scope::User, file: "test".to_owned(), line };
    layer.deny =
        (1..).zip(&spec.rules).map(|(line, rule)| Sourced { value: rule.clone(), origin: origin(line) }).collect();
    layer.sandbox.reads_on_open = spec.checks_reads.first().map(|_| Sourced { value: true, origin: origin(0) });
    let (policy, _) = Policy::compile(&[layer], &home);
    let kind = Kind::Command(Command::parse("true", Runner::Boundary));
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: path(&spec.cwd) };
    let effects = Effects::of(&action, &home);
    let permit = match policy::decide(&policy, &action, &effects, &facts) {
        Decision::Allow(permit) => permit,
        Decision::Ask(pending) => pending.approve(Approval::Terminal).unwrap(),
        Decision::Deny(refusal) => panic!("{:?}", refusal.proof()),
    };
    permit.into_exec().unwrap()
}
