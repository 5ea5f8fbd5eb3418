//! `palisade run`: what a command can do to the host.
//!
//! Every claim is judged by its effect on the host, and the same attack without the program is seen to
//! work.
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its files, processes and servers"
)]

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Call, SEARCH, Scene, each_user, marker, processes, until, users};

#[test]
fn writes_the_project_and_a_private_temporary_directory() {
    each_user(|scene| {
        let name = marker(scene, "run");
        let attack = format!(
            "echo in > made; mkdir -p d && echo in > d/made; echo t > /tmp/{name}; echo t > /var/tmp/{name}; \
             echo t > /dev/shm/{name}; echo o > ../outside; echo h > ~/stray; mkdir ~/.config; \
             cat /tmp/{name} /var/tmp/{name}"
        );
        let host = [format!("/tmp/{name}"), format!("/var/tmp/{name}"), format!("/dev/shm/{name}")];
        let on_host = || -> Vec<bool> { host.iter().map(|path| std::fs::exists(path).unwrap()).collect() };

        let confined = scene.confined(&attack).run();
        assert_eq!((confined.code, confined.stdout.as_str()), (0, "t\nt\n"), "{confined:#?}");
        assert_eq!((scene.read("project/made"), scene.read("project/d/made")), ("in\n".into(), "in\n".into()));
        assert_eq!(on_host(), [false; 3]);
        let strays = ["outside", "home/stray", "home/.config"].map(|name| scene.exists(name));
        assert_eq!(strays, [false; 3]);

        let control = scene.bash(&attack).run();
        let made = on_host();
        for path in host {
            let _ = std::fs::remove_file(path);
        }
        assert_eq!((control.code, made), (0, vec![true; 3]), "the attack does not work without the boundary");
        let strays = ["outside", "home/stray", "home/.config"].map(|name| scene.exists(name));
        assert_eq!(strays, [true; 3]);
    });
}

/// `..` of the root leads to whatever is mounted over it: nothing may be.
#[test]
fn nothing_of_the_host_is_left_above_the_root() {
    each_user(|scene| {
        scene.write("home/.ssh/id_ed25519", "canary-above");
        scene.write("project/.git/hooks/pre-commit", "#!/bin/sh\n");
        let name = marker(scene, "above");
        std::fs::write(format!("/tmp/{name}"), "canary-tmp").unwrap();
        let attack = format!(
            "for up in /.. /../.. /proc/self/root/.. /proc/1/root/.. /proc/self/cwd/../../../../../../../../../..; do \
             cat $up/$HOME/.ssh/id_ed25519 $up/tmp/{name}; echo evil >> $up/$PWD/.git/hooks/pre-commit; \
             ls $up/proc | grep -c '^[0-9]'; done"
        );
        let confined = scene.confined(&attack).run();
        assert_eq!(scene.read("project/.git/hooks/pre-commit"), "#!/bin/sh\n", "{confined:#?}");
        let control = scene.bash(&attack).run();
        std::fs::remove_file(format!("/tmp/{name}")).unwrap();
        assert!(!confined.stdout.contains("canary"), "{confined:#?}");
        let most = confined.stdout.lines().filter_map(|line| line.parse::<u32>().ok()).max().unwrap();
        assert!(most < 10, "processes of the host are seen: {confined:#?}");
        assert!(control.stdout.contains("canary-above") && control.stdout.contains("canary-tmp"), "{control:#?}");
        assert!(scene.read("project/.git/hooks/pre-commit").contains("evil"), "{control:#?}");

        let mounts = scene.confined("awk '$5 == \"/\"' /proc/self/mountinfo | wc -l").run();
        assert_eq!(mounts.stdout.trim(), "1", "more than one mount at the root");
    });
}

