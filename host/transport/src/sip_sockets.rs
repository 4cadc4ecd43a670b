//! SIP over sockets: bytes in with where they came from, bytes out to where they belong.
//!
//! UDP is read in bursts, so that one wake-up serves all that has come; what the network could not deliver comes back too. A connection by TCP,
//! TLS or WebSocket is one task; the numbers that we give connections go into [`Source`] and [`Target`], so that a response goes back on the
//! stream that its request came on (RFC 3261 §18.2.2), and a request to a browser on the one that it registered by (RFC 5626 §5.3).
//!
//! ```text
//!   signalling thread: UDP, TCP, the exchange      thread of streams: TLS, WS, WSS (a handshake costs as much as ten calls)
//! ```

mod door;
mod stream;
mod undelivered;
mod websocket;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use plugboard_sip::{PeerName, Source, Target, Transport};
use rustix::{io::Errno, net::SendFlags};
use rustls::pki_types::ServerName;
use tokio::{
    io::Interest,
    net::{TcpListener, UdpSocket},
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::tls::Tls;
use door::{CONNECTION_QUEUE, Connection, Door, Refusals, StreamNews, Streams, Way, accept, connect};

/// What came in.
#[derive(Debug)]
pub enum Received {
    Bytes {
        source: Source,
        bytes: Vec<u8>,
    },
    /// The peer of a TLS connection has shown a certificate that an authority of ours signed, for these domains (RFC 5922 §7.1); before its first
    /// bytes.
    Identified {
        connection: u64,
        names: Vec<String>,
    },
    ConnectionLost {
        connection: u64,
    },
    /// Nobody listens there, or nobody answers, or it is not who it should be.
    Unreachable {
        remote: SocketAddr,
    },
}

/// Where to listen. Port 0 takes a free one: see [`SipSockets::addresses`].
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    /// In the clear, for browsers on this machine and behind a proxy that ends TLS.
    pub ws: Vec<SocketAddr>,
    pub wss: Vec<SocketAddr>,
}

/// Why we do not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{} {address}: {source}", transport.name())]
    Address { transport: Transport, address: SocketAddr, source: io::Error },
    #[error("{} {address} needs certificates, and none are given", transport.name())]
    NoCertificates { transport: Transport, address: SocketAddr },
    #[error("the thread of streams: {0}")]
    Thread(io::Error),
}

/// Streams that did not come to be, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// There were as many as may be.
    pub full: u64,
    /// No TLS, no certificate that counts, no WebSocket, or not in time.
    pub handshakes: u64,
}

/// Which open connection fits a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    transport: Transport,
    remote: SocketAddr,
    /// A connection to one domain is none to another at the same address (RFC 5923 §7).
    peer: Option<PeerName>,
}

/// A datagram cannot be longer (RFC 768).
const LONGEST_DATAGRAM: usize = 65_535;
/// Datagrams taken in one go, so that timers and other inputs get their turn under load.
const BURST: usize = 64;
/// What all streams together may have read ahead of the exchange.
const STREAM_QUEUE: usize = 4_096;
/// Kernel buffer of a listener: a burst of some thousand messages must not be lost while the exchange is at something else.
const SOCKET_BUFFER: usize = 8 << 20;

/// How long streams may keep us waiting, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Open streams; one more is closed at once.
    pub streams: u64,
    /// For the peer to accept a connection of ours.
    pub connect: Duration,
    /// For the peer to take one message: what waits behind it would be of no use any more.
    pub write: Duration,
    /// For the first message of a stream that was opened to us, and for the rest of each that has begun. 64·T1: nobody holds streams open for
    /// nothing.
    pub message: Duration,
    /// Between messages or pings (RFC 5626 §4.4.1 asks for one each two minutes).
    pub idle: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            connect: Duration::from_secs(4),
            write: Duration::from_secs(8),
            message: Duration::from_secs(32),
            idle: Duration::from_secs(3_600),
        }
    }
}

