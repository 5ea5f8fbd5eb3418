//! `palisade sandbox plan`: what the boundary would be here, each part with the rule behind it.

use std::sync::Arc;

use guard::canonical;
use policy::action::{Command, Kind, Runner};
use policy::bounds::{Bound, BoundKind};
use policy::controls::limits::Resource;
use policy::controls::{LateReads, Limits};
use policy::facts::Held;
use policy::rule::HeldPath;
use policy::{AbsPath, Action, Controls, Origin, Scope, Severity};
use sandbox::plan::Line;
use sandbox::{Doors, Invocation, Outlet, Plan};
use serde_json::{Value, json};

use crate::cli::{BoundaryOptions, SandboxPlanOptions, SettingsOptions};
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;

/// The command that stands for every other.
const ANY: &str = "true";

/// A rule, or another entry of the settings.
struct Written {
    rule: String,
    origin: Origin,
}

/// Shows the plan. Nothing is run or recorded.
pub(super) fn plan(options: &SandboxPlanOptions) -> anyhow::Result<Exit> {
    let made = match make(&options.settings, &options.boundary)? {
        Ok(made) => made,
        Err(exit) => return Ok(exit),
    };
    let Made { setup, controls, invocation, plan } = &made;
    let shown = Shown { setup, controls, invocation, plan };
    if options.json {
        say::data(&format!("{:#}", shown.json()));
    } else {
        shown.print();
    }
    Ok(Exit::Yes)
}

/// The plan of a command here, and what it was made from.
pub(super) struct Made {
    pub(super) setup: Setup,
    pub(super) controls: Controls,
    invocation: Invocation,
    pub(super) plan: Plan,
}

/// Makes the plan, or tells why there is none.
pub(super) fn make(settings: &SettingsOptions, boundary: &BoundaryOptions) -> anyhow::Result<Result<Made, Exit>> {
    let mut setup = Setup::here(settings)?;
    setup.for_run(boundary, None)?;
    for diagnostic in &setup.diagnostics {
        say::diagnostic(diagnostic);
    }
    let argv = [ANY.to_owned()];
    let kind = Kind::Command(Command::from_argv(&argv, Runner::Boundary));
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: setup.place.project.clone() };
    let controls = match guard::controls(&setup.policy, &setup.place, &action, settings.mode) {
        Ok(controls) => controls,
        Err(proof) => {
            say::error(&format!("nothing would run: {}", shown(&proof.reason)));
            let is_broken = setup.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            return Ok(Err(if is_broken { Exit::Settings } else { Exit::Denied }));
        }
    };
    let mut invocation = setup.invocation(argv.map(Into::into).to_vec(), boundary);
    if let Some(agent) = &setup.agent {
        agent.tell(&setup.environment, &mut invocation.environment);
    }
    invocation.outlet = Some(Arc::new(Unserved));
    let plan = sandbox::plan(&controls, &invocation)?;
    Ok(Ok(Made { setup, controls, invocation, plan }))
}

/// What `palisade run` puts here serves; nothing runs under a plan that is shown.
#[derive(Debug)]
struct Unserved;

impl Outlet for Unserved {
    fn open(&self, _doors: Doors) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

struct Shown<'a> {
    setup: &'a Setup,
    controls: &'a Controls,
    invocation: &'a Invocation,
    plan: &'a Plan,
}

