//! AWS Secrets Manager as the package `moto` has it, which checks signatures by AWS' own client for Python.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use vault::sources::Aws;
use vault::{AnswerFault, Bounds, Fault, Resolver, Sources, WebFault};

use crate::keychain::Running;
use crate::sources::{reference, token};
use crate::world::TestWorld;

/// A server, a user who may read secrets, and two of them. Signatures are checked after what is made here.
const SERVER: &str = r#"
import json, os, sys
os.environ['INITIAL_NO_AUTH_ACTION_COUNT'] = '5'
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
where = dict(region_name='eu-west-1', endpoint_url=f'http://127.0.0.1:{port}',
             aws_access_key_id='a', aws_secret_access_key='b')
iam = boto3.client('iam', **where)
iam.create_user(UserName='u')
allowed = {'Effect': 'Allow', 'Action': 'secretsmanager:GetSecretValue', 'Resource': '*'}
iam.put_user_policy(UserName='u', PolicyName='p',
                    PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [allowed]}))
key = iam.create_access_key(UserName='u')['AccessKey']
secrets = boto3.client('secretsmanager', **where)
secrets.create_secret(Name='prod/db', SecretString='{"password":"pw"}')
secrets.create_secret(Name='binary', SecretBinary=b'\0\1')
print('ready', port, key['AccessKeyId'], key['SecretAccessKey'], flush=True)
sys.stdin.read()
"#;

#[test]
fn another_server_agrees_with_requests_and_signatures() {
    let mut has = Command::new("python3");
    has.args(["-c", "import boto3, moto.server"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !has.status().is_ok_and(|status| status.success()) {
        eprintln!(
            "\nSKIPPED another_server_agrees_with_requests_and_signatures: there is no python3 with moto and boto3"
        );
        return;
    }
    let mut python = Command::new("python3");
    python.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(python.spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).find(|line| line.starts_with("ready ")).unwrap();
    let words: Vec<&str> = ready.split(' ').collect();
    let ask = |secret: &str, text| {
        let aws = Aws {
            key: token("env://KEY"),
            secret: token("env://SECRET"),
            session: None,
            server: Some(format!("http://127.0.0.1:{}", words[1]).parse().unwrap()),
        };
        let world = TestWorld::with(&[("KEY", words[2]), ("SECRET", secret)]);
        let resolver =
            Resolver::new(Box::new(world), Sources { aws: Some(aws), ..Sources::default() }, Bounds::default());
        resolver.resolve(&reference(text)).map(|secret| secret.expose().to_owned()).map_err(|error| error.fault)
    };
    assert_eq!(ask(words[3], "aws-sm://eu-west-1/prod/db#password"), Ok("pw".to_owned()));
    assert_eq!(ask(words[3], "aws-sm://eu-west-1/prod/db"), Ok(r#"{"password":"pw"}"#.to_owned()));
    assert_eq!(ask(words[3], "aws-sm://eu-west-1/binary"), Err(Fault::Answer(AnswerFault::NotText)));
    assert_eq!(ask("wrong", "aws-sm://eu-west-1/prod/db"), Err(Fault::Web(WebFault::Refused(403))));
}
