//! The clock, the heap of what is due, and the way of every value between the parts.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use plugboard_exchange::{
    Answer, CommandError, CommandId, Exchange, Input, Output, Piece, QuestionId, QuestionKind, Reply, Settings,
    TapeWriter, Taped,
};
use plugboard_media as media;
use plugboard_model::{Configuration, Event, Timestamp, routing, tape::Tape};
use plugboard_replay::Comparison;
use plugboard_reporting::{Bounds, Cdr, InteractionFold};
use plugboard_sip as sip;

use crate::{Chance, Components, Phone, PhoneId, Plane, ladder::Ladder, plane::Later};

/// What the network does to a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub delay_ms: u64,
    /// Up to so much later, at random: datagrams overtake each other.
    pub jitter_ms: u64,
    pub loss_percent: u64,
    pub copies_percent: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { delay_ms: 5, jitter_ms: 0, loss_percent: 0, copies_percent: 0 }
    }
}

pub(crate) enum Due {
    ToExchange {
        from: SocketAddr,
        bytes: Arc<[u8]>,
    },
    ToPhone {
        phone: usize,
        bytes: Arc<[u8]>,
    },
    Media(media::Event),
    PlayEnds {
        port: media::Port,
        token: u64,
    },
    Committed,
    Answered {
        question: QuestionId,
        answer: Answer,
    },
    Phone(usize),
    /// The network says that nobody listens there.
    Unreachable(SocketAddr),
    /// The phone registers again.
    Refresh(PhoneId),
    Deed(Box<dyn FnOnce(&mut World)>),
}

/// Plugboard's address.
pub(crate) fn exchange_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}

/// Monday 2026-11-23, 08:00 UTC.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_420_800);

/// One contact centre and everybody who calls it.
pub struct World {
    pub now: Timestamp,
    pub exchange: Exchange,
    pub phones: Vec<Phone>,
    pub plane: Plane,
    pub components: Components,
    pub weather: Weather,
    pub chance: Chance,
    /// From a fact to its being on disk; `None`: the disk stalls.
    pub commit_delay: Option<Duration>,
    /// The name of the access key that commands come with.
    pub commands_come_by: Option<Arc<str>>,
    /// Every fact so far, in order.
    pub facts: Vec<Arc<Event>>,
    /// Of the calls that are over.
    pub tapes: Vec<Tape>,
    tape_writer: TapeWriter,
    /// What the numbers on tapes are of, by name.
    pub tables: BTreeMap<Arc<str>, Arc<routing::Tables>>,
    /// Walk every index after each step: slow, and worth it in a story.
    pub checks_each_step: bool,
    pub(crate) ladder: Ladder,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) addresses: BTreeMap<SocketAddr, usize>,
    due: BTreeMap<(Timestamp, u64), Due>,
    next_due: u64,
    /// Deeds that are still to come.
    deeds: usize,
    touched: BTreeSet<usize>,
    commit_under_way: bool,
    /// With the event that has to be on disk before anybody is told.
    pub(crate) replies: BTreeMap<CommandId, (Option<u64>, Result<Reply, CommandError>)>,
    pub(crate) on_disk: u64,
    pub(crate) next_command: u64,
    pub steps: u64,
}

impl World {
    pub fn new(seed: u64, configuration: Configuration) -> Self {
        let configuration = Arc::new(configuration);
        let settings = Settings {
            tenant: configuration.tenant.clone(),
            token: "x".to_owned(),
            host: "shop.example".to_owned(),
            advertised: vec![(sip::Transport::Udp, exchange_address().into())],
            recordings: "/recordings".into(),
            hold_music: None,
            last_id: 0,
            last_seq: 0,
            seed,
            secret: [7; 32],
            digest: sip::digest::Algorithm::ALL.to_vec(),
        };
        let (plane, ports) = Plane::new(exchange_address().ip(), 2, 5_000);
        let mut world = Self {
            now: START,
            exchange: Exchange::new(START, settings, Arc::clone(&configuration)),
            phones: Vec::new(),
            plane,
            components: Components::new(),
            weather: Weather::default(),
            chance: Chance::new(seed),
            commit_delay: Some(Duration::from_millis(2)),
            commands_come_by: None,
            facts: Vec::new(),
            tapes: Vec::new(),
            tape_writer: TapeWriter::default(),
            tables: BTreeMap::new(),
            checks_each_step: true,
            ladder: Ladder::default(),
            configuration,
            addresses: BTreeMap::new(),
            due: BTreeMap::new(),
            next_due: 0,
            deeds: 0,
            touched: BTreeSet::new(),
            commit_under_way: false,
            replies: BTreeMap::new(),
            on_disk: 0,
            next_command: 1,
            steps: 0,
        };
        world.exchange.handle_input(START, Input::Media(ports));
        world.drain();
        world
    }

