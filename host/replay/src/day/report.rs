//! What a day came to, as it was and as it was lived again.

use std::collections::BTreeMap;

use plugboard_model::QueueId;
use plugboard_reporting::{Counters, ServiceLevel};
use serde::Serialize;

/// Of one queue and one day; `None` where there is nothing to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub offered: u64,
    /// 0 to 1, of those answered or given up late: [`ServiceLevel::Sl4`].
    pub service_level: Option<f64>,
    /// Mean wait of those answered.
    pub answer_ms: Option<f64>,
    /// 0 to 1, of those offered.
    pub abandoned: Option<f64>,
}

impl From<&Counters> for Figures {
    fn from(counters: &Counters) -> Self {
        let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        Self {
            offered: counters.offered,
            service_level: ServiceLevel::default().of(counters),
            answer_ms: share(counters.wait_answered_ms, counters.answered),
            abandoned: share(counters.abandoned, counters.offered),
        }
    }
}

/// A figure over several lives of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    /// From one life to another; 0 of a single one.
    pub standard_deviation: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let standard_deviation = if values.len() < 2 { 0.0 } else { (squares / (count - 1.0)).sqrt() };
        Some(Self { mean, standard_deviation })
    }
}

/// Figures over several lives; also differences of figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    pub service_level: Option<Spread>,
    pub answer_ms: Option<Spread>,
    pub abandoned: Option<Spread>,
}

impl Run {
    fn of(lives: &[[Option<f64>; 3]]) -> Self {
        let spread = |which: usize| Spread::of(&lives.iter().filter_map(|life| life[which]).collect::<Vec<_>>());
        Self { service_level: spread(0), answer_ms: spread(1), abandoned: spread(2) }
    }
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueRow {
    /// `None`: all queues together.
    pub queue: Option<QueueId>,
    pub was: Figures,
    /// Lived again as the tenant is configured: how far it is from `was` says how far the rest can be trusted.
    pub again: Run,
    /// Under the other policy.
    pub other: Option<Run>,
    /// `other` less `again`, each seed with itself.
    pub difference: Option<Run>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayReport {
    pub calls: usize,
    pub agents: usize,
    pub seeds: usize,
    pub queues: Vec<QueueRow>,
}

/// What each queue counted in one life.
type Life = BTreeMap<QueueId, Counters>;

impl DayReport {
    /// `other` has as many lives as `again`, of the same seeds in the same order, or none.
    pub fn new(calls: usize, agents: usize, was: &Life, again: &[Life], other: &[Life]) -> Self {
        let queues = was.keys().cloned().map(Some).chain([None]);
        let row = |queue: Option<QueueId>| {
            let values = |lives: &[Life]| -> Vec<[Option<f64>; 3]> {
                lives.iter().map(|life| values(&figures(life, queue.as_ref()))).collect()
            };
            let (again, other) = (values(again), values(other));
            let less = |(one, base): (&[Option<f64>; 3], &[Option<f64>; 3])| {
                [0, 1, 2].map(|which| Some(one[which]? - base[which]?))
            };
            let differences: Vec<_> = other.iter().zip(&again).map(less).collect();
            let has_other = !other.is_empty();
            QueueRow {
                was: figures(was, queue.as_ref()),
                again: Run::of(&again),
                other: has_other.then(|| Run::of(&other)),
                difference: has_other.then(|| Run::of(&differences)),
                queue,
            }
        };
        Self { calls, agents, seeds: again.len(), queues: queues.map(row).collect() }
    }
}

fn values(figures: &Figures) -> [Option<f64>; 3] {
    [figures.service_level, figures.answer_ms, figures.abandoned]
}

fn figures(life: &Life, queue: Option<&QueueId>) -> Figures {
    match queue {
        Some(queue) => life.get(queue).map(Figures::from).unwrap_or_default(),
        None => {
            let mut all = Counters::default();
            life.values().for_each(|counters| all += *counters);
            Figures::from(&all)
        }
    }
}
