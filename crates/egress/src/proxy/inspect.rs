//! Requests and answers in clear text: each request is judged, placeholders and secrets change places in it and in what
//! comes back, and what is found is written down before it is sent on.

mod fetch;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy::Verdict;
use tokio::sync::Semaphore;

use fetch::Failures;

use super::Shared;
use super::admit::Admitted;
use super::exchange::Broken;
use super::filter::Filter;
use super::record::{Journal, Note, Record, Stage, Unrecorded};
use super::stream::Meter;
use super::terminate::{Terminate, Tls};
use crate::credential::{
    Aws, Channel, Credentials, Fill, Found, Latest, Listing, Signed, Signing, SigningFault, Swap, Uses, Vault,
};
use crate::host::Target;
use crate::limits::{BODIES_MAX, Bounds, ENDS_MAX, FETCHES_MAX, TABLES_MAX, WHOLE_BYTES_MAX};
use crate::network::RuleName;
use crate::rules::{Path, PushRules, RequestRefusal, RequestRules, is_of_git};
use crate::wire::Progress;
use crate::wire::fields::Body;
use crate::wire::git;
use crate::wire::request::Request;
use crate::wire::response::Response;

/// What is done with requests and answers that can be seen.
#[derive(Debug, Default)]
pub struct Inspection {
    /// How TLS ends here; without it, it passes unread, and hosts of which rules speak are not reached by it.
    pub terminate: Option<Terminate>,
    /// The rules about methods and paths.
    pub rules: RequestRules,
    /// The rules about pushes.
    pub pushes: PushRules,
    /// The credentials that have placeholders inside.
    pub credentials: Credentials,
}

/// The same, ready for use.
#[derive(Debug)]
pub(super) struct Inspector {
    pub(super) tls: Option<Tls>,
    rules: RequestRules,
    pushes: PushRules,
    vault: RwLock<Vault>,
    aws: Aws,
    /// What changes places in what comes back, which grows with what is fetched.
    incoming: Arc<Latest>,
    /// Nothing has a placeholder.
    is_empty: bool,
    /// Secrets that are being fetched, and those that were not had a moment ago.
    fetches: Arc<Semaphore>,
    failed: Arc<Mutex<Failures>>,
    /// What changes places on the way out, for each set of credentials that go to a target.
    outgoing: Mutex<HashMap<Vec<bool>, Swap>>,
    turns: Semaphore,
    /// Connections whose TLS ends here.
    pub(super) ends: Arc<Semaphore>,
}

impl Inspector {
    pub(super) fn new(inspection: Inspection) -> Self {
        let Inspection { terminate, rules, pushes, credentials } = inspection;
        let Credentials { vault, aws } = credentials;
        let (incoming, is_empty) = (Latest::new(&vault.incoming()), vault.is_empty());
        let (vault, outgoing, fetches) = (RwLock::new(vault), Mutex::default(), Arc::new(Semaphore::new(FETCHES_MAX)));
        let (turns, ends) = (Semaphore::new(BODIES_MAX), Arc::new(Semaphore::new(ENDS_MAX)));
        let tls = terminate.map(Tls::new);
        let failed = Arc::default();
        Self { tls, rules, pushes, vault, aws, incoming, is_empty, fetches, failed, outgoing, turns, ends }
    }

    fn vault(&self) -> RwLockReadGuard<'_, Vault> {
        self.vault.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what changes places in what comes back.
    fn incoming(&self) -> Swap {
        if self.is_empty { Swap::none() } else { self.incoming.stream() }
    }

    /// Returns what changes places on the way to a target; what it is made of is shared.
    fn outgoing(&self, target: &Target, way: (Channel, Listing), by: Uses) -> Swap {
        let vault = self.vault();
        let bound = vault.bound(target, way, by);
        let mut made = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(swap) = made.get(&bound) {
            return swap.again();
        }
        let swap = vault.outgoing_to(&bound);
        if made.len() >= TABLES_MAX {
            made.clear();
        }
        made.insert(bound, swap.again());
        swap
    }

    /// Returns true when nothing may be sent to the target that is not a request that was judged.
    pub(super) fn must_see(&self, target: &Target) -> bool {
        self.rules.names(target) || self.pushes.names(target)
    }

    /// Returns true when requests in clear text are looked into.
    pub(super) fn looks(&self, target: &Target) -> bool {
        self.must_see(target) || !self.is_empty
    }
}

/// An answer of the proxy's own to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(status: u16, reason: &str) -> Self {
        let body = format!("palisade: {reason}\n").into_bytes();
        Self { status, reason: reason.to_owned(), kind: "text/plain; charset=utf-8", body }
    }
}

