//! Packs of plugins: sent as one file, granted, upgraded, taken back, removed; and what their components write.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    HostError, Problem,
    pack::{PackChange, PackChanged, PackDetail, PackLog, PackOrder, PackRefused, PackTrial, PackView, RolloutView},
    request::{Asked, Id, PackName, Sent, Tenant, read},
    route::Route,
    server::Shared,
};

/// A pack's file.
const MEDIA_TYPE: &str = "application/zip";

pub(crate) fn routes() -> Vec<Route> {
    const ALL: &str = "/v1/tenants/{tenant}/packs";
    const ONE: &str = "/v1/tenants/{tenant}/packs/{id}";
    let below = |verb: &str| format!("{ONE}/{verb}");
    let telling = |route: Route, became: &'static str| {
        route
            .answers::<PackChanged>(StatusCode::OK, became)
            .answers::<PackChanged>(StatusCode::ACCEPTED, "It waits for a grant; what serves goes on serving")
            .refuses(StatusCode::CONFLICT)
            .refuses(StatusCode::UNPROCESSABLE_ENTITY)
    };
    let changing = |route: Route| telling(route, "It serves, is tried, or is gone");
    let bringing = |route: Route| {
        telling(route, "It serves or is tried; in a dry run, what would become of it")
            .query(
                "dry_run",
                Type::Boolean,
                "say what stands in the file and what would become of it, and change nothing",
            )
            .refuses(StatusCode::BAD_REQUEST)
            .takes_bytes(MEDIA_TYPE)
    };
    let routes = vec![
        Route::new(Method::GET, ALL, "listPacks", "The tenant's packs and what they may do", list)
            .answers::<Packs>(StatusCode::OK, "All of them"),
        Route::new(Method::GET, ONE, "readPack", "A pack, what stands in its versions and whose they are", detail)
            .answers::<PackDetail>(StatusCode::OK, "It, with a look into each version that is kept"),
        bringing(Route::new(Method::POST, ALL, "installPack", "Install a pack that the tenant does not have", install)),
        bringing(Route::new(Method::POST, below("upgrade"), "upgradePack", "Another version of a pack", upgrade))
            .query(
                "trial",
                Type::String,
                "how it is tried first: `shadow`, `share=5%`, `callers=…`, `dialled=…` or `tag=tier=gold`",
            )
            .query(
                "budget",
                Type::String,
                "what it may spend before it goes back on its own: `failures=1%,minimum=200`",
            ),
        changing(Route::new(
            Method::POST,
            below("promote"),
            "promotePack",
            "The version on trial serves all, or is tried otherwise",
            promote,
        ))
        .takes::<PackTrial>(),
        Route::new(
            Method::GET,
            below("rollout"),
            "readPackRollout",
            "Which version serves whom, and how they do",
            rollout,
        )
        .refuses(StatusCode::CONFLICT)
        .answers::<RolloutView>(StatusCode::OK, "The plan with what was counted"),
        changing(Route::new(
            Method::POST,
            below("grant"),
            "grantPack",
            "Grant all that the waiting version asks",
            grant,
        ))
        .takes::<Granted>(),
        changing(Route::new(Method::POST, below("rollback"), "rollBackPack", "Back to what served before", roll_back)),
        changing(Route::new(Method::DELETE, ONE, "removePack", "Remove a pack that nothing names any more", remove)),
        Route::new(Method::GET, below("file"), "readPackFile", "The file of a version, as it was sent", file_of)
            .query("version", Type::String, "`1.3.0`, of those that the pack names; the one that serves if left out")
            .refuses(StatusCode::BAD_REQUEST)
            .refuses(StatusCode::CONFLICT)
            .answers_bytes(StatusCode::OK, "The file", MEDIA_TYPE),
        Route::new(Method::GET, below("logs"), "readPackLog", "What the pack's components wrote lately", logs)
            .query("after", Type::Integer, "`next` of the answer before; 0 if left out")
            .refuses(StatusCode::BAD_REQUEST)
            .answers::<PackLog>(StatusCode::OK, "Lines; none if nothing was written since"),
    ];
    routes.into_iter().map(|route| route.tag("packs")).collect()
}

