//! Callers and agent phones on one clock, for benchmarks that are run by name.
//!
//! One thread places calls, answers them and speaks RTP, over loopback only and bounded in time and number; so every latency is the difference
//! of two readings of one clock. [`Load`] is that thread, [`host`] starts what it loads, [`bench`] holds the benchmarks, [`peers`] what others reach.
//!
//! The server is pinned to core 0 and the load to core 1. Processor time is user + system time of the server's process within the steady window
//! (`/proc/PID/stat`); on a busy machine it stays comparable while latencies do not, so [`figures::Window`] also tells how much of the
//! server's core others took and how late the load itself was.
#![allow(clippy::disallowed_methods, reason = "an instrument owns its clock, its sockets and its waits")]

pub mod agents;
pub mod audio;
pub mod bench;
pub mod callers;
pub mod crm;
pub mod digest;
pub mod figures;
pub mod host;
pub mod peers;
pub mod process;
pub mod run;
pub mod schedule;
pub mod sip;

pub use run::{Load, Plan, RunError, Server};
