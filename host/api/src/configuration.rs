//! The tenant's configuration over the wire: secrets and lists of numbers go in and never come out, prompts are known by their hash.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use plugboard_model::{
    AgentId, Configuration, Dialling, Encryption, ExceptionFlow, Extension, FlowDocument, FlowId, Limits, Number,
    NumberTarget, Queue, QueueId, SkillId, TenantId, TimeZone, channel::Channel, compliance::Rule,
    connector::Connector,
};
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    Applied, ApplyError, Fault, Host, HostError, Problem, Upload,
    lists::Listed,
    request::{Asked, NewTenant, Sent, Tenant},
    route::Route,
    schema,
    server::Shared,
    trunk::Trunk,
};

pub(crate) fn routes() -> Vec<Route> {
    use axum::http::Method;
    const PATH: &str = "/v1/tenants/{tenant}/configuration";
    vec![
        Route::new(Method::GET, PATH, "readConfiguration", "The whole configuration, without secrets", read)
            .tag("configuration")
            .answers::<Tenancy>(StatusCode::OK, "The configuration; ETag is its revision"),
        writing(Route::new(Method::PUT, PATH, "applyConfiguration", "Make this the whole configuration", write))
            .takes::<Tenancy>()
            .answers::<schema::Applied>(StatusCode::OK, "What changed, or would change")
            .answers::<schema::Applied>(StatusCode::CREATED, "The tenant is new"),
    ]
}

/// What every change of the configuration has in common.
pub(crate) fn writing(route: Route) -> Route {
    route
        .tag("configuration")
        .query("dry_run", Type::Boolean, "say what would change, and change nothing")
        .header("If-Match", "the ETag that the change builds on; 412 if it is no longer the present one")
        .refuses(StatusCode::BAD_REQUEST)
        .refuses(StatusCode::CONFLICT)
        .refuses(StatusCode::PRECONDITION_FAILED)
        .refuses(StatusCode::UNPROCESSABLE_ENTITY)
}

/// A whole configuration as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Configuration)]
struct Tenancy {
    /// If given, it must be the tenant of the path.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Told, and ignored when sent: the revision to build on is in If-Match.
    #[serde(default)]
    revision: u64,
    name: String,
    #[serde(default)]
    domains: Vec<String>,
    /// BCP 47.
    #[serde(default = "english")]
    language: String,
    #[serde(default)]
    #[schema(value_type = schema::TimeZone)]
    time_zone: TimeZone,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::Queue>)]
    queues: BTreeMap<QueueId, Queue>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Agent>)]
    agents: BTreeMap<AgentId, Agent>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::NumberTarget>)]
    numbers: BTreeMap<Number, NumberTarget>,
    #[serde(default)]
    trunks: BTreeMap<String, Trunk>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::FlowDocument>)]
    flows: BTreeMap<FlowId, FlowDocument>,
    /// By name, `zh-CN/welcome` for one language; the file is sent by its hash.
    #[serde(default)]
    prompts: BTreeMap<String, Prompt>,
    /// Compliance rules by the tenant's names for them: each is asked before anything that it judges is done.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::Rule>)]
    rules: BTreeMap<Arc<str>, Rule>,
    /// By name; rules about dialling are told which hold a number. At most 200,000 numbers in 64 lists.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Listed>)]
    lists: BTreeMap<Arc<str>, Listed>,
    #[serde(default)]
    #[schema(value_type = schema::Dialling)]
    dialling: Dialling,
    #[serde(default)]
    #[schema(value_type = schema::Encryption)]
    encryption: Encryption,
    /// Ways into other systems, by the tenant's names for them; flows ask them by these.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::Connector>)]
    connectors: BTreeMap<Arc<str>, Arc<Connector>>,
    /// Ways to write with customers, by name.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::Channel>)]
    channels: BTreeMap<Arc<str>, Arc<Channel>>,
    #[serde(default)]
    #[schema(value_type = schema::Limits)]
    limits: Limits,
    #[serde(default)]
    #[schema(value_type = schema::ExceptionFlow)]
    exception: ExceptionFlow,
}

fn english() -> String {
    "en".to_owned()
}

