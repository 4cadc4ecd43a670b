//! That SIP sockets carry what they are given, tell what they cannot, and wait for nobody for ever.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test, of real sockets")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use plugboard_sip::{Config, Endpoint, Event, Input, Invite, Output, Target, Transport, endpoint::EndCause};
use plugboard_transport::sip_sockets::{Listeners, Received, SipSockets, StreamLimits};

const PATIENCE: Duration = Duration::from_secs(10);

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// An address where nobody listens any more.
fn closed_port(family: &str) -> SocketAddr {
    UdpSocket::bind(family).unwrap().local_addr().unwrap()
}

/// What comes next, one by one.
struct Edge {
    sockets: SipSockets,
    came: std::collections::VecDeque<Received>,
}

impl Edge {
    async fn new(limits: StreamLimits) -> Self {
        let listeners =
            Listeners { udp: vec![any(), "[::1]:0".parse().unwrap()], tcp: vec![any()], ..Listeners::default() };
        let sockets = SipSockets::bind(&listeners, None, limits).await.unwrap();
        Self { sockets, came: std::collections::VecDeque::new() }
    }

    async fn next(&mut self) -> Received {
        while self.came.is_empty() {
            let mut batch = Vec::new();
            let waited = tokio::time::timeout(PATIENCE, self.sockets.receive(&mut batch)).await;
            waited.expect("something comes");
            self.came.extend(batch);
        }
        self.came.pop_front().unwrap()
    }

