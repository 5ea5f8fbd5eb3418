//! A person at the client's prompt, over the control protocol that the client's SDK speaks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A person who approves some calls and no others.
#[derive(Debug)]
pub struct Person {
    /// The calls that this person approves.
    pub approves: Vec<String>,
    /// What the person was asked: for each call, the client's request, with the `input` as it is shown.
    pub asked: BTreeMap<String, Value>,
}

impl Person {
    /// Returns a person who approves these calls.
    pub fn new(approves: &[&str]) -> Self {
        Self { approves: approves.iter().map(|id| (*id).to_owned()).collect(), asked: BTreeMap::new() }
    }

    /// Returns what to write to the client after a line of its stream; without a line, what to begin
    /// with. None when there is nothing more to say.
    pub fn hear(&mut self, line: Option<&str>) -> Option<String> {
        let Some(line) = line else {
            let initialize =
                json!({"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}});
            let message = json!({"role": "user", "content": "go"});
            let go = json!({"type": "user", "message": message, "parent_tool_use_id": null, "session_id": ""});
            return Some(format!("{initialize}\n{go}\n"));
        };
        let event: Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str() {
            Some("control_request") => Some(format!("{}\n", self.answer(&event))),
            Some("result") => None,
            _ => Some(String::new()),
        }
    }

    fn answer(&mut self, event: &Value) -> Value {
        let request = &event["request"];
        let id = request["tool_use_id"].as_str().unwrap_or_default();
        let response = if self.approves.iter().any(|approved| approved == id) {
            json!({"behavior": "allow", "updatedInput": request["input"]})
        } else {
            json!({"behavior": "deny", "message": "the person says no"})
        };
        self.asked.insert(id.to_owned(), request.clone());
        let response = json!({"subtype": "success", "request_id": event["request_id"], "response": response});
        json!({"type": "control_response", "response": response})
    }
}
