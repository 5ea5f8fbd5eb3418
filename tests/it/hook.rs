//! `palisade hook claude`: what Claude Code is told, and what the command that it is handed back does.
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its files, processes and servers"
)]

use std::net::TcpListener;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Call, Finished, Scene, User, each_user};

/// Returns the input of a question about a call in the project.
fn question(scene: &Scene, tool: &str, input: &Value) -> Value {
    json!({
        "session_id": "session",
        "transcript_path": "/nowhere",
        "cwd": scene.project(),
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": input,
        "tool_use_id": "call",
    })
}

fn bash(scene: &Scene, command: &str) -> Finished {
    scene.hook(question(scene, "Bash", &json!({"command": command, "description": "why"})).to_string())
}

/// Returns the verdict and the reason of an answer, and asserts that there is nothing else in it.
fn verdict(finished: &Finished) -> (String, String) {
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:#?}");
    let mut answer = finished.json();
    let inner = answer["hookSpecificOutput"].as_object_mut().unwrap();
    let mut take = |name: &str| inner.remove(name).unwrap().as_str().unwrap().to_owned();
    assert_eq!(take("hookEventName"), "PreToolUse");
    let told = (take("permissionDecision"), take("permissionDecisionReason"));
    inner.remove("updatedInput");
    assert_eq!(answer, json!({"hookSpecificOutput": {}}));
    told
}

/// Returns the command that is handed back for a call.
fn rewritten(scene: &Scene, command: &str) -> String {
    let answer = bash(scene, command).json();
    let input = &answer["hookSpecificOutput"]["updatedInput"];
    assert_eq!(input["description"], "why", "{answer:#}");
    input["command"].as_str().unwrap_or_else(|| panic!("no command in {answer:#}")).to_owned()
}

/// Lets the user's settings confine what they allow.
fn confine(scene: &Scene) {
    scene.settings(&json!({
        "sandbox": {"enabled": true},
        "permissions": {"allow": ["Bash(./attack *)", "Bash(touch *)"], "deny": ["Bash(curl *)"]},
    }));
}

#[test]
fn answers_in_the_documented_form() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash(make *)"], "deny": ["Bash(curl *)"]}}));
        let answer = |decision: &str, reason: &str| {
            let told = json!({"hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": decision,
                "permissionDecisionReason": reason,
            }});
            (0, format!("{told}\n"), String::new())
        };
        assert_eq!(
            bash(scene, "make all").told(scene),
            answer(
                "allow",
                "Palisade: `make all` is allowed by the allow rule `Bash(make *)` (~/.claude/settings.json:4)"
            )
        );
        assert_eq!(
            bash(scene, "touch made").told(scene),
            answer(
                "ask",
                "Palisade: no rule decides `touch made`, and mode `default` asks. Way forward: to allow it, add `Bash(touch made)` to `permissions.allow`"
            )
        );
        assert_eq!(
            bash(scene, "make all && curl x").told(scene),
            answer(
                "deny",
                "Palisade: `curl x` is denied by the deny rule `Bash(curl *)` (~/.claude/settings.json:7). Way forward: narrow or remove `Bash(curl *)` at ~/.claude/settings.json:7; no allow rule opens a deny"
            )
        );
        // Nothing runs, and each answer is on record first.
        assert!(!scene.exists("project/made"));
        let told: Vec<Value> = scene
            .journal()
            .into_iter()
            .map(|record| {
                let decision = &record["decision"];
                json!([
                    record["source"],
                    record["session"],
                    record["uid"],
                    decision["verdict"],
                    decision["tool"],
                    decision["input"]["text"],
                    decision["tool_use_id"],
                    decision["cwd"]
                ])
            })
            .collect();
        let row = |verdict: &str, text: &str| {
            json!(["hook:claude", "session", scene.uid(), verdict, "Bash", text, "call", scene.project()])
        };
        assert_eq!(told, [row("allow", "make all"), row("ask", "touch made"), row("deny", "make all && curl x")]);
    });
}

#[test]
fn without_the_sandbox_nothing_is_handed_back() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
    assert_eq!(bash(&scene, "make").json()["hookSpecificOutput"]["updatedInput"], Value::Null);
    confine(&scene);
    // What is no command is not rewritten, and neither is what is refused.
    let read = scene.hook(question(&scene, "Read", &json!({"file_path": "x"})).to_string());
    assert_eq!(read.json()["hookSpecificOutput"]["updatedInput"], Value::Null);
    assert_eq!(bash(&scene, "curl x").json()["hookSpecificOutput"]["updatedInput"], Value::Null);
}

