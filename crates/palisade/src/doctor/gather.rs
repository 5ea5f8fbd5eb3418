//! Looks at the machine, the settings and the journal. Nothing is judged here.

mod agents;
mod hooks;

use std::ffi::OsStr;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
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
const DAEMONS: [&str; 3] = ["/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"];
/// Programs that build another boundary than ours.
const HANDS: [&str; 5] = ["docker", "podman", "firejail", "qemu-system-x86_64", "qemu-system-aarch64"];
/// Variables that name a proxy.
const PROXIES: [&str; 6] = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
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
/// Bytes of a file that is looked into.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// How long a proxy on this machine is given to answer.
const PROXY_WAIT: Duration = Duration::from_millis(500);

/// Looks at everything.
pub(super) fn gather(setup: &Setup) -> anyhow::Result<Facts> {
    let machine = sandbox::probe(Path::new("/proc/self/exe"))?;
    let wsl = wsl(machine.facts.iter().find(|fact| fact.name == "kernel").map_or("", |fact| &fact.value));
    let own = setup::own_program()?;
    let hooks = hooks::look(setup, &own);
    // What a hook has just recorded is part of what is verified.
    let directory = setup.journal_directory();
    Ok(Facts {
        wsl,
        daemons: DAEMONS.iter().filter(|path| may(path, Access::WRITE_OK)).map(|path| (*path).to_owned()).collect(),
        hands: HANDS.iter().filter_map(|name| Some((*name, on_path(setup, name)?.display().to_string()))).collect(),
        has_kvm: may("/dev/kvm", Access::READ_OK | Access::WRITE_OK),
        proxies: PROXIES.iter().filter_map(|name| proxy(name, variable(setup, name)?)).collect(),
        certificates: certificates(setup),
        agents: agents::look(setup),
        clock: Clock { now_ms: now_ms(), program_ms: made_ms(&own), newest_ms: newest_ms(&directory) },
        disks: vec![
            disk(setup, "disk.journal", setup.environment.state_home().join("palisade")),
            disk(setup, "disk.cache", setup.environment.cache_home().join("palisade")),
        ],
        journal: journal(&directory),
        exposed: exposed(setup),
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
fn is_file(path: &AbsPath) -> bool {
    std::fs::metadata(path.as_str()).is_ok_and(|found| found.is_file())
}

/// Reads a small file; one that cannot be read says nothing.
#[expect(clippy::disallowed_methods, reason = "what is looked at belongs to other programs")]
fn read(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
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
    let shown = match value.rsplit_once('@') {
        Some((before, host)) => format!("{}***@{host}", before.split_once("://").map_or("", |(scheme, _)| scheme)),
        None => value.to_owned(),
    };
    let state = match egress::proxy::Upstream::parse(value, "") {
        Err(error) => ProxyState::Malformed(error.to_string()),
        Ok(upstream) => match local(&upstream.target.to_string()) {
            None => ProxyState::Elsewhere,
            Some(address) if answers(&address) => ProxyState::Answers,
            Some(_) => ProxyState::Silent,
        },
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
        let fault = match count(value) {
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

fn newest_ms(directory: &Path) -> Option<i64> {
    let newest = Filter { newest: Some(1), ..Filter::default() };
    let last = audit::read(directory, &newest).ok()?.filter_map(Result::ok).last()?;
    match last {
        Entry::Record(logged) => Some(logged.record?.time_ms),
        Entry::Damaged { .. } => None,
    }
}

fn disk(setup: &Setup, id: &'static str, directory: AbsPath) -> Disk {
    let mut there = Some(directory.clone());
    let mut found = None;
    while let (None, Some(path)) = (&found, &there) {
        found = rustix::fs::statvfs(path.as_str()).ok();
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

/// Returns what of Palisade's and the user's own others may write.
fn exposed(setup: &Setup) -> Vec<Exposed> {
    let state = setup.environment.state_home().join("palisade");
    let own = [setup.places.palisade_dir(), setup.places.trust_store(), state.join("journal"), state];
    let sources = setup.loaded.sources.iter().filter(|source| source.scope == Scope::User);
    let files = sources.filter_map(|source| source.path.clone());
    let mut all: Vec<AbsPath> = files.chain(own).collect();
    all.dedup();
    all.into_iter().filter_map(|path| exposure(setup, path)).collect()
}

fn exposure(setup: &Setup, path: AbsPath) -> Option<Exposed> {
    let found = std::fs::symlink_metadata(path.as_str()).ok()?;
    let kind = found.file_type();
    if kind.is_symlink() || kind.is_socket() {
        return None;
    }
    let user = rustix::process::geteuid().as_raw();
    let is_own = found.uid() == user;
    let is_theirs = !is_own && found.uid() != 0;
    // A group of the user's number is the user's alone.
    let group = if found.gid() == found.uid() { 0 } else { 0o020 };
    let is_open = found.mode() & (0o002 | group) != 0;
    let shown = setup.places.shown(&path);
    (is_theirs || (is_own && is_open)).then_some(Exposed { path, shown, mode: found.mode() & 0o7777, is_own })
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
    Settings {
        wrong: wrong.collect(),
        is_boundary_on: sandbox.enabled.as_ref().is_some_and(|said| said.value),
        is_closed: sandbox.closed_profile.as_ref().is_some_and(|said| said.value),
        is_managed: is_read(Scope::Managed),
        is_shared: is_read(Scope::Project),
        bypass_is_off: setup.policy.bypass_disabled().is_some(),
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
