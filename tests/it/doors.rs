//! What a person opens besides what the proxy admits: sockets of the host by path, ports forwarded in and published, logins
//! by ssh. Servers are the test's own: on this machine's loopback interface, at paths, or behind a network of the test's.
#![expect(clippy::disallowed_methods, reason = "servers of the test's own, and its callers")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Scene, each_user, managed};

/// Says something to everybody who comes, once they have said something; the next word of theirs is sent back.
const ASK: &str = "import socket,sys
for path in sys.argv[1:]:
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.sendall(b'hello')
        s.shutdown(socket.SHUT_WR)
        print(path, s.makefile().read())
    except OSError as error:
        print(path, error.strerror)
";

/// Listens at a path of the scene, and answers each connection with its own words.
fn echo_at(scene: &Scene, name: &str) -> String {
    let path = scene.path(name);
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut said = String::new();
            // Who has gone says nothing.
            if stream.read_to_string(&mut said).is_ok() {
                let _ = stream.write_all(format!("{said} back").as_bytes());
            }
        }
    });
    path.to_str().unwrap().to_owned()
}

/// Returns the journal's records of connections of one way, as lines.
fn records(scene: &Scene, way: &str) -> Vec<String> {
    let records = scene.journal();
    let connections = records.iter().map(|record| &record["connection"]).filter(|connection| connection["way"] == way);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    connections
        .map(|one| {
            let stage = text(&one["stage"]);
            let rule = text(&one["rule"]["text"]);
            format!("{stage} {} {} <- {rule}: {}", text(&one["target"]), text(&one["verdict"]), text(&one["reason"]))
        })
        .collect()
}

/// A socket of the host that is named is reached, by every name that it has; no other is.
#[test]
fn sockets_are_reached_by_path() {
    each_user(|scene| {
        scene.directory("outside");
        let (named, other) = (echo_at(scene, "outside/named"), echo_at(scene, "outside/other"));
        std::os::unix::fs::symlink(&named, scene.path("outside/link")).unwrap();
        scene.settings(&json!({"sandbox": {"network": {"allowUnixSockets": [named, scene.text("outside/gone")]}}}));
        let ask = scene.write("project/ask.py", ASK).to_str().unwrap().to_owned();
        let link = scene.text("outside/link");
        let run = scene.palisade(["run", "--", "/usr/bin/env", "python3", &ask, &named, &link, &other]).run();
        let said = format!("{named} hello back\n{link} hello back\n{other} Permission denied\n");
        assert_eq!((run.code, run.stdout.as_str()), (0, said.as_str()), "{run:#?}");
        assert!(run.stderr.contains("outside/gone is not reached"), "{run:#?}");
        assert!(run.stderr.contains("`allowUnixSockets` does not name it"), "{run:#?}");
        // The control: both are there.
        let unconfined = scene.call(["python3", &ask, &named, &other].map(Into::into).to_vec()).run();
        assert_eq!(unconfined.stdout, format!("{named} hello back\n{other} hello back\n"));
        let rule = format!("allowUnixSockets: {named}");
        let expected = [
            format!("decided {named} allow <- {rule}: it is opened by name"),
            format!("ended {named} allow <- {rule}: it is over"),
        ];
        // The end of the first can come after the second has begun.
        let mut lines = records(scene, "socket");
        lines.sort();
        assert_eq!(lines, [expected[0].clone(), expected[0].clone(), expected[1].clone(), expected[1].clone()]);
    });
}

/// Where all are allowed each socket that takes connections is reached, but what is hidden and what is made later.
#[test]
fn all_sockets_are_reached_where_they_are_allowed() {
    each_user(|scene| {
        scene.directory("outside");
        scene.directory("hidden");
        let (open, secret) = (echo_at(scene, "outside/open"), echo_at(scene, "hidden/secret"));
        let closed = scene.text("outside/closed");
        drop(UnixListener::bind(&closed).unwrap());
        let settings = |all: bool| {
            json!({"sandbox": {
                "network": {"allowAllUnixSockets": all},
                "filesystem": {"denyRead": [scene.text("hidden")]},
            }})
        };
        let ask = scene.write("project/ask.py", ASK).to_str().unwrap().to_owned();
        let run = || scene.palisade(["run", "--", "/usr/bin/env", "python3", &ask, &open, &closed, &secret]).run();
        scene.settings(&settings(true));
        let all = run();
        let said: Vec<&str> = all.stdout.lines().collect();
        let [first, second, third] = said.as_slice() else { panic!("{all:#?}") };
        assert_eq!((all.code, *first), (0, format!("{open} hello back").as_str()), "{all:#?}");
        assert!([second, third].iter().all(|line| !line.contains("hello")), "{all:#?}");
        let expected = format!("decided {open} allow <- allowAllUnixSockets: true: it is opened by name");
        assert!(records(scene, "socket").contains(&expected), "{:#?}", records(scene, "socket"));
        scene.settings(&settings(false));
        assert!(!run().stdout.contains("hello"), "{:#?}", run());
    });
}

