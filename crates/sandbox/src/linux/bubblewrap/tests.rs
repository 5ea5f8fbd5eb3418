use super::{Program, Unfit};
use crate::machine::Version;

fn check(version: &str, is_privileged: bool, expected: &str) {
    let version = Version::parse(version).unwrap();
    let found = match (Program { version, is_privileged }).judged() {
        Ok(program) if program.has_races() => "races",
        Ok(_) => "good",
        Err(Unfit::Privileged(_)) => "refused",
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(found, expected, "for {version:?} {is_privileged}");
}

#[test]
fn old_programs_with_rights_of_root_are_refused() {
    check("bubblewrap 0.8.0", false, "races");
    check("bubblewrap 0.8.0", true, "refused");
    check("bubblewrap 0.11.1", true, "refused");
    check("bubblewrap 0.11.2", true, "races");
    check("bubblewrap 0.12.0\n", true, "good");
    check("bubblewrap 1.0", false, "good");
}
