//! The crate at its door: settings files in, layers and diagnostics out.

#![expect(clippy::disallowed_methods, reason = "the tests make the files that the crate reads")]

mod files;
mod properties;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use policy::AbsPath;
use policy::layer::{Diagnostic, Layer, Severity};

use crate::{Discovery, Loaded, Places, load, trust};

/// A home directory with a project `p` in it, which nothing else uses.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
    pub(crate) places: Places,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = AbsPath::parse(directory.path().canonicalize().unwrap().to_str().unwrap()).unwrap();
        std::fs::create_dir(home.join("p").as_str()).unwrap();
        let places = Places {
            project: home.join("p"),
            git_root: None,
            managed_claude: Some(home.join("etc/claude-code")),
            managed_palisade: Some(home.join("etc/palisade")),
            claude_config_dir: None,
            xdg_config_home: None,
            given: Vec::new(),
            discovery: Discovery::Discovered,
            home,
        };
        Self { directory, places }
    }

    /// Returns a path below the home directory, with the directories above it made.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = Path::new(self.places.home.as_str()).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn trust(&self) {
        trust::grant(&self.places, &self.places.project, UNIX_EPOCH).unwrap();
    }

    pub(crate) fn load(&self) -> Loaded {
        assert!(self.directory.path().exists());
        load(&self.places)
    }
}

/// Returns what was loaded as text.
pub(crate) fn render(scene: &Scene, loaded: &Loaded) -> String {
    let mut text = String::new();
    for layer in &loaded.layers {
        render_layer(&mut text, &scene.places, layer);
    }
    for diagnostic in &loaded.diagnostics {
        render_diagnostic(&mut text, diagnostic);
    }
    text.trim_end().to_owned()
}

fn render_layer(text: &mut String, places: &Places, layer: &Layer) {
    let trust = if layer.trusted { "" } else { ", not trusted" };
    writeln!(text, "{} {} at {}{trust}", layer.scope.name(), layer.file, places.shown(&layer.anchor)).unwrap();
    let mut entries = Vec::new();
    let lists = [
        ("allow", &layer.allow),
        ("ask", &layer.ask),
        ("deny", &layer.deny),
        ("directory", &layer.additional_directories),
        ("deny-read", &layer.sandbox.deny_read),
        ("allow-write", &layer.sandbox.allow_write),
        ("deny-write", &layer.sandbox.deny_write),
        ("allow-read", &layer.sandbox.allow_read),
        ("credential", &layer.sandbox.credential_files),
        ("excluded", &layer.sandbox.excluded),
        ("allow-domain", &layer.sandbox.network.allowed),
        ("deny-domain", &layer.sandbox.network.denied),
        ("opaque-domain", &layer.sandbox.network.danger_opaque),
        ("passthrough-domain", &layer.sandbox.network.passthrough),
    ];
    for (name, list) in lists {
        entries.extend(list.iter().map(|entry| (&entry.origin, format!("{name} {}", entry.value))));
    }
    for entry in &layer.servers {
        let except = entry.value.approved.iter().map(|name| format!(" except {name}")).collect::<String>();
        entries.push((&entry.origin, format!("servers {}: {}{except}", entry.value.key, entry.value.blocked)));
    }
    let switches = [
        ("deny instead of prompting", &layer.deny_instead),
        ("hold reads", &layer.reads_held),
        ("hold writes", &layer.writes_held),
        ("reads checked", &layer.sandbox.reads_on_open),
        ("closed profile", &layer.sandbox.closed_profile),
        ("sandbox accepts commands", &layer.sandbox.auto_allow),
        ("commands may leave", &layer.sandbox.allow_unsandboxed),
        ("files disabled", &layer.sandbox.files_disabled),
        ("local binding", &layer.sandbox.network.local_binding),
    ];
    for (name, switch) in switches {
        entries.extend(switch.iter().map(|switch| (&switch.origin, format!("{name} {}", switch.value))));
    }
    entries.extend(layer.default_mode.iter().map(|mode| (&mode.origin, format!("mode {}", mode.value.name()))));
    entries.extend(layer.limits.iter().map(|word| (&word.origin, limit(word.value))));
    entries.extend(layer.sandbox.enabled.iter().map(|on| (&on.origin, format!("sandbox {}", on.value))));
    entries.extend(layer.sandbox.require.iter().map(|name| (&name.origin, format!("require {}", name.value))));
    entries.extend(layer.bypass_disabled.iter().map(|origin| (origin, "no bypass".to_owned())));
    let lock = layer.sandbox.managed_reads_only.iter();
    entries.extend(lock.map(|origin| (origin, "managed reads only".to_owned())));
    entries.extend(layer.sandbox.network.strict.iter().map(|origin| (origin, "strict domains".to_owned())));
    let lock = layer.sandbox.network.managed_only.iter();
    entries.extend(lock.map(|origin| (origin, "managed domains only".to_owned())));
    let hatches = &layer.sandbox.network.hatches;
    entries.extend(hatches.sockets.iter().map(|path| (&path.origin, format!("socket {}", path.value))));
    entries.extend(hatches.every_socket.iter().map(|on| (&on.origin, format!("every socket {}", on.value))));
    for (name, list) in [("forward", &hatches.forwards), ("publish", &hatches.published)] {
        let shown = |ports: policy::layer::Ports| format!("{name} outside {} inside {}", ports.outside, ports.inside);
        entries.extend(list.iter().map(|ports| (&ports.origin, shown(ports.value))));
    }
    let proxy = hatches.http_proxy.iter();
    entries.extend(proxy.map(|port| (&port.origin, format!("http proxy at {}", port.value))));
    let proxy = hatches.socks_proxy.iter();
    entries.extend(proxy.map(|port| (&port.origin, format!("socks proxy at {}", port.value))));
    for login in &hatches.logins {
        let policy::layer::Logins { host, keys, known_hosts } = &login.value;
        let known = known_hosts.iter().map(|file| format!(", known by {file}")).collect::<String>();
        entries.push((&login.origin, format!("login at {host} with {}{known}", keys.join(" or "))));
    }
    let credentials = &layer.sandbox.credentials;
    entries.extend(credentials.variables.iter().map(|one| (&one.origin, variable(&one.value))));
    entries.extend(credentials.files.iter().map(|mask| (&mask.origin, format!("masked {:?}", mask.value))));
    entries.extend(credentials.plain.iter().map(|on| (&on.origin, format!("plain secrets {}", on.value))));
    entries.extend(credentials.aws.iter().map(|pair| (&pair.origin, format!("pair {:?}", pair.value))));
    entries.extend(credentials.signing.iter().map(|form| (&form.origin, format!("signing {:?}", form.value))));
    entries.extend(credentials.git.iter().map(|one| (&one.origin, format!("git {:?}", one.value))));
    entries.extend(credentials.sources.iter().map(|one| (&one.origin, format!("source {:?}", one.value))));
    let requests = layer.sandbox.network.requests.iter();
    entries.extend(requests.map(|one| (&one.origin, format!("requests {:?}", one.value))));
    entries.extend(layer.sandbox.network.tls.iter().map(|tls| (&tls.origin, format!("ends tls {:?}", tls.value))));
    entries.extend(layer.managed_rules_only.iter().map(|origin| (origin, "managed rules only".to_owned())));
    for (origin, entry) in entries {
        assert_eq!((origin.scope, &origin.file), (layer.scope, &layer.file), "an origin names another layer");
        writeln!(text, "  {}: {entry}", origin.line).unwrap();
    }
    if let Some(failure) = &layer.failure {
        writeln!(text, "  refuses: {}", failure.message).unwrap();
    }
}

