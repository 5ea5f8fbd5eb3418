//! The agents, and whether their calls come to Palisade at all.

use sandbox::machine::Version;

use super::{Check, Status};
use crate::doctor::facts::{Agent, Answered, Facts, Hooks, Program, Registered};
use crate::doctor::repair::Repair;

/// The first Claude Code in which a hook that fails can block the call.
const FAILS_CLOSED_SINCE: Version = Version(2, 1, 295);
/// The events without which a decision or its outcome is not seen.
const EVENTS: [&str; 3] = ["PreToolUse", "PostToolUse", "PostToolUseFailure"];

pub(super) fn examine(facts: &Facts) -> Vec<Check> {
    let mut checks: Vec<Check> = facts.agents.iter().map(agent).collect();
    let hooks = &facts.hooks;
    let claude = facts.agents.iter().find(|agent| agent.id == "agent.claude" && agent.path.is_some());
    checks.push(registered(hooks, claude.is_some()));
    if !hooks.registered.is_empty() {
        checks.extend([program(hooks), answers(hooks), covers(hooks, claude), boundary(facts.settings.is_boundary_on)]);
    }
    checks
}

fn agent(agent: &Agent) -> Check {
    let Agent { id, name, path, version } = agent;
    let Some(path) = path else { return Check::skip(id, format!("{name} was not found")) };
    let Some(version) = version else {
        let evidence = format!("{name} at {path}; its files say no version");
        if *id == "agent.claude" {
            let evidence = format!("{evidence}: whether a hook that is missing lets calls pass is not known");
            return Check::warn(id, evidence).advice(format!("it must not be older than {FAILS_CLOSED_SINCE}"));
        }
        return Check::ok(id, evidence);
    };
    let evidence = format!("{name} {version} at {path}");
    let is_old = *id == "agent.claude" && Version::parse(version).is_some_and(|version| version < FAILS_CLOSED_SINCE);
    if is_old {
        let evidence =
            format!("{evidence}; before {FAILS_CLOSED_SINCE} a hook that is missing or killed lets calls pass");
        return Check::warn(id, evidence).command("claude update");
    }
    Check::ok(id, evidence)
}

fn registered(hooks: &Hooks, is_wanted: bool) -> Check {
    let id = "hook.registered";
    if let Some(file) = &hooks.off {
        let evidence = format!("`disableAllHooks` in {file} switches every hook off");
        return Check::fail(id, evidence).advice(format!("take `disableAllHooks` out of {file}"));
    }
    if let Some(first) = hooks.registered.first() {
        return Check::ok(id, format!("`{}` in {}", first.command, first.file));
    }
    if let Some(file) = &hooks.managed_only {
        let evidence =
            format!("`allowManagedHooksOnly` in {file}: no hook counts but an administrator's, and none is Palisade's");
        return Check::fail(id, evidence).advice("let an administrator register it in a managed file");
    }
    if !is_wanted {
        return Check::skip(id, "no settings register Palisade's hook, and Claude Code was not found");
    }
    let evidence = "no settings register Palisade's hook: Claude Code's calls are neither decided nor recorded";
    let check = Check::fail(id, evidence);
    let file = &hooks.user_file;
    match &hooks.own_fault {
        _ if !hooks.user_is_clear => check.advice(format!("mend {file}, which cannot be understood")),
        _ if hooks.user_has_hooks => {
            check.advice(format!("add the hooks of docs/guides/claude-code.md to those in {file}"))
        }
        Some(fault) => {
            check.advice(format!("install Palisade where only you or root can write: {} {fault}", hooks.own))
        }
        None => check.repair(Repair::Register { program: hooks.own.clone() }),
    }
}

fn program(hooks: &Hooks) -> Check {
    let id = "hook.program";
    let wrong = hooks.registered.iter().find(|one| one.program != Program::Own);
    let Some(one) = wrong else {
        if let Some(fault) = &hooks.own_fault {
            return Check::warn(id, format!("{} {fault}", hooks.own))
                .advice("install it where only you or root can write");
        }
        return Check::ok(id, format!("it is this program, {}", hooks.own));
    };
    let (what, status) = match &one.program {
        Program::Own => (String::new(), Status::Ok),
        Program::Missing(path) if one.fails_closed => {
            (format!("`{path}` is not there: every call is blocked"), Status::Fail)
        }
        Program::Missing(path) => (format!("`{path}` is not there: calls pass unseen"), Status::Fail),
        Program::Other(path) => (format!("`{path}` is another program than this one, {}", hooks.own), Status::Warn),
        Program::Unclear(why) => (why.clone(), Status::Warn),
    };
    let check = Check::new(id, status, format!("{} in {}, `{}`: {what}", one.event, one.file, one.command));
    // Another program may be there on purpose, and then a person knows why.
    let is_gone = matches!(one.program, Program::Missing(_));
    if one.is_users && is_gone && hooks.own_fault.is_none() {
        check.repair(Repair::Replace { from: one.command.clone(), program: hooks.own.clone() })
    } else {
        check.advice(format!("register `{} hook claude` in {}", hooks.own, one.file))
    }
}

