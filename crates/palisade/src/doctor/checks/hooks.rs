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
    let is_wanted = facts.agents.iter().any(|agent| agent.id == "agent.claude" && agent.path.is_some());
    checks.push(registered(hooks, is_wanted));
    if !hooks.registered.is_empty() {
        checks.extend([program(hooks), answers(hooks), covers(hooks), boundary(facts.settings.is_boundary_on)]);
    }
    checks
}

fn agent(agent: &Agent) -> Check {
    let Agent { id, name, path, version } = agent;
    let Some(path) = path else { return Check::skip(id, format!("{name} is not installed")) };
    let Some(version) = version else {
        return Check::ok(id, format!("{name} at {path}; its files say no version"));
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
    if !is_wanted {
        return Check::skip(id, "no settings register Palisade's hook, and Claude Code is not installed");
    }
    let evidence = "no settings register Palisade's hook: Claude Code's calls are neither decided nor recorded";
    let check = Check::fail(id, evidence);
    if hooks.user_has_hooks {
        return check.advice(format!("add the hooks of docs/guides/claude-code.md to those in {}", hooks.user_file));
    }
    if hooks.own_is_exposed {
        return check
            .advice("install Palisade where only you or root can write, and run `palisade doctor --fix` from there");
    }
    check.repair(Repair::Register { program: hooks.own.clone() })
}

fn program(hooks: &Hooks) -> Check {
    let id = "hook.program";
    let wrong = hooks.registered.iter().find(|one| one.program != Program::Own);
    let Some(one) = wrong else {
        if hooks.own_is_exposed {
            let evidence = format!("{} lies where commands of an agent can replace it", hooks.own);
            return Check::warn(id, evidence).advice("install it where only you or root can write");
        }
        return Check::ok(id, format!("it is this program, {}", hooks.own));
    };
    let Registered { event, file, is_users, command, program, takes_all: _, fails_closed } = one;
    let (what, status) = match program {
        Program::Own => (String::new(), Status::Ok),
        Program::Missing(path) if *fails_closed => {
            (format!("`{path}` is not there: every call is blocked"), Status::Fail)
        }
        Program::Missing(path) => (format!("`{path}` is not there: calls pass unseen"), Status::Fail),
        Program::Other(path) => (format!("`{path}` is another program than this one, {}", hooks.own), Status::Warn),
        Program::Unclear => ("it is more than a program and its words, and was not started".to_owned(), Status::Warn),
    };
    let check = Check::new(id, status, format!("{event} in {file}, `{command}`: {what}"));
    let is_ours = matches!(program, Program::Missing(_) | Program::Other(_));
    if *is_users && is_ours && !hooks.own_is_exposed {
        check.repair(Repair::Replace { from: command.clone(), program: hooks.own.clone() })
    } else {
        check.advice(format!("register `{} hook claude` in {file}", hooks.own))
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

fn covers(hooks: &Hooks) -> Check {
    let id = "hook.covers";
    let missing: Vec<&str> =
        EVENTS.into_iter().filter(|event| !hooks.registered.iter().any(|one| one.event == *event)).collect();
    if let Some(one) = hooks.registered.iter().find(|one| !one.takes_all) {
        let evidence = format!("the matcher of {} in {} leaves tools out", one.event, one.file);
        return Check::fail(id, evidence).advice("write `\"matcher\": \"*\"`");
    }
    if missing.contains(&"PreToolUse") {
        return Check::fail(id, "PreToolUse is not registered: nothing is decided")
            .advice("add PreToolUse as in docs/guides/claude-code.md");
    }
    if !missing.is_empty() {
        let evidence = format!("{} not registered: outcomes are not recorded", missing.join(" and "));
        return Check::warn(id, evidence).advice("add them as in docs/guides/claude-code.md");
    }
    let open = hooks.registered.iter().find(|one| one.event == "PreToolUse" && !one.fails_closed);
    if let Some(one) = open {
        let evidence =
            format!("PreToolUse in {} has no `\"onFailure\": \"block\"`: without the hook calls pass", one.file);
        return Check::warn(id, evidence).advice("add `\"onFailure\": \"block\"` to it");
    }
    Check::ok(id, "every tool, before and after, and a hook that fails blocks the call")
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
