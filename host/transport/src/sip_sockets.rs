//! SIP over UDP and TCP sockets: bytes in with where they came from, bytes out to where they belong.
//!
//! UDP is read in bursts, so that one wake-up serves all that has come. A TCP connection is one task; the numbers that we give connections go into
//! [`Source`] and [`Target`], so that a response goes back on the stream that its request came on (RFC 3261 §18.2.2).

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

use plugboard_sip::{
    Source, Target, Transport,
    message::{StreamDecoder, StreamItem},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
    sync::mpsc,
};

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
/// Messages that wait for one slow connection; one more closes it.
const CONNECTION_QUEUE: usize = 256;
/// What all streams together may have read ahead of the exchange.
const STREAM_QUEUE: usize = 4_096;
/// Open streams; one more is closed at once.
const MOST_CONNECTIONS: u64 = 10_000;
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// A stream without a message or a ping (RFC 5626 §4.4.1 asks for one each two minutes) is given up after this long.
const IDLE_LIMIT: Duration = Duration::from_secs(3_600);
/// Kernel buffer of a listener: a burst of some thousand messages must not be lost while the exchange is at something else.
const SOCKET_BUFFER: usize = 8 << 20;

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
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct Connection {
    remote: SocketAddr,
    queue: mpsc::Sender<Vec<u8>>,
}

/// What a new stream needs.
#[derive(Clone, Debug)]
struct Streams {
    next: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
    news: mpsc::Sender<StreamNews>,
}

#[derive(Debug)]
enum StreamNews {
    Opened { connection: u64, remote: SocketAddr, queue: mpsc::Sender<Vec<u8>> },
    Received(Received),
}

impl SipSockets {
    /// Binds every address. Port 0 takes a free one: see [`Self::udp_addresses`].
    pub async fn bind(udp: &[SocketAddr], tcp: &[SocketAddr]) -> io::Result<Self> {
        let (news, from_streams) = mpsc::channel(STREAM_QUEUE);
        let streams = Streams { next: Arc::new(AtomicU64::new(1)), open: Arc::default(), news };
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
        for _ in 0..BURST {
            match socket.try_recv_from(&mut self.buffer) {
                Ok((length, remote)) => {
                    let source = Source { transport: Transport::Udp, local, remote, connection: None };
                    batch.push(Received::Bytes { source, bytes: self.buffer[..length].to_vec() });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram: it does not say which one, so transactions time out by themselves.
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

    /// Sends one message. A datagram that the kernel has no room for is lost, as datagrams may be; SIP repeats it.
    pub fn send(&mut self, target: Target, bytes: &[u8]) {
        match target.transport {
            Transport::Udp => {
                if let Some(socket) = self.udp_socket(target) {
                    let _ = socket.try_send_to(bytes, target.remote);
                }
            }
            _ => self.send_on_stream(target, bytes.to_vec()),
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
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
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
    if socket.readable().await.is_err() {
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

async fn accept(listener: TcpListener, streams: Streams) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) if streams.open.load(Ordering::Relaxed) < MOST_CONNECTIONS => {
                let connection = streams.next.fetch_add(1, Ordering::Relaxed);
                let (queue, messages) = mpsc::channel(CONNECTION_QUEUE);
                let opened = StreamNews::Opened { connection, remote, queue };
                if streams.news.send(opened).await.is_err() {
                    return;
                }
                tokio::spawn(serve(stream, connection, remote, messages, streams.clone()));
            }
            Ok(_) => {}
            // Out of file handles, most likely: wait for some to come free.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connect(remote: SocketAddr, connection: u64, messages: mpsc::Receiver<Vec<u8>>, streams: Streams) {
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => serve(stream, connection, remote, messages, streams).await,
        _ => {
            for received in [Received::ConnectionLost { connection }, Received::Unreachable { remote }] {
                // The exchange is gone, so nobody is interested.
                let _ = streams.news.send(StreamNews::Received(received)).await;
            }
        }
    }
}

/// Runs one connection until either side is done with it.
async fn serve(
    stream: TcpStream,
    connection: u64,
    remote: SocketAddr,
    mut messages: mpsc::Receiver<Vec<u8>>,
    streams: Streams,
) {
    streams.open.fetch_add(1, Ordering::Relaxed);
    // Signalling is small and urgent.
    let _ = stream.set_nodelay(true);
    if let Ok(local) = stream.local_addr() {
        let source = Source { transport: Transport::Tcp, local, remote, connection: Some(connection) };
        let (mut reader, mut writer) = stream.into_split();
        let mut decoder = StreamDecoder::new();
        let mut buffer = vec![0; 16 * 1_024];
        loop {
            tokio::select! {
                read = tokio::time::timeout(IDLE_LIMIT, reader.read(&mut buffer)) => match read {
                    Ok(Ok(length)) if length > 0 => {
                        decoder.handle_bytes(&buffer[..length]);
                        if !decode(&mut decoder, source, &mut writer, &streams.news).await {
                            break;
                        }
                    }
                    _ => break,
                },
                message = messages.recv() => match message {
                    Some(bytes) if writer.write_all(&bytes).await.is_ok() => {}
                    _ => break,
                },
            }
        }
        // What is queued is the answer to what was read last, most often the reason for the end.
        while let Ok(bytes) = messages.try_recv() {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = writer.shutdown().await;
    }
    streams.open.fetch_sub(1, Ordering::Relaxed);
    let _ = streams.news.send(StreamNews::Received(Received::ConnectionLost { connection })).await;
}

/// Hands on whole messages. False: the stream cannot be read any further.
async fn decode(
    decoder: &mut StreamDecoder,
    source: Source,
    writer: &mut OwnedWriteHalf,
    news: &mpsc::Sender<StreamNews>,
) -> bool {
    while let Some(item) = decoder.poll_item() {
        let bytes = match item {
            Ok(StreamItem::Message(message)) => message.bytes().to_vec(),
            Ok(StreamItem::Ping) => {
                if writer.write_all(b"\r\n").await.is_err() {
                    return false;
                }
                continue;
            }
            Err(_) => {
                // What is there may be enough for the endpoint to say what is wrong with it.
                let bytes = decoder.rest().to_vec();
                let _ = news.send(StreamNews::Received(Received::Bytes { source, bytes })).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                return false;
            }
        };
        if news.send(StreamNews::Received(Received::Bytes { source, bytes })).await.is_err() {
            return false;
        }
    }
    true
}
