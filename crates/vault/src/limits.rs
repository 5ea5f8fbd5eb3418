//! Every bound of the crate.

use core::time::Duration;

/// Bytes of a reference.
pub const REFERENCE_BYTES_MAX: usize = 1024;
/// Words of a `cmd://` reference.
pub const WORDS_MAX: usize = 64;
/// Bytes of a secret. The longest that is in use is a private key.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a file that holds secrets.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of an answer of a server, and of a message of the bus.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the head of a server's answer.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Depth of the part of an answer that is looked into.
pub const DEPTH_MAX: usize = 8;
/// Messages of the bus that are read before the awaited one.
pub const BUS_MESSAGES_MAX: usize = 64;

/// Bytes of a message between a program and an ssh agent; what the usual agent takes too.
pub const AGENT_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Keys of an agent that are looked at.
pub const AGENT_KEYS_MAX: usize = 2048;
/// Requests of one connection to the agent.
pub const AGENT_REQUESTS_MAX: usize = 256;
/// Connections to the agent at a time.
pub const AGENT_CONNECTIONS_MAX: usize = 16;
/// How long a program may stay silent on its connection to the agent.
pub const AGENT_IDLE: Duration = Duration::from_secs(600);
/// How long the agent may take: it may ask a person to touch a key.
pub const AGENT_ANSWER: Duration = Duration::from_secs(60);
/// How long the agent may take nobody.
pub const AGENT_DIAL: Duration = Duration::from_secs(5);
/// How long a listener rests when it cannot accept.
pub const AGENT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a session's identifier. The longest digest in use has 64.
pub const SESSION_BYTES_MAX: usize = 64;
/// Bytes of a user's name on a server.
pub const USER_BYTES_MAX: usize = 255;
/// Lines of known hosts that are read.
pub const KNOWN_LINES_MAX: usize = 16 * 1024;
/// Bytes of one of these lines.
pub const KNOWN_LINE_BYTES_MAX: usize = 16 * 1024;

/// Bounds that the owner of a resolver may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long a fetched secret is kept, counted from when its fetching began.
    pub keep: Duration,
    /// Secrets that are kept at a time.
    pub entries_max: usize,
    /// Secrets that are fetched at a time.
    pub fetches_max: usize,
    /// How long one request, one program or one conversation with the bus may take.
    pub timeout: Duration,
    /// How long somebody waits for a secret that another is fetching.
    pub wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(300),
            entries_max: 256,
            fetches_max: 16,
            timeout: Duration::from_secs(10),
            wait: Duration::from_secs(60),
        }
    }
}
