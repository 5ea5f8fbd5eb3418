//! What the machine can: kernel, namespaces, control groups, what is around it and between it and the network.

use sandbox::Tier;
use sandbox::machine::{Ability, Finding, Machine, Version};

use super::Check;
use crate::doctor::facts::{Facts, Proxy, ProxyState, Wsl};
use crate::doctor::gather::DAEMONS;

/// The oldest kernel on which a boundary can be built.
const KERNEL_LEAST: Version = Version(5, 13, 0);

pub(super) fn examine(facts: &Facts) -> Vec<Check> {
    let machine = &facts.machine;
    let own = |ability: &Ability| !matches!(ability, Ability::Landlock | Ability::Seccomp);
    let namespaces: Vec<Ability> = Tier::Full.built_from().iter().copied().filter(own).collect();
    vec![
        kernel(machine),
        ability("landlock", machine, &[Ability::Landlock, Ability::LandlockTruncate, Ability::LandlockScope]),
        ability("user-namespaces", machine, &namespaces),
        ability("seccomp", machine, &[Ability::Seccomp, Ability::SeccompNotification]),
        bubblewrap(machine),
        boundary(machine),
        container(machine),
        daemons(&facts.daemons),
        wsl(facts.wsl),
        control_groups(machine),
        proxies(&facts.proxies),
    ]
}

/// Returns something that was read of the machine.
fn fact<'m>(machine: &'m Machine, name: &str) -> &'m str {
    machine.facts.iter().find(|fact| fact.name == name).map_or("", |fact| fact.value.as_str())
}

fn kernel(machine: &Machine) -> Check {
    let release = fact(machine, "kernel");
    match Version::parse(release.split('-').next().unwrap_or_default()) {
        Some(version) if version < KERNEL_LEAST => {
            let evidence =
                format!("Linux {release}, and {KERNEL_LEAST} is the oldest on which a boundary can be built");
            Check::fail("kernel", evidence).advice("upgrade the kernel to Linux 6.12 or newer")
        }
        Some(_) => Check::ok("kernel", format!("Linux {release}")),
        None => Check::warn("kernel", format!("the release `{release}` is no version")),
    }
}

/// Judges what a layer is built from: without the first a tier is lost, and the others make it better.
fn ability(id: &'static str, machine: &Machine, abilities: &[Ability]) -> Check {
    if let Some(untried) = abilities.iter().find(|wanted| found(machine, **wanted).is_none()) {
        return Check::fail(id, format!("{} was not tried, and whether it works is not known", untried.name()));
    }
    let findings = || abilities.iter().filter_map(|wanted| found(machine, *wanted));
    let Some((finding, fault)) = findings().find_map(|finding| Some((finding, finding.fault.as_ref()?))) else {
        let details: Vec<&str> =
            findings().map(|finding| finding.detail.as_str()).filter(|text| !text.is_empty()).collect();
        return Check::ok(id, details.first().map_or("works", |detail| detail).to_owned());
    };
    let name = if fault.name.is_empty() { String::new() } else { format!("{}: ", fault.name) };
    let evidence = format!("{} does not work: {name}{}", finding.ability.name(), fault.why);
    let is_lost = machine.tier().is_none();
    let check = if is_lost { Check::fail(id, evidence) } else { Check::warn(id, evidence) };
    fault.fix.iter().fold(check, |check, fix| helped(check, fix))
}

/// Adds what helps: a command where it begins with a program, else advice.
fn helped(check: Check, fix: &str) -> Check {
    let is_command = ["sudo ", "docker ", "printf "].iter().any(|program| fix.starts_with(program));
    if is_command { check.command(fix) } else { check.advice(fix) }
}

fn found(machine: &Machine, ability: Ability) -> Option<&Finding> {
    machine.findings.iter().find(|finding| finding.ability == ability)
}

fn bubblewrap(machine: &Machine) -> Check {
    let id = "bubblewrap";
    if machine.has(Tier::Full) {
        return Check::skip(id, "not needed: Palisade makes the namespaces itself");
    }
    ability(id, machine, &[Ability::Bubblewrap])
}

fn boundary(machine: &Machine) -> Check {
    let id = "boundary";
    let best = "namespaces, mounts, Landlock and seccomp of its own";
    match machine.tier() {
        Some(Tier::Full) => Check::ok(id, format!("tier full: {best}")),
        Some(tier @ (Tier::Bubblewrap | Tier::Landlock)) => {
            let lacks: Vec<&str> = tier.missing().iter().map(|(what, _)| *what).collect();
            let evidence = format!("tier {}; it lacks {}", tier.name(), lacks.join(", "));
            stronger(Check::warn(id, evidence), machine)
        }
        None => {
            let evidence = "no tier: `palisade run` refuses every command on this machine";
            stronger(Check::fail(id, evidence), machine)
        }
    }
}

