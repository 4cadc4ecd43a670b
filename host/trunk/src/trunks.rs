//! All trunks of a tenant, and the calls that are on their way through them.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use plugboard_model::{Configuration, Timestamp, Trunk};

use crate::{
    health::{Change, Health},
    pace::Pace,
    rewrite::rewritten,
};

/// Ways that one call is tried by; more would take longer than anybody waits.
const MOST_WAYS: usize = 8;
/// A peer that let a call down and is not looked at.
const UNSEEN_REST: Duration = Duration::from_secs(30);
/// A peer that wants to rest longer is asked again all the same.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// One peer of one trunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    pub trunk: Arc<str>,
    /// Its place among the trunk's peers.
    pub peer: usize,
}

/// `carrier/0`.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.trunk, self.peer)
    }
}

/// A call that is on its way, until [`Trunks::over`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(u64);

/// What is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    pub way: Way,
    pub peer: SocketAddr,
    /// The number as this trunk's carrier wants it.
    pub number: String,
}

/// How an attempt ended, seen from the trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A final answer; `retry_after`, where it says so.
    Status { code: u16, retry_after: Option<Duration> },
    /// Not even 100 came in time, or nobody picked up.
    Silent,
    /// Nobody listens there, or no longer.
    Gone,
}

impl Failure {
    /// Whether another trunk may do better: the answer is about the way, not about who was called (RFC 3261 §21.5, §21.4.9).
    pub fn is_of_the_way(self) -> bool {
        match self {
            Self::Silent | Self::Gone => true,
            Self::Status { code, .. } => code == 408 || (500..600).contains(&code),
        }
    }
}

/// Why a call is not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    #[error("no trunk takes this number")]
    NoTrunk,
    #[error("every trunk that takes this number carries as many calls as it may")]
    Full,
}

/// What happens because of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask it by OPTIONS whether it is there; say [`Trunks::ponged`] when it answers.
    Ping(Way),
    Up(Way),
    Down(Way),
}

/// How a trunk fares, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkView {
    pub name: Arc<str>,
    /// Calls in both directions.
    pub calls: u32,
    pub channels: Option<u32>,
    /// In the order of its peers.
    pub up: Vec<bool>,
    /// Calls that went on to another way since the start.
    pub failed_over: u64,
}

/// A call that came in, until it is dropped with [`Trunks::left`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound(Arc<str>);

#[derive(Debug)]
struct Carrier {
    settings: Trunk,
    peers: Vec<Health>,
    pace: Pace,
    calls: u32,
    failed_over: u64,
}

#[derive(Debug)]
struct OnItsWay {
    number: String,
    is_emergency: bool,
    /// Who has it now.
    at: Way,
    then: VecDeque<Way>,
}

/// The ways of one tenant.
#[derive(Debug, Default)]
pub struct Trunks {
    carriers: BTreeMap<Arc<str>, Carrier>,
    emergency: Vec<String>,
    calls: BTreeMap<AttemptId, OnItsWay>,
    next: u64,
    output: VecDeque<Output>,
}

impl Trunks {
    pub fn new(now: Timestamp, configuration: &Configuration) -> Self {
        let mut trunks = Self::default();
        trunks.configure(now, configuration);
        trunks
    }

    /// Peers that stay keep their health, and calls their channels.
    pub fn configure(&mut self, now: Timestamp, configuration: &Configuration) {
        let mut before = std::mem::take(&mut self.carriers);
        for (name, settings) in &configuration.trunks {
            let name: Arc<str> = name.as_str().into();
            let old = before.remove(&name);
            let health = |peer| {
                let old = old.as_ref()?;
                let place = old.settings.peers.iter().position(|known| known == peer)?;
                old.peers.get(place).cloned()
            };
            let peers = settings.peers.iter().map(|peer| health(peer).unwrap_or_else(|| Health::new(now))).collect();
            let (pace, calls, failed_over) =
                old.as_ref().map_or_else(Default::default, |old| (old.pace, old.calls, old.failed_over));
            self.carriers.insert(name, Carrier { settings: settings.clone(), peers, pace, calls, failed_over });
        }
        self.emergency.clone_from(&configuration.dialling.emergency);
    }

    /// Places a call. `chance`: any number, another for each call; the same gives the same.
    pub fn begin(&mut self, now: Timestamp, number: &str, chance: u64) -> Result<Attempt, NoWay> {
        let is_emergency = self.emergency.iter().any(|emergency| emergency == number);
        let mut then = self.ways(now, number, is_emergency, chance);
        if then.is_empty() {
            return Err(NoWay::NoTrunk);
        }
        let id = AttemptId(self.next);
        let attempt = self.take(now, id, number, &mut then, is_emergency).ok_or(NoWay::Full)?;
        self.next += 1;
        let at = attempt.way.clone();
        self.calls.insert(id, OnItsWay { number: number.to_owned(), is_emergency, at, then });
        Ok(attempt)
    }