/// Connects in a thread whose descriptors are its own (`CLOSE_RANGE_UNSHARE`).
const ASK_IN_A_THREAD: &str = "import ctypes,os,socket,sys,threading
def ask():
    print(ctypes.CDLL(None).syscall(436, 1000, 1001, 2))
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(b'hello')
        s.shutdown(socket.SHUT_WR)
        print(s.makefile().read())
    except OSError as error:
        # Before Linux 6.9 nobody can tell whose descriptor is meant.
        is_old = tuple(int(part) for part in os.uname().release.split('.')[:2]) < (6, 9)
        print('hello back' if is_old else error.strerror)
thread = threading.Thread(target=ask)
thread.start()
thread.join()
";

/// A thread that has descriptors of its own connects with them, and not with those of the program's first thread.
#[test]
fn a_thread_connects_by_its_own_descriptors() {
    each_user(|scene| {
        scene.directory("outside");
        let named = echo_at(scene, "outside/named");
        scene.settings(&json!({"sandbox": {"network": {"allowUnixSockets": [named]}}}));
        let ask = scene.write("project/ask.py", ASK_IN_A_THREAD).to_str().unwrap().to_owned();
        let run = scene.palisade(["run", "--", "/usr/bin/env", "python3", &ask, &named]).run();
        assert_eq!((run.code, run.stdout.as_str()), (0, "0\nhello back\n"), "{run:#?}");
    });
}

/// What a command can have laid leads to no socket of the host, and what is hidden stays so by another name.
#[test]
fn no_link_of_a_command_leads_to_a_socket() {
    each_user(|scene| {
        scene.directory("outside");
        scene.directory("hidden");
        let (other, secret) = (echo_at(scene, "outside/other"), echo_at(scene, "hidden/secret"));
        for (target, name) in
            [(&other, "project/link"), (&scene.text("outside"), "project/parent"), (&secret, "outside/way")]
        {
            std::os::unix::fs::symlink(target, scene.path(name)).unwrap();
        }
        let named = ["project/link", "project/parent/other", "outside/way"].map(|name| scene.text(name));
        scene.settings(&json!({"sandbox": {
            "network": {"allowUnixSockets": named},
            "filesystem": {"denyRead": [scene.text("hidden")]},
        }}));
        let ask = scene.write("project/ask.py", ASK).to_str().unwrap().to_owned();
        let mut words = vec!["run", "--", "/usr/bin/env", "python3", &ask];
        words.extend(named.iter().map(String::as_str));
        let run = scene.palisade(words).run();
        assert_eq!(run.stdout.matches("hello back").count(), 0, "{run:#?}");
        let [link, below, way] = &named;
        for told in [
            format!("the socket {link} is not reached: {link} is a link that a command could have laid"),
            format!(
                "the socket {below} is not reached: {} is a link that a command could have laid",
                scene.text("project/parent")
            ),
            format!("the socket {way} is not reached: {} is hidden", scene.text("hidden")),
        ] {
            assert!(run.stderr.contains(&told), "{told}\n{run:#?}");
        }
        // The control: all of them lead there.
        let mut words = vec!["python3", ask.as_str()];
        words.extend(named.iter().map(String::as_str));
        let unconfined = scene.call(words.into_iter().map(Into::into).collect()).run();
        assert_eq!(unconfined.stdout.matches("hello back").count(), 3, "{unconfined:#?}");
    });
}

