//! The process as the API sees it: commands to the loop, reads from the store, configurations checked and applied.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use plugboard_api::{
    Answer, Applied, ApplyError, Change, ChangeKind, Fault, Host as _, HostError, Listener, Phase, Sha256, Upload,
};
use plugboard_exchange::{Command, Reply, SharedConfiguration, SharedEvent};
use plugboard_model::{Configuration, Limits, Prompt, TenantId, Timestamp, flow::Severity};
use plugboard_store::{Embedded, ReadError, Store, Transaction};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    alarms::Alarms,
    answers::Components,
    chain, claims,
    ledger::Durable,
    recovery::{KnownTenant, host_tenant},
    serve::Folders,
    signalling::Message,
};

mod api;

/// What other threads share of a tenant.
#[derive(Clone)]
pub(crate) struct TenantParts {
    configuration: Arc<RwLock<SharedConfiguration>>,
    durable: Arc<Durable>,
    events: broadcast::Sender<SharedEvent>,
}

impl TenantParts {
    pub(crate) fn new(
        configuration: &SharedConfiguration,
        durable: Arc<Durable>,
        events: broadcast::Sender<SharedEvent>,
    ) -> Self {
        Self { configuration: Arc::new(RwLock::new(Arc::clone(configuration))), durable, events }
    }

    pub(crate) fn durable(&self) -> &Arc<Durable> {
        &self.durable
    }

    pub(crate) fn events(&self) -> &broadcast::Sender<SharedEvent> {
        &self.events
    }

