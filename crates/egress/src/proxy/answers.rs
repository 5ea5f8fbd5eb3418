//! Questions about hosts that no rule names: asked once for all connections that wait, and remembered.

use core::fmt;
use core::pin::Pin;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::record::Caller;
use crate::host::{HostPattern, Place, Target};
use crate::limits::{ANSWERS_MAX, Bounds};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where the connection wants to go.
    pub target: Target,
    /// Who wants it.
    pub caller: Caller,
    /// Why it is asked.
    pub reason: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The connections that wait may be made.
    Once,
    /// The host may be reached at this port until the proxy ends.
    Session,
    /// The same, and who answered keeps a rule.
    Always,
    /// It may not; the reason is shown to the program.
    Deny(String),
}

/// An answer to come.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who answers: a person, or a program for one. An answer that does not come in time is no.
pub trait Decider: Send + Sync + fmt::Debug {
    /// Asks.
    fn ask(&self, question: Question) -> Answering;
}

/// Nobody is there.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Decider for Nobody {
    fn ask(&self, _question: Question) -> Answering {
        Box::pin(async { Answer::Deny("there is nobody to ask".to_owned()) })
    }
}

/// Asks in a thread of its own, one question after the other. One that nobody waits for any more is not asked.
pub struct Asking<F>(Arc<tokio::sync::Mutex<F>>);

impl<F: FnMut(&Question) -> Answer + Send + 'static> Asking<F> {
    /// Returns a decider that asks this.
    pub fn new(ask: F) -> Self {
        Self(Arc::new(tokio::sync::Mutex::new(ask)))
    }
}

impl<F> fmt::Debug for Asking<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Asking")
    }
}

impl<F: FnMut(&Question) -> Answer + Send + 'static> Decider for Asking<F> {
    fn ask(&self, question: Question) -> Answering {
        let ask = self.0.clone();
        Box::pin(async move {
            // Whoever waits here holds no thread, and is gone when its time is over.
            let mut ask = ask.lock_owned().await;
            let asked = tokio::task::spawn_blocking(move || ask(&question));
            asked.await.unwrap_or_else(|_| Answer::Deny("the question failed".to_owned()))
        })
    }
}

/// What was answered, and what is being asked.
#[derive(Debug)]
pub(super) struct Answers {
    decider: Arc<dyn Decider>,
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    allowed: Vec<Place>,
    denied: HashMap<Target, (Instant, String)>,
    asked: HashMap<Target, watch::Receiver<Option<Answer>>>,
}

/// Takes a question off the list, however the asking ends.
struct Listed<'a> {
    answers: &'a Answers,
    target: &'a Target,
    sender: watch::Sender<Option<Answer>>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.answers.state().asked.remove(self.target);
    }
}

impl Answers {
    pub(super) fn new(decider: Arc<dyn Decider>, bounds: Bounds) -> Self {
        Self { decider, bounds, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was allowed for the session.
    pub(super) fn allowed(&self) -> Vec<Place> {
        self.state().allowed.clone()
    }

    /// Asks, or waits with those who ask already. An error is the reason of a no.
    pub(super) async fn ask(&self, question: Question) -> Result<(), String> {
        let target = question.target.clone();
        let waiting = match self.enter(&target)? {
            Entered::Waiting(waiting) => waiting,
            Entered::Asking(sender) => return self.ask_now(question, sender).await,
        };
        let answer = timeout(self.bounds.question, wait(waiting)).await.ok().flatten();
        told(answer.unwrap_or_else(|| Answer::Deny("nobody answered in time".to_owned())))
    }

    async fn ask_now(&self, question: Question, sender: watch::Sender<Option<Answer>>) -> Result<(), String> {
        let target = question.target.clone();
        let asking = Listed { answers: self, target: &target, sender };
        let answer = timeout(self.bounds.question, self.decider.ask(question)).await;
        let answer = answer.unwrap_or_else(|_| Answer::Deny("nobody answered in time".to_owned()));
        self.keep(&target, &answer);
        asking.sender.send_replace(Some(answer.clone()));
        drop(asking);
        told(answer)
    }

    fn enter(&self, target: &Target) -> Result<Entered, String> {
        let mut state = self.state();
        if let Some((until, reason)) = state.denied.get(target)
            && *until > Instant::now()
        {
            return Err(reason.clone());
        }
        if let Some(waiting) = state.asked.get(target) {
            return Ok(Entered::Waiting(waiting.clone()));
        }
        if state.asked.len() >= self.bounds.questions {
            return Err("too many questions wait already".to_owned());
        }
        let (sender, receiver) = watch::channel(None);
        state.asked.insert(target.clone(), receiver);
        Ok(Entered::Asking(sender))
    }

    fn keep(&self, target: &Target, answer: &Answer) {
        let mut state = self.state();
        match answer {
            Answer::Once => {}
            Answer::Session | Answer::Always if state.allowed.len() < ANSWERS_MAX => {
                state.allowed.push(exactly(target))
            }
            Answer::Session | Answer::Always => {}
            Answer::Deny(reason) => {
                let now = Instant::now();
                state.denied.retain(|_, (until, _)| *until > now);
                if state.denied.len() < ANSWERS_MAX {
                    state.denied.insert(target.clone(), (now + self.bounds.denial, reason.clone()));
                }
            }
        }
    }
}

enum Entered {
    Waiting(watch::Receiver<Option<Answer>>),
    Asking(watch::Sender<Option<Answer>>),
}

async fn wait(mut waiting: watch::Receiver<Option<Answer>>) -> Option<Answer> {
    waiting.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone())
}

fn told(answer: Answer) -> Result<(), String> {
    match answer {
        Answer::Once | Answer::Session | Answer::Always => Ok(()),
        Answer::Deny(reason) => Err(reason),
    }
}

/// Returns the place that is this target and nothing else.
pub(super) fn exactly(target: &Target) -> Place {
    Place { pattern: HostPattern::exactly(&target.host), port: Some(target.port()) }
}
