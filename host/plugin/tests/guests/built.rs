//! The guests, built by cargo as their authors would, once a run. Needs the target wasm32-unknown-unknown.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Core modules by crate name, built once a run.
pub(crate) fn module(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = here.join("../../plugins/target");
        for workspace in ["../../plugins", "tests/guests"] {
            let status = Command::new(env!("CARGO"))
                .args(["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown", "--manifest-path"])
                .arg(here.join(workspace).join("Cargo.toml"))
                .arg("--target-dir")
                .arg(&target)
                .status()
                .expect("cargo runs");
            assert!(status.success(), "guests of {workspace} build (rustup target add wasm32-unknown-unknown)");
        }
        target.join("wasm32-unknown-unknown/release")
    });
    std::fs::read(folder.join(name.replace('-', "_") + ".wasm")).expect("the module was built")
}

pub(crate) fn component(name: &str) -> Vec<u8> {
    plugboard_componentize::componentize(&module(name)).expect("a component")
}
