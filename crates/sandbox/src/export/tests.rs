//! `spec/export`: whole files to be read, and names that do harm where they are not quoted.
#![expect(clippy::disallowed_methods, reason = "cases are read from files")]

use policy::bounds::{Bound, BoundKind};
use policy::controls::limits::{Resource, Word};
use policy::controls::{Caches, Controls, LateReads, Limits, Network, Readable, Reading};
use policy::facts::{Entry, Held};
use policy::layer::{Layer, Sourced};
use policy::network::{self, Words};
use policy::{AbsPath, Origin, Scope};
use proptest::prelude::*;
use std::sync::Arc;

use super::{Export, Form, Inexpressible, Source, export};
use crate::environment::Environment;
use crate::plan::{Invocation, Plan, Terminal, plan};
use crate::{Doors, Outlet};

#[derive(Debug)]
struct Unserved;

impl Outlet for Unserved {
    fn open(&self, _doors: Doors) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn origin(scope: Scope) -> Origin {
    Origin { scope, file: "settings.json".to_owned(), line: 3 }
}

/// A policy of a case.
struct Made {
    plan: Plan,
    controls: Controls,
    network: network::Network,
    has_secrets: bool,
}

impl Made {
    fn in_form(&self, form: Form) -> Result<Export, Inexpressible> {
        let Self { plan, controls, network, has_secrets } = self;
        export(form, &Source { plan, controls, network, has_secrets: *has_secrets })
    }
}

/// Makes a policy of lines of the form `write PATH`; `\n` and the like in them are escapes.
fn policy_of(text: &str) -> Made {
    let mut controls = Controls {
        cwd: path("/home/me/p"),
        home: path("/home/me"),
        writable: vec![path("/home/me/p")],
        unreadable: Vec::new(),
        unwritable: Vec::new(),
        reopened: Vec::new(),
        project: path("/home/me/p"),
        bounds: Vec::new(),
        reading: Reading::Open,
        late_reads: LateReads::None,
        caches: None,
        require: Vec::new(),
        network: Network::None,
        limits: Limits::default(),
    };
    let mut words = Words::none(Scope::User);
    let mut layer = Layer::empty(Scope::User, "settings.json", path("/home/me"));
    layer.trusted = true;
    for line in text.lines() {
        let (what, value) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let value = value.replace("\\n", "\n").replace("\\t", "\t");
        let held =
            |entry, why: &str, scope| Held { path: path(&value), entry, why: why.to_owned(), origin: origin(scope) };
        let said = || Sourced { value: value.clone(), origin: origin(Scope::User) };
        match what {
            "project" => {
                controls.project = path(&value);
                controls.cwd = path(&value);
                controls.writable = vec![path(&value)];
            }
            "write" => controls.writable.push(path(&value)),
            "hide" => controls.unreadable.push(held(Entry::File, "Read(.env)", Scope::User)),
            "hide-directory" => controls.unreadable.push(held(Entry::Directory, "keys of ssh", Scope::Builtin)),
            "open" => controls.reopened.push(path(&value)),
            "close" => controls.unwritable.push(held(Entry::Directory, "git runs what is in it", Scope::Builtin)),
            "key" => controls.unwritable.push(held(Entry::File, "git runs what it names", Scope::Builtin)),
            "read" => {
                let readable = Readable { path: path(&value), link: None, why: "programs".to_owned() };
                match &mut controls.reading {
                    Reading::Open => controls.reading = Reading::Closed(vec![readable]),
                    Reading::Closed(all) => all.push(readable),
                }
            }
            "caches" => controls.caches = Some(Caches { directory: path(&value), seeds: Vec::new() }),
            "rule" => controls.bounds.push(Bound {
                kind: BoundKind::Rule,
                text: value.clone(),
                anchor: path("/home/me"),
                origin: origin(Scope::User),
            }),
            "late" => controls.late_reads = LateReads::Open(vec![value.clone()]),
            "host" => words.keys.allowed.push(said()),
            "no-host" => words.keys.denied.push(said()),
            "limit" => {
                let (name, amount) = value.split_once('=').unwrap();
                let resource = Resource::parse(name).unwrap();
                let amount = resource.parse_amount(amount).unwrap();
                layer.limits.push(Sourced { value: Word { resource, amount }, origin: origin(Scope::User) });
            }
            _ => panic!("{line}"),
        }
    }
    controls.limits = Limits::of(&[layer]);
    controls.network = Network::Proxied { captured: vec![80, 443] };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: Vec::new(),
        terminal: Terminal::Own,
        backend: crate::Backend::Native,
        tiers: crate::Tiers::all(),
        require: Vec::new(),
        needs_caches: false,
        held: false,
        outlet: Some(Arc::new(Unserved)),
        shown: Vec::new(),
        shown_by: Vec::new(),
        hatches: Vec::new(),
        hatch_files: Vec::new(),
    };
    let (network, faults) = network::compile(&[words]);
    assert_eq!(faults, [], "{text}");
    Made { plan: plan(&controls, &invocation).unwrap(), controls, network, has_secrets: false }
}

