//! What goes on now: the whole view, and agents at work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use plugboard_exchange::{AgentSnapshot, Command, Reply, Snapshot};
use plugboard_model::{AgentId, AgentRequest, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Fault, Problem,
    calls::MOST_WORD,
    request::{Id, Sent, Tenant, bounded},
    route::{AT_WORK, Route},
    schema,
    server::Shared,
};

/// A view this young is given again: many wallboards cost the exchange no more than one.
const FRESH: Duration = Duration::from_millis(200);

type Cached = Arc<tokio::sync::Mutex<Option<(Instant, Arc<Snapshot>)>>>;

/// The latest view of each tenant.
#[derive(Default)]
pub(crate) struct Snapshots(Mutex<BTreeMap<TenantId, Cached>>);

impl Snapshots {
    fn of(&self, tenant: &TenantId) -> Cached {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(tenant.clone()).or_default().clone()
    }
}

impl Shared {
    /// A view at most [`FRESH`] old. While one is being made, others wait for it.
    pub(crate) async fn snapshot(&self, tenant: &TenantId) -> Result<Arc<Snapshot>, Problem> {
        let cached = self.snapshots.of(tenant);
        let mut latest = cached.lock().await;
        if let Some((made, snapshot)) = &*latest
            && made.elapsed() < FRESH
        {
            return Ok(snapshot.clone());
        }
        let Reply::Snapshot(snapshot) = self.host.command(tenant, "", Command::Snapshot).await? else {
            tracing::error!("the exchange answered a snapshot with something else");
            return Err(Problem::unavailable("no-snapshot", "the exchange gave no view", 1));
        };
        let snapshot: Arc<Snapshot> = Arc::from(snapshot);
        *latest = Some((Instant::now(), snapshot.clone()));
        Ok(snapshot)
    }

    /// Does `command`; the next view is a new one, so that whoever asked for a change sees it.
    pub(crate) async fn command(&self, tenant: &Tenant, command: Command) -> Result<Reply, Problem> {
        let reply = self.host.command(&tenant.id, &tenant.caller.name, command).await?;
        *self.snapshots.of(&tenant.id).lock().await = None;
        Ok(reply)
    }
}

pub(crate) fn routes() -> Vec<Route> {
    const STATE: &str = "/v1/tenants/{tenant}/agents/{id}/state";
    vec![
        Route::new(Method::GET, "/v1/tenants/{tenant}/live", "readLive", "Calls, agents, queues and trunks now", live)
            .tag("live")
            .answers::<schema::Snapshot>(StatusCode::OK, "The view, at most 0.2 s old"),
        Route::new(Method::GET, STATE, "readAgentState", "How an agent stands", agent)
            .tag("agents")
            .answers::<schema::LiveAgent>(StatusCode::OK, "The agent"),
        Route::new(Method::POST, STATE, "requestAgentState", "Log an agent in or out, ready or not", request)
            .tag("agents")
            .may(AT_WORK)
            .takes::<schema::AgentRequest>()
            .answers_nothing(StatusCode::NO_CONTENT, "Done, or noted for the end of the call"),
        Route::new(
            Method::POST,
            "/v1/tenants/{tenant}/agents/{id}/wrap-up",
            "extendWrapUp",
            "Give an agent in wrap-up more time",
            extend_wrap_up,
        )
        .tag("agents")
        .may(AT_WORK)
        .takes::<MoreTime>()
        .answers_nothing(StatusCode::NO_CONTENT, "Given; without effect if the agent is not in wrap-up"),
    ]
}

async fn live(State(shared): State<Arc<Shared>>, tenant: Tenant) -> Result<Response, Problem> {
    let snapshot = shared.snapshot(&tenant.id).await?;
    tenant.shows(&*snapshot)
}

async fn agent(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(id): Id<AgentId>,
) -> Result<Json<AgentSnapshot>, Problem> {
    let snapshot = shared.snapshot(&tenant.id).await?;
    let agent = snapshot.agents.iter().find(|agent| agent.id == id).cloned();
    agent.map(Json).ok_or_else(|| Problem::not_found(format!("no agent {id}"), "list them with GET …/agents"))
}

async fn request(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(agent): Id<AgentId>,
    Sent(request): Sent<AgentRequest>,
) -> Result<StatusCode, Problem> {
    let request = match request {
        AgentRequest::NotReady { reason } => {
            AgentRequest::NotReady { reason: bounded("reason", reason, MOST_WORD)?.as_ref().to_owned() }
        }
        request => request,
    };
    shared.command(&tenant, Command::Agent { agent, request }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoreTime {
    /// 1 to 3,600,000.
    #[schema(minimum = 1, maximum = 3_600_000)]
    by_ms: u64,
}

async fn extend_wrap_up(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(agent): Id<AgentId>,
    Sent(MoreTime { by_ms }): Sent<MoreTime>,
) -> Result<StatusCode, Problem> {
    if !(1..=3_600_000).contains(&by_ms) {
        return Err(Problem::invalid(vec![Fault {
            field: Some("by_ms".to_owned()),
            code: "out-of-range".to_owned(),
            message: format!("`by_ms` is {by_ms}"),
            remedy: "give 1 to 3,600,000 milliseconds".to_owned(),
            ..Fault::default()
        }]));
    }
    shared.command(&tenant, Command::ExtendWrapUp { agent, by: Duration::from_millis(by_ms) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
