//! Certificates of the test: just enough of X.509, in DER.

use std::net::IpAddr;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

const SEQUENCE: u8 = 0x30;
const ECDSA_SHA_256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1d, 0x13];
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

/// A key, and the form in which others read it.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pub(crate) private: Vec<u8>,
}

impl Key {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let private = document.as_ref().to_vec();
        Self { pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private, &random).unwrap(), private }
    }
}

/// Returns the certificate of someone who signs, signed by itself.
pub(crate) fn root(key: &Key) -> Vec<u8> {
    let is_authority = value(SEQUENCE, &[value(1, &[vec![0xff]])]);
    let extension = [value(6, &[BASIC_CONSTRAINTS.into()]), value(1, &[vec![0xff]]), value(4, &[is_authority])];
    certificate(key, "root", key, &value(SEQUENCE, &extension))
}

/// Returns a server's certificate for a name or an address.
pub(crate) fn leaf(key: &Key, name: &str, authority: &Key) -> Vec<u8> {
    let name = match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => value(0x87, &[address.octets().into()]),
        Ok(IpAddr::V6(address)) => value(0x87, &[address.octets().into()]),
        Err(_) => value(0x82, &[name.into()]),
    };
    let extension = [value(6, &[ALTERNATIVE_NAMES.into()]), value(4, &[value(SEQUENCE, &[name])])];
    certificate(key, "leaf", authority, &value(SEQUENCE, &extension))
}

fn certificate(key: &Key, subject: &str, authority: &Key, extension: &[u8]) -> Vec<u8> {
    let name = |text: &str| {
        let pair = value(SEQUENCE, &[value(6, &[COMMON_NAME.into()]), value(12, &[text.into()])]);
        value(SEQUENCE, &[value(0x31, &[pair])])
    };
    let algorithm = value(SEQUENCE, &[value(6, &[ECDSA_SHA_256.into()])]);
    let date = |text: &str| value(24, &[text.into()]);
    let kind = value(SEQUENCE, &[value(6, &[EC_PUBLIC_KEY.into()]), value(6, &[P256.into()])]);
    let public = value(3, &[vec![0], key.pair.public_key().as_ref().into()]);
    let said = value(
        SEQUENCE,
        &[
            value(0xa0, &[value(2, &[vec![2]])]),
            value(2, &[vec![1]]),
            algorithm.clone(),
            name("root"),
            value(SEQUENCE, &[date("20000101000000Z"), date("99991231235959Z")]),
            name(subject),
            value(SEQUENCE, &[kind, public]),
            value(0xa3, &[value(SEQUENCE, &[extension.into()])]),
        ],
    );
    let signature = authority.pair.sign(&SystemRandom::new(), &said).unwrap();
    value(SEQUENCE, &[said, algorithm, value(3, &[vec![0], signature.as_ref().into()])])
}

/// Returns a value with its kind and its length.
fn value(kind: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    // The shortest form of a length is the only one.
    let mut made = match length {
        0..128 => vec![kind, low],
        128..256 => vec![kind, 0x81, low],
        256.. => vec![kind, 0x82, high, low],
    };
    made.extend(content);
    made
}
