//! In doubt the program refuses, and the client keeps to it.

use std::path::Path;

use serde_json::json;

use crate::client::decides::{decisions, hook};
use testclient::model::Call;
use testclient::session::Session;

const ALLOW: &str = r#"{"permissions": {"allow": ["Bash(touch mark)"]}}"#;

/// A settings file that ends too early: whatever was denied in it is not known any more.
pub fn with_broken_settings(claude: &Path) {
    let session = Session::new(claude);
    session.write("home/.claude/settings.json", &ALLOW[..ALLOW.len() - 1]);
    assert!(!touches(&session), "settings that cannot be read were passed over");
    assert_eq!(decisions(&session.journal()), [["touch", "Bash", "deny", "0"]]);
}

/// A file is where the journal's directory would be.
pub fn without_a_journal(claude: &Path) {
    let session = Session::new(claude);
    session.write("home/.claude/settings.json", ALLOW);
    session.write("home/.local", "");
    assert!(!touches(&session), "a call ran that is not in the journal");
}

/// The repository's own rules do not work before the person trusts it.
pub fn without_trust(claude: &Path) {
    let session = Session::new(claude);
    session.trust(false);
    session.write("project/.claude/settings.json", ALLOW);
    assert!(!touches(&session), "a repository allowed itself something");
    session.trust(true);
    assert!(touches(&session), "the rule of a trusted repository does not work");
    assert_eq!(decisions(&session.journal()), [["touch", "Bash", "allow", "1"], ["touch", "Bash", "ask", "0"]]);
}

/// Returns whether `touch mark` happened when the client knows nothing but the hook.
fn touches(session: &Session) -> bool {
    session.write("hook.json", &hook().to_string());
    let file = session.home().join("../hook.json");
    let call = Call { id: "touch".to_owned(), tool: "Bash".to_owned(), input: json!({"command": "touch mark"}) };
    session.run(vec![vec![call]], &["--setting-sources", "", "--settings", &file.to_string_lossy()]);
    session.project().join("mark").exists()
}
