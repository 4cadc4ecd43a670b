//! Tapes of flows: what they were asked and what they said, for `plugboard replay`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_model::{FlowId, tape::Tape};
use serde::Deserialize;
use utoipa::openapi::schema::Type;

use crate::{
    Page, Problem, TapeQuery,
    request::{Asked, Paging, Tenant, time},
    route::Route,
    schema,
    server::Shared,
};

pub(crate) fn routes() -> Vec<Route> {
    let route = Route::new(
        Method::GET,
        "/v1/tenants/{tenant}/tapes",
        "listTapes",
        "What flows were asked and said, oldest call first; secret keys are in none",
        list,
    );
    vec![
        route
            .tag("records")
            .query("from", Type::String, "of calls that began at or after this point (RFC 3339)")
            .query("to", Type::String, "of calls that began before this point (RFC 3339)")
            .query("flow", Type::String, "of calls that this flow ran in")
            .paged()
            .answers::<schema::TapePage>(StatusCode::OK, "A page"),
    ]
}

#[derive(Deserialize)]
struct Conditions {
    from: Option<String>,
    to: Option<String>,
    flow: Option<FlowId>,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
) -> Result<Json<Page<Tape>>, Problem> {
    let Conditions { from, to, flow, cursor, limit } = conditions;
    let paging = Paging { cursor, limit };
    let query = TapeQuery {
        from: from.map(|text| time("from", &text)).transpose()?,
        to: to.map(|text| time("to", &text)).transpose()?,
        flow,
        cursor: paging.cursor(),
        limit: paging.limit()?,
    };
    Ok(Json(shared.host.tapes(&tenant.id, query).await?))
}
