//! Queues, agents, numbers, trunks and flows, one by one: each change is a whole configuration with one entry replaced.

use std::{collections::BTreeMap, fmt::Display, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use plugboard_model::{AgentId, Configuration, FlowDocument, FlowId, Number, NumberTarget, Queue, QueueId};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    ChangeKind, Cursor, Fault, Page, Problem,
    configuration::{Agent, How, answer, change, with_revision, writing},
    request::{Asked, FromPath, Id, Paging, Sent, Tenant},
    route::Route,
    schema,
    server::Shared,
    trunk::Trunk,
};

/// One kind of entry in a configuration.
trait Resource: Sized + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    type Id: FromPath + Ord + Display + Clone + Send + Sync + 'static;
    /// How it is written in OpenAPI.
    type Schema: ToSchema;
    type Stored: 'static;
    /// `queues`
    const COLLECTION: &'static str;
    /// `Queue`
    const NOUN: &'static str;

    fn all(configuration: &Configuration) -> &BTreeMap<Self::Id, Self::Stored>;
    fn all_mut(configuration: &mut Configuration) -> &mut BTreeMap<Self::Id, Self::Stored>;
    fn shown(stored: &Self::Stored) -> Self;
    fn complete(self, id: &Self::Id, present: &Configuration) -> Result<Self::Stored, Fault>;
}

/// A resource whose wire form is the model's own.
macro_rules! plain {
    ($model:ident, $id:ty, $field:ident, $collection:literal, $noun:literal) => {
        impl Resource for $model {
            type Id = $id;
            type Schema = schema::$model;
            type Stored = Self;
            const COLLECTION: &'static str = $collection;
            const NOUN: &'static str = $noun;

            fn all(configuration: &Configuration) -> &BTreeMap<$id, Self> {
                &configuration.$field
            }
            fn all_mut(configuration: &mut Configuration) -> &mut BTreeMap<$id, Self> {
                &mut configuration.$field
            }
            fn shown(stored: &Self) -> Self {
                stored.clone()
            }
            fn complete(self, _: &$id, _: &Configuration) -> Result<Self, Fault> {
                Ok(self)
            }
        }
    };
}

plain!(Queue, QueueId, queues, "queues", "Queue");
plain!(NumberTarget, Number, numbers, "numbers", "Number");
plain!(FlowDocument, FlowId, flows, "flows", "Flow");

impl Resource for Agent {
    type Id = AgentId;
    type Schema = Self;
    type Stored = plugboard_model::Agent;
    const COLLECTION: &'static str = "agents";
    const NOUN: &'static str = "Agent";

    fn all(configuration: &Configuration) -> &BTreeMap<AgentId, plugboard_model::Agent> {
        &configuration.agents
    }
    fn all_mut(configuration: &mut Configuration) -> &mut BTreeMap<AgentId, plugboard_model::Agent> {
        &mut configuration.agents
    }
    fn shown(stored: &plugboard_model::Agent) -> Self {
        stored.into()
    }
    fn complete(self, id: &AgentId, present: &Configuration) -> Result<plugboard_model::Agent, Fault> {
        Self::complete(self, id, present)
    }
}

impl Resource for Trunk {
    type Id = String;
    type Schema = Self;
    type Stored = plugboard_model::Trunk;
    const COLLECTION: &'static str = "trunks";
    const NOUN: &'static str = "Trunk";

    fn all(configuration: &Configuration) -> &BTreeMap<String, plugboard_model::Trunk> {
        &configuration.trunks
    }
    fn all_mut(configuration: &mut Configuration) -> &mut BTreeMap<String, plugboard_model::Trunk> {
        &mut configuration.trunks
    }
    fn shown(stored: &plugboard_model::Trunk) -> Self {
        stored.into()
    }
    fn complete(self, id: &String, present: &Configuration) -> Result<plugboard_model::Trunk, Fault> {
        Ok(Self::complete(self, id, present))
    }
}

/// An entry of a list: the resource, and its id beside its fields.
#[derive(Serialize)]
struct Listed<T> {
    id: String,
    #[serde(flatten)]
    resource: T,
}

#[derive(ToSchema)]
#[schema(as = ResourcePage)]
#[allow(dead_code, reason = "read by the derive macro only")]
struct ListedPage {
    /// Each with its `id` beside its fields.
    items: Vec<serde_json::Map<String, serde_json::Value>>,
    next: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = routes_of::<Queue>();
    routes.extend(routes_of::<Agent>());
    routes.extend(routes_of::<NumberTarget>());
    routes.extend(routes_of::<Trunk>());
    routes.extend(routes_of::<FlowDocument>());
    routes
}

