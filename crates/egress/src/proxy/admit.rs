//! From a target to addresses that may be dialled: rules, a person, the lookup, the check of each address, the record.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use policy::Verdict;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Shared;
use super::answers::{Question, exactly};
use super::record::{Caller, Record, Stage, Way};
use super::stream::Meter;
use crate::host::{Host, Place, Target};
use crate::limits::ADDRESSES_MAX;
use crate::network::{Network, RuleName, Ruling};

/// Addresses to come.
pub type Resolving = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Who looks names up.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// Looks a name up.
    fn resolve(&self, name: &str) -> Resolving;
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) cause: Cause,
    pub(super) reason: String,
}

/// Who or what refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A rule, a person, or an address.
    Rule,
    /// There is no such name.
    Name,
    /// It cannot be reached.
    Unreachable,
    /// It took too long.
    Late,
}

impl Refused {
    pub(super) fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self { cause, reason: reason.into() }
    }
}

/// A target that may be dialled, at these addresses. Made here alone, after the record was written.
#[derive(Debug)]
pub(super) struct Admitted {
    target: Target,
    route: Route,
    caller: Arc<Caller>,
    once: Option<Place>,
    rule: Option<RuleName>,
    number: u64,
    way: Way,
}

/// How an admitted target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// At one of these.
    Direct(Vec<SocketAddr>),
    /// By the upstream proxy, which looks the name up.
    Upstream,
}

impl Admitted {
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    /// Returns when the rules no longer admit the target at this address, and why.
    pub(super) async fn revoked(&self, shared: &Shared, address: Option<SocketAddr>) -> String {
        let mut rules = shared.rules.clone();
        loop {
            let network = rules.borrow_and_update().clone();
            let ruling = self.judge_again(shared, &network, address);
            if ruling.verdict != Verdict::Allow {
                return format!("the rules have changed: {}", ruling.reason);
            }
            if rules.changed().await.is_err() {
                // Nobody can change them any more.
                core::future::pending::<()>().await;
            }
        }
    }

    fn judge_again(&self, shared: &Shared, network: &Network, address: Option<SocketAddr>) -> Ruling {
        let extra = shared.extra(&self.caller, self.once.as_ref());
        let ruling = network.judge(&self.target, &extra);
        match address {
            Some(address) if ruling.verdict == Verdict::Allow => {
                network.judge_address(&self.target, address.ip(), &extra)
            }
            _ => ruling,
        }
    }

    /// Returns true when the rules in force admit the target still.
    pub(super) fn holds(&self, shared: &Shared, address: Option<SocketAddr>) -> bool {
        let network = shared.rules.borrow().clone();
        self.judge_again(shared, &network, address).verdict == Verdict::Allow
    }

    /// Returns true when an entry of the lists admits the target, and not a person or a command's own list.
    pub(super) fn is_listed(&self) -> bool {
        self.rule.is_some()
    }

    /// Returns a record of it.
    pub(super) fn record(&self, stage: Stage, verdict: Verdict, reason: &str) -> Record {
        let address = match &self.route {
            Route::Direct(open) => open.first().copied(),
            Route::Upstream => None,
        };
        Record {
            number: self.number,
            stage,
            way: self.way,
            target: Some(self.target.clone()),
            address,
            command: self.caller.command.clone(),
            program: self.caller.program.clone(),
            rule: self.rule.clone(),
            verdict,
            reason: reason.to_owned(),
        }
    }

    /// Writes down how it ended.
    pub(super) fn end(&self, shared: &Shared, address: Option<SocketAddr>, (sent, received): (u64, u64), end: End) {
        let verdict = if end.is_refusal { Verdict::Deny } else { Verdict::Allow };
        let record = Record { address, ..self.record(Stage::Ended { sent, received }, verdict, &end.reason) };
        // The connection is over; that its end could not be written stops nothing.
        let _ = shared.journal.append(&record);
    }
}

/// An admitted connection that is open. However it ends, its end is written down.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) shared: &'a Shared,
    pub(super) admitted: &'a Admitted,
    pub(super) address: Option<SocketAddr>,
    pub(super) meter: Arc<Meter>,
    pub(super) end: End,
}

