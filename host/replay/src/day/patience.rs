//! How long callers wait before they give up.

use std::{collections::BTreeMap, time::Duration};

use plugboard_model::QueueId;

use super::Wait;

/// Mean patience, estimated from waits of which most were cut short by an answer.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    of_queue: BTreeMap<QueueId, Waited>,
    all: Waited,
}

#[derive(Clone, Copy, Debug, Default)]
struct Waited {
    sum: Duration,
    gave_up: u32,
}

impl Waited {
    fn add(&mut self, wait: Wait) {
        let (Wait::GaveUp(waited) | Wait::Longer(waited)) = wait;
        self.sum += waited;
        self.gave_up += u32::from(matches!(wait, Wait::GaveUp(_)));
    }

    fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.gave_up)
    }
}

impl Patience {
    pub fn add(&mut self, queue: &QueueId, wait: Wait) {
        self.of_queue.entry(queue.clone()).or_default().add(wait);
        self.all.add(wait);
    }

    /// `None`: nobody gave up anywhere, and nobody will.
    pub fn mean(&self, queue: &QueueId) -> Option<Duration> {
        self.of_queue.get(queue).and_then(Waited::mean).or_else(|| self.all.mean())
    }

    /// When the caller gives up, counted from when they came; `at`: their chance.
    pub(crate) fn draw(&self, queue: &QueueId, wait: Wait, at: f64) -> Option<Duration> {
        match wait {
            Wait::GaveUp(after) => Some(after),
            // An exponential time forgets how long it has lasted.
            Wait::Longer(waited) => Some(waited + self.mean(queue)?.mul_f64(-(1.0 - at).ln())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 callers with a mean patience of 60 s, of whom each is answered after 30 s: those who are patient for longer are censored there.
    #[test]
    fn mean_patience_is_found_though_most_callers_were_answered_before() {
        let queue: QueueId = "q".parse().unwrap();
        let mut patience = Patience::default();
        for caller in 0..1_000 {
            let gives_up = 60.0 * -(1.0 - (f64::from(caller) + 0.5) / 1_000.0).ln();
            let wait = if gives_up < 30.0 {
                Wait::GaveUp(Duration::from_secs_f64(gives_up))
            } else {
                Wait::Longer(Duration::from_secs(30))
            };
            patience.add(&queue, wait);
        }
        let mean = patience.mean(&queue).unwrap().as_secs_f64();
        assert!((59.0..61.0).contains(&mean), "{mean}");
        let of_all = patience.mean(&"other".parse().unwrap());
        assert_eq!(of_all, patience.mean(&queue));
    }
}
