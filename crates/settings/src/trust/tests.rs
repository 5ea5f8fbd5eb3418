//! Grants, withdrawals, and records in every state.

#![expect(clippy::disallowed_methods, reason = "the tests make the files that the crate reads")]

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::AbsPath;

use super::{By, Error, Record, Status, grant, records, status, withdraw};
use crate::Discovery;
use crate::tests::{Scene, private};

const STORE: &str = ".config/palisade/trust.json";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns whether the folder is trusted, by whom, and the messages.
fn ask(scene: &Scene) -> (bool, By, Vec<String>) {
    let Status { trusted, by, key, at: _, diagnostics } = status(&scene.places);
    assert_eq!(&key, scene.places.trust_key());
    (trusted, by, diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect())
}

fn claude_trusts(scene: &Scene, folder: &AbsPath) {
    let state = serde_json::json!({
        "numStartups": 3,
        "projects": {"/other": {"hasTrustDialogAccepted": false}, folder.as_str(): {"hasTrustDialogAccepted": true}},
    });
    scene.write(".claude.json", state.to_string());
}

/// Returns a scene that starts in `p/deep`, in a repository at `p`.
fn repository() -> Scene {
    let mut scene = Scene::new();
    scene.places.git_root = Some(scene.places.project.clone());
    scene.places.project = scene.places.project.join("deep");
    scene
}

#[test]
fn nobody_said_anything() {
    assert_eq!(ask(&Scene::new()), (false, By::None, vec![]));
}

#[test]
fn granted_and_withdrawn() {
    let scene = Scene::new();
    let folder = scene.places.project.clone();
    grant(&scene.places, &folder, at(1_700_000_000)).unwrap();
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
    assert_eq!(status(&scene.places).at, Some(at(1_700_000_000)));
    withdraw(&scene.places, &folder, at(1_700_000_001)).unwrap();
    assert_eq!(ask(&scene), (false, By::Palisade, vec![]));
    let expected = vec![Record { folder, granted: false, at: at(1_700_000_001) }];
    assert_eq!(records(&scene.places).unwrap(), expected);
}

#[test]
fn the_store_is_private_and_readable_as_text() {
    let scene = Scene::new();
    grant(&scene.places, &AbsPath::root().join("srv/b"), at(2)).unwrap();
    withdraw(&scene.places, &AbsPath::root().join("srv/a"), at(1)).unwrap();
    let text = std::fs::read_to_string(scene.path(STORE)).unwrap();
    let expected = r#"{
  "version": 1,
  "folders": [
    {
      "folder": "/srv/a",
      "answer": "withdrawn",
      "at": 1
    },
    {
      "folder": "/srv/b",
      "answer": "granted",
      "at": 2
    }
  ]
}
"#;
    assert_eq!(text, expected);
    let mode = |name| std::fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(STORE), mode(".config/palisade")), (0o600, 0o700));
    assert!(!scene.path(".config/palisade/trust.json.new").exists());
}

#[test]
fn claude_record_counts_for_the_very_folder() {
    let scene = Scene::new();
    claude_trusts(&scene, &scene.places.project);
    assert_eq!(ask(&scene), (true, By::Claude, vec![]));
    claude_trusts(&scene, &scene.places.project.join("deep"));
    assert_eq!(ask(&scene), (false, By::None, vec![]));
}

#[test]
fn claude_record_of_a_folder_above_does_not_carry() {
    let mut scene = Scene::new();
    claude_trusts(&scene, &scene.places.project);
    scene.places.project = scene.places.project.join("deep");
    assert_eq!(ask(&scene), (false, By::None, vec![]));
}

#[test]
fn claude_record_stands_in_an_overridden_directory() {
    let mut scene = Scene::new();
    claude_trusts(&scene, &scene.places.project);
    scene.places.claude_config_dir = Some(scene.places.home.join("cc"));
    assert_eq!(ask(&scene), (false, By::None, vec![]));
    std::fs::rename(scene.path(".claude.json"), scene.path("cc/.claude.json")).unwrap();
    assert_eq!(ask(&scene), (true, By::Claude, vec![]));
}

