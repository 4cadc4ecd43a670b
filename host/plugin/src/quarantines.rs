//! Which plugins are not asked for now, because they fail.
//!
//! By tenant, plugin and settings: a document that breaks a flow plugin does not take the tenant's other flows with it, and no other tenant's.

use std::collections::BTreeMap;

use plugboard_model::Timestamp;
use plugboard_pack::{
    Outcome,
    quarantine::{Admission, Quarantine, Rules, Ticket, Transition},
};

use crate::{Asked, FailureKind};

/// Subjects that failed lately. Where there are more, those that are asked all the same are forgotten first.
const MOST: usize = 10_000;

/// Who is judged: a plugin in a tenant with these settings.
type Subject = (Asked, [u8; 32]);

/// A plugin that is not asked for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub asked: Asked,
    /// When a probe is let through, at the earliest.
    pub until: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Quarantines {
    rules: Rules,
    /// Who never failed is not here.
    failed: BTreeMap<Subject, Quarantine>,
}

impl Quarantines {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, failed: BTreeMap::new() }
    }

    /// Before each question. `Err`: not before then.
    pub(crate) fn admit(&mut self, now: Timestamp, subject: &Subject) -> Result<Ticket, Timestamp> {
        let admission = match self.failed.get_mut(subject) {
            Some(quarantine) => quarantine.admit(now),
            None => Quarantine::new(self.rules).admit(now),
        };
        match admission {
            Admission::Ask(ticket) | Admission::Probe(ticket) => Ok(ticket),
            Admission::Refused { until } => Err(until),
        }
    }

    /// After each question that was admitted.
    pub(crate) fn handle_reply(
        &mut self,
        now: Timestamp,
        subject: Subject,
        ticket: Ticket,
        failure: Option<FailureKind>,
    ) -> Option<Transition> {
        let Some(outcome) = failure.map_or(Some(Outcome::Good), FailureKind::outcome) else {
            self.withdraw(now, &subject, ticket);
            return None;
        };
        if let Some(quarantine) = self.failed.get_mut(&subject) {
            let transition = quarantine.handle_outcome(now, ticket, outcome);
            // While other settings of the same plugin are still let be, it is not well yet.
            let of_others = |(asked, _): &Subject, other: &Quarantine| *asked == subject.0 && other.is_open();
            let well = transition == Some(Transition::Closed);
            return transition.filter(|_| !well || !self.failed.iter().any(|(other, state)| of_others(other, state)));
        }
        if !outcome.is_failure() {
            return None;
        }
        if self.failed.len() >= MOST {
            self.failed.retain(|_, quarantine| quarantine.is_open());
        }
        if self.failed.len() >= MOST {
            return None;
        }
        let quarantine = self.failed.entry(subject).or_insert_with(|| Quarantine::new(self.rules));
        quarantine.handle_outcome(now, ticket, outcome)
    }

    /// It was admitted, and nobody asked it after all.
    pub(crate) fn withdraw(&mut self, now: Timestamp, subject: &Subject, ticket: Ticket) {
        if let Some(quarantine) = self.failed.get_mut(subject) {
            quarantine.withdraw(now, ticket);
        }
    }

    /// All that are not asked for now; of several settings the one that waits longest.
    pub(crate) fn list(&self) -> Vec<Quarantined> {
        let mut open: BTreeMap<&Asked, Timestamp> = BTreeMap::new();
        for ((asked, _), quarantine) in &self.failed {
            if let Some(until) = quarantine.until() {
                let longest = open.entry(asked).or_insert(until);
                *longest = until.max(*longest);
            }
        }
        open.into_iter().map(|(asked, until)| Quarantined { asked: asked.clone(), until }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::PluginHash;

    fn subject(tenant: &str, settings: u8) -> Subject {
        let tenant = tenant.parse().expect("a name");
        (Asked { tenant, plugin: PluginHash([7; 32]), world: "flow-plugin" }, [settings; 32])
    }

    fn quarantines() -> Quarantines {
        let seconds = Duration::from_secs;
        Quarantines::new(Rules::new(2, seconds(60), (seconds(5), seconds(60)), seconds(1)).expect("rules"))
    }

    /// Asked at these seconds; each question is answered at once.
    fn ladder(all: &mut Quarantines, subject: &Subject, questions: &[(u64, Option<FailureKind>)]) -> String {
        let line = |&(second, failure): &(u64, Option<FailureKind>)| {
            let now = Timestamp::from_secs(second);
            match all.admit(now, subject) {
                Err(until) => format!("{second} s: not before {} s\n", until.since_epoch().as_secs()),
                Ok(ticket) => {
                    let transition = all.handle_reply(now, subject.clone(), ticket, failure);
                    let word = match transition {
                        None => "",
                        Some(Transition::Opened { .. }) => ", quarantined",
                        Some(Transition::Reopened { .. }) => ", quarantined again",
                        Some(Transition::Closed) => ", well again",
                    };
                    format!("{second} s: {}{word}\n", failure.map_or("answered", FailureKind::name))
                }
            }
        };
        questions.iter().map(line).collect()
    }

    #[test]
    fn a_plugin_that_fails_is_let_be_and_probed_and_a_question_that_was_never_put_says_nothing_of_it() {
        use FailureKind::{Deadline, Limited, Stale, Trapped};
        let (mut all, subject) = (quarantines(), subject("acme", 1));
        let questions = [
            (0, Some(Trapped)),
            (1, Some(Limited)),
            (2, None),
            (3, Some(Deadline)),
            (4, None),
            (8, Some(Stale)),
            (9, Some(Trapped)),
            (10, None),
            (19, None),
            (20, None),
        ];
        expect_test::expect![[r#"
            0 s: trapped
            1 s: limited
            2 s: answered
            3 s: deadline, quarantined
            4 s: not before 8 s
            8 s: stale
            9 s: trapped, quarantined again
            10 s: not before 19 s
            19 s: answered, well again
            20 s: answered
        "#]]
        .assert_eq(&ladder(&mut all, &subject, &questions));
    }

    #[test]
    fn other_settings_and_other_tenants_are_not_concerned() {
        let mut all = quarantines();
        let trapped = [(0, Some(FailureKind::Trapped)), (1, Some(FailureKind::Trapped))];
        ladder(&mut all, &subject("acme", 1), &trapped);
        let admitted = [subject("acme", 1), subject("acme", 2), subject("umbrella", 1)]
            .map(|subject| all.admit(Timestamp::from_secs(2), &subject).is_ok());
        assert_eq!(admitted, [false, true, true]);
        assert_eq!(all.list(), [Quarantined { asked: subject("acme", 1).0, until: Timestamp::from_secs(6) }]);
    }
}
