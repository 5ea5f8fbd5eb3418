//! `palisade run`: what its caller decides and learns.
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its files, processes and servers"
)]

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Scene, User, each_user, managed, until};
use crate::terminal::Terminal;

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
        // What of it the machine holds depends on the user and on the machine.
        assert_eq!(report["limits"].take().as_array().map(Vec::len), Some(3));
        // What the shell around it sets by itself.
        assert!(report["environment_dropped"].take().is_array(), "{report}");
        assert_eq!(report["held"]["writable"].take(), json!([scene.text("project")]));
        assert!(report["held"]["unreadable"].take().is_array(), "{report}");
        assert!(report["held"]["unwritable"].take().is_array(), "{report}");
        assert!(report["held"]["caches"].take().is_string(), "{report}");
        assert_eq!(
            report,
            json!({
                "schema_version": 1,
                "ran": true,
                "decision": {
                    "verdict": "allow",
                    "reason": "`sh -c 'exit 7'` only reads, in the working directories",
                    "rule": null,
                    "mode": "default",
                },
                "network": {"proxied": true, "connections": [], "notes": [], "more": 0, "failure": null},
                "held": {
                    "profile": "open",
                    "readable": [],
                    "writable": null,
                    "caches": null,
                    "unreadable": null,
                    "reopened": [],
                    "unwritable": null,
                },
                "tier": "full",
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
                "limits": null,
                "from_holder": false,
                "late_reads": null,
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
        let refused = no_namespaces(&format!("{program} run --require mount-namespace -- touch made"));
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
        scene.settings(&json!({"sandbox": {"require": ["pid-namespace"]}}));
        assert_eq!(no_namespaces(&format!("{program} run -- touch made")).code, 125);
        scene.settings(&json!({"sandbox": {"require": ["walls"]}}));
        assert_eq!(
            no_namespaces(&format!("{program} run -- touch made")).told(scene).2,
            "palisade: no boundary that this machine can build enforces what is required: walls\n"
        );
        assert!(!scene.exists("project/made"));
        let control = no_namespaces("touch made");
        assert_eq!((control.code, scene.exists("project/made")), (0, true), "{control:#?}");
    });
}

