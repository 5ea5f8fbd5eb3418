//! What a run may say by the names that it asks for, and how fast it may be refused.

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::host::Host;
use crate::limits::Bounds;
use crate::network::RuleName;

/// Both budgets of a proxy.
#[derive(Debug)]
pub(super) struct Budget {
    bounds: Bounds,
    said: Mutex<HashMap<RuleName, Said>>,
    refusals: Mutex<Refusals>,
}

/// The names that one rule has admitted.
#[derive(Debug, Default)]
struct Said {
    names: HashSet<Host>,
    letters: usize,
}

/// Refusals that may still be written down at once. Time adds to them, up to the bound.
#[derive(Debug)]
struct Refusals {
    left: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(bounds: Bounds) -> Self {
        let refusals = Refusals { left: f64::from(bounds.refusals), at: Instant::now() };
        Self { bounds, said: Mutex::default(), refusals: Mutex::new(refusals) }
    }

    /// Returns whether a rule may admit a name: one that it has admitted, or one for which it has letters left. Below a name of
    /// the attacker's each new one tells its server something, though nothing is sent.
    pub(super) fn admits(&self, rule: &RuleName, host: &Host) -> bool {
        let Some(name) = host.as_name() else { return true };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said.entry(rule.clone()).or_default();
        if said.names.contains(host) {
            return true;
        }
        let letters = said.letters.saturating_add(name.len());
        // Whatever a rule names first it may have.
        if letters > self.bounds.letters && !said.names.is_empty() {
            return false;
        }
        said.letters = letters;
        said.names.insert(host.clone())
    }

    /// Waits until another refusal may be written down.
    pub(super) async fn refuse(&self) {
        let wait = self.take(|_| true).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }

    /// Returns whether another refusal may be written down now.
    pub(super) fn may_refuse(&self) -> bool {
        self.take(|left| left >= 1.0).is_some()
    }

    /// Takes one, and returns how long it is until there is one; nothing where that is not wanted.
    fn take(&self, is_wanted: impl FnOnce(f64) -> bool) -> Option<Duration> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, rate) = (Instant::now(), f64::from(self.bounds.refusals_per_second));
        let added = now.duration_since(refusals.at).as_secs_f64() * rate;
        *refusals = Refusals { left: (refusals.left + added).min(f64::from(self.bounds.refusals)), at: now };
        if !is_wanted(refusals.left) {
            return None;
        }
        refusals.left -= 1.0;
        Some(Duration::try_from_secs_f64(-refusals.left / rate).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use policy::List;
    use policy::layer::{Origin, Scope};

    use super::*;

    fn rule(line: u32) -> RuleName {
        let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line };
        RuleName { text: "allowedDomains: *.example.com".to_owned(), origin, list: List::Allow }
    }

    #[test]
    fn names_have_letters_for_each_rule() {
        let budget = Budget::new(Bounds { letters: 30, ..Bounds::USUAL });
        let admits = |line: u32, host: &str| budget.admits(&rule(line), &Host::parse(host).unwrap());
        let long = format!("{}.example.com", "a".repeat(40));
        let asked =
            [(1, "a.example.com"), (1, "b.example.com"), (1, "c.example.com"), (1, "a.example.com"), (1, "10.0.0.1")];
        assert_eq!(asked.map(|(line, host)| admits(line, host)), [true, true, false, true, true]);
        assert_eq!([admits(2, &long), admits(2, "a.example.com"), admits(2, &long)], [true, false, true]);
    }

    #[test]
    fn refusals_come_at_a_pace() {
        let budget = Budget::new(Bounds { refusals: 3, refusals_per_second: 10, ..Bounds::USUAL });
        let waits = [(); 5].map(|()| budget.take(|_| true).unwrap().as_millis().div_ceil(10));
        assert_eq!(waits, [0, 0, 0, 10, 20]);
        assert!(!budget.may_refuse());
        let minute = Duration::from_secs(60);
        budget.refusals.lock().unwrap().at -= minute;
        assert_eq!([(); 4].map(|()| budget.may_refuse()), [true, true, true, false]);
    }
}