    /// The way failed. `None`: nothing else is left, or the answer is the called party's own; the call is over here.
    pub fn failed(&mut self, now: Timestamp, id: AttemptId, failure: Failure) -> Option<Attempt> {
        let mut call = self.calls.remove(&id)?;
        self.release(&call.at.trunk);
        self.note(now, &call.at, failure);
        if !failure.is_of_the_way() {
            return None;
        }
        let next = self.take(now, id, &call.number, &mut call.then, call.is_emergency)?;
        self.move_on(&mut call, &next);
        self.calls.insert(id, call);
        Some(next)
    }

    /// The way says nothing, not even that it tries. `None`: nothing else is left now, and it keeps the call.
    pub fn slow(&mut self, now: Timestamp, id: AttemptId) -> Option<Attempt> {
        let mut call = self.calls.remove(&id)?;
        // Its own place is free for the next peer of the same trunk.
        self.release(&call.at.trunk);
        let next = self.take(now, id, &call.number, &mut call.then, call.is_emergency);
        if let Some(next) = &next {
            self.note(now, &call.at, Failure::Silent);
            self.move_on(&mut call, next);
        } else if let Some(carrier) = self.carriers.get_mut(&call.at.trunk) {
            carrier.calls += 1;
        }
        self.calls.insert(id, call);
        next
    }

    fn move_on(&mut self, call: &mut OnItsWay, next: &Attempt) {
        if let Some(carrier) = self.carriers.get_mut(&call.at.trunk) {
            carrier.failed_over += 1;
        }
        call.at = next.way.clone();
    }

    /// Calls of ours that are on their way or talk.
    pub fn outgoing(&self) -> usize {
        self.calls.len()
    }

    /// The call has ended, answered or not.
    pub fn over(&mut self, id: AttemptId) {
        if let Some(call) = self.calls.remove(&id) {
            self.release(&call.at.trunk);
        }
    }

    /// A call comes in by a trunk. `None`: it carries as many as it may.
    pub fn entered(&mut self, trunk: &str) -> Option<Inbound> {
        let (name, carrier) = self.carriers.get_key_value(trunk)?;
        let name = Arc::clone(name);
        if !carrier.has_room() {
            return None;
        }
        self.carriers.get_mut(&name)?.calls += 1;
        Some(Inbound(name))
    }

    pub fn left(&mut self, inbound: &Inbound) {
        self.release(&inbound.0);
    }

    /// It answered a ping, whatever it said.
    pub fn ponged(&mut self, way: &Way) {
        let change = self.health(way).and_then(Health::answered);
        self.tell(way, change);
    }

    /// The ping could not be sent: that says nothing of the peer, which is looked at again at the next turn.
    pub fn not_pinged(&mut self, way: &Way) {
        if let Some(health) = self.health(way) {
            health.not_asked();
        }
    }

