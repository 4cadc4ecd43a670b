//! The router as a whole, and the loop that serves it.

use std::{
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use plugboard_model::compliance::Role;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Access, Host, Problem,
    access::Caller,
    channels,
    live::Snapshots,
    openapi, page,
    problem::in_the_clients_language,
    route::words,
    table::table,
    throttle::{Peer, Throttle},
};

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
    /// Largest file of a pack, in bytes.
    pub pack_bytes: usize,
    /// A request's head arrives within this long.
    pub head: Duration,
    /// A request's body arrives within this long.
    pub body: Duration,
    /// The host answers within this long.
    pub request: Duration,
    /// Open connections; one more waits until another ends.
    pub connections: usize,
    /// Readers of live events; one more is answered 503.
    pub followers: usize,
    /// A reader of live events that takes none for this long is sent away.
    pub slow_reader: Duration,
    /// Gap between pings on a WebSocket; after three without a sound the reader is gone.
    pub ping: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 8 * 1024 * 1024,
            prompt_bytes: 64 * 1024 * 1024,
            pack_bytes: 64 * 1024 * 1024,
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            request: Duration::from_secs(30),
            connections: 1_024,
            followers: 512,
            slow_reader: Duration::from_secs(10),
            ping: Duration::from_secs(20),
        }
    }
}

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) snapshots: Snapshots,
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) throttle: Throttle,
    /// Turns true when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) openapi: String,
}

/// The API and the status page, to be served by [`serve`] or called as a service.
pub fn router(api: Api) -> Router {
    let (_, stopped) = watch::channel(false);
    let followers = Arc::new(Semaphore::new(api.limits.followers));
    assemble(api, stopped, followers)
}

fn assemble(api: Api, stopped: watch::Receiver<bool>, followers: Arc<Semaphore>) -> Router {
    let routes = table();
    let openapi = openapi::document(&routes).to_pretty_json().expect("a document of strings is JSON");
    let shared = Arc::new(Shared {
        followers,
        throttle: Throttle::default(),
        host: api.host,
        access: api.access,
        limits: api.limits,
        snapshots: Snapshots::default(),
        stopped,
        openapi,
    });
    let (mut open, mut closed) = (Router::new(), Router::new());
    for route in routes {
        if route.open {
            open = open.route(&route.path, route.handler);
            continue;
        }
        let may = route.may;
        let handler = route.handler.route_layer(middleware::from_fn(move |request, next| only_for(may, request, next)));
        closed = closed.route(&route.path, handler);
    }
    for path in channels::WEBHOOKS {
        open = open.route(path, channels::webhooks());
    }
    let closed = closed.route_layer(middleware::from_fn_with_state(shared.clone(), only_known_callers));
    open.merge(closed)
        .merge(page::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_that_method)
        .layer(middleware::from_fn_with_state(shared.clone(), in_time))
        .layer(middleware::from_fn(in_the_clients_language))
        .layer(middleware::map_response(harden))
        .with_state(shared)
}

async fn only_known_callers(
    State(shared): State<Arc<Shared>>,
    peer: Peer,
    mut request: Request,
    next: Next,
) -> Response {
    let by_token = request.headers().contains_key(header::AUTHORIZATION);
    if by_token && let Err(problem) = shared.throttle.admit(peer, Instant::now()) {
        return problem.into_response();
    }
    let known = match shared.access.local_caller(peer.0, request.uri(), request.headers()) {
        Some(caller) => Ok(caller),
        None => shared.access.caller(request.method(), request.uri(), request.headers()),
    };
    match known {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => {
            if by_token && problem.status == StatusCode::UNAUTHORIZED {
                shared.throttle.wrong(peer, Instant::now());
            }
            problem.into_response()
        }
    }
}

/// `Caller` is there: [`only_known_callers`] runs before.
async fn only_for(may: &'static [Role], request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if may.contains(&caller.role) => next.run(request).await,
        Some(caller) => Problem::forbidden(
            format!("the role {} may not do that", caller.role.word()),
            &format!("use a token of one of these roles: {}", words(may)),
        )
        .into_response(),
        None => Problem::unauthorized("nobody asks").into_response(),
    }
}

/// The last line: a handler that waits for ever must not hold its connection for ever.
async fn in_time(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let has_body = !matches!(*request.method(), Method::GET | Method::HEAD);
    let limit = shared.limits.request + if has_body { shared.limits.body } else { Duration::ZERO };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("no-answer", "the host did not answer in time", 5).into_response(),
    }
}

/// Headers that keep a browser from guessing, framing, leaking or keeping. What a handler set stays.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn nothing_here(request: Request) -> Problem {
    Problem::not_found(format!("nothing is at {}", request.uri().path()), "see /openapi.json for what there is")
}

async fn not_that_method(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Method not allowed",
        format!("{} is not possible at {}", request.method(), request.uri().path()),
        "use one of the methods in the Allow header",
    )
}

/// Serves `listener` until `shutdown` resolves. Then it accepts no more, ends requests that are being answered, closes live events with 1001, and returns when all are
/// done or [`Limits::request`] has passed.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let limits = api.limits.clone();
    let (stop, stopping) = watch::channel(false);
    let followers = Arc::new(Semaphore::new(limits.followers));
    let router = assemble(api, stopping.clone(), followers.clone());
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            () = &mut shutdown => break,
        };
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, as a rule: those that end make room.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        // Small answers and events shall not wait for an acknowledgement; without it they are only late.
        let _ = stream.set_nodelay(true);
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(from.ip()));
            router.call(request)
        });
        let (stopping, head) = (stopping.clone(), limits.head);
        connections.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            // How a connection breaks is the client's affair: it may go at any time.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stopped(stopping) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    stop.send_replace(true);
    let everybody = u32::try_from(limits.followers).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(limits.request, async {
        while connections.join_next().await.is_some() {}
        // WebSockets have left their connections; each still holds a place among the followers.
        let _ = followers.acquire_many(everybody).await;
    })
    .await;
    Ok(())
}

/// Resolves when the server stops; never, where nobody can stop it.
pub(crate) async fn stopped(mut stopping: watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
}
