//! The ssh agent: real clients, servers and agents; and programs that speak to it themselves.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::signature::{Ed25519KeyPair, KeyPair};
use vault::ssh_agent::judge::{Refused, Rules};
use vault::ssh_agent::message::{self, Bind, Other, Request, Sign};
use vault::ssh_agent::{Journal, KnownHosts, NamedKey, NotRecorded, Proxy, Record, Server, Stop, Verdict};

use crate::keychain::{Running, have, skip, until};

const NEEDED: [&str; 6] = ["ssh", "sshd", "ssh-agent", "ssh-add", "ssh-keygen", "git"];
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Returns whether a test can be made here, and says so where it cannot.
fn is_possible(test: &str) -> bool {
    let user = Command::new("sh").args(["-c", "getent passwd $(id -u)"]).output().unwrap().stdout;
    let has_shell = !text(&user).trim_end().ends_with("nologin") && !text(&user).trim_end().ends_with("false");
    if !has_shell {
        skip(test, "this user has no shell to log in to");
    }
    has_shell && have(&NEEDED, test)
}

/// What was recorded, and whether anything can be.
#[derive(Debug, Clone, Default)]
struct Records {
    records: Arc<Mutex<Vec<Record>>>,
    is_full: bool,
}

impl Journal for Records {
    fn append(&self, record: &Record) -> Result<(), NotRecorded> {
        if self.is_full {
            return Err(NotRecorded);
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl Records {
    /// Returns each record as a line.
    fn lines(&self) -> Vec<String> {
        let line = |record: &Record| {
            let Record { request, verdict, host, user, key, reason } = record;
            let verdict = match verdict {
                Verdict::Allow => "allow",
                Verdict::Deny => "deny",
            };
            let key = key.as_ref().map(|_| "key".to_owned());
            let parts = [host.clone(), user.clone(), key, reason.map(|reason| reason.to_string())];
            [request.to_string(), verdict.to_owned()]
                .into_iter()
                .chain(parts.into_iter().flatten())
                .collect::<Vec<_>>()
                .join(" ")
        };
        self.records.lock().unwrap().iter().map(line).collect()
    }

    fn clear(&self) {
        self.records.lock().unwrap().clear();
    }
}

/// A place for a test: a person's agent with two keys, and what is made beside it.
struct Scene {
    directory: tempfile::TempDir,
    _agent: Running,
    user: String,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("agent").tempdir().unwrap();
        // As root, a server wants this directory; the package's start makes it.
        if rustix::process::getuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let socket = directory.path().join("person");
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-a"]).arg(&socket).env_clear().env("PATH", PATH).stdout(Stdio::null()).stderr(Stdio::null());
        let agent = Running(agent.spawn().unwrap());
        until("the agent", || UnixStream::connect(&socket).is_ok());
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let scene = Self { directory, _agent: agent, user };
        for name in ["named", "other"] {
            scene.key(name, &["-t", "ed25519"]);
            scene.add(name);
        }
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// Makes a pair of keys.
    fn key(&self, name: &str, kind: &[&str]) {
        let file = self.at(name);
        let status = Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name, "-f"]).arg(file).args(kind).status();
        assert!(status.unwrap().success());
    }

    fn add(&self, name: &str) {
        let mut add = Command::new("ssh-add");
        add.args(["-q"]).arg(self.at(name)).env("SSH_AUTH_SOCK", self.at("person"));
        assert!(add.status().unwrap().success());
        let mut all = std::fs::OpenOptions::new().create(true).append(true).open(self.at("authorized")).unwrap();
        all.write_all(self.read(&format!("{name}.pub")).as_bytes()).unwrap();
    }

    /// Makes a server with a host key of its own.
    fn server(&self, name: &str, kind: &[&str]) {
        self.key(&format!("host-{name}"), kind);
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nLogLevel QUIET\nAcceptEnv nothing\nAllowAgentForwarding yes\n",
            self.at(&format!("host-{name}")).display(),
            self.at("authorized").display(),
        );
        std::fs::write(self.at(&format!("sshd-{name}")), config).unwrap();
    }

