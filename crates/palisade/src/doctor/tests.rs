//! Machines made to be wrong: `spec/doctor` says of each what is said and what helps.
#![expect(clippy::disallowed_methods, reason = "cases are read from files")]

use policy::AbsPath;
use sandbox::Tier;
use sandbox::machine::{Ability, Fact, Fault, Finding, Machine, TierFinding};

use super::checks::{Check, Fix, Status, examine};
use super::facts::{
    Agent, Answered, Certificates, Clock, Disk, Exposed, Facts, Hooks, Journal, Program, Proxy, ProxyState, Registered,
    Settings, Wsl,
};
use super::situations::{Situation, judge};

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

/// Returns a machine on which everything is well.
fn sound() -> Facts {
    let fact = |name, value: &str| Fact { name, value: value.to_owned() };
    let finding = |ability: &Ability| Finding { ability: *ability, detail: String::new(), fault: None };
    let tier = |tier| TierFinding { tier, is_possible: true, lacks: Vec::new() };
    let registered = |event: &str| Registered {
        event: event.to_owned(),
        file: "~/.claude/settings.json".to_owned(),
        is_users: true,
        command: "/opt/palisade hook claude".to_owned(),
        program: Program::Own,
        takes_all: true,
        fails_closed: true,
        never: None,
        doubts: Vec::new(),
    };
    let agent = |id, name| Agent { id, name, path: None, version: None };
    let claude = Agent {
        path: Some("/usr/bin/claude".to_owned()),
        version: Some("2.1.329".to_owned()),
        ..agent("agent.claude", "Claude Code")
    };
    let disk = |id, path: &str| Disk {
        id,
        path: path.to_owned(),
        free: Some((64 << 30, 1 << 20)),
        is_read_only: false,
        is_closed: false,
    };
    Facts {
        machine: Machine {
            findings: Ability::ALL.iter().map(finding).collect(),
            facts: vec![
                fact("kernel", "6.12.9-amd64"),
                fact("user", "number 1000"),
                fact("container", "no sign of one"),
                fact("filter", "none"),
                fact("control-groups", "version 2, `/user.slice` is the user's to divide"),
            ],
            tiers: Tier::ALL.into_iter().map(tier).collect(),
        },
        wsl: Wsl::None,
        daemons: Vec::new(),
        hands: Vec::new(),
        has_kvm: false,
        proxies: Vec::new(),
        certificates: Certificates {
            bundle: Some(("/etc/ssl/certs/ca-certificates.crt".to_owned(), 140)),
            named: Vec::new(),
        },
        agents: vec![claude, agent("agent.codex", "Codex"), agent("agent.gemini", "Gemini CLI")],
        hooks: Hooks {
            registered: ["PreToolUse", "PostToolUse", "PostToolUseFailure"].map(registered).to_vec(),
            off: None,
            own: path("/opt/palisade"),
            managed_only: None,
            own_fault: None,
            user_is_clear: true,
            user_file: "~/.claude/settings.json".to_owned(),
            user_has_hooks: true,
            asked: vec![("/opt/palisade hook claude".to_owned(), Answered::Decided("allow".to_owned()))],
        },
        clock: Clock {
            now_ms: 1_000_000_000,
            program_ms: Some(900_000_000),
            newest_ms: Some(990_000_000),
            is_untold: false,
        },
        disks: vec![disk("disk.journal", "~/.local/state/palisade"), disk("disk.cache", "~/.cache/palisade")],
        journal: Journal::Sound { records: 12 },
        exposed: Vec::new(),
        unseen: Vec::new(),
        settings: Settings {
            wrong: Vec::new(),
            is_boundary_on: true,
            is_closed: true,
            is_managed: true,
            has_managed_rules: true,
            is_shared: true,
            bypass_is_off: true,
        },
    }
}

