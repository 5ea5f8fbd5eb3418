//! What a program may have of an agent. Pure: one conversation's memory, a request, a verdict.

use super::known_hosts::{KnownHosts, Server};
use super::message::{Bind, Other, Request, Sign, kind};
use super::{Fingerprint, NamedKey, login, proof};
use crate::limits::SESSION_BYTES_MAX;

/// The keys and hosts that were named.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The keys that may be used.
    pub keys: Vec<NamedKey>,
    /// The hosts at which they may be used.
    pub hosts: KnownHosts,
    /// Which key may be used at which of the hosts; `None` for every key at every host.
    pub pairs: Option<Vec<(Server, Fingerprint)>>,
}

impl Rules {
    /// Returns the named key that these bytes are.
    pub fn key(&self, key: &[u8]) -> Option<&NamedKey> {
        let fingerprint = Fingerprint::of(key);
        self.keys.iter().find(|named| *named.fingerprint() == fingerprint)
    }

    fn is_paired(&self, server: &Server, key: &NamedKey) -> bool {
        let is_named = |(host, named): &(Server, Fingerprint)| host == server && named == key.fingerprint();
        self.pairs.as_ref().is_none_or(|pairs| pairs.iter().any(is_named))
    }
}

/// What was judged of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The agent is asked, and what it answers is filtered.
    List,
    /// The session is remembered, and the agent told of it.
    Bind {
        /// The host whose session it is.
        host: String,
    },
    /// The agent is asked to sign.
    Sign {
        /// The host at which the login is.
        host: String,
        /// As whom.
        user: String,
        /// With which key.
        key: Fingerprint,
    },
    /// The agent is not asked.
    Refuse(Refused),
}

/// Why the agent is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The request is for something else than to list keys and to sign.
    #[error("{}", match .0 {
        Other::Add => "keys are not added from here",
        Other::Remove => "keys are not removed from here",
        Other::Card => "cards are not used from here",
        Other::Lock => "the agent is not locked from here",
        Other::Extension => "this extension is not passed on",
        Other::Unknown => "this request is not known",
    })]
    Request(Other),
    /// It is no message.
    #[error("the message is not understood")]
    Message,
    /// The key is not among the named ones.
    #[error("the key is not one that may be used")]
    Key,
    /// The data is not that of a login.
    #[error("what is to be signed is no login with a key")]
    Data,
    /// The login is with another key, or by an algorithm that the key does not have.
    #[error("the login is with another key or by another algorithm")]
    OtherKey,
    /// Nothing says which host the login is at.
    #[error("the session is not bound to a host")]
    Unbound,
    /// The login is for another session or host than the one that is bound.
    #[error("the login is for another session or host than the bound one")]
    OtherSession,
    /// The agent is to be passed on to a host.
    #[error("the agent is not passed on to other hosts")]
    Forwarded,
    /// The session is bound already.
    #[error("the connection is bound to another session")]
    Bound,
    /// The host did not sign the session.
    #[error("the host's signature of the session is not right")]
    Unproved,
    /// The host is not among the named ones.
    #[error("the host is not one at which keys may be used")]
    Host,
    /// The user is not one that was named with the host.
    #[error("the login is as another user than the named one")]
    User,
}

/// One connection's memory.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    state: State,
}

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Unbound,
    Bound {
        host_key: Vec<u8>,
        session: Vec<u8>,
    },
    /// Something was claimed that is refused: nothing is told or signed from here on.
    Spoiled(Refused),
}

impl Conversation {
    /// Judges a request, and remembers what it binds.
    pub fn judge(&mut self, rules: &Rules, request: &Request<'_>) -> Judgement {
        let judged = match request {
            Request::Identities => self.list(),
            Request::Sign(sign) => self.sign(rules, sign),
            Request::Bind(bind) => self.bind(rules, bind),
            Request::Other(other) => Err(Refused::Request(*other)),
        };
        judged.unwrap_or_else(Judgement::Refuse)
    }

    fn list(&self) -> Result<Judgement, Refused> {
        match &self.state {
            State::Unbound | State::Bound { .. } => Ok(Judgement::List),
            State::Spoiled(refused) => Err(*refused),
        }
    }

    fn bind(&mut self, rules: &Rules, bind: &Bind<'_>) -> Result<Judgement, Refused> {
        let judged = self.bound(rules, bind);
        match &judged {
            Ok(_) => {
                self.state = State::Bound { host_key: bind.host_key.to_vec(), session: bind.session.to_vec() };
            }
            Err(refused) => self.state = State::Spoiled(*refused),
        }
        judged
    }

    fn bound(&self, rules: &Rules, bind: &Bind<'_>) -> Result<Judgement, Refused> {
        if bind.is_forwarded {
            return Err(Refused::Forwarded);
        }
        match &self.state {
            State::Unbound => {}
            State::Bound { host_key, session } if host_key == bind.host_key && session == bind.session => {}
            State::Bound { .. } => return Err(Refused::Bound),
            State::Spoiled(refused) => return Err(*refused),
        }
        let is_session = !bind.session.is_empty() && bind.session.len() <= SESSION_BYTES_MAX;
        if !is_session || !proof::is_proved(bind) {
            return Err(Refused::Unproved);
        }
        let host = rules.hosts.servers(bind.host_key).next().ok_or(Refused::Host)?;
        Ok(Judgement::Bind { host: host.to_string() })
    }

    fn sign(&self, rules: &Rules, sign: &Sign<'_>) -> Result<Judgement, Refused> {
        let key = rules.key(sign.key).ok_or(Refused::Key)?;
        let login = login::read(sign.data).ok_or(Refused::Data)?;
        let is_algorithm = kind(sign.key).is_some_and(|kind| login::is_algorithm(kind, login.algorithm, sign.flags));
        if login.key != sign.key || !is_algorithm {
            return Err(Refused::OtherKey);
        }
        let (host_key, session) = match &self.state {
            State::Unbound => return Err(Refused::Unbound),
            State::Bound { host_key, session } => (host_key, session),
            State::Spoiled(refused) => return Err(*refused),
        };
        if login.session != session || login.host_key.is_some_and(|named| named != host_key) {
            return Err(Refused::OtherSession);
        }
        let mut servers = rules.hosts.servers(host_key).peekable();
        servers.peek().ok_or(Refused::Host)?;
        let mut servers = servers.filter(|server| rules.is_paired(server, key)).peekable();
        servers.peek().ok_or(Refused::Key)?;
        let server = servers.find(|server| server.is_for(login.user)).ok_or(Refused::User)?;
        Ok(Judgement::Sign { host: server.to_string(), user: login.user.to_owned(), key: key.fingerprint().clone() })
    }
}
