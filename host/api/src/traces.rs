//! Single questions to plugins, as they went: what failed, what took long, and a sample of the rest.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_model::InteractionId;
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    Problem,
    request::{Asked, FromPath as _, Id, PluginName, Tenant},
    route::Route,
    server::Shared,
};

pub(crate) fn routes() -> Vec<Route> {
    let route = Route::new(
        Method::GET,
        "/v1/tenants/{tenant}/plugins/{id}/traces",
        "listPluginTraces",
        "Questions to a pack's components (`acme.lines`), to one of them (`acme.lines/lines`) or to a component of the host: those that failed or took a quarter \
         of their budget, and a sample of the others; the latest, in order",
        list,
    );
    vec![
        route
            .tag("packs")
            .query("after", Type::Integer, "`next` of the answer before; 0 if left out")
            .query("interaction", Type::String, "about this interaction: `i7`")
            .query("slow_us", Type::Integer, "that took at least so many microseconds")
            .refuses(StatusCode::BAD_REQUEST)
            .answers::<PluginTraces>(StatusCode::OK, "Those that are kept; none if nothing was asked"),
    ]
}

/// Which traces are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceQuery {
    /// Above this number.
    pub after: u64,
    pub interaction: Option<InteractionId>,
    pub slow_us: u64,
}

/// A part of the traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PluginTraces {
    pub traces: Vec<PluginTrace>,
    /// To be sent as `after` for those that follow.
    pub next: u64,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PluginTrace {
    pub number: u64,
    /// When it was begun (RFC 3339).
    pub at: String,
    /// `acme.crm/lookup`.
    pub plugin: String,
    /// The first 16 hex digits of the component's SHA-256.
    pub version: String,
    /// `flow-plugin`.
    pub world: String,
    /// The function, as the contract has it: `step`.
    pub question: String,
    pub interaction: Option<u64>,
    /// For a thread.
    pub waited_us: u64,
    /// From the begin of the plugin's work to its end.
    pub took_us: u64,
    pub budget_us: u64,
    /// CPU time of it.
    pub worked_us: u64,
    /// Instructions, where they are counted.
    pub fuel: Option<u64>,
    /// The most that the instance ever held.
    pub memory_bytes: u64,
    /// Whether an instance was made for it.
    pub fresh: bool,
    /// What it called of the host, in order; at most 24.
    pub calls: Vec<PluginCall>,
    /// Calls past those.
    pub more_calls: u32,
    /// `answered`, or why the native default was taken: `trapped`, `deadline`, ….
    pub outcome: String,
    /// The failure in words, one line.
    pub why: Option<String>,
    /// `failed`, `slow` or `sampled`.
    pub kept: String,
}

/// One call of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PluginCall {
    /// `http`, `kv.get`, `kv.set`, `kv.delete` or `kv.list`.
    pub what: String,
    /// Of a request its method and host.
    pub about: String,
    pub took_us: u64,
    /// A status, `done`, or why it failed: `timed-out`.
    pub ended: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    after: u64,
    interaction: Option<String>,
    #[serde(default)]
    slow_us: u64,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PluginName(plugin)): Id<PluginName>,
    Asked(Wanted { after, interaction, slow_us }): Asked<Wanted>,
) -> Result<Json<PluginTraces>, Problem> {
    let read = |text: String| {
        InteractionId::from_path(&text).ok_or_else(|| {
            Problem::bad_request(format!("{text:?} is no interaction"), "write it as records have it: i7")
        })
    };
    let query = TraceQuery { after, interaction: interaction.map(read).transpose()?, slow_us };
    match shared.host.plugin_traces(&tenant.id, &plugin, &query) {
        Some(traces) => Ok(Json(traces)),
        None => Err(Problem::not_found(
            format!("no plugin {plugin:?}"),
            "name a pack, one of its components or a component of the host",
        )),
    }
}
