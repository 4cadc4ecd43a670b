//! Agents' phones: each registers, rings, answers, and may hang up after a while.
//!
//! ```text
//! Ringing ──answers──▶ Answered ──ACK──▶ Talking ──hang up──▶ Leaving ──200──▶ Ended
//!    └──── CANCEL, or BYE of the host at any time ──────────────────────────────▶ │
//! ```

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use crate::{
    audio::{EndpointId, Voice},
    callers::{Callers, millis},
    digest::{Algorithm, Asking},
    run::World,
    schedule::{MOST_REPEATS, Timer, repeat_after},
    sip::{Heard, Reply, Request, Start, sdp, uri_of, user_of},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentTimer {
    Answer,
    Repeat { nth: u32 },
    HangUp,
}

/// What all agents do alike.
#[derive(Clone, Debug)]
pub struct Habits {
    pub accounts: Accounts,
    pub voice: Voice,
    /// From the INVITE to the answer.
    pub rings: Duration,
    /// How long an agent talks, from the shortest to the longest, evenly spread; without it, until the host hangs up.
    pub talks: Option<std::ops::Range<Duration>>,
}

/// Accounts `a1` to `aN`, all with one password.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub count: usize,
    pub password: String,
}

impl Accounts {
    pub fn name(index: usize) -> String {
        format!("a{}", index + 1)
    }
}

#[derive(Debug)]
enum State {
    Ringing,
    /// `ok` is said again until the ACK comes (RFC 3261 §13.3.1.4).
    Answered {
        ok: String,
    },
    Talking,
    Leaving,
    Ended,
}

/// One INVITE to one agent.
#[derive(Debug)]
struct Leg {
    state: State,
    agent: String,
    endpoint: Option<EndpointId>,
    /// The INVITE as it came, for the answers to it.
    invite: String,
    /// Target of the BYE.
    contact: String,
}

#[derive(Debug)]
pub struct Agents {
    habits: Habits,
    local: SocketAddrV4,
    run: u32,
    registrations: Vec<Registration>,
    pub registered: usize,
    legs: Vec<Leg>,
    by_call_id: BTreeMap<String, usize>,
    /// When each agent last said BYE, until the next INVITE.
    free_since: BTreeMap<String, Instant>,
    pub busy: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registration {
    Unsaid,
    Asked { tries: u32 },
    Done,
}

/// REGISTER attempts of one phone, challenges included.
const MOST_TRIES: u32 = 6;

impl Agents {
    pub fn new(habits: Habits, local: SocketAddrV4, run: u32) -> Self {
        let registrations = vec![Registration::Unsaid; habits.accounts.count];
        Self {
            habits,
            local,
            run,
            registrations,
            registered: 0,
            legs: Vec::new(),
            by_call_id: BTreeMap::new(),
            free_since: BTreeMap::new(),
            busy: 0,
        }
    }

    /// Lets some more phones register, or ask again; to be called every few milliseconds until all have.
    pub fn register(&mut self, at_once: usize, world: &mut World) {
        let open = self.registrations.iter().enumerate().filter(|(_, state)| **state == Registration::Unsaid);
        let open: Vec<usize> = open.map(|(index, _)| index).take(at_once).collect();
        for index in open {
            self.ask(index, 1, "", world);
        }
    }

    /// Phones that got no answer ask again.
    pub fn register_again(&mut self) {
        for state in &mut self.registrations {
            if let Registration::Asked { .. } = state {
                *state = Registration::Unsaid;
            }
        }
    }

    fn ask(&mut self, index: usize, tries: u32, authorization: &str, world: &mut World) {
        self.registrations[index] = Registration::Asked { tries };
        let (run, user, ip) = (self.run, Accounts::name(index), world.target.ip());
        let account = format!("<sip:{user}@{ip}>");
        let request = Request {
            method: "REGISTER",
            uri: &format!("sip:{}", world.target),
            local: self.local,
            branch: &format!("{run}r{index}n{tries}"),
            from: &format!("{account};tag=r{run}x{index}"),
            to: &account,
            call_id: &format!("phone{index}-{run}@load"),
            cseq: tries,
            contact: Some(&user),
            more: &format!("Expires: 3600\r\n{authorization}"),
            sdp: None,
        };
        world.agents_say(&request.text());
    }

