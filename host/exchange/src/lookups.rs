//! How much one tenant may ask of its connectors, at a time and a second.
//!
//! A question counts until its answer comes, even where the caller has long gone on without it: what is slow over there is not asked ever more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_model::{
    Timestamp,
    connector::{Connector, NoOutput},
    flow::RefusalCode,
};

use crate::QuestionId;

/// Of all connectors of a tenant together, at the same time.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Lookups {
    /// Asked and not answered.
    open: BTreeMap<QuestionId, Arc<str>>,
    /// When the next call of a connector with a rate is due, were all calls evenly apart.
    due: BTreeMap<Arc<str>, Timestamp>,
}

impl Lookups {
    pub(crate) fn admit(&mut self, now: Timestamp, name: &Arc<str>, connector: &Connector) -> Result<(), NoOutput> {
        let full = |message: String| Err(NoOutput::new("limit", RefusalCode::Limit, message, true));
        let running = self.open.values().filter(|open| *open == name).count();
        if running >= usize::try_from(connector.concurrent).unwrap_or(usize::MAX) {
            return full(format!("{running} calls of {name} are under way, as many as it takes"));
        }
        if self.open.len() >= MOST {
            return full(format!("{MOST} calls of connectors are under way, as many as a tenant has"));
        }
        match connector.per_second {
            None => {
                self.due.remove(name);
                Ok(())
            }
            Some(rate) if self.is_within(now, name, rate) => Ok(()),
            Some(rate) => full(format!("{name} takes {rate} calls a second")),
        }
    }

    /// The generic cell rate algorithm (ITU-T I.371): a second's calls may come at once, no more on the long run.
    fn is_within(&mut self, now: Timestamp, name: &Arc<str>, rate: u32) -> bool {
        let gap = Duration::from_secs(1) / rate.max(1);
        let due = self.due.get(name).copied().unwrap_or(now).max(now);
        let fits = due.since(now) + gap <= Duration::from_secs(1);
        if fits {
            self.due.insert(Arc::clone(name), due + gap);
        }
        fits
    }

    pub(crate) fn begun(&mut self, question: QuestionId, name: &Arc<str>) {
        self.open.insert(question, Arc::clone(name));
    }

    /// Answered, or given up for lost.
    pub(crate) fn over(&mut self, question: QuestionId) {
        self.open.remove(&question);
    }

    /// Those that are no more have no rate to keep.
    pub(crate) fn configure(&mut self, connectors: &BTreeMap<Arc<str>, Arc<Connector>>) {
        self.due.retain(|name, _| connectors.contains_key(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_as_many_calls_as_the_rate_says_and_the_next_has_as_many_again() {
        let connector = Connector { per_second: Some(4), ..Connector::new("rest") };
        let mut lookups = Lookups::default();
        let mut asked = |after_ms: u64| {
            let now = Timestamp::from_secs(1_000) + Duration::from_millis(after_ms);
            lookups.admit(now, &"crm".into(), &connector).is_ok()
        };
        let first = [0, 0, 0, 0, 0, 200, 250].map(&mut asked);
        assert_eq!(first, [true, true, true, true, false, false, true]);
        assert_eq!((0..6).filter(|_| asked(5_000)).count(), 4);
    }
}
