//! Packs of a scratch vendor, made and installed by the command line.

use std::{fs, io, net::SocketAddrV4, path::Path, process::Command};

/// Builds the pack in `folder`; gives its file.
pub(super) fn make_pack(
    program: &Path,
    folder: &Path,
    id: &str,
    version: &str,
    world: &str,
    component: &[u8],
) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let manifest = format!(
        "[pack]\nid = \"{id}\"\nversion = \"{version}\"\ncontract = \"0.1.1\"\nlicence = \"MIT\"\n\
         vendor = \"Load\"\nname = \"Load\"\ndescription = \"What is measured\"\n\
         [components.{world}]\nworld = \"{world}\"\nfile = \"component.wasm\"\n"
    );
    fs::write(folder.join("plugin.toml"), manifest)?;
    fs::write(folder.join("component.wasm"), component)?;
    let file = folder.with_extension("pbpack").display().to_string();
    run(Command::new(program).args(["pack", "build", &folder.display().to_string(), "-o", &file]))?;
    Ok(file)
}

/// Has a host do it.
pub(super) fn order(program: &Path, api: SocketAddrV4, arguments: &[&str]) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).env("PLUGBOARD_HOST", format!("http://{api}")).env_remove("PLUGBOARD_TOKEN");
    run(&mut command)
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {}", said()))) }
}
