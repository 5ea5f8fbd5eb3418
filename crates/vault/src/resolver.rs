//! Secrets by reference: fetched when somebody needs them, once for all who ask at the same time, kept for a while.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fetch::{Fault, Fetcher};
use crate::limits::Bounds;
use crate::sources::Sources;
use crate::world::World;
use crate::{Reference, Secret};

/// Why a reference did not lead to a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` is not resolved: {fault}")]
pub struct ResolveError {
    /// The reference.
    pub reference: Reference,
    /// Why.
    pub fault: Fault,
}

impl ResolveError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        self.fault.hint()
    }
}

/// The one who knows where secrets are.
pub struct Resolver {
    fetcher: Fetcher,
    bounds: Bounds,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    kept: HashMap<Reference, Kept>,
    /// What is being fetched, and in which age.
    fetches: HashMap<(u64, Reference), Fetch>,
    /// Grows with every call of `forget`: what was begun in an earlier one is not kept, and not waited for.
    age: u64,
}

/// A secret and when it is forgotten.
struct Kept {
    secret: Secret,
    until: Duration,
}

/// A secret that somebody is fetching.
struct Fetch {
    waiting: usize,
    outcome: Option<Result<Secret, Fault>>,
}

impl core::fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Resolver").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Returns a resolver that has fetched nothing yet.
    pub fn new(world: Box<dyn World>, sources: Sources, bounds: Bounds) -> Self {
        let fetcher = Fetcher::new(world, sources, bounds);
        Self { fetcher, bounds, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Returns the secret that a reference leads to.
    ///
    /// A failure is told to all who wait for it and not kept.
    pub fn resolve(&self, reference: &Reference) -> Result<Secret, ResolveError> {
        self.take(reference).map_err(|fault| ResolveError { reference: reference.clone(), fault })
    }

    /// Forgets every secret; those who have one keep it.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.kept.clear();
        state.age += 1;
    }

    /// Forgets the secrets whose time is over. Resolving does it too; an owner that rests calls this.
    pub fn sweep(&self) {
        let now = self.fetcher.world().elapsed();
        self.lock().kept.retain(|_, kept| kept.until > now);
    }

    fn take(&self, reference: &Reference) -> Result<Secret, Fault> {
        self.sweep();
        let mut state = self.lock();
        if let Some(kept) = state.kept.get(reference) {
            return Ok(kept.secret.clone());
        }
        let key = (state.age, reference.clone());
        if let Some(fetch) = state.fetches.get_mut(&key) {
            fetch.waiting += 1;
            return self.wait(state, &key);
        }
        if state.fetches.len() >= self.bounds.fetches_max {
            return Err(Fault::Busy);
        }
        state.fetches.insert(key.clone(), Fetch { waiting: 0, outcome: None });
        drop(state);
        // The time counts from here: what changes while it is fetched is not kept for longer.
        let until = self.fetcher.world().elapsed().saturating_add(self.bounds.keep);
        let begun = Begun { resolver: self, key, until, outcome: Err(Fault::Broken) };
        begun.end(self.fetcher.fetch(reference))
    }

    /// Waits for what another is fetching.
    fn wait(&self, mut state: MutexGuard<'_, State>, key: &(u64, Reference)) -> Result<Secret, Fault> {
        let deadline = Instant::now() + self.bounds.wait;
        loop {
            let Some(fetch) = state.fetches.get_mut(key) else { return Err(Fault::Broken) };
            let outcome = fetch.outcome.clone();
            let left = deadline.saturating_duration_since(Instant::now());
            if outcome.is_some() || left.is_zero() {
                fetch.waiting -= 1;
                if fetch.waiting == 0 && outcome.is_some() {
                    state.fetches.remove(key);
                }
                return outcome.unwrap_or(Err(Fault::Waiting));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done where the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what came of a fetch, and tells those who wait.
    fn settle(&self, key: &(u64, Reference), until: Duration, outcome: Result<Secret, Fault>) {
        let mut state = self.lock();
        if let (Ok(secret), true) = (&outcome, state.age == key.0) {
            let kept = Kept { secret: secret.clone(), until };
            state.keep(&key.1, kept, self.bounds.entries_max);
        }
        match state.fetches.get_mut(key) {
            Some(fetch) if fetch.waiting > 0 => fetch.outcome = Some(outcome),
            Some(_) | None => drop(state.fetches.remove(key)),
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Keeps a secret; where there are too many, the one whose time is over first is forgotten.
    fn keep(&mut self, reference: &Reference, kept: Kept, entries_max: usize) {
        self.kept.insert(reference.clone(), kept);
        while self.kept.len() > entries_max {
            let first = self.kept.iter().min_by_key(|(_, kept)| kept.until).map(|(reference, _)| reference.clone());
            let Some(first) = first else { break };
            self.kept.remove(&first);
        }
    }
}

/// A fetch that somebody has begun. However it ends, those who wait are told.
struct Begun<'a> {
    resolver: &'a Resolver,
    key: (u64, Reference),
    until: Duration,
    outcome: Result<Secret, Fault>,
}

impl Begun<'_> {
    fn end(mut self, outcome: Result<Secret, Fault>) -> Result<Secret, Fault> {
        self.outcome.clone_from(&outcome);
        outcome
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.resolver.settle(&self.key, self.until, self.outcome.clone());
    }
}
