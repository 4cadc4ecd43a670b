//! Where the built program is.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The folder of what cargo builds, found from the running test: `target/debug/deps/test-hash`.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// The program: `PLUGBOARD_BIN`, else the one beside the tests, which is built if it is missing.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(named) = std::env::var_os("PLUGBOARD_BIN") {
            return named.into();
        }
        let program = profile_folder().join("plugboard");
        if !program.exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            // The whole workspace's features, so that nothing is compiled twice.
            let built = Command::new(cargo)
                .args(["build", "--workspace", "--bin", "plugboard"])
                .env("CARGO_TARGET_DIR", profile_folder().parent().unwrap())
                .current_dir(root())
                .status()
                .unwrap();
            assert!(built.success(), "the program cannot be built");
        }
        program
    })
}

/// Folder of the components: `PLUGBOARD_PLUGINS`, else where `cargo xtask plugins` leaves them.
pub fn plugins() -> PathBuf {
    let folder = std::env::var_os("PLUGBOARD_PLUGINS")
        .map_or_else(|| profile_folder().parent().unwrap().join("plugins"), PathBuf::from);
    assert!(folder.join("flow-graph.wasm").exists(), "no components in {}; run: cargo xtask plugins", folder.display());
    folder
}

/// `plugboard` with these arguments, ready to run in the workspace's root.
pub fn plugboard<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(root()).env_remove("PLUGBOARD_TOKEN").env_remove("PLUGBOARD_HOST");
    command
}

/// `plugboard demo` with the components of these tests.
pub fn demo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = plugboard(["demo"]);
    command.arg("--plugins").arg(plugins()).args(arguments);
    command
}
