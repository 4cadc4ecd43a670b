//! What reading an INVITE and carrying a whole call cost, beside rsip. `cargo bench -p plugboard-sip`
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark reads the clock and may panic")]

use std::convert::TryFrom;
use std::hint::black_box;
use std::time::{Duration, Instant};

use plugboard_sip::endpoint::HangUp;
use plugboard_sip::{Config, Endpoint, Event, Input, Invite, Message, Output, Source, Target, Transport};

const SDP: &str = "v=0\r\no=- 1234567890 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

fn invite() -> String {
    format!(
        "INVITE sip:400@192.0.2.2:5060;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-524287-1---d1a9c8b7e6f50413;rport\r\nMax-Forwards: 70\r\n\
         Contact: <sip:100@192.0.2.1:5060;transport=udp>\r\nTo: <sip:400@example.com>\r\n\
         From: \"Anna Example\" <sip:100@example.com>;tag=a1b2c3d4\r\n\
         Call-ID: 91fe8a0b7c6d5e4f3a2b1c0d9e8f7a6b@192.0.2.1\r\nCSeq: 1 INVITE\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n\
         Supported: replaces, norefersub, extended-refer, timer, outbound, path\r\n\
         User-Agent: Example Phone 5.6.1 v2.10.19\r\nAllow-Events: presence, kpml, talk\r\n\
         P-Preferred-Identity: <sip:100@example.com>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

/// Microseconds each, the best of five runs.
fn time(rounds: u32, mut work: impl FnMut()) -> f64 {
    let run = |_| {
        let begin = Instant::now();
        (0..rounds).for_each(|_| work());
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

fn source(port_local: u16, port_remote: u16) -> Source {
    let at = |port| std::net::SocketAddr::from(([192, 0, 2, 1], port));
    Source { transport: Transport::Udp, local: at(port_local), remote: at(port_remote), connection: None }
}

/// INVITE, 100, 180, 200, ACK, BYE, 200 between two endpoints in one thread: twice the cost of one side.
fn call(now: Duration, a: &mut Endpoint, b: &mut Endpoint) {
    let next_hop = Target { local: Some(source(1, 2).local), ..Target::udp(source(1, 2).remote) };
    let invite = Invite {
        uri: "sip:400@192.0.2.1:2".into(),
        next_hop,
        from: "<sip:100@example.com>".into(),
        to: "<sip:400@example.com>".into(),
        headers: Vec::new(),
        offer: Some(SDP.into()),
        account: None,
        max_forwards: plugboard_sip::MAX_FORWARDS,
    };
    let ours = a.invite(now, invite).unwrap();
    let mut busy = true;
    while std::mem::take(&mut busy) {
        while let Some(output) = a.poll_output() {
            busy = true;
            match output {
                Output::Send { bytes, .. } => {
                    b.handle_input(now, Input::Received { source: source(2, 1), bytes: &bytes });
                }
                Output::Event(_) => {}
            }
        }
        while let Some(output) = b.poll_output() {
            busy = true;
            match output {
                Output::Send { bytes, .. } => {
                    a.handle_input(now, Input::Received { source: source(1, 2), bytes: &bytes });
                }
                Output::Event(Event::Incoming(incoming)) => {
                    b.ring(now, incoming.call, plugboard_sip::Status::RINGING, None).unwrap();
                    b.answer(now, incoming.call, SDP).unwrap();
                }
                Output::Event(Event::Confirmed { .. }) => a.hang_up(now, ours, HangUp::default()).unwrap(),
                Output::Event(_) => {}
            }
        }
    }
}

fn main() {
    let text = invite();
    let bytes = text.as_bytes();
    let parse = time(100_000, || drop(black_box(Message::parse(black_box(bytes)).unwrap())));
    let checked = time(100_000, || {
        let message = Message::parse(black_box(bytes)).unwrap();
        message.check().unwrap();
        black_box((message.from().is_some(), message.to().is_some(), message.cseq(), message.top_via().is_some()));
    });
    let theirs = time(20_000, || drop(black_box(rsip::SipMessage::try_from(black_box(bytes)).unwrap())));
    let config = Config { max_transactions: 1_000_000, ..Config::default() };
    let (mut a, mut b) = (Endpoint::new(config.clone(), 1), Endpoint::new(config, 2));
    let mut now = Duration::ZERO;
    // 300 calls a second of virtual time, so that some 20,000 transactions wait for their timers.
    let whole = time(20_000, || {
        now += Duration::from_micros(3_333);
        a.handle_timeout(now);
        b.handle_timeout(now);
        call(now, &mut a, &mut b);
    });
    println!("INVITE of {} bytes                  µs", bytes.len());
    println!("  read                            {parse:6.2}");
    println!("  read, checked, five headers     {checked:6.2}");
    println!("  rsip: read only                 {theirs:6.2}");
    println!("whole call, one side              {:6.2}   ({} transactions alive)", whole / 2.0, a.transactions());
}
