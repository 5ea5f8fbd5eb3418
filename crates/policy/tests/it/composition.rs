//! A command within another is judged as it is on its own, and no bound lets anything through.

use policy::layer::Scope;
use policy::{Mode, Verdict};

use crate::world::{World, action};

const COMMANDS: &[&str] = &[
    "ls",
    "ls -la src",
    "cat .env",
    "cat src/a.rs",
    "rm -rf build",
    "rm -rf /",
    "git push --force",
    "git status",
    "make",
    "npm run build",
    "touch a",
    "cp a /tmp/b",
    "echo x > out",
    "echo x > .git/config",
    "curl https://example.com",
    "find . -delete",
    "grep -r key .",
    "$X y",
    "cat $F",
    "sed -i s/a/b/ src/a.rs",
    "python3 run.py",
    "mkdir -p a",
    "echo hi",
    "rm x",
    "tee src/a.rs",
];

const RULES: &[&str] = &[
    "",
    "allow Bash",
    "allow Bash\ndeny Bash(rm *)\ndeny Read(.env)",
    "deny Bash(git push *)\ndeny Edit(src/**)\nask Bash(curl *)\nallow Bash(make *)\nallow Bash(npm *)",
    "deny Bash(* -rf *)\nask Bash(touch *)\nallow Bash(rm *)\nallow Bash(cat *)",
    "deny Bash(ls *)\ndeny Bash(cat *)\ndeny Bash(find *)\ndeny Bash(make)\ndeny Bash(python3 *)\nallow Bash(env *)",
];

fn worlds() -> Vec<(String, World)> {
    let mut worlds = Vec::new();
    for rules in RULES {
        // In `dontAsk` every question is a refusal, which says nothing of denies.
        for mode in [Mode::Default, Mode::AcceptEdits, Mode::BypassPermissions] {
            let mut world = World { mode: Some(mode), ..World::default() };
            world.layer(Scope::User, true, rules);
            worlds.push((format!("{rules:?} in {}", mode.name()), world));
        }
    }
    worlds
}

fn verdict(world: &World, text: &str) -> Verdict {
    world.decide(&action(&format!("Bash: {text}"))).verdict
}

/// Returns the cases in which `around` makes a command less strict than `least` of its verdict on its own.
fn weakened(forms: &[&str], least: fn(Verdict) -> Verdict) -> Vec<String> {
    let mut found = Vec::new();
    for (name, world) in worlds() {
        for command in COMMANDS {
            let alone = verdict(&world, command);
            for form in forms {
                let text = form.replace('@', command);
                let whole = verdict(&world, &text);
                if whole < least(alone) {
                    found.push(format!("{alone:?} {command:?} becomes {whole:?} in {text:?} under {name}"));
                }
            }
        }
    }
    found
}

/// A compound command is at least as strict as each command in it.
#[test]
fn a_compound_is_at_least_the_join() {
    let forms = [
        "ls && @",
        "@ && ls",
        "ls; @",
        "@; ls",
        "ls | @",
        "@ | cat",
        "ls || @",
        "ls & @",
        "@ &",
        "ls\n@",
        "(@)",
        "{ @; }",
        "if true; then @; fi",
        "if @; then ls; fi",
        "if true; then ls; else @; fi",
        "while @; do ls; done",
        "for i in 1 2; do @; done",
        "case x in x) @;; esac",
        "! @",
        "echo $(@)",
        "echo \"$(@)\"",
        "echo `@`",
        "x=$(@)",
        "cat <(@)",
        "time @",
        "[[ -n $(@) ]]",
        "echo ${x:-$(@)}",
        "cat <<E\n$(@)\nE",
        "ls |& @",
        "(ls; (ls; (@)))",
        "coproc @",
        "select i in 1; do @; done",
        "until @; do ls; done",
    ];
    let found = weakened(&forms, |alone| alone);
    assert!(found.is_empty(), "{}: {:#?}", found.len(), &found[..found.len().min(30)]);
}

