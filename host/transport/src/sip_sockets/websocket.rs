//! SIP by WebSocket (RFC 7118): one message in each, which browsers speak and nothing else.

use std::{io, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use plugboard_sip::Source;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use super::{
    Received,
    door::{StreamNews, Streams},
};

/// The sub-protocol (RFC 7118 §4.1).
const SIP: &str = "sip";
/// Bytes of a message: a datagram could not be longer.
const LONGEST: usize = 65_535;
/// Bytes that may wait for a slow browser beside the queue of messages.
const WAITING: usize = 256 * 1_024;

/// Answers the handshake; refuses who does not want to speak SIP.
#[expect(clippy::result_large_err, reason = "the library's type of a refusal")]
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<WebSocketStream<S>> {
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        if offered.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case(SIP)) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SIP));
            return Ok(response);
        }
        let mut refusal =
            ErrorResponse::new(Some("this is SIP by WebSocket: ask for the sub-protocol sip\n".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .max_write_buffer_size(WAITING);
    accept_hdr_async_with_config(stream, choose, Some(config)).await.map_err(io::Error::other)
}

/// Runs one connection until either side is done with it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    source: Source,
    mut messages: mpsc::Receiver<Vec<u8>>,
    streams: &Streams,
) {
    let limits = streams.limits;
    let mut due = Instant::now() + limits.message;
    loop {
        tokio::select! {
            read = timeout_at(due, socket.next()) => {
                let Ok(Some(Ok(message))) = read else { break };
                due = Instant::now() + limits.idle;
                let bytes = match message {
                    Message::Text(text) => text.as_bytes().to_vec(),
                    Message::Binary(bytes) => bytes.to_vec(),
                    Message::Close(_) => break,
                    // The library answers a ping by itself.
                    _ => continue,
                };
                // A keep-alive (RFC 5626 §3.5.1, RFC 7118 §6).
                if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    if !write(&mut socket, b"\r\n".to_vec(), limits.write).await {
                        break;
                    }
                    continue;
                }
                if streams.news.send(StreamNews::Received(Received::Bytes { source, bytes })).await.is_err() {
                    break;
                }
            },
            message = messages.recv() => match message {
                Some(bytes) => if !write(&mut socket, bytes, limits.write).await {
                    break;
                },
                None => break,
            },
        }
    }
    while let Ok(bytes) = messages.try_recv() {
        if !write(&mut socket, bytes, limits.write).await {
            break;
        }
    }
    let _ = timeout(limits.write, socket.close(None)).await;
    streams.lost(source).await;
}

/// False: the peer does not read, or is gone.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    bytes: Vec<u8>,
    patience: Duration,
) -> bool {
    // Text is what browsers' libraries read; a body that is none goes as it is (RFC 7118 §5).
    let message = String::from_utf8(bytes).map_or_else(|error| Message::binary(error.into_bytes()), Message::text);
    matches!(timeout(patience, socket.send(message)).await, Ok(Ok(())))
}
