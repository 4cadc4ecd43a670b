//! The clock, the heap of what is due, and the way of every value between the parts.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use plugboard_call::Command as CallCommand;
use plugboard_exchange::{
    Command, CommandError, CommandId, Exchange, Input, Output, QuestionId, Reply, Settings, Snapshot,
};
use plugboard_media as media;
use plugboard_model::{AgentId, AgentRequest, Configuration, Event, InteractionId, Timestamp};
use plugboard_reporting::{Bounds, Cdr, InteractionFold};
use plugboard_sip as sip;

use crate::{
    Chance, Components, LineId, Outcome, Phone, PhoneId, Plane, Then,
    ladder::Ladder,
    phone::{REFRESH, Session, sound_address},
    plane::Later,
};

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

enum Due {
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
        answer: plugboard_exchange::Answer,
    },
    Phone(usize),
    /// The phone registers again.
    Refresh(PhoneId),
    Deed(Box<dyn FnOnce(&mut World)>),
}

/// Plugboard's address.
fn exchange_address() -> SocketAddr {
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
    /// Every fact so far, in order.
    pub facts: Vec<Arc<Event>>,
    /// Walk every index after each step: slow, and worth it in a story.
    pub checks_each_step: bool,
    pub(crate) ladder: Ladder,
    configuration: Arc<Configuration>,
    addresses: BTreeMap<SocketAddr, usize>,
    due: BTreeMap<(Timestamp, u64), Due>,
    next_due: u64,
    /// Deeds that are still to come.
    deeds: usize,
    touched: BTreeSet<usize>,
    commit_under_way: bool,
    replies: BTreeMap<CommandId, Result<Reply, CommandError>>,
    next_command: u64,
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
            facts: Vec::new(),
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
            next_command: 1,
            steps: 0,
        };
        world.exchange.handle_input(START, Input::Media(ports));
        world.drain();
        world
    }

    // Phones.

    pub fn add_phone(&mut self, name: &str, address: &str, account: Option<sip::digest::Account>) -> PhoneId {
        let address: SocketAddr = address.parse().unwrap();
        let index = self.phones.len();
        let seed = self.chance.draw();
        self.phones.push(Phone::new(name, address, account, seed));
        assert!(self.addresses.insert(address, index).is_none(), "two phones at {address}");
        PhoneId(index)
    }

    /// A phone of the public network.
    pub fn add_caller(&mut self, name: &str) -> PhoneId {
        let number = self.phones.len() + 2;
        self.add_phone(name, &format!("203.0.{}.{}:5060", number / 250, number % 250 + 1), None)
    }

    /// An agent's phone, registered.
    pub fn add_agent(&mut self, name: &str) -> PhoneId {
        let phone = self.add_agent_later(name);
        self.register(phone);
        phone
    }

    /// An agent's phone that is not plugged in yet.
    pub fn add_agent_later(&mut self, name: &str) -> PhoneId {
        let number = self.phones.len();
        let password = self.configuration.agents[name].password.clone();
        let account = sip::digest::Account { user: name.to_owned(), password };
        self.add_phone(name, &format!("10.0.{}.{}:5060", number / 250, number % 250 + 1), Some(account))
    }

    pub fn phone(&self, phone: PhoneId) -> &Phone {
        &self.phones[phone.0]
    }

    pub fn phone_mut(&mut self, phone: PhoneId) -> &mut Phone {
        &mut self.phones[phone.0]
    }

    pub fn register(&mut self, phone: PhoneId) {
        self.send_register(phone, 3_600);
    }

    pub fn unregister(&mut self, phone: PhoneId) {
        self.send_register(phone, 0);
    }

    fn send_register(&mut self, phone: PhoneId, expires: u32) {
        let now = self.now.since_epoch();
        let next_hop = self.to_exchange(phone);
        let own = &mut self.phones[phone.0];
        own.registration.wanted = expires > 0;
        let address = format!("<sip:{}@shop.example>", own.name);
        let request = sip::endpoint::OutOfDialog {
            method: sip::Method::REGISTER,
            uri: "sip:shop.example".to_owned(),
            next_hop,
            from: address.clone(),
            to: address,
            headers: vec![("Expires".to_owned(), expires.to_string())],
            body: None,
            account: own.account.clone(),
            series: own.registration.series.take(),
        };
        let (handle, series) = own.endpoint.request(now, request).expect("a REGISTER goes out");
        own.registration.pending = Some(handle);
        own.registration.series = Some(series);
        self.touch(phone);
    }

    fn to_exchange(&self, phone: PhoneId) -> sip::Target {
        let local = Some(self.phones[phone.0].address);
        sip::Target { local, ..sip::Target::udp(exchange_address()) }
    }

    /// The phone calls `to`, showing its own name as the caller's number.
    pub fn dial(&mut self, phone: PhoneId, to: &str) -> LineId {
        let from = self.phones[phone.0].name.clone();
        self.dial_as(phone, &from, to)
    }

    pub fn dial_as(&mut self, phone: PhoneId, from: &str, to: &str) -> LineId {
        let session = self.phones[phone.0].new_session();
        let offer = Some(session.local.offer().to_string());
        self.invite(phone, from, to, session, offer, Vec::new())
    }

    pub(crate) fn invite(
        &mut self,
        phone: PhoneId,
        from: &str,
        to: &str,
        session: Session,
        offer: Option<String>,
        headers: Vec<(String, String)>,
    ) -> LineId {
        let now = self.now.since_epoch();
        let next_hop = self.to_exchange(phone);
        let own = &mut self.phones[phone.0];
        let session = Session { has_offered: offer.is_some(), ..session };
        let invite = sip::Invite {
            uri: format!("sip:{to}@{}", exchange_address()),
            next_hop,
            from: format!("<sip:{from}@{}>", own.address.ip()),
            to: format!("<sip:{to}@{}>", exchange_address()),
            headers,
            offer,
            account: own.account.clone(),
        };
        let call = own.endpoint.invite(now, invite).expect("an INVITE goes out");
        own.sessions.insert(call, session);
        self.touch(phone);
        LineId { phone, call }
    }

    /// A call with this offer, or with none.
    pub fn dial_offering(&mut self, phone: PhoneId, to: &str, offer: Option<&str>) -> LineId {
        let from = self.phones[phone.0].name.clone();
        let session = self.phones[phone.0].new_session();
        self.invite(phone, &from, to, session, offer.map(str::to_owned), Vec::new())
    }

    pub fn hang_up(&mut self, line: LineId) {
        let now = self.now.since_epoch();
        let status = sip::Status::BUSY_HERE;
        let how = sip::endpoint::HangUp { status, ..sip::endpoint::HangUp::default() };
        let _ = self.phones[line.phone.0].endpoint.hang_up(now, line.call, how);
        self.touch(line.phone);
    }

    /// The phone picks up a call that rings.
    pub fn pick_up(&mut self, line: LineId) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        if let Some(session) = phone.sessions.get(&line.call) {
            let answer = session.answer();
            let _ = phone.endpoint.answer(now, line.call, &answer);
        }
        self.touch(line.phone);
    }

    pub fn reject(&mut self, line: LineId, status: sip::Status) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        let _ = phone.endpoint.reject(now, line.call, &sip::endpoint::Response::new(status));
        // A rejected call has no last event on the side that rejects where it is refused at once.
        self.touch(line.phone);
    }

    /// The phone's re-INVITE: on hold, or back.
    pub fn hold(&mut self, line: LineId, held: bool) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        let Some(session) = phone.sessions.get_mut(&line.call) else { return };
        session.local.version += 1;
        session.local.direction =
            if held { plugboard_sdp::Direction::SendOnly } else { plugboard_sdp::Direction::SendReceive };
        let offer = session.local.offer().to_string();
        let _ = phone.endpoint.reinvite(now, line.call, Some(&offer));
        self.touch(line.phone);
    }

    /// The phone asks Plugboard to call `to` in its place.
    pub fn refer(&mut self, line: LineId, to: &str) {
        let now = self.now.since_epoch();
        let uri = format!("sip:{to}@shop.example");
        let sent = self.phones[line.phone.0].endpoint.refer(now, line.call, &uri, None, None);
        sent.expect("a REFER goes out");
        self.touch(line.phone);
    }

    /// As [`Self::refer`], by somebody who may have hung up already.
    fn try_refer(&mut self, line: LineId, to: &str) {
        let uri = format!("sip:{to}@shop.example");
        let endpoint = &mut self.phones[line.phone.0].endpoint;
        let _ = endpoint.refer(self.now.since_epoch(), line.call, &uri, None, None);
        self.touch(line.phone);
    }

    /// The phone joins the far ends of two of its calls.
    pub fn refer_attended(&mut self, line: LineId, consultation: LineId) {
        let now = self.now.since_epoch();
        let endpoint = &mut self.phones[line.phone.0].endpoint;
        let replaces = endpoint.replaces_of(consultation.call).expect("a dialog");
        endpoint.refer(now, line.call, "sip:joined@shop.example", Some(&replaces), None).expect("a REFER goes out");
        self.touch(line.phone);
    }

    /// Keys, 200 ms apart.
    pub fn press(&mut self, line: LineId, keys: &str) {
        for (index, key) in (0..).zip(keys.chars()) {
            self.after(Duration::from_millis(200 * index), move |world| world.press_one(line, key));
        }
        self.drain();
    }

    fn press_one(&mut self, line: LineId, key: char) {
        let Some(port) = self.port_of(line) else { return };
        let name = self.phones[line.phone.0].name.clone();
        self.draw(&name, "plugboard", &format!("key {key}"));
        let digit = media::Digit::from_char(key).unwrap();
        let event = media::Event::Digit { port, digit, duration: Duration::from_millis(100) };
        self.schedule(self.now + Duration::from_millis(self.weather.delay_ms), Due::Media(event));
    }

    /// The phone's sound stops coming, and the plane notices.
    pub fn fall_silent(&mut self, line: LineId) {
        if let Some(port) = self.port_of(line) {
            let silent_for = Duration::from_secs(30);
            self.schedule(self.now, Due::Media(media::Event::RtpTimeout { port, silent_for }));
        }
    }

    /// The port of Plugboard's that this line talks to.
    pub fn port_of(&self, line: LineId) -> Option<media::Port> {
        let session = self.phones[line.phone.0].sessions.get(&line.call)?;
        self.plane.port_at(session.remote?)
    }

    /// The name of the phone that this line hears: another's, or what is played to it.
    pub fn hears(&self, line: LineId) -> String {
        let Some(port) = self.port_of(line) else { return "nothing".to_owned() };
        if let Some(playing) = self.plane.playing(port) {
            return format!("~{playing}");
        }
        let Some(other) = self.plane.beside(port) else { return "silence".to_owned() };
        let owner =
            self.phones.iter().find(|phone| phone.sessions.values().any(|session| session.remote == Some(other.rtp())));
        owner.map_or_else(|| "somebody".to_owned(), |phone| phone.name.clone())
    }

    /// The latest call of the phone that lives.
    pub fn line_of(&self, phone: PhoneId) -> LineId {
        let call = self.phones[phone.0].sessions.keys().next_back();
        LineId { phone, call: *call.unwrap_or_else(|| panic!("{} has no call", self.phones[phone.0].name)) }
    }

    // Commands.

    pub fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.exchange.handle_input(self.now, Input::Command { id, command });
        self.drain();
        self.replies.remove(&id).expect("every command is answered at once")
    }

    pub fn call(&mut self, interaction: InteractionId, command: CallCommand) -> Result<Reply, CommandError> {
        self.command(Command::Call { interaction, command })
    }

    pub fn agent(&mut self, agent: &str, request: AgentRequest) {
        let agent: AgentId = agent.parse().unwrap();
        self.command(Command::Agent { agent, request }).expect("an agent's request");
    }

    pub fn snapshot(&mut self) -> Snapshot {
        match self.command(Command::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => *snapshot,
            other => panic!("a snapshot, not {other:?}"),
        }
    }

    pub fn input(&mut self, input: Input) {
        self.exchange.handle_input(self.now, input);
        self.drain();
    }

    /// Changes the configuration while everything runs.
    pub fn configure(&mut self, change: impl FnOnce(&mut Configuration)) {
        let mut configuration = (*self.configuration).clone();
        change(&mut configuration);
        configuration.revision += 1;
        self.configuration = Arc::new(configuration);
        self.input(Input::Configure(Arc::clone(&self.configuration)));
    }

    // Time.

    /// `deed` is done then.
    pub fn after(&mut self, wait: Duration, deed: impl FnOnce(&mut Self) + 'static) {
        self.deeds += 1;
        self.schedule(self.now + wait, Due::Deed(Box::new(deed)));
    }

    fn schedule(&mut self, at: Timestamp, due: Due) {
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
                    self.exchange.handle_input(now, Input::Committed { seq });
                }
            }
            Due::Answered { question, answer } => {
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

    fn touch(&mut self, phone: PhoneId) {
        self.touched.insert(phone.0);
    }

    /// Carries every value to where it belongs, until all is quiet.
    fn drain(&mut self) {
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
            Output::Sip { target, bytes } => self.launch(exchange_address(), target.remote, bytes),
            Output::Media(command) => {
                self.draw_media(&command);
                self.plane.handle_command(self.now, command);
            }
            Output::Ask(question) => {
                self.draw_question(&question.kind);
                if let Some(answer) = self.components.ask(&self.configuration.tenant, question.kind) {
                    self.draw_answer(&answer);
                    let at = self.now + self.components.delay;
                    self.schedule(at, Due::Answered { question: question.id, answer });
                }
            }
            Output::Record(event) => {
                self.draw_fact(&event.kind);
                self.facts.push(event);
                self.commit_soon();
            }
            Output::Reply { id, result, .. } => {
                self.replies.insert(id, result);
            }
        }
    }

    /// One batch at a time is on its way to disk: all that has happened by then.
    fn commit_soon(&mut self) {
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

    fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: Arc<[u8]>) {
        let lost = self.chance.percent(self.weather.loss_percent);
        self.draw_message(from, to, &bytes, lost);
        if lost {
            return;
        }
        let copies = if self.chance.percent(self.weather.copies_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.weather.delay_ms + self.chance.below(self.weather.jitter_ms + 1);
            let at = self.now + Duration::from_millis(delay);
            let bytes = Arc::clone(&bytes);
            if to == exchange_address() {
                self.schedule(at, Due::ToExchange { from, bytes });
            } else if let Some(phone) = self.addresses.get(&to).copied() {
                self.schedule(at, Due::ToPhone { phone, bytes });
            }
        }
    }

    fn drain_phone(&mut self, index: usize) {
        while let Some(output) = self.phones[index].endpoint.poll_output() {
            match output {
                sip::Output::Send { target, bytes } => {
                    if !self.phones[index].dead {
                        self.launch(self.phones[index].address, target.remote, bytes);
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

    fn phone_event(&mut self, index: usize, event: sip::Event) {
        let now = self.now.since_epoch();
        let own = &mut self.phones[index];
        let phone = PhoneId(index);
        match event {
            sip::Event::Incoming(incoming) => {
                let mut session = own.new_session();
                session.remote = sound_address(incoming.offer.as_ref());
                session.offer = incoming.offer.clone();
                own.sessions.insert(incoming.call, session);
                let line = LineId { phone, call: incoming.call };
                let manners = own.manners;
                match manners.then {
                    Then::Reject(after_ms, status) => {
                        self.after(Duration::from_millis(after_ms), move |world| world.reject(line, status));
                    }
                    then => {
                        let _ = own.endpoint.ring(now, incoming.call, sip::Status::RINGING, None);
                        let misses = self.chance.percent(manners.misses_percent);
                        if let (Then::Answer(least, most), false) = (then, misses) {
                            let after = self.chance.between_ms((least, most));
                            self.after(after, move |world| world.pick_up(line));
                        }
                    }
                }
            }
            sip::Event::Answered { call, body } => {
                let Some(session) = own.sessions.get_mut(&call) else { return };
                session.remote = sound_address(body.as_ref());
                session.answered = true;
                if !session.has_offered {
                    session.offer = body;
                    let answer = session.answer();
                    let _ = own.endpoint.ack_with(now, call, &answer);
                }
            }
            sip::Event::Confirmed { call, body } => {
                let Some(session) = own.sessions.get_mut(&call) else { return };
                session.answered = true;
                if session.remote.is_none() {
                    session.remote = sound_address(body.as_ref());
                }
                let (line, manners) = (LineId { phone, call }, own.manners);
                if let Some(talk) = manners.talk_ms {
                    let talk = self.chance.between_ms(talk);
                    self.after(talk, move |world| world.hang_up(line));
                    if self.chance.percent(manners.transfers_percent) {
                        let dialled = ["q1", "q2", "2001", "2002", "+4940999"][self.chance.below(5) as usize];
                        self.after(talk / 2, move |world| world.try_refer(line, dialled));
                    }
                }
            }
            sip::Event::Refused { call, status, retry_after, .. } => {
                own.sessions.remove(&call);
                own.outcomes.insert(call, Outcome::Refused { status: status.code(), retry_after });
            }
            sip::Event::Ended { call, cause, .. } => {
                own.sessions.remove(&call);
                own.outcomes.insert(call, Outcome::Ended(cause));
            }
            sip::Event::Reinvited { call, offer } => {
                if let Some(session) = own.sessions.get_mut(&call) {
                    session.offer = offer;
                    let answer = session.answer();
                    let _ = own.endpoint.answer_reinvite(now, call, &answer);
                }
            }
            sip::Event::NotifySipfrag { status, .. } => own.transfers.push(status.code()),
            sip::Event::ReferAnswered { status, .. } if !status.is_success() => own.transfers.push(status.code()),
            sip::Event::Response { handle, status, .. } if own.registration.pending == Some(handle) => {
                own.registration.pending = None;
                own.registration.status = Some(status.code());
                if own.registration.wanted {
                    self.schedule(self.now + REFRESH, Due::Refresh(phone));
                }
            }
            sip::Event::Register { .. } | sip::Event::Request { .. } | sip::Event::Referred(_) => {}
            sip::Event::Progress { .. }
            | sip::Event::ReinviteAnswered { .. }
            | sip::Event::ReinviteRefused { .. }
            | sip::Event::ReferAnswered { .. }
            | sip::Event::Info { .. }
            | sip::Event::Response { .. } => {}
        }
        self.touch(phone);
    }

    // What came of it.

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
        assert_eq!(fold.live(), 0, "an interaction has no CDR");
        cdrs
    }
}
