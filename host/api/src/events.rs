//! Everything that happens: from the log in pages, and live over a WebSocket.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use plugboard_exchange::SharedEvent;
use plugboard_model::{EventKind, InteractionId};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use utoipa::openapi::schema::Type;

use crate::{
    Problem, Sealed,
    follow::{Follow, FollowError},
    handing::Reason,
    request::{Asked, Paging, Tenant, asked_interaction},
    route::Route,
    schema,
    server::{Shared, stopped},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/v1/tenants/{tenant}/events", "listEvents", "Events from the log, in order", list)
            .tag("events")
            .query("after", Type::Integer, "`seq` of the last event that is known; 0 if left out")
            .query("limit", Type::Integer, "entries in a page, 1 to 1,000, 100 if left out")
            .query("interaction", Type::String, "only those of one interaction; a page may then be empty before the end")
            .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
            .refuses(StatusCode::FORBIDDEN)
            .refuses(StatusCode::BAD_REQUEST)
            .answers::<schema::EventPage>(StatusCode::OK, "A page; at the end `next` is what `after` was"),
        Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/events/live",
            "followEvents",
            "Events as they happen, over a WebSocket: one JSON Event a text frame, with no gap",
            follow,
        )
        .tag("events")
        .query("after", Type::Integer, "begin after this `seq`, out of the log; left out: from now on")
        .query("interaction", Type::String, "only those of one interaction")
        .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
        .refuses(StatusCode::FORBIDDEN)
        .refuses(StatusCode::BAD_REQUEST)
        .answers_nothing(
            StatusCode::SWITCHING_PROTOCOLS,
            "Events follow. Closed with 1013 and the `seq` to go on from if they are not read in time, with 1008 when a rule forbids it from then on, with 1001 when the host stops",
        )
        .refuses(StatusCode::UPGRADE_REQUIRED),
    ]
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    interaction: Option<String>,
}

/// Events of the log that one request looks at, whoever they are of.
const MOST_READ: usize = 20_000;

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(Since { after, limit, interaction }): Asked<Since>,
    reason: Reason,
) -> Result<Response, Problem> {
    let limit = Paging { cursor: None, limit }.limit()?;
    let wanted = interaction.as_deref().map(asked_interaction).transpose()?;
    let Some(wanted) = wanted else {
        let sealed = shared.host.history(&tenant.id, after, limit).await?;
        let items = shared.hand_out(&tenant, sealed, "api", reason).await?;
        let next = items.last().map_or(after, |last| last.seq).to_string();
        return Ok(Json(json!({ "items": items, "next": next })).into_response());
    };
    let (mut found, mut next, mut read) = (Sealed::new(Vec::new()), after, 0);
    while found.len() < limit && read < MOST_READ {
        let page = shared.host.history(&tenant.id, next, 1_000).await?;
        let Some(last) = page.last_seq() else { break };
        read += page.len();
        found.add_of(wanted, limit - found.len(), page);
        // A page that is full ends with its last event: the next one begins behind it.
        next = found.last_seq().filter(|_| found.len() == limit).unwrap_or(last);
    }
    let items = shared.hand_out(&tenant, found, "api", reason).await?;
    Ok(Json(json!({ "items": items, "next": next.to_string() })).into_response())
}

#[derive(Deserialize)]
struct From {
    after: Option<u64>,
    interaction: Option<String>,
}

async fn follow(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(From { after, interaction }): Asked<From>,
    reason: Reason,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade-required",
            "Upgrade required",
            "this path speaks WebSocket (RFC 6455) only",
            "open it as ws:// or wss://, or read GET …/events in pages",
        )
    })?;
    let wanted = interaction.as_deref().map(asked_interaction).transpose()?;
    let place = shared.followers.clone().try_acquire_owned();
    let place =
        place.map_err(|_| Problem::unavailable("too-many-followers", "no more readers of live events fit", 5))?;
    let leave = shared.leave(&tenant, tenant.stream_of_events(reason.clone())).await?;
    let live = shared.host.live(&tenant.id, &leave);
    let live = live.ok_or_else(|| Problem::not_found("the tenant is gone", "list them with GET /v1/tenants"))?;
    let events = Follow::new(shared.host.clone(), tenant.id.clone(), after, live, leave);
    let wanted = Wanted { tenant, reason, interaction: wanted };
    Ok(upgrade.max_message_size(4 * 1024).on_upgrade(async move |socket| {
        run(socket, &shared, events, wanted).await;
        drop(place);
    }))
}

