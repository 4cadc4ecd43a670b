//! `plugboard serve` as a child process.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Authority, Events, Sipp, Tenant, digest, program};

/// The longest start: the first one compiles the components.
const START: Duration = Duration::from_secs(60);
const TOKEN: &str = "live-tests-secret-token";

/// What a host is run in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// It may use one core only.
    pub one_core: bool,
    /// Where it listens; the loopback interface unless told.
    pub address: Option<IpAddr>,
    /// The `digest` of its plugboard.toml, as it stands there.
    pub digest: Option<&'static str>,
    /// What it logs; `info` unless told.
    pub log: Option<&'static str>,
    /// Lines under `[limits]` of its plugboard.toml; a drain of one second unless told.
    pub limits: Option<&'static str>,
    /// Its recordings lie on a disk of their own that holds so many KiB.
    pub recordings_disk_kib: Option<u32>,
    /// Everything that it writes lies on a disk that holds so many KiB.
    pub data_disk_kib: Option<u32>,
    /// It listens by TLS as well, with a certificate for its address, and looks at those of clients.
    pub encrypted: bool,
    /// Of the shipped components it has these alone, in a folder of its own; all of them unless told.
    pub only: Option<&'static [&'static str]>,
}

/// A running host with one tenant. Dropping it kills it and takes its folder away.
#[derive(Debug)]
pub struct Host {
    pub sip: SocketAddr,
    pub sip_tcp: SocketAddr,
    pub api: SocketAddr,
    surroundings: Surroundings,
    authority: Option<Authority>,
    folder: Folder,
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
    client: ureq::Agent,
}

/// What the process says, line by line.
#[derive(Debug, Default)]
struct Log {
    said: Vec<String>,
    ended: bool,
}

#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Kept where a test fails, for whoever looks into it; empty where it was handed on.
        if !std::thread::panicking() && !self.0.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

impl Host {
    pub fn start(tenant: &Tenant) -> Self {
        Self::start_in(tenant, Surroundings::default())
    }

    pub fn start_in(tenant: &Tenant, surroundings: Surroundings) -> Self {
        Self::start_with(tenant, surroundings, &[])
    }

