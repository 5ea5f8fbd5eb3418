//! Any bytes in any settings file load, none opens a deny of another file, and a file that breaks off grants no more
//! than the whole.

#![no_main]

#[path = "calls/mod.rs"]
mod calls;

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use policy::{AbsPath, Policy, Verdict};
use settings::{Discovery, Places};

/// The files, below a directory of the run's own.
const FILES: [&str; 5] = [
    "home/.claude/settings.json",
    "home/proj/.claude/settings.json",
    "home/proj/.claude/settings.local.json",
    "managed/managed-settings.json",
    "managed/managed-settings.d/10.json",
];

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = std::env::temp_dir().join(format!("palisade-fuzz-{}", std::process::id()));
    for file in FILES {
        let parent = root.join(file).parent().expect("a directory").to_owned();
        std::fs::create_dir_all(parent).expect("a directory can be made");
    }
    root.canonicalize().expect("it is there")
});

fn intact() -> String {
    serde_json::json!({ "permissions": { "deny": calls::DENY, "allow": ["Bash(git *)"] } }).to_string()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let index = usize::from(*first) % FILES.len();
    // The denies lie in another file than the one that is tried.
    let denying = (index + 1) % FILES.len();
    let mut files = [const { None }; FILES.len()];
    files[denying] = Some(intact().into_bytes());
    files[index] = Some(rest.to_vec());
    let after = verdicts(&files);
    files[index] = None;
    // An administrator's file may set the files of others aside.
    let may_lock = FILES[index].starts_with("managed/") && !FILES[denying].starts_with("managed/");
    for (before, after) in verdicts(&files).into_iter().zip(after) {
        assert!(may_lock || before != Verdict::Deny || after == Verdict::Deny);
    }
    let whole = intact().into_bytes();
    let cut = rest.len() % whole.len();
    files[denying] = Some(whole[..cut].to_vec());
    let broken = verdicts(&files);
    assert!(broken.into_iter().all(|verdict| verdict == Verdict::Deny), "cut at {cut}");
});

fn verdicts(files: &[Option<Vec<u8>>]) -> Vec<Verdict> {
    for (name, bytes) in FILES.iter().zip(files) {
        let file = ROOT.join(name);
        match bytes {
            Some(bytes) => std::fs::write(file, bytes).expect("a file can be written"),
            None => drop(std::fs::remove_file(file)),
        }
    }
    let path = |name: &str| AbsPath::parse(ROOT.join(name).to_str().expect("plain text")).expect("an absolute path");
    let places = Places {
        home: path("home"),
        project: path("home/proj"),
        git_root: None,
        managed_claude: Some(path("managed")),
        managed_palisade: None,
        claude_config_dir: None,
        xdg_config_home: None,
        given: Vec::new(),
        discovery: Discovery::Discovered,
    };
    let loaded = settings::load(&places);
    let policy = Policy::compile(&loaded.layers, &places.home).0;
    calls::actions().iter().map(|action| calls::decide(&policy, action)).collect()
}
