//! Malformed SIP to the real sockets: the right status, or silence where nothing is due; and the host still answers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of sockets")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use plugboard_live::{Ear, Host, Tenant};

const SOON: Duration = Duration::from_secs(5);

fn request(method: &str, more: &str, via: SocketAddr, transport: &str) -> String {
    format!(
        "{method} sip:8001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {via};branch=z9hG4bK{method}{}\r\n\
         From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:8001@127.0.0.1>\r\nCall-ID: {method}{}@live\r\nCSeq: 7 {method}\r\n{more}\r\n",
        more.len(),
        more.len()
    )
}

/// Status line of the first response, and of which call.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn over_udp_each_malformed_message_gets_its_status_or_silence_and_calls_go_on() {
    let host = Host::start(&Tenant::default());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let own = socket.local_addr().unwrap();
    // What is due no answer is followed by an OPTIONS: if that is answered first, there was silence.
    let ask = |message: &[u8]| {
        socket.send_to(message, host.sip).unwrap();
        let probe = request("OPTIONS", "Max-Forwards: 70\r\nContent-Length: 0\r\nX-Probe: 1\r\n", own, "UDP");
        let mut packet = [0; 65_535];
        let mut answers = Vec::new();
        socket.send_to(probe.as_bytes(), host.sip).unwrap();
        loop {
            let length = socket.recv(&mut packet).unwrap();
            let text = String::from_utf8_lossy(&packet[..length]).into_owned();
            if text.contains("CSeq: 7 OPTIONS") && !message.starts_with(b"OPTIONS") {
                return answers;
            }
            answers.push(first_line(&text));
            if message.starts_with(b"OPTIONS") {
                return answers;
            }
        }
    };
    let plain = "Max-Forwards: 70\r\nContent-Length: 0\r\n";
    let mut large = b"INVITE ".to_vec();
    large.resize(65_507, b'a');
    let told = [
        ("garbage", ask(&[0xff, 0x00, 0x13, 0x37])),
        ("64 KiB", ask(&large)),
        ("CRLF", ask(b"\r\n\r\n")),
        ("unknown method", ask(request("FROBNICATE", plain, own, "UDP").as_bytes())),
        (
            "too long a body",
            ask(request("MESSAGE", "Max-Forwards: 70\r\nContent-Length: 900\r\n", own, "UDP").as_bytes()),
        ),
        ("Max-Forwards 0", ask(request("INVITE", "Max-Forwards: 0\r\nContent-Length: 0\r\n", own, "UDP").as_bytes())),
        (
            "response to nothing",
            ask(request("OPTIONS", plain, own, "UDP")
                .replacen("OPTIONS sip:8001@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1)
                .as_bytes()),
        ),
    ];
    let told: Vec<(&str, String)> = told.iter().map(|(what, answers)| (*what, answers.join(" | "))).collect();
    let expected = [
        ("garbage", ""),
        ("64 KiB", ""),
        ("CRLF", ""),
        ("unknown method", "SIP/2.0 405 Method Not Allowed"),
        ("too long a body", "SIP/2.0 400 Content-Length Does Not Fit"),
        ("Max-Forwards 0", "SIP/2.0 483 Too Many Hops"),
        ("response to nothing", ""),
    ];
    assert_eq!(told, expected.map(|(what, answer)| (what, answer.to_owned())));

    let ear = Ear::open(Some(1));
    let phone = host.phone("agent", 1, &ear, 300);
    host.caller("caller", "493", "8002", &ear).done();
    phone.done();
}

/// Reads until `count` responses have come; gives their status lines with CSeq numbers.
fn responses(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while text.matches("\r\n\r\n").count() < count {
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the host closed the connection after {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    text.split("\r\n\r\n").filter(|message| !message.is_empty()).map(first_line).collect()
}

#[test]
fn over_tcp_split_and_glued_messages_are_answered_and_a_ping_gets_its_pong() {
    let host = Host::start(&Tenant::default());
    let mut stream = TcpStream::connect(host.sip_tcp).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_nodelay(true).unwrap();
    let own = stream.local_addr().unwrap();
    let plain = "Max-Forwards: 70\r\nContent-Length: 0\r\n";
    let options = request("OPTIONS", plain, own, "TCP");

    stream.write_all(options.as_bytes()).unwrap();
    let whole = responses(&mut stream, 1);
    let (head, tail) = options.split_at(options.len() / 2);
    let head = head.replace("z9hG4bK", "z9hG4bKs");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(tail.as_bytes()).unwrap();
    let split = responses(&mut stream, 1);
    let glued = options.replace("z9hG4bK", "z9hG4bKg") + &options.replace("z9hG4bK", "z9hG4bKh");
    stream.write_all(glued.as_bytes()).unwrap();
    let glued = responses(&mut stream, 2);
    stream.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    let ok = || "SIP/2.0 200 OK".to_owned();
    assert_eq!((whole, split, glued, pong), (vec![ok()], vec![ok()], vec![ok(), ok()], *b"\r\n"));
}
