//! What is said in a live call, handed in by whoever recognises speech: rules of the tenant listen to it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_exchange::Command;
use plugboard_model::{InteractionId, compliance::Segment};

use crate::{
    Problem,
    request::{Id, Sent, Tenant},
    route::{AT_WORK, Route},
    schema,
    server::Shared,
};

pub(crate) fn routes() -> Vec<Route> {
    let route = Route::new(
        Method::POST,
        "/v1/tenants/{tenant}/calls/{id}/utterances",
        "addUtterance",
        "Hand in what was said, one utterance after the other: alerts of rules that listen are events",
        add,
    );
    vec![
        route
            .tag("calls")
            .may(AT_WORK)
            .takes::<schema::Utterance>()
            .refuses(StatusCode::CONFLICT)
            .answers_nothing(StatusCode::NO_CONTENT, "It is kept, with stars for what rules mask"),
    ]
}

async fn add(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(interaction): Id<InteractionId>,
    Sent(segment): Sent<Segment>,
) -> Result<StatusCode, Problem> {
    let command = Command::Utter { interaction, segment: Box::new(segment) };
    shared.host.command(&tenant.id, &tenant.caller.name, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