fn variable(variable: &policy::layer::Variable) -> String {
    match &variable.mask {
        None => format!("variable {} denied", variable.name),
        Some(mask) => format!("variable {} {mask:?}", variable.name),
    }
}

fn limit(word: policy::controls::limits::Word) -> String {
    use policy::controls::limits::Amount;
    let amount = match word.amount {
        Amount::Unlimited => "none".to_owned(),
        Amount::AtMost(value) => word.resource.render(value),
        Amount::Share(percent) => format!("{percent}%"),
    };
    format!("limit {}={amount}", word.resource.name())
}

fn render_diagnostic(text: &mut String, diagnostic: &Diagnostic) {
    let severity = match diagnostic.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let origin = &diagnostic.origin;
    let Diagnostic { column, message, hint, .. } = diagnostic;
    writeln!(text, "{severity} {}:{}:{column}: {message}", origin.file, origin.line).unwrap();
    writeln!(text, "  {}", hint.as_deref().unwrap_or("-")).unwrap();
}

/// Puts the blocks of a case where they belong and loads them.
fn run(case: &testkit::Case) -> String {
    let mut scene = Scene::new();
    for (index, (info, body)) in case.blocks.iter().enumerate() {
        let body = body.replace("$HOME", scene.places.home.as_str());
        match info.as_str() {
            "json user" => scene.write(".claude/settings.json", body),
            "json palisade user" => scene.write(".config/palisade/settings.json", body),
            "json project" => scene.write("p/.claude/settings.json", body),
            "json palisade project" => scene.write("p/.palisade/settings.json", body),
            "json local" => scene.write("p/.claude/settings.local.json", body),
            "json palisade local" => scene.write("p/.palisade/settings.local.json", body),
            "json managed" => scene.write("etc/claude-code/managed-settings.json", body),
            "json palisade managed" => scene.write("etc/palisade/settings.json", body),
            "json trust" => {
                scene.write(".config/palisade/trust.json", body);
                private(&scene.path(".config/palisade/trust.json"));
            }
            "json claude state" => scene.write(".claude.json", body),
            "json inline" => scene.places.given.push(body),
            "json given" => {
                let name = format!("given/{index}.json");
                scene.write(&name, body);
                scene.places.given.push(scene.places.home.join(&name).to_string());
            }
            "flags" => scene.places.discovery = Discovery::OnlyGiven,
            "folder" => scene.trust(),
            "layers" => {}
            other => match other.strip_prefix("json drop-in ") {
                Some(name) => scene.write(&format!("etc/claude-code/managed-settings.d/{name}"), body),
                None => panic!("{}: unknown block `{other}`", case.name),
            },
        }
    }
    let loaded = scene.load();
    render(&scene, &loaded)
}

pub(crate) fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn spec() {
    testkit::check("settings", run);
}
