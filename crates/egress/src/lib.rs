//! The proxy through which every connection of a confined program goes.
//!
//! A host is read once ([`host`]), judged by the rules of the network ([`network`]), resolved once, each address
//! checked ([`address`]), and dialled as checked. What the wire says is read by functions over bytes that never
//! panic and refuse what readers disagree about.
//!
//! It opens no listening socket of its own: listeners are passed in, made where the confined program sees them.
//!
//! Read first: [`host`], [`network`], then [`proxy`].

pub mod address;
pub mod credential;
pub mod host;
pub mod limits;
pub mod network;
pub mod proxy;
pub mod rules;
pub mod wire;

pub use address::{Reach, Surroundings};
pub use host::{Host, HostFault, HostPattern, Place, Target};
pub use limits::Bounds;
pub use network::{Network, RuleName, Ruling, Words};