/// The host shows a directory, a part of it, and one file, at other places too.
#[test]
fn may_not_read_or_write_it_where_it_is_mounted_a_second_time() {
    each_user(|scene| {
        let planted = [
            ("project/secret.txt", "canary-rule"),
            ("outside/all/deep/file", "canary-outside"),
            ("home/.ssh/id_ed25519", "canary-ssh"),
        ];
        for (name, text) in planted {
            scene.write(name, text);
        }
        scene.write("project/.git/hooks/pre-commit", "#!/bin/sh\n");
        scene.write("twins/one", "");
        for name in ["twins/home", "twins/part", "project/again"] {
            scene.directory(name);
        }
        let deny = ["Read(./secret.txt)".to_owned(), format!("Read(/{}/**)", scene.text("outside"))];
        scene.settings(&json!({"permissions": {"deny": deny}}));
        let bind = |from: &str, to: &str| format!("mount --bind {} {}\n", scene.text(from), scene.text(to));
        let mounts = [
            bind("project/secret.txt", "twins/one"),
            bind("home", "twins/home"),
            bind("outside/all/deep", "twins/part"),
            bind("project/.git", "project/again"),
        ]
        .concat();
        scene.script(
            "project/attack",
            "cat ../twins/one ../twins/home/.ssh/id_ed25519 ../twins/part/file; echo evil >> again/hooks/pre-commit; true",
        );
        let confined = scene.palisade(["run", "--", "./attack"]).after_mounts(&mounts).run();
        assert_eq!(confined.code, 0, "{confined:#?}");
        for (_, secret) in planted {
            confined.lacks(secret);
        }
        assert_eq!(scene.read("project/.git/hooks/pre-commit"), "#!/bin/sh\n", "{confined:#?}");
        let control = scene.bash("./attack").after_mounts(&mounts).run();
        for (_, secret) in planted {
            assert!(control.stdout.contains(secret), "{control:#?}");
        }
        assert!(scene.read("project/.git/hooks/pre-commit").contains("evil"), "{control:#?}");
    });
}

/// A mount whose name is no UTF-8 cannot be held, and is not passed over.
#[test]
fn nothing_runs_where_it_is_mounted_under_a_name_that_cannot_be_held() {
    each_user(|scene| {
        scene.write("home/.ssh/id_ed25519", "canary-ssh");
        scene.write("project/.git/hooks/pre-commit", "#!/bin/sh\n");
        scene.directory("twins");
        let [home, hook] = [scene.text("home"), scene.text("project/.git/hooks/pre-commit")];
        let [outside, inside] = [scene.text("twins"), scene.text("project")];
        let name = "$'o\\xff'";
        let at_home = format!("mkdir -p {outside}/{name}\nmount --bind {home} {outside}/{name}\n");
        let at_hook = |place: &str| format!("touch {place}/h{name}\nmount --bind {hook} {place}/h{name}\n");
        let attack = "cat ../twins/*/.ssh/id_ed25519; for f in h* ../twins/h*; do echo evil >> $f; done; true";
        scene.script("project/attack", attack);
        for mounts in [at_home.clone(), at_hook(&inside)] {
            let confined = scene.palisade(["run", "--", "./attack"]).after_mounts(&mounts).run();
            assert_eq!(confined.code, 125, "{confined:#?}");
            assert!(confined.stderr.contains("a mount whose name is not UTF-8"), "{confined:#?}");
            confined.lacks("canary-ssh");
            assert_eq!(scene.read("project/.git/hooks/pre-commit"), "#!/bin/sh\n", "{confined:#?}");
        }
        // Where nothing is written, what must not be written may be seen.
        let seen = scene.palisade(["run", "--", "./attack"]).after_mounts(&at_hook(&outside)).run();
        assert_eq!(seen.code, 0, "{seen:#?}");
        assert_eq!(scene.read("project/.git/hooks/pre-commit"), "#!/bin/sh\n", "{seen:#?}");
        let control = scene.bash("./attack").after_mounts(&[at_home, at_hook(&inside)].concat()).run();
        assert!(control.stdout.contains("canary-ssh"), "{control:#?}");
        assert!(scene.read("project/.git/hooks/pre-commit").contains("evil"), "{control:#?}");
    });
}