/// Returns what a block is to hold.
fn told(made: &Made, info: &str) -> String {
    let words: Vec<&str> = info.split_whitespace().collect();
    let form = |name: &str| Form::parse(name).unwrap_or_else(|| panic!("{info}"));
    match words.as_slice() {
        ["file", name, file] => match made.in_form(form(name)) {
            Ok(export) => {
                let found = export.files.iter().find(|found| found.name == *file).unwrap_or_else(|| panic!("{info}"));
                found.text.trim_end().to_owned()
            }
            Err(refusal) => format!("refused: {refusal}"),
        },
        ["firewall"] => firewall(made),
        ["losses"] => Form::ALL.iter().map(|form| losses(made, *form)).collect::<Vec<_>>().join("\n"),
        ["odd"] => Form::ALL.iter().map(|form| odd(made, *form)).collect::<Vec<_>>().join("\n"),
        _ => panic!("{info}"),
    }
}

/// Returns the lines that open and close hosts, but for the blocks that are always closed.
fn firewall(made: &Made) -> String {
    match made.in_form(Form::Devcontainer) {
        Ok(export) => {
            let text = &export.files.iter().find(|file| file.name.ends_with("firewall.sh")).unwrap().text;
            let is_told = |line: &&str| {
                line.starts_with("allow ")
                    || line.contains(" named") && line.starts_with("nft")
                    || line.contains(" denied ip")
            };
            text.lines().filter(is_told).collect::<Vec<_>>().join("\n")
        }
        Err(refusal) => format!("refused: {refusal}"),
    }
}

fn losses(made: &Made, form: Form) -> String {
    match made.in_form(form) {
        Ok(export) => {
            let all: Vec<String> =
                export.losses.iter().map(|loss| format!("{} {}", loss.way.name(), loss.id)).collect();
            format!("{}: {}", form.name(), all.join(", "))
        }
        Err(refusal) => format!("{}: refused: {refusal}", form.name()),
    }
}

/// Returns the lines that name something odd, or the refusal.
fn odd(made: &Made, form: Form) -> String {
    match made.in_form(form) {
        Ok(export) => {
            let lines = export.files.iter().flat_map(|file| file.text.lines()).map(str::trim);
            let lines: Vec<&str> =
                lines.filter(|line| line.contains("odd") && !line.starts_with(['#', ';', '/'])).collect();
            format!("{}:\n  {}", form.name(), lines.join("\n  "))
        }
        Err(refusal) => format!("{}:\n  refused: {refusal}", form.name()),
    }
}

