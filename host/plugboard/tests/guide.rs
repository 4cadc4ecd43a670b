//! The guide's way from a pack to calls, as it stands there: the real program on both sides, in a folder of its own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use std::{fs, path::Path};

use desk::{Desk, ROUTING, says};
use expect_test::expect;
use plugboard_pack::archive::{Archive, Bounds};

/// As `pack build` makes it of what `pack new` begins.
fn last_agent(version: &str) -> Vec<u8> {
    let manifest = format!(
        "[pack]\nid = \"example.last-agent\"\nversion = \"{version}\"\ncontract = \"0.1.0\"\nlicence = \"MIT\"\nvendor = \"Example\"\n\
         name = \"Last agent\"\ndescription = \"Prefers the agent of the last time\"\n\
         [components.last-agent]\nworld = \"routing\"\nfile = \"last-agent.wasm\"\n"
    );
    let mut archive = Archive::new(Bounds::default());
    archive.insert("plugin.toml".parse().unwrap(), manifest.into_bytes()).unwrap();
    archive.insert("last-agent.wasm".parse().unwrap(), ROUTING.to_vec()).unwrap();
    archive.write()
}

/// The guide's section that begins with a host of one's own, by its fences: the language of each block, and its text.
fn section(guide: &str) -> (String, Vec<(String, String)>) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins").join(guide);
    let guide = fs::read_to_string(guide).unwrap();
    let section = guide.split("\n## ").find(|section| section.contains("plugboard config example")).unwrap().to_owned();
    let blocks = section.split("```").skip(1).step_by(2);
    let block = |text: &str| text.split_once('\n').map(|(kind, text)| (kind.to_owned(), text.to_owned())).unwrap();
    let blocks = blocks.map(block).collect();
    (section, blocks)
}

/// Types all of it, and gives what was said.
fn walk(guide: &str) -> String {
    let (section, blocks) = section(guide);
    let block = |words: &str| &blocks.iter().find(|(kind, text)| kind == "toml" && text.contains(words)).unwrap().1;
    let mut desk = Desk::empty(&guide.replace('.', "-"));
    desk.run("pack key new mine");
    let key =
        desk.read("mine.pub").lines().last().unwrap().split(' ').rfind(|word| word.len() == 64).unwrap().to_owned();
    for version in ["0.1.0", "0.2.0"] {
        let file = format!("example.last-agent-{version}.pbpack");
        desk.put(&file, &last_agent(version));
        desk.run(&format!("pack sign {file} --key mine.key"));
    }
    // What is this machine's own: ports that nobody has, and no components but those of packs.
    let example =
        desk.run("config example").replace("0.0.0.0:5060", "127.0.0.1:0").replace("127.0.0.1:8080", "127.0.0.1:0");
    let example =
        example.replace("address = \"0.0.0.0\"", "address = \"127.0.0.1\"").replace("# plugins =", "plugins =");
    let trust = block("[[packs.trust]]").lines().map(|line| match line.starts_with("key = ") {
        true => format!("key = \"{key}\"\n"),
        false => format!("{line}\n"),
    });
    desk.put("plugboard.toml", format!("{example}\n{}", trust.collect::<String>()).as_bytes());
    desk.put("plugins/README", b"");
    desk.put("shop/tenant.toml", block("id = \"shop\"").as_bytes());
    let queues = block("[sales]");
    desk.put("shop/queues.toml", queues.as_bytes());
    let mut said = String::new();
    let commands = blocks.iter().filter(|(kind, _)| kind == "sh").flat_map(|(_, text)| text.lines()).skip(1);
    for line in commands {
        let command = line.split(" # ").next().unwrap().trim().strip_prefix("plugboard ").unwrap();
        if command == "serve &" {
            desk.start();
            continue;
        }
        if command.starts_with("pack diff") {
            // The table stands before it: a queue names the component.
            let row = section.lines().find(|line| line.starts_with("| routing |")).unwrap();
            let policy = row.split('`').find(|code| code.starts_with("policy = ")).unwrap();
            desk.put("shop/queues.toml", format!("{queues}{policy}\n").as_bytes());
            said += &desk.session(&["apply shop"]);
        }
        said += &desk.session(&[command]);
    }
    said
}

#[test]
fn the_guides_way_from_a_pack_to_calls_and_to_the_next_version_works_as_it_stands_in_both_languages() {
    let said = walk("GUIDE.md");
    assert_eq!(walk("GUIDE.zh-CN.md"), said);
    says(
        &said,
        &expect![[r#"
        $ plugboard apply shop
        ~ tenant shop changed
        + queue sales added
        shop is at revision 1
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack install example.last-agent-0.1.0.pbpack
        example.last-agent 0.1.0 serves
          component example.last-agent/last-agent (routing)
        $ plugboard pack list
        example.last-agent  Last agent  Example
          serves 0.1.0 (signed by Mine)
            component example.last-agent/last-agent (routing)
        $ plugboard pack grant example.last-agent 0.1.0
        error: Not possible now: no version of example.last-agent waits for a grant
          remedy: nothing is to be done
        exit 1
        $ plugboard apply shop
        ~ queue sales changed
            policy: not set → example.last-agent/last-agent
        shop is at revision 2
        queues.toml:1:2: warning[queue-without-agents]: no agent serves this queue
          1 | [sales]
            |  ^^^^^
          remedy: name it in an agent's `queues = ["sales"]`

        0 errors, 1 warning
        $ plugboard pack diff example.last-agent-0.1.0.pbpack example.last-agent-0.2.0.pbpack
        0.1.0 -> 0.2.0
        last-agent (routing)
        it asks for nothing more
        $ plugboard pack upgrade example.last-agent-0.2.0.pbpack --shadow
        example.last-agent 0.2.0 is tried
          0.1.0 -> 0.2.0
          last-agent (routing)
          next: plugboard pack rollout example.last-agent
        $ plugboard pack upgrade example.last-agent-0.2.0.pbpack --canary 5%
        example.last-agent 0.2.0 is tried
          0.1.0 -> 0.2.0
          last-agent (routing)
          next: plugboard pack rollout example.last-agent
        $ plugboard pack rollout example.last-agent
        example.last-agent: the candidate serves share=5%
        budget failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h
        VERSION  ROLE       LIVE  ENDED  ASKED  TRAPPED  LATE  BAD ANSWERS  DECLINED  HUNG UP IN FLOW  QUEUED  WAITED TOO LONG
        0.1.0    stable     0     0      0      0        0     0            0         0                0       0
        0.2.0    candidate  0     0      0      0        0     0            0         0                0       0
        $ plugboard pack promote example.last-agent
        example.last-agent 0.2.0 serves
          0.1.0 -> 0.2.0
          last-agent (routing)
        $ plugboard pack rollback example.last-agent
        example.last-agent 0.1.0 serves
          0.2.0 -> 0.1.0
          last-agent (routing)
    "#]],
    );
}
