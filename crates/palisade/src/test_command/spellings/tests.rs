//! Bash itself says whether two spellings mean the same.

use std::path::Path;
use std::process::{Command, Stdio};

use super::of;

/// Returns what a program by the name `rm` was given, each time it was run by a command.
///
/// The program is a script of the test that writes its arguments down and removes nothing.
#[expect(clippy::disallowed_methods, reason = "bash is asked what a spelling means")]
fn runs(directory: &Path, text: &str) -> Vec<String> {
    let log = directory.join("log");
    std::fs::write(&log, "").unwrap();
    let search = format!("{}:/usr/bin:/bin", directory.display());
    // What runs in the background has ended before the log is read.
    let whole = format!("{text}\nwait");
    let mut bash = Command::new("bash");
    bash.args(["-c", &whole]).env_clear().env("PATH", search).env("LOG", &log).current_dir(directory);
    bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program that bash runs is made here")]
fn every_spelling_runs_the_same() {
    let directory = tempfile::tempdir().unwrap();
    // One write a run, so that two at once do not mingle.
    let script = "#!/bin/bash\nprintf '%s\\n' \"$(printf '%s|' \"${0##*/}\" \"$@\")\" >> \"$LOG\"\n";
    std::fs::write(directory.path().join("rm"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path().join("rm"), mode).unwrap();
    let commands = [
        "rm -rf build",
        "rm --recursive 'a b' \"c\"d",
        "rm x # done",
        "X=2 rm -r a > out",
        "rm a; rm b",
        "rm a | rm b",
    ];
    for command in commands {
        let meant = runs(directory.path(), command);
        assert!(!meant.is_empty(), "{command}");
        let spellings = of(command);
        assert!(spellings.len() > 10, "{command}");
        for spelling in spellings {
            // The path is that of the real program.
            if spelling.text.contains("/usr/bin/rm") {
                continue;
            }
            let mut found = runs(directory.path(), &spelling.text);
            // Programs themselves read a shortened option as the whole one.
            found.iter_mut().for_each(|line| *line = line.replace("--recurs|", "--recursive|"));
            let mut expected = meant.clone();
            if spelling.how.contains("options") {
                let letters = |lines: &[String]| {
                    let mut all: Vec<char> = lines.join(" ").chars().filter(char::is_ascii_alphanumeric).collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                };
                assert_eq!(found.len(), expected.len(), "{spelling:?}");
                assert_eq!(letters(&found), letters(&expected), "{spelling:?}");
                continue;
            }
            // The order of the two ends of a pipe is not the shell's to say.
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{spelling:?}");
        }
    }
}

#[test]
fn what_is_not_plain_is_left_alone() {
    for text in ["", "rm $(", "\u{202e}rm x"] {
        assert_eq!(of(text), [], "{text:?}");
    }
    // A word that is only known when it runs keeps its place: the whole text is spelled anew, and no word.
    assert!(of("rm $X").iter().all(|spelling| spelling.text.contains("rm $X")));
}
