//! Connectors of all tenants, ready to be asked: component, what it may reach, its schemas, and how it fares.
//!
//! ```text
//!   configuration ─► prepare (component, secrets, describe) ─► Ready ─► questions of calls, events of the outbox
//! ```

mod health;
pub(crate) mod letter;
pub(crate) mod outbox;
mod ready;

pub(crate) use health::{Change, Ended, Figures, Health};
pub(crate) use ready::{Invocation, Ready, access, granted};

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use plugboard_api::{AlarmName, Fault};
use plugboard_model::{
    Configuration, TenantId, Timestamp,
    connector::{Connector, SecretSource},
};
use plugboard_plugin::{Kv, KvPlace};

use crate::{alarms::Alarms, clock::Clock, components::Components, kv::DurableKv};

/// Letters of one connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letters {
    /// Those in memory; the log holds what is behind them.
    pub(crate) waiting: usize,
    /// When what the oldest of them tells of happened.
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) dead: usize,
}

const NOT_READY: AlarmName = AlarmName::ConnectorNotReady;

/// Ready, or why not.
pub(crate) type ByName = BTreeMap<Arc<str>, Result<Arc<Ready>, Arc<str>>>;

/// Shared by whoever configures, asks and looks.
pub(crate) struct Connectors {
    tenants: RwLock<BTreeMap<TenantId, ByName>>,
    kv: Arc<DurableKv>,
    /// A folder of secrets for each tenant.
    secrets: PathBuf,
    clock: Clock,
    alarms: Arc<Alarms>,
}

/// Without what is ready: secrets are among it.
impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connectors")
    }
}

impl Connectors {
    pub(crate) fn new(kv: Arc<DurableKv>, secrets: PathBuf, clock: Clock, alarms: Arc<Alarms>) -> Self {
        Self { tenants: RwLock::default(), kv, secrets, clock, alarms }
    }

