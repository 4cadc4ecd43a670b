//! Flows in what a browser loads: `jco transpile` turns the component into a module of JavaScript, and Node runs it beside the host.

use std::fs;

use crate::{
    run::{Failure, cargo, program, root, run, target},
    setup,
};

/// In step with the host's wasmtime: it reads the components that wit-component 0.258 writes.
const JCO: &str = "1.35.0";

/// Builds nothing of the plugins: they are there.
pub(crate) fn compare() -> Result<(), Failure> {
    for wanted in ["node", "npm"] {
        if !setup::on_path(wanted) {
            return Err(Failure::Setup(format!("{wanted} is missing; install Node.js 20 or newer")));
        }
    }
    let (tools, folder) = (target().join("tools/npm"), target().join("browser"));
    let jco = tools.join("node_modules/.bin/jco");
    let manifest = tools.join("node_modules/@bytecodealliance/jco/package.json");
    if !fs::read_to_string(&manifest).is_ok_and(|text| text.contains(&format!("\"version\": \"{JCO}\""))) {
        let mut install = program("npm");
        install.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&tools);
        run("installing jco", install.arg(format!("@bytecodealliance/jco@{JCO}")))?;
    }
    let of_file = |source| Failure::File { file: folder.display().to_string(), source };
    fs::create_dir_all(&folder).map_err(of_file)?;
    let component = folder.join("flow-graph.wasm");
    fs::copy(target().join("plugins/flow-graph.wasm"), &component).map_err(of_file)?;
    // A module of JavaScript, wherever it lies.
    fs::write(folder.join("package.json"), "{\"type\":\"module\"}\n").map_err(of_file)?;
    let mut transpile = program(&jco);
    transpile.arg("transpile").arg(&component).args(["--name", "flow-graph", "--quiet", "-o"]).arg(&folder);
    run("turning flow-graph into what a browser loads", &mut transpile)?;
    let mut hold = cargo();
    hold.args(["test", "--workspace", "--test", "browser", "--", "--ignored"]).env("PLUGBOARD_BROWSER", &folder);
    hold.current_dir(root());
    run("running the same calls in the host and in Node", &mut hold)
}
