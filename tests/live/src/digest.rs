//! Proof for SIPp's phones. SIPp 3.6 knows MD5 only and gives up at our first challenge, which is SHA-256 as RFC 8760 §2.3 wants it; so the
//! scenarios present what is made here of the second one, as a phone does that keeps its challenge (RFC 7616 §3.6).

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Mutex,
    time::Duration,
};

use md5::{Digest as _, Md5};

/// The value of an `Authorization` header for one request.
pub(crate) fn proof(registrar: SocketAddr, user: &str, password: &str, method: &str, uri: &str) -> String {
    let (realm, nonce) = fresh_challenge(registrar, user);
    let secret = hex(&format!("{user}:{realm}:{password}"));
    let request = hex(&format!("{method}:{uri}"));
    let response = hex(&format!("{secret}:{nonce}:00000001:live:auth:{request}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"live\""
    )
}

/// Challenges of one millisecond are the same one, and each takes count 1 once.
fn fresh_challenge(registrar: SocketAddr, user: &str) -> (String, String) {
    static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    loop {
        let (realm, nonce) = challenge(registrar, user);
        if USED.lock().unwrap().insert(nonce.clone()) {
            return (realm, nonce);
        }
    }
}

/// Realm and nonce of the MD5 challenge to a REGISTER without proof.
fn challenge(registrar: SocketAddr, user: &str) -> (String, String) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let own = socket.local_addr().unwrap();
    let (port, ip) = (own.port(), registrar.ip());
    let request = format!(
        "REGISTER sip:{registrar} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKasks{port}\r\nFrom: <sip:{user}@{ip}>;tag=asks{port}\r\n\
         To: <sip:{user}@{ip}>\r\nCall-ID: asks{port}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(request.as_bytes(), registrar).unwrap();
    let mut packet = [0; 2_048];
    let length = socket.recv(&mut packet).unwrap();
    let response = String::from_utf8_lossy(&packet[..length]);
    let line = response.lines().find(|line| line.contains("algorithm=MD5")).unwrap();
    let quoted = |name: &str| line.split_once(name).unwrap().1.split('"').nth(1).unwrap().to_owned();
    (quoted("realm="), quoted("nonce="))
}

fn hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
