//! A plain test runner: every case in order, as the user that runs it and, when that is root, as an
//! ordinary user too.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use sandbox::Tier;

use crate::template::Holder;
use crate::world::{BUILT, HELD, World};
use crate::{
    broker, claims, doors, fallback, files, hygiene, kernel, limits, lower, lower_broker, mounts, processes, profile,
    programs, races, reads, repositories, sockets, template, terminal,
};

/// A case: its name and what it does.
pub(crate) type Case = (&'static str, fn(&World));

/// The number of the ordinary user.
pub(crate) const NOBODY: u32 = 65534;

/// Runs every case whose name holds one of the words, in each tier that claims it; `--tier=NAME` chooses one, and the
/// word `held` boundaries that stand ready.
pub(crate) fn main(args: &[String]) {
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted: Vec<Tier> = args
        .iter()
        .filter_map(|arg| arg.strip_prefix("--tier="))
        .map(|name| Tier::parse(name).expect("a tier's name"))
        .collect();
    let tiers = if wanted.is_empty() { Tier::ALL.to_vec() } else { wanted };
    if let Some(shelter) = args.iter().find_map(|arg| arg.strip_prefix("--shelter=")) {
        std::process::exit(run_tiers(Path::new(shelter), &words, ("nobody", &tiers)));
    }
    let is_root = rustix::process::geteuid().is_root();
    let shelter = make_shelter(is_root);
    let mut failed = run_tiers(shelter.path(), &words, (if is_root { "root" } else { "user" }, &tiers));
    if is_root {
        failed += run_as_nobody(shelter.path(), args);
    }
    drop(shelter);
    std::process::exit(i32::from(failed != 0));
}

/// Runs the cases tier by tier. A tier that this machine cannot build is left out loudly, the best one never.
fn run_tiers(shelter: &Path, words: &[&String], (user, tiers): (&str, &[Tier])) -> i32 {
    claims::check_names(&families().map(|(name, _)| *name).collect::<Vec<_>>());
    let machine = sandbox::probe(&shelter.join("probe")).unwrap();
    let mut failed = 0;
    for tier in tiers {
        if *tier != Tier::Full && !machine.has(*tier) {
            println!("\ntier {} as {user}: NOT TESTED, since this machine cannot build it:\n{machine}", tier.name());
            continue;
        }
        if !words.iter().any(|word| *word == "held") {
            failed += run_all(shelter, words, (user, *tier, false));
            claims::print_not_covered(*tier);
        }
        if *tier == Tier::Full {
            failed += run_held(shelter, words, user);
        }
    }
    failed
}

/// Makes a directory that is not in a private place, with the probe in it.
fn make_shelter(is_root: bool) -> tempfile::TempDir {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let root_places = ["/srv", "/opt", "/mnt"].map(PathBuf::from);
    let places: Vec<PathBuf> = if is_root { root_places.to_vec() } else { home.into_iter().collect() };
    let place = places.iter().find(|place| place.is_dir()).expect("a place for test directories");
    let shelter = tempfile::Builder::new().prefix(".palisade-test").tempdir_in(place).unwrap();
    std::fs::set_permissions(shelter.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let probe = shelter.path().join("probe");
    let program = std::env::current_exe().unwrap();
    std::fs::copy(program, &probe).map(drop).unwrap();
    shelter
}

fn run_as_nobody(shelter: &Path, args: &[String]) -> i32 {
    let own = shelter.join("nobody");
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(shelter.join("probe"), own.join("probe")).unwrap();
    for path in [own.clone(), own.join("probe")] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = Command::new(own.join("probe"));
    command.arg(format!("--shelter={}", own.display())).args(args).uid(NOBODY).gid(NOBODY);
    command.env("HOME", "/nonexistent").current_dir("/");
    i32::from(!command.status().unwrap().success())
}

/// Runs every case again in boundaries that stand before the command comes.
fn run_held(shelter: &Path, words: &[&String], user: &str) -> i32 {
    let mut holder = Holder::start();
    let before = [&HELD, &BUILT].map(|count| count.load(Ordering::Relaxed));
    let failed = run_all(shelter, words, (user, Tier::Full, true));
    assert!(holder.is_alive(), "the holder ended");
    let after = [&HELD, &BUILT].map(|count| count.load(Ordering::Relaxed));
    let [held, built] = [after[0] - before[0], after[1] - before[1]];
    // Some scenes are of other users or namespaces, or are different each time.
    println!("{held} commands took a boundary that stood ready, for {built} it was built\n");
    assert!(held > built || built == 0, "hardly anything was held");
    failed
}

fn run_all(shelter: &Path, words: &[&String], (user, tier, is_held): (&str, Tier, bool)) -> i32 {
    let way = if is_held { " held" } else { "" };
    let (mut passed, mut failed, mut left_out) = (0, Vec::new(), 0);
    for (name, case) in families() {
        let words: Vec<_> = words.iter().filter(|word| ***word != "held").collect();
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        // Whether lower tiers are found has nothing to do with what is held ready.
        let is_apart = name.starts_with(template::OWN) || name.starts_with("fallback_");
        if !claims::claims(tier, name) || is_held && is_apart {
            left_out += 1;
            continue;
        }
        let world = World::new(shelter, tier, is_held);
        let is_good = std::panic::catch_unwind(AssertUnwindSafe(|| case(&world))).is_ok();
        println!("test {user}::{}{way}::{name} ... {}", tier.name(), if is_good { "ok" } else { "FAILED" });
        if is_good {
            passed += 1;
        } else {
            failed.push(name);
        }
    }
    let (name, count) = (tier.name(), failed.len());
    println!(
        "\ntest result of tier {name}{way} as {user}: {passed} passed, {count} failed {failed:?}, {left_out} not claimed\n"
    );
    i32::from(!failed.is_empty())
}

/// Returns every case.
fn families() -> impl Iterator<Item = &'static Case> {
    [
        broker::CASES,
        kernel::CASES,
        processes::CASES,
        programs::CASES,
        files::CASES,
        races::CASES,
        reads::CASES,
        repositories::CASES,
        mounts::CASES,
        sockets::CASES,
        hygiene::CASES,
        terminal::CASES,
        profile::CASES,
        limits::CASES,
        doors::CASES,
        lower::CASES,
        lower_broker::CASES,
        fallback::CASES,
        template::CASES,
    ]
    .into_iter()
    .flatten()
}
