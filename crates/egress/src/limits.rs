//! Every bound of the proxy.

use core::time::Duration;

/// Bytes of the machine's list of hosts that are read.
pub const HOSTS_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a request's or an answer's head.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header fields of a head.
pub const FIELDS_MAX: usize = 100;
/// Bytes of a request's first line.
pub const LINE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the line before a chunk.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// Bytes of the fields after the last chunk.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a TLS hello, with the heads of its records.
pub const HELLO_BYTES_MAX: usize = 32 * 1024;
/// Bytes of what one TLS record holds.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a DNS query that is read.
pub const QUERY_BYTES_MAX: usize = 512;
/// Addresses of a name that are tried.
pub const ADDRESSES_MAX: usize = 8;
/// Bytes that are moved at once, and wait where the other side is slow.
pub const MOVE_BYTES: usize = 32 * 1024;
/// Bytes that are read at once of a message that is understood.
pub const READ_BYTES: usize = 16 * 1024;
/// Moves after which others have their turn.
pub const MOVES_MAX: u32 = 16;
/// Bytes of a reason in a first line.
pub const REASON_BYTES_MAX: usize = 200;
/// What a person allowed or denied, as far as it is remembered.
pub const ANSWERS_MAX: usize = 4096;
/// Names that get an address inside.
pub const POOL_NAMES_MAX: usize = 16 * 1024;
/// How long a name's address inside may be kept by who asked.
pub const POOL_LIFETIME_S: u32 = 60;

/// Bounds that the owner of a proxy may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at a time, over all doors.
    pub connections: usize,
    /// Questions that wait for an answer at a time.
    pub questions: usize,
    /// Letters of the names that one rule admits, all together.
    pub letters: usize,
    /// Refusals that are written down at once; what comes beyond waits.
    pub refusals: u32,
    /// Refusals that are written down each second then.
    pub refusals_per_second: u32,
    /// How long a client has for a head, a hello or a greeting.
    pub head: Duration,
    /// How long a question waits; then the answer is no.
    pub question: Duration,
    /// How long a denial by a person holds without another question.
    pub denial: Duration,
    /// How long a name may take to be resolved.
    pub resolve: Duration,
    /// How long an address may take to be reached.
    pub dial: Duration,
    /// How long nothing may move.
    pub idle: Duration,
    /// How long nothing may move once one side has said its last.
    pub half: Duration,
}

impl Bounds {
    /// The bounds where nobody says otherwise.
    pub const USUAL: Self = Self {
        connections: 4096,
        questions: 32,
        letters: 16 * 1024,
        refusals: 1000,
        refusals_per_second: 50,
        head: Duration::from_secs(10),
        question: Duration::from_secs(60),
        denial: Duration::from_secs(60),
        resolve: Duration::from_secs(10),
        dial: Duration::from_secs(10),
        idle: Duration::from_secs(900),
        half: Duration::from_secs(120),
    };
}

/// Bytes of a secret that has a placeholder.
pub const SECRET_BYTES_MAX: usize = 8 * 1024;
/// Letters and digits that a placeholder must be able to choose, so that no other text is one by chance.
pub const CHOSEN_MIN: usize = 16;
/// Credentials of a vault.
pub const CREDENTIALS_MAX: usize = 256;
/// Texts that one secret has in a run, one after the other.
pub const FETCHED_MAX: usize = 256;
/// Secrets that are fetched at a time.
pub const FETCHES_MAX: usize = 4;
/// How long a secret that was not had is not asked for again.
pub const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// Bytes of a push before its pack, and the refs there.
pub const PUSH_BYTES_MAX: usize = 256 * 1024;
/// Refs of a push.
pub const PUSH_REFS_MAX: usize = 1000;
/// Bytes of a body that has to be read whole before it is sent on.
pub const WHOLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bodies that are read before they are sent, at a time.
pub const BODIES_MAX: usize = 8;
/// Connections whose TLS ends here, at a time.
pub const ENDS_MAX: usize = 512;
/// Sets of credentials that go to the same hosts, of which it is kept what changes places.
pub const TABLES_MAX: usize = 64;
/// Certificates of hosts that are kept.
pub const LEAVES_MAX: usize = 256;
/// Streams of a connection by HTTP/2.
pub const STREAMS_MAX: u32 = 128;
/// Bytes of a file with a secret in it.
pub const MASKED_FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
