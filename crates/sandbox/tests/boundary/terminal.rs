//! Rows 33-35 and a terminal program inside.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize};

use crate::processes::{send, wait_until};
use crate::runner::Case;
use crate::world::World;

pub(crate) const CASES: &[Case] = &[
    ("terminal_is_the_commands_own", own),
    ("terminal_size_follows", size),
    ("terminal_interrupt_key", interrupt),
    ("terminal_keys_reach_the_command", keys),
    ("terminal_much_output", much),
    ("terminal_injection", injection),
    ("terminal_stop_and_continue", stop),
    ("terminal_stop_key_and_job_control", job_control),
    ("terminal_output_to_a_file", to_a_file),
    ("terminal_mode_is_restored", restored),
];

/// A person's terminal with a launcher in it.
struct Person {
    master: OwnedFd,
    child: Child,
    screen: Vec<u8>,
}

impl Person {
    fn new(world: &World, argv: &[&str]) -> Self {
        Self::with(world, argv, None)
    }

    /// A terminal with any program of the host in it.
    fn plain(argv: &[&str]) -> Self {
        let mut command = std::process::Command::new(argv[0]);
        command.args(&argv[1..]);
        Self::start(command, None)
    }

    fn with(world: &World, argv: &[&str], output: Option<std::fs::File>) -> Self {
        Self::start(world.launcher(argv), output)
    }

    fn start(mut command: std::process::Command, output: Option<std::fs::File>) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        rustix::termios::tcsetwinsize(&slave, Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(stream()).stdout(output.map_or_else(stream, Stdio::from)).stderr(stream());
        // SAFETY: both calls are async-signal-safe.
        #[expect(unsafe_code, reason = "a session with a terminal, as a shell has")]
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
            });
        }
        let child = command.spawn().unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Self { master, child, screen: Vec::new() }
    }

    fn look(&mut self) -> String {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = rustix::io::read(&self.master, &mut bytes) {
            self.screen.extend_from_slice(&bytes[..length]);
        }
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    fn wait_for(&mut self, text: &str) {
        wait_until(|| self.look().contains(text));
    }

    fn press(&mut self, keys: &[u8]) {
        std::fs::File::from(self.master.try_clone().unwrap()).write_all(keys).unwrap();
    }

    fn end(&mut self) -> i32 {
        let mut code = None;
        wait_until(|| {
            self.look();
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        self.look();
        code.and_then(|status| status.code()).unwrap_or(-1)
    }

    fn is_raw(&self) -> bool {
        let modes = rustix::termios::tcgetattr(self.master.as_fd()).unwrap().local_modes;
        !modes.contains(LocalModes::ICANON)
    }
}

fn own(world: &World) {
    let mut person = Person::new(
        world,
        &["sh", "-c", "test -t 0 && test -t 1 && test -t 2 && tty && ls /dev/pts | tr '\\n' ' '; exit 9"],
    );
    assert_eq!(person.end(), 9);
    assert_eq!(person.look(), "/dev/pts/0\r\n0 ptmx ");
}

fn size(world: &World) {
    let script = "stty size; trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.02; done";
    let mut person = Person::new(world, &["sh", "-c", script]);
    person.wait_for("33 77\r\nup");
    let size = Winsize { ws_row: 20, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&person.master, size).unwrap();
    assert_eq!(person.end(), 0);
    person.wait_for("20 40");
}

fn interrupt(world: &World) {
    let mut person = Person::new(world, &["sh", "-c", "echo up; exec sleep 30"]);
    person.wait_for("up");
    person.press(b"\x03");
    assert_eq!(person.end(), 130);
    let mut person = Person::new(world, &["sh", "-c", "echo up; exec sleep 30"]);
    person.wait_for("up");
    send(person.child.id(), 15);
    assert_eq!(person.end(), 143);
    assert!(!person.is_raw());
}

fn keys(world: &World) {
    let mut person = Person::new(world, &["sh", "-c", "echo up; read line; echo \"<$line>\"; cat"]);
    person.wait_for("up");
    person.press(b"hello\r");
    person.wait_for("<hello>");
    person.press(b"again\r\x04");
    assert_eq!(person.end(), 0);
    assert_eq!(person.look(), "up\r\nhello\r\n<hello>\r\nagain\r\nagain\r\n");
}

fn much(world: &World) {
    let mut person = Person::new(world, &["sh", "-c", "seq 1 60000; echo end"]);
    assert_eq!(person.end(), 0);
    let screen = person.look();
    assert_eq!(screen.lines().count(), 60001);
    assert!(screen.ends_with("60000\r\nend\r\n"));
}

/// Rows 33, 34, 35, with and without junk in the upper half of the request.
fn injection(world: &World) {
    let probe = world.probe_launcher(&[]);
    let probe = probe.get_args().skip_while(|argument| *argument != "--").nth(1).unwrap().to_str().unwrap().to_owned();
    for request in ["0x5412", "0x100005412", "0xffffffff00005412", "0x541c", "0x5423", "0x541d"] {
        let mut person = Person::new(world, &[&probe, "probe", "ioctl", request]);
        assert_eq!(person.end(), 1, "{request}");
        assert_eq!(person.look(), "EPERM\r\n", "{request}");
    }
    // Some other request works, so the refusals above are the filter's.
    let mut person = Person::new(world, &[&probe, "probe", "ioctl", "0x5413"]);
    assert_eq!((person.end(), person.look().as_str()), (0, "ok\r\n"));
}

fn stop(world: &World) {
    let script = "trap 'echo continued' CONT; echo up; kill -STOP $$; echo on; exit 5";
    let mut person = Person::new(world, &["sh", "-c", script]);
    // The launcher leads an orphaned process group here, which the kernel does not stop: it goes on at
    // once and continues the command.
    assert_eq!(person.end(), 5);
    assert!(person.look().contains("on\r\n"));
}

/// A shell with job control around the launcher: the stop key stops both, `fg` continues both.
fn job_control(world: &World) {
    let inner = world.launcher(&["sh", "-c", "echo up; read line; echo \"<$line>\"; exit 6"]);
    let words: Vec<_> = std::iter::once(inner.get_program()).chain(inner.get_args()).map(quoted).collect();
    let shell =
        format!("set -m; {}; echo \"stopped $?\"; stty -a | grep -c ' icanon'; fg; echo \"ended $?\"", words.join(" "));
    let mut person = Person::plain(&["bash", "-c", &shell]);
    person.wait_for("up");
    wait_until(|| person.is_raw());
    person.press(b"\x1a");
    person.wait_for("stopped 148\r\n1\r\n");
    wait_until(|| person.is_raw());
    person.press(b"hello\r");
    person.wait_for("ended 6");
    assert_eq!(person.end(), 0);
    assert!(person.look().contains("<hello>"));
}

fn quoted(word: &std::ffi::OsStr) -> String {
    format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''"))
}

fn to_a_file(world: &World) {
    let file = std::fs::File::create(world.path("outside/output")).unwrap();
    let mut person =
        Person::with(world, &["sh", "-c", "read line; echo \"<$line>\"; test -t 1 || echo no terminal"], Some(file));
    person.press(b"typed\r");
    assert_eq!(person.end(), 0);
    assert_eq!(world.text("outside/output"), "<typed>\nno terminal\n");
    assert_eq!(person.look(), "typed\r\n");
}

fn restored(world: &World) {
    let mut person = Person::new(world, &["sh", "-c", "echo up; read line"]);
    person.wait_for("up");
    wait_until(|| person.is_raw());
    person.press(b"\r");
    assert_eq!(person.end(), 0);
    assert!(!person.is_raw());
}
