//! `plugboard.toml`: what one process needs before it knows any tenant.

mod packs;
mod plugins;
mod tls;
mod tokens;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

pub use packs::Packs;
pub use plugins::{PluginShare, Plugins};
pub use tls::{ClientCertificates, Tls};
pub use tokens::Token;

use crate::{
    Fault,
    fields::{self, At, Fields},
    sheet::Sheet,
};

/// A process's own configuration. Every field has a default, so an empty file is one.
///
/// Relative paths of the file are taken from the file's own folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// What it was read from; `None`: nothing but defaults.
    pub file: Option<PathBuf>,
    /// Where the store, recordings and uploaded prompts live.
    pub data: PathBuf,
    pub sip: Sip,
    /// `None`: nothing is encrypted.
    pub tls: Option<Tls>,
    pub rtp: Rtp,
    pub api: Api,
    pub plugins: Plugins,
    pub packs: Packs,
    /// Folders of tenants, one each, to apply at start.
    pub tenants: Option<PathBuf>,
    pub log: LogLevel,
    pub limits: ProcessLimits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    /// WebSockets in the clear: for browsers on this machine, and behind a proxy that ends TLS.
    pub ws: Vec<SocketAddr>,
    pub wss: Vec<SocketAddr>,
    /// What we call ourselves in Contact, Via and SDP, where a listener's own address will not do. `None`: the address that routes to the peer.
    pub advertised: Option<IpAddr>,
    /// What phones are challenged for, the preferred one first; at least one.
    pub digest: Vec<Digest>,
}

/// The hash of a digest challenge (RFC 8760).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256,
    /// For phones that know no better: who listens on the wire can try passwords against it faster than against SHA-256.
    Md5,
}

impl FromStr for Digest {
    type Err = UnknownDigest;

    fn from_str(name: &str) -> Result<Self, UnknownDigest> {
        match name {
            "SHA-256" => Ok(Self::Sha256),
            "MD5" => Ok(Self::Md5),
            _ => Err(UnknownDigest),
        }
    }
}

/// Not one that we compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no digest algorithm of ours")]
pub struct UnknownDigest;

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
    const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

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
    /// How many days what flows were asked and said is kept, to be played again through another version; 0: not at all.
    pub tape_days: u32,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            file: None,
            data: PathBuf::from("data"),
            sip: Sip {
                udp: vec![SocketAddr::new(any, 5060)],
                tcp: vec![SocketAddr::new(any, 5060)],
                tls: Vec::new(),
                ws: Vec::new(),
                wss: Vec::new(),
                advertised: None,
                digest: vec![Digest::Sha256, Digest::Md5],
            },
            tls: None,
            rtp: Rtp { address: any, ports: PortRange { first: 16_384, last: 32_767 }, workers: None },
            api: Api { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), tokens: Vec::new() },
            plugins: Plugins::default(),
            packs: Packs::default(),
            tenants: None,
            log: LogLevel::default(),
            limits: ProcessLimits { calls: 10_000, subscribers: 1_000, drain: Duration::from_secs(60), tape_days: 7 },
        }
    }
}

