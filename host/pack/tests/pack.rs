//! A pack as it comes from an author's folder or from a vendor.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use expect_test::{Expect, expect};
use plugboard_model::Timestamp;
use plugboard_pack::{
    Pack, PackError,
    archive::{Archive, Bounds},
    signature::{Packs, Scope, SecretKey, TrustStore, TrustedKey, Verdict},
};

const MANIFEST: &str = r#"
[pack]
id = "acme.crm"
version = "1.2.0"
contract = "0.1.0"
licence = "Apache-2.0"
vendor = "Acme Ltd"
name = "Acme CRM"
description = "Finds the caller"

[folders]
prompts = "prompts"

[components.lookup]
world = "connector"
file = "lookup.wasm"
settings = "lookup.schema.json"
"#;

fn archive(files: &[(&str, &[u8])]) -> Archive {
    let mut archive = Archive::new(Bounds::default());
    for (name, bytes) in files {
        archive.insert(name.parse().unwrap(), bytes.to_vec()).unwrap();
    }
    archive
}

fn files() -> [(&'static str, &'static [u8]); 4] {
    [
        ("plugin.toml", MANIFEST.as_bytes()),
        ("lookup.wasm", b"\0asm\x0d\0\x01\0and more"),
        ("lookup.schema.json", br#"{ "type": "object", "properties": { "url": { "type": "string" } } }"#),
        ("prompts/zh/welcome.wav", b"RIFF"),
    ]
}

/// The pack with another content of one file; `None` takes it out.
fn refused(name: &str, content: Option<&[u8]>, expected: &Expect) {
    let files = files().into_iter().filter_map(|(each, bytes)| match content {
        content if each == name => content.map(|content| (each, content)),
        _ => Some((each, bytes)),
    });
    let told = match Pack::of(archive(&files.collect::<Vec<_>>())) {
        Ok(_) => "it is read".to_owned(),
        Err(PackError::Archive(error)) => error.to_string(),
        Err(PackError::Manifest(faults)) => faults.iter().map(|fault| format!("{fault}\n")).collect(),
    };
    expected.assert_eq(&told);
}

#[test]
fn a_pack_is_read_from_its_bytes_with_components_and_schemas() {
    let pack = Pack::read(&archive(&files()).write(), Bounds::default()).unwrap();
    let lookup = pack.manifest().component("lookup").unwrap();
    assert_eq!(
        (
            pack.release().to_string(),
            pack.component(lookup).map(<[u8]>::len),
            pack.settings_schema(&lookup.name).map(ToString::to_string)
        ),
        (
            format!("1.2.0 ({})", archive(&files()).digest().short()),
            Some(16),
            Some(r#"{"properties":{"url":{"type":"string"}},"type":"object"}"#.to_owned())
        )
    );
}

#[test]
fn a_file_that_is_missing_is_told_where_the_manifest_names_it() {
    refused(
        "lookup.wasm",
        None,
        &expect![[r#"
        plugin.toml:16:8: no-such-file: the pack holds no lookup.wasm
            file = "lookup.wasm"
                   ^^^^^^^^^^^^^
          remedy: put the file into the pack, or mend its name here
    "#]],
    );
    refused(
        "prompts/zh/welcome.wav",
        None,
        &expect![[r#"
        plugin.toml:12:11: no-such-file: the folder prompts holds no file
            prompts = "prompts"
                      ^^^^^^^^^
          remedy: put a file into it, or leave the key out
    "#]],
    );
    refused(
        "plugin.toml",
        None,
        &expect![[r#"
        plugin.toml: no-such-file: the pack holds no plugin.toml
          remedy: begin one with `plugboard pack new`
    "#]],
    );
}

#[test]
fn what_is_no_component_is_told_as_what_it_is() {
    refused(
        "lookup.wasm",
        Some(b"\0asm\x01\0\0\0"),
        &expect![[r#"
        plugin.toml:16:8: not-a-component: lookup.wasm is no WebAssembly component
            file = "lookup.wasm"
                   ^^^^^^^^^^^^^
          remedy: it is a core module: wrap it with `plugboard pack build`
    "#]],
    );
    refused(
        "lookup.wasm",
        Some(b"#!/bin/sh"),
        &expect![[r#"
        plugin.toml:16:8: not-a-component: lookup.wasm is no WebAssembly component
            file = "lookup.wasm"
                   ^^^^^^^^^^^^^
          remedy: build it again with `plugboard pack build`
    "#]],
    );
}

#[test]
fn a_schema_is_json_of_an_object() {
    refused(
        "lookup.schema.json",
        Some(b"{\n  \"type\": \"object\",\n}"),
        &expect![[r#"
        lookup.schema.json:3:1: not-json: lookup.schema.json is not JSON: trailing comma
            }
            ^
          remedy: mend the JSON
    "#]],
    );
    refused(
        "lookup.schema.json",
        Some(b""),
        &expect![[r#"
        lookup.schema.json:1:1: not-json: lookup.schema.json is not JSON: EOF while parsing a value
          remedy: mend the JSON
    "#]],
    );
    refused(
        "lookup.schema.json",
        Some(b"[]"),
        &expect![[r#"
        lookup.schema.json: not-a-schema: lookup.schema.json is no JSON Schema of an object of settings
          remedy: write { "type": "object", "properties": { … } }
    "#]],
    );
    refused(
        "lookup.schema.json",
        Some(b"\xff"),
        &expect![[r#"
        lookup.schema.json: not-json: lookup.schema.json is not JSON: expected value
          remedy: mend the JSON
    "#]],
    );
    refused(
        "lookup.schema.json",
        Some(&[b' '; 300_000]),
        &expect![[r#"
        lookup.schema.json: file-too-long: the file is 300000 B long, at most 256 KiB are read
          remedy: say it shorter
    "#]],
    );
}

#[test]
fn a_manifest_is_utf8() {
    refused(
        "plugin.toml",
        Some(b"[pack]\nid = \"\xff\""),
        &expect![[r#"
        plugin.toml: not-utf8: the file is no UTF-8
          remedy: save it as UTF-8
    "#]],
    );
}

/// The id that a key has to be good for is the one that was signed.
#[test]
fn a_pack_is_judged_by_the_id_in_its_own_manifest() {
    let key = SecretKey::from_seed(&[1; 32]);
    let mut signed = archive(&files());
    signed.sign(&key).unwrap();
    let mut trust = TrustStore::default();
    let packs = Packs::Some(["other.*".parse().unwrap()].into());
    let (name, scope) = ("Other".to_owned(), Scope::Installation);
    trust.add(TrustedKey { name, key: key.public(), scope, packs, not_after: None, revoked: None }).unwrap();
    let verdict = Pack::of(signed).unwrap().judge(&trust, None, Timestamp::EPOCH);
    assert_eq!(verdict, Verdict::NotForThisPack { by: "Other".to_owned(), pack: "acme.crm".parse().unwrap() });
}
