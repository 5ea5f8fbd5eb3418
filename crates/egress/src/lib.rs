//! The proxy through which every connection of a confined program goes.
//!
//! A host is read once ([`host`]), judged by the rules of the network ([`network`]), resolved once, each address
//! checked ([`address`]), and dialled as checked. What the wire says is read by functions over bytes that never
//! panic and refuse what readers disagree about.
//!
//! Requests that can be seen, because they are in clear text or their TLS ends here, are judged by [`rules`], and
//! placeholders and secrets of [`credential`] change places in them.
//!
//! It opens no listening socket of its own: listeners are passed in, made where the confined program sees them.
//!
//! Read first: [`host`], [`network`], then [`proxy`].

pub mod credential;
pub mod limits;
mod own;
pub mod proxy;
pub mod rules;
pub mod wire;

pub use limits::Bounds;
pub use own::surroundings;
pub use policy::network;
pub use policy::network::address::{self, Reach, Surroundings};
pub use policy::network::host::{self, Host, HostFault, HostPattern, Place, Target};
pub use policy::network::{Network, RuleName, Ruling, Words};
