//! A flow as one async function.
//!
//! # How it works
//!
//! ```text
//!   step(state, event):  call(..) runs from its first line ──> each `await` gets the answer that it got before ──> the new event ──> rest
//!   state = what was asked (a mark each) + the answers, in the order in which they came
//! ```
//!
//! At each step the function is run again from its beginning. What it asks while it is given old answers is compared with what it asked before, and
//! not asked again; then the new event is heard, and what it asks from there on is sent. So a caller may wait for an hour, on a host that was
//! restarted twice, with nothing kept but some bytes.
//!
//! # What follows from it
//!
//! - The function may depend on its answers, the settings and [`Call::now`] only: no clock, no chance, no order of a `HashMap`, no `static`. Where it
//!   does, [`step`] names the first difference, ``request 0 was `play`, the re-run asks `gather` ``, and the tenant's exception flow takes over.
//! - A request is made when the method is called, not when it is awaited: `let place = call.queue("sales");` stands in the queue at once.
//! - Dropping an [`Ask`] that is not answered takes it back. So does whatever drops it: [`select`] that went the other way, the end of a block.
//! - The caller may hang up at any `await`: the function is dropped there and never goes on, and [`Flow::hung_up`] runs.
//! - A function that returns has ended the interaction: unless it was given to an agent, a number or another flow, the line is hung up.
//! - Futures of other crates work as long as they do not rely on being woken: everything is polled after each event. No executor, no timers but
//!   [`Call::timer`].
//!
//! # What it costs
//!
//! A step runs all of the function so far, so it takes longer the more answers there are, and the state grows with them, to
//! [`STATE_LIMIT`] at most. What may go round for long, a queue above all, belongs into [`Call::repeat`], which forgets finished rounds.

mod ask;
mod bytes;
mod call;
mod effect;
mod happening;
mod journal;
mod parting;
pub mod rehearsal;
mod repeat;
mod step;
mod talk;
#[cfg(test)]
mod tests;

pub use crate::contract::flow::exports::plugboard::plugin::{
    common::{Extra, Failure, FailureCode, Open, Problem, Setting, Severity},
    flow::{Action, Description, Event, Reference, ReferenceKind, Stepped, Visit},
    flow_types::{
        Announce, Channel, Digits, Direction, Effect, End, Enqueue, Gather, GatherEnd, GiveUp, Happening, Invoke,
        Listen, Mailbox, Message, Outgoing, Place, Prompt, QueueNews, Record, Recording, Refusal, SkillNeed, Source,
        Speech, Start, Target, Transfer, TransferEnd,
    },
};
pub use ask::{Ask, Either, join, select};
pub use call::{Call, WallClock};
pub use happening::QueueEnd;
pub use parting::Parting;
pub use repeat::{Keep, Keeping, Kept};
pub use step::{check, configure, describe, references, step};

/// Bytes of state: what the contract allows.
pub const STATE_LIMIT: usize = 256 << 10;
/// Actions of one step: what the contract allows.
pub const MOST_ACTIONS: usize = 64;
/// Messages that came and were not yet taken by [`Call::message`]; what comes beyond is not heard.
pub const MOST_UNREAD: usize = 32;

/// What a request came to; `?` on a refusal ends the flow, and the tenant's exception flow takes over.
pub type Asked<T> = Result<T, Refused>;

/// The host did not do what was asked. The interaction goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Kebab-case: `prompt-missing`, `unknown-target`, `denied` and others ([`Refusal::code`]).
    pub code: String,
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// How one interaction is treated.
pub trait Flow {
    /// At most 64 bytes.
    const NAME: &str;
    /// Goes up with each change of [`Flow::call`] after which an interaction that began before cannot go on.
    const REVISION: u32;
    /// Names of events, effects and sources beyond the contract's own that it cannot do without; a host that lacks one refuses to install it.
    const NEEDS: &[&str] = &[];

    /// From the first event to the last.
    #[allow(async_fn_in_trait, reason = "polled on one thread, by `step`")]
    async fn call(call: Call) -> Asked<()>;

    /// The caller hung up, or the line broke, wherever [`Flow::call`] stood.
    fn hung_up(call: &Parting) {
        let _ = call;
    }

    /// What is wrong with these settings; shown to whoever publishes them.
    fn check(settings: &[Setting]) -> Vec<Problem> {
        let _ = settings;
        Vec::new()
    }

    /// Which prompts, queues and skills of the tenant's these settings name.
    fn references(settings: &[Setting]) -> Vec<Reference> {
        let _ = settings;
        Vec::new()
    }
}

/// Makes a component of the world `flow-plugin` of a [`Flow`].
#[macro_export]
macro_rules! export_flow {
    ($flow:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the canonical ABI's exports")]
        const _: () = {
            use $crate::flow::{Description, Event, Failure, Problem, Reference, Setting, Stepped};

            struct Component;

            impl $crate::contract::flow::exports::plugboard::plugin::flow::Guest for Component {
                fn describe() -> Description {
                    $crate::flow::describe::<$flow>()
                }

                fn check(settings: Vec<Setting>) -> Vec<Problem> {
                    $crate::flow::check::<$flow>(&settings)
                }

                fn references(settings: Vec<Setting>) -> Vec<Reference> {
                    $crate::flow::references::<$flow>(&settings)
                }

                fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
                    $crate::flow::configure::<$flow>(settings)
                }

                fn step(state: Vec<u8>, event: Event) -> Result<Stepped, Failure> {
                    $crate::flow::step::<$flow>(&state, &event)
                }
            }

    $crate::contract::flow::export!(Component with_types_in $crate::contract::flow);
        };
        // So that a build for tests knows that the flow is used.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::flow::Description = $crate::flow::describe::<$flow>;
    };
}
