//! Files as the world has them: missing, linked, too long, not text, not files.

use std::os::unix::fs::symlink;
use std::path::Path;

use policy::Scope;

use super::{Scene, render};
use crate::limits::{DEPTH_MAX, DROP_INS_MAX, SETTINGS_BYTES_MAX};
use crate::{Discovery, SourceState};

const USER: &str = ".claude/settings.json";
const PROJECT: &str = "p/.claude/settings.json";
const ALLOW: &str = r#"{"permissions": {"allow": ["Bash(make)"]}}"#;

/// Loads one user file and expects this of it.
#[track_caller]
fn check(bytes: impl AsRef<[u8]>, expected: &str) {
    let scene = Scene::new();
    scene.write(USER, bytes);
    check_scene(&scene, expected);
}

#[track_caller]
fn check_scene(scene: &Scene, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(|line| line.strip_prefix("            ").unwrap_or(line)).collect();
    assert_eq!(render(scene, &scene.load()), expected.join("\n").trim());
}

#[test]
fn nothing_is_there() {
    let scene = Scene::new();
    let loaded = scene.load();
    assert_eq!(render(&scene, &loaded), "");
    let looked_for: Vec<&str> = loaded.sources.iter().map(|source| source.file.as_str()).collect();
    let expected = [
        "~/.claude/settings.json",
        "~/.config/palisade/settings.json",
        "~/p/.claude/settings.json",
        "~/p/.palisade/settings.json",
        "~/p/.claude/settings.local.json",
        "~/p/.palisade/settings.local.json",
        "~/etc/claude-code/managed-settings.json",
        "~/etc/claude-code/managed-settings.d",
        "~/etc/palisade/settings.json",
        "~/etc/palisade/settings.d",
    ];
    assert_eq!(looked_for, expected);
    assert!(loaded.sources.iter().all(|source| source.state == SourceState::Absent));
}

#[test]
fn empty_file() {
    check(
        "",
        "user ~/.claude/settings.json at ~/.claude
              refuses: the file is empty
            error ~/.claude/settings.json:1:1: the file is empty
              write `{}` for no settings, or remove the file",
    );
}

#[test]
fn white_space_only() {
    check(
        " \n\t",
        "user ~/.claude/settings.json at ~/.claude
              refuses: the file is empty
            error ~/.claude/settings.json:1:1: the file is empty
              write `{}` for no settings, or remove the file",
    );
}

#[test]
fn byte_order_mark() {
    check(
        b"\xef\xbb\xbf{\"permissions\": {\"deny\": [1]}}",
        "user ~/.claude/settings.json at ~/.claude
              refuses: entry 1 of `permissions.deny` must be a string, and is a number
            warning ~/.claude/settings.json:1:1: the file begins with a byte order mark
              save the file without it
            error ~/.claude/settings.json:1:27: entry 1 of `permissions.deny` must be a string, and is a number
              write the entry in double quotes, or remove it",
    );
}

#[test]
fn not_utf8() {
    check(
        b"{\n  \"permissions\": {\"deny\": [\"Read(\xff)\"]}}",
        "user ~/.claude/settings.json at ~/.claude
              refuses: the file is not utf-8 text
            error ~/.claude/settings.json:2:34: the file is not utf-8 text
              save the file as utf-8",
    );
}

#[test]
fn utf16() {
    let bytes: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(
        bytes,
        "user ~/.claude/settings.json at ~/.claude
              refuses: the file is not utf-8 text
            error ~/.claude/settings.json:1:1: the file is not utf-8 text
              save the file as utf-8",
    );
}

#[test]
fn cut_off_anywhere_refuses() {
    let text = r#"{"permissions": {"deny": ["Read(.env)"], "allow": ["Bash"]}, "sandbox": {"enabled": true}}"#;
    for end in 0..text.len() {
        let scene = Scene::new();
        scene.write(USER, &text[..end]);
        let loaded = scene.load();
        assert!(loaded.layers[0].failure.is_some(), "cut off at {end}");
    }
}

#[test]
fn length_at_the_bound() {
    let pad = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    check(pad(SETTINGS_BYTES_MAX), "user ~/.claude/settings.json at ~/.claude");
    check(
        pad(SETTINGS_BYTES_MAX + 1),
        "user ~/.claude/settings.json at ~/.claude
              refuses: the file is longer than 2097152 bytes
            error ~/.claude/settings.json:0:0: the file is longer than 2097152 bytes
              shorten the file",
    );
}

