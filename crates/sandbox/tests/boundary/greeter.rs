//! Who serves the sockets of the proxy in tests.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};

use sandbox::{Doors, Outlet};

/// Says where something came to.
#[derive(Debug)]
pub(crate) struct Greeter;

impl Outlet for Greeter {
    fn open(&self, doors: Doors) -> std::io::Result<()> {
        let Doors { clients, names, captured, attention: _ } = doors;
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

fn answer(names: &UdpSocket) {
    let mut bytes = [0; 512];
    while let Ok((_, from)) = names.recv_from(&mut bytes) {
        names.send_to(b"names\n", from).unwrap();
    }
}
