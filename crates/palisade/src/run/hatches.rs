//! What a person opened besides what the proxy admits: sockets of the host by path, ports of its loopback interface, ports of
//! servers inside, and the signatures of the person's agent. Each leads to one place, which is found before the command
//! starts; each connection is written down before it is made.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Scope;
use std::time::Duration;

use anyhow::Context;
use audit::{Connection, ConnectionStage};
use policy::controls::Network;
use policy::layer::{Hatches, Origin, Ports, Sourced};
use policy::proof::RuleRef;
use policy::{AbsPath, Controls, List, Verdict};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sandbox::{Hatch, Shown};
use vault::ssh_agent::Stop;

use super::egress::{Recorder, locked};
use super::ground::{Found, Ground};
use super::logins::{self, Agent};
use super::relay::{awaits, could_be_sent, relay};
use crate::setup::Setup;

/// Connections that are open at a time, of all that is opened.
const CONNECTIONS_MAX: usize = 256;
/// Sockets that are opened when all are.
const SOCKETS_MAX: usize = 128;
/// How long a listener rests when it cannot take anybody.
const PAUSE: Duration = Duration::from_millis(20);

/// What is opened for one command.
#[derive(Debug, Default)]
pub(super) struct Opened {
    list: Vec<Opening>,
    /// Variables that say where it is inside.
    pub(super) shown_by: Vec<(String, String)>,
    /// Files that are seen for it inside.
    pub(super) shown: Vec<Shown>,
    /// What a person is told.
    pub(super) told: Vec<String>,
}

/// One way between the inside and one place of the host.
#[derive(Debug)]
struct Opening {
    hatch: Hatch,
    rule: RuleRef,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// To the very socket that was found at a path.
    Socket { path: AbsPath, found: OwnedFd },
    /// To a port of the host's loopback interface.
    Forward(u16),
    /// From a port of the host's loopback interface to one inside.
    Publish { ports: Ports, listener: TcpListener },
    /// To the person's agent.
    Agent(Agent),
}

/// Finds what is opened. An error is why nothing runs.
pub(super) fn prepare(setup: &Setup, controls: &Controls) -> anyhow::Result<Opened> {
    let mut opened = Opened::default();
    let captured = match &controls.network {
        Network::None => return Ok(opened),
        Network::Proxied { captured } => captured.as_slice(),
    };
    let Hatches { sockets, every_socket, forwards, published, http_proxy: _, socks_proxy: _, logins } =
        setup.policy.hatches();
    let ground = Ground::of(setup, controls);
    for socket in sockets {
        opened.socket(setup, socket, &ground);
    }
    if let Some(every) = every_socket.as_ref().filter(|every| every.value) {
        opened.every_socket(every, &ground);
    }
    for ports in forwards {
        opened.forward(ports, captured);
    }
    for ports in published {
        opened.publish(ports, captured)?;
    }
    let prepared = logins::prepare(setup, logins, &ground);
    opened.told.extend(prepared.told);
    if let Some(agent) = prepared.agent {
        opened.shown.extend(prepared.shown);
        opened.shown_by.push(("SSH_AUTH_SOCK".to_owned(), agent.path().to_string()));
        let hatch = Hatch::Path(agent.path().clone());
        opened.list.push(Opening { hatch, rule: agent.rule().clone(), way: Way::Agent(agent) });
    }
    Ok(opened)
}

fn rule(key: &str, value: &str, origin: &Origin) -> RuleRef {
    RuleRef { text: format!("{key}: {value}"), list: List::Allow, origin: origin.clone() }
}

impl Opened {
    /// Returns what the boundary makes for it.
    pub(super) fn hatches(&self) -> Vec<Hatch> {
        self.list.iter().map(|opening| opening.hatch.clone()).collect()
    }

    /// Returns the listening sockets of the host.
    pub(super) fn published(&self) -> impl Iterator<Item = &TcpListener> {
        self.list.iter().filter_map(|opening| match &opening.way {
            Way::Publish { ports: _, listener } => Some(listener),
            Way::Socket { .. } | Way::Forward(_) | Way::Agent(_) => None,
        })
    }

