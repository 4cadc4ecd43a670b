//! A contact centre in which anything happens at any time: a seeded walk through thousands of calls, with every invariant looked at after each step.

use std::{collections::BTreeMap, time::Duration};

use plugboard_call::{Command, Target};
use plugboard_exchange::Command as HostCommand;
use plugboard_model::{
    AgentRequest, Configuration, EventKind, InteractionId, NumberTarget, Policy, SkillNeed, TransferKind,
};
use plugboard_scenarios::{Fault, LineId, Manners, PhoneId, Then, Weather, World, tenant};
use plugboard_sip::Status;

const AGENTS: u64 = 8;
const NUMBERS: [&str; 9] = ["400", "400", "500", "500", "600", "700", "701", "999", "1004"];

fn configuration() -> Configuration {
    let mut shop = tenant::shop();
    for number in 0..AGENTS {
        tenant::add_agent(&mut shop, &format!("agent{number}"), &format!("20{number:02}"), &["sales", "support"]);
    }
    let settings = [("relax-first-ms", "1000"), ("relax-every-ms", "1000"), ("overflow-to", "sales")];
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let relaxing = Policy { settings, ..Policy::named("route-skills") };
    for (name, queue) in &mut shop.queues {
        queue.ring_timeout = Duration::from_secs(12);
        queue.wrap_up = Duration::from_secs(5);
        queue.missed_limit = 3;
        queue.max_wait = Some(Duration::from_secs(90));
        queue.policy = (name.as_str() == "support").then(|| relaxing.clone());
    }
    // Some have a little of it: most callers are relaxed, once or twice, and then helped by the other queue.
    let english: plugboard_model::SkillId = "english".parse().unwrap();
    shop.queues.get_mut("support").unwrap().skills = vec![SkillNeed { skill: english.clone(), level: 2 }];
    for agent in shop.agents.values_mut().step_by(3) {
        agent.skills.insert(english.clone(), 1);
    }
    shop.limits.call_length = Duration::from_secs(600);
    let boss = r#"{ "format": 1, "name": "boss", "language": "en", "start": "go", "nodes": {
        "go": { "kind": "transfer-agent", "agent": "agent1", "ring_s": 10, "exits": { "no_answer": "q", "busy": "q", "offline": "q" } },
        "q": { "kind": "queue", "queue": "sales", "exit_keys": "*", "exits": { "timeout": "bye", "exit_key": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" } } }"#;
    let out = r#"{ "format": 1, "name": "out", "language": "en", "start": "go", "nodes": {
        "go": { "kind": "transfer-number", "number": "+4930777", "ring_s": 10, "exits": { "no_answer": "bye", "busy": "bye", "failed": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" } } }"#;
    tenant::add_flow(&mut shop, "boss", boss);
    tenant::add_flow(&mut shop, "out", out);
    shop.numbers.insert("600".parse().unwrap(), NumberTarget::Agent("agent0".parse().unwrap()));
    shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("boss".parse().unwrap()));
    shop.numbers.insert("701".parse().unwrap(), NumberTarget::Flow("out".parse().unwrap()));
    shop
}

struct Walk {
    world: World,
    trunk: PhoneId,
    agents: Vec<PhoneId>,
    /// A second phone for each agent.
    mobiles: Vec<PhoneId>,
    /// How often each kind of act was done.
    done: BTreeMap<&'static str, u32>,
    calls: u64,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, configuration());
        let trunk = world.add_phone("trunk", "203.0.113.1:5060", None);
        world.phone_mut(trunk).manners = Manners { then: Then::Answer(500, 8_000), ..Manners::PROMPT };
        let agents: Vec<PhoneId> = (0..AGENTS).map(|number| world.add_agent(&format!("agent{number}"))).collect();
        let mobiles = (0..AGENTS)
            .map(|number| world.add_other_phone(&format!("mobile{number}"), &format!("agent{number}")))
            .collect();
        for agent in &agents {
            world.phone_mut(*agent).manners =
                Manners { then: Then::Answer(500, 9_000), misses_percent: 10, ..Manners::PROMPT };
        }
        world.run_secs(2);
        Self { world, trunk, agents, mobiles, done: BTreeMap::new(), calls: 0 }
    }

    fn below(&mut self, below: u64) -> usize {
        usize::try_from(self.world.chance.below(below)).unwrap()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.below(of.len() as u64)])
    }

    fn agent(&mut self) -> (usize, String, PhoneId) {
        let number = self.below(AGENTS);
        (number, format!("agent{number}"), self.agents[number])
    }

    fn agents_line(&mut self) -> Option<(usize, LineId)> {
        let (number, _, phone) = self.agent();
        let lines = self.world.lines_of(phone);
        Some((number, self.pick(&lines)?))
    }

    fn callers_line(&mut self) -> Option<LineId> {
        let lines = self.world.lines_of(self.trunk);
        self.pick(&lines)
    }

    fn live(&mut self) -> Option<InteractionId> {
        let calls: Vec<_> = self.world.snapshot().calls.iter().map(|call| call.interaction).collect();
        self.pick(&calls)
    }

    fn target(&mut self) -> Target {
        match self.below(6) {
            0 => Target::Queue("sales".parse().unwrap()),
            1 => Target::Flow("main".parse().unwrap()),
            2 => Target::Number("+4930888".parse().unwrap()),
            _ => Target::Agent(format!("agent{}", self.below(AGENTS + 1)).parse().unwrap()),
        }
    }

    fn dialled(&mut self) -> &'static str {
        ["2001", "2002", "2005", "sales", "support", "400", "+4930999", "nobody"][self.below(8)]
    }

    fn command(&mut self) -> Command {
        match self.below(16) {
            0 => Command::Answer,
            1 => Command::HangUp,
            2 | 3 => Command::Hold,
            4 | 5 => Command::Resume,
            6 | 7 => Command::Transfer { to: self.target() },
            8..=10 => Command::Consult { to: self.target() },
            11 => Command::CompleteTransfer,
            12 => Command::CancelConsult,
            13 => Command::PauseRecording,
            14 => Command::ResumeRecording,
            _ => Command::Dispose { agent: None, code: "x".into(), note: "".into() },
        }
    }

    fn act(&mut self) {
        let what = match self.below(1_000) {
            0..260 => self.call_in(),
            260..440 => self.press(),
            440..520 => self.caller_hangs_up(),
            520..700 => self.agents_phone(),
            700..820 => self.desk(),
            820..850 => self.agent_calls(),
            850..900 => self.agent_asks(),
            900..965 => self.phone_comes_and_goes(),
            965..975 => self.sound_stops(),
            975..990 => self.machines_fail(),
            990..995 => self.resources_change(),
            _ => self.weather(),
        };
        *self.done.entry(what).or_default() += 1;
    }

    fn call_in(&mut self) -> &'static str {
        let to = NUMBERS[self.below(NUMBERS.len() as u64)];
        self.calls += 1;
        self.world.dial_as(self.trunk, &format!("+49301{:05}", self.calls), to);
        "call in"
    }

    fn press(&mut self) -> &'static str {
        let keys = ["1", "2", "3", "9", "*", "#", "12#"][self.below(7)];
        if let Some(line) = self.callers_line() {
            if self.below(5) == 0 {
                self.world.info(line, "application/dtmf-relay", &format!("Signal={}\r\nDuration=160\r\n", &keys[..1]));
            } else {
                self.world.press(line, keys);
            }
        }
        "press"
    }

    fn caller_hangs_up(&mut self) -> &'static str {
        if let Some(line) = self.callers_line() {
            self.world.hang_up(line);
        }
        "caller hangs up"
    }

    fn agents_phone(&mut self) -> &'static str {
        let Some((number, line)) = self.agents_line() else { return "no line" };
        match self.below(12) {
            0..2 => self.world.hang_up(line),
            2 => return "patience",
            3 => self.world.hold(line, true),
            4 => self.world.hold(line, false),
            5 => self.world.pick_up(line),
            6 => {
                let dialled = self.dialled();
                self.world.try_refer(line, dialled);
            }
            7 | 8 => {
                let lines = self.world.lines_of(line.phone);
                if lines.len() > 1 {
                    self.world.try_refer_attended(lines[0], lines[1]);
                    return "attended";
                }
                // Asks somebody on the second line first.
                self.world.hold(line, true);
                let dialled = self.dialled();
                self.world.dial(line.phone, dialled);
                return "second line";
            }
            9 => {
                self.world.take_over(self.mobiles[number], &format!("agent{number}"), line);
                return "take over";
            }
            _ => {
                if let Some(line) = self.pick(&self.world.lines_of(self.mobiles[number])) {
                    self.world.hang_up(line);
                }
            }
        }
        "agent's phone"
    }

    fn desk(&mut self) -> &'static str {
        let command = self.command();
        if let Some(interaction) = self.live() {
            // Refused where it does not fit.
            let _ = self.world.call(interaction, command);
        }
        "desk"
    }

    fn agent_calls(&mut self) -> &'static str {
        let (_, agent, phone) = self.agent();
        if self.below(2) == 0 {
            let to = self.target();
            let _ = self.world.command(HostCommand::Originate { agent: agent.parse().unwrap(), to });
            return "click to dial";
        }
        let dialled = self.dialled();
        self.world.dial(phone, dialled);
        "agent dials"
    }

    fn agent_asks(&mut self) -> &'static str {
        let (_, agent, _) = self.agent();
        let request = match self.below(12) {
            0 => AgentRequest::LogOut,
            1 => AgentRequest::LogIn,
            2 => AgentRequest::NotReady { reason: "break".into() },
            _ => AgentRequest::Ready,
        };
        if self.world.exchange.configuration().agents.contains_key(agent.as_str()) {
            self.world.agent(&agent, request);
        }
        "agent asks"
    }

    fn phone_comes_and_goes(&mut self) -> &'static str {
        let (_, _, phone) = self.agent();
        let chosen = self.below(14);
        let own = self.world.phone_mut(phone);
        match chosen {
            0 => own.dead = true,
            1 => (own.dead, own.closed) = (true, true),
            2 => own.manners.then = Then::Ignore,
            3 => own.manners.then = Then::Reject(300, Status::BUSY_HERE),
            4 => self.world.unregister(phone),
            _ => {
                (own.dead, own.closed) = (false, false);
                own.manners.then = Then::Answer(500, 9_000);
                self.world.register(phone);
            }
        }
        "phone comes and goes"
    }

    fn sound_stops(&mut self) -> &'static str {
        let line = if self.below(2) == 0 { self.callers_line() } else { self.agents_line().map(|(_, line)| line) };
        if let Some(line) = line {
            self.world.fall_silent(line);
        }
        "sound stops"
    }

    fn machines_fail(&mut self) -> &'static str {
        let world = &mut self.world;
        match world.chance.below(18) {
            0 => world.components.flow_fault = Fault::Trap,
            1 => world.components.flow_fault = Fault::Silence,
            2 => world.components.policy_fault = Fault::Silence,
            3 => world.components.delay = Duration::from_millis(1_500),
            4 => world.commit_delay = None,
            5 => world.plane.disk_full = true,
            6 => _ = world.plane.missing.insert("menu".into()),
            _ => mend(world),
        }
        "machines fail"
    }

    fn resources_change(&mut self) -> &'static str {
        let chosen = self.below(6);
        self.world.configure(|shop| {
            let whole = configuration();
            match chosen {
                0 => drop(shop.agents.remove("agent2")),
                1 => drop(shop.queues.remove("support")),
                2 => shop.queues.values_mut().for_each(|queue| queue.max_waiting = 2),
                _ => {
                    let revision = shop.revision;
                    *shop = Configuration { revision, ..whole };
                }
            }
        });
        "resources change"
    }

    fn weather(&mut self) -> &'static str {
        self.world.weather = match self.below(3) {
            0 => Weather { delay_ms: 5, jitter_ms: 60, loss_percent: 10, copies_percent: 10 },
            _ => Weather::default(),
        };
        "weather"
    }
}

