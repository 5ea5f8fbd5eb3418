//! Random policies and calls.

use std::collections::BTreeMap;

use policy::action::{Command, FileTarget, Kind, Runner};
use policy::effects::Program;
use policy::facts::{Below, Entry, Facts, Person, Resolved};
use policy::layer::{Layer, Origin, Scope, Servers, Sourced};
use policy::{AbsPath, Action, Effects, Mode};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::{HOME, PROJECT, abs};

/// A call in its world.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) action: Action,
    pub(crate) effects: Effects,
    pub(crate) facts: Facts,
    /// Links of the world, and where each leads.
    links: BTreeMap<&'static str, &'static str>,
}

impl Scene {
    /// Looks at the places where rules hang too: a link among them gives what it leads to another name.
    pub(crate) fn under(&self, policy: &policy::Policy) -> Self {
        let mut scene = self.clone();
        for root in policy.tightening_roots(&self.facts.project, &self.action.cwd) {
            let found = look(&root, &self.links);
            if found.real != root {
                scene.facts.resolved.entry(root).or_insert(found);
            }
        }
        scene
    }
}

const COMMAND_PATTERNS: &[&str] = &[
    "*",
    "ls *",
    "ls*",
    "git *",
    "git push *",
    "git push:*",
    "git  push *",
    "* --force",
    "* push *",
    "rm *",
    "rm -rf *",
    "rm -rf build",
    "make",
    "make *",
    "make test",
    "npm run *",
    "npm run test",
    "cat *",
    "cat .env",
    "echo *",
    "cp *",
    "find *",
    "curl *",
    "env *",
    "sudo *",
    "* *",
    ":*",
    "python3 *",
    "touch *",
    "mv * /tmp/*",
    "n*m run*st",
    "tee *",
    "run_in_background:true",
    "timeout: 5*",
    "docker:x",
    "xargs rm *",
    "sh *",
    "description:*",
    "timeout *",
    "timeout:*",
    "timeout 5 make",
    "timeout 5 rm x",
    "find src -exec rm {} \\;",
    "find . -exec timeout 5 rm {} \\;",
    "sh -c *",
    "sed *",
    "xargs *",
    "nice *",
    "cat:*/.env",
    "command:ls",
    "sudo rm x",
];

const PATHS: &[&str] = &[
    ".env",
    "src/**",
    "src/*",
    "src",
    "src/",
    "/src/**",
    "/.env",
    "./src/**",
    "./.env",
    "../other/**",
    "..",
    ".",
    "**",
    "*",
    "*.rs",
    "**/*.rs",
    "**/src/**",
    "a/**/b",
    "src/a/**",
    "~/x",
    "~/**",
    "~",
    "//etc/**",
    "//**/.env",
    "//",
    "/",
    "//home/u/proj/src/**",
    "//home/u/*/src/[a-c].rs",
    "se?rets/**",
    "secrets/**",
    "SECRETS/**",
    "[!a]b",
    "\\*x",
    "!src",
    "a/../b",
    "src/./a.rs",
    "src//a.rs",
    ".git/**",
    "//srv/extra/**",
    "dir/*/x",
    "**/secrets",
    "//tmp/*",
    "offset:5",
    "*.P?M",
    "sub/**",
    "link/**",
    "/home/u/proj/src/**",
    "//home/outside/**",
    "$HOME/x",
    "${HOME}/**",
    "$PWD/x",
    "~root/x",
    "C:\\x",
    "Makefile",
    ".github/**",
    "src/deep/**",
    "secrets/deep/k",
    "*.[er]s",
];

const DOMAINS: &[&str] = &[
    "domain:example.com",
    "domain:*.example.com",
    "domain:*",
    "domain:EXAMPLE.com.",
    "domain:example.*",
    "domain:*.example.*",
    "domain:api-*.example.net",
    "domain:127.0.0.1",
    "domain:[::1]",
    "domain:*.*",
    "domain:a..b",
    "domain:exa mple",
    "domain: example.com",
    "url:x",
    "prompt:*secret*",
    "example.com",
    "domain:",
    "domain:[::ffff:7f00:1]",
    "domain:0:0::1",
    "domain:example.com:8080",
    "domain:https://example.com",
    "domain:ex\u{e4}mple.com",
];

