//! Puts on tape what flows are asked and what they say.

use std::collections::{BTreeMap, BTreeSet};

use plugboard_model::{
    FlowId, InteractionId, Timestamp,
    flow::{Action, Effect, Event, Happening, QueueNews, Stepped, Token},
    tape::{Line, Said, Tape},
};
use serde_json::Value;

use crate::question::{Answer, FlowStep};

/// Secrets of one interaction that are looked for in what the flow says afterwards.
const MOST_SECRETS: usize = 16;
/// A shorter text stands for too many other things.
const SHORTEST_SECRET: usize = 3;

/// The tapes of interactions that go on.
#[derive(Debug, Default)]
pub(crate) struct Tapes {
    of: BTreeMap<InteractionId, Recorder>,
}

#[derive(Debug)]
struct Recorder {
    tape: Tape,
    /// The run that a step belongs to: the latest that began.
    runs: usize,
    /// Asked and not answered, by the number that the call gave.
    asked: BTreeMap<u64, (usize, Event)>,
    /// Gathers whose keys may stand nowhere.
    secret: BTreeSet<(usize, Token)>,
    /// What was pressed there.
    secrets: Vec<String>,
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
        let recorder = self.of.entry(interaction).or_insert_with(|| Recorder::new(interaction, now));
        recorder.asked(ask, revision, step);
    }

    pub(crate) fn answered(&mut self, interaction: InteractionId, ask: u64, answer: &Answer) {
        if let Some(recorder) = self.of.get_mut(&interaction) {
            recorder.answered(ask, answer);
        }
    }

    /// The interaction is over. `None` where no flow ran.
    pub(crate) fn take(&mut self, interaction: InteractionId) -> Option<Tape> {
        let mut recorder = self.of.remove(&interaction)?;
        for (run, event) in std::mem::take(&mut recorder.asked).into_values() {
            recorder.write(&Line::Step { run, event, said: Said::Nothing });
        }
        Some(recorder.tape)
    }
}

impl Recorder {
    fn new(interaction: InteractionId, begun_at: Timestamp) -> Self {
        Self {
            tape: Tape { interaction, begun_at, flows: Vec::new(), is_cut: false, lines: String::new() },
            runs: 0,
            asked: BTreeMap::new(),
            secret: BTreeSet::new(),
            secrets: Vec::new(),
        }
    }

    fn asked(&mut self, ask: u64, revision: u64, step: &FlowStep) {
        if step.event.seq == 0 {
            self.begin(&step.flow);
            let (flow, plugin) = (step.flow.clone(), step.plugin.to_string());
            self.write(&Line::Begun { run: self.runs - 1, flow, plugin, revision });
        }
        let Some(run) = self.runs.checked_sub(1).filter(|_| !self.tape.is_cut) else { return };
        let mut event = step.event.clone();
        if let Happening::Gathered(keys) = &mut event.what
            && event.answers.is_some_and(|token| self.secret.remove(&(run, token)))
        {
            let pressed = std::mem::take(&mut keys.digits);
            if pressed.len() >= SHORTEST_SECRET && self.secrets.len() < MOST_SECRETS {
                self.secrets.push(pressed);
            }
        }
        self.asked.insert(ask, (run, event));
    }

    fn begin(&mut self, flow: &FlowId) {
        self.runs += 1;
        if !self.tape.flows.contains(flow) {
            self.tape.flows.push(flow.clone());
        }
    }

    fn answered(&mut self, ask: u64, answer: &Answer) {
        let Some((run, event)) = self.asked.remove(&ask) else { return };
        let said = match answer {
            Answer::Stepped(stepped) => {
                if is_of_no_consequence(&event, stepped) {
                    return;
                }
                self.note_secrets(run, &stepped.actions);
                let said = Said::Stepped { actions: stepped.actions.clone(), trail: stepped.trail.clone() };
                without(&self.secrets, said)
            }
            Answer::Failed(failure) => Said::Failed { reason: failure.to_string() },
            Answer::Unavailable(reason) => Said::Failed { reason: reason.to_string() },
            Answer::Ranked(_) | Answer::Relaxed(_) | Answer::Judged(_) => Said::Nothing,
        };
        self.write(&Line::Step { run, event, said });
    }

    fn note_secrets(&mut self, run: usize, actions: &[Action]) {
        let secret = |action: &&Action| matches!(&action.what, Effect::Gather(gather) if gather.secret);
        self.secret.extend(actions.iter().filter(secret).map(|action| (run, action.token)));
    }

    fn write(&mut self, line: &Line) {
        if self.tape.is_cut {
            return;
        }
        let Ok(text) = serde_json::to_string(line) else {
            self.tape.is_cut = true;
            return;
        };
        if self.tape.lines.len() + text.len() >= Tape::LIMIT {
            self.tape.is_cut = true;
            return;
        }
        self.tape.lines.push_str(&text);
        self.tape.lines.push('\n');
    }
}