impl ProcessConfig {
    /// Reads the file; all that is wrong comes back at once.
    pub fn load(path: &Path) -> Result<Self, Vec<Fault>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let remedy = "name another with --config, or write one: plugboard config example > plugboard.toml";
            vec![Fault::of_file(path, "unreadable", format!("cannot be read: {error}"), remedy)]
        })?;
        Self::parse(path, text).map(|config| Self { file: Some(path.to_owned()), ..config })
    }

    /// A file with every setting at its default and a comment on each.
    pub fn example() -> &'static str {
        include_str!("process/plugboard.toml")
    }

    /// `path` is what faults name, and the folder that relative paths are taken from.
    fn parse(path: &Path, text: String) -> Result<Self, Vec<Fault>> {
        let sheet = Sheet::new(path.to_owned(), text);
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let config = fields::parse(&sheet)
            .map(|table| read(Fields::new(table.get_ref(), "plugboard.toml", 0..0, &sheet), folder));
        let faults = sheet.take_faults();
        config.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

const ADDRESS: &str = "write an address with a port: \"0.0.0.0:5060\", \"[::]:5060\"";

fn read(root: Fields<'_>, folder: &Path) -> ProcessConfig {
    let mut config = ProcessConfig::default();
    let path = |name| root.text(name).map(|(path, _)| folder.join(path));
    config.data = path("data").unwrap_or_else(|| folder.join(&config.data));
    config.plugins = plugins::read(&root, folder);
    config.tenants = path("tenants");
    if let Some(tls) = root.table("tls", "[tls]") {
        config.tls = tls::read(tls, folder);
    }
    if let Some(sip) = root.table("sip", "[sip]") {
        set(&mut config.sip.udp, sip.list("udp", ADDRESS));
        set(&mut config.sip.tcp, sip.list("tcp", ADDRESS));
        set(&mut config.sip.tls, sip.list("tls", ADDRESS));
        set(&mut config.sip.ws, sip.list("ws", ADDRESS));
        set(&mut config.sip.wss, sip.list("wss", ADDRESS));
        if !root.has("tls") {
            tls::check(&sip, &config.sip);
        }
        config.sip.advertised = sip.parsed("advertised", "write an address without a port: \"192.0.2.10\"").map(first);
        set(&mut config.sip.digest, read_digest(&sip));
        sip.finish();
    }
    if let Some(rtp) = root.table("rtp", "[rtp]") {
        set(&mut config.rtp.address, rtp.parsed("address", "write an address without a port: \"0.0.0.0\"").map(first));
        if let Some(((first, last), span)) = rtp.ports("ports") {
            if first % 2 == 1 {
                let message = format!("the first port is {first}, an odd number");
                rtp.sheet.error(span, "bad-value", message, "begin with an even port: RTP takes it, RTCP the next one");
            }
            config.rtp.ports = PortRange { first, last };
        }
        config.rtp.workers = rtp.integer("workers", (1, 64));
        rtp.finish();
    }
    if let Some(api) = root.table("api", "[api]") {
        set(&mut config.api.listen, api.parsed("listen", ADDRESS).map(first));
        config.api.tokens =
            api.tables("tokens", "a token").into_iter().filter_map(|token| tokens::read(token, folder)).collect();
        api.finish();
    }
    if let Some(packs) = root.table("packs", "[packs]") {
        config.packs = packs::read(packs);
    }
    if let Some(log) = root.table("log", "[log]") {
        set(&mut config.log, log.word("level", &LogLevel::ALL.map(|level| (level.as_str(), level))));
        log.finish();
    }
    if let Some(limits) = root.table("limits", "[limits]") {
        set(&mut config.limits.calls, limits.integer("calls", (1, 1_000_000)));
        set(&mut config.limits.subscribers, limits.integer("subscribers", (1, 100_000)));
        set(&mut config.limits.drain, limits.duration("drain", Duration::from_secs(24 * 3_600)));
        set(&mut config.limits.tape_days, limits.integer("tape_days", (0, 3_650)));
        limits.finish();
    }
    root.finish();
    config
}

fn read_digest(sip: &Fields<'_>) -> Option<Vec<Digest>> {
    const WORDS: &str = "write \"SHA-256\", \"MD5\" or both: [\"SHA-256\", \"MD5\"]";
    let span = sip.get("digest")?.span();
    let algorithms = sip.list("digest", WORDS)?;
    let is_repeated = |(index, algorithm)| algorithms[..index].contains(algorithm);
    if algorithms.is_empty() {
        sip.sheet.error(span, "bad-value", "`digest` is empty, so no phone could register".to_owned(), WORDS);
    } else if algorithms.iter().enumerate().any(is_repeated) {
        sip.sheet.error(span, "bad-value", "`digest` names an algorithm twice".to_owned(), WORDS);
    }
    Some(algorithms)
}

fn first<T>((value, _): At<T>) -> T {
    value
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{Style, render};

    fn faults_of(text: &str) -> String {
        render(&ProcessConfig::parse(Path::new("plugboard.toml"), text.to_owned()).unwrap_err(), Style::Plain)
    }

    #[test]
    fn the_example_states_the_defaults() {
        assert_eq!(
            ProcessConfig::parse(Path::new("plugboard.toml"), ProcessConfig::example().to_owned()),
            Ok(ProcessConfig::default())
        );
    }

    #[test]
    fn the_example_with_its_comments_taken_off_is_understood_too() {
        let is_setting = |line: &str| line.contains(" = ") || line.starts_with('[') && line.ends_with(']');
        let text: String = ProcessConfig::example()
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|line| is_setting(line)).unwrap_or(line).to_owned() + "\n")
            .collect::<String>()
            .replace("secret_env = \"PLUGBOARD_TOKEN\"", "secret = \"0123456789abcdef\"")
            // No key stands in the example: whoever left it there would trust whoever has its other half.
            .replace(
                "the 64 digits of the vendor's .pub file",
                "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
            )
            .replace("ca = \"ca.pem\"", "");
        let config = ProcessConfig::parse(Path::new("/etc/plugboard.toml"), text).unwrap();
        assert_eq!(config.sip.advertised, Some(IpAddr::from([192, 0, 2, 10])));
        assert_eq!(config.plugins.folder, Some(PathBuf::from("/etc/plugins")));
        assert_eq!(config.sip.wss, [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7443))]);
        assert_eq!(config.tls.map(|tls| tls.key), Some(PathBuf::from("/etc/tls/key.pem")));
        assert!(config.api.tokens[0].matches("0123456789abcdef") && !config.api.tokens[0].matches("0123456789abcdeg"));
    }

    #[test]
    fn every_mistake_is_shown_where_it_stands_with_what_to_do() {
        expect![[r#"
            plugboard.toml:1:1: error[unknown-key]: plugboard.toml has no `dta`
              1 | dta = "here"
                | ^^^
              remedy: did you mean `data`?

            plugboard.toml:3:8: error[bad-value]: `udp` is "0.0.0.0": invalid socket address syntax
              3 | udp = ["0.0.0.0"]
                |        ^^^^^^^^^
              remedy: write an address with a port: "0.0.0.0:5060", "[::]:5060"

            plugboard.toml:4:7: error[wrong-type]: `tcp` is text; it takes a list
              4 | tcp = "0.0.0.0:5060"
                |       ^^^^^^^^^^^^^^
              remedy: put it in brackets: tcp = ["0.0.0.0:5060"]

            plugboard.toml:6:9: error[bad-value]: the first port is 16385, an odd number
              6 | ports = [16385, 20000]
                |         ^^^^^^^^^^^^^^
              remedy: begin with an even port: RTP takes it, RTCP the next one

            plugboard.toml:7:11: error[out-of-range]: `workers` is 0
              7 | workers = 0
                |           ^
              remedy: give a whole number from 1 to 64

            plugboard.toml:9:1: error[unknown-key]: [api] has no `lisen`
              9 | lisen = "127.0.0.1:1"
                | ^^^^^
              remedy: did you mean `listen`?

            plugboard.toml:12:10: error[bad-value]: `sha256` is not 64 hex digits
              12 | sha256 = "abc"
                 |          ^^^^^
              remedy: make it with: printf %s SECRET | sha256sum

            plugboard.toml:13:1: error[missing-key]: a token needs `name`
              13 | [[api.tokens]]
                 | ^^^^^^^^^^^^^^
              remedy: name it for the audit trail: name = "operations"

            plugboard.toml:13:1: error[missing-key]: a token needs `sha256`
              13 | [[api.tokens]]
                 | ^^^^^^^^^^^^^^
              remedy: give `sha256`, `secret_env` or `secret_file`

            plugboard.toml:15:9: error[unknown-word]: `level` cannot be "inof"
              15 | level = "inof"
                 |         ^^^^^^
              remedy: did you mean `info`?

            plugboard.toml:17:9: error[bad-duration]: `drain` is 60, which is no duration
              17 | drain = 60
                 |         ^^
              remedy: write the unit: drain = "60s"

            11 errors, 0 warnings
        "#]]
        .assert_eq(&faults_of(
            r#"dta = "here"
[sip]
udp = ["0.0.0.0"]
tcp = "0.0.0.0:5060"
[rtp]
ports = [16385, 20000]
workers = 0
[api]
lisen = "127.0.0.1:1"
[[api.tokens]]
name = "ops"
sha256 = "abc"
[[api.tokens]]
[log]
level = "inof"
[limits]
drain = 60
"#,
        ));
    }

    #[test]
    fn a_digest_that_no_phone_could_answer_is_refused() {
        expect![[r#"
            plugboard.toml:2:10: error[bad-value]: `digest` is empty, so no phone could register
              2 | digest = []
                |          ^^
              remedy: write "SHA-256", "MD5" or both: ["SHA-256", "MD5"]

            1 error, 0 warnings
        "#]]
        .assert_eq(&faults_of("[sip]\ndigest = []\n"));
        expect![[r#"
            plugboard.toml:2:11: error[bad-value]: `digest` is "SHA1": no digest algorithm of ours
              2 | digest = ["SHA1", "MD5"]
                |           ^^^^^^
              remedy: write "SHA-256", "MD5" or both: ["SHA-256", "MD5"]

            1 error, 0 warnings
        "#]]
        .assert_eq(&faults_of("[sip]\ndigest = [\"SHA1\", \"MD5\"]\n"));
    }

    #[test]
    fn encryption_without_what_it_needs_is_refused() {
        expect![[r#"
            plugboard.toml:2:7: error[missing-key]: `tls` listens, and there are no certificates
              2 | tls = ["0.0.0.0:5061"]
                |       ^^^^^^^^^^^^^^^^
              remedy: name them: [tls] with certificates = "tls/chain.pem" and key = "tls/key.pem"

            plugboard.toml:3:7: error[missing-key]: `wss` listens, and there are no certificates
              3 | wss = ["0.0.0.0:7443"]
                |       ^^^^^^^^^^^^^^^^
              remedy: name them: [tls] with certificates = "tls/chain.pem" and key = "tls/key.pem"

            2 errors, 0 warnings
        "#]]
        .assert_eq(&faults_of("[sip]\ntls = [\"0.0.0.0:5061\"]\nwss = [\"0.0.0.0:7443\"]\n"));
        expect![[r#"
            plugboard.toml:1:1: error[missing-key]: [tls] needs `certificates`
              1 | [tls]
                | ^^^^^
              remedy: name the file with this host's certificate and those that signed it, in PEM

            plugboard.toml:1:1: error[missing-key]: [tls] needs `key`
              1 | [tls]
                | ^^^^^
              remedy: name the file with the certificate's key, in PEM

            plugboard.toml:2:11: error[missing-key]: clients shall show certificates, and nobody is named who signs them
              2 | clients = "required"
                |           ^^^^^^^^^^
              remedy: name the file: authorities = "tls/carriers.pem"

            3 errors, 0 warnings
        "#]]
        .assert_eq(&faults_of("[tls]\nclients = \"required\"\n"));
    }

    #[test]
    fn broken_toml_names_its_line() {
        expect![[r#"
            plugboard.toml:2:5: error[not-toml]: unclosed table, expected `]`
              2 | [sip
                |     ^
              remedy: mend the TOML here; texts stand in double quotes, lists in brackets

            1 error, 0 warnings
        "#]]
        .assert_eq(&faults_of("data = \"x\"\n[sip\nudp = []\n"));
    }
}
