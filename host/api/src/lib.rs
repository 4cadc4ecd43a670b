//! The host over HTTP: REST described by OpenAPI 3.1, problem+json, a WebSocket of live events, and the status page.
//!
//! ```text
//!   client ──▶ serve ──▶ router ──▶ access ──▶ one handler a route ──▶ Host ──▶ exchange, store
//! ```
//! Nothing is decided here: a request is parsed at the door, put to the [`Host`], and its answer written down. The routes, their documentation and the handlers stand
//! in one table, so that `openapi.json` cannot say anything else than the router does.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the edge: sockets, deadlines and the wall clock of a browser's session are real"
)]
#![allow(clippy::result_large_err, reason = "a refusal is made once a request and goes straight to the socket")]

mod access;
mod alarm;
mod calls;
mod cdrs;
mod channels;
mod configuration;
mod connectors;
mod events;
mod figures;
mod follow;
mod handing;
mod host;
mod lists;
mod live;
mod mask;
mod messages;
mod metrics;
mod openapi;
mod pack;
mod packs;
mod page;
mod problem;
mod prompts;
mod recordings;
mod request;
mod resource;
mod route;
mod schema;
mod server;
mod session;
mod table;
mod tapes;
mod throttle;
mod traces;
mod trunk;
mod usage;
mod utterances;

pub use access::{Access, Sha256, Token};
pub use alarm::{Alarm, AlarmName};
pub use channels::{Came, ChannelView, WebhookRefused};
pub use connectors::{
    CircuitState, ConnectorFailed, ConnectorLetters, ConnectorView, DeadLetter, DeadLetters, LettersRefused,
};
pub use handing::{Leaves, Sealed, Sound};
pub use host::{
    Answer, Applied, ApplyError, CdrQuery, Change, ChangeKind, Cursor, Fault, Host, HostError, HostView, Listener,
    Page, Phase, RecordingFile, RecordingQuery, TapeQuery, TenantSummary, Upload,
};
pub use mask::json as mask_numbers;
pub use messages::{Direction, Known, Message, MessageFile, MessageQuery, MessageState};
pub use metrics::{PluginFigures, PluginVersion, Took};
pub use pack::{
    ComponentLook, FolderLook, PackAsk, PackChange, PackChanged, PackComponent, PackDetail, PackLog, PackLogField,
    PackLogLine, PackLook, PackOrder, PackRefused, PackTrial, PackVersion, PackView, RolloutRole, RolloutStage,
    RolloutTally, RolloutVersion, RolloutView, SignatureLook, Words,
};
pub use problem::Problem;
pub use server::{Api, Limits, router, serve};
pub use traces::{PluginCall, PluginTrace, PluginTraces, TraceQuery};
pub use usage::{DayUsage, Used};
