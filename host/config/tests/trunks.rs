//! Ways to the public network as they are written down, and what is wrong with them.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::{path::Path, time::Duration};

use expect_test::expect;
use plugboard_config::{Fault, Judges, Style, load_tenant, render};
use plugboard_model::{Configuration, Trunk, trunk::Rewrite};

const JUDGES: Judges<'static> = Judges {
    flow: &|_, _| Vec::new(),
    policy: &|_, _| Vec::new(),
    rule: &|_| Vec::new(),
    connector: &|_| Default::default(),
    channel: &|_| Vec::new(),
};

fn tenant(name: &str, more: &str, trunks: &str) -> Result<Configuration, Vec<Fault>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trunks-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tenant.toml"), format!("id = \"shop\"\n{more}")).unwrap();
    std::fs::write(folder.join("trunks.toml"), trunks).unwrap();
    let agents = "[amy]\nextension = \"1001\"\npassword = \"long enough\"\n";
    std::fs::write(folder.join("agents.toml"), agents).unwrap();
    load_tenant(&folder, JUDGES).map(|bundle| bundle.configuration)
}

#[test]
fn a_trunk_says_who_comes_by_it_what_goes_by_it_and_how_much() {
    let trunks = r##"
        [carrier]
        allow = ["192.0.2.0/24"]
        certificates = ["sip.carrier.example"]
        peers = ["192.0.2.1:5060", "192.0.2.2:5060"]
        user = "shop"
        password = "secret of the trunk"
        by_account = true
        takes = ["0", "+86"]
        order = 2
        weight = 3
        channels = 30
        calls_per_second = 5
        emergency = 1
        ping = "10s"
        outgoing = { "0" = "+86", "00" = "+" }
        incoming = { "+86" = "0" }

        [plain]
        peers = ["198.51.100.1:5060"]
    "##;
    let shop = tenant("good", "[dialling]\nemergency = [\"110\", \"119\"]\n", trunks).unwrap();
    let rewrite = |prefix: &str, to: &str| Rewrite { prefix: prefix.into(), to: to.into() };
    let carrier = Trunk {
        allow: vec!["192.0.2.0/24".to_owned().try_into().unwrap()],
        certificates: vec!["sip.carrier.example".into()],
        peers: vec!["192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap()],
        user: Some("shop".into()),
        password: Some("secret of the trunk".into()),
        by_account: true,
        takes: vec!["0".into(), "+86".into()],
        order: 2,
        weight: 3,
        channels: Some(30),
        calls_per_second: Some(5),
        emergency: Some(1),
        ping: Duration::from_secs(10),
        outgoing: vec![rewrite("0", "+86"), rewrite("00", "+")],
        incoming: vec![rewrite("+86", "0")],
    };
    let plain = Trunk { peers: vec!["198.51.100.1:5060".parse().unwrap()], ..Trunk::default() };
    assert_eq!([&shop.trunks["carrier"], &shop.trunks["plain"]], [&carrier, &plain]);
    assert_eq!(shop.dialling.emergency, ["110", "119"]);
}

#[test]
fn example_says_every_setting_of_a_trunk_and_is_right() {
    let text = include_str!("../../../examples/trunks.toml");
    let shop = tenant("example", "[dialling]\nemergency = [\"110\"]\n", text).unwrap();
    assert_eq!(shop.trunks.keys().collect::<Vec<_>>(), ["backup", "main", "mobile"]);
    let serde_json::Value::Object(settings) = serde_json::to_value(&shop.trunks["main"]).unwrap() else { panic!() };
    let unsaid = |name: &&String| !text.contains(&format!("\n{} = ", name.trim_end_matches("_ms")));
    assert_eq!(settings.keys().filter(unsaid).collect::<Vec<_>>(), ["takes"; 0]);
}

#[test]
fn what_is_wrong_with_a_trunk_is_told_with_its_line() {
    let trunks = r##"
[carrier]
peers = ["sip.carrier.example"]
certificates = ["*.carrier.example"]
takes = ["0x"]
channels = 0
weight = "much"
ping = "20ms"
outgoing = { "0" = "+86 10" }
incoming = ["0"]
pings = "1s"

[nothing]
order = 3

[anyone]
by_account = true

[pbx]
user = "pbx"
password = "secret of the trunk"
by_account = true

[twin]
user = "pbx"
password = "secret of the trunk"
by_account = true
"##;
    let faults = tenant("bad", "[dialling]\nemergency = [\"1001\", \"help\"]\n", trunks).unwrap_err();
    expect![[r#"
        tenant.toml:3:14: error[emergency-taken]: 1001 calls for help, and is a number or extension of the tenant too
          3 | emergency = ["1001", "help"]
            |              ^^^^^^
          remedy: give the number or extension another name

        tenant.toml:3:22: error[bad-number]: "help" is no part of a number
          3 | emergency = ["1001", "help"]
            |                      ^^^^^^
          remedy: write digits only, with + before a country code

        trunks.toml:3:10: error[bad-value]: `peers` is "sip.carrier.example": invalid socket address syntax
          3 | peers = ["sip.carrier.example"]
            |          ^^^^^^^^^^^^^^^^^^^^^
          remedy: write addresses with ports: ["192.0.2.1:5060"]

        trunks.toml:4:17: error[bad-domain]: "*.carrier.example" is no name that a certificate could show
          4 | certificates = ["*.carrier.example"]
            |                 ^^^^^^^^^^^^^^^^^^^
          remedy: write the whole domain: "sip.carrier.example"

        trunks.toml:5:10: error[bad-number]: "0x" is no part of a number
          5 | takes = ["0x"]
            |          ^^^^
          remedy: write digits only, with + before a country code

        trunks.toml:6:12: error[out-of-range]: `channels` is 0
          6 | channels = 0
            |            ^
          remedy: give a whole number from 1 to 100000

        trunks.toml:7:10: error[wrong-type]: `weight` is text; it takes a whole number
          7 | weight = "much"
            |          ^^^^^^
          remedy: give a whole number from 0 to 65535

        trunks.toml:8:8: error[out-of-range]: `ping` is 20ms
          8 | ping = "20ms"
            |        ^^^^^^
          remedy: give at least 1s, or 0s for never

        trunks.toml:9:20: error[bad-number]: "+86 10" is no part of a number
          9 | outgoing = { "0" = "+86 10" }
            |                    ^^^^^^^^
          remedy: write digits only, with + before a country code

        trunks.toml:10:12: error[wrong-type]: `incoming` is a list; it takes a value for each setting
          10 | incoming = ["0"]
             |            ^^^^^
          remedy: write incoming = { name = "value" }

        trunks.toml:11:1: error[unknown-key]: a trunk has no `pings`
          11 | pings = "1s"
             | ^^^^^
          remedy: did you mean `ping`?

        trunks.toml:17:14: error[no-account]: calls are to prove an account that there is not
          17 | by_account = true
             |              ^^^^
          remedy: give `user` and a password

        trunks.toml:27:14: error[account-taken]: calls that prove the account "pbx" are those of the trunk pbx too
          27 | by_account = true
             |              ^^^^
          remedy: give each trunk a user of its own

        agents.toml:1:2: warning[agent-without-queue]: this agent serves no queue and gets direct calls only
          1 | [amy]
            |  ^^^
          remedy: add queues = ["…"] if that is not meant

        trunks.toml:13:2: warning[idle-trunk]: no call can come or go by this trunk
          13 | [nothing]
             |  ^^^^^^^
          remedy: give `allow`, `certificates` or `by_account` for calls in, `peers` for calls out

        13 errors, 2 warnings
    "#]]
    .assert_eq(&render(&faults, Style::Plain));
    let told = faults.iter().flat_map(|fault| [&fault.message, &fault.remedy]);
    let missing: Vec<_> = told.filter(|text| plugboard_phrases::in_chinese(text).is_none()).collect();
    assert_eq!(missing, Vec::<&String>::new());
}
