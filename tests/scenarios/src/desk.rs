//! What the API would ask of the exchange.

use std::sync::Arc;

use plugboard_call::Command as CallCommand;
use plugboard_exchange::{Command, CommandError, CommandId, Input, Reply, Snapshot};
use plugboard_model::{AgentId, AgentRequest, Configuration, InteractionId};

use crate::World;

impl World {
    pub fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.exchange.handle_input(self.now, Input::Command { id, by: self.commands_come_by.clone(), command });
        self.drain();
        self.replies.remove(&id).expect("every command that no rule judges is answered at once").1
    }

    /// A command that rules may think about: its reply comes by [`Self::reply`].
    pub fn command_later(&mut self, command: Command) -> CommandId {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.exchange.handle_input(self.now, Input::Command { id, by: self.commands_come_by.clone(), command });
        self.drain();
        id
    }

    /// What came of a command, if it is decided and what it rests on is on disk.
    pub fn reply(&mut self, id: CommandId) -> Option<Result<Reply, CommandError>> {
        let (after, _) = self.replies.get(&id)?;
        let is_kept = after.is_none_or(|after| after <= self.on_disk);
        is_kept.then(|| self.replies.remove(&id).map(|(_, result)| result))?
    }

    pub fn call(&mut self, interaction: InteractionId, command: CallCommand) -> Result<Reply, CommandError> {
        self.command(Command::Call { interaction, command })
    }

    pub fn agent(&mut self, agent: &str, request: AgentRequest) {
        let agent: AgentId = agent.parse().unwrap();
        self.command(Command::Agent { agent, request }).expect("an agent's request");
    }

    pub fn snapshot(&mut self) -> Snapshot {
        match self.command(Command::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => *snapshot,
            other => panic!("a snapshot, not {other:?}"),
        }
    }

    pub fn input(&mut self, input: Input) {
        self.exchange.handle_input(self.now, input);
        self.drain();
    }

    /// Changes the configuration while everything runs.
    pub fn configure(&mut self, change: impl FnOnce(&mut Configuration)) {
        let mut configuration = (*self.configuration).clone();
        change(&mut configuration);
        configuration.revision += 1;
        self.configuration = Arc::new(configuration);
        self.input(Input::Configure(Arc::clone(&self.configuration)));
    }
}
