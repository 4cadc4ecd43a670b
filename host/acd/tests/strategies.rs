//! Ten thousand arrivals for each strategy: who takes what equals a reference that keeps plain lists and looks at everybody each time.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use centre::{START, agent, needs};
use plugboard_acd::{Acd, Input, Output};
use plugboard_model::{AgentId, Configuration, InteractionId, Queue, QueueId, Strategy, Timestamp};

const ARRIVALS: u64 = 10_000;
const AGENTS: usize = 30;
/// Over a day and a half in all, so that midnight passes while agents talk; agents are busy most of the time and lines form.
const MEAN_GAP_MS: u64 = 12_000;

#[derive(Clone)]
struct Arrival {
    at: Timestamp,
    interaction: InteractionId,
    queue: usize,
    priority: i32,
    needs: Vec<(&'static str, u8)>,
    talk: Duration,
    wrap_up: Duration,
}

struct Person {
    id: AgentId,
    queues: Vec<usize>,
    levels: BTreeMap<&'static str, u8>,
    logged_in: Timestamp,
}

const SKILLS: [&str; 3] = ["billing", "chinese", "english"];

fn number(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn people() -> Vec<Person> {
    let mut seed = 11;
    (0..AGENTS)
        .map(|place| Person {
            id: format!("a{place:02}").parse().unwrap(),
            queues: [vec![0], vec![1], vec![0, 1]][place % 3].clone(),
            levels: SKILLS.iter().map(|skill| (*skill, u8::try_from(number(&mut seed, 11)).unwrap())).collect(),
            logged_in: START + Duration::from_secs(number(&mut seed, 3_600)),
        })
        .collect()
}

fn arrivals() -> Vec<Arrival> {
    let mut seed = 5;
    let mut at = START;
    (0..ARRIVALS)
        .map(|place| {
            at += Duration::from_micros(1 + number(&mut seed, MEAN_GAP_MS * 2_000));
            let skills = usize::try_from(number(&mut seed, 3)).unwrap();
            Arrival {
                at,
                interaction: InteractionId(place + 1),
                queue: usize::try_from(number(&mut seed, 2)).unwrap(),
                priority: i32::try_from(number(&mut seed, 3)).unwrap(),
                needs: SKILLS.iter().take(skills).map(|s| (*s, u8::try_from(number(&mut seed, 6)).unwrap())).collect(),
                talk: Duration::from_micros(number(&mut seed, 500_000_000)),
                wrap_up: Duration::from_micros(1 + number(&mut seed, 60_000_000)),
            }
        })
        .collect()
}

/// Queue priority of the two queues.
const PRIORITY: [i32; 2] = [0, 1];

type Pairs = Vec<(InteractionId, AgentId)>;

fn by_acd(strategy: Strategy) -> Pairs {
    let people = people();
    let mut configuration = Configuration::empty("t".parse().unwrap());
    for (place, priority) in PRIORITY.iter().enumerate() {
        let queue = Queue { strategy, priority: *priority, ..Queue::named("q") };
        configuration.queues.insert(format!("q{place}").parse().unwrap(), queue);
    }
    for person in &people {
        let queues: Vec<String> = person.queues.iter().map(|queue| format!("q{queue}")).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let levels: Vec<(&str, u8)> = person.levels.iter().map(|(skill, level)| (*skill, *level)).collect();
        configuration.agents.insert(person.id.clone(), agent(&queues, &levels));
    }
    let arrivals = arrivals();
    let mut acd = Acd::new(&configuration);
    // Inputs by number, and when each is due.
    let mut store: Vec<Input> = Vec::new();
    let mut todo: BinaryHeap<Reverse<(Timestamp, usize)>> = BinaryHeap::new();
    for person in &people {
        todo.push(Reverse((person.logged_in, store.len())));
        store.push(Input::Phone { agent: person.id.clone(), reachable: true });
    }
    for arrival in &arrivals {
        let queue: QueueId = format!("q{}", arrival.queue).parse().unwrap();
        todo.push(Reverse((arrival.at, store.len())));
        store.push(Input::Enqueue {
            interaction: arrival.interaction,
            queue,
            priority: arrival.priority,
            skills: needs(&arrival.needs),
            since: arrival.at,
            max_wait: None,
        });
    }
    let mut pairs = Pairs::new();
    loop {
        let next_input = todo.peek().map(|Reverse((at, _))| *at);
        let now = match (acd.poll_timeout(), next_input) {
            (Some(due), Some(at)) if due <= at => due,
            (Some(due), None) => due,
            (_, Some(at)) => at,
            (None, None) => break,
        };
        if acd.poll_timeout() == Some(now) {
            acd.handle_timeout(now);
        } else if let Some(Reverse((_, place))) = todo.pop() {
            acd.handle_input(now, store[place].clone());
        }
        while let Some(output) = acd.poll_output() {
            if let Output::Reserve { interaction, agent, .. } = output {
                pairs.push((interaction, agent.clone()));
                let arrival = &arrivals[usize::try_from(interaction.0 - 1).unwrap()];
                acd.handle_input(now, Input::Answered { interaction, agent: agent.clone() });
                let ended = Input::CallEnded { interaction, agent, wrap_up: Some(arrival.wrap_up) };
                todo.push(Reverse((now + arrival.talk, store.len())));
                store.push(ended);
            }
        }
    }
    pairs
}

struct Desk<'a> {
    person: &'a Person,
    here: bool,
    idle_since: Option<Timestamp>,
    /// From and to, of every interaction so far.
    busy: Vec<(Timestamp, Timestamp)>,
}

impl Desk<'_> {
    fn fits(&self, arrival: &Arrival) -> bool {
        self.person.queues.contains(&arrival.queue)
            && arrival.needs.iter().all(|(skill, level)| self.person.levels[skill] >= *level)
    }