    fn configuration(&self) -> SharedConfiguration {
        Arc::clone(&self.configuration.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The one implementor of the API's [`Host`] outside of tests.
pub(crate) struct PlugboardHost {
    inbox: mpsc::Sender<Message>,
    store: Arc<Embedded>,
    folders: Folders,
    components: Components,
    listeners: Vec<Listener>,
    tenants: RwLock<BTreeMap<TenantId, TenantParts>>,
    /// One configuration is applied after the other.
    applying: tokio::sync::Mutex<()>,
    alarms: Arc<Alarms>,
    /// A [`Phase`] as a number: [`STARTING`], [`SERVING`], [`DRAINING`].
    phase: AtomicU8,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

/// A command that the loop does not answer in this long will not be waited for.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
/// What a client that found us busy should wait.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl PlugboardHost {
    pub(crate) fn new(
        inbox: mpsc::Sender<Message>,
        store: Arc<Embedded>,
        folders: Folders,
        components: Components,
        listeners: &[Listener],
        alarms: Arc<Alarms>,
    ) -> Self {
        Self {
            inbox,
            store,
            folders,
            components,
            listeners: listeners.to_vec(),
            tenants: RwLock::default(),
            applying: tokio::sync::Mutex::default(),
            alarms,
            phase: AtomicU8::new(STARTING),
        }
    }

    /// All that was configured is in force.
    pub(crate) fn is_started(&self) {
        // A stop that came first stays one.
        let _ = self.phase.compare_exchange(STARTING, SERVING, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn is_draining(&self) {
        self.phase.store(DRAINING, Ordering::Release);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            STARTING => Phase::Starting,
            SERVING => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    pub(crate) fn know(&self, tenant: TenantId, parts: TenantParts) {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, parts);
    }

    pub(crate) fn parts_of(&self, tenant: &TenantId) -> Option<TenantParts> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    fn all_parts(&self) -> Vec<(TenantId, TenantParts)> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.iter().map(|(id, parts)| (id.clone(), parts.clone())).collect()
    }

    fn parts(&self, tenant: &TenantId) -> Result<TenantParts, HostError> {
        self.parts_of(tenant).ok_or_else(|| HostError::NoSuchTenant(tenant.clone()))
    }

    async fn ask(&self, tenant: &TenantId, command: Command) -> Result<Reply, HostError> {
        let parts = self.parts(tenant)?;
        if matches!(command, Command::Originate { .. }) && self.phase() == Phase::Draining {
            return Err(HostError::Stopping);
        }
        let is_told = command != Command::Snapshot;
        let (reply, wait) = oneshot::channel();
        let message = Message::Command { tenant: tenant.clone(), command, reply };
        self.inbox.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HostError::Busy { retry_after: TRY_AGAIN },
            mpsc::error::TrySendError::Closed(_) => HostError::Stopping,
        })?;
        match tokio::time::timeout(COMMAND_LIMIT, wait).await {
            // Done, but not kept: that must not look like success.
            Ok(Ok(Ok(_))) if is_told && parts.durable.has_lost() => {
                Err(HostError::Store { reason: "events were not written".to_owned() })
            }
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HostError::Stopping),
            Err(_) => Err(HostError::Busy { retry_after: TRY_AGAIN }),
        }
    }

    /// Asks every live call to end, and says how many there were.
    pub(crate) async fn hang_up_all(&self) -> usize {
        let mut calls = 0;
        for tenant in self.tenants() {
            let Ok(Reply::Snapshot(snapshot)) = self.command(&tenant.id, Command::Snapshot).await else { continue };
            calls += snapshot.calls.len();
            for call in snapshot.calls {
                let hang_up = plugboard_call::Command::HangUp;
                let command = Command::Call { interaction: call.interaction, command: hang_up };
                // Nobody waits for the reply: a disk that is full would hold each back.
                let (reply, _) = oneshot::channel();
                let message = Message::Command { tenant: tenant.id.clone(), command, reply };
                if self.inbox.send(message).await.is_err() {
                    return calls;
                }
            }
        }
        calls
    }

    /// Applies every tenant below `folder`; what is wrong is logged, and the tenant stays as it was.
    pub(crate) async fn apply_folders(&self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            self.alarms.raise("tenant-not-applied", "", format!("{} cannot be read", folder.display()));
            return;
        };
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            let folder = entry.path();
            match self.apply_folder(&folder).await {
                Ok(applied) => {
                    tracing::info!(folder = %folder.display(), revision = applied.revision, "tenant is configured");
                }
                Err(reason) => {
                    tracing::error!(folder = %folder.display(), "tenant is not applied:\n{reason}");
                    let first = reason.lines().next().unwrap_or_default();
                    self.alarms.raise("tenant-not-applied", &folder.display().to_string(), first);
                }
            }
        }
    }

    /// Applies one tenant's folder, prompts included. `Err` is text for a terminal.
    pub(crate) async fn apply_folder(&self, folder: &Path) -> Result<Applied, String> {
        let check = |document: &str, limits: &Limits| self.components.check_flow("flow-graph", document, limits);
        let bundle = plugboard_config::load_tenant(folder, &check)
            .map_err(|faults| plugboard_config::render(&faults, plugboard_config::Style::Plain))?;
        let tenant = bundle.configuration.tenant.clone();
        for prompt in bundle.configuration.prompts.values() {
            let bytes = std::fs::read(&prompt.path).map_err(|error| format!("{}: {error}", prompt.path.display()))?;
            let sha256 = Sha256::of(&bytes);
            self.put_prompt(&tenant, sha256, bytes).await.map_err(|error| error.to_string())?;
        }
        let upload = Upload {
            configuration: bundle.configuration,
            expected_revision: None,
            dry_run: false,
            by: "start".to_owned(),
        };
        self.apply(&tenant, upload).await.map_err(|error| match error {
            ApplyError::Invalid(faults) => {
                let lines = faults.iter().map(|fault| format!("{}: {}; {}", fault.code, fault.message, fault.remedy));
                lines.collect::<Vec<_>>().join("\n")
            }
            error => error.to_string(),
        })
    }

    async fn apply_checked(&self, tenant: &TenantId, upload: Upload) -> Result<Applied, ApplyError> {
        let _one_at_a_time = self.applying.lock().await;
        let known = self.parts_of(tenant);
        let before = known.as_ref().map(TenantParts::configuration);
        let revision = before.as_ref().map_or(0, |before| before.revision);
        if upload.expected_revision.is_some_and(|expected| expected != revision) {
            return Err(ApplyError::Conflict { actual: revision });
        }
        let mut configuration = upload.configuration;
        let mut faults = Vec::new();
        if configuration.tenant != *tenant || *tenant == host_tenant() {
            faults.push(Fault {
                field: Some("/tenant".into()),
                code: "wrong-tenant".into(),
                message: format!("the configuration is for {}, the address names {tenant}", configuration.tenant),
                remedy: "send it to the tenant that it is for".into(),
                ..Fault::default()
            });
        }
        for (_, other) in self.all_parts().into_iter().filter(|(id, _)| id != tenant) {
            claims::conflicts(&configuration, &other.configuration(), &mut faults);
        }
        self.place_prompts(tenant, &mut configuration, before.as_deref(), &mut faults).await;
        self.check(&configuration, &mut faults);
        if !faults.is_empty() {
            return Err(ApplyError::Invalid(faults));
        }
        let empty = Configuration::empty(tenant.clone());
        let changes = changes(before.as_deref().unwrap_or(&empty), &configuration);
        if upload.dry_run || (changes.is_empty() && before.is_some()) {
            return Ok(Applied { revision, changes });
        }
        configuration.revision = revision + 1;
        let configuration = Arc::new(configuration);
        self.keep(tenant, &configuration).await?;
        self.put_in_force(&configuration).await?;
        tracing::info!(%tenant, revision = configuration.revision, by = upload.by, "configuration applied");
        Ok(Applied { revision: configuration.revision, changes })
    }

    /// From the store into the exchange.
    async fn put_in_force(&self, configuration: &SharedConfiguration) -> Result<(), HostError> {
        let (done, wait) = oneshot::channel();
        let message = Message::Configure { configuration: Arc::clone(configuration), done };
        self.inbox.send(message).await.map_err(|_| HostError::Stopping)?;
        wait.await.map_err(|_| HostError::Stopping)?;
        if let Some(parts) = self.parts_of(&configuration.tenant) {
            *parts.configuration.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(configuration);
        }
        Ok(())
    }

    /// Lists the changes of each tenant's clock anew, so that a host that is never restarted does not run out of them.
    pub(crate) async fn renew_zones(&self, now: Timestamp) {
        let _one_at_a_time = self.applying.lock().await;
        for (tenant, parts) in self.all_parts() {
            if let Some(renewed) = with_zone_renewed(&parts.configuration(), now)
                && let Err(error) = self.put_in_force(&Arc::new(renewed)).await
            {
                tracing::error!(%tenant, error = &error as &dyn std::error::Error, "time zone is not renewed");
            }
        }
    }

    /// On disk before it is in force, and in force before it is acknowledged.
    async fn keep(&self, tenant: &TenantId, configuration: &SharedConfiguration) -> Result<(), ApplyError> {
        let store_failed = |reason: String| ApplyError::Host(HostError::Store { reason });
        let file = format!("{tenant}-{}.json", configuration.revision);
        let json = serde_json::to_vec(&**configuration).map_err(|error| store_failed(error.to_string()))?;
        write_file(self.folders.configurations.join(&file), json).await?;
        let mut transaction = Transaction::new();
        let known = KnownTenant { tenant: tenant.clone(), file };
        transaction.put(&host_tenant(), &known).map_err(|error| store_failed(error.to_string()))?;
        self.commit(transaction).await.map_err(ApplyError::Host)
    }

    async fn commit(&self, transaction: Transaction) -> Result<(), HostError> {
        let (sender, receiver) = oneshot::channel();
        let acknowledge = Box::new(move |result| {
            // The client may have gone.
            let _ = sender.send(result);
        });
        self.store.submit(transaction, acknowledge).map_err(|_| HostError::Busy { retry_after: TRY_AGAIN })?;
        match receiver.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(HostError::Store { reason: error.to_string() }),
            Err(_) => Err(HostError::Stopping),
        }
    }

    /// Each prompt gets the path of the file that was uploaded under its hash. Those that are new are looked into: whoever sends them need not have done so.
    async fn place_prompts(
        &self,
        tenant: &TenantId,
        configuration: &mut Configuration,
        before: Option<&Configuration>,
        faults: &mut Vec<Fault>,
    ) {
        // Configurations of earlier versions hold no lengths.
        let measured = |prompt: &&Prompt| prompt.length < Prompt::LONGEST;
        let playing: BTreeMap<&str, Duration> = before
            .into_iter()
            .flat_map(|before| before.prompts.values().filter(measured))
            .map(|prompt| (&*prompt.sha256, prompt.length))
            .collect();
        for (name, prompt) in &mut configuration.prompts {
            let path = self.prompt_path(tenant, &prompt.sha256);
            if path.is_file() {
                let length = match playing.get(&*prompt.sha256) {
                    Some(length) => Ok(*length),
                    None => length_of(path.clone()).await,
                };
                match length {
                    Ok(length) => *prompt = Prompt { path: path.into(), sha256: prompt.sha256.clone(), length },
                    Err(reason) => faults.push(Fault {
                        field: Some(format!("/prompts/{name}")),
                        code: "unplayable-prompt".into(),
                        message: format!("the prompt {name} cannot be played: {reason}"),
                        remedy: "make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav".into(),
                        ..Fault::default()
                    }),
                }
            } else {
                faults.push(Fault {
                    field: Some(format!("/prompts/{name}")),
                    code: "prompt-missing".into(),
                    message: format!("the sound file of prompt {name} was not uploaded"),
                    remedy: format!("PUT it to /v1/tenants/{tenant}/prompts/{}", prompt.sha256),
                    ..Fault::default()
                });
            }
        }
    }

    fn prompt_path(&self, tenant: &TenantId, sha256: &str) -> PathBuf {
        let name: String = sha256.chars().filter(char::is_ascii_hexdigit).collect();
        self.folders.prompts.join(tenant.as_str()).join(format!("{name}.wav"))
    }

    fn check(&self, configuration: &Configuration, faults: &mut Vec<Fault>) {
        let flow_graph = |document: &str, limits: &Limits| self.components.check_flow("flow-graph", document, limits);
        let findings = plugboard_config::check(configuration, &flow_graph);
        let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        faults.extend(errors.map(|finding| Fault {
            node: finding.node,
            field: Some(finding.pointer),
            code: finding.code,
            message: finding.message,
            remedy: finding.remedy,
            ..Fault::default()
        }));
        for (id, flow) in configuration.flows.iter().filter(|(_, flow)| flow.plugin != "flow-graph") {
            for problem in self.components.check_flow(&flow.plugin, &flow.document, &configuration.limits) {
                if problem.severity == Severity::Error {
                    faults.push(Fault {
                        file: Some(format!("flows/{id}.json")),
                        node: problem.node,
                        field: problem.field,
                        code: problem.code,
                        message: problem.message,
                        remedy: problem.remedy,
                        ..Fault::default()
                    });
                }
            }
        }
        for (id, queue) in &configuration.queues {
            if let Some(policy) = queue.policy.as_deref().filter(|policy| !self.components.has_policy(policy)) {
                faults.push(Fault {
                    field: Some(format!("/queues/{id}/policy")),
                    code: "unknown-policy".into(),
                    message: format!("there is no routing plugin {policy}"),
                    remedy: "install it, or leave `policy` out to use the queue's strategy".into(),
                    ..Fault::default()
                });
            }
        }
    }

    /// Reads something of a tenant's in the store, off the runtime's thread.
    fn read<'a, T: Send + 'static>(
        &'a self,
        tenant: &'a TenantId,
        read: impl FnOnce(&Embedded, &TenantId) -> Result<T, ReadError> + Send + 'static,
    ) -> Answer<'a, Result<T, HostError>> {
        Box::pin(async move {
            self.parts(tenant)?;
            let (store, tenant) = (Arc::clone(&self.store), tenant.clone());
            blocking(move || read(&store, &tenant)).await
        })
    }
}

