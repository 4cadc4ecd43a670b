//! Commands of the API, and the live view.

use std::sync::Arc;

use plugboard_acd as acd;
use plugboard_call::{Command as CallCommand, Offer, Progress, Refused, gate::JudgingId};
use plugboard_model::{
    AgentId, AgentState, EventKind, InteractionId, Timestamp, channel::Wish, compliance::Segment, millis,
};

use crate::{
    AgentSnapshot, CallSnapshot, Command, CommandError, CommandId, Handout, QueueSnapshot, Reply, Snapshot,
    exchange::{Exchange, Output},
    messages::Sender,
};

enum Outcome {
    Done(Reply),
    /// Rules are asked first; then this is the reply.
    Judging {
        interaction: InteractionId,
        judging: JudgingId,
        reply: Reply,
    },
    /// Rules are asked first; what they say is the reply.
    Leaving(Box<Handout>),
    /// Rules are asked first.
    Sending(Box<Wish>),
    /// The reply comes once it is on disk.
    Saying(InteractionId, Box<Segment>),
}

fn refusal(refused: Refused, state: &'static str) -> CommandError {
    match refused {
        Refused::WrongState => CommandError::WrongState { state },
        Refused::BadTarget => CommandError::BadTarget,
        Refused::NotRecording => CommandError::NotRecording,
        Refused::Denied(denial) => CommandError::Denied(denial),
    }
}

impl Exchange {
    /// `by`: the name of the access key that it came with.
    pub(crate) fn command(&mut self, now: Timestamp, id: CommandId, by: Option<Arc<str>>, command: Command) {
        self.commanded_by = by;
        self.obey(now, id, command);
        self.commanded_by = None;
    }

    fn obey(&mut self, now: Timestamp, id: CommandId, command: Command) {
        let before = self.seq();
        let result = match self.carry_out(now, command) {
            Ok(Outcome::Leaving(handout)) => return self.hand_out(now, id, *handout),
            Ok(Outcome::Sending(wish)) => return self.send_message(now, Sender::Command(id), *wish),
            Ok(Outcome::Saying(interaction, segment)) => return self.utter(now, id, interaction, *segment),
            Ok(Outcome::Done(reply)) => Ok(reply),
            Ok(Outcome::Judging { interaction, judging, reply }) => {
                self.judged_commands.insert((interaction, judging), (id, reply));
                return;
            }
            Err(error) => Err(error),
        };
        self.reply(id, before, result);
    }

    /// What was acknowledged must survive: the reply waits for the facts that the command made since `before`.
    pub(crate) fn reply(&mut self, id: CommandId, before: u64, result: Result<Reply, CommandError>) {
        // That nothing comes to disk is told although nothing comes to disk.
        let is_unproven = matches!(&result, Err(CommandError::Denied(denial)) if denial.is_unproven());
        let after = (self.seq() > before && !is_unproven).then(|| self.seq());
        self.push(Output::Reply { id, after, result });
    }

    /// The rules have decided about a command, or it came to nothing. The verdict itself is among the facts that the reply waits for.
    pub(crate) fn command_decided(
        &mut self,
        interaction: InteractionId,
        judging: JudgingId,
        result: Result<(), Refused>,
    ) {
        let Some((id, reply)) = self.judged_commands.remove(&(interaction, judging)) else { return };
        let state = self.calls.get(&interaction).map_or("over", |call| call.view().stage.word());
        self.reply(id, 0, result.map(|()| reply).map_err(|refused| refusal(refused, state)));
    }

    fn carry_out(&mut self, now: Timestamp, command: Command) -> Result<Outcome, CommandError> {
        let done = |reply| Ok(Outcome::Done(reply));
        match command {
            Command::Snapshot => done(Reply::Snapshot(Box::new(self.snapshot(now)))),
            // After-call work: the call is over, and what it was about is said now.
            Command::Call { interaction, command: CallCommand::Dispose { agent, code, note } }
                if !self.calls.contains_key(&interaction) && self.recent.knows(now, interaction) =>
            {
                self.fact(now, EventKind::DispositionSet { interaction, agent, code, note });
                done(Reply::Done)
            }
            Command::Call { interaction, command } => {
                let ruled = self.with_call(now, interaction, |call, now, context| {
                    (call.command(now, command, context), call.view().stage.word())
                });
                match ruled.ok_or(CommandError::NoSuchInteraction(interaction))? {
                    (Ok(Progress::Done), _) => done(Reply::Done),
                    (Ok(Progress::Judging(judging)), _) => {
                        Ok(Outcome::Judging { interaction, judging, reply: Reply::Done })
                    }
                    (Err(refused), state) => Err(refusal(refused, state)),
                }
            }
            Command::Agent { agent, request } => {
                self.known_agent(&agent)?;
                self.acd.handle_input(now, acd::Input::Request { agent, request });
                self.drain_acd(now);
                done(Reply::Done)
            }
            Command::ExtendWrapUp { agent, by } => {
                self.known_agent(&agent)?;
                self.acd.handle_input(now, acd::Input::ExtendWrapUp { agent, by });
                self.drain_acd(now);
                done(Reply::Done)
            }
            Command::DisposeClosed { interaction, agent, code, note } => {
                self.fact(now, EventKind::DispositionSet { interaction, agent, code, note });
                done(Reply::Done)
            }
            // These follow from verdicts, which are given here and nowhere else.
            Command::Note(
                EventKind::MessageAccepted { .. } | EventKind::Judged { .. } | EventKind::Unmasked { .. },
            ) => Err(CommandError::NotToBeNoted),
            Command::Note(fact) => {
                self.fact(now, fact);
                done(Reply::Done)
            }
            Command::Originate { agent, to } => self.originate(now, agent, to),
            Command::Utter { interaction, segment } => Ok(Outcome::Saying(interaction, segment)),
            Command::Send(wish) => Ok(Outcome::Sending(wish)),
            Command::HandOut(handout) => Ok(Outcome::Leaving(handout)),
        }
    }