/// Where the administrator alone opens anything, nobody is left to think that something else is open.
#[test]
fn what_the_administrator_keeps_closed_is_told() {
    each_user(|scene| {
        scene.write("etc/palisade/settings.json", r#"{"sandbox": {"network": {"allowManagedDomainsOnly": true}}}"#);
        let keys =
            json!({"allowUnixSockets": ["/run/a"], "forwardPorts": [9], "publishPorts": [9], "httpProxyPort": 9});
        scene.settings(&json!({"sandbox": {
            "network": keys, "credentials": {"ssh": [{"host": "git.example", "keys": ["~/.ssh/id.pub"]}]},
        }}));
        let told = managed(scene, scene.palisade(["permissions"])).run();
        let by = "opens nothing: `allowManagedDomainsOnly` of /etc/palisade/settings.json leaves that to managed files";
        for key in [
            "network.allowUnixSockets",
            "network.forwardPorts",
            "network.publishPorts",
            "network.httpProxyPort",
            "credentials.ssh",
        ] {
            assert!(
                format!("{}{}", told.stdout, told.stderr).contains(&format!("`sandbox.{key}` {by}")),
                "{key}\n{told:#?}"
            );
        }
        for option in ["--forward", "--publish"] {
            let run = managed(scene, scene.palisade(["run", option, "9", "--", "true"])).run();
            assert_eq!(run.code, 125, "{run:#?}");
            assert!(run.stderr.contains(&format!("nothing ran: `{option}` opens nothing")), "{run:#?}");
        }
    });
}

/// A repository's files open nothing, whether their folder is trusted or not.
#[test]
fn a_repository_opens_nothing() {
    each_user(|scene| {
        scene.directory("outside");
        let named = echo_at(scene, "outside/named");
        let keys = json!({"allowUnixSockets": [named], "forwardPorts": [9], "publishPorts": [9], "httpProxyPort": 9});
        scene.write("project/.claude/settings.json", json!({"sandbox": {"network": keys}}).to_string());
        scene.palisade(["trust", "grant", "--yes"]).run();
        let ask = scene.write("project/ask.py", ASK).to_str().unwrap().to_owned();
        let run = scene.palisade(["run", "--", "/usr/bin/env", "python3", &ask, &named]).run();
        let said = format!("{named} Operation not permitted\n");
        assert_eq!((run.code, run.stdout.as_str()), (0, said.as_str()), "{run:#?}");
        for key in ["allowUnixSockets", "forwardPorts", "publishPorts", "httpProxyPort"] {
            let told = format!("`sandbox.network.{key}` does not count in the files of a folder");
            assert!(run.stderr.contains(&told), "{told}\n{run:#?}");
        }
    });
}

/// A port of this machine's loopback interface is there inside, at the same number or another.
#[test]
fn ports_are_forwarded() {
    each_user(|scene| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // Who has gone hears nothing.
                let _ = stream.write_all(b"first word\n");
            }
        });
        scene.settings(&json!({"sandbox": {"network": {"forwardPorts": [port, format!("{port}:7001")]}}}));
        let hear = format!(
            "for at in {port} 7001 7002; do exec 3<>/dev/tcp/127.0.0.1/$at; cat <&3; done; exec 3<>/dev/tcp/127.0.0.1/7003"
        );
        let run = scene.palisade(["run", "--forward", &format!("{port}:7002"), "--", "bash", "-c", &hear]).run();
        assert_eq!((run.code, run.stdout.as_str()), (1, "first word\n".repeat(3).as_str()), "{run:#?}");
        let lines = records(scene, "forward");
        let decided =
            |rule: &str| format!("decided 127.0.0.1:{port} allow <- forwardPorts: {rule}: it is opened by name");
        for rule in [format!("{port}:{port}"), format!("{port}:7001"), format!("{port}:7002")] {
            assert!(lines.contains(&decided(&rule)), "{lines:?}");
        }
        // Nothing is opened for a command that is not told of it.
        scene.settings(&json!({}));
        let run = scene.confined(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}")).run();
        assert_eq!(run.code, 1, "{run:#?}");
    });
}

