//! That SIP by TLS and WebSocket arrives, that certificates decide whom it goes to and comes from, and that who plays no fair handshake costs nobody
//! else anything.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test, of real sockets")]

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use plugboard_sip::{Source, Target, Transport};
use plugboard_transport::{
    sip_sockets::{BindError, Listeners, Received, SipSockets, StreamLimits},
    tls::{ClientCertificates, Tls, TlsError, TlsFiles},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::{Message, client::IntoClientRequest as _, http::header::SEC_WEBSOCKET_PROTOCOL};

const PATIENCE: Duration = Duration::from_secs(10);
const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS c;branch=z9hG4bK1\r\nContent-Length: 4\r\n\r\nbody";
const OK: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// An authority, and a folder for what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Authority {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plugboard-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("authority.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Writes a certificate for these names, and its key.
    fn sign(&self, file: &str, names: &[&str]) {
        let mut parameters =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        parameters.subject_alt_names.push(SanType::URI("sip:uri.example".try_into().unwrap()));
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(file, "pem"), certificate.pem()).unwrap();
        std::fs::write(self.file(file, "key"), key.serialize_pem()).unwrap();
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{name}.{kind}"))
    }

    fn files(&self, name: &str, clients: ClientCertificates) -> TlsFiles {
        TlsFiles {
            certificates: self.file(name, "pem"),
            key: self.file(name, "key"),
            authorities: Some(self.folder.join("authority.pem")),
            clients,
        }
    }

    /// One who believes us.
    fn client(&self, certificate: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let made = match certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let (chain, key) = read(&self.file(name, "pem"), &self.file(name, "key"));
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Arc::new(made)
    }

    /// A peer with a certificate of its own.
    fn server(&self, certificate: &str) -> Arc<ServerConfig> {
        let (chain, key) = read(&self.file(certificate, "pem"), &self.file(certificate, "key"));
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

type Chain = Vec<rustls::pki_types::CertificateDer<'static>>;

fn read(certificate: &Path, key: &Path) -> (Chain, rustls::pki_types::PrivateKeyDer<'static>) {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    (chain, PrivateKeyDer::from_pem_file(key).unwrap())
}

struct Edge {
    sockets: SipSockets,
    came: VecDeque<Received>,
}

impl Edge {
    async fn new(tls: Option<Arc<Tls>>) -> Self {
        let one = |wanted: bool| if wanted { vec![any()] } else { Vec::new() };
        let has = tls.is_some();
        let listeners =
            Listeners { tcp: one(true), tls: one(has), ws: one(true), wss: one(has), ..Listeners::default() };
        let sockets = SipSockets::bind(&listeners, tls, StreamLimits::default()).await.unwrap();
        Self { sockets, came: VecDeque::new() }
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

    async fn message(&mut self) -> (Source, String) {
        match self.next().await {
            Received::Bytes { source, bytes } => (source, String::from_utf8(bytes).unwrap()),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    fn connect(&self, transport: Transport) -> TcpStream {
        let stream = TcpStream::connect(self.sockets.addresses(transport)[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn phone(&self, transport: Transport, client: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
        let connection = ClientConnection::new(client, "pbx.example".try_into().unwrap()).unwrap();
        StreamOwned::new(connection, self.connect(transport))
    }
}

/// Exactly this comes.
fn expect(stream: &mut impl std::io::Read, text: &str) {
    let mut bytes = vec![0; text.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
}

fn authority() -> Authority {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    authority
}

async fn edge(authority: &Authority, clients: ClientCertificates) -> Edge {
    Edge::new(Some(Arc::new(Tls::load(authority.files("pbx", clients)).unwrap()))).await
}

#[tokio::test]
async fn response_goes_back_on_the_encrypted_stream_that_its_request_came_on() {
    let authority = authority();
    let mut edge = edge(&authority, ClientCertificates::None).await;
    let mut phone = edge.phone(Transport::Tls, authority.client(None));
    phone.write_all(OPTIONS.as_bytes()).unwrap();
    let (source, text) = edge.message().await;
    assert_eq!((source.transport, text.as_str()), (Transport::Tls, OPTIONS));
    edge.sockets.send(source.into(), OK.as_bytes());
    expect(&mut phone, OK);
    // A double line end is a ping (RFC 5626 §4.4.1).
    phone.write_all(b"\r\n\r\n").unwrap();
    expect(&mut phone, "\r\n");
}

#[tokio::test]
async fn trunk_is_known_by_the_domains_of_its_certificate_before_its_first_request() {
    let authority = authority();
    authority.sign("trunk", &["sip.carrier.example", "carrier.example"]);
    for clients in [ClientCertificates::Optional, ClientCertificates::Required] {
        let mut edge = edge(&authority, clients).await;
        let mut trunk = edge.phone(Transport::Tls, authority.client(Some("trunk")));
        trunk.write_all(OPTIONS.as_bytes()).unwrap();
        let Received::Identified { connection, names } = edge.next().await else { panic!() };
        assert_eq!(names, ["carrier.example", "sip.carrier.example", "uri.example"]);
        assert_eq!(edge.message().await.0.connection, Some(connection));
    }
}

#[tokio::test]
async fn stranger_is_refused_where_certificates_are_required_and_others_go_on() {
    let authority = authority();
    authority.sign("trunk", &["carrier.example"]);
    let elsewhere = Authority::new();
    elsewhere.sign("stranger", &["carrier.example"]);
    let mut edge = edge(&authority, ClientCertificates::Required).await;
    let mut trunk = edge.phone(Transport::Tls, authority.client(Some("trunk")));
    trunk.write_all(OPTIONS.as_bytes()).unwrap();
    assert!(matches!(edge.next().await, Received::Identified { .. }));
    edge.message().await;
    let forged = {
        let (chain, key) = read(&elsewhere.file("stranger", "pem"), &elsewhere.file("stranger", "key"));
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
    };
    for client in [authority.client(None), forged] {
        let mut stranger = edge.phone(Transport::Tls, client);
        // TLS 1.3 tells the client of it after its own end of the handshake.
        let told = stranger.write_all(OPTIONS.as_bytes()).and_then(|()| stranger.read(&mut [0; 64]));
        assert!(told.is_err() || told.is_ok_and(|length| length == 0));
    }
    let mut noise = edge.connect(Transport::Tls);
    noise.write_all(OPTIONS.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = noise.read_to_end(&mut answer);
    trunk.write_all(OPTIONS.as_bytes()).unwrap();
    assert_eq!(edge.message().await.1, OPTIONS);
    assert_eq!(edge.sockets.refused().handshakes, 3);
}

/// Takes one connection, and says what came on it.
fn serve(listener: TcpListener, config: Arc<ServerConfig>) -> std::thread::JoinHandle<std::io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let mut bytes = vec![0; OPTIONS.len() * 2];
        let mut length = 0;
        while length < bytes.len() {
            match stream.read(&mut bytes[length..])? {
                0 => break,
                more => length += more,
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    })
}

#[tokio::test]
async fn requests_to_a_domain_share_a_connection_whose_certificate_is_that_domains() {
    let authority = authority();
    authority.sign("carrier", &["carrier.example"]);
    let mut edge = edge(&authority, ClientCertificates::None).await;
    let listener = TcpListener::bind(any()).unwrap();
    let remote = listener.local_addr().unwrap();
    let peer = edge.sockets.peer("carrier.example");
    let server = serve(listener, authority.server("carrier"));
    edge.sockets.send(Target::tls(remote, peer), OPTIONS.as_bytes());
    edge.sockets.send(Target::tls(remote, peer), OPTIONS.as_bytes());
    assert_eq!(String::from_utf8(server.join().unwrap().unwrap()).unwrap(), OPTIONS.repeat(2));
}

#[tokio::test]
async fn request_to_a_domain_never_reaches_who_shows_the_certificate_of_another() {
    let authority = authority();
    authority.sign("other", &["other.example"]);
    let mut edge = edge(&authority, ClientCertificates::None).await;
    let peer = edge.sockets.peer("carrier.example");
    assert!(edge.sockets.peer("no host").is_none());
    for peer in [peer, None] {
        let listener = TcpListener::bind(any()).unwrap();
        let remote = listener.local_addr().unwrap();
        let server = serve(listener, authority.server("other"));
        edge.sockets.send(Target::tls(remote, peer), OPTIONS.as_bytes());
        assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
        assert!(matches!(edge.next().await, Received::Unreachable { remote: told } if told == remote));
        assert!(server.join().unwrap().is_err());
    }
}

/// RFC 3261 §26.2.2: a target that wants TLS gets TLS or nothing; and a browser cannot be connected to.
#[tokio::test]
async fn without_certificates_nothing_is_sent_in_the_clear_that_should_be_encrypted() {
    let mut edge = Edge::new(None).await;
    let listener = TcpListener::bind(any()).unwrap();
    let remote = listener.local_addr().unwrap();
    for transport in [Transport::Tls, Transport::Ws, Transport::Wss] {
        edge.sockets.send(Target { transport, ..Target::tcp(remote) }, OPTIONS.as_bytes());
        assert!(matches!(edge.next().await, Received::Unreachable { remote: told } if told == remote));
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let listeners = Listeners { wss: vec![any()], ..Listeners::default() };
    let refused = SipSockets::bind(&listeners, None, StreamLimits::default()).await;
    assert!(matches!(refused, Err(BindError::NoCertificates { transport: Transport::Wss, .. })));
}

#[tokio::test]
async fn browser_speaks_sip_by_websocket_and_is_answered_on_it() {
    let authority = authority();
    let mut edge = edge(&authority, ClientCertificates::None).await;
    let request = |transport: Transport| {
        let scheme = if transport == Transport::Ws { "ws" } else { "wss" };
        let mut request = format!("{scheme}://pbx.example/sip").into_client_request().unwrap();
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, "sip".parse().unwrap());
        request
    };
    let (mut plain, response) = tungstenite::client(request(Transport::Ws), edge.connect(Transport::Ws)).unwrap();
    assert_eq!(response.headers().get(SEC_WEBSOCKET_PROTOCOL).unwrap(), "sip");
    plain.send(Message::text(OPTIONS)).unwrap();
    let (source, text) = edge.message().await;
    assert_eq!((source.transport, text.as_str()), (Transport::Ws, OPTIONS));
    edge.sockets.send(source.into(), OK.as_bytes());
    assert_eq!(plain.read().unwrap(), Message::text(OK));

    let stream = edge.phone(Transport::Wss, authority.client(None));
    let (mut browser, _) = tungstenite::client(request(Transport::Wss), stream).unwrap();
    browser.send(Message::binary(OPTIONS)).unwrap();
    let (source, text) = edge.message().await;
    assert_eq!((source.transport, text.as_str()), (Transport::Wss, OPTIONS));
    // To where it registered from, by its address alone.
    let target = Target { transport: Transport::Wss, ..Target::tcp(source.remote) };
    edge.sockets.send(target, OK.as_bytes());
    assert_eq!(browser.read().unwrap(), Message::text(OK));
    browser.send(Message::text("\r\n\r\n")).unwrap();
    assert_eq!(browser.read().unwrap(), Message::text("\r\n"));
    browser.close(None).unwrap();
    assert!(matches!(edge.next().await, Received::ConnectionLost { .. }));
}

#[tokio::test]
async fn page_that_does_not_ask_for_sip_is_told_to() {
    let edge = Edge::new(None).await;
    let refused = tungstenite::client("ws://pbx.example/sip", edge.connect(Transport::Ws));
    let Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) = refused else { panic!() };
    let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
    assert_eq!(
        (response.status().as_u16(), body.as_str()),
        (400, "this is SIP by WebSocket: ask for the sub-protocol sip\n")
    );
}

#[tokio::test]
async fn certificates_are_replaced_while_calls_go_on_and_bad_ones_change_nothing() {
    let authority = authority();
    let tls = Arc::new(Tls::load(authority.files("pbx", ClientCertificates::None)).unwrap());
    let mut edge = Edge::new(Some(Arc::clone(&tls))).await;
    let shown = |edge: &Edge| {
        let mut phone = edge.phone(Transport::Tls, authority.client(None));
        phone.write_all(OPTIONS.as_bytes()).unwrap();
        let shown = phone.conn.peer_certificates().unwrap()[0].to_vec();
        (phone, shown)
    };
    let (mut phone, first) = shown(&edge);
    let (source, _) = edge.message().await;
    authority.sign("pbx", &["pbx.example"]);
    tls.reload().unwrap();
    let (_other, second) = shown(&edge);
    edge.message().await;
    assert!(first != second);
    authority.sign("stray", &["pbx.example"]);
    std::fs::copy(authority.file("stray", "key"), authority.file("pbx", "key")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::BadKey { .. })));
    std::fs::write(authority.file("pbx", "pem"), "").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::NoCertificate { .. })));
    std::fs::remove_file(authority.file("pbx", "pem")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unreadable { .. })));
    let (_third, third) = shown(&edge);
    edge.message().await;
    assert!(second == third);
    edge.sockets.send(source.into(), OK.as_bytes());
    expect(&mut phone, OK);
}

#[test]
fn certificates_of_clients_need_somebody_who_signs_them() {
    let authority = authority();
    let files = TlsFiles { authorities: None, ..authority.files("pbx", ClientCertificates::Optional) };
    assert!(matches!(Tls::load(files), Err(TlsError::NoAuthorities)));
}
