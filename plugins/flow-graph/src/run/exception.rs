//! The exception flow: an apology, then the fallback. Where it fails itself, or the document has none, the host's own takes over.

use super::{Run, failure};
use crate::{
    contract::exports::plugboard::plugin::{
        common::{Failure, FailureCode},
        flow_types::{self as wit, Effect, GiveUp, Happening, QueueNews, TransferEnd},
    },
    document::{Fallback, QueueChoice, Wait},
    session::{Spot, Stage},
};

const TEMPORARY_FAILURE: u16 = 41;

impl Run<'_> {
    /// Apologises, then gives the caller to the fallback. `why` goes to the log where there is no exception flow.
    pub(super) fn exception(&mut self, why: &str) -> Result<(), Failure> {
        let graph = self.graph;
        let Some(exception) = &graph.exception else {
            return Err(failure(FailureCode::Other("no-exception-flow".into()), why));
        };
        match self.say(&[exception.prompt.as_ref()], false) {
            Some(prompt) => {
                let awaits = self.act_answered(Effect::Play(prompt));
                self.visited("exception".into(), None);
                self.session.spot = Spot::Exception { awaits, stage: Stage::Prompt };
            }
            None => self.fall_back(),
        }
        Ok(())
    }

    fn fall_back(&mut self) {
        let graph = self.graph;
        let awaits = match graph.exception.as_ref().map(|exception| &exception.fallback) {
            Some(Fallback::Queue(queue)) => {
                let choice = QueueChoice { queue: Some(queue.clone()), priority: None, skills: Some(Vec::new()) };
                let wait =
                    Wait { choice, hold_music: None, announce: None, max_wait_ms: None, exit_keys: String::new() };
                self.enqueue(&wait)
            }
            Some(Fallback::Number(number)) => {
                let to = wit::Target::Number(number.clone());
                Some(self.act(Effect::Transfer(wit::Transfer { to, ring_ms: 30_000 })))
            }
            Some(Fallback::HangUp) | None => None,
        };
        match awaits {
            Some(awaits) => {
                self.visited("exception".into(), None);
                self.session.spot = Spot::Exception { awaits, stage: Stage::Main };
            }
            None => self.give_up(),
        }
    }

    pub(super) fn exception_answer(&mut self, stage: Stage, what: &Happening) -> Result<(), Failure> {
        match (stage, what) {
            // An apology that cannot be played is no reason to lose the caller.
            (Stage::Prompt, Happening::Played(_) | Happening::Refused(_)) => self.fall_back(),
            (_, Happening::Queue(QueueNews::Connected(_)) | Happening::Transferred(TransferEnd::Connected)) => {
                self.visited("exception".into(), Some("answered"));
                self.session.spot = Spot::Ended;
            }
            // Who has waited in the fallback queue has had what there is.
            (_, Happening::Queue(QueueNews::GaveUp(GiveUp::Timeout))) => self.give_up(),
            (_, Happening::Queue(QueueNews::GaveUp(_)) | Happening::Transferred(_) | Happening::Refused(_)) => {
                return Err(failure(FailureCode::Other("exception-flow-failed".into()), "its fallback takes nobody"));
            }
            _ => {}
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.act(Effect::HangUp(TEMPORARY_FAILURE));
        self.visited("exception".into(), Some("ended"));
        self.session.spot = Spot::Ended;
    }
}
