//! Starts a host with a scratch tenant in a temporary folder, and takes both away again.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Server, agents::Accounts, process};

/// The core that the server has to itself, and the one of the load.
pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Numbers of the scratch tenant.
pub mod numbers {
    /// A flow that plays a tone for longer than any caller listens.
    pub const IVR: &str = "8000";
    /// A flow that queues the caller.
    pub const QUEUE: &str = "8001";
}

/// What the scratch tenant is like.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub agents: Accounts,
    /// Every call of the queue is recorded.
    pub record: bool,
}

/// Where the program and its components are.
#[derive(Clone, Debug)]
pub struct Installation {
    pub host: PathBuf,
    /// Folder of `flow-graph.wasm` and others.
    pub plugins: PathBuf,
    /// Leaves the temporary folder behind, with the host's log and data.
    pub keep: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{path} is not there; {remedy}")]
    Missing { path: PathBuf, remedy: &'static str },
    #[error("the scratch folder cannot be written")]
    Scratch(#[from] io::Error),
    #[error("{program} cannot be started")]
    Start { program: PathBuf, source: io::Error },
    #[error("the host ended by itself ({status}); its last words:\n{log}")]
    Ended { status: ExitStatus, log: String },
    #[error("the host is not ready after {waited:?}; its last words:\n{log}")]
    NotReady { waited: Duration, log: String },
}

/// A host that runs; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Host {
    program: PathBuf,
    child: Child,
    folder: PathBuf,
    keep: bool,
    log: Arc<Mutex<VecDeque<String>>>,
    /// A word when the host is ready; hung up when the host has said its last.
    said: Receiver<()>,
    api: SocketAddrV4,
    pub server: Server,
}

/// Lines of the host's log that are shown where something goes wrong.
const LAST_WORDS: usize = 20;

/// Components are compiled at the first start, on one core.
const READY_WITHIN: Duration = Duration::from_secs(300);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

impl Host {
    /// Returns when calls can come in.
    pub fn start(installation: &Installation, tenant: &Tenant) -> Result<Self, HostError> {
        Self::start_beside(installation, tenant, |_| Ok(()))
    }

    /// With other tenants beside the scratch one, which `more` writes into the folder of all.
    pub fn start_beside(
        installation: &Installation,
        tenant: &Tenant,
        more: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, HostError> {
        let built = [
            (installation.host.clone(), "build it: cargo build --release -p plugboard"),
            (installation.plugins.join("flow-graph.wasm"), "build it: cargo xtask plugins"),
        ];
        for (path, remedy) in built {
            if !path.exists() {
                return Err(HostError::Missing { path, remedy });
            }
        }
        let folder = std::env::temp_dir().join(format!("plugboard-load-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        write_tenant(&folder.join("tenants").join("load"), tenant)?;
        more(&folder.join("tenants"))?;
        let sip = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_udp_port()?);
        let config = folder.join("plugboard.toml");
        let api = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_tcp_port()?);
        fs::write(&config, process_config(sip, api, &std::path::absolute(&installation.plugins)?))?;
        let (program, keep) = (installation.host.clone(), installation.keep);
        let Started { child, log, said } = Started::new(&program, &folder)?;
        let server = Server { sip, pid: child.id(), core: SERVER_CORE };
        let mut host = Self { program, child, folder, keep, log, said, api, server };
        host.wait_until_ready()?;
        Ok(host)
    }

    /// Stops it as an operator does, and starts it again on what it kept. Returns when calls can come in, with how long that took from the start of the process.
    pub fn restart(&mut self) -> Result<Duration, HostError> {
        self.stop();
        self.begin()
    }

    /// Kills it, as a lost machine does, and starts it again on what it kept. Returns when calls can come in.
    pub fn crash(&mut self) -> Result<Duration, HostError> {
        self.child.kill()?;
        self.child.wait()?;
        self.begin()
    }

    fn begin(&mut self) -> Result<Duration, HostError> {
        let begun = Instant::now();
        Started { child: self.child, log: self.log, said: self.said } = Started::new(&self.program, &self.folder)?;
        self.server.pid = self.child.id();
        self.wait_until_ready()?;
        Ok(begun.elapsed())
    }

    /// Memory that it holds, in KiB (`VmRSS` of proc(5)).
    pub fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
    }