#[test]
fn depth_at_the_bound() {
    let nest = |depth: usize| format!("{{\"x\": {}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    check(nest(DEPTH_MAX), "user ~/.claude/settings.json at ~/.claude");
    let refused = "user ~/.claude/settings.json at ~/.claude
              refuses: more than 64 objects and lists inside one another
            error ~/.claude/settings.json:1:70: more than 64 objects and lists inside one another
              write the settings with less nesting";
    check(nest(DEPTH_MAX + 1), refused);
    check(nest(1_000_000), refused);
}

#[test]
fn directory_in_its_place() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path(USER)).unwrap();
    check_scene(
        &scene,
        "user ~/.claude/settings.json at ~/.claude
              refuses: this is not a regular file
            error ~/.claude/settings.json:0:0: this is not a regular file
              put a regular file in its place, or remove it",
    );
}

#[test]
fn pipe_in_its_place_is_not_waited_for() {
    let scene = Scene::new();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.path(USER), mode).unwrap();
    assert_eq!(scene.load().sources[0].state, SourceState::Unreadable);
    assert!(scene.load().layers[0].failure.is_some());
}

#[test]
fn socket_and_device_in_its_place() {
    let scene = Scene::new();
    let _listener = std::os::unix::net::UnixListener::bind(scene.path(USER)).unwrap();
    symlink("/dev/zero", scene.path("p/.claude/settings.json")).unwrap();
    let failures: Vec<String> =
        scene.load().layers.into_iter().map(|layer| layer.failure.expect("refuses").message).collect();
    assert_eq!(failures, ["this is not a regular file", "this is not a regular file"]);
}

#[test]
fn file_in_place_of_the_directory_is_not_absence() {
    let scene = Scene::new();
    scene.write(".claude", "");
    let loaded = scene.load();
    assert_eq!(loaded.layers.len(), 1);
    assert!(loaded.layers[0].failure.is_some());
}

#[test]
fn links_that_lead_nowhere_are_not_absence() {
    let scene = Scene::new();
    symlink("missing", scene.path(USER)).unwrap();
    symlink("missing", scene.path("p/.claude")).unwrap();
    symlink("settings.json", scene.path("p/.palisade/settings.json")).unwrap();
    let loaded = scene.load();
    let refusals: Vec<(&str, &str)> = loaded
        .layers
        .iter()
        .map(|layer| (layer.file.as_str(), layer.failure.as_ref().map_or("", |failure| failure.message.as_str())))
        .collect();
    assert_eq!(refusals[0], ("~/.claude/settings.json", "the name is a symbolic link to nothing"));
    assert_eq!(refusals[1], ("~/p/.claude/settings.json", "the name is a symbolic link to nothing"));
    assert_eq!(refusals[2].0, "~/p/.palisade/settings.json");
    assert!(refusals[2].1.starts_with("the file cannot be opened: "), "{}", refusals[2].1);
    assert_eq!(refusals[3], ("~/p/.claude/settings.local.json", "the name is a symbolic link to nothing"));
    assert_eq!(refusals.len(), 4);
}

#[test]
fn no_right_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.write(USER, ALLOW);
    std::fs::set_permissions(scene.path(USER), std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same.
    let is_readable = std::fs::File::open(scene.path(USER)).is_ok();
    assert_eq!(scene.load().layers[0].failure.is_none(), is_readable);
}

#[test]
fn user_file_may_be_a_link() {
    let scene = Scene::new();
    scene.write("dotfiles/claude.json", ALLOW);
    symlink("../dotfiles/claude.json", scene.path(USER)).unwrap();
    check_scene(
        &scene,
        "user ~/.claude/settings.json at ~/.claude
              1: allow Bash(make)",
    );
}

#[test]
fn project_file_behind_a_link_out_of_the_project_only_tightens() {
    let scene = Scene::new();
    scene.trust();
    scene.write("elsewhere/settings.json", ALLOW);
    symlink("../elsewhere", scene.path("p/.claude")).unwrap();
    scene.write("p/shared.json", ALLOW);
    symlink("../shared.json", scene.path("p/.palisade/settings.json")).unwrap();
    check_scene(
        &scene,
        "project ~/p/.claude/settings.json at ~/p, not trusted
              1: allow Bash(make)
            project ~/p/.palisade/settings.json at ~/p
              1: allow Bash(make)
            warning ~/p/.claude/settings.json:0:0: the file lies outside the folder, behind a symbolic link, and can only tighten
              put the file itself into the folder for its allow rules to count",
    );
}

