//! Data that is about to leave the host, or to be shown to somebody: judged like any other effect, and counted where it is shown.
//!
//! ```text
//!   Handout ─┬─ the tenant has no rule ──────────────────▶ Leave
//!            └▶ Command::HandOut ─▶ rules ─▶ evidence ──┬▶ Leave, masked where a duty says so
//!                                                       └▶ Denial
//! ```
//! A [`Leave`] holds what the gate alone makes, so who hands data out cannot do it without.
//!
//! ```compile_fail
//! fn forged(handout: plugboard_exchange::Handout) -> plugboard_exchange::Leave {
//!     plugboard_exchange::Leave { handout, masked: false }
//! }
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use plugboard_call::gate::{Around, Entry, Gate, Judged, JudgingId, Output as GateOutput, Ruling};
use plugboard_model::{
    Configuration, EventKind, InteractionId, Timestamp,
    compliance::{Act, Asker, Duty, Effect, Unmask, Verdict},
};

use crate::{
    CommandError, CommandId, Reply,
    exchange::{Exchange, Judger, Output},
};

/// Who wants to have or to see what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handout {
    pub by: Asker,
    /// [`Effect::Export`] or [`Effect::Unmask`].
    pub what: Effect,
    /// Whose it is, where it is of one interaction: the verdict then stands in its record.
    pub interaction: Option<InteractionId>,
}

/// Kinds that are masked in what is handed out: whatever of it is a row of digits.
pub const MASKED_KINDS: [&str; 3] = ["phone", "id-card", "bank-card"];
/// Exports whose content cannot be masked: a tape that is masked plays another call.
pub const UNMASKABLE: [&str; 2] = ["recordings", "tapes"];

/// Leave to hand out what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Leave {
    handout: Judged<Handout>,
    masked: bool,
}

impl Leave {
    /// Where the tenant has no rule, nobody is asked; else the handout comes back, to be put to [`Command::HandOut`].
    pub fn without_rules(configuration: &Arc<Configuration>, handout: Handout) -> Result<Self, Box<Handout>> {
        if !configuration.rules.is_empty() {
            return Err(Box::new(handout));
        }
        let around = Around { now: Timestamp::EPOCH, configuration, can: &can };
        let mut gate = Gate::default();
        match gate.ask(&around, handout, |wish| act_of(Timestamp::EPOCH, configuration, wish)) {
            Entry::Free(handout) => Ok(Self::new(handout, &[])),
            Entry::Judging(judging) => Err(Box::new(gate.cancel(judging).expect("it was asked a line above"))),
        }
    }

    fn new(handout: Judged<Handout>, duties: &[Duty]) -> Self {
        let by_role = matches!(&handout.what().what, Effect::Export(export) if export.masked);
        let masked = by_role || duties.iter().any(|duty| matches!(duty, Duty::Mask(_)));
        Self { handout, masked }
    }

    pub fn handout(&self) -> &Handout {
        self.handout.what()
    }

    /// Whether numbers of persons have to be masked in it.
    pub fn is_masked(&self) -> bool {
        self.masked
    }
}

/// One more is refused: rules that think take at most as long as the gate lets them.
const MOST_OPEN: usize = 256;
/// Askers of whom is known what they saw today.
const MOST_ASKERS: usize = 1_024;
/// Things that one of them saw today.
const MOST_SEEN: usize = 10_000;

/// Handouts that are being judged, and what each asker has seen.
#[derive(Debug, Default)]
pub(crate) struct Handouts {
    gate: Gate<Handout>,
    commands: BTreeMap<JudgingId, CommandId>,
    /// What was shown today, by asker.
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Days since 1970 at the site.
    day: u64,
    things: BTreeSet<(String, Option<InteractionId>)>,
}

impl Handouts {
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.gate.poll_timeout()
    }

    pub(crate) fn open(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn seen_today(&self, day: u64, by: &Asker) -> u32 {
        let seen = self.seen.get(&format!("{by:?}")).filter(|seen| seen.day == day);
        u32::try_from(seen.map_or(0, |seen| seen.things.len())).unwrap_or(u32::MAX)
    }

    pub(crate) fn sees(&mut self, day: u64, by: &Asker, what: (String, Option<InteractionId>)) {
        if self.seen.len() >= MOST_ASKERS {
            self.seen.retain(|_, seen| seen.day == day);
        }
        if self.seen.len() >= MOST_ASKERS {
            return;
        }
        let seen = self.seen.entry(format!("{by:?}")).or_default();
        if seen.day != day {
            *seen = Seen { day, ..Seen::default() };
        }
        if seen.things.len() < MOST_SEEN {
            seen.things.insert(what);
        }
    }
}

/// What can be done with data that leaves.
fn can(effect: &Effect, duty: &Duty) -> bool {
    match (effect, duty) {
        (_, Duty::Tell) => true,
        (Effect::Export(export), Duty::Mask(kinds)) => {
            let known = |kind: &String| MASKED_KINDS.contains(&kind.as_str());
            !UNMASKABLE.contains(&export.kind.as_str()) && kinds.iter().all(known)
        }
        _ => false,
    }
}

fn act_of(now: Timestamp, configuration: &Configuration, handout: &Handout) -> Act {
    Act {
        at: now,
        utc_offset_min: configuration.time_zone.offset_at(now),
        interaction: handout.interaction,
        by: handout.by.clone(),
        what: handout.what.clone(),
        tags: Vec::new(),
    }
}