const NAMES: &[&str] = &[
    "*",
    "B*",
    "Bash",
    "Read",
    "Edit",
    "Write",
    "Grep",
    "NotebookEdit",
    "Monitor",
    "WebFetch",
    "WebSearch",
    "Agent",
    "Task",
    "Skill",
    "PowerShell",
    "TodoWrite",
    "mcp__*",
    "mcp__github",
    "mcp__github__*",
    "mcp__github__get_*",
    "mcp__github__get_x",
    "mcp__*__delete_*",
    "mcp__git*",
    "mcp__my__srv",
    "*__get_x",
    "mcp____x*",
    "Ba sh",
    "",
    "MCP",
    "Bash()",
    "Bash( )",
    "Bash(x",
    "Re*(x)",
    "TodoWrite(x)",
    "mcp__github(owner:x)",
    "mcp__github__get_x(owner:a*)",
    "Web*",
    "*Edit",
    "WebSearch(query: *secret*)",
    "TodoWrite(*)",
    "mcp__github__get_x(*)",
    "*(*)",
    "bash",
    "read(.env)",
    "mcp:github:get_x",
    "mcp:github",
    "mcp__*(owner:a*)",
    "*(model:opus*)",
    "Web*(query:*)",
    "Edit(limit:5)",
    "EndConversation",
    "Cd(src/**)",
    "Cd(~/**)",
    "Cd(/srv/*)",
    "Cd(//etc)",
    "Cd",
    "Cd(.)",
];

const SERVERS: &[&str] = &[
    "mcp__github",
    "mcp__github__*",
    "mcp__github__get_*",
    "mcp__github__get_x",
    "mcp__my__srv",
    "mcp__my",
    "mcp__my__srv__*",
    "mcp__*__get_x",
    "mcp__github__delete_y",
    "mcp__g*",
    "mcp__my__s*",
    "PowerShell",
];

/// Servers that are denied, and those that are left out.
const SERVER_LISTS: &[(&str, &str)] = &[("github", ""), ("*", "github"), ("git*", "gitlab x"), ("my srv", "")];
const AGENTS: &[&str] = &[
    "Explore, Plan",
    "Ex*",
    "*",
    "prompt:*",
    "Explore",
    "model:opus",
    "model: opus*",
    "isolation:*",
    "Plan",
    "general",
    " Explore ",
];
const SKILLS: &[&str] = &["/commit", "commit", "commit *", "commit:*", "review", "com"];
const FOREIGN: &[&str] = &[
    "Get-ChildItem *",
    "Remove-Item *",
    "Remove-Item:*",
    "*",
    "run_in_background:true",
    "ls",
    "gci *",
    "ri",
    "* y",
    "Git *",
    "git *",
    "rm *",
    "Set-Content *",
    "command:ls",
];

fn rule() -> impl Strategy<Value = String> {
    let with = |tools: &'static [&'static str], inner: &'static [&'static str]| {
        (select(tools), select(inner)).prop_map(|(tool, inner)| format!("{tool}({inner})"))
    };
    prop_oneof![
        6 => with(&["Bash"], COMMAND_PATTERNS),
        // Rules for the very calls that are made: the whole text, or the program with anything.
        3 => (select(COMMANDS), any::<bool>()).prop_map(|(command, whole)| {
            let program = command.split(' ').next().unwrap_or_default();
            if whole { format!("Bash({command})") } else { format!("Bash({program} *)") }
        }),
        1 => with(&["Monitor"], COMMAND_PATTERNS),
        6 => with(&["Read", "Edit"], PATHS),
        1 => with(&["Write", "Glob", "NotebookEdit", "LS"], PATHS),
        2 => with(&["WebFetch"], DOMAINS),
        3 => select(NAMES).prop_map(str::to_owned),
        2 => select(SERVERS).prop_map(str::to_owned),
        1 => with(&["Agent", "Task"], AGENTS),
        1 => with(&["Skill"], SKILLS),
        1 => with(&["PowerShell"], FOREIGN),
    ]
}

