//! Guests, built for wasm32 and wrapped as components.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    run::{Failure, cargo, program, root, run, target},
    setup,
};

/// The manifest of a plugin's pack.
const MANIFEST: &str = "plugin.toml";

/// Builds every plugin into `target/plugins`, and says where that is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    setup::wasm_target()?;
    let folder = target().join("plugins");
    let modules = target().join("guests");
    let mut build = cargo();
    build
        .args(["build", "--release", "--target", setup::WASM, "--manifest-path"])
        .arg(manifest())
        .env("CARGO_TARGET_DIR", &modules);
    run("building the plugins", &mut build)?;
    fs::create_dir_all(&folder).map_err(|source| of_file(&folder, source))?;
    for name in guests()? {
        component(&modules, &name, &folder.join(&name).with_extension("wasm"))?;
        let sources = root().join("plugins").join(&name);
        // What it is and what it takes, for `plugboard plugins`.
        for (from, to) in [(MANIFEST, "toml"), ("settings.schema.json", "schema.json")] {
            let from = sources.join(from);
            if from.exists() {
                let to = folder.join(&name).with_extension(to);
                fs::copy(&from, &to).map_err(|source| of_file(&to, source))?;
            }
        }
    }
    Ok(folder)
}

/// Makes a pack of each plugin that has a manifest, in `target/packs`, unsigned; says where that is.
pub(crate) fn packs() -> Result<PathBuf, Failure> {
    let (components, packs) = (target().join("plugins"), target().join("packs"));
    fs::create_dir_all(&packs).map_err(|source| of_file(&packs, source))?;
    run("building the host", cargo().args(["build", "--workspace", "--bin", "plugboard"]))?;
    for name in guests()? {
        let sources = root().join("plugins").join(&name);
        if !sources.join(MANIFEST).exists() {
            continue;
        }
        let file = format!("{name}.wasm={}", components.join(&name).with_extension("wasm").display());
        let mut build = program(target().join("debug/plugboard"));
        build.args(["pack", "build"]).arg(&sources).args(["--file", &file]).arg("--out");
        build.arg(packs.join(&name).with_extension("pbpack"));
        run(&format!("making a pack of {name}"), &mut build)?;
    }
    Ok(packs)
}

/// Builds the flow that misbehaves as it is told, and says where it is.
pub(crate) fn hostile() -> Result<PathBuf, Failure> {
    const NAME: &str = "hostile-flow";
    let modules = target().join("guests");
    let mut build = cargo();
    build
        .args(["build", "--release", "--target", setup::WASM, "--package", NAME, "--manifest-path"])
        .arg(root().join("host/plugin/tests/guests/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &modules);
    run("building the flow that misbehaves", &mut build)?;
    let to = modules.join(NAME).with_extension("wasm");
    component(&modules, NAME, &to)?;
    Ok(to)
}

/// Wraps a module that was built. Rewritten only when it changed: the host compiles a component once for its content.
fn component(modules: &Path, name: &str, to: &Path) -> Result<(), Failure> {
    let module = modules.join(setup::WASM).join("release").join(name.replace('-', "_")).with_extension("wasm");
    let core = fs::read(&module).map_err(|source| of_file(&module, source))?;
    let component = plugboard_componentize::componentize(&core)
        .map_err(|source| Failure::Component { file: module.display().to_string(), source })?;
    if fs::read(to).ok().as_deref() != Some(&component) {
        fs::write(to, &component).map_err(|source| of_file(to, source))?;
    }
    Ok(())
}

/// The guests' own workspace.
pub(crate) fn manifest() -> PathBuf {
    root().join("plugins/Cargo.toml")
}

/// Each folder of `plugins/` with a package in it that makes a module, by its name.
fn guests() -> Result<Vec<String>, Failure> {
    let plugins = root().join("plugins");
    let entries = fs::read_dir(&plugins).map_err(|source| of_file(&plugins, source))?;
    let makes_a_module = |manifest: String| manifest.contains("cdylib");
    let packages = entries
        .filter_map(Result::ok)
        .filter(|entry| fs::read_to_string(entry.path().join("Cargo.toml")).is_ok_and(makes_a_module));
    let mut names: Vec<String> = packages.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

fn of_file(path: &Path, source: std::io::Error) -> Failure {
    Failure::File { file: path.display().to_string(), source }
}
