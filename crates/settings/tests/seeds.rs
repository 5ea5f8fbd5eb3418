//! The seeds of the fuzz targets `rules` and `settings`, replayed: any text is read, and what is read compiles.

use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Policy};

/// A file of a folder that nobody trusts takes no deny away, adds no allow, and refuses where it cannot be read.
#[test]
fn seeds_only_tighten() {
    let home = AbsPath::parse("/home/u").unwrap();
    let origin = Origin { scope: Scope::User, file: "base.json".to_owned(), line: 1 };
    let mut base = Layer::empty(Scope::User, "base.json", home.clone());
    base.deny.push(Sourced { value: "Bash(rm *)".to_owned(), origin });
    let mut count = 0;
    for target in ["rules", "settings"] {
        let directory = format!("{}/../../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(directory).unwrap() {
            #[expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for start in [0, 1] {
                let text = text.get(start..).unwrap();
                let (layer, said) = settings::layer_from_json_text("their.json", text, home.clone(), Scope::Project);
                assert_eq!(layer.failure.is_some(), said.iter().any(|line| line.severity == policy::Severity::Error));
                let policy = Policy::compile(&[base.clone(), layer], &home).0;
                let rules: Vec<String> = policy.rules().iter().map(|rule| rule.reference().text.clone()).collect();
                assert!(rules.contains(&"Bash(rm *)".to_owned()), "{rules:?}");
                let allows = policy.rules().iter().any(|rule| rule.reference().list == policy::rule::List::Allow);
                assert!(!allows, "{text}");
                count += 1;
            }
        }
    }
    assert!(count >= 12, "the seeds are gone");
}
