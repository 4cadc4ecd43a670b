//! Messages to customers: whoever wants one sent, each is judged before it counts as accepted, and only what is accepted is ever sent.
//!
//! ```text
//!   Command::Send, a flow\'s send ─▶ Wish ─▶ rules ─▶ evidence ──┬▶ Judged<Wish> ─▶ fact `message-accepted`, masked where a duty says so
//!                                                              └▶ Denial
//! ```
//! The fact is what goes out: whoever sends reads it from the log, where the verdict stands before it. Nothing else makes one.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use plugboard_call::{
    Input as CallInput,
    gate::{Around, Entry, Gate, Judged, JudgingId, Output as GateOutput, Ruling},
};
use plugboard_model::{
    Configuration, EventKind, InteractionId, Number, Timestamp,
    channel::Wish,
    compliance::{Act, Denial, Duty, Effect, Verdict},
    flow::{RefusalCode, Token},
    masked_numbers,
};

use crate::{
    CommandError, CommandId, MASKED_KINDS, Reply,
    exchange::{Exchange, Judger},
};

/// Rules think about so many at once; one more is refused.
const MOST_OPEN: usize = 256;
const A_DAY: Duration = Duration::from_secs(86_400);
/// Messages of a day that are counted, and people who are known to have written; of more, the oldest are forgotten.
const MOST_COUNTED: usize = 50_000;

/// Who hears what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    Command(CommandId),
    /// Which flow of the call, and which of its actions.
    Flow(InteractionId, u32, Token),
}

/// Messages that are being judged, and how often people were written to.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    gate: Gate<Wish>,
    senders: BTreeMap<JudgingId, Sender>,
    traffic: Traffic,
}

impl Messages {
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.gate.poll_timeout()
    }

    pub(crate) fn open(&self) -> usize {
        self.senders.len()
    }

    pub(crate) fn handle_fact(&mut self, now: Timestamp, kind: &EventKind) {
        self.traffic.handle_fact(now, kind);
    }
}

/// Channel and address.
type Address = (Arc<str>, Arc<str>);

/// Who wrote when, and who was written to, since the process began. Who asks by the API knows of what was before.
#[derive(Debug, Default)]
struct Traffic {
    heard: Heard,
    sent: VecDeque<(Timestamp, Address)>,
    today: BTreeMap<Address, u32>,
}

/// When each wrote last. In two halves: as the newer is full, the older is forgotten as a whole.
#[derive(Debug, Default)]
struct Heard {
    newer: BTreeMap<Address, Timestamp>,
    older: BTreeMap<Address, Timestamp>,
}

impl Heard {
    fn note(&mut self, address: Address, now: Timestamp) {
        if self.newer.len() >= MOST_COUNTED / 2 && !self.newer.contains_key(&address) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(address, now);
    }

    fn last(&self, address: &Address) -> Option<Timestamp> {
        self.newer.get(address).or_else(|| self.older.get(address)).copied()
    }
}

impl Traffic {
    fn handle_fact(&mut self, now: Timestamp, kind: &EventKind) {
        match kind {
            // Of more than have room, the host's records know.
            EventKind::MessageReceived { channel, from, .. } => {
                self.heard.note((Arc::clone(channel), Arc::clone(from)), now);
            }
            EventKind::MessageAccepted { channel, to, .. } => {
                let address = (Arc::clone(channel), Arc::clone(to));
                self.sent.push_back((now, address.clone()));
                *self.today.entry(address).or_default() += 1;
                self.forget(now);
            }
            _ => {}
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let is_over = |sent: &VecDeque<(Timestamp, Address)>| {
            sent.front().is_some_and(|(at, _)| now.since(*at) >= A_DAY || sent.len() > MOST_COUNTED)
        };
        while is_over(&self.sent) {
            let Some((_, address)) = self.sent.pop_front() else { return };
            if let Some(count) = self.today.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    self.today.remove(&address);
                }
            }
        }
    }

    /// What is known here of whom it goes to, beside what the sender knows.
    fn complete(&mut self, now: Timestamp, wish: &mut Wish) {
        self.forget(now);
        let address = (Arc::clone(&wish.channel), wish.to.as_str().into());
        wish.last_heard = wish.last_heard.max(self.heard.last(&address));
        wish.sent_today = wish.sent_today.max(self.today.get(&address).copied().unwrap_or_default());
    }
}

/// What can be done with a message.
fn can(effect: &Effect, duty: &Duty) -> bool {
    match (effect, duty) {
        (_, Duty::Tell) => true,
        (Effect::Message(_), Duty::Mask(kinds)) => kinds.iter().all(|kind| MASKED_KINDS.contains(&kind.as_str())),
        _ => false,
    }
}

fn act_of(now: Timestamp, configuration: &Configuration, wish: &Wish) -> Act {
    let lists = wish.to.parse::<Number>().map(|number| configuration.lists_of(&number)).unwrap_or_default();
    Act {
        at: now,
        utc_offset_min: configuration.time_zone.offset_at(now),
        interaction: wish.interaction,
        by: wish.by.clone(),
        what: wish.effect(lists),
        tags: Vec::new(),
    }
}

