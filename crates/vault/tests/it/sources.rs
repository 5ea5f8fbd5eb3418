//! Each source against a fake of its documented interface: what it is asked, and what its answers mean.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use vault::sources::{
    Aws, Doppler, HashiCorp, HashiCorpLogin, Infisical, InfisicalLogin, InfisicalVersion, KvVersion, OnePassword, Token,
};
use vault::{AnswerFault, Bounds, Fault, ProcessFault, Reference, Resolver, Sources, WebFault};

use crate::server::{Authority, Received, Reply, Server};
use crate::world::TestWorld;

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

pub(crate) fn token(text: &str) -> Token {
    reference(text).try_into().unwrap()
}

/// Returns what a reference leads to: the secret, or why not.
fn ask(sources: Sources, text: &str) -> Result<String, Fault> {
    let world =
        TestWorld::with(&[("TOKEN", "t0k3n"), ("KEY", "AKIDEXAMPLE"), ("SECRET", "s3cret"), ("SESSION", "s3ssion")]);
    let resolver = Resolver::new(Box::new(world), sources, Bounds::default());
    resolver.resolve(&reference(text)).map(|secret| secret.expose().to_owned()).map_err(|error| error.fault)
}

fn json(text: &str) -> Reply {
    Reply::Json(200, text.to_owned())
}