/// A file system whose server never answers: a rule names something on it.
#[test]
fn nothing_runs_where_a_file_system_does_not_answer() {
    if std::fs::File::options().read(true).write(true).open("/dev/fuse").is_err() {
        println!("NOT TESTED: there is no /dev/fuse");
        return;
    }
    each_user(|scene| {
        scene.directory("stuck");
        scene.settings(&json!({"permissions": {"deny": [format!("Read(/{}/x)", scene.text("stuck"))]}}));
        let ids = "rootmode=40000,user_id=0,group_id=0,allow_other";
        let mounts = format!("exec 9<>/dev/fuse; mount -t fuse none {} -o fd=9,{ids}", scene.text("stuck"));
        let start = std::time::Instant::now();
        let refused = scene.palisade(["run", "--", "touch", "made"]).after_mounts(&mounts).run();
        assert!(start.elapsed() < std::time::Duration::from_secs(40), "{refused:#?}");
        assert_ne!(refused.code, 0, "{refused:#?}");
        assert!(refused.stderr.contains("a file system does not answer"), "{refused:#?}");
        assert!(!scene.exists("project/made"));
    });
}

/// A directory of the project is one in which the person's shell looks for programs.
#[test]
fn may_not_write_where_the_person_finds_programs() {
    each_user(|scene| {
        scene.directory("project/tools");
        scene.script("project/attack", "echo evil > tools/ls; mkdir x; mv tools other; echo evil > rel/ls; true");
        scene.directory("project/rel");
        let path = format!("{}:rel:{SEARCH}", scene.text("project/tools"));
        let confined = scene.palisade(["run", "--", "./attack"]).env("PATH", &path).run();
        assert_eq!(confined.code, 0, "{confined:#?}");
        assert!(!scene.exists("project/tools/ls") && !scene.exists("project/rel/ls"), "{confined:#?}");
        assert!(confined.stderr.contains("a directory of `PATH`"), "{confined:#?}");
        // Where somebody says so it may be written.
        scene.settings(&json!({"sandbox": {"filesystem": {"allowWrite": [scene.text("project/tools")]}}}));
        let opened = scene.palisade(["run", "--", "sh", "-c", "echo good > tools/made"]).env("PATH", &path).run();
        assert_eq!((opened.code, scene.read("project/tools/made").as_str()), (0, "good\n"), "{opened:#?}");
        let control = scene.bash("./attack").env("PATH", &path).run();
        assert!(scene.read("project/other/ls").contains("evil"), "{control:#?}");
    });
}

#[test]
fn may_not_read_what_rules_and_credential_stores_name() {
    each_user(|scene| {
        let planted = [
            ("project/secret.txt", "canary-rule"),
            ("project/deep/down/.env", "canary-glob"),
            ("project/private/inner/file", "canary-directory"),
            ("outside/file", "canary-outside"),
            ("home/notes/file", "canary-deny-read"),
            ("home/.ssh/id_ed25519", "canary-ssh"),
            ("home/.aws/credentials", "canary-aws"),
            ("home/.netrc", "canary-netrc"),
            ("home/.git-credentials", "canary-git"),
            ("home/.cargo/credentials.toml", "canary-cargo"),
            ("home/.claude/.credentials.json", "canary-claude"),
        ];
        for (name, text) in planted {
            scene.write(name, text);
        }
        std::os::unix::fs::symlink("secret.txt", scene.path("project/alias")).unwrap();
        std::fs::hard_link(scene.path("home/notes/file"), scene.path("home/notes/again")).unwrap();
        scene.write("project/open.txt", "may be read");
        scene.settings(&json!({
            "permissions": {"deny": [
                "Read(./secret.txt)", "Read(**/.env)", "Read(./private/**)",
                format!("Read(/{}/**)", scene.text("outside")),
            ]},
            "sandbox": {"filesystem": {"denyRead": ["~/notes"]}},
        }));
        scene.directory("project/bin");
        let script = scene.script(
            "project/bin/steal",
            "cat open.txt; for file in \"$@\" alias ~/notes/again; do cat \"$file\"; cp \"$file\" copy; cat copy; \
             ln \"$file\" link; cat link; mv \"$file\" moved; cat moved; done; \
             cat deep/down/.e*; find ~ . -type f -exec cat {} + ; tar c . | cat",
        );
        let mut argv = vec!["run".to_owned(), "--".to_owned(), script.to_str().unwrap().to_owned()];
        argv.extend(planted.map(|(name, _)| scene.text(name)));
        // The command's own words must not name the files: rules about its text are another test's.
        scene.write("project/list", argv[3..].join("\n"));
        scene.script("project/bin/all", "mapfile -t files < list; exec bin/steal \"${files[@]}\"");

        let confined = scene.palisade(["run", "--", "bin/all"]).run();
        assert!(confined.stdout.contains("may be read"), "{confined:#?}");
        for (_, secret) in planted {
            confined.lacks(secret);
        }
        for (name, text) in planted {
            assert_eq!(scene.read(name), text, "{name}");
        }

        let control = scene.bash("bin/all").run();
        for (name, secret) in planted {
            assert!(control.stdout.contains(secret), "{name} cannot be stolen without the boundary: {control:#?}");
        }
    });
}