/// News of a caller's place that moved nothing: an hour's wait would fill the tape with them.
fn is_of_no_consequence(event: &Event, stepped: &Stepped) -> bool {
    let is_place = matches!(event.what, Happening::Queue(QueueNews::Waiting(_)));
    is_place && stepped.actions.is_empty() && stepped.trail.iter().all(|visit| visit.exit.is_none())
}

/// The same, with each secret replaced wherever it stands.
fn without(secrets: &[String], said: Said) -> Said {
    if secrets.is_empty() {
        return said;
    }
    let cleaned = serde_json::to_value(&said).map(|mut value| {
        clean(secrets, &mut value);
        value
    });
    let failed = || Said::Failed { reason: "what it said held a secret and was not kept".into() };
    cleaned.and_then(serde_json::from_value).unwrap_or_else(|_| failed())
}

fn clean(secrets: &[String], value: &mut Value) {
    match value {
        Value::String(text) => {
            for secret in secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), &"0".repeat(secret.len()));
                }
            }
        }
        Value::Number(number) => {
            let is_secret = |secret: &String| {
                let plain = secret.trim_start_matches('0');
                plain.len() >= SHORTEST_SECRET && number.to_string() == plain
            };
            if secrets.iter().any(is_secret) {
                *value = Value::from(0);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(secrets, item)),
        Value::Object(fields) => fields.values_mut().for_each(|field| clean(secrets, field)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::flow::{Digits, Gather, GatherEnd, Prompt, Setting, Source};

    use super::*;

    fn event(seq: u32, answers: Option<Token>, what: Happening) -> FlowStep {
        let event = Event { seq, at: Timestamp::from_secs(9), utc_offset_min: 0, answers, more: false, what };
        let flow: FlowId = "pin".parse().expect("a name");
        FlowStep { flow, plugin: "any".into(), document: "".into(), state: Vec::new(), event }
    }

    fn stepped(actions: Vec<(Token, Effect)>) -> Answer {
        let actions = actions.into_iter().map(|(token, what)| Action { token, what }).collect();
        Answer::Stepped(Stepped { state: b"4711".to_vec(), actions, trail: Vec::new() })
    }

    /// A component that puts a PIN into its words is at fault; the tape must not be.
    #[test]
    fn secret_is_left_out_wherever_a_flow_says_it_again() {
        let mut tapes = Tapes::default();
        let call = InteractionId(1);
        let mut step = |ask: u64, step: &FlowStep, answer: &Answer| {
            tapes.asked(Timestamp::from_secs(9), call, ask, 3, step);
            tapes.answered(call, ask, answer);
        };
        let gather = Gather {
            prompt: None,
            max_digits: 4,
            first_ms: 1_000,
            between_ms: 1_000,
            terminators: String::new(),
            secret: true,
        };
        step(1, &event(0, None, Happening::Timer), &stepped(vec![(0, Effect::Gather(gather))]));
        let sources = vec![Source::Digits("4711".into()), Source::Number(4_711), Source::Text("no. 4711".into())];
        let prompt = Prompt { sources, language: "en".into(), barge_in: true };
        let tag = Setting { name: "pin".into(), value: "<4711>".into() };
        let keys = Happening::Gathered(Digits { digits: "4711".into(), ended: GatherEnd::Complete });
        let said = stepped(vec![(1, Effect::Play(prompt)), (2, Effect::Tag(tag)), (4_712, Effect::PickUp)]);
        step(2, &event(1, Some(0), keys), &said);
        let lines = tapes.take(call).expect("a tape").lines;
        let last = lines.lines().last().expect("a line");
        expect_test::expect![[r#"
            {"step":{"run":0,"event":{"seq":1,"at":"1970-01-01T00:00:09.000000Z","utc_offset_min":0,"answers":0,"more":false,"what":{"gathered":{"digits":"","ended":"complete"}}},"said":{"stepped":{"actions":[{"token":1,"what":{"play":{"sources":[{"digits":"0000"},{"number":0},{"text":"no. 0000"}],"language":"en","barge_in":true}}},{"token":2,"what":{"tag":{"name":"pin","value":"<0000>"}}},{"token":4712,"what":"pick-up"}],"trail":[]}}}}
        "#]]
        .assert_eq(&format!("{last}\n"));
    }

    #[test]
    fn tape_is_cut_at_its_limit_and_says_so() {
        let mut tapes = Tapes::default();
        for ask in 0..1_000 {
            tapes.asked(Timestamp::from_secs(9), InteractionId(1), ask, 3, &event(ask as u32, None, Happening::Timer));
            tapes.answered(InteractionId(1), ask, &stepped(vec![(0, Effect::PickUp)]));
        }
        let tape = tapes.take(InteractionId(1)).expect("a tape");
        assert_eq!((tape.is_cut, tape.lines.len() < Tape::LIMIT, tape.read().is_ok()), (true, true, true));
    }
}
