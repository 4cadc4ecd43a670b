//! Tenants to tell stories about.

use std::{path::Path, sync::Arc, time::Duration};

use plugboard_model::{Agent, Configuration, FlowDocument, NumberTarget, Prompt, Queue, Trunk, connector::Connector};

/// Calls from this network are the carrier's.
pub const CARRIER: &str = "203.0.0.0/16";
/// Where calls to outside numbers go.
pub const CARRIER_PEER: &str = "203.0.113.1:5060";

/// A shop: `sales` and `support`, amy and bob in sales, bob and cid in support. 400 is the flow `main`, 500 the queue `sales`.
pub fn shop() -> Configuration {
    let mut shop = Configuration::empty("shop".parse().unwrap());
    shop.domains = vec!["shop.example".to_owned()];
    let queue = |name: &str| Queue { wrap_up: Duration::from_secs(10), ..Queue::named(name) };
    shop.queues.insert("sales".parse().unwrap(), queue("Sales"));
    shop.queues.insert("support".parse().unwrap(), queue("Support"));
    add_agent(&mut shop, "amy", "1001", &["sales"]);
    add_agent(&mut shop, "bob", "1002", &["sales", "support"]);
    add_agent(&mut shop, "cid", "1003", &["support"]);
    let carrier = Trunk {
        allow: vec![CARRIER.to_owned().try_into().unwrap()],
        peers: vec![CARRIER_PEER.parse().unwrap()],
        // Nobody is there to answer pings, unless a story has them.
        ping: Duration::ZERO,
        ..Trunk::default()
    };
    shop.trunks.insert("carrier".to_owned(), carrier);
    for name in ["welcome", "menu", "sorry", "goodbye", "position", "leave-message", "music"] {
        add_prompt(&mut shop, name);
    }
    for digit in 0..10 {
        add_prompt(&mut shop, &format!("digits/{digit}"));
    }
    add_flow(&mut shop, "main", MAIN);
    shop.numbers.insert("400".parse().unwrap(), NumberTarget::Flow("main".parse().unwrap()));
    shop.numbers.insert("500".parse().unwrap(), NumberTarget::Queue("sales".parse().unwrap()));
    shop.exception.apology = Some("sorry".to_owned());
    shop.exception.queue = Some("support".parse().unwrap());
    shop
}

/// Welcome, then 1 sales, 2 support, 3 a message; else goodbye.
const MAIN: &str = r#"{
  "format": 1, "name": "main", "language": "en", "start": "welcome",
  "nodes": {
    "welcome": { "kind": "play", "prompt": "welcome.wav", "exits": { "done": "menu" } },
    "menu": { "kind": "menu", "prompt": "menu.wav", "retries": 0,
      "exits": { "1": "sales", "2": "support", "3": "voicemail", "no_input": "bye", "no_match": "bye" } },
    "sales": { "kind": "queue", "queue": "sales", "exit_keys": "*",
      "announce": { "every_s": 30, "prompt": ["position.wav", { "position": true }] },
      "exits": { "timeout": "bye", "exit_key": "voicemail", "no_agents": "bye", "closed": "bye", "overflow": "bye" } },
    "support": { "kind": "queue", "queue": "support", "max_wait_s": 60,
      "exits": { "timeout": "bye", "no_agents": "bye", "overflow": "bye" } },
    "voicemail": { "kind": "voicemail", "greeting": "leave-message.wav", "mailbox": { "queue": "sales" }, "max_s": 30,
      "exits": { "recorded": "bye" } },
    "bye": { "kind": "hang-up", "prompt": "goodbye.wav" }
  },
  "exception": { "prompt": "sorry.wav", "queue": "support" }
}"#;

pub fn add_agent(tenant: &mut Configuration, name: &str, extension: &str, queues: &[&str]) {
    let agent = Agent {
        name: name.to_owned(),
        extension: extension.parse().unwrap(),
        password: format!("{name}-secret"),
        queues: queues.iter().map(|queue| queue.parse().unwrap()).collect(),
        skills: Default::default(),
        ready_on_register: true,
    };
    tenant.agents.insert(name.parse().unwrap(), agent);
}

pub fn add_prompt(tenant: &mut Configuration, name: &str) {
    let path: Arc<Path> = Path::new("/prompts").join(name).with_extension("wav").into();
    tenant.prompts.insert(name.to_owned(), Prompt { path, sha256: String::new(), length: crate::plane::LENGTH });
}

pub fn add_connector(tenant: &mut Configuration, name: &str, connector: Connector) {
    tenant.connectors.insert(name.into(), connector.into());
}

pub fn add_flow(tenant: &mut Configuration, name: &str, document: &str) {
    let document = FlowDocument { plugin: "flow-graph".to_owned(), document: document.into() };
    tenant.flows.insert(name.parse().unwrap(), document);
}
