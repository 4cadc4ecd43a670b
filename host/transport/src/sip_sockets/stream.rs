//! SIP on a stream of bytes: cuts what it reads into messages and writes what waits for it.
//!
//! Everything about a stream has an end: a message that never becomes whole, a peer that does not read, a connection that says nothing.

use std::time::Duration;

use plugboard_sip::{
    Source,
    message::{StreamDecoder, StreamItem},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Received,
    door::{StreamNews, Streams},
};

/// Runs one connection until either side is done with it. `first`: how long its first message may take.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite,
    source: Source,
    first: Duration,
    mut messages: mpsc::Receiver<Vec<u8>>,
    streams: &Streams,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut decoder = StreamDecoder::new();
    let mut buffer = vec![0; 16 * 1_024];
    let mut due = Instant::now() + first;
    loop {
        tokio::select! {
            read = timeout_at(due, reader.read(&mut buffer)) => match read {
                Ok(Ok(length)) if length > 0 => {
                    let had_begun = is_mid_message(&decoder);
                    decoder.handle_bytes(&buffer[..length]);
                    let Some(whole) = decode(&mut decoder, source, &mut writer, streams).await else { break };
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
    streams.lost(source).await;
}

impl Streams {
    /// Tells that a stream is over.
    pub(super) async fn lost(&self, source: Source) {
        if let Some(connection) = source.connection {
            let _ = self.news.send(StreamNews::Received(Received::ConnectionLost { connection })).await;
        }
    }
}

/// Something other than line ends waits for its rest.
fn is_mid_message(decoder: &StreamDecoder) -> bool {
    decoder.rest().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

/// False: the peer does not read, or is gone.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8], patience: Duration) -> bool {
    let writing = async {
        writer.write_all(bytes).await?;
        // Encryption holds back what is not flushed.
        writer.flush().await
    };
    matches!(timeout(patience, writing).await, Ok(Ok(())))
}

/// Hands on whole messages, and gives their number. `None`: the stream cannot be read any further.
async fn decode(
    decoder: &mut StreamDecoder,
    source: Source,
    writer: &mut (impl AsyncWrite + Unpin),
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
