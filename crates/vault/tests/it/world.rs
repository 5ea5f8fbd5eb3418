//! A world for tests: variables of the test's choice, real programs, and a clock that the test turns.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vault::{Command, Output, ProcessFault, World};

/// What the test turns and looks at.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) variables: Mutex<BTreeMap<String, String>>,
    pub(crate) seconds: AtomicU64,
    pub(crate) asked: AtomicUsize,
    /// Where programs without a slash are looked for.
    pub(crate) programs: Mutex<Option<std::path::PathBuf>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestWorld(pub(crate) Arc<Inner>);

impl TestWorld {
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let world = Self::default();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        world.0.variables.lock().unwrap().extend(variables);
        world
    }
}

impl World for TestWorld {
    fn variable(&self, name: &str) -> Option<zeroize::Zeroizing<String>> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        self.0.variables.lock().unwrap().get(name).cloned().map(zeroize::Zeroizing::new)
    }

    fn run(&self, command: &Command<'_>) -> Result<Output, ProcessFault> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let programs = self.0.programs.lock().unwrap().clone();
        let program = match programs {
            Some(directory) if !command.words[0].contains('/') => directory.join(&command.words[0]),
            _ => command.words[0].clone().into(),
        };
        let variables = command.variables.iter().map(|(name, secret)| (*name, secret.expose()));
        let mut child = std::process::Command::new(program)
            .args(&command.words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => ProcessFault::Absent,
                _ => ProcessFault::Start,
            })?;
        let stdout = child.stdout.take().unwrap();
        let most = command.output_bytes_max as u64;
        let reader = std::thread::spawn(move || {
            let mut printed = zeroize::Zeroizing::new(Vec::new());
            stdout.take(most + 1).read_to_end(&mut printed).unwrap();
            printed
        });
        let deadline = Instant::now() + command.timeout;
        // It is at its end when it has closed its output, and ended. One that prints on is ended.
        while !reader.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !reader.is_finished() {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(ProcessFault::Timeout);
        }
        let printed = reader.join().unwrap();
        if printed.len() > command.output_bytes_max {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(ProcessFault::Long);
        }
        Ok(Output { code: child.wait().unwrap().code(), printed })
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.seconds.load(Ordering::SeqCst))
    }

    fn unix_seconds(&self) -> u64 {
        1_440_938_160
    }
}
