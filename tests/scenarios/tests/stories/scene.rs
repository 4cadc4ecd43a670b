//! Every situation that a call can be in, and how it comes to it.

use plugboard_call::{Command, Ear, Offering, Situation, Stage, Talk, Tape, Target};
use plugboard_exchange::Command as HostCommand;
use plugboard_model::{
    AgentRequest, Configuration, NumberTarget,
    compliance::{Act, Decision, Duty, Effect, RecordStep, Rule, Verdict},
};
use plugboard_scenarios::{Fault, LineId, Manners, PhoneId, World, tenant};

use crate::stage::{FIRST, secs};

/// An enum that knows all its values, so that a test can walk through them.
macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($value:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($value),+ }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$value),+];
        }
    };
}
pub(crate) use listed;

listed! {
    /// Where a call stands when something happens to it.
    Scene {
        DirectWanted, DirectRings, FlowThinks, Playing, Gathering, Beeping, Recording, Apology, WaitsWithoutFlow, WaitsInFlow, Announcement,
        Reserved, QueueRings, FlowWants, FlowRings, FlowRingsNumber, Talking, HeldByDesk, HeldByPhone, RecordingPaused, BlindWanted, BlindRings,
        BlindRingsNumber, ReferRings, PartedWanted, PartedRings, RecallRings, BackInQueue, ConsultWanted, ConsultRings, Consulting,
        ConsultingNumber, OwnPhoneRings, OwnTargetRings, OwnTalk, OwnTalkHeld, OwnInternal, LastWord,
        DoorJudged, DutySaid, MessageJudged, DirectJudged, FlowJudged, BlindJudged, ConsultJudged, PartedJudged, OwnJudged, RedirectJudged,
        TapeJudged, TapeHeldBack, TapePausedByRule, ProofAwaited,
    }
}

/// Anna calls, amy works in sales, cid in support; `carrier` is the network outside.
pub(crate) struct Cast {
    pub(crate) world: World,
    pub(crate) anna: PhoneId,
    pub(crate) amy: PhoneId,
    pub(crate) cid: PhoneId,
    pub(crate) carrier: PhoneId,
}

fn cid() -> Target {
    Target::Agent("cid".parse().unwrap())
}

fn outside() -> Target {
    Target::Number("+4930123456".parse().unwrap())
}