    /// Returns the line of known hosts for a server.
    fn line(&self, name: &str) -> String {
        format!("{name} {}", self.read(&format!("host-{name}.pub")))
    }

    fn rules(&self, keys: &[&str], servers: &[&str], known: &str) -> Rules {
        let keys = keys.iter().map(|key| self.read(&format!("{key}.pub")).parse::<NamedKey>().unwrap()).collect();
        let servers: Vec<Server> = servers.iter().map(|server| server.parse().unwrap()).collect();
        Rules { keys, hosts: KnownHosts::read(known, &servers).unwrap(), pairs: None }
    }

    /// Serves the agent that a confined program sees.
    fn serve(&self, rules: Rules) -> Served {
        self.serve_with(rules, Records::default())
    }

    fn serve_with(&self, rules: Rules, records: Records) -> Served {
        let socket = self.at("inside");
        drop(std::fs::remove_file(&socket));
        let listener = UnixListener::bind(&socket).unwrap();
        let proxy = Proxy::new(self.at("person"), rules, Box::new(records.clone()));
        let stop = Arc::new(Stop::new().unwrap());
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || proxy.serve(&listener, &until).unwrap());
        Served { socket, records, stop, thread: Some(thread) }
    }

    /// Returns the words of a client that uses the agent inside.
    fn ssh(&self, server: &str) -> Vec<String> {
        let daemon = format!("ProxyCommand=/usr/sbin/sshd -i -f {}", self.at(&format!("sshd-{server}")).display());
        let known = format!("UserKnownHostsFile={}", self.at("known").display());
        let mut words = vec!["ssh".to_owned(), "-F".to_owned(), "none".to_owned()];
        for option in [&daemon, &known, "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", "BatchMode=yes"] {
            words.extend(["-o".to_owned(), option.to_owned()]);
        }
        words.extend(["-o".to_owned(), "IdentityFile=none".to_owned()]);
        words
    }

    /// Runs a command on a server.
    fn at_server(&self, server: &str, options: &[&str], command: &str) -> Output {
        let words = self.ssh(server);
        let mut ssh = Command::new(&words[0]);
        ssh.args(&words[1..]).args(options).arg(format!("{}@{server}", self.user)).arg(command);
        inside(&mut ssh, &self.at("inside")).output().unwrap()
    }

    fn knows(&self, lines: &[String]) {
        std::fs::write(self.at("known"), lines.concat()).unwrap();
    }
}

/// A program inside sees this agent and nothing else of the test.
fn inside<'a>(command: &'a mut Command, socket: &Path) -> &'a mut Command {
    let home = socket.parent().unwrap();
    command.env_clear().env("PATH", PATH).env("HOME", home).env("SSH_AUTH_SOCK", socket).stdin(Stdio::null())
}

struct Served {
    socket: PathBuf,
    records: Records,
    stop: Arc<Stop>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
        drop(self.thread.take().unwrap().join());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_login_with_a_named_key_at_a_named_host_works_and_no_other() {
    if !is_possible("a_login_with_a_named_key_at_a_named_host_works_and_no_other") {
        return;
    }
    let scene = Scene::new();
    for name in ["git.example", "evil.example"] {
        scene.server(name, &["-t", "ed25519"]);
    }
    scene.knows(&[scene.line("git.example"), scene.line("evil.example")]);
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &scene.read("known")));
    let user = &scene.user;

    let good = scene.at_server("git.example", &[], "echo $SSH_AUTH_SOCK here");
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), "here\n".to_owned()), "{}", text(&good.stderr));
    assert_eq!(
        served.records.lines(),
        ["bind allow git.example:22", "list allow", &format!("sign allow git.example:22 {user} key")]
    );
    served.records.clear();

    let bad = scene.at_server("evil.example", &[], "echo here");
    assert_eq!((bad.status.code(), text(&bad.stdout)), (Some(255), String::new()));
    let refusal = "the host is not one at which keys may be used";
    assert_eq!(served.records.lines(), [format!("bind deny {refusal}"), format!("list deny {refusal}")]);
    drop(served);

    // A named user is the only one.
    let rules = scene.rules(&["named"], &["somebody@git.example"], &scene.read("known"));
    let served = scene.serve(rules);
    assert_eq!(scene.at_server("git.example", &[], "echo here").status.code(), Some(255));
    assert_eq!(served.records.lines()[2..], ["sign deny the login is as another user than the named one".to_owned()]);
    drop(served);

    // A server that has taken the name and has another key is not the named one, even if the client believes it.
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &scene.read("known")));
    std::fs::copy(scene.at("sshd-evil.example"), scene.at("sshd-git.example")).unwrap();
    scene.knows(&[format!("git.example {}", scene.read("host-evil.example.pub"))]);
    let output = scene.at_server("git.example", &[], "echo here");
    assert_eq!(output.status.code(), Some(255));
    let said = text(&output.stderr);
    assert_eq!(served.records.lines().first(), Some(&format!("bind deny {refusal}")), "{said}");
}

