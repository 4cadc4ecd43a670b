//! The router as a whole, and the loop that serves it.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use tokio::net::TcpListener;

use crate::{Access, Host};

/// What the API is made of.
#[derive(Clone)]
pub struct Api {
    pub host: Arc<dyn Host>,
    pub access: Access,
    pub limits: Limits,
}

/// Bounds of one server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest JSON body, in bytes.
    pub json_bytes: usize,
    /// Largest prompt file, in bytes.
    pub prompt_bytes: usize,
    /// A request with its body is answered within this long; live events are not bound by it.
    pub request: Duration,
    /// Open connections; one more waits until another ends.
    pub connections: usize,
    /// A reader of live events that takes none for this long is sent away.
    pub slow_reader: Duration,
    /// Gap between pings on a WebSocket.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 8 * 1024 * 1024,
            prompt_bytes: 32 * 1024 * 1024,
            request: Duration::from_secs(30),
            connections: 1_024,
            slow_reader: Duration::from_secs(10),
            ping: Duration::from_secs(20),
        }
    }
}

/// The API and the status page.
pub fn router(api: Api) -> Router {
    let _ = api;
    Router::new()
}

/// Serves `listener` until `shutdown` resolves; then open requests end, live events are closed with 1001, and it returns.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(api)).with_graceful_shutdown(shutdown).await
}