/// Most policies are free of rules that cannot be read, or every call would be refused.
fn rules() -> impl Strategy<Value = Vec<String>> {
    vec(rule(), 0..4)
}

fn mode() -> impl Strategy<Value = Mode> {
    select(&Mode::ALL[..])
}

prop_compose! {
    fn layer()(
        (scope, trusted, file) in (
            select(&[Scope::User, Scope::Project, Scope::Project, Scope::Local, Scope::Flag, Scope::Managed][..]),
            prop::bool::weighted(0.8),
            select(&["settings.json", "palisade.json"][..]),
        ),
        (allow, ask, deny) in (rules(), rules(), rules()),
        mode in weighted(0.3, mode()),
        (no_bypass, managed_only, extra) in (prop::bool::weighted(0.05), prop::bool::weighted(0.1), prop::bool::weighted(0.2)),
        switches in (weighted(0.04, any::<bool>()), weighted(0.04, any::<bool>()), weighted(0.04, any::<bool>())),
        servers in weighted(0.04, select(SERVER_LISTS)),
    ) -> Layer {
        let anchor = match scope {
            Scope::Builtin | Scope::User => abs("/home/u/.claude"),
            Scope::Flag => abs("/srv/extra"),
            Scope::Project | Scope::Local | Scope::Managed => abs(PROJECT),
        };
        let origin = Origin { scope, file: file.to_owned(), line: 1 };
        let sourced = |texts: Vec<String>| {
            texts.into_iter().map(|value| Sourced { value, origin: origin.clone() }).collect::<Vec<_>>()
        };
        let mut layer = Layer { trusted, ..Layer::empty(scope, file, anchor) };
        (layer.allow, layer.ask, layer.deny) = (sourced(allow), sourced(ask), sourced(deny));
        layer.default_mode = mode.map(|value| Sourced { value, origin: origin.clone() });
        layer.bypass_disabled = no_bypass.then(|| origin.clone());
        layer.managed_rules_only = managed_only.then(|| origin.clone());
        let switch = |value: Option<bool>| value.map(|value| Sourced { value, origin: origin.clone() });
        layer.deny_instead = switch(switches.0);
        (layer.reads_held, layer.writes_held) = (switch(switches.1), switch(switches.2));
        layer.servers.extend(servers.map(|(blocked, approved)| {
            let approved = approved.split_whitespace().map(str::to_owned).collect();
            let value = Servers { key: "deniedMcpServers".to_owned(), blocked: blocked.to_owned(), approved };
            Sourced { value, origin: origin.clone() }
        }));
        if extra {
            layer.additional_directories = sourced(vec!["/srv/extra".to_owned()]);
        }
        layer
    }
}

/// Layers from low to high; rules that cannot be read are seldom among those that tighten.
pub(crate) fn layers() -> impl Strategy<Value = Vec<Layer>> {
    (vec(layer(), 0..4), prop::bool::weighted(0.9)).prop_map(|(mut layers, mend)| {
        layers.sort_by_key(|layer| layer.scope);
        if mend {
            for layer in &mut layers {
                let (anchor, home) = (layer.anchor.clone(), abs(HOME));
                for list in [&mut layer.deny, &mut layer.ask] {
                    list.retain(|text| {
                        let mut alone = Layer::empty(Scope::User, "alone", anchor.clone());
                        alone.deny.push(text.clone());
                        policy::Policy::compile(&[alone], &home).0.failures().is_empty()
                    });
                }
            }
        }
        layers
    })
}