fn routes_of<R: Resource>() -> Vec<Route> {
    let all = format!("/v1/tenants/{{tenant}}/{}", R::COLLECTION);
    let one = format!("{all}/{{id}}");
    let (noun, word) = (R::NOUN, R::NOUN.to_lowercase());
    let row =
        |method, path: &str, verb: &str, summary: String| (method, path.to_owned(), format!("{verb}{noun}"), summary);
    let (method, path, operation, summary) = row(Method::GET, &all, "list", format!("Every {word}, by id"));
    let list = Route::new(method, path, &format!("{operation}s"), &summary, list::<R>)
        .tag("configuration")
        .paged()
        .answers::<ListedPage>(StatusCode::OK, "A page");
    let (method, path, operation, summary) = row(Method::GET, &one, "read", format!("One {word}, without secrets"));
    let read = Route::new(method, path, &operation, &summary, read::<R>)
        .tag("configuration")
        .answers::<R::Schema>(StatusCode::OK, "As it is; ETag is the configuration's revision");
    let (method, path, operation, summary) = row(Method::PUT, &one, "put", format!("Add or replace one {word}"));
    let put = writing(Route::new(method, path, &operation, &summary, put::<R>))
        .takes::<R::Schema>()
        .answers::<schema::Applied>(StatusCode::OK, "Replaced, or the same as before")
        .answers::<schema::Applied>(StatusCode::CREATED, "Added");
    let (method, path, operation, summary) = row(Method::DELETE, &one, "delete", format!("Take one {word} out"));
    let delete = writing(Route::new(method, path, &operation, &summary, delete::<R>))
        .answers::<schema::Applied>(StatusCode::OK, "Taken out");
    vec![list, read, put, delete]
}

async fn list<R: Resource>(tenant: Tenant, Asked(paging): Asked<Paging>) -> Result<Response, Problem> {
    let limit = paging.limit()?;
    let after = match &paging.cursor {
        None => None,
        Some(text) => Some(R::Id::from_path(text).ok_or_else(|| Problem::from(crate::HostError::BadCursor))?),
    };
    let all = R::all(&tenant.configuration).iter();
    let mut rest = all.skip_while(|(id, _)| after.as_ref().is_some_and(|after| *id <= after)).peekable();
    let mut items = Vec::new();
    while items.len() < limit
        && let Some((id, stored)) = rest.next()
    {
        items.push(Listed { id: id.to_string(), resource: R::shown(stored) });
    }
    let next = rest.peek().and_then(|_| items.last()).map(|last| Cursor(last.id.clone()));
    Ok(with_revision(tenant.configuration.revision, Json(Page { items, next })))
}

async fn read<R: Resource>(tenant: Tenant, Id(id): Id<R::Id>) -> Result<Response, Problem> {
    let stored = R::all(&tenant.configuration).get(&id).ok_or_else(|| unknown::<R>(&id))?;
    Ok(with_revision(tenant.configuration.revision, Json(R::shown(stored))))
}

async fn put<R: Resource>(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(id): Id<R::Id>,
    Asked(how): Asked<How>,
    headers: HeaderMap,
    Sent(resource): Sent<R>,
) -> Result<Response, Problem> {
    let applied = change(&shared, &tenant, &how, &headers, |present| {
        let stored = resource.clone().complete(&id, present).map_err(|fault| vec![fault])?;
        let mut edited = present.clone();
        R::all_mut(&mut edited).insert(id.clone(), stored);
        Ok(edited)
    })
    .await?;
    let added = matches!(applied.changes.as_slice(), [only] if only.change == ChangeKind::Added);
    Ok(answer(added && !how.dry_run, &applied))
}

async fn delete<R: Resource>(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(id): Id<R::Id>,
    Asked(how): Asked<How>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !R::all(&tenant.configuration).contains_key(&id) {
        return Err(unknown::<R>(&id));
    }
    let applied = change(&shared, &tenant, &how, &headers, |present| {
        let mut edited = present.clone();
        R::all_mut(&mut edited).remove(&id);
        Ok(edited)
    })
    .await?;
    Ok(answer(false, &applied))
}

fn unknown<R: Resource>(id: &R::Id) -> Problem {
    Problem::not_found(
        format!("no {} {id}", R::NOUN.to_lowercase()),
        &format!("list them with GET …/{}", R::COLLECTION),
    )
}