    fn wait_until_ready(&mut self) -> Result<(), HostError> {
        match self.said.recv_timeout(READY_WITHIN) {
            Ok(()) => Ok(()),
            Err(RecvTimeoutError::Timeout) => Err(HostError::NotReady { waited: READY_WITHIN, log: self.last_words() }),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                Err(HostError::Ended { status, log: self.last_words() })
            }
        }
    }

    /// The end of the host's log.
    pub fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Where its API listens.
    pub fn api(&self) -> SocketAddrV4 {
        self.api
    }

    /// What `GET` of a path of its API says.
    pub fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.api)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
        let is_well = head.split(' ').nth(1) == Some("200");
        if is_well { Ok(body.to_owned()) } else { Err(io::Error::other(format!("GET {path}: {said}"))) }
    }

    /// Its own folder, gone with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Number and bytes of the WAV files below the data folder.
    pub fn recordings(&self) -> (usize, u64) {
        let mut found = (0, 0);
        let mut folders = vec![self.folder.join("data").join("recordings")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(data) if data.is_dir() => folders.push(entry.path()),
                    Ok(data) if entry.path().extension().is_some_and(|extension| extension == "wav") => {
                        found = (found.0 + 1, found.1 + data.len());
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

impl Host {
    fn stop(&mut self) {
        // The child is ours and not yet waited for, so its number is nobody else's.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        // Its log ends with it.
        if self.said.recv_timeout(STOPPED_WITHIN) == Err(RecvTimeoutError::Timeout) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
        if !self.keep {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A process of the host and what it says.
struct Started {
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
    said: Receiver<()>,
}

impl Started {
    /// With the configuration in `folder`.
    fn new(program: &Path, folder: &Path) -> Result<Self, HostError> {
        let file = fs::OpenOptions::new().create(true).append(true).open(folder.join("host.log"))?;
        // Children begin on the core that their parent is on. A machine of one core measures too, if badly.
        process::stay_on_core(SERVER_CORE);
        let child = command(program, &folder.join("plugboard.toml"))
            .map_err(|source| HostError::Start { program: program.to_owned(), source });
        process::stay_on_core(LOAD_CORE);
        let mut child = child?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, said) = sync_channel(1);
        if let Some(lines) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::Builder::new().name("log".into()).spawn(move || keep_log(lines, file, &log, &tell))?;
        }
        Ok(Self { child, log, said })
    }
}

/// Under `setpriv` the host dies with this program, even if that is killed.
fn command(host: &Path, config: &Path) -> io::Result<Child> {
    let start = |mut command: Command| {
        command.arg("serve").arg("--config").arg(config).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    let mut guarded = Command::new("setpriv");
    guarded.args(["--pdeathsig", "KILL", "--"]).arg(host);
    match start(guarded) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => start(Command::new(host)),
        started => started,
    }
}

/// Keeps what the host says, all of it in a file and the end at hand; tells when it is ready.
fn keep_log(lines: ChildStderr, mut file: fs::File, log: &Mutex<VecDeque<String>>, tell: &SyncSender<()>) {
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        // A full disk costs the file, not the measurement.
        let _ = writeln!(file, "{line}");
        let is_ready = line.starts_with("ready");
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_back(line);
        if log.len() > LAST_WORDS {
            log.pop_front();
        }
        drop(log);
        if is_ready {
            let _ = tell.try_send(());
        }
    }
}

fn free_udp_port() -> io::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn free_tcp_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn process_config(sip: SocketAddrV4, api: SocketAddrV4, plugins: &Path) -> String {
    format!(
        "data = \"data\"\n\
         plugins = {plugins:?}\n\
         tenants = \"tenants\"\n\
         [sip]\nudp = [\"{sip}\"]\ntcp = []\n\
         [rtp]\naddress = \"127.0.0.1\"\nworkers = 1\n\
         [api]\nlisten = \"{api}\"\n\
         [packs]\ndevelopment = true\n\
         [log]\nlevel = \"warn\"\n\
         [limits]\ncalls = 20000\ndrain = \"1s\"\n"
    )
}

const IVR_FLOW: &str = r#"{
  "format": 1, "name": "ivr", "language": "en", "start": "start",
  "nodes": {
    "start": { "kind": "start", "exits": { "next": "listen" } },
    "listen": { "kind": "play", "prompt": "tone", "exits": { "done": "bye" } },
    "bye": { "kind": "hang-up" }
  }
}
"#;

const QUEUE_FLOW: &str = r#"{
  "format": 1, "name": "queue", "language": "en", "start": "start",
  "nodes": {
    "start": { "kind": "start", "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "all" }
  }
}
"#;

fn write_tenant(folder: &Path, tenant: &Tenant) -> io::Result<()> {
    for inner in ["flows", "prompts/en"] {
        fs::create_dir_all(folder.join(inner))?;
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    write(
        "tenant.toml",
        "id = \"load\"\nname = \"Load\"\nlanguage = \"en\"\n[limits]\ninteractions = 20000\nunanswered = \"1h\"\n",
    )?;
    write("trunks.toml", "[loopback]\nallow = [\"127.0.0.0/8\"]\n")?;
    let (ivr, queue) = (numbers::IVR, numbers::QUEUE);
    write("numbers.toml", &format!("{ivr} = {{ flow = \"ivr\" }}\n{queue} = {{ flow = \"queue\" }}\n"))?;
    let record = tenant.record;
    write(
        "queues.toml",
        &format!("[all]\nring_timeout = \"1m\"\nwrap_up = \"0s\"\nmax_waiting = 100000\nrecord = {record}\n"),
    )?;
    let agents: String = (0..tenant.agents.count)
        .map(|index| {
            let (name, extension, password) = (Accounts::name(index), 10_000 + index, &tenant.agents.password);
            format!(
                "[{name}]\nextension = \"{extension}\"\npassword = \"{password}\"\nqueues = [\"all\"]\nready_on_register = true\n"
            )
        })
        .collect();
    write("agents.toml", &agents)?;
    write("flows/ivr.json", IVR_FLOW)?;
    write("flows/queue.json", QUEUE_FLOW)?;
    fs::write(folder.join("prompts/en/tone.wav"), tone(Duration::from_secs(4)))
}

/// A tenant of one flow, which plays a tone, at one number. Who cannot be served hears the tone as well.
pub fn write_ivr_tenant(folder: &Path, id: &str, number: &str) -> io::Result<()> {
    for inner in ["flows", "prompts/en"] {
        fs::create_dir_all(folder.join(inner))?;
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    write(
        "tenant.toml",
        &format!("id = \"{id}\"\nname = \"{id}\"\nlanguage = \"en\"\n[exception]\napology = \"tone\"\n"),
    )?;
    write("trunks.toml", "[loopback]\nallow = [\"127.0.0.0/8\"]\n")?;
    write("numbers.toml", &format!("{number} = {{ flow = \"ivr\" }}\n"))?;
    write("flows/ivr.json", IVR_FLOW)?;
    fs::write(folder.join("prompts/en/tone.wav"), tone(Duration::from_secs(4)))
}

/// 440 Hz at a quarter of full scale: 16 bits, mono, 8 kHz.
fn tone(length: Duration) -> Vec<u8> {
    const RATE: u32 = 8_000;
    let samples = (length.as_secs_f64() * f64::from(RATE)) as u32;
    let bytes = samples * 2;
    let mut wav = Vec::with_capacity(44 + bytes as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    for sample in 0..samples {
        let phase = f64::from(sample) * 440.0 / f64::from(RATE) * std::f64::consts::TAU;
        wav.extend(((phase.sin() * 8_192.0) as i16).to_le_bytes());
    }
    wav
}
