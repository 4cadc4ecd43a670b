//! What people and programs ask of a call.

use std::sync::Arc;

use plugboard_model::{AgentId, EndedBy, EventKind, Timestamp, flow::Cause};

use crate::{Call, Command, Context, Progress, Refused};

impl Call {
    /// Does what a person asked for, has it judged first, or says why not.
    pub fn command(
        &mut self,
        now: Timestamp,
        command: Command,
        context: &mut Context<'_>,
    ) -> Result<Progress, Refused> {
        if self.ended {
            return match command {
                Command::Dispose { agent, code, note } => {
                    self.dispose(agent, code, note);
                    Ok(Progress::Done)
                }
                _ => Err(Refused::WrongState),
            };
        }
        self.asked = None;
        self.carry_out(now, command, context)?;
        Ok(self.asked.take().map_or(Progress::Done, Progress::Judging))
    }

    fn carry_out(&mut self, now: Timestamp, command: Command, context: &mut Context<'_>) -> Result<(), Refused> {
        match command {
            // An agent whom we called first answers for themselves; whom rules think about is answered when they allow it.
            Command::Answer if self.caller.answered || self.then.is_some() || self.door.is_some() => {
                Err(Refused::WrongState)
            }
            Command::Answer => {
                self.pick_up();
                Ok(())
            }
            Command::HangUp => {
                self.end(now, EndedBy::Host, Cause::NORMAL_CLEARING, context);
                Ok(())
            }
            Command::Hold => self.hold(true, context),
            Command::Resume => self.hold(false, context),
            Command::Transfer { to } => {
                self.flows_begun = 0;
                self.transfer(now, to, None, context)
            }
            Command::Consult { to } => self.consult(now, to, context),
            Command::CompleteTransfer => self.complete_transfer(now, context),
            Command::CancelConsult => self.cancel_consult(context),
            Command::PauseRecording => self.pause_recording(now, context),
            Command::ResumeRecording => self.resume_recording(now, context),
            Command::Dispose { agent, code, note } => {
                self.dispose(agent, code, note);
                Ok(())
            }
            Command::Tag { name, value } => {
                self.note(now, name, value, context);
                // What rules make of it is nothing that the command waits for.
                self.asked = None;
                Ok(())
            }
        }
    }

    fn dispose(&mut self, agent: Option<AgentId>, code: Arc<str>, note: Arc<str>) {
        self.fact(EventKind::DispositionSet { interaction: self.id, agent, code, note });
    }
}
