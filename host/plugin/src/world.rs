//! The worlds of the contract: for each, what an instance is told once, what it can be asked, and how its answers are read.

pub(crate) mod assistant;
pub(crate) mod channel;
pub(crate) mod compliance;
pub(crate) mod connector;
pub(crate) mod flow;
pub(crate) mod routing;
mod words;

use std::time::Duration;

use wasmtime::{Store, component};

use crate::{AskFailure, BadAnswer, instance::Instance, moment::Turn, room::Room};

pub(crate) use words::failure;

/// For all that happens once: `describe`, `check`, `configure`.
pub(crate) const SETUP_BUDGET: Duration = Duration::from_secs(1);

/// A world as the host asks it. An instance of it lives in a [`Room`].
pub(crate) trait World: Sized + Send + Sync + 'static {
    /// As in the contract.
    const NAME: &'static str;
    /// The interface that makes a component one of this world.
    const INTERFACE: &'static str;
    /// Whether it may import `http`, `kv` and `config`. Then each question has an instance of its own, and its budget is time on the wall.
    const REACHES_OUT: bool = false;
    /// Where the interface's functions are in a component.
    type Indices: Send + Sync;
    /// Those of one instance.
    type Guest;
    /// What an instance is told before its first question.
    type Setup;
    /// What a component says of itself.
    type About: Send + Sync;

    fn indices(pre: &component::InstancePre<Room>) -> wasmtime::Result<Self::Indices>;

    /// Fails where a function has other parameters than the contract says.
    fn guest(
        indices: &Self::Indices,
        store: &mut Store<Room>,
        instance: &component::Instance,
    ) -> wasmtime::Result<Self::Guest>;

    /// What it is, and the names of what it cannot do without.
    fn describe(instance: &mut Instance<Self>) -> Result<(Self::About, Vec<String>), AskFailure>;

    fn configure(instance: &mut Instance<Self>, setup: &Self::Setup) -> Result<(), AskFailure>;
}

/// Tells instances apart: what was told one is not what another knows.
pub(crate) trait Setup {
    fn hash(&self) -> [u8; 32];
}

/// Something that can be asked in a world.
pub(crate) trait Question<W: World> {
    type Answer;

    fn ask(self, instance: &mut Instance<W>, setup: &W::Setup, turn: Turn) -> Result<Self::Answer, AskFailure>;
}

pub(crate) type Checked<T> = Result<T, BadAnswer>;
