//! A permission profile of Codex, in its `config.toml`.

use policy::network::host::HostPattern;

use super::loss::{comments, environment, kernel_calls, of_all, pins, stricter, weaker};
use super::quote::{Inexpressible, codex as key, toml};
use super::view::View;
use super::{Export, File};
use crate::plan::{Root, Zone};

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    let mut losses = of_all(view);
    losses.extend([
        environment(),
        kernel_calls(),
        weaker("var-run", "/var/run is the machine's own where it is no link to /run"),
        stricter(
            "private-directories",
            "/tmp, /var/tmp and /run are closed: point TMPDIR to a directory that may be written",
        ),
    ]);
    if view.has_held() {
        losses.push(pins());
    }
    let limits = view.limits_but(&[]);
    if !limits.is_empty() {
        losses.push(weaker("limits", format!("nothing holds the limits on {}", limits.join(", "))));
    }
    let mut entries: Vec<(String, &str)> = Vec::new();
    match view.root {
        Root::Host => entries.push(("\":root\"".to_owned(), "read")),
        Root::Empty => {
            entries.push(("\":minimal\"".to_owned(), "read"));
            losses.push(weaker("closed-profile", "what Codex counts as least is there to be read besides"));
        }
    }
    // A key stands once, and what comes later in the plan counts.
    let mut line = |path: &policy::AbsPath, access: &'static str| -> Result<(), Inexpressible> {
        let key = key(path)?;
        entries.retain(|(known, _)| *known != key);
        entries.push((key, access));
        Ok(())
    };
    view.readable().try_for_each(|path| line(path, "read"))?;
    // A link cannot be covered, and on most systems this one leads to /run.
    for zone in view.zones().filter(|zone| *zone != Zone::VarRun) {
        line(&policy::AbsPath::root().join(zone.path()), "deny")?;
    }
    view.writable().try_for_each(|path| line(path, "write"))?;
    view.read_only().try_for_each(|(path, _)| line(path, "read"))?;
    for (path, parts, _) in view.hidden() {
        line(path, "deny")?;
        parts.iter().try_for_each(|path| line(path, "read"))?;
    }
    if view.hidden().any(|(_, parts, _)| parts.iter().any(|part| !view.writable().any(|root| root == part))) {
        losses.push(stricter("opened-again", "a part of a hidden directory that could be read stays hidden"));
    }
    let files: String = entries.iter().map(|(key, access)| format!("{key} = \"{access}\"\n")).collect();
    let hosts = hosts(view, &mut losses)?;
    let text = format!(
        "# Written by `palisade sandbox export codex`: do not edit, export again.\n# Put it into `$CODEX_HOME/config.toml`; older \
         settings (`sandbox_mode`) must not stand beside it.\n# Try it with: codex sandbox -- COMMAND\n#\n# What is lost:\n{}\n\
         default_permissions = \"palisade\"\n\n[permissions.palisade.filesystem]\n{files}\n{hosts}",
        comments("#", &losses)
    );
    Ok(Export { files: vec![File::plain("config.toml", text)], losses })
}

/// Returns the part about the network. Entries of this form have no port, so that one that names a port is left out.
fn hosts(view: &View<'_>, losses: &mut Vec<super::Loss>) -> Result<String, Inexpressible> {
    let mut allowed: Vec<String> = Vec::new();
    for (pattern, port) in view.allowed() {
        let name = pattern.to_string();
        let is_plain = match pattern {
            HostPattern::Any => false,
            HostPattern::Below(_) | HostPattern::Address(_) => true,
            HostPattern::Labels(labels) => !labels.iter().any(|label| label.contains('*')),
        };
        if !is_plain || !matches!(port, 80 | 443) {
            losses.push(stricter(
                "hosts",
                format!("`{name}:{port}` is left out: an entry has no port, and no star within a name"),
            ));
        } else if !allowed.contains(&name) {
            allowed.push(name);
        }
    }
    if allowed.is_empty() {
        losses.push(stricter("loopback", "no socket of the network can be made: tests cannot talk to themselves"));
        return Ok("[permissions.palisade.network]\nenabled = false\n".to_owned());
    }
    losses.push(weaker("ports", "a host that may be reached can be reached at every port"));
    let mut text =
        "[permissions.palisade.network]\nenabled = true\n\n[permissions.palisade.network.domains]\n".to_owned();
    allowed.iter().for_each(|name| text.push_str(&format!("{} = \"allow\"\n", toml(name))));
    for place in view.denied() {
        let is_plain = match &place.pattern {
            HostPattern::Any | HostPattern::Below(_) | HostPattern::Address(_) => true,
            HostPattern::Labels(labels) => !labels.iter().any(|label| label.contains('*')),
        };
        if !is_plain {
            return Err(Inexpressible::new("codex", place.to_string(), "a star within a name cannot be denied"));
        }
        // Without its port a denial covers more, which is the safe side.
        text.push_str(&format!("{} = \"deny\"\n", toml(&place.pattern.to_string())));
    }
    Ok(text)
}
