//! How streams come to be: accepted or opened, encrypted, upgraded to a WebSocket; each by a deadline, and each failure counted.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use plugboard_sip::{Source, Transport};
use rustls::pki_types::ServerName;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Received, StreamLimits, stream, websocket};
use crate::tls::{Tls, domains};

/// Messages that wait for one slow connection; one more closes it.
pub(super) const CONNECTION_QUEUE: usize = 256;
/// Sources whose refusals are logged; beyond it they are only counted, until the table is begun anew.
const SOURCES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) key: super::Key,
    pub(super) queue: mpsc::Sender<Vec<u8>>,
}

/// What a new stream needs.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) next: Arc<AtomicU64>,
    pub(super) open: Arc<AtomicU64>,
    pub(super) limits: StreamLimits,
    pub(super) news: mpsc::Sender<StreamNews>,
    pub(super) refusals: Arc<Refusals>,
}

#[derive(Debug)]
pub(super) enum StreamNews {
    Opened { connection: u64, transport: Transport, remote: SocketAddr, queue: mpsc::Sender<Vec<u8>> },
    Received(Received),
}

/// Streams that did not come to be.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) full: AtomicU64,
    pub(super) handshakes: AtomicU64,
    told: Mutex<BTreeSet<IpAddr>>,
}

impl Refusals {
    /// Counted, and logged once for each source: a scanner shall not fill the log.
    fn handshake(&self, transport: Transport, remote: SocketAddr, why: &dyn std::fmt::Display) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= SOURCES {
            told.clear();
        }
        if told.insert(remote.ip().to_canonical()) {
            tracing::warn!(transport = transport.name(), %remote, %why, "no connection came to be; more from there are only counted");
        }
    }
}

/// A place among the open streams, until it is dropped.
struct Place(Arc<AtomicU64>);

impl Place {
    fn take(streams: &Streams) -> Self {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&streams.open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What waits behind a listener.
#[derive(Clone, Debug)]
pub(super) enum Door {
    Tcp,
    Tls(Arc<Tls>),
    Ws,
    Wss(Arc<Tls>),
}

impl Door {
    fn transport(&self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Ws => Transport::Ws,
            Self::Wss(_) => Transport::Wss,
        }
    }
}

pub(super) async fn accept(listener: TcpListener, door: Door, streams: Streams) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) if streams.open.load(Ordering::Relaxed) < streams.limits.streams => {
                // Counted here, so that a burst of them does not slip through.
                let place = Place::take(&streams);
                let (door, streams) = (door.clone(), streams.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let transport = door.transport();
                    if let Err(error) = enter(stream, remote, door, &streams).await {
                        streams.refusals.handshake(transport, remote, &error);
                    }
                });
            }
            Ok(_) => {
                streams.refusals.full.fetch_add(1, Ordering::Relaxed);
            }
            // Out of file handles, most likely: wait for some to come free.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        if streams.news.is_closed() {
            return;
        }
    }
}

/// Lets one stream in and serves it. An error: it did not come so far.
async fn enter(stream: TcpStream, remote: SocketAddr, door: Door, streams: &Streams) -> io::Result<()> {
    // Signalling is small and urgent.
    let _ = stream.set_nodelay(true);
    let connection = streams.next.fetch_add(1, Ordering::Relaxed);
    let source =
        Source { transport: door.transport(), local: stream.local_addr()?, remote, connection: Some(connection) };
    let patience = streams.limits.message;
    match door {
        Door::Tcp => {
            let messages = opened(source, connection, Vec::new(), streams).await?;
            stream::serve(stream, source, patience, messages, streams).await;
        }
        Door::Tls(tls) => {
            let stream = encrypted(stream, &tls, patience).await?;
            let names = stream.get_ref().1.peer_certificates().and_then(|all| all.first()).map(domains);
            let messages = opened(source, connection, names.unwrap_or_default(), streams).await?;
            stream::serve(stream, source, patience, messages, streams).await;
        }
        Door::Ws => {
            let socket = within(patience, websocket::upgrade(stream)).await?;
            let messages = opened(source, connection, Vec::new(), streams).await?;
            websocket::serve(socket, source, messages, streams).await;
        }
        Door::Wss(tls) => {
            let stream = encrypted(stream, &tls, patience).await?;
            let socket = within(patience, websocket::upgrade(stream)).await?;
            let messages = opened(source, connection, Vec::new(), streams).await?;
            websocket::serve(socket, source, messages, streams).await;
        }
    }
    Ok(())
}

async fn encrypted(
    stream: TcpStream,
    tls: &Tls,
    patience: Duration,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    within(patience, TlsAcceptor::from(tls.server()).accept(stream)).await
}

async fn within<T>(patience: Duration, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, doing).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

/// Tells that a stream is there; gives what is to be sent on it.
async fn opened(
    source: Source,
    connection: u64,
    names: Vec<String>,
    streams: &Streams,
) -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (queue, messages) = mpsc::channel(CONNECTION_QUEUE);
    let Source { transport, remote, .. } = source;
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    streams.news.send(StreamNews::Opened { connection, transport, remote, queue }).await.map_err(gone)?;
    if !names.is_empty() {
        let known = Received::Identified { connection, names };
        streams.news.send(StreamNews::Received(known)).await.map_err(gone)?;
    }
    Ok(messages)
}

/// How a stream of ours is opened.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Tcp,
    Tls { tls: Arc<Tls>, name: ServerName<'static> },
}

/// Opens a stream, and serves it.
pub(super) async fn connect(
    remote: SocketAddr,
    connection: u64,
    way: Way,
    messages: mpsc::Receiver<Vec<u8>>,
    streams: Streams,
) {
    let _place = Place::take(&streams);
    let transport = if let Way::Tcp = way { Transport::Tcp } else { Transport::Tls };
    if let Err(error) = leave(remote, connection, way, messages, &streams).await {
        if transport == Transport::Tls {
            streams.refusals.handshake(transport, remote, &error);
        }
        let _ = streams.news.send(StreamNews::Received(Received::ConnectionLost { connection })).await;
    }
    // We opened it, so the endpoint knows it by its address only: whatever it waits for on it will not come. If the exchange is gone,
    // nobody is interested.
    let _ = streams.news.send(StreamNews::Received(Received::Unreachable { remote })).await;
}

async fn leave(
    remote: SocketAddr,
    connection: u64,
    way: Way,
    messages: mpsc::Receiver<Vec<u8>>,
    streams: &Streams,
) -> io::Result<()> {
    let StreamLimits { connect, idle, .. } = streams.limits;
    let stream = within(connect, TcpStream::connect(remote)).await?;
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr()?;
    let source = |transport| Source { transport, local, remote, connection: Some(connection) };
    match way {
        Way::Tcp => stream::serve(stream, source(Transport::Tcp), idle, messages, streams).await,
        Way::Tls { tls, name } => {
            let stream = within(connect, TlsConnector::from(tls.client()).connect(name, stream)).await?;
            stream::serve(stream, source(Transport::Tls), idle, messages, streams).await;
        }
    }
    Ok(())
}
