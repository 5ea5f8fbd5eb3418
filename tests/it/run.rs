//! `palisade run`: what a command does to the host, and what its caller learns.
//!
//! Every claim about the boundary is judged by its effect on the host, and the same attack without the
//! program is seen to work first.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Scene, User, each_user, managed, marker, processes, until, users};
use crate::terminal::Terminal;

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
        until("the victim runs", || processes(&marker).len() == 1);
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
        let with = |mut call: crate::support::Call<'_>| {
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
fn passes_the_exit_code_through() {
    each_user(|scene| {
        scene.write("project/plain", "no program");
        let table = [
            ("true", 0),
            ("exit 1", 1),
            ("exit 2", 2),
            ("exit 42", 42),
            ("exit 125", 125),
            ("exit 255", 255),
            ("kill -TERM $$", 143),
            ("kill -KILL $$", 137),
            ("kill -INT $$", 130),
        ];
        for (text, code) in table {
            let finished = scene.palisade(["run", "--quiet", "--", "sh", "-c", text]).run();
            assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (code, "", ""), "{text}");
        }
        assert_eq!(
            scene.palisade(["run", "--", "no-such-program"]).run().told(scene),
            (127, String::new(), "palisade: cannot start `no-such-program` inside the boundary: No such file or directory (os error 2)\n".into())
        );
        assert_eq!(
            scene.palisade(["run", "--", "./plain"]).run().told(scene),
            (
                126,
                String::new(),
                "palisade: cannot start `./plain` inside the boundary: Permission denied (os error 13)\n".into()
            )
        );
    });
}

#[test]
fn passes_the_streams_through_untouched() {
    each_user(|scene| {
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let finished = scene.palisade(["run", "--", "cat"]).input(&bytes).run();
        assert_eq!((finished.code, finished.bytes == bytes), (0, true));
        assert_eq!(finished.stderr, "palisade: exit code 0, inside the boundary\n");
        let finished = scene.palisade(["run", "--quiet", "--", "sh", "-c", "echo out; echo err >&2"]).run();
        assert_eq!(finished.told(scene), (0, "out\n".into(), "err\n".into()));
    });
}

#[test]
fn tells_its_own_outcome_apart() {
    each_user(|scene| {
        // Descriptor 3 is opened by the shell around it.
        let status = |arguments: &str| {
            let call = scene.bash(&format!("exec {} run {arguments} 3> status", scene.program()));
            let finished = call.run();
            let lines: Vec<Value> =
                scene.read("project/status").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (finished, lines)
        };
        let (finished, lines) = status("--status-fd 3 --report report.json -- sh -c 'exit 7'");
        assert_eq!(finished.told(scene), (7, String::new(), "palisade: exit code 7, inside the boundary\n".into()));
        assert_eq!(
            lines,
            [
                json!({"schema_version": 1, "event": "permitted"}),
                json!({"schema_version": 1, "event": "ended", "code": 7})
            ]
        );
        let mut report: Value = serde_json::from_str(&scene.read("project/report.json")).unwrap();
        assert!(report["wall_ms"].take().is_u64() && report["landlock_abi"].take().is_u64(), "{report}");
        assert!(report["cannot_show"].take().is_array() && report["missing"].take().is_array(), "{report}");
        // What the shell around it sets by itself.
        assert!(report["environment_dropped"].take().is_array(), "{report}");
        assert_eq!(
            report,
            json!({
                "schema_version": 1,
                "exit": {"code": 7, "signal": null},
                "wall_ms": null,
                "enforced": [
                    "user-namespace", "mount-namespace", "pid-namespace", "network-namespace", "ipc-namespace",
                    "uts-namespace", "cgroup-namespace", "no-capabilities", "no-new-privileges", "landlock", "seccomp",
                ],
                "landlock_abi": null,
                "missing": null,
                "refused": [],
                "refused_more": 0,
                "not_present": [],
                "cannot_show": null,
                "environment_dropped": null,
                "temporary": ["/tmp", "/var/tmp", "/dev/shm"],
                "ended_by_boundary": null,
            })
        );

        scene.settings(&json!({"permissions": {"deny": ["Bash(touch *)"]}}));
        let (finished, lines) = status("--status-fd 3 -- touch made");
        let reason = "`touch made` is denied by the deny rule `Bash(touch *)` (~/.claude/settings.json:4)";
        assert_eq!(finished.code, 125);
        assert_eq!(lines, [json!({"schema_version": 1, "event": "refused", "reason": reason})]);

        let (finished, lines) = status("--status-fd 3 --permit nonsense --project / -- bash -c true");
        assert_eq!(
            finished.told(scene),
            (125, String::new(), "palisade: nothing ran: `nonsense` is no permit\n".into())
        );
        assert_eq!(lines, [json!({"schema_version": 1, "event": "failed", "reason": "`nonsense` is no permit"})]);
    });
}