    pub fn handle_message(&mut self, now: Instant, message: Heard<'_>, callers: &mut Callers, world: &mut World) {
        let leg = self.by_call_id.get(message.call_id()).copied();
        match message.start() {
            Some(Start::Status(status)) => match (message.cseq().1, leg) {
                ("REGISTER", _) => self.handle_register_status(status, message, world),
                ("BYE", Some(index)) if status >= 200 => self.end(index, world),
                _ => {}
            },
            Some(Start::Request { method: "INVITE", uri }) => match leg {
                None => self.ring(now, user_of(uri), message, callers, world),
                Some(index) if message.to().contains(";tag=") => self.accept_new_session(index, message, world),
                Some(index) => {
                    world.tally.calls.retransmissions += 1;
                    if let State::Answered { ok } = &self.legs[index].state {
                        world.agents_say(ok);
                    }
                }
            },
            Some(Start::Request { method: "ACK", .. }) => {
                if let Some(index) = leg
                    && let State::Answered { .. } = self.legs[index].state
                {
                    self.legs[index].state = State::Talking;
                    if let Some(talks) = &self.habits.talks {
                        let share = spread(index);
                        let lasts = talks.start + (talks.end - talks.start).mul_f64(share);
                        world.schedule.set(now + lasts, Timer::Agent(index, AgentTimer::HangUp));
                    }
                }
            }
            Some(Start::Request { method: "CANCEL", .. }) => {
                world.agents_say(&Reply::default().text(message, "200 OK"));
                if let Some(index) = leg
                    && let State::Ringing = self.legs[index].state
                {
                    world.tally.calls.agent_cancels += 1;
                    self.answer_invite(index, "487 Request Terminated", world);
                    self.end(index, world);
                }
            }
            Some(Start::Request { method, .. }) => {
                world.agents_say(&Reply::default().text(message, "200 OK"));
                if let (Some(index), "BYE") = (leg, method) {
                    self.end(index, world);
                }
            }
            None => {}
        }
    }

    fn handle_register_status(&mut self, status: u16, message: Heard<'_>, world: &mut World) {
        let user = user_of(uri_of(message.to())).to_owned();
        let number: Option<usize> = user.strip_prefix('a').and_then(|number| number.parse().ok());
        let Some(index) = number.and_then(|number| number.checked_sub(1)) else { return };
        let Some(Registration::Asked { tries }) = self.registrations.get(index).copied() else { return };
        match status {
            200..300 => {
                self.registrations[index] = Registration::Done;
                self.registered += 1;
            }
            401 if tries < MOST_TRIES => {
                let asking = Asking {
                    user: &user,
                    password: &self.habits.accounts.password,
                    method: "REGISTER",
                    uri: &format!("sip:{}", world.target),
                    cnonce: &format!("{:08x}", index.wrapping_mul(2_654_435_761) as u32 ^ tries),
                };
                // Half of the phones are old ones.
                let algorithm = if index % 2 == 0 { Algorithm::Sha256 } else { Algorithm::Md5 };
                let challenges = || message.all("WWW-Authenticate", "WWW-Authenticate");
                let answer =
                    asking.answer(challenges(), algorithm).or_else(|| asking.answer(challenges(), Algorithm::Md5));
                if let Some(answer) = answer {
                    self.ask(index, tries + 1, &format!("Authorization: {answer}\r\n"), world);
                }
            }
            // The tenant may not be there yet; `register_again` tries anew.
            _ => *world.tally.calls.refusals.entry(status).or_default() += 1,
        }
    }

