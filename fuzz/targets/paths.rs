//! A path has one text, and a pattern covers what trying every way finds.

#![no_main]

#[expect(dead_code, reason = "the tests of the verdict use the rest")]
#[path = "../../crates/policy/tests/it/reference/path.rs"]
mod brute;

use libfuzzer_sys::fuzz_target;
use policy::AbsPath;
use policy::path::PathPattern;
use policy::rule::List;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(pattern), Some(path)) = (lines.next(), lines.next()) else { return };
    let list = if lines.next().is_some() { List::Deny } else { List::Allow };
    plain(path);
    compare(pattern, path, list);
});

/// The most stars and letters of a pair that is also tried every way: the ways are as many as the places
/// that the stars can end at, which is 101,270 with four stars and forty letters.
const TRIED: (usize, usize) = (4, 40);

/// Text that is read once stays as it is, and holds nothing that climbs.
fn plain(text: &str) {
    let home = AbsPath::parse("/home/u").expect("an absolute path");
    for path in [home.join(text), home.join(&format!("/{text}"))] {
        assert!(path.as_str().starts_with('/'));
        assert!(path.segments().all(|segment| segment != ".." && segment != "."));
        assert_eq!(AbsPath::root().join(path.as_str()), path);
        if let Some(again) = AbsPath::parse(path.as_str()) {
            assert_eq!(again, path);
        }
        assert!(path.is_within(&AbsPath::root()) && path.is_within(&path));
        let parent = path.parent().unwrap_or_else(AbsPath::root);
        assert!(path.is_within(&parent));
    }
    if !text.split('/').any(|segment| segment == "..") && !text.starts_with('/') {
        assert!(home.join(text).is_within(&home), "{text:?}");
    }
}

/// The compiled pattern is asked about every pair, so that a slow answer shows; the other way only where
/// it ends soon.
fn compare(pattern: &str, path: &str, list: List) {
    let absolute = |text| AbsPath::parse(text).expect("an absolute path");
    let (home, project, cwd) = (absolute("/home/u"), absolute("/home/u/proj"), absolute("/home/u/proj/sub"));
    let compiled = PathPattern::parse(pattern, list, &project, &home);
    let plain = brute::Pattern::read(pattern, list != List::Allow, &project, &home);
    // How long a pattern may be is the compiled one's alone.
    if pattern.len() <= TRIED.1 {
        assert_eq!(compiled.is_ok(), plain.is_some(), "{pattern:?}");
    }
    let (Ok(compiled), Some(plain)) = (compiled, plain) else { return };
    let place = brute::Place { project: &project, cwd: &cwd };
    let tried = pattern.matches('*').count() <= TRIED.0 && pattern.len() <= TRIED.1 && path.len() <= TRIED.1;
    for path in [project.join(path), cwd.join(path), home.join(path), AbsPath::root().join(path)] {
        let covers = compiled.covers(&path, &project, &cwd);
        if !tried {
            assert!(!covers || compiled.could_cover_below(&path, &project, &cwd));
            continue;
        }
        assert_eq!(covers, plain.covers(path.as_str(), &place), "{pattern:?} and {path}");
        let below = compiled.could_cover_below(&path, &project, &cwd);
        assert_eq!(below, plain.could_lie_below(path.as_str(), &place), "{pattern:?} below {path}");
        assert!(below || !covers);
    }
}
