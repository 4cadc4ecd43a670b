//! The edge's sockets and threads.
#![allow(clippy::disallowed_methods, reason = "this crate is the edge: sockets, clocks and threads are made here")]

pub mod media_plane;
pub mod sip_sockets;
pub mod tls;
