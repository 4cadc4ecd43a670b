//! The world `flow-plugin`: how one interaction is treated.

mod answer;
mod question;

use plugboard_model::flow::{self, Happening, Reference, Stepped};

use crate::{
    AskFailure, FlowPlugin, Settings,
    bindings::flow as wit,
    instance::Instance,
    moment::Turn,
    world::{self, Question, SETUP_BUDGET, World, words},
};

/// What a flow plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// States of another revision cannot be read.
    pub revision: u32,
    pub nodes: Vec<NodeKind>,
}

/// A kind of node, for the designer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKind {
    pub kind: String,
    pub exits: Vec<String>,
    /// JSON Schema 2020-12.
    pub settings_schema: String,
}

/// Marks what belongs to the world `flow-plugin`.
pub struct Flow;

impl World for Flow {
    const NAME: &'static str = "flow-plugin";
    const INTERFACE: &'static str = "flow";
    type Setup = Settings;
    type About = Description;

    world::guest_of!(wit);

    fn describe(instance: &mut Instance<Self>) -> Result<(Description, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        answer::description(said).map_err(AskFailure::BadAnswer)
    }

    fn configure(instance: &mut Instance<Self>, settings: &Settings) -> Result<(), AskFailure> {
        let settings = words::settings(settings.items());
        instance
            .call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_configure(store, &settings))?
            .map_err(world::failure)
    }
}

/// One event of one interaction.
pub(crate) struct Step {
    pub(crate) state: Vec<u8>,
    pub(crate) event: Box<flow::Event>,
}

impl Question<Flow> for Step {
    type Answer = Stepped;

    fn ask(self, instance: &mut Instance<Flow>, _: &Settings, turn: Turn) -> Result<Stepped, AskFailure> {
        let hung_up = matches!(self.event.what, Happening::HungUp(_));
        let event = question::event(*self.event);
        instance
            .call(turn, |guest, store| guest.call_step(store, &self.state, &event))?
            .map_err(world::failure)
            .and_then(|stepped| answer::stepped(stepped, hung_up).map_err(AskFailure::BadAnswer))
    }
}

world::described!(FlowPlugin, Description);

impl FlowPlugin {
    /// Whether an instance takes these settings, whatever `check` says of them.
    pub fn configure(&self, settings: &Settings) -> Result<(), AskFailure> {
        self.instance(None, settings).map(drop)
    }

    /// What these settings name of the tenant's; empty where [`Self::check`] finds an error.
    pub fn references(&self, settings: &Settings) -> Result<Vec<Reference>, AskFailure> {
        let settings = words::settings(settings.items());
        let mut instance = self.raw_instance(None)?;
        let found = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_references(store, &settings))?;
        answer::references(found).map_err(AskFailure::BadAnswer)
    }
}
