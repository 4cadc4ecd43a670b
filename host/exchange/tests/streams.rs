//! Phones that register over a stream, as a ladder: the phone on the left, the exchange on the right.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Write as _, sync::Arc};

use plugboard_exchange::{Exchange, Input, Output, Settings};
use plugboard_model::{Agent, Configuration, EventKind, Timestamp};
use plugboard_sip::{
    self as sip, Endpoint, Message, Method, Source, Target, Transport,
    digest::{Account, Algorithm},
    endpoint::OutOfDialog,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_344_060);

/// One phone of one agent, and the stream between it and the exchange.
struct Wire {
    exchange: Exchange,
    phone: Endpoint,
    stream: u64,
    ladder: String,
}

impl Wire {
    fn new() -> Self {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        let amy = Agent {
            name: "Amy".into(),
            extension: "101".parse().unwrap(),
            password: "s3cret".into(),
            queues: vec![],
            skills: [].into(),
            ready_on_register: true,
        };
        configuration.agents.insert("amy".parse().unwrap(), amy);
        let settings = Settings {
            tenant: configuration.tenant.clone(),
            token: "pb".into(),
            host: "shop.example".into(),
            advertised: vec![],
            recordings: "/recordings".into(),
            hold_music: None,
            last_id: 0,
            last_seq: 0,
            seed: 1,
            secret: [7; 32],
            digest: Algorithm::ALL.to_vec(),
        };
        let phone = Endpoint::new(sip::Config { token: "phone".into(), ..sip::Config::default() }, 2);
        let exchange = Exchange::new(NOW, settings, Arc::new(configuration));
        Self { exchange, phone, stream: 0, ladder: String::new() }
    }

    /// The phone opens a stream of this number and registers over it.
    fn register_on(&mut self, stream: u64) {
        self.stream = stream;
        let remote = "192.0.2.2:5060".parse().unwrap();
        let next_hop = Target { connection: Some(stream), ..Target::tcp(remote) };
        let register = OutOfDialog {
            method: Method::REGISTER,
            uri: "sip:shop.example".into(),
            next_hop,
            from: "<sip:amy@shop.example>".into(),
            to: "<sip:amy@shop.example>".into(),
            headers: vec![("Contact".into(), format!("<sip:amy@192.0.2.1:{stream};transport=tcp>"))],
            body: None,
            account: Some(Account { user: "amy".into(), password: "s3cret".into() }),
            series: None,
        };
        self.phone.request(NOW.since_epoch(), register).unwrap();
        self.run();
    }

    fn lose(&mut self, stream: u64) {
        writeln!(self.ladder, "-x stream {stream}").unwrap();
        self.exchange.handle_input(NOW, Input::SipConnectionLost { connection: stream });
        self.run();
    }

    /// Carries what both say until neither says more.
    fn run(&mut self) {
        let ends = ["192.0.2.1:51000", "192.0.2.2:5060"].map(|end| end.parse().unwrap());
        let source = |[remote, local]: [_; 2], connection| Source {
            transport: Transport::Tcp,
            local,
            remote,
            connection: Some(connection),
        };
        loop {
            if let Some(output) = self.phone.poll_output() {
                let sip::Output::Send { bytes, .. } = output else { continue };
                writeln!(self.ladder, "-> {}", named(&bytes)).unwrap();
                let input = Input::Sip { source: source(ends, self.stream), bytes: bytes.to_vec() };
                self.exchange.handle_input(NOW, input);
            } else if let Some(output) = self.exchange.poll_output() {
                match output {
                    Output::Sip { bytes, .. } => {
                        writeln!(self.ladder, "<- {}", named(&bytes)).unwrap();
                        let source = source([ends[1], ends[0]], self.stream);
                        let input = sip::Input::Received { source, bytes: &bytes };
                        self.phone.handle_input(NOW.since_epoch(), input);
                    }
                    Output::Record(event) => match &event.kind {
                        EventKind::PhoneRegistered { contact, .. } => {
                            writeln!(self.ladder, "   registered {contact}").unwrap();
                        }
                        EventKind::PhoneGone { .. } => self.ladder.push_str("   gone\n"),
                        EventKind::AgentStateChanged { .. } | EventKind::ConfigurationApplied { .. } => {}
                        other => writeln!(self.ladder, "   {other:?}").unwrap(),
                    },
                    other => panic!("{other:?}"),
                }
            } else {
                return;
            }
        }
    }
}

fn named(bytes: &[u8]) -> String {
    let message = Message::parse(bytes).unwrap();
    match (message.method(), message.status()) {
        (Some(method), _) => method.to_string(),
        (None, status) => status.unwrap().code().to_string(),
    }
}

/// RFC 5626 §4.2.2: a flow that is gone is no contact. Without this the next caller would ring a phone that cannot be reached.
#[test]
fn phone_whose_stream_is_lost_is_gone_at_once() {
    let mut wire = Wire::new();
    wire.register_on(7);
    wire.lose(8);
    wire.lose(7);
    let expected = "\
-> REGISTER
<- 401
-> REGISTER
<- 200
   registered sip:amy@192.0.2.1:7;transport=tcp
-x stream 8
-x stream 7
   gone
";
    assert_eq!(wire.ladder, expected);
}

/// A phone that comes back before the old stream is missed has two ways, and loses the old one only.
#[test]
fn phone_that_came_back_on_another_stream_stays_when_the_old_one_is_lost() {
    let mut wire = Wire::new();
    wire.register_on(7);
    wire.register_on(8);
    wire.ladder.clear();
    wire.lose(7);
    assert_eq!(wire.ladder, "-x stream 7\n");
}