fn absent() -> Reply {
    Reply::Json(404, r#"{"errors":[]}"#.to_owned())
}

fn refused() -> Reply {
    Reply::Json(403, r#"{"errors":["permission denied"]}"#.to_owned())
}

// Vault ---------------------------------------------------------------------------------------------------------

fn vault_server(authority: &Authority) -> Server {
    authority.serve("127.0.0.1", |request: &Received| {
        assert_eq!(request.field("x-vault-request"), "true");
        if request.path == "/v1/auth/approle/login" {
            assert_eq!(request.body, br#"{"role_id":"r0le","secret_id":"s3cret"}"#);
            return json(r#"{"auth":{"client_token":"t0k3n","lease_duration":3600,"policies":["a"]}}"#);
        }
        if request.field("x-vault-token") != "t0k3n" {
            return refused();
        }
        let is_inner = request.field("x-vault-namespace") == "team";
        match (request.path.as_str(), is_inner) {
            ("/v1/sys/internal/ui/mounts/secret", _) => {
                json(r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"},"description":""}}"#)
            }
            ("/v1/sys/internal/ui/mounts/old", _) => json(r#"{"data":{"path":"old/","type":"kv","options":null}}"#),
            ("/v1/sys/internal/ui/mounts/team/kv", _) => {
                json(r#"{"data":{"path":"team/kv/","type":"kv","options":{"version":"2"}}}"#)
            }
            ("/v1/sys/internal/ui/mounts/team", _) => {
                json(r#"{"data":{"path":"team/kv/","type":"kv","options":{"version":"2"}}}"#)
            }
            ("/v1/sys/internal/ui/mounts/pki", _) => json(r#"{"data":{"path":"pki/","type":"pki","options":null}}"#),
            ("/v1/secret/data/app", false) => json(
                r#"{"request_id":"x","data":{"data":{"password":"v2","port":5432,"é/x":"odd"},"metadata":{"version":3}}}"#,
            ),
            ("/v1/secret/data/app", true) => json(r#"{"data":{"data":{"password":"inner"},"metadata":{}}}"#),
            ("/v1/secret/data/a%20b/c", _) => json(r#"{"data":{"data":{"password":"spaced"},"metadata":{}}}"#),
            ("/v1/secret/data/gone", _) => {
                Reply::Json(404, r#"{"data":{"data":null,"metadata":{"deletion_time":"2024"}}}"#.to_owned())
            }
            ("/v1/old/app", _) => json(r#"{"data":{"password":"v1"},"lease_duration":2764800}"#),
            ("/v1/team/kv/data/app", _) => json(r#"{"data":{"data":{"password":"nested"},"metadata":{}}}"#),
            _ => absent(),
        }
    })
}

fn hashicorp(authority: &Authority, server: &Server) -> (Sources, HashiCorp) {
    let source = HashiCorp {
        server: server.url().parse().unwrap(),
        login: HashiCorpLogin::Token(token("env://TOKEN")),
        namespace: None,
        versions: BTreeMap::new(),
    };
    (Sources { roots: vec![authority.root.clone()], ..Sources::default() }, source)
}

#[test]
fn vault_gives_fields_of_both_versions() {
    let authority = Authority::new();
    let server = vault_server(&authority);
    let (sources, source) = hashicorp(&authority, &server);
    let ask_as = |source: &HashiCorp, text| ask(Sources { hashicorp: Some(source.clone()), ..sources.clone() }, text);
    let plain = |text| ask_as(&source, text);
    assert_eq!(plain("vault://secret/app#password"), Ok("v2".to_owned()));
    assert_eq!(plain("vault://secret/app#%C3%A9/x"), Ok("odd".to_owned()));
    assert_eq!(plain("vault://secret/a%20b/c#password"), Ok("spaced".to_owned()));
    assert_eq!(plain("vault://old/app#password"), Ok("v1".to_owned()));
    assert_eq!(plain("vault://team%2Fkv/app#password"), Ok("nested".to_owned()));
    assert_eq!(plain("vault://secret/app#user"), Err(Fault::Answer(AnswerFault::Absent)));
    assert_eq!(plain("vault://secret/app#port"), Err(Fault::Answer(AnswerFault::NotText)));
    assert_eq!(plain("vault://secret/gone#password"), Err(Fault::Web(WebFault::Absent)));
    assert_eq!(plain("vault://team/kv/app#password"), Err(Fault::Mount));
    assert_eq!(plain("vault://pki/app#password"), Err(Fault::Mount));

    let versions = [("secret".to_owned(), KvVersion::Two)].into();
    let told = HashiCorp { versions, namespace: Some("team".to_owned()), ..source.clone() };
    server.received.lock().unwrap().clear();
    assert_eq!(ask_as(&told, "vault://secret/app#password"), Ok("inner".to_owned()));
    assert_eq!(server.paths(), ["GET /v1/secret/data/app"]);

    let login = |secret| HashiCorpLogin::AppRole {
        mount: "approle".to_owned(),
        role: "r0le".to_owned(),
        secret: token(secret),
    };
    let by_role = HashiCorp { login: login("env://SECRET"), ..source.clone() };
    assert_eq!(ask_as(&by_role, "vault://old/app#password"), Ok("v1".to_owned()));

    let wrong = HashiCorp { login: HashiCorpLogin::Token(token("env://SECRET")), ..source.clone() };
    assert_eq!(ask_as(&wrong, "vault://old/app#password"), Err(Fault::Web(WebFault::Refused(403))));
    let nobody = HashiCorp { login: login("env://NOT_THERE"), ..source.clone() };
    let fault = ask_as(&nobody, "vault://old/app#password").unwrap_err();
    assert_eq!(fault, Fault::Token { token: reference("env://NOT_THERE"), fault: Box::new(Fault::NoVariable) });
}

// 1Password -----------------------------------------------------------------------------------------------------

const VAULT: &str = "ftz4pm2xxwmwrsd7rjqn7grzfz";
const ITEM: &str = "2fcbqwe9ndg175zg2dzwftvkpa";

fn connect_server(authority: &Authority) -> Server {
    authority.serve("127.0.0.1", |request: &Received| {
        if request.field("authorization") != "Bearer t0k3n" {
            return Reply::Json(401, r#"{"status":401,"message":"Invalid token signature"}"#.to_owned());
        }
        let items = format!("/v1/vaults/{VAULT}/items");
        let named = |id: &str, name: &str, label| json(&format!(r#"[{{"id":"{id}","{label}":"{name}","extra":1}}]"#));
        match request.path.as_str() {
            "/v1/vaults?filter=name%20eq%20%22Private%22" => named(VAULT, "Private", "name"),
            "/v1/vaults?filter=name%20eq%20%22twice%22" => json(
                r#"[{"id":"ftz4pm2xxwmwrsd7rjqn7grzfz","name":"twice"},{"id":"ftz4pm2xxwmwrsd7rjqn7grzfa","name":"Twice"}]"#,
            ),
            "/v1/vaults?filter=name%20eq%20%22odd%22" => json(r#"[{"id":"../../x","name":"odd"}]"#),
            path if path == format!("{items}?filter=title%20eq%20%22My%20Login%22") => named(ITEM, "My Login", "title"),
            path if path == format!("{items}/{ITEM}") => json(
                r#"{"id":"2fcbqwe9ndg175zg2dzwftvkpa","title":"My Login","category":"LOGIN",
                "sections":[{"id":"sec1","label":"Admin"},{"id":"sec2","label":"Guest"}],
                "fields":[{"id":"password","type":"CONCEALED","label":"password","value":"pw"},
                {"id":"f1","section":{"id":"sec1"},"type":"STRING","label":"email","value":"admin@x"},
                {"id":"f2","section":{"id":"sec2"},"type":"STRING","label":"email","value":"guest@x"},
                {"id":"f3","type":"STRING","label":"nothing"}]}"#,
            ),
            path if path.contains("?filter=") => json("[]"),
            _ => absent(),
        }
    })
}

#[test]
fn connect_gives_the_one_field_that_is_named() {
    let authority = Authority::new();
    let server = connect_server(&authority);
    let ask_as = |secret, text: &str| {
        let one_password = Some(OnePassword::Connect { server: server.url().parse().unwrap(), token: token(secret) });
        ask(Sources { one_password, roots: vec![authority.root.clone()], ..Sources::default() }, text)
    };
    let plain = |text: &str| ask_as("env://TOKEN", text);
    assert_eq!(plain("op://Private/My Login/password"), Ok("pw".to_owned()));
    assert_eq!(plain("op://Private/My Login/PASSWORD"), Ok("pw".to_owned()));
    assert_eq!(plain(&format!("op://{VAULT}/{ITEM}/password")), Ok("pw".to_owned()));
    assert_eq!(plain("op://Private/My Login/Admin/email"), Ok("admin@x".to_owned()));
    assert_eq!(plain("op://Private/My Login/sec2/email"), Ok("guest@x".to_owned()));
    assert_eq!(plain("op://Private/My Login/f2"), Ok("guest@x".to_owned()));
    assert_eq!(plain("op://Private/My Login/email"), Err(Fault::Several("field")));
    assert_eq!(plain("op://Private/My Login/Admin/password"), Err(Fault::Absent("field")));
    assert_eq!(plain("op://Private/My Login/Nobody/email"), Err(Fault::Absent("section")));
    assert_eq!(plain("op://Private/My Login/nothing"), Err(Fault::Answer(AnswerFault::Absent)));
    assert_eq!(plain("op://Private/Other/password"), Err(Fault::Absent("item")));
    assert_eq!(plain("op://Other/My Login/password"), Err(Fault::Absent("vault")));
    assert_eq!(plain("op://twice/My Login/password"), Err(Fault::Several("vault")));
    assert_eq!(plain("op://odd/My Login/password"), Err(Fault::Answer(AnswerFault::Form)));
    let wrong = ask_as("env://SECRET", "op://Private/My Login/password");
    assert_eq!(wrong, Err(Fault::Web(WebFault::Refused(401))));
}

#[test]
fn one_password_is_read_by_its_program() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("op");
    std::fs::write(
        &program,
        "#!/bin/sh\n[ \"$OP_SERVICE_ACCOUNT_TOKEN\" = t0k3n ] || exit 6\n\
         [ \"$1 $2 $3\" = 'read --no-newline --account=mine' ] || exit 7\n\
         case $4 in 'op://Private/My Login/password') printf pw;; op://a/b/s/c) printf 'one\\ntwo\\n';; *) exit 1;; esac\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask_as = |secret, text| {
        let world = TestWorld::with(&[("TOKEN", "t0k3n"), ("OTHER", "x")]);
        *world.0.programs.lock().unwrap() = Some(directory.path().to_owned());
        let account = Some("mine".to_owned());
        let one_password = Some(OnePassword::Program { account, token: Some(token(secret)) });
        let sources = Sources { one_password, ..Sources::default() };
        let resolver = Resolver::new(Box::new(world), sources, Bounds::default());
        resolver.resolve(&reference(text)).map(|secret| secret.expose().to_owned()).map_err(|error| error.fault)
    };
    assert_eq!(ask_as("env://TOKEN", "op://Private/My%20Login/password"), Ok("pw".to_owned()));
    assert_eq!(ask_as("env://TOKEN", "op://a/b/s/c"), Ok("one\ntwo".to_owned()));
    assert_eq!(ask_as("env://TOKEN", "op://a/b/c"), Err(Fault::Failed(Some(1))));
    assert_eq!(ask_as("env://OTHER", "op://a/b/c"), Err(Fault::Failed(Some(6))));
}

// AWS -----------------------------------------------------------------------------------------------------------

fn aws_server(authority: &Authority) -> Server {
    authority.serve("127.0.0.1", |request: &Received| {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
        assert_eq!(request.field("content-type"), "application/x-amz-json-1.1");
        assert_eq!(request.field("x-amz-target"), "secretsmanager.GetSecretValue");
        assert_eq!(request.field("x-amz-date"), "20150830T123600Z");
        let authorization = request.field("authorization");
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/secretsmanager/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date;";
        assert!(authorization.starts_with(scope), "{authorization}");
        // The server knows the key and makes the signature anew from what arrived.
        let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        let names = names.split(';').filter(|name| *name != "x-amz-date");
        let fields: Vec<(&str, &str)> = names.map(|name| (name, request.field(name))).collect();
        let key = vault::Secret::new("s3cret").unwrap();
        let unsigned =
            vault::sigv4::Unsigned { method: "POST", path: "/", query: &[], fields: &fields, body: &request.body };
        let scope = vault::sigv4::Scope { region: "eu-west-1", service: "secretsmanager", unix_seconds: 1_440_938_160 };
        if authorization != vault::sigv4::sign(&unsigned, scope, "AKIDEXAMPLE", &key).authorization {
            return Reply::Json(400, r#"{"__type":"InvalidSignatureException"}"#.to_owned());
        }
        match request.body.as_slice() {
            br#"{"SecretId":"prod/db"}"# => json(
                r#"{"ARN":"arn:x","Name":"prod/db","SecretString":"{\"username\":\"u\",\"password\":\"pw\",\"port\":1}",
                "VersionId":"v","VersionStages":["AWSCURRENT"],"CreatedDate":1.5E9}"#,
            ),
            br#"{"SecretId":"binary"}"# => json(r#"{"Name":"binary","SecretBinary":"AAEC"}"#),
            br#"{"SecretId":"session"}"# if request.field("x-amz-security-token") == "s3ssion" => {
                json(r#"{"Name":"session","SecretString":"with session"}"#)
            }
            _ => Reply::Json(400, r#"{"__type":"ResourceNotFoundException","Message":"none"}"#.to_owned()),
        }
    })
}

#[test]
fn aws_gives_whole_secrets_and_fields() {
    let authority = Authority::new();
    let server = aws_server(&authority);
    let source = |secret: &str, session| Aws {
        key: token("env://KEY"),
        secret: token(secret),
        session,
        server: Some(server.url().parse().unwrap()),
    };
    let ask_as = |source, text| {
        ask(Sources { aws: Some(source), roots: vec![authority.root.clone()], ..Sources::default() }, text)
    };
    let plain = |text| ask_as(source("env://SECRET", None), text);
    assert_eq!(plain("aws-sm://eu-west-1/prod/db#password"), Ok("pw".to_owned()));
    assert_eq!(plain("aws-sm://eu-west-1/prod/db"), Ok(r#"{"username":"u","password":"pw","port":1}"#.to_owned()));
    assert_eq!(plain("aws-sm://eu-west-1/prod/db#host"), Err(Fault::Answer(AnswerFault::Absent)));
    assert_eq!(plain("aws-sm://eu-west-1/prod/db#port"), Err(Fault::Answer(AnswerFault::NotText)));
    assert_eq!(plain("aws-sm://eu-west-1/binary"), Err(Fault::Answer(AnswerFault::NotText)));
    assert_eq!(plain("aws-sm://eu-west-1/none"), Err(Fault::Web(WebFault::Refused(400))));
    let session = ask_as(source("env://SECRET", Some(token("env://SESSION"))), "aws-sm://eu-west-1/session");
    assert_eq!(session, Ok("with session".to_owned()));
    let wrong = ask_as(source("env://TOKEN", None), "aws-sm://eu-west-1/prod/db");
    assert_eq!(wrong, Err(Fault::Web(WebFault::Refused(400))));
}

// Doppler and Infisical -----------------------------------------------------------------------------------------

#[test]
fn doppler_gives_computed_values() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1", |request: &Received| {
        if request.field("authorization") != "Bearer t0k3n" {
            return Reply::Json(401, r#"{"messages":["Invalid Auth token"],"success":false}"#.to_owned());
        }
        let value = |name, value| json(&format!(r#"{{"name":"{name}","value":{value},"success":true}}"#));
        match request.path.as_str() {
            "/v3/configs/config/secret?project=web&config=prd&name=API_KEY" => {
                value("API_KEY", r#"{"raw":"${A}","computed":"k3y","note":"","rawVisibility":"masked"}"#)
            }
            "/v3/configs/config/secret?project=web&config=prd&name=KEPT" => {
                value("KEPT", r#"{"raw":null,"computed":null,"rawVisibility":"restricted"}"#)
            }
            "/v3/configs/config/secret?project=web&config=prd&name=OTHER" => value("ELSE", r#"{"computed":"x"}"#),
            _ => Reply::Json(404, r#"{"messages":["Could not find requested secret"],"success":false}"#.to_owned()),
        }
    });
    let ask_as = |secret, text| {
        let doppler = Some(Doppler { server: server.url().parse().unwrap(), token: token(secret) });
        ask(Sources { doppler, roots: vec![authority.root.clone()], ..Sources::default() }, text)
    };
    assert_eq!(ask_as("env://TOKEN", "doppler://web/prd/API_KEY"), Ok("k3y".to_owned()));
    assert_eq!(ask_as("env://TOKEN", "doppler://web/prd/KEPT"), Err(Fault::Answer(AnswerFault::Hidden)));
    assert_eq!(ask_as("env://TOKEN", "doppler://web/prd/OTHER"), Err(Fault::Answer(AnswerFault::Form)));
    assert_eq!(ask_as("env://TOKEN", "doppler://web/prd/NONE"), Err(Fault::Web(WebFault::Absent)));
    assert_eq!(ask_as("env://SECRET", "doppler://web/prd/API_KEY"), Err(Fault::Web(WebFault::Refused(401))));
}

#[test]
fn infisical_gives_values_that_may_be_read() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1", |request: &Received| {
        if request.path == "/api/v1/auth/universal-auth/login" {
            assert_eq!(request.field("content-type"), "application/json");
            assert_eq!(request.body, br#"{"clientId":"cl13nt","clientSecret":"s3cret"}"#);
            return json(r#"{"accessToken":"t0k3n","expiresIn":7200,"tokenType":"Bearer"}"#);
        }
        if request.field("authorization") != "Bearer t0k3n" {
            return Reply::Json(401, r#"{"statusCode":401,"message":"Token missing"}"#.to_owned());
        }
        let secret = |name, value, is_hidden| {
            json(&format!(
                r#"{{"secret":{{"id":"x","secretKey":"{name}","secretValue":"{value}","secretValueHidden":{is_hidden},"type":"shared","version":1}}}}"#
            ))
        };
        let rest = "environment=prod&secretPath=%2Fweb%2Fdb&type=shared&expandSecretReferences=true";
        let root = "environment=prod&secretPath=%2F&type=shared&expandSecretReferences=true";
        match request.path.as_str() {
            path if path
                == format!("/api/v4/secrets/KEY?projectId=p1&{rest}&includeImports=false&viewSecretValue=true") =>
            {
                secret("KEY", "four", false)
            }
            path if path
                == format!("/api/v4/secrets/KEPT?projectId=p1&{root}&includeImports=false&viewSecretValue=true") =>
            {
                secret("KEPT", "<hidden-by-infisical>", true)
            }
            path if path == format!("/api/v3/secrets/raw/KEY?workspaceId=p1&{rest}&include_imports=false") => {
                json(r#"{"secret":{"secretKey":"KEY","secretValue":"three"}}"#)
            }
            _ => absent(),
        }
    });
    let ask_as = |version, login, text| {
        let infisical = Some(Infisical { server: server.url().parse().unwrap(), version, login });
        ask(Sources { infisical, roots: vec![authority.root.clone()], ..Sources::default() }, text)
    };
    let by_token = || InfisicalLogin::Token(token("env://TOKEN"));
    let machine = InfisicalLogin::Universal { client: "cl13nt".to_owned(), secret: token("env://SECRET") };
    let (three, four) = (InfisicalVersion::Three, InfisicalVersion::Four);
    assert_eq!(ask_as(four, by_token(), "infisical://p1/prod/web/db/KEY"), Ok("four".to_owned()));
    assert_eq!(ask_as(four, machine, "infisical://p1/prod/web/db/KEY"), Ok("four".to_owned()));
    assert_eq!(ask_as(three, by_token(), "infisical://p1/prod/web/db/KEY"), Ok("three".to_owned()));
    assert_eq!(ask_as(four, by_token(), "infisical://p1/prod/KEPT"), Err(Fault::Answer(AnswerFault::Hidden)));
    assert_eq!(ask_as(four, by_token(), "infisical://p1/prod/KEY"), Err(Fault::Web(WebFault::Absent)));
    let wrong = InfisicalLogin::Token(token("env://SECRET"));
    assert_eq!(ask_as(four, wrong, "infisical://p1/prod/KEPT"), Err(Fault::Web(WebFault::Refused(401))));
}

// What needs no server ------------------------------------------------------------------------------------------

#[test]
fn variables_and_programs_are_the_owners() {
    let plain = |text| ask(Sources::default(), text);
    assert_eq!(plain("env://TOKEN"), Ok("t0k3n".to_owned()));
    assert_eq!(plain("env://NOT_THERE"), Err(Fault::NoVariable));
    assert_eq!(plain("cmd:///bin/echo a%20b c"), Ok("a b c".to_owned()));
    assert_eq!(plain("cmd:///bin/echo %24HOME"), Ok("$HOME".to_owned()));
    assert_eq!(plain("cmd://false"), Err(Fault::Failed(Some(1))));
    assert_eq!(plain("cmd:///no/such/program"), Err(Fault::Process(ProcessFault::Absent)));
    assert_eq!(plain("cmd://true"), Err(Fault::Value(vault::SecretFault::Empty)));
    assert_eq!(plain("cmd://head -c 100 /dev/zero"), Err(Fault::Value(vault::SecretFault::NotText)));
    assert_eq!(plain("cmd://cat /dev/zero"), Err(Fault::Process(ProcessFault::Long)));
}

#[test]
fn a_program_that_hangs_is_ended() {
    let bounds = Bounds { timeout: Duration::from_millis(200), ..Bounds::default() };
    let resolver = Resolver::new(Box::new(TestWorld::default()), Sources::default(), bounds);
    let error = resolver.resolve(&reference("cmd://sleep 60")).unwrap_err();
    assert_eq!(error.fault, Fault::Process(ProcessFault::Timeout));
}

#[test]
fn files_are_regular_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    std::fs::write(place("long"), vec![b'a'; vault::limits::FILE_BYTES_MAX + 1]).unwrap();
    std::fs::write(place("odd"), b"\xff\n").unwrap();
    let read = |name: &str| ask(Sources::default(), &format!("file://{}", place(name).display()));
    assert_eq!(read("pipe"), Err(Fault::File(vault::FileFault::NotRegular)));
    assert_eq!(read("long"), Err(Fault::File(vault::FileFault::Long)));
    assert_eq!(read("odd"), Err(Fault::File(vault::FileFault::NotText)));
    assert_eq!(read("none"), Err(Fault::File(vault::FileFault::Absent)));
    assert_eq!(ask(Sources::default(), "file:///dev/zero"), Err(Fault::File(vault::FileFault::NotRegular)));
    assert_eq!(ask(Sources::default(), "file:///etc"), Err(Fault::File(vault::FileFault::NotRegular)));
}

#[test]
fn what_is_not_configured_is_not_asked() {
    for text in [
        "op://a/b/c",
        "vault://a/b#c",
        "aws-sm://eu-west-1/a",
        "doppler://a/b/C",
        "infisical://a/b/C",
        "keychain://a/b",
    ] {
        let source = reference(text).source();
        assert_eq!(ask(Sources::default(), text), Err(Fault::Unconfigured(source)));
    }
}

#[test]
fn a_token_is_had_without_another() {
    for text in ["op://a/b/c", "vault://a/b#c", "aws-sm://eu-west-1/a", "doppler://a/b/C", "infisical://a/b/C"] {
        let fault = Token::try_from(reference(text)).unwrap_err();
        assert!(fault.to_string().starts_with("the token of a source is itself in "), "{fault}");
    }
}
