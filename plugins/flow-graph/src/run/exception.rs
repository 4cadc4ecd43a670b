//! The exception flow: an apology, then the fallback, then the end.

use super::Run;
use crate::{
    contract::exports::plugboard::plugin::flow_types::{self as wit, Effect, Happening, QueueNews, TransferEnd},
    document::{Fallback, QueueChoice, Wait},
    session::{Spot, Stage},
};

const TEMPORARY_FAILURE: u16 = 41;

impl Run<'_> {
    /// Apologises, then gives the caller to the fallback.
    pub(super) fn exception(&mut self) {
        let graph = self.graph;
        match self.say(&[graph.exception.prompt.as_ref()], false) {
            Some(prompt) => {
                let awaits = self.act_answered(Effect::Play(prompt));
                self.visited("exception".into(), None);
                self.session.spot = Spot::Exception { awaits, stage: Stage::Prompt };
            }
            None => self.fall_back(),
        }
    }

    fn fall_back(&mut self) {
        let graph = self.graph;
        let awaits = match &graph.exception.fallback {
            Fallback::Queue(queue) => {
                let choice = QueueChoice { queue: Some(queue.clone()), priority: None, skills: Some(Vec::new()) };
                let wait =
                    Wait { choice, hold_music: None, announce: None, max_wait_ms: None, exit_keys: String::new() };
                self.enqueue(&wait)
            }
            Fallback::Number(number) => {
                let to = wit::Target::Number(number.clone());
                Some(self.act(Effect::Transfer(wit::Transfer { to, ring_ms: 30_000 })))
            }
            Fallback::HangUp => None,
        };
        match awaits {
            Some(awaits) => {
                self.visited("exception".into(), None);
                self.session.spot = Spot::Exception { awaits, stage: Stage::Main };
            }
            None => self.give_up(),
        }
    }

    pub(super) fn exception_answer(&mut self, stage: Stage, what: &Happening) {
        match (stage, what) {
            // An apology that cannot be played is no reason to lose the caller.
            (Stage::Prompt, Happening::Played(_) | Happening::Refused(_)) => self.fall_back(),
            (_, Happening::Queue(QueueNews::Connected(_)) | Happening::Transferred(TransferEnd::Connected)) => {
                self.visited("exception".into(), Some("answered"));
                self.session.spot = Spot::Ended;
            }
            (_, Happening::Queue(QueueNews::GaveUp(_)) | Happening::Transferred(_) | Happening::Refused(_)) => {
                self.give_up()
            }
            _ => {}
        }
    }

    fn give_up(&mut self) {
        self.act(Effect::HangUp(TEMPORARY_FAILURE));
        self.visited("exception".into(), Some("ended"));
        self.session.spot = Spot::Ended;
    }
}