#[test]
fn tells_what_the_boundary_refused() {
    each_user(|scene| {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let text = format!("(exec 3<> /dev/tcp/192.0.2.1/{port}) 2>/dev/null; true");
        let finished = scene.palisade(["run", "--quiet", "--report", "report.json", "--", "bash", "-c", &text]).run();
        let report: Value = serde_json::from_str(&scene.read("project/report.json")).unwrap();
        let whats: Vec<&str> =
            report["refused"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
        assert!(whats.contains(&format!("connect 192.0.2.1:{port}").as_str()), "{report}");
        assert!(finished.stderr.contains(&format!("palisade: refused: connect 192.0.2.1:{port} by ")), "{finished:#?}");
    });
}

#[test]
fn a_deny_rule_refuses_the_command_itself() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Bash(touch *)"], "allow": ["Bash"]}}));
        let reason = "`touch made` is denied by the deny rule `Bash(touch *)` (~/.claude/settings.json:4)";
        let expected = (
            125,
            String::new(),
            format!(
                "palisade: refused: {reason}\n    narrow or remove `Bash(touch *)` at ~/.claude/settings.json:4; no allow rule opens a deny\n"
            ),
        );
        assert_eq!(scene.palisade(["run", "--", "touch", "made"]).run().told(scene), expected);
        assert!(!scene.exists("project/made"));
        // The deny holds in every mode, and however the command is wrapped.
        for argv in [
            &["run", "--mode", "bypassPermissions", "--", "touch", "made"][..],
            &["run", "--", "sh", "-c", "touch made"],
            &["run", "--", "env", "A=b", "touch", "made"],
            &["run", "--", "/usr/bin/touch", "made"],
        ] {
            let finished = scene.palisade(argv).run();
            assert_eq!((finished.code, scene.exists("project/made")), (125, false), "{argv:?}: {finished:#?}");
        }
        let verdicts: Vec<(Value, Value)> = scene
            .journal()
            .iter()
            .map(|record| (record["kind"].clone(), record["decision"]["verdict"].clone()))
            .collect();
        assert_eq!(verdicts, vec![(json!("decision"), json!("deny")); 5]);
        assert_eq!(scene.bash("touch made").run().code, 0);
        assert!(scene.exists("project/made"));
    });
}

#[test]
fn settings_and_mode_of_the_command_line_count() {
    each_user(|scene| {
        scene.write("strict.json", json!({"permissions": {"deny": ["Bash(touch *)"]}}).to_string());
        let file = scene.text("strict.json");
        let refused = scene.palisade(["run", "--settings", &file, "--", "touch", "made"]).run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        let refused = scene.palisade(["run", "--mode", "dontAsk", "--", "touch", "made"]).run();
        assert_eq!(
            refused.told(scene),
            (
                125,
                String::new(),
                "palisade: refused: no rule decides `touch made`, and mode `dontAsk` asks; mode `dontAsk` refuses what would ask\n    to allow it, add `Bash(touch made)` to `permissions.allow`\n".into()
            )
        );
        assert!(!scene.exists("project/made"));
        let missing = scene.palisade(["run", "--settings", "no-such.json", "--", "touch", "made"]).run();
        assert_eq!((missing.code, scene.exists("project/made")), (125, false), "{missing:#?}");
        assert!(missing.stderr.contains("no-such.json"), "{missing:#?}");
    });
}

