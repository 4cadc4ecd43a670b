//! Callers: each dials, listens or talks, hangs up after a while, and takes a BYE at any time.
//!
//! ```text
//! Inviting ──200──▶ Up ──hang up──▶ Leaving ──200──▶ Ended
//!    │               └───── BYE of the host ─────────▶ │
//!    └── refused, or no answer in time ───────────────▶ │
//! ```

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use crate::{
    audio::{EndpointId, Voice},
    run::World,
    schedule::{MOST_REPEATS, Timer, repeat_after},
    sip::{Heard, Reply, Request, Start, sdp},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerTimer {
    Repeat { nth: u32 },
    HangUp,
    GiveUp,
}

/// What all callers do alike.
#[derive(Clone, Debug)]
pub struct Habits {
    /// What is dialled: by one caller after the other, over and over.
    pub numbers: Vec<String>,
    /// Calls to the last so many of them are no part of the latencies.
    pub aside: usize,
    pub voice: Voice,
    /// How long a caller stays after the answer; without it, until the host hangs up or the run ends.
    pub stays: Option<Duration>,
    /// A caller without an answer cancels after this long, which counts as failed.
    pub patience: Duration,
}

#[derive(Debug)]
enum State {
    /// `heard`: a provisional answer came, so nothing is repeated (RFC 3261 §17.1.1.2).
    Inviting {
        heard: bool,
        rang: bool,
    },
    Up {
        remote: Remote,
    },
    Leaving {
        remote: Remote,
        since: Instant,
    },
    Ended,
}

/// The other end of the dialog.
#[derive(Clone, Debug)]
struct Remote {
    to: String,
    contact: String,
}

#[derive(Debug)]
struct Call {
    state: State,
    placed: Instant,
    endpoint: Option<EndpointId>,
    /// An agent's phone got an INVITE for this caller.
    reached_agent: bool,
}

#[derive(Debug)]
pub struct Callers {
    habits: Habits,
    local: SocketAddrV4,
    /// Tells this run's calls from those of another.
    run: u32,
    calls: Vec<Call>,
    pub live: usize,
    pub up: usize,
    /// Live callers that no agent's phone has rung for.
    pub waiting: usize,
}

/// Caller 17 calls from 700000017: the agent's side finds the caller by it.
const FIRST_NUMBER: usize = 700_000_000;

impl Callers {
    pub fn new(habits: Habits, local: SocketAddrV4, run: u32) -> Self {
        Self { habits, local, run, calls: Vec::new(), live: 0, up: 0, waiting: 0 }
    }

    fn number(&self, index: usize) -> &str {
        let numbers = &self.habits.numbers;
        numbers.get(index % numbers.len().max(1)).map_or("", String::as_str)
    }

    fn is_aside(&self, index: usize) -> bool {
        let count = self.habits.numbers.len().max(1);
        index % count + self.habits.aside >= count
    }

    pub fn placed(&self) -> usize {
        self.calls.len()
    }

    pub fn place(&mut self, now: Instant, world: &mut World) -> std::io::Result<()> {
        let index = self.calls.len();
        let endpoint = world.endpoints.open(*self.local.ip(), self.habits.voice)?;
        let state = State::Inviting { heard: false, rang: false };
        self.calls.push(Call { state, placed: now, endpoint, reached_agent: false });
        self.live += 1;
        self.waiting += 1;
        world.tally.calls.placed += 1;
        world.tally.calls.messages += 1;
        self.say(index, "INVITE", world);
        world.schedule.set(now + repeat_after(0), Timer::Caller(index, CallerTimer::Repeat { nth: 1 }));
        world.schedule.set(now + self.habits.patience, Timer::Caller(index, CallerTimer::GiveUp));
        Ok(())
    }

    /// When the caller of this From placed the call, once: the second INVITE for the same caller is no news.
    pub fn reached(&mut self, from: &str) -> Option<Instant> {
        let index = from.parse::<usize>().ok()?.checked_sub(FIRST_NUMBER)?;
        let call = self.calls.get_mut(index).filter(|call| !call.reached_agent)?;
        call.reached_agent = true;
        if !matches!(call.state, State::Ended) {
            self.waiting -= 1;
        }
        Some(call.placed)
    }

    /// Everybody who is still there leaves, spread over `within`.
    pub fn leave_all(&mut self, now: Instant, within: Duration, world: &mut World) {
        let mut left = 0;
        for (index, call) in self.calls.iter().enumerate() {
            if !matches!(call.state, State::Ended) {
                let at = now + within.mul_f64(left as f64 / self.live.max(1) as f64);
                world.schedule.set(at, Timer::Caller(index, CallerTimer::HangUp));
                left += 1;
            }
        }
    }

    pub fn handle_timer(&mut self, now: Instant, index: usize, timer: CallerTimer, world: &mut World) {
        match (&self.calls[index].state, timer) {
            (State::Inviting { heard: false, .. }, CallerTimer::Repeat { nth }) if nth <= MOST_REPEATS => {
                self.repeat(now, index, nth, "INVITE", world);
            }
            (State::Leaving { .. }, CallerTimer::Repeat { nth }) if nth <= MOST_REPEATS => {
                self.repeat(now, index, nth, "BYE", world);
            }
            (State::Leaving { .. }, CallerTimer::Repeat { .. }) => self.end(index, false, world),
            (State::Inviting { .. }, CallerTimer::GiveUp | CallerTimer::HangUp) => {
                *world.tally.calls.refusals.entry(0).or_default() += 1;
                self.say(index, "CANCEL", world);
                self.end(index, false, world);
            }
            (State::Up { remote }, CallerTimer::HangUp) => {
                self.calls[index].state = State::Leaving { remote: remote.clone(), since: now };
                world.tally.calls.messages += 1;
                self.say(index, "BYE", world);
                world.schedule.set(now + repeat_after(0), Timer::Caller(index, CallerTimer::Repeat { nth: 1 }));
            }
            // A timer of a state that has passed.
            _ => {}
        }
    }

    fn repeat(&mut self, now: Instant, index: usize, nth: u32, method: &str, world: &mut World) {
        world.tally.calls.retransmissions += 1;
        self.say(index, method, world);
        world.schedule.set(now + repeat_after(nth), Timer::Caller(index, CallerTimer::Repeat { nth: nth + 1 }));
    }

    pub fn handle_message(&mut self, now: Instant, message: Heard<'_>, world: &mut World) {
        match message.start() {
            Some(Start::Status(status)) => {
                let Some(index) = self.index_of(message) else { return };
                match message.cseq().1 {
                    "INVITE" => self.handle_invite_status(now, index, status, message, world),
                    "BYE" => {
                        if let State::Leaving { since, .. } = self.calls[index].state {
                            if world.tally.in_window {
                                world.tally.bye_to_ok.add(millis(now - since));
                            }
                            self.end(index, status < 300, world);
                        }
                    }
                    _ => {}
                }
            }
            Some(Start::Request { method: "ACK", .. }) | None => {}
            Some(Start::Request { method, .. }) => self.handle_request(method, message, world),
        }
    }

    fn handle_invite_status(&mut self, now: Instant, index: usize, status: u16, message: Heard<'_>, world: &mut World) {
        let is_measured = world.tally.in_window && !self.is_aside(index);
        let call = &mut self.calls[index];
        let after = millis(now - call.placed);
        match (&mut call.state, status) {
            (State::Inviting { heard, rang }, ..200) => {
                *heard = true;
                if status > 100 && !std::mem::replace(rang, true) && is_measured {
                    world.tally.invite_to_ringing.add(after);
                }
            }
            (State::Inviting { .. }, 200..300) => {
                let remote = Remote { to: message.to().to_owned(), contact: message.contact().to_owned() };
                call.state = State::Up { remote };
                world.endpoints.set_peer(call.endpoint, message.audio());
                if is_measured {
                    world.tally.invite_to_answer.add(after);
                }
                self.up += 1;
                world.tally.calls.messages += 1;
                self.say(index, "ACK", world);
                if let Some(stays) = self.habits.stays {
                    world.schedule.set(now + stays, Timer::Caller(index, CallerTimer::HangUp));
                }
            }
            (State::Up { .. } | State::Leaving { .. }, 200..300) => {
                world.tally.calls.retransmissions += 1;
                self.say(index, "ACK", world);
            }
            (State::Inviting { .. }, 300..) => {
                self.acknowledge_refusal(index, message, world);
                *world.tally.calls.refusals.entry(status).or_default() += 1;
                self.end(index, false, world);
            }
            (State::Ended, 300..) => self.acknowledge_refusal(index, message, world),
            // Late provisional answers, and answers to a call that was given up, change nothing.
            _ => {}
        }
    }

    fn handle_request(&mut self, method: &str, message: Heard<'_>, world: &mut World) {
        let index = self.index_of(message);
        let endpoint = index.and_then(|index| self.calls[index].endpoint);
        if method == "INVITE" {
            world.endpoints.set_peer(endpoint, message.audio());
            let session = sdp(SocketAddrV4::new(*self.local.ip(), world.endpoints.port(endpoint)));
            let reply = Reply { contact: Some(("load", self.local)), sdp: Some(&session), ..Reply::default() };
            world.callers_say(&reply.text(message, "200 OK"));
            return;
        }
        world.callers_say(&Reply::default().text(message, "200 OK"));
        if let (Some(index), "BYE") = (index, method)
            && matches!(self.calls[index].state, State::Up { .. })
        {
            world.tally.calls.ended_by_host += 1;
            self.end(index, true, world);
        }
    }

    fn end(&mut self, index: usize, well: bool, world: &mut World) {
        let call = &mut self.calls[index];
        match std::mem::replace(&mut call.state, State::Ended) {
            State::Ended => return,
            State::Up { .. } | State::Leaving { .. } => self.up -= 1,
            State::Inviting { .. } => {}
        }
        self.live -= 1;
        if !call.reached_agent {
            self.waiting -= 1;
        }
        world.endpoints.close(call.endpoint.take());
        world.tally.ended += 1;
        let count = if well { &mut world.tally.calls.ended_well } else { &mut world.tally.calls.failed };
        *count += 1;
    }

    /// Call-ID: `call17-RUN@load`.
    fn index_of(&self, message: Heard<'_>) -> Option<usize> {
        let (index, run) = message.call_id().strip_prefix("call")?.strip_suffix("@load")?.split_once('-')?;
        let index = index.parse().ok().filter(|index| *index < self.calls.len())?;
        (run.parse() == Ok(self.run)).then_some(index)
    }

    fn say(&self, index: usize, method: &str, world: &mut World) {
        let call = &self.calls[index];
        let (run, local, target) = (self.run, self.local, world.target);
        let first = format!("sip:{}@{target}", self.number(index));
        let (uri, to) = match &call.state {
            State::Up { remote } | State::Leaving { remote, .. } => (remote.contact.clone(), remote.to.clone()),
            State::Inviting { .. } | State::Ended => (first.clone(), format!("<{first}>")),
        };
        // CANCEL is of the transaction that it cancels (RFC 3261 §9.1); ACK of a 200 and BYE are of their own.
        let (letter, cseq) = match method {
            "INVITE" | "CANCEL" => ("i", 1),
            "ACK" => ("a", 1),
            _ => ("b", 2),
        };
        let session =
            (method == "INVITE").then(|| sdp(SocketAddrV4::new(*local.ip(), world.endpoints.port(call.endpoint))));
        let request = Request {
            method,
            uri: &uri,
            local,
            branch: &format!("{run}c{index}{letter}"),
            from: &format!("<sip:{}@{}>;tag=c{run}x{index}", FIRST_NUMBER + index, local.ip()),
            to: &to,
            call_id: &format!("call{index}-{run}@load"),
            cseq,
            contact: session.as_ref().map(|_| "load"),
            more: "",
            sdp: session.as_deref(),
        };
        world.callers_say(&request.text());
    }

    /// In the INVITE's own transaction (RFC 3261 §17.1.1.3).
    fn acknowledge_refusal(&self, index: usize, message: Heard<'_>, world: &mut World) {
        let (run, local) = (self.run, self.local);
        let request = Request {
            method: "ACK",
            uri: &format!("sip:{}@{}", self.number(index), world.target),
            local,
            branch: &format!("{run}c{index}i"),
            from: message.from(),
            to: message.to(),
            call_id: message.call_id(),
            cseq: 1,
            contact: None,
            more: "",
            sdp: None,
        };
        world.callers_say(&request.text());
    }
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use crate::run::tests::Wire;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The INVITE is lost once: it is said again after T1, and the answer counts from the first.
    #[test]
    fn an_answer_is_timed_from_the_first_invite_and_a_repeat_is_counted() {
        let mut wire = Wire::new();
        let habits = Habits {
            numbers: vec!["8000".into()],
            aside: 0,
            voice: Voice::Absent,
            stays: Some(ms(2_000)),
            patience: ms(10_000),
        };
        let mut callers = Callers::new(habits, wire.callers, 7);
        let start = Instant::now();
        wire.world.tally.in_window = true;
        callers.place(start, &mut wire.world).unwrap();
        let status = |cseq: &str| {
            let contact = "Contact: <sip:pb@127.0.0.1>";
            format!(
                "SIP/2.0 200 OK\r\nTo: <sip:8000@h>;tag=h\r\nCall-ID: call0-7@load\r\nCSeq: {cseq}\r\n{contact}\r\n\r\n"
            )
        };
        for (at, heard) in [(500, None), (530, Some(status("1 INVITE"))), (2_530, None), (2_540, Some(status("2 BYE")))]
        {
            let now = start + ms(at);
            if let Some(heard) = heard {
                callers.handle_message(now, Heard::from_bytes(heard.as_bytes()).unwrap(), &mut wire.world);
            }
            while let Some(Timer::Caller(index, timer)) = wire.world.schedule.due(now) {
                callers.handle_timer(now, index, timer, &mut wire.world);
            }
        }
        assert_eq!(
            wire.first_lines(),
            [
                "INVITE sip:8000@HOST SIP/2.0",
                "INVITE sip:8000@HOST SIP/2.0",
                "ACK sip:pb@127.0.0.1 SIP/2.0",
                "BYE sip:pb@127.0.0.1 SIP/2.0"
            ]
        );
        let tally = &wire.world.tally;
        let measured = [&tally.invite_to_answer, &tally.bye_to_ok].map(|samples| samples.spread().unwrap().max);
        assert_eq!((measured, tally.calls.ended_well, tally.calls.retransmissions), ([530.0, 10.0], 1, 1));
    }
}
