//! A working day from eight to six, through SIP messages and the real components.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use plugboard_model::{
    AgentRequest, Configuration, EventKind, InteractionId, NumberTarget, Policy, Queue, QueueExit, ReleaseReason,
};
use plugboard_reporting::Cdr;

use crate::{Chance, LineId, Manners, PhoneId, World, tenant};

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayReport {
    pub wall_s: f64,
    pub calls: u64,
    pub agents: u64,
    /// Calls, lines, recordings, questions and reservations that live on when everybody has gone home, agents still held by a call, interactions
    /// that were not closed exactly once, callers who never heard an end.
    pub stuck: u64,
    pub connected: u64,
    pub abandoned: u64,
    /// Rings without an answer.
    pub missed: u64,
    pub transferred: u64,
    pub recordings: u64,
    /// Answered calls that have not exactly one recording with its SHA-256, and those without a transfer whose recording is not as long as
    /// they talked and held, to a second.
    pub badly_recorded: u64,
    pub facts: u64,
    /// Datagrams, timers, media events, answers: everything that moved the world.
    pub steps: u64,
    /// SHA-256 over every fact; the same for the same seed.
    pub digest: String,
}

const QUEUES: u64 = 8;
const HOURS: u64 = 10;
/// Calls in each half hour, of a thousand: one peak before noon and one in the afternoon.
const PROFILE: [u64; 20] = [15, 25, 45, 65, 80, 90, 85, 60, 40, 30, 30, 40, 55, 75, 85, 75, 50, 30, 15, 10];

/// Runs the day of that seed.
pub fn run(seed: u64, agents: u64, calls: u64) -> DayReport {
    let begun = Instant::now();
    let (world, everybody_left) = live(seed, agents, calls);
    report(&world, begun, agents, calls, everybody_left)
}

/// The world at the end of the day, and whether everybody has gone home.
pub fn live(seed: u64, agents: u64, calls: u64) -> (World, bool) {
    let mut world = World::new(seed, company(agents));
    world.checks_each_step = false;
    let mut chance = Chance::new(seed ^ 0x0da7);
    for number in 0..agents {
        come_to_work(&mut world, &mut chance, number);
    }
    let trunk = world.add_phone("trunk", "203.0.113.1:5060", None);
    world.phone_mut(trunk).manners = Manners { talk_ms: Some((20_000, 120_000)), ..Manners::PROMPT };
    for number in 0..calls {
        let call = Caller::drawn(&mut chance, number);
        world.after(arrival(&mut chance), move |world| call.dial(world, trunk));
    }
    world.run(Duration::from_secs(HOURS * 3_600));
    let everybody_left = world.run_until_idle_or(Duration::from_secs(3 * 3_600));
    (world, everybody_left)
}

