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
