//! A program that answers questions, by lines of JSON on a socket. What it says must be exactly an answer: the first
//! line that is none ends the conversation, and without a conversation every answer is no.

mod wire;

use std::collections::HashMap;
use std::io;
use std::os::unix::net;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::answers::{Answer, Answering, Decider, Question};
use crate::limits::LINE_BYTES_MAX;

/// Questions on the way to the conversation.
const WAITING_MAX: usize = 32;

/// A question, and where its answer goes.
type Asked = (Question, oneshot::Sender<Answer>);

/// The side of the proxy.
#[derive(Debug, Clone)]
pub struct Lines(mpsc::Sender<Asked>);

/// The side of the program: whoever started it keeps this going beside the proxy.
#[derive(Debug)]
pub struct Conversation {
    stream: net::UnixStream,
    asked: mpsc::Receiver<Asked>,
}

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
pub enum Over {
    /// The socket broke or was closed.
    #[error("the decider is gone")]
    Gone(#[source] io::Error),
    /// It said what is no answer.
    #[error("the decider said what is no answer")]
    Junk,
}

impl Lines {
    /// Returns the two sides of a conversation with the program behind a socket.
    pub fn new(stream: net::UnixStream) -> (Self, Conversation) {
        let (sender, asked) = mpsc::channel(WAITING_MAX);
        (Self(sender), Conversation { stream, asked })
    }
}

impl Decider for Lines {
    fn ask(&self, question: Question) -> Answering {
        let sender = self.0.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            // Where either side is gone there is no answer.
            let _ = sender.send((question, answer)).await;
            answered.await.unwrap_or_else(|_| Answer::Deny("the decider is gone".to_owned()))
        })
    }
}

impl Conversation {
    /// Goes on until the program is gone or says what is no answer, or the proxy is gone.
    pub async fn run(mut self) -> Result<(), Over> {
        self.stream.set_nonblocking(true).map_err(Over::Gone)?;
        let (reader, mut writer) = UnixStream::from_std(self.stream).map_err(Over::Gone)?.into_split();
        let mut reader = BufReader::new(reader);
        let mut open: HashMap<u64, oneshot::Sender<Answer>> = HashMap::new();
        let (mut number, mut line) = (0, Vec::new());
        loop {
            let left = (LINE_BYTES_MAX - line.len().min(LINE_BYTES_MAX)) as u64;
            let mut limited = (&mut reader).take(left);
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some((question, answer)) = asked else { return Ok(()) };
                    number += 1;
                    // Who has waited too long does not wait any more.
                    open.retain(|_, waiting| !waiting.is_closed());
                    open.insert(number, answer);
                    writer.write_all(&wire::question(number, &question)).await.map_err(Over::Gone)?;
                }
                read = limited.read_until(b'\n', &mut line) => {
                    read.map_err(Over::Gone)?;
                    if line.is_empty() {
                        return Err(Over::Gone(io::ErrorKind::UnexpectedEof.into()));
                    }
                    let (number, answer) = wire::answer(&line).ok_or(Over::Junk)?;
                    line.clear();
                    // An answer to what nobody asked, or asks any more, is none.
                    if let Some(waiting) = open.remove(&number) {
                        let _ = waiting.send(answer);
                    }
                }
            }
        }
    }
}
