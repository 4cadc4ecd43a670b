//! SIP without sockets, clock or threads (RFC 3261 and its companions).
//!
//! Bytes and time go in, bytes and events come out:
//!
//! ```text
//! endpoint.handle_input(now, Input::Received { source, bytes });
//! while let Some(output) = endpoint.poll_output() { /* send, or act on the event */ }
//! // then wait for bytes, or until endpoint.poll_timeout(), and call handle_timeout(now)
//! ```
//!
//! `now` is the time since any fixed point and never runs backwards. Chance comes in as a seed, so the same inputs give the same bytes.
//!
//! From the wire inwards: [`Message`] reads what arrived without changing it; [`transaction`] repeats and absorbs;
//! [`Endpoint`] holds transactions and dialogs of one SIP element; [`Registrar`] keeps who is reachable where;
//! [`digest`] says who they are.

pub mod digest;
pub mod endpoint;
pub mod message;
mod method;
mod network;
mod registrar;
mod status;
pub mod transaction;

pub use endpoint::{CallHandle, Config, Endpoint, Event, Input, Invite, Output, RequestHandle};
pub use message::{MAX_FORWARDS, Message, Uri};
pub use method::Method;
pub use network::{HostPort, PeerName, Source, Target, Transport};
pub use registrar::{Binding, BindingChange, Lookup, Registrar, RegistrarConfig};
pub use status::Status;
