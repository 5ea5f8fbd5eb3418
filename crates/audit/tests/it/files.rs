//! What the journal's files have to be.

use crate::durability::command;
use crate::fixture::{Ground, record};
use audit::Journal;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

/// Opens, appends, and returns what is refused: the error, without the directory, and its source.
fn refused(ground: &Ground) -> String {
    let error = match Journal::open(&ground.path).and_then(|journal| journal.append(&record("/x"))) {
        Ok(receipt) => return format!("appended {}", receipt.seq),
        Err(error) => error,
    };
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}").replace(&*ground.path.to_string_lossy(), "")
}

#[test]
fn what_is_made_is_the_users_alone() {
    let ground = Ground::with(1);
    let modes = [&ground.path, &ground.file("journal.jsonl"), &ground.file("head")].map(|path| mode(path));
    assert_eq!(modes, [0o700, 0o600, 0o600]);
    let deep = ground.file("a/b/c");
    Journal::open(&deep).expect("made");
    assert_eq!([mode(&deep), mode(&ground.file("a"))], [0o700, 0o700]);
}

#[test]
fn what_others_can_write_is_refused() {
    for name in ["", "journal.jsonl", "head"] {
        let ground = Ground::with(1);
        let path = if name.is_empty() { ground.path.clone() } else { ground.file(name) };
        let shown = if name.is_empty() { String::new() } else { format!("/{name}") };
        let old = mode(&path);
        for bits in [0o020, 0o002] {
            set_mode(&path, old | bits);
            let expected = format!("`{shown}` can be written by others (mode {:o})", old | bits);
            assert_eq!(refused(&ground), expected);
        }
        set_mode(&path, old | 0o044);
        assert_eq!(refused(&ground), "appended 1", "that others can read is the user's choice");
    }
}

#[test]
fn links_and_other_files_are_refused() {
    for name in ["journal.jsonl", "head"] {
        let ground = Ground::with(1);
        let elsewhere = ground.file("elsewhere");
        std::fs::rename(ground.file(name), &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, ground.file(name)).expect("linked");
        assert_eq!(refused(&ground), format!("`/{name}` is not a plain file"));
        std::fs::remove_file(ground.file(name)).expect("removed");
        std::fs::create_dir(ground.file(name)).expect("made");
        assert_eq!(refused(&ground), format!("`/{name}` is not a plain file"));
        std::fs::remove_dir(ground.file(name)).expect("removed");
        std::os::unix::net::UnixListener::bind(ground.file(name)).expect("bound");
        assert_eq!(refused(&ground), format!("`/{name}` is not a plain file"));
    }
}

/// A pipe must not make anyone wait for its other end.
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let ground = Ground::with(1);
    std::fs::remove_file(ground.file("journal.jsonl")).expect("removed");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        ground.file("journal.jsonl"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("made");
    assert_eq!(refused(&ground), "`/journal.jsonl` is not a plain file");
    assert!(audit::verify(&ground.path, None).is_err());
}

#[test]
fn a_directory_that_is_a_link_or_a_file_is_refused() {
    let ground = Ground::with(1);
    let link = Ground::new();
    std::os::unix::fs::symlink(&ground.path, &link.path).expect("linked");
    assert_eq!(refused(&link), "`` is not a directory");
    let file = Ground::new();
    std::fs::write(&file.path, "").expect("written");
    assert_eq!(refused(&file), "`` is not a directory");
}

#[test]
fn a_directory_of_another_user_is_refused() {
    let ground = Ground::with(1);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(ground.file("head"), Some(12_345), None).expect("given away");
    assert_eq!(refused(&ground), "`/head` belongs to user 12345, not to user 0");
    std::os::unix::fs::chown(&ground.path, Some(12_345), None).expect("given away");
    assert_eq!(refused(&ground), "`` belongs to user 12345, not to user 0");
    assert!(audit::verify(&ground.path, None).expect("a report").is_sound(), "reading is free");
}

/// Who may not write is told where. The superuser may write anyway, so a child is another user.
#[test]
fn a_read_only_directory_is_an_error() {
    const NOBODY: u32 = 65_534;
    let ground = Ground::new();
    std::fs::create_dir(&ground.path).expect("made");
    set_mode(&ground.path, 0o500);
    let said = if rustix::process::geteuid().is_root() {
        let above = ground.path.parent().expect("a directory above");
        set_mode(above, 0o755);
        std::os::unix::fs::chown(&ground.path, Some(NOBODY), None).expect("given away");
        let output = command(&ground, 1).uid(NOBODY).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.expect("the child's end");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    } else {
        refused(&ground)
    };
    assert!(said.contains("cannot open `") && said.contains("/head`") && said.contains("ermission"), "{said}");
    set_mode(&ground.path, 0o700);
}

#[test]
fn a_journal_that_is_not_there_is_said_to_be() {
    let ground = Ground::new();
    assert!(matches!(audit::verify(&ground.path, None), Err(audit::Error::NoJournal { .. })));
    assert!(matches!(audit::find(&ground.path, 0), Err(audit::Error::NoJournal { .. })));
    std::fs::create_dir(&ground.path).expect("made");
    assert!(matches!(audit::verify(&ground.path, None), Err(audit::Error::NoJournal { .. })));
    assert!(std::fs::read_dir(&ground.path).expect("a directory").next().is_none(), "reading makes nothing");
}