    fn socket(&mut self, setup: &Setup, written: &Sourced<String>, ground: &Ground) {
        let path = match written.value.strip_prefix("~/") {
            Some(below) => Some(setup.places.home.join(below)),
            None => AbsPath::parse(&written.value),
        };
        let found = path.as_ref().ok_or_else(|| "it is no path".to_owned()).and_then(|path| find(path, ground));
        match found {
            Ok(found) => self.found(found, rule("allowUnixSockets", &written.value, &written.origin)),
            Err(why) => self.told.push(format!("the socket {} is not reached: {why}", written.value)),
        }
    }

    /// Opens what takes connections at a path by now, and is neither hidden nor another person's to reach.
    fn every_socket(&mut self, every: &Sourced<bool>, ground: &Ground) {
        let mut paths = listening(&kernel_sockets());
        let left = paths.split_off(paths.len().min(SOCKETS_MAX));
        if let Some(first) = left.first() {
            self.told.push(format!("{} sockets are not reached, from {first} on: there are too many", left.len()));
        }
        let found: Vec<_> = paths.iter().filter_map(|path| find(path, ground).ok()).collect();
        for found in found {
            self.found(found, rule("allowAllUnixSockets", "true", &every.origin));
        }
    }

    fn found(&mut self, (at, Found { real, file }): (AbsPath, Found), rule: RuleRef) {
        if self.list.iter().all(|opening| opening.hatch != Hatch::Path(at.clone())) {
            self.list.push(Opening { hatch: Hatch::Path(at), rule, way: Way::Socket { path: real, found: file } });
        }
    }

    fn forward(&mut self, ports: &Sourced<Ports>, captured: &[u16]) {
        let Ports { outside, inside } = ports.value;
        let hatch = Hatch::Port(inside);
        if captured.contains(&inside) {
            return self.collides("forwardPorts", ports, format!("port {inside} inside leads to the proxy"));
        }
        let before = self.list.iter().find(|opening| opening.hatch == hatch);
        match before.map(|opening| &opening.way) {
            Some(Way::Forward(same)) if *same == outside => return,
            Some(_) => {
                return self.collides("forwardPorts", ports, format!("port {inside} inside leads elsewhere already"));
            }
            None => {}
        }
        let rule = rule("forwardPorts", &format!("{outside}:{inside}"), &ports.origin);
        self.list.push(Opening { hatch, rule, way: Way::Forward(outside) });
    }

    fn publish(&mut self, ports: &Sourced<Ports>, captured: &[u16]) -> anyhow::Result<()> {
        let Ports { outside, inside } = ports.value;
        let before = self.list.iter().find_map(|opening| match &opening.way {
            Way::Publish { ports, listener: _ } if ports.outside == outside => Some(ports.inside),
            Way::Publish { .. } | Way::Socket { .. } | Way::Forward(_) | Way::Agent(_) => None,
        });
        let is_forwarded = self.list.iter().any(|opening| opening.hatch == Hatch::Port(inside));
        let collision = match before {
            Some(same) if same == inside => return Ok(()),
            Some(other) => Some(format!("port {outside} of this machine leads to {other} already")),
            None if captured.contains(&inside) => Some(format!("port {inside} inside leads to the proxy")),
            None if is_forwarded => Some(format!("port {inside} inside is forwarded to this machine")),
            None => None,
        };
        if let Some(why) = collision {
            self.collides("publishPorts", ports, why);
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "a port that a person publishes is no connection to the network")]
        let listener = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, outside))
            .with_context(|| format!("port {outside} of this machine cannot be had for `publishPorts`"))?;
        listener.set_nonblocking(true)?;
        let rule = rule("publishPorts", &format!("{inside}:{outside}"), &ports.origin);
        let way = Way::Publish { ports: ports.value, listener };
        self.list.push(Opening { hatch: Hatch::Calls, rule, way });
        Ok(())
    }

    /// Tells which ports are not opened, and which entry says them.
    fn collides(&mut self, key: &str, ports: &Sourced<Ports>, why: String) {
        let Ports { outside, inside } = ports.value;
        let place = ports.origin.place();
        self.told.push(format!(
            "port {outside} of this machine and {inside} inside, as `{key}` of {place} wants, are not joined: {why}"
        ));
    }

    /// Serves everything in threads of its own until it is told to stop.
    pub(super) fn serve<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, serving: &'scope Serving) {
        for (number, socket) in &serving.sockets {
            let Some(opening) = self.list.get(*number) else { continue };
            match &opening.way {
                Way::Socket { .. } | Way::Forward(_) => {
                    start(scope, move || opening.keep(socket, (scope, serving)));
                }
                Way::Agent(agent) => {
                    start(scope, move || agent.serve(socket, serving));
                }
                Way::Publish { .. } => {}
            }
        }
        for opening in &self.list {
            if let Way::Publish { ports: _, listener } = &opening.way {
                start(scope, move || opening.keep(listener, (scope, serving)));
            }
        }
    }
}