/// A wrapper hides nothing from a deny.
#[test]
fn a_wrapper_hides_nothing_from_a_deny() {
    let forms = [
        "env @",
        "env -i @",
        "env A=1 @",
        "A=1 @",
        "timeout 5 @",
        "timeout -s KILL 5 @",
        "nice @",
        "nice -n 5 @",
        "nohup @",
        "stdbuf -oL @",
        "sudo @",
        "sudo -u root @",
        "command @",
        "builtin @",
        "exec @",
        "time @",
        "setsid @",
        "ionice -c 3 @",
        "sh -c '@'",
        "bash -c '@'",
        "bash -lc '@'",
        "/bin/sh -c '@'",
        "eval '@'",
        "watch @",
        "flock /tmp/l @",
        "nice timeout 5 env A=1 sudo @",
        "zsh -c '@'",
        "dash -c '@'",
        "busybox @",
        "doas @",
        "chroot / @",
        "unshare @",
        "strace @",
        "xargs @",
        "bash <<< '@'",
    ];
    let deny = |alone: Verdict| if alone == Verdict::Deny { alone } else { Verdict::Allow };
    let found = weakened(&forms, deny);
    assert!(found.is_empty(), "{}: {:#?}", found.len(), found);
}

/// What a shell is handed in a way that is not followed asks at least.
#[test]
fn what_a_shell_is_handed_asks_at_least() {
    let forms = ["echo '@' | sh", "eval @", "sh <<E\n@\nE"];
    let question = |alone: Verdict| if alone == Verdict::Deny { Verdict::Ask } else { Verdict::Allow };
    let found = weakened(&forms, question);
    assert!(found.is_empty(), "{}: {:#?}", found.len(), found);
}

/// What a function or `env -S` runs is judged where it runs.
#[test]
fn nothing_is_lost_on_the_way() {
    let mut world = World::default();
    world.layer(Scope::User, true, "allow Bash\ndeny Read(.env)");
    assert_eq!(verdict(&world, "cat .env"), Verdict::Deny);
    assert_eq!(verdict(&world, "f() { cat .env; }; f"), Verdict::Deny);
    assert_eq!(verdict(&world, "env -S 'cat .env'"), Verdict::Deny);
    let mut free = World { mode: Some(Mode::BypassPermissions), ..World::default() };
    free.layer(Scope::User, true, "allow Bash");
    assert_eq!(verdict(&free, "find . -delete"), Verdict::Ask);
    assert_eq!(verdict(&free, "f() { find . -delete; }; f"), Verdict::Ask);
    assert_eq!(verdict(&free, "env find . -delete"), Verdict::Ask);
    assert_eq!(verdict(&free, "sudo find . -delete"), Verdict::Ask);
    assert_eq!(verdict(&free, "env -S 'rm -rf /'"), Verdict::Ask);
}

/// A command with so much around it that a bound is reached is at least as strict, and never allowed unless it
/// was allowed for what it is.
#[test]
fn a_bound_only_raises() {
    let pads: Vec<String> = vec![
        format!("@ # {}", "x".repeat(11_000)),
        format!("{}@", "ls; ".repeat(1_010)),
        format!("@{}", "; ls".repeat(1_010)),
        format!("{}@{}", "(".repeat(120), ")".repeat(120)),
        format!("{}@{}", "echo $(".repeat(120), ")".repeat(120)),
        format!("echo {} ; @", "a ".repeat(6_000)),
        format!("{}@", " ".repeat(20_000)),
        format!("echo '{}' ; @", "y".repeat(12_000)),
        format!("{}@", "env ".repeat(40)),
        format!("{}@", "A=1 ".repeat(500)),
        format!(
            "echo {{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}{{a,b}}; @"
        ),
        format!("x=a; {} @", "x=$x$x; ".repeat(8)),
    ];
    let mut found = Vec::new();
    let rules = "allow Bash\ndeny Bash(rm *)\nask Bash(touch *)";
    for mode in [Mode::Default, Mode::BypassPermissions] {
        let mut world = World { mode: Some(mode), ..World::default() };
        world.layer(Scope::User, true, rules);
        for command in ["rm -rf build", "rm -rf /", "touch a"] {
            for (index, pad) in pads.iter().enumerate() {
                // A deny whose command lies beyond the bound is a question.
                if verdict(&world, &pad.replace('@', command)) == Verdict::Allow {
                    found.push(format!("{command:?} in pad {index} in {}", mode.name()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}: {:#?}", found.len(), &found[..found.len().min(30)]);
}
