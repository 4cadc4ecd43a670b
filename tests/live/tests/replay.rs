//! Calls that were, through another document, policy or rule, and a day lived again: by the command line of a real host.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

use std::{path::Path, time::Duration};

use expect_test::expect;
use plugboard_live::{Ear, Host, Sipp, Surroundings, Tenant, count, free_port};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

/// Two agents, and callers one after the other: each is answered, and hung up upon after half a second.
fn calls(host: &Host, callers: &[&str]) {
    let mut events = host.events();
    let ear = Ear::open(None);
    let key = ear.port.to_string();
    let port = free_port();
    host.register(&[Tenant::agent(1), Tenant::agent(2)], port);
    let more = ["-d", "500", "-key", "ear", &key];
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, callers.len(), &[], &more).listening();
    for (before, row) in callers.iter().enumerate() {
        Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &[(*row).to_owned()], &["-key", "ear", &key]).done();
        events.until_count("interaction-closed", before + 1, SOON);
    }
    phones.done();
    events.until("every recording", SOON, |all| count(all, "recording-closed") == count(all, "recording-started"));
}

fn run<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = host.command(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn replay<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) -> String {
    run(host, std::iter::once("replay").chain(arguments))
}

/// Times and dates, which are others each time, as `T`.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        let number = word.trim_end_matches(['m', 's', 'h']);
        let is_span = number.len() < word.len() && number.parse::<f64>().is_ok();
        let is_clock = word.len() >= 8 && word.chars().all(|c| c.is_ascii_digit() || "-:.TZ".contains(c));
        is_span || is_clock
    };
    let word = |word: &str| if is_time(word) { "T".to_owned() } else { word.to_owned() };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// Each number as `N`, and one gap between columns: what a day came to in so few calls is chance.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            '.' if out.ends_with('N') => {}
            ' ' if out.ends_with("  ") => {}
            c => out.push(c),
        }
    }
    out.replace("+N", "±N").replace("-N", "±N").replace("N. ", "N ")
}

/// The object of `--json`, without what is another each time.
fn object(text: &str) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !matches!(name.as_str(), "wall_s" | "at" | "examples"));
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    let mut object = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    clean(&mut object);
    object
}

