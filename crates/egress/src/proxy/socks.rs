//! The proxy's side of SOCKS.

use std::sync::Arc;

use super::admit::{Cause, End};
use super::dial::Speech;
use super::record::{Caller, Way};
use super::stream::{Stream, Unread};
use super::{Shared, Token};
use crate::host::Target;
use crate::wire::socks::{self, Method, Reply, Request, SocksFault};

impl Shared {
    /// Serves a client that speaks SOCKS.
    pub(super) async fn socks(&self, mut client: Stream, caller: &Arc<Caller>, token: Option<&Token>) {
        if client.buffer.first() == Some(&socks::VERSION_BEFORE) {
            self.write_unread(caller, Way::Socks, None, "SOCKS of version 4 is not served").await;
            return client.part(&socks::REFUSED_BEFORE).await;
        }
        if self.greet(&mut client, token).await.is_none() {
            self.write_unread(
                caller,
                Way::Socks,
                None,
                "the client has no token, or cannot go on without a way of its own",
            )
            .await;
            return client.part(&[]).await;
        }
        let limit = self.bounds.head;
        match client.read(limit, socks::read_request).await {
            Ok(Request::Connect(target)) => self.socks_connect(client, target, caller).await,
            Ok(Request::Other(command)) => {
                self.write_unread(caller, Way::Socks, None, &format!("command {command} of SOCKS is not served")).await;
                client.part(&socks::reply(Reply::Unknown)).await;
            }
            Err(Unread::Fault(fault)) => {
                let reply = match fault {
                    SocksFault::Address => Reply::Address,
                    SocksFault::Form | SocksFault::Host(_) => Reply::Failure,
                };
                self.write_unread(caller, Way::Socks, None, &format!("the request {fault}")).await;
                client.part(&socks::reply(reply)).await;
            }
            Err(Unread::Closed | Unread::Late) => {}
        }
    }

    /// Finds a way that both can go; `None` where there is none.
    async fn greet(&self, client: &mut Stream, token: Option<&Token>) -> Option<()> {
        let limit = self.bounds.head;
        let greeting = client.read(limit, socks::read_greeting).await.ok()?;
        let method = match token {
            None if greeting.offers_none => Method::None,
            // A client that sends a name where none is wanted may.
            _ if greeting.offers_password => Method::Password,
            None | Some(_) => Method::Unacceptable,
        };
        client.send(&socks::choose(method), limit).await.ok()?;
        match method {
            Method::None => Some(()),
            Method::Password => {
                let password = client.read(limit, socks::read_password).await.ok()?;
                let is_right = token.is_none_or(|token| token.is(&password));
                client.send(&socks::admit(is_right), limit).await.ok()?;
                is_right.then_some(())
            }
            Method::Unacceptable => None,
        }
    }

    async fn socks_connect(&self, mut client: Stream, target: Target, caller: &Arc<Caller>) {
        let admitted = match self.admit(target, caller, Way::Socks).await {
            Ok(admitted) => admitted,
            Err(refused) => return client.part(&socks::reply(reply(refused.cause))).await,
        };
        match self.dial(&admitted, Speech::Any).await {
            Ok(dialled) => {
                if client.send(&socks::reply(Reply::Done), self.bounds.head).await.is_ok() {
                    return self.tunnel(client, dialled, &admitted).await;
                }
                admitted.end(self, dialled.address, (0, 0), End::plain("the client went away"));
            }
            Err(refused) => {
                admitted.end(self, None, (0, 0), End::plain(&refused.reason));
                client.part(&socks::reply(reply(refused.cause))).await;
            }
        }
    }
}

fn reply(cause: Cause) -> Reply {
    match cause {
        Cause::Rule => Reply::Refused,
        Cause::Name => Reply::Unreachable,
        Cause::Unreachable => Reply::Closed,
        Cause::Late => Reply::Late,
    }
}
