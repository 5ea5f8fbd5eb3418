//! Held boundaries: who gets one, when nobody does, and what is left of them.

use std::fs;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::Tier;

use crate::runner::Case;
use crate::world::World;

/// Cases with this in their name have holders of their own.
pub(crate) const OWN: &str = "template_own";

pub(crate) const CASES: &[Case] = &[
    ("template_own_holder", own_holder),
    ("template_keeps_nothing_for_the_next", nothing_kept),
    ("template_streams_and_terminal", streams),
    ("template_own_not_after_a_change", changes),
    ("template_own_not_under_other_limits", other_limits),
    ("template_own_impostor", impostor),
    ("template_own_confined_elsewhere", confined),
    ("template_own_confined_impostor", confined_impostor),
    ("template_own_name_taken", name_taken),
    ("template_own_not_after_a_mount_and_back", mounted_and_back),
    ("template_own_owner_ends", owner),
    ("template_own_holder_killed", holder_killed),
    ("template_own_deadline", deadline),
    ("template_command_ends_with_its_launcher", launcher_killed),
];

/// A holder of this process's, ended with the test.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["hold", "3600000"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(holder)
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell that owns a holder and runs launchers; it answers each line that it reads with what came of it.
struct Owner {
    shell: Child,
    out: std::io::BufReader<std::process::ChildStdout>,
}

impl Owner {
    /// Starts a shell with a holder below it that lasts so many milliseconds.
    fn start(lasting: u32) -> Self {
        Self::of(std::env::current_exe().unwrap().to_str().unwrap(), lasting)
    }

    fn of(program: &str, lasting: u32) -> Self {
        let script = format!("'{program}' hold {lasting} & while read -r line; do eval \"$line\"; done");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let out = std::io::BufReader::new(shell.stdout.take().unwrap());
        Self { shell, out }
    }

