//! The Secret Service: a real keyring on a bus of the test, and a bus that means harm.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vault::sources::Keychain;
use vault::{Bounds, BusFault, Fault, Resolver, Sources};

use crate::sources::reference;
use crate::world::TestWorld;

const NEEDED: [&str; 4] = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"];

/// Returns whether all programs are here, and says so where one is not.
pub(crate) fn have(needed: &[&str], test: &str) -> bool {
    let is_here = |name: &&str| {
        let mut places = "/usr/bin:/bin:/usr/sbin:/sbin".split(':');
        places.any(|place| Path::new(place).join(name).exists())
    };
    let missing: Vec<&&str> = needed.iter().filter(|name| !is_here(name)).collect();
    if !missing.is_empty() {
        eprintln!("\nSKIPPED {test}: not installed: {missing:?}");
    }
    missing.is_empty()
}

/// A process that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A session of its own: a bus and a keyring, unlocked.
struct Session {
    directory: tempfile::TempDir,
    _keyring: Running,
    _bus: Running,
}

impl Session {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // No service is started by being asked for: a second keyring would be a locked one.
        let config = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context='default'>\
             <allow user='*'/><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>\
             </policy></busconfig>",
            directory.path().join("bus").display()
        );
        std::fs::write(directory.path().join("bus.conf"), config).unwrap();
        let mut bus = command(directory.path(), "dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--config-file"]).arg(directory.path().join("bus.conf"));
        bus.stdout(Stdio::null()).stderr(Stdio::null());
        let bus = Running(bus.spawn().unwrap());
        until("the bus", || directory.path().join("bus").exists());
        let mut keyring = command(directory.path(), "gnome-keyring-daemon");
        keyring.args(["--foreground", "--unlock", "--components=secrets"]);
        keyring.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut keyring = Running(keyring.spawn().unwrap());
        keyring.0.stdin.take().unwrap().write_all(b"password of the keyring").unwrap();
        // One that was started to be unlocked goes to the bus when it is started a second time.
        until("the keyring's socket", || directory.path().join("keyring/control").exists());
        let mut start = command(directory.path(), "gnome-keyring-daemon");
        start.args(["--start", "--components=secrets"]).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(start.status().unwrap().success());
        let session = Self { directory, _keyring: keyring, _bus: bus };
        until("the keyring", || session.store("ready", &[("service", "ready"), ("username", "ready")]));
        session
    }

    fn store(&self, secret: &str, attributes: &[(&str, &str)]) -> bool {
        let mut tool = command(self.directory.path(), "secret-tool");
        tool.args(["store", "--label=test"]).args(attributes.iter().flat_map(|(name, value)| [name, value]));
        let mut tool = tool.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        tool.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        tool.wait().unwrap().success()
    }

    fn lock(&self) {
        let mut send = command(self.directory.path(), "dbus-send");
        send.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"]);
        send.args(["org.freedesktop.Secret.Service.Lock", "array:objpath:/org/freedesktop/secrets/collection/login"]);
        assert!(send.stdout(Stdio::null()).status().unwrap().success());
    }

    fn ask(&self, text: &str) -> Result<String, Fault> {
        ask(&format!("unix:path={}", self.directory.path().join("bus").display()), text)
    }
}

fn command(directory: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", directory);
    command.env("LC_ALL", "C.UTF-8");
    command.env("XDG_RUNTIME_DIR", directory).env("XDG_DATA_HOME", directory.join("data"));
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", directory.join("bus").display()));
    command
}

fn ask(bus: &str, text: &str) -> Result<String, Fault> {
    ask_within(Duration::from_secs(30), bus, text)
}

fn ask_within(timeout: Duration, bus: &str, text: &str) -> Result<String, Fault> {
    let keychain = Some(Keychain::SecretService { bus: bus.to_owned() });
    let bounds = Bounds { timeout, ..Bounds::default() };
    let sources = Sources { keychain, ..Sources::default() };
    let resolver = Resolver::new(Box::new(TestWorld::default()), sources, bounds);
    resolver.resolve(&reference(text)).map(|secret| secret.expose().to_owned()).map_err(|error| error.fault)
}

