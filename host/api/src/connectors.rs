//! Connectors to other systems: how they fare, and what could not be told to them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Cursor, HostError, Problem,
    problem::language_of,
    request::{Asked, FromPath, Id, Paging, Sent, Tenant},
    route::Route,
    server::Shared,
};

/// One connector as clients see it. Counts begin with the process, or with the last change of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectorView {
    pub name: String,
    /// The component's name.
    pub plugin: String,
    pub state: CircuitState,
    /// It failed at least three times in a minute, half of the time or more, and was not well since: the alarm `connector-failing` stands.
    pub failing: bool,
    /// Why it cannot be asked.
    #[schema(required = true)]
    pub problem: Option<String>,
    /// It is not asked before then, because it failed too often (RFC 3339).
    #[schema(required = true)]
    pub let_be_until: Option<String>,
    /// Calls by outcome: `ok`, `not-found`, `unreachable`, `timed-out`, …
    pub outcomes: BTreeMap<String, u64>,
    /// Calls of the last minute.
    pub asked_last_minute: u64,
    /// Those of them that failed.
    pub failed_last_minute: u64,
    /// Half of the calls took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer.
    pub p99_ms: u64,
    /// The last call that failed.
    #[schema(required = true)]
    pub last_failure: Option<ConnectorFailed>,
    /// What the other system is to be told; `null`: nobody has looked yet, or it is not ready.
    #[schema(required = true)]
    pub letters: Option<ConnectorLetters>,
}

/// Why a connector could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectorFailed {
    /// RFC 3339.
    pub at: String,
    /// `unreachable: the other system answered 503`; long numbers are masked.
    pub why: String,
}

/// Letters to another system, one for each event that it is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectorLetters {
    /// Counted up to 2,000.
    pub waiting: u64,
    /// When what the oldest of them tells of happened (RFC 3339).
    #[schema(required = true)]
    pub oldest_at: Option<String>,
    /// Tried no more: `GET …/dead-letters`.
    pub dead: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CircuitState {
    /// It is asked.
    Closed,
    /// It failed too often and is let be for a while.
    Open,
    NotReady,
}

/// Something that another system was not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// What the other system would have known it by.
    pub id: String,
    /// `interaction-ended`, `disposition-set`.
    pub kind: String,
    #[schema(required = true)]
    pub interaction: Option<String>,
    /// When it happened (RFC 3339).
    pub at: String,
    pub attempts: u32,
    pub failure: String,
}

/// A page of them, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetters {
    pub items: Vec<DeadLetter>,
    #[schema(value_type = Option<String>, required = true)]
    pub next: Option<Cursor>,
}

/// Why dead letters cannot be read or sent again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LettersRefused {
    #[error("there is no connector {0}")]
    NoSuchConnector(String),
    #[error("there is no dead letter {0}")]
    NoSuchLetter(String),
    #[error(transparent)]
    Host(#[from] HostError),
}

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str = "/v1/tenants/{tenant}/connectors";
    const DEAD: &str = "/v1/tenants/{tenant}/connectors/{id}/dead-letters";
    let again = "/v1/tenants/{tenant}/connectors/{id}/retry";
    let routes = vec![
        Route::new(Method::GET, ALL, "listConnectors", "The tenant's connectors and how they fare", list)
            .answers::<Connectors>(StatusCode::OK, "All of them"),
        Route::new(Method::GET, DEAD, "listDeadLetters", "What the other system could not be told, oldest first", dead)
            .paged()
            .answers::<DeadLetters>(StatusCode::OK, "A page"),
        Route::new(Method::POST, again, "retryDeadLetters", "Tell the other system again", retry)
            .takes::<Which>()
            .answers::<Again>(StatusCode::OK, "They wait to be told"),
    ];
    routes.into_iter().map(|route| route.tag("connectors")).collect()
}

#[derive(Serialize, ToSchema)]
struct Connectors {
    items: Vec<ConnectorView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// One letter; all of the connector's if left out.
    #[serde(default)]
    letter: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Again {
    /// Letters that wait to be told again.
    count: u64,
}

/// A connector's name as it stands in a path: whether there is such a connector, the host knows.
struct Name(String);

impl FromPath for Name {
    const NOUN: &'static str = "a connector";
    fn from_path(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    headers: HeaderMap,
) -> Result<Json<Connectors>, Problem> {
    let (mut items, language) = (shared.host.connectors(&tenant.id), language_of(&headers));
    let reasons = |view: &mut ConnectorView| {
        let failed = view.last_failure.as_mut().map(|last| &mut last.why);
        failed.into_iter().chain(&mut view.problem).for_each(|why| *why = language.say(why).into_owned());
    };
    items.iter_mut().for_each(reasons);
    Ok(Json(Connectors { items }))
}

#[derive(Deserialize)]
struct Part {
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn dead(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(Name(name)): Id<Name>,
    Asked(Part { cursor, limit }): Asked<Part>,
) -> Result<Json<DeadLetters>, Problem> {
    let paging = Paging { cursor, limit };
    let limit = paging.limit()?;
    Ok(Json(shared.host.dead_letters(&tenant.id, &name, paging.cursor(), limit).await?))
}

async fn retry(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(Name(name)): Id<Name>,
    Sent(Which { letter }): Sent<Which>,
) -> Result<Json<Again>, Problem> {
    let count = shared.host.retry_letters(&tenant.id, &name, letter).await?;
    Ok(Json(Again { count }))
}

impl From<LettersRefused> for Problem {
    fn from(error: LettersRefused) -> Self {
        let detail = error.to_string();
        match error {
            LettersRefused::NoSuchConnector(_) => Self::not_found(detail, "list them with GET …/connectors"),
            LettersRefused::NoSuchLetter(_) => Self::not_found(detail, "list them with GET …/dead-letters"),
            LettersRefused::Host(error) => error.into(),
        }
    }
}