#[test]
fn the_command_handed_back_is_confined() {
    each_user(|scene| {
        confine(scene);
        scene.write("home/.ssh/id_ed25519", "canary-key");
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        let port = tcp.local_addr().unwrap().port();
        scene.script(
            "project/attack",
            "echo \"$1\" > made; echo > ../outside; cat ~/.ssh/id_ed25519; (echo > /dev/tcp/127.0.0.1/$1) && echo connected; exit 9",
        );
        let command = format!("./attack {port} '' \"a  b\" $((1+1))");
        let handed = rewritten(scene, &command);
        let finished = scene.bash(&handed).run();
        assert_eq!((finished.code, finished.stdout.as_str()), (9, ""), "{handed}\n{finished:#?}");
        assert_eq!(scene.read("project/made"), format!("{port}\n"));
        assert!(!scene.exists("outside") && tcp.accept().is_err());
        finished.lacks("canary-key");

        // The run stands on record below the decision.
        let log = scene.journal();
        let decision = log.iter().find(|record| record["kind"] == "decision").unwrap()["seq"].clone();
        let started = log.iter().find(|record| record["kind"] == "started").unwrap();
        let outcome = log.iter().find(|record| record["kind"] == "outcome").unwrap();
        assert_eq!(started["started"]["under"], decision);
        assert_eq!(
            json!([outcome["outcome"]["of"], outcome["outcome"]["end"], outcome["outcome"]["code"]]),
            json!([decision, "exited", 9])
        );

        let control = scene.bash(&command).run();
        assert_eq!((control.code, control.stdout.as_str()), (9, "canary-keyconnected\n"), "{control:#?}");
        assert!(scene.exists("outside") && tcp.accept().is_ok());
    });
}

#[test]
fn a_question_is_handed_back_too_and_runs_confined_once_approved() {
    each_user(|scene| {
        confine(scene);
        let answer = bash(scene, "echo made > made; echo > ../outside");
        assert_eq!(verdict(&answer).0, "ask");
        let handed = answer.json()["hookSpecificOutput"]["updatedInput"]["command"].as_str().unwrap().to_owned();
        let finished = scene.bash(&handed).run();
        assert_eq!(finished.code, 1, "{finished:#?}");
        assert_eq!((scene.read("project/made").as_str(), scene.exists("outside")), ("made\n", false));
        let answer = scene.journal().iter().find(|record| record["kind"] == "answer").cloned().unwrap();
        assert_eq!(answer["answer"], json!({"to": 0, "by": "prompted", "reply": "approved"}));
    });
}

#[test]
fn the_command_handed_back_is_worth_nothing_when_it_is_altered() {
    each_user(|scene| {
        confine(scene);
        scene.directory("project/below");
        scene.directory("other");
        let handed = rewritten(scene, "touch made");
        let permit = handed.split(' ').find(|word| word.contains(':')).unwrap().to_owned();
        let (seq, hash) = permit.split_once(':').unwrap();
        let other_hash: String = hash.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
        let alterations: Vec<(String, String)> = vec![
            ("another text".into(), handed.replace("touch made", "touch made other")),
            ("a longer text".into(), handed.replace("'touch made'", "'touch made; touch other'")),
            ("another shell".into(), handed.replace("-- bash -c", "-- sh -c")),
            ("another program".into(), handed.replace("-- bash -c 'touch made'", "-- touch made")),
            ("a further argument".into(), format!("{handed} made")),
            ("another hash".into(), handed.replace(hash, &other_hash)),
            ("a short hash".into(), handed.replace(hash, &hash[..8])),
            ("no hash".into(), handed.replace(&permit, &format!("{seq}:"))),
            ("no colon".into(), handed.replace(&permit, seq)),
            ("another record".into(), handed.replace(&permit, &format!("99:{hash}"))),
            ("a negative record".into(), handed.replace(&format!("--permit {permit}"), &format!("--permit=-1:{hash}"))),
            ("another project".into(), handed.replace(&scene.text("project"), &scene.text("other"))),
            ("a missing project".into(), handed.replace(&scene.text("project"), &scene.text("missing"))),
            ("no project".into(), handed.replace(&format!(" --project {}", scene.text("project")), "")),
            ("another directory".into(), format!("cd below && {handed}")),
            ("a directory outside".into(), format!("cd ../other && {handed}")),
        ];
        let mut accepted = Vec::new();
        for (what, altered) in alterations {
            assert_ne!(altered, handed, "{what}");
            let refused = scene.bash(&altered).run();
            let made =
                ["project/made", "project/other", "project/below/made", "other/made"].map(|name| scene.exists(name));
            if (refused.code, made) != (125, [false; 4]) || !refused.stderr.starts_with("palisade: ") {
                accepted.push((what, altered, made, refused));
            }
        }
        assert!(accepted.is_empty(), "{accepted:#?}");
        // As it is, it works.
        let finished = scene.bash(&handed).run();
        assert_eq!((finished.code, scene.exists("project/made")), (0, true), "{finished:#?}");
    });
}

