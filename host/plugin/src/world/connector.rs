//! The world `connector-plugin`: a way into another system. Each question has an instance of its own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_model::connector::{Call, ConnectorFailure, ConnectorFailureCode, Notice, Operation};
use serde::de::IgnoredAny;

use crate::{
    Access, AskFailure, BadAnswer, ConnectorPlugin,
    bindings::connector as wit,
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Checked, Question, SETUP_BUDGET, World, words},
};

const JSON: usize = 64 * 1024;

/// What a connector says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorDescription {
    pub name: String,
    pub operations: Vec<Operation>,
    /// Kinds of notices that it wants.
    pub events: Vec<String>,
}

/// Marks what belongs to the world `connector-plugin`.
pub struct Connector;

impl World for Connector {
    const NAME: &'static str = "connector-plugin";
    const INTERFACE: &'static str = "connector";
    type About = ConnectorDescription;

    world::guest_of!(wit);
    world::reaches_out!();

    fn describe(instance: &mut Instance<Self>) -> Result<(ConnectorDescription, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        description(said).map_err(AskFailure::BadAnswer)
    }
}

world::described!(ConnectorPlugin, ConnectorDescription);

impl ConnectorPlugin {
    /// What it can do with these settings. Takes some milliseconds, at most a second.
    pub fn description_with(&self, settings: BTreeMap<String, String>) -> Result<ConnectorDescription, AskFailure> {
        let mut instance = self.raw_instance(None)?;
        instance.open(Arc::new(Access::default().with_settings(settings)));
        Connector::describe(&mut instance).map(|(description, _)| description)
    }
}

/// What a connector answers, or why it does not: that is no failure of the plugin.
pub(crate) type Said<T> = Result<T, ConnectorFailure>;

pub(crate) struct Invoke(pub(crate) Box<Call>);

impl Question<Connector> for Invoke {
    type Answer = Said<String>;

    fn ask(self, instance: &mut Instance<Connector>, (): &(), turn: Turn) -> Result<Said<String>, AskFailure> {
        let Call { operation, input, key, interaction, at } = *self.0;
        door::at_most("bytes of input", JSON, input.len()).map_err(AskFailure::BadAnswer)?;
        let call = wit::Call {
            operation,
            input,
            key,
            interaction: interaction.map(|id| id.to_string()),
            at_ms: at.as_millis(),
            timeout_ms: u32::try_from(turn.budget.as_millis()).unwrap_or(u32::MAX),
            extra: Vec::new(),
        };
        let said = instance.call(turn, |guest, store| guest.call_invoke(store, &call))?;
        match said {
            Ok(output) => json(output.json).map(Ok).map_err(AskFailure::BadAnswer),
            Err(failure) => Ok(Err(self::failure(failure))),
        }
    }
}

pub(crate) struct Notify(pub(crate) Box<Notice>);

impl Question<Connector> for Notify {
    type Answer = Said<()>;

    fn ask(self, instance: &mut Instance<Connector>, (): &(), turn: Turn) -> Result<Said<()>, AskFailure> {
        let Notice { id, kind, at, attempt, json } = *self.0;
        let event = wit::Event { id, kind, at_ms: at.as_millis(), attempt, json, extra: Vec::new() };
        Ok(instance.call(turn, |guest, store| guest.call_on_event(store, &event))?.map_err(failure))
    }
}

pub(crate) struct Probe;

impl Question<Connector> for Probe {
    type Answer = Said<()>;

    fn ask(self, instance: &mut Instance<Connector>, (): &(), turn: Turn) -> Result<Said<()>, AskFailure> {
        Ok(instance.call(turn, |guest, store| guest.call_probe(store))?.map_err(failure))
    }
}

fn json(text: String) -> Checked<String> {
    let text = door::text("json", JSON, text)?;
    match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(BadAnswer::BadText { field: "json", value: door::shown(80, &text) }),
    }
}

fn failure(failure: wit::Failure) -> ConnectorFailure {
    use wit::FailureCode;
    let code = match failure.code {
        FailureCode::UnknownOperation => ConnectorFailureCode::UnknownOperation,
        FailureCode::BadInput(at) => ConnectorFailureCode::BadInput(words::shown(&at)),
        FailureCode::NotFound => ConnectorFailureCode::NotFound,
        FailureCode::Denied => ConnectorFailureCode::Denied,
        FailureCode::Unreachable => ConnectorFailureCode::Unreachable,
        FailureCode::TimedOut => ConnectorFailureCode::TimedOut,
        FailureCode::Limit => ConnectorFailureCode::Limit,
        FailureCode::BadAnswer => ConnectorFailureCode::BadAnswer,
        FailureCode::BadSettings => ConnectorFailureCode::BadSettings,
        FailureCode::Other(word) => ConnectorFailureCode::Other(door::shown(64, &word)),
    };
    let retry = failure.retry_ms.map(|ms| Duration::from_millis(ms.into()));
    ConnectorFailure { code, message: words::shown(&failure.message), retry }
}

fn description(said: wit::Description) -> Checked<(ConnectorDescription, Vec<String>)> {
    door::at_most("operations", 256, said.operations.len())?;
    door::at_most("events", 64, said.events.len())?;
    let operation = |operation: wit::Operation| {
        Ok(Operation {
            name: door::line("operation", 64, operation.name)?,
            title: words::shown(&operation.title),
            input_schema: json(operation.input_schema)?,
            output_schema: json(operation.output_schema)?,
            writes: operation.writes,
        })
    };
    let description = ConnectorDescription {
        name: door::line("name", 64, said.name)?,
        operations: said.operations.into_iter().map(operation).collect::<Checked<_>>()?,
        events: said.events.into_iter().map(|event| door::line("event", 64, event)).collect::<Checked<_>>()?,
    };
    Ok((description, words::needs(said.needs)?))
}