/// Why a request was not passed on, or its answer not.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is answered here.
    Answered(Reply),
    /// Something broke.
    Broken(Broken),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Where a body comes from, without what frames it.
pub(super) trait Source: Send {
    /// Returns the next bytes; `None` at the end. Nothing is lost when it is not waited for.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Broken>> + Send;
}

/// A request that was judged, for which something may have to be done yet.
#[derive(Debug)]
pub(super) struct Judged {
    plan: Plan,
    /// What refusals call it, as it came: what goes to its host stands in it by now.
    shown: String,
}

impl Judged {
    /// Returns true when the body is read before the server is asked.
    pub(super) fn wants_body(&self) -> bool {
        self.plan.wants_body()
    }
}

/// What is to be done with a body before the request is sent.
#[derive(Debug)]
enum Plan {
    /// It is passed on as it comes.
    Stream,
    /// It is passed on as it comes, and nothing in it changes places: it is what was signed.
    Verbatim,
    /// Its beginning says what is pushed to this repository.
    Push(Path),
    /// The request is signed anew.
    Sign(Box<Signed>),
}

impl Plan {
    fn wants_body(&self) -> bool {
        match self {
            Self::Stream | Self::Verbatim => false,
            Self::Push(_) => true,
            Self::Sign(signed) => signed.wants_body(),
        }
    }
}

/// A request that may be sent, with the beginning of its body.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) request: Request,
    pub(super) prefix: Vec<u8>,
    pub(super) swap: Swap,
}

/// What is known of a connection whose requests are seen.
#[derive(Debug)]
pub(super) struct Session {
    inspector: Arc<Inspector>,
    journal: Arc<dyn Journal>,
    template: Record,
    outgoing: Swap,
    /// The same in requests of git.
    outgoing_git: Swap,
    way: (Channel, Listing),
    noted: Mutex<BTreeSet<Found>>,
    pub(super) target: Target,
    pub(super) meter: Arc<Meter>,
    pub(super) bounds: Bounds,
}

impl Session {
    pub(super) fn new(shared: &Shared, admitted: &Admitted, channel: Channel, meter: Arc<Meter>) -> Self {
        let inspector = shared.inspector.clone();
        let target = admitted.target().clone();
        let listing = if admitted.is_listed() { Listing::Listed } else { Listing::Asked };
        let way = (channel, listing);
        let outgoing = inspector.outgoing(&target, way, Uses::Any);
        let outgoing_git = inspector.outgoing(&target, way, Uses::Git);
        Self {
            inspector,
            journal: shared.journal.clone(),
            template: admitted.record(Stage::Decided, Verdict::Deny, ""),
            outgoing,
            outgoing_git,
            way,
            noted: Mutex::default(),
            target,
            meter,
            bounds: shared.bounds,
        }
    }

    /// Writes a refusal down, and returns the answer that says it.
    pub(super) fn refuse(&self, status: u16, request: &str, refusal: &RequestRefusal) -> Reply {
        let reason = self.masked(&format!("the request `{request}` is refused: {}", refusal.reason));
        // It is refused whether it is recorded or not.
        let _ = self.note(Note::Refused, Verdict::Deny, refusal.rule.clone(), &reason);
        Reply::new(status, &reason)
    }

