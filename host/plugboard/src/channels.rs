//! Channels of all tenants: what carries messages to customers and from them.
//!
//! ```text
//!   webhook ─► verify ─► receive ─► facts on disk ─► 200          (inbound)
//!   fact `message-accepted` ─► letter ─► send ─► fact `message-sent`   (the outbox, in order by conversation)
//! ```

mod inbound;
pub(crate) mod kept;
pub(crate) mod posted;
mod ready;

pub(crate) use ready::{Ready, Sending};

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use plugboard_api::AlarmName;
use plugboard_model::{Configuration, TenantId, Timestamp, channel::Channel};
use plugboard_plugin as plugin;
use plugboard_store::{Embedded, Store as _, Transaction};
use tokio::sync::oneshot;

use crate::{
    alarms::Alarms,
    clock::Clock,
    components::Components,
    connectors::{Connectors, letter::Mark},
};

const NOT_READY: AlarmName = AlarmName::ChannelNotReady;
/// Marks the numbers of questions about webhooks: exchanges count below, the outbox above.
const MARK: u64 = 1 << 62;

/// Ready, or why not.
pub(crate) type ByName = BTreeMap<Arc<str>, Result<Arc<Ready>, Arc<str>>>;

/// Shared by whoever configures, asks and looks.
pub(crate) struct Channels {
    tenants: RwLock<BTreeMap<TenantId, ByName>>,
    /// Who knows secrets.
    connectors: Arc<Connectors>,
    store: Arc<Embedded>,
    clock: Clock,
    alarms: Arc<Alarms>,
    runtime: RwLock<Weak<plugin::Runtime>>,
    /// Questions about webhooks that are under way.
    asked: Mutex<BTreeMap<u64, oneshot::Sender<plugin::Reply>>>,
    next: AtomicU64,
    /// Records that are being written for the first time: two requests with the same message must not both be first.
    taken: Mutex<BTreeSet<(TenantId, String)>>,
}

/// Without what is ready: secrets are among it.
impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channels")
    }
}

/// A record that nobody else begins meanwhile.
#[derive(Debug)]
pub(crate) struct Taken {
    channels: Arc<Channels>,
    key: (TenantId, String),
}

impl Drop for Taken {
    fn drop(&mut self) {
        lock(&self.channels.taken).remove(&self.key);
    }
}

/// What channels keep, beside what others keep.
const PLACES: &str = "channel ";

