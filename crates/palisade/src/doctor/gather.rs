//! Looks at the machine, the settings and the journal. Nothing is judged here.

mod agents;
mod hooks;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use audit::{Entry, Filter};
use policy::layer::Severity;
use policy::{AbsPath, Scope};
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags};
use settings::SourceState;

use super::facts::{Certificates, Clock, Disk, Exposed, Facts, Journal, Proxy, ProxyState, Settings, Wsl};
use crate::setup::{self, Setup, now_ms};

/// Sockets of daemons that run containers as root.
pub(super) const DAEMONS: [&str; 3] =
    ["/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"];
/// Programs that build another boundary than ours.
const HANDS: [&str; 5] = ["docker", "podman", "firejail", "qemu-system-x86_64", "qemu-system-aarch64"];
/// Variables that name a proxy.
const PROXIES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];
/// Where systems keep the authorities of TLS in one file.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Variables by which programs are given other authorities.
const AUTHORITIES: [&str; 5] =
    ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"];
/// Records whose times are compared with the clock: more than are written at once by several programs.
const RECORDS_MAX: usize = 300;
/// Bytes of a file that is looked into.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// How long a proxy on this machine is given to answer.
const PROXY_WAIT: Duration = Duration::from_millis(500);

/// Looks at everything.
pub(super) fn gather(setup: &Setup) -> anyhow::Result<Facts> {
    let machine = sandbox::probe(Path::new("/proc/self/exe"))?;
    let wsl = wsl(machine.facts.iter().find(|fact| fact.name == "kernel").map_or("", |fact| &fact.value));
    let own = setup::own_program()?;
    let directory = setup.journal_directory();
    // What a hook records in a moment has the time of this clock, and says nothing about it.
    let clock = clock(&directory, &own);
    let hooks = hooks::look(setup, &own);
    let (exposed, unseen) = exposed(setup);
    // What a hook has just recorded is part of what is verified.
    Ok(Facts {
        wsl,
        daemons: DAEMONS.iter().filter(|path| may(path, Access::WRITE_OK)).map(|path| (*path).to_owned()).collect(),
        hands: HANDS.iter().filter_map(|name| Some((*name, on_path(setup, name)?.display().to_string()))).collect(),
        has_kvm: may("/dev/kvm", Access::READ_OK | Access::WRITE_OK),
        proxies: PROXIES.iter().filter_map(|name| proxy(name, variable(setup, name)?)).collect(),
        certificates: certificates(setup),
        agents: agents::look(setup),
        clock,
        disks: vec![
            disk(setup, "disk.journal", setup.environment.state_home().join("palisade")),
            disk(setup, "disk.cache", setup.environment.cache_home().join("palisade")),
        ],
        journal: journal(&directory),
        exposed,
        unseen,
        settings: settings(setup),
        hooks,
        machine,
    })
}

/// Returns a variable's value as text.
fn variable<'s>(setup: &'s Setup, name: &str) -> Option<&'s str> {
    let all = setup.environment.all().iter();
    let found = all.filter(|(own, _)| own == OsStr::new(name)).find_map(|(_, value)| value.to_str());
    found.filter(|value| !value.is_empty())
}

