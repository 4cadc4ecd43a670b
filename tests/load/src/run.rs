//! The loop: one thread, one clock, two SIP sockets and all endpoints.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        socket::{setsockopt, sockopt},
        time::TimeSpec,
    },
};

use crate::{
    agents::{self, Agents},
    audio::{Endpoints, SLOTS},
    callers::{self, Callers},
    figures::{Report, Tally, Window},
    process::{self, Usage},
    schedule::{Schedule, Timer},
    sip::Heard,
};

/// Where the phones are; the host is on 127.0.0.1.
pub const CALLERS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub const AGENTS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A run cannot be longer, nor place more calls.
pub const MOST_TIME: Duration = Duration::from_secs(300);
pub const MOST_CALLS: usize = 200_000;

/// One load.
#[derive(Clone, Debug)]
pub struct Plan {
    pub label: String,
    pub callers: callers::Habits,
    /// New calls per second.
    pub per_second: f64,
    /// No more than so many calls in all.
    pub calls: usize,
    /// No more than so many at the same time: with a rate that is high enough, the load is a closed loop.
    pub live: usize,
    /// What is measured, since the first call.
    pub window: std::ops::Range<Duration>,
    /// When no new calls are placed any more and all that are left hang up.
    pub lasts: Duration,
    /// Calls that are not over after this long have failed.
    pub drain: Duration,
}

