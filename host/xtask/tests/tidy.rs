//! The house's rules that text can show, each as a test, so that a check has nothing of its own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads the sources")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Crates whose code takes time, chance and sockets as arguments.
const INNER: [&str; 11] =
    ["model", "sip", "sdp", "rtp", "codec", "media", "acd", "call", "reporting", "exchange", "kit"];
/// Names that say nothing of what is in a file.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Every file of this extension below a folder of the repository, but what is built.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn sources() -> Vec<PathBuf> {
    ["host", "tests", "plugins"].iter().flat_map(|folder| files(&root().join(folder), "rs")).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn no_inner_crate_lifts_the_ban_on_clocks_threads_and_sockets() {
    let lifted: Vec<String> = INNER
        .iter()
        .flat_map(|name| files(&root().join("host").join(name).join("src"), "rs"))
        .filter(|path| fs::read_to_string(path).unwrap().contains("clippy::disallowed_"))
        .map(|path| shown(&path))
        .collect();
    assert_eq!(lifted, Vec::<String>::new());
}

/// What `clippy.toml` does not ban, because crates of the edge use it at every turn.
#[test]
fn no_inner_crate_names_files_processes_sockets_or_maps_of_random_order() {
    let words = [
        "std::fs",
        "std::process",
        "std::env",
        "std::net::TcpStream",
        "std::os::unix",
        "thread::Builder",
        "HashMap::new",
        "HashSet::new",
    ];
    let named: Vec<String> = INNER
        .iter()
        .flat_map(|name| files(&root().join("host").join(name).join("src"), "rs"))
        .flat_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            // A test inside may read a file; what is shipped may not.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            words
                .iter()
                .filter(|word| shipped.contains(**word))
                .map(|word| format!("{}: {word}", shown(&path)))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(named, Vec::<String>::new());
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    // Guests that misbehave on purpose lie deeper.
    let crates = ["host", "tests", "plugins"].iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let without: Vec<String> = crates
        .map(|entry| entry.unwrap().path().join("Cargo.toml"))
        .filter(|path| path.is_file())
        .filter(|path| !fs::read_to_string(path).unwrap().contains("[lints]\nworkspace = true"))
        .map(|path| shown(&path))
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let empty: Vec<String> = sources()
        .iter()
        .map(|path| shown(path))
        .filter(|path| path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))))
        .collect();
    assert_eq!(empty, Vec::<String>::new());
}

/// The test code of a file: all of it below `tests`, and what stands behind `#[cfg(test)]` elsewhere.
fn test_code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let shown = shown(path);
    let is_test = shown.split('/').any(|part| part == "tests" || part == "tests.rs");
    if is_test { text } else { text.split_once("#[cfg(test)]").map(|(_, tests)| tests.to_owned()).unwrap_or_default() }
}

/// Lines that sleep and have no comment above them that says why.
fn sleeping(code: &str) -> Vec<String> {
    // Written in two, so that this file is not found.
    let sleeps = [["sleep", "("].concat(), ["sleep_", "until("].concat(), ["park_", "timeout("].concat()];
    let mut above = "";
    let mut found = Vec::new();
    for line in code.lines() {
        if sleeps.iter().any(|sleep| line.contains(sleep)) && !above.trim_start().starts_with("//") {
            found.push(line.trim().to_owned());
        }
        above = line;
    }
    found
}

#[test]
fn tests_wait_for_what_happens_and_never_sleep_without_a_reason() {
    let sleeping: Vec<String> = sources()
        .iter()
        .flat_map(|path| sleeping(&test_code(path)).into_iter().map(|line| format!("{}: {line}", shown(path))))
        .collect();
    assert_eq!(sleeping, Vec::<String>::new());
}

#[test]
fn a_sleep_is_found_unless_a_comment_says_why() {
    let sleep = ["thread::sleep", "(PAUSE);"].concat();
    let code = format!("    {sleep}\n    // The far end closes its port only now.\n    {sleep}\n");
    assert_eq!(sleeping(&code), [sleep]);
}