fn may(path: &str, access: Access) -> bool {
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

/// Returns the program of a name on `PATH`, but for places in the project.
fn on_path(setup: &Setup, name: &str) -> Option<PathBuf> {
    let path = variable(setup, "PATH").unwrap_or_default();
    let directories = path.split(':').filter_map(AbsPath::parse);
    let mut outside = directories.filter(|directory| !directory.is_within(&setup.place.project));
    let found = outside
        .find(|directory| may(directory.join(name).as_str(), Access::EXEC_OK) && is_file(&directory.join(name)))?;
    Some(PathBuf::from(found.join(name).as_str()))
}

#[expect(clippy::disallowed_methods, reason = "a program is looked for where a person's shell looks")]
fn metadata(path: &AbsPath) -> std::io::Result<Metadata> {
    std::fs::metadata(path.as_str())
}

fn is_file(path: &AbsPath) -> bool {
    metadata(path).is_ok_and(|found| found.is_file())
}

/// Reads a small file; one that cannot be read says nothing.
fn read(path: &str) -> Option<Vec<u8>> {
    // A pipe is waited for by whoever opens it otherwise.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let mut bytes = Vec::new();
    file.metadata()
        .is_ok_and(|found| found.is_file())
        .then(|| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok())??;
    Some(bytes)
}

/// Returns what kind of subsystem a kernel's release names.
fn wsl(release: &str) -> Wsl {
    let release = release.to_ascii_lowercase();
    match (release.contains("microsoft"), release.contains("wsl2")) {
        (_, true) => Wsl::Two,
        // The first version claims to be a kernel of this series.
        (true, false) if release.starts_with("4.4.") => Wsl::One,
        (true, false) => Wsl::Two,
        (false, false) => Wsl::None,
    }
}

fn proxy(variable: &str, value: &str) -> Option<Proxy> {
    // Of the value only what was understood is shown: a password can stand anywhere in it.
    let (shown, state) = match egress::proxy::Upstream::parse(value, "") {
        Err(error) => (String::new(), ProxyState::Malformed(error.to_string())),
        Ok(upstream) => {
            let target = upstream.target.to_string();
            let state = match local(&target) {
                None => ProxyState::Elsewhere,
                Some(address) if answers(&address) => ProxyState::Answers,
                Some(_) => ProxyState::Silent,
            };
            (target, state)
        }
    };
    Some(Proxy { variable: variable.to_owned(), shown, state })
}

/// Returns the address of a target on this machine; no name but this machine's own is looked up.
fn local(target: &str) -> Option<SocketAddr> {
    let target = target.strip_prefix("localhost:").map_or(target.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = target.parse::<SocketAddr>().ok()?.to_socket_addrs().ok()?.next()?;
    address.ip().is_loopback().then_some(address)
}

fn answers(address: &SocketAddr) -> bool {
    std::net::TcpStream::connect_timeout(address, PROXY_WAIT).is_ok()
}

fn certificates(setup: &Setup) -> Certificates {
    let count = |path: &str| read(path).map(|bytes| certificates_in(&bytes));
    let bundle = BUNDLES.iter().find_map(|path| Some(((*path).to_owned(), count(path)?)));
    let named = AUTHORITIES.iter().filter_map(|name| {
        let value = variable(setup, name)?;
        let is_directory = AbsPath::parse(value).is_some_and(|path| metadata(&path).is_ok_and(|found| found.is_dir()));
        let fault = match count(value) {
            // A directory of certificates by their hashes.
            None if *name == "REQUESTS_CA_BUNDLE" && is_directory => None,
            None => Some("it cannot be read".to_owned()),
            Some(0) => Some("it holds no certificate".to_owned()),
            Some(_) => None,
        };
        Some(((*name).to_owned(), value.to_owned(), fault))
    });
    Certificates { bundle, named: named.collect() }
}

fn certificates_in(bytes: &[u8]) -> usize {
    let mark = b"-----BEGIN CERTIFICATE-----";
    bytes.windows(mark.len()).filter(|window| window == mark).count()
}

#[expect(clippy::disallowed_methods, reason = "the program looks at its own file")]
fn made_ms(own: &AbsPath) -> Option<i64> {
    let made = std::fs::metadata(own.as_str()).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(made.as_millis()).ok()
}

/// Returns the clock, and what it is held against.
fn clock(directory: &Path, own: &AbsPath) -> Clock {
    let newest = Filter { newest: Some(RECORDS_MAX), ..Filter::default() };
    let (newest_ms, is_untold) = match audit::read(directory, &newest) {
        Err(audit::Error::NoJournal { path: _ }) => (None, false),
        Err(_) => (None, true),
        Ok(entries) => {
            let times = entries.map(|entry| match entry {
                Ok(Entry::Record(logged)) => logged.record.map(|record| record.time_ms),
                Ok(Entry::Damaged { .. }) | Err(_) => None,
            });
            let times: Vec<Option<i64>> = times.collect();
            let newest = times.iter().flatten().max().copied();
            (newest, newest.is_none() && !times.is_empty())
        }
    };
    Clock { now_ms: now_ms(), program_ms: made_ms(own), newest_ms, is_untold }
}

fn disk(setup: &Setup, id: &'static str, directory: AbsPath) -> Disk {
    let mut there = Some(directory.clone());
    let (mut found, mut nearest) = (None, None);
    while let (None, Some(path)) = (&found, &there) {
        found = rustix::fs::statvfs(path.as_str()).ok();
        if found.is_some() {
            nearest = Some(path.clone());
        }
        there = path.parent();
    }
    Disk {
        id,
        path: setup.places.shown(&directory),
        // Some file systems have no bound on files, and say none.
        free: found.as_ref().map(|found| {
            let files = if found.f_files == 0 { u64::MAX } else { found.f_favail };
            (found.f_bavail.saturating_mul(found.f_frsize), files)
        }),
        is_closed: !nearest.is_some_and(|path: AbsPath| may(path.as_str(), Access::WRITE_OK)),
        is_read_only: found.is_some_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY)),
    }
}