#[test]
fn exports_are_as_they_are_written_down() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/export");
    let (mut count, mut wrong) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        for case in cases::parse(&std::fs::read_to_string(&file).unwrap()).unwrap().cases {
            let mut made = policy_of("");
            for block in &case.blocks {
                if block.info == "policy" {
                    made = policy_of(&block.text);
                    continue;
                }
                count += 1;
                let found = told(&made, &block.info);
                if found != block.text {
                    wrong.push(format!("{}:{} {}\n{found}", file.display(), block.line, case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 25, "{count} blocks");
}

/// What the policy refuses by its address lies in a block that the firewall closes, and the internet does not.
#[test]
fn the_firewall_closes_what_the_policy_does() {
    use policy::network::address::{Reach, Surroundings, closed_blocks};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    let blocks: Vec<(bool, u128, u128)> = closed_blocks()
        .into_iter()
        .map(|(block, bits)| match block {
            IpAddr::V4(four) => (true, four.to_bits().into(), (1 << (32 - bits)) - 1),
            IpAddr::V6(six) => (false, six.to_bits(), (1 << (128 - bits)) - 1),
        })
        .collect();
    let edges = |(is_four, first, length): (bool, u128, u128)| {
        [first.wrapping_sub(1), first, first + length, first.wrapping_add(length).wrapping_add(1)]
            .map(|at| (is_four, at))
    };
    let inner =
        [0x2002_0a00_0001_u128 << 80, 0x2001_0000_0a00_0001 << 64, 0x64_ff9b << 96 | 0x0a00_0001, 0xffff_0a00_0001];
    let public = [(true, 0x0808_0808), (false, 0x2a00_u128 << 112 | 1)];
    let all = blocks.iter().copied().flat_map(edges).chain(inner.map(|at| (false, at))).chain(public);
    for (is_four, at) in all {
        let address = match (is_four, u32::try_from(at)) {
            (true, Ok(four)) => IpAddr::V4(Ipv4Addr::from_bits(four)),
            (true, Err(_)) => continue,
            (false, _) => IpAddr::V6(Ipv6Addr::from_bits(at)),
        };
        let is_closed =
            blocks.iter().any(|(is_own, first, length)| *is_own == is_four && (*first..=first + length).contains(&at));
        let is_public = Surroundings::default().reach(address) == Reach::Public;
        assert!(is_closed || is_public, "{address} is open");
        assert!(!is_closed || !is_public || address.to_string().starts_with("2002:"), "{address} is closed");
    }
}

/// An id is a promise: the guide says what each means.
#[test]
fn every_loss_is_in_the_guide() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/export.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let policies = [
        "hide-directory /srv/odd\nopen /srv/odd/docs\nkey /home/me/p/.git/config\ncaches /home/me/c\nlate x\nrule Bash(x)\nhost a.example",
        "read /usr",
    ];
    for text in policies {
        let mut made = policy_of(text);
        made.has_secrets = true;
        for export in Form::ALL.into_iter().filter_map(|form| made.in_form(form).ok()) {
            for loss in export.losses {
                assert!(guide.contains(&format!("`{}`", loss.id)), "{} is not in the guide", loss.id);
            }
        }
    }
}

/// Operations and filters of the profile language that are known from profiles which systems come with.
const KNOWN: [&str; 24] = [
    "version",
    "allow",
    "deny",
    "default",
    "file-read*",
    "file-read-metadata",
    "file-write*",
    "file-write-data",
    "file-write-unlink",
    "file-ioctl",
    "process-exec",
    "process-fork",
    "process-info*",
    "signal",
    "sysctl-read",
    "mach-lookup",
    "pseudo-tty",
    "target",
    "same-sandbox",
    "global-name",
    "literal",
    "subpath",
    "regex",
    "1",
];

/// Returns the words of a profile outside of strings and comments, and fails where its lists do not close.
fn seatbelt_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_u32);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => drop(letters.by_ref().take_while(|letter| *letter != '\n').count()),
            '"' => loop {
                match letters.next().unwrap() {
                    '"' => break,
                    '\\' if word != "#" => drop(letters.next().unwrap()),
                    _ => {}
                }
            },
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).unwrap(),
            letter if !letter.is_whitespace() => {
                word.push(letter);
                continue;
            }
            _ => {}
        }
        words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty() && word != "#"));
    }
    assert_eq!(depth, 0, "{text}");
    words
}

