#![expect(clippy::disallowed_methods, reason = "files are made to be mended")]

use policy::AbsPath;

use super::Repair;

fn program() -> AbsPath {
    AbsPath::root().join("opt/pali sade/palisade")
}

fn check(repair: &Repair, old: &str, expected: Result<&str, &str>) {
    match (repair.changed(old), expected) {
        (Ok((_, lines)), Ok(wanted)) => assert_eq!(lines.join("\n"), wanted),
        (Err(error), Err(wanted)) => assert_eq!(format!("{error:#}"), wanted),
        (found, _) => panic!("{found:?}, and not {expected:?}"),
    }
}

#[test]
fn a_hook_is_registered_before_everything_else() {
    let register = Repair::Register { program: program() };
    let hooks = "\
+   \"hooks\": {
+     \"PreToolUse\": [{ \"matcher\": \"*\", \"hooks\": [{ \"type\": \"command\", \"command\": \"'/opt/pali sade/palisade' hook claude\", \"onFailure\": \"block\", \"timeout\": 60 }] }],
+     \"PostToolUse\": [{ \"matcher\": \"*\", \"hooks\": [{ \"type\": \"command\", \"command\": \"'/opt/pali sade/palisade' hook claude\" }] }],
+     \"PostToolUseFailure\": [{ \"matcher\": \"*\", \"hooks\": [{ \"type\": \"command\", \"command\": \"'/opt/pali sade/palisade' hook claude\" }] }]
+   }";
    check(&register, "", Ok(hooks));
    check(&register, "{\"env\":{\"A\":\"a secret on the same line\"}}", Ok(hooks));
    check(&register, "{\n  \"model\": \"x\"\n}\n", Ok(hooks));
    check(&register, "{\"hooks\": {}}", Err("the settings have hooks already"));
    check(&register, "[]", Err("the settings are no JSON object"));
    check(&register, "{", Err("the settings are no JSON: EOF while parsing an object at line 1 column 1"));
}

#[test]
fn a_program_is_replaced_where_it_is_a_command() {
    let replace = Repair::Replace { from: "/old/palisade hook claude".to_owned(), program: program() };
    let old = "{\n  \"note\": \"/old/palisade hook claude\",\n  \"command\" : \"/old/palisade hook claude\"\n}\n";
    let expected = "\
- \"command\": \"/old/palisade hook claude\"
+ \"command\": \"'/opt/pali sade/palisade' hook claude\"";
    check(&replace, old, Ok(expected));
    let other = "{\"command\": \"\\u002fold/palisade hook claude\"}";
    check(&replace, other, Err("the settings do not say \"/old/palisade hook claude\" in so many words"));
}

fn scene() -> (tempfile::TempDir, AbsPath) {
    let directory = tempfile::tempdir().unwrap();
    let path = AbsPath::parse(directory.path().to_str().unwrap()).unwrap();
    (directory, path)
}

#[test]
fn what_changed_since_it_was_shown_is_left_alone() {
    let (_directory, path) = scene();
    let settings = path.join("settings.json");
    let write = |text: &str| std::fs::write(settings.as_str(), text).unwrap();
    let found = || std::fs::read_to_string(settings.as_str()).unwrap();
    let register = Repair::Register { program: program() };
    write("{}");
    let planned = register.plan(&settings, &[]).unwrap();
    write("{\"model\": \"x\"}");
    let error = planned.make(&settings).unwrap_err();
    assert!(format!("{error:#}").contains("has changed since it was shown"), "{error:#}");
    assert_eq!(found(), "{\"model\": \"x\"}");

    // One change after another of the same file: each as it was shown.
    write("{\"a\": {\"command\": \"one\"}, \"b\": {\"command\": \"two\"}}");
    let replace = |from: &str| Repair::Replace { from: from.to_owned(), program: AbsPath::root().join("opt/p") };
    let (one, two) = (replace("one"), replace("two"));
    let mut planned = vec![one.plan(&settings, &[]).unwrap()];
    planned.push(two.plan(&settings, &planned).unwrap());
    planned.iter().for_each(|planned| planned.make(&settings).unwrap());
    assert_eq!(found(), "{\"a\": {\"command\": \"/opt/p hook claude\"}, \"b\": {\"command\": \"/opt/p hook claude\"}}");
}

#[test]
fn a_pipe_is_closed_without_waiting_and_keeps_what_it_has() {
    use std::os::unix::fs::MetadataExt;

    let (_directory, path) = scene();
    let pipe = path.join("pipe");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, pipe.as_str(), kind, rustix::fs::Mode::from_raw_mode(0o600), 0).unwrap();
    let mode = |mode: u32| rustix::fs::chmod(pipe.as_str(), rustix::fs::Mode::from_raw_mode(mode)).unwrap();
    mode(0o662);
    let close = Repair::Close { path: pipe.clone() };
    let planned = close.plan(&path, &[]).unwrap();
    mode(0o622);
    assert!(planned.make(&path).is_err(), "it is not what was shown");
    close.plan(&path, &[]).unwrap().make(&path).unwrap();
    assert_eq!(std::fs::symlink_metadata(pipe.as_str()).unwrap().mode() & 0o7777, 0o600);
}
