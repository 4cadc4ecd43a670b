//! What a flow wants done, and what of it this host does.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    Timestamp,
    channel::{Channel, Wish},
    compliance::Asker,
    flow::{Action, Effect, Happening, Outgoing, Refusal, RefusalCode, Target as FlowTarget, Token},
};

use super::{Current, MOST_TIMERS, OnLeg};
use crate::{Call, Context, Output, Sound, Target, offer::Purpose};

/// Messages that one flow sends in a call.
const MOST_MESSAGES: u32 = 16;

impl Call {
    pub(super) fn act(&mut self, now: Timestamp, action: Action, context: &mut Context<'_>) {
        let Action { token, what } = action;
        match what {
            Effect::PickUp => self.pick_up(),
            Effect::Play(prompt) => self.queue_on_leg(now, token, OnLeg::Play(prompt), context),
            Effect::Gather(gather) => self.queue_on_leg(now, token, OnLeg::Gather(gather), context),
            Effect::Record(record) => self.queue_on_leg(now, token, OnLeg::Record(record), context),
            Effect::Enqueue(enqueue) => {
                if !context.configuration.queues.contains_key(&enqueue.queue) {
                    return self.refuse(now, token, RefusalCode::UnknownTarget, "no queue of that name", context);
                }
                if self.is_looking_for_somebody() {
                    return self.refuse(
                        now,
                        token,
                        RefusalCode::Limit,
                        "another transfer or queue is under way",
                        context,
                    );
                }
                self.enqueue_for_flow(now, token, enqueue, context);
            }
            Effect::Transfer(transfer) => {
                let ring = Duration::from_millis(transfer.ring_ms.into());
                let purpose = Purpose::Flow { token, ring };
                let busy = self.is_looking_for_somebody();
                match transfer.to {
                    _ if busy => {
                        self.refuse(now, token, RefusalCode::Limit, "another transfer or queue is under way", context);
                    }
                    FlowTarget::Agent(agent) if context.configuration.agents.contains_key(&agent) => {
                        self.note_transfer(token);
                        self.pick_up();
                        self.play_ring_back();
                        self.call_agent(agent, purpose);
                    }
                    FlowTarget::Number(number) if !context.configuration.trunks.is_empty() => {
                        self.note_transfer(token);
                        self.pick_up();
                        self.play_ring_back();
                        self.call_number(now, number, purpose, context);
                    }
                    FlowTarget::Flow(flow) if context.configuration.flows.contains_key(&flow) => {
                        self.silence_flow();
                        self.drop_flow();
                        self.lead_to(now, Target::Flow(flow), context);
                    }
                    _ => self.refuse(now, token, RefusalCode::UnknownTarget, "no such target", context),
                }
            }
            Effect::Timer { after_ms } => {
                let Some(flow) = &mut self.flow else { return };
                if flow.timers.len() < MOST_TIMERS {
                    flow.timers.push((token, now + Duration::from_millis(after_ms.into())));
                } else {
                    self.refuse(now, token, RefusalCode::Limit, "too many timers run", context);
                }
            }
            Effect::Cancel(other) => self.cancel_action(other, context),
            Effect::Invoke(invoke) => self.look_up(now, token, invoke, context),
            Effect::Tag(tag) => self.note(now, tag.name.into(), tag.value.into(), context),
            Effect::HangUp { cause } => self.end(now, plugboard_model::EndedBy::Host, cause, context),
            Effect::Send(message) => self.send(now, token, message, context),
            Effect::Listen(_) | Effect::Other(_) => {
                self.refuse(now, token, RefusalCode::UnknownEffect, "this host does not do that", context);
            }
        }
    }

