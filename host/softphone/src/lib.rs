//! Telephones made of software, for demonstrations, tests and load: real SIP over UDP, real RTP, no host needed.
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::time::Duration;
//! use plugboard_softphone::{Account, Config, Softphones};
//!
//! let phones = Softphones::start(Config::default()).await?;
//! let host = "127.0.0.1:5060".parse()?;
//! let amy = phones.phone(Account::new("amy", "secret", host).answers_after(Duration::from_millis(1_200))).await?;
//! amy.register(Duration::from_secs(3_600)).await?;
//! let caller = phones.phone(Account::new("13800138000", "", host)).await?;
//! let call = caller.call("8001").await?;
//! call.hears(Duration::from_secs(5)).await?;
//! call.send_digits("2", Duration::ZERO).await?;
//! # Ok(())
//! # }
//! ```
//!
//! One [`Softphones`] is one task with one UDP socket, one [`plugboard_sip::Endpoint`] and one media plane; its [`Phone`]s share them and are
//! told apart by the user part of the address that is called. All waits have a deadline. Dropping a handle ends nothing: calls last until
//! somebody hangs up, or until the last handle of a [`Softphones`] is gone.
#![allow(clippy::disallowed_methods, reason = "this crate is the edge: it reads the clock, waits and opens sockets")]

mod call;
mod config;
mod engine;
mod error;
pub mod ladder;
mod observe;
mod phone;
pub mod script;

pub use call::{Call, CallEvent, CallId, CallState, Ended, Origin, Phase};
pub use config::{Account, Behaviour, Config};
pub use error::{ActionError, CallError, RegisterError, StartError, WaitError};
pub use observe::{Direction, LadderEvent, Observer};
pub use phone::{Phone, Softphones};
pub use plugboard_media::{Codec, RecordingSummary, Statistics};