#[test]
fn all_kinds_of_keys_that_are_proved_work() {
    if !is_possible("all_kinds_of_keys_that_are_proved_work") {
        return;
    }
    let scene = Scene::new();
    let kinds: [(&str, &[&str]); 5] = [
        ("ed25519", &["-t", "ed25519"]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("p521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
    ];
    for (name, kind) in kinds {
        scene.server(name, kind);
        scene.key(&format!("user-{name}"), kind);
        scene.add(&format!("user-{name}"));
    }
    let lines: Vec<String> = kinds.iter().map(|(name, _)| scene.line(name)).collect();
    scene.knows(&lines);
    let servers: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    for (name, _) in kinds {
        let rules = scene.rules(&[&format!("user-{name}")], &servers, &scene.read("known"));
        let served = scene.serve(rules);
        let server = if name == "p521" { "p256" } else { name };
        let output = scene.at_server(server, &[], "echo here");
        assert_eq!(text(&output.stdout), "here\n", "{name}: {} {:?}", text(&output.stderr), served.records.lines());
    }
    // The one kind of host keys that is not checked is not believed.
    let served = scene.serve(scene.rules(&["named"], &servers, &scene.read("known")));
    assert_eq!(scene.at_server("p521", &[], "echo here").status.code(), Some(255));
    assert_eq!(served.records.lines()[0], "bind deny the host's signature of the session is not right");
}

#[test]
fn a_hashed_line_and_a_port_of_this_machine() {
    if !is_possible("a_hashed_line_and_a_port_of_this_machine") {
        return;
    }
    let scene = Scene::new();
    scene.server("here", &["-t", "ed25519"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut sshd = Command::new("/usr/sbin/sshd");
    sshd.args(["-D", "-o", &format!("ListenAddress=127.0.0.1:{port}"), "-f"]).arg(scene.at("sshd-here"));
    let _sshd = Running(sshd.stderr(Stdio::null()).spawn().unwrap());
    until("the server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    scene.knows(&[format!("[127.0.0.1]:{port} {}", scene.read("host-here.pub"))]);
    let hash = Command::new("ssh-keygen").arg("-H").arg("-f").arg(scene.at("known")).output().unwrap();
    assert!(hash.status.success());
    let known = scene.read("known");
    assert!(known.starts_with("|1|"), "{known}");

    let served = scene.serve(scene.rules(&["named"], &[&format!("127.0.0.1:{port}")], &known));
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentityFile=none", "-p", &port.to_string(), "-o"]);
    ssh.arg(format!("UserKnownHostsFile={}", scene.at("known").display()));
    ssh.arg(format!("{}@127.0.0.1", scene.user)).arg("echo here");
    let output = inside(&mut ssh, &served.socket).output().unwrap();
    assert_eq!(text(&output.stdout), "here\n", "{}", text(&output.stderr));
}

#[test]
fn git_clones_and_pushes_at_the_named_host_alone() {
    if !is_possible("git_clones_and_pushes_at_the_named_host_alone") {
        return;
    }
    let scene = Scene::new();
    for name in ["git.example", "evil.example"] {
        scene.server(name, &["-t", "ed25519"]);
    }
    scene.knows(&[scene.line("git.example"), scene.line("evil.example")]);
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &scene.read("known")));
    let git = |server: &str, directory: &Path, words: &[&str]| {
        let quoted = |word: &String| format!("'{word}'");
        let ssh = scene.ssh(server).iter().map(quoted).collect::<Vec<_>>().join(" ");
        let mut git = Command::new("git");
        inside(&mut git, &served.socket).env("GIT_SSH_COMMAND", ssh).env("GIT_CONFIG_NOSYSTEM", "1");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]);
        git.args(["-c", "safe.directory=*"]).current_dir(directory).args(words).output().unwrap()
    };
    let (top, work) = (scene.directory.path(), scene.at("work"));
    assert!(git("git.example", top, &["init", "-q", "--bare", "bare.git"]).status.success());
    let url = |server: &str| format!("ssh://{}@{server}{}", scene.user, scene.at("bare.git").display());
    let run = |server: &str, directory: &Path, words: &[&str]| {
        let output = git(server, directory, words);
        (output.status.success(), text(&output.stderr))
    };
    let (is_cloned, said) = run("git.example", top, &["clone", "-q", &url("git.example"), "work"]);
    assert!(is_cloned, "{said}");
    std::fs::write(work.join("a"), "a").unwrap();
    assert!(run("git.example", &work, &["add", "a"]).0);
    assert!(run("git.example", &work, &["commit", "-q", "-m", "a"]).0);
    let (is_pushed, said) = run("git.example", &work, &["push", "-q", "origin", "HEAD:main"]);
    assert!(is_pushed, "{said}");
    assert!(run("git.example", &work, &["fetch", "-q"]).0);
    assert!(!run("evil.example", &work, &["push", "-q", &url("evil.example"), "HEAD:other"]).0);
    assert!(!run("evil.example", top, &["clone", "-q", &url("evil.example"), "stolen"]).0);
    let branches = git("git.example", &scene.at("bare.git"), &["branch", "--format=%(refname)"]);
    assert_eq!(text(&branches.stdout), "refs/heads/main\n");
}

#[test]
fn an_agent_is_not_passed_on() {
    if !is_possible("an_agent_is_not_passed_on") {
        return;
    }
    let scene = Scene::new();
    scene.server("git.example", &["-t", "ed25519"]);
    scene.knows(&[scene.line("git.example")]);
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &scene.read("known")));
    // On the server the agent tells nothing, and signs for no host, not even the named one.
    let further = scene.ssh("git.example").join("' '");
    let command = format!("ssh-add -l; '{further}' {}@git.example echo further", scene.user);
    let output = scene.at_server("git.example", &["-A"], &command);
    let told = text(&output.stdout);
    assert!(!told.contains("further") && !told.contains("SHA256:"), "{told}");
    let lines = served.records.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("sign allow")).count(), 1, "{lines:?}");
    assert!(lines.contains(&"bind deny the agent is not passed on to other hosts".to_owned()), "{lines:?}");
}

