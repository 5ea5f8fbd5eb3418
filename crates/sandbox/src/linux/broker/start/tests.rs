use policy::AbsPath;

use super::{lines, named};

fn check(bytes: &[u8], expected: Option<&[&str]>) {
    let found = named(bytes);
    let found: Option<Vec<&str>> = found.as_ref().map(|words| words.iter().map(String::as_str).collect());
    assert_eq!(found.as_deref(), expected, "{}", bytes.escape_ascii());
}

#[test]
fn first_lines_are_read_as_the_kernel_reads_them() {
    check(b"#!/bin/sh\n", Some(&["/bin/sh"]));
    check(b"#! \t/usr/bin/git  push -f \nmore", Some(&["/usr/bin/git", "push -f"]));
    check(b"#!/bin/sh", Some(&["/bin/sh"]));
    check(b"#!git\tpush", Some(&["git", "push"]));
    check(b"#!/bin/sh\0x\n", Some(&["/bin/sh"]));
    for none in [b"".as_slice(), b"#!", b"#! \n/bin/sh", b"# !/bin/sh", b"\x7fELF", b"\n#!/bin/sh"] {
        check(none, None);
    }
}

#[test]
fn what_a_loader_loads_is_held_against_rules_as_well() {
    let path = |text: &str| AbsPath::parse(text);
    let argv = ["x", "--argv0", "y", "/usr/bin/git", "push"].map(str::to_owned);
    let show =
        |path: Option<AbsPath>| lines(path.as_ref(), &argv).iter().map(|line| line.join(" ")).collect::<Vec<_>>();
    assert_eq!(show(None), ["x --argv0 y /usr/bin/git push"]);
    assert_eq!(show(path("/bin/cat")), ["x --argv0 y /usr/bin/git push", "cat --argv0 y /usr/bin/git push"]);
    let loaded = show(path("/lib64/ld-linux-x86-64.so.2"));
    assert_eq!(loaded.last().map(String::as_str), Some("push"));
    assert!(loaded.contains(&"/usr/bin/git push".to_owned()), "{loaded:?}");
}