/// Does `work` where it may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, HostError> {
    let failed = |reason| HostError::Store { reason };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ReadError::BadCursor { .. })) => Err(HostError::BadCursor),
        Ok(Err(error)) => Err(failed(chain(&error))),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// As [`write_whole`], where it may wait for the disk.
async fn write_file(path: PathBuf, bytes: Vec<u8>) -> Result<(), HostError> {
    let failed = |error: &dyn std::error::Error| HostError::Store { reason: chain(error) };
    match tokio::task::spawn_blocking(move || write_whole(&path, &bytes)).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

/// `Err`: the file cannot be played.
async fn length_of(path: PathBuf) -> Result<Duration, String> {
    let read = move || {
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        plugboard_config::read_wav(&bytes).map(|wav| wav.length).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// Whole or not at all, and on disk: somebody may be about to read it.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let aside = path.with_extension("part");
    std::fs::write(&aside, bytes)?;
    std::fs::File::open(&aside)?.sync_all()?;
    std::fs::rename(&aside, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// `None`: the list of clock changes is as it should be, or the zone is not known here.
pub(crate) fn with_zone_renewed(configuration: &Configuration, now: Timestamp) -> Option<Configuration> {
    let zone = plugboard_config::resolve_zone(&configuration.time_zone.name, now)?;
    (zone != configuration.time_zone).then(|| Configuration { time_zone: zone, ..configuration.clone() })
}

/// What a command becomes when its call is over; `None` for those that only a live call can obey.
fn later(command: &Command) -> Option<Command> {
    match command {
        Command::Call { interaction, command: plugboard_call::Command::Dispose { agent, code, note } } => {
            let (agent, code, note) = (agent.clone(), Arc::clone(code), Arc::clone(note));
            Some(Command::DisposeClosed { interaction: *interaction, agent, code, note })
        }
        _ => None,
    }
}

/// In the words of the API.
fn changes(before: &Configuration, after: &Configuration) -> Vec<Change> {
    plugboard_config::diff(before, after)
        .changes
        .into_iter()
        .map(|change| Change {
            change: match change.change {
                plugboard_config::ChangeKind::Added => ChangeKind::Added,
                plugboard_config::ChangeKind::Changed => ChangeKind::Changed,
                plugboard_config::ChangeKind::Removed => ChangeKind::Removed,
            },
            resource: change.resource,
            id: change.id,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_resolved_years_ago_knows_the_summers_to_come_again() {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        let (then, now) = (Timestamp::from_secs(1_000_000_000), Timestamp::from_secs(1_767_225_600)); // 2001, 2026-01-01
        configuration.time_zone = plugboard_config::resolve_zone("Europe/Berlin", then).unwrap();
        let renewed = with_zone_renewed(&configuration, now).unwrap();
        assert_eq!(renewed.time_zone.offset_at(Timestamp::from_secs(1_782_864_000)), 120); // 2026-07-01
        assert_eq!(with_zone_renewed(&renewed, now), None);
    }
}
