//! Who says where secrets come from, where git goes with them, and what hosts are asked.

use policy::layer::{
    GitHost, Layer, Mask, MaskedFile, Origin, RequestAction, Requests, Scope, SourceKeys, Sourced, TokenPlace, Variable,
};
use policy::{AbsPath, Policy};

fn layer(scope: Scope) -> Layer {
    let mut layer = Layer::empty(scope, "settings.json", AbsPath::root());
    layer.trusted = true;
    let origin = Origin { scope, file: "settings.json".to_owned(), line: 1 };
    let sourced = |host: &str, token| {
        let value = GitHost { host: host.to_owned(), username: None, token, push: Vec::new() };
        Sourced { value, origin: origin.clone() }
    };
    let mask = |name: &str, source: &str| {
        let mask = Mask { source: Some(source.to_owned()), hosts: Some(Vec::new()), ..Mask::default() };
        let value = Variable { name: name.to_owned(), mask: Some(mask) };
        Sourced { value, origin: origin.clone() }
    };
    let requests = |action| {
        let value = Requests { action, host: "a.example".to_owned(), methods: Vec::new(), paths: Vec::new() };
        Sourced { value, origin: origin.clone() }
    };
    let credentials = &mut layer.sandbox.credentials;
    credentials.git.push(sourced("a.example", TokenPlace::Variable("A".to_owned())));
    credentials.git.push(sourced("b.example", TokenPlace::Variable("MASKED".to_owned())));
    credentials.git.push(sourced("c.example", TokenPlace::Source("env://C".to_owned())));
    credentials.variables.push(mask("MASKED", "env://D"));
    credentials.variables.push(mask("SELF", "env://SELF"));
    let keys = vec![("token".to_owned(), "env://E".to_owned())];
    let value = SourceKeys { name: "vault".to_owned(), keys };
    credentials.sources.push(Sourced { value, origin: origin.clone() });
    layer.sandbox.network.requests = vec![requests(RequestAction::Allow), requests(RequestAction::Deny)];
    layer
}

fn told(scope: Scope) -> String {
    let (policy, diagnostics) = Policy::compile(&[layer(scope)], &AbsPath::root());
    let credentials = policy.credentials();
    let denied: Vec<&str> = credentials.denied.iter().map(|one| one.value.as_str()).collect();
    let masked: Vec<&str> = credentials.masked.iter().map(|one| one.value.name.as_str()).collect();
    let requests: Vec<RequestAction> = credentials.requests.iter().map(|one| one.value.action).collect();
    let (git, sources) = (credentials.git.len(), credentials.sources.len());
    let messages: String = diagnostics.iter().map(|one| format!("{}\n", one.message)).collect();
    format!("denied {denied:?} masked {masked:?} git {git} sources {sources} requests {requests:?}\n{messages}")
}

/// What secrets are read from is seen by no command, unless it is masked itself.
#[test]
fn a_person_says_where_secrets_are() {
    for scope in [Scope::User, Scope::Flag, Scope::Managed] {
        let expected = "denied [\"D\", \"C\", \"E\", \"A\"] masked [\"MASKED\", \"SELF\"] git 3 sources 1 requests [Allow, Deny]\n";
        assert_eq!(told(scope), expected);
    }
}

/// A trusted folder denies, and sends no secret anywhere.
#[test]
fn a_repository_does_not() {
    for scope in [Scope::Project, Scope::Local] {
        let expected = "denied [\"MASKED\", \"SELF\"] masked [] git 0 sources 0 requests [Deny]\n\
            `MASKED` is denied and not masked: the file is a repository's\n\
            `SELF` is denied and not masked: the file is a repository's\n\
            `sandbox.credentials.git` does not count in the files of a folder\n\
            `sandbox.credentials.sources` does not count in the files of a folder\n\
            `sandbox.network.requests` does not count in the files of a folder\n";
        assert_eq!(told(scope), expected);
    }
}

/// Entries that stand on one line are told apart: what hides another file is not the masked one's own.
#[test]
fn a_masked_file_is_an_entry_of_its_own() {
    let mut layer = Layer::empty(Scope::User, "settings.json", AbsPath::root());
    let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 1 };
    let named = |path: &str| Sourced { value: path.to_owned(), origin: origin.clone() };
    layer.sandbox.deny_read = vec![named("/a")];
    layer.sandbox.credential_files = vec![named("/a"), named("/b"), named("//a")];
    let value = MaskedFile { path: "/a".to_owned(), mask: Mask::default() };
    layer.sandbox.credentials.files = vec![Sourced { value, origin: origin.clone() }];
    let (policy, _) = Policy::compile(&[layer], &AbsPath::root());
    let masked = &policy.credentials().files[0];
    let held: Vec<(&str, bool)> =
        policy.sandbox().deny_read.iter().map(|held| (held.why.as_str(), held.is_of(masked))).collect();
    let expected = [
        ("sandbox.filesystem.denyRead: /a", false),
        ("sandbox.credentials.files: /a", true),
        ("sandbox.credentials.files: /b", false),
        ("sandbox.credentials.files: //a", false),
    ];
    assert_eq!(held, expected);
}
