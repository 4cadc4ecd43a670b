//! Sound files, sent by their hash: ask which are missing, send those, then apply the configuration that names them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{Method, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Fault, Problem, Sha256,
    request::{Id, NewTenant, Sent, read},
    route::Route,
    server::Shared,
};

/// Hashes in one question.
const MAX_WANTED: usize = 10_000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/tenants/{tenant}/prompts:missing",
            "findMissingPrompts",
            "Which of these sound files are not here yet",
            missing,
        )
        .tag("configuration")
        .takes::<Hashes>()
        .answers::<Hashes>(StatusCode::OK, "Those to send"),
        Route::new(
            Method::PUT,
            "/v1/tenants/{tenant}/prompts/{id}",
            "putPrompt",
            "Send one sound file under its SHA-256",
            put,
        )
        .tag("configuration")
        .takes_bytes("audio/wav")
        .refuses(StatusCode::UNPROCESSABLE_ENTITY)
        .answers_nothing(StatusCode::NO_CONTENT, "Kept"),
    ]
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Hashes {
    /// SHA-256 of files, in hex.
    sha256: Vec<String>,
}

async fn missing(
    State(shared): State<Arc<Shared>>,
    NewTenant(tenant, _): NewTenant,
    Sent(wanted): Sent<Hashes>,
) -> Result<Json<Hashes>, Problem> {
    if wanted.sha256.len() > MAX_WANTED {
        return Err(fault(
            "too-many",
            format!("{} hashes in one question", wanted.sha256.len()),
            "ask for 10,000 at once",
        ));
    }
    let read = |hex: &String| {
        Sha256::from_hex(hex).ok_or_else(|| fault("bad-hash", format!("{hex:?} is no SHA-256"), "send 64 hex digits"))
    };
    let hashes = wanted.sha256.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let missing = shared.host.missing_prompts(&tenant.id, hashes).await?;
    Ok(Json(Hashes { sha256: missing.iter().map(ToString::to_string).collect() }))
}

async fn put(
    State(shared): State<Arc<Shared>>,
    NewTenant(tenant, _): NewTenant,
    Id(promised): Id<Sha256>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let bytes = read(request.into_body(), shared.limits.prompt_bytes, &shared).await?;
    let actual = Sha256::of(&bytes);
    if actual != promised {
        return Err(fault(
            "wrong-hash",
            format!("the body has the SHA-256 {actual}"),
            "send the file as it is, under its own hash",
        ));
    }
    shared.host.put_prompt(&tenant.id, actual, bytes.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn fault(code: &str, message: String, remedy: &str) -> Problem {
    Problem::invalid(vec![Fault {
        field: Some("sha256".to_owned()),
        code: code.to_owned(),
        message,
        remedy: remedy.to_owned(),
        ..Fault::default()
    }])
}
