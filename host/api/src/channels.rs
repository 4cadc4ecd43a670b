//! Channels to customers: how they fare, and the address at which their platforms reach us.
//!
//! A platform has no token of ours. What it sends is anybody's until the channel's component has verified it, so it gets little room: one body of bounded
//! size, a few at a time for each channel, and an answer that says nothing of why.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{RawPathParams, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use plugboard_model::{
    TenantId,
    channel::{Channel, WebhookReply},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    CircuitState, HostError,
    request::{Tenant, read},
    route::Route,
    server::Shared,
};

/// One channel as clients see it. Counts begin with the process, or with the last change of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelView {
    pub name: String,
    /// The component's name.
    pub plugin: String,
    /// `chat`, `message`, `e-mail`, `social`; as the component says.
    pub kind: String,
    /// Whether flows write to callers by it.
    pub callers: bool,
    /// Where the platform sends its webhooks, behind this host's address.
    pub webhook: String,
    pub state: CircuitState,
    /// Why it cannot be asked.
    #[schema(required = true)]
    pub problem: Option<String>,
    /// Nothing is sent by it before then, because it failed too often (RFC 3339).
    #[schema(required = true)]
    pub let_be_until: Option<String>,
    /// Longest text that the platform takes at once, in bytes; longer ones are cut in several.
    pub text_max: u32,
    /// Milliseconds after the customer's last message in which plain text may be sent; `null`: always.
    #[schema(required = true)]
    pub session_ms: Option<u64>,
    /// Attempts to send by outcome: `ok`, `no-recipient`, `unreachable`, …
    pub sent: BTreeMap<String, u64>,
    /// What came in: `received`, `repeated`, `reported`, `unknown-report`, `forged`, `answered`, `refused`, `failed`.
    pub came: BTreeMap<String, u64>,
    /// Attempts of the last minute.
    pub asked_last_minute: u64,
    /// Those of them that failed.
    pub failed_last_minute: u64,
    /// Half of the attempts took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer.
    pub p99_ms: u64,
}

/// Why a webhook is not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WebhookRefused {
    #[error("there is no such channel")]
    NoSuchChannel,
    #[error("the request is not the platform's")]
    Forged,
    /// More come than the channel's configuration lets in.
    #[error("too many requests")]
    TooMany,
    /// The channel is not ready, its component failed, or it is busy: the platform tries again.
    #[error("the channel cannot take it now")]
    NotNow,
    #[error(transparent)]
    Host(#[from] HostError),
}

pub(crate) fn routes() -> Vec<Route> {
    let all = "/v1/tenants/{tenant}/channels";
    let route = Route::new(Method::GET, all, "listChannels", "The tenant's channels and how they fare", list)
        .answers::<Channels>(StatusCode::OK, "All of them");
    vec![route.tag("messages")]
}

#[derive(Serialize, ToSchema)]
struct Channels {
    items: Vec<ChannelView>,
}

async fn list(State(shared): State<Arc<Shared>>, tenant: Tenant) -> Json<Channels> {
    Json(Channels { items: shared.host.channels(&tenant.id) })
}

/// Where platforms send what they have to tell, each method of HTTP.
pub(crate) const WEBHOOKS: [&str; 2] = ["/channels/{tenant}/{channel}", "/channels/{tenant}/{channel}/{*rest}"];

pub(crate) fn webhooks() -> MethodRouter<Arc<Shared>> {
    any(webhook)
}

/// What came, before anybody has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    pub method: String,
    /// Behind the channel's own address, with the query; begins with `/`, or with `?`, or is empty.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

async fn webhook(State(shared): State<Arc<Shared>>, names: RawPathParams, request: Request) -> Response {
    let named = |wanted: &str| names.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    let (Some(tenant), Some(channel)) = (named("tenant"), named("channel")) else {
        return refuse(&WebhookRefused::NoSuchChannel);
    };
    let Ok(tenant) = tenant.parse::<TenantId>() else { return refuse(&WebhookRefused::NoSuchChannel) };
    // Nothing is read for a channel that is not there.
    let configuration = shared.host.configuration(&tenant);
    if !configuration.is_some_and(|configuration| configuration.channels.contains_key(channel.as_str())) {
        return refuse(&WebhookRefused::NoSuchChannel);
    }
    let (parts, body) = request.into_parts();
    if parts.headers.len() > Channel::MOST_HEADERS {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let path = parts.uri.path_and_query().map(|whole| whole.as_str()).unwrap_or_default();
    // `/channels/TENANT/CHANNEL` are the first three segments, however they are escaped.
    let behind =
        path.match_indices(['/', '?']).find(|(at, sign)| *sign == "?" || path[..*at].matches('/').count() == 3);
    let path = behind.map_or("", |(at, _)| &path[at..]).to_owned();
    let body = match read(body, Channel::MOST_BODY, &shared).await {
        Ok(body) => body.to_vec(),
        Err(problem) => return problem.into_response(),
    };
    let came = Came { method: parts.method.as_str().to_owned(), path, headers, body };
    match shared.host.webhook(&tenant, &channel, came).await {
        Ok(reply) => answer(reply),
        Err(refused) => refuse(&refused),
    }
}

fn answer(reply: WebhookReply) -> Response {
    let WebhookReply { status, kind, body } = reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(STRANGE))];
    (status, headers, body).into_response()
}

/// What a component answers comes from our own address: a browser shall take it for nobody's, and run and load nothing of it.
const STRANGE: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A platform learns no more than whether to try again.
fn refuse(refused: &WebhookRefused) -> Response {
    let (status, after) = match refused {
        WebhookRefused::NoSuchChannel | WebhookRefused::Host(HostError::NoSuchTenant(_)) => {
            (StatusCode::NOT_FOUND, None)
        }
        WebhookRefused::Forged => (StatusCode::FORBIDDEN, None),
        WebhookRefused::TooMany => (StatusCode::TOO_MANY_REQUESTS, Some(AGAIN)),
        WebhookRefused::NotNow | WebhookRefused::Host(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(AGAIN)),
    };
    let mut response = status.into_response();
    if let Some(after) = after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
    }
    response
}

/// When a platform should try again.
const AGAIN: Duration = Duration::from_secs(2);