/// A server inside is reached at 127.0.0.1 of this machine, and at no other address of it.
#[test]
fn ports_are_published() {
    each_user(|scene| {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = free();
        scene.settings(&json!({"sandbox": {"network": {"publishPorts": [format!("7100:{port}")]}}}));
        scene.write("project/hello.txt", "hello from inside\n");
        let calling = std::thread::spawn(move || {
            let get = || -> std::io::Result<String> {
                let mut stream = TcpStream::connect(("127.0.0.1", port))?;
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                stream.write_all(b"GET /hello.txt HTTP/1.0\r\n\r\n")?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            };
            for _ in 0..400 {
                if let Ok(answer) = get()
                    && answer.ends_with("hello from inside\n")
                {
                    return (answer, TcpListener::bind(("127.0.0.2", port)).is_ok());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            (String::new(), false)
        });
        let serve = "python3 -m http.server 7100 & server=$!; for i in $(seq 400); do
            grep -q . served 2>/dev/null && break; sleep 0.05; done; kill $server";
        let waiting = scene.path("project/served");
        let watch = std::thread::spawn(move || {
            let (answer, is_free_elsewhere) = calling.join().unwrap();
            std::fs::write(waiting, "yes").unwrap();
            (answer, is_free_elsewhere)
        });
        let run = scene.confined(serve).run();
        let (answer, is_free_elsewhere) = watch.join().unwrap();
        assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}\n{run:#?}");
        // Whoever listened at all addresses would have that one too.
        assert!(is_free_elsewhere);
        let lines = records(scene, "publish");
        let rule = format!("publishPorts: 7100:{port}");
        assert!(lines.contains(&format!("ended 127.0.0.1:7100 allow <- {rule}: it is over")), "{lines:?}");
        // Once the command is over nobody listens.
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        // A port that another has is said before anything runs.
        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let run = scene.confined("echo ran").run();
        assert_eq!(run.stdout, "", "{run:#?}");
        assert!(run.stderr.contains("nothing ran: port"), "{run:#?}");
        drop(taken);
    });
}

/// A server for ssh that logs in this test's own user, at a path.
struct Server {
    user: String,
    host_key: String,
}

impl Server {
    fn start(scene: &Scene, name: &str, authorized: &str) -> Self {
        // As root, a server wants this directory; the package's start makes it.
        if rustix::process::getuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let place = scene.directory(&format!("servers/{name}"));
        keys(&place.join("host"));
        std::fs::write(place.join("authorized"), authorized).unwrap();
        let config = format!(
            "HostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n\
             PermitRootLogin yes\nPasswordAuthentication no\nLogLevel QUIET\n",
            place.display()
        );
        std::fs::write(place.join("config"), config).unwrap();
        let listener = UnixListener::bind(place.join("socket")).unwrap();
        std::fs::set_permissions(place.join("socket"), PermissionsExt::from_mode(0o777)).unwrap();
        let config = place.join("config");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream: std::os::fd::OwnedFd = stream.unwrap().into();
                let mut server = Command::new("/usr/sbin/sshd");
                server.arg("-i").arg("-f").arg(&config).env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin");
                server.stdin(stream.try_clone().unwrap()).stdout(stream).stderr(Stdio::null());
                let mut running = server.spawn().unwrap();
                std::thread::spawn(move || running.wait());
            }
        });
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let host_key = std::fs::read_to_string(place.join("host.pub")).unwrap();
        Self { user: user.trim().to_owned(), host_key }
    }
}

/// Makes a pair of keys.
fn keys(file: &Path) {
    let arguments = ["-q", "-N", "", "-t", "ed25519", "-C", "made for a test", "-f"];
    assert!(Command::new("ssh-keygen").args(arguments).arg(file).status().unwrap().success());
}

