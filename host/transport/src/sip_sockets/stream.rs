//! TCP connections: one task each, which cuts what it reads into messages and writes what waits for it.
//!
//! Everything about a stream has an end: a message that never becomes whole, a peer that does not read, a connection that says nothing.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use plugboard_sip::{
    Source, Transport,
    message::{StreamDecoder, StreamItem},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use super::{Received, StreamLimits};

/// Messages that wait for one slow connection; one more closes it.
pub(super) const CONNECTION_QUEUE: usize = 256;
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) remote: SocketAddr,
    pub(super) queue: mpsc::Sender<Vec<u8>>,
}

/// What a new stream needs.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) next: Arc<AtomicU64>,
    pub(super) open: Arc<AtomicU64>,
    pub(super) limits: StreamLimits,
    pub(super) news: mpsc::Sender<StreamNews>,
}

#[derive(Debug)]
pub(super) enum StreamNews {
    Opened { connection: u64, remote: SocketAddr, queue: mpsc::Sender<Vec<u8>> },
    Received(Received),
}

pub(super) async fn accept(listener: TcpListener, streams: Streams) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) if streams.open.load(Ordering::Relaxed) < streams.limits.streams => {
                // Counted here, so that a burst of them does not slip through.
                streams.open.fetch_add(1, Ordering::Relaxed);
                let connection = streams.next.fetch_add(1, Ordering::Relaxed);
                let (queue, messages) = mpsc::channel(CONNECTION_QUEUE);
                let opened = StreamNews::Opened { connection, remote, queue };
                if streams.news.send(opened).await.is_err() {
                    return;
                }
                tokio::spawn(serve(stream, connection, remote, streams.limits.message, messages, streams.clone()));
            }
            Ok(_) => {}
            // Out of file handles, most likely: wait for some to come free.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

pub(super) async fn connect(remote: SocketAddr, connection: u64, messages: mpsc::Receiver<Vec<u8>>, streams: Streams) {
    match timeout(streams.limits.connect, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => {
            streams.open.fetch_add(1, Ordering::Relaxed);
            serve(stream, connection, remote, streams.limits.idle, messages, streams.clone()).await;
        }
        _ => {
            let _ = streams.news.send(StreamNews::Received(Received::ConnectionLost { connection })).await;
        }
    }
    // We opened it, so the endpoint knows it by its address only: whatever it waits for on it will not come. If the exchange is gone,
    // nobody is interested.
    let _ = streams.news.send(StreamNews::Received(Received::Unreachable { remote })).await;
}

/// Runs one connection until either side is done with it.
async fn serve(
    stream: TcpStream,
    connection: u64,
    remote: SocketAddr,
    first: Duration,
    mut messages: mpsc::Receiver<Vec<u8>>,
    streams: Streams,
) {
    // Signalling is small and urgent.
    let _ = stream.set_nodelay(true);
    if let Ok(local) = stream.local_addr() {
        let source = Source { transport: Transport::Tcp, local, remote, connection: Some(connection) };
        let (mut reader, mut writer) = stream.into_split();
        let mut decoder = StreamDecoder::new();
        let mut buffer = vec![0; 16 * 1_024];
        let mut due = Instant::now() + first;
        loop {
            tokio::select! {
                read = timeout_at(due, reader.read(&mut buffer)) => match read {
                    Ok(Ok(length)) if length > 0 => {
                        let had_begun = is_mid_message(&decoder);
                        decoder.handle_bytes(&buffer[..length]);
                        let Some(whole) = decode(&mut decoder, source, &mut writer, &streams).await else { break };
                        // Bytes of a message that has begun put nothing off.
                        match is_mid_message(&decoder) {
                            false => due = Instant::now() + streams.limits.idle,
                            true if whole > 0 || !had_begun => due = Instant::now() + streams.limits.message,
                            true => {}
                        }
                    }
                    _ => break,
                },
                message = messages.recv() => match message {
                    Some(bytes) if write(&mut writer, &bytes, streams.limits.write).await => {}
                    _ => break,
                },
            }
        }
        // What is queued is the answer to what was read last, most often the reason for the end.
        while let Ok(bytes) = messages.try_recv() {
            if !write(&mut writer, &bytes, streams.limits.write).await {
                break;
            }
        }
        let _ = timeout(streams.limits.write, writer.shutdown()).await;
    }
    streams.open.fetch_sub(1, Ordering::Relaxed);
    let _ = streams.news.send(StreamNews::Received(Received::ConnectionLost { connection })).await;
}

/// Something other than line ends waits for its rest.
fn is_mid_message(decoder: &StreamDecoder) -> bool {
    decoder.rest().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// False: the peer does not read, or is gone.
async fn write(writer: &mut OwnedWriteHalf, bytes: &[u8], patience: Duration) -> bool {
    matches!(timeout(patience, writer.write_all(bytes)).await, Ok(Ok(())))
}

/// Hands on whole messages, and gives their number. `None`: the stream cannot be read any further.
async fn decode(
    decoder: &mut StreamDecoder,
    source: Source,
    writer: &mut OwnedWriteHalf,
    Streams { news, limits, .. }: &Streams,
) -> Option<usize> {
    let mut whole = 0;
    while let Some(item) = decoder.poll_item() {
        whole += 1;
        let bytes = match item {
            Ok(StreamItem::Message(message)) => message.bytes().to_vec(),
            Ok(StreamItem::Ping) => {
                if !write(writer, b"\r\n", limits.write).await {
                    return None;
                }
                continue;
            }
            Err(_) => {
                // What is there may be enough for the endpoint to say what is wrong with it.
                let bytes = decoder.rest().to_vec();
                let _ = news.send(StreamNews::Received(Received::Bytes { source, bytes })).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                return None;
            }
        };
        if news.send(StreamNews::Received(Received::Bytes { source, bytes })).await.is_err() {
            return None;
        }
    }
    Some(whole)
}