/// All SIP sockets of one process.
#[derive(Debug)]
pub struct SipSockets {
    udp: Vec<Arc<UdpSocket>>,
    bound: Listeners,
    connections: HashMap<u64, Connection>,
    by_key: HashMap<Key, u64>,
    streams: Streams,
    tls: Option<Arc<Tls>>,
    /// Where connections with handshakes live; `None`: there are none.
    handshakes: Option<StreamThread>,
    peers: Vec<ServerName<'static>>,
    from_streams: mpsc::Receiver<StreamNews>,
    /// Where a request could not be sent to; told at the next [`Self::receive`].
    unsent: Vec<SocketAddr>,
    buffer: Box<[u8]>,
}

/// A thread with a runtime of its own, until it is dropped.
#[derive(Debug)]
struct StreamThread {
    handle: Handle,
    _over: oneshot::Sender<()>,
}

impl StreamThread {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (over, until) = oneshot::channel::<()>();
        let run = move || {
            // What is under way ends with the runtime.
            let _ = runtime.block_on(until);
        };
        std::thread::Builder::new().name("sip-streams".into()).spawn(run)?;
        Ok(Self { handle, _over: over })
    }
}

impl SipSockets {
    /// Binds every address. `tls` is needed for listeners of TLS and WSS, and for TLS to others.
    pub async fn bind(listeners: &Listeners, tls: Option<Arc<Tls>>, limits: StreamLimits) -> Result<Self, BindError> {
        let (news, from_streams) = mpsc::channel(STREAM_QUEUE);
        let streams = Streams {
            next: Arc::new(AtomicU64::new(1)),
            open: Arc::default(),
            limits,
            news,
            refusals: Arc::new(Refusals::default()),
        };
        let Listeners { udp, tcp, tls: by_tls, ws, wss } = listeners;
        let mut bound = Listeners::default();
        let mut sockets = Vec::new();
        for address in udp {
            let at = |source| BindError::Address { transport: Transport::Udp, address: *address, source };
            let socket = bind_udp(*address).map_err(at)?;
            bound.udp.push(socket.local_addr().map_err(at)?);
            sockets.push(Arc::new(socket));
        }
        for address in tcp {
            let (listener, address) = listen(Transport::Tcp, *address).await?;
            bound.tcp.push(address);
            tokio::spawn(accept(listener, Door::Tcp, streams.clone()));
        }
        let needs_thread = tls.is_some() || !(by_tls.is_empty() && ws.is_empty() && wss.is_empty());
        let handshakes = needs_thread.then(StreamThread::start).transpose().map_err(BindError::Thread)?;
        for (transport, wanted, bound) in [
            (Transport::Tls, by_tls, &mut bound.tls),
            (Transport::Ws, ws, &mut bound.ws),
            (Transport::Wss, wss, &mut bound.wss),
        ] {
            for address in wanted {
                let missing = || BindError::NoCertificates { transport, address: *address };
                let door = match transport {
                    Transport::Ws => Door::Ws,
                    Transport::Wss => Door::Wss(tls.clone().ok_or_else(missing)?),
                    _ => Door::Tls(tls.clone().ok_or_else(missing)?),
                };
                bound.push(listen_on(handshakes.as_ref(), transport, *address, door, &streams).await?);
            }
        }
        Ok(Self {
            udp: sockets,
            bound,
            connections: HashMap::new(),
            by_key: HashMap::new(),
            streams,
            tls,
            handshakes,
            peers: Vec::new(),
            from_streams,
            unsent: Vec::new(),
            buffer: vec![0; LONGEST_DATAGRAM].into_boxed_slice(),
        })
    }

    /// Where we listen.
    pub fn addresses(&self, transport: Transport) -> &[SocketAddr] {
        match transport {
            Transport::Udp => &self.bound.udp,
            Transport::Tcp => &self.bound.tcp,
            Transport::Tls => &self.bound.tls,
            Transport::Ws => &self.bound.ws,
            Transport::Wss => &self.bound.wss,
        }
    }

    /// All of [`Self::addresses`].
    pub fn bound(&self) -> &Listeners {
        &self.bound
    }

    /// Who a TLS connection is meant to reach, for [`Target::peer`]. `None`: that is no name of a host.
    pub fn peer(&mut self, domain: &str) -> Option<PeerName> {
        let name = ServerName::try_from(domain).ok()?.to_owned();
        let known = self.peers.iter().position(|peer| *peer == name).unwrap_or_else(|| {
            self.peers.push(name);
            self.peers.len() - 1
        });
        u32::try_from(known).ok().map(PeerName)
    }

