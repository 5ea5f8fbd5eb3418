//! Programs that know no proxy, in a network namespace of their own: the sockets are made inside and passed out, and
//! the proxy that serves them is outside.

use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::clients::{done, servers};
use crate::world::{LONG, Making};

/// Makes the sockets, passes them out, waits, and then runs each line of its input as a command.
const INSIDE: &str = "
import array, os, socket, subprocess, sys
control = socket.socket(fileno=0)
def system(line): subprocess.run(line, shell=True, check=True)
system('ip link set lo up && ip route add local 198.18.0.0/15 dev lo')
open(sys.argv[1] + '/resolv.conf', 'w').write('nameserver 127.0.0.1\\n')
system('mount --bind ' + sys.argv[1] + '/resolv.conf /etc/resolv.conf')
def listen(address):
    made = socket.socket(); made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); made.bind(address); made.listen(64); return made
names = socket.socket(type=socket.SOCK_DGRAM); names.bind(('127.0.0.1', 53))
made = [listen(('127.0.0.1', 3128)), names] + [listen(('0.0.0.0', int(port))) for port in sys.argv[2:]]
control.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [one.fileno() for one in made]))])
for one in made: one.close()
commands = b''
while not commands.endswith(b'\\0'): commands += control.recv(65536)
for line in commands[:-1].decode().splitlines():
    ran = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    control.sendall(b'%d %s\\n' % (ran.returncode, b' '.join(ran.stdout.split())))
";

/// Receives the sockets.
fn sockets(control: &UnixStream, count: usize) -> Vec<OwnedFd> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut buffer = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(control, &mut [IoSliceMut::new(&mut byte)], &mut buffer, RecvFlags::empty()).unwrap();
    assert_eq!(received.bytes, 1, "the process inside ended before it had made its sockets");
    let descriptors = buffer.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<OwnedFd>>(),
        _ => Vec::new(),
    });
    let descriptors: Vec<OwnedFd> = descriptors.collect();
    assert_eq!(descriptors.len(), count);
    descriptors
}

#[test]
fn programs_in_a_namespace_reach_what_is_allowed_and_nothing_else() {
    let (directory, plain, tls) = servers("any");
    let path = directory.path().display().to_string();
    done(Command::new("git").args(["init", "--quiet", "--bare"]).arg(directory.path().join("files/a.git")));
    done(Command::new("git").arg("-C").arg(directory.path().join("files/a.git")).arg("update-server-info"));
    let (outside, inside) = UnixStream::pair().unwrap();
    outside.set_read_timeout(Some(LONG * 3)).unwrap();
    let mut child = Command::new("unshare")
        .args(["--map-root-user", "--user", "--net", "--mount", "python3", "-c", INSIDE, &path])
        .args([plain.port.to_string(), tls.port.to_string()])
        .stdin(Stdio::from(OwnedFd::from(inside)))
        .spawn()
        .unwrap();
    let mut descriptors = sockets(&outside, 4).into_iter();
    let mut next = || descriptors.next().unwrap();
    let rules =
        [format!("allow good.example:{}", plain.port), format!("allow good.example:{}", tls.port), "strict".to_owned()];
    let mut making = Making::new(&rules.each_ref().map(String::as_str));
    making.forwards = [plain.port, tls.port].map(|port| ([127, 0, 0, 1], port).into()).to_vec();
    making.doors = Some((TcpListener::from(next()), UdpSocket::from(next())));
    making.captured = vec![TcpListener::from(next()), TcpListener::from(next())];
    making.pool = Ipv4Addr::new(198, 18, 0, 0);
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);

    let (http, https) = (format!("http://good.example:{}", plain.port), format!("https://good.example:{}", tls.port));
    let bare = "env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u all_proxy";
    let curl = format!("{bare} curl --silent --show-error --max-time 20 --cacert {path}/cert.pem");
    let fetch =
        "import sys,urllib.request as r; print(r.build_opener(r.ProxyHandler({})).open(sys.argv[1],timeout=20).read())";
    let send = "import socket,sys; s=socket.socket(type=socket.SOCK_DGRAM); s.connect((sys.argv[1],443)); s.send(b'x'); s.settimeout(5); s.recv(1)";
    let rows: Vec<(String, i32, &str)> = vec![
        // What is allowed works for programs that know no proxy, and for those that do.
        (format!("{curl} {http}/hello.txt"), 0, "hello"),
        (format!("{curl} {https}/hello.txt"), 0, "hello"),
        (format!("{curl} --proxy http://127.0.0.1:3128 {https}/hello.txt"), 0, "hello"),
        (format!("{curl} --proxy socks5h://127.0.0.1:3128 {http}/hello.txt"), 0, "hello"),
        (
            format!(
                "{bare} wget --quiet --no-proxy --tries=1 --ca-certificate={path}/cert.pem --output-document=- {https}/hello.txt"
            ),
            0,
            "hello",
        ),
        (format!("{bare} python3 -c \"{fetch}\" {http}/hello.txt"), 0, "hello"),
        (format!("{bare} GIT_SSL_CAINFO={path}/cert.pem git ls-remote {https}/a.git && echo reached"), 0, "reached"),
        // What is not has no address; what is no name has no way; there is nobody but the proxy.
        (format!("{curl} {}", https.replace("good", "evil")), 6, "Could not resolve host"),
        (format!("{curl} {}", https.replace("good", "c2VjcmV0.good")), 6, "Could not resolve host"),
        (
            format!("{curl} --connect-to evil.example:443:good.example:{} https://evil.example/hello.txt", tls.port),
            35,
            "unrecognized name",
        ),
        (
            format!("{curl} -H 'Host: evil.example' --fail-with-body {http}/hello.txt"),
            22,
            "421 palisade: a request on a connection to",
        ),
        (format!("{curl} http://93.184.216.34/"), 7, ""),
        (format!("{curl} http://169.254.169.254/"), 7, ""),
        (format!("{curl} http://198.18.77.77:{}/", plain.port), 0, "palisade: 198.18.77.77"),
        (format!("{curl} http://127.0.0.1:22/"), 7, ""),
        (format!("python3 -c \"{send}\" 8.8.8.8"), 1, "Network is unreachable"),
        // So that a client of QUIC goes on by TCP at once.
        (format!("python3 -c \"{send}\" 198.18.0.1"), 1, "Connection refused"),
    ];
    let commands: String = rows.iter().map(|(command, ..)| format!("{command}\n")).collect();
    (&outside).write_all(format!("{commands}\0").as_bytes()).unwrap();
    let mut answers = String::new();
    let mut reader = &outside;
    let mut bytes = [0; 4096];
    while answers.matches('\n').count() < rows.len() {
        let count = reader.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "the process inside ended: {answers}");
        answers.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    drop(outside);
    child.wait().unwrap();
    for ((command, code, text), answer) in rows.iter().zip(answers.lines()) {
        let is_expected = answer.starts_with(&format!("{code} ")) && answer.contains(text);
        assert!(is_expected, "{command}\ngave {answer}\n{}", world.kept.text());
    }
    assert!(world.book.asked.lock().unwrap().iter().all(|name| name == "good.example"));
}