fn mend(world: &mut World) {
    world.components.flow_fault = Fault::None;
    world.components.policy_fault = Fault::None;
    world.components.delay = Duration::from_millis(1);
    world.plane.disk_full = false;
    world.plane.missing.clear();
    world.commit_after(Duration::from_millis(2));
}

/// Walks until so many calls came in, then lets everybody go home.
fn walk(seed: u64, calls: u64) -> Walk {
    let mut walk = Walk::new(seed);
    while walk.calls < calls {
        let pause = walk.world.chance.between_ms((0, 2_000));
        walk.world.run(pause);
        walk.act();
    }
    let world = &mut walk.world;
    mend(world);
    world.weather = Weather::default();
    world.input(plugboard_exchange::Input::Storage { full: false });
    for phone in walk.agents.iter().chain(&walk.mobiles).chain([&walk.trunk]) {
        (world.phone_mut(*phone).dead, world.phone_mut(*phone).closed) = (false, false);
        world.phone_mut(*phone).manners = Manners::rejecting(Status::BUSY_HERE);
    }
    // Twice, since some of it only now reaches the phones.
    for _ in 0..2 {
        for phone in walk.agents.iter().chain(&walk.mobiles).chain([&walk.trunk]) {
            world.lines_of(*phone).into_iter().for_each(|line| world.hang_up(line));
        }
        world.run_secs(120);
    }
    walk
}