    // Time.

    /// `deed` is done then.
    pub fn after(&mut self, wait: Duration, deed: impl FnOnce(&mut Self) + 'static) {
        self.deeds += 1;
        self.schedule(self.now + wait, Due::Deed(Box::new(deed)));
    }

    pub(crate) fn schedule(&mut self, at: Timestamp, due: Due) {
        self.next_due += 1;
        self.due.insert((at.max(self.now), self.next_due), due);
    }

    pub fn elapsed(&self) -> Duration {
        self.now - START
    }

    pub fn run(&mut self, wait: Duration) {
        let until = self.now + wait;
        while self.step(until) {}
    }

    pub fn run_secs(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    /// Until `what` holds.
    ///
    /// # Panics
    /// If it does not within an hour.
    pub fn run_until(&mut self, mut what: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + Duration::from_secs(3_600);
        while !what(self) {
            assert!(self.step(limit), "it did not happen within an hour\n{}\n{}", self.ladder.text(), self.story());
        }
    }

    /// So many things happen, whatever they are; fewer if nothing is left.
    pub fn run_steps(&mut self, steps: u64) {
        let limit = self.now + Duration::from_secs(3_600);
        for _ in 0..steps {
            if !self.step(limit) {
                return;
            }
        }
    }

    /// Until nobody calls, wraps up or records any more.
    ///
    /// # Panics
    /// If somebody is stuck for three hours.
    pub fn run_until_idle(&mut self) {
        let limit = self.now + Duration::from_secs(3 * 3_600);
        while !self.is_idle() {
            let moved = self.step(limit);
            assert!(moved, "stuck: {:?}\n{}\n{}", self.exchange.census(), self.ladder.text(), self.story());
        }
        // Ports rest before they are offered again.
        self.run_secs(3);
    }

    /// As [`Self::run_until_idle`]; false where somebody is stuck.
    pub fn run_until_idle_or(&mut self, limit: Duration) -> bool {
        let limit = self.now + limit;
        while !self.is_idle() {
            if !self.step(limit) {
                return false;
            }
        }
        self.run_secs(3);
        true
    }

    fn is_idle(&self) -> bool {
        self.deeds == 0
            && self.exchange.is_idle()
            && self.plane.open_ports() == 0
            && self.plane.open_recordings() == 0
            && self.phones.iter().all(|phone| phone.sessions.is_empty())
            && self.exchange.acd().agents().all(|agent| agent.state.interaction().is_none())
    }

    /// The next thing that happens, if it does before `until`.
    fn step(&mut self, until: Timestamp) -> bool {
        // What was done from outside since the last step.
        self.drain();
        let timeout = self.exchange.poll_timeout();
        let due = self.due.keys().next().map(|(at, _)| *at);
        let Some(next) = timeout.into_iter().chain(due).min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.steps += 1;
        self.now = self.now.max(next);
        let now = self.now;
        if due.is_some_and(|due| due <= now) {
            if let Some((_, due)) = self.due.pop_first() {
                self.happen(due);
            }
        } else {
            self.exchange.handle_timeout(now);
        }
        self.drain();
        if self.checks_each_step {
            self.exchange.check();
        }
        true
    }

    fn happen(&mut self, due: Due) {
        let now = self.now;
        match due {
            Due::ToExchange { from, bytes } => {
                let source = sip::Source {
                    transport: sip::Transport::Udp,
                    local: exchange_address(),
                    remote: from,
                    connection: None,
                };
                self.exchange.handle_input(now, Input::Sip { source, bytes: bytes.to_vec() });
            }
            Due::ToPhone { phone, bytes } => {
                let own = &mut self.phones[phone];
                if own.dead {
                    return;
                }
                let source = sip::Source {
                    transport: sip::Transport::Udp,
                    local: own.address,
                    remote: exchange_address(),
                    connection: None,
                };
                own.endpoint.handle_input(now.since_epoch(), sip::Input::Received { source, bytes: &bytes });
                self.touch(PhoneId(phone));
            }
            Due::Media(event) => self.exchange.handle_input(now, Input::Media(event)),
            Due::PlayEnds { port, token } => self.plane.play_ends(now, port, token),
            Due::Committed => {
                self.commit_under_way = false;
                if self.commit_delay.is_some() {
                    let seq = self.facts.last().map_or(0, |fact| fact.seq);
                    self.on_disk = seq;
                    self.exchange.handle_input(now, Input::Committed { seq });
                }
            }
            Due::Answered { question, answer } => {
                if matches!(answer, Answer::Invoked(_)) {
                    self.draw_answer(&answer);
                }
                self.exchange.handle_input(now, Input::Answered { question, answer });
            }
            Due::Phone(phone) => {
                // An earlier deadline took this one's place and is past: only the latest entry counts.
                if self.phones[phone].wakes_at != Some(now) {
                    return;
                }
                self.phones[phone].wakes_at = None;
                self.phones[phone].endpoint.handle_timeout(now.since_epoch());
                self.touch(PhoneId(phone));
            }
            Due::Unreachable(remote) => self.exchange.handle_input(now, Input::SipUnreachable { remote }),
            Due::Refresh(phone) => {
                let own = &self.phones[phone.0];
                if own.registration.wanted && own.registration.pending.is_none() && !own.dead {
                    self.register(phone);
                }
            }
            Due::Deed(deed) => {
                self.deeds -= 1;
                deed(self);
            }
        }
    }

    pub(crate) fn touch(&mut self, phone: PhoneId) {
        self.touched.insert(phone.0);
    }

    /// Carries every value to where it belongs, until all is quiet.
    pub(crate) fn drain(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.exchange.poll_output() {
                moved = true;
                self.exchange_output(output);
            }
            let plane: Vec<_> = self.plane.drain().collect();
            for (at, later) in plane {
                self.schedule(
                    at,
                    match later {
                        Later::Event(event) => Due::Media(event),
                        Later::PlayEnds { port, token } => Due::PlayEnds { port, token },
                    },
                );
            }
            while let Some(phone) = self.touched.pop_first() {
                moved = true;
                self.drain_phone(phone);
            }
            if !moved {
                return;
            }
        }
    }

