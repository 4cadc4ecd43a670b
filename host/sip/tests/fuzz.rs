//! Bytes from the network never panic, and what is read is written and read again the same.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;
#[path = "torture/messages.rs"]
mod torture;

use pair::{Pair, Side, address, mutate};
use plugboard_sip::message::{HeaderName, StreamDecoder, Writer};
use plugboard_sip::{Config, Endpoint, Event, Input, Message, Output, Source, Transport, Uri};
use std::time::Duration;

const SEEDS: [&str; 4] = [
    "INVITE sip:400@192.0.2.2:5060;transport=udp SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx1;rport, SIP/2.0/TCP [2001:db8::9]:5061\r\n ;branch=z9hG4bKx2\r\nMax-Forwards: 70\r\nf: \"A \\\"b\\\" <c>\" <sip:100@example.com;x=y>;tag=1\r\nt: <tel:+4930123;ext=2>\r\ni: abc@host\r\nCSeq: 1 INVITE\r\nm: <sip:100@192.0.2.1>;q=0.3;+sip.instance=\"<urn:uuid:1>\"\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\nReplaces: a@b;to-tag=1;from-tag=2\r\nc: application/sdp\r\nl: 5\r\n\r\nv=0\r\n",
    "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKy\r\nFrom: sip:a@b;tag=1\r\nTo: sip:c@d;tag=2\r\nCall-ID: z\r\nCSeq: 9 REGISTER\r\nWWW-Authenticate: Digest realm=\"a, b\", nonce=\"x\", qop=\"auth,auth-int\", algorithm=SHA-256\r\nRetry-After: 5 (busy);duration=3\r\nContent-Length: 0\r\n\r\n",
    "REFER sips:a%20b:pw@[2001:db8::1]:5061;lr?Subject=x&Route=%3Csip:q%3E SIP/2.0\r\nv: SIP / 2.0 / TLS h ; branch = z9hG4bKq\r\nFrom: \"x\" <sips:a@b>;tag=t\r\nTo: <sips:c@d>;tag=u\r\nCall-ID: q\r\nCSeq: 2147483647 REFER\r\nRefer-To: <sip:x@y?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>\r\nReason: Q.850;cause=16;text=\"a;b\"\r\n\r\n",
    "MESSAGE sip:u@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKm\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:u@h>\r\nCall-ID: m\r\nCSeq: 3 MESSAGE\r\nContent-Type: multipart/mixed;boundary=\"zz\"\r\n\r\n--zz\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--zz--\r\n",
];

struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn read_everything(message: &Message) {
    let _ = (message.from(), message.to(), message.call_id(), message.cseq(), message.top_via(), message.contact());
    let _ = (message.expires(), message.retry_after(), message.reason(), message.replaces(), message.sdp());
    let _ = (message.vias().count(), message.contacts().count(), message.phrase(), message.max_forwards());
    for address in [message.from(), message.to(), message.contact()].into_iter().flatten() {
        if let Ok(uri) = address.uri() {
            let _ =
                (uri.user_decoded(), uri.host(), uri.params().iter().count(), uri.header("Replaces"), uri.transport());
            assert_eq!(Uri::parse(uri.as_str()), Ok(uri));
        }
    }
}

/// Names and unfolded values, as a reader sees them.
fn seen(message: &Message) -> (String, Vec<(String, String)>, Vec<u8>) {
    let start = message.method().map_or_else(
        || format!("{:?} {}", message.status(), message.phrase()),
        |method| format!("{method} {}", message.uri_text()),
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    let is_framing =
        |name: &[u8]| matches!(HeaderName::from_bytes(name), HeaderName::ContentLength | HeaderName::ContentType);
    let headers = message.headers().filter(|(name, _)| !is_framing(name)).map(|(n, v)| (text(n), text(v))).collect();
    (start, headers, message.body().to_vec())
}

fn written_again(message: &Message) -> Option<Message> {
    let phrase = message.phrase();
    let mut writer = match (message.method(), message.status()) {
        (Some(method), _) => Writer::request(method, message.uri_text()),
        (None, status) => Writer::response(status?, Some(&phrase)),
    };
    for (name, value) in message.headers() {
        if !matches!(HeaderName::from_bytes(name), HeaderName::ContentLength | HeaderName::ContentType) {
            let value = std::str::from_utf8(value).ok()?;
            let value = value.split(['\r', '\n']).map(str::trim).collect::<Vec<_>>().join(" ");
            writer.header(std::str::from_utf8(name).ok()?, &value);
        }
    }
    let content_type = message.value(HeaderName::ContentType).map(|value| value.replace(['\r', '\n'], " "));
    let bytes = writer.finish(Some((content_type.as_deref().unwrap_or("a/b"), message.body()))).ok()?;
    Some(Message::parse(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes))))
}