#[test]
fn may_not_see_its_own_journal() {
    each_user(|scene| {
        let look = "ls ~/.local/state/palisade; cat ~/.local/state/palisade/journal/*; echo >> ~/.local/state/palisade/journal/journal.jsonl; echo looked";
        let first = scene.confined("echo one").run();
        assert_eq!(first.stdout, "one\n", "{first:#?}");
        let confined = scene.confined(look).run();
        assert_eq!(confined.stdout, "looked\n", "{confined:#?}");
        let control = scene.bash("cat ~/.local/state/palisade/journal/journal.jsonl").run();
        assert!(control.stdout.contains("echo one"), "{control:#?}");
        assert_eq!(scene.palisade(["audit", "verify"]).run().code, 0);
    });
}

#[test]
fn may_not_write_protected_names_that_exist() {
    each_user(|scene| {
        let names = [
            ".git/config",
            ".git/hooks/pre-commit",
            ".claude/settings.json",
            ".claude/agents/a.md",
            ".mcp.json",
            ".bashrc",
            ".palisade/settings.json",
            ".vscode/tasks.json",
            "deep/.git/config",
            "deep/.npmrc",
        ];
        let plant = || {
            for name in names {
                scene.write(&format!("project/{name}"), "{}");
            }
        };
        plant();
        scene.write("project/list", names.join("\n") + "\n");
        scene.script(
            "project/attack",
            "while read -r file; do echo >> \"$file\"; echo x > fresh; mv -f fresh \"$file\"; ln -f \"$file\" hard; \
             echo >> hard; sed -i s/{/x/ \"$file\"; rm -f \"$file\"; directory=${file%/*}; \
             [ \"$directory\" = \"$file\" ] || mv \"$directory\" \"away$RANDOM\"; done < list; echo attacked",
        );
        let intact = || {
            names.map(|name| scene.exists(&format!("project/{name}")) && scene.read(&format!("project/{name}")) == "{}")
        };

        let confined = scene.palisade(["run", "--", "./attack"]).run();
        assert!(confined.stdout.ends_with("attacked\n"), "{confined:#?}");
        assert_eq!(intact(), [true; 10], "{confined:#?}");
        let control = scene.bash("./attack").run();
        assert!(control.stdout.ends_with("attacked\n"), "{control:#?}");
        assert_eq!(intact(), [false; 10], "the attack does not work without the boundary: {control:#?}");
    });
}

/// What is not there yet is held by its name: settings that a command makes would allow the next one.
#[test]
fn protected_names_cannot_be_made() {
    each_user(|scene| {
        let projects = json!({scene.text("project"): {"hasTrustDialogAccepted": true}});
        scene.write("home/.claude.json", json!({"projects": projects}).to_string());
        let decision = || scene.palisade(["explain", "--json", "curl x"]).run().json()["decision"].clone();
        scene.script(
            "project/attack",
            "mkdir .claude; echo '{\"permissions\":{\"allow\":[\"Bash\"]}}' > .claude/settings.json; echo went on",
        );
        let finished = scene.palisade(["run", "--quiet", "--", "./attack"]).run();
        assert_eq!((finished.code, finished.stdout.as_str()), (0, "went on\n"), "{finished:#?}");
        let told = "refused: make <scene>/project/.claude/settings.json";
        assert!(scene.told(&finished.stderr).contains(told), "{finished:#?}");
        assert!(scene.exists("project/.claude") && !scene.exists("project/.claude/settings.json"));
        assert_eq!(decision(), "ask");

        let control = scene.bash("./attack").run();
        assert_eq!(control.stdout, "went on\n");
        assert_eq!(decision(), "allow", "the attack works without the boundary");
    });
}