#[test]
fn a_permit_for_what_was_refused_is_worth_nothing() {
    each_user(|scene| {
        scene.settings(&json!({"sandbox": {"enabled": true}, "permissions": {"deny": ["Bash(touch *)"]}}));
        assert_eq!(verdict(&bash(scene, "touch made")).0, "deny");
        // The record after it carries its hash.
        bash(scene, "ls");
        let log = scene.journal();
        let hash = log[1]["prev"].as_str().unwrap();
        let permit = format!("0:{}", &hash[..16]);
        // Even when nothing denies it any more.
        scene.settings(&json!({"sandbox": {"enabled": true}, "permissions": {"allow": ["Bash"]}}));
        let project = scene.text("project");
        let argv = ["run", "--permit", &permit, "--project", &project, "--", "bash", "-c", "touch made"];
        let refused = scene.palisade(argv).run();
        assert_eq!(
            (refused.told(scene), scene.exists("project/made")),
            ((125, String::new(), "palisade: nothing ran: record 0 refused the call\n".into()), false)
        );
        // A record that is no decision is worth nothing either.
        scene.confined("true").run();
        let log = scene.journal();
        let answer = log.iter().position(|record| record["kind"] == "outcome").unwrap();
        bash(scene, "ls");
        let hash = scene.journal()[answer + 1]["prev"].as_str().unwrap()[..16].to_owned();
        let permit = format!("{answer}:{hash}");
        let argv = ["run", "--permit", &permit, "--project", &project, "--", "bash", "-c", "touch made"];
        let refused = scene.palisade(argv).run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        assert!(refused.stderr.contains("is no decision"), "{refused:#?}");
    });
}

#[test]
fn a_deny_that_came_after_the_permit_counts() {
    each_user(|scene| {
        confine(scene);
        let handed = rewritten(scene, "touch made");
        scene.settings(&json!({"sandbox": {"enabled": true}, "permissions": {"deny": ["Bash(touch *)"]}}));
        let refused = scene.bash(&handed).run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        assert!(refused.stderr.contains("is denied by the deny rule `Bash(touch *)`"), "{refused:#?}");
    });
}

/// The settings choose what a command of a hook may read.
#[test]
fn runs_in_the_closed_profile_where_settings_say_so() {
    each_user(|scene| {
        scene.write("outside/canary", "canary\n");
        let settings = |profile: &Value| {
            let filesystem = json!({"closedProfile": profile});
            let sandbox = json!({"enabled": true, "filesystem": filesystem});
            scene.settings(&json!({"sandbox": sandbox, "permissions": {"allow": ["Bash(cat *)"]}}));
        };
        settings(&json!(false));
        let line = format!("cat {}", scene.text("outside/canary"));
        let handed = rewritten(scene, &line);
        assert_eq!(scene.bash(&handed).run().stdout, "canary\n", "control");
        settings(&json!(true));
        let handed = rewritten(scene, &line);
        let closed = scene.bash(&handed).run();
        assert!(closed.stdout.is_empty() && closed.stderr.contains("No such file"), "{closed:#?}");
        let canary = scene.text("outside/canary");
        let options = ["run", "--quiet", "--profile", "open", "--", "cat", canary.as_str()];
        let said = scene.palisade(options).run();
        assert!(said.stdout.is_empty() && said.stderr.contains("No such file"), "{said:#?}");
    });
}