/// Where a channel keeps what it keeps: one of another plugin finds nothing of it.
fn place(name: &str, channel: &Channel) -> String {
    format!("{PLACES}{name} {}", channel.component.plugin)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Channels {
    pub(crate) fn new(connectors: Arc<Connectors>, store: Arc<Embedded>, clock: Clock, alarms: Arc<Alarms>) -> Self {
        Self {
            tenants: RwLock::default(),
            connectors,
            store,
            clock,
            alarms,
            runtime: RwLock::new(Weak::new()),
            asked: Mutex::default(),
            next: AtomicU64::new(0),
            taken: Mutex::default(),
        }
    }

    /// Who is asked. Before this nobody is.
    pub(crate) fn ask_with(&self, runtime: Weak<plugin::Runtime>) {
        *self.runtime.write().unwrap_or_else(PoisonError::into_inner) = runtime;
    }

    /// Makes the tenant's channels ready, before anything is sent by them. What has not changed keeps its connections and its circuit.
    pub(crate) fn prepare(&self, configuration: &Configuration, components: &Components) {
        let tenant = &configuration.tenant;
        let before = self.of_tenant(tenant);
        let make = |(name, channel): (&Arc<str>, &Arc<Channel>)| {
            let about = format!("{tenant}/{name}");
            let made = self.make(tenant, name, channel, components, before.get(name));
            match &made {
                Ok(_) => self.alarms.clear(NOT_READY, &about),
                Err(reason) => self.alarms.raise(NOT_READY, &about, format!("{reason}; messages wait")),
            }
            if let Some(Ok(before)) = before.get(name)
                && made.as_ref().ok().is_none_or(|made| !Arc::ptr_eq(made, before))
            {
                before.replaced();
            }
            (Arc::clone(name), made)
        };
        let ready: ByName = configuration.channels.iter().map(make).collect();
        for (name, before) in before.iter().filter(|(name, _)| !ready.contains_key(*name)) {
            self.alarms.clear(NOT_READY, &format!("{tenant}/{name}"));
            if let Ok(before) = before {
                before.replaced();
            }
        }
        for name in ready.keys() {
            self.mark(tenant, name);
        }
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), ready);
        let places: BTreeSet<String> =
            configuration.channels.iter().map(|(name, channel)| place(name, channel)).collect();
        // What stays is bounded by its quota, and found again the next time.
        let _ = self.connectors.kv().retain(tenant, PLACES, |place| places.contains(place));
    }

    /// From where on the outbox reads the log for it: from before anything can be accepted.
    fn mark(&self, tenant: &TenantId, name: &str) {
        let connector = posted::letterbox(name);
        let marked = || -> Result<(), Box<dyn std::error::Error>> {
            if self.store.get::<Mark>(tenant, &connector)?.is_none() {
                let seq = self.store.last_seq(tenant)?;
                let mut transaction = Transaction::new();
                transaction.put(tenant, &Mark { connector: Arc::clone(&connector), seq })?;
                self.store.commit(transaction)?;
            }
            Ok(())
        };
        if let Err(error) = marked() {
            tracing::error!(%tenant, channel = name, error = &*error, "the mark of a channel is not kept");
        }
    }

    fn make(
        &self,
        tenant: &TenantId,
        name: &Arc<str>,
        channel: &Arc<Channel>,
        components: &Components,
        before: Option<&Result<Arc<Ready>, Arc<str>>>,
    ) -> Result<Arc<Ready>, Arc<str>> {
        let component = &channel.component;
        let (plugin, asked) = components
            .channel(Some(tenant), &component.plugin)
            .ok_or_else(|| format!("there is no channel plugin {}", component.plugin))?;
        let secrets = self.connectors.secrets_of(tenant, component)?;
        if let Some(Ok(before)) = before
            && before.is_made_of(channel, &plugin, &secrets)
        {
            return Ok(Arc::clone(before));
        }
        let place = plugin::KvPlace { tenant: tenant.clone(), plugin: place(name, channel) };
        let kv = Arc::clone(self.connectors.kv()) as Arc<dyn plugin::Kv>;
        let access = crate::connectors::access(component, asked.as_ref(), &secrets, kv, place)?;
        let about = plugin.description().clone();
        let (channel, alarms) = (Arc::clone(channel), Arc::clone(&self.alarms));
        let called = format!("{tenant}/{name}");
        Ok(Arc::new(Ready::new(channel, (plugin, about), access, secrets, (called, alarms))))
    }

    /// All of a tenant, by name, ready or not.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> ByName {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned().unwrap_or_default()
    }

    pub(crate) fn has(&self, tenant: &TenantId) -> bool {
        !self.of_tenant(tenant).is_empty()
    }

    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `None`: somebody else is writing it for the first time just now.
    pub(crate) fn take(self: &Arc<Self>, tenant: &TenantId, record: String) -> Option<Taken> {
        let key = (tenant.clone(), record);
        lock(&self.taken).insert(key.clone()).then(|| Taken { channels: Arc::clone(self), key })
    }

    /// Whether the reply was to a question about a webhook; then it is taken.
    pub(crate) fn hear(&self, reply: plugin::Reply) -> Option<plugin::Reply> {
        if reply.id & MARK == 0 || reply.id & crate::connectors::outbox::MARK != 0 {
            return Some(reply);
        }
        if let Some(to) = lock(&self.asked).remove(&reply.id) {
            // The platform may have gone.
            let _ = to.send(reply);
        }
        None
    }

    async fn ask(&self, tenant: &TenantId, budget: Duration, ask: plugin::Ask) -> Option<plugin::Answer> {
        let runtime = self.runtime.read().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        let id = MARK | (self.next.fetch_add(1, Ordering::Relaxed) & (MARK - 1));
        let (to, reply) = oneshot::channel();
        lock(&self.asked).insert(id, to);
        let asked = runtime.ask(plugin::Question { id, tenant: tenant.clone(), budget, ask });
        drop(runtime);
        let reply = match asked {
            Ok(()) => tokio::time::timeout(budget * 10, reply).await,
            Err(failure) => {
                lock(&self.asked).remove(&id);
                tracing::debug!(error = %failure, "a webhook finds no room");
                return None;
            }
        };
        match reply {
            Ok(Ok(reply)) => {
                let said = reply.result;
                said.inspect_err(|error| tracing::debug!(%error, "a channel gave no answer to a webhook")).ok()
            }
            Ok(Err(_)) | Err(_) => {
                lock(&self.asked).remove(&id);
                None
            }
        }
    }
}