/// A program that a rule denies is denied to a script, a Makefile's shell and a copy as well.
#[test]
fn denied_programs_are_denied_to_every_child() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Bash(fetchit *)", "Bash(tool push *)"]}}));
        scene.directory("bin");
        for name in ["fetchit", "tool"] {
            scene.script(&format!("bin/{name}"), "echo $(basename $0) $* >> log");
        }
        scene.script(
            "project/attack",
            "fetchit one; sh -c 'fetchit two'; cp $(command -v fetchit) copy; ./copy three; ln -s ../bin/fetchit link; \
             ./link four; env fetchit five; tool pull; tool push six; sh -c 'exec tool push seven'; echo done >> log",
        );
        let search = format!("{}:/usr/bin:/bin", scene.text("bin"));
        let confined = scene.palisade(["run", "--", "./attack"]).env("PATH", &search).run();
        assert_eq!(scene.read("project/log"), "tool pull\ndone\n", "{confined:#?}");
        for told in ["start <scene>/bin/fetchit", "`Bash(fetchit *)`", "start <scene>/bin/tool", "`Bash(tool push *)`"]
        {
            let told = told.trim_matches('`');
            assert!(scene.told(&confined.stderr).contains(told), "{told}: {confined:#?}");
        }
        std::fs::remove_file(scene.path("project/log")).unwrap();
        let control = scene.bash("./attack").env("PATH", &search).run();
        let ran = ["one", "two", "three", "four", "five", "pull", "six", "seven"];
        assert!(ran.iter().all(|word| scene.read("project/log").contains(word)), "{control:#?}");
    });
}

#[test]
fn may_not_write_what_rules_forbid() {
    each_user(|scene| {
        for name in ["project/frozen/file", "project/held.txt"] {
            scene.write(name, "as it was");
        }
        scene.settings(&json!({
            "permissions": {"deny": ["Edit(./frozen/**)"]},
            "sandbox": {"filesystem": {"denyWrite": [scene.text("project/held.txt")], "allowWrite": [scene.text("more")]}},
        }));
        scene.directory("more");
        scene.script(
            "project/attack",
            "echo >> frozen/file; echo > frozen/new; mv frozen thawed; echo >> held.txt; rm -f held.txt; echo more > ../more/file; echo attacked",
        );
        let confined = scene.palisade(["run", "--", "./attack"]).run();
        assert_eq!(confined.stdout, "attacked\n", "{confined:#?}");
        assert_eq!(
            ["project/frozen/file", "project/held.txt", "more/file"].map(|name| scene.read(name)),
            ["as it was", "as it was", "more\n"]
        );
        assert!(!scene.exists("project/frozen/new") && !scene.exists("project/thawed"));
        let control = scene.bash("./attack").run();
        assert_eq!(control.stdout, "attacked\n");
        assert!(scene.exists("project/thawed") && !scene.exists("project/held.txt"));
    });
}

#[test]
fn has_no_network() {
    each_user(|scene| {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        let path = scene.path("project/socket");
        let local = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        local.set_nonblocking(true).unwrap();
        let (stream, datagram) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        let attack = format!(
            "(echo tcp > /dev/tcp/127.0.0.1/{stream}) && echo tcp; (echo udp > /dev/udp/127.0.0.1/{datagram}) && echo udp; \
             perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, pack_sockaddr_un(\"socket\")) && print \"unix\\n\"'; \
             echo tried"
        );
        let mut bytes = [0; 16];
        let mut heard = || (tcp.accept().is_ok(), udp.recv(&mut bytes).is_ok(), local.accept().is_ok());

        let confined = scene.confined(&attack).run();
        assert_eq!(heard(), (false, false, false), "{confined:#?}");
        assert!(confined.stdout.ends_with("tried\n"), "{confined:#?}");
        let control = scene.bash(&attack).run();
        assert_eq!(control.stdout, "tcp\nudp\nunix\ntried\n", "{control:#?}");
        assert_eq!(heard(), (true, true, true), "the attack does not work without the boundary");
    });
}

