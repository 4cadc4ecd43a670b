//! Tapes: what flows, policies and rules were asked and what they said, for `plugboard replay`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_model::{FlowId, QueueId, routing::Tables, tape::Tape};
use serde::Deserialize;
use utoipa::openapi::schema::Type;

use crate::{
    Page, Problem, TapeQuery,
    handing::Reason,
    request::{Asked, Id, Paging, TablesName, Tenant, time},
    route::Route,
    schema,
    server::Shared,
};

pub(crate) fn routes() -> Vec<Route> {
    let route = Route::new(
        Method::GET,
        "/v1/tenants/{tenant}/tapes",
        "listTapes",
        "What flows, policies and rules were asked and said, oldest call first; secret keys are in none",
        list,
    );
    let tables = Route::new(
        Method::GET,
        "/v1/tenants/{tenant}/tapes/tables/{id}",
        "readTapeTables",
        "What the numbers in questions to policies are of, by the name that tapes give; kept as long as they are",
        read_tables,
    );
    vec![
        route
            .tag("records")
            .query("from", Type::String, "of calls that began at or after this point (RFC 3339)")
            .query("to", Type::String, "of calls that began before this point (RFC 3339)")
            .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
            .refuses(StatusCode::FORBIDDEN)
            .query("flow", Type::String, "of calls that this flow ran in")
            .query(
                "queue",
                Type::String,
                "of calls that the policy of this queue was asked about; not together with `flow`",
            )
            .paged()
            .answers::<schema::TapePage>(StatusCode::OK, "A page"),
        tables.tag("records").answers::<schema::TapeTables>(StatusCode::OK, "The tables"),
    ]
}

#[derive(Deserialize)]
struct Conditions {
    from: Option<String>,
    to: Option<String>,
    flow: Option<FlowId>,
    queue: Option<QueueId>,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
    reason: Reason,
) -> Result<Json<Page<Tape>>, Problem> {
    let Conditions { from, to, flow, queue, cursor, limit } = conditions;
    let paging = Paging { cursor, limit };
    let query = TapeQuery {
        from: from.map(|text| time("from", &text)).transpose()?,
        to: to.map(|text| time("to", &text)).transpose()?,
        flow,
        queue,
        cursor: paging.cursor(),
        limit: paging.limit()?,
    };
    let sealed = shared.host.tapes(&tenant.id, query).await?;
    shared.hand_out(&tenant, sealed, "api", reason).await.map(Json)
}

async fn read_tables(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(TablesName(name)): Id<TablesName>,
) -> Result<Json<Tables>, Problem> {
    let found = shared.host.tables(&tenant.id, name.clone()).await?;
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("no tables {name:?}"), "they go with the last tape that names them"))
}
