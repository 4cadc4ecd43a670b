//! An ACD in virtual time that writes down what it does, one line each.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use plugboard_acd::{Acd, Input, Output, RankQuestion, RankSubject};
use plugboard_model::{
    Agent, AgentId, AgentRequest, Configuration, EventKind, InteractionId, Queue, QueueExit, QueueId, SkillNeed,
    Timestamp,
};

/// Ten o'clock of some morning, so that nothing rests on the epoch.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_000_000 / 86_400 * 86_400 + 36_000);

pub(crate) fn agent(queues: &[&str], skills: &[(&str, u8)]) -> Agent {
    Agent {
        name: String::new(),
        extension: "1".parse().unwrap(),
        password: String::new(),
        queues: queues.iter().map(|queue| queue.parse().unwrap()).collect(),
        skills: skills.iter().map(|(skill, level)| (skill.parse().unwrap(), *level)).collect(),
        ready_on_register: true,
    }
}

pub(crate) fn needs(skills: &[(&str, u8)]) -> Vec<SkillNeed> {
    skills.iter().map(|(skill, level)| SkillNeed { skill: skill.parse().unwrap(), level: *level }).collect()
}

pub(crate) fn id(name: &str) -> AgentId {
    name.parse().unwrap()
}

pub(crate) fn queue(name: &str) -> QueueId {
    name.parse().unwrap()
}

/// One queue `sales` with the given rules, served by the named agents.
pub(crate) fn sales(rules: impl FnOnce(&mut Queue), agents: &[&str]) -> Configuration {
    let mut configuration = Configuration::empty("t".parse().unwrap());
    let mut sales = Queue::named("Sales");
    rules(&mut sales);
    configuration.queues.insert(queue("sales"), sales);
    for name in agents {
        configuration.agents.insert(id(name), agent(&["sales"], &[]));
    }
    configuration
}

pub(crate) struct Centre {
    pub(crate) acd: Acd,
    pub(crate) now: Timestamp,
    pub(crate) log: String,
    pub(crate) asked: Vec<RankQuestion>,
}

impl Centre {
    pub(crate) fn new(configuration: &Configuration) -> Self {
        Self { acd: Acd::new(configuration), now: START, log: String::new(), asked: Vec::new() }
    }

    /// Lets time pass up to `secs` after the start, every deadline at its own moment.
    pub(crate) fn at(&mut self, secs: f64) -> &mut Self {
        let until = START + Duration::from_secs_f64(secs);
        while let Some(due) = self.acd.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.acd.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        self
    }

    pub(crate) fn input(&mut self, input: Input) -> &mut Self {
        self.acd.handle_input(self.now, input);
        self.drain();
        self
    }

    pub(crate) fn register(&mut self, agent: &str) -> &mut Self {
        self.input(Input::Phone { agent: id(agent), reachable: true })
    }

    pub(crate) fn unregister(&mut self, agent: &str) -> &mut Self {
        self.input(Input::Phone { agent: id(agent), reachable: false })
    }

    pub(crate) fn request(&mut self, agent: &str, request: AgentRequest) -> &mut Self {
        self.input(Input::Request { agent: id(agent), request })
    }

    pub(crate) fn not_ready(&mut self, agent: &str, reason: &str) -> &mut Self {
        self.request(agent, AgentRequest::NotReady { reason: reason.to_owned() })
    }

    pub(crate) fn enqueue(&mut self, interaction: u64, to: &str) -> &mut Self {
        self.enqueue_with(interaction, to, 0, &[])
    }

    pub(crate) fn enqueue_with(
        &mut self,
        interaction: u64,
        to: &str,
        priority: i32,
        skills: &[(&str, u8)],
    ) -> &mut Self {
        self.input(Input::Enqueue {
            interaction: InteractionId(interaction),
            queue: queue(to),
            priority,
            skills: needs(skills),
            since: self.now,
            max_wait: None,
        })
    }

    pub(crate) fn leave(&mut self, interaction: u64, exit: QueueExit) -> &mut Self {
        self.input(Input::Leave { interaction: InteractionId(interaction), exit })
    }

    pub(crate) fn configure(&mut self, configuration: &Configuration) -> &mut Self {
        self.input(Input::Configure(Arc::new(configuration.clone())))
    }

    pub(crate) fn ringing(&mut self, interaction: u64, agent: &str) -> &mut Self {
        self.input(Input::Ringing { interaction: InteractionId(interaction), agent: id(agent) })
    }

    pub(crate) fn answered(&mut self, interaction: u64, agent: &str) -> &mut Self {
        self.input(Input::Answered { interaction: InteractionId(interaction), agent: id(agent) })
    }