pub(crate) fn local_day(now: Timestamp, configuration: &Configuration) -> u64 {
    let offset_ms = i64::from(configuration.time_zone.offset_at(now)) * 60_000;
    now.as_millis().saturating_add_signed(offset_ms) / 86_400_000
}

impl Exchange {
    /// Has it judged. The reply is a [`Reply::Leave`], once the evidence is on disk.
    pub(crate) fn hand_out(&mut self, now: Timestamp, command: CommandId, mut handout: Handout) {
        if self.handouts.open() >= MOST_OPEN {
            return self.reply_at_once(command, Err(CommandError::Full));
        }
        let day = local_day(now, &self.configuration);
        if let Effect::Unmask(unmask) = &mut handout.what {
            unmask.seen_today = self.handouts.seen_today(day, &handout.by);
            unmask.in_hand |= self.has_in_hand(&handout.by, handout.interaction);
        }
        let entry = self.with_handouts(now, |gate, around| {
            let configuration = around.configuration;
            gate.ask(around, handout, |wish| act_of(now, configuration, wish))
        });
        match entry {
            Entry::Free(handout) => self.leave_given(now, command, Leave::new(handout, &[])),
            Entry::Judging(judging) => {
                self.handouts.commands.insert(judging, command);
                self.put_handouts(now);
            }
        }
    }

    /// Whether the asker talks with the customer of that interaction now.
    fn has_in_hand(&self, by: &Asker, interaction: Option<InteractionId>) -> bool {
        let call = interaction.and_then(|interaction| self.calls.get(&interaction));
        matches!((by, call), (Asker::Agent(agent), Some(call)) if call.view().agent.as_ref() == Some(agent))
    }

    pub(crate) fn handout_judged(&mut self, now: Timestamp, ask: u64, answer: Result<Verdict, Arc<str>>) {
        self.with_handouts(now, |gate, around| gate.handle_verdict(around, ask, answer));
        self.put_handouts(now);
    }

    pub(crate) fn handout_proven(&mut self, now: Timestamp, judging: JudgingId) {
        self.with_handouts(now, |gate, _| gate.handle_proof(judging));
        self.put_handouts(now);
    }

    pub(crate) fn handouts_timeout(&mut self, now: Timestamp) {
        if self.handouts.poll_timeout().is_some_and(|at| at <= now) {
            self.with_handouts(now, |gate, around| gate.handle_timeout(around));
            self.put_handouts(now);
        }
    }

    fn with_handouts<T>(&mut self, now: Timestamp, run: impl FnOnce(&mut Gate<Handout>, &Around<'_>) -> T) -> T {
        let around = Around { now, configuration: &self.configuration, can: &can };
        run(&mut self.handouts.gate, &around)
    }

    /// Asks what the gate wants to have asked, and carries out what it decided.
    fn put_handouts(&mut self, now: Timestamp) {
        let before = self.seq();
        while let Some(question) = self.handouts.gate.poll_question() {
            self.ask_rule(now, Judger::Handouts, question);
        }
        while let Some(output) = self.handouts.gate.poll_output() {
            match output {
                GateOutput::Evidence { proves, interaction, judgement } => {
                    self.fact(now, EventKind::Judged { interaction, judgement });
                    if let Some(judging) = proves {
                        self.proofs.insert(self.seq(), (Judger::Handouts, judging));
                    }
                }
                GateOutput::Decided { judging, ruling } => {
                    let Some(command) = self.handouts.commands.remove(&judging) else { continue };
                    match ruling {
                        Ruling::Allowed { what, duties } => {
                            if duties.contains(&Duty::Tell) {
                                self.tell_supervisors(now, what.what());
                            }
                            self.leave_given(now, command, Leave::new(what, &duties));
                        }
                        Ruling::Refused { denial, .. } => {
                            // The evidence is among the facts that the reply waits for.
                            self.reply(command, before, Err(CommandError::Denied(denial)));
                        }
                    }
                }
            }
        }
    }

    fn leave_given(&mut self, now: Timestamp, command: CommandId, leave: Leave) {
        let Handout { by, what, interaction } = leave.handout();
        let before = self.seq();
        if let Effect::Unmask(Unmask { kind, role, reason, .. }) = what {
            let day = local_day(now, &self.configuration);
            self.handouts.sees(day, by, (kind.clone(), *interaction));
            let fact = EventKind::Unmasked {
                interaction: *interaction,
                kind: kind.as_str().into(),
                by: by.clone(),
                role: role.as_str().into(),
                reason: reason.as_str().into(),
            };
            self.fact(now, fact);
        }
        self.reply(command, before, Ok(Reply::Leave(Box::new(leave))));
    }

    fn tell_supervisors(&mut self, now: Timestamp, handout: &Handout) {
        let (effect, about) = (handout.what.name(), handout.what.about());
        let detail = format!("{effect} {about}: a compliance rule wants supervisors to know");
        self.fact(now, EventKind::Alarm { name: "compliance".into(), detail: detail.into() });
    }

    fn reply_at_once(&mut self, command: CommandId, result: Result<Reply, CommandError>) {
        self.push(Output::Reply { id: command, after: None, result });
    }
}
