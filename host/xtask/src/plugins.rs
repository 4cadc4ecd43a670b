//! Guests, built for wasm32 and wrapped as components.

use std::{fs, path::PathBuf};

use crate::run::{Failure, cargo, root, run, target};

/// Each guest's module as cargo names it, and the plugin's own name.
const GUESTS: [(&str, &str); 2] = [("flow_graph", "flow-graph"), ("route_skills", "route-skills")];

/// Builds every plugin into `target/plugins`, and says where that is.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let folder = target().join("plugins");
    let modules = target().join("guests");
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--release", "--target", "wasm32-unknown-unknown"])
        .arg("--manifest-path")
        .arg(root().join("plugins/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &modules);
    run("building the plugins", &mut build)?;
    let file = |path: &PathBuf, source| Failure::File { file: path.display().to_string(), source };
    fs::create_dir_all(&folder).map_err(|source| file(&folder, source))?;
    for (module, name) in GUESTS {
        let from = modules.join(format!("wasm32-unknown-unknown/release/{module}.wasm"));
        let core = fs::read(&from).map_err(|source| file(&from, source))?;
        let component = plugboard_componentize::componentize(&core)
            .map_err(|source| Failure::Component { file: from.display().to_string(), source })?;
        let to = folder.join(format!("{name}.wasm"));
        // Rewritten only when it changed: the host compiles a component once for its content.
        if fs::read(&to).ok().as_deref() != Some(&component) {
            fs::write(&to, &component).map_err(|source| file(&to, source))?;
        }
    }
    Ok(folder)
}
