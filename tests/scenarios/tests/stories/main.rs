//! What a contact centre must do, told call by call.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod agents_phone;
mod at_the_door;
mod chaos;
mod connectors;
mod days;
mod flows;
mod handing_out;
mod hang_up;
mod happy;
mod listening;
mod matrix;
mod own_calls;
mod queues;
mod real_rules;
mod relaxing;
mod replays;
mod routing;
mod rules;
mod rules_at_the_door;
mod scene;
mod sending;
mod stage;
mod sticky;
mod storage;
mod transfers;
mod trunks;
mod walk;
