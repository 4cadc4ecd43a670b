//! Questions to routing policies: the ACD's words as a component's numbers, and its answers back.
//!
//! Tables are one queue's, made once for a configuration. What tags say of an interaction is kept as numbers while it lives, so that a question costs
//! no text: the component gets the tenant's own measures (what a customer is worth, how they feel, who served them last) beside the host's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_acd as acd;
use plugboard_model::{
    AgentId, Configuration, InteractionId, QueueId, Timestamp,
    routing::{
        self, ABSENT, Candidate, Column, LAST_AGENT, Levels, MAX_NEEDS, Need, OCCUPANCY, Tables, VALUE, Waiting,
    },
    tape::Ranking,
};
use sha2::{Digest as _, Sha256};

use crate::{
    Answer, Question, QuestionKind,
    exchange::{Exchange, Output},
    question::{Asked, OTHER_KIND},
    taping,
};

/// Tags of one interaction that are kept for policies. More are recorded all the same.
const MOST_MARKS: usize = 32;

/// What is known for questions to policies.
#[derive(Debug, Default)]
pub struct Routing {
    queues: BTreeMap<QueueId, Told>,
    /// By live interaction that has any.
    marks: BTreeMap<InteractionId, Marks>,
}

/// What the policy of one queue is told.
#[derive(Debug)]
struct Told {
    /// Of the queue, in the tables.
    number: u32,
    tables: Arc<Tables>,
    /// Of the tables, on tapes.
    name: Arc<str>,
}

/// What tags say of one interaction.
#[derive(Debug, Default)]
struct Marks {
    numbers: BTreeMap<Arc<str>, i32>,
    last_agent: Option<AgentId>,
}

/// Who may take what, in one question.
struct Pair<'a> {
    agent: &'a acd::AgentNumbers,
    interaction: InteractionId,
    marks: Option<&'a Marks>,
}

impl Routing {
    pub fn new(configuration: &Configuration) -> Self {
        let mut routing = Self::default();
        routing.configure(configuration);
        routing
    }

    /// Queues whose policies are told the same share their tables, and so their instances.
    pub fn configure(&mut self, configuration: &Configuration) {
        self.queues.clear();
        let mut made: Vec<(Arc<Tables>, Arc<str>)> = Vec::new();
        for (number, (id, queue)) in (0..).zip(&configuration.queues) {
            let Some(policy) = &queue.policy else { continue };
            let tables = Tables::of(configuration, policy);
            let known = made.iter().position(|(known, _)| **known == tables).unwrap_or_else(|| {
                let name = name_of(&tables).into();
                made.push((Arc::new(tables), name));
                made.len() - 1
            });
            let (tables, name) = made[known].clone();
            self.queues.insert(id.clone(), Told { number, tables, name });
        }
    }

    pub fn forget(&mut self, interaction: InteractionId) {
        self.marks.remove(&interaction);
    }

    pub(crate) fn marked(&self) -> impl Iterator<Item = InteractionId> + '_ {
        self.marks.keys().copied()
    }

    /// Notes a tag that says something to policies. True if it says something new.
    pub fn mark(&mut self, interaction: InteractionId, name: &Arc<str>, value: &str) -> bool {
        let marks = self.marks.entry(interaction).or_default();
        if **name == *LAST_AGENT {
            let agent = value.parse().ok();
            return std::mem::replace(&mut marks.last_agent, agent.clone()) != agent;
        }
        match value.trim().parse().ok() {
            Some(number) if marks.numbers.contains_key(name) || marks.numbers.len() < MOST_MARKS => {
                marks.numbers.insert(Arc::clone(name), number) != Some(number)
            }
            Some(_) => false,
            None => marks.numbers.remove(name).is_some(),
        }
    }

    fn waiting(&self, place: usize, queue: u32, waiting: &acd::WaitingNumbers) -> Waiting {
        Waiting {
            number: u32::try_from(place).unwrap_or(u32::MAX),
            queue,
            priority: u8::try_from(waiting.priority.clamp(0, 9)).unwrap_or_default(),
            channel: 0,
            waited_ms: u32::try_from(waiting.waited_ms).unwrap_or(u32::MAX),
            value: self
                .marks
                .get(&waiting.interaction)
                .and_then(|marks| marks.numbers.get(VALUE))
                .map_or(0, |value| *value),
        }
    }
}

