//! The worlds of the contract: for each, what an instance is told once, what it can be asked, and how its answers are read.

pub(crate) mod assistant;
pub(crate) mod channel;
pub(crate) mod compliance;
pub(crate) mod connector;
pub(crate) mod dialer;
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

/// Of [`World`]: where the functions are, by the types that are generated of an interface.
macro_rules! guest_of {
    ($interface:ident) => {
        type Indices = $interface::GuestIndices;
        type Guest = $interface::Guest;

        fn indices(pre: &wasmtime::component::InstancePre<crate::room::Room>) -> wasmtime::Result<Self::Indices> {
            $interface::GuestIndices::new(pre)
        }

        fn guest(
            indices: &Self::Indices,
            store: &mut wasmtime::Store<crate::room::Room>,
            instance: &wasmtime::component::Instance,
        ) -> wasmtime::Result<Self::Guest> {
            indices.load(store, instance)
        }
    };
}

/// Of [`World`]: it may wait for others, and reads its settings by `config`.
macro_rules! reaches_out {
    () => {
        const REACHES_OUT: bool = true;
        type Setup = ();

        fn configure(_: &mut Instance<Self>, (): &()) -> Result<(), AskFailure> {
            Ok(())
        }
    };
}

/// What a plugin says of itself and of settings, in the worlds that have `describe` and `check`.
macro_rules! described {
    ($plugin:ty, $description:ty) => {
        impl $plugin {
            pub fn description(&self) -> &$description {
                self.about()
            }

            /// What is wrong with these settings, said by the very bytes that would run with them. Takes some milliseconds, at most a second.
            pub fn check(
                &self,
                settings: &crate::Settings,
            ) -> Result<Vec<plugboard_model::flow::Problem>, crate::AskFailure> {
                let settings = crate::world::words::settings(settings.items());
                let mut instance = self.raw_instance(None)?;
                let turn = crate::moment::Turn::of(crate::world::SETUP_BUDGET);
                let problems = instance.call(turn, |guest, store| guest.call_check(store, &settings))?;
                crate::world::words::problems(problems).map_err(crate::AskFailure::BadAnswer)
            }
        }
    };
}

pub(crate) use {described, guest_of, reaches_out};