fn answers(hooks: &Hooks) -> Check {
    let id = "hook.answers";
    let failed = hooks.asked.iter().find_map(|(command, answered)| match answered {
        Answered::Failed(why) => Some((command, why)),
        Answered::Decided(_) => None,
    });
    if let Some((command, why)) = failed {
        let evidence = format!("`{command}`, asked whether `/dev/null` may be read, gave no decision: {why}");
        return Check::fail(id, evidence).advice("mend what it says; until then it refuses calls or lets them pass");
    }
    match hooks.asked.first() {
        Some((command, Answered::Decided(verdict))) => {
            Check::ok(id, format!("`{command}`, asked whether `/dev/null` may be read, said {verdict} and recorded it"))
        }
        Some((_, Answered::Failed(_))) | None => Check::skip(id, "no hook is this program, and another is not started"),
    }
}

fn covers(hooks: &Hooks, claude: Option<&Agent>) -> Check {
    let id = "hook.covers";
    let of = |event: &'static str| hooks.registered.iter().filter(move |one| one.event == event);
    for event in EVENTS {
        if of(event).any(is_whole) {
            continue;
        }
        if let Some(one) = of(event).next() {
            return partial(one);
        }
        if event == "PreToolUse" {
            return Check::fail(id, "PreToolUse is not registered: nothing is decided")
                .advice("add PreToolUse as in docs/guides/claude-code.md");
        }
    }
    let missing: Vec<&str> = EVENTS.into_iter().filter(|event| of(event).next().is_none()).collect();
    if !missing.is_empty() {
        let evidence = format!("{} not registered: outcomes are not recorded", missing.join(" and "));
        return Check::warn(id, evidence).advice("add them as in docs/guides/claude-code.md");
    }
    if let Some((one, doubt)) = hooks.registered.iter().find_map(|one| Some((one, one.doubts.first()?))) {
        return Check::warn(id, format!("{} in {}: {doubt}", one.event, one.file))
            .advice("write it as in docs/guides/claude-code.md");
    }
    closing(hooks, claude)
}

/// Returns true for a hook that is asked about every call, and waited for.
fn is_whole(one: &Registered) -> bool {
    one.takes_all && one.never.is_none()
}

fn partial(one: &Registered) -> Check {
    let id = "hook.covers";
    let Registered { event, file, never, .. } = one;
    match never {
        Some(why) => Check::fail(id, format!("{event} in {file} does not decide about every call: {why}"))
            .advice("write it as in docs/guides/claude-code.md"),
        None => Check::fail(id, format!("the matcher of {event} in {file} leaves tools out"))
            .advice("write `\"matcher\": \"*\"`"),
    }
}

/// Judges what becomes of a call when the hook fails.
fn closing(hooks: &Hooks, claude: Option<&Agent>) -> Check {
    let id = "hook.covers";
    let whole: Vec<&Registered> =
        hooks.registered.iter().filter(|one| one.event == "PreToolUse" && is_whole(one)).collect();
    if let (Some(one), false) = (whole.first(), whole.iter().any(|one| one.fails_closed)) {
        let evidence =
            format!("PreToolUse in {} has no `\"onFailure\": \"block\"`: without the hook calls pass", one.file);
        return Check::warn(id, evidence).advice("add `\"onFailure\": \"block\"` to it");
    }
    let every = "every tool, before and after";
    match claude.and_then(|agent| Version::parse(agent.version.as_ref()?)) {
        Some(version) if version >= FAILS_CLOSED_SINCE => {
            Check::ok(id, format!("{every}, and a hook that fails blocks the call"))
        }
        Some(_) => Check::warn(id, format!("{every}; in this Claude Code a hook that fails lets the call pass"))
            .command("claude update"),
        None => {
            let evidence = format!(
                "{every}; whether a hook that fails blocks the call is not known: no version of Claude Code is"
            );
            Check::warn(id, evidence).advice(format!("Claude Code must not be older than {FAILS_CLOSED_SINCE}"))
        }
    }
}

fn boundary(is_on: bool) -> Check {
    let id = "hook.boundary";
    if is_on {
        return Check::ok(id, "commands that the agent runs are sent into the boundary");
    }
    let evidence =
        "`sandbox.enabled` is not set: calls are decided and recorded, and what is allowed runs without a boundary";
    Check::warn(id, evidence).advice("set `\"sandbox\": {\"enabled\": true}`, or start the agent with `palisade run`")
}
