//! What differs from world to world, whatever the language: one plugin each, with what it answers.

use plugboard_pack::World;

use super::Language;

/// The plugin that a world begins with: the same in every language, held against the same cases.
pub(super) struct Plugin {
    pub(super) world: World,
    /// In English and in Chinese.
    pub(super) about: (&'static str, &'static str),
    /// What a tenant may set.
    pub(super) schema: Option<&'static str>,
    /// What `plugboard pack test` asks.
    pub(super) cases: &'static str,
    /// What the manifest asks for.
    pub(super) asks: &'static str,
    /// What it imports beside `log`.
    pub(super) uses: &'static [&'static str],
    /// Name and text of what its own tests in Rust read.
    pub(super) read_by_rust: Option<(&'static str, &'static str)>,
    pub(super) reads_json: bool,
    /// By the language's first code.
    sources: &'static [(&'static str, &'static str)],
}

impl Plugin {
    /// `None`: it is not written in that language.
    pub(super) fn source(&self, language: &Language) -> Option<&'static str> {
        self.sources.iter().find(|(code, _)| *code == language.codes[0]).map(|(_, source)| *source)
    }
}

macro_rules! in_world {
    ($world:literal, $file:literal) => {
        include_str!(concat!($world, "/", $file))
    };
}

/// The sources of a world's folder, by language.
macro_rules! sources {
    ($world:literal: $($language:literal $file:literal),+) => {
        &[$(($language, in_world!($world, $file))),+]
    };
}

/// A file of `examples/plugins`, which is built and measured there.
macro_rules! example {
    ($file:literal) => {
        include_str!(concat!("../../../../../../../examples/plugins/", $file))
    };
}

const CONNECTOR_ASKS: &str = r#"
# An administrator grants or refuses each; the host puts the secret into requests to these origins only.
[components.@NAME@.asks]
http = ["https://crm.example.com"]
secrets = { token = ["https://crm.example.com"] }
"#;

const CHANNEL_ASKS: &str = r#"
# An administrator grants or refuses each; the host signs with the secret.
[components.@NAME@.asks]
http = ["https://chat.example.com"]
secrets = { signing = ["https://chat.example.com"] }
"#;

pub(super) const PLUGINS: [Plugin; World::ALL.len()] = [
    Plugin {
        world: World::Flow,
        about: (
            "Greets the caller, asks for a key and puts them into a queue",
            "播放问候语，收一个按键，然后让来电者排队",
        ),
        schema: Some(in_world!("flow", "settings.schema.json")),
        cases: in_world!("flow", "cases.json"),
        asks: "",
        uses: &[],
        read_by_rust: Some(("tests/calls.txt", in_world!("flow", "calls.txt"))),
        reads_json: false,
        sources: sources!("flow": "rust" "lib.rs", "c" "plugin.c", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
    Plugin {
        world: World::Routing,
        about: ("Prefers the customer's last agent, then the longest idle", "优先分配给客户上次的坐席，其次空闲最久者"),
        schema: None,
        cases: example!("rust/routing/tests/last-agent.json"),
        asks: "",
        uses: &[],
        read_by_rust: None,
        reads_json: false,
        sources: &[
            ("rust", in_world!("routing", "lib.rs")),
            ("c", example!("c/policy.c")),
            ("js", example!("javascript/policy.js")),
            ("python", example!("python/policy.py")),
            ("go", example!("go/policy.go")),
        ],
    },
    Plugin {
        world: World::Compliance,
        about: ("No calls in the called person's night", "不在被叫方夜间外呼"),
        schema: Some(in_world!("compliance", "settings.schema.json")),
        cases: in_world!("compliance", "cases.json"),
        asks: "",
        uses: &[],
        read_by_rust: None,
        reads_json: false,
        sources: sources!("compliance": "rust" "lib.rs", "c" "plugin.c", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
    Plugin {
        world: World::Connector,
        about: ("Finds a customer by number in a web service", "按号码在网络服务中查找客户"),
        schema: Some(in_world!("connector", "settings.schema.json")),
        cases: in_world!("connector", "cases.json"),
        asks: CONNECTOR_ASKS,
        uses: &["config", "http"],
        read_by_rust: None,
        reads_json: true,
        sources: sources!("connector": "rust" "lib.rs", "c" "plugin.c", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
    Plugin {
        world: World::Channel,
        about: ("Takes signed messages from a platform, and sends it answers", "接收平台签名的消息，并发送回复"),
        schema: Some(in_world!("channel", "settings.schema.json")),
        cases: in_world!("channel", "cases.json"),
        asks: CHANNEL_ASKS,
        uses: &["config", "http"],
        read_by_rust: None,
        reads_json: true,
        sources: sources!("channel": "rust" "lib.rs", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
    Plugin {
        world: World::Assistant,
        about: ("Answers what it knows by a word, else hands over", "按关键词作答，否则转人工"),
        schema: Some(in_world!("assistant", "settings.schema.json")),
        cases: in_world!("assistant", "cases.json"),
        asks: "",
        uses: &["config"],
        read_by_rust: None,
        reads_json: false,
        sources: sources!("assistant": "rust" "lib.rs", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
    Plugin {
        world: World::Dialer,
        about: ("Predictive while few calls are abandoned", "放弃率低时预测式外呼"),
        schema: Some(in_world!("dialer", "settings.schema.json")),
        cases: in_world!("dialer", "cases.json"),
        asks: "",
        uses: &[],
        read_by_rust: None,
        reads_json: false,
        sources: sources!("dialer": "rust" "lib.rs", "c" "plugin.c", "js" "plugin.js", "python" "plugin.py", "go" "plugin.go"),
    },
];
