//! One connector that can be asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use plugboard_api::AlarmName;
use plugboard_config::SettingsSchema;
use plugboard_model::{
    Timestamp,
    connector::{Call, Connector, ConnectorFailure, ConnectorFailureCode, Notice},
};
use plugboard_pack::{
    Bytes, Origin,
    permissions::{Addresses, Ask as PackAsk, Asks},
    quarantine::Ticket,
};
use plugboard_plugin::{Access, Answer, Ask, AskFailure, ConnectorPlugin, Kv, KvPlace};

use super::{Change, Ended, Figures, Health, Letters};
use crate::alarms::Alarms;

const FAILING: AlarmName = AlarmName::ConnectorFailing;

/// A component with all that it is given.
pub(crate) struct Ready {
    connector: Arc<Connector>,
    plugin: ConnectorPlugin,
    access: Arc<Access>,
    /// As they were when it was made: where one is another by now, so is this.
    secrets: BTreeMap<Arc<str>, String>,
    operations: BTreeMap<String, Schemas>,
    events: BTreeSet<String>,
    health: Mutex<Health>,
    /// `None`: the outbox has not looked yet.
    letters: Mutex<Option<Letters>>,
    alarms: Arc<Alarms>,
    /// `shop/crm`.
    about: String,
}

/// Without its secrets.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("about", &self.about).finish_non_exhaustive()
    }
}

struct Schemas {
    input: SettingsSchema,
    output: SettingsSchema,
}

/// What one is made of.
pub(super) struct Making<'a> {
    pub(super) connector: &'a Arc<Connector>,
    pub(super) plugin: ConnectorPlugin,
    /// The most that its pack asked for; nothing for a component of the installation.
    pub(super) asked: Option<Asks>,
    pub(super) secrets: BTreeMap<Arc<str>, String>,
    pub(super) kv: (Arc<dyn Kv>, KvPlace),
}

/// What the tenant's administrator granted, where the pack asked for as much.
pub(crate) fn granted(connector: &Connector, asked: Option<&Asks>) -> Result<Asks, String> {
    let origin = |text: &Arc<str>| text.parse::<Origin>().map_err(|error| format!("{text}: {error}"));
    let mut granted = Asks { kv: Bytes(connector.kv_bytes), ..Asks::default() };
    let public = connector.allow.iter().map(|text| (text, Addresses::Public));
    let private = connector.allow_private.iter().map(|text| (text, Addresses::AlsoPrivate));
    for (text, addresses) in public.chain(private) {
        granted.http.insert(origin(text)?, addresses);
    }
    for (name, secret) in &connector.secrets {
        let name = name.parse().map_err(|_| format!("{name:?} is no name of a secret"))?;
        let to = secret.to.iter().map(origin).collect::<Result<BTreeSet<Origin>, String>>()?;
        let everywhere = || granted.http.keys().cloned().collect();
        granted.secrets.insert(name, if to.is_empty() { everywhere() } else { to });
    }
    let beyond = asked.map(|asked| granted.missing(asked)).unwrap_or_default();
    match beyond.iter().find(|ask| !matches!(ask, PackAsk::Secret { .. })) {
        Some(ask) => Err(format!("the pack does not ask for this: {}", ask.words().en)),
        None => Ok(granted),
    }
}

/// What a component is given: what the tenant grants it, and no more.
pub(crate) fn access(
    component: &Connector,
    asked: Option<&Asks>,
    secrets: &BTreeMap<Arc<str>, String>,
    kv: Arc<dyn Kv>,
    place: KvPlace,
) -> Result<Access, String> {
    let mut access =
        Access::new(granted(component, asked)?).with_settings(component.settings.clone()).with_kv(kv, place);
    for (name, value) in secrets {
        let name = name.parse().map_err(|_| format!("{name:?} is no name of a secret"))?;
        access = access.with_secret(name, value.clone());
    }
    Ok(access)
}

