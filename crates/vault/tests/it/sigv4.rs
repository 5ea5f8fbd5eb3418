//! Signatures against those that AWS publishes for its own clients, and one that its client for Python makes.

use vault::Secret;
use vault::sigv4::{Scope, Unsigned, sign};

const HOST: (&str, &str) = ("host", "example.amazonaws.com");
const FORM: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";

#[test]
fn published_signatures_are_made() {
    let key = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap();
    let scope = Scope { region: "us-east-1", service: "service", unix_seconds: 1_440_938_160 };
    let plain = Unsigned { method: "GET", path: "/", query: &[], fields: &[HOST], body: b"" };
    let post = Unsigned { method: "POST", ..plain.clone() };
    let cases = [
        ("get-vanilla", plain.clone(), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("post-vanilla", post.clone(), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "get-vanilla-query-order-key-case",
            Unsigned { query: &[("Param2", "value2"), ("Param1", "value1")], ..plain.clone() },
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-header-value-trim",
            Unsigned { fields: &[HOST, ("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")], ..plain.clone() },
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "post-header-key-sort",
            Unsigned { fields: &[HOST, ("My-Header1", "value1")], ..post.clone() },
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "get-utf8",
            Unsigned { path: "/\u{1234}", ..plain.clone() },
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "get-space-normalized",
            Unsigned { path: "/example space/", ..plain.clone() },
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "post-x-www-form-urlencoded",
            Unsigned {
                fields: &[
                    HOST,
                    ("Content-Type", "application/x-www-form-urlencoded"),
                    ("Content-Length", "13"),
                    ("X-Amz-Content-Sha256", FORM),
                ],
                body: b"Param1=value1",
                ..post.clone()
            },
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
    ];
    for (name, request, expected) in cases {
        let signature = sign(&request, scope, "AKIDEXAMPLE", &key);
        assert_eq!(signature.date, "20150830T123600Z");
        let (_, made) = signature.authorization.split_once("Signature=").unwrap();
        assert_eq!(made, expected, "{name}");
    }
}

#[test]
fn the_signature_of_another_client_is_made() {
    let key = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap();
    let scope = Scope { region: "eu-west-1", service: "secretsmanager", unix_seconds: 1_440_938_160 };
    let fields = [
        ("host", "secretsmanager.eu-west-1.amazonaws.com"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "secretsmanager.GetSecretValue"),
        ("x-amz-security-token", "s3ssion"),
    ];
    let body = br#"{"SecretId":"prod/db"}"#;
    let request = Unsigned { method: "POST", path: "/", query: &[], fields: &fields, body };
    let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/secretsmanager/aws4_request, \
                    SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
                    Signature=e6b0bc6f78aec0347a9062219869cf378122d805ccd495ca1cad9c3ad20c9593";
    assert_eq!(sign(&request, scope, "AKIDEXAMPLE", &key).authorization, expected);
}

#[test]
fn days_are_counted_as_calendars_do() {
    let key = Secret::new("k").unwrap();
    let request = Unsigned { method: "GET", path: "/", query: &[], fields: &[], body: b"" };
    for (unix_seconds, date) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"),
        (4_107_542_400, "21000301T000000Z"),
        (1_709_164_800, "20240229T000000Z"),
        (1_735_689_599, "20241231T235959Z"),
    ] {
        assert_eq!(sign(&request, Scope { region: "r", service: "s", unix_seconds }, "k", &key).date, date);
    }
}
