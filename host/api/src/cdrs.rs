//! Call detail records, as JSON and as a table for spreadsheets.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use plugboard_model::{AgentId, InteractionId, QueueId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::schema::Type;

use crate::{
    CdrQuery, Cursor, Problem,
    request::{Asked, Id, Paging, Tenant, time},
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
        .query("bom", Type::Boolean, "as CSV: begin with a byte order mark, which some spreadsheets need to read UTF-8")
        .paged()
        .answers::<schema::CdrPage>(StatusCode::OK, "A page; as CSV the next one is in Link"),
        Route::new(Method::GET, "/v1/tenants/{tenant}/cdrs/{id}", "readCdr", "The record of one interaction", read)
            .tag("records")
            .answers::<schema::Cdr>(StatusCode::OK, "The record"),
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
    let page = shared.host.cdrs(&tenant.id, query).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if !accept.to_ascii_lowercase().contains("text/csv") {
        return Ok(Json(page).into_response());
    }
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
    let mark = if bom { "\u{feff}" } else { "" };
    let mut response = ([kind], csv(mark, &page.items)).into_response();
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
) -> Result<Json<Value>, Problem> {
    let found = shared.host.cdr(&tenant.id, interaction).await?;
    found.map(Json).ok_or_else(|| {
        Problem::not_found(format!("no record of interaction {interaction}"), "a call has a record once it is over")
    })
}

/// Columns of the table: where the value lies in a record. Lists give the entry that a person would name: the first queue, the first agent who answered.
const COLUMNS: [(&str, &str); 24] = [
    ("interaction", "/interaction"),
    ("direction", "/direction"),
    ("channel", "/channel"),
    ("from", "/from"),
    ("to", "/to"),
    ("started_at", "/started_at"),
    ("picked_up_at", "/picked_up_at"),
    ("answered_at", "/answered_at"),
    ("ended_at", "/ended_at"),
    ("answered", "/answered"),
    ("abandoned", "/abandoned"),
    ("voicemail", "/voicemail"),
    ("ended_by", "/ended_by"),
    ("cause", "/cause"),
    ("status", "/status"),
    ("duration_ms", "/duration_ms"),
    ("ivr_ms", "/ivr_ms"),
    ("wait_ms", "/wait_ms"),
    ("talk_ms", "/talk_ms"),
    ("hold_ms", "/hold_ms"),
    ("wrap_up_ms", "/wrap_up_ms"),
    ("queue", "/queues/0/queue"),
    ("disposition", "/disposition/code"),
    ("recording", "/recordings/0/recording"),
];

/// RFC 4180, with CRLF and a header line, behind `mark`.
fn csv(mark: &str, records: &[Value]) -> String {
    let mut table = mark.to_owned();
    table.extend(COLUMNS.iter().flat_map(|(name, _)| [*name, ","]));
    table.push_str("agent\r\n");
    for record in records {
        for (_, place) in COLUMNS {
            table.push_str(&cell(record.pointer(place)));
            table.push(',');
        }
        let agents = record.pointer("/agents").and_then(Value::as_array).into_iter().flatten();
        let answered = agents.clone().find(|segment| segment.get("answered_at").is_some_and(|at| !at.is_null()));
        table.push_str(&cell(answered.and_then(|segment| segment.get("agent"))));
        table.push_str("\r\n");
    }
    table
}

fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(other) => Cow::Owned(other.to_string()),
    };
    // A caller chooses what `from` says; a spreadsheet would run it as a formula. A number to dial is none.
    let digits = text.strip_prefix(['+', '-']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !digits;
    let text = if formula { Cow::Owned(format!("'{text}")) } else { text };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_quoted_where_needed_and_never_a_formula() {
        let shown = ["+4930123", "=1+1", "a,\"b\"", "-", "plain"].map(|text| cell(Some(&json!(text))));
        assert_eq!(shown, ["+4930123", "'=1+1", "\"a,\"\"b\"\"\"", "-", "plain"]);
    }

    #[test]
    fn the_next_page_is_asked_with_the_same_conditions() {
        let uri: Uri = "/v1/tenants/t/cdrs?cursor=old&agent=amy".parse().unwrap();
        assert_eq!(next_link(&uri, &Cursor("a/b".into())), "</v1/tenants/t/cdrs?agent=amy&cursor=a%2Fb>; rel=\"next\"");
    }
}
