//! The rings of ARCHITECTURE.md, held by a test: what an inner crate reaches, over all its dependencies.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that asks cargo")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Crates of the edge. Everything else of ours is sans-IO.
const EDGE: [&str; 10] =
    ["api", "componentize", "config", "examine", "plugboard", "plugin", "softphone", "store", "transport", "xtask"];
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
const RANKS: [(&str, u8); 25] = [
    ("model", 0),
    ("phrases", 0),
    ("srtp", 0),
    ("sip", 1),
    ("sdp", 1),
    ("rtp", 1),
    ("codec", 1),
    ("media", 2),
    ("acd", 2),
    ("trunk", 2),
    ("pack", 2),
    ("call", 2),
    ("reporting", 2),
    ("exchange", 3),
    ("kit", 3),
    ("replay", 4),
    ("componentize", 4),
    ("transport", 4),
    ("store", 4),
    ("config", 4),
    ("plugin", 4),
    ("api", 5),
    ("softphone", 5),
    ("examine", 6),
    ("plugboard", 7),
];

/// Of what this platform needs: nobody has downloaded the rest.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new(&cargo).arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(&cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", platform])
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
            // rsip draws uuid, which draws getrandom on this platform, and zip has it for encryption; neither crate of ours asks for any.
            let allowed: &[&str] =
                if ["sip", "exchange", "pack", "kit", "replay"].contains(&name) { &["getrandom"] } else { &[] };
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

/// What `cargo deny` would hold; it is not on every machine, and these two matter on all.
fn deny() -> toml::Table {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    std::fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap()
}

#[test]
fn each_engine_has_the_one_door_that_deny_toml_names() {
    let (deny, dependencies) = (deny(), dependencies(&metadata()));
    let mut found = Vec::new();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let (engine, doors) = (ban["crate"].as_str().unwrap(), ban["wrappers"].as_array().unwrap());
        let users = dependencies.iter().filter(|(_, of)| of.contains(engine));
        let others = users.filter(|(user, _)| !doors.iter().any(|door| door.as_str() == Some(user)));
        found.extend(others.map(|(user, _)| format!("{user} uses {engine}")));
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let (deny, metadata) = (deny(), metadata());
    let allowed: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let clarified = deny["licenses"]["clarify"].as_array().unwrap();
    let expression = |package: &Value| {
        let name = package["name"].as_str().unwrap();
        let clear = clarified.iter().find(|clear| clear["crate"].as_str() == Some(name));
        let told = clear.map(|clear| clear["expression"].as_str().unwrap().to_owned());
        told.or_else(|| Some(package["license"].as_str()?.replace('/', " OR "))).unwrap_or_default()
    };
    let packages = metadata["packages"].as_array().unwrap();
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !allows(&allowed, &expression(package)))
        .map(|package| format!("{}: {}", package["name"], expression(package)))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// Of an SPDX expression: `AND` binds closer than `OR`, brackets come first.
fn allows(allowed: &BTreeSet<&str>, expression: &str) -> bool {
    let mut depth = 0;
    let mut outer = String::new();
    let mut inner = String::new();
    for letter in expression.chars() {
        depth += i32::from(letter == '(');
        match (letter, depth) {
            ('(', 1) => inner.clear(),
            (')', 1) => outer.push_str(if allows(allowed, &inner) { "yes" } else { "no" }),
            (_, 0) => outer.push(letter),
            _ => inner.push(letter),
        }
        depth -= i32::from(letter == ')');
    }
    let one = |name: &str| name == "yes" || allowed.contains(name);
    outer.split(" OR ").any(|all| all.split(" AND ").all(|name| one(name.trim())))
}

#[test]
fn an_expression_of_licences_is_read_as_spdx_has_it() {
    let allowed = BTreeSet::from(["MIT", "ISC"]);
    let read = [
        "MIT",
        "GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT AND GPL-3.0",
        "(GPL-3.0 OR ISC) AND MIT",
        "MIT AND (GPL-3.0 AND ISC)",
        "",
    ]
    .map(|expression| allows(&allowed, expression));
    assert_eq!(read, [true, false, true, false, true, false, false]);
}
