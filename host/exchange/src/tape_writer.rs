//! Writes tapes, where no call waits for it.

use std::collections::{BTreeMap, BTreeSet};

use plugboard_model::{
    InteractionId, Timestamp,
    flow::{Action, Answer, Effect, Event, Happening, Refusal, Token},
    tape::{Line, Said, Tape},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::taping::{Piece, Taped};

/// Secrets of one interaction that are looked for in what is said afterwards.
const MOST_SECRETS: usize = 16;
/// A shorter text stands for too many other things.
const SHORTEST_SECRET: usize = 3;
/// Bytes of all tapes that are being written.
const MOST_HELD: usize = 64 * 1024 * 1024;

/// The tapes of one tenant's interactions that go on, as text.
#[derive(Debug, Default)]
pub struct TapeWriter {
    of: BTreeMap<InteractionId, Writing>,
    /// Bytes of them.
    held: usize,
}

#[derive(Debug)]
struct Writing {
    tape: Tape,
    /// Questions to policies and rules, which stand behind what flows were asked.
    questions: String,
    /// Gathers whose keys may stand nowhere.
    secret: BTreeSet<(usize, Token)>,
    /// What was pressed there.
    secrets: Vec<String>,
}

impl TapeWriter {
    /// Takes the next piece; gives the tape with its last one. `None` also where there is nothing to play.
    pub fn write(&mut self, taped: Taped) -> Option<Tape> {
        let Taped { interaction, piece } = taped;
        let has_room = self.held < MOST_HELD;
        if let Piece::Begun { at } = piece {
            self.of.insert(interaction, Writing::new(interaction, at));
            return None;
        }
        if let Piece::Over { left_out } = piece {
            let mut writing = self.of.remove(&interaction)?;
            self.held = self.held.saturating_sub(writing.length());
            writing.tape.left_out = writing.tape.left_out.saturating_add(left_out);
            writing.tape.lines += &writing.questions;
            return Some(writing.tape).filter(|tape| !tape.lines.is_empty() || tape.left_out > 0);
        }
        if matches!(piece, Piece::Lost) {
            let writing = self.of.remove(&interaction)?;
            self.held = self.held.saturating_sub(writing.length());
            return None;
        }
        let writing = self.of.get_mut(&interaction)?;
        let before = writing.length();
        writing.piece(piece, has_room);
        self.held += writing.length() - before;
        None
    }
}

impl Writing {
    fn new(interaction: InteractionId, begun_at: Timestamp) -> Self {
        let tape = Tape {
            interaction,
            begun_at,
            flows: Vec::new(),
            queues: Vec::new(),
            is_cut: false,
            left_out: 0,
            lines: String::new(),
        };
        Self { tape, questions: String::new(), secret: BTreeSet::new(), secrets: Vec::new() }
    }

    fn length(&self) -> usize {
        self.tape.lines.len() + self.questions.len()
    }

    fn piece(&mut self, piece: Piece, has_room: bool) {
        match piece {
            Piece::Begun { .. } | Piece::Over { .. } | Piece::Lost => {}
            Piece::Ranked(ranked, _) => {
                if !self.tape.queues.contains(&ranked.queue) {
                    self.tape.queues.push(ranked.queue.clone());
                }
                self.question(&Line::Ranked(ranked), has_room);
            }
            Piece::Line(line) => match *line {
                Line::Begun { run, flow, plugin, revision } => {
                    if !self.tape.flows.contains(&flow) {
                        self.tape.flows.push(flow.clone());
                    }
                    self.line(&Line::Begun { run, flow, plugin, revision }, has_room);
                }
                Line::Step { run, event, said } => {
                    let line = self.step(run, event, said);
                    self.line(&line, has_room);
                }
                Line::Judged(judged) => match without(&self.secrets, Some(judged), || None) {
                    Some(judged) => self.question(&Line::Judged(judged), has_room),
                    None => self.tape.left_out += 1,
                },
                line @ Line::Ranked(_) => self.question(&line, has_room),
            },
        }
    }

    fn step(&mut self, run: usize, mut event: Event, said: Said) -> Line {
        if let Happening::Gathered(keys) = &mut event.what
            && event.answers.is_some_and(|token| self.secret.remove(&(run, token)))
        {
            let pressed = std::mem::take(&mut keys.digits);
            if pressed.len() >= SHORTEST_SECRET && self.secrets.len() < MOST_SECRETS {
                self.secrets.push(pressed);
            }
        }
        // What another system answers may be what it was sent.
        if let Happening::LookedUp(Answer { json: text }) | Happening::Refused(Refusal { message: text, .. }) =
            &mut event.what
        {
            clean_text(&self.secrets, text);
        }
        if let Said::Stepped { actions, .. } = &said {
            self.note_secrets(run, actions);
        }
        let lost = || Said::Failed { reason: "what it said held a secret and was not kept".into() };
        Line::Step { run, event, said: without(&self.secrets, said, lost) }
    }

    fn note_secrets(&mut self, run: usize, actions: &[Action]) {
        let secret = |action: &&Action| matches!(&action.what, Effect::Gather(gather) if gather.secret);
        self.secret.extend(actions.iter().filter(secret).map(|action| (run, action.token)));
    }

    fn line(&mut self, line: &Line, has_room: bool) {
        if !self.tape.is_cut {
            self.tape.is_cut = !(has_room && append(&mut self.tape.lines, line, Tape::LIMIT));
        }
    }

    fn question(&mut self, line: &Line, has_room: bool) {
        if !(has_room && append(&mut self.questions, line, Tape::LIMIT_OF_QUESTIONS)) {
            self.tape.left_out += 1;
        }
    }
}

/// False where it has no room.
fn append(text: &mut String, line: &Line, limit: usize) -> bool {
    let Ok(line) = serde_json::to_string(line) else { return false };
    if text.len() + line.len() >= limit {
        return false;
    }
    text.push_str(&line);
    text.push('\n');
    true
}

/// The same, with each secret replaced wherever it stands.
fn without<T: Serialize + DeserializeOwned>(secrets: &[String], said: T, or: impl FnOnce() -> T) -> T {
    if secrets.is_empty() {
        return said;
    }
    let cleaned = serde_json::to_value(&said).map(|mut value| {
        clean(secrets, &mut value);
        value
    });
    cleaned.and_then(serde_json::from_value).unwrap_or_else(|_| or())
}

fn clean_text(secrets: &[String], text: &mut String) {
    for secret in secrets {
        if text.contains(secret.as_str()) {
            *text = text.replace(secret.as_str(), &"0".repeat(secret.len()));
        }
    }
}

fn clean(secrets: &[String], value: &mut Value) {
    match value {
        Value::String(text) => clean_text(secrets, text),
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
    use std::sync::Arc;

    use plugboard_model::{
        compliance::{Act, Asker, Effect as Judging, Unmask, Verdict},
        flow::{Digits, Gather, GatherEnd, Prompt, Setting, Source},
        tape::{Judged, Ruled},
    };

    use super::*;

    const CALL: InteractionId = InteractionId(1);

    fn piece(piece: Piece) -> Taped {
        Taped { interaction: CALL, piece }
    }

    fn line(line: Line) -> Taped {
        piece(Piece::Line(Box::new(line)))
    }

    fn begun() -> [Taped; 2] {
        let (flow, plugin) = ("pin".parse().expect("a name"), "any".into());
        let at = Timestamp::from_secs(9);
        [piece(Piece::Begun { at }), line(Line::Begun { run: 0, flow, plugin, revision: 3 })]
    }

    fn step(seq: u32, answers: Option<Token>, what: Happening, actions: Vec<(Token, Effect)>) -> Taped {
        let at = Timestamp::from_secs(9);
        let event = Event { seq, at, utc_offset_min: 0, answers, more: false, what };
        let actions = actions.into_iter().map(|(token, what)| Action { token, what }).collect();
        line(Line::Step { run: 0, event, said: Said::Stepped { actions, trail: Vec::new() } })
    }

    fn written(pieces: impl IntoIterator<Item = Taped>) -> Tape {
        let mut writer = TapeWriter::default();
        assert!(pieces.into_iter().all(|taped| writer.write(taped).is_none()));
        let tape = writer.write(piece(Piece::Over { left_out: 0 })).expect("a tape");
        assert_eq!((writer.of.len(), writer.held), (0, 0));
        tape
    }

    /// A component that puts a PIN into its words is at fault; the tape must not be.
    #[test]
    fn secret_is_left_out_wherever_a_flow_or_a_rule_hears_it_again() {
        let gather = Gather {
            prompt: None,
            max_digits: 4,
            first_ms: 1_000,
            between_ms: 1_000,
            terminators: String::new(),
            secret: true,
        };
        let sources = vec![Source::Digits("4711".into()), Source::Number(4_711), Source::Text("no. 4711".into())];
        let prompt = Prompt { sources, language: "en".into(), barge_in: true };
        let tag = Setting { name: "pin".into(), value: "<4711>".into() };
        let keys = Happening::Gathered(Digits { digits: "4711".into(), ended: GatherEnd::Complete });
        let said = vec![(1, Effect::Play(prompt)), (2, Effect::Tag(tag.clone())), (4_712, Effect::PickUp)];
        let unmask = Unmask {
            kind: "phone".into(),
            customer: "7".into(),
            role: "agent".into(),
            in_hand: true,
            reason: String::new(),
            seen_today: 0,
        };
        let act = Act {
            at: Timestamp::from_secs(9),
            utc_offset_min: 0,
            interaction: Some(CALL),
            by: Asker::Host,
            what: Judging::Unmask(unmask),
            tags: vec![tag],
        };
        let judged =
            Judged { rule: Arc::from("r"), plugin: Arc::from("p"), act, said: Ruled::Verdict(Verdict::unjudged()) };
        let pieces = begun().into_iter().chain([
            step(0, None, Happening::Timer, vec![(0, Effect::Gather(gather))]),
            step(1, Some(0), keys, said),
            line(Line::Judged(Box::new(judged))),
        ]);
        let lines = written(pieces).lines;
        let told: String = lines.lines().skip(2).map(|line| format!("{line}\n")).collect();
        expect_test::expect![[r#"
            {"step":{"run":0,"event":{"seq":1,"at":"1970-01-01T00:00:09.000000Z","utc_offset_min":0,"answers":0,"more":false,"what":{"gathered":{"digits":"","ended":"complete"}}},"said":{"stepped":{"actions":[{"token":1,"what":{"play":{"sources":[{"digits":"0000"},{"number":0},{"text":"no. 0000"}],"language":"en","barge_in":true}}},{"token":2,"what":{"tag":{"name":"pin","value":"<0000>"}}},{"token":4712,"what":"pick-up"}],"trail":[]}}}}
            {"judged":{"rule":"r","plugin":"p","act":{"at":"1970-01-01T00:00:09.000000Z","utc_offset_min":0,"interaction":1,"by":"host","what":{"unmask":{"kind":"phone","customer":"7","role":"agent","in_hand":true,"reason":"","seen_today":0}},"tags":[{"name":"pin","value":"<0000>"}]},"said":{"verdict":{"decision":"allow","code":"no-rule","reason":"","duties":[]}}}}
        "#]]
        .assert_eq(&told);
    }

    #[test]
    fn tape_is_cut_at_its_limit_and_says_so() {
        let steps = (0..1_000).map(|seq| step(seq, None, Happening::Timer, vec![(0, Effect::PickUp)]));
        let tape = written(begun().into_iter().chain(steps));
        assert_eq!((tape.is_cut, tape.lines.len() < Tape::LIMIT, tape.read().is_ok()), (true, true, true));
    }

    #[test]
    fn interaction_that_asked_nothing_has_no_tape() {
        let mut writer = TapeWriter::default();
        let [begun, _] = begun();
        assert_eq!((writer.write(begun), writer.write(piece(Piece::Over { left_out: 0 }))), (None, None));
    }
}