    fn ring(&mut self, now: Instant, agent: &str, message: Heard<'_>, callers: &mut Callers, world: &mut World) {
        world.tally.calls.agent_invites += 1;
        world.tally.calls.messages += 1;
        // Kept from the first call on, because where agents are plenty all calls are placed before the window opens.
        if let Some(placed) = callers.reached(user_of(uri_of(message.from()))) {
            world.tally.invite_to_agent.add(millis(now - placed));
        }
        if let Some(since) = self.free_since.remove(agent)
            && world.tally.in_window
        {
            world.tally.agent_free_to_ring.add(millis(now - since));
        }
        // Without a socket the phone is silent, which is better than no phone.
        let endpoint = world.endpoints.open(*self.local.ip(), self.habits.voice).ok().flatten();
        world.endpoints.set_peer(endpoint, message.audio());
        let index = self.legs.len();
        self.by_call_id.insert(message.call_id().to_owned(), index);
        let (agent, invite, contact) = (agent.to_owned(), message.text().to_owned(), message.contact().to_owned());
        self.legs.push(Leg { state: State::Ringing, agent, endpoint, invite, contact });
        self.busy += 1;
        self.answer_invite(index, "180 Ringing", world);
        if self.habits.rings.is_zero() {
            self.answer(now, index, world);
        } else {
            world.schedule.set(now + self.habits.rings, Timer::Agent(index, AgentTimer::Answer));
        }
    }

    fn answer(&mut self, now: Instant, index: usize, world: &mut World) {
        let ok = self.answer_invite(index, "200 OK", world);
        self.legs[index].state = State::Answered { ok };
        world.tally.calls.messages += 1;
        world.schedule.set(now + repeat_after(0), Timer::Agent(index, AgentTimer::Repeat { nth: 1 }));
    }

    fn answer_invite(&self, index: usize, status: &str, world: &mut World) -> String {
        let leg = &self.legs[index];
        let session = status
            .starts_with("200")
            .then(|| sdp(SocketAddrV4::new(*self.local.ip(), world.endpoints.port(leg.endpoint))));
        let tag = self.tag(index);
        let reply = Reply { to_tag: Some(&tag), contact: Some((&leg.agent, self.local)), sdp: session.as_deref() };
        let Some(invite) = Heard::from_bytes(leg.invite.as_bytes()) else { return String::new() };
        let text = reply.text(invite, status);
        world.agents_say(&text);
        text
    }

    /// A re-INVITE moves the peer's audio; ours stays.
    fn accept_new_session(&mut self, index: usize, message: Heard<'_>, world: &mut World) {
        let leg = &self.legs[index];
        world.endpoints.set_peer(leg.endpoint, message.audio());
        let session = sdp(SocketAddrV4::new(*self.local.ip(), world.endpoints.port(leg.endpoint)));
        let reply = Reply { contact: Some((&leg.agent, self.local)), sdp: Some(&session), ..Reply::default() };
        world.agents_say(&reply.text(message, "200 OK"));
    }

    pub fn handle_timer(&mut self, now: Instant, index: usize, timer: AgentTimer, world: &mut World) {
        match (&self.legs[index].state, timer) {
            (State::Ringing, AgentTimer::Answer) => self.answer(now, index, world),
            (State::Answered { ok }, AgentTimer::Repeat { nth }) if nth <= MOST_REPEATS => {
                world.tally.calls.retransmissions += 1;
                world.agents_say(ok);
                world.schedule.set(now + repeat_after(nth), Timer::Agent(index, AgentTimer::Repeat { nth: nth + 1 }));
            }
            (State::Talking, AgentTimer::HangUp) => {
                self.legs[index].state = State::Leaving;
                self.free_since.insert(self.legs[index].agent.clone(), now);
                world.tally.calls.messages += 1;
                self.say_bye(index, world);
                world.schedule.set(now + repeat_after(0), Timer::Agent(index, AgentTimer::Repeat { nth: 1 }));
            }
            (State::Leaving, AgentTimer::Repeat { nth }) if nth <= MOST_REPEATS => {
                world.tally.calls.retransmissions += 1;
                self.say_bye(index, world);
                world.schedule.set(now + repeat_after(nth), Timer::Agent(index, AgentTimer::Repeat { nth: nth + 1 }));
            }
            (State::Answered { .. } | State::Leaving, AgentTimer::Repeat { .. }) => self.end(index, world),
            // A timer of a state that has passed.
            _ => {}
        }
    }

