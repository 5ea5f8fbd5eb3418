//! A hook that runs inside the boundary of a whole agent. It can neither read the settings of the host nor write the journal:
//! it hands the event to the launcher outside, which decides and records, and gives back what the launcher answers.
//!
//! Whatever runs inside can ask as well. It gets what the hook gets, an answer and a record that says where the question came
//! from, and nothing is done by it: what anything inside can do is the boundary's to say.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use hooks::claude::{self, Call, Event, Reply};
use policy::layer::Layer;
use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use sandbox::OWN_FILES;
use serde_json::{Value, json};
use settings::Places;

use super::{DEADLINE, admitted, after, answer_of, within_deadline};
use crate::setup::Setup;

/// The port on the loopback interface inside at which the launcher hears hooks.
pub(crate) const PORT: u16 = 3127;
/// What records of a hook inside name as their source.
const SOURCE: &str = "hook:claude:inside";
/// The file of ours inside that says so.
const FILE: &str = "hook";
/// Bytes of an answer, and of that file.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const FILE_BYTES_MAX: u64 = 16;
/// Questions that are answered at a time, and in one run.
const AT_ONCE_MAX: usize = 8;
const ASKED_MAX: u32 = 100_000;

/// Returns the path of the file that says that a hook is inside.
pub(crate) fn file() -> String {
    format!("{OWN_FILES}/{FILE}")
}

/// Returns the launcher's answer; nothing for a hook that runs outside.
pub(super) fn reply() -> Option<Reply> {
    let port = match port() {
        Ok(port) => port?,
        Err(error) => return Some(claude::refuse(&format!("refused: where to ask is not known: {error:#}"))),
    };
    let asked = ask(port).context("the hook runs inside the boundary, and its launcher does not answer");
    Some(asked.unwrap_or_else(|error| claude::refuse(&format!("refused: {error:#}"))))
}

/// Returns where the launcher listens; nothing outside of a boundary.
///
/// No variable says so: whoever sets variables would answer for us. The file is in a directory that root alone makes on a
/// host, and on a file system that nobody writes inside.
fn port() -> anyhow::Result<Option<u16>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(CWD, file(), flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let is_held = rustix::fs::fstatvfs(&file)?.f_flag.contains(StatVfsMountFlags::RDONLY);
    ensure!(is_held && file.metadata()?.is_file(), "{} is not a boundary's", self::file());
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text.trim().parse()?))
}

/// Hands the event over, and waits for the answer.
fn ask(port: u16) -> anyhow::Result<Reply> {
    let mut event = Vec::new();
    io::stdin().lock().take(claude::INPUT_BYTES_MAX as u64 + 1).read_to_end(&mut event)?;
    let place = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect_timeout(&place, DEADLINE)?;
    stream.write_all(&event)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer: Value = serde_json::from_slice(&answer).context("it says nothing that can be read")?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = answer.get("code").and_then(Value::as_u64).and_then(|code| u8::try_from(code).ok());
    match (text("stdout"), text("stderr"), code) {
        (Some(stdout), Some(stderr), Some(code)) => Ok(Reply { stdout: stdout.into_bytes(), stderr, code }),
        _ => anyhow::bail!("its answer is not whole"),
    }
}

/// Who decides for hooks inside: the launcher of the agent.
#[derive(Debug)]
pub(crate) struct Judge {
    places: Places,
    typed: Vec<Layer>,
    open: AtomicUsize,
    asked: AtomicU32,
}

impl Judge {
    pub(crate) fn new(setup: &Setup) -> Self {
        let (places, typed) = (setup.places.clone(), setup.typed.clone());
        Self { places, typed, open: AtomicUsize::new(0), asked: AtomicU32::new(0) }
    }

    /// Answers one hook. Who gets no answer refuses.
    pub(crate) fn serve(&self, stream: OwnedFd) {
        let is_bounded = self.open.fetch_add(1, Ordering::AcqRel) < AT_ONCE_MAX
            && self.asked.fetch_add(1, Ordering::AcqRel) < ASKED_MAX;
        if is_bounded {
            // Whoever goes away before the answer has none.
            let _ = self.converse(TcpStream::from(stream));
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let mut event = Vec::new();
        Read::by_ref(&mut stream).take(claude::INPUT_BYTES_MAX as u64 + 1).read_to_end(&mut event)?;
        let (places, typed) = (self.places.clone(), self.typed.clone());
        let reply = within_deadline(move || decide(&event, &places, &typed));
        let Reply { stdout, stderr, code } = reply;
        let answer = json!({"stdout": String::from_utf8_lossy(&stdout), "stderr": stderr, "code": code});
        stream.write_all(answer.to_string().as_bytes())
    }
}

fn decide(event: &[u8], places: &Places, typed: &[Layer]) -> Reply {
    let event = match claude::decode(event) {
        Ok(event) => event,
        Err(error) => return claude::refuse(&format!("refused: {:#}", anyhow::Error::from(error))),
    };
    match event {
        Event::Before(call) => {
            before(call, places, typed).unwrap_or_else(|error| claude::refuse(&format!("refused: {error:#}")))
        }
        Event::After(done) => match after(&done, SOURCE) {
            Ok(()) => claude::silent(),
            Err(error) => {
                Reply { stderr: format!("palisade: the outcome is not recorded: {error:#}\n"), ..claude::silent() }
            }
        },
        Event::Other(_) => claude::silent(),
    }
}

/// Decides a call by the settings as they are now, in the agent's own place.
fn before(mut call: Call, places: &Places, typed: &[Layer]) -> anyhow::Result<Reply> {
    call.action.cwd = guard::canonical(&call.action.cwd)?;
    let setup = Setup::anew(places, typed)?;
    let outcome = admitted(&setup, &call, SOURCE)?;
    // It is inside already: nothing is handed back to be run in a boundary of its own.
    Ok(claude::encode(&answer_of(&outcome)))
}
