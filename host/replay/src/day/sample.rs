//! Times of a day, to draw from.

use std::{collections::BTreeMap, time::Duration};

use plugboard_model::{AgentId, QueueId, millis};

/// So many times of an agent in a queue are theirs to draw from.
pub const LEAST_OWN: usize = 5;

/// How long agents ring, talk (holds included) and wrap up.
#[derive(Clone, Debug, Default)]
pub struct Handling {
    pub ring: Samples,
    pub talk: Samples,
    pub wrap_up: Samples,
}

/// Times of one kind, each list in order.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    own: BTreeMap<(QueueId, AgentId), Vec<u64>>,
    of_queue: BTreeMap<QueueId, Vec<u64>>,
    all: Vec<u64>,
}

impl Samples {
    /// Call [`Self::sort`] after the last one.
    pub fn add(&mut self, queue: &QueueId, agent: &AgentId, time: Duration) {
        let ms = millis(time);
        self.own.entry((queue.clone(), agent.clone())).or_default().push(ms);
        self.of_queue.entry(queue.clone()).or_default().push(ms);
        self.all.push(ms);
    }

    pub fn sort(&mut self) {
        let lists = self.own.values_mut().chain(self.of_queue.values_mut());
        lists.chain([&mut self.all]).for_each(|list| list.sort_unstable());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The time below which the share `at` of them is, 0 ≤ `at` < 1; `None` where there is none.
    pub fn draw(&self, queue: &QueueId, agent: &AgentId, at: f64) -> Option<Duration> {
        let own = self.own.get(&(queue.clone(), agent.clone())).filter(|own| own.len() >= LEAST_OWN);
        let list = own.or_else(|| self.of_queue.get(queue)).unwrap_or(&self.all);
        let place = (at * list.len() as f64) as usize;
        list.get(place.min(list.len().checked_sub(1)?)).copied().map(Duration::from_millis)
    }
}

/// A number from 0 to 1, exclusive, for the `what`th matter of the `call`th call: SplitMix64.
pub(crate) fn chance(seed: u64, call: usize, what: u64) -> f64 {
    let call = u64::try_from(call).unwrap_or(u64::MAX);
    let at = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(call.wrapping_mul(8).wrapping_add(what + 1));
    let mut mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // 53 bits are what such a number holds.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_with_few_times_draws_from_the_queues_and_one_with_enough_from_their_own() {
        let (queue, new, old): (QueueId, AgentId, AgentId) =
            ("q".parse().unwrap(), "new".parse().unwrap(), "old".parse().unwrap());
        let mut samples = Samples::default();
        (0..LEAST_OWN).for_each(|_| samples.add(&queue, &old, Duration::from_millis(10)));
        samples.add(&queue, &new, Duration::from_millis(90));
        samples.sort();
        let at = |agent, share| samples.draw(&queue, agent, share).map(|time| time.as_millis());
        assert_eq!([at(&old, 0.99), at(&new, 0.99), at(&new, 0.0)], [Some(10), Some(90), Some(10)]);
        assert_eq!(Samples::default().draw(&queue, &new, 0.5), None);
    }

    #[test]
    fn chances_are_even_and_their_own_for_each_seed_call_and_matter() {
        let all: Vec<f64> = (0..20)
            .flat_map(|seed| (0..100).flat_map(move |call| (0..4).map(move |what| chance(seed, call, what))))
            .collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let mut sorted = all;
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        assert_eq!((sorted.len(), (0.48..0.52).contains(&mean)), (8_000, true), "{mean}");
    }
}
