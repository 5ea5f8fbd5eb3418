use proptest::prelude::*;

use crate::path::{AbsPath, PathPattern};
use crate::rule::List;

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b.c".to_owned()), Just("p".to_owned()), "[a-c][a-c.]{0,2}"]
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        segment(),
        Just("**".to_owned()),
        Just("*".to_owned()),
        Just("*.c".to_owned()),
        Just("[!a]*".to_owned())
    ];
    let start = prop_oneof![Just(""), Just("./"), Just("../"), Just("//"), Just("/"), Just("~/")];
    let many = prop_oneof![9 => 1..4_usize, 1 => 62..70_usize];
    many.prop_flat_map(move |count| (start.clone(), proptest::collection::vec(part.clone(), count)))
        .prop_map(|(start, parts)| format!("{start}{}", parts.join("/")))
}

proptest! {
    #[test]
    fn along_a_walk_it_covers_what_it_covers(
        text in pattern(),
        directory in proptest::collection::vec(segment(), 0..5),
        name in segment(),
    ) {
        let path = |text: &str| AbsPath::parse(text).unwrap();
        let (home, project) = (path("/a"), path("/a/p"));
        for list in [List::Deny, List::Allow] {
            let Ok(pattern) = PathPattern::parse(&text, list, &path("/a/p/a"), &home) else { continue };
            let directory = AbsPath::root().join(&directory.join("/"));
            let cwd = project.join("b.c");
            for cwd in [&project, &cwd] {
                let told = pattern.along(&directory, &project, cwd).covers(&name);
                prop_assert_eq!(told, pattern.covers(&directory.join(&name), &project, cwd), "{} at {}/{}", &text, &directory, &name);
            }
        }
    }
}