    pub fn handle_timeout(&mut self, now: Timestamp) {
        let mut due = Vec::new();
        for (name, carrier) in &mut self.carriers {
            let every = carrier.settings.ping;
            for (peer, health) in carrier.peers.iter_mut().enumerate() {
                if every.is_zero() || health.poll_timeout() > now {
                    continue;
                }
                let (is_pinged, change) = health.handle_timeout(now, every);
                due.push((Way { trunk: Arc::clone(name), peer }, is_pinged, change));
            }
        }
        for (way, is_pinged, change) in due {
            self.tell(&way, change);
            if is_pinged {
                self.output.push_back(Output::Ping(way));
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let looked_at = self.carriers.values().filter(|carrier| !carrier.settings.ping.is_zero());
        looked_at.flat_map(|carrier| &carrier.peers).map(Health::poll_timeout).min()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub fn view(&self) -> impl Iterator<Item = TrunkView> {
        self.carriers.iter().map(|(name, carrier)| TrunkView {
            name: Arc::clone(name),
            calls: carrier.calls,
            channels: carrier.settings.channels,
            up: carrier.peers.iter().map(Health::is_up).collect(),
            failed_over: carrier.failed_over,
        })
    }

    /// Every way that takes the number, the best first.
    fn ways(&self, now: Timestamp, number: &str, is_emergency: bool, mut chance: u64) -> VecDeque<Way> {
        let takes = |trunk: &Trunk| {
            let prefixes = &trunk.takes;
            is_emergency || prefixes.is_empty() || prefixes.iter().any(|prefix| number.starts_with(&**prefix))
        };
        let mut groups: BTreeMap<(bool, u16), Vec<Named<'_>>> = BTreeMap::new();
        for (name, carrier) in self.carriers.iter().filter(|(_, carrier)| takes(&carrier.settings)) {
            let Trunk { order, emergency, .. } = carrier.settings;
            let group = match emergency.filter(|_| is_emergency) {
                Some(first) => (false, first),
                None => (is_emergency, order),
            };
            groups.entry(group).or_default().push((name, carrier));
        }
        let trunks = groups.into_values().flat_map(|group| by_weight(group, &mut chance));
        let all = trunks.flat_map(|(name, carrier)| {
            let way = |(peer, health): (usize, &Health)| {
                (!health.is_up() || health.is_resting(now), Way { trunk: Arc::clone(name), peer })
            };
            carrier.peers.iter().enumerate().map(way).collect::<Vec<_>>()
        });
        let mut all: Vec<(bool, Way)> = all.collect();
        // Stable: among those that are up, and among those that are not, the order stays.
        all.sort_by_key(|(is_down, _)| *is_down);
        all.into_iter().map(|(_, way)| way).take(MOST_WAYS).collect()
    }

    /// The first way with room.
    fn take(
        &mut self,
        now: Timestamp,
        id: AttemptId,
        number: &str,
        then: &mut VecDeque<Way>,
        is_emergency: bool,
    ) -> Option<Attempt> {
        while let Some(way) = then.pop_front() {
            let Some(carrier) = self.carriers.get_mut(&way.trunk) else { continue };
            let Some(peer) = carrier.settings.peers.get(way.peer).copied() else { continue };
            let per_second = carrier.settings.calls_per_second;
            let has_room =
                is_emergency || (carrier.has_room() && per_second.is_none_or(|most| carrier.pace.take(now, most)));
            if has_room {
                carrier.calls += 1;
                let number = rewritten(number, &carrier.settings.outgoing);
                return Some(Attempt { id, way, peer, number });
            }
        }
        None
    }

    fn release(&mut self, trunk: &str) {
        if let Some(carrier) = self.carriers.get_mut(trunk) {
            carrier.calls = carrier.calls.saturating_sub(1);
        }
    }

    fn health(&mut self, way: &Way) -> Option<&mut Health> {
        self.carriers.get_mut(&way.trunk)?.peers.get_mut(way.peer)
    }

    fn note(&mut self, now: Timestamp, way: &Way, failure: Failure) {
        let is_looked_at = self.carriers.get(&way.trunk).is_some_and(|carrier| !carrier.settings.ping.is_zero());
        let change = self.health(way).and_then(|health| match failure {
            Failure::Silent | Failure::Gone if is_looked_at => health.lost_a_call(now),
            // Nobody would see it come back: it comes after the others for a while, and then is tried again.
            Failure::Silent | Failure::Gone => {
                health.rest(now + UNSEEN_REST);
                None
            }
            Failure::Status { code: 503, retry_after: Some(rest) } => {
                health.rest(now + rest.min(LONGEST_REST));
                None
            }
            Failure::Status { .. } => None,
        });
        self.tell(way, change);
    }

    fn tell(&mut self, way: &Way, change: Option<Change>) {
        self.output.extend(change.map(|change| match change {
            Change::Up => Output::Up(way.clone()),
            Change::Down => Output::Down(way.clone()),
        }));
    }
}

impl Carrier {
    fn has_room(&self) -> bool {
        self.settings.channels.is_none_or(|channels| self.calls < channels)
    }
}

type Named<'a> = (&'a Arc<str>, &'a Carrier);

/// One after the other, each drawn by its share of the weights that are left (RFC 2782); one of weight 0 comes after all that have some.
fn by_weight<'a>(mut group: Vec<Named<'a>>, chance: &mut u64) -> Vec<Named<'a>> {
    let mut drawn = Vec::with_capacity(group.len());
    let weight = |(_, carrier): &Named<'_>| u64::from(carrier.settings.weight);
    while !group.is_empty() {
        let all: u64 = group.iter().map(weight).sum();
        let lot = next(chance) % all.max(1);
        let mut sum = 0;
        let hit = group.iter().position(|member| {
            sum += weight(member);
            lot < sum
        });
        drawn.push(group.remove(hit.unwrap_or_default()));
    }
    drawn
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
