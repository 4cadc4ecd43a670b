//! The status page: a few files in the binary, nothing from elsewhere.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};

use crate::server::Shared;

/// Scripts, styles, sound and connections from this host only; no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router() -> Router<Arc<Shared>> {
    [
        ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
        ("/page/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
        ("/page/words.js", "text/javascript; charset=utf-8", include_str!("page/words.js")),
        ("/page/ladder.js", "text/javascript; charset=utf-8", include_str!("page/ladder.js")),
        ("/page/app.js", "text/javascript; charset=utf-8", include_str!("page/app.js")),
    ]
    .into_iter()
    .fold(Router::new(), |router, (path, kind, text)| router.route(path, get(async move || file(kind, text))))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    const HEADERS: [(HeaderName, &str); 2] =
        [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    ([(header::CONTENT_TYPE, kind)], HEADERS, text)
}