    async fn message(&mut self) -> (plugboard_sip::Source, String) {
        match self.next().await {
            Received::Bytes { source, bytes } => (source, String::from_utf8(bytes).unwrap()),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// A phone on a stream of its own.
    fn phone(&self) -> TcpStream {
        let stream = TcpStream::connect(self.sockets.addresses(Transport::Tcp)[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

async fn edge() -> Edge {
    Edge::new(StreamLimits::default()).await
}

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nContent-Length: 4\r\n\r\nbody";
const OK: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn request_to_a_closed_port_is_told_and_the_next_one_still_arrives() {
    let mut edge = edge().await;
    for family in ["127.0.0.1:0", "[::1]:0"] {
        let listener = UdpSocket::bind(family).unwrap();
        listener.set_read_timeout(Some(PATIENCE)).unwrap();
        let nobody = closed_port(family);
        edge.sockets.send(Target::udp(nobody), OPTIONS.as_bytes());
        edge.sockets.send(Target::udp(listener.local_addr().unwrap()), OPTIONS.as_bytes());
        let mut buffer = [0; 2_000];
        let (length, _) = listener.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], OPTIONS.as_bytes());
        let Received::Unreachable { remote } = edge.next().await else { panic!() };
        assert_eq!(remote, nobody);
    }
}

/// Its sender asks again if it still wants one; what waits for an answer from there is none of its business.
#[tokio::test]
async fn response_to_a_closed_port_is_not_told() {
    let mut edge = edge().await;
    let (gone, nobody) = (closed_port("127.0.0.1:0"), closed_port("127.0.0.1:0"));
    edge.sockets.send(Target::udp(gone), OK.as_bytes());
    edge.sockets.send(Target::udp(nobody), OPTIONS.as_bytes());
    let Received::Unreachable { remote } = edge.next().await else { panic!() };
    assert_eq!(remote, nobody);
}

/// Nobody listens at the phone's port: no INVITE is repeated, and nobody waits for a time-out.
#[tokio::test]
async fn call_to_a_phone_at_a_closed_port_fails_at_once() {
    let mut edge = edge().await;
    let phone = closed_port("127.0.0.1:0");
    let mut endpoint = Endpoint::new(Config::default(), 1);
    let begun = Instant::now();
    let invite = Invite {
        uri: format!("sip:amy@{phone}"),
        next_hop: Target { local: Some(edge.sockets.addresses(Transport::Udp)[0]), ..Target::udp(phone) },
        from: "<sip:queue@example.com>".into(),
        to: "<sip:amy@example.com>".into(),
        headers: Vec::new(),
        offer: Some("v=0\r\n".into()),
        account: None,
        max_forwards: plugboard_sip::MAX_FORWARDS,
    };
    let call = endpoint.invite(Duration::ZERO, invite).unwrap();
    let ended = loop {
        match endpoint.poll_output() {
            Some(Output::Send { target, bytes }) => edge.sockets.send(target, &bytes),
            Some(Output::Event(Event::Ended { call, cause, .. })) => break (call, cause),
            Some(Output::Event(other)) => panic!("{other:?}"),
            None => {
                let Received::Unreachable { remote } = edge.next().await else { panic!() };
                endpoint.handle_input(begun.elapsed(), Input::Unreachable { remote });
            }
        }
    };
    assert_eq!((ended, endpoint.calls(), endpoint.transactions()), ((call, EndCause::Transport), 0, 0));
    assert!(begun.elapsed() < Duration::from_millis(500), "before the first copy: {:?}", begun.elapsed());
}

/// RFC 3261 §26.2.2: a target that wants TLS gets TLS or nothing.
#[tokio::test]
async fn request_that_wants_tls_is_never_sent_in_the_clear() {
    let mut edge = edge().await;
    let listener = TcpListener::bind(any()).unwrap();
    let remote = listener.local_addr().unwrap();
    edge.sockets.send(Target { transport: Transport::Tls, ..Target::tcp(remote) }, OPTIONS.as_bytes());
    assert!(matches!(edge.next().await, Received::Unreachable { remote: told } if told == remote));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn message_in_many_segments_and_two_in_one_are_cut_by_their_length() {
    let mut edge = edge().await;
    let mut phone = edge.phone();
    phone.set_nodelay(true).unwrap();
    for byte in OPTIONS.as_bytes() {
        phone.write_all(&[*byte]).unwrap();
    }
    phone.write_all(format!("{OPTIONS}\r\n{OPTIONS}").as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(edge.message().await.1, OPTIONS);
    }
}

/// RFC 5626 §4.4.1: two line ends are answered with one.
#[tokio::test]
async fn ping_is_answered_with_a_pong() {
    let mut edge = edge().await;
    let mut phone = edge.phone();
    phone.write_all(format!("\r\n\r\n{OPTIONS}").as_bytes()).unwrap();
    assert_eq!(edge.message().await.1, OPTIONS);
    let mut pong = [0; 2];
    phone.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
}

/// RFC 3261 §18.2.2, RFC 5923: the answer takes the stream that the request came on, and so does a request to the same address.
#[tokio::test]
async fn stream_is_used_again_both_ways() {
    let mut edge = edge().await;
    let mut phone = edge.phone();
    phone.write_all(OPTIONS.as_bytes()).unwrap();
    let (source, _) = edge.message().await;
    edge.sockets.send(source.into(), OK.as_bytes());
    edge.sockets.send(Target::tcp(phone.local_addr().unwrap()), OPTIONS.as_bytes());
    let read = tokio::task::spawn_blocking(move || {
        let mut both = vec![0; OK.len() + OPTIONS.len()];
        phone.read_exact(&mut both).map(|()| String::from_utf8(both).unwrap())
    });
    assert_eq!(read.await.unwrap().unwrap(), format!("{OK}{OPTIONS}"));
    let connection = source.connection.unwrap();
    assert!(matches!(edge.next().await, Received::ConnectionLost { connection: lost } if lost == connection));
}

/// One connection for all that goes there, also while it is still being made.
#[tokio::test]
async fn requests_to_one_address_share_one_stream() {
    let mut edge = edge().await;
    let listener = TcpListener::bind(any()).unwrap();
    let target = Target::tcp(listener.local_addr().unwrap());
    edge.sockets.send(target, OPTIONS.as_bytes());
    edge.sockets.send(target, OPTIONS.as_bytes());
    let (mut peer, _) = tokio::task::spawn_blocking(move || (listener.accept().unwrap().0, listener)).await.unwrap();
    let both = tokio::task::spawn_blocking(move || {
        let mut both = vec![0; 2 * OPTIONS.len()];
        peer.read_exact(&mut both).unwrap();
        (String::from_utf8(both).unwrap(), peer)
    });
    let (both, peer) = both.await.unwrap();
    assert_eq!(both, OPTIONS.repeat(2));
    // Whoever waits for an answer on it hears that none will come.
    drop(peer);
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
    assert!(matches!(edge.next().await, Received::Unreachable { remote } if remote == target.remote));
}

#[tokio::test]
async fn refused_connection_is_told() {
    let mut edge = edge().await;
    let nobody = TcpListener::bind(any()).unwrap().local_addr().unwrap();
    edge.sockets.send(Target::tcp(nobody), OPTIONS.as_bytes());
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
    assert!(matches!(edge.next().await, Received::Unreachable { remote } if remote == nobody));
}

/// The part that is there is handed on, so that the endpoint can say what is wrong; then the stream is of no use.
#[tokio::test]
async fn message_that_is_too_long_is_answered_and_its_stream_closed() {
    let mut edge = edge().await;
    let mut phone = edge.phone();
    phone.write_all(OPTIONS.replace("Length: 4", "Length: 4000000000").as_bytes()).unwrap();
    let (source, head) = edge.message().await;
    assert!(head.starts_with("OPTIONS"));
    edge.sockets.send(source.into(), b"SIP/2.0 413 Request Entity Too Large\r\n\r\n");
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
    let mut said = String::new();
    phone.read_to_string(&mut said).unwrap();
    assert_eq!(said, "SIP/2.0 413 Request Entity Too Large\r\n\r\n");
}

fn short() -> StreamLimits {
    let brief = Duration::from_millis(200);
    StreamLimits { write: brief, message: brief, ..StreamLimits::default() }
}

/// The kernel's buffers are full and the peer takes nothing: neither the task nor the messages stay.
#[tokio::test]
async fn stream_of_a_peer_that_does_not_read_is_closed() {
    let mut edge = Edge::new(short()).await;
    let mut phone = edge.phone();
    phone.write_all(OPTIONS.as_bytes()).unwrap();
    let (source, _) = edge.message().await;
    let long = format!("OPTIONS sip:a@b SIP/2.0\r\n\r\n{}", "x".repeat(60_000));
    for _ in 0..255 {
        edge.sockets.send(source.into(), long.as_bytes());
    }
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
}

/// One byte now and then keeps nobody waiting: a message has an end, and so has the wait for the first.
#[tokio::test]
async fn message_that_never_becomes_whole_closes_its_stream() {
    let mut edge = Edge::new(short()).await;
    let silent = edge.phone();
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
    drop(silent);
    let mut slow = edge.phone();
    let begun = Instant::now();
    let (lost, drip) = channel::<()>();
    let dripping = std::thread::spawn(move || {
        let until_lost = || drip.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout);
        while slow.write_all(b"O").is_ok() && until_lost() {}
    });
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
    drop(lost);
    dripping.join().unwrap();
    assert!(begun.elapsed() < PATIENCE);
}

/// A phone that is idle between messages is left alone, pongs or not.
#[tokio::test]
async fn stream_between_messages_may_be_idle() {
    let mut edge = Edge::new(short()).await;
    let mut phone = edge.phone();
    phone.write_all(format!("{OPTIONS}\r\n").as_bytes()).unwrap();
    edge.message().await;
    let mut batch = Vec::new();
    let waited = tokio::time::timeout(Duration::from_millis(600), edge.sockets.receive(&mut batch)).await;
    assert!(waited.is_err(), "{batch:?}");
}

#[tokio::test]
async fn stream_beyond_the_limit_is_closed_and_the_others_stay() {
    let mut edge = Edge::new(StreamLimits { streams: 1, ..StreamLimits::default() }).await;
    let mut first = edge.phone();
    first.write_all(OPTIONS.as_bytes()).unwrap();
    edge.message().await;
    let mut second = edge.phone();
    let closed =
        tokio::task::spawn_blocking(move || second.read(&mut [0; 1]).map_or(0, |length| length)).await.unwrap();
    assert_eq!(closed, 0);
    first.write_all(OPTIONS.as_bytes()).unwrap();
    assert_eq!(edge.message().await.1, OPTIONS);
}