#[test]
fn an_agent_cannot_use_the_program_against_it() {
    let scene = Scene::new(User::Own);
    // The widest settings there are.
    scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
    let program = scene.program();
    confine(&scene);
    let handed = rewritten(&scene, "touch made");
    scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
    for command in [
        "palisade trust grant",
        "palisade trust grant .",
        "palisade trust --json grant",
        "palisade trust withdraw",
        "cd . && palisade trust grant",
        "yes | palisade trust grant",
        "sh -c 'palisade trust grant'",
        "bash -c \"palisade trust grant\"",
        "env HOME=/x palisade trust grant",
        "timeout 9 palisade trust grant",
        "HOME=/x palisade trust grant",
        "palisade run --mode bypassPermissions -- touch made",
        "palisade run --settings '{}' -- touch made",
        "palisade run --settings={} -- touch made",
        "palisade run --permit 0:0000000000000000 --project / -- bash -c 'touch made'",
        &format!("{program} trust grant"),
        &format!("{program} run --mode plan -- touch made"),
        &handed,
    ] {
        let (decision, reason) = verdict(&bash(&scene, command));
        assert_eq!(decision, "deny", "{command}: {reason}");
        let is_told = reason.contains("trust is given and withdrawn by a person at a terminal")
            || reason.contains("options of `palisade run` are a person's to give");
        assert!(is_told, "{command}: {reason}");
    }
    // What only looks is decided like anything else, and what hides the name asks at least.
    for (command, expected) in [
        ("palisade explain ls", "allow"),
        ("palisade trust show", "allow"),
        ("p=palisade; \"$p\" trust grant", "ask"),
        ("$(echo palisade) trust grant", "ask"),
    ] {
        let (decision, reason) = verdict(&bash(&scene, command));
        assert!(decision == expected || decision == "deny", "{command}: {decision}: {reason}");
    }
}

#[test]
fn modes_are_those_of_the_session() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"deny": ["Bash(curl *)"]}}));
    let decide = |mode: &str, tool: &str, input: Value| {
        let mut question = question(&scene, tool, &input);
        question["permission_mode"] = mode.into();
        verdict(&scene.hook(question.to_string())).0
    };
    let edit = || json!({"file_path": scene.path("project/file"), "old_string": "a", "new_string": "b"});
    let bash = |command: &str| json!({"command": command});
    let rows = [
        ("default", "Edit", edit(), "ask"),
        ("acceptEdits", "Edit", edit(), "allow"),
        ("plan", "Edit", edit(), "ask"),
        ("dontAsk", "Edit", edit(), "deny"),
        ("bypassPermissions", "Edit", edit(), "allow"),
        ("bypassPermissions", "Bash", bash("touch x"), "allow"),
        ("bypassPermissions", "Bash", bash("curl x"), "deny"),
        ("no such mode", "Bash", bash("touch x"), "ask"),
        ("no such mode", "Bash", bash("curl x"), "deny"),
    ];
    for (mode, tool, input, expected) in rows {
        assert_eq!(decide(mode, tool, input.clone()), expected, "{mode} {tool} {input}");
    }
}