#[derive(Serialize, ToSchema)]
struct Packs {
    items: Vec<PackView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Granted {
    /// Of the version that waits, as the install or the upgrade told it: nobody grants what they have not seen.
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstallHow {
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpgradeHow {
    trial: Option<String>,
    budget: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfVersion {
    version: Option<String>,
}

async fn list(State(shared): State<Arc<Shared>>, tenant: Tenant) -> Result<Json<Packs>, Problem> {
    Ok(Json(Packs { items: shared.host.packs(&tenant.id).await? }))
}

async fn detail(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
) -> Result<Json<PackDetail>, Problem> {
    Ok(Json(shared.host.pack(&tenant.id, &pack).await?))
}

async fn install(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(InstallHow { dry_run }): Asked<InstallHow>,
    request: Request,
) -> Result<Response, Problem> {
    let file = file(&shared, request).await?;
    change(&shared, tenant, PackOrder::Install { file, dry_run }).await
}

async fn upgrade(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
    Asked(UpgradeHow { trial, budget, dry_run }): Asked<UpgradeHow>,
    request: Request,
) -> Result<Response, Problem> {
    let file = file(&shared, request).await?;
    let how = PackTrial { trial, budget };
    change(&shared, tenant, PackOrder::Upgrade { pack, file, how, dry_run }).await
}

async fn promote(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
    Sent(how): Sent<PackTrial>,
) -> Result<Response, Problem> {
    change(&shared, tenant, PackOrder::Promote { pack, how }).await
}

async fn rollout(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
) -> Result<Json<RolloutView>, Problem> {
    Ok(Json(shared.host.pack_rollout(&tenant.id, &pack).await?))
}

async fn grant(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
    Sent(Granted { digest }): Sent<Granted>,
) -> Result<Response, Problem> {
    change(&shared, tenant, PackOrder::Grant { pack, digest }).await
}

async fn roll_back(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
) -> Result<Response, Problem> {
    change(&shared, tenant, PackOrder::RollBack { pack }).await
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
) -> Result<Response, Problem> {
    change(&shared, tenant, PackOrder::Remove { pack }).await
}

async fn file_of(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
    Asked(OfVersion { version }): Asked<OfVersion>,
) -> Result<Response, Problem> {
    let file = shared.host.pack_file(&tenant.id, &pack, version.as_deref()).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], file).into_response())
}

async fn logs(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(PackName(pack)): Id<PackName>,
    Asked(Since { after }): Asked<Since>,
) -> Result<Json<PackLog>, Problem> {
    Ok(Json(shared.host.pack_log(&tenant.id, &pack, after).await?))
}

async fn file(shared: &Shared, request: Request) -> Result<Vec<u8>, Problem> {
    Ok(read(request.into_body(), shared.limits.pack_bytes, shared).await?.into())
}

/// In a task of its own, to its end: a client that goes away leaves no pack half way between disk and plugin threads.
async fn change(shared: &Shared, tenant: Tenant, order: PackOrder) -> Result<Response, Problem> {
    let host = Arc::clone(&shared.host);
    let work = async move { host.change_pack(&tenant.id, order, tenant.caller.name).await };
    let changed = match tokio::spawn(work).await {
        Ok(changed) => changed?,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the whole process cancels it.
            Err(_) => return Err(HostError::Stopping.into()),
        },
    };
    // Nothing was accepted in a dry run.
    let waits = changed.outcome == PackChange::Waits && changed.look.is_none();
    let status = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(changed)).into_response())
}

impl From<PackRefused> for Problem {
    fn from(error: PackRefused) -> Self {
        let detail = error.to_string();
        match error {
            PackRefused::NoSuchPack(_) => Self::not_found(detail, "list them with GET …/packs"),
            PackRefused::Invalid(faults) => Self::invalid(faults),
            PackRefused::NotNow { code, remedy, .. } => Self::conflict(code, detail, &remedy),
            PackRefused::Host(error) => error.into(),
        }
    }
}
