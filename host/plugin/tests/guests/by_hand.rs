//! Plugins written by hand in the text format of WebAssembly: as bad as a component can be, and built in no time.
#![allow(dead_code, reason = "each test uses its own part")]

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{
    Resolve, WorldItem,
    abi::{AbiVariant, WasmType},
};

/// The exports of a flow that says nothing and does nothing; what is given comes first, and stands in place of what has the same name.
pub(crate) fn flow(given: &str) -> Vec<u8> {
    flow_that_imports(&[], given)
}

/// What of WASI the guests here import.
const WASI: [&str; 3] = [
    "package wasi:io@0.2.0; interface poll { resource pollable { block: func(); } }",
    "package wasi:clocks@0.2.0;
     interface monotonic-clock {
       use wasi:io/poll@0.2.0.{pollable};
       now: func() -> u64;
       subscribe-duration: func(when: u64) -> pollable;
     }
     interface wall-clock {
       record datetime { seconds: u64, nanoseconds: u32 }
       now: func() -> datetime;
     }",
    "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }",
];

/// The same, with further imports of these interfaces.
pub(crate) fn flow_that_imports(imports: &[&str], given: &str) -> Vec<u8> {
    of_world("flow-plugin", imports, given)
}

/// A component of any world. Results are zeroes at 1,024: an empty description, an empty list, success, a step without actions.
pub(crate) fn of_world(world: &str, imports: &[&str], given: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new("../../wit")).expect("the contract");
    for package in WASI {
        resolve.push_str("wasi.wit", package).expect("WASI");
    }
    let imports: String = imports.iter().map(|import| format!("import {import};")).collect();
    let world = format!("package test:guest; world guest {{ include plugboard:plugin/{world}@0.1.1; {imports} }}");
    let package = resolve.push_str("guest.wit", &world).expect("a world");
    let world = resolve.select_world(&[package], Some("guest")).expect("the world");

    let mut rest = String::new();
    let mut export = |name: &str, types: &str, body: &str| {
        if !given.contains(&format!("\"{name}\"")) {
            rest += &format!("(func (export \"{name}\") {types} {body})\n");
        }
    };
    export("cabi_realloc", "(param i32 i32 i32 i32) (result i32)", "i32.const 4096");
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = resolve.name_world_key(key);
        for (name, function) in &resolve.interfaces[*id].functions {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let params: String = signature.params.iter().map(|of| format!(" {}", core(*of))).collect();
            let (result, body) = match signature.results[..] {
                [] => ("", ""),
                _ => ("(result i32)", "i32.const 1024"),
            };
            export(&format!("{interface}#{name}"), &format!("(param{params}) {result}"), body);
        }
    }
    let memory = if given.contains("(memory (export") { "" } else { r#"(memory (export "memory") 2)"# };
    let mut module = wat::parse_str(format!("(module {memory} {given} {rest})")).expect("a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    plugboard_componentize::componentize(&module).expect("a component")
}

fn core(of: WasmType) -> &'static str {
    match of {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}

/// A flow whose every step is `body`.
pub(crate) fn step(body: &str) -> Vec<u8> {
    flow(&format!(r#"(func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32) {body})"#))
}
