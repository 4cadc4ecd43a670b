//! What a caller meets when a flow fails: an apology, then a queue. Native, so that it works when every plugin is down.

use std::sync::Arc;

use plugboard_model::{EndedBy, EventKind, FlowId, Timestamp, flow::Cause};

use crate::{Call, Context, Sound, SoundSource, flow_run::over_by};

/// The apology is being played.
#[derive(Debug)]
pub(crate) struct Exception {
    play: u64,
    /// It counts as heard then, whether or not somebody tells.
    pub(crate) until: Timestamp,
}

impl Call {
    pub(crate) fn flow_failed(&mut self, now: Timestamp, flow: FlowId, reason: Arc<str>, context: &mut Context<'_>) {
        self.fact(EventKind::FlowFailed { interaction: self.id, flow, reason });
        self.silence_flow();
        self.flow = None;
        if self.talk.is_some() {
            // The flow was only told how things went on; the conversation does not need it.
            return;
        }
        // The queue's own offer goes on: it is not the flow's.
        self.withdraw_flows_offers();
        if let Some(waiting) = &mut self.waiting {
            // The caller keeps the place in line; only the treatment is gone.
            waiting.token = None;
            return self.ensure_music(context);
        }
        self.pick_up();
        let apology = context.configuration.exception.apology.as_deref();
        match apology.and_then(|name| context.configuration.prompt(name, &self.language)) {
            Some(prompt) => {
                let play = self.play(self.caller.leg, vec![SoundSource::File(prompt.path.to_path_buf())], false);
                self.exception = Some(Exception { play, until: over_by(now, prompt.length) });
            }
            None => self.after_apology(now, context),
        }
    }

    /// Whether `token` was the apology.
    pub(crate) fn apology_ended(&mut self, now: Timestamp, token: u64, context: &mut Context<'_>) -> bool {
        if self.exception.take_if(|exception| exception.play == token).is_none() {
            return false;
        }
        self.after_apology(now, context);
        true
    }

    pub(crate) fn exception_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        if let Some(Exception { play, .. }) = self.exception.take_if(|exception| now >= exception.until) {
            self.sound(Sound::Stop { leg: self.caller.leg, token: play });
            self.after_apology(now, context);
        }
    }

    fn after_apology(&mut self, now: Timestamp, context: &mut Context<'_>) {
        match context.configuration.exception.queue.clone() {
            Some(queue) => self.enqueue(now, queue, context),
            None => self.end(now, EndedBy::Host, Cause::TEMPORARY_FAILURE, context),
        }
    }
}
