//! The host itself: health, addresses, tenants, and logging a browser in and out.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    HostView, Page, Problem, TenantSummary,
    access::{Caller, no_session, same_origin},
    problem::language_of,
    request::Sent,
    route::Route,
    schema,
    server::Shared,
    throttle::Peer,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/v1/health", "health", "Whether calls are taken", health)
            .open()
            .answers::<schema::Health>(StatusCode::OK, "Ready")
            .answers::<schema::Health>(
                StatusCode::SERVICE_UNAVAILABLE,
                "Starting, draining, or unable to store anything",
            ),
        Route::new(Method::GET, "/openapi.json", "openapi", "This document", openapi).open().answers_bytes(
            StatusCode::OK,
            "OpenAPI 3.1",
            "application/json",
        ),
        Route::new(Method::POST, "/v1/login", "logIn", "Open a browser's session with a token", log_in)
            .open()
            .takes::<Login>()
            .refuses(StatusCode::UNAUTHORIZED)
            .refuses(StatusCode::FORBIDDEN)
            .refuses(StatusCode::TOO_MANY_REQUESTS)
            .answers_nothing(StatusCode::NO_CONTENT, "Logged in; Set-Cookie holds the session"),
        Route::new(Method::POST, "/v1/logout", "logOut", "End the browser's session", log_out)
            .open()
            .refuses(StatusCode::FORBIDDEN)
            .answers_nothing(StatusCode::NO_CONTENT, "Logged out"),
        Route::new(Method::GET, "/v1/host", "readHost", "Version, addresses, phase and alarms", host)
            .answers::<schema::HostView>(StatusCode::OK, "The host"),
        Route::new(Method::GET, "/v1/tenants", "listTenants", "Tenants that the token may see", tenants)
            .answers::<schema::TenantPage>(StatusCode::OK, "All of them"),
    ]
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    if shared.host.view().ready {
        Json(json!({ "status": "ready" })).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not-ready" }))).into_response()
    }
}

async fn openapi(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shared.openapi.clone()).into_response()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

async fn log_in(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    peer: Peer,
    Sent(login): Sent<Login>,
) -> Result<Response, Problem> {
    only_from_here(&uri, &headers)?;
    shared.throttle.admit(peer, Instant::now())?;
    let token = shared.access.token(login.token.trim()).ok_or_else(|| {
        shared.throttle.wrong(peer, Instant::now());
        Problem::unauthorized("the token is not one of this host's")
    })?;
    // Behind a proxy that ends TLS the browser's own word tells that it was HTTPS.
    let secure = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
    let cookie = shared.access.session(token, SystemTime::now(), secure);
    tracing::info!(token = token.name, "a browser logged in");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn log_out(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    only_from_here(&uri, &headers)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, no_session())]).into_response())
}

/// A foreign page shall not log its visitor in or out.
fn only_from_here(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::ORIGIN) && !same_origin(uri, headers) {
        return Err(Problem::forbidden("the request comes from another site's page", "open this host's own page"));
    }
    Ok(())
}

async fn host(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Json<HostView> {
    let (mut view, language) = (shared.host.view(), language_of(&headers));
    for alarm in &mut view.alarms {
        alarm.detail = language.say(&alarm.detail).into_owned();
    }
    Json(view)
}

async fn tenants(State(shared): State<Arc<Shared>>, Extension(caller): Extension<Caller>) -> Json<Page<TenantSummary>> {
    let mut items = shared.host.tenants();
    items.retain(|tenant| caller.may_see(&tenant.id));
    Json(Page { items, next: None })
}
