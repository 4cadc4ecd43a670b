//! Commands of the API, and the live view.

use plugboard_acd as acd;
use plugboard_call::{Command as CallCommand, Offer, Refused};
use plugboard_model::{AgentId, AgentState, EventKind, InteractionId, Timestamp, millis};

use crate::{
    AgentSnapshot, CallSnapshot, Command, CommandError, CommandId, QueueSnapshot, Reply, Snapshot,
    exchange::{Exchange, Output},
};

impl Exchange {
    pub(crate) fn command(&mut self, now: Timestamp, id: CommandId, command: Command) {
        let before = self.seq();
        let result = self.carry_out(now, command);
        // What was acknowledged must survive: the reply waits for the facts that the command made.
        let after = (self.seq() > before).then(|| self.seq());
        self.push(Output::Reply { id, after, result });
    }

    fn carry_out(&mut self, now: Timestamp, command: Command) -> Result<Reply, CommandError> {
        match command {
            Command::Snapshot => Ok(Reply::Snapshot(Box::new(self.snapshot(now)))),
            // After-call work: the call is over, and what it was about is said now.
            Command::Call { interaction, command: CallCommand::Dispose { agent, code, note } }
                if !self.calls.contains_key(&interaction) && self.recent.knows(now, interaction) =>
            {
                self.fact(now, EventKind::DispositionSet { interaction, agent, code, note });
                Ok(Reply::Done)
            }
            Command::Call { interaction, command } => {
                let done = self.with_call(now, interaction, |call, now, context| {
                    (call.command(now, command, context), call.view().stage.word())
                });
                match done.ok_or(CommandError::NoSuchInteraction(interaction))? {
                    (Ok(()), _) => Ok(Reply::Done),
                    (Err(Refused::WrongState), state) => Err(CommandError::WrongState { state }),
                    (Err(Refused::BadTarget), _) => Err(CommandError::BadTarget),
                    (Err(Refused::NotRecording), _) => Err(CommandError::NotRecording),
                }
            }
            Command::Agent { agent, request } => {
                self.known_agent(&agent)?;
                self.acd.handle_input(now, acd::Input::Request { agent, request });
                self.drain_acd(now);
                Ok(Reply::Done)
            }
            Command::ExtendWrapUp { agent, by } => {
                self.known_agent(&agent)?;
                self.acd.handle_input(now, acd::Input::ExtendWrapUp { agent, by });
                self.drain_acd(now);
                Ok(Reply::Done)
            }
            Command::DisposeClosed { interaction, agent, code, note } => {
                self.fact(now, EventKind::DispositionSet { interaction, agent, code, note });
                Ok(Reply::Done)
            }
            Command::Note(fact) => {
                self.fact(now, fact);
                Ok(Reply::Done)
            }
            Command::Originate { agent, to } => self.originate(now, agent, to).map(Reply::Started),
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
    ) -> Result<InteractionId, CommandError> {
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
        Ok(interaction)
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
            trunks: Default::default(),
        }
    }
}
