//! The contact centre of one tenant as a value: inputs go in with a time, outputs come out.
//!
//! ```text
//!   bytes ──▶ sip ──▶ ┌──────────┐ ──▶ sip ──▶ bytes
//!   media events ───▶ │ Exchange │ ──▶ media commands
//!   plugin replies ─▶ │ calls,acd│ ──▶ questions
//!   commands ───────▶ └──────────┘ ──▶ facts, replies
//! ```
//! There is no socket, clock, thread or plugin here. The same inputs at the same times give the same outputs, byte for byte; so a working day is a test, and
//! a bug report is a list of inputs.

mod admission;
mod attempts;
mod calls;
mod check;
mod command;
mod control;
mod encryption;
mod exchange;
mod handout;
mod line;
mod lines;
mod listening;
mod lookups;
mod memory;
mod messages;
mod ports;
mod question;
mod queueing;
mod recent;
mod registration;
mod routing;
mod sound;
mod tape_writer;
mod taping;
mod transfer;
mod trunking;

use std::{path::PathBuf, sync::Arc};

use plugboard_model::{Configuration, Event, TenantId};
use plugboard_sip as sip;

pub use check::Census;
pub use command::{
    AgentSnapshot, CallSnapshot, Command, CommandError, CommandId, PeerSnapshot, QueueSnapshot, Reply, Snapshot,
    TrunkSnapshot,
};
pub use exchange::{Exchange, Input, Output};
pub use handout::{Handout, Leave, MASKED_KINDS, UNMASKABLE};
pub use memory::Memory;
pub use question::{Answer, FlowStep, Question, QuestionId, QuestionKind};
pub use routing::Routing;
pub use tape_writer::TapeWriter;
pub use taping::{Piece, Taped};

/// What stays the same for an exchange's life.
#[derive(Clone, Debug)]
pub struct Settings {
    pub tenant: TenantId,
    /// Marks what is ours on the wire, so that a front can tell exchanges apart: letters and digits, at most 16.
    pub token: String,
    /// The host part of addresses that we write: a domain of the tenant or our own address.
    pub host: String,
    /// What stands in Via and Contact, per transport.
    pub advertised: Vec<(sip::Transport, sip::HostPort)>,
    /// Where recordings go, a folder a day below it.
    pub recordings: PathBuf,
    /// The tune for those who wait where no hold music is configured.
    pub hold_music: Option<PathBuf>,
    /// Above every number that an interaction, leg or recording of this tenant ever had.
    pub last_id: u64,
    /// `seq` of the last event of this tenant; 0 if there is none.
    pub last_seq: u64,
    /// Tags and branches come from it: unpredictable in production.
    pub seed: u64,
    /// Seals the challenges that phones answer: unpredictable in production.
    pub secret: [u8; 32],
    /// What phones are challenged for, the preferred one first.
    pub digest: Vec<sip::digest::Algorithm>,
}

/// A configuration, ready to use.
pub type SharedConfiguration = Arc<Configuration>;

/// A fact that was just appended, shared with whoever listens.
pub type SharedEvent = Arc<Event>;
