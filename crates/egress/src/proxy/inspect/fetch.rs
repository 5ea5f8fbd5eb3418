//! Secrets that a request needs and that are fetched for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Inspector, Reply, RequestRefusal, Session, basic};
use crate::credential::{Fetch, Fill, Secret, Unfetched, Uses};
use crate::limits::FAILURE_KEPT;
use crate::wire::request::Request;

/// What was not had, with when that was, by the numbers of credentials.
pub(super) type Failures = HashMap<usize, (Instant, Unfetched)>;

/// A secret that was not had.
#[derive(Debug)]
pub(super) struct Lacking {
    name: String,
    why: String,
}

impl Session {
    /// Fetches what stands in the head of a request by its placeholder and may go to its host; nothing else is.
    pub(super) async fn fetch(&self, request: &Request, by: Uses) -> Result<Vec<Fill>, Lacking> {
        let mut fills = Vec::new();
        for (number, placeholder) in self.wanted(request, by) {
            fills.push(self.inspector.fetch(number, placeholder).await?);
        }
        Ok(fills)
    }

    /// Answers a request whose secret was not had. Where it is and why is the person's to know, who reads the journal.
    pub(super) fn unfetched(&self, shown: &str, why: &Lacking) -> Reply {
        let Lacking { name, why } = why;
        let said = format!("the secret of `{name}` is not had");
        let _ = self.refuse(502, shown, &RequestRefusal::new(None, format!("{said}: {why}")));
        Reply::new(502, &self.masked(&format!("the request `{shown}` is refused: {said}")))
    }

    /// Returns the numbers and placeholders of what the head of a request needs.
    fn wanted(&self, request: &Request, by: Uses) -> Vec<(usize, String)> {
        let vault = self.inspector.vault();
        if !vault.has_fetched() {
            return Vec::new();
        }
        let bound = vault.bound(&self.target, self.way, by);
        let decoded = request.fields.all("authorization").find_map(basic);
        let is_in = |value: &[u8], text: &str| value.windows(text.len()).any(|part| part == text.as_bytes());
        let is_there = |placeholder: &str| {
            request.path.contains(placeholder)
                || request.fields.iter().any(|(_, value)| is_in(value, placeholder))
                || decoded.as_ref().is_some_and(|value| is_in(value, placeholder))
        };
        let fetched = vault.fetched(&bound);
        let here: Vec<&str> =
            vault.placeholders().filter(|(_, placeholder)| is_there(placeholder)).map(|(name, _)| name).collect();
        // What a request is signed with does not stand in it, and belongs to what does.
        let pairs = self.inspector.aws.pairs.iter().filter(|pair| here.contains(&pair.key_id.as_str()));
        let beside: Vec<&str> =
            pairs.flat_map(|pair| [Some(pair.secret.as_str()), pair.session.as_deref()]).flatten().collect();
        let is_wanted = |name: &str| here.contains(&name) || beside.contains(&name);
        let wanted = fetched.into_iter().filter(|(_, name, _)| is_wanted(name));
        wanted.map(|(number, _, placeholder)| (number, placeholder.to_owned())).collect()
    }
}

impl Inspector {
    /// Fetches a secret, and has answers searched for it before anybody gets it.
    async fn fetch(&self, number: usize, placeholder: String) -> Result<Fill, Lacking> {
        let Some((name, fetch)) = self.vault().fetch_of(number) else {
            return Err(Lacking { name: String::new(), why: "there is no such secret".to_owned() });
        };
        let told = |why: String| Lacking { name: name.clone(), why };
        let turn = self.fetches.clone().acquire_owned().await;
        let turn = turn.map_err(|_| told("nothing is fetched".to_owned()))?;
        let failed = self.failed.clone();
        let fetched = tokio::task::spawn_blocking(move || {
            // It goes on when its request is gone, and so does its turn.
            let _turn = turn;
            fetch_unless(&failed, number, &fetch)
        });
        let fetched = fetched.await;
        let secret = match fetched {
            Ok(Ok(secret)) => secret,
            Ok(Err(Unfetched(why))) => return Err(told(why)),
            Err(_) => return Err(told("fetching it broke off".to_owned())),
        };
        if !secret.is_plain() {
            return Err(told("its value cannot stand in a field of a request".to_owned()));
        }
        let mut vault = self.vault.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if vault.had(number, &secret).map_err(|fault| told(fault.to_string()))? {
            self.incoming.set(&vault.incoming());
        }
        Ok(Fill { number, placeholder, secret })
    }
}

/// Fetches a secret, unless it was not had a moment ago: whoever has it may be a person, who is not asked for each request.
fn fetch_unless(failed: &Mutex<Failures>, number: usize, fetch: &Fetch) -> Result<Secret, Unfetched> {
    let failures = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((when, why)) = failures().get(&number)
        && when.elapsed() < FAILURE_KEPT
    {
        return Err(why.clone());
    }
    let fetched = fetch.wait();
    match &fetched {
        Ok(_) => failures().remove(&number),
        Err(why) => failures().insert(number, (Instant::now(), why.clone())),
    };
    fetched
}