#[test]
fn an_ask_counts_as_answered_by_whoever_typed_the_command() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"ask": ["Bash(touch *)"]}}));
        let finished = scene.palisade(["run", "--", "touch", "made"]).run();
        assert_eq!((finished.code, scene.exists("project/made")), (0, true), "{finished:#?}");
        let answer = &scene.journal()[1]["answer"];
        assert_eq!(*answer, json!({"to": 0, "by": "typed", "reply": "approved"}));
    });
}

#[test]
fn an_ask_of_the_administrator_needs_an_answer_at_a_terminal() {
    each_user(|scene| {
        for file in ["etc/palisade/settings.json", "etc/claude-code/managed-settings.json"] {
            let rules = json!({"permissions": {"ask": ["Bash(touch *)"]}});
            scene.write(file, rules.to_string());
            let call = || managed(scene, scene.palisade(["run", "--", "touch", "made"]));
            let alone = call().run();
            assert_eq!((alone.code, scene.exists("project/made")), (125, false), "{alone:#?}");
            assert!(alone.stderr.contains(&format!("/{file}:1")), "{alone:#?}");
            assert!(alone.stderr.contains("nobody approved it"), "{alone:#?}");

            let mut no = Terminal::start(&call(), 24, 80);
            no.expect("Run it? [y/N] ");
            no.send("n\n");
            assert_eq!((no.wait().0, scene.exists("project/made")), (125, false));

            let mut yes = Terminal::start(&call(), 24, 80);
            yes.expect("asks by the ask rule `Bash(touch *)`");
            yes.expect("Run it? [y/N] ");
            yes.send("y\n");
            let (code, shown) = yes.wait();
            assert_eq!((code, scene.exists("project/made")), (0, true), "{shown}");

            std::fs::remove_file(scene.path("project/made")).unwrap();
            std::fs::remove_file(scene.path(file)).unwrap();
        }
        assert!(!std::fs::exists("/etc/palisade/settings.json").unwrap_or(false), "the host has a trace of the test");
    });
}

