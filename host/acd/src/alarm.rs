//! Queues that are worse than their own limits. An alarm is raised in the moment in which the limit is passed, and cleared with a margin, so that a
//! queue that stays around its limit does not ring at each caller.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use plugboard_model::{EventKind, InteractionId, ServiceMeasure, Timestamp, millis};

use crate::{Acd, Output, table::QueueKey, timer::Timer};

/// The average wait is that of this long before now.
pub const AVERAGE_OVER: Duration = Duration::from_secs(15 * 60);
/// Answers are forgotten so many at once: an average may be this much out of date, and no more.
const SLOT: Duration = Duration::from_secs(5);
/// An alarm ends when the figure is down to this share of the limit.
pub const CLEARS_AT_PERCENT: u32 = 80;

/// What is remembered of one queue.
#[derive(Default)]
pub(crate) struct Watch {
    /// Everybody in the queue by the beginning of the wait, those included whose agent's phone rings.
    ages: BTreeSet<(Timestamp, InteractionId)>,
    answers: VecDeque<Slot>,
    count: u32,
    waited: Duration,
    raised: BTreeSet<ServiceMeasure>,
    timer: Option<Timestamp>,
}

/// Answers from `from` on, for [`SLOT`].
struct Slot {
    from: Timestamp,
    count: u32,
    waited: Duration,
}

impl Watch {
    pub(crate) fn note_waiting(&mut self, since: Timestamp, interaction: InteractionId) {
        self.ages.insert((since, interaction));
    }

    pub(crate) fn note_gone(&mut self, since: Timestamp, interaction: InteractionId) {
        self.ages.remove(&(since, interaction));
    }

    pub(crate) fn note_answered(&mut self, now: Timestamp, waited: Duration) {
        self.count += 1;
        self.waited += waited;
        match self.answers.back_mut().filter(|slot| now < slot.from + SLOT) {
            Some(slot) => {
                slot.count += 1;
                slot.waited += waited;
            }
            None => self.answers.push_back(Slot { from: now, count: 1, waited }),
        }
    }

    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.ages.first().map(|(since, _)| *since)
    }

    pub(crate) fn len(&self) -> usize {
        self.ages.len()
    }

    pub(crate) fn timer(&self) -> Option<Timestamp> {
        self.timer
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(slot) = self.answers.pop_front_if(|slot| slot.from + AVERAGE_OVER <= now) {
            self.count -= slot.count;
            self.waited -= slot.waited;
        }
    }

    fn figure(&self, now: Timestamp, measure: ServiceMeasure) -> Duration {
        match measure {
            ServiceMeasure::LongestWait => self.oldest().map_or(Duration::ZERO, |oldest| now - oldest),
            ServiceMeasure::AverageWait => self.waited.checked_div(self.count).unwrap_or_default(),
        }
    }
}

impl Acd {
    /// Raises and clears what is due, and looks again when time alone will change something.
    pub(crate) fn watch(&mut self, now: Timestamp, key: QueueKey) {
        let queue = &mut self.queues[key];
        queue.watch.forget(now);
        let limits = [
            (ServiceMeasure::LongestWait, queue.rules.alarm_longest_wait),
            (ServiceMeasure::AverageWait, queue.rules.alarm_average_wait),
        ];
        for (measure, limit) in limits {
            let value = queue.watch.figure(now, measure);
            let is_raised = queue.watch.raised.contains(&measure);
            let raised = match is_raised {
                true => !limit.is_zero() && value > limit * CLEARS_AT_PERCENT / 100,
                false => !limit.is_zero() && value > limit,
            };
            if raised != is_raised {
                if raised {
                    queue.watch.raised.insert(measure);
                } else {
                    queue.watch.raised.remove(&measure);
                }
                self.outputs.push_back(Output::Fact(EventKind::ServiceAlarm {
                    queue: queue.id.clone(),
                    measure,
                    raised,
                    value_ms: millis(value),
                    limit_ms: millis(limit),
                }));
            }
        }
        let longest = queue.rules.alarm_longest_wait;
        let rings = !longest.is_zero() && !queue.watch.raised.contains(&ServiceMeasure::LongestWait);
        // Longer than the limit, not as long.
        let too_long = queue.watch.oldest().filter(|_| rings).map(|since| since + longest + Duration::from_micros(1));
        let forgets = queue.watch.answers.front().map(|slot| slot.from + AVERAGE_OVER);
        let timer = [too_long, forgets].into_iter().flatten().min();
        let before = std::mem::replace(&mut queue.watch.timer, timer);
        if before != timer {
            self.timers.cancel(before, Timer::Watch(key));
            if let Some(at) = timer {
                self.timers.set(at, Timer::Watch(key));
            }
        }
    }

    pub(crate) fn handle_watch(&mut self, now: Timestamp, key: QueueKey) {
        self.queues[key].watch.timer = None;
        self.watch(now, key);
    }

    /// The queue is taken out of the configuration: nobody need look at it any more.
    pub(crate) fn stop_watching(&mut self, now: Timestamp, key: QueueKey) {
        let rules = &mut self.queues[key].rules;
        (rules.alarm_longest_wait, rules.alarm_average_wait) = (Duration::ZERO, Duration::ZERO);
        self.watch(now, key);
        let timer = self.queues[key].watch.timer.take();
        self.timers.cancel(timer, Timer::Watch(key));
    }
}
