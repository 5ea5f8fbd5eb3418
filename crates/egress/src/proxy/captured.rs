//! Programs that know no proxy: a question for a name is answered with an address of the pool, and a connection to
//! that address is one to the name.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use tokio::net::UdpSocket;

use super::Shared;
use super::admit::End;
use super::dial;
use super::http::answer;
use super::record::{Caller, Way};
use super::stream::Stream;
use super::tunnel::{Speech, speech};
use crate::host::{Host, Target};
use crate::limits::{POOL_LIFETIME_S, QUERY_BYTES_MAX};
use crate::wire::dns::{self, Answer, Query};
use crate::wire::hello::{self, Alert};

impl Shared {
    /// Serves a connection that was made to an address of the pool.
    pub(super) async fn captured(&self, client: Stream, caller: &Arc<Caller>) {
        let Ok(local) = client.tcp.local_addr() else { return };
        let Some(target) = self.named(local) else {
            let reason = format!("{local} stands for no name");
            self.write_unread(caller, Way::Captured, None, &reason).await;
            return self.turn_away(client, &reason).await;
        };
        let refused = match self.admit(target.clone(), caller, Way::Captured).await {
            Err(refused) => refused,
            Ok(admitted) => match self.dial(&admitted, dial::Speech::Any).await {
                Ok(dialled) => return self.tunnel(client, dialled, &admitted).await,
                Err(refused) => {
                    admitted.end(self, None, (0, 0), End::plain(&refused.reason));
                    refused
                }
            },
        };
        let reason = format!("the connection to `{target}` is refused: {}", refused.reason);
        self.turn_away(client, &reason).await;
    }

    fn named(&self, local: SocketAddr) -> Option<Target> {
        let IpAddr::V4(address) = Host::from_address(local.ip()).as_address()? else { return None };
        let host = self.pool.lock().unwrap_or_else(PoisonError::into_inner).name(address)?;
        Target::new(host, local.port()).ok()
    }

    /// Says no in the words in which the client speaks.
    async fn turn_away(&self, mut client: Stream, reason: &str) {
        let said = tokio::time::timeout(self.bounds.head, client.fill()).await;
        match said.ok().and_then(|_| speech(&client.buffer)) {
            Some(Speech::Tls) => client.part(&hello::alert(Alert::AccessDenied)).await,
            Some(Speech::Requests) => client.part(&answer("403 Forbidden", reason, "")).await,
            Some(Speech::Other) | None => {}
        }
    }

    /// Answers questions for names until the socket breaks.
    pub(super) async fn questions(&self, socket: UdpSocket, caller: &Caller) {
        let mut buffer = [0; QUERY_BYTES_MAX + 1];
        loop {
            let Ok((count, from)) = socket.recv_from(&mut buffer).await else {
                // What was sent back could not be delivered; the next question may be another's.
                tokio::time::sleep(core::time::Duration::from_millis(5)).await;
                continue;
            };
            let answer = match dns::read(buffer.get(..count).unwrap_or_default()) {
                Ok(query) => Some(dns::respond(&query, self.answer(&query, caller), POOL_LIFETIME_S)),
                Err(fault) => dns::refuse(fault),
            };
            if let Some(answer) = answer {
                // Who does not get an answer asks again.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    }

    /// Answers from the rules alone: nobody outside learns of the question.
    fn answer(&self, query: &Query, caller: &Caller) -> Answer {
        let Ok(host) = &query.host else { return Answer::NoName };
        if host.as_name().is_none() || !self.may_resolve(host, caller) {
            // The next server is as good as this one; who asks without end is told nothing.
            return if self.write_question(host, caller) { Answer::NoName } else { Answer::Failure };
        }
        if query.kind != dns::TYPE_A {
            return Answer::Empty;
        }
        let address = self.pool.lock().unwrap_or_else(PoisonError::into_inner).address(host);
        address.map_or(Answer::Failure, Answer::Address)
    }
}