    /// To whoever calls, by the channel whose addresses are numbers. Rules judge it beside the call, which need not last as long.
    fn send(&mut self, now: Timestamp, token: Token, message: Outgoing, context: &mut Context<'_>) {
        let Some(channel) = context.configuration.channel_of_callers() else {
            let refusal = "no channel reaches those who call";
            return self.refuse(now, token, RefusalCode::UnknownTarget, refusal, context);
        };
        if self.from.is_empty() || self.from.len() > Channel::LONGEST_ADDRESS {
            return self.refuse(now, token, RefusalCode::UnknownTarget, "the caller's number is not known", context);
        }
        let Some(flow) = &mut self.flow else { return };
        if flow.messages >= MOST_MESSAGES {
            return self.refuse(now, token, RefusalCode::Limit, "the flow has sent enough messages", context);
        }
        flow.messages += 1;
        let wish = Wish {
            id: format!("{}/{}.{}", self.id, flow.run, token).into(),
            interaction: Some(self.id),
            by: Asker::Flow(flow.name().clone()),
            channel: Arc::clone(channel),
            to: self.from.to_string(),
            thread: None,
            text: message.text,
            template: message.template,
            choices: Vec::new(),
            attachments: Vec::new(),
            last_heard: None,
            sent_today: 0,
        };
        let run = flow.run;
        self.push(Output::Send { run, token, wish: Box::new(wish) });
    }

    /// A rule forbids what the flow wanted to send, or nobody could be asked.
    pub(crate) fn message_refused(
        &mut self,
        now: Timestamp,
        (run, token): (u32, Token),
        code: RefusalCode,
        reason: &str,
        context: &mut Context<'_>,
    ) {
        // Another flow goes on with the call: the token means nothing to it.
        if self.flow.as_ref().is_some_and(|flow| flow.run == run) {
            self.refuse(now, token, code, reason, context);
        }
    }

    /// One at a time, so that only one can win.
    fn is_looking_for_somebody(&self) -> bool {
        self.ringing.is_some() || self.wanted.is_some() || self.waiting.is_some()
    }

    fn note_transfer(&mut self, token: Token) {
        if let Some(flow) = &mut self.flow {
            flow.transfer = Some(token);
        }
    }

    pub(crate) fn refuse(
        &mut self,
        now: Timestamp,
        token: Token,
        code: RefusalCode,
        message: &str,
        context: &mut Context<'_>,
    ) {
        let refusal = Refusal { code, message: message.to_owned(), retryable: matches!(code, RefusalCode::Limit) };
        self.tell(now, Some(token), false, Happening::Refused(refusal), context);
    }

    fn cancel_action(&mut self, token: Token, context: &mut Context<'_>) {
        let Some(flow) = &mut self.flow else { return };
        flow.timers.retain(|(timer, _)| *timer != token);
        flow.lookups.retain(|waited| waited.token != token);
        flow.queued.retain(|(queued, _)| *queued != token);
        let current = flow.current.take_if(|current| match current {
            Current::Play { token: own, .. }
            | Current::Gather { token: own, .. }
            | Current::Judged { token: own, .. }
            | Current::Beep { token: own, .. }
            | Current::Record { token: own, .. } => *own == token,
            Current::Announcement { .. } => false,
        });
        if flow.transfer == Some(token) {
            flow.transfer = None;
            self.withdraw_flows_offers();
            self.stop_music();
        }
        match current {
            Some(
                Current::Play { play, .. } | Current::Beep { play, .. } | Current::Gather { prompt: Some(play), .. },
            ) => {
                self.sound(Sound::Stop { leg: self.caller.leg, token: play });
            }
            Some(Current::Record { recording, .. }) => self.sound(Sound::StopRecording { recording }),
            Some(Current::Judged { judging, .. }) => self.abandon(judging),
            _ => {}
        }
        if self.waiting.take_if(|waiting| waiting.token == Some(token)).is_some() {
            if let Some(ringing) = self.ringing.take_if(|ringing| ringing.purpose == Purpose::Queue) {
                self.withdraw(ringing);
            }
            self.queueing(crate::Queueing::Leave { exit: plugboard_model::QueueExit::Moved });
            self.stop_music();
        }
        self.ensure_music(context);
    }
}
