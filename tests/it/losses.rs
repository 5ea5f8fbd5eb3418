//! What a command would destroy now, as the proof says it: how much, and whether git could bring it back.
#![expect(clippy::disallowed_methods, reason = "a repository to look into is made here")]

use std::process::Command;

use crate::support::{SEARCH, Scene, User};

/// Runs git in the project, or returns false where there is none.
fn git(scene: &Scene, words: &[&str]) -> bool {
    let identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "init.defaultBranch=main"];
    let mut command = Command::new("git");
    command.current_dir(scene.project()).env_clear().env("PATH", SEARCH).env("HOME", scene.path("home"));
    match command.args(identity).args(words).output() {
        Ok(output) => {
            assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(_) => false,
    }
}

/// Returns the sentences of a command's losses.
fn losses(scene: &Scene, command: &str) -> String {
    let explained = scene.palisade(["explain", "--json", "--", command]).run().json();
    let parts = explained["proof"]["parts"].as_array().unwrap().clone();
    let words: Vec<String> = parts
        .iter()
        .flat_map(|part| part["would_lose"].as_array().unwrap().clone())
        .map(|loss| loss["words"].as_str().unwrap().to_owned())
        .collect();
    let reason = explained["proof"]["reason"].as_str().unwrap();
    let is_asked = explained["proof"]["decision"] == "ask";
    assert!(
        !is_asked || words.iter().all(|words| reason.contains(words)),
        "{command}: {reason} does not say {words:?}"
    );
    words.join(" / ")
}

/// A repository with a tracked file that changed, one that did not, a new one, an ignored one, a stash, a branch.
fn repository(scene: &Scene) -> bool {
    if !git(scene, &["init", "--quiet"]) {
        return false;
    }
    for (name, text) in [("src/a.rs", "one\n"), ("b.txt", "two\n"), (".gitignore", "build\n")] {
        scene.write(&format!("project/{name}"), text);
    }
    git(scene, &["add", "--all"]);
    git(scene, &["commit", "--quiet", "--message", "first"]);
    git(scene, &["branch", "other"]);
    for text in ["three\n", "four\n"] {
        scene.write("project/b.txt", text);
        git(scene, &["stash", "--quiet"]);
    }
    scene.write("project/b.txt", "changed\n");
    scene.write("project/new.txt", "new\n");
    scene.write("project/build/o", "o\n");
    scene.write("project/empty", "");
    true
}