const COMMANDS: &[&str] = &[
    "ls",
    "ls -la",
    "lsof",
    "git push --force",
    "git push origin main",
    "git status",
    "git push $X",
    "rm -rf build",
    "rm -rf /",
    "rm -rf ~",
    "rm -rf .",
    "rm -rf ./*",
    "rm -rf /u*",
    "rm -rf /**",
    "rm -rf ~/*",
    "rm -rf /srv/extra/*",
    "rm -rf \"$X\"/*",
    "rm -rf ../*",
    "rm -rf .e*",
    "rm src/a.rs",
    "rm -f *.rs",
    "make",
    "make test",
    "make > out",
    "npm run test",
    "npm run x-test",
    "cat .env",
    "cat src/a.rs",
    "cat /etc/passwd",
    "cat .e*",
    "cat $F",
    "cat < .env",
    "cat sub/.Env",
    "cat link/x",
    "echo x > src/a.rs",
    "echo x > /tmp/o",
    "echo x >> .git/config",
    "echo $(rm x)",
    "echo 'open",
    "$X y",
    "$(make) z",
    "cp src/a.rs /tmp/b",
    "cp a link/x",
    "mv a b",
    "touch a sub/b",
    "touch .envrc",
    "mkdir -p secrets/x",
    "find . -name x",
    "find . -delete",
    "find src -exec rm {} \\;",
    "grep -r key .",
    "grep k src/a.rs",
    "grep -r key secrets",
    "env A=1 make",
    "FOO=1 make",
    "PATH=x make",
    "sudo rm x",
    "timeout 5 make",
    "sh -c 'rm x'",
    "xargs rm -f x",
    "python3 run.py --file=.env",
    "vim .git/config",
    "python3 $X .env",
    "tee out",
    "tee $OUT",
    "cd sub && cat .env",
    "cd /srv/extra && ls",
    "cd .. && rm -rf *",
    "curl https://example.com",
    "x=rm; $x a",
    "rm -rf $X",
    "chmod +x .husky/a",
    "cd ~/.config && rm -rf g*",
    "rm -rf /home/*/proj",
    "sed -i s/a/b/ src/a.rs",
    "eval ls",
    "true",
    "",
    "sort -o .env x",
    "cp a .v*",
    "rm .bash*",
    "timeout 5 rm x",
    "timeout 5 tee Makefile",
    "nice timeout 5 make",
    "find . -exec timeout 5 rm {} \\;",
    "find . -exec sh -c 'rm x' \\;",
    "find . -exec grep k {} +",
    "find . -exec rm {} +",
    "find . -exec timeout 5 rm {} +",
    "find . -exec timeout 5 sh -c 'rm x' +",
    "find /etc -exec rm x {} +",
    "find /etc -exec timeout 5 grep k x +",
    "find src -exec nice make {} +",
    "timeout 5 find /etc -exec touch sub/b {} +",
    "find /etc -exec rm {} \\;",
    "sudo sh -c 'echo x > /etc/hosts'",
    "sh -c 'timeout 5 rm x; cat .env'",
    "sh -c 'make; git push'",
    "env -i rm x",
    "xargs sh -c 'rm x'",
    "echo x > Makefile",
    "tee Makefile",
    "tee .github/workflows/ci.yml",
    "sed -i s/a/b/ package.json",
    "sed -i s/a/b/ .github/workflows/*",
    "sed -i s/a/b/ Make*",
    "sed -i s/a/b/ src/*.rs",
    "mv a Makefile",
    "rm Makefile",
    "cp a sub/CLAUDE.md",
    "touch link/build.rs",
    "cat s*/../.env",
    "cat src/*/../../.env",
    "cat SECRETS/*",
    "cat sec*/k",
    "cat s[e]crets/*",
    "cat sub/**/k",
    "cat ~/x*",
    "cat src/?.rs",
    "ls *",
    "ls .*",
    "grep -r key s*",
    "grep -r key SECRETS",
    "grep -r key src",
    "rm -r secrets",
    "rm -rf ~/$X",
    "rm -rf /$X",
    "rm -rf ../$X",
    "cp -r secrets /tmp/s",
    "cat C:x",
    "f() { rm x; }; f",
    "flock l make",
];