#[test]
fn does_not_see_or_reach_the_hosts_processes() {
    each_user(|scene| {
        let marker = marker(scene, "victim");
        // A second process of the same user, with a secret in its environment.
        let victim = scene.bash(&format!("exec -a {marker} sleep 600")).env("VICTIM", "canary-victim").start();
        // What starts it has its words, too, and for a moment between the two nobody has.
        let is_asleep = |pid: &rustix::process::Pid| {
            std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).is_ok_and(|name| name == "sleep\n")
        };
        until("the victim runs", || processes(&marker).iter().any(is_asleep));
        let [pid] = processes(&marker)[..] else { panic!("the victim is gone") };
        let number = pid.as_raw_nonzero();
        scene.script(
            "project/attack",
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; kill -9 $1 && echo killed; echo tried",
        );
        let confined = scene.palisade(["run", "--", "./attack", &number.to_string()]).run();
        assert!(confined.stdout.ends_with("\ntried\n"), "{confined:#?}");
        confined.lacks(&marker);
        confined.lacks("canary-victim");
        confined.lacks("killed");
        assert_eq!(processes(&marker), [pid], "the victim is gone");

        let control = scene.bash(&format!("./attack {number}")).run();
        assert!(control.stdout.contains(&marker) && control.stdout.contains("canary-victim"), "{control:#?}");
        assert!(control.stdout.ends_with("killed\ntried\n"), "{control:#?}");
        assert_eq!(victim.wait().code, 137);
    });
}

#[test]
fn sees_no_secret_of_the_environment() {
    each_user(|scene| {
        scene.script(
            "project/attack",
            "env; cat /proc/self/environ /proc/1/environ /proc/$PPID/environ | tr '\\0' '\\n'; echo tried",
        );
        let secrets = ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY", "DATABASE_PASSWORD", "MYSTERY"];
        let with = |mut call: Call<'_>| {
            for name in secrets {
                call = call.env(name, format!("canary-{name}"));
            }
            call.env("LANG", "C.UTF-8")
                .env("SSH_AUTH_SOCK", "/run/canary-socket")
                .env("LD_PRELOAD_X", "canary-preload")
                .run()
        };
        let confined = with(scene.palisade(["run", "--report", "report.json", "--", "./attack"]));
        assert!(confined.stdout.contains("LANG=C.UTF-8\n") && confined.stdout.ends_with("tried\n"), "{confined:#?}");
        confined.lacks("canary");
        // The report names what was dropped, and no value.
        let report = scene.read("project/report.json");
        assert!(!report.contains("canary"), "{report}");
        let report: Value = serde_json::from_str(&report).unwrap();
        let mut dropped: Vec<&str> =
            report["environment_dropped"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        dropped.sort_unstable();
        let mut expected = [&secrets[..], &["LD_PRELOAD_X", "SSH_AUTH_SOCK"]].concat();
        expected.sort_unstable();
        assert_eq!(dropped, expected);
        assert!(!scene.journal().iter().any(|record| record.to_string().contains("canary")));
        let control = with(scene.bash("./attack"));
        assert!(secrets.iter().all(|name| control.stdout.contains(&format!("canary-{name}"))), "{control:#?}");
    });
}

#[test]
fn leaves_no_process_behind() {
    each_user(|scene| {
        let name = marker(scene, "left");
        let attack = format!("(setsid bash -c 'exec -a {name} sleep 600' < /dev/null > /dev/null 2>&1 &); echo away");
        let confined = scene.confined(&attack).run();
        assert_eq!((confined.code, confined.stdout.as_str()), (0, "away\n"), "{confined:#?}");
        until("the process in the background ends", || processes(&name).is_empty());

        let control = scene.bash(&attack).run();
        assert_eq!(control.stdout, "away\n");
        until("the process of the control run starts", || processes(&format!("{name}\0600")).len() == 1);
        for pid in processes(&name) {
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
        }
    });
}