fn company(agents: u64) -> Configuration {
    let mut company = tenant::shop();
    company.queues.clear();
    company.agents.clear();
    company.exception.queue = Some("q1".parse().unwrap());
    for number in 1..=QUEUES {
        let queue = Queue {
            wrap_up: Duration::from_secs(15),
            max_wait: Some(Duration::from_secs(600)),
            missed_limit: 3,
            policy: (number % 2 == 0).then(|| Policy::named("route-skills")),
            hold_music: Some("music".to_owned()),
            ..Queue::named(&format!("Queue {number}"))
        };
        company.queues.insert(format!("q{number}").parse().unwrap(), queue);
    }
    for number in 0..agents {
        let (first, second) = queues_of(number);
        let queues = [format!("q{first}"), format!("q{second}")];
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        tenant::add_agent(&mut company, &format!("a{number}"), &format!("{}", 2_000 + number), &queues);
    }
    let exits: String = (1..=QUEUES).map(|queue| format!(r#""{queue}": "q{queue}", "#)).collect();
    let nodes: String = (1..=QUEUES)
        .map(|queue| {
            format!(
                r#", "q{queue}": {{ "kind": "queue", "queue": "q{queue}", "exits":
                    {{ "timeout": "voicemail", "no_agents": "voicemail", "overflow": "voicemail" }},
                    "announce": {{ "every_s": 60, "prompt": ["position.wav", {{ "position": true }}] }} }}"#
            )
        })
        .collect();
    let document = format!(
        r#"{{ "format": 1, "name": "main", "language": "en", "start": "hours", "nodes": {{
            "hours": {{ "kind": "business-hours", "week": {{ "mon": ["07:00-20:00"] }}, "exits": {{ "open": "welcome", "closed": "bye" }} }},
            "welcome": {{ "kind": "play", "prompt": "welcome.wav", "exits": {{ "done": "menu" }} }},
            "menu": {{ "kind": "menu", "prompt": "menu.wav", "retries": 1, "exits": {{ {exits} "no_input": "bye", "no_match": "bye" }} }}
            {nodes},
            "voicemail": {{ "kind": "voicemail", "greeting": "leave-message.wav", "mailbox": {{ "queue": "q1" }}, "max_s": 30,
                "exits": {{ "recorded": "bye" }} }},
            "bye": {{ "kind": "hang-up", "prompt": "goodbye.wav" }} }} }}"#
    );
    tenant::add_flow(&mut company, "main", &document);
    company.numbers.clear();
    company.numbers.insert("400".parse().unwrap(), NumberTarget::Flow("main".parse().unwrap()));
    company
}

/// Queue 8 has few agents of its own, so that some callers wait long.
fn queues_of(agent: u64) -> (u64, u64) {
    let first = agent % (QUEUES - 1) + 1;
    let second = if agent.is_multiple_of(16) { QUEUES } else { (first % (QUEUES - 1)) + 1 };
    (first, second)
}

fn come_to_work(world: &mut World, chance: &mut Chance, number: u64) {
    let name = format!("a{number}");
    let phone = world.add_agent_later(&name);
    world.phone_mut(phone).manners = Manners {
        then: crate::Then::Answer(1_000, 9_000),
        talk_ms: Some((60_000, 480_000)),
        misses_percent: 3,
        transfers_percent: 5,
    };
    world.after(chance.between_ms((0, 600_000)), move |world| world.register(phone));
    for hour in [2, 4, 7] {
        let begin = Duration::from_secs(hour * 3_600) + chance.between_ms((0, 3_600_000));
        let end = begin + chance.between_ms((600_000, 1_800_000));
        let (on_break, back) = (name.clone(), name.clone());
        world.after(begin, move |world| world.agent(&on_break, AgentRequest::NotReady { reason: "break".into() }));
        world.after(end, move |world| world.agent(&back, AgentRequest::Ready));
    }
}

/// When a call comes, by [`PROFILE`].
fn arrival(chance: &mut Chance) -> Duration {
    let total: u64 = PROFILE.iter().sum();
    let mut drawn = chance.below(total);
    let half_hour = PROFILE.iter().position(|share| {
        let here = drawn < *share;
        drawn = drawn.saturating_sub(*share);
        here
    });
    let half_hours = u32::try_from(half_hour.unwrap_or_default()).unwrap_or_default();
    // Nobody calls before the first agents are there.
    Duration::from_secs(600) + Duration::from_secs(1_740) * half_hours + chance.between_ms((0, 1_740_000))
}

/// What one caller does.
#[derive(Clone, Debug)]
struct Caller {
    number: u64,
    /// Pressed in the menu; nothing where the caller only listens.
    key: Option<&'static str>,
    /// Hangs up then unless with an agent.
    patience: Duration,
    /// Hangs up then in any case.
    time: Duration,
}