    /// Has the shell run something, and returns the next line that is printed.
    fn say(&mut self, line: &str) -> String {
        use std::io::Write;
        writeln!(self.shell.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.next_line()
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Runs a command inside and returns whether its boundary was held.
    fn is_held(&mut self, world: &World, way: &str, prefix: &str) -> bool {
        let mut spec = world.spec.clone();
        spec.template = vec![way.to_owned()];
        let words: Vec<String> = spec.arguments().iter().map(|word| format!("'{word}'")).collect();
        let program = std::env::current_exe().unwrap();
        let _ = fs::remove_file(&world.spec.report);
        let done =
            self.say(&format!("{prefix} '{}' {} true </dev/null; echo done", program.display(), words.join(" ")));
        assert_eq!(done, "done");
        is_held(&fs::read_to_string(&world.spec.report).unwrap())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn is_held(report: &str) -> bool {
    assert!(report.contains("\"from_holder\": true") || report.contains("\"from_holder\": false"), "{report}");
    report.contains("\"from_holder\": true")
}

/// Waits until something holds: whatever is mounted meanwhile on this machine ends what stands.
#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the processes below one, itself not among them.
fn below(pid: &str) -> Vec<String> {
    let parent_of = |name: &str| {
        let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
    };
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let all: Vec<(String, String)> = names.filter_map(|name| parent_of(&name).map(|parent| (name, parent))).collect();
    let mut found = vec![pid.to_owned()];
    let mut index = 0;
    while let Some(parent) = found.get(index).cloned() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(name, _)| name.clone()));
        index += 1;
    }
    found.split_off(1)
}

fn is_there(pid: &String) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn own_holder(world: &World) {
    let mut owner = Owner::start(60_000);
    owner.next_line();
    assert!(!owner.is_held(world, "no", ""), "nothing is held before anybody asked");
    assert!(owner.is_held(world, "warm", ""));
    // Another kind of command, of the same policy.
    assert!(owner.is_held(world, "warm", "A=b"));
}

/// Nothing of a command is there for the next one, though both boundaries stood when the first began.
fn nothing_kept(world: &World) {
    let script = "ls -A /tmp /var/tmp /dev/shm | grep -c palisade-left; touch /tmp/palisade-left /dev/shm/palisade-left; \
                  hostname; ps -e | wc -l";
    let first = world.run(&["sh", "-c", script]);
    let second = world.run(&["sh", "-c", script]);
    assert_eq!(first.out.lines().next(), Some("0"), "{} {}", first.out, first.error);
    assert_eq!(first.out, second.out);
    if world.is_held {
        assert!(is_held(&first.report) && is_held(&second.report));
    }
}

fn streams(world: &World) {
    fs::write(world.path("project/input"), "from a file\n").unwrap();
    let mut command = world.launcher(&["sh", "-c", "cat; echo error >&2; exit 3"]);
    command.stdin(fs::File::open(world.path("project/input")).unwrap());
    let seen = world.seen(&command.output().unwrap());
    assert_eq!((seen.out.as_str(), seen.error.as_str(), seen.code), ("from a file", "error", 3), "{}", seen.report);
    // What must not be read is no input either.
    let mut command = world.launcher(&["cat"]);
    command.stdin(fs::File::open(world.path("project/.env")).unwrap());
    let seen = world.seen(&command.output().unwrap());
    assert!(!seen.out.contains("SECRET"), "{}", seen.out);
}

fn changes(world: &World) {
    let mut owner = Owner::start(60_000);
    owner.next_line();
    wait_until("the control", || owner.is_held(world, "warm", ""));
    wait_until("the next one", || owner.is_held(world, "held", ""));
    // The project is another directory of the same name.
    fs::rename(world.path("project"), world.path("moved")).unwrap();
    for name in ["project/.git/hooks", "project/src"] {
        fs::create_dir_all(world.path(name)).unwrap();
    }
    for name in ["project/.env", "project/.git/config"] {
        fs::write(world.path(name), "").unwrap();
    }
    assert!(!owner.is_held(world, "held", ""), "another project");
    // A held file is another one.
    wait_until("built anew", || owner.is_held(world, "warm", ""));
    fs::write(world.path("project/.env.new"), "").unwrap();
    fs::rename(world.path("project/.env.new"), world.path("project/.env")).unwrap();
    assert!(!owner.is_held(world, "held", ""), "another held file");
    // A held file is gone, and comes again.
    wait_until("built anew", || owner.is_held(world, "warm", ""));
    fs::remove_file(world.path("project/.env")).unwrap();
    assert!(!owner.is_held(world, "held", ""), "a held file is gone");
    wait_until("built anew", || owner.is_held(world, "warm", ""));
    fs::write(world.path("project/.env"), "").unwrap();
    assert!(!owner.is_held(world, "held", ""), "a held file has come");
    // Another policy.
    let mut other = world.spec.clone();
    other.hidden.pop();
    wait_until("built anew", || owner.is_held(world, "warm", ""));
    let kept = other.arguments().iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let program = std::env::current_exe().unwrap();
    owner.say(&format!(
        "'{}' {} true </dev/null; echo done",
        program.display(),
        kept.replacen("'launch'", "'launch' '--template' 'held'", 1)
    ));
    assert!(!is_held(&fs::read_to_string(&world.spec.report).unwrap()), "another policy");
}

/// What a process passes on to its children is that of the launcher, or there is no boundary from elsewhere.
fn other_limits(world: &World) {
    let mut owner = Owner::start(60_000);
    owner.next_line();
    let prefixes = [
        "ulimit -n 100;",
        "umask 077;",
        "nice -n 3",
        "prlimit --data=1000000000",
        "ionice -c 3",
        "choom -n 100 --",
        "echo 0x7f > /proc/self/coredump_filter; true;",
    ];
    for prefix in prefixes {
        wait_until("the control", || owner.is_held(world, "warm", ""));
        let subshell = format!("( {prefix}");
        let program = std::env::current_exe().unwrap();
        let mut spec = world.spec.clone();
        spec.template = vec!["held".to_owned()];
        let words = spec.arguments().iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        owner.say(&format!("{subshell} '{}' {words} true </dev/null ); echo done", program.display()));
        assert!(!is_held(&fs::read_to_string(&world.spec.report).unwrap()), "{prefix}");
    }
    // What it ignores goes along.
    let program = std::env::current_exe().unwrap();
    let mut spec = world.spec.clone();
    spec.template = vec!["warm".to_owned()];
    let words = spec.arguments().iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let seen = owner
        .say(&format!("( trap '' HUP; '{}' {words} grep SigIgn /proc/self/status </dev/null )", program.display()));
    let own = owner.say("( trap '' HUP; grep SigIgn /proc/self/status )");
    assert_eq!(seen, own);
    assert!(own.ends_with('1'), "the control: {own}");
    assert!(is_held(&fs::read_to_string(&world.spec.report).unwrap()));
}

/// Whoever takes the name of a holder and is another program is not believed.
fn impostor(world: &World) {
    let copy = world.path("outside/copy");
    fs::copy(world.probe(), &copy).unwrap();
    let mut owner = Owner::of(&copy, 60_000);
    owner.next_line();
    assert!(!owner.is_held(world, "held", ""));
    assert!(!owner.is_held(world, "held", ""));
}

/// Whoever runs this program under a fence of someone else's, which the holder is not under, is given nothing.
fn confined(_world: &World) {
    let mut owner = Owner::start(60_000);
    owner.next_line();
    let program = std::env::current_exe().unwrap();
    let program = program.display();
    let mut ask = |how: &str| owner.say(&format!("'{program}' probe holder-ask $$ {how}"));
    assert_eq!(ask("plain"), "ok \"none\"", "the control: it has none of that key, and says so");
    for how in ["landlock", "filter"] {
        let said = ask(how);
        // It had let go before it was asked, or does so now.
        assert!(["ok nothing", "errno 32", "errno 104"].contains(&said.as_str()), "{how}: {said}");
    }
    assert_eq!(ask("plain"), "ok \"none\"", "it serves others");
}

/// Whoever takes the name of a holder in a fence is handed nothing, though it runs the same program.
fn confined_impostor(world: &World) {
    let program = std::env::current_exe().unwrap();
    // Nobody asks it, or who asked lets go, before it answers (EPIPE) or after (ECONNRESET).
    let let_go = ["EPROTO", "EACCES", "errno 32", "errno 104"];
    for (how, expected) in [("plain", ["ok"].as_slice()), ("landlock", &let_go)] {
        let script = "while read -r line; do eval \"$line\"; done";
        let mut command = Command::new("sh");
        let mut shell = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = std::io::BufReader::new(shell.stdout.take().unwrap());
        let mut owner = Owner { shell, out };
        assert_eq!(owner.say(&format!("'{}' probe holder-be $$ {how} &", program.display())), "up");
        // The launcher has its own boundary built either way; what the other one came to is its next line.
        let mut spec = world.spec.clone();
        spec.template = vec!["held".to_owned()];
        let words: Vec<String> = spec.arguments().iter().map(|word| format!("'{word}'")).collect();
        let said = owner.say(&format!("'{}' {} true </dev/null", program.display(), words.join(" ")));
        assert!(expected.contains(&said.as_str()), "{how}: {said}");
        assert_eq!(owner.say("wait; echo done"), "done");
        assert!(!is_held(&fs::read_to_string(&world.spec.report).unwrap()));
    }
}

/// Where another program has the name nobody says that there is a holder.
fn name_taken(world: &World) {
    let copy = world.path("outside/copy");
    fs::copy(world.probe(), &copy).unwrap();
    let program = std::env::current_exe().unwrap();
    for (first, expected) in [(program.to_str().unwrap(), "1"), (copy.as_str(), "0")] {
        let mut owner = Owner::of(first, 60_000);
        owner.next_line();
        let said = owner.say(&format!("'{}' hold 1000 2>&1 | grep -c 'has a holder already'", program.display()));
        assert_eq!(said, expected, "{first}");
    }
}

/// What stands when something is mounted or unmounted is let go, though the table is the same again, and the same is built
/// anew without anybody asking for it.
fn mounted_and_back(world: &World) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut owner = Owner::start(60_000);
    let holder = owner.next_line();
    let at = world.path("outside/deep");
    for what in ["mount -t tmpfs none", "umount", "sh -c 'mount -t tmpfs none \"$0\" && umount \"$0\"'"] {
        wait_until("the control", || owner.is_held(world, "warm", ""));
        wait_until("others are ready", || below(&holder).len() >= 6);
        let before = below(&holder);
        assert!(world.outside_shell(&format!("{what} '{at}'")), "{what}");
        wait_until("what stood is gone", || !before.iter().any(is_there));
        wait_until("built anew", || below(&holder).len() >= 6);
        wait_until("taken", || owner.is_held(world, "held", ""));
    }
}

