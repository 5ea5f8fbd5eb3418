//! Rows 77-81: what git writes, and what others write in its place.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::runner::Case;
use crate::world::{World, check};

pub(crate) const CASES: &[Case] = &[
    ("broker_git_works", works),
    ("broker_git_submodules_are_data", submodules),
    ("broker_git_rebase_runs_nothing_later", rebase),
    ("broker_git_strategies_are_words", strategies),
    ("broker_git_locks_are_written_once", locks),
    ("broker_git_configuration_of_another_repository", another_in_its_place),
    ("broker_git_configuration_written_directly", written_directly),
    ("broker_git_repositories_by_what_is_in_them", bare),
    ("broker_git_repositories_in_doubt", bare_in_doubt),
    ("broker_git_worktrees_stay_inside", worktrees),
    ("broker_git_private_caches", private_caches),
    ("broker_git_leaves_nothing_when_killed", killed),
];

const SET_UP: &str = "set -e; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
    GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_ADVICE=0; commit() { git commit -q --allow-empty -m \"$1\"; }; \
    git init -q -b main r; cd r; for n in 1 2 3; do echo $n > f$n; git add f$n; commit $n; done; ";

/// Each works outside, and does inside.
fn works(world: &World) {
    let scripts = [
        // Branches with other lists of submodules.
        "printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../s\\n' > .gitmodules; git add .gitmodules; commit m; \
         git checkout -q -b other HEAD~1; printf '[submodule \"t\"]\\n\\tpath = t\\n\\turl = ../t\\n' > .gitmodules; \
         git add .gitmodules; commit o; git checkout -q main; grep -q '= s' .gitmodules; git checkout -q other; \
         grep -q '= t' .gitmodules; git checkout -q HEAD~1; [ ! -e .gitmodules ]; git merge -q main 2>/dev/null; \
         grep -q '= s' .gitmodules",
        "cd ..; cp -a r c; git -C c log --oneline | wc -l | grep -q 3; git -C c config branch.x.merge y; rm -rf c",
        "cd ..; mkdir d; tar c r | tar x -C d; cmp r/.git/config d/r/.git/config; git -C d/r status --porcelain",
        "cd ..; cp -r r c; [ \"$(git -C c rev-parse HEAD)\" = \"$(git -C r rev-parse HEAD)\" ]",
        "git remote add a https://example.com/a; git remote rename a b; git remote remove b; \
         git remote add a https://example.com/c; [ \"$(git remote)\" = a ]",
        "GIT_SEQUENCE_EDITOR='sed -i s/^pick/reword/' GIT_EDITOR=true git rebase -q -i HEAD~2; git log --oneline | wc -l | grep -q 3",
        "git checkout -q -b x HEAD~1; echo x > f3; git add f3; commit x; ! git rebase -q main >/dev/null 2>&1; \
         echo y > f3; git add f3; GIT_EDITOR=true git rebase --continue >/dev/null 2>&1; [ \"$(cat f3)\" = y ]",
        "git config user.email me@example.com; git config user.name me; commit e; git log -1 --format=%ce >/dev/null",
        "git clone -q . ../k; git -C ../k log --oneline | wc -l | grep -q 3; git worktree add -q ../w; rm -rf ../k",
    ];
    for script in scripts {
        let (inner, control) = (world.another(), world.another());
        let script = format!("{SET_UP}{script}");
        assert!(control.outside_shell(&script), "control {script}");
        let seen = inner.run(&["sh", "-c", &script]);
        assert_eq!(seen.code, 0, "{script}: {} {}", seen.error, seen.report);
    }
}

fn submodules(world: &World) {
    let evil = "[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../s\\n\\tupdate = !touch evil\\n";
    let ways = [
        format!("printf '{evil}' > .gitmodules"),
        format!("printf '{evil}' > t; mv t .gitmodules"),
        format!("printf '{evil}' > .gitmodules.lock; mv .gitmodules.lock .gitmodules"),
        format!("printf '{evil}' > t; cp t .gitmodules"),
        format!("printf '{evil}' > t; ln t .gitmodules; ln -s t .gitmodules"),
        format!("exec 3> .gitmodules; sleep 0.1; printf '{evil}' >&3"),
        format!(
            "printf good > .gitmodules.lock; exec 3>> .gitmodules.lock; mv .gitmodules.lock .gitmodules; printf '{evil}' >&3"
        ),
    ];
    for way in ways {
        let (inner, control) = (world.another(), world.another());
        let seen = inner.run(&["sh", "-c", &format!("{way}; true")]);
        let found = inner.text("project/.gitmodules");
        assert!(!found.contains("evil"), "{way}: {found} {}", seen.report);
        control.outside_shell(&way);
        assert!(control.text("project/.gitmodules").contains("evil"), "control {way}");
    }
    let seen = world.run(&[
        "sh",
        "-c",
        "printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../s\\n' > .gitmodules; chmod 600 .gitmodules",
    ]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert!(world.text("project/.gitmodules").contains("path = s"), "{}", seen.report);
}

/// A rebase that was left behind would run its lines when the person goes on with it.
fn rebase(world: &World) {
    let ways = [
        "mkdir .git/rebase-merge; printf 'exec evil\\n' > .git/rebase-merge/git-rebase-todo",
        "mkdir .git/rebase-merge; printf 'x evil\\n' > t; mv t .git/rebase-merge/git-rebase-todo",
        "mkdir .git/rebase-merge; printf 'pick 1\\n\\t exec evil\\n' > .git/rebase-merge/t; cd .git/rebase-merge; mv t git-rebase-todo",
        "mkdir x; printf 'exec evil\\n' > x/git-rebase-todo; mv x .git/rebase-merge",
        "mkdir -p .git/refs/x; printf 'exec evil\\n' > .git/refs/x/git-rebase-todo; mv .git/refs/x .git/rebase-merge",
        "mkdir .git/rebase-merge; printf 'exec evil\\n' > t; ln t .git/rebase-merge/git-rebase-todo; ln -s ../../t .git/rebase-merge/git-rebase-todo",
        "mkdir x; printf 'exec evil\\n' > x/git-rebase-todo; ln -s ../x .git/rebase-merge; true",
    ];
    for way in ways {
        let (inner, control) = (world.another(), world.another());
        let seen = inner.run(&["sh", "-c", &format!("{way}; true")]);
        let found = inner.text("project/.git/rebase-merge/git-rebase-todo");
        assert!(!found.contains("evil"), "{way}: {found} {}", seen.report);
        control.outside_shell(way);
        assert!(control.text("project/.git/rebase-merge/git-rebase-todo").contains("evil"), "control {way}");
    }
    let script = format!("{SET_UP}git rebase -q --exec true HEAD~2");
    let seen = world.run(&["sh", "-c", &script]);
    assert_ne!(seen.code, 0);
    assert!(seen.report.contains("`exec` line"), "{}", seen.report);
}

/// What names the program that merges for a rebase or for picked commits, when the person goes on with them.
fn strategies(world: &World) {
    let evil = "printf '[options]\\n\\tstrategy = x/evil\\n'";
    let ways = [
        "mkdir .git/rebase-merge; echo x/evil > .git/rebase-merge/strategy".to_owned(),
        "mkdir .git/rebase-merge; echo ort > .git/rebase-merge/strategy; : > after; echo x/evil > .git/rebase-merge/strategy".to_owned(),
        "mkdir .git/rebase-merge; echo x/evil > t; mv t .git/rebase-merge/strategy".to_owned(),
        "mkdir .git/rebase-merge; echo x/evil > t; ln t .git/rebase-merge/strategy; ln -s ../../t .git/rebase-merge/strategy".to_owned(),
        "mkdir x; echo x/evil > x/strategy; mv x .git/rebase-merge".to_owned(),
        "mkdir x; echo x/evil > x/strategy; ln -s ../x .git/rebase-merge".to_owned(),
        "mkdir -p d/rebase-merge; echo x/evil > d/rebase-merge/strategy; mv .git old; mv d .git".to_owned(),
        format!("mkdir .git/sequencer; {evil} > .git/sequencer/opts"),
        format!("mkdir .git/sequencer; {evil} > .git/sequencer/opts.lock; mv .git/sequencer/opts.lock .git/sequencer/opts"),
        format!("mkdir x; {evil} > x/opts; mv x .git/sequencer"),
        format!("mkdir x; {evil} > x/opts; ln -s ../x .git/sequencer"),
        format!("mkdir -p .git/refs/x; {evil} > .git/refs/x/opts; mv .git/refs/x .git/sequencer"),
    ];
    for way in ways {
        let (inner, control) = (world.another(), world.another());
        let read = |world: &World| {
            ["rebase-merge/strategy", "sequencer/opts"].map(|name| world.text(&format!("project/.git/{name}"))).concat()
        };
        let seen = inner.run(&["sh", "-c", &format!("{way}; true")]);
        assert!(!read(&inner).contains("evil"), "{way}: {} {}", read(&inner), seen.report);
        control.outside_shell(&way);
        assert!(read(&control).contains("evil"), "control {way}");
    }
    let honest = [
        "git checkout -q -b x HEAD~1; echo x > f3; git add f3; commit x; git rebase -q -X theirs main; [ \"$(cat f3)\" = x ]",
        "git checkout -q -b x HEAD~2; echo x > f2; echo x > f3; git add f2; commit x; git add f3; commit y; git checkout -q main; \
         ! git rebase -q -s resolve x >/dev/null 2>&1; git checkout -q --ours f2; git add f2; GIT_EDITOR=true git rebase --continue >/dev/null 2>&1 || true; \
         grep -q resolve .git/rebase-merge/strategy; git rebase --abort; [ ! -e .git/rebase-merge ]",
        "git checkout -q -b x HEAD~2; echo x > f2; echo x > f3; git add f2; commit x; git add f3; commit y; git checkout -q main; \
         ! git cherry-pick --strategy=resolve x~1 x >/dev/null 2>&1; grep -q resolve .git/sequencer/opts; git cherry-pick --abort",
    ];
    for script in honest {
        let (inner, control) = (world.another(), world.another());
        let script = format!("{SET_UP}{script}");
        assert!(control.outside_shell(&script), "control {script}");
        let seen = inner.run(&["sh", "-c", &script]);
        assert_eq!(seen.code, 0, "{script}: {} {}", seen.error, seen.report);
    }
}

/// Between its check and its name nobody gets hold of what comes to be a configuration.
fn locks(world: &World) {
    let probe = world.probe_path();
    fs::create_dir_all(world.path("project/sub/.git")).unwrap();
    fs::write(world.path("project/sub/.git/config.lock"), "[core]\n").unwrap();
    for way in [
        "write LOCK evil",
        "append LOCK evil",
        "truncate LOCK",
        "hardlink LOCK x",
        "rename LOCK x",
        "exchange LOCK src/lib.rs",
    ] {
        let words = way.replace("LOCK", "sub/.git/config.lock");
        let seen = world.run(&["sh", "-c", &format!("{probe} probe {words}")]);
        check(way, &seen.out, &["EPERM"]);
    }
    assert_eq!(world.text("project/sub/.git/config.lock"), "[core]\n");
    check("made anew", &world.inside(&["unlink", "sub/.git/config.lock"]).out, &["ok"]);
    check("made anew", &world.inside(&["write", "sub/.git/config.lock", "[core]"]).out, &["ok"]);
}

/// What this run set is known by the file and not by its path.
fn another_in_its_place(world: &World) {
    fs::create_dir_all(world.path("project/lib/.git")).unwrap();
    let theirs = "[remote \"origin\"]\n\turl = https://example.com/theirs\n";
    fs::write(world.path("project/lib/.git/config"), theirs).unwrap();
    let script = "mkdir -p x/.git; printf '[remote \"origin\"]\\n\\turl = https://example.com/x\\n' > x/.git/config.lock; \
        mv x/.git/config.lock x/.git/config; mv x y; mv lib x; \
        printf '[remote \"origin\"]\\n\\turl = https://example.com/evil\\n' > x/.git/config.lock; \
        mv x/.git/config.lock x/.git/config; rm -f x/.git/config; mv x lib; grep -c evil y/.git/config; \
        printf '[remote \"origin\"]\\n\\turl = https://example.com/evil\\n' > y/.git/config.lock; \
        mv y/.git/config.lock y/.git/config; grep -c evil y/.git/config";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(world.text("project/lib/.git/config"), theirs, "{}", seen.report);
    // Its own it may change, wherever it lies.
    assert_eq!(seen.out, "0\n1", "{} {}", seen.error, seen.report);
}

/// A new configuration is written to memory, and made when nobody writes to it any more and it says what it may.
fn written_directly(world: &World) {
    let tries = [
        ("printf '[core]\\n\\tbare = false\\n' > n/.git/config; : > after; cat n/.git/config", true),
        ("printf '[core]\\n\\tfsmonitor = evil\\n' > n/.git/config", false),
        ("exec 3> n/.git/config; echo '[core]' >&3; sleep 0.1; echo 'sshCommand = evil' >&3", false),
        (
            "exec 3> n/.git/config; cp n/.git/config x 2>/dev/null; echo '[core]' >&3; (exec 3>&-; sleep 0.1); echo 'pager = evil' >&3",
            false,
        ),
        ("echo '[core]' > n/.git/config; : > after; echo 'pager = evil' >> n/.git/config; cat n/.git/config", true),
        ("head -c 3000000 /dev/zero > n/.git/config", false),
    ];
    for (script, is_made) in tries {
        let inner = world.another();
        fs::create_dir_all(inner.path("project/n/.git")).unwrap();
        let seen = inner.run(&["sh", "-c", &format!("{script}; true")]);
        let there = fs::read_to_string(inner.path("project/n/.git/config"));
        assert_eq!(there.is_ok(), is_made, "{script}: {there:?} {}", seen.report);
        assert!(!there.unwrap_or_default().contains("evil"), "{script}");
        assert_eq!(seen.out.contains("[core]"), is_made, "{script}: {}", seen.out);
    }
}

/// Row 79: a directory that git takes for a repository, whatever it is called, runs nothing when a person's git looks at it.
fn bare(world: &World) {
    let evil = "printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = \"touch EVIL; false\"\\n\
                [protocol]\\n\\tallow = always\\n[remote \"o\"]\\n\\turl = ext::touch EVIL\\n'";
    let head = "echo 'ref: refs/heads/main'";
    let ways = [
        format!("{evil} > config; {head} > HEAD; mkdir objects refs"),
        format!("mkdir objects refs; {head} > HEAD; {evil} > config"),
        format!("{head} > HEAD; mkdir objects; {evil} > config; mkdir refs"),
        format!("{evil} > t; mkdir objects refs; {head} > h; mv t config; mv h HEAD"),
        format!("mkdir objects refs; {head} > HEAD; {evil} > t; mv t config"),
        format!("mkdir objects refs; {head} > HEAD; {evil} > t; ln t config; ln -s t config"),
        format!("exec 3> config; mkdir objects refs; {head} > HEAD; {evil} >&3; exec 3>&-"),
        format!(": > config; ln config x; mkdir objects refs; {head} > HEAD; {evil} > x"),
        format!("mkdir objects refs; {head} > HEAD; git config bare.x y; mv HEAD h; {evil} > config; mv h HEAD"),
        format!(
            "mkdir x; cd x; {evil} > config; mkdir o r; {head} > h; cp h HEAD; ln -s o objects; ln -s r refs; cd ..; mv x/* ."
        ),
        format!("mkdir c c/objects c/refs; {evil} > c/config; echo c > commondir; {head} > HEAD"),
        format!("mkdir c c/objects c/refs; {evil} > c/config; {head} > HEAD; echo c > t; mv t commondir"),
        format!("mkdir c c/objects c/refs; {head} > c/HEAD; {evil} > c/config; mv c/* ."),
    ];
    for way in ways {
        let (inner, control) = (world.another(), world.another());
        for directory in [inner.path("project/d"), control.path("project/d")] {
            fs::create_dir(directory).unwrap();
        }
        let seen = inner.run(&["sh", "-c", &format!("cd d; {way}; true")]);
        let look = "cd d; git status >/dev/null 2>&1; git fetch -q o 2>/dev/null; test -e EVIL";
        assert!(!inner.outside_shell(look), "{way}: {}", seen.report);
        control.outside_shell(&format!("cd d; {way}; true"));
        assert!(control.outside_shell(look), "control {way}");
    }
    let hooks = "git init -q --bare b; cd b; mkdir -p hooks; echo evil > hooks/pre-receive; cp config hooks/x; mv config hooks/post-receive; true";
    let seen = world.run(&["sh", "-c", hooks]);
    assert_eq!(fs::read_dir(world.path("project/b/hooks")).unwrap().count(), 0, "{}", seen.report);
    assert!(seen.report.contains("repository of git"), "{}", seen.report);
    let honest = format!(
        "{SET_UP}cd ..; git init -q --bare ours.git; cd r; git remote add o ../ours.git; git push -q o main; cd ..; \
         git clone -q --mirror r m.git; git -C m.git fetch -q; git -C m.git config branch.x.merge y; \
         mkdir -p src/config src/hooks; echo x > src/config/y; echo x > src/hooks/use; echo x > src/HEAD; \
         cp -r m.git n.git; rm -rf ours.git m.git n.git"
    );
    let control = world.another();
    assert!(control.outside_shell(&honest), "control");
    let seen = world.another().run(&["sh", "-c", &honest]);
    assert_eq!(seen.code, 0, "{} {}", seen.error, seen.report);
}

/// Row 79: where a path does not lead to the directory, or a file is open that lost its name, nothing is let through.
fn bare_in_doubt(world: &World) {
    let evil = "printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = \"touch EVIL; false\"\\n'";
    let marks = "mkdir objects refs; echo 'ref: refs/heads/main' > HEAD";
    let no_text = "\"$(printf 'd\\377')\"";
    let closed = "mkdir -p p/d; cd p/d";
    let ways = [
        ("d", format!("mkdir d; cd d; : > x; ln x config; exec 3< x; rm x; {marks}; {evil} > /proc/self/fd/3")),
        ("d", format!("mkdir d; cd d; : > x; ln x config; exec 3< x; mv x y; rm y; {marks}; {evil} > /dev/fd/3")),
        (no_text, format!("mkdir {no_text}; cd {no_text}; {marks}; {evil} > config")),
        (no_text, format!("mkdir {no_text}; cd {no_text}; {evil} > config; {marks}")),
        (
            no_text,
            format!("mkdir {no_text} \"$(printf 'd\\357\\277\\275')\"; cd {no_text}; {evil} > t; {marks}; mv t config"),
        ),
        ("p/d", format!("{closed}; {marks}; chmod 0 ..; {evil} > config; chmod 755 ..")),
        ("p/d", format!("{closed}; {marks}; {evil} > t; chmod 0 ..; mv t config; chmod 755 ..")),
        ("p/d", format!("{closed}; {evil} > config; chmod 0 ..; {marks}; chmod 755 ..")),
    ];
    for (directory, way) in ways {
        let (inner, control) = (world.another(), world.another());
        let seen = inner.run(&["sh", "-c", &format!("{way}; true")]);
        let look = format!("cd {directory}; git status >/dev/null 2>&1; test -e EVIL");
        assert!(!inner.outside_shell(&look), "{way}: {}", seen.report);
        control.outside_shell(&format!("{way}; true"));
        assert!(control.outside_shell(&look), "control {way}");
    }
    let honest =
        format!("mkdir {no_text}; cd {no_text}; echo x > y; mkdir z; ln y w; exec 3> w; rm w; echo z >&3; grep -q z y");
    let seen = world.run(&["sh", "-c", &honest]);
    assert_eq!(seen.code, 0, "{} {}", seen.error, seen.report);
}

/// What a private cache holds stays, and a link or pointer in the project may lead a person there.
fn private_caches(world: &World) {
    let evil = "printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = \"touch EVIL; false\"\\n'";
    let marks = "mkdir objects refs; echo 'ref: refs/heads/main' > HEAD";
    let to = "mkdir -p CACHE/x; ln -s CACHE/x sub; cd CACHE/x";
    let ways = [
        format!("{to}; mkdir .git; cd .git; {evil} > config; {marks}"),
        format!("{to}; mkdir y; {evil} > y/config; mv y .git; cd .git; {marks}"),
        format!("{to}; {evil} > config; {marks}"),
        format!("{to}; {marks}; {evil} > config"),
        format!(
            "mkdir sub; echo 'gitdir: ../a/.git/worktrees/w' > sub/.git; ln -s CACHE/x a; mkdir -p CACHE/x/.git/worktrees/w; \
             cd CACHE/x/.git/worktrees/w; {evil} > config; {marks}"
        ),
    ];
    for way in ways {
        let worlds = [world.another(), world.another()].map(|mut world| {
            world.spec.caches = vec![world.path("caches/one")];
            world
        });
        let [inner, control] = &worlds;
        let seen = inner.run(&["sh", "-c", &format!("{}; true", way.replace("CACHE", &inner.path("caches/one")))]);
        assert!(Path::new(&inner.path("caches/one/x")).is_dir(), "{}", seen.report);
        let look = "cd sub; git status >/dev/null 2>&1; find -L . ../a -name EVIL 2>/dev/null | grep -q EVIL";
        assert!(!inner.outside_shell(look), "{way}: {}", seen.report);
        fs::create_dir_all(control.path("caches/one")).unwrap();
        control.outside_shell(&format!("{}; true", way.replace("CACHE", &control.path("caches/one"))));
        assert!(control.outside_shell(look), "control {way}");
    }
    let mut honest = world.another();
    honest.spec.caches = vec![honest.path("caches/one")];
    let script = format!(
        "{SET_UP}cd ${{CARGO_HOME%/cargo}}; git clone -q --mirror $OLDPWD m.git; git -C m.git fetch -q; git clone -q m.git c; \
         git -C c config core.autocrlf false; mkdir -p p/.vscode; echo x > p/.vscode/tasks.json; echo x > p/.envrc; rm -rf m.git"
    );
    let seen = honest.run(&["sh", "-c", &script]);
    assert_eq!(seen.code, 0, "{} {}", seen.error, seen.report);
}

/// The files of a repository lie where they lay: git would write them elsewhere when a person checks something out.
fn worktrees(world: &World) {
    let outside = world.path("outside");
    let ways = [
        format!("ln -s {outside}/deep link; git config core.worktree ../link/.."),
        format!("mkdir a; git config core.worktree ../a; rmdir a; ln -s {outside} a"),
        format!("ln -s {outside}/deep link; git -C n config core.worktree ../link/.."),
        format!("ln -s {outside} link; git -C .git/modules/m config core.worktree ../../../link"),
        format!("ln -s {outside}/deep link; git -C .git/modules/m config core.worktree ../../../link/.."),
    ];
    for way in ways {
        let (inner, control) = (world.another(), world.another());
        let seen = [&inner, &control].map(|world| {
            assert!(world.outside_shell("git init -q; git init -q n; git init -q --bare .git/modules/m"));
            let way = way.replace(&outside, &world.path("outside"));
            if std::ptr::eq(world, &inner) {
                world.run(&["sh", "-c", &way]).report
            } else {
                world.outside_shell(&way);
                String::new()
            }
        });
        let find = "cat .git/config n/.git/config .git/modules/m/config | grep -q worktree";
        assert!(!inner.outside_shell(find), "{way}: {}", seen[0]);
        assert!(control.outside_shell(find), "control {way}");
    }
    let script = format!(
        "{SET_UP}cd ..; git init -q main; cd main; git -c protocol.file.allow=always submodule add -q ../r m; commit m; \
         git -C m log --oneline | wc -l | grep -q 3; grep -q worktree .git/modules/m/config"
    );
    let seen = world.run(&["sh", "-c", &script]);
    assert_eq!(seen.code, 0, "{} {}", seen.error, seen.report);
}

/// Row 74: whatever the moment, nothing of ours stays beside a configuration, and it is whole.
fn killed(world: &World) {
    fs::create_dir_all(world.path("project/sub/.git")).unwrap();
    let config = world.path("project/sub/.git/config");
    fs::write(&config, "[core]\n").unwrap();
    let script = "echo up > ready; cd sub; i=0; while :; do printf '[core]\\n[branch \"b\"]\\n\\tmerge = '$i'\\n' > .git/config.lock && \
                  mv .git/config.lock .git/config; i=$((i+1)); done";
    for wait in 0..25 {
        let mut child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
        crate::processes::wait_until(|| world.text("project/ready") == "up\n");
        std::thread::sleep(Duration::from_millis(10 + wait * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let mut names: Vec<String> = fs::read_dir(world.path("project/sub/.git"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != "config.lock")
            .collect();
        names.sort();
        assert_eq!(names, ["config"]);
        assert!(fs::read_to_string(&config).unwrap().starts_with("[core]\n"));
        let _ = fs::remove_file(world.path("project/sub/.git/config.lock"));
        fs::remove_file(world.path("project/ready")).unwrap();
    }
    assert!(fs::read_to_string(&config).unwrap().contains("merge"), "it was written meanwhile");
}
