//! Who signs the certificates that are shown inside, and whom outside is believed.

use core::fmt;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::der::{self, Critical};
use crate::host::Host;
use crate::limits::LEAVES_MAX;

/// How long the certificate of an authority of the run counts. Its key is gone with the run.
const AUTHORITY_S: u64 = 365 * 86_400;
/// How long that of a host counts, and from when another is made.
const LEAF_S: u64 = 24 * 3600;
const LEAF_RENEWED_S: u64 = 12 * 3600;
/// Clocks differ.
const BEFORE_S: u64 = 3600;
/// Letters of a common name.
const COMMON_NAME_MAX: usize = 64;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityFault {
    /// No key can be made.
    #[error("no key can be made for the certificates inside")]
    Key,
    /// A file is not a certificate.
    #[error("the certificate of the authority cannot be read")]
    Certificate,
    /// A file is not a key.
    #[error("the key of the authority cannot be read")]
    Private(#[source] Option<rustls::Error>),
    /// They do not belong together.
    #[error("the key of the authority is not that of its certificate")]
    Pair,
    /// It may not sign for others.
    #[error("the certificate is not that of an authority")]
    Leaf,
}

/// Signs certificates for hosts. Its private key is in memory alone, unless the owner gave one.
pub struct Authority {
    certificate: CertificateDer<'static>,
    /// What is shown behind the certificate of a host.
    chain: Vec<CertificateDer<'static>>,
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
    key: Arc<dyn SigningKey>,
    hosts_key: Arc<dyn SigningKey>,
    start: Instant,
    now_s: u64,
    leaves: Mutex<Leaves>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority(hidden)")
    }
}

/// Certificates that were made, the oldest first.
#[derive(Default)]
struct Leaves {
    made: HashMap<Host, (Arc<CertifiedKey>, u64)>,
    order: VecDeque<Host>,
}

/// Returns a key on the usual curve.
fn make_key() -> Result<Arc<dyn SigningKey>, AuthorityFault> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    let document = document.map_err(|_| AuthorityFault::Key)?;
    any_supported_type(&PrivatePkcs8KeyDer::from(document.as_ref()).into()).map_err(|_| AuthorityFault::Key)
}

fn public_key(key: &dyn SigningKey) -> Result<Vec<u8>, AuthorityFault> {
    key.public_key().map(|key| key.to_vec()).ok_or(AuthorityFault::Private(None))
}

/// Returns what a key is called in certificates.
fn key_id(public: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, public).as_ref().iter().copied().take(20).collect()
}

impl Authority {
    /// Returns an authority of this run. `now_s` is the time since 1970.
    pub fn of_the_run(now_s: u64) -> Result<Self, AuthorityFault> {
        let (key, hosts_key) = (make_key()?, make_key()?);
        let public = public_key(key.as_ref())?;
        let mut serial = [0; 8];
        SystemRandom::new().fill(&mut serial).map_err(|_| AuthorityFault::Key)?;
        let mark = serial.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let subject = der::common_name(&format!("Palisade of run {mark}"));
        let id = key_id(&public);
        let extensions = [
            der::extension(19, Critical::Yes, &der::sequence(&[&der::truth(), &der::integer(&[0])])),
            // It signs certificates and nothing else.
            der::extension(15, Critical::Yes, &der::bits(&[0b0000_0100], 2)),
            der::extension(14, Critical::No, &der::octets(&id)),
        ];
        let validity = (now_s.saturating_sub(BEFORE_S), now_s + AUTHORITY_S);
        let wanted = Wanted { subject: &subject, validity, public: &public, extensions: extensions.concat() };
        let certificate = sign(key.as_ref(), &subject, wanted)?;
        Ok(Self {
            certificate,
            chain: Vec::new(),
            subject,
            key_id: Some(id),
            key,
            hosts_key,
            start: Instant::now(),
            now_s,
            leaves: Mutex::default(),
        })
    }

