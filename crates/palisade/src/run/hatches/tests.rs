use std::os::unix::net::{UnixDatagram, UnixListener};

use policy::AbsPath;
use policy::layer::{Origin, Ports, Scope, Sourced};

use super::{Opened, is_of_streams, listening};

fn ports((outside, inside): (u16, u16)) -> Sourced<Ports> {
    let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 3 };
    Sourced { value: Ports { outside, inside }, origin }
}

#[test]
fn ports_that_collide_are_told_and_not_joined() {
    let mut opened = Opened::default();
    for pair in [(5432, 15432), (5432, 15432), (6379, 15432), (443, 443)] {
        opened.forward(&ports(pair), &[80, 443]);
    }
    for pair in [(8000, 15432), (8443, 443)] {
        opened.publish(&ports(pair), &[80, 443]).unwrap();
    }
    let told = [
        "port 6379 of this machine and 15432 inside, as `forwardPorts` of settings.json:3 wants, are not joined: \
         port 15432 inside leads elsewhere already",
        "port 443 of this machine and 443 inside, as `forwardPorts` of settings.json:3 wants, are not joined: \
         port 443 inside leads to the proxy",
        "port 8000 of this machine and 15432 inside, as `publishPorts` of settings.json:3 wants, are not joined: \
         port 15432 inside is forwarded to this machine",
        "port 8443 of this machine and 443 inside, as `publishPorts` of settings.json:3 wants, are not joined: \
         port 443 inside leads to the proxy",
    ];
    assert_eq!((opened.list.len(), opened.told), (1, told.map(str::to_owned).to_vec()));
}

#[test]
fn the_kernels_list_is_read() {
    let list = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 1001 /run/b with blanks.sock\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 1002 /run/a.sock\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 1003 @/abstract\n\
        0000000000000000: 00000002 00000000 00010000 0005 01 1004 /run/packets.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 1005 /run/connected.sock\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 1006\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 1007 relative /run/x\n\
        nonsense /run/c\n";
    let paths: Vec<String> = listening(list).iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["/run/a.sock", "/run/b with blanks.sock"]);
}

#[test]
fn sockets_of_datagrams_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let _stream = UnixListener::bind(path("stream")).unwrap();
    let _datagram = UnixDatagram::bind(path("datagram")).unwrap();
    let kinds = ["stream", "datagram", "none"].map(|name| {
        let path = path(name);
        is_of_streams(&AbsPath::parse(path.to_str().unwrap()).unwrap())
    });
    assert_eq!(kinds, [true, false, true]);
}
