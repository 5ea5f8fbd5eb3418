//! A network namespace with nothing in it but loopback.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use crate::{fetch, palisade, process};

/// Set for the second run of a test, inside: the file that says it came to its end.
const INSIDE: &str = "PALISADE_IT_INSIDE";

/// How long a test may take inside.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs the test's body with the path of the client, inside a network namespace of its own.
///
/// The test `name` runs itself again below `unshare`: a process with threads cannot change its
/// own user namespace, and the test program has threads.
pub fn isolated(name: &str, body: impl FnOnce(&Path)) {
    if let Some(end) = std::env::var_os(INSIDE) {
        raise_loopback();
        assert_alone();
        body(&fetch::claude().unwrap());
        std::fs::write(end, name).unwrap();
        return;
    }
    match fetch::claude() {
        Ok(claude) => again(name, &claude),
        // Not `eprintln`: the harness would keep it to itself.
        Err(reason) => {
            let line = format!("\nSKIPPED real_client: {name}: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
}

fn again(name: &str, claude: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let end = directory.path().join("end");
    let mut inside = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        inside.args(["--user", "--map-root-user"]);
    }
    inside
        .args([OsStr::new("--net"), OsStr::new("--"), std::env::current_exe().unwrap().as_os_str()])
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, &end)
        .env("PALISADE_CLAUDE", claude)
        .env("PALISADE_PROGRAM", palisade());
    let finished = process::run(&mut inside, directory.path(), LIMIT).unwrap();
    // A filter that names no test is a success too: only the file says that the body ran.
    let done = std::fs::read_to_string(&end).is_ok_and(|written| written == name);
    assert!(
        finished.status.success() && done,
        "inside the namespace: {}\n--- stdout\n{}\n--- stderr\n{}",
        finished.status,
        finished.stdout,
        finished.stderr
    );
}

/// Sets the first interface up: what `ip link set lo up` does.
pub(crate) fn raise_loopback() {
    const NEW_LINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const ERROR: u16 = 2;
    const UP: u32 = 1;
    let mut message = Vec::new();
    message.extend(32_u32.to_ne_bytes());
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    message.extend([0; 8]); // Sequence and port.
    message.extend([0; 4]); // Family, padding, device type.
    message.extend(1_i32.to_ne_bytes()); // The index of loopback in every namespace.
    message.extend(UP.to_ne_bytes()); // Flags.
    message.extend(UP.to_ne_bytes()); // Which of them change.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
    rustix::net::sendto(&socket, &message, SendFlags::empty(), &netlink::SocketAddrNetlink::new(0, 0)).unwrap();
    let mut answer = [0; 256];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty()).unwrap();
    assert!(length >= 20 && answer[4..6] == ERROR.to_ne_bytes(), "no acknowledgement: {:?}", &answer[..length]);
    assert_eq!(answer[16..20], [0; 4], "loopback does not come up: {:?}", &answer[..length]);
}

/// INVARIANT: nothing but loopback is here, so nothing can leave the machine.
pub(crate) fn assert_alone() {
    let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let names: Vec<&str> = devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(names, ["lo"], "other network devices are in reach");
}