impl Making<'_> {
    pub(super) fn ready(self, about: String, alarms: Arc<Alarms>) -> Result<Ready, String> {
        let Self { connector, plugin, asked, secrets, kv: (kv, place) } = self;
        let access = access(connector, asked.as_ref(), &secrets, kv, place)?;
        let description = plugin.description_with(connector.settings.clone()).map_err(|failure| failure.to_string())?;
        let read = |operation: &str, schema: &str| {
            let value = serde_json::from_str(schema).map_err(|error| format!("{operation}: {error}"))?;
            SettingsSchema::read(&value).map_err(|faults| {
                let first = faults.first().map_or_else(String::new, |(at, fault)| format!("{at}: {fault}"));
                format!("a schema of {operation} cannot be used: {first}")
            })
        };
        let schemas = description.operations.into_iter().map(|operation| {
            let (input, output) = (&operation.input_schema, &operation.output_schema);
            let schemas = Schemas { input: read(&operation.name, input)?, output: read(&operation.name, output)? };
            Ok((operation.name, schemas))
        });
        Ok(Ready {
            connector: Arc::clone(connector),
            operations: schemas.collect::<Result<_, String>>()?,
            events: description.events.into_iter().collect(),
            plugin,
            access: Arc::new(access),
            secrets,
            health: Mutex::new(Health::new()),
            letters: Mutex::default(),
            alarms,
            about,
        })
    }
}

/// One question that is under way.
#[derive(Debug)]
pub(crate) struct Invocation {
    ready: Arc<Ready>,
    /// `None`: an event.
    operation: Option<String>,
    ticket: Ticket,
    begun: Timestamp,
}

impl Ready {
    /// Whether it is what the exchange's configuration calls by this name.
    pub(super) fn is_of(&self, connector: &Arc<Connector>) -> bool {
        Arc::ptr_eq(&self.connector, connector) || self.connector == *connector
    }

