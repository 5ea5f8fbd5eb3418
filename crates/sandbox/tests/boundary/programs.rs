//! Rows 37-39, 42, 51, 52, 183: programs that promise more rights, and ways round the name of a program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::runner::{Case, NOBODY};
use crate::world::{World, check};

pub(crate) const CASES: &[Case] = &[
    ("programs_setuid_and_file_capabilities", more_rights),
    ("programs_through_the_loader", loader),
    ("programs_other_than_the_one_denied", interpreters),
    ("programs_that_nobody_is_asked_about", unasked),
    ("programs_however_a_command_is_written", spellings),
    ("programs_are_all_filtered", filtered),
    ("programs_that_open_themselves_up", opened),
];

/// Rows 37, 38. It takes root to make such programs, and an ordinary user for them to make a difference.
fn more_rights(world: &World) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut inner = world.another();
    for name in ["", "project", "outside"] {
        fs::set_permissions(inner.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(world.path(""), PermissionsExt::from_mode(0o755)).unwrap();
    inner.spec.report = String::new();
    let copy = |name: &str, mode: u32| {
        let path = inner.path(name);
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    let (setuid, capable, launcher) =
        (copy("outside/setuid", 0o4755), copy("outside/capable", 0o755), copy("launcher", 0o755));
    // Version 2, effective: the capability to give files away.
    let capabilities = [0x0200_0001_u32, 1, 0, 0, 0].map(u32::to_le_bytes).concat();
    rustix::fs::setxattr(&capable, "security.capability", &capabilities, rustix::fs::XattrFlags::empty()).unwrap();
    let outside = |program: &str, word: &str| {
        let mut command = Command::new(program);
        command.args(["probe", word]).uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let inside = |program: &str, word: &str| {
        let mut command = Command::new(&launcher);
        command
            .args(inner.spec.arguments())
            .args([program, "probe", word])
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null());
        inner.seen(&command.output().unwrap()).out
    };
    check("setuid outside", &outside(&setuid, "effective-user"), &["ok 0"]);
    check("setuid inside", &inside(&setuid, "effective-user"), &["ok 65534"]);
    assert!(outside(&capable, "capabilities").contains("CapEff:0000000000000001"));
    assert!(
        inside(&capable, "capabilities").contains("CapEff:0000000000000000"),
        "{}",
        inside(&capable, "capabilities")
    );
}

/// Row 39: what must not be read cannot be run either, by whatever name.
fn loader(world: &World) {
    let tool = world.path("outside/tool");
    fs::copy("/bin/sh", &tool).unwrap();
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1"];
    let found: Vec<&str> = loaders.into_iter().filter(|path| Path::new(path).exists()).collect();
    let mut inner = world.another();
    inner.spec.hidden.push(tool.clone());
    let direct = format!("{tool} -c 'echo ran'");
    let copied = format!("cp {tool} copy; ./copy -c 'echo ran'");
    let sourced = format!("sh {tool}");
    let lines = [direct, copied, sourced]
        .into_iter()
        .chain(found.iter().map(|loader| format!("{loader} {tool} -c 'echo ran'")));
    for line in lines {
        let seen = inner.run(&["sh", "-c", &line]);
        assert!(!seen.out.contains("ran") && seen.code != 0, "{line}: {} {}", seen.out, seen.error);
    }
    for loader in found {
        let output = Command::new(loader).args([&tool, "-c", "echo ran"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ran\n", "{loader}");
    }
}

/// Row 41: a rule about arguments is held where the kernel or the loader starts the program: by the first line of a
/// script, or of one that such a script names, and for a file without a name by what it calls itself.
fn unasked(world: &World) {
    let mut inner = world.another();
    inner.spec.rules = vec!["Bash(echo evil*)".to_owned()];
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    let loader = loaders.into_iter().find(|path| Path::new(path).exists());
    let here = inner.path("project");
    let script = |name: &str, line: &str, mode: u32| {
        let path = inner.path(&format!("project/{name}"));
        fs::write(&path, format!("#!{line}\n")).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    script("one", "/bin/echo evil", 0o755);
    script("two", &format!("{here}/one"), 0o755);
    script("blanks", " \t/bin/echo\tevil  ", 0o755);
    script("closed", "/bin/echo evil", 0o311);
    script("good", "/bin/echo good", 0o755);
    let mut lines = vec!["/bin/echo evil x", "./one", "./two", "./blanks", "bash -c 'exec -a echo /bin/echo evil'"];
    let loaded = loader.map(|loader| format!("{loader} /bin/echo evil x; {loader} --argv0 x /bin/echo evil"));
    lines.extend(loaded.as_deref());
    let unnamed = "cp /bin/echo e; exec 3< e; rm e; bash -c 'exec -a echo /proc/self/fd/3 evil'; rm -f e";
    lines.push(unnamed);
    if !rustix::process::geteuid().is_root() {
        // Where a script's owner may run what he may not read.
        lines.push("./closed");
    }
    for line in lines {
        let seen = inner.run(&["sh", "-c", line]);
        assert!(!seen.out.contains("evil"), "{line}: {} {}", seen.out, seen.error);
        let is_told = line == "./closed" || seen.report.contains("Bash(echo evil*)");
        assert!(is_told, "{line}: {}", seen.report);
        let mut outside = Command::new("sh");
        let control = outside.args(["-c", line]).current_dir(&here).output().unwrap();
        assert!(String::from_utf8_lossy(&control.stdout).contains("evil"), "control {line}");
    }
    assert_eq!(inner.run(&["./good"]).out, "good ./good");
}

/// Ways to read a file and to write one, in other languages than the shell's.
const INTERPRETERS: &[(&str, &[&str], &str)] = &[
    ("sh", &["-c"], "read -r line < SECRET; echo \"$line\"; echo evil > CANARY"),
    ("awk", &[], "BEGIN { while ((getline line < \"SECRET\") > 0) print line; print \"evil\" > \"CANARY\" }"),
    ("perl", &["-e"], "open F, '<', 'SECRET' and print <F>; open F, '>', 'CANARY' and print F 'evil'"),
    (
        "python3",
        &["-c"],
        "import os\nfor w in (lambda: print(open('SECRET').read()), lambda: open('CANARY', 'w').write('evil')):\n  try: w()\n  except OSError: pass",
    ),
    (
        "node",
        &["-e"],
        "const f=require('fs');for(const w of [()=>console.log(f.readFileSync('SECRET','utf8')),()=>f.writeFileSync('CANARY','evil')]){try{w()}catch{}}",
    ),
    (
        "ruby",
        &["-e"],
        "begin; puts File.read('SECRET'); rescue SystemCallError; end; begin; File.write('CANARY', 'evil'); rescue SystemCallError; end",
    ),
];

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Row 42: rules about the names of programs are advice; what is held is held for every program.
fn interpreters(world: &World) {
    let (secret, canary) = (world.path("outside/secret"), world.path("outside/canary"));
    let mut tried = 0;
    for (program, options, script) in INTERPRETERS.iter().filter(|(program, ..)| is_there(program)) {
        let script = script.replace("SECRET", &secret).replace("CANARY", &canary);
        let words: Vec<&str> =
            std::iter::once(*program).chain(options.iter().copied()).chain([script.as_str()]).collect();
        let seen = world.run(&words);
        assert!(!seen.out.contains("SECRET=2"), "{program}: {}", seen.out);
        assert_eq!(world.text("outside/canary"), "alive", "{program}");
        let output = Command::new(program).args(&words[1..]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("SECRET=2"), "{program} outside");
        assert_eq!(world.text("outside/canary").trim(), "evil", "{program} outside");
        fs::write(&canary, "alive").unwrap();
        tried += 1;
    }
    assert!(tried >= 2);
}

/// Row 183: spellings that a reader of commands may take for something else.
fn spellings(world: &World) {
    let lines = [
        "cat SECRET",
        "cat<SECRET",
        "env cat SECRET",
        "echo SECRET | xargs cat",
        "find SECRET -exec cat {} +",
        "c=ca; ${c}t SECRET",
        "IFS=_; x=cat_SECRET; $x",
        "eval \"$(printf 'cat %s' SECRET)\"",
        "command -p cat SECRET",
        "sh <<'E'\ncat SECRET\nE",
        "cp SECRET here; cat here",
        "ln -s SECRET there; cat there",
        "tar -cf - SECRET 2>/dev/null | tar -xOf -",
        "exec 9<SECRET; cat <&9",
        "cd \"$(dirname SECRET)\" && cat ./secret",
        "git --no-index diff /dev/null SECRET; git diff --no-index /dev/null SECRET",
        "git -c alias.x='!cat SECRET' x",
        "grep -r . \"$(dirname SECRET)\"",
        "dd if=SECRET status=none",
        "sed -n p SECRET; head -c 99 SECRET; tail SECRET; od -c SECRET; sort SECRET",
    ];
    let (secret, mut worked) = (world.path("outside/secret"), 0);
    for line in lines.map(|line| line.replace("SECRET", &secret)) {
        let seen = world.run(&["sh", "-c", &line]);
        assert!(!seen.out.contains("=2") && !seen.out.contains("S   E   C"), "{line}: {}", seen.out);
        let mut outside = Command::new("sh");
        let place = tempfile::tempdir_in(world.path("outside")).unwrap();
        let output = outside.args(["-c", &line]).current_dir(&place).stdin(Stdio::null()).output().unwrap();
        worked += usize::from(String::from_utf8_lossy(&output.stdout).contains("=2"));
        assert!(!Path::new(&world.path("project/here")).is_file(), "{line}");
        let _ = fs::remove_file(world.path("project/there"));
    }
    assert!(worked + 4 >= lines.len(), "as they are, {worked} read the file");
}

/// Row 51: the filter and the loss of privileges are in force before anything of the command runs.
fn filtered(world: &World) {
    let script = "grep -h -e ^Seccomp: -e ^NoNewPrivs: /proc/self/status /proc/$$/status /proc/1/status; \
                  (grep -h ^Seccomp: /proc/self/status) & wait; ls /proc/self/task | wc -l";
    let seen = world.run(&["sh", "-c", script]);
    let lines: Vec<String> = seen.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let own = ["NoNewPrivs:1", "Seccomp:2"];
    assert_eq!(lines[..4], [own, own].concat(), "{} {}", seen.out, seen.error);
    assert_eq!(lines[4], "NoNewPrivs:1");
    assert_eq!(lines[6..], ["Seccomp:2", "1"], "{}", seen.out);
}

/// Row 52: what a process says of itself opens no other.
fn opened(world: &World) {
    for name in ["environ", "mem", "maps"] {
        check(name, &world.inside(&["open-up", &format!("/proc/1/{name}")]).out, &["EACCES", "EPERM"]);
    }
    check("itself", &world.inside(&["open-up", "/proc/self/environ"]).out, &["ok"]);
}