#[test]
fn yesterdays_calls_tell_what_a_document_would_change_before_it_is_applied() {
    let host = Host::start(&Tenant::default());
    let mut events = host.events();
    let ear = Ear::open(Some(1));
    let key = ear.port.to_string();
    let port = free_port();
    host.register(&[Tenant::agent(1)], port);
    let more = ["-d", "500", "-key", "ear", &key];
    let phone = Sipp::start(host.scratch(), "agent", host.sip, port, 1, &[], &more).listening();
    Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &["4930;8001".to_owned()], &["-key", "ear", &key]).done();
    phone.done();
    events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == 1);

    let flow = host.get("flows/menu");
    let document = flow["document"].as_str().unwrap();
    let other = host.scratch().join("other.json");
    std::fs::write(&other, document.replace(r#""1": "wait", "2": "bye""#, r#""1": "bye", "2": "wait""#)).unwrap();
    let other = format!("menu@{}", other.display());
    let told = |flow: &str| {
        let told = object(&replay(&host, ["--json", "--flow", flow]));
        ["runs", "same", "path_changed", "failed", "left_out"].map(|name| told[name].as_u64().unwrap())
    };
    assert_eq!(
        [told("menu"), told("menu@flow-graph"), told(&other)],
        [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0]]
    );
    expect![[r#"
        1 runs played in T
                0    0.0 %  go the same way
                1  100.0 %  take another way
                1  100.0 %  come to other queues
                0    0.0 %  ask for something that rules judge otherwise
                1  100.0 %  end differently
                0    0.0 %  are the same as far as is known
                0    0.0 %  fail
                1  step 2: bye → ended, was wait → answered; the flow hangs up (16)  (i1)
    "#]]
    .assert_eq(&without_times(&replay(&host, ["--flow", &other])));
}

/// A pack of `route-vip-sticky`, as `plugboard pack build` makes it.
fn pack(host: &Host) -> String {
    let folder = host.scratch().join("sticky");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = "[pack]\nid = \"acme.sticky\"\nversion = \"1.0.0\"\ncontract = \"0.1.1\"\nlicence = \"MIT\"\nvendor = \"Acme\"\nname = \"Sticky\"\n\
                    description = \"The last agent first\"\n[components.route]\nworld = \"routing\"\nfile = \"route.wasm\"\n";
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    std::fs::copy(host.scratch().join("plugins/route-vip-sticky.wasm"), folder.join("route.wasm")).unwrap();
    let file = folder.with_extension("pbpack").display().to_string();
    run(host, ["pack", "build", folder.to_str().unwrap(), "-o", &file]);
    file
}

fn settings(host: &Host, name: &str, text: &str) -> String {
    let file = host.scratch().join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// A customer who is worth something, and whom `a002` knows.
const KNOWN: &str = r#"{
  "format": 1, "name": "known", "language": "en", "start": "know",
  "nodes": {
    "know": { "kind": "tag", "set": { "last-agent": "a002", "value": "1" }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye", "no_agents": "bye" } },
    "bye": { "kind": "hang-up" }
  },
  "exception": { "prompt": "sorry" }
}
"#;

#[test]
fn yesterdays_decisions_and_judgements_and_its_whole_day_are_made_again_by_others() {
    let tenant = Tenant {
        more: vec![
            ("flows/known.json", KNOWN.to_owned()),
            ("numbers.toml", "8003 = { flow = \"known\" }\n".to_owned()),
            ("queues.toml", "[sales.policy]\nplugin = \"route-longest-idle\"\n".to_owned()),
            (
                "rules.toml",
                "[consent]\nplugin = \"rule-recording-consent\"\n[consent.settings]\nprompt = \"sorry\"\n".to_owned(),
            ),
        ],
        ..Tenant::default()
    };
    let development = Surroundings {
        limits: Some("drain = \"1s\"\n[packs]\ndevelopment_of = [\"live\"]\n"),
        ..Surroundings::default()
    };
    // A component more gives the host a folder of its own.
    let unused = std::fs::read(shipped().join("route-skills.wasm")).unwrap();
    let host = Host::start_with(&tenant, development, &[("unused", unused)]);
    // The two agents take the calls in turn; the first two are of a customer whom the second one knows.
    calls(&host, &["4930111;8003", "4930111;8003", "4930222;8002"]);

    let vip = settings(&host, "vip.toml", "vip-from = 1\n");
    let file = pack(&host);
    run(&host, ["pack", "install", &file]);
    let by_file = format!("sales@{file}");
    let candidates = ["sales@route-vip-sticky", &by_file, &format!("{by_file}/route"), "sales@acme.sticky/route"];
    let told = candidates.map(|policy| without_times(&replay(&host, ["--policy", policy, "--settings", &vip])));
    expect![[r#"
        3 decisions about 3 calls made again in T
                2   66.7 %  are the same
                1   33.3 %  choose another agent
                0    0.0 %  choose another call
                0    0.0 %  relax otherwise
                0    0.0 %  fail, and the native order counts
                0    0.0 %  had failed, and the native order counted
        1 calls have a decision that would be another; the first of each:
          T  i1  i1 in queue sales: agent a002, was agent a001 (of 2)
    "#]]
    .assert_eq(&told[0]);
    assert!(told.iter().all(|same| *same == told[0]), "{told:#?}");
    let versioned = ["--json", "--policy", "sales@acme.sticky/route@1.0.0", "--settings", &vip];
    expect![[r#"
        {
          "decisions": 3,
          "failed": 0,
          "first": [
            {
              "among": 2,
              "interaction": 1,
              "is": {
                "agent": "a002"
              },
              "queue": "sales",
              "subject": "i1",
              "was": {
                "agent": "a001"
              }
            }
          ],
          "had_failed": 0,
          "interactions": 3,
          "interactions_changed": 1,
          "left_out": 0,
          "other_agent": 1,
          "other_interaction": 0,
          "other_relaxation": 0,
          "same": 2
        }
    "#]]
    .assert_eq(&format!("{:#}\n", object(&replay(&host, versioned))));

    let ask = settings(&host, "ask.toml", "prompt = \"sorry\"\nmode = \"ask\"\n");
    expect![[r#"
        6 judgements made again in T
                0    0.0 %  are the same
                3   50.0 %  decide otherwise
                3   50.0 %  decide the same at another time, by another clause or with other duties
                0    0.0 %  fail, and the effect's default counts
                0    0.0 %  had failed, and the effect's default counted
                3  rule consent on answer: allowed (ask) + ask consent sorry, was allowed (announce) + announce sorry  (i1, i2, i3)
                3  rule consent on record: denied (not-asked), was allowed (announced)  (i1, i2, i3)
    "#]].assert_eq(&without_times(&replay(&host, ["--rule", "consent", "--settings", &ask])));
    let another = ["--json", "--rule", "consent@rule-payment-pause", "--settings", &settings(&host, "none.toml", "")];
    expect![[r#"
        {
          "failed": 0,
          "groups": [
            {
              "effect": "answer",
              "is": {
                "code": "no-rule",
                "decision": "allow",
                "duties": []
              },
              "judgements": 3,
              "rule": "consent",
              "was": {
                "code": "announce",
                "decision": "allow",
                "duties": [
                  "announce sorry"
                ]
              }
            },
            {
              "effect": "record",
              "is": {
                "code": "no-payment",
                "decision": "allow",
                "duties": []
              },
              "judgements": 3,
              "rule": "consent",
              "was": {
                "code": "announced",
                "decision": "allow",
                "duties": []
              }
            }
          ],
          "had_failed": 0,
          "judgements": 6,
          "left_out": 0,
          "other_decision": 0,
          "other_terms": 6,
          "same": 0
        }
    "#]]
    .assert_eq(&format!("{:#}\n", object(&replay(&host, another))));
    let folder = host.tenant_folder().display().to_string();
    expect![[r#"
        6 judgements made again in T
                6  100.0 %  are the same
                0    0.0 %  decide otherwise
                0    0.0 %  decide the same at another time, by another clause or with other duties
                0    0.0 %  fail, and the effect's default counts
                0    0.0 %  had failed, and the effect's default counted
    "#]]
    .assert_eq(&without_times(&replay(&host, ["--rules", &folder])));

    let day = host.logged()[0]["at"].as_str().unwrap()[..10].to_owned();
    let lived = ["--day", &day, "--policy", "sales@native", "--seeds", "2"];
    expect![[r#"
        N calls and N agents lived again N times in T
        QUEUE  FIGURE  WAS  LIVED AGAIN  OTHER POLICY  DIFFERENCE
        sales  service level  N %  N % ± N %  N % ± N %  ±N % ± N %
        sales  mean wait to answer  N s  N s ± N s  N s ± N s  ±N s ± N s
        sales  abandoned  N %  N % ± N %  N % ± N %  ±N % ± N %
        all  service level  N %  N % ± N %  N % ± N %  ±N % ± N %
        all  mean wait to answer  N s  N s ± N s  N s ± N s  ±N s ± N s
        all  abandoned  N %  N % ± N %  N % ± N %  ±N % ± N %
        mean ± standard deviation from one life to another; lived again beside was says how far it can be trusted
        - an agent's times to ring, talk and wrap up are drawn from their own of the day in the queue, where there are N, else from the queue's; N talks are known
        - who gave up gives up after the same wait; others would wait longer by an exponential time, whose mean is estimated from waits that an answer cut short
        - every agent answers; a call that leaves a queue unserved is not followed, and its next queue counts as another call
    "#]].assert_eq(&without_numbers(&without_times(&replay(&host, lived))));
    let lived = object(&replay(&host, ["--json", "--day", &day, "--seeds", "2"]));
    assert_eq!((&lived["calls"], &lived["agents"], &lived["seeds"]), (&3.into(), &2.into(), &2.into()));

    let refused = host.command(["replay", "--policy", "sales@acme.sticky/none"]).output().unwrap();
    expect![[r#"
        error: acme.sticky/none has the components route (routing)
          remedy: name one of them after a /
    "#]]
    .assert_eq(&String::from_utf8(refused.stderr).unwrap());
}

/// Where the components are.
fn shipped() -> &'static Path {
    static FOLDER: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| std::env::var_os("PLUGBOARD_PLUGINS").expect("the folder of components").into())
}