#[test]
fn a_withdrawal_beats_claude() {
    let scene = Scene::new();
    claude_trusts(&scene, &scene.places.project);
    withdraw(&scene.places, &scene.places.home.clone(), at(0)).unwrap();
    assert_eq!(ask(&scene), (false, By::Palisade, vec![]));
}

#[test]
fn in_a_repository_its_root_counts() {
    let scene = repository();
    claude_trusts(&scene, scene.places.git_root.as_ref().unwrap());
    assert_eq!(ask(&scene), (true, By::Claude, vec![]));
    withdraw(&scene.places, &scene.places.project, at(0)).unwrap();
    assert_eq!(ask(&scene), (false, By::Palisade, vec![]));
}

#[test]
fn a_grant_covers_folders_below_but_not_a_repository_in_it() {
    let mut scene = Scene::new();
    let folder = scene.places.project.clone();
    grant(&scene.places, &folder, at(0)).unwrap();
    scene.places.project = folder.join("deep/er");
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
    scene.places.git_root = Some(folder.join("deep"));
    assert_eq!(ask(&scene), (false, By::None, vec![]));
    grant(&scene.places, &folder.join("deep"), at(0)).unwrap();
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
}

#[test]
fn the_closest_record_counts() {
    let mut scene = Scene::new();
    let folder = scene.places.project.clone();
    withdraw(&scene.places, &folder, at(0)).unwrap();
    grant(&scene.places, &folder.join("good"), at(0)).unwrap();
    assert_eq!(ask(&scene), (false, By::Palisade, vec![]));
    scene.places.project = folder.join("good/part");
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
}

#[test]
fn home_is_never_trusted() {
    let mut scene = Scene::new();
    scene.places.project = scene.places.home.clone();
    claude_trusts(&scene, &scene.places.home);
    assert_eq!(ask(&scene), (false, By::None, vec![]));
    for folder in [scene.places.home.clone(), scene.places.home.parent().unwrap(), AbsPath::root()] {
        assert!(matches!(grant(&scene.places, &folder, at(0)), Err(Error::TooWide { .. })), "{folder}");
    }
    let text = r#"{"version": 1, "folders": [{"folder": "/", "answer": "granted", "at": 0}]}"#;
    scene.write(STORE, text);
    private(&scene.path(STORE));
    scene.places.project = scene.places.home.join("p");
    assert_eq!(ask(&scene), (false, By::None, vec![]));
}

#[test]
fn a_repository_of_dot_files_is_no_key() {
    let mut scene = Scene::new();
    scene.places.git_root = Some(scene.places.home.clone());
    assert_eq!(scene.places.trust_key(), &scene.places.project);
    grant(&scene.places, &scene.places.project, at(0)).unwrap();
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
}

#[test]
fn only_given_settings_leave_nothing_to_trust() {
    let mut scene = Scene::new();
    scene.places.discovery = Discovery::OnlyGiven;
    scene.write(STORE, "{");
    assert_eq!(ask(&scene), (true, By::Given, vec![]));
}

/// A store in this state trusts nothing, though Claude Code does, and cannot be written over.
#[track_caller]
fn check_broken(text: &[u8], expected: &str) {
    let scene = Scene::new();
    claude_trusts(&scene, &scene.places.project);
    scene.write(STORE, text);
    private(&scene.path(STORE));
    let message = format!("the folder is not trusted, because its record cannot be used: {expected}");
    assert_eq!(ask(&scene), (false, By::None, vec![message]));
    assert!(grant(&scene.places, &scene.places.project, at(0)).is_err());
    assert_eq!(std::fs::read(scene.path(STORE)).unwrap(), text);
}

