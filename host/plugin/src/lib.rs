#![allow(
    clippy::disallowed_methods,
    reason = "this crate is of the edge: it owns threads and stops guests by the wall clock"
)]
//! Flows and routing policies as WebAssembly components: load, limit, ask, check the answer.
//!
//! ```text
//!   Question ──> Runtime (bounded queue, plugin threads) ──> Asker (instances) ──> guest
//!   Reply    <── callback <── answer checked at the door <──────────────────────────┘
//! ```
//!
//! [`Engine`] compiles components into [`FlowPlugin`]s and [`RoutingPlugin`]s, cheap handles that a question carries. [`Asker`] answers
//! questions on the caller's thread: tests in virtual time use it as it is. [`Runtime`] is some threads with an asker each. Native defaults
//! belong to whoever asks: here every way to fail is an [`AskFailure`], and the next question is answered by a new instance.

mod access;
mod account;
mod allowance;
mod ask;
mod asker;
mod bindings;
mod cache;
mod door;
mod engine;
mod http;
mod inspect;
mod instance;
mod kept;
mod kv;
mod limits;
mod load;
mod log;
mod moment;
mod outside;
mod quarantines;
mod room;
mod runtime;
mod ticker;
mod traces;
mod wasi;
mod world;

pub use plugboard_pack::quarantine::{Rules as QuarantineRules, Transition as QuarantineTransition};

pub use access::Access;
pub use account::{Account, Accounts, Asked, FailureKind, Histogram};
pub use allowance::Allowance;
pub use ask::{Answer, Ask, AskFailure, BadAnswer, Question, Reply, Settings, TableSet};
pub use asker::Asker;
pub use engine::{Engine, EngineError, EngineSettings};
pub use http::{Authorities, AuthoritiesError, Wire, WireFailure, WireRequest, WireResponse};
pub use inspect::{CONTRACT, Inspected};
pub use kv::{Kv, KvCondition, KvEntry, KvError, KvPlace, KvWrite, MemoryKv, kv_bytes};
pub use limits::Limits;
pub use load::{
    AnyPlugin, AssistantPlugin, ChannelPlugin, CompliancePlugin, ConnectorPlugin, DialerPlugin, FlowPlugin, LoadError,
    Plugin, PluginHash, RoutingPlugin, Terms, Trace,
};
pub use log::{LogLevel, LogLine, LogSink};
pub use quarantines::Quarantined;
pub use runtime::{Runtime, RuntimeSettings, RuntimeWatch};
pub use traces::{HostCall, QuestionTrace, Spent, TraceEnd, TracePart, TraceSearch, Traces, WhyKept};
pub use world::assistant::AssistantDescription;
pub use world::channel::ChannelDescription;
pub use world::compliance::RuleDescription;
pub use world::connector::ConnectorDescription;
pub use world::dialer::DialerDescription;
pub use world::flow::{Description, NodeKind};
