//! Figures of queues and agents over a period, made of raw counters by formulas that are told with them.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_model::{AgentId, QueueId, Timestamp};
use plugboard_reporting::{
    AgentTime, Counters, Grain, Row, interval_of,
    metric::{METRICS, Metric},
    midnight, rows,
};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Type;

use crate::{
    Problem,
    handing::Reason,
    request::{Asked, Tenant, time},
    route::Route,
    schema,
    server::Shared,
};

/// Days of one question.
const LONGEST_DAYS: u64 = 35;

pub(crate) fn routes() -> Vec<Route> {
    let period = |route: Route| {
        route
            .tag("figures")
            .query("from", Type::String, "beginning of the period (RFC 3339), taken to its quarter of an hour; today's midnight in the tenant's zone if left out")
            .query("to", Type::String, "end of the period; now if left out. At most 35 days")
            .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
            .refuses(StatusCode::FORBIDDEN)
            .query("by", Type::String, "a row for `all` of it, each local `day` or `hour`, or each `interval` of 15 minutes; `all` if left out")
    };
    vec![
        period(Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/figures/queues",
            "queueFigures",
            "Volume, connect rate, waiting time, service level and handling time of queues",
            queues,
        ))
        .query("queue", Type::String, "one queue only")
        .answers::<schema::QueueFigures>(
            StatusCode::OK,
            "Rows with raw counters and figures; at most some seconds behind",
        )
        .refuses(StatusCode::BAD_REQUEST),
        period(Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/figures/agents",
            "agentFigures",
            "How agents spent their time",
            agents,
        ))
        .query("agent", Type::String, "one agent only")
        .answers::<schema::AgentFigures>(
            StatusCode::OK,
            "Milliseconds in each state; a state that lasts is counted up to the last quarter of an hour",
        )
        .refuses(StatusCode::BAD_REQUEST),
    ]
}

#[derive(Deserialize)]
struct Conditions {
    from: Option<String>,
    to: Option<String>,
    by: Option<Grain>,
    queue: Option<QueueId>,
    agent: Option<AgentId>,
}

struct Period {
    from: Timestamp,
    to: Timestamp,
    by: Grain,
}

impl Period {
    fn of(conditions: &Conditions, tenant: &Tenant) -> Result<Self, Problem> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(Timestamp::EPOCH, Timestamp::from);
        let to = conditions.to.as_ref().map_or(Ok(now), |text| time("to", text))?;
        let from = match &conditions.from {
            Some(text) => time("from", text)?,
            None => midnight(to, tenant.configuration.time_zone.offset_at(to)),
        };
        if to.since(from).as_secs() > LONGEST_DAYS * 86_400 {
            return Err(Problem::bad_request(
                format!("the period is longer than {LONGEST_DAYS} days"),
                "ask for a month at a time",
            ));
        }
        if from >= to {
            return Err(Problem::bad_request("the period ends before it begins", "give a `from` before `to`"));
        }
        Ok(Self { from: interval_of(from), to, by: conditions.by.unwrap_or_default() })
    }

    fn add_up<K: Ord + Clone, T: std::ops::AddAssign + Default>(
        &self,
        tenant: &Tenant,
        parts: impl IntoIterator<Item = (K, Timestamp, T)>,
    ) -> Vec<Row<K, T>> {
        let zone = &tenant.configuration.time_zone;
        rows(parts, (self.from, self.to), self.by, |at| zone.offset_at(at))
    }
}

#[derive(Serialize)]
pub(crate) struct Report<T> {
    from: String,
    to: String,
    by: Grain,
    /// What each figure means.
    definitions: &'static [Metric],
    items: Vec<T>,
}

impl<T> Report<T> {
    fn new(period: &Period, definitions: &'static [Metric], items: Vec<T>) -> Self {
        Self { from: period.from.to_string(), to: period.to.to_string(), by: period.by, definitions, items }
    }
}

#[derive(Serialize)]
pub(crate) struct QueueRow {
    queue: QueueId,
    start: String,
    end: String,
    counters: Counters,
    /// By the metric's id; `null` where there is nothing to divide by.
    figures: BTreeMap<&'static str, Option<f64>>,
}

async fn queues(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
    reason: Reason,
) -> Result<Json<Report<QueueRow>>, Problem> {
    let period = Period::of(&conditions, &tenant)?;
    let sealed = shared.host.queue_intervals(&tenant.id, period.from, period.to).await?;
    let intervals = shared.hand_out(&tenant, sealed, "api", reason).await?;
    let parts = intervals
        .into_iter()
        .filter(|part| conditions.queue.as_ref().is_none_or(|queue| *queue == part.queue))
        .map(|part| (part.queue, part.start, part.counters));
    let items = period.add_up(&tenant, parts).into_iter().map(|row| QueueRow {
        queue: row.of,
        start: row.start.to_string(),
        end: row.end.to_string(),
        figures: METRICS.iter().map(|metric| (metric.id, (metric.value)(&row.sum))).collect(),
        counters: row.sum,
    });
    Ok(Json(Report::new(&period, &METRICS, items.collect())))
}

#[derive(Serialize)]
pub(crate) struct AgentRow {
    agent: AgentId,
    start: String,
    end: String,
    time: AgentTime,
    /// Share of busy and ready time that was busy.
    occupancy: Option<f64>,
    /// Share of logged-in time that was busy.
    utilisation: Option<f64>,
}

async fn agents(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
    reason: Reason,
) -> Result<Json<Report<AgentRow>>, Problem> {
    let period = Period::of(&conditions, &tenant)?;
    let sealed = shared.host.agent_intervals(&tenant.id, period.from, period.to).await?;
    let intervals = shared.hand_out(&tenant, sealed, "api", reason).await?;
    let parts = intervals
        .into_iter()
        .filter(|part| conditions.agent.as_ref().is_none_or(|agent| *agent == part.agent))
        .map(|part| (part.agent, part.start, part.time));
    let items = period.add_up(&tenant, parts).into_iter().map(|row| AgentRow {
        agent: row.of,
        start: row.start.to_string(),
        end: row.end.to_string(),
        occupancy: row.sum.occupancy(),
        utilisation: row.sum.utilisation(),
        time: row.sum,
    });
    Ok(Json(Report::new(&period, &[], items.collect())))
}
