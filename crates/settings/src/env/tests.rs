//! Variables in every state.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use policy::AbsPath;

use super::{Environment, Error, Variable, home_in};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn environment(given: &[(&str, &str)]) -> Result<Environment, Error> {
    Environment::from_pairs(pairs(given), || Err(Error::NoHome { uid: 7 }))
}

#[test]
fn values() {
    let given = [("HOME", "/home/u/"), ("XDG_STATE_HOME", ""), ("CLAUDE_CONFIG_DIR", "/cc"), ("OTHER", "x")];
    let environment = environment(&given).unwrap();
    assert_eq!(environment.home().as_str(), "/home/u");
    assert_eq!(environment.get(Variable::ClaudeConfigDir), Some("/cc"));
    assert_eq!(environment.path(Variable::XdgStateHome), None);
    assert_eq!(environment.state_home().as_str(), "/home/u/.local/state");
    assert!(!environment.is_colourless());
    assert_eq!(environment.all(), pairs(&given));
}

#[test]
fn colour() {
    let is_colourless = |name, value| environment(&[("HOME", "/h"), (name, value)]).unwrap().is_colourless();
    assert!(is_colourless("NO_COLOR", "1"));
    assert!(!is_colourless("NO_COLOR", ""));
    assert!(is_colourless("TERM", "dumb"));
    assert!(!is_colourless("TERM", "xterm"));
}

#[test]
fn mistakes() {
    let relative = environment(&[("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "cc")]);
    assert!(matches!(relative, Err(Error::NotAbsolute { name: "CLAUDE_CONFIG_DIR" })));
    assert!(matches!(environment(&[("HOME", "h")]), Err(Error::NotAbsolute { name: "HOME" })));
    assert!(matches!(environment(&[]), Err(Error::NoHome { uid: 7 })));
    assert!(matches!(environment(&[("HOME", "")]), Err(Error::NoHome { uid: 7 })));
    let mut bytes = pairs(&[("HOME", "/h")]);
    bytes.push(("TERM".into(), OsString::from_vec(vec![0xff])));
    let home = || Err(Error::NoHome { uid: 7 });
    assert!(matches!(Environment::from_pairs(bytes.clone(), home), Err(Error::NotUtf8 { name: "TERM" })));
    // What does not count may be anything.
    bytes[1].0 = "OTHER".into();
    assert!(Environment::from_pairs(bytes, home).is_ok());
}

#[test]
fn user_database() {
    let text =
        "root:x:0:0:root:/root:/bin/sh\n# note\n\nu:x:1000:1000:U,,:/home/u:/bin/bash\nv:x:1001:1001::rel:/bin/sh\n";
    let home = |uid| home_in(text, uid).map(|home| home.to_string());
    assert_eq!(home(0), Some("/root".to_owned()));
    assert_eq!(home(1000), Some("/home/u".to_owned()));
    assert_eq!(home(1001), None);
    assert_eq!(home(1002), None);
    let found = Environment::from_pairs(Vec::new(), || home_in(text, 0).ok_or(Error::NoHome { uid: 0 }));
    assert_eq!(found.unwrap().home(), &AbsPath::parse("/root").unwrap());
}

#[test]
fn every_variable_is_listed_once_and_says_what_it_does() {
    let mut names: Vec<&str> = Variable::ALL.into_iter().map(Variable::name).collect();
    assert!(Variable::ALL.into_iter().all(|variable| variable.doc().ends_with('.')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Variable::ALL.len());
}

#[test]
fn this_process_has_an_environment() {
    assert!(Environment::read().is_ok());
}