/// Adds what makes the boundary a better one.
fn stronger(check: Check, machine: &Machine) -> Check {
    fixes(machine).iter().fold(check, |check, fix| helped(check, fix))
}

/// Returns the commands after which the whole boundary can be had, as far as they are known.
pub(in crate::doctor) fn fixes(machine: &Machine) -> Vec<String> {
    let lacks = machine.tiers.iter().filter(|tier| tier.tier == Tier::Full).flat_map(|tier| &tier.lacks);
    let mut fixes: Vec<String> = Vec::new();
    for fix in lacks.filter_map(|lack| found(machine, *lack)?.fault.as_ref()?.fix.as_ref()) {
        if !fixes.contains(fix) {
            fixes.push(fix.clone());
        }
    }
    fixes
}

/// Returns true when something is around this system that is a boundary already.
pub(in crate::doctor) fn is_contained(machine: &Machine) -> bool {
    !matches!(fact(machine, "container"), "" | "no sign of one")
}

fn container(machine: &Machine) -> Check {
    let kind = fact(machine, "container");
    let filter = fact(machine, "filter");
    match kind {
        "" | "no sign of one" => Check::ok("container", "no sign of one"),
        "the inside of a boundary" => {
            let evidence = "this is the inside of a boundary of Palisade's: what is said here is of the inside";
            Check::warn("container", evidence).advice("run `palisade doctor` outside")
        }
        kind => Check::ok("container", format!("{kind}; a filter of system calls: {filter}")),
    }
}

fn daemons(sockets: &[String]) -> Check {
    let id = "daemon-socket";
    if sockets.is_empty() {
        return Check::ok(id, format!("none of {} can be written to; no other was looked at", DAEMONS.join(", ")));
    }
    let evidence = format!(
        "{} can be written to: whoever talks to a daemon of root's is as good as root. No boundary lets it in, and a \
         command outside of one has it",
        sockets.join(", ")
    );
    Check::warn(id, evidence).advice("use a rootless daemon, or leave the group that the socket is of")
}

fn wsl(wsl: Wsl) -> Check {
    match wsl {
        Wsl::None => Check::skip("wsl", "this is no Windows Subsystem for Linux"),
        Wsl::Two => Check::ok("wsl", "version 2: a kernel of its own"),
        Wsl::One => {
            let evidence =
                "version 1: Windows answers the system calls, and there is no boundary to be built from them";
            Check::fail("wsl", evidence).command("wsl.exe --set-version \"$WSL_DISTRO_NAME\" 2")
        }
    }
}

fn control_groups(machine: &Machine) -> Check {
    let id = "control-groups";
    let seen = fact(machine, "control-groups");
    let is_theirs = seen.contains(" is the user's to divide");
    let is_root = fact(machine, "user") == "root" && seen != "absent";
    if is_theirs || is_root {
        return Check::ok(id, seen);
    }
    let seen = if seen.is_empty() { "absent" } else { seen };
    let evidence = format!(
        "{seen}: limits on memory and processors of everything together cannot be held, and where one is written in \
         settings no command runs"
    );
    Check::warn(id, evidence).command("systemd-run --user --scope -p Delegate=yes palisade run -- COMMAND")
}

fn proxies(proxies: &[Proxy]) -> Check {
    let id = "proxy";
    if proxies.is_empty() {
        return Check::ok(id, "no variable names a proxy");
    }
    let said = |proxy: &Proxy| {
        let Proxy { variable, shown, state } = proxy;
        let what = match state {
            ProxyState::Malformed(why) => format!("cannot be read: {why}"),
            ProxyState::Answers => "answers".to_owned(),
            ProxyState::Silent => "is on this machine, and nothing answers there".to_owned(),
            ProxyState::Elsewhere => "is elsewhere and was not asked: whether it answers is not known".to_owned(),
        };
        let sign = if shown.is_empty() { "" } else { "=" };
        format!("{variable}{sign}{shown} {what}")
    };
    let is_bad = |proxy: &&Proxy| matches!(proxy.state, ProxyState::Malformed(_) | ProxyState::Silent);
    let bad: Vec<String> = proxies.iter().filter(is_bad).map(said).collect();
    if bad.is_empty() {
        let all = proxies.iter().map(said).collect::<Vec<_>>().join("; ");
        let is_unasked = proxies.iter().any(|proxy| proxy.state == ProxyState::Elsewhere);
        return if is_unasked { Check::warn(id, all) } else { Check::ok(id, all) };
    }
    Check::fail(id, bad.join("; ")).advice("mend or unset the variable: allowed connections go by this proxy")
}