#[test]
fn a_deny_of_the_administrator_stands_above_everything() {
    each_user(|scene| {
        scene.write("etc/palisade/settings.json", json!({"permissions": {"deny": ["Bash(touch *)"]}}).to_string());
        scene.settings(&json!({"permissions": {"allow": ["Bash"], "defaultMode": "bypassPermissions"}}));
        let refused = managed(
            scene,
            scene.palisade(["run", "--settings", r#"{"permissions":{"allow":["Bash"]}}"#, "--", "touch", "made"]),
        )
        .run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        assert!(refused.stderr.contains("/etc/palisade/settings.json:1"), "{refused:#?}");
        assert_eq!(managed(scene, scene.bash("touch made")).run().code, 0);
        assert!(scene.exists("project/made"));
    });
}

#[test]
fn forwards_signals() {
    each_user(|scene| {
        for (name, signal) in
            [("TERM", Signal::TERM), ("HUP", Signal::HUP), ("USR1", Signal::USR1), ("INT", Signal::INT)]
        {
            let ready = format!("project/ready-{name}");
            let text = format!("trap 'echo caught; exit 9' {name}; echo > ready-{name}; while :; do sleep 0.05; done");
            let running = scene.palisade(["run", "--quiet", "--", "bash", "-c", &text]).start();
            until("the command is ready", || scene.exists(&ready));
            running.signal(signal);
            let finished = running.wait();
            assert_eq!((finished.code, finished.stdout.as_str()), (9, "caught\n"), "{name}: {finished:#?}");
        }
        // One that the command does not catch ends it, and tells so.
        let running = scene.palisade(["run", "--", "sh", "-c", "echo > ready; exec sleep 600"]).start();
        until("the command is ready", || scene.exists("project/ready"));
        running.signal(Signal::TERM);
        assert_eq!(
            running.wait().told(scene),
            (143, String::new(), "palisade: ended by signal 15, inside the boundary\n".into())
        );
    });
}

#[test]
fn a_terminal_program_works_inside() {
    each_user(|scene| {
        let text = "test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; read -r line; echo \"[$line]\"; \
                    trap 'stty size; echo resized' WINCH; echo waiting; while [ ! -e go ]; do sleep 0.05; done; \
                    trap - WINCH; echo looping; while :; do sleep 0.05; done";
        let mut terminal = Terminal::start(&scene.palisade(["run", "--", "bash", "-c", text]), 31, 97);
        terminal.expect("terminal");
        terminal.expect("31 97");
        terminal.send("typed\n");
        terminal.expect("[typed]");
        terminal.expect("waiting");
        terminal.resize(47, 111);
        terminal.expect("47 111");
        terminal.expect("resized");
        scene.write("project/go", "");
        terminal.expect("looping");
        terminal.send("\u{3}");
        let (code, shown) = terminal.wait();
        assert_eq!(code, 130, "{shown}");
        assert!(shown.ends_with("ended by signal 2, inside the boundary\n"), "{shown}");
    });
}

#[test]
fn a_terminal_inside_is_not_the_terminal_outside() {
    each_user(|scene| {
        // The shell notes its own terminal's device, then the confined one notes its own.
        let text = format!(
            "stat -Lc %d:%i /proc/self/fd/0 > outer; {} run --quiet -- bash -c 'stat -Lc %d:%i /proc/self/fd/0 > inner; exit 3'; echo \"[$?]\"; stty -a > after",
            scene.program()
        );
        let mut terminal = Terminal::start(&scene.bash(&format!("stty -a > before; {text}")), 24, 80);
        terminal.expect("[3]");
        assert_eq!(terminal.wait().0, 0);
        assert_ne!(scene.read("project/outer"), scene.read("project/inner"));
        assert_eq!(scene.read("project/before"), scene.read("project/after"), "the terminal is left changed");
    });
}

#[test]
fn nothing_runs_when_no_boundary_can_be_built() {
    each_user(|scene| {
        let program = scene.program();
        let no_namespaces = |argv: &str| {
            let limit = "echo 0 > /proc/sys/user/max_user_namespaces";
            scene.bash(&format!("exec unshare --user --map-root-user bash -c '{limit}; exec \"$@\"' bash {argv}")).run()
        };
        let refused = no_namespaces(&format!("{program} run -- touch made"));
        assert_eq!(
            refused.told(scene),
            (
                125,
                String::new(),
                "palisade: the boundary cannot be built: the step `make a user namespace` failed: No space left on device (os error 28)\n    sudo sysctl -w user.max_user_namespaces=15000\n".into()
            )
        );
        assert!(!scene.exists("project/made"));
        let log = scene.journal();
        assert_eq!(log.last().unwrap()["outcome"]["end"], "failed", "{log:#?}");
        let control = no_namespaces("touch made");
        assert_eq!((control.code, scene.exists("project/made")), (0, true), "{control:#?}");
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

#[test]
fn a_wrong_command_line_is_code_2() {
    let scene = Scene::new(User::Own);
    for argv in [
        &["run"][..],
        &["run", "--"],
        &["run", "touch", "made"],
        &["run", "--mode", "everything", "--", "touch", "made"],
        &["run", "--status-fd", "x", "--", "touch", "made"],
    ] {
        let refused = scene.palisade(argv).run();
        assert_eq!((refused.code, scene.exists("project/made")), (2, false), "{argv:?}: {refused:#?}");
    }
    let refused = scene.palisade(["run", "--mode", "everything", "--", "true"]).run();
    assert!(refused.stderr.contains("no such mode; the modes are default, "), "{refused:#?}");
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
