//! What the host tells while it happens.

use std::{
    net::TcpStream,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use serde_json::Value;
use tungstenite::{Message, client::IntoClientRequest as _};

/// One follower of a tenant's events. Dropping it ends the connection with the next event.
#[derive(Debug)]
pub struct Events {
    coming: Receiver<Value>,
    seen: Vec<Value>,
}

impl Events {
    /// From event `after` on, of the host whose API is at `api`.
    pub fn follow(api: std::net::SocketAddr, token: &str, tenant: &str, after: u64) -> Self {
        let mut request =
            format!("ws://{api}/v1/tenants/{tenant}/events/live?after={after}").into_client_request().unwrap();
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        let stream = TcpStream::connect(api).unwrap();
        let (mut socket, _) = tungstenite::client(request, stream).unwrap();
        let (sender, coming) = channel();
        std::thread::spawn(move || {
            // Until the host or the test has gone.
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = message {
                    let event = serde_json::from_str(&text).unwrap();
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            }
        });
        Self { coming, seen: Vec::new() }
    }

    /// Waits until what was seen is as `wanted`, and gives all of it.
    pub fn until(&mut self, what: &str, within: Duration, wanted: impl Fn(&[Value]) -> bool) -> &[Value] {
        let deadline = Instant::now() + within;
        while !wanted(&self.seen) {
            match self.coming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => self.seen.push(event),
                Err(why) => {
                    let ended = if why == RecvTimeoutError::Disconnected { "; the host closed the stream" } else { "" };
                    panic!("{what} did not come within {} s{ended}; seen:\n{}", within.as_secs(), self.story());
                }
            }
        }
        &self.seen
    }

    /// Waits for `number` events of one type since the beginning.
    pub fn until_count(&mut self, kind: &str, number: usize, within: Duration) -> &[Value] {
        self.until(&format!("{number} × {kind}"), within, |all| count(all, kind) >= number)
    }

    /// Everything that came until the host closed the stream.
    pub fn rest(mut self) -> Vec<Value> {
        while let Ok(event) = self.coming.recv_timeout(Duration::from_secs(10)) {
            self.seen.push(event);
        }
        self.seen
    }

    /// The last of what was seen, for a person.
    fn story(&self) -> String {
        let kinds: Vec<String> = self.seen.iter().rev().take(40).rev().map(Value::to_string).collect();
        kinds.join("\n")
    }
}

pub fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}
