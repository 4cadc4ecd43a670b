//! `plugboard pack new` as a person types it, and all that it prints after it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs a program")]

mod desk;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use desk::Desk;
use expect_test::expect;

#[test]
fn a_plugin_begins_only_in_an_empty_folder_and_from_a_template_that_is_there() {
    let desk = Desk::new("new");
    fs::create_dir(desk.0.join("lines")).unwrap();
    fs::write(desk.0.join("lines/notes.txt"), "mine").unwrap();
    let said = desk.session(&[
        "pack new lines --lang rust --world routing",
        "pack new Lines2 --lang rust --world routing",
        "pack new mine --lang ts --world routing",
        "pack new mine --lang c --world channel",
        "queues --lang rust",
    ]);
    assert!(!desk.0.join("mine").exists());
    expect![[r#"
        $ plugboard pack new lines --lang rust --world routing
        error[not-empty]: lines is not empty
          remedy: name a folder that is empty or not there; nothing is written over
        exit 1
        $ plugboard pack new Lines2 --lang rust --world routing
        error[bad-name]: Lines2 gives no name for a pack: name holds 'L'; a-z, 0-9 and '-' are allowed
          remedy: call it by small letters, digits and '-', or give --name
        exit 1
        $ plugboard pack new mine --lang ts --world routing
        error[no-template]: there is no template in ts
          remedy: there are some in rust, c, js, python, go; other languages build against the same wit/, as its README says
        exit 1
        $ plugboard pack new mine --lang c --world channel
        error[no-template]: there is no template in c for the world channel
          remedy: in c there is one for flow, routing, compliance, connector, dialer; in rust for every world
        exit 1
        $ plugboard queues --lang rust
        error: rust is a language of plugins, for `plugboard pack new`; en and zh are spoken

        Usage: plugboard [OPTIONS] <COMMAND>

        For more information, try '--help'.
        exit 2
    "#]]
    .assert_eq(&said);
}

/// What installs tools is left out: they are there, or the test fails.
fn installs(command: &str) -> bool {
    ["pip install", "npm install", "cargo install", "rustup target"].iter().any(|begin| command.starts_with(begin))
}

/// As a shell would, with the program and `tools` on its path.
fn shell(folder: &Path, tools: &str, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_plugboard")).parent().unwrap();
    let path = format!("{}:{tools}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-e", "-c", command])
        .current_dir(folder)
        .envs([("PATH", path.as_str()), ("LC_ALL", "C"), ("CARGO_NET_OFFLINE", "true")])
        .env_remove("PLUGBOARD_LANG")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {command}: {out}{errors}", folder.display());
    out
}

/// Each command that `pack new` printed, in its folder; behind them are words for people.
fn follow(folder: &Path, tools: &str, said: &str) -> String {
    let lines = said.lines().take_while(|line| !line.starts_with("README.md "));
    let commands = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with("cd "));
    commands.filter(|command| !installs(command)).map(|command| shell(folder, tools, command)).collect()
}

/// A folder for what was begun in Rust: with versions that the repository has anyway, so that no network is needed, and with what others compiled.
fn share(desk: &Desk, folder: &Path) {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    symlink(desk.0.join("target"), folder.join("target")).unwrap();
}

/// The block of the guide that says that a test runs it, line by line.
fn walk_the_guide(desk: &Desk) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins/GUIDE.md");
    let guide = fs::read_to_string(guide).unwrap();
    let block = guide.split("<!-- walked").nth(1).unwrap().split("```").nth(1).unwrap();
    let mut folder = desk.0.clone();
    let mut told = String::new();
    for line in block.lines().skip(1) {
        let command = line.split(" # ").next().unwrap().trim();
        match command.strip_prefix("cd ") {
            Some(name) => {
                folder.push(name);
                share(desk, &folder);
            }
            None => told += &shell(&folder, "", command),
        }
    }
    told
}

const WORLDS: [&str; 7] = ["flow", "routing", "compliance", "connector", "channel", "assistant", "dialer"];

#[test]
fn a_new_folder_of_each_world_in_rust_keeps_the_contract_by_the_commands_that_are_printed_and_by_the_guides() {
    let desk = Desk::new("begun");
    fs::create_dir(desk.0.join("target")).unwrap();
    for world in WORLDS {
        let said = desk.run(&format!("pack new my-{world} --lang rust --world {world}"));
        let folder = desk.0.join(format!("my-{world}"));
        share(&desk, &folder);
        let told = follow(&folder, "", &said);
        assert!(told.ends_with(": signed by mine\n"), "{world}: {told}");
        assert!(told.contains(&format!("my-{world} ({world}): passed")), "{told}");
        // Whoever reads a backtrace of it reads names.
        let module = fs::read(folder.join(format!("target/wasm32-unknown-unknown/release/my_{world}.wasm"))).unwrap();
        assert!(module.windows(5).any(|bytes| bytes == b"\x04name"), "{world}");
    }
    let told = walk_the_guide(&desk);
    assert!(told.contains("last-agent (routing): passed"), "{told}");
    assert!(told.ends_with(": signed by mine\n"), "{told}");
}

/// Where `examples/plugins/*/build` puts what it installs.
fn tools() -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins/target/tools");
    std::env::var_os("PLUGBOARD_TOOLS").map_or(examples, PathBuf::from)
}

/// Everything that `pack new` offers in that language, by the commands that are printed.
fn each_world_in(language: &str) {
    let desk = Desk::new(language);
    let tools = tools();
    let path = ["py/bin", "cargo/bin"].map(|folder| tools.join(folder).display().to_string()).join(":");
    let mut worlds = Vec::new();
    for world in WORLDS {
        let name = format!("{world}-in-{language}");
        let said = desk.run(&format!("pack new {name} --lang {language} --world {world}"));
        if said.contains("error[no-template]") {
            continue;
        }
        let folder = desk.0.join(&name);
        symlink(tools.join("npm/node_modules"), folder.join("node_modules")).unwrap();
        let told = follow(&folder, &path, &said);
        assert!(told.contains(&format!("{name} ({world}): passed")), "{told}");
        assert!(told.ends_with(": signed by mine\n"), "{told}");
        worlds.push(world);
    }
    assert!(worlds.starts_with(&WORLDS[..4]), "{worlds:?}");
}

#[test]
#[ignore = "needs tools from PyPI and crates.io: cargo xtask plugins --templates"]
fn each_world_that_is_offered_in_c_keeps_the_contract() {
    each_world_in("c");
}

#[test]
#[ignore = "needs tools from npm: cargo xtask plugins --templates"]
fn each_world_that_is_offered_in_javascript_keeps_the_contract() {
    each_world_in("js");
}

#[test]
#[ignore = "needs tools from PyPI: cargo xtask plugins --templates"]
fn each_world_that_is_offered_in_python_keeps_the_contract() {
    each_world_in("python");
}

#[test]
#[ignore = "needs tools from PyPI and crates.io: cargo xtask plugins --templates"]
fn each_world_that_is_offered_in_go_keeps_the_contract() {
    each_world_in("go");
}