impl Caller {
    fn drawn(chance: &mut Chance, number: u64) -> Self {
        const KEYS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];
        let key = match chance.below(100) {
            0..5 => None,
            5..8 => Some("9"),
            drawn => Some(KEYS[usize::try_from(drawn % 8).unwrap_or_default()]),
        };
        let patience = if chance.percent(4) { (500, 9_000) } else { (45_000, 420_000) };
        Self { number, key, patience: chance.between_ms(patience), time: chance.between_ms((120_000, 1_500_000)) }
    }

    fn dial(self, world: &mut World, trunk: PhoneId) {
        let line = world.dial_as(trunk, &format!("+4930{:06}", self.number), "400");
        if let Some(key) = self.key {
            world.after(Duration::from_millis(5_500), move |world| world.press(line, key));
        }
        world.after(self.patience, move |world| {
            if !with_somebody(world, line) {
                world.hang_up(line);
            }
        });
        world.after(self.time, move |world| world.hang_up(line));
    }
}

fn with_somebody(world: &World, line: LineId) -> bool {
    world.port_of(line).is_some_and(|port| world.plane.beside(port).is_some())
}

fn report(world: &World, begun: Instant, agents: u64, calls: u64, everybody_left: bool) -> DayReport {
    let count = |which: fn(&EventKind) -> bool| world.count(which) as u64;
    let offered = count(|kind| matches!(kind, EventKind::InteractionOffered { .. }));
    let closed = count(|kind| matches!(kind, EventKind::InteractionClosed { .. }));
    let census = world.exchange.census();
    let live = census.calls + census.lines + census.recordings + census.questions + census.promises;
    let held = world.exchange.acd().agents().filter(|agent| agent.state.interaction().is_some()).count();
    let cdrs = world.cdrs_so_far();
    let first_cdrs = cdrs.iter().filter(|cdr| cdr.revision == 1).count() as u64;
    let newest: BTreeMap<InteractionId, &Cdr> = cdrs.iter().map(|cdr| (cdr.interaction, cdr)).collect();
    world.exchange.check();
    DayReport {
        wall_s: begun.elapsed().as_secs_f64(),
        calls,
        agents,
        stuck: (live + held) as u64
            + offered.abs_diff(closed)
            + offered.abs_diff(first_cdrs)
            + world.plane.odd.len() as u64
            + u64::from(!everybody_left),
        connected: count(|kind| matches!(kind, EventKind::Connected { .. })),
        abandoned: count(|kind| matches!(kind, EventKind::LeftQueue { exit: QueueExit::Abandoned, .. })),
        missed: count(|kind| matches!(kind, EventKind::Released { reason: ReleaseReason::Missed, .. })),
        transferred: count(|kind| matches!(kind, EventKind::Transferred { .. })),
        recordings: count(|kind| matches!(kind, EventKind::RecordingClosed { .. })),
        badly_recorded: newest.values().filter(|cdr| cdr.answered && !well_recorded(cdr)).count() as u64,
        facts: world.facts.len() as u64,
        steps: world.steps,
        digest: world.digest(),
    }
}

fn well_recorded(cdr: &Cdr) -> bool {
    let talks: Vec<_> = cdr.recordings.iter().filter(|recording| !recording.voicemail).collect();
    let [recording] = talks[..] else { return false };
    let (Some(length), Some(_)) = (recording.length_ms, &recording.sha256) else { return false };
    // With a transfer it goes on after the first agent has left.
    !cdr.transfers.is_empty() || length.abs_diff(cdr.talk_ms + cdr.hold_ms) <= 1_000
}

impl fmt::Display for DayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("calls", self.calls),
            ("agents", self.agents),
            ("reached an agent", self.connected),
            ("abandoned in queue", self.abandoned),
            ("rang without answer", self.missed),
            ("transferred", self.transferred),
            ("recorded", self.recordings),
            ("badly recorded", self.badly_recorded),
            ("facts", self.facts),
            ("steps of the world", self.steps),
            ("stuck", self.stuck),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<22}{value:>10}")?;
        }
        write!(f, "{:<22}{:>10.2} s", "wall time", self.wall_s)
    }
}
