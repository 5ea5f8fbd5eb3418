//! The data that a login with a key signs (RFC 4252, section 7), and no other data.

use super::message::Reader;
use crate::limits::USER_BYTES_MAX;

const USERAUTH_REQUEST: u8 = 50;

/// A login with a key, as its signature says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The session's identifier.
    pub session: &'a [u8],
    /// The user on the server.
    pub user: &'a str,
    /// The algorithm of the signature.
    pub algorithm: &'a str,
    /// The public key.
    pub key: &'a [u8],
    /// The server's public key, where the login names it (`publickey-hostbound-v00@openssh.com`).
    pub host_key: Option<&'a [u8]>,
}

/// Returns the login that the data is, if it is exactly one.
pub fn read(data: &[u8]) -> Option<Login<'_>> {
    let mut reader = Reader(data);
    let session = reader.string()?;
    if reader.byte()? != USERAUTH_REQUEST {
        return None;
    }
    let user = core::str::from_utf8(reader.string()?).ok()?;
    let is_name = !user.is_empty() && user.len() <= USER_BYTES_MAX && !user.contains(char::is_control);
    if !is_name || reader.string()? != b"ssh-connection" {
        return None;
    }
    let is_bound = match reader.string()? {
        b"publickey" => false,
        b"publickey-hostbound-v00@openssh.com" => true,
        _ => return None,
    };
    // False is the question whether the key would do; it is never signed.
    if !reader.truth()? {
        return None;
    }
    let algorithm = core::str::from_utf8(reader.string()?).ok()?;
    let key = reader.string()?;
    let host_key = if is_bound { Some(reader.string()?) } else { None };
    reader.end(Login { session, user, algorithm, key, host_key })
}

/// Returns whether a key of this kind signs by this algorithm when it is asked with these flags.
pub fn is_algorithm(kind: &str, algorithm: &str, flags: u32) -> bool {
    const RSA_SHA_256: u32 = 2;
    const RSA_SHA_512: u32 = 4;
    match (kind, algorithm) {
        // Without a flag an agent signs with SHA-1.
        ("ssh-rsa", "rsa-sha2-256") => flags == RSA_SHA_256,
        ("ssh-rsa", "rsa-sha2-512") => flags == RSA_SHA_512,
        ("ssh-rsa", _) => false,
        ("ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com") => flags == RSA_SHA_256,
        ("ssh-rsa-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com") => flags == RSA_SHA_512,
        ("ssh-rsa-cert-v01@openssh.com", _) => false,
        (kind, algorithm) => flags == 0 && kind == algorithm,
    }
}
