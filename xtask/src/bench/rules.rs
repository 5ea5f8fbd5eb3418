//! The rules that calls are decided by: ten as people write them, and as many more of the same kinds as
//! an organisation collects. What is added concerns other programs, paths, hosts and servers.

use policy::AbsPath;
use policy::layer::{Layer, Origin, Scope, Sourced};

/// List and text.
pub(super) type Written = (&'static str, String);

const OWN: [(&str, &str); 10] = [
    ("deny", "Bash(rm -rf /*)"),
    ("deny", "Read(.env)"),
    ("deny", "Read(~/.ssh/**)"),
    ("ask", "Bash(git push:*)"),
    ("ask", "Bash(docker *)"),
    ("allow", "Bash(git *)"),
    ("allow", "Bash(cargo test *)"),
    ("allow", "Bash(npm run *)"),
    ("allow", "WebFetch(domain:docs.rs)"),
    ("allow", "mcp__github__get_issue"),
];

/// Returns `count` rules, the same ones every time.
pub(super) fn written(count: usize) -> Vec<Written> {
    let own = OWN.iter().map(|(list, text)| (*list, (*text).to_owned()));
    own.chain((0..).map(more)).take(count).collect()
}

/// Returns the rule of a number: two of five about commands, a third about paths, the rest about hosts,
/// MCP servers, agents, skills and parameters.
fn more(number: usize) -> Written {
    const LISTS: [&str; 6] = ["deny", "allow", "ask", "allow", "deny", "allow"];
    const VERBS: [&str; 8] = ["status", "apply", "deploy", "delete", "list", "sync", "login", "publish"];
    let list = LISTS.get(number % LISTS.len()).copied().unwrap_or_default();
    // Every list gets every kind.
    let kind = (number / 6) % 24;
    let tightens = list != "allow";
    let verb = VERBS.get(number % VERBS.len()).copied().unwrap_or_default();
    let text = match kind {
        0..=4 => format!("Bash(tool{number} {verb} *)"),
        5 => format!("Bash(git task{number} *)"),
        6 => format!("Bash(npm exec package{number} --yes)"),
        7 => format!("Bash(script{number}:*)"),
        8 => format!("Bash(* --flag{number})"),
        9 => format!("Bash(kubectl {verb} * -n space{number})"),
        10 => format!("Read(//srv/data{number}/**)"),
        11 => format!("Read(~/.tool{number}/credentials)"),
        12 => format!("Edit(config/generated{number}.json)"),
        13 => format!("Read(secret{number}.pem)"),
        14 if tightens => format!("Read(*.key{number})"),
        14 | 15 => format!("Edit(packages/module{number}/**)"),
        16 => format!("Edit(**/fixtures{number}/*.json)"),
        17 => format!("WebFetch(domain:host{number}.example.com)"),
        18 => format!("WebFetch(domain:*.zone{number}.example.org)"),
        19 => format!("mcp__server{number}"),
        20 => format!("mcp__server{}__{verb}{number}", number % 40),
        21 => format!("Agent(worker{number})"),
        22 if tightens => format!("Agent(model:model{number})"),
        22 | 23 => format!("Skill(skill{number} *)"),
        _ => format!("Bash(other{number})"),
    };
    (list, text)
}

/// Returns the layer of a settings file that holds these rules.
pub(super) fn layer(rules: &[Written], anchor: &AbsPath) -> Layer {
    let file = "~/.claude/settings.json";
    let mut layer = Layer { trusted: true, ..Layer::empty(Scope::User, file, anchor.clone()) };
    for (index, (list, text)) in rules.iter().enumerate() {
        let line = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let origin = Origin { scope: Scope::User, file: file.to_owned(), line };
        let value = Sourced { value: text.clone(), origin };
        match *list {
            "deny" => layer.deny.push(value),
            "ask" => layer.ask.push(value),
            _ => layer.allow.push(value),
        }
    }
    layer
}