    pub fn refused(&self) -> Refused {
        let Refusals { full, handshakes, .. } = &*self.streams.refusals;
        Refused { full: full.load(Ordering::Relaxed), handshakes: handshakes.load(Ordering::Relaxed) }
    }

    /// Waits until something came, and takes a burst of it into `batch`. Safe to drop half-way.
    pub async fn receive(&mut self, batch: &mut Vec<Received>) {
        if !self.unsent.is_empty() {
            batch.extend(self.unsent.drain(..).map(|remote| Received::Unreachable { remote }));
            return;
        }
        let sockets = self.udp.clone();
        tokio::select! {
            index = any_readable(&sockets) => self.read_udp(index, batch),
            Some(news) = self.from_streams.recv() => {
                self.stream_news(news, batch);
                while batch.len() < BURST && let Ok(news) = self.from_streams.try_recv() {
                    self.stream_news(news, batch);
                }
            }
        }
    }

    fn read_udp(&mut self, index: usize, batch: &mut Vec<Received>) {
        let (socket, local) = (&self.udp[index], self.bound.udp[index]);
        for remote in undelivered::read(socket, BURST) {
            batch.push(Received::Unreachable { remote });
        }
        for _ in 0..BURST {
            match socket.try_recv_from(&mut self.buffer) {
                Ok((length, remote)) => {
                    let source = Source { transport: Transport::Udp, local, remote, connection: None };
                    batch.push(Received::Bytes { source, bytes: self.buffer[..length].to_vec() });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram: told in full by the error queue.
                Err(_) => {}
            }
        }
    }

    fn stream_news(&mut self, news: StreamNews, batch: &mut Vec<Received>) {
        match news {
            StreamNews::Opened { connection, transport, remote, queue } => {
                let key = Key { transport, remote, peer: None };
                self.connections.insert(connection, Connection { key, queue });
                self.by_key.insert(key, connection);
            }
            StreamNews::Received(received) => {
                if let Received::ConnectionLost { connection } = received {
                    self.forget(connection);
                }
                batch.push(received);
            }
        }
    }

    fn forget(&mut self, connection: u64) {
        if let Some(gone) = self.connections.remove(&connection)
            && self.by_key.get(&gone.key) == Some(&connection)
        {
            self.by_key.remove(&gone.key);
        }
    }

    /// Sends one message. A datagram that the kernel has no room for is lost, as datagrams may be; SIP repeats it. A request that cannot be
    /// sent at all comes back as [`Received::Unreachable`].
    pub fn send(&mut self, target: Target, bytes: &[u8]) {
        let is_sent = match target.transport {
            Transport::Udp => self.udp_socket(target).is_some_and(|socket| send_datagram(socket, bytes, target.remote)),
            // Never in the clear to somebody who asked for encryption (RFC 3261 §26.2.2).
            _ => self.send_on_stream(target, bytes.to_vec()),
        };
        if !is_sent && !bytes.starts_with(b"SIP/") {
            self.unsent.push(target.remote);
        }
    }

    fn udp_socket(&self, target: Target) -> Option<&UdpSocket> {
        let by_local = target.local.and_then(|local| self.bound.udp.iter().position(|own| *own == local));
        let same_family = || self.bound.udp.iter().position(|own| own.is_ipv4() == target.remote.is_ipv4());
        by_local.or_else(same_family).and_then(|index| self.udp.get(index)).map(AsRef::as_ref)
    }

    fn send_on_stream(&mut self, target: Target, bytes: Vec<u8>) -> bool {
        let Target { transport, remote, peer, .. } = target;
        let key = Key { transport, remote, peer };
        let open = target.connection.filter(|connection| self.connections.contains_key(connection));
        let connection = open.or_else(|| self.by_key.get(&key).copied());
        if let Some(connection) = connection
            && let Some(found) = self.connections.get(&connection)
        {
            // A peer that does not read while hundreds of messages wait is as good as gone.
            if found.queue.try_send(bytes).is_err() {
                self.forget(connection);
            }
            return true;
        }
        let Some(way) = self.way(target) else { return false };
        let (queue, messages) = mpsc::channel(CONNECTION_QUEUE);
        // Cannot be full: it is new.
        let _ = queue.try_send(bytes);
        let connection = self.streams.next.fetch_add(1, Ordering::Relaxed);
        self.connections.insert(connection, Connection { key, queue });
        self.by_key.insert(key, connection);
        let connecting = connect(remote, connection, way, messages, self.streams.clone());
        match &self.handshakes {
            Some(thread) if transport == Transport::Tls => drop(thread.handle.spawn(connecting)),
            _ => drop(tokio::spawn(connecting)),
        }
        true
    }

    /// `None`: nothing of ours gets there. A browser connects to us, and never the other way.
    fn way(&self, target: Target) -> Option<Way> {
        match target.transport {
            Transport::Tcp => Some(Way::Tcp),
            Transport::Tls => {
                let tls = self.tls.clone()?;
                let name = match target.peer {
                    Some(PeerName(number)) => self.peers.get(usize::try_from(number).ok()?)?.clone(),
                    None => ServerName::from(IpAddr::to_canonical(&target.remote.ip())),
                };
                Some(Way::Tls { tls, name })
            }
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        }
    }
}

async fn listen(transport: Transport, address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let at = |source| BindError::Address { transport, address, source };
    let listener = TcpListener::bind(address).await.map_err(at)?;
    let bound = listener.local_addr().map_err(at)?;
    Ok((listener, bound))
}

/// Listens on the thread of streams: a socket belongs to the runtime that it was made in.
async fn listen_on(
    thread: Option<&StreamThread>,
    transport: Transport,
    address: SocketAddr,
    door: Door,
    streams: &Streams,
) -> Result<SocketAddr, BindError> {
    let (told, bound) = oneshot::channel();
    let streams = streams.clone();
    let listening = async move {
        match listen(transport, address).await {
            Ok((listener, bound)) => {
                // The start may have been given up.
                let _ = told.send(Ok(bound));
                accept(listener, door, streams).await;
            }
            Err(error) => drop(told.send(Err(error))),
        }
    };
    let gone = || BindError::Thread(io::Error::from(io::ErrorKind::NotConnected));
    drop(thread.ok_or_else(gone)?.handle.spawn(listening));
    bound.await.unwrap_or_else(|_| Err(gone()))
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    // A smaller buffer than asked for is what the system allows; the figure is a wish.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    // Without it a phone whose port is closed rings until its time is over instead of failing at once.
    if let Err(error) = undelivered::watch(&socket, address.is_ipv4()) {
        tracing::warn!(%address, %error, "the system does not tell of datagrams that arrive nowhere");
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// False where the datagram cannot be sent. With its error queue open, a socket first gives the error of an earlier datagram, to anybody
/// (udp(7)); so one error is no news of this one.
///
/// Straight to the kernel: the runtime's own idea of whether there is room is false until it has looked for the first time.
fn send_datagram(socket: &UdpSocket, bytes: &[u8], remote: SocketAddr) -> bool {
    for _ in 0..3 {
        match rustix::net::sendto(socket, bytes, SendFlags::DONTWAIT, &remote) {
            Err(error) if error != Errno::AGAIN && error != Errno::NOBUFS => {}
            _ => return true,
        }
    }
    false
}

async fn any_readable(sockets: &[Arc<UdpSocket>]) -> usize {
    match sockets {
        [] => std::future::pending().await,
        [one] => {
            wait_readable(one).await;
            0
        }
        many => {
            let waits = many.iter().enumerate().map(|(index, socket)| {
                Box::pin(async move {
                    wait_readable(socket).await;
                    index
                })
            });
            first_of(waits.collect()).await
        }
    }
}

async fn wait_readable(socket: &UdpSocket) {
    if socket.ready(Interest::READABLE | Interest::ERROR).await.is_err() {
        // The reactor is going down with the process.
        std::future::pending::<()>().await;
    }
}

/// The first of some futures to be ready.
async fn first_of<F: Future<Output = usize> + Unpin>(mut futures: Vec<F>) -> usize {
    std::future::poll_fn(move |context| {
        let ready = futures.iter_mut().map(std::pin::Pin::new).find_map(|future| match future.poll(context) {
            std::task::Poll::Ready(index) => Some(index),
            std::task::Poll::Pending => None,
        });
        ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}