#[test]
fn ends_everything_when_it_is_killed_itself() {
    each_user(|scene| {
        let name = marker(scene, "orphan");
        let running = scene.confined(&format!("exec -a {name} sleep 600")).start();
        until("the command runs", || !processes(&format!("{name}\0600")).is_empty());
        running.signal(Signal::KILL);
        assert_eq!(running.wait().code, 137);
        until("the command ends", || processes(&format!("{name}\0600")).is_empty());
    });
}

#[test]
fn a_project_below_a_temporary_directory_works() {
    for user in users() {
        for base in ["/tmp", "/var/tmp"] {
            let scene = Scene::below(std::path::Path::new(base), user);
            scene.write("project/list", "in the project\n");
            scene.write("beside", "beside the project");
            let finished = scene.confined("cat list; echo made > made; cat ../beside; pwd").run();
            assert_eq!(
                (finished.code, scene.told(&finished.stdout)),
                (0, "in the project\n<scene>/project\n".into()),
                "{user:?} {base}: {finished:#?}"
            );
            assert_eq!(scene.read("project/made"), "made\n");
            finished.lacks("beside the project");
        }
    }
}

#[test]
fn refuses_to_open_a_whole_home_or_system() {
    each_user(|scene| {
        for directory in [scene.path("home"), "/".into(), "/usr".into(), "/tmp".into()] {
            let refused = scene.palisade(["run", "--", "touch", "made"]).cwd(&directory).run();
            assert_eq!(refused.code, 125, "{refused:#?}");
            assert!(
                refused.stderr.contains("cannot be made writable as a whole: start in a project's own directory"),
                "{refused:#?}"
            );
            assert!(!directory.join("made").exists());
        }
    });
}

#[test]
fn its_own_files_cannot_be_written_from_inside() {
    each_user(|scene| {
        // The program and its settings lie in the project itself, where everything else may be written.
        std::fs::create_dir_all(scene.path("project/tool")).unwrap();
        std::fs::copy(scene.program(), scene.path("project/tool/palisade")).unwrap();
        let size = scene.path("project/tool/palisade").metadata().unwrap().len();
        scene.write("project/config/palisade/settings.json", "{}");
        let attack = "rm -f tool/palisade; mv tool away; echo > tool/palisade; rm -rf config/palisade; echo > config/palisade/settings.json; echo > made; echo attacked";
        let mut argv = vec![scene.path("project/tool/palisade").into_os_string()];
        argv.extend(["run", "--", "bash", "-c", attack].map(Into::into));
        let confined = scene.call(argv).env("XDG_CONFIG_HOME", scene.path("project/config")).run();
        assert_eq!(confined.stdout, "attacked\n", "{confined:#?}");
        assert!(scene.exists("project/made"));
        assert_eq!(scene.path("project/tool/palisade").metadata().unwrap().len(), size);
        assert_eq!(scene.read("project/config/palisade/settings.json"), "{}");
    });
}

/// The program writes the report outside the boundary, where the command must not lead it.
#[test]
fn the_report_is_not_led_elsewhere_by_the_command() {
    each_user(|scene| {
        let victim = scene.write("home/.bashrc", "as it was");
        for attack in ["ln -sf ~/.bashrc report.json", "rm -f report.json; ln -s ~/.bashrc report.json"] {
            let run = scene.palisade(["run", "--report", "report.json", "--", "bash", "-c", attack]).run();
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "as it was", "{attack}: {run:#?}");
            let _ = std::fs::remove_file(scene.path("project/report.json"));
        }
        scene.directory("project/out");
        let attack = "mv out away; ln -s ~ out";
        scene.palisade(["run", "--report", "out/.bashrc", "--", "bash", "-c", attack]).run();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "as it was");
    });
}

#[test]
fn a_descriptor_of_the_caller_does_not_lead_inside() {
    each_user(|scene| {
        scene.write("outside", "canary-descriptor");
        let mut read = String::new();
        let attack = "cat <&7; echo > /proc/self/fd/8; echo tried";
        let confined = scene
            .bash(&format!("exec {} run -- bash -c '{attack}' 7< ../outside 8> ../written", scene.program()))
            .run();
        assert_eq!(confined.stdout, "tried\n", "{confined:#?}");
        std::fs::File::open(scene.path("written")).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "");
        let control = scene.bash(&format!("exec bash -c '{attack}' 7< ../outside 8> ../written")).run();
        assert!(control.stdout.contains("canary-descriptor"), "{control:#?}");
    });
}