#[test]
fn a_lower_tier_runs_and_says_what_is_missing() {
    each_user(|scene| {
        scene.write("project/.env", "SECRET=1");
        scene.write("project/look", "cat .env /etc/hostname > /dev/null; exit 7");
        scene.settings(&json!({"permissions": {"deny": ["Read(.env)"]}}));
        let program = scene.program();
        let no_namespaces = |argv: &str| {
            let limit = "echo 0 > /proc/sys/user/max_user_namespaces";
            scene.bash(&format!("exec unshare --user --map-root-user bash -c '{limit}; exec \"$@\"' bash {argv}")).run()
        };
        let text = "run --report report.json -- sh look";
        let ran = no_namespaces(&format!("{program} {text}"));
        assert_eq!(
            ran.told(scene),
            (
                7,
                String::new(),
                "cat: .env: Permission denied\npalisade: refused: read <scene>/project/.env by /usr/bin/cat: Read(.env) \
                 (~/.claude/settings.json:4)\npalisade: exit code 7, inside the boundary (tier landlock); some layers are \
                 missing, see `--report`\n"
                    .into()
            )
        );
        let report: Value = serde_json::from_str(&scene.read("project/report.json")).unwrap();
        assert_eq!(report["tier"], json!("landlock"));
        assert_eq!(report["missing"][0]["what"], json!("tier-full"), "{report:#}");
        let layers = ["no-capabilities", "no-new-privileges", "landlock", "seccomp", "no-sockets"];
        assert_eq!(report["enforced"], json!(layers));

        let status = no_namespaces(&format!("{program} sandbox status --json"));
        let machine: Value = serde_json::from_slice(&status.bytes).unwrap();
        assert_eq!((status.code, &machine["tier"], &machine["layers"]), (1, &json!("landlock"), &json!(layers)));
        let first = &machine["tried"][0];
        assert_eq!(
            first,
            &json!({
                "what": "user-namespace",
                "works": false,
                "detail": "",
                "errno": 28,
                "error": "ENOSPC",
                "why": "the kernel's limit on them is reached or 0",
                "fix": "sudo sysctl -w user.max_user_namespaces=15000",
            })
        );
        let whole = scene.palisade(["sandbox", "status"]).run();
        assert_eq!(
            (whole.code, whole.stdout.lines().next()),
            (0, Some("tier full: namespaces and mounts of its own, Landlock and seccomp"))
        );
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

/// Limits of settings and of the command line, one that is reached, and one that cannot be read.
#[test]
fn holds_limits_and_says_so() {
    each_user(|scene| {
        scene.write("home/.claude/settings.json", r#"{"sandbox": {"limits": {"openFiles": 40, "wall": "20s"}}}"#);
        let report = |arguments: &[&str]| {
            let call = [&["run", "--report", "report.json"], arguments].concat();
            let finished = scene.palisade(call).run();
            let report: Value = serde_json::from_str(&scene.read("project/report.json")).unwrap();
            (finished, report)
        };
        let row = |report: &Value, name: &str| {
            let found = report["limits"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
            found.map(|row| (row["written"].clone(), row["by"]["line"].clone(), row["hit"].clone()))
        };
        let (finished, limited) = report(&["--limit", "open-files=30", "--", "sh", "-c", "ulimit -n"]);
        assert_eq!((finished.code, finished.stdout.as_str()), (0, "30\n"), "{}", finished.stderr);
        assert_eq!(row(&limited, "open-files"), Some((json!("30"), json!(0), json!("unseen"))));
        assert_eq!(row(&limited, "wall"), Some((json!("20s"), json!(1), json!("no"))));
        // The command line does not widen.
        let (finished, limited) =
            report(&["--limit", "open-files=none", "--limit", "wall=1h", "--", "sh", "-c", "ulimit -n"]);
        assert_eq!(finished.stdout, "40\n");
        assert_eq!(row(&limited, "wall"), Some((json!("20s"), json!(1), json!("no"))));
        let (finished, limited) = report(&["--limit", "wall=200ms", "--", "sleep", "30"]);
        assert_eq!(
            finished.told(scene),
            (
                124,
                String::new(),
                "palisade: ended by the boundary: the limit on `wall` was reached\n\
                 palisade: ended by signal 15, inside the boundary\n"
                    .into()
            )
        );
        assert_eq!(row(&limited, "wall"), Some((json!("200ms"), json!(0), json!("ended"))));
        let finished = scene.palisade(["run", "--limit", "output=3", "--quiet", "--", "echo", "12345"]).run();
        assert_eq!((finished.code, finished.stdout.as_str()), (124, "123"));
        let finished = scene.palisade(["run", "--limit", "memory=much", "--", "true"]).run();
        assert_eq!(finished.code, 2);
        assert!(finished.stderr.contains("write `memory=VALUE` with `none`, bytes (`2G`)"), "{}", finished.stderr);
    });
}

/// Settings that the command line names are a person's, also where they lie in the project.
#[test]
fn settings_of_the_command_line_are_not_rewritten() {
    each_user(|scene| {
        let rules = scene.write("project/ci/rules.json", r#"{"permissions": {"deny": ["Read(./secret)"]}}"#);
        scene.write("project/secret", "SECRET");
        scene.script(
            "project/change",
            "echo {} > ci/rules.json; rm ci/rules.json; mv ci away; echo made > ci/other; cat secret",
        );
        let finished = scene.palisade(["run", "--settings", "ci/rules.json", "--", "./change"]).run();
        assert!(!finished.stdout.contains("SECRET"), "{finished:?}");
        assert_eq!(std::fs::read_to_string(&rules).unwrap(), r#"{"permissions": {"deny": ["Read(./secret)"]}}"#);
        assert_eq!(scene.read("project/ci/other"), "made\n", "the control: what lies beside it can be written");
    });
}
