//! The components that come with the program: what they are, what they take, and the packs that they make.
//!
//! They lie where `PLUGBOARD_PLUGINS` says, as under `cargo xtask test`, else in the target folder, where `cargo xtask plugins` leaves them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs a program")]

mod desk;

use std::{
    fs,
    path::{Path, PathBuf},
};

use desk::Desk;
use expect_test::{expect, expect_file};
use plugboard_config::SettingsSchema;
use plugboard_model::{flow::Setting, flow::Severity, routing::Tables};
use plugboard_plugin::{AnyPlugin, Engine, EngineSettings, Settings, TableSet, Terms};
use serde_json::{Map, Value, json};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn components() -> PathBuf {
    let beside = || Path::new(env!("CARGO_BIN_EXE_plugboard")).parent().unwrap().with_file_name("plugins");
    let folder = std::env::var_os("PLUGBOARD_PLUGINS").map_or_else(beside, PathBuf::from);
    assert!(folder.join("flow-graph.toml").exists(), "no components in {}; run: cargo xtask plugins", folder.display());
    folder
}

/// Each folder of `plugins/` that makes a component.
fn names() -> Vec<String> {
    let folders = fs::read_dir(repository().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let makes_one =
        |folder: &PathBuf| fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("cdylib"));
    let mut names: Vec<String> =
        folders.filter(makes_one).map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

fn listed(language: &str) -> Vec<Value> {
    let desk = Desk::new(&format!("shipped-{language}"));
    let said = desk.run(&format!("plugins --json --lang {language} --plugins {}", components().display()));
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn each_plugin_is_listed_with_its_world_its_version_and_its_settings() {
    let desk = Desk::new("shipped");
    let folder = components();
    let named: Vec<Value> = listed("en").into_iter().map(|item| item["name"].clone()).collect();
    assert_eq!(named, names());
    let said = desk.session(
        &["", "rule-recording-consent", "route-longest-idle", "nothing"]
            .map(|name| format!("plugins {name} --plugins {}", folder.display()))
            .each_ref()
            .map(String::as_str),
    );
    expect![[r#"
        $ plugboard plugins  --plugins FOLDER
        PLUGIN                  WORLD       VERSION  SETTINGS
        channel-webhook         channel     0.1.0    send-url, age-ms, incoming-secret, outgoing-secret, secret, signature-header, time-header
        connector-rest          connector   0.1.0    mapping
        flow-graph              flow        0.1.0    format, language, name, nodes, start, exception, languages, variables
        route-longest-idle      routing     0.1.0    -
        route-skills            routing     0.1.0    drop-needs, overflow-to, relax-every-ms, relax-first-ms
        route-vip-sticky        routing     0.1.0    sticky-ms, vip-from, weight.ATTRIBUTE
        rule-calling-hours      compliance  0.1.0    attempts-a-day, blocked-lists, consent-list, days, exempt, from, holidays, language, until
        rule-masking            compliance  0.1.0    kinds, language, messages, not-to, roles, unmask-a-day
        rule-payment-pause      compliance  0.1.0    begin-phrases, digits, end-phrases, language, tag, while
        rule-recording-consent  compliance  0.1.0    prompt, consent-tag, language, mode, unannounced
        rule-script-watch       compliance  0.1.0    forbidden, language, points-forbidden, points-missing, required, within-s
        $ plugboard plugins rule-recording-consent --plugins FOLDER
        Recording consent
        Nothing is recorded before the caller was told, or asked
        SETTING      TAKES           DEFAULT            MEANING
        prompt       text            needed             The sound file that says that the call is recorded
        consent-tag  text            recording-consent  The tag that says `given` or `refused`
        language     en | zh-CN      en                 Language of reasons
        mode         announce | ask  announce           Whether callers are told, or asked and may refuse by a key
        unannounced  deny | allow    deny               Calls that heard neither announcement nor question
        $ plugboard plugins route-longest-idle --plugins FOLDER
        Longest idle
        Whoever has been free longest takes who has waited longest, higher priorities first
        takes no settings
        $ plugboard plugins nothing --plugins FOLDER
        error[unreadable]: FOLDER/nothing.wasm cannot be read: it is not there
          remedy: see whether the name is right and the file is yours to read
        exit 1
    "#]].assert_eq(&said.replace(&folder.display().to_string(), "FOLDER"));
}

#[test]
fn each_plugin_makes_a_pack_of_its_name_and_version() {
    let (desk, folder) = (Desk::new("shipped-packs"), components());
    let built: Vec<String> = names()
        .iter()
        .map(|name| {
            let (sources, component) = (repository().join("plugins").join(name), folder.join(name));
            let file = format!("{name}.wasm={}", component.with_extension("wasm").display());
            let said = desk.run(&format!("pack build {} --file {file} --dry-run --json", sources.display()));
            let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
            format!("{} {} {}", said["id"].as_str().unwrap_or("?"), said["version"].as_str().unwrap_or("?"), said["ok"])
        })
        .collect();
    let wanted: Vec<String> = names().iter().map(|name| format!("plugboard.{name} 0.1.0 true")).collect();
    assert_eq!(built, wanted);
}

/// A setting with a value, and what the schema and the component say of it beside those that have to be there.
struct Probe {
    /// `None`: the setting is left out.
    value: Option<Value>,
    name: String,
}

/// Values that tell a schema from another one: what it names itself, its bounds, and what lies just beyond them.
fn probes(schema: &Value) -> Vec<Probe> {
    let none = Map::new();
    let of = |key: &str| schema.get(key).and_then(Value::as_object).unwrap_or(&none);
    let family = |setting: &Value| setting["x-name"].as_str().unwrap().replace("ATTRIBUTE", "value");
    let families = of("patternProperties").values().map(|setting| (family(setting), setting));
    let all = of("properties").iter().map(|(name, setting)| (name.clone(), setting)).chain(families);
    let mut probes = vec![Probe { name: "no-such-setting".to_owned(), value: Some(json!("1")) }];
    for (name, setting) in all {
        let bound = |key: &str| setting[key].as_i64();
        let mut values: Vec<Value> =
            ["enum", "examples"].iter().filter_map(|key| setting[*key].as_array()).flatten().cloned().collect();
        values.extend(["default", "const"].iter().filter_map(|key| setting.get(*key).cloned()));
        values.extend(["minimum", "maximum"].iter().filter_map(|key| setting.get(*key).cloned()));
        values.extend(bound("minimum").map(|least| json!(least - 1)));
        values.extend(bound("maximum").map(|most| json!(most + 1)));
        match setting["type"].as_str() {
            Some("integer" | "boolean") => values.push(json!("soon")),
            Some("object" | "array") => values.push(json!(7)),
            Some("string") if setting.get("pattern").is_none() && setting.get("minLength").is_none() => {}
            Some("string") => values.extend([json!(""), json!("\u{2603}")]),
            _ => values.extend([json!("\u{2603}"), json!(2)]),
        }
        probes.extend(values.into_iter().map(|value| Probe { name: name.clone(), value: Some(value) }));
        probes.push(Probe { name, value: None });
    }
    probes
}

/// What has to be there, so that only the probe decides.
fn base(schema: &Value) -> Map<String, Value> {
    if let Some(whole) = schema["examples"][0].as_object() {
        return whole.clone();
    }
    let needed = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    needed.map(|name| (name.to_owned(), schema["properties"][name]["examples"][0].clone())).collect()
}

/// Whether the component takes these settings.
fn takes(plugin: &AnyPlugin, settings: &Map<String, Value>) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all: Vec<Setting> =
        settings.iter().map(|(name, value)| Setting { name: name.clone(), value: text(value) }).collect();
    let problems = match plugin {
        AnyPlugin::Flow(flow) => flow.check(&Settings::document(Value::Object(settings.clone()).to_string())),
        AnyPlugin::Routing(policy) => {
            let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
            let (attributes, queues) = (names(&["last-agent", "value"]), names(&["support"]));
            let tables = Tables { skills: names(&["english"]), attributes, queues, settings: all };
            return policy.check(&TableSet::new(tables)).is_ok();
        }
        AnyPlugin::Compliance(rule) => rule.check(&Settings::new(all)),
        AnyPlugin::Connector(connector) => connector.check(&Settings::new(all)),
        AnyPlugin::Channel(channel) => channel.check(&Settings::new(all)),
        AnyPlugin::Assistant(_) | AnyPlugin::Dialer(_) => panic!("none of them ships"),
    };
    problems.unwrap().iter().all(|problem| problem.severity != Severity::Error)
}

/// A schema that takes what the component refuses, or the other way round, misleads whoever fills in the form.
#[test]
fn what_a_schema_takes_and_refuses_its_component_does_too() {
    let engine = Engine::new(EngineSettings { instances: 4, ..EngineSettings::default() }).unwrap();
    let (folder, mut drifted, mut counts) = (components(), Vec::new(), String::new());
    for name in names() {
        let plugin = engine.load_any(&fs::read(folder.join(&name).with_extension("wasm")).unwrap(), Terms::default());
        let plugin = plugin.unwrap();
        // Without a schema there are no settings.
        let schema = fs::read(folder.join(&name).with_extension("schema.json"))
            .map_or_else(|_| json!({ "additionalProperties": false }), |text| serde_json::from_slice(&text).unwrap());
        let held = SettingsSchema::read(&schema).unwrap();
        let (mut taken, mut refused) = (0, 0);
        for probe in probes(&schema) {
            let mut settings = base(&schema);
            match &probe.value {
                Some(value) => drop(settings.insert(probe.name.clone(), value.clone())),
                None => drop(settings.remove(&probe.name)),
            }
            let by_schema = held.check(&Value::Object(settings.clone())).is_empty();
            if by_schema {
                taken += 1;
            } else {
                refused += 1;
            }
            if takes(&plugin, &settings) != by_schema {
                let value = probe.value.map_or_else(|| "left out".to_owned(), |value| value.to_string());
                let said = if by_schema { "taken by the schema alone" } else { "refused by the schema alone" };
                drifted.push(format!("{name}: {} {value} is {said}", probe.name));
            }
        }
        counts += &format!("{name}: {taken} taken, {refused} refused\n");
    }
    assert_eq!(drifted, Vec::<String>::new());
    expect![[r#"
        channel-webhook: 17 taken, 11 refused
        connector-rest: 1 taken, 4 refused
        flow-graph: 6 taken, 14 refused
        route-longest-idle: 0 taken, 1 refused
        route-skills: 11 taken, 8 refused
        route-vip-sticky: 11 taken, 10 refused
        rule-calling-hours: 29 taken, 10 refused
        rule-masking: 22 taken, 9 refused
        rule-payment-pause: 18 taken, 6 refused
        rule-recording-consent: 17 taken, 9 refused
        rule-script-watch: 19 taken, 15 refused
    "#]]
    .assert_eq(&counts);
}

/// The tables of a README, between its two marks.
fn settings_of_all(language: &str, [setting, takes, default, meaning, nothing]: [&str; 5]) -> String {
    let cell = |value: &Value| value.as_str().map_or_else(|| "–".to_owned(), |text| text.replace('|', "\\|"));
    let code = |value: &Value| if value.is_null() { "–".to_owned() } else { format!("`{}`", cell(value)) };
    let mut text = String::new();
    for item in listed(language) {
        text += &format!(
            "\n### `{}`\n\n{} ({}, {})\n",
            item["name"].as_str().unwrap(),
            cell(&item["about_text"]),
            cell(&item["world"]),
            cell(&item["version"])
        );
        let settings = item["settings"].as_array().unwrap();
        if settings.is_empty() {
            text += &format!("\n{nothing}\n");
            continue;
        }
        text += &format!("\n| {setting} | {takes} | {default} | {meaning} |\n|---|---|---|---|\n");
        for setting in settings {
            let default = if setting["default"].is_null() {
                cell(&setting["default_text"])
            } else {
                code(&setting["default_text"])
            };
            text += &format!(
                "| {} | {} | {default} | {} |\n",
                code(&setting["name"]),
                cell(&setting["takes"]),
                cell(&setting["about_text"])
            );
        }
    }
    text
}

#[test]
fn the_readmes_list_every_setting_in_both_languages() {
    let english = ["setting", "takes", "default", "meaning", "No settings."];
    let chinese = ["设置项", "取值", "默认", "含义", "没有设置项。"];
    for (file, language, words) in [("README.md", "en", english), ("README.zh-CN.md", "zh", chinese)] {
        let path = repository().join("plugins").join(file).canonicalize().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (before, _) = text.split_once("<!-- settings -->\n").expect("the mark where the settings begin");
        expect_file![path].assert_eq(&format!("{before}<!-- settings -->\n{}", settings_of_all(language, words)));
    }
}

/// As their README says it: two files into the tenant's folder.
#[test]
fn mappings_of_known_systems_are_taken_by_check_as_they_are() {
    let said = ["hubspot", "odoo"].map(|system| {
        let desk = Desk::new(&format!("shipped-{system}"));
        let tenant = desk.0.join("shop");
        fs::create_dir_all(&tenant).unwrap();
        fs::write(tenant.join("tenant.toml"), "id = \"shop\"\nname = \"Shop\"\nlanguage = \"en\"\n").unwrap();
        let folder = repository().join("plugins/connector-rest/mappings").join(system);
        for file in ["connectors.toml".to_owned(), format!("{system}.json")] {
            fs::copy(folder.join(&file), tenant.join(&file)).unwrap();
        }
        // It asks the component that lies beside the program.
        components();
        desk.run("check shop")
    });
    expect![[r#"
        shop is right: 0 queues, 0 agents, 0 numbers, 0 flows, 0 prompts
        shop is right: 0 queues, 0 agents, 0 numbers, 0 flows, 0 prompts
    "#]]
    .assert_eq(&said.concat());
}