#[test]
fn a_real_keyring_gives_the_one_entry_that_is_named() {
    if !have(&NEEDED, "a_real_keyring_gives_the_one_entry_that_is_named") {
        return;
    }
    let session = Session::start();
    assert!(session.store("by username", &[("service", "github.com"), ("username", "ann")]));
    assert!(session.store("by account", &[("service", "github.com"), ("account", "bob")]));
    assert!(session.store("odd", &[("service", "https://a/b c"), ("username", "Jörg")]));
    assert!(session.store("one", &[("service", "twice"), ("username", "ann")]));
    assert!(session.store("two", &[("service", "twice"), ("username", "ann"), ("more", "x")]));
    assert!(session.store("three", &[("service", "both"), ("username", "ann")]));
    assert!(session.store("four", &[("service", "both"), ("account", "ann")]));
    assert!(session.store("two\nlines\n", &[("service", "lines"), ("username", "ann")]));

    assert_eq!(session.ask("keychain://github.com/ann"), Ok("by username".to_owned()));
    assert_eq!(session.ask("keychain://github.com/bob"), Ok("by account".to_owned()));
    assert_eq!(session.ask("keychain://https:%2F%2Fa%2Fb%20c/J%C3%B6rg"), Ok("odd".to_owned()));
    assert_eq!(session.ask("keychain://lines/ann"), Ok("two\nlines\n".to_owned()));
    let (none, several) = (Err(Fault::Absent("entry of the keychain")), Err(Fault::Several("entry of the keychain")));
    assert_eq!(session.ask("keychain://github.com/eve"), none);
    assert_eq!(session.ask("keychain://twice/ann"), several);
    assert_eq!(session.ask("keychain://both/ann"), several);

    session.lock();
    assert_eq!(session.ask("keychain://github.com/ann"), Err(Fault::Locked));
    assert_eq!(session.ask("keychain://github.com/eve"), none);
}

#[test]
fn a_bus_that_is_none_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let fault = |bus: &str| ask(bus, "keychain://a/b").unwrap_err();
    for address in ["", "tcp:host=localhost,port=1", "unix:tmpdir=/tmp", "unix:path=%2", "launchd:env=X"] {
        assert_eq!(fault(address), Fault::Bus(BusFault::Address), "{address}");
    }
    let nobody = format!("unix:path={}/nobody", directory.path().display());
    assert_eq!(fault(&nobody), Fault::Bus(BusFault::Unreached));
}

#[test]
fn a_bus_that_means_harm_is_bounded() {
    // Heads of messages: order, kind, flags, version, length of the body, serial, length of the fields.
    let head = |order: u8, body: u32, fields: u32| {
        let mut bytes = vec![order, 2, 0, 1];
        for number in [body, 1, fields] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    };
    let with = |mut bytes: Vec<u8>, rest: &[u8]| {
        bytes.extend_from_slice(rest);
        bytes
    };
    let error = with(with(vec![b'l', 3, 0, 1], &[0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0]), &[5, 1, b'u', 0, 1, 0, 0, 0]);
    let cases: [(&str, &[u8], Vec<u8>, BusFault); 9] = [
        ("refused", b"REJECTED EXTERNAL\r\n", vec![], BusFault::Refused),
        ("no line", &[b'x'; 1000], vec![], BusFault::Protocol),
        ("closed", b"OK 1\r\n", vec![], BusFault::Unreached),
        ("big endian", b"OK 1\r\n", head(b'B', 0, 0), BusFault::Protocol),
        ("huge body", b"OK 1\r\n", head(b'l', u32::MAX, 0), BusFault::Long),
        ("huge fields", b"OK 1\r\n", head(b'l', 0, u32::MAX - 8), BusFault::Long),
        ("fields that are none", b"OK 1\r\n", with(head(b'l', 0, 8), &[9; 8]), BusFault::Protocol),
        ("another's answers", b"OK 1\r\n", head(b'l', 0, 0).repeat(100), BusFault::Protocol),
        ("an error", b"OK 1\r\n", error, BusFault::Service),
    ];
    for (name, line, message, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bus");
        let listener = UnixListener::bind(&path).unwrap();
        let line = line.to_vec();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4096];
            // The client may go away at any time.
            drop(stream.read(&mut bytes));
            drop(stream.write_all(&line));
            drop(stream.write_all(&message));
            drop(stream.shutdown(std::net::Shutdown::Write));
            drop(stream.read_to_end(&mut Vec::new()));
        });
        let fault = ask(&format!("unix:path={}", path.display()), "keychain://a/b").unwrap_err();
        assert_eq!(fault, Fault::Bus(expected), "{name}");
        server.join().unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bus");
    let _silent = UnixListener::bind(&path).unwrap();
    let bus = format!("unix:path={}", path.display());
    let fault = ask_within(Duration::from_secs(1), &bus, "keychain://a/b").unwrap_err();
    assert_eq!(fault, Fault::Bus(BusFault::Timeout));
}