/// A descriptor from outside keeps the mount that it was opened on: opened again through `/proc`, it must
/// not write what is held, or more than appending.
#[test]
fn streams_are_no_way_around_what_is_held() {
    each_user(|scene| {
        scene.write("project/.git/config", "[core]\n");
        scene.write("project/input.txt", "one\n");
        scene.write("outside/log", "kept\n");
        let call = |redirection: &str, script: &str| {
            scene.bash(&format!("{} run --quiet -- sh -c '{script}' {redirection}", scene.program())).run()
        };
        call("< .git/config", "echo evil >> /proc/self/fd/0");
        call("2< .git/config", "echo evil >> /proc/self/fd/2");
        assert_eq!(scene.read("project/.git/config"), "[core]\n");
        call(">> ../outside/log", "echo appended; : > /proc/self/fd/1");
        assert_eq!(scene.read("outside/log"), "kept\nappended\n");
        let honest = call("< input.txt", "cat; echo more > /dev/stderr");
        assert_eq!(honest.stdout, "one\n", "{honest:#?}");
        let control = scene.bash("sh -c 'echo evil >> /proc/self/fd/0' < .git/config").run();
        assert_eq!(control.code, 0, "{control:#?}");
        assert!(scene.read("project/.git/config").contains("evil"), "{control:#?}");
    });
}

/// What git would run on the host afterwards is held where it stands today.
#[test]
fn what_git_reads_from_elsewhere_is_held() {
    each_user(|scene| {
        for path in [".git/config", ".git/modules/sub/config", ".git/worktrees/wt/commondir", "sub/.git"] {
            scene.write(&format!("project/{path}"), "kept\n");
        }
        let attack = "for file in .git/modules/sub/config .git/worktrees/wt/commondir sub/.git; do \
                      echo evil > $file; rm -f $file; mv $file moved; done";
        let confined = scene.confined(attack).run();
        for path in [".git/modules/sub/config", ".git/worktrees/wt/commondir", "sub/.git"] {
            assert_eq!(scene.read(&format!("project/{path}")), "kept\n", "{path}: {confined:#?}");
        }
        scene.bash(attack).run();
        assert!(!scene.exists("project/sub/.git"), "the attack does not work without the boundary");
    });
}

/// A holder below a shell: the first command builds its boundary, the next ones take theirs, and all that is left ends
/// with the shell.
#[test]
fn commands_take_boundaries_that_stand_ready() {
    each_user(|scene| {
        let program = scene.program();
        let run = |number: usize| {
            format!(
                "{program} run --quiet --report r{number}.json -- sh -c 'cat a; echo {number} > made{number}'; sleep 0.2; "
            )
        };
        scene.write("project/a", "in the project\n");
        let commands: String = (1..=4).map(run).collect();
        let script = format!(
            "{program} sandbox hold --detach --owner $$ || exit 9; {program} sandbox hold --detach --owner $$; echo \"again $?\"; \
             echo $$ > owner; {commands} echo '{{}}' > ../home/.claude/settings.json; {}",
            run(5)
        );
        scene.settings(&json!({"permissions": {"deny": ["Read(./secret)"]}}));
        let finished = scene.bash(&script).run();
        assert_eq!(finished.code, 0, "{finished:#?}");
        assert_eq!(finished.stdout, format!("again 1\n{}", "in the project\n".repeat(5)), "{finished:#?}");
        let from_holder = |number: usize| {
            let report: Value = serde_json::from_str(&scene.read(&format!("project/r{number}.json"))).unwrap();
            report["from_holder"].as_bool().unwrap()
        };
        assert!(!from_holder(1), "the first one has none");
        assert!((2..=4).filter(|number| from_holder(*number)).count() >= 2, "hardly any was taken");
        assert!(!from_holder(5), "another policy, another boundary");
        assert!((1..=5).all(|number| scene.read(&format!("project/made{number}")) == format!("{number}\n")));
        let holder = format!("hold\0{}\0", scene.read("project/owner").trim());
        until("the holder is gone", || processes(&holder).is_empty());
    });
}
