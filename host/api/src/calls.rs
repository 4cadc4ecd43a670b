//! Call control.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use plugboard_call::{Command, Target};
use plugboard_exchange::{Command as Ask, CommandError, Reply};
use plugboard_model::{AgentId, Configuration, InteractionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Cursor, HostError, Page, Problem,
    request::{Asked, FromPath, Id, Paging, Sent, Tenant, bounded},
    route::{AT_WORK, Route},
    schema,
    server::Shared,
};

/// Most bytes of a name or code, and of a note.
pub(crate) const MOST_WORD: usize = 256;
const MOST_NOTE: usize = 4_096;

const CALLS: &str = "/v1/tenants/{tenant}/calls";

pub(crate) fn routes() -> Vec<Route> {
    let control = |verb: &str, operation: &str, summary: &str, command: Command| {
        let handler = move |State(shared): State<Arc<Shared>>, tenant: Tenant, Id(call): Id<InteractionId>| {
            let command = command.clone();
            async move { ask(&shared, &tenant, call, command).await }
        };
        controls(Route::new(Method::POST, format!("{CALLS}/{{id}}/{verb}"), operation, summary, handler))
    };
    vec![
        Route::new(Method::GET, CALLS, "listCalls", "Live calls, oldest first", list)
            .tag("calls")
            .paged()
            .answers::<schema::CallPage>(StatusCode::OK, "A page"),
        Route::new(Method::GET, format!("{CALLS}/{{id}}"), "readCall", "One live call", read)
            .tag("calls")
            .answers::<schema::Call>(StatusCode::OK, "The call"),
        Route::new(Method::POST, CALLS, "originateCall", "Ring an agent's phone, then the target", originate)
            .tag("calls")
            .may(AT_WORK)
            .takes::<Origination>()
            .refuses(StatusCode::FORBIDDEN)
            .refuses(StatusCode::CONFLICT)
            .answers::<Started>(StatusCode::CREATED, "It rings"),
        control("answer", "answerCall", "Pick up a call that nobody has answered", Command::Answer),
        control("hang-up", "hangUpCall", "End the call, in whatever state it is", Command::HangUp),
        control("hold", "holdCall", "Let the caller hear music", Command::Hold),
        control("resume", "resumeCall", "Take the caller back from hold", Command::Resume),
        control(
            "complete-transfer",
            "completeTransfer",
            "Join the caller and the consulted party",
            Command::CompleteTransfer,
        ),
        control("cancel-consult", "cancelConsult", "Go back to the caller", Command::CancelConsult),
        control("recording/pause", "pauseRecording", "Leave out what is said now", Command::PauseRecording),
        control("recording/resume", "resumeRecording", "Record again", Command::ResumeRecording),
        controls(Route::new(
            Method::POST,
            format!("{CALLS}/{{id}}/transfer"),
            "transferCall",
            "Send the caller on and leave",
            transfer,
        ))
        .takes::<Towards>(),
        controls(Route::new(
            Method::POST,
            format!("{CALLS}/{{id}}/consult"),
            "consult",
            "Call somebody while the caller hears music",
            consult,
        ))
        .takes::<Towards>(),
        controls(Route::new(
            Method::POST,
            format!("{CALLS}/{{id}}/disposition"),
            "disposeCall",
            "Say what came of the call, also when it is over",
            dispose,
        ))
        .takes::<Disposition>(),
        controls(Route::new(
            Method::POST,
            format!("{CALLS}/{{id}}/tags"),
            "tagCall",
            "Note something on the call",
            tag,
        ))
        .takes::<Tag>(),
    ]
}

fn controls(route: Route) -> Route {
    route
        .tag("calls")
        .may(AT_WORK)
        .refuses(StatusCode::FORBIDDEN)
        .refuses(StatusCode::CONFLICT)
        .refuses(StatusCode::UNPROCESSABLE_ENTITY)
        .answers_nothing(StatusCode::NO_CONTENT, "Done")
}

