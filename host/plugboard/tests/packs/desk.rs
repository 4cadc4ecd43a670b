//! A folder with a running host, and packs to send to it.
#![allow(dead_code, reason = "each test file uses what it needs of it")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use expect_test::Expect;
use plugboard_pack::{
    archive::{Archive, Bounds},
    signature::SecretKey,
};

/// Components of the contract 0.1.0, kept for ever.
pub(crate) const FLOW: &[u8] = include_bytes!("../../../plugin/tests/released/0.1.0/flow.wasm");
pub(crate) const ROUTING: &[u8] = include_bytes!("../../../plugin/tests/released/0.1.0/routing.wasm");

pub(crate) const CONFIG: &str = r#"data = "data"
plugins = "plugins"
[sip]
udp = ["127.0.0.1:0"]
tcp = []
[rtp]
address = "127.0.0.1"
[api]
listen = "127.0.0.1:0"
[[packs.trust]]
name = "Acme"
key = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
packs = ["acme.*"]
"#;

pub(crate) const QUEUES: &str = "[sales]\nname = \"Sales\"\n";
pub(crate) const QUEUES_WITH_POLICY: &str = r#"[sales]
name = "Sales"
[sales.policy]
plugin = "acme.lines/lines"
settings = { again_ms = 500 }
"#;

/// A folder with a host, both gone after the test.
pub(crate) struct Desk {
    folder: PathBuf,
    host: Option<Child>,
    api: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Desk {
    /// With nothing in it.
    pub(crate) fn empty(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("plugboard-packs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, host: None, api: String::new() }
    }

    /// With a running host and the tenant `shop`.
    pub(crate) fn open(name: &str) -> Self {
        let mut desk = Self::empty(name);
        desk.put("plugboard.toml", CONFIG.as_bytes());
        desk.put("plugins/README", b"no components but those of packs");
        desk.put("shop/tenant.toml", b"id = \"shop\"\nname = \"Shop\"\nlanguage = \"en\"\n");
        desk.put("shop/queues.toml", QUEUES.as_bytes());
        desk.start();
        desk.run("apply shop");
        desk
    }

    pub(crate) fn start(&mut self) {
        let mut host = Command::new(env!("CARGO_BIN_EXE_plugboard"))
            .args(["serve", "--config", "plugboard.toml"])
            .current_dir(&self.folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(host.stderr.take().unwrap());
        self.host = Some(host);
        let mut line = String::new();
        while !line.starts_with("ready:") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "the host does not start");
        }
        self.api = line.rsplit(' ').next().unwrap().trim().to_owned();
        // A host that cannot write its log would stop.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        let host = self.host.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &host]).status().unwrap().success());
    }

    /// What the alarms of that name are about.
    pub(crate) fn alarms(&self, name: &str) -> Vec<String> {
        let mut answer = ureq::get(format!("{}/v1/host", self.api)).call().unwrap();
        let view: serde_json::Value = answer.body_mut().read_json().unwrap();
        let alarms = view["alarms"].as_array().unwrap().iter().filter(|alarm| alarm["name"] == name);
        alarms.map(|alarm| alarm["about"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What a dry run must leave as it is: the tenant's packs, configuration, events and figures of use, and the files of packs.
    pub(crate) fn state(&self) -> String {
        let get = |path: &str| {
            let mut answer = ureq::get(format!("{}/v1/tenants/shop/{path}", self.api)).call().unwrap();
            answer.body_mut().read_to_string().unwrap()
        };
        let mut files: Vec<String> = fs::read_dir(self.folder.join("data/packs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let told = ["packs", "configuration", "cdrs"].map(get);
        let configuration: serde_json::Value = serde_json::from_str(&told[1]).unwrap();
        // The event of a change comes to disk a moment after whoever made it has the answer.
        let applied = format!("\"revision\":{},", configuration["revision"].as_u64().unwrap());
        let mut events = (0..1_000).map(|_| self.run("events --json"));
        let events = events.find(|events| events.contains(&applied)).expect("the event of the last change");
        format!("{}{events}{files:?}", told.concat())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Runs `plugboard` against the host, and gives what it said and a last line with the exit code unless it is 0.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_plugboard"))
            .args(line.split_whitespace())
            .current_dir(&self.folder)
            .env_remove("PLUGBOARD_LANG")
            .envs([("LC_ALL", "C"), ("NO_COLOR", "1"), ("PLUGBOARD_HOST", &self.api)])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap();
        let code = if code == 0 { String::new() } else { format!("exit {code}\n") };
        format!("{}{}{code}", text(&output.stdout), text(&output.stderr))
    }

    /// Several commands, each after the line that was typed.
    pub(crate) fn session(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| format!("$ plugboard {line}\n{}", self.run(line))).collect()
    }
}

/// A pack of one component, in the folder as `NAME.pbpack`.
pub(crate) struct Making<'a> {
    pub(crate) id: &'a str,
    pub(crate) version: &'a str,
    pub(crate) contract: &'a str,
    pub(crate) world: &'a str,
    pub(crate) asks: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) component: &'a [u8],
    /// Files beside, by name.
    pub(crate) more: &'a [(&'a str, &'a [u8])],
    /// Seed of the key.
    pub(crate) signed: Option<u8>,
}

pub(crate) const SCHEMA: &str =
    r#"{ "type": "object", "properties": { "again_ms": { "type": "integer", "maximum": 1000 } } }"#;

impl Default for Making<'_> {
    fn default() -> Self {
        Self {
            id: "acme.lines",
            version: "1.0.0",
            contract: "0.1.0",
            world: "routing",
            asks: "",
            schema: SCHEMA,
            component: ROUTING,
            more: &[],
            signed: Some(1),
        }
    }
}

impl Making<'_> {
    pub(crate) fn archive(&self) -> Archive {
        let Self { id, version, contract, world, asks, .. } = self;
        let manifest = format!(
            "[pack]\nid = \"{id}\"\nversion = \"{version}\"\ncontract = \"{contract}\"\nlicence = \"MIT\"\nvendor = \"Acme Ltd\"\n\
             name = {{ en = \"Lines\", zh-CN = \"线路\" }}\ndescription = \"Longest wait first\"\n\
             [components.lines]\nworld = \"{world}\"\nfile = \"lines.wasm\"\nsettings = \"lines.schema.json\"\n{asks}"
        );
        let mut archive = Archive::new(Bounds::default());
        let files = [
            ("plugin.toml", manifest.as_bytes()),
            ("lines.wasm", self.component),
            ("lines.schema.json", self.schema.as_bytes()),
        ];
        for (name, bytes) in files.iter().chain(self.more) {
            archive.insert(name.parse().unwrap(), bytes.to_vec()).unwrap();
        }
        if let Some(seed) = self.signed {
            archive.sign(&SecretKey::from_seed(&[seed; 32])).unwrap();
        }
        archive
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.archive().write()
    }
}

pub(crate) fn says(said: &str, expected: &Expect) {
    expected.assert_eq(said);
}