impl Routing {
    /// What the policy is asked; `None` where the queue has none any more.
    pub fn question(&self, acd: &acd::Acd, question: &acd::RankQuestion) -> Option<QuestionKind> {
        let Told { number, tables, .. } = self.queues.get(&question.queue)?;
        let (queue, plugin) = (*number, Arc::clone(&question.policy));
        Some(match &question.subject {
            acd::RankSubject::Agents { interaction, candidates } => {
                let marks = self.marks.get(&interaction.interaction);
                let pair = |agent| Pair { agent, interaction: interaction.interaction, marks };
                let columns = columns(acd, tables, &candidates.iter().map(pair).collect::<Vec<_>>());
                let candidates = candidates.iter().enumerate();
                QuestionKind::RankAgents {
                    plugin,
                    who: self.waiting(0, queue, interaction),
                    needs: needs(tables, interaction),
                    candidates: candidates.map(|(place, agent)| candidate(place, agent, &interaction.needs)).collect(),
                    columns,
                    tables: Arc::clone(tables),
                }
            }
            acd::RankSubject::Waiting { agent, candidates } => {
                let pair = |waiting: &acd::WaitingNumbers| {
                    let interaction = waiting.interaction;
                    Pair { agent, interaction, marks: self.marks.get(&interaction) }
                };
                let columns = columns(acd, tables, &candidates.iter().map(pair).collect::<Vec<_>>());
                let candidates = candidates.iter().enumerate();
                QuestionKind::RankWaiting {
                    plugin,
                    agent: candidate(0, agent, &[]),
                    waiting: candidates.map(|(place, waiting)| self.waiting(place, queue, waiting)).collect(),
                    columns,
                    tables: Arc::clone(tables),
                }
            }
            acd::RankSubject::Relax { interaction } => QuestionKind::Relax {
                plugin,
                who: self.waiting(0, queue, interaction),
                needs: needs(tables, interaction),
                tables: Arc::clone(tables),
            },
        })
    }

    /// A policy's answer in the words of the ACD.
    pub fn answer(question: acd::QuestionId, tables: &Tables, answer: Answer) -> acd::Input {
        let again = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        match answer {
            Answer::Ranked(routing::Order { numbers, again_ms }) => {
                acd::Input::Ranked { question, order: numbers, again: again(again_ms) }
            }
            Answer::Relaxed(routing::Relaxed { needs, overflow_to, again_ms }) => {
                let queue = overflow_to.and_then(|number| tables.queues.get(usize::try_from(number).ok()?));
                acd::Input::Relaxed {
                    question,
                    needs: needs.iter().map(|need| (skill_of(tables, need.skill), need.level)).collect(),
                    overflow_to: queue.and_then(|queue| queue.parse().ok()),
                    again: again(again_ms),
                }
            }
            Answer::Failed(failure) => acd::Input::AskFailed { question, reason: failure.to_string().into() },
            Answer::Unavailable(reason) => acd::Input::AskFailed { question, reason },
            _ => acd::Input::AskFailed { question, reason: OTHER_KIND.into() },
        }
    }
}

/// One more number about each pair, where any pair has one.
fn columns(acd: &acd::Acd, tables: &Tables, pairs: &[Pair<'_>]) -> Vec<Column> {
    let last_agent = |pair: &Pair<'_>| {
        let last = pair.marks?.last_agent.as_ref()?;
        let is_this = *last == pair.agent.agent;
        (is_this || acd.may_serve(last, pair.interaction)).then_some(i32::from(is_this))
    };
    let value = |name: &str, pair: &Pair<'_>| match name {
        LAST_AGENT => last_agent(pair),
        OCCUPANCY => Some(i32::from(pair.agent.occupancy_permille)),
        tag => pair.marks?.numbers.get(tag).copied(),
    };
    let column = |(attribute, name): (u32, &String)| {
        let values: Vec<i32> = pairs.iter().map(|pair| value(name, pair).unwrap_or(ABSENT)).collect();
        values.iter().any(|value| *value != ABSENT).then_some(Column { attribute, values })
    };
    (0..).zip(&tables.attributes).filter_map(column).collect()
}

impl Exchange {
    pub(crate) fn ask_policy(&mut self, now: Timestamp, question: acd::RankQuestion) {
        let id = question.id;
        let Some(kind) = self.routing.question(&self.acd, &question) else {
            let reason = "the queue has no policy any more".into();
            return self.acd.handle_input(now, acd::Input::AskFailed { question: id, reason });
        };
        let told = &self.routing.queues[&question.queue];
        let (tables, name) = (Arc::clone(&told.tables), Arc::clone(&told.name));
        let interaction = match &question.subject {
            acd::RankSubject::Agents { interaction, .. } | acd::RankSubject::Relax { interaction } => {
                Some(interaction.interaction)
            }
            acd::RankSubject::Waiting { .. } => None,
        };
        let taped = self.for_tape(now, question, &kind, name);
        let id = self.new_question(now, Asked::Policy { question: id, tables, taped });
        self.push(Output::Ask(Question { id, interaction, kind }));
    }