/// What is measured beside the wire.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub sip: SocketAddrV4,
    pub pid: u32,
    pub core: usize,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("only a host on loopback is loaded, not {0}")]
    NotLoopback(SocketAddrV4),
    #[error("a run is bounded to {MOST_CALLS} calls and 300 s")]
    TooMuch,
    #[error("{done} of {all} agents' phones are registered after {waited:?}; final statuses: {refusals:?}")]
    Registration { done: usize, all: usize, waited: Duration, refusals: std::collections::BTreeMap<u16, usize> },
    #[error("the system denies a socket")]
    Socket(#[from] io::Error),
    #[error("the system denies a wait")]
    Wait(#[from] nix::Error),
}

/// What callers and agents act upon.
#[derive(Debug)]
pub struct World {
    pub target: SocketAddrV4,
    pub endpoints: Endpoints,
    pub schedule: Schedule,
    pub tally: Tally,
    callers: UdpSocket,
    agents: UdpSocket,
}

impl World {
    fn new(target: SocketAddrV4) -> Result<Self, RunError> {
        if !target.ip().is_loopback() {
            return Err(RunError::NotLoopback(target));
        }
        Ok(Self {
            target,
            endpoints: Endpoints::default(),
            schedule: Schedule::default(),
            tally: Tally::default(),
            callers: sip_socket(CALLERS, target)?,
            agents: sip_socket(AGENTS, target)?,
        })
    }

    /// What the system does not take is as good as lost on the way, and is said again like that.
    pub(crate) fn callers_say(&mut self, text: &str) {
        let _ = self.callers.send(text.as_bytes());
    }

    pub(crate) fn agents_say(&mut self, text: &str) {
        let _ = self.agents.send(text.as_bytes());
    }
}

fn sip_socket(ip: Ipv4Addr, target: SocketAddrV4) -> Result<UdpSocket, RunError> {
    let socket = UdpSocket::bind(SocketAddrV4::new(ip, 0))?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    // Thousands of phones share this socket. Without the right to a larger buffer the usual one has to do.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20));
    Ok(socket)
}

fn local(socket: &UdpSocket) -> io::Result<SocketAddrV4> {
    match socket.local_addr()? {
        std::net::SocketAddr::V4(address) => Ok(address),
        std::net::SocketAddr::V6(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Phones that have registered, ready for any number of loads one after another.
#[derive(Debug)]
pub struct Load {
    server: Server,
    world: World,
    agents: Agents,
    /// Distinguishes the calls of one load from the next.
    run: u32,
    rss_before_kib: u64,
}

/// Phones that register at the same time, each millisecond.
const REGISTER_AT_ONCE: usize = 2;
const REGISTER_WITHIN: Duration = Duration::from_secs(20);
/// Messages taken from a socket before anything else has its turn.
const BURST: usize = 200;

impl Load {
    /// Registers all agents; returns when each has its 200.
    pub fn new(server: Server, agents: agents::Habits) -> Result<Self, RunError> {
        let world = World::new(server.sip)?;
        let run = std::process::id();
        let all = agents.accounts.count;
        let agents = Agents::new(agents, local(&world.agents)?, run);
        let mut load = Self { server, world, agents, run, rss_before_kib: 0 };
        let start = Instant::now();
        let mut again = start + Duration::from_secs(1);
        // Nobody calls yet; the phones' messages alone are handled.
        let habits = callers::Habits {
            numbers: Vec::new(),
            aside: 0,
            voice: crate::audio::Voice::Absent,
            stays: None,
            patience: Duration::ZERO,
        };
        let mut nobody = Callers::new(habits, local(&load.world.callers)?, run);
        while load.agents.registered < all {
            let now = Instant::now();
            if now - start > REGISTER_WITHIN {
                let (done, refusals) = (load.agents.registered, load.world.tally.calls.refusals.clone());
                return Err(RunError::Registration { done, all, waited: REGISTER_WITHIN, refusals });
            }
            if now > again {
                again = now + Duration::from_secs(1);
                load.agents.register_again();
            }
            load.agents.register(REGISTER_AT_ONCE, &mut load.world);
            load.world.wait(Duration::from_millis(1))?;
            load.receive(&mut nobody);
        }
        load.rss_before_kib = process::usage(server.pid).rss_kib;
        Ok(load)
    }

    /// Places the calls of `plan` and measures its window.
    pub fn run(&mut self, plan: &Plan) -> Result<Report, RunError> {
        if plan.calls > MOST_CALLS || plan.lasts + plan.drain > MOST_TIME {
            return Err(RunError::TooMuch);
        }
        self.world.tally = Tally::default();
        self.world.endpoints.figures = crate::figures::Audio::default();
        self.world.endpoints.relay = crate::figures::Samples::default();
        self.run = self.run.wrapping_add(1);
        let mut callers = Callers::new(plan.callers.clone(), local(&self.world.callers)?, self.run);
        let mut observer = Observer::new(self.server, self.rss_before_kib);
        let start = Instant::now();
        let mut ticks: u64 = 0;
        let mut leaving = false;
        loop {
            let now = Instant::now();
            let elapsed = now - start;
            let in_window = plan.window.contains(&elapsed);
            if in_window != self.world.tally.in_window {
                observer.turn(in_window, now, self.world.tally.ended);
                self.world.tally.in_window = in_window;
                self.world.endpoints.in_window = in_window;
            }
            if in_window {
                observer.sample(now, &callers, &self.agents);
            }
            if elapsed < plan.lasts {
                let due = (elapsed.as_secs_f64() * plan.per_second) as usize + 1;
                let mut burst = 0;
                while callers.placed() < due.min(plan.calls) && callers.live < plan.live && burst < 50 {
                    callers.place(Instant::now(), &mut self.world)?;
                    burst += 1;
                }
            } else if !leaving {
                leaving = true;
                callers.leave_all(now, plan.drain / 2, &mut self.world);
            }
            if leaving && (callers.live == 0 && self.agents.busy == 0 || elapsed > plan.lasts + plan.drain) {
                break;
            }

            let next = start + Duration::from_millis(ticks + 1);
            self.world.wait(next.saturating_duration_since(now))?;
            self.receive(&mut callers);
            let now = Instant::now();
            while let Some(timer) = self.world.schedule.due(now) {
                match timer {
                    Timer::Caller(index, timer) => callers.handle_timer(now, index, timer, &mut self.world),
                    Timer::Agent(index, timer) => self.agents.handle_timer(now, index, timer, &mut self.world),
                }
            }
            let due = u64::try_from((now - start).as_millis()).unwrap_or(u64::MAX);
            if in_window {
                observer.late(due.saturating_sub(ticks + 1));
            }
            // After a long pause of this machine the packets of that time are not made up for.
            ticks = ticks.max(due.saturating_sub(SLOTS as u64));
            while ticks < due {
                ticks += 1;
                self.world.endpoints.tick(ticks as usize % SLOTS);
            }
        }
        self.world.tally.calls.failed += callers.live;
        // Timers of the calls of this load must not meet those of the next.
        self.world.schedule = Schedule::default();
        Ok(self.report(plan, observer.window))
    }

    fn receive(&mut self, callers: &mut Callers) {
        let mut buffer = [0; 8_192];
        for _ in 0..BURST {
            let Ok(length) = self.world.callers.recv(&mut buffer) else { break };
            if let Some(message) = Heard::from_bytes(&buffer[..length]) {
                callers.handle_message(Instant::now(), message, &mut self.world);
            }
        }
        for _ in 0..BURST {
            let Ok(length) = self.world.agents.recv(&mut buffer) else { break };
            if let Some(message) = Heard::from_bytes(&buffer[..length]) {
                self.agents.handle_message(Instant::now(), message, callers, &mut self.world);
            }
        }
    }

    fn report(&mut self, plan: &Plan, window: Window) -> Report {
        let tally = std::mem::take(&mut self.world.tally);
        Report {
            label: plan.label.clone(),
            calls: tally.calls,
            window,
            audio: self.world.endpoints.figures.clone(),
            invite_to_ringing_ms: tally.invite_to_ringing.spread(),
            invite_to_answer_ms: tally.invite_to_answer.spread(),
            invite_to_agent_ms: tally.invite_to_agent.spread(),
            agent_free_to_ring_ms: tally.agent_free_to_ring.spread(),
            bye_to_ok_ms: tally.bye_to_ok.spread(),
            relay_ms: self.world.endpoints.relay.spread(),
        }
    }
}

impl World {
    /// Until a SIP message is there, or the time is up.
    fn wait(&self, at_most: Duration) -> Result<(), RunError> {
        let mut sockets =
            [PollFd::new(self.callers.as_fd(), PollFlags::POLLIN), PollFd::new(self.agents.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut sockets, Some(TimeSpec::from_duration(at_most)), None) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Looks at the server while the window is open.
#[derive(Debug)]
struct Observer {
    server: Server,
    opened: Option<Opened>,
    next_sample: Option<Instant>,
    samples: u32,
    window: Window,
}

#[derive(Debug)]
struct Opened {
    at: Instant,
    server: Usage,
    load: Usage,
    core_s: f64,
    ended: usize,
}

/// Between two looks at memory and at who is busy.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

impl Observer {
    fn new(server: Server, rss_before_kib: u64) -> Self {
        let window = Window { rss_before_kib: rss_before_kib as f64, ..Window::default() };
        Self { server, opened: None, next_sample: None, samples: 0, window }
    }

    fn turn(&mut self, open: bool, now: Instant, ended: usize) {
        let (server, load) = (process::usage(self.server.pid), process::usage(std::process::id()));
        let core_s = process::core_busy_s(self.server.core);
        if open {
            self.opened = Some(Opened { at: now, server, load, core_s, ended });
            self.next_sample = Some(now);
            return;
        }
        let Some(opened) = self.opened.take() else { return };
        let window = &mut self.window;
        window.seconds = (now - opened.at).as_secs_f64();
        window.server_user_s = server.user_s - opened.server.user_s;
        window.server_system_s = server.system_s - opened.server.system_s;
        window.load_cpu_s = load.user_s + load.system_s - opened.load.user_s - opened.load.system_s;
        let others_s = core_s - opened.core_s - window.server_cpu_s();
        window.core_taken_by_others_pct = (100.0 * others_s / window.seconds).max(0.0);
        window.calls_ended = ended - opened.ended;
        let samples = f64::from(self.samples.max(1));
        for mean in [&mut window.mean_up, &mut window.mean_waiting, &mut window.mean_agents_busy, &mut window.rss_kib] {
            *mean /= samples;
        }
    }

    fn sample(&mut self, now: Instant, callers: &Callers, agents: &Agents) {
        let Some(next) = self.next_sample.filter(|next| *next <= now) else { return };
        self.next_sample = Some(next + SAMPLE_EVERY);
        self.samples += 1;
        let server = process::usage(self.server.pid);
        let window = &mut self.window;
        window.mean_up += callers.up as f64;
        window.mean_waiting += callers.waiting as f64;
        window.mean_agents_busy += agents.busy as f64;
        window.rss_kib += server.rss_kib as f64;
        window.threads = window.threads.max(server.threads);
    }

    fn late(&mut self, ms: u64) {
        self.window.late_ms = self.window.late_ms.max(ms as f64);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A world whose host is a socket that a test reads.
    pub(crate) struct Wire {
        pub(crate) world: World,
        pub(crate) callers: SocketAddrV4,
        pub(crate) agents: SocketAddrV4,
        host: UdpSocket,
    }

    impl Wire {
        pub(crate) fn new() -> Self {
            let host = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            host.set_nonblocking(true).unwrap();
            let world = World::new(local(&host).unwrap()).unwrap();
            let (callers, agents) = (local(&world.callers).unwrap(), local(&world.agents).unwrap());
            Self { world, callers, agents, host }
        }

        /// Of everything that was said, in order; the host's address reads HOST.
        pub(crate) fn first_lines(&self) -> Vec<String> {
            let mut buffer = [0; 8_192];
            let mut lines = Vec::new();
            while let Ok(length) = self.host.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let line = text.lines().next().unwrap_or_default();
                lines.push(line.replace(&self.world.target.to_string(), "HOST"));
            }
            lines
        }
    }

    #[test]
    fn nothing_but_loopback_is_loaded() {
        let elsewhere = "192.0.2.1:5060".parse().unwrap();
        assert!(matches!(World::new(elsewhere), Err(RunError::NotLoopback(address)) if address == elsewhere));
    }
}