    /// Busy and logged-in microseconds since midnight.
    fn today(&self, now: Timestamp) -> (u128, u128) {
        let midnight = Timestamp::from_secs(now.as_micros() / 86_400_000_000 * 86_400);
        let part = |from: Timestamp, to: Timestamp| (to.min(now) - from.max(midnight)).as_micros();
        (self.busy.iter().map(|(from, to)| part(*from, *to)).sum(), part(self.person.logged_in, now))
    }
}

/// The pairs, and how many of them had to wait.
fn by_reference(strategy: Strategy) -> (Pairs, usize) {
    let people = people();
    let arrivals = arrivals();
    let mut desks: Vec<Desk<'_>> =
        people.iter().map(|person| Desk { person, here: false, idle_since: None, busy: Vec::new() }).collect();
    let mut last_served: [Option<usize>; 2] = [None, None];
    let mut waiting: Vec<usize> = Vec::new();
    let (mut pairs, mut waited) = (Pairs::new(), 0);
    let mut next_arrival = 0;
    loop {
        // What happens next: a log-in, an agent free again, or an arrival.
        let free = |desk: &Desk<'_>| match (desk.here, desk.idle_since) {
            (false, _) => Some(desk.person.logged_in),
            (true, None) => desk.busy.last().map(|(_, to)| *to),
            (true, Some(_)) => None,
        };
        let next_free = (0..desks.len()).filter_map(|desk| free(&desks[desk]).map(|at| (at, desk))).min();
        let arrival = arrivals.get(next_arrival).map(|arrival| arrival.at);
        let (now, chosen) = match (next_free, arrival) {
            (Some((at, desk)), arrival) if arrival.is_none_or(|arrival| at <= arrival) => {
                desks[desk].here = true;
                desks[desk].idle_since = Some(at);
                let order = |place: &usize| {
                    let waiting = &arrivals[*place];
                    (Reverse(PRIORITY[waiting.queue] + waiting.priority), waiting.at)
                };
                let fitting = waiting.iter().copied().filter(|place| desks[desk].fits(&arrivals[*place]));
                (at, fitting.min_by_key(order).map(|place| (place, desk)))
            }
            (_, Some(at)) => {
                let place = next_arrival;
                next_arrival += 1;
                waiting.push(place);
                let arrival = &arrivals[place];
                let ready: Vec<usize> = (0..desks.len())
                    .filter(|desk| desks[*desk].idle_since.is_some() && desks[*desk].fits(arrival))
                    .collect();
                let idle = |desk: usize| (desks[desk].idle_since, desk);
                let best = match strategy {
                    Strategy::LongestIdle => ready.into_iter().min_by_key(|desk| idle(*desk)),
                    Strategy::RoundRobin => {
                        let after = last_served[arrival.queue].map_or(0, |last| last + 1);
                        (0..desks.len()).map(|step| (after + step) % desks.len()).find(|desk| ready.contains(desk))
                    }
                    Strategy::LeastOccupied => ready.into_iter().min_by(|a, b| {
                        let ((busy_a, in_a), (busy_b, in_b)) = (desks[*a].today(at), desks[*b].today(at));
                        (busy_a * in_b.max(1)).cmp(&(busy_b * in_a.max(1))).then(idle(*a).cmp(&idle(*b)))
                    }),
                    Strategy::MostSkilled => ready.into_iter().min_by_key(|desk| {
                        let needed = arrival.needs.iter().filter(|(_, level)| *level > 0);
                        let sum: u32 = needed.map(|(skill, _)| u32::from(desks[*desk].person.levels[skill])).sum();
                        (Reverse(sum), idle(*desk))
                    }),
                };
                (at, best.map(|desk| (place, desk)))
            }
            _ => break,
        };
        if let Some((place, desk)) = chosen {
            let arrival = &arrivals[place];
            waiting.retain(|other| *other != place);
            desks[desk].idle_since = None;
            desks[desk].busy.push((now, now + arrival.talk + arrival.wrap_up));
            last_served[arrival.queue] = Some(desk);
            pairs.push((arrival.interaction, desks[desk].person.id.clone()));
            waited += usize::from(now > arrival.at);
        }
    }
    (pairs, waited)
}

fn compare(strategy: Strategy) {
    let (acd, (reference, waited)) = (by_acd(strategy), by_reference(strategy));
    assert!(reference.len() > 9_900, "nearly all are served, {} were", reference.len());
    assert!((1_000..9_000).contains(&waited), "both occasions come up often, {waited} waited");
    let different = acd.iter().zip(&reference).position(|(a, b)| a != b);
    assert_eq!((acd.len(), different.map(|at| (at, &acd[at], &reference[at]))), (reference.len(), None));
}

#[test]
fn longest_idle_serves_in_the_order_of_the_reference() {
    compare(Strategy::LongestIdle);
}

#[test]
fn round_robin_serves_in_the_order_of_the_reference() {
    compare(Strategy::RoundRobin);
}

#[test]
fn least_occupied_serves_in_the_order_of_the_reference() {
    compare(Strategy::LeastOccupied);
}

#[test]
fn most_skilled_serves_in_the_order_of_the_reference() {
    compare(Strategy::MostSkilled);
}
