//! A model server that says what a script says.
//!
//! It speaks as much of the Messages API as the client uses: `POST /v1/messages`, streamed or
//! not. Whatever else is asked gets a harmless answer. One request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// The largest request body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;

/// How long one read or write may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the person says first.
pub const FIRST_WORD: &str = "go";

/// What the model says after the last scripted turn.
pub const LAST_WORD: &str = "the script is over";

/// One tool call of the model.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its identifier, which everything about it carries.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// The tool's input.
    pub input: Value,
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Model {
    /// Starts a server on a free port of loopback that makes these calls, turn by turn.
    pub fn start(turns: Vec<Vec<Call>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            // A request may wait for another: one thread each, all ended before this one.
            let turns = &turns;
            std::thread::scope(|scope| {
                while let Ok((stream, _)) = listener.accept() {
                    if seen.load(Ordering::SeqCst) {
                        break;
                    }
                    scope.spawn(move || drop(serve(&stream, turns)));
                }
            });
        });
        Self { address, over, thread: Some(thread) }
    }

    /// Returns the base URL for the client.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            drop(thread.join());
        }
    }
}

/// A client that goes away is no failure here: what it lacks shows in the transcript.
fn serve(stream: &TcpStream, turns: &[Vec<Call>]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (method, path, body) = read(stream)?;
    let (kind, answer) = match (method.as_str(), path.as_str()) {
        ("POST", "/v1/messages") => messages(&body, turns),
        ("POST", "/v1/messages/count_tokens") => ("application/json", json!({"input_tokens": 1}).to_string()),
        _ => ("application/json", "{}".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    let answer = if method == "HEAD" { "" } else { &answer };
    let mut stream = stream;
    stream.write_all(format!("{head}{answer}").as_bytes())
}

/// Returns the method, the path without its query, and the body of a request.
fn read(stream: &TcpStream) -> std::io::Result<(String, String, Value)> {
    let mut reader = BufReader::new(stream.take(BODY_BYTES_MAX as u64));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().and_then(|target| target.split('?').next()).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; usize::min(length, BODY_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    Ok((method, path, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn messages(request: &Value, turns: &[Vec<Call>]) -> (&'static str, String) {
    let said = request["messages"]
        .as_array()
        .map_or(0, |messages| messages.iter().filter(|message| message["role"] == "assistant").count());
    let has_tools = request["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let first = request["messages"][0]["content"].clone();
    let opens = |text: &Value| text == FIRST_WORD;
    let is_main =
        opens(&first) || first.as_array().is_some_and(|blocks| blocks.iter().any(|block| opens(&block["text"])));
    let blocks = match turns.get(said) {
        // A request without tools is a side question, such as the title of the session; one that begins with
        // other words is an agent's of the session.
        _ if !has_tools || !is_main => vec![json!({"type": "text", "text": "an aside"})],
        Some(calls) => calls.iter().map(block).collect(),
        None => vec![json!({"type": "text", "text": LAST_WORD})],
    };
    let stop = if blocks.iter().any(|block| block["type"] == "tool_use") { "tool_use" } else { "end_turn" };
    let message = json!({
        "id": format!("msg_{said}"), "type": "message", "role": "assistant", "model": request["model"],
        "content": blocks, "stop_reason": stop, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    if request["stream"] == true {
        ("text/event-stream", events(message))
    } else {
        ("application/json", message.to_string())
    }
}

fn block(call: &Call) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.tool, "input": call.input})
}

/// Returns a message as the events of its stream.
///
/// 1. `message_start` with the message, empty.
/// 2. For each block its start, empty; all of it as one delta; its stop.
/// 3. `message_delta` with the reason to stop, and `message_stop`.
fn events(mut message: Value) -> String {
    let blocks = std::mem::replace(&mut message["content"], json!([]));
    let stop = message["stop_reason"].take();
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, block) in blocks.as_array().into_iter().flatten().enumerate() {
        let mut start = block.clone();
        let delta = if block["type"] == "tool_use" {
            start["input"] = json!({});
            json!({"type": "input_json_delta", "partial_json": block["input"].to_string()})
        } else {
            start["text"] = json!("");
            json!({"type": "text_delta", "text": block["text"]})
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect()
}
