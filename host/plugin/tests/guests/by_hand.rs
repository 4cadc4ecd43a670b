//! Flows written by hand in the text format of WebAssembly: as bad as a component can be, and built in no time.
#![allow(dead_code, reason = "each test uses its own part")]

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The exports of a flow that says nothing and does nothing; what is given comes first, and stands in place of what has the same name.
pub(crate) fn flow(given: &str) -> Vec<u8> {
    flow_that_imports(&[], given)
}

/// What of WASI the guests here import.
const WASI: [&str; 3] = [
    "package wasi:io@0.2.0; interface poll { resource pollable { block: func(); } }",
    "package wasi:clocks@0.2.0; interface monotonic-clock {
       use wasi:io/poll@0.2.0.{pollable};
       now: func() -> u64;
       subscribe-duration: func(when: u64) -> pollable;
     }",
    "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }",
];

/// The same, with further imports of these interfaces.
pub(crate) fn flow_that_imports(imports: &[&str], given: &str) -> Vec<u8> {
    // Results are zeroes at 1,024: an empty description, an empty list, success, a step without actions.
    let ordinary = [
        ("cabi_realloc", "(param i32 i32 i32 i32) (result i32)", "i32.const 4096"),
        ("plugboard:plugin/flow@0.1.1#describe", "(result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#check", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#references", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#configure", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#step", "(param i32) (result i32)", "i32.const 1024"),
    ];
    let left = ordinary.iter().filter(|(name, ..)| !given.contains(name));
    let rest: String = left.map(|(name, types, body)| format!("(func (export \"{name}\") {types} {body})\n")).collect();
    let memory = if given.contains("(memory (export") { "" } else { r#"(memory (export "memory") 2)"# };
    let mut module = wat::parse_str(format!("(module {memory} {given} {rest})")).expect("a module");
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new("../../wit")).expect("the contract");
    for package in WASI {
        resolve.push_str("wasi.wit", package).expect("WASI");
    }
    let imports: String = imports.iter().map(|import| format!("import {import};")).collect();
    let world = format!("package test:guest; world guest {{ include plugboard:plugin/flow-plugin@0.1.1; {imports} }}");
    let package = resolve.push_str("guest.wit", &world).expect("a world");
    let world = resolve.select_world(&[package], Some("guest")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    plugboard_componentize::componentize(&module).expect("a component")
}

/// A flow whose every step is `body`.
pub(crate) fn step(body: &str) -> Vec<u8> {
    flow(&format!(r#"(func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32) {body})"#))
}