async fn ask(
    shared: &Shared,
    tenant: &Tenant,
    interaction: InteractionId,
    command: Command,
) -> Result<StatusCode, Problem> {
    shared.command(tenant, Ask::Call { interaction, command }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Problem> {
    let limit = paging.limit()?;
    let after = match &paging.cursor {
        None => InteractionId(0),
        Some(text) => InteractionId::from_path(text).ok_or(HostError::BadCursor)?,
    };
    let snapshot = shared.snapshot(&tenant.id).await?;
    let mut calls: Vec<_> = snapshot.calls.iter().filter(|call| call.interaction > after).collect();
    calls.sort_by_key(|call| call.interaction);
    let more = calls.len() > limit;
    let items: Vec<_> = calls.into_iter().take(limit).cloned().collect();
    let next = items.last().filter(|_| more).map(|last| Cursor(last.interaction.0.to_string()));
    tenant.shows(&Page { items, next })
}

async fn read(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(call): Id<InteractionId>,
) -> Result<Response, Problem> {
    let snapshot = shared.snapshot(&tenant.id).await?;
    let found = snapshot.calls.iter().find(|live| live.interaction == call);
    tenant.shows(found.ok_or(CommandError::NoSuchInteraction(call))?)
}

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Towards {
    /// A number or extension as dialled, the name of an agent or queue, or plainly `queue:sales`, `agent:amy`, `flow:main`.
    to: String,
}

async fn transfer(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(call): Id<InteractionId>,
    Sent(towards): Sent<Towards>,
) -> Result<StatusCode, Problem> {
    let to = target(&towards.to, &tenant.configuration)?;
    ask(&shared, &tenant, call, Command::Transfer { to }).await
}

async fn consult(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(call): Id<InteractionId>,
    Sent(towards): Sent<Towards>,
) -> Result<StatusCode, Problem> {
    let to = target(&towards.to, &tenant.configuration)?;
    ask(&shared, &tenant, call, Command::Consult { to }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Disposition {
    /// Whose wrap-up this is; the only agent of the call if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// A word of the tenant, at most 256 bytes.
    code: String,
    /// At most 4,096 bytes.
    #[serde(default)]
    note: String,
}

async fn dispose(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(call): Id<InteractionId>,
    Sent(Disposition { agent, code, note }): Sent<Disposition>,
) -> Result<StatusCode, Problem> {
    let (code, note) = (bounded("code", code, MOST_WORD)?, bounded("note", note, MOST_NOTE)?);
    ask(&shared, &tenant, call, Command::Dispose { agent, code, note }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tag {
    /// At most 256 bytes.
    name: String,
    /// At most 4,096 bytes.
    value: String,
}

async fn tag(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(call): Id<InteractionId>,
    Sent(Tag { name, value }): Sent<Tag>,
) -> Result<StatusCode, Problem> {
    let (name, value) = (bounded("name", name, MOST_WORD)?, bounded("value", value, MOST_NOTE)?);
    ask(&shared, &tenant, call, Command::Tag { name, value }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Origination {
    #[schema(value_type = String)]
    agent: AgentId,
    /// As in a transfer.
    to: String,
}

#[derive(Serialize, ToSchema)]
struct Started {
    #[schema(value_type = u64)]
    interaction: InteractionId,
}

async fn originate(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Sent(Origination { agent, to }): Sent<Origination>,
) -> Result<Response, Problem> {
    let to = target(&to, &tenant.configuration)?;
    let Reply::Started(interaction) = shared.command(&tenant, Ask::Originate { agent, to }).await? else {
        tracing::error!("the exchange answered an origination with something else");
        return Err(Problem::unavailable("no-interaction", "the exchange named no interaction", 1));
    };
    let location = format!("/v1/tenants/{}/calls/{}", percent_encoded(tenant.id.as_str()), interaction.0);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Started { interaction })).into_response())
}

/// Names may be of any script; a header may not.
fn percent_encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn target(text: &str, configuration: &Configuration) -> Result<Target, Problem> {
    let named = match text.split_once(':') {
        Some(("queue", name)) => configuration.queues.get_key_value(name).map(|(id, _)| Target::Queue(id.clone())),
        Some(("agent", name)) => configuration.agents.get_key_value(name).map(|(id, _)| Target::Agent(id.clone())),
        Some(("flow", name)) => configuration.flows.get_key_value(name).map(|(id, _)| Target::Flow(id.clone())),
        _ => Target::from_dialled(text, configuration),
    };
    named.ok_or_else(|| CommandError::BadTarget.into())
}