    /// Makes the tenant's connectors ready, before its calls may name them. What has not changed keeps its connections and its circuit. Each new one
    /// takes some milliseconds, at most a second: not for a thread that others wait for. What a connector kept that is gone is forgotten.
    pub(crate) fn prepare(&self, configuration: &Configuration, components: &Components) {
        let tenant = &configuration.tenant;
        let before = self.read(|tenants| tenants.get(tenant).cloned()).unwrap_or_default();
        let make = |(name, connector): (&Arc<str>, &Arc<Connector>)| {
            let about = format!("{tenant}/{name}");
            let made = self.make(tenant, name, connector, components, before.get(name));
            match &made {
                Ok(_) => self.alarms.clear(NOT_READY, &about),
                Err(reason) => self.alarms.raise(NOT_READY, &about, format!("{reason}; flows hear that it failed")),
            }
            if let Some(Ok(before)) = before.get(name)
                && made.as_ref().ok().is_none_or(|made| !Arc::ptr_eq(made, before))
            {
                before.replaced();
            }
            (Arc::clone(name), made)
        };
        let ready: ByName = configuration.connectors.iter().map(make).collect();
        for (name, before) in before.iter().filter(|(name, _)| !ready.contains_key(*name)) {
            self.alarms.clear(NOT_READY, &format!("{tenant}/{name}"));
            if let Ok(before) = before {
                before.replaced();
            }
        }
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), ready);
        let places: BTreeSet<String> =
            configuration.connectors.iter().map(|(name, connector)| place(name, connector)).collect();
        // What stays is bounded by its quota, and found again the next time.
        let _ = self.kv.retain(tenant, PLACES, |place| places.contains(place));
    }

    fn make(
        &self,
        tenant: &TenantId,
        name: &Arc<str>,
        connector: &Arc<Connector>,
        components: &Components,
        before: Option<&Result<Arc<Ready>, Arc<str>>>,
    ) -> Result<Arc<Ready>, Arc<str>> {
        let (plugin, asked) = components
            .connector(Some(tenant), &connector.plugin)
            .ok_or_else(|| format!("there is no connector plugin {}", connector.plugin))?;
        let secrets = self.secrets_of(tenant, connector)?;
        if let Some(Ok(before)) = before
            && before.is_made_of(connector, &plugin, &secrets)
        {
            return Ok(Arc::clone(before));
        }
        let about = format!("{tenant}/{name}");
        let kv = Arc::clone(&self.kv) as Arc<dyn Kv>;
        let place = KvPlace { tenant: tenant.clone(), plugin: place(name, connector) };
        let made = ready::Making { connector, plugin, asked, secrets, kv: (kv, place) };
        made.ready(about, Arc::clone(&self.alarms)).map(Arc::new).map_err(Into::into)
    }

    /// The connector as the exchange knows it. Its configuration may be about to change.
    pub(crate) fn ready(
        &self,
        tenant: &TenantId,
        name: &str,
        connector: &Arc<Connector>,
    ) -> Result<Arc<Ready>, Arc<str>> {
        let found = self.read(|tenants| tenants.get(tenant)?.get(name).cloned());
        let ready = found.unwrap_or_else(|| Err("the connector is not ready".into()))?;
        if ready.is_of(connector) { Ok(ready) } else { Err("the connector is being changed".into()) }
    }

    /// All of a tenant, by name, ready or not.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> ByName {
        self.read(|tenants| tenants.get(tenant).cloned()).unwrap_or_default()
    }

    pub(crate) fn has(&self, tenant: &TenantId) -> bool {
        self.read(|tenants| tenants.get(tenant).is_some_and(|connectors| !connectors.is_empty()))
    }

    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        self.read(|tenants| tenants.keys().cloned().collect())
    }

    /// Secrets that the host cannot find: a configuration that names one is not published.
    pub(crate) fn missing_secrets(&self, configuration: &Configuration, faults: &mut Vec<Fault>) {
        let connectors = configuration.connectors.iter().map(|(name, connector)| ("connectors", name, &**connector));
        let channels = configuration.channels.iter().map(|(name, channel)| ("channels", name, &channel.component));
        for (kind, name, component) in connectors.chain(channels) {
            for (secret, of) in &component.secrets {
                if self.secret(&configuration.tenant, &of.from).is_none() {
                    faults.push(Fault {
                        field: Some(format!("/{kind}/{name}/secrets/{secret}")),
                        code: "no-secret".into(),
                        message: missing(secret, &of.from),
                        remedy: "set it where the host runs, then apply again".into(),
                        ..Fault::default()
                    });
                }
            }
        }
    }

    /// What a component's secrets are worth, by name.
    pub(crate) fn secrets_of(
        &self,
        tenant: &TenantId,
        component: &Connector,
    ) -> Result<BTreeMap<Arc<str>, String>, String> {
        let secrets = component.secrets.iter().map(|(secret, of)| {
            let value = self.secret(tenant, &of.from).ok_or_else(|| missing(secret, &of.from))?;
            Ok((Arc::clone(secret), value))
        });
        secrets.collect()
    }

    pub(crate) fn kv(&self) -> &Arc<DurableKv> {
        &self.kv
    }

    fn secret(&self, tenant: &TenantId, from: &SecretSource) -> Option<String> {
        let text = match from {
            SecretSource::Env(name) if name.starts_with(SecretSource::PREFIX) => std::env::var(&**name).ok()?,
            SecretSource::Env(_) => return None,
            SecretSource::File(file) => {
                // A plain name, whoever let it come this far.
                let plain = Path::new(&**file).file_name().filter(|name| *name == &**file)?;
                std::fs::read_to_string(self.secrets.join(tenant.as_str()).join(plain)).ok()?
            }
        };
        let line = text.lines().next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn read<T>(&self, read: impl FnOnce(&BTreeMap<TenantId, ByName>) -> T) -> T {
        read(&self.tenants.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What connectors keep, beside what others keep.
const PLACES: &str = "connector ";

/// Where a connector keeps what it keeps: one of another plugin finds nothing of it.
fn place(name: &str, connector: &Connector) -> String {
    format!("{PLACES}{name} {}", connector.plugin)
}

fn missing(secret: &str, from: &SecretSource) -> String {
    match from {
        SecretSource::Env(name) => format!("the secret {secret} is not in the host's environment as {name}"),
        SecretSource::File(file) => format!("the secret {secret} is not in the host's folder of secrets as {file}"),
    }
}
