//! The tenant that is called, as files.

use std::{
    f32::consts::TAU,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What a test chooses of its tenant. Numbers: 8001 leads to the menu (`1` is queue sales), 8002 straight to
/// queue sales, 7001 to agent a001, 7002 to a002 …. The menu sounds at 500 Hz, [`Tenant::MUSIC_HERTZ`] is hold music.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Agents `a001`, `a002` …, extensions 1001, 1002 …, password `password-a001`, all in queue sales.
    pub agents: usize,
    /// Where calls to outside numbers go.
    pub trunk: Option<SocketAddr>,
    /// Calls come in by this certificate, and by no address.
    pub trunk_certificate: Option<&'static str>,
    /// Ring time of queue sales.
    pub ring_timeout: &'static str,
    pub wrap_up: &'static str,
    pub record: bool,
    /// Agents take calls as soon as their phone registers; else they have to ask for them.
    pub ready_on_register: bool,
    /// Live calls; one more is turned away.
    pub limit: Option<u32>,
    /// More of its files, by path; what is there already goes on with this text.
    pub more: Vec<(&'static str, String)>,
    /// More of its prompts, by path without the ending: WAV files.
    pub prompts: Vec<(&'static str, &'static [u8])>,
    /// Secrets in the host's folder for it, by file name.
    pub secrets: Vec<(&'static str, &'static str)>,
}

impl Default for Tenant {
    fn default() -> Self {
        Self {
            agents: 2,
            trunk: None,
            trunk_certificate: None,
            ring_timeout: "15s",
            wrap_up: "0s",
            record: true,
            ready_on_register: true,
            limit: None,
            more: Vec::new(),
            prompts: Vec::new(),
            secrets: Vec::new(),
        }
    }
}

impl Tenant {
    pub const ID: &'static str = "live";
    pub const MUSIC_HERTZ: u32 = 300;

    pub fn agent(index: usize) -> String {
        format!("a{index:03}")
    }

    pub fn password(agent: &str) -> String {
        format!("password-{agent}")
    }

    /// Writes the folder below `tenants` and gives its path.
    pub(crate) fn write(&self, tenants: &Path) -> PathBuf {
        let folder = tenants.join(Self::ID);
        for inner in ["flows", "prompts"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        let limit = self.limit.map_or(String::new(), |limit| format!("[limits]\ninteractions = {limit}\n"));
        write(
            "tenant.toml",
            &format!("id = \"live\"\nname = \"Live\"\nlanguage = \"en\"\n[exception]\nqueue = \"sales\"\n{limit}"),
        );
        write(
            "queues.toml",
            &format!(
                "[sales]\nring_timeout = \"{}\"\nwrap_up = \"{}\"\nmax_wait = \"5m\"\nhold_music = \"music\"\nrecord = {}\nmissed_limit = 1\n",
                self.ring_timeout, self.wrap_up, self.record
            ),
        );
        let mut agents = String::new();
        let mut numbers = String::from("8001 = { flow = \"menu\" }\n8002 = { queue = \"sales\" }\n");
        for index in 1..=self.agents {
            let (agent, extension) = (Self::agent(index), 1_000 + index);
            let password = Self::password(&agent);
            write!(
                agents,
                "[{agent}]\nextension = \"{extension}\"\npassword = \"{password}\"\nqueues = [\"sales\"]\nready_on_register = {}\n",
                self.ready_on_register
            )
            .unwrap();
            writeln!(numbers, "{} = {{ agent = \"{agent}\" }}", 7_000 + index).unwrap();
        }
        write("agents.toml", &agents);
        write("numbers.toml", &numbers);
        let peers = self.trunk.map_or(String::new(), |trunk| format!("peers = [\"{trunk}\"]\nping = \"0s\"\n"));
        let comes = match self.trunk_certificate {
            Some(domain) => format!("certificates = [\"{domain}\"]\n"),
            None => "allow = [\"127.0.0.0/8\"]\n".to_owned(),
        };
        write("trunks.toml", &format!("[carrier]\n{comes}{peers}"));
        write("flows/menu.json", MENU);
        for (name, text) in &self.more {
            let before = fs::read_to_string(folder.join(name)).unwrap_or_default();
            write(name, &(before + text));
        }
        let secrets = tenants.with_file_name("data").join("secrets").join(Self::ID);
        for (name, secret) in &self.secrets {
            fs::create_dir_all(&secrets).unwrap();
            fs::write(secrets.join(name), secret).unwrap();
        }
        for (name, seconds, hertz) in
            [("menu", 1.0, 500.0), ("music", 2.0, Self::MUSIC_HERTZ as f32), ("sorry", 0.5, 200.0)]
        {
            fs::write(folder.join("prompts").join(name).with_extension("wav"), tone(seconds, hertz)).unwrap();
        }
        for (name, wav) in &self.prompts {
            let file = folder.join("prompts").join(name).with_extension("wav");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, wav).unwrap();
        }
        folder
    }
}

const MENU: &str = r#"{
  "format": 1,
  "name": "menu",
  "language": "en",
  "start": "start",
  "nodes": {
    "start": { "kind": "start", "exits": { "next": "choose" } },
    "choose": {
      "kind": "menu",
      "prompt": "menu",
      "timeout_ms": 10000,
      "retries": 0,
      "exits": { "1": "wait", "2": "bye", "no_input": "bye", "no_match": "bye" }
    },
    "wait": { "kind": "queue", "queue": "sales", "hold_music": "music", "exits": { "timeout": "bye", "no_agents": "bye" } },
    "bye": { "kind": "hang-up", "prompt": "sorry" }
  },
  "exception": { "prompt": "sorry" }
}
"#;

/// Samples per second.
pub(crate) const RATE: u32 = 8_000;

/// A WAV file: 16 bits, one channel, 8 kHz, 12 dB below full scale.
pub fn tone(seconds: f32, hertz: f32) -> Vec<u8> {
    let samples = (seconds * RATE as f32) as u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples * 2).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    for half in [1_u16, 1] {
        wav.extend(half.to_le_bytes());
    }
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    for half in [2_u16, 16] {
        wav.extend(half.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend((samples * 2).to_le_bytes());
    for index in 0..samples {
        wav.extend(wave(index, hertz).to_le_bytes());
    }
    wav
}

/// Sample `index` at 8 kHz of a sine 12 dB below full scale.
pub(crate) fn wave(index: u32, hertz: f32) -> i16 {
    ((index as f32 * hertz * TAU / RATE as f32).sin() * 8_192.0) as i16
}