    /// Returns a text without secrets: it goes to whoever asked, and into the journal.
    fn masked(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.inspector.incoming().whole(text.as_bytes())).into_owned()
    }

    fn note(&self, note: Note, verdict: Verdict, rule: Option<RuleName>, reason: &str) -> Result<(), Unrecorded> {
        let mut record =
            Record { stage: Stage::Noted(note), verdict, reason: reason.to_owned(), ..self.template.clone() };
        if rule.is_some() {
            record.rule = rule;
        }
        self.journal.append(&record)
    }

    /// Writes down what was found in what goes out, each once a connection.
    pub(super) fn note_found(&self, swap: &Swap) -> Result<(), Unrecorded> {
        self.note_each(swap.found())
    }

    fn note_each(&self, found: impl Iterator<Item = Found>) -> Result<(), Unrecorded> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for found in found {
            if noted.contains(&found) {
                continue;
            }
            let name = self.inspector.vault().name(found).to_owned();
            if found.is_swapped {
                self.note(Note::Injected, Verdict::Allow, None, &format!("the secret of `{name}` was put in"))?;
            } else {
                let reason = format!("the placeholder of `{name}` was sent to where its secret does not go");
                self.note(Note::Misdirected, Verdict::Deny, None, &reason)?;
            }
            noted.insert(found);
        }
        Ok(())
    }

    /// Judges a request, and puts in place what goes to its host.
    pub(super) async fn judge(&self, request: &mut Request) -> Result<Judged, Reply> {
        let shown = format!("{} {}", request.method, request.path.split('?').next().unwrap_or_default());
        let plan = self.plan(request, &shown).await?;
        Ok(Judged { plan, shown })
    }

    async fn plan(&self, request: &mut Request, shown: &str) -> Result<Plan, Reply> {
        let refuse = |refusal: RequestRefusal| self.refuse(403, shown, &refusal);
        self.inspector.rules.judge(request).map_err(refuse)?;
        let repository = self.inspector.pushes.repository(request).map_err(refuse)?;
        let plan = repository.map_or(Plan::Stream, Plan::Push);
        if !self.inspector.is_empty {
            // A part of an answer can be a part of a secret, which is not known as one.
            request.fields.set("range", None);
            request.fields.set("if-range", None);
        }
        if self.outgoing.is_idle() {
            return Ok(plan);
        }
        let by = if is_of_git(request) { Uses::Git } else { Uses::Any };
        let fills = self.fetch(request, by).await.map_err(|why| self.unfetched(shown, &why))?;
        let signing = self.inspector.aws.detect(request, &self.inspector.vault(), self.way);
        // What is compressed hides what is in it, here and on the way back.
        request.fields.set("accept-encoding", Some(b"identity"));
        request.fields.set("sec-websocket-extensions", None);
        let signing = signing.map_err(|fault| refuse(RequestRefusal::new(None, fault.to_string())))?;
        let plan = match (signing, plan) {
            (Signing::None, plan) => plan,
            (Signing::Pass, Plan::Stream) => return Ok(Plan::Verbatim),
            (Signing::Anew(signed), Plan::Stream) => Plan::Sign(signed),
            (Signing::Pass | Signing::Anew(_), Plan::Push(_) | Plan::Verbatim | Plan::Sign(_)) => {
                return Err(refuse(RequestRefusal::new(None, "a push that is signed for AWS is not read")));
            }
        };
        let mut swap = if by == Uses::Git { self.outgoing_git.again() } else { self.outgoing.again() };
        swap_request(request, &mut swap, &fills);
        let filled = fills.iter().map(|fill| Found { number: fill.number, is_swapped: true });
        self.note_each(swap.found().chain(filled)).map_err(|fault| self.unrecorded(shown, &fault))?;
        Ok(plan)
    }

    fn unrecorded(&self, shown: &str, fault: &Unrecorded) -> Reply {
        self.refuse(403, shown, &RequestRefusal::new(None, fault.to_string()))
    }

    /// Reads as much of a body as must be known before the request is sent.
    pub(super) async fn gather(&self, judged: Judged, request: Request, body: &mut impl Source) -> Result<Ready, Stop> {
        let Judged { plan, shown } = judged;
        let swap = self.outgoing.again();
        // So many at a time are in memory; others wait for their turn.
        let _turn = if plan.wants_body() { self.inspector.turns.acquire().await.ok() } else { None };
        match plan {
            Plan::Stream => Ok(Ready { request, prefix: Vec::new(), swap }),
            Plan::Verbatim => Ok(Ready { request, prefix: Vec::new(), swap: Swap::none() }),
            Plan::Sign(signed) => self.sign((&signed, &shown), request, body).await,
            Plan::Push(repository) => {
                let prefix = self.push((&repository, &shown), &request, body).await?;
                Ok(Ready { request, prefix, swap })
            }
        }
    }

    /// Signs a request anew. Where the signature covers the body's digest the body stays as it was signed, or is read.
    async fn sign(
        &self,
        (signed, shown): (&Signed, &str),
        mut request: Request,
        body: &mut impl Source,
    ) -> Result<Ready, Stop> {
        let refuse = |fault: SigningFault| {
            Stop::Answered(self.refuse(403, shown, &RequestRefusal::new(None, fault.to_string())))
        };
        let mut came = Vec::new();
        while signed.wants_body()
            && let Some(more) = body.next().await?
        {
            came.extend(more);
            if came.len() > WHOLE_BYTES_MAX {
                return Err(refuse(SigningFault::Long));
            }
        }
        let mut swap = self.outgoing.again();
        let goes = swap.whole(&came);
        self.note_found(&swap).map_err(|_| Broken::Unrecorded)?;
        let port = if self.way.0 == Channel::Tls { 443 } else { 80 };
        let anew = signed.sign(&mut request, &self.inspector.vault(), (&came, &goes), port);
        anew.map_err(refuse)?;
        Ok(Ready { request, prefix: goes, swap: Swap::none() })
    }

    /// Reads which refs a push changes, and returns the bytes when it may.
    async fn push(
        &self,
        (repository, shown): (&Path, &str),
        request: &Request,
        body: &mut impl Source,
    ) -> Result<Vec<u8>, Stop> {
        let refuse = |reason: String| Stop::Answered(self.refuse(403, shown, &RequestRefusal::new(None, reason)));
        if request.fields.all("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(refuse("what is pushed is compressed, and cannot be read".to_owned()));
        }
        let mut bytes = Vec::new();
        let mut reading = git::Reading::default();
        let push = loop {
            match reading.go_on(&bytes) {
                Ok(Progress::Done(push, _)) => break push,
                Ok(Progress::More) => {}
                Err(fault) => return Err(refuse(fault.to_string())),
            }
            match body.next().await? {
                Some(more) => bytes.extend(more),
                None => return Err(refuse("what is pushed ends too early".to_owned())),
            }
        };
        if push.updates.is_empty() && push.has_options() {
            return Err(refuse("it names no ref, and has options".to_owned()));
        }
        let refused = self.inspector.pushes.judge(&self.target, repository, &push);
        let Some((_, first)) = refused.first() else { return Ok(bytes) };
        // A client that still sends does not hear.
        while body.next().await?.is_some() {}
        for (name, refusal) in &refused {
            self.refuse(200, &format!("push to {name}"), refusal);
        }
        let reason = |name: &str| match refused.iter().find(|(own, _)| own == name) {
            Some((_, refusal)) => format!("palisade: {}", self.masked(&refusal.reason)),
            None => "palisade: another ref of the push is refused".to_owned(),
        };
        let (body, reason) = (push.refusal(reason), self.masked(&first.reason));
        Err(Stop::Answered(Reply { status: 200, reason, kind: "application/x-git-receive-pack-result", body }))
    }

    /// Puts placeholders in the place of secrets in an answer's head, and returns the way of its body.
    pub(super) fn answer(&self, response: &mut Response) -> Result<Filter, Broken> {
        let swap = self.inspector.incoming();
        if swap.is_idle() {
            return Ok(Filter::new(swap));
        }
        let is_plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
        let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip");
        let codings: Vec<&[u8]> = response.fields.all("content-encoding").filter(|value| !is_plain(value)).collect();
        let filter = match codings.as_slice() {
            // Nobody has asked for a part.
            _ if response.status == 206 => return Err(Broken::Encoded),
            _ if response.body == Body::None => Filter::new(swap.again()),
            [] => Filter::new(swap.again()),
            [coding] if is_known(coding) => Filter::opening(swap.again()),
            _ => return Err(Broken::Encoded),
        };
        if filter.is_opening() {
            for name in ["content-encoding", "content-length"] {
                response.fields.set(name, None);
            }
        }
        response.fields.retain(|name| !self.inspector.vault().is_in(name));
        for (_, value) in response.fields.values_mut() {
            *value = swap.again().whole(value);
        }
        response.reason = String::from_utf8(swap.again().whole(response.reason.as_bytes())).unwrap_or_default();
        Ok(filter)
    }

    /// Returns the streams of the two directions, for what follows no request.
    pub(super) fn directions(&self) -> (Swap, Swap) {
        (self.outgoing.again(), self.inspector.incoming())
    }
}

/// Puts secrets in the place of placeholders in a request's path and fields.
fn swap_request(request: &mut Request, swap: &mut Swap, fills: &[Fill]) {
    for fill in fills {
        if let Some(path) = fill.path(&request.path) {
            request.path = path;
        }
    }
    let filled = |value: &[u8]| fills.iter().fold(value.to_vec(), |value, fill| fill.field(&value).unwrap_or(value));
    if let Ok(path) = String::from_utf8(swap.whole(request.path.as_bytes())) {
        request.path = path;
    }
    for (name, value) in request.fields.values_mut() {
        // A word of base64 shares its digits with what stands around the placeholder in it.
        let decoded = if name == "authorization" { basic(value) } else { None };
        *value = match decoded {
            Some(decoded) => [b"Basic ".as_slice(), STANDARD.encode(swap.whole(&filled(&decoded))).as_bytes()].concat(),
            None => swap.whole(&filled(value)),
        };
    }
}

/// Returns the user and password of a field.
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, text) = core::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok())?
}
