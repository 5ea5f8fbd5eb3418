//! Whom to believe, in the form in which programs of Java read it: a key store of the kind JKS, which every version reads
//! without being told.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What the file begins with: its mark and its version.
const HEAD: [u8; 8] = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];
/// The kind of an entry that is a certificate to believe.
const CERTIFICATE: [u8; 4] = [0, 0, 0, 2];
const KIND: &str = "X.509";
/// What everybody gives as the password of a store without secrets. Programs that are told no password do not check it.
const PASSWORD: &str = "changeit";
const SALT: &str = "Mighty Aphrodite";

/// Returns the certificates of a file's text as a key store. Those that cannot be read are left out: one of them would
/// make the whole store unreadable.
pub fn java_store(text: &[u8]) -> Vec<u8> {
    let mut readable = RootCertStore::empty();
    let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(text)
        .filter_map(Result::ok)
        .filter(|certificate| readable.add(certificate.clone()).is_ok())
        .collect();
    let mut store = HEAD.to_vec();
    store.extend(length(certificates.len()));
    for (number, certificate) in certificates.iter().enumerate() {
        store.extend(CERTIFICATE);
        put_name(&mut store, &format!("palisade-{number}"));
        // When it was added, which nobody asks.
        store.extend([0; 8]);
        put_name(&mut store, KIND);
        store.extend(length(certificate.len()));
        store.extend_from_slice(certificate);
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for part in [&password, SALT.as_bytes(), &store] {
        digest.update(part);
    }
    store.extend_from_slice(digest.finish().as_ref());
    store
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or_default().to_be_bytes()
}

fn put_name(store: &mut Vec<u8>, name: &str) {
    store.extend(u16::try_from(name.len()).unwrap_or_default().to_be_bytes());
    store.extend_from_slice(name.as_bytes());
}