    fn say_bye(&self, index: usize, world: &mut World) {
        let leg = &self.legs[index];
        let Some(invite) = Heard::from_bytes(leg.invite.as_bytes()) else { return };
        let request = Request {
            method: "BYE",
            uri: &leg.contact,
            local: self.local,
            branch: &format!("{}u{index}b", self.run),
            from: &format!("{};tag={}", invite.to(), self.tag(index)),
            to: invite.from(),
            call_id: invite.call_id(),
            cseq: 1,
            contact: None,
            more: "",
            sdp: None,
        };
        world.agents_say(&request.text());
    }

    fn tag(&self, index: usize) -> String {
        format!("u{}x{index}", self.run)
    }

    fn end(&mut self, index: usize, world: &mut World) {
        let leg = &mut self.legs[index];
        if let State::Ended = leg.state {
            return;
        }
        leg.state = State::Ended;
        leg.invite = String::new();
        world.endpoints.close(leg.endpoint.take());
        self.busy -= 1;
    }
}

/// From 0 to 1, the same for the same leg and spread like chance.
fn spread(index: usize) -> f64 {
    f64::from((index as u32).wrapping_mul(2_654_435_761) >> 16) / 65_536.0
}

#[cfg(test)]
mod tests {
    use crate::{callers, run::tests::Wire};

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn invite(call_id: &str) -> String {
        format!(
            "INVITE sip:a1@127.0.0.3 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{call_id}\r\n\
             From: <sip:700000000@pb>;tag=h\r\nTo: <sip:a1@pb>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:pb@127.0.0.1>\r\n\r\n"
        )
    }

    /// The caller dials at 0 ms, the phone rings at 15 ms, the agent talks for 100 ms, and the next caller comes 7 ms after the BYE.
    #[test]
    fn an_agent_is_free_from_the_bye_until_the_next_invite() {
        let mut wire = Wire::new();
        let accounts = Accounts { count: 1, password: String::new() };
        let habits = Habits { accounts, voice: Voice::Absent, rings: ms(0), talks: Some(ms(100)..ms(100)) };
        let mut agents = Agents::new(habits, wire.agents, 1);
        let habits = callers::Habits {
            numbers: vec!["8000".into()],
            aside: 0,
            voice: Voice::Absent,
            stays: None,
            patience: ms(1_000),
        };
        let mut callers = Callers::new(habits, wire.callers, 1);
        let start = Instant::now();
        wire.world.tally.in_window = true;
        callers.place(start, &mut wire.world).unwrap();
        let mut hear = |now, text: &str, wire: &mut Wire| {
            agents.handle_message(now, Heard::from_bytes(text.as_bytes()).unwrap(), &mut callers, &mut wire.world);
            while let Some(Timer::Agent(index, timer)) = wire.world.schedule.due(now) {
                agents.handle_timer(now, index, timer, &mut wire.world);
            }
        };
        let first = invite("first");
        hear(start + ms(15), &first, &mut wire);
        hear(start + ms(20), &first.replace("INVITE", "ACK"), &mut wire);
        let bye_ok = "SIP/2.0 200 OK\r\nCall-ID: first\r\nCSeq: 1 BYE\r\n\r\n";
        // Any message moves the clock; this one is nobody's.
        hear(start + ms(120), "SIP/2.0 200 OK\r\n\r\n", &mut wire);
        hear(start + ms(121), bye_ok, &mut wire);
        hear(start + ms(127), &invite("second"), &mut wire);
        assert_eq!(
            wire.first_lines(),
            [
                "INVITE sip:8000@HOST SIP/2.0",
                "SIP/2.0 180 Ringing",
                "SIP/2.0 200 OK",
                "BYE sip:pb@127.0.0.1 SIP/2.0",
                "SIP/2.0 180 Ringing",
                "SIP/2.0 200 OK"
            ]
        );
        let tally = &wire.world.tally;
        let measured = [&tally.invite_to_agent, &tally.agent_free_to_ring].map(|samples| samples.spread().unwrap().max);
        assert_eq!((measured, agents.busy), ([15.0, 7.0], 1));
    }
}