impl Shown<'_> {
    fn print(&self) {
        let paint = Paint::stdout(self.setup.environment.is_colourless());
        let row = |what: &str, subject: &str, why: &str| {
            let why =
                if why.is_empty() { String::new() } else { format!("  {}", paint.faint(&format!("({})", shown(why)))) };
            say::data(&format!("{what:<12}{}{why}", shown(subject)));
        };
        for line in self.plan.lines() {
            let why = self.written(&line).map_or(line.why.clone(), |written| place(&written));
            row(line.what, &line.subject, &why);
        }
        for limit in self.controls.limits.to_string().lines() {
            say::data(&shown(limit));
        }
        for layer in self.required() {
            row("require", &layer, "");
        }
        for bound in &self.controls.bounds {
            let Bound { kind, text, anchor: _, origin } = bound;
            row("later", &format!("{}: {text}", list(*kind)), &origin.place());
        }
        row("later", "every protected name, wherever it is made", "built-in protected names");
        let (late, fate) = self.late_reads();
        for rule in late {
            row("later", &format!("{rule}: {fate}"), "");
        }
        row("pass", &names(self.invocation).join(" "), "");
        let count = self.invocation.environment.dropped.len();
        row("drop", &format!("{count} other variables of the environment"), "");
        say::data("");
        say::data(&paint.faint("`later` binds what is made while a command runs, and the programs that it starts."));
        say::data(&paint.faint("Which tier this machine builds it in, `palisade sandbox status` says."));
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self.plan.lines().iter().map(|line| self.step_json(line)).collect();
        let bounds = self.controls.bounds.iter().map(|bound| {
            let Bound { kind, text, anchor, origin } = bound;
            json!({"list": list(*kind), "rule": text, "anchor": anchor.as_str(), "file": origin.file, "line": origin.line})
        });
        let dropped = self.invocation.environment.dropped.iter();
        let dropped = dropped.map(|one| json!({"name": one.name.to_string_lossy(), "why": one.why}));
        json!({
            "schema_version": 1,
            "steps": steps,
            "bounds": bounds.collect::<Vec<_>>(),
            "late_reads": {"rules": self.late_reads().0, "held": matches!(self.controls.late_reads, LateReads::Checked(_))},
            "limits": limits_json(&self.controls.limits),
            "require": self.required(),
            "environment": {"passed": names(self.invocation), "dropped": dropped.collect::<Vec<_>>()},
        })
    }

    fn step_json(&self, line: &Line) -> Value {
        let written = self.written(line);
        let by = written
            .as_ref()
            .map(|Written { rule, origin }| json!({"rule": rule, "file": origin.file, "line": origin.line}));
        json!({
            "what": line.what,
            "subject": line.subject,
            "path": line.path.as_ref().map(AbsPath::as_str),
            "why": written.as_ref().map_or(line.why.clone(), place),
            "by": by,
        })
    }

    /// Returns the Read rules that can come to cover a file while a command runs, and what happens to such a file.
    fn late_reads(&self) -> (&[String], &'static str) {
        match &self.controls.late_reads {
            LateReads::None => (&[], ""),
            LateReads::Open(rules) => (rules, "what comes under it while a command runs can be read"),
            LateReads::Checked(rules) => (rules, "each opening for reading is held against it"),
        }
    }

    /// Returns the layers without which nothing runs: the policy's and the command line's.
    fn required(&self) -> Vec<String> {
        let given = self.invocation.require.iter().map(|layer| layer.name().to_owned());
        let mut names: Vec<String> = self.controls.require.iter().cloned().chain(given).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns what somebody wrote that a step comes from.
    fn written(&self, line: &Line) -> Option<Written> {
        let path = line.path.as_ref()?;
        let held = |held: &[Held]| {
            let row = held.iter().find(|held| held.path == *path && held.origin.scope != Scope::Builtin)?;
            Some(Written { rule: row.why.clone(), origin: row.origin.clone() })
        };
        match line.what {
            "hide" => held(&self.controls.unreadable),
            "read-only" | "by key" => held(&self.controls.unwritable),
            "writable" => Some(writable(self.setup, path)),
            _ => None,
        }
    }
}

/// Returns what makes a directory writable.
pub(crate) fn opened_by(setup: &Setup, path: &AbsPath) -> String {
    place(&writable(setup, path))
}

fn writable(setup: &Setup, path: &AbsPath) -> Written {
    let place = &setup.place;
    let built_in = |rule: &str| Written {
        rule: rule.to_owned(),
        origin: Origin { scope: Scope::Builtin, file: String::new(), line: 0 },
    };
    if *path == place.project {
        return built_in("the project");
    }
    let leads_here = |written: &AbsPath| canonical(written).is_ok_and(|real| real == *path);
    let sandbox = setup.policy.sandbox();
    if let Some(entry) = sandbox.allow_write.iter().find(|entry| leads_here(&entry.value)) {
        return Written { rule: "sandbox.filesystem.allowWrite".to_owned(), origin: entry.origin.clone() };
    }
    let absolute = |written: &str| match written.strip_prefix("~/") {
        Some(rest) => place.home.join(rest),
        None => place.project.join(written),
    };
    if let Some(entry) = setup.policy.additional_directories().iter().find(|entry| leads_here(&absolute(&entry.value)))
    {
        return Written { rule: "permissions.additionalDirectories".to_owned(), origin: entry.origin.clone() };
    }
    let covers = |held: &&HeldPath| held.pattern.covers(path, &place.project, &place.project);
    match sandbox.edit_allowed.iter().find(covers) {
        Some(held) => Written { rule: held.why.clone(), origin: held.origin.clone() },
        None => built_in("a working directory"),
    }
}

fn place(written: &Written) -> String {
    let Written { rule, origin } = written;
    match (origin.file.as_str(), origin.line) {
        ("", _) => rule.clone(),
        (file, 0) => format!("{rule} in {file}"),
        (file, line) => format!("{rule} in {file}:{line}"),
    }
}

fn list(kind: BoundKind) -> &'static str {
    match kind {
        BoundKind::Rule => "permissions.deny",
        BoundKind::DenyWrite => "sandbox.filesystem.denyWrite",
        BoundKind::DenyRead => "sandbox.filesystem.denyRead",
        BoundKind::Credential => "sandbox.credentials.files",
        BoundKind::AllowRead => "sandbox.filesystem.allowRead",
    }
}

fn names(invocation: &Invocation) -> Vec<String> {
    invocation.environment.kept.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
}

fn limits_json(limits: &Limits) -> Vec<Value> {
    let share = std::iter::once((&limits.memory_share, "memory-share"));
    let all = share.chain(Resource::ALL.into_iter().map(|resource| (limits.get(resource), resource.name())));
    all.filter_map(|(limit, name)| {
        let at_most = limit.at_most?;
        let by = limit.by.as_ref().map(|origin| json!({"file": origin.file, "line": origin.line}));
        Some(json!({"limit": name, "at_most": at_most, "by": by}))
    })
    .collect()
}
