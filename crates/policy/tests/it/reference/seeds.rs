//! The seeds of the fuzz targets, replayed: the hosts and paths that they hold, by both readings.

use policy::action::Kind;
use policy::layer::Scope;
use policy::path::PathPattern;
use policy::rule::List;
use policy::{Action, Verdict};

use super::host;
use super::path::{Pattern, Place};
use crate::world::{HOME, PROJECT, World, abs};

fn seeds(target: &str) -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/");
    let entries = std::fs::read_dir(format!("{directory}{target}")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]
    let seeds: Vec<String> = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert!(seeds.len() >= 3, "the seeds of `{target}` are gone");
    seeds
}

#[test]
fn hosts_of_seeds_are_read_alike() {
    let mut world = World::default();
    world.layer(Scope::User, true, "allow WebFetch(domain:*)");
    for seed in seeds("hosts") {
        for url in [seed.clone(), format!("https://{seed}"), format!("http://{seed}.good.example/")] {
            let kind = Kind::Fetch { url: url.clone() };
            let action = Action { tool: "WebFetch".to_owned(), kind, params: Vec::new(), cwd: abs(PROJECT) };
            let certain = world.decide(&action).verdict == Verdict::Allow;
            assert_eq!(certain, host::of_url(&url).is_some(), "{url}");
        }
    }
}

#[test]
fn paths_of_seeds_are_covered_alike() {
    let (home, project, cwd) = (abs(HOME), abs(PROJECT), abs("/home/u/proj/sub"));
    let place = Place { project: &project, cwd: &cwd };
    for seed in seeds("paths") {
        let (pattern, path) = seed.split_once('\n').unwrap();
        let path = path.lines().next().unwrap();
        for list in [List::Deny, List::Allow] {
            let compiled = PathPattern::parse(pattern, list, &project, &home);
            let plain = Pattern::read(pattern, list == List::Deny, &project, &home);
            assert_eq!(compiled.is_ok(), plain.is_some(), "{pattern}");
            let (Ok(compiled), Some(plain)) = (compiled, plain) else { continue };
            for path in [project.join(path), cwd.join(path), home.join(path)] {
                let covers = compiled.covers(&path, &project, &cwd);
                assert_eq!(covers, plain.covers(path.as_str(), &place), "{pattern} and {path}");
            }
        }
    }
}
