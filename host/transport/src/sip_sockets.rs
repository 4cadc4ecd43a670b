//! SIP over UDP and TCP sockets: bytes in with where they came from, bytes out to where they belong.
//!
//! UDP is read in bursts, so that one wake-up serves all that has come; what the network could not deliver comes back too. A TCP connection
//! is one task; the numbers that we give connections go into [`Source`] and [`Target`], so that a response goes back on the stream that its
//! request came on (RFC 3261 §18.2.2).

mod stream;
mod undelivered;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use plugboard_sip::{Source, Target, Transport};
use rustix::{io::Errno, net::SendFlags};
use tokio::{
    io::Interest,
    net::{TcpListener, UdpSocket},
    sync::mpsc,
};

use stream::{CONNECTION_QUEUE, Connection, StreamNews, Streams, accept, connect};

/// What came in.
#[derive(Debug)]
pub enum Received {
    Bytes {
        source: Source,
        bytes: Vec<u8>,
    },
    ConnectionLost {
        connection: u64,
    },
    /// Nobody listens there, or nobody answers.
    Unreachable {
        remote: SocketAddr,
    },
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
    udp_addresses: Vec<SocketAddr>,
    tcp_addresses: Vec<SocketAddr>,
    connections: HashMap<u64, Connection>,
    by_address: HashMap<SocketAddr, u64>,
    streams: Streams,
    from_streams: mpsc::Receiver<StreamNews>,
    /// Where a request could not be sent to; told at the next [`Self::receive`].
    unsent: Vec<SocketAddr>,
    buffer: Box<[u8]>,
}

impl SipSockets {
    /// Binds every address. Port 0 takes a free one: see [`Self::udp_addresses`].
    pub async fn bind(udp: &[SocketAddr], tcp: &[SocketAddr]) -> io::Result<Self> {
        Self::bind_with(udp, tcp, StreamLimits::default()).await
    }

    pub async fn bind_with(udp: &[SocketAddr], tcp: &[SocketAddr], limits: StreamLimits) -> io::Result<Self> {
        let (news, from_streams) = mpsc::channel(STREAM_QUEUE);
        let streams = Streams { next: Arc::new(AtomicU64::new(1)), open: Arc::default(), limits, news };
        let mut sockets = Vec::new();
        for address in udp {
            sockets.push(Arc::new(bind_udp(*address)?));
        }
        let udp_addresses = sockets.iter().map(|socket| socket.local_addr()).collect::<io::Result<Vec<_>>>()?;
        let mut tcp_addresses = Vec::new();
        for address in tcp {
            let listener = TcpListener::bind(address).await?;
            tcp_addresses.push(listener.local_addr()?);
            tokio::spawn(accept(listener, streams.clone()));
        }
        Ok(Self {
            udp: sockets,
            udp_addresses,
            tcp_addresses,
            connections: HashMap::new(),
            by_address: HashMap::new(),
            streams,
            from_streams,
            unsent: Vec::new(),
            buffer: vec![0; LONGEST_DATAGRAM].into_boxed_slice(),
        })
    }

    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.udp_addresses
    }

    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.tcp_addresses
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
        let (socket, local) = (&self.udp[index], self.udp_addresses[index]);
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
            StreamNews::Opened { connection, remote, queue } => {
                self.connections.insert(connection, Connection { remote, queue });
                self.by_address.insert(remote, connection);
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
            && self.by_address.get(&gone.remote) == Some(&connection)
        {
            self.by_address.remove(&gone.remote);
        }
    }

    /// Sends one message. A datagram that the kernel has no room for is lost, as datagrams may be; SIP repeats it. A request that cannot be
    /// sent at all comes back as [`Received::Unreachable`].
    pub fn send(&mut self, target: Target, bytes: &[u8]) {
        let is_sent = match target.transport {
            Transport::Udp => self.udp_socket(target).is_some_and(|socket| send_datagram(socket, bytes, target.remote)),
            Transport::Tcp => {
                self.send_on_stream(target, bytes.to_vec());
                true
            }
            // Never in the clear to somebody who asked for encryption (RFC 3261 §26.2.2).
            Transport::Tls | Transport::Ws | Transport::Wss => false,
        };
        if !is_sent && !bytes.starts_with(b"SIP/") {
            self.unsent.push(target.remote);
        }
    }

    fn udp_socket(&self, target: Target) -> Option<&UdpSocket> {
        let by_local = target.local.and_then(|local| self.udp_addresses.iter().position(|own| *own == local));
        let same_family = || self.udp_addresses.iter().position(|own| own.is_ipv4() == target.remote.is_ipv4());
        by_local.or_else(same_family).and_then(|index| self.udp.get(index)).map(AsRef::as_ref)
    }

    fn send_on_stream(&mut self, target: Target, bytes: Vec<u8>) {
        let open = target.connection.filter(|connection| self.connections.contains_key(connection));
        let connection = open.or_else(|| self.by_address.get(&target.remote).copied());
        if let Some(connection) = connection
            && let Some(found) = self.connections.get(&connection)
        {
            // A peer that does not read while hundreds of messages wait is as good as gone.
            if found.queue.try_send(bytes).is_err() {
                self.forget(connection);
            }
            return;
        }
        let (queue, messages) = mpsc::channel(CONNECTION_QUEUE);
        // Cannot be full: it is new.
        let _ = queue.try_send(bytes);
        let connection = self.streams.next.fetch_add(1, Ordering::Relaxed);
        self.connections.insert(connection, Connection { remote: target.remote, queue });
        self.by_address.insert(target.remote, connection);
        tokio::spawn(connect(target.remote, connection, messages, self.streams.clone()));
    }
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