    /// The same question with names in the place of numbers, unless there is no room for it.
    fn for_tape(
        &mut self,
        now: Timestamp,
        question: acd::RankQuestion,
        kind: &QuestionKind,
        name: Arc<str>,
    ) -> Option<Box<taping::Question>> {
        let acd::RankQuestion { policy: plugin, queue, subject, .. } = question;
        let (of, length) = match &subject {
            acd::RankSubject::Agents { interaction, candidates } => (interaction.interaction, candidates.len()),
            acd::RankSubject::Waiting { candidates, .. } => (candidates.first()?.interaction, candidates.len()),
            acd::RankSubject::Relax { interaction } => (interaction.interaction, 1),
        };
        if !self.tapes.has_room(now, of, length) {
            return None;
        }
        let asked = match (subject, kind) {
            (
                acd::RankSubject::Agents { candidates: agents, .. },
                QuestionKind::RankAgents { who, needs, candidates, columns, .. },
            ) => Ranking::Agents {
                who: *who,
                needs: needs.clone(),
                agents: agents.into_iter().map(|agent| agent.agent).collect(),
                candidates: candidates.clone(),
                columns: columns.clone(),
            },
            (
                acd::RankSubject::Waiting { agent, candidates },
                QuestionKind::RankWaiting { agent: numbers, waiting, columns, .. },
            ) => Ranking::Waiting {
                agent: agent.agent,
                numbers: *numbers,
                interactions: candidates.iter().map(|waiting| waiting.interaction).collect(),
                waiting: waiting.clone(),
                columns: columns.clone(),
            },
            (_, QuestionKind::Relax { who, needs, .. }) => Ranking::Relax { who: *who, needs: needs.clone() },
            _ => return None,
        };
        Some(Box::new(taping::Question { at: now, queue, plugin, name, asked, of }))
    }

    /// A tag may be what the policy of the queue looks at, also while the interaction waits.
    pub(crate) fn note_tag(&mut self, now: Timestamp, interaction: InteractionId, name: &Arc<str>, value: &str) {
        if !self.routing.mark(interaction, name, value) {
            return;
        }
        let told = self.acd.queue_of(interaction).and_then(|queue| self.routing.queues.get(queue));
        let looks_at = |told: &Told| **name == *VALUE || told.tables.attributes.iter().any(|known| **known == **name);
        if told.is_some_and(looks_at) {
            self.acd.handle_input(now, acd::Input::Changed { interaction, skills: None, priority: None });
        }
    }
}

/// The same for the same content, and for no other.
fn name_of(tables: &Tables) -> String {
    let text = serde_json::to_vec(tables).expect("lists of texts are JSON");
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The number that a component knows a skill by: the last one stands for every skill that nobody has.
fn number_of(tables: &Tables, skill: u16) -> u32 {
    match skill {
        acd::NOBODY_HAS => u32::try_from(tables.skills.len()).unwrap_or(u32::MAX).saturating_sub(1),
        skill => skill.into(),
    }
}

fn skill_of(tables: &Tables, number: u32) -> u16 {
    match u16::try_from(number) {
        Ok(skill) if usize::from(skill) + 1 < tables.skills.len() => skill,
        _ => acd::NOBODY_HAS,
    }
}

fn needs(tables: &Tables, interaction: &acd::WaitingNumbers) -> Vec<Need> {
    let needs = interaction.needs.iter().take(MAX_NEEDS);
    needs.map(|(skill, level)| Need { skill: number_of(tables, *skill), level: *level }).collect()
}

fn candidate(place: usize, agent: &acd::AgentNumbers, needs: &[(u16, u8)]) -> Candidate {
    let levels = needs.iter().map(|(skill, _)| agent.levels.get(usize::from(*skill)).copied().unwrap_or_default());
    Candidate {
        number: u32::try_from(place).unwrap_or(u32::MAX),
        levels: Levels::from_needs(levels),
        idle_ms: u32::try_from(agent.idle_ms).unwrap_or(u32::MAX),
        taken_today: agent.taken_today,
        load_permille: agent.load_permille,
    }
}