/// Logins by ssh with the named key at the named host, through the proxy and the person's agent, and nothing else of it.
#[test]
fn logins_are_signed_for_named_keys_at_named_hosts() {
    each_user(|scene| {
        scene.directory("keys");
        for name in ["named", "other"] {
            keys(&scene.path(&format!("keys/{name}")));
            let private = scene.read(&format!("keys/{name}"));
            scene.write(&format!("keys/{name}"), private);
        }
        let (named, other) = (scene.read("keys/named.pub"), scene.read("keys/other.pub"));
        let good = Server::start(scene, "good", &format!("{named}{other}"));
        let third = Server::start(scene, "third", &format!("{named}{other}"));
        let evil = Server::start(scene, "evil", &format!("{named}{other}"));
        let (user, agent) = (good.user.as_str(), scene.text("agent"));
        let hosts = scene.write(
            "hosts",
            format!(
                "good.example {}evil.example {}[good.example]:2222 {}",
                good.host_key, evil.host_key, third.host_key
            ),
        );
        let hosts = hosts.to_str().unwrap().to_owned();
        let repository = scene.text("repository.git");
        git(&["init", "-q", "--bare", "-b", "main", &repository]);
        let (text, outside) =
            (format!("ssh -o BatchMode=yes -o UserKnownHostsFile={hosts}"), format!("SSH_AUTH_SOCK={agent}"));
        let git_words = "git -c user.name=t -c user.email=t@t.example";
        let remote = format!("ssh://{user}@good.example{repository}");
        let rows = [
            (false, format!("chmod 600 {0}/named {0}/other; for i in $(seq 100); do test -S {agent} && break; sleep 0.05; done; {outside} ssh-add -q {0}/named {0}/other", scene.text("keys"))),
            // The control: everything can be had with the person's agent.
            (false, format!("{outside} {text} {user}@good.example echo in")),
            (false, format!("{outside} {text} {user}@evil.example echo in")),
            (true, format!("ssh -o BatchMode=yes {user}@good.example echo in")),
            (true, format!("{git_words} clone -q {remote} copy && cd copy && {git_words} commit -q --allow-empty -m first && {git_words} push -q origin HEAD:main && {git_words} ls-remote -q origin | grep -c refs/heads/main")),
            (true, "ssh-add -l | cut -d ' ' -f 2; ssh-add -D; ssh-add -x </dev/null; ssh-add -q ../keys/other; ssh-add -l | wc -l".to_owned()),
            (true, format!("ssh -o BatchMode=yes -o StrictHostKeyChecking=no {user}@evil.example echo in; {outside} ssh-add -l")),
            (true, format!("ssh -o BatchMode=yes -p 2222 {user}@good.example echo in")),
        ];
        let settings = json!({"sandbox": {
            "network": {"allowedDomains": ["good.example:22", "evil.example:22", "good.example:2222"]},
            "credentials": {"ssh": [
                {"host": format!("{user}@good.example"), "keys": [scene.text("keys/named.pub")], "knownHosts": hosts},
                {"host": format!("{user}@good.example:2222"), "keys": [scene.text("keys/other.pub")], "knownHosts": hosts},
            ]},
        }});
        let done = world(scene, &settings, &rows, &agent);
        let outs: Vec<(i64, &str)> =
            done.iter().map(|done| (done["code"].as_i64().unwrap(), done["out"].as_str().unwrap().trim())).collect();
        let second = fingerprint(&scene.path("keys/other.pub"));
        let fingerprint = fingerprint(&scene.path("keys/named.pub"));
        assert_eq!(outs[..5], [(0, ""), (0, "in"), (0, "in"), (0, "in"), (0, "1")], "{done:#?}");
        assert_eq!(outs[5], (0, format!("{fingerprint}\n{second}\n2").as_str()), "{done:#?}");
        assert_eq!(outs[7], (0, "in"), "{done:#?}");
        assert_ne!(outs[6].0, 0, "{done:#?}");
        assert_eq!(outs[6].1, "", "{done:#?}");
        let lines = records(scene, "agent");
        let signed = format!("decided {user}@good.example:22 allow <- ssh: sign as {user} with {fingerprint}");
        assert!(lines.contains(&signed), "{lines:#?}");
        // Each key at its own host, though the agent has both.
        let signed = format!("decided {user}@good.example:2222 allow <- ssh: sign as {user} with {second}");
        assert!(lines.contains(&signed), "{lines:#?}");
        for refused in [
            "keys are not removed from here",
            "the agent is not locked from here",
            "the host is not one at which keys may be used",
            "the key is not one that may be used",
        ] {
            assert!(
                lines.iter().any(|line| line.contains(refused) && line.contains(" deny ")),
                "{refused}\n{lines:#?}"
            );
        }
        let signed = lines.iter().filter(|line| line.contains(": sign") && line.contains(" allow ")).count();
        // Two logins by hand, and of git the clone, the push and the list.
        assert_eq!(signed, 5, "{lines:#?}");
    });
}

/// A person's own proxy is where connections go on, once the rules have let them.
#[test]
fn connections_go_on_by_a_proxy_of_the_persons() {
    each_user(|scene| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 4096];
                let host = socks(&mut stream);
                let count = stream.read(&mut bytes).unwrap_or_default();
                let heard = String::from_utf8_lossy(&bytes[..count]);
                let body = format!("by the proxy: {host}{}\n", heard.lines().next().unwrap_or_default());
                // Who has gone hears nothing.
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        scene.settings(&json!({"sandbox": {"network": {"allowedDomains": ["good.example"], "httpProxyPort": port}}}));
        let get = |host: &str| scene.confined(&format!("curl --silent --max-time 20 http://{host}/a")).run();
        assert_eq!(get("good.example").stdout, "by the proxy: GET http://good.example/a HTTP/1.1\n");
        // The rules hold as ever.
        let refuses = || {
            let refused = get("evil.example");
            assert!(!refused.stdout.contains("by the proxy"), "{refused:#?}");
            assert!(refused.stderr.contains("no rule allows it"), "{refused:#?}");
        };
        refuses();
        scene.settings(&json!({"sandbox": {"network": {"allowedDomains": ["good.example"], "socksProxyPort": port}}}));
        assert_eq!(get("good.example").stdout, "by the proxy: good.example:80 GET /a HTTP/1.1\n");
        refuses();
    });
}