#[test]
fn the_start_directory_is_what_the_client_says() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Read(./secret/**)"]}}));
        scene.write("project/secret/key", "canary");
        scene.directory("project/below");
        let ask = |directory: Option<&str>| {
            let mut question = question(scene, "Read", &json!({"file_path": scene.path("project/secret/key")}));
            question["cwd"] = scene.text("project/below").into();
            let mut call = scene.palisade(["hook", "claude"]).input(question.to_string()).cwd("/");
            if let Some(directory) = directory {
                call = call.env("CLAUDE_PROJECT_DIR", directory);
            }
            call.run()
        };
        assert_eq!(verdict(&ask(Some(&scene.text("project")))).0, "deny");
        // A directory that is not there refuses.
        let refused = ask(Some(&scene.text("missing")));
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:#?}");
        let refused = ask(Some("relative"));
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:#?}");
    });
}

#[test]
fn records_what_came_of_a_call() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
        bash(scene, "make");
        let after = |event: &str, id: &str, key: &str, response: Value| {
            let mut input = json!({
                "session_id": "session", "cwd": scene.project(), "hook_event_name": event,
                "tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": id,
            });
            input[key] = response;
            let silent = scene.hook(input.to_string());
            assert_eq!(silent.told(scene), (0, String::new(), String::new()));
        };
        after(
            "PostToolUse",
            "call",
            "tool_response",
            json!({"stdout": "built", "token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}),
        );
        after("PostToolUseFailure", "call", "error", json!("exit code 2"));
        // One that nobody asked about is nobody's.
        after("PostToolUse", "unknown", "tool_response", json!("x"));
        let log = scene.journal();
        let outcomes: Vec<Value> = log
            .iter()
            .skip(1)
            .map(|record| json!([record["kind"], record["outcome"]["of"], record["outcome"]["end"]]))
            .collect();
        assert_eq!(outcomes, [json!(["outcome", 0, "succeeded"]), json!(["outcome", 0, "failed"])]);
        assert!(
            !json!(log).to_string().contains("ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
            "a secret is on record: {log:#?}"
        );
    });
}

#[test]
fn other_events_pass_in_silence() {
    let scene = Scene::new(User::Own);
    for event in ["SessionStart", "UserPromptSubmit", "Stop"] {
        let finished = scene.hook(json!({"hook_event_name": event, "session_id": "s"}).to_string());
        assert_eq!(finished.told(&scene), (0, String::new(), String::new()), "{event}");
    }
}

/// Asserts that an answer is a refusal that Claude Code understands without JSON.
fn is_refusal(finished: &Finished) {
    assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{finished:#?}");
    assert!(finished.stderr.starts_with("palisade: refused: ") && finished.stderr.len() > 30, "{finished:#?}");
    finished.lacks("panicked");
}

#[test]
fn input_that_is_no_question_is_refused() {
    each_user(|scene| {
        let whole = question(scene, "Bash", &json!({"command": "ls"})).to_string();
        for length in (0..whole.len()).step_by(whole.len() / 12) {
            is_refusal(&scene.hook(&whole[..length]));
        }
        let without = |name: &str| {
            let mut question = question(scene, "Bash", &json!({"command": "ls"}));
            question.as_object_mut().unwrap().remove(name);
            question.to_string()
        };
        let with = |name: &str, value: Value| {
            let mut question = question(scene, "Bash", &json!({"command": "ls"}));
            question[name] = value;
            question.to_string()
        };
        let rows = [
            (without("hook_event_name"), "missing field `hook_event_name`"),
            (without("tool_name"), "the hook input has no `tool_name`"),
            (without("tool_input"), "the hook input has no `tool_input`"),
            (without("cwd"), "the hook input has no `cwd`"),
            (with("cwd", "relative".into()), "`cwd` is no absolute path"),
            (with("cwd", scene.text("missing").into()), "missing"),
            (with("cwd", json!(7)), "is not the JSON that Claude Code documents"),
            (with("tool_name", json!(["Bash"])), "is not the JSON that Claude Code documents"),
            (with("tool_input", json!("ls")), "`tool_input`"),
            ("[]".into(), "is not the JSON that Claude Code documents"),
            ("null".into(), "is not the JSON that Claude Code documents"),
            (format!("{whole}{whole}"), "trailing characters"),
            ("[".repeat(100_000), "is not the JSON that Claude Code documents"),
        ];
        for (input, reason) in rows {
            let refused = scene.hook(&input);
            is_refusal(&refused);
            assert!(refused.stderr.contains(reason), "{reason}: {refused:#?}");
        }
        let mut bytes = whole.clone().into_bytes();
        bytes.insert(40, 0xff);
        let refused = scene.hook(bytes);
        is_refusal(&refused);
        assert_eq!(refused.stderr, "palisade: refused: the hook input is not UTF-8 at byte 40\n");
    });
}

#[test]
fn random_bytes_are_refused() {
    let scene = Scene::new(User::Own);
    let whole = question(&scene, "Bash", &json!({"command": "ls && cat \"$(echo x)\""})).to_string();
    for seed in 1..=40_u64 {
        println!("seed {seed}");
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let noise: Vec<u8> = (0..next() % 4096).map(|_| next() as u8).collect();
        is_refusal(&scene.hook(noise));
        // A question with some bytes changed is answered or refused, and never anything else.
        let mut changed = whole.clone().into_bytes();
        for _ in 0..=next() % 4 {
            let at = next() as usize % changed.len();
            changed[at] = next() as u8;
        }
        let finished = scene.hook(&changed);
        finished.lacks("panicked");
        let is_answer =
            finished.code == 0 && (finished.stdout.is_empty() || finished.json()["hookSpecificOutput"].is_object());
        let is_refused = finished.code == 2 && finished.stderr.starts_with("palisade: refused: ");
        assert!(is_answer || is_refused, "{finished:#?}");
        if finished.code == 0 && finished.stdout.is_empty() {
            // Only another event than the one that asks may end in silence.
            let event: Value = serde_json::from_slice(&changed).unwrap();
            assert_ne!(event["hook_event_name"], "PreToolUse");
        }
    }
}

#[test]
fn a_command_that_is_no_text_never_passes() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"allow": ["Bash", "Read", "Edit"], "deny": ["Bash(curl *)"]}}));
    for (tool, input) in [
        ("Bash", json!({})),
        ("Bash", json!({"command": 7})),
        ("Bash", json!({"command": ["curl", "x"]})),
        ("Bash", json!({"command": "curl\u{0} x"})),
        ("Read", json!({"file_path": null})),
        ("Edit", json!({"path": "x"})),
    ] {
        let (decision, reason) = verdict(&scene.hook(question(&scene, tool, &input).to_string()));
        assert_ne!(decision, "allow", "{tool} {input}: {reason}");
    }
}

#[test]
fn a_broken_world_is_a_refusal() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
        let whole = question(scene, "Bash", &json!({"command": "ls"})).to_string();
        let with = |change: &dyn for<'s> Fn(Call<'s>) -> Call<'s>| {
            change(scene.palisade(["hook", "claude"]).input(&whole)).run()
        };
        is_refusal(&with(&|call| call.env("HOME", "relative")));
        is_refusal(&with(&|call| call.env("XDG_STATE_HOME", "relative")));
        is_refusal(&with(&|call| call.env("XDG_STATE_HOME", "/proc/nowhere")));
        is_refusal(&with(&|call| call.env("XDG_STATE_HOME", scene.write("file", ""))));
        use std::os::unix::ffi::OsStrExt;
        is_refusal(&with(&|call| call.env("HOME", std::ffi::OsStr::from_bytes(b"/\xff"))));
        // An answer that cannot be delivered is none.
        let full = scene.bash(&format!("exec {} hook claude > /dev/full", scene.program())).input(&whole).run();
        assert_eq!(full.code, 2, "{full:#?}");
        let control = with(&|call| call);
        assert_eq!(verdict(&control).0, "allow");
    });
}

#[test]
fn input_that_never_ends_is_refused_in_time() {
    let scene = Scene::new(User::Own);
    let whole = question(&scene, "Bash", &json!({"command": "ls"})).to_string();
    let start = Instant::now();
    let waiting: Vec<_> = ["", &whole[..50], &whole]
        .into_iter()
        .map(|input| scene.palisade(["hook", "claude"]).open_input(input).start())
        .collect();
    for running in waiting {
        let refused = running.wait();
        is_refusal(&refused);
        assert_eq!(refused.stderr, "palisade: refused: no decision within 20 seconds\n");
    }
    assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
}

#[test]
fn many_at_once_leave_one_sound_journal() {
    each_user(|scene| {
        let whole = |number: u32| question(scene, "Bash", &json!({"command": format!("ls {number}")})).to_string();
        let running: Vec<_> =
            (0..24).map(|number| scene.palisade(["hook", "claude"]).input(whole(number)).start()).collect();
        for running in running {
            let finished = running.wait();
            assert_eq!(finished.code, 0, "{finished:#?}");
        }
        let log = scene.journal();
        let numbers: Vec<u64> = log.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..24).collect::<Vec<u64>>());
        let verified = scene.palisade(["audit", "verify"]).run();
        assert!(verified.code == 0 && verified.stdout.starts_with("sound: 24 records, "), "{verified:#?}");
    });
}

/// Silence would let the call pass: an answer that nobody can read is a refusal.
#[test]
fn an_answer_that_cannot_be_given_refuses() {
    let scene = Scene::new(User::Own);
    let event = json!({
        "session_id": "s", "cwd": scene.text("project"), "hook_event_name": "PreToolUse", "permission_mode": "default",
        "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t",
    });
    scene.write("event.json", event.to_string());
    let rows = [("", 0), (">&-", 2), ("> /dev/null", 2), ("> /dev/full", 2)];
    for (redirection, code) in rows {
        let hook = format!("{} hook claude < {} {redirection}", scene.program(), scene.text("event.json"));
        assert_eq!(scene.bash(&hook).run().code, code, "{redirection}");
    }
    // A limit on file sizes keeps the journal from being written.
    let limited =
        scene.bash(&format!("ulimit -f 0; {} hook claude < {}", scene.program(), scene.text("event.json"))).run();
    assert!(limited.code == 2 || limited.stdout.contains("\"deny\""), "{limited:#?}");
}

/// An event under a name that is not known could be a decision's.
#[test]
fn an_unknown_event_refuses() {
    let scene = Scene::new(User::Own);
    for (name, code) in [("SessionStart", 0), ("pretooluse", 2), ("PreToolUse ", 2), ("", 2)] {
        scene.write("event.json", json!({"hook_event_name": name}).to_string());
        let hook = format!("{} hook claude < {}", scene.program(), scene.text("event.json"));
        assert_eq!(scene.bash(&hook).run().code, code, "{name}");
    }
}
