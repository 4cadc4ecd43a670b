//! One exchange, its phones, the network between them, the media plane and the components, on one virtual clock.
//!
//! ```text
//!   phones (sip::Endpoint) ⇄ network (delay, loss, copies) ⇄ Exchange ⇄ plane (no RTP: lengths stand for sound)
//!                                                               ⇅  ⇅
//!                                           components (real WebAssembly)  committer (a delay)
//! ```
//! Nothing sleeps and nothing reads a clock, so a day takes seconds, and the same seed gives the same events byte for byte.
#![allow(clippy::disallowed_methods, reason = "the guests are built by cargo, and a day's wall time is measured")]
#![allow(clippy::unwrap_used, reason = "a world for tests: what goes wrong here should stop the test")]

mod chance;
mod components;
pub mod day;
mod deeds;
mod desk;
mod ladder;
mod phone;
mod plane;
mod reflexes;
mod story;
pub mod tenant;
mod world;

pub use chance::Chance;
pub use components::{Components, Fault, System};
pub use phone::{LineId, Manners, Outcome, Phone, PhoneId, Then};
pub use plane::Plane;
pub use world::{Weather, World};
