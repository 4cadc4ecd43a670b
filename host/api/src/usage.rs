//! What plugins used, by tenant, version and day: sums on disk, for bills and for whoever asks where the processor went.

use std::{collections::BTreeMap, ops::AddAssign, sync::Arc, time::SystemTime};

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    Problem,
    request::{Asked, Tenant},
    route::Route,
    server::Shared,
};

/// Days of one question, and how long sums are kept.
const LONGEST_DAYS: u64 = 400;
/// Of the period where none is named.
const USUAL_DAYS: u64 = 30;
const DAY_S: u64 = 86_400;

pub(crate) fn routes() -> Vec<Route> {
    let route = Route::new(
        Method::GET,
        "/v1/tenants/{tenant}/usage",
        "readUsage",
        "What each version of a plugin was asked by the tenant and what it used: questions, failures, CPU time, instructions and requests to other systems. \
         Sums on disk, at most ten seconds behind, kept for 400 days",
        usage,
    );
    vec![
        route
            .tag("packs")
            .query("from", Type::String, "first day (UTC), as 2026-11-01; 30 days before the last if left out")
            .query("to", Type::String, "last day, itself included; today if left out. At most 400 days")
            .query("by", Type::String, "a row for `all` of the period or each `day`; `all` if left out")
            .refuses(StatusCode::BAD_REQUEST)
            .answers::<UsageReport>(StatusCode::OK, "Only versions that were asked in the period"),
    ]
}

/// What a version of a plugin used. Only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Used {
    /// Those included that failed or were not asked.
    pub questions: u64,
    /// Asked without an answer: it trapped, ran over its deadline, answered badly or gave none.
    pub failures: u64,
    /// Put to nobody, because too much was asked or because the plugin was let be.
    pub not_asked: u64,
    /// CPU time of its instances.
    pub cpu_us: u64,
    /// Instructions, of the questions for which the host counted them.
    pub fuel: Option<u64>,
    /// Requests to other systems.
    pub http_calls: u64,
}

impl AddAssign for Used {
    fn add_assign(&mut self, more: Self) {
        self.questions += more.questions;
        self.failures += more.failures;
        self.not_asked += more.not_asked;
        self.cpu_us += more.cpu_us;
        if let Some(more) = more.fuel {
            *self.fuel.get_or_insert(0) += more;
        }
        self.http_calls += more.http_calls;
    }
}

/// A version of a plugin on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUsage {
    /// UTC: `2026-11-23`.
    pub day: String,
    /// As configuration named it: `acme.crm/lookup`.
    pub plugin: String,
    /// The first 16 hex digits of the component's SHA-256.
    pub version: String,
    /// `flow-plugin`.
    pub world: String,
    #[serde(flatten)]
    pub used: Used,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct UsageReport {
    from: String,
    to: String,
    items: Vec<UsageRow>,
}

/// A version of a plugin in some days.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct UsageRow {
    /// The first of them (UTC).
    from: String,
    /// The last of them, itself included.
    to: String,
    /// As configuration named it: `acme.crm/lookup`.
    plugin: String,
    /// The first 16 hex digits of the component's SHA-256.
    version: String,
    /// `flow-plugin`.
    world: String,
    #[serde(flatten)]
    used: Used,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    by: By,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    #[default]
    All,
    Day,
}

async fn usage(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(Wanted { from, to, by }): Asked<Wanted>,
) -> Result<Json<UsageReport>, Problem> {
    let today = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(Timestamp::EPOCH, Timestamp::from);
    let last = to.map_or_else(|| Ok(midnight(today())), |text| day("to", &text))?;
    let before = |days| Timestamp::from_secs(last.since_epoch().as_secs().saturating_sub(days * DAY_S));
    let first = from.map_or_else(|| Ok(before(USUAL_DAYS - 1)), |text| day("from", &text))?;
    if first > last {
        return Err(Problem::bad_request("the period ends before it begins", "give a `from` before `to`"));
    }
    if first <= before(LONGEST_DAYS) {
        return Err(Problem::bad_request(
            format!("the period is longer than {LONGEST_DAYS} days"),
            "ask for a month at a time",
        ));
    }
    let (from, to) = (written(first), written(last));
    let days = shared.host.usage(&tenant.id, from.clone(), to.clone()).await?;
    Ok(Json(UsageReport { items: rows(days, by, (&from, &to)), from, to }))
}

/// By first day, then by plugin.
fn rows(days: Vec<DayUsage>, by: By, (first, last): (&str, &str)) -> Vec<UsageRow> {
    let mut sums: BTreeMap<[String; 5], Used> = BTreeMap::new();
    for DayUsage { day, plugin, version, world, used } in days {
        let (from, to) = match by {
            By::All => (first.to_owned(), last.to_owned()),
            By::Day => (day.clone(), day),
        };
        *sums.entry([from, to, plugin, version, world]).or_default() += used;
    }
    let row = |([from, to, plugin, version, world], used): ([String; 5], Used)| UsageRow {
        from,
        to,
        plugin,
        version,
        world,
        used,
    };
    sums.into_iter().map(row).collect()
}

fn day(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let at = Timestamp::from_rfc3339(&format!("{text}T00:00:00Z")).filter(|_| text.len() == "2026-11-01".len());
    at.ok_or_else(|| Problem::bad_request(format!("`{name}` is {text:?}, no day"), "write it as 2026-11-01"))
}

fn midnight(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.since_epoch().as_secs() / DAY_S * DAY_S)
}

/// `2026-11-01`.
fn written(day: Timestamp) -> String {
    day.to_string().chars().take("2026-11-01".len()).collect()
}
