//! Between calls and the ACD: the same facts in the other's words.

use plugboard_acd as acd;
use plugboard_call::{Call, Input as CallInput, Queueing};
use plugboard_model::{InteractionId, QueueExit, Timestamp};

use crate::exchange::{Exchange, Promise};

impl Exchange {
    pub(crate) fn queueing(&mut self, now: Timestamp, interaction: InteractionId, queueing: Queueing) {
        let input = match queueing {
            Queueing::Enqueue { queue, priority, skills, since, max_wait } => {
                acd::Input::Enqueue { interaction, queue, priority, skills, since, max_wait }
            }
            Queueing::Leave { exit } => acd::Input::Leave { interaction, exit },
            Queueing::ReserveAgent { agent } => acd::Input::ReserveAgent { interaction, agent },
            Queueing::AgentDialled { agent } => acd::Input::Dialled { interaction, agent },
            Queueing::Ringing { agent } => acd::Input::Ringing { interaction, agent },
            Queueing::Answered { agent } => acd::Input::Answered { interaction, agent },
            Queueing::Rejected { agent } => acd::Input::Rejected { interaction, agent },
            Queueing::Missed { agent } => acd::Input::Missed { interaction, agent },
            Queueing::DeviceFailed { agent } => acd::Input::DeviceFailed { interaction, agent },
            // The caller left before the answer: also an offer that no queue is behind says so.
            Queueing::Withdrawn { .. } if self.calls.get(&interaction).is_some_and(Call::has_ended) => {
                acd::Input::Leave { interaction, exit: QueueExit::Abandoned }
            }
            // An offer that ends otherwise before the answer goes back to its place, or nowhere.
            Queueing::Withdrawn { agent } => acd::Input::CallEnded { interaction, agent, wrap_up: None },
            Queueing::Held { agent } => acd::Input::Held { interaction, agent },
            Queueing::Resumed { agent } => acd::Input::Resumed { interaction, agent },
            Queueing::ConsultStarted { agent } => acd::Input::ConsultStarted { interaction, agent },
            Queueing::ConsultEnded { agent } => acd::Input::ConsultEnded { interaction, agent },
            Queueing::Ended { agent, wrap_up } => acd::Input::CallEnded { interaction, agent, wrap_up },
        };
        self.acd.handle_input(now, input);
    }

    pub(crate) fn acd_output(&mut self, now: Timestamp, output: acd::Output) {
        match output {
            acd::Output::Reserve { interaction, agent, queue, .. } => {
                self.tapes.reserved(interaction, &agent);
                self.promise(Promise { interaction, agent, queue });
            }
            acd::Output::StopRinging { interaction, agent, reason } => {
                self.call_input(now, interaction, CallInput::StopRinging { agent, reason });
            }
            acd::Output::Refused { interaction, agent, .. } => {
                self.call_input(now, interaction, CallInput::AgentRefused { agent });
            }
            acd::Output::Left { interaction, queue, exit } => {
                self.call_input(now, interaction, CallInput::LeftQueue { queue, exit });
            }
            acd::Output::Ask(question) => self.ask_policy(now, question),
            acd::Output::Fact(kind) => self.fact(now, kind),
        }
    }
}
