//! Where most stories begin.

use std::time::Duration;

use plugboard_exchange::{CommandError, Reply};
use plugboard_model::{Configuration, EventKind, InteractionId};
use plugboard_scenarios::{LineId, PhoneId, World, tenant};

/// Anna calls; amy works in sales. The seconds of the first registrations are over.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) anna: PhoneId,
    pub(crate) amy: PhoneId,
}

pub(crate) const FIRST: InteractionId = InteractionId(1);

pub(crate) fn shop() -> Stage {
    shop_with(|_| {})
}

pub(crate) fn shop_with(change: impl FnOnce(&mut Configuration)) -> Stage {
    let mut configuration = tenant::shop();
    change(&mut configuration);
    let mut world = World::new(1, configuration);
    let amy = world.add_agent("amy");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    Stage { world, anna, amy }
}

impl Stage {
    /// Anna is with amy, by way of the queue `sales`.
    pub(crate) fn talking(&mut self) -> LineId {
        let call = self.world.dial(self.anna, "500");
        self.world.run_secs(3);
        assert_eq!(self.world.hears(call), "amy", "{}", self.world.story());
        call
    }

    pub(crate) fn command(&mut self, command: plugboard_call::Command) -> Result<Reply, CommandError> {
        self.world.call(FIRST, command)
    }
}

/// What ended an interaction: `Caller 16`.
pub(crate) fn endings(world: &World) -> Vec<String> {
    let ending = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::InteractionClosed { by, cause, .. } => Some(format!("{by:?} {cause}")),
        _ => None,
    };
    world.facts.iter().filter_map(ending).collect()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
