//! Calls over trunks: which way each takes, what is tried when a way fails, and who of the carriers' peers is there.
//!
//! A leg to an outside number is one leg, whichever ways it is tried by: a way that fails costs it its dialog, and it gets another one.
//!
//! ```text
//!   dialled ──▶ asked ──100 or more──▶ heard ──180──▶ rings ──200──▶ answered
//!      ▲          │ 1.5 s of silence      │ 408, 5xx     │ 5xx
//!      └──────────┴── the next way, where there is one ───┘
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use plugboard_call::{Input as CallInput, gate::Judged};
use plugboard_model::{EventKind, InteractionId, LegId, Number, Timestamp, Trunk, flow::Cause};
use plugboard_sip as sip;
use plugboard_trunk::{Attempt, AttemptId, Failure, Inbound, NoWay, Output, Trunks, Way};

use crate::{
    command::{PeerSnapshot, TrunkSnapshot},
    exchange::Exchange,
    line::Wanted,
};

/// A peer that says nothing for this long is left for the next one, which then has half a second to ring before the caller has waited 2 s.
const FIRST_RESPONSE: Duration = Duration::from_millis(1_500);

/// What an exchange knows of its trunks.
#[derive(Debug)]
pub(crate) struct Trunking {
    trunks: Trunks,
    /// OPTIONS that are under way, by trunk and address: a peer's place may change before it answers.
    pings: BTreeMap<sip::RequestHandle, (Arc<str>, SocketAddr)>,
    /// Legs whose peer has to say something by then. One that has spoken, or is gone, is left out when its time comes.
    unheard: BTreeSet<(Timestamp, LegId)>,
    /// For drawing among trunks of a group.
    chance: u64,
}

/// How a leg uses a trunk.
#[derive(Debug)]
pub(crate) enum Passage {
    In(Inbound),
    Out(Outgoing),
}

#[derive(Debug)]
pub(crate) struct Outgoing {
    attempt: AttemptId,
    /// Whom the far end sees.
    shown: Box<str>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asked { until: Timestamp },
    Rings,
    Answered,
}

impl Trunking {
    pub(crate) fn new(now: Timestamp, configuration: &plugboard_model::Configuration, seed: u64) -> Self {
        let (pings, unheard) = (BTreeMap::new(), BTreeSet::new());
        Self { trunks: Trunks::new(now, configuration), pings, unheard, chance: seed }
    }

    pub(crate) fn configure(&mut self, now: Timestamp, configuration: &plugboard_model::Configuration) {
        self.trunks.configure(now, configuration);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let unheard = self.unheard.first().map(|(at, _)| *at);
        unheard.into_iter().chain(self.trunks.poll_timeout()).min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.trunks.poll_output()
    }

    /// A call comes in by a trunk. `None`: it carries as many as it may.
    pub(crate) fn enter(&mut self, trunk: &str) -> Option<Passage> {
        self.trunks.entered(trunk).map(Passage::In)
    }

    /// The leg is over.
    pub(crate) fn leave(&mut self, passage: &Passage) {
        match passage {
            Passage::In(inbound) => self.trunks.left(inbound),
            Passage::Out(out) => self.trunks.over(out.attempt),
        }
    }

    /// Legs that are on their way out, for tests.
    pub(crate) fn outgoing(&self) -> usize {
        self.trunks.outgoing()
    }

    fn draw(&mut self) -> u64 {
        // Any other number will do: the draw mixes it.
        self.chance = self.chance.wrapping_add(1);
        self.chance
    }
}

impl Passage {
    pub(crate) fn is_out(&self) -> bool {
        matches!(self, Self::Out(_))
    }

    pub(crate) fn rings(&mut self) {
        if let Self::Out(out) = self
            && out.state != State::Answered
        {
            out.state = State::Rings;
        }
    }

    pub(crate) fn answered(&mut self) {
        if let Self::Out(out) = self {
            out.state = State::Answered;
        }
    }
}

