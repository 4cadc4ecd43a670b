//! What is said in a conversation, while it goes on: rules that listen are told each utterance, and what they find is done something about.
//!
//! ```text
//!   Utter ─┬▶ rules that redact ──all have answered──▶ Uttered, masked ─▶ reply
//!          └▶ each rule that listens, in order ──────▶ Alerted ─▶ pause, go on, call somebody
//!   the call is over ─▶ rules that review ───────────▶ Reviewed
//! ```
//! A rule gets one utterance of a conversation at a time, with what it returned to the one before; one that fails hears no more of it. While nobody
//! speaks it is asked all the same, every [`SILENCE`], with no words: what has to be said by a certain time is missed in silence, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plugboard_call::Input as CallInput;
use plugboard_model::{
    EventKind, InteractionId, Timestamp,
    compliance::{Alert, Finding, Heard, Order, Rule, Segment, Span, Transcript},
    flow::Setting,
};

use crate::{
    CommandError, CommandId, QuestionKind, Reply,
    exchange::{Exchange, Output},
    question::Asked,
};

/// Utterances of one conversation, and bytes of all of them: as many as one transcript may hold.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 1024 * 1024;
/// Bytes of one utterance, and of a language's name.
const LONGEST: usize = 4_096;
const LONGEST_LANGUAGE: usize = 35;

/// QA-03 wants to hear within 5 s of what was not said in time.
const SILENCE: Duration = Duration::from_secs(2);

/// The conversations in which something was said.
pub(crate) type Conversations = BTreeMap<InteractionId, Conversation>;

#[derive(Debug, Default)]
pub(crate) struct Conversation {
    said: Vec<Segment>,
    bytes: usize,
    /// By the name of the rule; all that the tenant had when the first word was said.
    listeners: BTreeMap<Arc<str>, Listener>,
    /// When the listeners are asked if nobody speaks before.
    silence: Option<Timestamp>,
    /// Not told yet, since rules look for what has to be masked.
    redacting: BTreeMap<u32, Redacting>,
}

#[derive(Debug)]
struct Listener {
    rule: Rule,
    state: Vec<u8>,
    /// How many utterances it has heard.
    heard: usize,
    is_asked: bool,
    /// What it is asked about is that nobody speaks.
    hears_silence: bool,
    /// It does not listen, or has failed.
    is_deaf: bool,
}

#[derive(Debug)]
struct Redacting {
    command: CommandId,
    missing: BTreeSet<Arc<str>>,
    spans: Vec<Span>,
    failed: bool,
}

impl Conversation {
    /// What the client is to say next, and whether there is room for it.
    fn takes(&self, segment: &Segment) -> Result<(), CommandError> {
        let expected = u32::try_from(self.said.len()).unwrap_or(u32::MAX);
        if segment.seq != expected {
            return Err(CommandError::OutOfOrder { expected });
        }
        let fits = segment.text.len() <= LONGEST && segment.language.len() <= LONGEST_LANGUAGE;
        if !fits || self.said.len() >= MOST || self.bytes + segment.text.len() > MOST_BYTES {
            return Err(CommandError::TooMuchSaid);
        }
        Ok(())
    }
}

impl Exchange {
    /// One more utterance. The reply comes once it is on disk as everybody may read it.
    pub(crate) fn utter(&mut self, now: Timestamp, command: CommandId, interaction: InteractionId, segment: Segment) {
        if !self.calls.contains_key(&interaction) {
            let error = CommandError::NoSuchInteraction(interaction);
            return self.push(Output::Reply { id: command, after: None, result: Err(error) });
        }
        let rules = &self.configuration.rules;
        let conversation = self.conversations.entry(interaction).or_insert_with(|| {
            let listener = |(name, rule): (&Arc<str>, &Rule)| {
                let (rule, state) = (rule.clone(), Vec::new());
                let listener =
                    Listener { rule, state, heard: 0, is_asked: false, hears_silence: false, is_deaf: false };
                (Arc::clone(name), listener)
            };
            Conversation { listeners: rules.iter().map(listener).collect(), ..Conversation::default() }
        });
        if let Err(error) = conversation.takes(&segment) {
            return self.push(Output::Reply { id: command, after: None, result: Err(error) });
        }
        conversation.bytes += segment.text.len();
        let (spoken, text, language) = (segment.seq, segment.text.clone(), segment.language.clone());
        conversation.said.push(segment);
        let missing = rules.keys().cloned().collect();
        let redacting = Redacting { command, missing, spans: Vec::new(), failed: false };
        conversation.redacting.insert(spoken, redacting);
        let rules: Vec<(Arc<str>, Rule)> = rules.iter().map(|(name, rule)| (Arc::clone(name), rule.clone())).collect();
        for (name, Rule { plugin, settings }) in rules {
            let (text, language) = (text.clone(), language.clone());
            let kind = QuestionKind::Redact { plugin, settings, text, language };
            self.ask(now, Asked::Redact { interaction, spoken, rule: name }, kind);
        }
        self.tell_if_redacted(now, interaction, spoken);
        self.listen(now, interaction);
        self.await_silence(interaction, Some(now + SILENCE));
    }

