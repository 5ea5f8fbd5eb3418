//! Whether a server signed a session: the proof that it has part in it.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::message::{Bind, Reader};

/// Returns whether the signature in a request to bind is the server's.
///
/// Keys of Ed25519, of the curves P-256 and P-384, and of RSA from 2048 bits on with SHA-2; no others.
pub fn is_proved(bind: &Bind<'_>) -> bool {
    verified(bind).is_some()
}

fn verified(bind: &Bind<'_>) -> Option<()> {
    let mut key = Reader(bind.host_key);
    let kind = key.string()?;
    let mut signature = Reader(bind.signature);
    let (algorithm, bytes) = (signature.string()?, signature.string()?);
    signature.end(())?;
    match (kind, algorithm) {
        (b"ssh-ed25519", b"ssh-ed25519") => {
            let public = key.string()?;
            key.end(())?;
            UnparsedPublicKey::new(&ED25519, public).verify(bind.session, bytes).ok()
        }
        (b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp256") => {
            let public = point(key, b"nistp256")?;
            let bytes = pair(bytes, 32)?;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(bind.session, &bytes).ok()
        }
        (b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp384") => {
            let public = point(key, b"nistp384")?;
            let bytes = pair(bytes, 48)?;
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, public).verify(bind.session, &bytes).ok()
        }
        (b"ssh-rsa", b"rsa-sha2-256" | b"rsa-sha2-512") => {
            let (e, n) = (positive(key.string()?)?, positive(key.string()?)?);
            key.end(())?;
            let how =
                if algorithm == b"rsa-sha2-256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA512 };
            RsaPublicKeyComponents { n, e }.verify(how, bind.session, bytes).ok()
        }
        _ => None,
    }
}

/// Returns the point that a key on a curve is.
fn point<'a>(mut key: Reader<'a>, curve: &[u8]) -> Option<&'a [u8]> {
    let is_curve = key.string()? == curve;
    let point = key.string()?;
    key.end(point).filter(|_| is_curve)
}

/// Returns the two numbers of a signature on a curve, each in so many bytes.
fn pair(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut reader = Reader(bytes);
    let (first, second) = (positive(reader.string()?)?, positive(reader.string()?)?);
    reader.end(())?;
    let mut made = Vec::with_capacity(2 * size);
    for number in [first, second] {
        let zeros = size.checked_sub(number.len())?;
        made.resize(made.len() + zeros, 0);
        made.extend_from_slice(number);
    }
    Some(made)
}

/// Returns a positive number without the zero before it.
fn positive(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Some(rest),
        [first, ..] if *first != 0 && first & 0x80 == 0 => Some(bytes),
        _ => None,
    }
}