    pub(super) fn is_made_of(
        &self,
        connector: &Arc<Connector>,
        plugin: &ConnectorPlugin,
        secrets: &BTreeMap<Arc<str>, String>,
    ) -> bool {
        self.is_of(connector) && self.plugin.hash() == plugin.hash() && self.secrets == *secrets
    }

    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.events.contains(kind)
    }

    pub(crate) fn wants_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn figures(&self, now: Timestamp) -> Figures {
        self.health().figures(now)
    }

    /// The question, unless the operation is not there, its input misses the schema, or the other system is let be.
    pub(crate) fn invoke(
        self: &Arc<Self>,
        now: Timestamp,
        call: Box<Call>,
    ) -> Result<(Invocation, Ask), ConnectorFailure> {
        let refuse = |code, message: String| Err(ConnectorFailure { code, message, retry: None });
        let Some(schemas) = self.operations.get(&call.operation) else {
            let message = format!("there is no operation {}", call.operation);
            return refuse(ConnectorFailureCode::UnknownOperation, message);
        };
        let Ok(input) = serde_json::from_str(&call.input) else {
            return refuse(ConnectorFailureCode::BadInput(String::new()), "the input is no JSON".to_owned());
        };
        if let Some(fault) = schemas.input.check(&input).into_iter().next() {
            return refuse(ConnectorFailureCode::BadInput(fault.at.clone()), format!("the input: {fault}"));
        }
        let invocation = self.begin(now, Some(call.operation.clone()))?;
        let (connector, access) = (self.plugin.clone(), Arc::clone(&self.access));
        Ok((invocation, Ask::Invoke { connector, access, call }))
    }

    /// Likewise for an event.
    pub(crate) fn notify(
        self: &Arc<Self>,
        now: Timestamp,
        notice: Box<Notice>,
    ) -> Result<(Invocation, Ask), ConnectorFailure> {
        let invocation = self.begin(now, None)?;
        let (connector, access) = (self.plugin.clone(), Arc::clone(&self.access));
        Ok((invocation, Ask::Notify { connector, access, notice }))
    }

    fn begin(self: &Arc<Self>, now: Timestamp, operation: Option<String>) -> Result<Invocation, ConnectorFailure> {
        match self.health().admit(now) {
            Ok(ticket) => Ok(Invocation { ready: Arc::clone(self), operation, ticket, begun: now }),
            Err(until) => {
                let message = format!("it failed too often and is not asked before {until}");
                let retry = Some(until.since(now));
                Err(ConnectorFailure { code: ConnectorFailureCode::Unreachable, message, retry })
            }
        }
    }

    /// What waits to be told to the other system, as the outbox finds it.
    pub(crate) fn letters(&self) -> Option<Letters> {
        *self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waits(&self, letters: Letters) {
        *self.letters.lock().unwrap_or_else(PoisonError::into_inner) = Some(letters);
    }

    /// Ends an alarm that is over, though nobody asked since.
    pub(crate) fn look(&self, now: Timestamp) {
        let change = self.health().look(now);
        self.tell(now, change);
    }

    fn ended(&self, now: Timestamp, ticket: Ticket, how: Ended, took: Duration) {
        let change = self.health().ended(now, ticket, how, took);
        self.tell(now, change);
    }

    fn tell(&self, now: Timestamp, change: Change) {
        match change {
            Change::None => {}
            Change::Alarm => {
                let Figures { recent: (asked, failed), let_be_until, last_failure, .. } = self.figures(now);
                let last = last_failure.map_or_else(String::new, |last| format!("; the last: {}", last.why));
                let until = let_be_until.map_or_else(String::new, |until| format!("; not asked before {until}"));
                let detail = format!("{failed} of {asked} calls failed within a minute{last}{until}");
                self.alarms.raise(FAILING, &self.about, detail);
            }
            Change::Well => self.alarms.clear(FAILING, &self.about),
        }
    }

    /// It is not asked any more: another one is made of its name, or nothing.
    pub(super) fn replaced(&self) {
        self.alarms.clear(FAILING, &self.about);
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Invocation {
    /// The plugin threads had no room for it.
    pub(crate) fn withdraw(self, now: Timestamp) {
        self.ready.health().withdraw(now, self.ticket);
    }

    /// What came of it, once it is counted and held against the schema.
    pub(crate) fn ended(self, now: Timestamp, result: Result<Answer, AskFailure>) -> Result<String, ConnectorFailure> {
        let said = match result {
            Ok(Answer::Invoked(said)) => said.and_then(|json| self.of_schema(json)),
            Ok(Answer::Noted(said)) => said.map(|()| String::new()),
            Ok(_) => Err(failure(ConnectorFailureCode::BadAnswer, "the answer is of another kind".to_owned())),
            Err(AskFailure::Deadline { .. } | AskFailure::Stale { .. }) => {
                Err(failure(ConnectorFailureCode::TimedOut, "the connector did not answer in time".to_owned()))
            }
            Err(why) => Err(failure(ConnectorFailureCode::Other("plugin".to_owned()), why.to_string())),
        };
        let how = match &said {
            Ok(_) => Ended { word: "ok", failure: None },
            Err(ConnectorFailure { code, message, .. }) => {
                let failure = is_the_systems(code).then(|| format!("{}: {message}", code.as_str()));
                Ended { word: code.as_str(), failure }
            }
        };
        self.ready.ended(now, self.ticket, how, now.since(self.begun));
        said
    }

    fn of_schema(&self, json: String) -> Result<String, ConnectorFailure> {
        let schemas = self.operation.as_ref().and_then(|operation| self.ready.operations.get(operation));
        let bad = |message: String| Err(failure(ConnectorFailureCode::BadAnswer, message));
        let (Some(schemas), Ok(value)) = (schemas, serde_json::from_str(&json)) else {
            return bad("the answer is no JSON".to_owned());
        };
        match schemas.output.check(&value).into_iter().next() {
            Some(fault) => bad(format!("the answer: {fault}")),
            None => Ok(json),
        }
    }
}

fn failure(code: ConnectorFailureCode, message: String) -> ConnectorFailure {
    // Whoever may try again does so after the usual while.
    ConnectorFailure { code, message, retry: Some(Duration::from_secs(5)) }
}

/// Whether it says that the way there is broken, and not that this one wish was wrong.
fn is_the_systems(code: &ConnectorFailureCode) -> bool {
    match code {
        ConnectorFailureCode::NotFound | ConnectorFailureCode::BadInput(_) | ConnectorFailureCode::UnknownOperation => {
            false
        }
        ConnectorFailureCode::Denied
        | ConnectorFailureCode::Unreachable
        | ConnectorFailureCode::TimedOut
        | ConnectorFailureCode::Limit
        | ConnectorFailureCode::BadAnswer
        | ConnectorFailureCode::BadSettings
        | ConnectorFailureCode::Other(_) => true,
    }
}
