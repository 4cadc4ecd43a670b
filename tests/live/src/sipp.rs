//! SIPp as a peer.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// One run of SIPp.
#[derive(Debug)]
pub struct Sipp {
    child: Child,
    scenario: &'static str,
    folder: PathBuf,
    port: u16,
    closed: bool,
}

/// A line that a scenario logged: words after the first are `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(String);

impl Row {
    pub fn what(&self) -> &str {
        self.0.split_whitespace().next().unwrap_or_default()
    }

    pub fn get(&self, name: &str) -> &str {
        let mut pairs = self.0.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }
}

impl Sipp {
    /// Runs `sipp/SCENARIO.xml` for `calls` calls, each with one row of `rows`, from `port` (0: any) to `remote`; ends by itself after a minute.
    pub fn start(
        scratch: &Path,
        scenario: &'static str,
        remote: SocketAddr,
        port: u16,
        calls: usize,
        rows: &[String],
        more: &[&str],
    ) -> Self {
        let port = if port == 0 { free_port() } else { port };
        let folder = scratch.join(format!("sipp-{scenario}-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let mut with_rows: &[&str] = &[];
        if !rows.is_empty() {
            fs::write(folder.join("rows.csv"), format!("SEQUENTIAL\n{}\n", rows.join("\n"))).unwrap();
            with_rows = &["-inf", "rows.csv"];
        }
        let xml = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario).with_extension("xml");
        let child = Command::new("sipp")
            .arg(remote.to_string())
            .arg("-sf")
            .arg(xml)
            .args(["-i", "127.0.0.1", "-nostdin", "-p", &port.to_string(), "-m", &calls.to_string()])
            .args(with_rows)
            .args(["-trace_err", "-error_file", "errors.log", "-trace_logs", "-log_file", "log.log"])
            .args(["-timeout", "60s", "-timeout_error", "-recv_timeout", "20000"])
            .args(more)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("screen.log")).unwrap())
            .stderr(fs::File::create(folder.join("stderr.log")).unwrap())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("sipp cannot be run ({error}); install it: sudo apt-get install -y sip-tester")
        });
        Self { child, scenario, folder, port, closed: false }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until SIPp listens: then its port cannot be bound by others.
    pub fn listening(self) -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        while UdpSocket::bind((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
            assert!(Instant::now() < deadline, "sipp {} does not listen: {}", self.scenario, self.trouble());
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Waits for the end; each call must have gone as the scenario says. Gives what was logged.
    pub fn done(mut self) -> Vec<Row> {
        let status = self.child.wait().unwrap();
        self.closed = true;
        assert!(status.success(), "sipp {} ended with {status}: {}", self.scenario, self.trouble());
        let log = fs::read_to_string(self.folder.join("log.log")).unwrap_or_default();
        log.lines().map(|line| Row(line.to_owned())).collect()
    }

    fn trouble(&self) -> String {
        let read = |name: &str| {
            let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            text.lines().take(40).collect::<Vec<_>>().join("\n")
        };
        format!("{}\n{}", read("stderr.log"), read("errors.log"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
