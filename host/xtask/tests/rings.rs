//! The rings of ARCHITECTURE.md, held by a test: what an inner crate reaches, over all its dependencies.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that asks cargo")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Crates of the edge. Everything else of ours is sans-IO.
const EDGE: [&str; 9] =
    ["api", "componentize", "config", "plugboard", "plugin", "softphone", "store", "transport", "xtask"];
/// What no inner crate may reach, by whatever way.
const ENGINES: [&str; 12] = [
    "axum",
    "hyper",
    "mio",
    "rustix",
    "sled",
    "socket2",
    "tokio",
    "tokio-tungstenite",
    "tungstenite",
    "ureq",
    "wasmtime",
    "getrandom",
];
/// An arrow points inward: the rank of each crate, the innermost lowest. A crate may depend on lower ranks only.
const RANKS: [(&str, u8); 19] = [
    ("model", 0),
    ("phrases", 0),
    ("sip", 1),
    ("sdp", 1),
    ("rtp", 1),
    ("media", 2),
    ("acd", 2),
    ("pack", 2),
    ("call", 2),
    ("reporting", 2),
    ("exchange", 3),
    ("componentize", 4),
    ("transport", 4),
    ("store", 4),
    ("plugin", 4),
    ("config", 4),
    ("api", 5),
    ("softphone", 5),
    ("plugboard", 6),
];

fn metadata() -> Value {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Normal and build dependencies of each package, by name; tests may use what they like.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name = |id: &Value| {
        let packages = metadata["packages"].as_array().unwrap();
        packages.iter().find(|package| package["id"] == *id).unwrap()["name"].as_str().unwrap().to_owned()
    };
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| {
            let of = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dep| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev"));
            (name(&node["id"]), of.map(|dep| name(&dep["pkg"])).collect())
        })
        .collect()
}

fn reached(from: &str, dependencies: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        for other in dependencies.get(&name).into_iter().flatten() {
            if seen.insert(other.clone()) {
                next.push(other.clone());
            }
        }
    }
    seen
}

#[test]
fn no_inner_crate_reaches_a_socket_a_runtime_a_database_or_an_engine() {
    let dependencies = dependencies(&metadata());
    let inner = RANKS.iter().map(|(name, _)| *name).filter(|name| !EDGE.contains(name));
    let found: Vec<String> = inner
        .flat_map(|name| {
            let reached = reached(&format!("plugboard-{name}"), &dependencies);
            // rsip draws uuid, which draws getrandom on this platform; the sip crate never asks it for one.
            let allowed: &[&str] = if ["sip", "exchange"].contains(&name) { &["getrandom"] } else { &[] };
            ENGINES
                .iter()
                .filter(move |engine| reached.contains(**engine) && !allowed.contains(engine))
                .map(move |engine| format!("{name} reaches {engine}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn arrows_between_our_crates_point_inward() {
    let dependencies = dependencies(&metadata());
    let rank = |package: &str| {
        let name = if package == "plugboard" { package } else { package.strip_prefix("plugboard-")? };
        RANKS.iter().find(|(known, _)| *known == name).map(|(_, rank)| *rank)
    };
    let mut outward = Vec::new();
    for (package, of) in &dependencies {
        let Some(own) = rank(package) else { continue };
        for other in of.iter().filter(|other| rank(other).is_some_and(|other| other >= own)) {
            outward.push(format!("{package} → {other}"));
        }
    }
    // Audio is built on the wire's own words, and the ring of decisions has one order inside: media stands below the machines that use it.
    assert_eq!(outward, Vec::<String>::new());
}

#[test]
fn every_crate_under_host_has_a_place_in_the_rings() {
    let metadata = metadata();
    let host = format!("{}/", std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display());
    let unknown: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package["manifest_path"].as_str().unwrap().starts_with(&host))
        .map(|package| package["name"].as_str().unwrap().trim_start_matches("plugboard-").to_owned())
        .filter(|name| name != "xtask" && !RANKS.iter().any(|(known, _)| known == name))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}
