//! Configuration as files: what a process needs ([`ProcessConfig`]) and what a tenant is made of ([`load_tenant`]).
//!
//! Files are read as trees with spans, not straight into structs, so that all that is wrong is said at once, each with file, line, column and a
//! remedy. A tenant is read whole or not at all. Rules that hold whatever way a configuration came in are in [`check`], which the API
//! applies to uploads as well.
#![allow(clippy::disallowed_methods, reason = "an edge crate: reads files, the environment and the wall clock")]

mod changes;
mod check;
pub mod duration;
mod fault;
mod fields;
mod process;
mod settings;
mod sheet;
mod suggest;
mod tenant;
mod upload;
mod wav;
mod zone;

pub use changes::{Change, ChangeKind, Changes, FieldChange, diff};
pub use check::{
    CheckChannel, CheckConnector, CheckFlow, CheckPolicy, CheckRule, ConnectorSays, Finding, Judges, check,
    check_references,
};
pub use fault::{Fault, Place, Style, render, render_in, width};
pub use process::{
    Api, ClientCertificates, Digest, LogLevel, Packs, PluginShare, Plugins, PortRange, ProcessConfig, ProcessLimits,
    Rtp, Sip, Tls, Token, UnknownDigest,
};
pub use settings::{SchemaFault, SettingFault, SettingProblem, SettingsSchema};
pub use tenant::{Bundle, Origin, load_tenant};
pub use upload::{Applied, Digests, Upload, read_shown, sha256_hex, without_secrets};
pub use wav::{Wav, WavError, read_wav};
pub use zone::resolve_zone;
