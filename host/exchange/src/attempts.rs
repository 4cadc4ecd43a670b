//! Whom we called before, and what came of it: a fact that rules about dialling want to know.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use plugboard_model::{
    EventKind, LegId, Number, Role, Timestamp,
    compliance::{Attempt, MAX_FACTS},
};

/// Older ones are forgotten.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Kept at once; of more, the oldest are forgotten.
const MOST: usize = 100_000;

/// A fold over facts. What was before the process began is told to it by [`Attempts::handle_fact`] like anything else.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// The last one last.
    to: BTreeMap<Arc<str>, VecDeque<Attempt>>,
    /// Of every attempt in `to`, in order of time.
    order: VecDeque<(Timestamp, Arc<str>)>,
    /// Legs that nobody has answered, with the number.
    ringing: BTreeMap<LegId, (Timestamp, Arc<str>)>,
}

impl Attempts {
    pub(crate) fn handle_fact(&mut self, now: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::LegDialled { leg, role: Role::Outside, party, .. } => {
                let number: Arc<str> = digits(party).into();
                self.ringing.insert(*leg, (now, Arc::clone(&number)));
                self.add(now, number);
            }
            EventKind::LegAnswered { leg, .. } => self.came_to(*leg, "answered"),
            EventKind::LegEnded { leg, cause, status, .. } => self.came_to(*leg, outcome(*cause, *status)),
            _ => {}
        }
    }

    pub(crate) fn give_up_ringing(&mut self) {
        self.ringing.clear();
    }

    /// The last one first.
    pub(crate) fn to(&self, number: &Number) -> Vec<Attempt> {
        let attempts = self.to.get(digits(number.as_str()));
        attempts.into_iter().flatten().rev().take(MAX_FACTS).cloned().collect()
    }

    fn add(&mut self, now: Timestamp, number: Arc<str>) {
        let outdated = |at: Timestamp| now.since(at) > KEPT;
        while self.order.front().is_some_and(|(at, _)| self.order.len() >= MOST || outdated(*at)) {
            let Some((_, oldest)) = self.order.pop_front() else { break };
            if let Some(attempts) = self.to.get_mut(&oldest) {
                attempts.pop_front();
                if attempts.is_empty() {
                    self.to.remove(&oldest);
                }
            }
        }
        self.order.push_back((now, Arc::clone(&number)));
        // What it is until somebody answers, or says why not.
        self.to.entry(number).or_default().push_back(Attempt { at: now, outcome: "failed".into() });
    }

    fn came_to(&mut self, leg: LegId, outcome: &str) {
        let Some((at, number)) = self.ringing.remove(&leg) else { return };
        let attempts = self.to.get_mut(&number).into_iter().flatten();
        if let Some(attempt) = attempts.rev().find(|attempt| attempt.at == at) {
            attempt.outcome = outcome.to_owned();
        }
    }
}

/// A number is the same with and without its `+`.
fn digits(number: &str) -> &str {
    number.trim_start_matches('+')
}

/// What a leg that nobody answered came to, in the contract's words, by its Q.850 cause and its SIP status (RFC 3261 §21).
fn outcome(cause: u16, status: Option<u16>) -> &'static str {
    match (status, cause) {
        (Some(486 | 600), _) | (None, 17) => "busy",
        (Some(603 | 607), _) | (None, 21) => "refused",
        // We gave up (487), it rang out (408, 480), or the caller left while it rang.
        (Some(408 | 480 | 487), _) | (None, 16 | 18 | 19) => "no-answer",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::{EndedBy, InteractionId};

    use super::*;

    const I: InteractionId = InteractionId(1);

    fn dialled(leg: u32, party: &str) -> EventKind {
        let (leg, party) = (LegId(leg.into()), party.into());
        EventKind::LegDialled { interaction: I, leg, role: Role::Outside, party, agent: None }
    }

    fn ended(leg: u32, status: Option<u16>) -> EventKind {
        EventKind::LegEnded { interaction: I, leg: LegId(leg.into()), by: EndedBy::Outside, cause: 16, status }
    }

    fn known(facts: &[(u64, EventKind)]) -> String {
        let mut attempts = Attempts::default();
        for (day, fact) in facts {
            attempts.handle_fact(Timestamp::from_secs(day * 86_400), fact);
        }
        let told = attempts.to(&"+4930123".parse().unwrap()).into_iter();
        told.map(|attempt| format!("{}:{} ", attempt.at.as_millis() / 86_400_000, attempt.outcome)).collect()
    }

    #[test]
    fn earlier_calls_to_a_number_are_told_with_what_came_of_them_the_last_one_first() {
        let answered = EventKind::LegAnswered { interaction: I, leg: LegId(2) };
        let facts = [
            (1, dialled(1, "+4930123")),
            (1, ended(1, Some(486))),
            (2, dialled(2, "4930123")),
            (2, answered),
            (3, ended(2, None)),
            (3, dialled(3, "+4930999")),
            (4, dialled(4, "+4930123")),
            (4, ended(4, Some(487))),
            (5, dialled(5, "+4930123")),
        ];
        assert_eq!(known(&facts), "5:failed 4:no-answer 2:answered 1:busy ");
    }

    #[test]
    fn calls_of_more_than_ninety_days_ago_are_forgotten() {
        assert_eq!(
            known(&[(1, dialled(1, "+4930123")), (50, dialled(2, "+4930123")), (100, dialled(3, "+49"))]),
            "50:failed "
        );
    }
}
