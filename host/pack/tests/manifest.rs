//! `plugin.toml` as its author meets it.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use expect_test::{Expect, expect};
use plugboard_pack::{Manifest, World};

const WHOLE: &str = r#"
[pack]
id = "acme.crm"
version = "1.2.0"
contract = "0.1.0"
licence = "Apache-2.0"
vendor = "Acme Ltd"
name = { en = "Acme CRM", zh-CN = "Acme 客户系统" }
description = { en = "Finds the caller in Acme CRM", zh-CN = "在 Acme 客户系统中查找来电者" }

[folders]
prompts = "prompts"

[components.lookup]
world = "connector"
file = "lookup.wasm"
settings = "lookup.schema.json"

[components.lookup.asks]
http = ["https://crm.example.com"]
http-private = ["http://crm.lan:8080"]
secrets = { crm-token = ["https://crm.example.com"] }
kv = "64KiB"
effects = ["unmask"]

[components.lookup.limits]
memory = "16MiB"
budget = "200ms"

[components.menu]
world = "flow"
file = "menu.wasm"
"#;

/// What is wrong with a manifest, fault by fault.
fn faults(text: &str) -> String {
    let faults = Manifest::parse(text).expect_err("it was to be refused");
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn refused(text: &str, expected: &Expect) {
    expected.assert_eq(&faults(text));
}

#[test]
fn a_manifest_says_what_the_pack_is_and_what_each_component_may_take() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    expect![[r#"
        {
          "id": "acme.crm",
          "version": "1.2.0",
          "contract": "0.1.0",
          "licence": "Apache-2.0",
          "vendor": "Acme Ltd",
          "name": {
            "en": "Acme CRM",
            "zh-CN": "Acme 客户系统"
          },
          "description": {
            "en": "Finds the caller in Acme CRM",
            "zh-CN": "在 Acme 客户系统中查找来电者"
          },
          "components": [
            {
              "name": "lookup",
              "world": "connector",
              "file": "lookup.wasm",
              "asks": {
                "http": {
                  "https://crm.example.com": "public",
                  "http://crm.lan:8080": "also-private"
                },
                "secrets": {
                  "crm-token": [
                    "https://crm.example.com"
                  ]
                },
                "kv": 65536,
                "effects": [
                  "unmask"
                ]
              },
              "limits": {
                "memory": 16777216,
                "budget_ms": 200,
                "answer": null
              },
              "settings": "lookup.schema.json"
            },
            {
              "name": "menu",
              "world": "flow",
              "file": "menu.wasm",
              "asks": {
                "kv": 0
              },
              "limits": {
                "memory": null,
                "budget_ms": null,
                "answer": null
              },
              "settings": null
            }
          ],
          "folders": {
            "prompts": "prompts",
            "flows": null,
            "tests": null,
            "translations": null
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&manifest).unwrap());
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place_and_remedy() {
    refused(
        r#"
[pack]
id = "Acme CRM"
version = "1.2"
contract = 1
vendor = ""
name = { en = "Acme CRM" }
description = "cheap \u202e gnp.exe"
homepage = "https://example.com"

[components.lookup]
world = "conector"
file = "../lookup.wasm"

[components.lookup.asks]
http = ["https://crm.example.com/api", "ftp://files.example.com", 7]
secrets = { Token = ["https://crm.example.com"], other = [] }
kv = "64 kilobytes"
effects = ["record", "explode"]

[components.menu]
world = "flow"
file = "menu.wasm"
asks = { http = ["https://crm.example.com"], kv = "1KiB", effects = ["record", "export", "record"] }
limits = { memory = "1KiB", budget = "1h", answer = "2s" }

[components."两"]
world = "routing"
file = '\menu.wasm'
"#,
        &expect![[r#"
            plugin.toml:2:2: missing-key: [pack] needs `licence`
                [pack]
                 ^^^^
              remedy: write licence = "Apache-2.0"
            plugin.toml:3:6: bad-name: "Acme CRM": name holds 'A'; a-z, 0-9, '-' and '.' are allowed
                id = "Acme CRM"
                     ^^^^^^^^^^
              remedy: choose a short word of small letters, like "acme-crm"
            plugin.toml:4:11: bad-version: `version` is "1.2": unexpected end of input while parsing minor version number
                version = "1.2"
                          ^^^^^
              remedy: give three numbers, like "1.0.0"
            plugin.toml:5:12: wrong-type: `contract` is a number; it takes text
                contract = 1
                           ^
              remedy: write contract = "0.1.0"
            plugin.toml:6:10: missing-key: `vendor` is empty
                vendor = ""
                         ^^
              remedy: write at least a word
            plugin.toml:7:1: missing-key: name needs `zh-CN`
                name = { en = "Acme CRM" }
                ^^^^
              remedy: write name = { en = "Acme CRM", zh-CN = "Acme 客户系统" }
            plugin.toml:8:15: bad-text: `description` holds '\u{202e}', which a page or a terminal does not show as it is
                description = "cheap \u202e gnp.exe"
                              ^^^^^^^^^^^^^^^^^^^^^^
              remedy: take the character out
            plugin.toml:9:1: unknown-key: [pack] has no `homepage`
                homepage = "https://example.com"
                ^^^^^^^^
              remedy: use one of: id, version, contract, licence, vendor, name, description
            plugin.toml:12:9: unknown-word: `world` cannot be "conector"
                world = "conector"
                        ^^^^^^^^^^
              remedy: use one of: flow, routing, compliance, connector, channel, assistant, dialer
            plugin.toml:13:8: bad-path: `file` is "../lookup.wasm": it climbs out of its folder
                file = "../lookup.wasm"
                       ^^^^^^^^^^^^^^^^
              remedy: name a file of the pack, relative to plugin.toml, with `/` between folders
            plugin.toml:16:9: bad-origin: "https://crm.example.com/api" is no origin: it has a path, a user or a query; an origin ends with its host or port
                http = ["https://crm.example.com/api", "ftp://files.example.com", 7]
                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              remedy: write scheme, host and port only, like "https://crm.example.com"
            plugin.toml:16:40: bad-origin: "ftp://files.example.com" is no origin: it begins with neither https:// nor http://
                http = ["https://crm.example.com/api", "ftp://files.example.com", 7]
                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^
              remedy: write scheme, host and port only, like "https://crm.example.com"
            plugin.toml:16:67: wrong-type: `http` is a number; it takes text
                http = ["https://crm.example.com/api", "ftp://files.example.com", 7]
                                                                                  ^
              remedy: write http = ["https://crm.example.com"]
            plugin.toml:17:13: bad-name: "Token": name holds 'T'; a-z, 0-9 and '-' are allowed
                secrets = { Token = ["https://crm.example.com"], other = [] }
                            ^^^^^
              remedy: choose a short word of small letters, like "acme-crm"
            plugin.toml:17:58: wrong-type: `secrets` is a list; it takes a list of origins
                secrets = { Token = ["https://crm.example.com"], other = [] }
                                                                         ^^
              remedy: write secrets = { crm-token = ["https://crm.example.com"] }
            plugin.toml:18:6: bad-quantity: `kv` is "64 kilobytes": the unit is none of B, KiB, MiB and GiB
                kv = "64 kilobytes"
                     ^^^^^^^^^^^^^^
              remedy: write kv = "64KiB"
            plugin.toml:19:22: unknown-word: `effects` cannot be "explode"
                effects = ["record", "explode"]
                                     ^^^^^^^^^
              remedy: use one of: answer, dial, record, unmask, export, message
            plugin.toml:24:18: not-in-world: a component of the world flow has no network
                asks = { http = ["https://crm.example.com"], kv = "1KiB", effects = ["record", "export", "record"] }
                                 ^^^^^^^^^^^^^^^^^^^^^^^^^
              remedy: move the request to a component of the world connector
            plugin.toml:24:51: not-in-world: a component of the world flow keeps no state of its own
                asks = { http = ["https://crm.example.com"], kv = "1KiB", effects = ["record", "export", "record"] }
                                                                  ^^^^^^
              remedy: keep it in the state that each answer returns
            plugin.toml:24:80: not-in-world: a component of the world flow cannot ask for the effect export
                asks = { http = ["https://crm.example.com"], kv = "1KiB", effects = ["record", "export", "record"] }
                                                                                               ^^^^^^^^
              remedy: use one of: answer, dial, record, message
            plugin.toml:24:90: twice: record stands there twice
                asks = { http = ["https://crm.example.com"], kv = "1KiB", effects = ["record", "export", "record"] }
                                                                                                         ^^^^^^^^
              remedy: keep one
            plugin.toml:25:21: out-of-range: `memory` is 1 KiB
                limits = { memory = "1KiB", budget = "1h", answer = "2s" }
                                    ^^^^^^
              remedy: give from 64 KiB to 4 GiB
            plugin.toml:25:38: bad-quantity: `budget` is "1h": the unit is none of ms, s and m
                limits = { memory = "1KiB", budget = "1h", answer = "2s" }
                                                     ^^^^
              remedy: write budget = "200ms"
            plugin.toml:25:53: bad-quantity: `answer` is "2s": the unit is none of B, KiB, MiB and GiB
                limits = { memory = "1KiB", budget = "1h", answer = "2s" }
                                                                    ^^^^
              remedy: write answer = "256KiB"
            plugin.toml:27:13: bad-name: "两": name holds '两'; a-z, 0-9 and '-' are allowed
                [components."两"]
                            ^^^
              remedy: choose a short word of small letters, like "acme-crm"
            plugin.toml:29:8: bad-path: `file` is "\\menu.wasm": it is absolute
                file = '\menu.wasm'
                       ^^^^^^^^^^^^
              remedy: name a file of the pack, relative to plugin.toml, with `/` between folders
        "#]],
    );
}

#[test]
fn a_secret_goes_only_where_the_component_may_go() {
    refused(
        &WHOLE.replace(
            "secrets = { crm-token = [\"https://crm.example.com\"] }",
            "secrets = { crm-token = [\"https://evil.example\"] }",
        ),
        &expect![[r#"
            plugin.toml:22:26: secret-unbound: the secret `crm-token` would go to https://evil.example, which the component does not ask to reach
                secrets = { crm-token = ["https://evil.example"] }
                                         ^^^^^^^^^^^^^^^^^^^^^^
              remedy: add the origin to `http`, or bind the secret to one that is there
        "#]],
    );
}

#[test]
fn what_is_no_toml_is_told_where_it_stops() {
    refused(
        "[pack\nid = acme\n[pack]\n",
        &expect![[r#"
        plugin.toml:1:6: not-toml: unclosed table, expected `]`
            [pack
                 ^
          remedy: mend the TOML here; texts stand in double quotes, lists in brackets
    "#]],
    );
}

#[test]
fn an_empty_manifest_is_told_what_it_needs() {
    refused(
        "",
        &expect![[r#"
            plugin.toml:1:1: missing-key: plugin.toml needs `pack`
              remedy: write [pack] and its keys below it
            plugin.toml:1:1: missing-key: plugin.toml needs `components`
              remedy: write [components.lookup] and its keys below it
        "#]],
    );
    refused(
        "[pack]\n[components]\n",
        &expect![[r#"
        plugin.toml:1:2: missing-key: [pack] needs `id`
            [pack]
             ^^^^
          remedy: write id = "acme.crm"
        plugin.toml:1:2: missing-key: [pack] needs `version`
            [pack]
             ^^^^
          remedy: write version = "1.0.0"
        plugin.toml:1:2: missing-key: [pack] needs `contract`
            [pack]
             ^^^^
          remedy: write contract = "0.1.0"
        plugin.toml:1:2: missing-key: [pack] needs `licence`
            [pack]
             ^^^^
          remedy: write licence = "Apache-2.0"
        plugin.toml:1:2: missing-key: [pack] needs `vendor`
            [pack]
             ^^^^
          remedy: write vendor = "Acme Ltd"
        plugin.toml:1:2: missing-key: [pack] needs `name`
            [pack]
             ^^^^
          remedy: write name = { en = "Acme CRM", zh-CN = "Acme 客户系统" }
        plugin.toml:1:2: missing-key: [pack] needs `description`
            [pack]
             ^^^^
          remedy: write description = { en = "Finds the caller", zh-CN = "查找来电者" }
        plugin.toml:2:2: missing-key: [components] needs `lookup`
            [components]
             ^^^^^^^^^^
          remedy: write [components.lookup] and its keys below it
    "#]],
    );
}

#[test]
fn a_manifest_is_bounded_in_each_count_and_size() {
    let components: String =
        (0..17).map(|n| format!("[components.c{n}]\nworld = \"flow\"\nfile = \"c.wasm\"\n")).collect();
    let origins: String = (0..33).map(|n| format!("\"https://h{n}.example.com\",")).collect();
    let long = WHOLE
        .replace("Acme Ltd", &"客".repeat(101))
        .replace("\"1.2.0\"", &format!("\"1.2.0-{}\"", "a".repeat(64)))
        .replace("http = [\"https://crm.example.com\"]", &format!("http = [{origins}]"));
    let texts = [WHOLE.to_owned() + &components, long, "#".repeat(65 * 1024)];
    let told = |text: &String| {
        let faults = Manifest::parse(text).expect_err("it was to be refused");
        faults.iter().map(|fault| format!("{}; {}\n", fault.wrong, fault.wrong.remedy())).collect::<String>()
    };
    expect![[r#"
        19 entries in `components`, at most 16 are allowed; keep 16
        `version` is "1.2.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": it is longer than 64 bytes; give three numbers, like "1.0.0"
        `vendor` has 101 characters, at most 100 are shown; shorten it to 100 characters
        33 entries in `http`, at most 32 are allowed; keep 32
        the file is 65 KiB long, at most 64 KiB are read; say it shorter
    "#]].assert_eq(&texts.iter().map(told).collect::<String>());
}

/// Whatever is cut away or changed, the reader comes back with faults or a manifest.
#[test]
fn no_text_makes_the_reader_panic() {
    for (at, _) in WHOLE.char_indices() {
        let (before, after) = WHOLE.split_at(at);
        let _ = Manifest::parse(before);
        for put in ["[", "\"", "}", "=", "客", "\n", "\r", "\u{0}"] {
            let _ = Manifest::parse(&format!("{before}{put}{after}"));
        }
    }
}

#[test]
fn every_world_of_the_contract_has_its_word() {
    let words = World::ALL.map(|world| world.name().parse::<World>() == Ok(world));
    assert_eq!(words, [true; 7]);
}