    fn exchange_output(&mut self, output: Output) {
        match output {
            Output::Sip { target, bytes } => self.launch(exchange_address(), target.remote, &bytes),
            Output::Media(command) => {
                self.draw_media(&command);
                self.plane.handle_command(self.now, command);
            }
            Output::Ask(question) => {
                self.draw_question(&question.kind);
                let takes = self.components.takes(&question.kind);
                if let Some(answer) = self.components.ask(&self.configuration.tenant, question.kind) {
                    // Another system takes its time, and is drawn when it says something.
                    if !matches!(answer, Answer::Invoked(_)) {
                        self.draw_answer(&answer);
                    }
                    if let Some(takes) = takes {
                        self.schedule(self.now + takes, Due::Answered { question: question.id, answer });
                    }
                }
            }
            Output::Record(event) => {
                self.draw_fact(&event.kind);
                self.facts.push(event);
                self.commit_soon();
            }
            Output::Tape(taped) => {
                self.note_tables(&taped);
                self.tapes.extend(self.tape_writer.write(taped));
            }
            Output::Reply { id, after, result } => {
                self.replies.insert(id, (after, result));
            }
        }
    }

    fn note_tables(&mut self, taped: &Taped) {
        if let Piece::Ranked(ranked, tables) = &taped.piece {
            self.tables.entry(Arc::clone(&ranked.tables)).or_insert_with(|| Arc::clone(tables));
        }
    }