    fn known_agent(&self, agent: &AgentId) -> Result<(), CommandError> {
        if self.configuration.agents.contains_key(agent) {
            Ok(())
        } else {
            Err(CommandError::NoSuchAgent(agent.clone()))
        }
    }

    /// Facts that a command made belong before its reply.
    fn drain_acd(&mut self, now: Timestamp) {
        while let Some(output) = self.acd.poll_output() {
            self.acd_output(now, output);
        }
    }

    /// Click to dial: the agent's own phone rings first.
    fn originate(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        to: plugboard_call::Target,
    ) -> Result<Outcome, CommandError> {
        self.known_agent(&agent)?;
        if self.registration.best(&agent).is_none() {
            return Err(CommandError::PhoneUnreachable);
        }
        if to == plugboard_call::Target::Agent(agent.clone()) {
            return Err(CommandError::BadTarget);
        }
        if self.draining || self.is_full() {
            return Err(CommandError::Full);
        }
        let interaction = self.new_interaction();
        let leg = self.ids.leg();
        let offer = Offer {
            interaction,
            leg,
            from: agent.as_str().into(),
            to: to.label(),
            dialled_by: Some(agent),
            leads_to: to,
        };
        self.begin_click_to_dial(now, offer);
        let reply = Reply::Started(interaction);
        match self.calls.get(&interaction).and_then(|call| call.is_being_judged()) {
            Some(judging) => Ok(Outcome::Judging { interaction, judging, reply }),
            None => Ok(Outcome::Done(reply)),
        }
    }

    fn snapshot(&self, now: Timestamp) -> Snapshot {
        let configuration = &self.configuration;
        let calls = self.calls.values().map(|call| {
            let view = call.view();
            let waits = view.stage == plugboard_call::Stage::Waiting;
            CallSnapshot {
                interaction: view.interaction,
                from: view.from,
                to: view.to,
                started: view.started,
                stage: view.stage.word(),
                queue: view.queue,
                agent: view.agent,
                position: waits.then(|| self.acd.position(view.interaction)).flatten(),
                estimated_wait_ms: waits.then(|| self.acd.estimated_wait(view.interaction)).flatten().map(millis),
                recording: view.recording,
            }
        });
        let agents = configuration.agents.iter().map(|(id, agent)| {
            let view = self.acd.agent(id);
            AgentSnapshot {
                id: id.clone(),
                name: agent.name.clone(),
                extension: agent.extension.to_string(),
                state: view.as_ref().map_or(AgentState::LoggedOut, |view| view.state.clone()),
                since: view.as_ref().map_or(now, |view| view.since),
                pending: view.as_ref().and_then(|view| view.pending.clone()),
                registered: self.registration.best(id).is_some(),
                occupancy_permille: view.map_or(0, |view| view.occupancy_permille),
            }
        });
        let queues = configuration.queues.iter().map(|(id, queue)| {
            let view = self.acd.queue(id);
            let count = |of: fn(&acd::QueueView) -> u32| view.as_ref().map_or(0, of);
            QueueSnapshot {
                id: id.clone(),
                name: queue.name.clone(),
                waiting: count(|view| view.waiting),
                longest_wait_ms: view
                    .as_ref()
                    .and_then(|view| view.waiting_since)
                    .map_or(0, |since| millis(now.since(since))),
                staffed: count(|view| view.staffed),
                ready: count(|view| view.ready),
                talking: count(|view| view.talking),
                wrap_up: count(|view| view.wrap_up),
            }
        });
        Snapshot {
            at: now,
            seq: self.seq(),
            revision: configuration.revision,
            calls: calls.collect(),
            agents: agents.collect(),
            queues: queues.collect(),
            trunks: self.trunk_snapshots(),
        }
    }
}
