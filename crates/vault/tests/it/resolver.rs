//! When something is fetched, for whom, and for how long it is kept.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use vault::sources::Doppler;
use vault::{Bounds, Fault, Resolver, Sources};

use crate::server::{Authority, Reply};
use crate::sources::{reference, token};
use crate::world::TestWorld;

fn resolver(world: &TestWorld, bounds: Bounds) -> Resolver {
    Resolver::new(Box::new(world.clone()), Sources::default(), bounds)
}

#[test]
fn nothing_is_fetched_before_it_is_needed_and_once_while_it_is_kept() {
    let world = TestWorld::with(&[("A", "one")]);
    let resolver = resolver(&world, Bounds { keep: Duration::from_secs(60), ..Bounds::default() });
    let asked = || world.0.asked.load(Ordering::SeqCst);
    assert_eq!(asked(), 0);
    let value = || resolver.resolve(&reference("env://A")).unwrap().expose().to_owned();
    assert_eq!((value(), value(), asked()), ("one".to_owned(), "one".to_owned(), 1));
    world.0.variables.lock().unwrap().insert("A".to_owned(), "two".to_owned());
    world.0.seconds.store(59, Ordering::SeqCst);
    assert_eq!((value(), asked()), ("one".to_owned(), 1));
    world.0.seconds.store(60, Ordering::SeqCst);
    assert_eq!((value(), asked()), ("two".to_owned(), 2));
    world.0.variables.lock().unwrap().insert("A".to_owned(), "three".to_owned());
    resolver.forget();
    assert_eq!((value(), asked()), ("three".to_owned(), 3));
}

#[test]
fn failures_are_not_kept() {
    let world = TestWorld::default();
    let resolver = resolver(&world, Bounds::default());
    assert_eq!(resolver.resolve(&reference("env://A")).unwrap_err().fault, Fault::NoVariable);
    world.0.variables.lock().unwrap().insert("A".to_owned(), "one".to_owned());
    assert_eq!(resolver.resolve(&reference("env://A")).unwrap().expose(), "one");
}

#[test]
fn what_is_kept_is_bounded() {
    let names: Vec<String> = (0..20).map(|number| format!("V{number}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let world = TestWorld::with(&pairs);
    let resolver = resolver(&world, Bounds { entries_max: 3, ..Bounds::default() });
    for (number, name) in names.iter().enumerate() {
        world.0.seconds.store(number as u64, Ordering::SeqCst);
        resolver.resolve(&reference(&format!("env://{name}"))).unwrap();
    }
    // The last three are there, the others are fetched anew.
    let asked = || world.0.asked.load(Ordering::SeqCst);
    for name in ["V17", "V18", "V19"] {
        resolver.resolve(&reference(&format!("env://{name}"))).unwrap();
    }
    assert_eq!(asked(), 20);
    resolver.resolve(&reference("env://V16")).unwrap();
    assert_eq!(asked(), 21);
}

#[test]
fn all_who_ask_at_once_share_one_fetch() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1", |_| {
        std::thread::sleep(Duration::from_millis(300));
        Reply::Json(200, r#"{"name":"A","value":{"computed":"one"}}"#.to_owned())
    });
    let doppler = Some(Doppler { server: server.url().parse().unwrap(), token: token("env://TOKEN") });
    let sources = Sources { doppler, roots: vec![authority.root.clone()], ..Sources::default() };
    let world = TestWorld::with(&[("TOKEN", "t")]);
    let resolver = Arc::new(Resolver::new(Box::new(world), sources, Bounds::default()));
    let barrier = Arc::new(Barrier::new(16));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (resolver, barrier) = (Arc::clone(&resolver), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                resolver.resolve(&reference("doppler://web/prd/A")).unwrap().expose().to_owned()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "one");
    }
    assert_eq!(server.paths().len(), 1);
}

#[test]
fn waiting_and_fetching_are_bounded() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1", |_| Reply::Silence);
    let doppler = Some(Doppler { server: server.url().parse().unwrap(), token: token("env://TOKEN") });
    let sources = Sources { doppler, roots: vec![authority.root.clone()], ..Sources::default() };
    let bounds = Bounds {
        timeout: Duration::from_secs(6),
        wait: Duration::from_millis(100),
        fetches_max: 1,
        ..Bounds::default()
    };
    let world = TestWorld::with(&[("TOKEN", "t")]);
    let resolver = Arc::new(Resolver::new(Box::new(world), sources, bounds));
    let first = Arc::clone(&resolver);
    let first = std::thread::spawn(move || first.resolve(&reference("doppler://web/prd/A")).unwrap_err().fault);
    while server.paths().is_empty() {
        std::thread::yield_now();
    }
    let fault = |text| resolver.resolve(&reference(text)).unwrap_err().fault;
    assert_eq!(fault("doppler://web/prd/A"), Fault::Waiting);
    assert_eq!(fault("doppler://web/prd/B"), Fault::Busy);
    // What is forgotten while it is fetched is not waited for.
    resolver.forget();
    assert_eq!(fault("doppler://web/prd/A"), Fault::Busy);
    assert_eq!(first.join().unwrap(), Fault::Web(vault::WebFault::Timeout));
}