impl Exchange {
    /// Calls an outside number by the first way that takes it.
    pub(crate) fn dial_out(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        number: Judged<Number>,
        shown: &str,
    ) {
        let number = number.into_what();
        let chance = self.trunking.draw();
        let attempt = match self.trunking.trunks.begin(now, number.as_str(), chance) {
            Ok(attempt) => attempt,
            Err(no_way) => {
                let cause = match no_way {
                    NoWay::NoTrunk => Cause::NO_ROUTE,
                    NoWay::Full => Cause::NO_CHANNEL,
                };
                return self.later(interaction, CallInput::LegRefused { leg, status: 503, cause });
            }
        };
        self.dial(now, interaction, leg, None, &self.wanted(&attempt, shown));
        match self.lines.get_mut(leg) {
            Some(line) => {
                let state = State::Asked { until: now + FIRST_RESPONSE };
                line.passage = Some(Passage::Out(Outgoing { attempt: attempt.id, shown: shown.into(), state }));
                self.asked(now, leg, &attempt);
            }
            // Refused for want of a port: that is told already.
            None => self.trunking.trunks.over(attempt.id),
        }
    }

    /// Whether another way is tried for the leg, whose own has failed.
    pub(crate) fn goes_on(&mut self, now: Timestamp, leg: LegId, failure: Failure) -> bool {
        let Some(line) = self.lines.get(leg) else { return false };
        let Some(Passage::Out(out)) = &line.passage else { return false };
        match (out.state, failure) {
            // Whoever does not pick up is not sought elsewhere. A carrier that has gone could not even tell that they did.
            (State::Answered, _) | (State::Rings, Failure::Silent | Failure::Status { code: 408, .. }) => return false,
            _ => {}
        }
        let next = self.trunking.trunks.failed(now, out.attempt, failure);
        self.try_by(now, leg, next)
    }

    /// Asks by `next`, and by what comes after it where it cannot even be asked.
    fn try_by(&mut self, now: Timestamp, leg: LegId, mut next: Option<Attempt>) -> bool {
        while let Some(attempt) = next {
            let Some(Passage::Out(out)) = self.lines.get(leg).and_then(|line| line.passage.as_ref()) else { break };
            let wanted = self.wanted(&attempt, &out.shown);
            if let Some(dialog) = self.invite_again(now, leg, &wanted) {
                self.lines.redial(leg, dialog);
                if let Some(Passage::Out(out)) = self.lines.get_mut(leg).and_then(|line| line.passage.as_mut()) {
                    out.state = State::Asked { until: now + FIRST_RESPONSE };
                }
                self.asked(now, leg, &attempt);
                return true;
            }
            let failure = Failure::Status { code: 500, retry_after: None };
            next = self.trunking.trunks.failed(now, attempt.id, failure);
        }
        // The trunks have let go of it.
        if let Some(line) = self.lines.get_mut(leg) {
            line.passage = None;
        }
        false
    }

    fn asked(&mut self, now: Timestamp, leg: LegId, attempt: &Attempt) {
        let Some(line) = self.lines.get(leg) else { return };
        let interaction = line.interaction;
        self.trunking.unheard.insert((now + FIRST_RESPONSE, leg));
        let (trunk, peer) = (Arc::clone(&attempt.way.trunk), attempt.peer.to_string().into());
        self.fact(now, EventKind::LegRouted { interaction, leg, trunk, peer });
    }

    /// Does what is due at `now`.
    pub(crate) fn trunks_timeout(&mut self, now: Timestamp) {
        self.trunking.trunks.handle_timeout(now);
        while let Some(entry) = self.trunking.unheard.first().copied().filter(|(at, _)| *at <= now) {
            self.trunking.unheard.remove(&entry);
            let (until, leg) = entry;
            let Some(line) = self.lines.get(leg) else { continue };
            let Some(Passage::Out(out)) = &line.passage else { continue };
            let (dialog, id) = (line.dialog, out.attempt);
            if out.state != (State::Asked { until }) || self.sip.is_heard(dialog) {
                continue;
            }
            // Where nothing else is left, a slow answer is better than none.
            let Some(next) = self.trunking.trunks.slow(now, id) else { continue };
            if self.try_by(now, leg, Some(next)) {
                // Should it wake up, it is told that it need not ring.
                let _ = self.sip.hang_up(now.since_epoch(), dialog, sip::endpoint::HangUp::default());
            }
        }
    }

    pub(crate) fn trunk_output(&mut self, now: Timestamp, output: Output) {
        match output {
            Output::Ping(way) => self.ping(now, &way),
            Output::Up(way) => {
                let (trunk, peer) = self.named(&way);
                self.fact(now, EventKind::TrunkUp { trunk, peer });
            }
            Output::Down(way) => {
                let (trunk, peer) = self.named(&way);
                self.fact(now, EventKind::TrunkDown { trunk, peer });
            }
        }
    }