impl<'a> Open<'a> {
    pub(super) fn new(shared: &'a Shared, admitted: &'a Admitted, address: Option<SocketAddr>) -> Self {
        Self { shared, admitted, address, meter: Arc::new(Meter::new()), end: End::plain("the proxy ended") }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.admitted.end(self.shared, self.address, self.meter.counts(), self.end.clone());
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) reason: String,
    pub(super) is_refusal: bool,
}

impl End {
    pub(super) fn plain(reason: &str) -> Self {
        Self { reason: reason.to_owned(), is_refusal: false }
    }

    pub(super) fn refusal(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_refusal: true }
    }
}

impl Shared {
    /// Returns what is allowed beyond the lists.
    fn extra(&self, caller: &Caller, once: Option<&Place>) -> Vec<Place> {
        let mut extra = self.answers.allowed();
        extra.extend(caller.allowed.iter().cloned());
        extra.extend(once.cloned());
        extra
    }

    /// Admits a target, or says why not; either is recorded.
    pub(super) async fn admit(&self, target: Target, caller: &Arc<Caller>, way: Way) -> Result<Admitted, Refused> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut admitted =
            Admitted { target, route: Route::Upstream, caller: caller.clone(), once: None, rule: None, number, way };
        let refused = match self.route(&mut admitted).await {
            Ok(reason) => match self.write(&admitted, Verdict::Allow, &reason) {
                Ok(()) => return Ok(admitted),
                // What cannot be recorded is refused, and the refusal has been tried.
                Err(refused) => return Err(refused),
            },
            Err(refused) => refused,
        };
        self.budget.refuse().await;
        self.write(&admitted, Verdict::Deny, &refused.reason)?;
        Err(refused)
    }

    /// Finds the route, and returns the reason why it is open.
    async fn route(&self, admitted: &mut Admitted) -> Result<String, Refused> {
        let reason = self.judge(admitted).await?;
        let upstream = self.upstream.as_ref().filter(|upstream| !upstream.is_direct(&admitted.target));
        let candidates = match (admitted.target.host.as_address(), upstream) {
            (Some(address), _) => vec![address],
            (None, Some(_)) => return Ok(reason),
            (None, None) => self.resolve(&admitted.target.host).await?,
        };
        let open = self.check(admitted, &candidates)?;
        if upstream.is_none() {
            admitted.route = Route::Direct(open);
        }
        Ok(reason)
    }

    /// Asks the rules, and a person where they say so.
    async fn judge(&self, admitted: &mut Admitted) -> Result<String, Refused> {
        let ruling = self.rules.borrow().judge(&admitted.target, &self.extra(&admitted.caller, None));
        admitted.rule.clone_from(&ruling.rule);
        match ruling.verdict {
            Verdict::Allow => return self.within_budget(&admitted.target, ruling),
            Verdict::Deny => return Err(Refused::new(Cause::Rule, ruling.reason)),
            Verdict::Ask => {}
        }
        let caller = Caller::clone(&admitted.caller);
        let question = Question { target: admitted.target.clone(), caller, reason: ruling.reason.clone() };
        let answer = self.answers.ask(question).await;
        answer.map_err(|reason| Refused::new(Cause::Rule, format!("{}, and {reason}", ruling.reason)))?;
        admitted.once = Some(exactly(&admitted.target));
        // The rules may have changed while the question was open.
        let ruling = self.rules.borrow().judge(&admitted.target, &self.extra(&admitted.caller, admitted.once.as_ref()));
        admitted.rule.clone_from(&ruling.rule);
        match ruling.verdict {
            Verdict::Allow => Ok("it was allowed when asked".to_owned()),
            Verdict::Ask | Verdict::Deny => Err(Refused::new(Cause::Rule, ruling.reason)),
        }
    }

    /// Returns why a target is admitted, if its name is not one too many of its rule's.
    fn within_budget(&self, target: &Target, ruling: Ruling) -> Result<String, Refused> {
        match &ruling.rule {
            Some(rule) if !self.budget.admits(rule, &target.host) => {
                let reason = format!("`{}` of {} has admitted too many names already", rule.text, rule.origin.place());
                Err(Refused::new(Cause::Rule, reason))
            }
            Some(_) | None => Ok(ruling.reason),
        }
    }

    async fn resolve(&self, host: &Host) -> Result<Vec<IpAddr>, Refused> {
        let name = host.as_name().unwrap_or_default();
        match timeout(self.bounds.resolve, self.resolver.resolve(name)).await {
            Ok(Ok(found)) if !found.is_empty() => Ok(found),
            Ok(Ok(_) | Err(_)) => Err(Refused::new(Cause::Name, "the name is not known")),
            Err(_) => Err(Refused::new(Cause::Late, "the name took too long to be resolved")),
        }
    }

    /// Returns the addresses that may be dialled.
    fn check(&self, admitted: &Admitted, candidates: &[IpAddr]) -> Result<Vec<SocketAddr>, Refused> {
        let network = self.rules.borrow().clone();
        let extra = self.extra(&admitted.caller, admitted.once.as_ref());
        let mut open = Vec::new();
        let mut reason = String::new();
        for address in candidates.iter().take(ADDRESSES_MAX) {
            let ruling = network.judge_address(&admitted.target, *address, &extra);
            if ruling.verdict == Verdict::Allow {
                open.push(SocketAddr::new(*address, admitted.target.port()));
            } else if reason.is_empty() {
                reason = ruling.reason;
            }
        }
        if open.is_empty() { Err(Refused::new(Cause::Rule, reason)) } else { Ok(open) }
    }

    /// Writes a decision down.
    fn write(&self, admitted: &Admitted, verdict: Verdict, reason: &str) -> Result<(), Refused> {
        let record = admitted.record(Stage::Decided, verdict, reason);
        self.journal.append(&record).map_err(|fault| Refused::new(Cause::Rule, fault.to_string()))
    }

    /// Writes down what could not be read as a target.
    pub(super) async fn write_unread(&self, caller: &Caller, way: Way, target: Option<Target>, reason: &str) {
        self.budget.refuse().await;
        let ruling = Ruling { verdict: Verdict::Deny, rule: None, reason: reason.to_owned() };
        self.write_refused(caller, way, target, ruling);
    }

    /// Writes down that a name gets no address, with the rule that says so where one does; false where too many have got none.
    pub(super) fn write_question(&self, host: &Host, caller: &Caller) -> bool {
        if !self.budget.may_refuse() {
            return false;
        }
        let web = Target::new(host.clone(), 443).ok();
        let ruling = web.map(|target| self.rules.borrow().judge(&target, &self.extra(caller, None)));
        let denial = ruling.filter(|ruling| ruling.verdict == Verdict::Deny);
        let ruling = denial.unwrap_or_else(|| Ruling {
            verdict: Verdict::Deny,
            rule: None,
            reason: "no rule allows the name, and nobody can be asked".to_owned(),
        });
        self.write_refused(caller, Way::Question, Target::new(host.clone(), 53).ok(), ruling);
        true
    }

    fn write_refused(&self, caller: &Caller, way: Way, target: Option<Target>, ruling: Ruling) {
        let Ruling { verdict, rule, reason } = ruling;
        let record = Record {
            number: self.number.fetch_add(1, Ordering::Relaxed),
            stage: Stage::Decided,
            way,
            target,
            address: None,
            command: caller.command.clone(),
            program: caller.program.clone(),
            rule,
            verdict,
            reason,
        };
        // It is refused whether it is recorded or not.
        let _ = self.journal.append(&record);
    }

    /// Returns true when a name gets an address inside.
    pub(super) fn may_resolve(&self, host: &Host, caller: &Caller) -> bool {
        self.rules.borrow().may_resolve(host, &self.extra(caller, None))
    }
}

/// The rules in force, which can be changed while connections are open.
#[derive(Debug)]
pub struct Live(watch::Sender<Arc<Network>>);

impl Live {
    /// Returns rules that can be changed.
    pub fn new(network: Network) -> Self {
        Self(watch::Sender::new(Arc::new(network)))
    }

    /// Changes the rules; open connections are judged again.
    pub fn set(&self, network: Network) {
        self.0.send_replace(Arc::new(network));
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<Network>> {
        self.0.subscribe()
    }
}
