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
            let Hatches { sockets, every_socket, forwards, published, http_proxy, socks_proxy, logins } = said;
            let own = &mut self.policy.hatches;
            own.sockets.extend(sockets.iter().cloned());
            own.every_socket = own.every_socket.take().or_else(|| every_socket.clone());
            own.forwards.extend(forwards.iter().cloned());
            own.published.extend(published.iter().cloned());
            own.http_proxy = own.http_proxy.take().or_else(|| http_proxy.clone());
            own.socks_proxy = own.socks_proxy.take().or_else(|| socks_proxy.clone());
            own.logins.extend(logins.iter().cloned());
            return;
        }
        for (key, origin) in first(said) {
            let message = format!("`{key}` does not count in the files of a folder");
            self.report(Severity::Warning, origin, message, Some(ELSEWHERE.to_owned()));
        }
    }

    /// Where only the administrator allows hosts, only the administrator opens anything else.
    pub(super) fn settle_hatches(&mut self) {
        let Some(lock) = self.policy.network.managed_only.clone() else { return };
        let lost = lost(&self.policy.hatches);
        for (key, origin) in first(&lost) {
            let message = format!(
                "`{key}` opens nothing: `allowManagedDomainsOnly` of {} leaves that to managed files",
                lock.file
            );
            self.report(Severity::Warning, origin, message, None);
        }
        let Hatches { sockets, every_socket, forwards, published, http_proxy, socks_proxy, logins } =
            &mut self.policy.hatches;
        sockets.retain(is_managed);
        forwards.retain(is_managed);
        published.retain(is_managed);
        logins.retain(is_managed);
        *every_socket = every_socket.take().filter(is_managed);
        *http_proxy = http_proxy.take().filter(is_managed);
        *socks_proxy = socks_proxy.take().filter(is_managed);
    }
}

fn is_managed<T>(said: &Sourced<T>) -> bool {
    said.origin.scope == Scope::Managed
}

/// Returns what others than the administrator open.
fn lost(said: &Hatches) -> Hatches {
    fn others<T: Clone>(said: &[Sourced<T>]) -> Vec<Sourced<T>> {
        said.iter().filter(|one| !is_managed(one)).cloned().collect()
    }
    let Hatches { sockets, every_socket, forwards, published, http_proxy, socks_proxy, logins } = said;
    Hatches {
        sockets: others(sockets),
        every_socket: every_socket.clone().filter(|one| !is_managed(one)),
        forwards: others(forwards),
        published: others(published),
        http_proxy: http_proxy.clone().filter(|one| !is_managed(one)),
        socks_proxy: socks_proxy.clone().filter(|one| !is_managed(one)),
        logins: others(logins),
    }
}

/// Returns where each key stands first.
fn first(said: &Hatches) -> Vec<(&'static str, &Origin)> {
    let Hatches { sockets, every_socket, forwards, published, http_proxy, socks_proxy, logins } = said;
    let keys = [
        ("sandbox.network.allowUnixSockets", sockets.first().map(|one| &one.origin)),
        ("sandbox.network.allowAllUnixSockets", every_socket.as_ref().filter(|one| one.value).map(|one| &one.origin)),
        ("sandbox.network.forwardPorts", forwards.first().map(|one| &one.origin)),
        ("sandbox.network.publishPorts", published.first().map(|one| &one.origin)),
        ("sandbox.network.httpProxyPort", http_proxy.as_ref().map(|one| &one.origin)),
        ("sandbox.network.socksProxyPort", socks_proxy.as_ref().map(|one| &one.origin)),
        ("sandbox.credentials.ssh", logins.first().map(|one| &one.origin)),
    ];
    keys.into_iter().filter_map(|(key, origin)| Some((key, origin?))).collect()
}
