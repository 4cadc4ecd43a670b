//! The process as the API sees it: commands to the loop, reads from the store.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use plugboard_api::{Answer, Host as _, HostError, Listener, Phase, Sealed};
use plugboard_exchange::{Command, Handout, Leave, Reply, SharedConfiguration, SharedEvent};
use plugboard_model::{EventKind, InteractionId, RecordingId, TenantId, Timestamp};
use plugboard_reporting::Cdr;
use plugboard_store::{Embedded, ReadError, Record};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    alarms::Alarms,
    cdrs, chain,
    channels::Channels,
    components::Components,
    connectors::{Connectors, outbox::ToOutbox},
    ledger::Durable,
    packs::Packs,
    serve::Folders,
    signalling::Message,
};

mod api;
mod apply;
mod channels;
mod connectors;
mod looks;
mod packs;
mod rollouts;
mod traces;

pub(crate) use apply::with_zone_renewed;

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

/// Components, what is known of how they fare, and the packs that some of them came in.
pub(crate) struct Guests {
    pub(crate) components: Components,
    /// Of those that answer, and of shadows.
    pub(crate) plugins: [plugboard_plugin::RuntimeWatch; 2],
    pub(crate) packs: Arc<Packs>,
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) outbox: ToOutbox,
}

/// What becomes of something that is put to the gate.
pub(crate) enum Judging {
    /// Nobody had to be asked.
    Given(Leave),
    Asked(oneshot::Receiver<Result<Reply, HostError>>),
}