const FILES: &[&str] = &[
    "src/a.rs",
    ".env",
    "sub/.env",
    "src",
    "src/deep/src/a.rs",
    "lib/src/a.rs",
    "/etc/passwd",
    "/",
    "~/x",
    "~/proj/src/b.rs",
    "../other/x",
    ".git/config",
    ".claude/settings.json",
    ".claude/worktrees/x",
    "secrets/k",
    "sub/secrets/k",
    "*x",
    "ab",
    "a/b",
    "a/x/y/b",
    "/srv/extra/f",
    "/srv/extra/src/f",
    "link/x",
    "link",
    "/home/outside/x",
    "SRC/A.RS",
    "x.pem",
    "X.PEM",
    "/home/u/proj",
    ".",
    "sub/../.env",
    "a\\b",
    ".ENV",
    "sub/dir/q/x",
    "Src/a.rs",
    "/tmp/q",
    ".config/git/x",
    "gradle/gradle-wrapper.properties",
    "/home/u/.claude/src/x",
    ".GIT/hooks/x",
    "unseen/x",
    "secrets",
    "Makefile",
    "sub/Makefile",
    "package.json",
    ".github/workflows/ci.yml",
    "link/Makefile",
    "SECRETS",
    "src/deep",
];

const URLS: &[&str] = &[
    "https://example.com/a",
    "https://EXAMPLE.com./",
    "https://www.example.com",
    "https://a.b.example.com:8443/x?y#z",
    "http://example.org",
    "https://api-1.example.net/",
    "https://example.com@evil.org/",
    "ftp://example.com/",
    "https://example.com:x/",
    "http://2130706433/",
    "http://127.0.0.1/",
    "http://0x7f.1/",
    "http://[::1]/",
    "http://[0:0::1]/",
    "http://127.1/",
    "https://a..example.com/",
    "https://a.example.co/",
    "https://x.y.example.org/",
    "https://exa%6dple.com/",
    "https://example.com\\.evil.org/",
    "https:example.com",
    "https://exämple.com/",
    "https://example.com/ä",
    "",
    "https://",
    "https://[::ffff:127.0.0.1]/",
    "https://example.com:/",
    "HTTPS://example.com",
    "http://[::ffff:7f00:1]:80/",
    "http://[::1%25eth0]/",
    "http://1.2.3.4.5/",
    "http://00127.0.0.1/",
    "http://[::1/",
    "http://[::1]x/",
    "https://xn--exmple-cua.com/",
];

const FOREIGN_COMMANDS: &[&str] = &[
    "Get-ChildItem .",
    "remove-item x",
    "ls; Remove-Item y",
    "REMOVE-ITEM z | ls",
    "",
    "ri x y",
    "git push",
    "Git push",
    "Get-Content .env",
    "Get-Content .E*",
    "Get-Content src/*",
    "Set-Content Makefile x",
    "Get-ChildItem > out",
    "rm $x",
    "& $x y",
    "Get-ChildItem -Recurse .",
    "gci src; & { Remove-Item y }",
    "Invoke-Expression 'ls'",
    "if ($true) { Remove-Item z }",
    "Get-Content /etc/passwd",
];

const TOOLS: &[&str] = &[
    "mcp__github__get_x",
    "mcp__github__delete_y",
    "mcp__my__srv__go",
    "mcp__gitlab__get_x",
    "mcp__github",
    "TodoWrite",
    "WebSearch",
    "ExitPlanMode",
    "Unheard",
    "mcp____x__y",
    "EndConversation",
    "mcp__my_srv__go",
    "Cd",
    "Cd",
];