/// Reads the words of a shell's line that has quotes and backslashes alone.
fn shell_words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut is_quoted, mut letters) = (String::new(), false, line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '\\' if !is_quoted => word.extend(letters.next()),
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    assert!(!is_quoted, "{line}");
    words.push(word);
    words
}

/// Reads one record of CSV.
fn csv(record: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = record.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

/// Reads a string of Scheme or TOML, up to its end.
fn string(text: &str) -> Option<String> {
    let mut letters = text.strip_prefix('"')?.chars();
    let mut read = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(read),
            '\\' => read.push(letters.next()?),
            letter => read.push(letter),
        }
    }
}

/// Returns the path that the form says must not be read, as its own reader understands it.
fn hidden_in(form: Form, export: &Export) -> Option<String> {
    let text = &export.files.iter().find(|file| !file.name.ends_with("Dockerfile"))?.text;
    let line = |start: &str| text.lines().find(|line| line.starts_with(start) && line.contains("/odd"));
    match form {
        Form::Seatbelt => string(line("(deny file-read* file-write* (subpath \"/home")?.split_once("(subpath ")?.1),
        Form::Codex => string(line("\"/home/me/p/odd")?),
        Form::Firejail => line("blacklist ")?.strip_prefix("blacklist ").map(str::to_owned),
        Form::Srt => {
            let value: serde_json::Value = serde_json::from_str(text).ok()?;
            let entry = value.pointer("/filesystem/denyRead/0")?;
            let is_literal = entry.get("literal") == Some(&serde_json::Value::Bool(true));
            let plain = entry.as_str().filter(|path| !path.contains(['*', '?', '[', ']', '{', '}', '~', '$', '!']));
            plain.or_else(|| entry.get("path").filter(|_| is_literal)?.as_str()).map(str::to_owned)
        }
        Form::Dockerfile => {
            let line = text.lines().find(|line| line.contains("--mount") && line.contains("/dev/null"))?;
            let words = shell_words(line.trim().strip_suffix(" \\")?);
            csv(words.get(1)?).into_iter().find_map(|field| field.strip_prefix("target=").map(str::to_owned))
        }
        Form::Devcontainer => {
            let json: String = text.lines().filter(|line| !line.starts_with("//")).collect();
            let value: serde_json::Value = serde_json::from_str(&json).ok()?;
            let mount = value.get("mounts")?.get(0)?.as_str()?.to_owned();
            let target = csv(&mount).into_iter().find_map(|field| field.strip_prefix("target=").map(str::to_owned))?;
            Some(target.replacen("/workspace", "/home/me/p", 1))
        }
    }
}

proptest! {
    /// Whatever a file is called, it is hidden by exactly that name or nothing is exported.
    #[test]
    fn a_name_is_said_exactly_or_refused(name in "odd[ -~\\n\\té*?\\[\\]{}'\"$\\\\#;,~!()]{0,12}") {
        let made = policy_of(&format!("hide /home/me/p/{}", name.replace('/', "_").replace('\n', "\\n").replace('\t', "\\t")));
        let hidden = made.controls.unreadable[0].path.to_string();
        for form in Form::ALL {
            if let Ok(export) = made.in_form(form) {
                if form == Form::Seatbelt {
                    let words = seatbelt_words(&export.files[0].text);
                    let strange = words.iter().find(|word| !KNOWN.contains(&word.as_str()));
                    prop_assert_eq!(strange, None);
                }
                prop_assert_eq!(hidden_in(form, &export), Some(hidden.clone()), "{:?}", form);
            }
        }
    }
}