    /// One batch at a time is on its way to disk: all that has happened by then.
    pub(crate) fn commit_soon(&mut self) {
        if let Some(delay) = self.commit_delay.filter(|_| !self.commit_under_way) {
            self.commit_under_way = true;
            self.schedule(self.now + delay, Due::Committed);
        }
    }

    /// The disk is well again.
    pub fn commit_after(&mut self, delay: Duration) {
        self.commit_delay = Some(delay);
        self.commit_soon();
    }

    fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Arc<[u8]>) {
        let lost = self.chance.percent(self.weather.loss_percent);
        self.draw_message(from, to, bytes, lost);
        if lost {
            return;
        }
        let copies = if self.chance.percent(self.weather.copies_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.weather.delay_ms + self.chance.below(self.weather.jitter_ms + 1);
            let at = self.now + Duration::from_millis(delay);
            let bytes = Arc::clone(bytes);
            if to == exchange_address() {
                self.schedule(at, Due::ToExchange { from, bytes });
            } else if let Some(phone) = self.addresses.get(&to).copied() {
                if self.phones[phone].closed {
                    self.schedule(at, Due::Unreachable(to));
                    continue;
                }
                self.schedule(at, Due::ToPhone { phone, bytes });
            }
        }
    }

    fn drain_phone(&mut self, index: usize) {
        while let Some(output) = self.phones[index].endpoint.poll_output() {
            match output {
                sip::Output::Send { target, bytes } => {
                    if !self.phones[index].dead {
                        self.launch(self.phones[index].address, target.remote, &bytes);
                    }
                }
                sip::Output::Event(event) => self.phone_event(index, event),
            }
        }
        let phone = &mut self.phones[index];
        if let Some(at) = phone.endpoint.poll_timeout().map(|at| Timestamp::from(at).max(self.now))
            && phone.wakes_at.is_none_or(|wakes_at| at < wakes_at)
        {
            phone.wakes_at = Some(at);
            self.schedule(at, Due::Phone(index));
        }
    }

    // What came of it.

    /// The runs of `flow` on all tapes, through this document instead.
    pub fn replay(&mut self, flow: &str, document: &str) -> Vec<Comparison> {
        let mut compared = Vec::new();
        for recorded in self.tapes.iter().map(|tape| tape.read().unwrap()) {
            for run in recorded.runs.iter().filter(|run| run.flow.as_str() == flow) {
                compared.push(self.components.play(&self.configuration.tenant, run, &recorded.judged, document));
            }
        }
        compared
    }

    /// What a component would say, asked by nobody of this world.
    pub fn ask(&mut self, question: QuestionKind) -> Answer {
        let answer = self.components.ask(&self.configuration.tenant, question);
        answer.unwrap_or_else(|| Answer::Unavailable("no answer".into()))
    }

    /// As [`Self::cdrs`], where interactions may live on.
    pub fn cdrs_so_far(&self) -> Vec<Cdr> {
        let mut fold = InteractionFold::new(Bounds::default());
        let mut cdrs = Vec::new();
        for fact in &self.facts {
            fold.handle_event(fact);
            cdrs.extend(std::iter::from_fn(|| fold.poll_output()));
        }
        cdrs
    }

    /// One CDR for each interaction, in the order in which they became known, late revisions included.
    pub fn cdrs(&self) -> Vec<Cdr> {
        let mut fold = InteractionFold::new(Bounds::default());
        let mut cdrs = Vec::new();
        for fact in &self.facts {
            fold.handle_event(fact);
            cdrs.extend(std::iter::from_fn(|| fold.poll_output()));
        }
        assert_eq!(fold.live().len(), 0, "an interaction has no CDR");
        cdrs
    }
}
