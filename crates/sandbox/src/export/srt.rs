//! Settings of `@anthropic-ai/sandbox-runtime`. A name that could be a pattern is marked as none.

use policy::AbsPath;
use policy::network::host::{HostPattern, Place};
use serde_json::{Value, json};

use super::loss::{environment, kernel_calls, of_all, stricter, weaker};
use super::quote::Inexpressible;
use super::view::View;
use super::{Export, File};
use crate::plan::Root;

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    let mut losses = of_all(view);
    losses.extend([
        environment(),
        kernel_calls(),
        weaker(
            "private-directories",
            "/tmp, /var/tmp and /run are the machine's own and can be read; /tmp/claude can be written",
        ),
        weaker("own-files", "`.npm/_logs` and `.claude/debug` of the home directory can be written"),
        stricter("private-directories-written", "/tmp and /var/tmp cannot be written"),
    ]);
    let limits = view.limits_but(&[]);
    if !limits.is_empty() {
        losses.push(weaker("limits", format!("nothing holds the limits on {}", limits.join(", "))));
    }
    let mut allowed = Vec::new();
    for (pattern, port) in view.allowed() {
        match pattern {
            HostPattern::Any => {
                let why = "no entry of this form allows every host";
                losses.push(stricter("hosts", format!("`*:{port}` is left out: {why}")));
            }
            HostPattern::Labels(labels) if labels.iter().any(|label| label.contains('*')) => {
                losses.push(stricter(
                    "hosts",
                    format!("`{pattern}:{port}` is left out: a star stands for whole names only"),
                ));
            }
            HostPattern::Below(_) | HostPattern::Labels(_) | HostPattern::Address(_) => {
                allowed.push(format!("{pattern}:{port}"))
            }
        }
    }
    let mut denied = Vec::new();
    for place in view.denied() {
        denied.push(deny(place)?);
    }
    let mut deny_read: Vec<Value> = Vec::new();
    let mut allow_read: Vec<Value> = Vec::new();
    if view.root == Root::Empty {
        deny_read.push(json!("/"));
        allow_read.extend(view.readable().chain(view.writable()).map(entry));
    }
    for (path, parts, _) in view.hidden() {
        deny_read.push(entry(path));
        allow_read.extend(parts.iter().map(entry));
        // What may be written in what is hidden can be read there.
        allow_read.extend(view.writable().filter(|root| root.is_within(path)).map(entry));
    }
    let value = json!({
        "network": {"allowedDomains": allowed, "deniedDomains": denied},
        "filesystem": {
            "denyRead": deny_read,
            "allowRead": allow_read,
            "allowWrite": view.writable().map(entry).collect::<Vec<_>>(),
            "denyWrite": view.read_only().map(|(path, _)| entry(path)).collect::<Vec<_>>(),
        },
    });
    Ok(Export { files: vec![File::plain("srt-settings.json", format!("{value:#}\n"))], losses })
}

/// Returns a path as an entry that means it and nothing else.
fn entry(path: &AbsPath) -> Value {
    let path = path.as_str();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._+@=:,- ".contains(letter);
    if path.chars().all(is_plain) { json!(path) } else { json!({"path": path, "literal": true}) }
}

/// Returns a denial; one that this form cannot say is refused, since without it more would be reached.
fn deny(place: &Place) -> Result<String, Inexpressible> {
    match &place.pattern {
        HostPattern::Labels(labels) if labels.iter().any(|label| label.contains('*')) => {
            Err(Inexpressible::new("srt", place.to_string(), "a star within a name cannot be denied"))
        }
        HostPattern::Any | HostPattern::Below(_) | HostPattern::Labels(_) | HostPattern::Address(_) => {
            Ok(place.to_string())
        }
    }
}