    fn await_silence(&mut self, interaction: InteractionId, until: Option<Timestamp>) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        if let Some(before) = std::mem::replace(&mut conversation.silence, until) {
            self.silences.remove(&(before, interaction));
        }
        if let Some(until) = until {
            self.silences.insert((until, interaction));
        }
    }

    pub(crate) fn silences_timeout(&mut self, now: Timestamp) {
        while let Some((_, interaction)) = self.silences.first().copied().filter(|(at, _)| *at <= now) {
            let is_heard = self.hear_silence(now, interaction);
            self.await_silence(interaction, is_heard.then(|| now + SILENCE));
        }
    }

    /// Asks every rule that listens and has heard all that was said. `false`: there is none.
    fn hear_silence(&mut self, now: Timestamp, interaction: InteractionId) -> bool {
        let started = self.calls.get(&interaction).map_or(now, |call| call.view().started);
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return false };
        let Some(last) = conversation.said.last() else { return false };
        let until_ms = u32::try_from(now.since(started).as_millis()).unwrap_or(u32::MAX).max(last.to_ms);
        let silence = Segment { from_ms: last.to_ms, to_ms: until_ms, text: String::new(), ..last.clone() };
        let mut questions = Vec::new();
        for (name, listener) in &mut conversation.listeners {
            if listener.is_deaf || listener.is_asked || listener.heard < conversation.said.len() {
                continue;
            }
            (listener.is_asked, listener.hears_silence) = (true, true);
            let Rule { plugin, settings } = listener.rule.clone();
            let (state, segment) = (std::mem::take(&mut listener.state), Box::new(silence.clone()));
            questions.push((Arc::clone(name), QuestionKind::Hear { plugin, settings, state, segment }));
        }
        let is_heard = conversation.listeners.values().any(|listener| !listener.is_deaf);
        for (rule, kind) in questions {
            self.ask(now, Asked::Hear { interaction, rule }, kind);
        }
        is_heard
    }

    pub(crate) fn redacted(
        &mut self,
        now: Timestamp,
        (interaction, spoken, rule): (InteractionId, u32, Arc<str>),
        answer: Result<Option<Vec<Span>>, Arc<str>>,
    ) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        let Some(redacting) = conversation.redacting.get_mut(&spoken) else { return };
        redacting.missing.remove(&rule);
        match answer {
            Ok(spans) => redacting.spans.extend(spans.into_iter().flatten()),
            Err(reason) => {
                redacting.failed = true;
                self.rule_failed(now, interaction, &rule, "redact", reason);
            }
        }
        self.tell_if_redacted(now, interaction, spoken);
    }

    fn tell_if_redacted(&mut self, now: Timestamp, interaction: InteractionId, spoken: u32) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        if conversation.redacting.get(&spoken).is_none_or(|redacting| !redacting.missing.is_empty()) {
            return;
        }
        let Some(Redacting { command, spans, failed, .. }) = conversation.redacting.remove(&spoken) else { return };
        let place = usize::try_from(spoken).unwrap_or(usize::MAX);
        let Some(Segment { speaker, from_ms, to_ms, text, language, .. }) = conversation.said.get(place) else {
            return;
        };
        let text = masked(text, &spans, failed).into();
        let (speaker, from_ms, to_ms, language) = (*speaker, *from_ms, *to_ms, language.as_str().into());
        let before = self.seq();
        self.fact(now, EventKind::Uttered { interaction, spoken, speaker, from_ms, to_ms, text, language });
        self.reply(command, before, Ok(Reply::Done));
    }

    /// Asks every rule that has not heard all of it and thinks about nothing.
    fn listen(&mut self, now: Timestamp, interaction: InteractionId) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        let mut questions = Vec::new();
        for (name, listener) in &mut conversation.listeners {
            let next = conversation.said.get(listener.heard).filter(|_| !listener.is_asked && !listener.is_deaf);
            let Some(segment) = next else { continue };
            listener.is_asked = true;
            let Rule { plugin, settings } = listener.rule.clone();
            let (state, segment) = (std::mem::take(&mut listener.state), Box::new(segment.clone()));
            questions.push((Arc::clone(name), QuestionKind::Hear { plugin, settings, state, segment }));
        }
        for (rule, kind) in questions {
            self.ask(now, Asked::Hear { interaction, rule }, kind);
        }
    }

    /// `None`: the rule does not listen.
    pub(crate) fn heard(
        &mut self,
        now: Timestamp,
        (interaction, rule): (InteractionId, Arc<str>),
        answer: Result<Option<Heard>, Arc<str>>,
    ) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        let Some(listener) = conversation.listeners.get_mut(&rule) else { return };
        listener.is_asked = false;
        if !std::mem::take(&mut listener.hears_silence) {
            listener.heard += 1;
        }
        // Silence is about what was said last.
        let spoken = u32::try_from(listener.heard.saturating_sub(1)).unwrap_or(u32::MAX);
        match answer {
            Ok(Some(Heard { state, alerts })) => {
                listener.state = state;
                for alert in alerts {
                    self.alert(now, interaction, &rule, spoken, alert);
                }
            }
            Ok(None) => listener.is_deaf = true,
            Err(reason) => {
                listener.is_deaf = true;
                self.rule_failed(now, interaction, &rule, "on-utterance", reason);
            }
        }
        self.listen(now, interaction);
    }

    fn alert(&mut self, now: Timestamp, interaction: InteractionId, rule: &Arc<str>, spoken: u32, alert: Alert) {
        let orders = alert.orders.clone();
        let message = alert.message.clone();
        let (rule, alert) = (Arc::clone(rule), Box::new(alert));
        self.fact(now, EventKind::Alerted { interaction, rule, spoken, alert });
        for order in orders {
            match order {
                Order::PauseRecording => self.call_input(now, interaction, CallInput::PauseOrdered),
                Order::ResumeRecording => self.call_input(now, interaction, CallInput::ResumeOrdered),
                Order::CallSupervisor => {
                    let detail = format!("{interaction}: {message}").into();
                    self.fact(now, EventKind::Alarm { name: "supervisor-called".into(), detail });
                }
                // The fact tells that it was ordered; nothing is done.
                Order::Other(_) => {}
            }
        }
    }

    /// The call is over: rules that review read all of it.
    pub(crate) fn review(&mut self, now: Timestamp, interaction: InteractionId, tags: Vec<Setting>) {
        let Some(conversation) = self.conversations.get_mut(&interaction) else { return };
        let waiting: Vec<u32> = conversation.redacting.keys().copied().collect();
        for spoken in waiting {
            // Who has not answered by now is not waited for.
            if let Some(redacting) =
                self.conversations.get_mut(&interaction).and_then(|all| all.redacting.get_mut(&spoken))
            {
                redacting.failed |= !redacting.missing.is_empty();
                redacting.missing.clear();
            }
            self.tell_if_redacted(now, interaction, spoken);
        }
        self.await_silence(interaction, None);
        let Some(Conversation { said, listeners, .. }) = self.conversations.remove(&interaction) else { return };
        let language = said.first().map(|segment| segment.language.clone()).unwrap_or_default();
        let transcript = Transcript { interaction, at: now, language, segments: said, tags };
        for (name, Listener { rule: Rule { plugin, settings }, .. }) in listeners {
            let transcript = Box::new(transcript.clone());
            let kind = QuestionKind::Review { plugin, settings, transcript };
            self.ask(now, Asked::Review { interaction, rule: name }, kind);
        }
    }

    /// `None`: the rule does not review.
    pub(crate) fn reviewed(
        &mut self,
        now: Timestamp,
        (interaction, rule): (InteractionId, Arc<str>),
        answer: Result<Option<Vec<Finding>>, Arc<str>>,
    ) {
        let (findings, failed) = match answer {
            Ok(None) => return,
            Ok(Some(findings)) => (findings, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        self.fact(now, EventKind::Reviewed { interaction, rule, findings, failed });
    }

    fn rule_failed(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        rule: &Arc<str>,
        question: &str,
        reason: Arc<str>,
    ) {
        let plugin =
            self.configuration.rules.get(rule).map_or_else(|| Arc::clone(rule), |rule| Arc::clone(&rule.plugin));
        let (interaction, question) = (Some(interaction), question.into());
        self.fact(now, EventKind::PluginFailed { interaction, plugin, question, reason });
    }
}

/// The text as everybody may read it: stars for what lies in a span. `failed`: a rule did not say what has to be masked, so all digits are.
fn masked(text: &str, spans: &[Span], failed: bool) -> String {
    let hidden = |(at, letter): (usize, char)| {
        let marked = spans.iter().any(|span| (span.start..span.end).contains(&at));
        if marked || (failed && letter.is_numeric()) { '*' } else { letter }
    };
    text.char_indices().map(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end, kind: "phone".into() }
    }

    #[test]
    fn what_rules_mark_becomes_stars_letter_by_letter_whatever_the_script() {
        let text = "我的电话是13800138000，谢谢";
        let (start, end) = (text.find('1').unwrap(), text.find('，').unwrap());
        assert_eq!(masked(text, &[span(start, end)], false), "我的电话是***********，谢谢");
        assert_eq!(masked("call 555 now", &[span(0, 4), span(2, 6)], false), "******55 now");
    }

    #[test]
    fn all_digits_are_masked_where_a_rule_fails() {
        assert_eq!(masked("pin 47 and ４７", &[], true), "pin ** and **");
    }
}
