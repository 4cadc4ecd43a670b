//! What goes on tape: what components were asked in each interaction, and what they said.
//!
//! Here it is only gathered, as values; the text is made by [`crate::TapeWriter`], where no call waits for it.

use std::{collections::BTreeMap, sync::Arc};

use plugboard_model::{
    AgentId, InteractionId, QueueId, Timestamp,
    compliance::Act,
    flow::{Event, Happening, QueueNews, Stepped},
    routing::Tables,
    tape::{Decided, Judged, Line, Ranked, Ranking, Ruled, Said, Taken},
};

use crate::question::{Answer, FlowStep, OTHER_KIND};

/// Steps of one interaction: no tape has room for more.
const MOST_STEPS: u32 = 600;
/// Agents and waiting interactions in all questions to policies about one interaction.
const MOST_CANDIDATES: u32 = 1_024;
/// Questions to policies and rules about one interaction.
const MOST_QUESTIONS: u32 = 64;

/// A piece of one interaction's tape, on its way to [`crate::TapeWriter`]. In order; the last one is [`Piece::Over`] or [`Piece::Lost`].
#[derive(Clone, Debug)]
pub struct Taped {
    pub interaction: InteractionId,
    pub piece: Piece,
}

#[derive(Clone, Debug)]
pub enum Piece {
    /// The first one.
    Begun {
        at: Timestamp,
    },
    Line(Box<Line>),
    /// With the tables that its numbers are of.
    Ranked(Box<Ranked>, Arc<Tables>),
    /// The interaction is over; `left_out` questions to policies and rules are not on the tape.
    Over {
        left_out: u32,
    },
    /// In the place of the last one: some did not come through, and there is no tape.
    Lost,
}

/// The tapes of interactions that go on.
#[derive(Debug, Default)]
pub(crate) struct Tapes {
    of: BTreeMap<InteractionId, Recorder>,
    /// What was answered just now, until it shows who is reserved for it.
    decided: Option<(InteractionId, Box<Ranked>, Arc<Tables>)>,
    ready: Vec<Taped>,
}

#[derive(Debug, Default)]
struct Recorder {
    /// The run that a step belongs to is the latest that began.
    runs: usize,
    steps: u32,
    /// Asked and not answered, by the number that the call gave.
    asked: BTreeMap<u64, (usize, Event)>,
    judging: BTreeMap<u64, Box<Judged>>,
    questions: u32,
    candidates: u32,
    left_out: u32,
}

/// A question to a policy as it will stand on the tape of an interaction, with its answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) at: Timestamp,
    pub(crate) queue: QueueId,
    pub(crate) plugin: Arc<str>,
    /// The name of the tables.
    pub(crate) name: Arc<str>,
    pub(crate) asked: Ranking,
    /// Whose tape it stands on where the answer names nobody else.
    pub(crate) of: InteractionId,
}

impl Tapes {
    pub(crate) fn asked(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        ask: u64,
        revision: u64,
        step: &FlowStep,
    ) {
        let recorder = recorder(&mut self.of, &mut self.ready, interaction, now);
        if step.event.seq == 0 {
            recorder.runs += 1;
            let (flow, plugin) = (step.flow.clone(), Arc::clone(&step.plugin));
            let line = Line::Begun { run: recorder.runs - 1, flow, plugin, revision };
            self.ready.push(Taped { interaction, piece: Piece::Line(Box::new(line)) });
        }
        let Some(run) = recorder.runs.checked_sub(1).filter(|_| recorder.steps < MOST_STEPS) else { return };
        recorder.steps += 1;
        recorder.asked.insert(ask, (run, step.event.clone()));
    }

    pub(crate) fn answered(&mut self, interaction: InteractionId, ask: u64, answer: &Answer) {
        let Some(recorder) = self.of.get_mut(&interaction) else { return };
        let Some((run, event)) = recorder.asked.remove(&ask) else { return };
        let said = match answer {
            Answer::Stepped(stepped) if is_of_no_consequence(&event, stepped) => return recorder.steps -= 1,
            Answer::Stepped(stepped) => {
                Said::Stepped { actions: stepped.actions.clone(), trail: stepped.trail.clone() }
            }
            Answer::Failed(failure) => Said::Failed { reason: failure.to_string() },
            Answer::Unavailable(reason) => Said::Failed { reason: reason.to_string() },
            _ => Said::Nothing,
        };
        let line = Box::new(Line::Step { run, event, said });
        self.ready.push(Taped { interaction, piece: Piece::Line(line) });
    }

    /// Whether a question of `candidates` about the interaction has room on its tape. One that has not is counted.
    pub(crate) fn has_room(&mut self, now: Timestamp, interaction: InteractionId, candidates: usize) -> bool {
        let recorder = recorder(&mut self.of, &mut self.ready, interaction, now);
        let candidates = u32::try_from(candidates).unwrap_or(u32::MAX);
        let sum = recorder.candidates.saturating_add(candidates);
        let has_room = recorder.questions < MOST_QUESTIONS && sum <= MOST_CANDIDATES;
        if has_room {
            recorder.questions += 1;
            recorder.candidates = sum;
        } else {
            recorder.left_out += 1;
        }
        has_room
    }