impl Exchange {
    /// Has it judged. A command is answered once the message is on disk; a flow hears only that it is not sent.
    pub(crate) fn send_message(&mut self, now: Timestamp, sender: Sender, mut wish: Wish) {
        if !self.configuration.channels.contains_key(&wish.channel) {
            return self.not_sent(sender, self.seq(), CommandError::NoSuchChannel(wish.channel.to_string()));
        }
        if self.messages.open() >= MOST_OPEN {
            return self.not_sent(sender, self.seq(), CommandError::Full);
        }
        self.messages.traffic.complete(now, &mut wish);
        let entry = self.with_messages(now, |gate, around| {
            let configuration = around.configuration;
            gate.ask(around, wish, |wish| act_of(now, configuration, wish))
        });
        match entry {
            Entry::Free(wish) => self.accept(now, sender, wish, &[]),
            Entry::Judging(judging) => {
                self.messages.senders.insert(judging, sender);
                self.put_messages(now);
            }
        }
    }

    pub(crate) fn message_judged(&mut self, now: Timestamp, ask: u64, answer: Result<Verdict, Arc<str>>) {
        self.with_messages(now, |gate, around| gate.handle_verdict(around, ask, answer));
        self.put_messages(now);
    }

    pub(crate) fn message_proven(&mut self, now: Timestamp, judging: JudgingId) {
        self.with_messages(now, |gate, _| gate.handle_proof(judging));
        self.put_messages(now);
    }

    pub(crate) fn messages_timeout(&mut self, now: Timestamp) {
        if self.messages.poll_timeout().is_some_and(|at| at <= now) {
            self.with_messages(now, |gate, around| gate.handle_timeout(around));
            self.put_messages(now);
        }
    }

    fn with_messages<T>(&mut self, now: Timestamp, run: impl FnOnce(&mut Gate<Wish>, &Around<'_>) -> T) -> T {
        let around = Around { now, configuration: &self.configuration, can: &can };
        run(&mut self.messages.gate, &around)
    }

    fn put_messages(&mut self, now: Timestamp) {
        let before = self.seq();
        while let Some(question) = self.messages.gate.poll_question() {
            self.ask_rule(now, Judger::Messages, question);
        }
        while let Some(output) = self.messages.gate.poll_output() {
            match output {
                GateOutput::Evidence { proves, interaction, judgement } => {
                    self.fact(now, EventKind::Judged { interaction, judgement });
                    if let Some(judging) = proves {
                        self.proofs.insert(self.seq(), (Judger::Messages, judging));
                    }
                }
                GateOutput::Decided { judging, ruling } => {
                    let Some(sender) = self.messages.senders.remove(&judging) else { continue };
                    match ruling {
                        Ruling::Allowed { what, duties } => {
                            if duties.contains(&Duty::Tell) {
                                let detail =
                                    format!("message by {}: a rule wants supervisors to know", what.what().channel);
                                self.fact(now, EventKind::Alarm { name: "compliance".into(), detail: detail.into() });
                            }
                            self.accept(now, sender, what, &duties);
                        }
                        Ruling::Refused { denial, .. } => {
                            self.not_sent(sender, before, CommandError::Denied(denial));
                        }
                    }
                }
            }
        }
    }

    /// The only place where a message comes to be accepted: it spends the gate\'s permission.
    fn accept(&mut self, now: Timestamp, sender: Sender, wish: Judged<Wish>, duties: &[Duty]) {
        let before = self.seq();
        let Wish { id, interaction, by, channel, to, thread, text, template, choices, attachments, .. } =
            wish.into_what();
        let is_masked = duties.iter().any(|duty| matches!(duty, Duty::Mask(_)));
        let passed = |text: String| -> Arc<str> {
            if is_masked { masked_numbers(&text).unwrap_or(text).into() } else { text.into() }
        };
        self.fact(
            now,
            EventKind::MessageAccepted {
                interaction,
                channel,
                message: id,
                to: to.into(),
                thread: thread.map(Into::into),
                text: passed(text),
                template: template.map(Into::into),
                choices: choices.into_iter().map(passed).collect(),
                attachments,
                by,
            },
        );
        if let Sender::Command(command) = sender {
            self.reply(command, before, Ok(Reply::Done));
        }
    }

    /// `before`: the last event that stood when it began to be decided. What was noted since, a verdict most of all, is on disk before anybody is answered.
    fn not_sent(&mut self, sender: Sender, before: u64, error: CommandError) {
        match sender {
            Sender::Command(command) => self.reply(command, before, Err(error)),
            Sender::Flow(interaction, run, token) => {
                let code = match error {
                    CommandError::Denied(Denial { .. }) => RefusalCode::Denied,
                    CommandError::NoSuchChannel(_) => RefusalCode::UnknownTarget,
                    _ => RefusalCode::Limit,
                };
                self.later(interaction, CallInput::MessageRefused { run, token, code, reason: error.to_string() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_who_wrote_the_oldest_are_forgotten_and_whoever_writes_again_counts_anew() {
        let address = |number: usize| -> Address { ("sms".into(), number.to_string().into()) };
        let mut heard = Heard::default();
        for number in 0..MOST_COUNTED {
            heard.note(address(number), Timestamp::from_secs(1));
        }
        heard.note(address(0), Timestamp::from_secs(2));
        let half = MOST_COUNTED / 2;
        let last = [0, 1, half - 1, half, MOST_COUNTED - 1].map(|number| heard.last(&address(number)));
        let at = |seconds| Some(Timestamp::from_secs(seconds));
        assert_eq!(last, [at(2), None, None, at(1), at(1)]);
        assert!(heard.newer.len() + heard.older.len() <= MOST_COUNTED);
    }
}