    fn ping(&mut self, now: Timestamp, way: &Way) {
        let Some(peer) = self.trunk(way).and_then(|trunk| trunk.peers.get(way.peer)).copied() else { return };
        let request = sip::endpoint::OutOfDialog {
            method: sip::Method::OPTIONS,
            uri: format!("sip:{peer}"),
            next_hop: sip::Target::udp(peer),
            from: format!("<sip:plugboard@{}>", self.settings.host),
            to: format!("<sip:{peer}>"),
            headers: Vec::new(),
            body: None,
            account: None,
            series: None,
        };
        match self.sip.request(now.since_epoch(), request) {
            Ok((handle, _)) => drop(self.trunking.pings.insert(handle, (Arc::clone(&way.trunk), peer))),
            Err(_) => self.trunking.trunks.not_pinged(way),
        }
    }

    /// The end of a request of ours outside dialogs. `is_answer`: somebody said so.
    pub(crate) fn pinged(&mut self, handle: sip::RequestHandle, is_answer: bool) {
        let Some((trunk, address)) = self.trunking.pings.remove(&handle).filter(|_| is_answer) else { return };
        let peers = self.configuration.trunks.get(&*trunk).map(|trunk| &*trunk.peers).unwrap_or_default();
        if let Some(peer) = peers.iter().position(|peer| *peer == address) {
            self.trunking.trunks.ponged(&Way { trunk, peer });
        }
    }

    /// The trunk whose call that is: by its address, or by the certificate that it showed.
    pub(crate) fn trunk_of(&self, source: sip::Source) -> Option<(&str, &Trunk)> {
        let address = source.remote.ip();
        let shown = source.connection.and_then(|connection| self.identified.get(&connection));
        // A certificate's name is taken as it stands: what it says of all hosts of a domain is no proof of being the domain (RFC 5922 §7.2).
        let is_shown =
            |domain: &String| shown.is_some_and(|names| names.iter().any(|name| name.eq_ignore_ascii_case(domain)));
        let is_its_own = |trunk: &Trunk| {
            trunk.allow.iter().any(|block| block.contains(address))
                || trunk.peers.iter().any(|peer| peer.ip() == address)
                || trunk.certificates.iter().any(is_shown)
        };
        let mut trunks = self.configuration.trunks.iter();
        trunks.find(|(_, trunk)| is_its_own(trunk)).map(|(name, trunk)| (&**name, trunk))
    }

    pub(crate) fn trunk_snapshots(&self) -> BTreeMap<String, TrunkSnapshot> {
        let shown = self.trunking.trunks.view().map(|view| {
            let peers = self.configuration.trunks.get(&*view.name).map(|trunk| &*trunk.peers).unwrap_or_default();
            let peer = |(address, up): (&SocketAddr, bool)| PeerSnapshot { address: *address, up };
            let peers = peers.iter().zip(view.up).map(peer).collect();
            let (calls, channels, failed_over) = (view.calls, view.channels, view.failed_over);
            (view.name.to_string(), TrunkSnapshot { calls, channels, peers, failed_over })
        });
        shown.collect()
    }

    fn trunk(&self, way: &Way) -> Option<&Trunk> {
        self.configuration.trunks.get(&*way.trunk)
    }

    /// A way as people know it.
    fn named(&self, way: &Way) -> (Arc<str>, Arc<str>) {
        let peer = self.trunk(way).and_then(|trunk| trunk.peers.get(way.peer));
        (Arc::clone(&way.trunk), peer.map_or_else(|| "".into(), |peer| peer.to_string().into()))
    }

    fn wanted(&self, attempt: &Attempt, shown: &str) -> Wanted {
        let trunk = self.trunk(&attempt.way);
        let account = trunk.and_then(|trunk| trunk.user.clone().zip(trunk.password.clone()));
        // `#` may not stand in a URI (RFC 3261 §25.1).
        let uri = format!("sip:{}@{}", attempt.number.replace('#', "%23"), attempt.peer);
        Wanted {
            to: format!("<{uri}>"),
            uri,
            next_hop: sip::Target::udp(attempt.peer),
            srtp: self.configuration.encryption.of_trunk(&attempt.way.trunk),
            account: account.map(|(user, password)| sip::digest::Account { user, password }),
            shown: shown.into(),
        }
    }
}
