//! What happened, for people: the ladder of messages, the facts in words, and what must be true in the end.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr};

use plugboard_exchange::{Answer, Census, QuestionKind};
use plugboard_media as media;
use plugboard_model::{
    EventKind, InteractionId,
    compliance::Decision,
    flow::{Effect, Happening},
};
use plugboard_sip as sip;
use sha2::{Digest, Sha256};

use crate::{World, ladder::Ladder};

impl World {
    /// Draws from here on, with these columns: names of phones, `plugboard` and `plugin`.
    pub fn draw_ladder(&mut self, columns: &[&str]) {
        self.ladder = Ladder::with_columns(columns);
    }

    pub fn ladder(&self) -> &str {
        self.ladder.text()
    }

    pub(crate) fn draw(&mut self, from: &str, to: &str, label: &str) {
        if self.ladder.is_on() {
            self.ladder.arrow(self.elapsed(), from, to, label);
        }
    }

    fn name_at(&self, address: SocketAddr) -> String {
        let phone = self.phones.iter().find(|phone| phone.address == address);
        phone.map_or_else(|| "plugboard".to_owned(), |phone| phone.name.clone())
    }

    /// Registrations, 100, ACK and the answers to anything but INVITE and REFER are left out.
    pub(crate) fn draw_message(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], lost: bool) {
        if !self.ladder.is_on() {
            return;
        }
        let message = sip::Message::parse(bytes).expect("what we send can be read");
        let of = message.cseq().map(|cseq| cseq.method);
        let label = match (message.method(), message.status()) {
            (Some(method), _) if *method == sip::Method::ACK || *method == sip::Method::REGISTER => return,
            (Some(method), _) => method.to_string(),
            (None, Some(status)) if status.code() > 100 => match of {
                Some(of) if of == sip::Method::INVITE || of == sip::Method::REFER => status.code().to_string(),
                _ => return,
            },
            _ => return,
        };
        let body = String::from_utf8_lossy(bytes);
        let frag = if label == "NOTIFY" { body.rsplit("SIP/2.0 ").next().and_then(|text| text.get(..3)) } else { None };
        let label = frag.map_or_else(|| label.clone(), |frag| format!("{label} {frag}"));
        let label = if lost { format!("{label} lost") } else { label };
        let (from, to) = (self.name_at(from), self.name_at(to));
        self.draw(&from, &to, &label);
    }

    pub(crate) fn draw_media(&mut self, command: &media::Command) {
        if !self.ladder.is_on() {
            return;
        }
        let at = self.elapsed();
        match command {
            media::Command::Play { port, sources, .. } => {
                let names: Vec<String> = sources
                    .iter()
                    .map(|source| match source {
                        media::Source::File(path) => {
                            path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
                        }
                        _ => "tone".to_owned(),
                    })
                    .collect();
                let names = if names.iter().all(|name| name == "tone") { "tune".to_owned() } else { names.join(" ") };
                let stream = self.plane.stream(*port).map(|stream| stream.remote.ip());
                let phone = self.phones.iter().find(|phone| Some(phone.address.ip()) == stream);
                let to = phone.map_or_else(|| "somebody".to_owned(), |phone| phone.name.clone());
                self.ladder.arrow(at, "plugboard", &to, &format!("~{names}"));
            }
            media::Command::Bridge { .. } => self.ladder.note(at, "plugboard", "bridge"),
            media::Command::Unbridge { .. } => self.ladder.note(at, "plugboard", "unbridge"),
            media::Command::Record { right, .. } => {
                let what = if right.is_some() { "record both" } else { "record caller" };
                self.ladder.note(at, "plugboard", what);
            }
            media::Command::PauseRecording { .. } => self.ladder.note(at, "plugboard", "pause recording"),
            media::Command::ResumeRecording { .. } => self.ladder.note(at, "plugboard", "resume recording"),
            media::Command::StopRecording { .. } => self.ladder.note(at, "plugboard", "stop recording"),
            _ => {}
        }
    }

    pub(crate) fn draw_question(&mut self, kind: &QuestionKind) {
        if !self.ladder.is_on() {
            return;
        }
        let label = match kind {
            QuestionKind::Step(step) => format!("step {}", happening_word(&step.event.what)),
            QuestionKind::RankAgents { candidates, .. } => format!("rank {} agents", candidates.len()),
            QuestionKind::RankWaiting { waiting, .. } => format!("rank {} waiting", waiting.len()),
            QuestionKind::Relax { who, .. } => format!("relax after {} s", who.waited_ms / 1_000),
            QuestionKind::Hear { segment, .. } => format!("hear {:?}", segment.text),
            QuestionKind::Review { transcript, .. } => format!("review {} utterances", transcript.segments.len()),
            QuestionKind::Redact { .. } => "redact".to_owned(),
            QuestionKind::Invoke { name, call, .. } => format!("{name} {}", call.operation),
            QuestionKind::Judge { act, .. } => {
                let (effect, about) = (act.what.name(), act.what.about());
                match act.what {
                    // Whose name stands in its column already.
                    plugboard_model::compliance::Effect::Answer(_) => format!("may we {effect}?"),
                    _ => format!("may we {effect} {about}?"),
                }
            }
        };
        self.draw("plugboard", "plugin", &label);
    }

    pub(crate) fn draw_answer(&mut self, answer: &Answer) {
        if !self.ladder.is_on() {
            return;
        }
        let label = match answer {
            Answer::Stepped(stepped) if stepped.actions.is_empty() => "nothing".to_owned(),
            Answer::Stepped(stepped) => {
                let words: Vec<&str> = stepped.actions.iter().map(|action| effect_word(&action.what)).collect();
                words.join(", ")
            }
            Answer::Ranked(order) => match order.again_ms {
                Some(again) => format!("{:?}, again in {again} ms", order.numbers),
                None => format!("{:?}", order.numbers),
            },
            Answer::Relaxed(relaxed) => {
                let needs: Vec<String> =
                    relaxed.needs.iter().map(|need| format!("{}≥{}", need.skill, need.level)).collect();
                let queue = relaxed.overflow_to.map_or_else(String::new, |queue| format!(", queue {queue}"));
                format!("needs [{}]{queue}", needs.join(" "))
            }
            Answer::Judged(verdict) => {
                format!("{} ({})", decision_word(verdict.decision), verdict.code)
            }
            Answer::Heard(heard) => {
                let alerts = heard.iter().flat_map(|heard| &heard.alerts).map(|alert| alert.code.as_str());
                let alerts: Vec<&str> = alerts.collect();
                if alerts.is_empty() { "nothing".to_owned() } else { alerts.join(", ") }
            }
            Answer::Reviewed(findings) => format!("{} findings", findings.as_ref().map_or(0, Vec::len)),
            Answer::Redacted(spans) => format!("{} spans", spans.as_ref().map_or(0, Vec::len)),
            Answer::Invoked(Ok(json)) => json.clone(),
            Answer::Invoked(Err(failure)) => failure.code.as_str().to_owned(),
            Answer::Failed(failure) => failure.code.to_string(),
            Answer::Unavailable(_) => "unavailable".to_owned(),
        };
        self.draw("plugin", "plugboard", &label);
    }

    pub(crate) fn draw_fact(&mut self, kind: &EventKind) {
        if !self.ladder.is_on() {
            return;
        }
        let at = self.elapsed();
        let note = match kind {
            EventKind::Queued { queue, position, .. } => format!("queued {queue} {position}"),
            EventKind::LeftQueue { exit, .. } => format!("left queue: {exit:?}"),
            EventKind::Reserved { agent, .. } => format!("reserved {agent}"),
            EventKind::Relaxed { waited_ms, overflow_to, .. } => {
                let to = overflow_to.as_ref().map_or_else(String::new, |queue| format!(" to {queue}"));
                format!("relaxed{to} after {} s", waited_ms / 1_000)
            }
            EventKind::HeldBack { free, .. } => format!("held back from {free}"),
            EventKind::Released { agent, reason, .. } => format!("released {agent}: {reason:?}"),
            EventKind::InteractionClosed { by, cause, .. } => format!("closed {by:?} {cause}"),
            EventKind::FlowFailed { .. } => "flow failed".to_owned(),
            EventKind::Invoked { connector, outcome, took_ms, .. } => {
                format!("{connector} {outcome} after {took_ms} ms")
            }
            EventKind::Judged { judgement, .. } => {
                let rules = judgement.opinions.iter().map(|opinion| match opinion.failed {
                    true => format!("{} failed", opinion.rule),
                    false => opinion.rule.to_string(),
                });
                format!("{}: {}", decision_word(judgement.decision), rules.collect::<Vec<_>>().join(", "))
            }
            EventKind::Alerted { rule, alert, .. } => format!("{rule}: {}", alert.code),
            _ => return,
        };
        self.ladder.note(at, "plugboard", &note);
    }

    /// The facts of one interaction in words, one a line, with the seconds since the world began.
    pub fn story_of(&self, interaction: InteractionId) -> String {
        self.told(|kind| kind.interaction() == Some(interaction))
    }

    /// Every fact in words.
    pub fn story(&self) -> String {
        self.told(|_| true)
    }

    fn told(&self, which: impl Fn(&EventKind) -> bool) -> String {
        let mut text = String::new();
        for fact in self.facts.iter().filter(|fact| which(&fact.kind)) {
            let at = (fact.at - crate::world::START).as_secs_f64();
            let _ = writeln!(text, "{at:>9.3} {}", words(&fact.kind));
        }
        text
    }

    /// States that an agent went through, in order.
    pub fn states_of(&self, agent: &str) -> Vec<String> {
        let of_agent = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
            EventKind::AgentStateChanged { agent: who, to, .. } if who.as_str() == agent => Some(to.to_string()),
            _ => None,
        };
        self.facts.iter().filter_map(of_agent).collect()
    }

    pub fn state_of(&self, agent: &str) -> String {
        let view = self.exchange.acd().agent(&agent.parse().unwrap());
        view.map_or_else(|| "unknown".to_owned(), |view| view.state.to_string())
    }

    /// How many facts of that type (`missed` as the API writes them, in kebab-case).
    pub fn count(&self, which: impl Fn(&EventKind) -> bool) -> usize {
        self.facts.iter().filter(|fact| which(&fact.kind)).count()
    }

    /// SHA-256 over every fact as stored.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for fact in &self.facts {
            hash.update(serde_json::to_vec(&**fact).unwrap());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Runs until everybody has hung up, then demands that nothing is left: no line, port, recording, question or promise; nobody stuck;
    /// every interaction closed exactly once and with a CDR.
    ///
    /// # Panics
    /// If something is.
    pub fn finish(&mut self) {
        self.run_until_idle();
        self.exchange.check();
        let rest = Census { free_ports: self.plane.ports, ..Census::default() };
        assert_eq!(self.exchange.census(), rest, "{}\n{}", self.ladder.text(), self.story());
        assert_eq!(self.plane.odd, Vec::<String>::new(), "{}\n{}", self.ladder.text(), self.story());
        let mut open: BTreeMap<InteractionId, i32> = BTreeMap::new();
        for fact in &self.facts {
            match fact.kind {
                EventKind::InteractionOffered { interaction, .. } => *open.entry(interaction).or_default() += 1,
                EventKind::InteractionClosed { interaction, .. } => *open.entry(interaction).or_default() -= 1,
                _ => {}
            }
        }
        let offered = open.len();
        open.retain(|_, balance| *balance != 0);
        assert_eq!(open, BTreeMap::new(), "interactions that were not closed exactly once\n{}", self.story());
        let first_revisions = self.cdrs().iter().filter(|cdr| cdr.revision == 1).count();
        assert_eq!(first_revisions, offered, "one CDR for each interaction");
    }
}

fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::Later(_) => "put off",
        Decision::Deny => "denied",
    }
}

fn happening_word(what: &Happening) -> String {
    match what {
        Happening::Started(_) => "started".to_owned(),
        Happening::Played { .. } => "played".to_owned(),
        Happening::Gathered(digits) => format!("digits {:?}", digits.digits),
        Happening::Queue(news) => match news {
            plugboard_model::flow::QueueNews::Waiting(place) => format!("waiting {}", place.position),
            plugboard_model::flow::QueueNews::Connected { .. } => "connected".to_owned(),
            plugboard_model::flow::QueueNews::GaveUp(why) => format!("gave up {why:?}"),
        },
        Happening::Recorded(_) => "recorded".to_owned(),
        Happening::Transferred(end) => format!("transferred {end:?}"),
        Happening::Timer => "timer".to_owned(),
        Happening::Refused(refusal) => format!("refused {}", refusal.code.as_str()),
        Happening::HungUp(_) => "hung up".to_owned(),
        _ => "other".to_owned(),
    }
}

fn effect_word(what: &Effect) -> &'static str {
    match what {
        Effect::PickUp => "pick up",
        Effect::Play(_) => "play",
        Effect::Gather(_) => "gather",
        Effect::Enqueue(_) => "enqueue",
        Effect::Transfer(_) => "transfer",
        Effect::Record(_) => "record",
        Effect::Timer { .. } => "timer",
        Effect::Cancel(_) => "cancel",
        Effect::Tag(_) => "tag",
        Effect::Invoke(_) => "ask",
        Effect::HangUp { .. } => "hang up",
        _ => "other",
    }
}

/// A fact as its type and its values, without the interaction's number and what only matters to machines.
fn words(kind: &EventKind) -> String {
    let serde_json::Value::Object(fields) = serde_json::to_value(kind).unwrap() else { return String::new() };
    let mut text = fields.get("type").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    for (name, value) in &fields {
        if matches!(name.as_str(), "type" | "sha256" | "quality" | "channel" | "gaps" | "left_dbfs" | "right_dbfs") {
            continue;
        }
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => continue,
            serde_json::Value::Object(state) if state.contains_key("state") => {
                state["state"].as_str().unwrap_or_default().to_owned()
            }
            other => other.to_string(),
        };
        let _ = write!(text, " {name}={value}");
    }
    text
}
