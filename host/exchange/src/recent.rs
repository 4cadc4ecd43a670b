//! Interactions that are over and may still be given a disposition.

use std::{collections::BTreeMap, time::Duration};

use plugboard_model::{InteractionId, Timestamp};

/// As long as reports take late facts.
const REMEMBERED: Duration = Duration::from_secs(7_200);
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Recent(BTreeMap<InteractionId, Timestamp>);

impl Recent {
    pub(crate) fn add(&mut self, now: Timestamp, interaction: InteractionId) {
        self.0.insert(interaction, now);
        // Numbers rise, so the first one began first; that it also ended first is near enough.
        while let Some(first) = self.0.first_entry()
            && (now - *first.get() > REMEMBERED || self.0.len() > MOST)
        {
            self.0.pop_first();
        }
    }

    pub(crate) fn knows(&self, now: Timestamp, interaction: InteractionId) -> bool {
        self.0.get(&interaction).is_some_and(|ended| now - *ended <= REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hours_after_its_end_an_interaction_is_forgotten() {
        let at = |hours: u64| Timestamp::from_secs(hours * 3_600);
        let mut recent = Recent::default();
        recent.add(at(1), InteractionId(1));
        assert!(recent.knows(at(3), InteractionId(1)));
        assert!(!recent.knows(at(4), InteractionId(1)));
        recent.add(at(9), InteractionId(2));
        assert_eq!(recent.0.len(), 1);
    }
}
