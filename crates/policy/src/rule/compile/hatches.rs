//! What layers open besides the proxy: those of a person and the administrator alone, because a socket of the host can be
//! as much as the host.

use super::Compiler;
use crate::layer::{Hatches, Layer, Origin, Scope, Severity, Sourced};

const ELSEWHERE: &str = "write it into your own settings: a repository cannot open the host";

impl Compiler<'_> {
    /// Takes one layer in. Layers come from the highest down.
    pub(super) fn hatches(&mut self, layer: &Layer) {
        let said = &layer.sandbox.network.hatches;
        let may_open = match layer.scope {
            Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed => layer.trusted,
            Scope::Project | Scope::Local => false,
        };
        if may_open {
            let Hatches { sockets, forwards, published, http_proxy, socks_proxy, logins } = said;
            let own = &mut self.policy.hatches;
            own.sockets.extend(sockets.iter().cloned());
            own.forwards.extend(forwards.iter().cloned());
            own.published.extend(published.iter().cloned());
            own.http_proxy = own.http_proxy.take().or_else(|| http_proxy.clone());
            own.socks_proxy = own.socks_proxy.take().or_else(|| socks_proxy.clone());
            own.logins.extend(logins.iter().cloned());
            return;
        }
        for (key, origin) in first(said) {
            let message = format!("`sandbox.{key}` does not count in the files of a folder");
            self.report(Severity::Warning, origin, message, Some(ELSEWHERE.to_owned()));
        }
    }

    /// Where only the administrator allows hosts, only the administrator opens anything else.
    pub(super) fn settle_hatches(&mut self) {
        if self.policy.network.managed_only.is_none() {
            return;
        }
        let Hatches { sockets, forwards, published, http_proxy, socks_proxy, logins } = &mut self.policy.hatches;
        sockets.retain(is_managed);
        forwards.retain(is_managed);
        published.retain(is_managed);
        logins.retain(is_managed);
        *http_proxy = http_proxy.take().filter(is_managed);
        *socks_proxy = socks_proxy.take().filter(is_managed);
    }
}

fn is_managed<T>(said: &Sourced<T>) -> bool {
    said.origin.scope == Scope::Managed
}

/// Returns where each key stands first.
fn first(said: &Hatches) -> Vec<(&'static str, &Origin)> {
    let Hatches { sockets, forwards, published, http_proxy, socks_proxy, logins } = said;
    let keys = [
        ("network.allowUnixSockets", sockets.first().map(|one| &one.origin)),
        ("network.forwardPorts", forwards.first().map(|one| &one.origin)),
        ("network.publishPorts", published.first().map(|one| &one.origin)),
        ("network.httpProxyPort", http_proxy.as_ref().map(|one| &one.origin)),
        ("network.socksProxyPort", socks_proxy.as_ref().map(|one| &one.origin)),
        ("credentials.ssh", logins.first().map(|one| &one.origin)),
    ];
    keys.into_iter().filter_map(|(key, origin)| Some((key, origin?))).collect()
}