#[test]
fn a_folder_whose_name_begins_the_same_is_outside() {
    let scene = Scene::new();
    scene.trust();
    scene.write("p2/settings.json", ALLOW);
    symlink(scene.path("p2/settings.json"), scene.path(PROJECT)).unwrap();
    assert!(!scene.load().layers[0].trusted);
}

#[test]
fn local_files_are_at_the_git_root() {
    let mut scene = Scene::new();
    scene.places.git_root = Some(scene.places.project.clone());
    scene.places.project = scene.places.project.join("deep");
    scene.write("p/.claude/settings.local.json", ALLOW);
    scene.write("p/deep/.claude/settings.json", ALLOW);
    scene.write("p/deep/.claude/settings.local.json", ALLOW);
    scene.write("p/.claude/settings.json", ALLOW);
    check_scene(
        &scene,
        "project ~/p/deep/.claude/settings.json at ~/p/deep, not trusted
              1: allow Bash(make)
            local ~/p/.claude/settings.local.json at ~/p/deep, not trusted
              1: allow Bash(make)",
    );
}

#[test]
fn at_home_the_user_file_stands_once() {
    let mut scene = Scene::new();
    scene.places.project = scene.places.home.clone();
    scene.write(USER, ALLOW);
    check_scene(
        &scene,
        "user ~/.claude/settings.json at ~/.claude
              1: allow Bash(make)",
    );
}

#[test]
fn overridden_directories() {
    let mut scene = Scene::new();
    scene.places.claude_config_dir = Some(scene.places.home.join("cc"));
    scene.places.xdg_config_home = Some(scene.places.home.join("xdg"));
    scene.write(USER, ALLOW);
    scene.write(".config/palisade/settings.json", ALLOW);
    scene.write("cc/settings.json", ALLOW);
    scene.write("xdg/palisade/settings.json", ALLOW);
    check_scene(
        &scene,
        "user ~/cc/settings.json at ~/cc
              1: allow Bash(make)
            user ~/xdg/palisade/settings.json at ~/xdg/palisade
              1: allow Bash(make)",
    );
}

#[test]
fn given_files() {
    let mut scene = Scene::new();
    scene.write("p/ci/one.json", ALLOW);
    scene.write(USER, ALLOW);
    scene.write(PROJECT, ALLOW);
    scene.places.discovery = Discovery::OnlyGiven;
    scene.places.given = ["ci/one.json", " {}", "missing.json", "", "ci"].map(str::to_owned).to_vec();
    check_scene(
        &scene,
        "flag ~/p/ci/one.json at ~/p/ci
              1: allow Bash(make)
            flag --settings #2 at ~/p
            flag ~/p/missing.json at ~/p
              refuses: there is no such file
            flag --settings #4 at ~/p
              refuses: the argument names no file
            flag ~/p/ci at ~/p
              refuses: this is not a regular file
            error ~/p/missing.json:0:0: there is no such file
              name a file that exists
            error --settings #4:0:0: the argument names no file
              give a file, or json text that begins with a brace
            error ~/p/ci:0:0: this is not a regular file
              put a regular file in its place, or remove it",
    );
}

#[test]
fn drop_ins() {
    let scene = Scene::new();
    let directory = "etc/palisade/settings.d";
    for name in ["20-b.json", "10-a.json", ".hidden.json", "notes.txt", "30-c.json~"] {
        scene.write(&format!("{directory}/{name}"), "{}");
    }
    symlink("missing", scene.path("etc/palisade/settings.d/40-d.json")).unwrap();
    check_scene(
        &scene,
        "managed ~/etc/palisade/settings.d/10-a.json at ~/etc/palisade/settings.d
            managed ~/etc/palisade/settings.d/20-b.json at ~/etc/palisade/settings.d
            managed ~/etc/palisade/settings.d/40-d.json at ~/etc/palisade/settings.d
              refuses: the name is a symbolic link to nothing
            error ~/etc/palisade/settings.d/40-d.json:0:0: the name is a symbolic link to nothing
              mend the link, or remove it",
    );
}

#[test]
fn drop_in_directory_that_cannot_be_used() {
    let scene = Scene::new();
    scene.write("etc/claude-code/managed-settings.d", "");
    for index in 0..=DROP_INS_MAX {
        scene.write(&format!("etc/palisade/settings.d/{index}"), "");
    }
    let loaded = scene.load();
    let refusals: Vec<bool> = loaded.layers.iter().map(|layer| layer.failure.is_some()).collect();
    assert_eq!(refusals, [true, true]);
    assert!(loaded.layers.iter().all(|layer| layer.scope == Scope::Managed));
}