#[test]
fn nothing_but_listing_and_logins_reaches_the_agent() {
    if !is_possible("nothing_but_listing_and_logins_reaches_the_agent") {
        return;
    }
    let scene = Scene::new();
    scene.server("git.example", &["-t", "ed25519"]);
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &scene.line("git.example")));
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        let output = inside(&mut command, &served.socket).current_dir(scene.directory.path()).args(words).output();
        let output = output.unwrap();
        (output.status.success(), text(&output.stdout))
    };
    let keys = |socket: &str| {
        let mut list = Command::new("ssh-add");
        let output = inside(&mut list, &scene.at(socket)).arg("-L").output().unwrap();
        text(&output.stdout)
    };
    let both = keys("person");
    assert_eq!(both.lines().count(), 2);
    assert_eq!(keys("inside"), scene.read("named.pub"));
    served.records.clear();

    scene.key("mine", &["-t", "ed25519"]);
    assert!(!run("ssh-add", &["mine"]).0);
    assert!(!run("ssh-add", &["-D"]).0);
    assert!(!run("ssh-add", &["-d", "named.pub"]).0);
    assert!(
        !run("setsid", &["sh", "-c", "printf 'x\\nx\\n' | SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=/bin/true ssh-add -x"])
            .0
    );
    assert!(!run("ssh-add", &["-t", "10", "mine"]).0);
    std::fs::write(scene.at("text"), "text").unwrap();
    assert!(!run("ssh-keygen", &["-Y", "sign", "-n", "file", "-f", "named.pub", "text"]).0);
    assert!(!scene.at("text.sig").exists());
    let lines = served.records.lines();
    for line in [
        "other deny keys are not added from here",
        "other deny keys are not removed from here",
        "other deny the agent is not locked from here",
        "sign deny what is to be signed is no login with a key",
    ] {
        assert!(lines.iter().any(|recorded| recorded == line), "{line}: {lines:?}");
    }
    assert_eq!(keys("person"), both);
}

