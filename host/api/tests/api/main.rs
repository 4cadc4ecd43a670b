//! The API over a real socket: each status and each refusal, as a client sees it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "these tests stand at the edge, and may fail")]

mod access;
mod calls;
mod client;
mod configuration;
mod contract;
mod door;
mod double;
mod figures;
mod handing;
mod live;
mod messages;
mod packs;
mod records;
mod usage;

const DEMO: &str = "/v1/tenants/demo";