    pub(crate) fn rejected(&mut self, interaction: u64, agent: &str) -> &mut Self {
        self.input(Input::Rejected { interaction: InteractionId(interaction), agent: id(agent) })
    }

    pub(crate) fn dialled(&mut self, interaction: u64, agent: &str) -> &mut Self {
        self.input(Input::Dialled { interaction: InteractionId(interaction), agent: id(agent) })
    }

    pub(crate) fn ended(&mut self, interaction: u64, agent: &str) -> &mut Self {
        self.input(Input::CallEnded { interaction: InteractionId(interaction), agent: id(agent), wrap_up: None })
    }

    pub(crate) fn state(&self, agent: &str) -> String {
        self.acd.agent(&id(agent)).map_or_else(|| "gone".to_owned(), |agent| agent.state.to_string())
    }

    /// What happened since the last call.
    pub(crate) fn ladder(&mut self) -> String {
        std::mem::take(&mut self.log)
    }

    fn drain(&mut self) {
        self.acd.check();
        while let Some(output) = self.acd.poll_output() {
            let at = (self.now - START).as_millis();
            let text = text(&output);
            let _ = writeln!(self.log, "{:03}.{:03} {text}", at / 1_000, at % 1_000);
            if let Output::Ask(question) = output {
                self.asked.push(question);
            }
        }
    }
}

pub(crate) fn text(output: &Output) -> String {
    match output {
        Output::Reserve { interaction, agent, queue, .. } => {
            let queue = queue.as_ref().map_or_else(String::new, |queue| format!(" for {queue}"));
            format!("=> ring {agent} with {interaction}{queue}")
        }
        Output::StopRinging { interaction, agent, reason } => format!("=> stop {agent} with {interaction}: {reason:?}"),
        Output::Refused { interaction, agent, reason } => format!("=> {agent} refused for {interaction}: {reason:?}"),
        Output::Left { interaction, queue, exit } => format!("=> {interaction} out of {queue}: {exit:?}"),
        Output::Ask(question) => match &question.subject {
            RankSubject::Relax { interaction } => {
                let needs: String =
                    interaction.needs.iter().map(|(skill, level)| format!(" {skill}≥{level}")).collect();
                format!("=> ask {} to relax {}:{needs}", question.policy, interaction.interaction)
            }
            _ => format!("=> ask {} about {}", question.policy, question.queue),
        },
        Output::Fact(fact) => match fact {
            EventKind::Queued { interaction, queue, priority, skills, position } => {
                let skills: String = skills.iter().map(|(skill, level)| format!(" {skill}≥{level}")).collect();
                format!("{interaction} queued in {queue}, place {position}, priority {priority}{skills}")
            }
            EventKind::LeftQueue { interaction, queue, exit } => format!("{interaction} left {queue}: {exit:?}"),
            EventKind::Reserved { interaction, agent, since_free_ms, choice, .. } => {
                let by = choice.as_ref().map_or_else(String::new, |choice| {
                    format!(" by {}, {} of {}", choice.policy, choice.place, choice.of)
                });
                format!("{agent} reserved for {interaction} after {since_free_ms} ms{by}")
            }
            EventKind::Relaxed { interaction, waited_ms, skills, overflow_to, .. } => {
                let skills: String = skills.iter().map(|(skill, level)| format!(" {skill}≥{level}")).collect();
                let to = overflow_to.as_ref().map_or_else(String::new, |queue| format!(", also of {queue}"));
                format!("{interaction} relaxed after {waited_ms} ms,{skills} needed{to}")
            }
            EventKind::HeldBack { interaction, free, again_ms, .. } => {
                let again = again_ms.map_or_else(String::new, |again| format!(", again after {again} ms"));
                format!("{interaction} held back from {free}{again}")
            }
            EventKind::PluginFailed { plugin, question, reason, .. } => {
                format!("{plugin} failed to {question}: {reason}")
            }
            EventKind::Released { interaction, agent, reason } => {
                format!("{agent} released from {interaction}: {reason:?}")
            }
            EventKind::AgentStateChanged { agent, from, to } => format!("{agent}: {from} → {to}"),
            EventKind::WrapUpStarted { agent, limit_ms, .. } => format!("{agent} wraps up, at most {limit_ms} ms"),
            EventKind::WrapUpEnded { agent, by_timer, .. } => {
                format!("{agent} wrapped up{}", if *by_timer { ", by timer" } else { "" })
            }
            EventKind::ServiceAlarm { queue, measure, raised, value_ms, limit_ms } => {
                let news = if *raised { "alarm" } else { "well again" };
                format!("{queue} {measure:?} {value_ms} of {limit_ms} ms: {news}")
            }
            other => format!("{other:?}"),
        },
    }
}
