//! A fixed set of calls, some of which a base layer denies.

use std::sync::LazyLock;

use policy::action::{Command, FileTarget, Kind, Runner};
use policy::facts::{Entry, Facts, Person, Resolved};
use policy::{AbsPath, Action, Effects, Policy, Verdict};

pub(crate) const DENY: [&str; 5] = ["Bash(rm *)", "Read(.env)", "Edit(src/**)", "WebFetch(domain:*.example)", "mcp__a"];

pub(crate) fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).expect("an absolute path")
}

pub(crate) fn actions() -> &'static [Action] {
    static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
        let file = |path: &str| FileTarget { path: path.to_owned(), recursive: false };
        let command = |text: &str| Kind::Command(Command::parse(text, Runner::Agent));
        let mcp = |server: &str| Kind::Mcp { server: server.to_owned(), tool: "get".to_owned() };
        let kinds = [
            ("Bash", command("ls src")),
            ("Bash", command("rm -rf build")),
            ("Bash", command("git push $X; cat .env > /tmp/x")),
            ("Read", Kind::Read(file("src/a.rs"))),
            ("Read", Kind::Read(file(".env"))),
            ("Edit", Kind::Edit(file("src/a.rs"))),
            ("Write", Kind::Edit(file("notes.md"))),
            ("WebFetch", Kind::Fetch { url: "https://a.example/".to_owned() }),
            ("WebFetch", Kind::Fetch { url: "https://127.1/".to_owned() }),
            ("Agent", Kind::Agent { agent_type: "Explore".to_owned() }),
            ("Skill", Kind::Skill { skill: "commit -m x".to_owned() }),
            ("mcp__a__get", mcp("a")),
            ("mcp__b__get", mcp("b")),
            ("PowerShell", Kind::ForeignCommand("Remove-Item x".to_owned())),
            ("TodoWrite", Kind::Other),
        ];
        let action = |(tool, kind): (&str, Kind)| {
            let params = vec![("model".to_owned(), "opus".to_owned())];
            Action { tool: tool.to_owned(), kind, params, cwd: path("/home/u/proj") }
        };
        kinds.into_iter().map(action).collect()
    });
    &ACTIONS
}

pub(crate) fn decide(policy: &Policy, action: &Action) -> Verdict {
    let (home, project) = (path("/home/u"), path("/home/u/proj"));
    let effects = Effects::of(action, &home);
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter());
    let plain = |path: &AbsPath| Resolved { real: path.clone(), entry: Entry::File, hops: Vec::new() };
    let facts = Facts {
        home,
        project: project.clone(),
        working_directories: vec![project],
        resolved: effects.paths().chain(mentions).map(|path| (path.clone(), plain(path))).collect(),
        person: Person::Present,
        mode: None,
        found_below: std::collections::BTreeMap::new(),
        links_matched: std::collections::BTreeMap::new(),
        removals: Vec::new(),
        boundary: None,
    };
    policy::decide(policy, action, &effects, &facts).proof().verdict
}