    /// With these components beside those that are shipped, each by its name.
    pub fn start_with(tenant: &Tenant, surroundings: Surroundings, components: &[(&str, Vec<u8>)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("plugboard-live-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        tenant.write(&folder.join("tenants"));
        // Ranges of hosts that run side by side overlap at most where ports in use are left out anyway.
        let first = 10_000 + (std::process::id() * 7 + number) % 11 * 2_000;
        let mut plugins = program::plugins();
        if !components.is_empty() || surroundings.only.is_some() {
            let own = folder.join("plugins");
            fs::create_dir_all(&own).unwrap();
            for shipped in fs::read_dir(&plugins).unwrap().map(|entry| entry.unwrap().path()) {
                let wanted = |only: &[&str]| only.iter().any(|name| shipped.file_stem() == Some(name.as_ref()));
                if surroundings.only.is_none_or(wanted) {
                    fs::copy(&shipped, own.join(shipped.file_name().unwrap())).unwrap();
                }
            }
            for (name, component) in components {
                fs::write(own.join(name).with_extension("wasm"), component).unwrap();
            }
            plugins = own;
        }
        let address = surroundings.address.unwrap_or_else(|| Ipv4Addr::LOCALHOST.into());
        let digest = surroundings.digest.map(|digest| format!("digest = {digest}\n")).unwrap_or_default();
        let authority = surroundings.encrypted.then(|| Authority::new(folder.join("tls")));
        let (mut encrypted, mut certificates) = (String::new(), "");
        if let Some(authority) = &authority {
            authority.sign("host", &address.to_string());
            encrypted = format!("tls = [\"{address}:0\"]\n");
            certificates = "[tls]\ncertificates = \"tls/host.pem\"\nkey = \"tls/host.key\"\n\
                            authorities = \"tls/authority.pem\"\nclients = \"optional\"\n";
        }
        let config = format!(
            "data = \"data\"\ntenants = \"tenants\"\nplugins = {:?}\n\
             [sip]\nudp = [\"{address}:0\"]\ntcp = [\"{address}:0\"]\n{encrypted}{digest}{certificates}\
             [rtp]\naddress = \"{address}\"\nports = [{first}, {}]\n\
             [api]\nlisten = \"127.0.0.1:0\"\n[[api.tokens]]\nname = \"tests\"\nsecret_file = \"token\"\n\
             [log]\nlevel = \"{}\"\n[limits]\n{}",
            plugins.display().to_string(),
            first + 1_999,
            surroundings.log.unwrap_or("info"),
            surroundings.limits.unwrap_or("drain = \"1s\"\n"),
        );
        fs::write(folder.join("token"), TOKEN).unwrap();
        fs::write(folder.join("plugboard.toml"), config).unwrap();
        let mut host = Self::run(Folder(folder), surroundings);
        host.authority = authority;
        host
    }

    fn run(folder: Folder, surroundings: Surroundings) -> Self {
        let mut child = surroundings
            .around(&program::plugboard(["serve", "--config"]), &folder.0)
            .arg(folder.0.join("plugboard.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<(Mutex<Log>, Condvar)>::default();
        let (ready, wait) = channel();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || keep(lines, &kept, &ready));
        let Ok([sip, sip_tcp, api]) = wait.recv_timeout(START) else {
            let _ = child.kill();
            panic!("the host is not ready:\n{}", log.0.lock().unwrap().said.join("\n"));
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self { sip, sip_tcp, api, surroundings, authority: None, folder, child, log, client: config.into() }
    }

    /// Who signed its certificate.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("the host is encrypted")
    }

    /// Where it listens by `TLS`.
    pub fn encrypted(&self, transport: &str) -> SocketAddr {
        let start = format!("SIP by {transport} [");
        let log = self.log();
        let line = log.lines().find_map(|line| line.strip_prefix(&*start)?.strip_suffix(']'));
        line.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("it does not listen by {transport}"))
    }

    /// As a power cut would: SIGKILL.
    pub fn kill(mut self) -> Killed {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The folder goes on; what is dropped with this process must not take it away.
        Killed { folder: Folder(std::mem::take(&mut self.folder.0)), surroundings: self.surroundings }
    }

    /// SIGTERM; gives whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.terminate();
        self.child.wait().unwrap().success()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        // Its error stream ends with it.
        let deadline = Instant::now() + within;
        let (lines, said) = &*self.log;
        let mut lines = lines.lock().unwrap();
        while !lines.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the host did not end within {} s", within.as_secs());
            lines = said.wait_timeout(lines, left).unwrap().0;
        }
        drop(lines);
        self.child.wait().unwrap()
    }

    /// Waits until it says something with `words` in it.
    pub fn until_said(&self, words: &str, within: Duration) {
        let deadline = Instant::now() + within;
        let (lines, said) = &*self.log;
        let mut lines = lines.lock().unwrap();
        while !lines.said.iter().any(|line| line.contains(words)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the host did not say {words:?}");
            lines = said.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Status of `GET /v1/health`.
    pub fn health(&self) -> u16 {
        self.client.get(format!("http://{}/v1/health", self.api)).call().unwrap().status().as_u16()
    }

    /// What a process that has ended leaves behind.
    pub fn ended(mut self) -> Killed {
        self.child.wait().unwrap();
        Killed { folder: Folder(std::mem::take(&mut self.folder.0)), surroundings: self.surroundings }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that the process ever held, in KiB (`VmHWM` of proc_pid_status(5)).
    pub fn peak_rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// A file as the host sees it: its disks may be its own.
    pub fn seen_by_host(&self, path: &Path) -> PathBuf {
        let path = std::path::absolute(path).unwrap();
        Path::new("/proc").join(self.child.id().to_string()).join("root").join(path.strip_prefix("/").unwrap())
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().said.join("\n")
    }

    /// A folder for this host's test alone.
    pub fn scratch(&self) -> &Path {
        &self.folder.0
    }

    pub fn tenant_folder(&self) -> PathBuf {
        self.folder.0.join("tenants").join(Tenant::ID)
    }

    /// `plugboard COMMAND ARGUMENTS` against this host.
    pub fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = program::plugboard(arguments);
        command.env("PLUGBOARD_HOST", format!("http://{}", self.api)).env("PLUGBOARD_TOKEN", TOKEN);
        command
    }

    /// A path of the tenant, as `cdrs?limit=1000`; with these headers. Status, headers that begin with `content`, and bytes.
    pub fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let mut request = self.client.get(format!("http://{}/v1/tenants/{}/{path}", self.api, Tenant::ID));
        request = request.header("Authorization", format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.call().unwrap();
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned())).collect();
        (response.status().as_u16(), headers, response.body_mut().read_to_vec().unwrap())
    }