    /// Returns an authority with this certificate and key, each as the text of a file.
    pub fn given(certificates: &[u8], key: &[u8], now_s: u64) -> Result<Self, AuthorityFault> {
        let read = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|_| AuthorityFault::Certificate)?;
        let certificate = read.first().ok_or(AuthorityFault::Certificate)?.clone();
        let Parsed { subject, public, key_id, is_authority } =
            parse(&certificate).ok_or(AuthorityFault::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| AuthorityFault::Private(None))?;
        let key = any_supported_type(&key).map_err(|error| AuthorityFault::Private(Some(error)))?;
        if public != public_key(key.as_ref())? {
            return Err(AuthorityFault::Pair);
        }
        if !is_authority {
            return Err(AuthorityFault::Leaf);
        }
        Ok(Self {
            certificate,
            chain: read,
            subject,
            key_id,
            key,
            hosts_key: make_key()?,
            start: Instant::now(),
            now_s,
            leaves: Mutex::default(),
        })
    }

    /// Returns the certificate as text. It is to be trusted inside, and nowhere else.
    pub fn certificate(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines = text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line)));
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
    }

    /// Returns the certificate of a host, and its key.
    pub(super) fn leaf(&self, host: &Host) -> Result<Arc<CertifiedKey>, AuthorityFault> {
        let now_s = self.now_s + self.start.elapsed().as_secs();
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((leaf, end)) = leaves.made.get(host)
            && now_s + LEAF_RENEWED_S < *end
        {
            return Ok(leaf.clone());
        }
        let end = now_s + LEAF_S;
        let mut chain = vec![self.certify(host, (now_s.saturating_sub(BEFORE_S), end))?];
        chain.extend(self.chain.iter().cloned());
        let leaf = Arc::new(CertifiedKey::new(chain, self.hosts_key.clone()));
        if leaves.made.insert(host.clone(), (leaf.clone(), end)).is_none() {
            leaves.order.push_back(host.clone());
        }
        if leaves.order.len() > LEAVES_MAX
            && let Some(oldest) = leaves.order.pop_front()
        {
            leaves.made.remove(&oldest);
        }
        Ok(leaf)
    }

    fn certify(&self, host: &Host, validity: (u64, u64)) -> Result<CertificateDer<'static>, AuthorityFault> {
        let public = public_key(self.hosts_key.as_ref())?;
        let name = host.as_name().filter(|name| name.len() <= COMMON_NAME_MAX);
        let (subject, is_critical) =
            name.map_or_else(|| (der::sequence(&[]), Critical::Yes), |name| (der::common_name(name), Critical::No));
        let alternative = match (host.as_name(), host.as_address()) {
            (Some(name), _) => der::value(0x82, name.as_bytes()),
            (None, Some(core::net::IpAddr::V4(address))) => der::value(0x87, &address.octets()),
            (None, Some(core::net::IpAddr::V6(address))) => der::value(0x87, &address.octets()),
            (None, None) => return Err(AuthorityFault::Certificate),
        };
        let server = der::identifier(&[0x2b, 6, 1, 5, 5, 7, 3, 1]);
        let mut extensions = [
            der::extension(19, Critical::Yes, &der::sequence(&[])),
            der::extension(15, Critical::Yes, &der::bits(&[0b1000_0000], 7)),
            der::extension(37, Critical::No, &der::sequence(&[&server])),
            der::extension(14, Critical::No, &der::octets(&key_id(&public))),
            der::extension(17, is_critical, &der::sequence(&[&alternative])),
        ]
        .concat();
        if let Some(id) = &self.key_id {
            extensions.extend(der::extension(35, Critical::No, &der::sequence(&[&der::value(0x80, id)])));
        }
        sign(self.key.as_ref(), &self.subject, Wanted { subject: &subject, validity, public: &public, extensions })
    }
}

/// What a certificate is to say.
struct Wanted<'a> {
    subject: &'a [u8],
    validity: (u64, u64),
    public: &'a [u8],
    extensions: Vec<u8>,
}

/// Returns the scheme in which a key signs certificates, and its name in them.
fn scheme(key: &dyn SigningKey) -> (SignatureScheme, Vec<u8>) {
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    let ecdsa = |hash: u8| der::sequence(&[&der::identifier(&[&ECDSA[..], &[hash]].concat())]);
    match key.algorithm() {
        SignatureAlgorithm::RSA => {
            let name = der::sequence(&[&der::identifier(&RSA), &der::value(0x05, &[])]);
            (SignatureScheme::RSA_PKCS1_SHA256, name)
        }
        SignatureAlgorithm::ED25519 => {
            (SignatureScheme::ED25519, der::sequence(&[&der::identifier(&[0x2b, 0x65, 0x70])]))
        }
        _ if key.choose_scheme(&[SignatureScheme::ECDSA_NISTP384_SHA384]).is_some() => {
            (SignatureScheme::ECDSA_NISTP384_SHA384, ecdsa(3))
        }
        _ => (SignatureScheme::ECDSA_NISTP256_SHA256, ecdsa(2)),
    }
}