    /// `is_late`: the native order was used long before.
    pub(crate) fn ranked(&mut self, question: Question, tables: Arc<Tables>, answer: &Answer, is_late: bool) {
        let Question { at, queue, plugin, name, asked, of } = question;
        let failed = |reason: &str| Decided::Failed { reason: reason.to_owned() };
        let said = match answer {
            _ if is_late => failed("no answer in time"),
            Answer::Ranked(order) => Decided::Ordered(order.clone()),
            Answer::Relaxed(relaxed) => Decided::Relaxed(relaxed.clone()),
            Answer::Failed(failure) => failed(&failure.to_string()),
            Answer::Unavailable(reason) => failed(reason),
            _ => failed(OTHER_KIND),
        };
        // What an agent is offered stands with the interaction that the policy put first.
        let of = match (&asked, &said) {
            (Ranking::Waiting { interactions, .. }, Decided::Ordered(order)) => {
                let first = order.numbers.first().and_then(|number| interactions.get(usize::try_from(*number).ok()?));
                first.copied().filter(|first| self.of.contains_key(first)).unwrap_or(of)
            }
            _ => of,
        };
        let ranked = Box::new(Ranked { at, queue, plugin, tables: name, asked, said, taken: None });
        self.decided = Some((of, ranked, tables));
    }

    pub(crate) fn reserved(&mut self, interaction: InteractionId, agent: &AgentId) {
        let Some((of, ranked, _)) = &mut self.decided else { return };
        let is_of_it = match &ranked.asked {
            Ranking::Agents { agents, .. } => *of == interaction && agents.contains(agent),
            Ranking::Waiting { agent: asked, interactions, .. } => {
                asked == agent && interactions.contains(&interaction)
            }
            Ranking::Relax { .. } => *of == interaction,
        };
        if is_of_it && ranked.taken.is_none() {
            ranked.taken = Some(Taken { interaction, agent: agent.clone() });
        }
    }

    pub(crate) fn judging(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        ask: u64,
        rule: &Arc<str>,
        plugin: &Arc<str>,
        act: &Act,
    ) {
        if !self.has_room(now, interaction, 0) {
            return;
        }
        let said = Ruled::Failed { reason: "no answer".to_owned() };
        let judged = Judged { rule: Arc::clone(rule), plugin: Arc::clone(plugin), act: act.clone(), said };
        if let Some(recorder) = self.of.get_mut(&interaction) {
            recorder.judging.insert(ask, Box::new(judged));
        }
    }

    pub(crate) fn judged(&mut self, interaction: InteractionId, ask: u64, answer: &Answer) {
        let Some(recorder) = self.of.get_mut(&interaction) else { return };
        let Some(mut judged) = recorder.judging.remove(&ask) else { return };
        let failed = |reason: &str| Ruled::Failed { reason: reason.to_owned() };
        judged.said = match answer {
            Answer::Judged(verdict) => Ruled::Verdict(verdict.clone()),
            Answer::Failed(failure) => failed(&failure.to_string()),
            Answer::Unavailable(reason) => failed(reason),
            _ => failed(OTHER_KIND),
        };
        self.ready.push(Taped { interaction, piece: Piece::Line(Box::new(Line::Judged(judged))) });
    }

    /// The interaction is over.
    pub(crate) fn end(&mut self, interaction: InteractionId) {
        self.settle();
        let Some(recorder) = self.of.remove(&interaction) else { return };
        for (run, event) in recorder.asked.into_values() {
            let line = Box::new(Line::Step { run, event, said: Said::Nothing });
            self.ready.push(Taped { interaction, piece: Piece::Line(line) });
        }
        for judged in recorder.judging.into_values() {
            self.ready.push(Taped { interaction, piece: Piece::Line(Box::new(Line::Judged(judged))) });
        }
        self.ready.push(Taped { interaction, piece: Piece::Over { left_out: recorder.left_out } });
    }

    /// What is ready to be written.
    pub(crate) fn take(&mut self) -> Vec<Taped> {
        self.settle();
        std::mem::take(&mut self.ready)
    }

    fn settle(&mut self) {
        if let Some((interaction, ranked, tables)) = self.decided.take()
            // A question may outlive whom it was about.
            && self.of.contains_key(&interaction)
        {
            self.ready.push(Taped { interaction, piece: Piece::Ranked(ranked, tables) });
        }
    }
}

fn recorder<'a>(
    of: &'a mut BTreeMap<InteractionId, Recorder>,
    ready: &mut Vec<Taped>,
    interaction: InteractionId,
    now: Timestamp,
) -> &'a mut Recorder {
    of.entry(interaction).or_insert_with(|| {
        ready.push(Taped { interaction, piece: Piece::Begun { at: now } });
        Recorder::default()
    })
}

/// News of a caller's place that moved nothing: an hour's wait would fill the tape with them.
fn is_of_no_consequence(event: &Event, stepped: &Stepped) -> bool {
    let is_place = matches!(event.what, Happening::Queue(QueueNews::Waiting(_)));
    is_place && stepped.actions.is_empty() && stepped.trail.iter().all(|visit| visit.exit.is_none())
}