#[test]
fn what_would_be_destroyed_is_counted() {
    const CHANGED: &str = "it would discard what changed in 1 tracked file, 8 bytes";
    const STAGED: &str =
        "it would discard what changed in at least 1 tracked file, 8 bytes; what is staged is not counted";
    const OVER: &str = "it would write over 1 file, 8 bytes; git tracks the file, but it changed since git last looked";
    const GONE: &str = "it would remove 1 file, 8 bytes; git tracks the file, but it changed since git last looked";
    const BRANCH: &str =
        "it would delete 1 branch whatever it holds; whether another branch holds its commits is not known";
    let rows = [
        ("git clean -fdx", "it would remove 3 files and 1 directory that git does not track, 6 bytes"),
        (
            "git clean -fd",
            "it would remove at most 3 files and 1 directory that git does not track, 6 bytes; what git ignores or the line excepts stays",
        ),
        (
            "git clean -f",
            "it would remove at most 2 files that git does not track, 4 bytes; what git ignores or the line excepts stays",
        ),
        ("git clean -fx build", "it would remove 1 file that git does not track, 2 bytes"),
        ("git clean -fx src", "nothing that git does not track is there now"),
        ("git clean -fdn", ""),
        ("git -C src clean -fdx", "what it would remove is not known before it runs"),
        ("cd build; git clean -fdx", "what it would remove is not known before it runs"),
        ("git reset --hard", STAGED),
        ("git reset --hard HEAD~1", STAGED),
        ("git reset HEAD~1", ""),
        ("git checkout -f main", STAGED),
        ("git switch --discard-changes other", STAGED),
        ("git switch other", ""),
        ("git checkout .", CHANGED),
        ("git checkout -- b.txt", CHANGED),
        ("git checkout HEAD -- b.txt src", CHANGED),
        ("git restore b.txt", CHANGED),
        ("git restore --source HEAD b.txt", CHANGED),
        ("git restore --staged b.txt", ""),
        ("git restore -SW b.txt", CHANGED),
        ("git restore src", "no file that git tracks there changed since git last looked"),
        ("git restore ':(glob)**'", "which changes it would discard is not known"),
        ("git checkout -b topic", ""),
        ("truncate -s 0 b.txt", OVER),
        ("echo x > b.txt", OVER),
        ("{ echo x; } > b.txt", OVER),
        ("echo x >> b.txt", ""),
        ("echo x > empty", ""),
        ("echo x > fresh", ""),
        ("echo x > /dev/null", ""),
        ("mv new.txt b.txt", OVER),
        ("cp new.txt b.txt", OVER),
        ("cp -n new.txt b.txt", ""),
        ("cp new.txt build", ""),
        ("tee b.txt", OVER),
        ("tee -a b.txt", ""),
        ("dd if=new.txt of=b.txt", OVER),
        ("ln -sf new.txt b.txt", OVER),
        (
            "find . -name '*.txt' -delete",
            "it would remove 2 files, 12 bytes; git could not bring back 1 of the files, and tracks 1, of which 1 changed since it last looked",
        ),
        (
            "find . -name '*.txt' -mtime +1 -delete",
            "it would remove at most 2 files, 12 bytes; git could not bring back 1 of the files, and tracks 1, of which 1 changed since it last looked",
        ),
        (
            "find build -delete",
            "it would remove 1 file and 1 directory, 2 bytes; git does not track the file and could not bring it back",
        ),
        ("rm b.txt", GONE),
        ("git rm -f b.txt", GONE),
        ("git rm --cached b.txt", ""),
        (
            "rm -r src new.txt",
            "it would remove 2 files and 1 directory, 8 bytes; git could not bring back 1 of the files, and tracks 1",
        ),
        ("rm -r src", "it would remove 1 file and 1 directory, 4 bytes; git tracks the file"),
        (
            "find build -name o -exec rm {} +",
            "it would remove at most 1 file and 1 directory, 2 bytes; git does not track the file and could not bring it back",
        ),
        ("rm missing", "nothing that it would remove is there now"),
        ("rm $x", "what it would remove is not known before it runs"),
        ("git stash drop", "it would drop 1 of 2 entries of the stash"),
        ("git stash clear", "it would drop 2 entries, which is all of the stash"),
        ("git stash pop", ""),
        ("git branch -D other", BRANCH),
        ("git branch -d --force other missing", BRANCH),
        ("git branch -D missing", "the branch that it would delete is not there"),
        ("git branch -D \"$x\"", "which branches it would delete is not known"),
        ("git branch -d other", ""),
    ];
    let scene = Scene::new(User::Own);
    if !repository(&scene) {
        eprintln!("SKIPPED: there is no git here");
        return;
    }
    let wrong: Vec<String> = rows
        .iter()
        .map(|(command, expected)| (command, expected, losses(&scene, command)))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(command, expected, found)| format!("{command}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = losses(&scene, "rm -rf .git");
    assert!(all.ends_with("; a git repository is among it, with every commit that only it holds"), "{all}");
}

/// What a repository configures is not run for any of this.
#[test]
fn nothing_that_the_repository_names_is_run() {
    let scene = Scene::new(User::Own);
    if !repository(&scene) {
        eprintln!("SKIPPED: there is no git here");
        return;
    }
    let trap = scene.path("project/ran");
    let program = format!("touch '{}'", trap.display());
    for key in ["core.fsmonitor", "core.pager", "diff.external", "filter.x.clean", "filter.x.smudge", "core.sshCommand"]
    {
        git(&scene, &["config", key, &program]);
    }
    scene.write("project/.gitattributes", "* filter=x\n");
    for command in
        ["git clean -fdx", "git reset --hard", "git checkout .", "rm -r src", "git stash drop", "git branch -D other"]
    {
        assert_ne!(losses(&scene, command), "", "{command}");
    }
    assert!(!trap.exists());
}

/// Where a repository cannot be read it is said, and nothing waits for a pipe in the place of a file.
#[test]
fn what_cannot_be_read_is_not_known() {
    let scene = Scene::new(User::Own);
    scene.write("project/kept", "text");
    let unknown = "it would remove 1 file, 4 bytes; whether git tracks any of it is not known";
    scene.write("project/.git/index", "DIRC no index");
    assert_eq!(losses(&scene, "rm kept"), unknown, "the index is not one");
    assert_eq!(losses(&scene, "git reset --hard"), "which changes it would discard is not known");
    std::fs::remove_file(scene.path("project/.git/index")).unwrap();
    let made = Command::new("mkfifo").arg(scene.path("project/.git/index")).status().unwrap();
    assert!(made.success());
    assert_eq!(losses(&scene, "rm kept"), unknown, "the index is a pipe");
    scene.write("project/.git/logs/refs/stash/x", "");
    assert_eq!(losses(&scene, "git stash clear"), "what the stash holds is not known");
}
