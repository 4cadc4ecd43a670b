//! Call detail records, as JSON and as a table for spreadsheets.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use plugboard_model::{AgentId, InteractionId, QueueId, compliance::Role};
use plugboard_reporting::{Cdr, csv};
use serde::Deserialize;
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    CdrQuery, Cursor, Problem, Sealed,
    handing::{MOST_REASON, Numbers, Reason},
    request::{Asked, Id, Paging, Sent, Tenant, bounded, time},
    route::Route,
    schema,
    server::Shared,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/cdrs",
            "listCdrs",
            "Call detail records, newest first; CSV with `Accept: text/csv`",
            list,
        )
        .tag("records")
        .query("from", Type::String, "started at or after this point (RFC 3339)")
        .query("to", Type::String, "started before this point (RFC 3339)")
        .query("caller", Type::String, "the caller's number, exactly")
        .query("called", Type::String, "the number that was dialled, exactly")
        .query("agent", Type::String, "an agent who answered")
        .query("queue", Type::String, "a queue that it waited in")
        .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
        .query("bom", Type::Boolean, "as CSV: begin with a byte order mark, which some spreadsheets need to read UTF-8")
        .paged()
        .refuses(StatusCode::FORBIDDEN)
        .answers::<schema::CdrPage>(StatusCode::OK, "A page; as CSV the next one is in Link"),
        Route::new(Method::GET, "/v1/tenants/{tenant}/cdrs/{id}", "readCdr", "The record of one interaction", read)
            .tag("records")
            .query("reason", Type::String, "why it is wanted, for the tenant's rules; at most 1 KiB")
            .refuses(StatusCode::FORBIDDEN)
            .answers::<schema::Cdr>(StatusCode::OK, "The record"),
        Route::new(
            Method::POST,
            "/v1/tenants/{tenant}/cdrs/{id}/unmask",
            "unmaskCdr",
            "The numbers of one interaction for who sees them masked; who saw them and why is an event",
            unmask,
        )
        .may(&Role::ALL)
        .tag("records")
        .takes::<Wanted>()
        .refuses(StatusCode::FORBIDDEN)
        .answers::<Numbers>(StatusCode::OK, "The numbers"),
    ]
}

#[derive(Deserialize)]
struct Conditions {
    from: Option<String>,
    to: Option<String>,
    caller: Option<String>,
    called: Option<String>,
    agent: Option<AgentId>,
    queue: Option<QueueId>,
    #[serde(default)]
    bom: bool,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
    uri: Uri,
    headers: HeaderMap,
    reason: Reason,
) -> Result<Response, Problem> {
    let Conditions { from, to, caller, called, agent, queue, bom, cursor, limit } = conditions;
    let paging = Paging { cursor, limit };
    let query = CdrQuery {
        from: from.map(|text| time("from", &text)).transpose()?,
        to: to.map(|text| time("to", &text)).transpose()?,
        caller,
        called,
        agent,
        queue,
        cursor: paging.cursor(),
        limit: paging.limit()?,
    };
    let sealed = shared.host.cdrs(&tenant.id, query).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let wants_table = accept.to_ascii_lowercase().contains("text/csv");
    let page = shared.hand_out(&tenant, sealed, if wants_table { "download" } else { "api" }, reason).await?;
    if !wants_table {
        return Ok(Json(page).into_response());
    }
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
    let mut table = if bom { "\u{feff}".to_owned() } else { String::new() };
    table += &csv::header();
    table.extend(page.items.iter().map(csv::row));
    let mut response = ([kind], table).into_response();
    if let Some(link) = page.next.and_then(|next| next_link(&uri, &next).try_into().ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The same request, one page further (RFC 8288).
fn next_link(uri: &Uri, next: &Cursor) -> String {
    let kept =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<Cow<'_, str>> =
        kept.map(Cow::Borrowed).chain([Cow::Owned(format!("cursor={}", query_encoded(&next.0)))]).collect();
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))
}

fn query_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn read(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(interaction): Id<InteractionId>,
    reason: Reason,
) -> Result<Json<Cdr>, Problem> {
    let sealed = record(&shared, &tenant, interaction).await?;
    shared.hand_out(&tenant, sealed, "api", reason).await.map(Json)
}

async fn record(shared: &Shared, tenant: &Tenant, interaction: InteractionId) -> Result<Sealed<Cdr>, Problem> {
    let found = shared.host.cdr(&tenant.id, interaction).await?;
    found.ok_or_else(|| {
        Problem::not_found(format!("no record of interaction {interaction}"), "a call has a record once it is over")
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Why they have to be seen, at most 1,024 bytes. It is kept.
    reason: String,
}

async fn unmask(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(interaction): Id<InteractionId>,
    Sent(Wanted { reason }): Sent<Wanted>,
) -> Result<Json<Numbers>, Problem> {
    let reason = bounded("reason", reason, MOST_REASON)?.to_string();
    let sealed = record(&shared, &tenant, interaction).await?;
    shared.show_numbers(&tenant, interaction, sealed, reason).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_with_the_same_conditions() {
        let uri: Uri = "/v1/tenants/t/cdrs?cursor=old&agent=amy".parse().unwrap();
        assert_eq!(next_link(&uri, &Cursor("a/b".into())), "</v1/tenants/t/cdrs?agent=amy&cursor=a%2Fb>; rel=\"next\"");
    }
}