/// Speaks the server's side of SOCKS 5 (RFC 1928) with a client that does, and returns the name it asks for.
fn socks(stream: &mut TcpStream) -> String {
    let mut first = [0];
    if stream.peek(&mut first).unwrap_or_default() == 0 || first != [5] {
        return String::new();
    }
    let mut take = |count: usize, answer: &[u8]| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(answer).unwrap();
        bytes
    };
    assert_eq!(take(3, &[5, 0]), [5, 1, 0], "a greeting without a name");
    assert_eq!(take(4, &[]), [5, 1, 0, 3], "a request for a name");
    let length = take(1, &[])[0];
    let name = take(usize::from(length), &[]);
    let port = take(2, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    format!("{}:{} ", String::from_utf8(name).unwrap(), u16::from_be_bytes([port[0], port[1]]))
}

/// Where it can be told, a record names the program that has the connection, and never another.
#[test]
fn programs_behind_connections_are_told() {
    // What is certain only after a while is not said, and a busy machine is slow.
    const TIMES: usize = 12;
    each_user(|scene| {
        let rows: Vec<(bool, String)> =
            (0..TIMES).map(|_| (true, "curl --silent --max-time 10 http://good.example/".to_owned())).collect();
        let settings =
            json!({"sandbox": {"network": {"deniedDomains": ["good.example"], "allowedDomains": ["*.good.example"]}}});
        let done = world(scene, &settings, &rows, "agent");
        let records = scene.journal();
        let connections = records.iter().map(|record| &record["connection"]).filter(|one| one["way"] == "plain");
        let programs: Vec<&str> = connections.map(|one| one["program"].as_str().unwrap_or_default()).collect();
        let (named, unnamed): (Vec<&str>, Vec<&str>) = programs.iter().partition(|program| !program.is_empty());
        assert_eq!((named.len() + unnamed.len(), named.is_empty()), (TIMES, false), "{programs:#?}\n{done:#?}");
        let is_curl = |program: &&str| program.contains("/curl (pid ") && program.ends_with(')');
        assert!(named.iter().all(is_curl), "{programs:#?}");
    });
}

fn git(words: &[&str]) {
    assert!(Command::new("git").args(words).status().unwrap().success());
}

fn fingerprint(file: &Path) -> String {
    let shown = Command::new("ssh-keygen").arg("-lf").arg(file).output().unwrap().stdout;
    String::from_utf8(shown).unwrap().split(' ').nth(1).unwrap().to_owned()
}

/// Runs rows, each confined or not, in a network of the test's own with the two servers behind it and a person's agent.
fn world(scene: &Scene, settings: &Value, rows: &[(bool, String)], agent: &str) -> Vec<Value> {
    scene.settings(settings);
    let program = scene.write("world/world.py", include_str!("egress/world.py"));
    scene.directory("world/files");
    let row = |(is_inside, sh): &(bool, String)| {
        let words = is_inside.then(Vec::<String>::new);
        json!({"words": words, "sh": sh, "typed": null})
    };
    let config = json!({
        "directory": scene.text("world"),
        "project": scene.text("project"),
        "program": scene.program(),
        "env": {"SSH_AUTH_SOCK": agent},
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "passed": [["93.184.216.34", 22, scene.text("servers/good/socket")], ["93.184.216.35", 22, scene.text("servers/evil/socket")],
            ["93.184.216.34", 2222, scene.text("servers/third/socket")]],
        "beside": [["ssh-agent", "-D", "-a", agent]],
    });
    let config = scene.write("world/config.json", config.to_string());
    let words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--propagation", "private", "python3"];
    let mut argv: Vec<std::ffi::OsString> = words.map(Into::into).to_vec();
    argv.extend([program.into(), config.into()]);
    let finished = scene.call(argv).run();
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished:#?}"))
}