fn configuration() -> Configuration {
    let to_agent = r#"{ "format": 1, "name": "boss", "language": "en", "start": "amy", "nodes": {
        "amy": { "kind": "transfer-agent", "agent": "amy", "ring_s": 15,
                 "exits": { "no_answer": "bye", "busy": "bye", "offline": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" } } }"#;
    let to_number = to_agent
        .replace("boss", "out")
        .replace(r#""transfer-agent", "agent": "amy""#, r#""transfer-number", "number": "+4930123456""#)
        .replace("offline", "failed");
    let mut shop = tenant::shop();
    tenant::add_flow(&mut shop, "boss", to_agent);
    tenant::add_flow(&mut shop, "out", &to_number);
    shop.numbers.insert("600".parse().unwrap(), NumberTarget::Agent("amy".parse().unwrap()));
    shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("boss".parse().unwrap()));
    shop.numbers.insert("701".parse().unwrap(), NumberTarget::Flow("out".parse().unwrap()));
    shop
}

impl Cast {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = World::new(seed, configuration());
        let amy = world.add_agent("amy");
        let cid = world.add_agent("cid");
        let anna = world.add_caller("anna");
        let carrier = world.add_phone("carrier", "203.0.113.1:5060", None);
        world.run_secs(1);
        Self { world, anna, amy, cid, carrier }
    }

    fn until(&mut self, what: impl Fn(Situation) -> bool) {
        self.world.run_until(|world| world.exchange.situation(FIRST).is_some_and(&what));
    }

    fn until_offering(&mut self, offering: Offering) {
        self.until(|situation| situation.offering == offering);
    }

    fn command(&mut self, command: Command) {
        self.world.call(FIRST, command).expect("the command fits");
    }

    fn absent(&mut self, phone: PhoneId) {
        self.world.phone_mut(phone).manners = Manners::ABSENT;
    }

    fn disk_stalls(&mut self) {
        self.world.commit_delay = None;
    }

    fn dial(&mut self, to: &str) -> LineId {
        self.world.dial(self.anna, to)
    }

    fn dial_and_press(&mut self, key: &str) {
        let call = self.dial("400");
        self.until(|situation| situation.ear == Ear::Gather);
        self.world.run_secs(1);
        self.world.press(call, key);
    }

    fn amy_is_at_lunch(&mut self) {
        self.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    }

    fn talking(&mut self) {
        self.dial("500");
        self.until(|situation| situation.talk == Talk::Party);
        self.world.run_secs(1);
    }

    fn originate(&mut self, to: Target) {
        self.world.command(HostCommand::Originate { agent: "amy".parse().unwrap(), to }).unwrap();
    }

    /// From here on a rule judges.
    fn rule(&mut self, says: fn(&Act) -> Verdict) {
        self.world.components.judges.insert("rule", says);
        self.world.configure(|shop| {
            shop.rules.insert("rule".into(), Rule { plugin: "rule".into(), settings: Default::default() });
        });
    }

    /// From here on a rule thinks, and says nothing before its deadline.
    fn thinking(&mut self) {
        self.world.components.rule_faults.insert("rule", Fault::Silence);
        self.rule(allows);
    }

    /// A command that the rule thinks about.
    fn asks(&mut self, command: Command) {
        self.world.command_later(HostCommand::Call { interaction: FIRST, command });
    }

    /// Amy asks cid and leaves before cid answers.
    fn parted(&mut self) {
        self.absent(self.cid);
        self.talking();
        self.command(Command::Consult { to: cid() });
        self.until_offering(Offering::RingingForConsult);
        self.world.run_secs(1);
        let line = self.world.line_of(self.amy);
        self.world.hang_up(line);
        self.until_offering(Offering::RingingAfterParting);
    }
}

fn verdict(decision: Decision, duties: Vec<Duty>) -> Verdict {
    Verdict { decision, code: "rule".into(), reason: String::new(), duties }
}

fn allows(_: &Act) -> Verdict {
    verdict(Decision::Allow, Vec::new())
}

fn announces(act: &Act) -> Verdict {
    match act.what {
        Effect::Answer(_) => verdict(Decision::Allow, vec![Duty::Announce("welcome".into())]),
        _ => allows(act),
    }
}

fn forbids_to_keep(act: &Act) -> Verdict {
    match &act.what {
        Effect::Record(record) if record.step != RecordStep::Pause => verdict(Decision::Deny, Vec::new()),
        _ => allows(act),
    }
}

/// Plays up to the scene.
pub(crate) fn play(scene: Scene, seed: u64) -> Cast {
    let mut cast = Cast::new(seed);
    match scene {
        Scene::DirectWanted => {
            cast.disk_stalls();
            cast.dial("600");
            cast.until_offering(Offering::WantedDirect);
        }
        Scene::DirectRings => {
            cast.absent(cast.amy);
            cast.dial("600");
            cast.until_offering(Offering::RingingDirect);
            cast.world.run_secs(1);
        }
        Scene::FlowThinks => {
            cast.world.components.delay = secs(1) / 2;
            cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Thinking);
        }
        Scene::Playing => {
            cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Play);
        }
        Scene::Gathering => {
            cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Gather);
        }
        Scene::Beeping => {
            cast.dial_and_press("3");
            cast.until(|situation| situation.ear == Ear::Beep);
        }
        Scene::Recording => {
            cast.dial_and_press("3");
            cast.until(|situation| situation.ear == Ear::Record);
            cast.world.run_secs(2);
        }
        Scene::Apology => {
            cast.world.components.flow_fault = Fault::Trap;
            cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Apology);
        }
        Scene::WaitsWithoutFlow => {
            cast.amy_is_at_lunch();
            cast.dial("500");
            cast.until(|situation| situation.stage == Stage::Waiting);
        }
        Scene::WaitsInFlow => {
            cast.amy_is_at_lunch();
            cast.dial_and_press("1");
            cast.until(|situation| situation.stage == Stage::Waiting && situation.ear == Ear::Free);
        }
        Scene::Announcement => {
            cast.amy_is_at_lunch();
            cast.dial_and_press("1");
            cast.until(|situation| situation.ear == Ear::Announcement);
        }
        Scene::Reserved => {
            cast.disk_stalls();
            cast.dial("500");
            cast.until(|situation| situation.stage == Stage::Waiting);
        }
        Scene::QueueRings => {
            cast.absent(cast.amy);
            cast.dial_and_press("1");
            cast.until_offering(Offering::RingingFromQueue);
            cast.world.run_secs(1);
        }
        Scene::FlowWants => {
            cast.disk_stalls();
            cast.dial("700");
            cast.until_offering(Offering::WantedByFlow);
        }
        Scene::FlowRings => {
            cast.absent(cast.amy);
            cast.dial("700");
            cast.until_offering(Offering::RingingByFlow);
            cast.world.run_secs(1);
        }
        Scene::FlowRingsNumber => {
            cast.absent(cast.carrier);
            cast.dial("701");
            cast.until_offering(Offering::RingingByFlow);
            cast.world.run_secs(1);
        }
        Scene::Talking => cast.talking(),
        Scene::HeldByDesk => {
            cast.talking();
            cast.command(Command::Hold);
        }
        Scene::HeldByPhone => {
            cast.talking();
            let line = cast.world.line_of(cast.amy);
            cast.world.hold(line, true);
            cast.until(|situation| situation.talk == Talk::OnHold);
        }
        Scene::RecordingPaused => {
            cast.talking();
            cast.command(Command::PauseRecording);
        }
        Scene::BlindWanted => {
            cast.talking();
            cast.disk_stalls();
            cast.command(Command::Transfer { to: cid() });
            cast.until_offering(Offering::WantedBlind);
        }
        Scene::BlindRings => {
            cast.absent(cast.cid);
            cast.talking();
            cast.command(Command::Transfer { to: cid() });
            cast.until_offering(Offering::RingingBlind);
            cast.world.run_secs(1);
        }
        Scene::BlindRingsNumber => {
            cast.absent(cast.carrier);
            cast.talking();
            cast.command(Command::Transfer { to: outside() });
            cast.until_offering(Offering::RingingBlind);
            cast.world.run_secs(1);
        }
        Scene::ReferRings => {
            cast.absent(cast.cid);
            cast.talking();
            let line = cast.world.line_of(cast.amy);
            cast.world.refer(line, "1003");
            cast.until_offering(Offering::RingingBlind);
            cast.world.run_secs(1);
        }
        Scene::PartedWanted => {
            cast.talking();
            cast.disk_stalls();
            cast.command(Command::Consult { to: cid() });
            let line = cast.world.line_of(cast.amy);
            cast.world.hang_up(line);
            cast.until_offering(Offering::WantedAfterParting);
        }
        Scene::PartedRings => {
            cast.parted();
            cast.world.run_secs(1);
        }
        Scene::RecallRings => {
            // By way of no queue: amy dialled, asks cid, leaves; cid does not come, amy is rung again.
            cast.absent(cast.cid);
            cast.originate(outside());
            cast.until(|situation| situation.talk == Talk::Party);
            cast.absent(cast.amy);
            cast.command(Command::Transfer { to: cid() });
            cast.until_offering(Offering::RingingBlind);
            let line = cast.world.line_of(cast.amy);
            cast.world.hang_up(line);
            cast.until_offering(Offering::RingingDirect);
            cast.world.run_secs(1);
        }
        Scene::BackInQueue => {
            cast.parted();
            cast.until(|situation| situation.stage == Stage::Waiting);
        }
        Scene::ConsultWanted => {
            cast.talking();
            cast.disk_stalls();
            cast.command(Command::Consult { to: cid() });
            cast.until_offering(Offering::WantedForConsult);
        }
        Scene::ConsultRings => {
            cast.absent(cast.cid);
            cast.talking();
            cast.command(Command::Consult { to: cid() });
            cast.until_offering(Offering::RingingForConsult);
            cast.world.run_secs(1);
        }
        Scene::Consulting => {
            cast.talking();
            cast.command(Command::Consult { to: cid() });
            cast.until(|situation| situation.talk == Talk::PutAsideForConsult);
        }
        Scene::ConsultingNumber => {
            cast.talking();
            cast.command(Command::Consult { to: outside() });
            cast.until(|situation| situation.talk == Talk::PutAsideForConsult);
        }
        Scene::OwnPhoneRings => {
            cast.absent(cast.amy);
            cast.originate(outside());
            cast.until_offering(Offering::RingingOwn);
            cast.world.run_secs(1);
        }
        Scene::OwnTargetRings => {
            cast.absent(cast.carrier);
            cast.originate(outside());
            cast.until_offering(Offering::RingingDirect);
            cast.world.run_secs(1);
        }
        Scene::OwnTalk => {
            cast.world.dial(cast.amy, "+4930123456");
            cast.until(|situation| situation.talk == Talk::Party);
        }
        Scene::OwnTalkHeld => {
            cast.world.dial(cast.amy, "+4930123456");
            cast.until(|situation| situation.talk == Talk::Party);
            cast.command(Command::Hold);
        }
        Scene::OwnInternal => {
            cast.world.dial(cast.amy, "1003");
            cast.until(|situation| situation.talk == Talk::Party);
        }
        Scene::LastWord => {
            let call = cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Play);
            cast.world.components.delay = secs(1) / 2;
            cast.world.hang_up(call);
            cast.until(|situation| situation.stage == Stage::Ended);
        }
        Scene::DoorJudged => {
            cast.thinking();
            cast.dial("500");
            cast.until(|situation| situation.ear == Ear::Judged);
        }
        Scene::DutySaid => {
            cast.rule(announces);
            cast.dial("500");
            cast.until(|situation| situation.ear == Ear::Duty);
        }
        Scene::MessageJudged => {
            let call = cast.dial("400");
            cast.until(|situation| situation.ear == Ear::Gather);
            cast.thinking();
            cast.world.press(call, "3");
            cast.until(|situation| situation.ear == Ear::Judged);
        }
        Scene::DirectJudged => {
            cast.thinking();
            cast.world.dial(cast.amy, "+4930123456");
            cast.until_offering(Offering::JudgedDirect);
        }
        Scene::FlowJudged => {
            cast.thinking();
            cast.dial("701");
            cast.until_offering(Offering::JudgedByFlow);
        }
        Scene::BlindJudged => {
            cast.talking();
            cast.thinking();
            cast.asks(Command::Transfer { to: outside() });
            cast.until_offering(Offering::JudgedBlind);
        }
        Scene::ConsultJudged => {
            cast.talking();
            cast.thinking();
            cast.asks(Command::Consult { to: outside() });
            cast.until_offering(Offering::JudgedForConsult);
        }
        Scene::PartedJudged => {
            cast.talking();
            cast.thinking();
            cast.asks(Command::Transfer { to: outside() });
            let line = cast.world.line_of(cast.amy);
            cast.world.hang_up(line);
            cast.until_offering(Offering::JudgedAfterParting);
        }
        Scene::OwnJudged => {
            cast.thinking();
            cast.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
            cast.until_offering(Offering::JudgedOwn);
        }
        Scene::RedirectJudged => {
            cast.amy_is_at_lunch();
            cast.dial("500");
            cast.until(|situation| situation.stage == Stage::Waiting);
            cast.thinking();
            cast.asks(Command::Transfer { to: outside() });
        }
        Scene::TapeJudged => {
            cast.thinking();
            cast.dial("500");
            cast.until(|situation| situation.tape == Tape::Asked);
        }
        Scene::TapeHeldBack => {
            cast.rule(forbids_to_keep);
            cast.dial("500");
            cast.until(|situation| situation.tape == Tape::HeldBack);
        }
        Scene::TapePausedByRule => {
            cast.talking();
            cast.rule(forbids_to_keep);
            cast.command(Command::Tag { name: "payment".into(), value: "begun".into() });
            cast.until(|situation| situation.tape == Tape::PausedByRule);
        }
        Scene::ProofAwaited => {
            cast.talking();
            cast.rule(allows);
            cast.disk_stalls();
            cast.asks(Command::Consult { to: outside() });
            cast.world.run_secs(1);
        }
    }
    cast
}