/// The one implementor of the API's [`Host`] outside of tests.
pub(crate) struct PlugboardHost {
    inbox: mpsc::Sender<Message>,
    store: Arc<Embedded>,
    folders: Folders,
    components: Components,
    plugins: [plugboard_plugin::RuntimeWatch; 2],
    packs: Arc<Packs>,
    connectors: Arc<Connectors>,
    channels: Arc<Channels>,
    outbox: ToOutbox,
    listeners: Vec<Listener>,
    tenants: RwLock<BTreeMap<TenantId, TenantParts>>,
    /// One configuration or pack is changed after the other.
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
/// A change that has not had its turn by then is refused.
const TURN_LIMIT: Duration = Duration::from_secs(20);
/// What a client that found us busy should wait.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl PlugboardHost {
    pub(crate) fn new(
        inbox: mpsc::Sender<Message>,
        store: Arc<Embedded>,
        folders: Folders,
        guests: Guests,
        listeners: &[Listener],
        alarms: Arc<Alarms>,
    ) -> Self {
        let Guests { components, plugins, packs, connectors, channels, outbox } = guests;
        Self {
            inbox,
            store,
            folders,
            components,
            plugins,
            packs,
            connectors,
            channels,
            outbox,
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

    /// A turn to change something of what tenants are made of. Whoever has one runs to the end whether or not a client waits, so those behind must not
    /// gather for ever.
    async fn turn(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, HostError> {
        let turn = tokio::time::timeout(TURN_LIMIT, self.applying.lock()).await;
        turn.map_err(|_| HostError::Busy { retry_after: TRY_AGAIN })
    }

    /// What happens to a tenant from here on, for what stands in this process.
    pub(crate) fn follow(&self, tenant: &TenantId) -> Option<broadcast::Receiver<SharedEvent>> {
        self.parts_of(tenant).map(|parts| parts.events.subscribe())
    }

    /// The record of an interaction, for what stands in this process.
    pub(crate) async fn record_of(
        &self,
        tenant: &TenantId,
        interaction: InteractionId,
    ) -> Result<Option<Cdr>, HostError> {
        self.read(tenant, move |store, tenant| cdrs::one(store, tenant, interaction)).await
    }

    /// Recordings below the folder of recordings whose days are over, and where they lie.
    pub(crate) async fn recordings_to_erase(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Vec<(InteractionId, RecordingId, PathBuf)>, HostError> {
        let root = self.folders.recordings.clone();
        let read = self.read(tenant, move |store, tenant| {
            let mut due = cdrs::to_erase(store, tenant, now, crate::erasing::AT_ONCE)?;
            due.retain(|(_, _, path)| path.starts_with(&root));
            Ok(due)
        });
        read.await
    }

    /// `by`: name of the token that asks; empty: the host itself.
    async fn ask(&self, tenant: &TenantId, by: &str, command: Command) -> Result<Reply, HostError> {
        let parts = self.parts(tenant)?;
        if matches!(command, Command::Originate { .. }) && self.phase() == Phase::Draining {
            return Err(HostError::Stopping);
        }
        let is_told = command != Command::Snapshot;
        let (reply, wait) = oneshot::channel();
        let by = (!by.is_empty()).then(|| by.into());
        self.tell(Message::Command { tenant: tenant.clone(), by, command, reply })?;
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

    /// `None`: the tenant has rules, so [`Self::judge`] it is.
    pub(crate) fn leave_without_rules(&self, tenant: &TenantId, handout: Handout) -> Option<Leave> {
        Leave::without_rules(&self.parts_of(tenant)?.configuration(), handout).ok()
    }

    /// Asks the gate for leave, for what stands in this process and waits on no runtime.
    pub(crate) fn judge(&self, tenant: &TenantId, handout: Handout) -> Result<Judging, HostError> {
        let handout = match Leave::without_rules(&self.parts(tenant)?.configuration(), handout) {
            Ok(leave) => return Ok(Judging::Given(leave)),
            Err(handout) => handout,
        };
        let (reply, wait) = oneshot::channel();
        let command = Command::HandOut(handout);
        self.tell(Message::Command { tenant: tenant.clone(), by: None, command, reply })?;
        Ok(Judging::Asked(wait))
    }

    /// Has something become a fact, for what stands in this process and waits on no runtime.
    pub(crate) fn tell_fact(
        &self,
        tenant: &TenantId,
        fact: EventKind,
    ) -> Result<oneshot::Receiver<Result<Reply, HostError>>, HostError> {
        let (reply, wait) = oneshot::channel();
        self.tell(Message::Command { tenant: tenant.clone(), by: None, command: Command::Note(fact), reply })?;
        Ok(wait)
    }

    /// Whether facts were lost, so that nothing more counts as kept.
    pub(crate) fn has_lost(&self, tenant: &TenantId) -> bool {
        self.parts_of(tenant).is_none_or(|parts| parts.durable.has_lost())
    }

    /// All of them are on disk before this answers.
    pub(crate) async fn note_all(&self, tenant: &TenantId, facts: Vec<EventKind>) -> Result<(), HostError> {
        let replies = facts.into_iter().map(|fact| self.tell_fact(tenant, fact)).collect::<Result<Vec<_>, _>>()?;
        for reply in replies {
            let told = tokio::time::timeout(COMMAND_LIMIT, reply).await;
            told.map_err(|_| HostError::Busy { retry_after: TRY_AGAIN })?.map_err(|_| HostError::Stopping)??;
        }
        match self.has_lost(tenant) {
            true => Err(HostError::Store { reason: "events were not written".to_owned() }),
            false => Ok(()),
        }
    }

    fn tell(&self, message: Message) -> Result<(), HostError> {
        self.inbox.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HostError::Busy { retry_after: TRY_AGAIN },
            mpsc::error::TrySendError::Closed(_) => HostError::Stopping,
        })
    }

    /// Asks every live call to end, and says how many there were.
    pub(crate) async fn hang_up_all(&self) -> usize {
        let mut calls = 0;
        for tenant in self.tenants() {
            let Ok(Reply::Snapshot(snapshot)) = self.ask(&tenant.id, "", Command::Snapshot).await else { continue };
            calls += snapshot.calls.len();
            for call in snapshot.calls {
                let hang_up = plugboard_call::Command::HangUp;
                let command = Command::Call { interaction: call.interaction, command: hang_up };
                // Nobody waits for the reply: a disk that is full would hold each back.
                let (reply, _) = oneshot::channel();
                let message = Message::Command { tenant: tenant.id.clone(), by: None, command, reply };
                if self.inbox.send(message).await.is_err() {
                    return calls;
                }
            }
        }
        calls
    }

    fn prompt_path(&self, tenant: &TenantId, sha256: &str) -> PathBuf {
        let name: String = sha256.chars().filter(char::is_ascii_hexdigit).collect();
        self.folders.prompts.join(tenant.as_str()).join(format!("{name}.wav"))
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

    /// What was counted in the quarters of an hour that begin in `from..to`.
    fn intervals<'a, R: Record + Send + 'static>(
        &'a self,
        tenant: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<R>>, HostError>> {
        self.read(tenant, move |store, tenant| cdrs::intervals(store, tenant, from, to).map(Sealed::new))
    }
}

/// Does `work` where it may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
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
