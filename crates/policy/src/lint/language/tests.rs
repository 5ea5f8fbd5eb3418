//! Inclusion against brute force: every short text over a small alphabet.

use proptest::prelude::*;

use super::{Found, Shape, witness};
use crate::command::CommandPattern;
use crate::network::host::HostPattern;
use crate::path::{AbsPath, PathPattern};
use crate::rule::List;

/// Returns every text of these letters up to a length.
fn texts(letters: &[char], length_max: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length_max {
        last = last.iter().flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// A witness is covered by the inner pattern alone; without one no text is.
    #[test]
    fn commands(inner in "[ab *]{1,6}", outer in "[ab *]{1,6}", third in "[ab *]{1,4}") {
        let patterns: Vec<_> = [&inner, &outer, &third].into_iter().filter_map(|text| CommandPattern::parse(text)).collect();
        prop_assume!(patterns.len() == 3);
        let (inner, outer) = (&patterns[0], &patterns[1..]);
        let languages: Vec<_> = outer.iter().map(CommandPattern::language).collect();
        match witness(&inner.language(), &languages, Shape::Any) {
            Found::Text(text) => {
                prop_assert!(inner.covers(&text), "{text:?}");
                prop_assert!(!outer.iter().any(|pattern| pattern.covers(&text)), "{text:?}");
            }
            Found::Nothing => {
                for text in texts(&['a', 'b', ' ', 'c'], 6) {
                    prop_assert!(!inner.covers(&text) || outer.iter().any(|pattern| pattern.covers(&text)), "{text:?}");
                }
            }
            Found::Unknown => prop_assert!(false, "the bound is far above these"),
        }
        for text in texts(&['a', 'b', ' ', 'c'], 5) {
            prop_assert_eq!(inner.language().has(&text), inner.covers(&text), "{:?}", text);
        }
    }

    /// The same for paths, in which stars stop at slashes.
    #[test]
    fn paths(inner in "//?[ab*?/]{1,6}(\\*\\*)?", outer in "//?[ab*?/]{0,5}(/\\*\\*|\\[!a\\]|\\[+-a\\])?", anchored in any::<bool>()) {
        let root = AbsPath::parse(if anchored { "/a" } else { "/" }).unwrap();
        let parse = |text: &str| PathPattern::parse(text, List::Allow, &root, &root);
        let (Ok(inner), Ok(outer)) = (parse(&inner), parse(&outer)) else { return Ok(()) };
        let language = |pattern: &PathPattern| pattern.language(&pattern.bases(&root, &root)[0]);
        let covers = |pattern: &PathPattern, text: &str| pattern.covers(&AbsPath::root().join(text), &root, &root);
        match witness(&language(&inner), &[language(&outer)], Shape::Path) {
            Found::Text(text) => {
                prop_assert!(covers(&inner, &text), "{text:?}");
                prop_assert!(!covers(&outer, &text), "{text:?}");
            }
            Found::Nothing => {
                for text in texts(&['a', 'b', '/', 'c'], 6) {
                    prop_assert!(!covers(&inner, &text) || covers(&outer, &text), "{text:?}");
                }
            }
            Found::Unknown => prop_assert!(false, "the bound is far above these"),
        }
    }

    /// The same for hosts.
    #[test]
    fn hosts(inner in "(\\*\\.)?[ab*]{1,3}(\\.[ab*]{1,3})?", outer in "(\\*\\.)?[ab*]{1,3}(\\.[ab*]{1,2})?") {
        let (Ok(inner), Ok(outer)) = (HostPattern::parse_domain(&inner), HostPattern::parse_domain(&outer)) else { return Ok(()) };
        let covers = |pattern: &HostPattern, text: &str| {
            crate::network::host::Host::of_url(&format!("http://{text}/")).is_some_and(|host| pattern.covers(&host))
        };
        if witness(&inner.language(), &[outer.language()], Shape::Any) == Found::Nothing {
            for text in texts(&['a', 'b', '.', 'c'], 6).iter().filter(|text| !text.ends_with('.')) {
                prop_assert!(!covers(&inner, text) || covers(&outer, text), "{text:?}");
            }
        }
    }
}

#[test]
fn a_witness_is_the_shortest_text_and_readable() {
    let language = |text: &str| CommandPattern::parse(text).unwrap().language();
    let found = |inner: &str, outer: &str| witness(&language(inner), &[language(outer)], Shape::Any);
    assert_eq!(found("git push *", "git *"), Found::Nothing);
    assert_eq!(found("git *", "git push *"), Found::Text("git".to_owned()));
    assert_eq!(found("ls*", "ls *"), Found::Text("lsa".to_owned()));
    assert_eq!(found("* --version", "node *"), Found::Text(" --version".to_owned()));
    let united = [language("a*"), language("*b")];
    assert_eq!(witness(&language("a*b"), &united, Shape::Any), Found::Nothing);
}
