//! Who serves the sockets of the proxy in tests.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use sandbox::{Doors, Outlet};

/// Says where something came to.
#[derive(Debug)]
pub(crate) struct Greeter;

impl Outlet for Greeter {
    fn open(&self, doors: Doors) -> std::io::Result<()> {
        let Doors { clients, names, captured, hatches, calls, owners: _, attention: _ } = doors;
        for (number, socket) in hatches {
            std::thread::spawn(move || say(&socket, number));
        }
        if !calls.is_empty() {
            std::thread::spawn(move || calls.iter().for_each(call));
        }
        let greet = |listener: TcpListener, what: &'static str| {
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let at = stream.local_addr().unwrap();
                    // Who has seen enough does not wait for the rest.
                    let _ = writeln!(stream, "{what} {at}");
                }
            });
        };
        greet(clients, "clients");
        captured.into_iter().for_each(|listener| greet(listener, "captured"));
        if let Some(names) = names {
            std::thread::spawn(move || answer(&names));
        }
        Ok(())
    }
}

/// Says which hatch it is to whoever comes, until they close.
fn say(socket: &OwnedFd, number: usize) {
    while let Ok(stream) = rustix::net::accept(socket) {
        let mut stream = std::fs::File::from(stream);
        let _ = stream.write_all(format!("hatch {number}\n").as_bytes());
    }
}

/// Calls the server inside at port 7000, as soon as there is one, and says so.
fn call(socket: &OwnedFd) {
    let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7000);
    for _ in 0..1000 {
        if rustix::net::connect(socket, &at).is_ok() {
            let _ = rustix::io::write(socket, b"called\n");
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn answer(names: &UdpSocket) {
    let mut bytes = [0; 512];
    while let Ok((_, from)) = names.recv_from(&mut bytes) {
        names.send_to(b"names\n", from).unwrap();
    }
}
