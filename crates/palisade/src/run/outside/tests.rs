use std::time::{Duration, Instant};

use policy::AbsPath;
use vault::{Command, ProcessFault, World};

use super::{Outside, Writable};

/// Returns what a program printed, or why it did not.
fn run(words: &[&str], writable: &str) -> Result<(Option<i32>, String), ProcessFault> {
    let variables = [("HOME", "/root"), ("TOKEN", "secret"), ("LD_PRELOAD", "/nothing"), ("PATH", "/tmp")];
    let variables = variables.map(|(name, value)| (name.into(), value.into())).to_vec();
    let outside = Outside::new(variables, Writable(AbsPath::parse(writable).into_iter().collect()));
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let timeout = Duration::from_secs(2);
    let output = outside.run(&Command { words: &words, variables: &[], timeout, output_bytes_max: 1000 })?;
    Ok((output.code, String::from_utf8(output.printed.to_vec()).unwrap()))
}

const NOWHERE: &str = "/nowhere";

#[test]
fn a_program_gets_little_and_says_what_it_says() {
    assert_eq!(run(&["printf", "a  b"], NOWHERE), Ok((Some(0), "a  b".to_owned())));
    assert_eq!(run(&["sh", "-c", "pwd; cat; exit 3"], NOWHERE), Ok((Some(3), "/\n".to_owned())));
    let (_, environment) = run(&["env"], NOWHERE).unwrap();
    let names: Vec<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names.len(), 2, "{environment}");
    assert!(names.contains(&"HOME") && names.contains(&"PATH") && !environment.contains("/tmp"), "{environment}");
}

#[test]
fn what_takes_too_long_or_says_too_much_is_ended() {
    let begun = Instant::now();
    assert_eq!(run(&["sleep", "60"], NOWHERE), Err(ProcessFault::Timeout));
    assert_eq!(run(&["sh", "-c", "exec >&-; sleep 60"], NOWHERE), Err(ProcessFault::Timeout));
    assert_eq!(run(&["yes"], NOWHERE), Err(ProcessFault::Long));
    assert!(begun.elapsed() < Duration::from_secs(30));
    // What it leaves behind is ended too.
    let (_, left) = run(&["sh", "-c", "sleep 60 >/dev/null & echo $!"], NOWHERE).unwrap();
    let pid = rustix::process::Pid::from_raw(left.trim().parse().unwrap()).unwrap();
    // One that has ended and is not yet waited for has no program.
    let is_over = || std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).is_err();
    let begun = Instant::now();
    while !is_over() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it goes on");
        std::thread::yield_now();
    }
}

#[test]
fn what_commands_can_write_is_not_started() {
    assert_eq!(run(&["printf", "a"], "/usr"), Err(ProcessFault::Start));
    assert_eq!(run(&["sh", "/nowhere/script"], NOWHERE), Err(ProcessFault::Start));
    assert_eq!(run(&["sh", "-c", ". /nowhere/script"], NOWHERE), Err(ProcessFault::Start));
    assert_eq!(run(&["/nothing/there"], NOWHERE), Err(ProcessFault::Absent));
    assert_eq!(run(&["no-such-program"], NOWHERE), Err(ProcessFault::Absent));
}

/// Variables can be a project's: a program that is led to where commands write is not started.
#[test]
fn what_leads_to_commands_is_not_passed_on() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let (project, home) = (root.join("home/project"), root.join("home"));
    std::fs::create_dir_all(&project).unwrap();
    std::os::unix::fs::symlink(&project, root.join("link")).unwrap();
    let writable = Writable(AbsPath::parse(project.to_str().unwrap()).into_iter().collect());
    let is_passed = |name: &str, value: &str| {
        let value = value.replace("ROOT", root.to_str().unwrap());
        let outside = Outside::new(vec![(name.into(), value.clone().into())], writable.clone());
        let words = ["env".to_owned()];
        let command =
            Command { words: &words, variables: &[], timeout: Duration::from_secs(2), output_bytes_max: 1000 };
        match (outside.variables(), outside.run(&command)) {
            (Ok(_), Ok(output)) => {
                let line = format!("{name}={value}");
                assert!(String::from_utf8(output.printed.to_vec()).unwrap().lines().any(|one| one == line), "{line}");
                true
            }
            (Err(told), Err(ProcessFault::Start)) => {
                assert_eq!(told, name);
                false
            }
            (told, run) => panic!("{name}={value}: {told:?} {run:?}"),
        }
    };
    for (name, value, expected) in [
        ("HOME", "ROOT/home", true),
        ("HOME", "ROOT/home/project", false),
        ("HOME", "ROOT/link", false),
        ("HOME", "ROOT/link/not/yet", false),
        ("HOME", "somewhere", false),
        ("XDG_CONFIG_HOME", "ROOT/home/.config", true),
        ("XDG_CONFIG_HOME", "ROOT/home/project/.config", false),
        ("XDG_DATA_HOME", "ROOT/link/data", false),
        ("XDG_RUNTIME_DIR", "ROOT/home/project", false),
        ("LANG", "C.UTF-8", true),
        ("LANG", "ROOT/link", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=ROOT/bus", true),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=ROOT/bus,guid=00ff", true),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=ROOT/home/project/bus", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=ROOT/link/bus", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=%2Fhome/bus", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/bus;unix:path=ROOT/link/bus", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=ROOT/bus", false),
        ("DBUS_SESSION_BUS_ADDRESS", "unixexec:path=/bin/sh", false),
        ("DBUS_SESSION_BUS_ADDRESS", "tcp:host=localhost,port=1", false),
    ] {
        assert_eq!(is_passed(name, value), expected, "{name}={value}");
    }
    // Settings that a command may write lie where programs look for them.
    std::os::unix::fs::symlink(&project, home.join(".config")).unwrap();
    assert!(!is_passed("HOME", "ROOT/home"));
}