// Programs that speak to the agent themselves ----------------------------------------------------------------

/// A host key of the test, so that it can sign sessions as a server does.
struct HostKey {
    pair: Ed25519KeyPair,
    blob: Vec<u8>,
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

impl HostKey {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let blob = [string(b"ssh-ed25519"), string(pair.public_key().as_ref())].concat();
        Self { pair, blob }
    }

    fn line(&self, host: &str) -> String {
        use base64::Engine;
        format!("{host} ssh-ed25519 {}\n", base64::engine::general_purpose::STANDARD.encode(&self.blob))
    }

    fn proof(&self, session: &[u8]) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(self.pair.sign(session).as_ref())].concat()
    }
}

fn login(session: &[u8], user: &str, method: &str, key: &[u8], host_key: Option<&[u8]>) -> Vec<u8> {
    let mut data = [string(session), vec![50], string(user.as_bytes()), string(b"ssh-connection")].concat();
    data.extend([string(method.as_bytes()), vec![1], string(b"ssh-ed25519"), string(key)].concat());
    data.extend(host_key.map(string).unwrap_or_default());
    data
}

/// One program's connection.
struct Program(UnixStream);

impl Program {
    fn connect(served: &Served) -> Self {
        let stream = UnixStream::connect(&served.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn say(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.0.write_all(bytes).ok()?;
        let mut prefix = [0; 4];
        self.0.read_exact(&mut prefix).ok()?;
        let mut bytes = vec![0; u32::from_be_bytes(prefix) as usize];
        self.0.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Returns the number of the answer.
    fn ask(&mut self, request: &Request<'_>) -> Option<u8> {
        self.say(&message::render(request).unwrap()).map(|answer| answer[0])
    }

    fn bind(&mut self, host: &HostKey, session: &[u8]) -> Option<u8> {
        let signature = host.proof(session);
        let bind = Bind { host_key: &host.blob, session, signature: &signature, is_forwarded: false };
        self.ask(&Request::Bind(bind))
    }

    fn sign(&mut self, key: &[u8], data: &[u8]) -> Option<u8> {
        self.ask(&Request::Sign(Sign { key, data, flags: 0 }))
    }
}

const FAILURE: Option<u8> = Some(5);
const SUCCESS: Option<u8> = Some(6);
const SIGNED: Option<u8> = Some(14);
const EXTENSION_FAILURE: Option<u8> = Some(28);

fn blob(line: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(line.split(' ').nth(1).unwrap()).unwrap()
}

#[test]
fn a_program_that_speaks_by_itself_gets_no_more() {
    if !is_possible("a_program_that_speaks_by_itself_gets_no_more") {
        return;
    }
    let scene = Scene::new();
    let (host, evil) = (HostKey::new(), HostKey::new());
    let known = host.line("git.example") + &evil.line("evil.example");
    let served = scene.serve(scene.rules(&["named"], &["git@git.example"], &known));
    let (named, other) = (blob(&scene.read("named.pub")), blob(&scene.read("other.pub")));
    let (session, another) = ([7; 32], [8; 32]);
    let bound = "publickey-hostbound-v00@openssh.com";
    let connect = || Program::connect(&served);
    let good = login(&session, "git", "publickey", &named, None);
    let good_bound = login(&session, "git", bound, &named, Some(&host.blob));

    // What an honest client does.
    let mut program = connect();
    assert_eq!(program.bind(&host, &session), SUCCESS);
    assert_eq!(program.bind(&host, &session), SUCCESS);
    assert_eq!(program.sign(&named, &good), SIGNED);
    assert_eq!(program.sign(&named, &good_bound), SIGNED);
    // And then other things.
    for (data, why) in [
        (login(&another, "git", "publickey", &named, None), "another session"),
        (login(&session, "root", "publickey", &named, None), "another user"),
        (login(&session, "git", "publickey", &other, None), "another key inside"),
        (login(&session, "git", "password", &named, None), "another method"),
        (login(&session, "git", "hostbased", &named, None), "another method"),
        (login(&session, "git", bound, &named, Some(&evil.blob)), "another host inside"),
        (login(&session, "git", bound, &named, None), "no host inside"),
        (login(&session, "git", "publickey", &named, Some(&host.blob)), "something behind it"),
        (login(&session, "gi\nt", "publickey", &named, None), "an odd user"),
        (login(&session, "", "publickey", &named, None), "no user"),
        (b"SSHSIG".to_vec(), "a file's signature"),
        (vec![], "nothing"),
        (session.to_vec(), "anything"),
    ] {
        assert_eq!(program.sign(&named, &data), FAILURE, "{why}");
    }
    assert_eq!(program.sign(&other, &login(&session, "git", "publickey", &other, None)), FAILURE);
    for flags in [1, 2, 4, 8, u32::MAX] {
        assert_eq!(program.ask(&Request::Sign(Sign { key: &named, data: &good, flags })), FAILURE);
    }
    // A second session on one connection, and everything after it.
    assert_eq!(program.bind(&host, &another), EXTENSION_FAILURE);
    assert_eq!(program.sign(&named, &good), FAILURE);
    assert_eq!(program.bind(&host, &session), EXTENSION_FAILURE);

    // No host, a host that is not named, a host that did not sign, a host elsewhere.
    assert_eq!(connect().sign(&named, &good), FAILURE);
    let mut program = connect();
    assert_eq!(program.bind(&evil, &session), EXTENSION_FAILURE);
    assert_eq!(program.sign(&named, &good), FAILURE);
    assert_eq!(program.ask(&Request::Identities), FAILURE);
    let forge = |signature: &[u8], is_forwarded| {
        let mut program = connect();
        let bind = Bind { host_key: &host.blob, session: &session, signature, is_forwarded };
        assert_eq!(program.ask(&Request::Bind(bind)), EXTENSION_FAILURE);
        assert_eq!(program.sign(&named, &good), FAILURE);
    };
    forge(&evil.proof(&session), false);
    forge(&host.proof(&another), false);
    forge(&host.proof(&session), true);
    forge(&[], false);
    forge(&[&host.proof(&session)[..], &[0]].concat(), false);

    let lines = served.records.lines();
    let reasons = [
        Refused::OtherSession,
        Refused::User,
        Refused::OtherKey,
        Refused::Data,
        Refused::Key,
        Refused::Bound,
        Refused::Unbound,
        Refused::Host,
        Refused::Unproved,
        Refused::Forwarded,
    ];
    for reason in reasons {
        let is_there = lines.iter().any(|line| line.ends_with(&reason.to_string()));
        assert!(is_there, "{reason}: {lines:?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("sign allow")).count(), 2);
}

#[test]
fn messages_that_are_none_end_in_nothing() {
    if !is_possible("messages_that_are_none_end_in_nothing") {
        return;
    }
    let scene = Scene::new();
    let host = HostKey::new();
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &host.line("git.example")));
    let connect = || Program::connect(&served);
    // Lengths that nothing has.
    assert_eq!(connect().say(&[0, 0, 0, 0]), None);
    assert_eq!(connect().say(&[0xff; 4]), None);
    assert_eq!(connect().say(&(256 * 1024 + 1_u32).to_be_bytes()), None);
    // Requests with another form, with the right length.
    for bytes in [
        &[0, 0, 0, 2, 11, 0][..],
        &[0, 0, 0, 1, 13],
        &[0, 0, 0, 5, 13, 0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 5, 27, 0, 0, 0, 9],
    ] {
        assert_eq!(connect().say(bytes), Some(vec![5]));
    }
    for (number, answer) in [(1, 5), (9, 5), (12, 5), (14, 5), (17, 5), (19, 5), (20, 5), (22, 5), (26, 5), (255, 5)] {
        assert_eq!(connect().say(&[0, 0, 0, 1, number]), Some(vec![answer]));
    }
    let query = [&[0, 0, 0, 10, 27][..], &string(b"query")].concat();
    assert_eq!(connect().say(&query), Some(vec![28]));
    // A byte at a time is a request too.
    let mut program = connect();
    let list = message::render(&Request::Identities).unwrap();
    for byte in &list[..list.len() - 1] {
        program.0.write_all(&[*byte]).unwrap();
    }
    assert_eq!(program.say(&list[list.len() - 1..]).unwrap()[0], 12);
    // So many requests, and then no more.
    let mut program = connect();
    let answers = (0..1000).take_while(|_| program.ask(&Request::Identities) == Some(12)).count();
    assert_eq!(answers, vault::limits::AGENT_REQUESTS_MAX);
    let unknown = Refused::Request(Other::Unknown).to_string();
    assert!(served.records.lines().contains(&format!("other deny {unknown}")));
}

#[test]
fn connections_are_bounded_and_others_are_served() {
    if !is_possible("connections_are_bounded_and_others_are_served") {
        return;
    }
    let scene = Scene::new();
    let served = scene.serve(scene.rules(&["named"], &["git.example"], &HostKey::new().line("git.example")));
    let mut silent: Vec<Program> =
        (1..vault::limits::AGENT_CONNECTIONS_MAX).map(|_| Program::connect(&served)).collect();
    let mut last = Program::connect(&served);
    assert_eq!(last.ask(&Request::Identities), Some(12));
    assert_eq!(Program::connect(&served).ask(&Request::Identities), None);
    silent.pop();
    until("a place", || Program::connect(&served).ask(&Request::Identities) == Some(12));
    // A stop ends those that are open.
    drop(served);
    assert_eq!(last.ask(&Request::Identities), None);
}

#[test]
fn what_cannot_be_recorded_or_asked_is_refused() {
    if !is_possible("what_cannot_be_recorded_or_asked_is_refused") {
        return;
    }
    let scene = Scene::new();
    let host = HostKey::new();
    let rules = || scene.rules(&["named"], &["git.example"], &host.line("git.example"));
    let served = scene.serve_with(rules(), Records { is_full: true, ..Records::default() });
    assert_eq!(Program::connect(&served).ask(&Request::Identities), None);
    assert_eq!(Program::connect(&served).bind(&host, &[7; 32]), None);
    drop(served);

    // An agent that says something else, or is not there.
    let named = blob(&scene.read("named.pub"));
    let session = [7; 32];
    for answer in
        [&b"\0\0\0\x01\x0c"[..], b"\0\0\0\x05\x0e\xff\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\x01\x05", b""]
    {
        let path = scene.at("odd");
        drop(std::fs::remove_file(&path));
        let listener = UnixListener::bind(&path).unwrap();
        let odd = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 65536];
            while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                if answer.is_empty() || stream.write_all(answer).is_err() {
                    break;
                }
            }
        });
        let proxy = Proxy::new(path, rules(), Box::new(Records::default()));
        let (inside, outside) = UnixStream::pair().unwrap();
        let talk = std::thread::spawn(move || proxy.converse(outside, &Stop::new().unwrap()));
        let mut program = Program(inside);
        assert_eq!(program.ask(&Request::Identities), FAILURE);
        drop(program);
        talk.join().unwrap();
        odd.join().unwrap();
    }
    let proxy = Proxy::new(scene.at("nobody"), rules(), Box::new(Records::default()));
    let (inside, outside) = UnixStream::pair().unwrap();
    let talk = std::thread::spawn(move || proxy.converse(outside, &Stop::new().unwrap()));
    let mut program = Program(inside);
    assert_eq!(program.bind(&host, &session), SUCCESS);
    assert_eq!(program.sign(&named, &login(&session, "git", "publickey", &named, None)), FAILURE);
    drop(program);
    talk.join().unwrap();
}
