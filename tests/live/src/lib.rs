//! The real process on loopback: what the live tests start, call, kill and ask.
//!
//! [`Host`] is `plugboard serve` as a child process with a folder of its own; [`Events`] follows its WebSocket; [`Sipp`] is a peer from
//! `sip-tester`; [`Ear`] is the sound of phones that have none. Rules of the house are tested in the crates and in virtual time; here only
//! what a socket, a disk or a kill can break.
#![allow(clippy::disallowed_methods, reason = "this is the edge: processes, sockets and the clock are what is tested")]
#![allow(clippy::unwrap_used, reason = "a fixture of tests: what cannot be set up fails the test")]

mod baresip;
mod calls;
mod certificates;
mod digest;
mod ear;
mod events;
mod host;
mod peer;
mod program;
mod sipp;
mod tenant;

pub use baresip::{Baresip, Speaks};
pub use certificates::Authority;
pub use ear::{Ear, Hearing, Packet, Sound, sounds_of_file};
pub use events::{Events, count};
pub use host::{Host, Killed, Surroundings};
pub use peer::{HttpMessage, serve_http};
pub use program::{demo, plugboard, plugins};
pub use sipp::{Row, Sipp, free_port};
pub use tenant::{Tenant, tone};