/// Starts a thread. Without it nobody comes to what it would have served, and they are told by the end.
fn start<'scope>(scope: &'scope Scope<'scope, '_>, serve: impl FnOnce() + Send + 'scope) {
    let _ = std::thread::Builder::new().name("palisade: hatch".to_owned()).spawn_scoped(scope, serve);
}

/// What everything that is served works by.
#[derive(Debug)]
pub(super) struct Serving {
    /// The listening sockets inside, by the number of what they belong to.
    pub(super) sockets: Vec<(usize, OwnedFd)>,
    /// Sockets of the network inside that are connected nowhere.
    pub(super) calls: Mutex<Vec<OwnedFd>>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) numbers: egress::proxy::Proxy,
    pub(super) stop: Stop,
    pub(super) open: AtomicUsize,
}

impl Serving {
    /// Writes down what was decided or what came of it; false where that cannot be done.
    pub(super) fn record(&self, connection: Connection) -> bool {
        self.recorder.write(connection).is_ok()
    }
}

impl Opening {
    /// Takes whoever comes to a listening socket.
    fn keep<'scope>(
        &'scope self,
        listener: &impl AsFd,
        (scope, serving): (&'scope Scope<'scope, '_>, &'scope Serving),
    ) {
        while awaits(listener, serving.stop.as_fd()) {
            let stream = match rustix::net::accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(stream) => stream,
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => continue,
                Err(_) => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
            if serving.open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS_MAX {
                serving.open.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let carry = move || {
                self.carry(&stream, serving);
                serving.open.fetch_sub(1, Ordering::AcqRel);
            };
            if std::thread::Builder::new().spawn_scoped(scope, carry).is_err() {
                serving.open.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Serves one connection: writes it down, makes its other half, moves bytes.
    fn carry(&self, client: &OwnedFd, serving: &Serving) {
        let decided = self.connection(serving);
        if !serving.record(decided.clone()) {
            return;
        }
        let (sent, received, reason) = match self.dial(serving) {
            Ok(server) => {
                let (sent, received) = relay(client, &server, serving.stop.as_fd());
                if let Way::Publish { .. } = &self.way {
                    give_back(server, serving);
                }
                (sent, received, "it is over".to_owned())
            }
            Err(error) => (0, 0, format!("it cannot be reached: {error}")),
        };
        serving.record(Connection { stage: ConnectionStage::Ended { sent, received }, reason, ..decided });
    }

    fn connection(&self, serving: &Serving) -> Connection {
        let (way, target) = match &self.way {
            Way::Socket { path, found: _ } => ("socket", path.to_string()),
            Way::Forward(port) => ("forward", format!("127.0.0.1:{port}")),
            Way::Publish { ports, listener: _ } => ("publish", format!("127.0.0.1:{}", ports.inside)),
            Way::Agent(agent) => ("agent", agent.path().to_string()),
        };
        Connection {
            of: serving.recorder.of(),
            number: serving.numbers.number(),
            stage: ConnectionStage::Decided,
            way: way.to_owned(),
            address: Some(target.clone()).filter(|_| way != "socket"),
            target: Some(target),
            program: None,
            rule: Some(self.rule.clone()),
            verdict: Verdict::Allow,
            reason: "it is opened by name".to_owned(),
        }
    }

    /// Connects to the other side.
    fn dial(&self, serving: &Serving) -> io::Result<OwnedFd> {
        match &self.way {
            Way::Socket { path: _, found } => {
                let socket =
                    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
                // By the file that was found, whatever has its name by now.
                let place = SocketAddrUnix::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
                // A server that takes nobody keeps nobody's thread.
                rustix::io::ioctl_fionbio(&socket, true)?;
                rustix::net::connect(&socket, &place)?;
                Ok(socket)
            }
            Way::Forward(port) => {
                let place = SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port).into();
                Ok(std::net::TcpStream::connect_timeout(&place, Duration::from_secs(10))?.into())
            }
            Way::Publish { ports, listener: _ } => {
                let socket = locked(&serving.calls).pop();
                let socket = socket.ok_or_else(|| io::Error::other("too many connections are open"))?;
                match call(&socket, ports.inside, serving) {
                    Ok(()) => Ok(socket),
                    Err(error) => {
                        give_back(socket, serving);
                        Err(error)
                    }
                }
            }
            Way::Agent(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Connects a socket of the network inside to a server there, and waits no longer than everything runs.
fn call(socket: &OwnedFd, port: u16, serving: &Serving) -> io::Result<()> {
    rustix::io::ioctl_fionbio(socket, true)?;
    match rustix::net::connect(socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
        Err(Errno::INPROGRESS) if could_be_sent(socket, serving.stop.as_fd()) => {
            Ok(rustix::net::sockopt::socket_error(socket)??)
        }
        Err(Errno::INPROGRESS) => Err(io::ErrorKind::Interrupted.into()),
        other => Ok(other?),
    }
}

/// Disconnects a socket of the network inside, so that another connection can be made with it: none can be made anew from
/// out here.
fn give_back(socket: OwnedFd, serving: &Serving) {
    if rustix::net::connect_unspec(&socket).is_ok() {
        locked(&serving.calls).push(socket);
    }
}

/// Finds a socket of the host, and where it is seen inside. An error is why it is not.
fn find(path: &AbsPath, ground: &Ground) -> Result<(AbsPath, Found), String> {
    let found = ground.find(path).map_err(|lost| lost.to_string())?;
    let stat = rustix::fs::fstat(&found.file).map_err(|error| error.to_string())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err("it is no socket".to_owned());
    }
    if !is_of_streams(&found.real) {
        return Err("only sockets of streams are reached".to_owned());
    }
    // A link in a private place is not seen inside: its name is the socket's.
    let above = path.parent().and_then(|above| guard::canonical(&above).ok());
    let named = above.zip(path.name()).map(|(above, name)| above.join(name));
    let at = named.filter(sandbox::is_private).unwrap_or_else(|| found.real.clone());
    match ground.hides(&at).or_else(|| ground.hides(&found.real)) {
        Some(hidden) => Err(format!("{hidden} is hidden")),
        None if !sandbox::is_private(&at) && !ground.has(&at) => {
            Err("its directory is not there in the closed profile".to_owned())
        }
        None => Ok((at, found)),
    }
}

/// Returns false for a socket of another kind, where the kernel's list has it under this name (unix(7)).
fn is_of_streams(path: &AbsPath) -> bool {
    let kinds = kernel_sockets();
    let kinds = kinds.lines().filter_map(|line| line.strip_suffix(path.as_str())?.strip_suffix(' '));
    let mut kinds = kinds.filter_map(|before| before.split_whitespace().nth(4));
    kinds.all(|kind| kind == STREAM)
}

/// Returns the paths, in order, of the sockets of streams that take connections.
fn listening(list: &str) -> Vec<AbsPath> {
    const TAKES_CONNECTIONS: u32 = 1 << 16;
    let path = |line: &str| {
        let (before, path) = line.split_once(" /")?;
        let words: Vec<&str> = before.split_whitespace().collect();
        let [_, _, _, flags, kind, _, _] = words.as_slice() else { return None };
        let takes = u32::from_str_radix(flags, 16).ok()? & TAKES_CONNECTIONS != 0;
        AbsPath::parse(&format!("/{path}")).filter(|_| takes && *kind == STREAM)
    };
    list.lines().filter_map(path).collect::<BTreeSet<_>>().into_iter().collect()
}

/// How the kernel's list calls a socket of streams.
const STREAM: &str = "0001";

/// Returns the kernel's list of Unix sockets (unix(7), proc(5)).
#[expect(clippy::disallowed_methods, reason = "what the kernel says of sockets is neither settings nor journal")]
fn kernel_sockets() -> String {
    let list = std::fs::read("/proc/net/unix").unwrap_or_default();
    String::from_utf8_lossy(&list).into_owned()
}

#[cfg(test)]
mod tests;
