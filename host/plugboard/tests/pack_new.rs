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
        "pack new mine --lang go --world dialer",
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
          remedy: there are some in rust, c, javascript, python, go; other languages build against the same wit/, as its README says
        exit 1
        $ plugboard pack new mine --lang go --world dialer
        error[no-template]: there is no template in go for the world dialer
          remedy: there is one in go for routing, and one in rust for every world
        exit 1
        $ plugboard queues --lang rust
        error: rust is a language of plugins, for `plugboard pack new`; en and zh are spoken

        Usage: plugboard [OPTIONS] <COMMAND>

        For more information, try '--help'.
        exit 2
    "#]]
    .assert_eq(&said);
}

/// What installs tools is left out.
fn installs(command: &str) -> bool {
    ["pip", "npm", "cargo"].iter().any(|tool| command.starts_with(&format!("{tool} install")))
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

/// Each line that `pack new` printed, in its folder.
fn follow(folder: &Path, tools: &str, said: &str) -> String {
    let commands = said.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with("cd "));
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

#[test]
fn a_new_folder_of_each_world_in_rust_keeps_the_contract_by_the_commands_that_are_printed_and_by_the_guides() {
    let desk = Desk::new("begun");
    fs::create_dir(desk.0.join("target")).unwrap();
    for world in ["flow", "routing", "compliance", "connector", "channel", "assistant", "dialer"] {
        let said = desk.run(&format!("pack new my-{world} --lang rust --world {world}"));
        let folder = desk.0.join(format!("my-{world}"));
        share(&desk, &folder);
        let told = follow(&folder, "", &said);
        assert!(told.ends_with(": signed by mine\n"), "{world}: {told}");
        // Whoever reads a backtrace of it reads names.
        let module = folder.join(format!("target/wasm32-unknown-unknown/release/my_{world}.wasm"));
        let module = fs::read(module).unwrap();
        assert!(module.windows(9).any(|bytes| bytes == b"describe_" || bytes == b"configure"), "{world}");
        assert!(told.contains(&format!("my-{world} ({world}): passed")), "{told}");
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

/// Only where the tools are: `cargo xtask test` says which are not.
#[test]
fn a_new_policy_in_another_language_builds_and_keeps_the_contract_where_its_tools_are() {
    let desk = Desk::new("spoken");
    let tools = tools();
    let path = ["py/bin", "cargo/bin", "npm/node_modules/.bin"].map(|folder| tools.join(folder).display().to_string());
    let languages = [
        ("c", vec!["cargo/bin/wit-bindgen", "py/bin/wasm-tools"]),
        ("js", vec!["npm/node_modules/.bin/componentize-qjs"]),
        ("python", vec!["py/bin/componentize-py"]),
        ("go", vec!["cargo/bin/wit-bindgen", "py/bin/go"]),
    ];
    for (language, needs) in languages {
        let said = desk.run(&format!("pack new in-{language} --lang {language} --world routing"));
        if !needs.iter().all(|program| tools.join(program).exists()) {
            continue;
        }
        let folder = desk.0.join(format!("in-{language}"));
        symlink(tools.join("npm/node_modules"), folder.join("node_modules")).unwrap();
        let told = follow(&folder, &path.join(":"), &said);
        assert!(told.contains(&format!("in-{language} (routing): passed")), "{language}: {told}");
        assert!(told.ends_with(": signed by mine\n"), "{language}: {told}");
    }
}