#[test]
fn hundred_thousand_damaged_messages_never_panic_and_read_back_the_same() {
    let mut chance = Chance(2026);
    let mut pair = Pair::new();
    let mut stream = StreamDecoder::new();
    let (mut readable, mut rewritten) = (0, 0);
    let source =
        Source { transport: Transport::Udp, local: address(Side::Bob), remote: address(Side::Alice), connection: None };
    for round in 0..100_000_u64 {
        let mut bytes = SEEDS[chance.below(SEEDS.len())].as_bytes().to_vec();
        mutate(&mut bytes, &mut |limit| chance.below(limit));
        stream.handle_bytes(&bytes);
        for _ in 0..4 {
            if stream.poll_item().is_some_and(|item| item.is_err()) {
                stream = StreamDecoder::new();
            }
        }
        let Ok(message) = Message::parse(&bytes) else { continue };
        readable += 1;
        read_everything(&message);
        let now = Duration::from_millis(round);
        pair.bob.handle_input(now, Input::Received { source, bytes: &bytes });
        pair.bob.handle_timeout(now);
        while let Some(output) = pair.bob.poll_output() {
            if let Output::Send { bytes, .. } = output {
                assert!(Message::parse(&bytes).is_ok(), "{}", String::from_utf8_lossy(&bytes));
            }
        }
        if message.check().is_ok()
            && let Some(again) = written_again(&message)
        {
            rewritten += 1;
            assert_eq!(seen(&again), seen(&message));
        }
    }
    assert!(readable > 50_000 && rewritten > 10_000, "{readable} read, {rewritten} written again");
}

/// The messages of RFC 4475 and ours, damaged, at an endpoint with little room: its tables never grow beyond it, and once all timers have
/// run nothing is left.
#[test]
fn damaged_torture_leaves_the_tables_bounded_and_in_the_end_empty() {
    let mut chance = Chance(4475);
    let config = Config { max_calls: 10, max_transactions: 100, ..Config::default() };
    let mut endpoint = Endpoint::new(config, 1);
    let source =
        Source { transport: Transport::Udp, local: address(Side::Bob), remote: address(Side::Alice), connection: None };
    let ours = SEEDS.iter().map(|text| (*text).to_owned());
    let theirs = torture::CASES.iter().map(|(_, _, text)| {
        let text = text.replace("{sdp}", torture::SDP).replace('\n', "\r\n");
        let length = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        text.replace("{len}", &length.to_string())
    });
    let corpus: Vec<String> = ours.chain(theirs).collect();
    let mut now = Duration::ZERO;
    let (mut most_calls, mut most_transactions, mut begun, mut ended) = (0, 0, 0, 0);
    let mut drain = |endpoint: &mut Endpoint| {
        while let Some(output) = endpoint.poll_output() {
            match output {
                Output::Event(Event::Incoming(_)) => begun += 1,
                Output::Event(Event::Ended { .. }) => ended += 1,
                _ => {}
            }
        }
        (begun, ended)
    };
    for _ in 0..50_000 {
        let mut bytes = corpus[chance.below(corpus.len())].clone().into_bytes();
        mutate(&mut bytes, &mut |limit| chance.below(limit));
        now += Duration::from_millis(chance.below(20) as u64);
        endpoint.handle_timeout(now);
        endpoint.handle_input(now, Input::Received { source, bytes: &bytes });
        drain(&mut endpoint);
        most_calls = most_calls.max(endpoint.calls());
        most_transactions = most_transactions.max(endpoint.transactions());
    }
    assert_eq!((most_calls, most_transactions), (10, 100), "both limits were reached and kept");
    while let Some(at) = endpoint.poll_timeout() {
        endpoint.handle_timeout(at);
        drain(&mut endpoint);
    }
    let (begun, ended) = drain(&mut endpoint);
    assert_eq!((begun, endpoint.calls(), endpoint.transactions()), (ended, 0, 0));
}