fn owner(world: &World) {
    let mut owner = Owner::start(60_000);
    let holder = owner.next_line();
    assert!(owner.is_held(world, "warm", ""));
    wait_until("others are ready", || below(&holder).len() >= 4);
    let held = below(&holder);
    owner.shell.kill().unwrap();
    owner.shell.wait().unwrap();
    wait_until("the holder is gone", || !is_there(&holder));
    wait_until("what it held is gone", || !held.iter().any(is_there));
}

fn holder_killed(world: &World) {
    let mut owner = Owner::start(60_000);
    let holder = owner.next_line();
    assert!(owner.is_held(world, "warm", ""));
    wait_until("others are ready", || below(&holder).len() >= 4);
    let held = below(&holder);
    owner.say(&format!("kill -9 {holder}; echo killed"));
    wait_until("what it held is gone", || !held.iter().any(is_there));
    assert!(!owner.is_held(world, "held", ""), "and the next command runs without");
}

fn deadline(world: &World) {
    let mut owner = Owner::start(1_500);
    let holder = owner.next_line();
    assert!(owner.is_held(world, "warm", ""));
    let held = below(&holder);
    wait_until("the holder is gone", || !is_there(&holder));
    wait_until("what it held is gone", || !held.iter().any(is_there));
}

fn launcher_killed(world: &World) {
    let mark = world.path("project/alive");
    let beat = format!("while true; do date +%s%N > '{mark}'; sleep 0.01; done");
    let mut command = world.launcher(&["sh", "-c", &beat]);
    let mut launcher = command.spawn().unwrap();
    wait_until("it runs", || fs::metadata(&mark).is_ok());
    let before = fs::read_to_string(&mark).unwrap();
    wait_until("it goes on", || fs::read_to_string(&mark).unwrap() != before);
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let then = fs::read_to_string(&mark).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(fs::read_to_string(&mark).unwrap(), then, "it goes on without its launcher");
    assert_eq!(world.tier, Tier::Full);
}