    /// An agent asks for calls, as at the desk.
    pub fn make_ready(&self, agent: &str) {
        for request in ["log-in", "ready"] {
            let path = format!("http://{}/v1/tenants/{}/agents/{agent}/state", self.api, Tenant::ID);
            let body = serde_json::json!({ "request": request }).to_string();
            let answer = self
                .client
                .post(path)
                .header("authorization", format!("Bearer {TOKEN}"))
                .header("content-type", "application/json")
                .send(body)
                .unwrap();
            assert!(answer.status().is_success(), "{agent} {request}: {}", answer.status());
        }
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.fetch(path, &[]);
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// An order, as `calls/i7/hold`.
    pub fn order(&self, path: &str, body: &Value) {
        let (status, said) = self.try_order(path, body);
        assert!((200..300).contains(&status), "POST {path}: {status} {said}");
    }

    /// An order that may be refused: the answer's status and body.
    pub fn try_order(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("http://{}/v1/tenants/{}/{path}", self.api, Tenant::ID));
        let mut response = request.header("Authorization", format!("Bearer {TOKEN}")).send_json(body).unwrap();
        let said = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&said).unwrap_or_default())
    }

    /// Puts a resource in its place, as `queues/vip`.
    pub fn put(&self, path: &str, body: &Value) {
        let request = self.client.put(format!("http://{}/v1/tenants/{}/{path}", self.api, Tenant::ID));
        let mut response = request.header("Authorization", format!("Bearer {TOKEN}")).send_json(body).unwrap();
        let said = response.body_mut().read_to_string().unwrap();
        assert!(response.status().is_success(), "PUT {path}: {} {said}", response.status());
    }

    /// `GET /metrics`.
    pub fn metrics(&self) -> String {
        let request = self.client.get(format!("http://{}/metrics", self.api));
        let mut response = request.header("Authorization", format!("Bearer {TOKEN}")).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }

    /// Names of the alarms that stand.
    pub fn alarms(&self) -> Vec<String> {
        let request = self.client.get(format!("http://{}/v1/host", self.api));
        let mut response = request.header("Authorization", format!("Bearer {TOKEN}")).call().unwrap();
        let view: Value = response.body_mut().read_json().unwrap();
        let alarms = view["alarms"].as_array().unwrap().iter();
        alarms.map(|alarm| alarm["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Every call detail record, oldest first.
    pub fn cdrs(&self) -> Vec<Value> {
        let mut all = self.get("cdrs?limit=1000")["items"].as_array().unwrap().clone();
        all.reverse();
        all
    }

    /// Events from the log, all pages.
    pub fn logged(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(0, |event| event["seq"].as_u64().unwrap());
            let page = self.get(&format!("events?after={after}&limit=1000"));
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            all.extend(items.iter().cloned());
        }
    }

    /// All events from the first on.
    pub fn events(&self) -> Events {
        self.events_after(0)
    }

    /// Events whose number is above that.
    pub fn events_after(&self, seq: u64) -> Events {
        Events::follow(self.api, TOKEN, Tenant::ID, seq)
    }

    /// The value of an `Authorization` header that proves a request of `agent`.
    pub fn proof(&self, agent: &str, method: &str, uri: &str) -> String {
        digest::proof(self.sip, agent, &Tenant::password(agent), method, uri)
    }

    /// SIPp registers these agents with digest, for an hour, from the port at which it will answer: the host calls a phone where it came from.
    pub fn register(&self, agents: &[String], port: u16) {
        let uri = format!("sip:{}", self.sip);
        let rows: Vec<String> =
            agents.iter().map(|agent| format!("{agent};{}", self.proof(agent, "REGISTER", &uri))).collect();
        Sipp::start(self.scratch(), "register", self.sip, port, agents.len(), &rows, &["-r", "100"]).done();
    }
}

impl Surroundings {
    /// Whether disks can be made for a host: as root, or where users have namespaces of their own.
    pub fn have_disks() -> bool {
        let mut probe = Command::new("unshare");
        probe.args([mount_namespace(), "--", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// The program, begun by others that make its surroundings and then give way to it.
    fn around(self, program: &Command, folder: &Path) -> Command {
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        let data = folder.join("data");
        let disks = [(self.data_disk_kib, data.clone()), (self.recordings_disk_kib, data.join("recordings"))];
        for (kib, at) in disks.into_iter().filter_map(|(kib, at)| Some((kib?, at))) {
            if words.is_empty() {
                words.extend(["unshare", mount_namespace(), "--"].map(Into::into));
            }
            let mount = format!("mkdir -p \"$0\" && mount -t tmpfs -o size={kib}k tmpfs \"$0\" && exec \"$@\"");
            words.extend(["sh".into(), "-c".into(), mount.into(), at.into()]);
        }
        if self.one_core {
            words.extend(["taskset", "-c", "0"].map(Into::into));
        }
        words.push(program.get_program().to_owned());
        words.extend(program.get_args().map(ToOwned::to_owned));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(program.get_current_dir().unwrap_or_else(|| Path::new(".")));
        command
    }
}

/// Mounts of a host vanish with it: no test has to take them away. Root needs no user namespace for that.
fn mount_namespace() -> &'static str {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|output| output.stdout.starts_with(b"0\n")) { "-m" } else { "-rm" }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the host's folder is {}; it said:\n{}", self.folder.0.display(), self.log());
        }
    }
}

/// What a killed process left behind.
#[derive(Debug)]
pub struct Killed {
    folder: Folder,
    surroundings: Surroundings,
}

impl Killed {
    /// Its folder of components, where it has one of its own.
    pub fn plugin_folder(&self) -> PathBuf {
        self.folder.0.join("plugins")
    }

    /// Starts it again over the same folder; its ports are others.
    pub fn start(self) -> Host {
        Host::run(self.folder, self.surroundings)
    }
}

/// Reads what the host says; tells its addresses once it is ready.
fn keep(lines: impl BufRead, (kept, said): &(Mutex<Log>, Condvar), ready: &Sender<[SocketAddr; 3]>) {
    for line in lines.lines().map_while(Result::ok) {
        if let Some(addresses) = addresses(&line) {
            // Nobody waits after a time-out.
            let _ = ready.send(addresses);
        }
        kept.lock().unwrap().said.push(line);
        said.notify_all();
    }
    kept.lock().unwrap().ended = true;
    said.notify_all();
}

/// Of `ready: SIP [127.0.0.1:5060] [127.0.0.1:5060], API http://127.0.0.1:8080`.
fn addresses(line: &str) -> Option<[SocketAddr; 3]> {
    let (udp, rest) = line.strip_prefix("ready: SIP [")?.split_once("] [")?;
    let (tcp, api) = rest.split_once("], API http://")?;
    Some([udp.parse().ok()?, tcp.parse().ok()?, api.parse().ok()?])
}
