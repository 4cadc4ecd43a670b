//! SIPp as a peer.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

/// One run of SIPp.
#[derive(Debug)]
pub struct Sipp {
    child: Child,
    scenario: &'static str,
    folder: PathBuf,
    port: u16,
    /// Told once its sockets are open.
    opened: Receiver<()>,
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
        let opened = opened(&folder);
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
            .args(["-trace_stat", "-stf", STATISTICS, "-fd", "3600"])
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
        Self { child, scenario, folder, port, opened, closed: false }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until SIPp listens.
    pub fn listening(self) -> Self {
        let opened = self.opened.recv_timeout(Duration::from_secs(10));
        assert!(opened.is_ok(), "sipp {} does not listen: {}", self.scenario, self.trouble());
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

const STATISTICS: &str = "statistics";

/// SIPp writes its first statistics when its sockets are open. They go into a pipe, which tells.
fn opened(folder: &Path) -> Receiver<()> {
    let pipe = folder.join(STATISTICS);
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success(), "a pipe cannot be made: {}", pipe.display());
    let (tell, opened) = channel();
    std::thread::spawn(move || {
        // Opens when SIPp does; lasts until it ends. Nobody may wait for it, which is as well.
        let Ok(pipe) = fs::File::open(pipe) else { return };
        for _ in BufReader::new(pipe).lines() {
            let _ = tell.send(());
        }
    });
    opened
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