/// An agent as clients see one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    name: String,
    #[schema(value_type = String)]
    extension: Extension,
    /// Never told. Left out: the present one stays.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    password: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    queues: Vec<QueueId>,
    /// Level per skill, 1 to 10.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, u8>)]
    skills: BTreeMap<SkillId, u8>,
    #[serde(default)]
    ready_on_register: bool,
}

impl From<&plugboard_model::Agent> for Agent {
    fn from(agent: &plugboard_model::Agent) -> Self {
        Self {
            name: agent.name.clone(),
            extension: agent.extension.clone(),
            password: None,
            queues: agent.queues.clone(),
            skills: agent.skills.clone(),
            ready_on_register: agent.ready_on_register,
        }
    }
}

impl Agent {
    /// With the secret of the agent of that id, if none is sent.
    pub(crate) fn complete(self, id: &AgentId, present: &Configuration) -> Result<plugboard_model::Agent, Fault> {
        let kept = || present.agents.get(id).map(|agent| agent.password.clone());
        let password = self.password.or_else(kept).ok_or_else(|| Fault {
            field: Some(format!("agents.{id}.password")),
            code: "password-missing".to_owned(),
            message: format!("agent {id} is new and has no password"),
            remedy: "give the secret of the agent's SIP account as `password`".to_owned(),
            ..Fault::default()
        })?;
        Ok(plugboard_model::Agent {
            name: self.name,
            extension: self.extension,
            password,
            queues: self.queues,
            skills: self.skills,
            ready_on_register: self.ready_on_register,
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Prompt {
    sha256: String,
}

impl From<&Configuration> for Tenancy {
    fn from(configuration: &Configuration) -> Self {
        let Configuration {
            tenant,
            name,
            revision,
            domains,
            language,
            time_zone,
            queues,
            agents,
            numbers,
            trunks,
            flows,
            prompts,
            rules,
            lists,
            dialling,
            encryption,
            connectors,
            channels,
            limits,
            exception,
            brought: _,
        } = configuration.clone();
        let prompt = |(name, prompt): (String, plugboard_model::Prompt)| (name, Prompt { sha256: prompt.sha256 });
        Self {
            tenant: Some(tenant),
            revision,
            name,
            domains,
            language,
            time_zone,
            queues,
            agents: agents.iter().map(|(id, agent)| (id.clone(), agent.into())).collect(),
            numbers,
            trunks: trunks.iter().map(|(id, trunk)| (id.clone(), trunk.into())).collect(),
            flows,
            prompts: prompts.into_iter().map(prompt).collect(),
            rules,
            lists: lists.iter().map(|(name, list)| (Arc::clone(name), list.into())).collect(),
            dialling,
            encryption,
            connectors,
            channels,
            limits,
            exception,
        }
    }
}

impl Tenancy {
    /// The whole configuration, with the secrets and prompt files that `present` already has.
    fn complete(self, present: &Configuration) -> Result<Configuration, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(tenant) = self.tenant.filter(|tenant| *tenant != present.tenant) {
            faults.push(Fault {
                field: Some("tenant".to_owned()),
                code: "other-tenant".to_owned(),
                message: format!("this is the configuration of tenant {tenant}"),
                remedy: format!("send it to /v1/tenants/{tenant}/configuration, or take `tenant` out"),
                ..Fault::default()
            });
        }
        let mut agents = BTreeMap::new();
        for (id, agent) in self.agents {
            match agent.complete(&id, present) {
                Ok(agent) => drop(agents.insert(id, agent)),
                Err(fault) => faults.push(fault),
            }
        }
        let mut lists = BTreeMap::new();
        for (name, list) in self.lists {
            match list.complete(&name, present) {
                Ok(list) => drop(lists.insert(name, list)),
                Err(fault) => faults.push(fault),
            }
        }
        let trunk = |(id, trunk): (String, Trunk)| {
            let complete = trunk.complete(&id, present);
            (id, complete)
        };
        let prompt = |(name, Prompt { sha256 }): (String, Prompt)| {
            let kept = present.prompts.get(&name).filter(|prompt| prompt.sha256 == sha256);
            // The host finds the file and its length.
            let new = || plugboard_model::Prompt {
                path: Arc::from(Path::new("")),
                sha256,
                length: plugboard_model::Prompt::LONGEST,
            };
            (name, kept.cloned().unwrap_or_else(new))
        };
        let complete = Configuration {
            tenant: present.tenant.clone(),
            name: self.name,
            revision: present.revision,
            domains: self.domains,
            language: self.language,
            time_zone: self.time_zone,
            queues: self.queues,
            agents,
            numbers: self.numbers,
            trunks: self.trunks.into_iter().map(trunk).collect(),
            flows: self.flows,
            prompts: self.prompts.into_iter().map(prompt).collect(),
            rules: self.rules,
            lists,
            dialling: self.dialling,
            encryption: self.encryption,
            connectors: self.connectors,
            channels: self.channels,
            limits: self.limits,
            exception: self.exception,
            brought: present.brought.clone(),
        };
        if faults.is_empty() { Ok(complete) } else { Err(faults) }
    }
}

async fn read(tenant: Tenant) -> Response {
    with_revision(tenant.configuration.revision, Json(Tenancy::from(&*tenant.configuration)))
}

async fn write(
    State(shared): State<Arc<Shared>>,
    NewTenant(tenant, known): NewTenant,
    Asked(how): Asked<How>,
    headers: HeaderMap,
    Sent(wanted): Sent<Tenancy>,
) -> Result<Response, Problem> {
    let applied = change(&shared, &tenant, &how, &headers, |present| wanted.clone().complete(present)).await?;
    Ok(answer(!known && !how.dry_run, &applied))
}

/// How to change the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct How {
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Reads, edits and applies. Without If-Match an edit is repeated on top of whoever was faster, so that two people who change two queues both get through; with it the
/// second one is told (412).
pub(crate) async fn change(
    shared: &Shared,
    tenant: &Tenant,
    how: &How,
    headers: &HeaderMap,
    edit: impl Fn(&Configuration) -> Result<Configuration, Vec<Fault>>,
) -> Result<Applied, Problem> {
    const TRIES: u32 = 5;
    let promised = if_match(headers)?;
    let mut present = tenant.configuration.clone();
    for _ in 0..TRIES {
        if promised.is_some_and(|promised| promised != present.revision) {
            return Err(Problem::stale(format!("the configuration is at revision {}", present.revision)));
        }
        let configuration = edit(&present).map_err(Problem::invalid)?;
        let upload = Upload {
            configuration,
            expected_revision: Some(present.revision),
            dry_run: how.dry_run,
            by: tenant.caller.name.clone(),
        };
        match apply(&shared.host, &tenant.id, upload).await? {
            Ok(applied) => return Ok(applied),
            Err(ApplyError::Conflict { .. }) => {
                let newer = shared.host.configuration(&tenant.id);
                present =
                    newer.ok_or_else(|| Problem::not_found("the tenant is gone", "list them with GET /v1/tenants"))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("contended", "others keep changing the configuration", "try again"))
}

/// In a task of its own, to its end: a client that goes away or a request that takes too long drops the wait, and not a change half way between disk and exchange.
async fn apply(
    host: &Arc<dyn Host>,
    tenant: &TenantId,
    upload: Upload,
) -> Result<Result<Applied, ApplyError>, Problem> {
    let (host, tenant) = (Arc::clone(host), tenant.clone());
    match tokio::spawn(async move { host.apply(&tenant, upload).await }).await {
        Ok(applied) => Ok(applied),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the whole process cancels it.
            Err(_) => Err(HostError::Stopping.into()),
        },
    }
}

/// 201 or 200, with what changed.
pub(crate) fn answer(created: bool, applied: &Applied) -> Response {
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    (status, with_revision(applied.revision, Json(applied))).into_response()
}

/// `body` with the configuration's revision as its ETag.
pub(crate) fn with_revision(revision: u64, body: impl IntoResponse) -> Response {
    let etag = HeaderValue::try_from(format!("\"{revision}\"")).expect("digits in quotes are a header value");
    ([(header::ETAG, etag)], body).into_response()
}

/// The revision that the client builds on; `None`: whatever holds (no header, or `*`).
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    revision.map(Some).ok_or_else(|| {
        Problem::bad_request(
            format!("If-Match is {text:?}, no ETag of a configuration"),
            "send the ETag that GET gave, quotes included",
        )
    })
}