fn journal(directory: &Path) -> Journal {
    match audit::verify(directory, None) {
        Ok(report) if report.is_sound() => Journal::Sound { records: report.records },
        Ok(report) => Journal::Damaged { findings: report.findings.iter().take(3).map(ToString::to_string).collect() },
        Err(audit::Error::NoJournal { path: _ }) => Journal::Absent,
        Err(error) => {
            Journal::Unusable { hint: error.hint().to_owned(), why: format!("{:#}", anyhow::Error::new(error)) }
        }
    }
}

/// Returns what of Palisade's and the user's own others may write, and what of it could not be looked at.
fn exposed(setup: &Setup) -> (Vec<Exposed>, Vec<String>) {
    let state = setup.environment.state_home().join("palisade");
    let own = [
        setup.places.claude_dir(),
        setup.places.palisade_dir(),
        setup.places.trust_store(),
        state.join("journal"),
        state,
    ];
    let sources = setup.loaded.sources.iter().filter(|source| source.scope == Scope::User);
    let files = sources.filter_map(|source| source.path.clone());
    let mut all: Vec<AbsPath> = Vec::new();
    for path in files.chain(own) {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    let (mut exposed, mut unseen) = (Vec::new(), Vec::new());
    for path in all {
        match exposure(setup, &path) {
            Ok(found) => exposed.extend(found),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => unseen.push(format!("{}: {error}", setup.places.shown(&path))),
        }
    }
    (exposed, unseen)
}

fn exposure(setup: &Setup, path: &AbsPath) -> std::io::Result<Option<Exposed>> {
    let own = std::fs::symlink_metadata(path.as_str())?;
    // A link has no mode of its own, and what it leads to is what is read.
    let is_linked = own.file_type().is_symlink();
    let found = if is_linked { metadata(path)? } else { own };
    let user = rustix::process::geteuid().as_raw();
    let (is_own, is_open) = (found.uid() == user, is_open(&found));
    let is_theirs = !is_own && found.uid() != 0;
    let shown = setup.places.shown(path);
    let mode = found.mode() & 0o7777;
    Ok((is_theirs || is_open).then(|| Exposed { path: path.clone(), shown, mode, is_own, is_open, is_linked }))
}

/// Returns true for what others than its owner may write.
fn is_open(found: &Metadata) -> bool {
    // A group of an ordinary user's number is the user's alone; one below is the system's, and the last is nobody's.
    let is_alone = found.gid() == found.uid() && (1000..65534).contains(&found.gid());
    found.mode() & if is_alone { 0o002 } else { 0o022 } != 0
}

fn settings(setup: &Setup) -> Settings {
    let wrong = setup.diagnostics.iter().map(|one| {
        let place = if one.origin.line == 0 {
            one.origin.file.clone()
        } else {
            format!("{}:{}", one.origin.file, one.origin.line)
        };
        (one.severity == Severity::Error, format!("{place}: {}", one.message))
    });
    let is_read = |scope: Scope| {
        setup.loaded.sources.iter().any(|source| source.scope == scope && matches!(source.state, SourceState::Read(_)))
    };
    let sandbox = setup.policy.sandbox();
    // What users write they can take away again.
    let managed = || setup.loaded.layers.iter().filter(|layer| layer.scope == Scope::Managed);
    Settings {
        wrong: wrong.collect(),
        is_boundary_on: sandbox.enabled.as_ref().is_some_and(|said| said.value),
        is_closed: sandbox.closed_profile.as_ref().is_some_and(|said| said.value),
        is_managed: is_read(Scope::Managed),
        is_shared: is_read(Scope::Project),
        has_managed_rules: managed()
            .any(|layer| [&layer.allow, &layer.ask, &layer.deny].iter().any(|rules| !rules.is_empty())),
        bypass_is_off: managed().any(|layer| layer.bypass_disabled.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Wsl;

    #[test]
    fn subsystems_by_their_kernels() {
        let cases = [
            ("6.1.0-18-amd64", Wsl::None),
            ("4.4.0-19041-Microsoft", Wsl::One),
            ("5.15.153.1-microsoft-standard-WSL2", Wsl::Two),
            ("5.10.16.3-microsoft-standard", Wsl::Two),
            ("", Wsl::None),
        ];
        for (release, expected) in cases {
            assert_eq!(super::wsl(release), expected, "{release}");
        }
    }
}