#[test]
fn broken_stores() {
    check_broken(b"", "the file is empty or cut off");
    check_broken(br#"{"version": 1, "folders": [{"folder": "/x", "#, "the file is empty or cut off");
    check_broken(b"{}", "the file does not have the expected form");
    check_broken(b"{'version': 1}", "the file is not json");
    check_broken(br#"{"version": 1, "folders": []} x"#, "the file is not json");
    check_broken(br#"{"version": 1, "folders": [], "note": ""}"#, "the file does not have the expected form");
    check_broken(br#"{"version": 1, "version": 1, "folders": []}"#, "the file does not have the expected form");
    check_broken(
        br#"{"version": 2, "folders": []}"#,
        "the trust store has version 2, which this program does not know",
    );
    let one = |folder: &str, answer: &str| format!(r#"{{"folder": "{folder}", "answer": "{answer}", "at": 0}}"#);
    let store = |records: String| format!(r#"{{"version": 1, "folders": [{records}]}}"#);
    check_broken(store(one("/x", "yes")).as_bytes(), "the file does not have the expected form");
    for folder in ["x", "", "/x/", "/x/../y", "~/x"] {
        let expected = format!("a record of the trust store is malformed: `{folder}`");
        check_broken(store(one(folder, "granted")).as_bytes(), &expected);
    }
    let twice = format!("{}, {}", one("/x", "withdrawn"), one("/x", "granted"));
    check_broken(store(twice).as_bytes(), "a record of the trust store is malformed: `/x`");
    check_broken(b"\xff", "the file is not json");
}

#[test]
fn torn_anywhere_trusts_nothing() {
    let scene = Scene::new();
    scene.trust();
    let whole = std::fs::read(scene.path(STORE)).unwrap();
    // The last byte is a line break, without which the store is whole.
    for end in 0..whole.len() - 1 {
        scene.write(STORE, &whole[..end]);
        assert!(!status(&scene.places).trusted, "torn at {end}");
    }
}

#[test]
fn a_store_that_others_may_write_is_not_believed() {
    let scene = Scene::new();
    scene.trust();
    for mode in [0o620, 0o602, 0o666] {
        std::fs::set_permissions(scene.path(STORE), std::fs::Permissions::from_mode(mode)).unwrap();
        let message = "the folder is not trusted, because its record cannot be used: others may write the trust store";
        assert_eq!(ask(&scene), (false, By::None, vec![message.to_owned()]), "{mode:o}");
    }
}

#[test]
fn an_interrupted_write_does_not_matter() {
    let scene = Scene::new();
    scene.write(".config/palisade/trust.json.new", "half");
    scene.trust();
    assert_eq!(ask(&scene), (true, By::Palisade, vec![]));
}

#[test]
fn one_writer_at_a_time() {
    let scene = Scene::new();
    scene.trust();
    let lock = std::fs::File::open(scene.path(".config/palisade/trust.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(withdraw(&scene.places, &scene.places.project, at(0)), Err(Error::Busy)));
    assert!(status(&scene.places).trusted);
}

/// Claude Code's state in this form trusts nothing.
#[track_caller]
fn check_state(text: &str, expected: Option<&str>) {
    let scene = Scene::new();
    scene.write(".claude.json", text.replace("$P", scene.places.project.as_str()));
    let message = |text| format!("the folder is not trusted, because its record cannot be used: {text}");
    assert_eq!(ask(&scene), (false, By::None, expected.map(message).into_iter().collect()), "{text}");
}

#[test]
fn claude_states() {
    check_state("{}", None);
    check_state(r#"{"projects": {}}"#, None);
    check_state(r#"{"projects": {"$P": {}}}"#, None);
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": false}}}"#, None);
    check_state(r#"{"projects": {"$P/": {"hasTrustDialogAccepted": true}}}"#, None);
    check_state(r#"{"hasTrustDialogAccepted": true, "$P": {"hasTrustDialogAccepted": true}}"#, None);
    let form = Some("the file does not have the expected form");
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": "true"}}}"#, form);
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": 1}}}"#, form);
    check_state(r#"{"projects": []}"#, form);
    check_state("[]", form);
    check_state("", Some("the file is empty or cut off"));
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": true}}"#, Some("the file is empty or cut off"));
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": true}}} {}"#, Some("the file is not json"));
    // A key that is written twice must say the same twice.
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": false, "hasTrustDialogAccepted": true}}}"#, None);
    check_state(r#"{"projects": {"$P": {"hasTrustDialogAccepted": true}, "$P": {}}}"#, None);
    check_state(r#"{"projects": {}, "projects": {"$P": {"hasTrustDialogAccepted": true}}}"#, None);
    let deep = format!(r#"{{"x": {}}}"#, "[".repeat(100_000));
    check_state(&deep, Some("the file is not json"));
}