#[test]
fn drop_in_whose_name_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    let name = std::ffi::OsStr::from_bytes(b"etc/palisade/settings.d/\xff.json");
    std::fs::write(scene.path("etc/palisade/settings.d/x").with_file_name(Path::new(name).file_name().unwrap()), "{}")
        .unwrap();
    assert_eq!(scene.load().layers[0].failure.as_ref().unwrap().message, "the name of a settings file is not utf-8");
}

#[test]
fn many_mistakes_are_counted_and_the_error_among_them_is_found() {
    let allow = "1, ".repeat(200_000);
    let text = format!(r#"{{"permissions": {{"allow": [{allow}1], "deny": [2, 3], "ask": ["Bash"]}}}}"#);
    let scene = Scene::new();
    scene.write(USER, text);
    let loaded = scene.load();
    assert_eq!(loaded.diagnostics.len(), 66);
    let last: Vec<&str> = loaded.diagnostics[64..].iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    let expected =
        ["entry 1 of `permissions.deny` must be a string, and is a number", "199938 more like these are not shown"];
    assert_eq!(last, expected);
    assert_eq!(loaded.layers[0].failure.as_ref(), Some(&loaded.diagnostics[64]));
    assert_eq!(loaded.layers[0].ask.len(), 1);
}

#[test]
fn names_cannot_move_the_terminal() {
    let mut scene = Scene::new();
    scene.places.project = scene.places.home.join("p\u{1b}[2J");
    scene.write("p\u{1b}[2J/.claude/settings.json", "{\"permissions\": {\"a\\u001b\\u202eb\": 1}}");
    check_scene(
        &scene,
        "project ~/p\\u{1b}[2J/.claude/settings.json at ~/p\\u{1b}[2J, not trusted
            warning ~/p\\u{1b}[2J/.claude/settings.json:1:18: there is no key `permissions.a\\u{1b}\\u{202e}b`
              remove it: it has no effect",
    );
}

#[test]
fn the_digest_sees_what_counts() {
    let digest = |scene: &Scene| {
        let mut bytes = Vec::new();
        scene.load().digest_into(|piece| bytes.extend_from_slice(piece));
        bytes
    };
    let scene = Scene::new();
    let nothing = digest(&scene);
    scene.write(PROJECT, ALLOW);
    let untrusted = digest(&scene);
    assert_eq!(untrusted, digest(&scene));
    scene.trust();
    let trusted = digest(&scene);
    scene.write(PROJECT, format!("{ALLOW} "));
    let changed = digest(&scene);
    let all = [&nothing, &untrusted, &trusted, &changed];
    for (index, left) in all.iter().enumerate() {
        assert!(all.iter().skip(index + 1).all(|right| left != right), "{index}");
    }
}

#[test]
fn what_is_printed_for_debugging_holds_no_secret() {
    let scene = Scene::new();
    scene.write(USER, r#"{"env": {"TOKEN": "hunter2"}}"#);
    let loaded = scene.load();
    assert!(matches!(&loaded.sources[0].state, SourceState::Read(bytes) if bytes.len() == 29));
    assert!(!format!("{loaded:?}").contains("104, 117, 110"));
    let all = vec![("HOME".into(), "/h".into()), ("TOKEN".into(), "hunter2".into())];
    let environment = crate::Environment::from_pairs(all, || unreachable!()).unwrap();
    assert!(!format!("{environment:?}").contains("hunter2"));
}

#[test]
fn text_without_a_file() {
    let text = "{\"permissions\": {\n\"deny\": [\"Read\", 1]}}";
    let anchor = policy::AbsPath::root().join("srv");
    let (layer, diagnostics) = crate::layer_from_json_text("a.json", text, anchor.clone(), Scope::Flag);
    assert_eq!((layer.scope, layer.trusted, &layer.anchor), (Scope::Flag, true, &anchor));
    let origin = policy::Origin { scope: Scope::Flag, file: "a.json".to_owned(), line: 2 };
    assert_eq!(layer.deny, [policy::layer::Sourced { value: "Read".to_owned(), origin: origin.clone() }]);
    let expected = policy::Diagnostic {
        severity: policy::Severity::Error,
        origin,
        column: 18,
        message: "entry 2 of `permissions.deny` must be a string, and is a number".to_owned(),
        hint: Some("write the entry in double quotes, or remove it".to_owned()),
    };
    assert_eq!(layer.failure.as_ref(), Some(&expected));
    assert_eq!(diagnostics, [expected]);
}