fn field() -> impl Strategy<Value = (String, String)> {
    select(
        &[
            ("model", "opus"),
            ("model", "opus-4"),
            ("isolation", "worktree"),
            ("run_in_background", "true"),
            ("timeout", "5000"),
            ("owner", "acme"),
            ("query", "my secret"),
            ("offset", "5"),
            ("prompt", "a secret b"),
            ("description", "x"),
            ("limit", "5"),
            ("path", "/srv/extra"),
            ("path", "src/a"),
            ("path", "../.."),
        ][..],
    )
    .prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn command() -> impl Strategy<Value = String> {
    let one = || select(COMMANDS).prop_map(str::to_owned);
    let operator = select(&[" && ", "; ", " | ", " || ", "\n", " & "][..]);
    prop_oneof![
        4 => one(),
        2 => (one(), operator, one()).prop_map(|(left, operator, right)| format!("{left}{operator}{right}")),
        1 => (one(), select(&["(@)", "{ @; }", "echo $(@)", "if true; then @; fi", "! @", "for i in 1 2; do @; done"][..]))
            .prop_map(|(command, around)| around.replace('@', &command)),
    ]
}

fn call() -> impl Strategy<Value = (String, Kind)> {
    let target = |path: &str, recursive| FileTarget { path: path.to_owned(), recursive };
    let named = |tool: &'static str, kind: Kind| (tool.to_owned(), kind);
    prop_oneof![
        8 => (command(), prop::bool::weighted(0.9)).prop_map(move |(text, bash)| {
            named(if bash { "Bash" } else { "Monitor" }, Kind::Command(Command::parse(&text, Runner::Agent)))
        }),
        3 => (select(&["Read", "Grep", "Glob", "LS"][..]), select(FILES))
            .prop_map(move |(tool, path)| named(tool, Kind::Read(target(path, tool != "Read")))),
        3 => (select(&["Edit", "Write", "NotebookEdit"][..]), select(FILES))
            .prop_map(move |(tool, path)| named(tool, Kind::Edit(target(path, false)))),
        2 => select(URLS).prop_map(move |url| named("WebFetch", Kind::Fetch { url: url.to_owned() })),
        1 => select(&["Explore", "Plan", "general"][..])
            .prop_map(move |name| named("Agent", Kind::Agent { agent_type: name.to_owned() })),
        1 => select(&["commit", "commit -m x", "review", "committer"][..])
            .prop_map(move |name| named("Skill", Kind::Skill { skill: name.to_owned() })),
        1 => select(FOREIGN_COMMANDS)
            .prop_map(move |text| named("PowerShell", Kind::ForeignCommand(text.to_owned()))),
        2 => select(TOOLS).prop_map(|tool| {
            let server = tool.strip_prefix("mcp__").and_then(|rest| rest.split_once("__"));
            let kind = server.map_or(Kind::Other, |(server, tool)| {
                Kind::Mcp { server: server.to_owned(), tool: tool.to_owned() }
            });
            (tool.to_owned(), kind)
        }),
        1 => Just(("Read".to_owned(), Kind::Malformed("it names no path".to_owned()))),
    ]
}

/// What analysis may say of any part: marks are set at random, so that the decision is tried under each,
/// whatever the analysis finds today.
fn marked(effects: &mut Effects, marks: &[usize]) {
    for (index, mark) in marks.iter().enumerate() {
        if *mark == 0 {
            effects.opaque = Some("it is not understood".to_owned());
        }
        let many = effects.parts.len().max(1);
        let Some(part) = effects.parts.get_mut(index % many) else { continue };
        match mark {
            1 => part.suspicious = Some("it looks odd".to_owned()),
            2 => part.forbidden = Some("it is never done".to_owned()),
            3 => part.program = Program::Unknown,
            4 => part.exact_only = true,
            5 => part.edits_only = true,
            6 => part.reads_only = !part.reads_only,
            7 => part.clear = !part.clear,
            _ => {}
        }
    }
}

const DIRECTORIES: &[&str] = &[
    PROJECT,
    "/home/u/proj/src",
    "/home/u/proj/src/deep",
    "/home/u/proj/secrets",
    "/home/u/proj/SECRETS",
    "/home/outside",
    "/srv/extra",
    "/",
    HOME,
];

/// What may be found below a directory.
const BELOW: &[&str] = &[
    "/home/u/proj/src/a.rs",
    "/home/u/proj/src/deep/x.pem",
    "/home/u/proj/secrets/deep/k",
    "/home/u/proj/.env",
    "/home/u/proj/sub/.env",
    "/home/outside/k",
    "/srv/extra/.env",
    "/home/u/x",
];

fn look(path: &AbsPath, links: &BTreeMap<&'static str, &'static str>) -> Resolved {
    let mut real = path.clone();
    let mut hops = Vec::new();
    for (link, target) in links {
        if let Some(rest) = real.below(&abs(link)).map(str::to_owned) {
            real = if rest.is_empty() { abs(target) } else { abs(target).join(&rest) };
            hops.push(real.clone());
        }
    }
    let entry = if DIRECTORIES.contains(&real.as_str()) { Entry::Directory } else { Entry::File };
    Resolved { real, entry, hops }
}

/// The facts about the paths of a call.
fn resolved(
    effects: &Effects,
    links: &BTreeMap<&'static str, &'static str>,
    unseen: bool,
) -> BTreeMap<AbsPath, Resolved> {
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter());
    let hidden = |path: &&AbsPath| unseen && path.as_str().len().is_multiple_of(3);
    effects.paths().chain(mentions).filter(|path| !hidden(path)).map(|path| (path.clone(), look(path, links))).collect()
}