#[test]
fn thousands_of_calls_in_which_anything_happens_leave_nothing_behind() {
    let mut met = [0; 7];
    for seed in 0..5 {
        let mut walk = walk(seed, 1_000);
        walk.world.finish();
        let met_now: [fn(&EventKind) -> bool; 7] = [
            |kind| matches!(kind, EventKind::Connected { .. }),
            |kind| matches!(kind, EventKind::Transferred { kind: TransferKind::Blind, .. }),
            |kind| matches!(kind, EventKind::Transferred { kind: TransferKind::Attended, .. }),
            |kind| matches!(kind, EventKind::LegReplaced { .. }),
            |kind| matches!(kind, EventKind::ConsultStarted { .. }),
            |kind| matches!(kind, EventKind::Relaxed { overflow_to: None, .. }),
            |kind| matches!(kind, EventKind::Relaxed { overflow_to: Some(_), .. }),
        ];
        for (sum, which) in met.iter_mut().zip(met_now) {
            *sum += walk.world.count(which);
        }
    }
    // Else the walk would prove little.
    let [connected, blind, attended, replaced, consulted, relaxed, helped] = met;
    assert!(connected > 600 && blind > 100 && attended > 10 && replaced > 40 && consulted > 40, "{met:?}");
    assert!(relaxed > 100 && helped > 10, "{met:?}");
}

#[test]
fn same_walk_gives_the_same_events() {
    let run = || {
        let walk = walk(11, 150);
        (walk.world.digest(), walk.world.facts.len(), walk.done)
    };
    assert_eq!(run(), run());
}