/// Makes one thing wrong: `what: words`, as `spec/doctor` writes it.
fn change(facts: &mut Facts, line: &str) {
    let (what, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
    let words: Vec<&str> = value.split_whitespace().collect();
    let fact = |facts: &mut Facts, name: &str| {
        let found = facts.machine.facts.iter_mut().find(|fact| fact.name == name);
        found.unwrap_or_else(|| panic!("{line}")).value = value.to_owned();
    };
    match what {
        "kernel" | "container" | "control-groups" | "user" => fact(facts, what),
        "fault" => fault(facts, value),
        "wsl" => facts.wsl = if value == "1" { Wsl::One } else { Wsl::Two },
        "daemon" => facts.daemons.push(value.to_owned()),
        "hand" => facts
            .hands
            .push((["qemu-system-x86_64", "docker"].into_iter().find(|name| *name == value).unwrap(), String::new())),
        "kvm" => facts.has_kvm = value == "yes",
        "proxy" => facts.proxies.push(Proxy {
            variable: "https_proxy".to_owned(),
            shown: if words[0] == "-" { String::new() } else { words[0].to_owned() },
            state: match words[1] {
                "answers" => ProxyState::Answers,
                "silent" => ProxyState::Silent,
                "elsewhere" => ProxyState::Elsewhere,
                _ => ProxyState::Malformed(words[1..].join(" ")),
            },
        }),
        "bundle" => {
            facts.certificates.bundle = words[0].parse().ok().map(|count| ("/etc/ssl/cert.pem".to_owned(), count))
        }
        "authorities" => {
            facts.certificates.named.push((words[0].to_owned(), words[1].to_owned(), Some(words[2..].join(" "))))
        }
        "claude" => facts.agents[0].version = (value != "unknown").then(|| value.to_owned()),
        "hooks" => hooks(&mut facts.hooks, value),
        "answer" => facts.hooks.asked[0].1 = Answered::Failed(value.to_owned()),
        "program made" => facts.clock.program_ms = Some(facts.clock.now_ms + value.parse::<i64>().unwrap() * 1000),
        "newest record" if value == "untold" => {
            facts.clock.newest_ms = None;
            facts.clock.is_untold = true;
        }
        "newest record" => facts.clock.newest_ms = Some(facts.clock.now_ms + value.parse::<i64>().unwrap() * 1000),
        "disk.journal" | "disk.cache" => {
            let disk = facts.disks.iter_mut().find(|disk| disk.id == what).unwrap();
            match value {
                "read-only" => disk.is_read_only = true,
                "unknown" => disk.free = None,
                "closed" => disk.is_closed = true,
                _ => disk.free = Some((words[0].parse::<u64>().unwrap() << 20, words[1].parse().unwrap())),
            }
        }
        "journal" => {
            facts.journal = match words[0] {
                "absent" => Journal::Absent,
                "damaged" => Journal::Damaged { findings: vec![words[1..].join(" ")] },
                _ => Journal::Unusable { why: words[1..].join(" "), hint: "read what it says".to_owned() },
            }
        }
        "exposed" => facts.exposed.push(Exposed {
            path: path(words[0]),
            shown: words[0].to_owned(),
            mode: u32::from_str_radix(words[1], 8).unwrap(),
            is_own: words[2] != "other" && words[2] != "root",
            is_open: words[2] != "other",
            is_linked: words[2] == "link",
        }),
        "unseen" => facts.unseen.push(value.to_owned()),
        "untried" => facts.machine.findings.retain(|finding| finding.ability.name() != value),
        "settings" => match value {
            "a managed file without rules" => facts.settings.has_managed_rules = false,
            "no boundary" => facts.settings.is_boundary_on = false,
            "open" => facts.settings.is_closed = false,
            "plain" => {
                let Settings { is_closed, is_managed, has_managed_rules, is_shared, bypass_is_off, .. } =
                    &mut facts.settings;
                let all = [is_closed, is_managed, has_managed_rules, is_shared, bypass_is_off];
                all.into_iter().for_each(|said| *said = false);
            }
            _ => facts.settings.wrong.push((words[0] == "refuses", words[1..].join(" "))),
        },
        _ => panic!("nothing is known of `{line}`"),
    }
}

/// Makes something of the hooks wrong.
fn hooks(hooks: &mut Hooks, value: &str) {
    let words: Vec<&str> = value.splitn(2, ' ').collect();
    let all = &mut hooks.registered;
    match value {
        "none" | "others" | "managed only" | "not understood" => {
            all.clear();
            hooks.asked.clear();
            hooks.user_has_hooks = value == "others";
            hooks.user_is_clear = value != "not understood";
            hooks.managed_only = (value == "managed only").then(|| "/etc/claude-code/managed-settings.json".to_owned());
        }
        "off" => {
            hooks.off = Some("~/.claude/settings.json".to_owned());
        }
        "missing" | "other" | "unclear" => {
            hooks.asked.clear();
            for one in all {
                one.command = "/old/palisade hook claude".to_owned();
                one.program = match value {
                    "missing" => Program::Missing("/old/palisade".to_owned()),
                    "other" => Program::Other("/old/palisade".to_owned()),
                    _ => Program::Unclear("it is more than a program and its words, and was not started".to_owned()),
                };
            }
        }
        "managed" => all.iter_mut().for_each(|one| one.is_users = false),
        "open" => all.iter_mut().for_each(|one| one.fails_closed = false),
        "narrow" => all[0].takes_all = false,
        "narrow and whole" => {
            let narrow = Registered { takes_all: false, ..all[0].clone() };
            all.insert(0, narrow);
        }
        _ => match words[0] {
            "never" => all[0].never = Some(words[1].to_owned()),
            "doubt" => all[0].doubts.push(words[1].to_owned()),
            "program" => hooks.own_fault = Some(words[1].to_owned()),
            _ => all.retain(|one| one.event != words[1]),
        },
    }
}

/// Makes an ability fail: `name NAME why | fix`; the tiers that need it are gone with it.
fn fault(facts: &mut Facts, value: &str) {
    let (said, fix) = value.split_once(" | ").map_or((value, None), |(said, fix)| (said, Some(fix.to_owned())));
    let mut words = said.splitn(3, ' ');
    let (name, errno, why) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let ability = *Ability::ALL.iter().find(|ability| ability.name() == name).unwrap();
    let finding = facts.machine.findings.iter_mut().find(|finding| finding.ability == ability).unwrap();
    let errno = if errno == "-" { String::new() } else { errno.to_owned() };
    finding.fault = Some(Fault { errno: None, name: errno, why: why.to_owned(), fix });
    for tier in &mut facts.machine.tiers {
        let needs = match tier.tier {
            Tier::Full => ability != Ability::Bubblewrap && ability != Ability::LandlockScope,
            Tier::Bubblewrap => matches!(ability, Ability::Bubblewrap | Ability::Seccomp | Ability::Landlock),
            Tier::Landlock => matches!(ability, Ability::Landlock | Ability::LandlockTruncate | Ability::Seccomp),
        };
        if needs {
            tier.is_possible = false;
            tier.lacks.push(ability);
        }
    }
}

fn render(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks.iter().filter(|check| matches!(check.status, Status::Warn | Status::Fail)) {
        lines.push(format!("{} {}: {}", check.status.name(), check.id, check.evidence));
        lines.extend(check.fixes.iter().map(|fix| match fix {
            Fix::Command(text) => format!("  $ {text}"),
            Fix::Advice(text) => format!("  {text}"),
            Fix::Repair(repair) => format!("  --fix: {}", repair.describe(&path("/home/me/.claude/settings.json"))),
        }));
    }
    lines.join("\n")
}

fn situations(facts: &Facts) -> String {
    let judged = Situation::ALL.into_iter().map(|situation| judge(situation, facts));
    let lines = judged.map(|one| {
        let lacks: Vec<&str> = one.lacks.iter().map(|lack| lack.what).collect();
        let fits = if one.fits() { "fits" } else { "does not fit" };
        let lacks = if lacks.is_empty() { String::new() } else { format!(", lacks {}", lacks.join("; ")) };
        format!("{} {fits}{lacks}", one.situation.name())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns what it would take to be better for code that nobody read.
fn takes(facts: &Facts) -> String {
    let lacks = judge(Situation::Untrusted, facts).lacks;
    lacks.iter().map(|lack| format!("{}: {}", lack.what, lack.takes)).collect::<Vec<_>>().join("\n")
}

#[test]
fn machines_made_to_be_wrong_are_told_so() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/doctor");
    let (mut count, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(&directory).unwrap() {
        let file = file.unwrap().path();
        let document = cases::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in document.cases {
            let mut facts = sound();
            for block in &case.blocks {
                let found = match block.info.as_str() {
                    "facts" => {
                        block.text.lines().for_each(|line| change(&mut facts, line));
                        continue;
                    }
                    "checks" => render(&examine(&facts)),
                    "situations" => situations(&facts),
                    "takes" => takes(&facts),
                    info => panic!("{}: {info}", file.display()),
                };
                count += 1;
                if found != block.text {
                    wrong.push(format!("{}:{} {}\n{found}", file.display(), block.line, case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 40, "{count} blocks");
}

/// An id is a promise: it is in the guide, and nothing else is.
#[test]
fn every_check_is_in_the_guide() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/doctor.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let table = guide.split("## `--fix`").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(id, _)| id);
    let told: Vec<&str> = rows.collect();
    let ids: Vec<&str> = examine(&sound()).iter().map(|check| check.id).collect();
    assert_eq!(told, ids);
}