fn sign(key: &dyn SigningKey, issuer: &[u8], wanted: Wanted<'_>) -> Result<CertificateDer<'static>, AuthorityFault> {
    let Wanted { subject, validity: (start, end), public, extensions } = wanted;
    let (scheme, algorithm) = scheme(key);
    let mut serial = [0; 16];
    SystemRandom::new().fill(&mut serial).map_err(|_| AuthorityFault::Key)?;
    let contents = der::sequence(&[
        &der::tagged(0, &der::integer(&[2])),
        &der::integer(&serial),
        &algorithm,
        issuer,
        &der::sequence(&[&der::time(start), &der::time(end)]),
        subject,
        public,
        &der::tagged(3, &der::sequence(&[&extensions])),
    ]);
    let signer = key.choose_scheme(&[scheme]).ok_or(AuthorityFault::Private(None))?;
    let signature = signer.sign(&contents).map_err(|error| AuthorityFault::Private(Some(error)))?;
    Ok(der::sequence(&[&contents, &algorithm, &der::bits(&signature, 0)]).into())
}

/// What is needed of a certificate that was given.
struct Parsed {
    subject: Vec<u8>,
    public: Vec<u8>,
    key_id: Option<Vec<u8>>,
    is_authority: bool,
}

fn parse(certificate: &[u8]) -> Option<Parsed> {
    let (_, mut rest, _) = der::take(&mut &*certificate)?;
    let (_, mut contents, _) = der::take(&mut rest)?;
    let (first, ..) = der::take(&mut contents)?;
    // Before the number may stand the version.
    for _ in 0..if first == 0xa0 { 4 } else { 3 } {
        der::take(&mut contents)?;
    }
    let (_, _, subject) = der::take(&mut contents)?;
    let (_, _, public) = der::take(&mut contents)?;
    let mut parsed = Parsed { subject: subject.to_vec(), public: public.to_vec(), key_id: None, is_authority: false };
    while let Some((tag, mut inner, _)) = der::take(&mut contents) {
        if tag == 0xa3 {
            let (_, mut extensions, _) = der::take(&mut inner)?;
            while let Some((_, extension, _)) = der::take(&mut extensions) {
                read_extension(extension, &mut parsed)?;
            }
        }
    }
    Some(parsed)
}

fn read_extension(mut extension: &[u8], parsed: &mut Parsed) -> Option<()> {
    let (_, id, _) = der::take(&mut extension)?;
    let (mut tag, mut value, _) = der::take(&mut extension)?;
    if tag == 0x01 {
        (tag, value, _) = der::take(&mut extension)?;
    }
    match (id, tag) {
        ([0x55, 0x1d, 14], 4) => parsed.key_id = Some(der::take(&mut value)?.1.to_vec()),
        ([0x55, 0x1d, 19], 4) => {
            let (_, mut inner, _) = der::take(&mut value)?;
            parsed.is_authority = matches!(der::take(&mut inner), Some((0x01, [0xff], _)));
        }
        _ => {}
    }
    Some(())
}

/// Directories in which systems keep theirs one by one.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Reads the machine's certificates, whatever the environment says.
fn machine() -> rustls_native_certs::CertificateResult {
    if cfg!(target_os = "macos") {
        return rustls_native_certs::load_native_certs();
    }
    let there = |paths: &'static [&'static str]| paths.iter().map(Path::new).find(|path| path.exists());
    let file = there(&Roots::FILES);
    let directory = if file.is_none() { there(&DIRECTORIES) } else { None };
    rustls_native_certs::load_certs_from_paths(file, directory)
}

/// The authorities that servers outside are believed by.
#[derive(Debug, Clone)]
pub struct Roots(pub(super) RootCertStore);

impl Roots {
    /// Where systems keep whom they believe, as one file.
    pub const FILES: [&'static str; 5] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    /// Returns none at all.
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Returns those of the machine, and what could not be read of them. Those that the environment names are not among
    /// them: who is believed besides is the caller's to say.
    pub fn of_the_machine() -> (Self, Vec<String>) {
        let found = machine();
        let mut store = RootCertStore::empty();
        // There are machines with certificates that nobody can read any more.
        store.add_parsable_certificates(found.certs);
        (Self(store), found.errors.iter().map(ToString::to_string).collect())
    }

    /// Adds those of a file's text, and returns how many could be read.
    pub fn add(&mut self, text: &[u8]) -> usize {
        let read = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect::<Vec<_>>();
        self.0.add_parsable_certificates(read).0
    }

    /// Returns those of the machine and of the texts of files, as they are written.
    pub fn certificates<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let machine = machine().certs;
        let own =
            texts.flat_map(|text| CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect::<Vec<_>>());
        machine.into_iter().chain(own).map(|certificate| certificate.to_vec()).collect()
    }

    /// Returns true when nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
