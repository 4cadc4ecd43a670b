//! Live calls: each is given what it may look at, and what it asks for is carried out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_acd::Acd;
use plugboard_call::{Call, Context, Input as CallInput};
use plugboard_model::{EventKind, InteractionId, Number, Timestamp, flow::Place};

use crate::{
    exchange::{Exchange, Judger},
    messages::Sender,
};

impl Exchange {
    pub(crate) fn begin_call(&mut self, now: Timestamp, offer: plugboard_call::Offer) {
        let interaction = offer.interaction;
        let call = self.in_context(|_, context| Call::new(now, offer, context));
        self.calls.insert(interaction, call);
        self.drain_call(now, interaction);
    }

    pub(crate) fn call_input(&mut self, now: Timestamp, interaction: InteractionId, input: CallInput) {
        self.with_call(now, interaction, |call, now, context| call.handle_input(now, input, context));
    }

    /// Runs `act` on a live call and carries out what it asks for. `None` if there is no such call.
    pub(crate) fn with_call<T>(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        act: impl FnOnce(&mut Call, Timestamp, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let result = self.in_context(|calls, context| {
            let call = calls.get_mut(&interaction)?;
            Some(act(call, now, context))
        })?;
        self.drain_call(now, interaction);
        Some(result)
    }

    /// The agent's phone rings first, then the target.
    pub(crate) fn begin_click_to_dial(&mut self, now: Timestamp, offer: plugboard_call::Offer) {
        let interaction = offer.interaction;
        let call = self.in_context(|_, context| Call::click_to_dial(now, offer, context));
        self.calls.insert(interaction, call);
        self.drain_call(now, interaction);
    }

    /// Runs `act` with all that a call may look at.
    fn in_context<T>(&mut self, act: impl FnOnce(&mut BTreeMap<InteractionId, Call>, &mut Context<'_>) -> T) -> T {
        let places = places(&self.acd);
        let attempts = |number: &Number| self.attempts.to(number);
        let mut context = Context {
            configuration: &self.configuration,
            ids: &mut self.ids,
            places: &places,
            by: self.commanded_by.as_ref(),
            attempts: &attempts,
        };
        act(&mut self.calls, &mut context)
    }

    fn drain_call(&mut self, now: Timestamp, interaction: InteractionId) {
        let mut over = false;
        while let Some(output) = self.calls.get_mut(&interaction).and_then(Call::poll_output) {
            over |= matches!(output, plugboard_call::Output::Over);
            self.call_output(now, interaction, output);
        }
        let next = self.calls.get(&interaction).and_then(Call::poll_timeout);
        let before = self.deadline_of.get(&interaction).copied();
        if next != before {
            if let Some(at) = before {
                self.deadlines.remove(&(at, interaction));
                self.deadline_of.remove(&interaction);
            }
            if let Some(at) = next {
                self.deadlines.insert((at, interaction));
                self.deadline_of.insert(interaction, at);
            }
        }
        if over {
            if let Some(call) = self.calls.remove(&interaction) {
                self.review(now, interaction, call.told_tags());
            }
            self.routing.forget(interaction);
            self.tapes.end(interaction);
            self.recent.add(now, interaction);
        }
    }

    fn call_output(&mut self, now: Timestamp, interaction: InteractionId, output: plugboard_call::Output) {
        match output {
            plugboard_call::Output::Line(line) => self.line(now, interaction, line),
            plugboard_call::Output::Sound(sound) => self.sound(now, interaction, sound),
            plugboard_call::Output::Queueing(queueing) => self.queueing(now, interaction, queueing),
            plugboard_call::Output::Step { ask, flow, plugin, document, state, event } => {
                self.ask_step(now, interaction, ask, crate::FlowStep { flow, plugin, document, state, event });
            }
            plugboard_call::Output::Fact(EventKind::Tagged { interaction, name, value }) => {
                let (tag, text) = (Arc::clone(&name), Arc::clone(&value));
                self.fact(now, EventKind::Tagged { interaction, name, value });
                self.note_tag(now, interaction, &tag, &text);
            }
            plugboard_call::Output::Fact(kind) => self.fact(now, kind),
            plugboard_call::Output::LookUp(lookup) => self.ask_connector(now, interaction, *lookup),
            plugboard_call::Output::Send { run, token, wish } => {
                self.send_message(now, Sender::Flow(interaction, run, token), *wish);
            }
            plugboard_call::Output::Judge(question) => self.ask_rule(now, Judger::Call(interaction), question),
            plugboard_call::Output::Evidence { proves, judgement } => {
                self.fact(now, EventKind::Judged { interaction: Some(interaction), judgement });
                if let Some(judging) = proves {
                    self.proofs.insert(self.seq(), (Judger::Call(interaction), judging));
                }
            }
            plugboard_call::Output::Decided { judging, result } => self.command_decided(interaction, judging, result),
            plugboard_call::Output::Over => {}
        }
    }
}

/// Where an interaction stands, for announcements.
fn places(acd: &Acd) -> impl Fn(InteractionId) -> Option<Place> {
    move |interaction| {
        let position = acd.position(interaction)?;
        let wait = acd.estimated_wait(interaction);
        Some(Place { position, wait_ms: wait.map(whole_millis) })
    }
}

fn whole_millis(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
}