/// What was found below the directories of a call; `bits` says which of the files are there.
fn found_below(effects: &Effects, searched: Option<(usize, bool)>) -> BTreeMap<AbsPath, Below> {
    let Some((bits, complete)) = searched else { return BTreeMap::new() };
    let there = BELOW.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
    let files: Vec<AbsPath> = there.map(|(_, file)| abs(file)).collect();
    let found = |path: &AbsPath| {
        let files = files.iter().filter(|file| file.is_within(path)).cloned().collect();
        (path.clone(), Below { files, complete })
    };
    effects.paths().map(found).collect()
}

prop_compose! {
    pub(crate) fn scene()(
        (tool, kind) in call(),
        params in btree_map(field().prop_map(|(name, _)| name), field().prop_map(|(_, value)| value), 0..2),
        own in weighted(0.5, field()),
        cwd in prop_oneof![
            6 => Just(PROJECT),
            1 => select(&["/home/u/proj/sub", "/srv/extra", HOME, "/", "/home/u/proj/src"][..]),
        ],
        marks in prop_oneof![4 => Just(Vec::new()), 1 => vec(0..8usize, 1..3)],
        links in btree_map(
            select(&["/home/u/proj/link", "/home/u/proj/src", "/home/u/proj/a", "/srv/extra"][..]),
            select(&["/home/outside", "/home/u/proj/.git", "/home/u/proj/secrets", "/"][..]),
            0..2,
        ),
        extra in btree_set(select(&["/srv/extra", "/home/outside", "/tmp"][..]), 0..2),
        (person, mode, unseen) in (prop::bool::weighted(0.8), weighted(0.5, mode()), prop::bool::weighted(0.1)),
        searched in weighted(0.6, (0..256usize, any::<bool>())),
    ) -> Scene {
        let params = params.into_iter().chain(own).collect();
        let action = Action { tool, kind, params, cwd: abs(cwd) };
        let mut effects = Effects::of(&action, &abs(HOME));
        marked(&mut effects, &marks);
        let mut working_directories = vec![abs(PROJECT)];
        working_directories.extend(extra.iter().map(|directory| abs(directory)));
        let facts = Facts {
            home: abs(HOME),
            project: abs(PROJECT),
            working_directories,
            resolved: resolved(&effects, &links, unseen),
            person: if person { Person::Present } else { Person::Absent },
            mode,
            found_below: found_below(&effects, searched),
            // What a pattern matches through links is left out: the reference does not know of it.
            links_matched: BTreeMap::new(),
            removals: Vec::new(),
            boundary: None,
        };
        Scene { action, effects, facts, links }
    }
}