/// What a reader wants to read, and why.
struct Wanted {
    tenant: Tenant,
    reason: Reason,
    interaction: Option<InteractionId>,
}

impl Wanted {
    fn is(&self, event: &SharedEvent) -> bool {
        self.interaction.is_none_or(|wanted| event.kind.interaction() == Some(wanted))
    }

    /// The rules may be others by now, and are asked again. `false`: they forbid it.
    async fn is_allowed_still(&mut self, shared: &Shared, events: &mut Follow) -> bool {
        let Some(configuration) = shared.host.configuration(&self.tenant.id) else { return false };
        let before = std::mem::replace(&mut self.tenant.configuration, configuration);
        if before.rules == self.tenant.configuration.rules {
            return true;
        }
        match shared.leave(&self.tenant, self.tenant.stream_of_events(self.reason.clone())).await {
            Ok(leave) => {
                events.go_on_with(leave);
                true
            }
            Err(_) => false,
        }
    }
}

/// Why a reader is sent away, as RFC 6455 §7.4 numbers it.
struct Farewell {
    code: u16,
    reason: String,
}

async fn run(mut socket: WebSocket, shared: &Shared, events: Follow, wanted: Wanted) {
    let tenant = wanted.tenant.id.clone();
    let Some(farewell) = tell(&mut socket, shared, events, wanted).await else { return };
    tracing::debug!(%tenant, farewell.code, farewell.reason, "a reader of live events is sent away");
    let close = Message::Close(Some(CloseFrame { code: farewell.code, reason: farewell.reason.into() }));
    // A slow reader gets the reason behind what it has not read yet, and the same time again to come to it.
    let _ = timeout(shared.limits.slow_reader, socket.send(close)).await;
}

/// Sends events until somebody stops; `None`: the reader has gone.
async fn tell(socket: &mut WebSocket, shared: &Shared, mut events: Follow, mut wanted: Wanted) -> Option<Farewell> {
    let (gap, patience) = (shared.limits.ping, shared.limits.slow_reader);
    let mut pings = interval_at(Instant::now() + gap, gap);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            event = events.next() => match event {
                Ok(event) if matches!(event.kind, EventKind::ConfigurationApplied { .. })
                    && !wanted.is_allowed_still(shared, &mut events).await =>
                {
                    let reason = "a rule of the tenant forbids it from here on".to_owned();
                    return Some(Farewell { code: close_code::POLICY, reason });
                }
                Ok(event) if !wanted.is(&event) => continue,
                Ok(event) => Message::Text(serde_json::to_string(&*event).expect("an event is strings and numbers").into()),
                Err(FollowError::Ended) => return Some(going_away()),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "live events cannot go on");
                    let reason = format!("{error}; resume with after={}", events.last().unwrap_or_default());
                    return Some(Farewell { code: close_code::ERROR, reason });
                }
            },
            said = socket.recv() => match said {
                // Whatever it is, somebody is there; pongs are what is expected. Pings are answered below us.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = pings.tick() => {
                if heard.elapsed() > 3 * gap + Duration::from_secs(1) {
                    return None;
                }
                Message::Ping(axum::body::Bytes::new())
            }
            () = stopped(shared.stopped.clone()) => return Some(going_away()),
        };
        match timeout(patience, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => {
                let reason =
                    format!("events are not read in time; resume with after={}", events.last().unwrap_or_default());
                return Some(Farewell { code: close_code::AGAIN, reason });
            }
        }
    }
}

fn going_away() -> Farewell {
    Farewell { code: close_code::AWAY, reason: "the host stops; connect again".to_owned() }
}
