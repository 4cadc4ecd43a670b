//! The call machine by itself: no SIP, no sound, no queues. Each test gives inputs and compares what it asks for.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use expect_test::expect;
use plugboard_call::{
    Call, Command, Context, Dialled, Ids, Input, Line, Offer, Offering, Output, Progress, Queueing, Refused, Sound,
    SoundSource, Talk, Target,
};
use plugboard_model::{
    Agent, AgentId, Configuration, EventKind, InteractionId, LegId, Queue, QueueId, ReleaseReason, Timestamp, Trunk,
    flow::Cause,
};

const START: Timestamp = Timestamp::from_secs(1_000);
const CALLER: LegId = LegId(100);

fn amy() -> AgentId {
    "amy".parse().unwrap()
}

fn bob() -> AgentId {
    "bob".parse().unwrap()
}

fn sales() -> QueueId {
    "sales".parse().unwrap()
}

fn outside() -> Target {
    Target::Number("+4930".parse().unwrap())
}

fn shop() -> Arc<Configuration> {
    let mut shop = Configuration::empty("shop".parse().unwrap());
    shop.queues.insert(sales(), Queue { record: false, ..Queue::named("Sales") });
    for (agent, extension) in [(amy(), "1001"), (bob(), "1002")] {
        let agent_of = Agent {
            name: agent.to_string(),
            extension: extension.parse().unwrap(),
            password: String::new(),
            queues: vec![sales()],
            skills: Default::default(),
            ready_on_register: true,
        };
        shop.agents.insert(agent, agent_of);
    }
    let trunk = Trunk { peers: vec!["192.0.2.1:5060".parse().unwrap()], ..Trunk::default() };
    shop.trunks.insert("carrier".to_owned(), trunk);
    Arc::new(shop)
}

/// One call on a clock, with what it asked for since the last look.
struct Desk {
    call: Call,
    now: Timestamp,
    shop: Arc<Configuration>,
    ids: Ids,
    log: String,
}

fn run<T>(shop: &Arc<Configuration>, ids: &mut Ids, act: impl FnOnce(&mut Context<'_>) -> T) -> T {
    act(&mut Context { configuration: shop, ids, places: &|_| None, by: None, attempts: &|_| Vec::new() })
}

impl Desk {
    fn begin(dialled_by: Option<AgentId>, leads_to: Target, click: bool) -> Self {
        let (shop, mut ids) = (shop(), Ids::starting_after(0));
        let from = dialled_by.as_ref().map_or("+49151", |agent| agent.as_str()).into();
        let to = leads_to.label();
        let offer = Offer { interaction: InteractionId(7), leg: CALLER, from, to, dialled_by, leads_to };
        let make = if click { Call::click_to_dial } else { Call::new };
        let call = run(&shop, &mut ids, |context| make(START, offer, context));
        let mut desk = Self { call, now: START, shop, ids, log: String::new() };
        desk.drain();
        desk
    }

    fn in_queue() -> Self {
        Self::begin(None, Target::Queue(sales()), false)
    }

    /// The caller is with amy, by way of sales; her leg is 1.
    fn talking() -> Self {
        let mut desk = Self::in_queue();
        desk.input(Input::RingAgent { agent: amy(), queue: Some(sales()) });
        desk.input(Input::LegAnswered { leg: LegId(1) });
        desk.log.clear();
        desk
    }

    fn input(&mut self, input: Input) -> &mut Self {
        run(&self.shop, &mut self.ids, |context| self.call.handle_input(self.now, input, context));
        self.drain();
        self
    }

    fn command(&mut self, command: Command) -> Result<(), Refused> {
        let done = run(&self.shop, &mut self.ids, |context| self.call.command(self.now, command, context));
        self.drain();
        assert!(!matches!(done, Ok(Progress::Judging(_))), "no rule judges here");
        done.map(|_| ())
    }

    fn hangs_up(&mut self, leg: LegId) -> &mut Self {
        self.input(Input::LegEnded { leg, cause: Cause::NORMAL_CLEARING, status: None })
    }

    fn refuses(&mut self, leg: LegId, status: u16) -> &mut Self {
        self.input(Input::LegRefused { leg, status, cause: Cause::USER_BUSY })
    }

    /// Lets time pass, every deadline at its own moment.
    fn wait(&mut self, seconds: f64) -> &mut Self {
        let until = self.now + Duration::from_secs_f64(seconds);
        while let Some(due) = self.call.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            run(&self.shop, &mut self.ids, |context| self.call.handle_timeout(self.now, context));
            self.drain();
        }
        self.now = until;
        self
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            let at = (self.now - START).as_secs_f64();
            if let Some(text) = text(&output) {
                let _ = writeln!(self.log, "{at:.1} {text}");
            }
        }
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.log)
    }
}

/// Facts that only repeat a command beside them are left out.
fn text(output: &Output) -> Option<String> {
    Some(match output {
        Output::Line(line) => match line {
            Line::Ring { leg } => format!("{leg}: ring"),
            Line::Answer { leg } => format!("{}: answer", leg.what()),
            Line::Dial { leg, to: Dialled::Agent(agent), .. } => format!("{leg}: dial {agent}"),
            Line::Dial { leg, to: Dialled::Number(number), .. } => format!("{leg}: dial {}", number.what()),
            Line::HangUp { leg, cause } => format!("{leg}: hang up, {}", cause.as_q850()),
            Line::TransferProgress { leg, status } => format!("{leg}: transfer {status}"),
        },
        Output::Sound(sound) => match sound {
            Sound::Play { leg, sources, .. } => match &sources[..] {
                [SoundSource::HoldMusic] => format!("{leg}: hold music"),
                [SoundSource::RingBack] => format!("{leg}: ring-back"),
                other => format!("{leg}: {other:?}"),
            },
            Sound::Stop { leg, .. } => format!("{leg}: quiet"),
            Sound::Bridge { a, b } => format!("{a} and {b} hear each other"),
            Sound::Unbridge { a, b } => format!("{a} and {b} apart"),
            other => format!("{other:?}"),
        },
        Output::Queueing(queueing) => match queueing {
            Queueing::Enqueue { queue, since, .. } => {
                format!("queue {queue}, since {:.1}", (*since - START).as_secs_f64())
            }
            Queueing::Leave { exit } => format!("leaves the queue: {exit:?}"),
            other => format!("{other:?}").replace("AgentId(\"", "").replace("\")", ""),
        },
        Output::Fact(EventKind::InteractionOffered { dialled_by, .. }) => format!("offered, dialled by {dialled_by:?}"),
        Output::Fact(EventKind::LegDialled { leg, role, .. }) => format!("fact: {leg} dialled, {role:?}"),
        Output::Fact(EventKind::LegReplaced { leg, replaced, agent, .. }) => {
            format!("fact: {agent} on {leg} instead of {replaced}")
        }
        Output::Fact(EventKind::LegEnded { leg, by, status, .. }) => format!("fact: {leg} ended by {by:?} {status:?}"),
        Output::Fact(EventKind::Connected { agent, leg, .. }) => format!("fact: {agent} connected on {leg}"),
        Output::Fact(EventKind::Disconnected { agent, by, .. }) => format!("fact: {agent} disconnected by {by:?}"),
        Output::Fact(EventKind::Transferred { kind, target, .. }) => format!("fact: transferred {kind:?} to {target}"),
        Output::Fact(EventKind::InteractionClosed { by, cause, .. }) => format!("fact: closed by {by:?}, {cause}"),
        Output::Fact(_) | Output::Judge(_) | Output::Evidence { .. } | Output::Decided { .. } => return None,
        Output::Step { .. } => "step".to_owned(),
        Output::LookUp(lookup) => format!("asks {}", lookup.connector),
        Output::Send { wish, .. } => format!("send to {} by {}: {}", wish.to, wish.channel, wish.text),
        Output::Over => "over".to_owned(),
    })
}

#[test]
fn agent_who_hangs_up_while_the_colleague_rings_has_transferred_blindly_and_the_caller_returns_to_the_queue() {
    let mut desk = Desk::talking();
    desk.wait(60.0).command(Command::Consult { to: Target::Agent(bob()) }).unwrap();
    desk.input(Input::RingAgent { agent: bob(), queue: None }).input(Input::LegRinging { leg: LegId(2) }).told();
    desk.wait(5.0).hangs_up(LegId(1));
    desk.wait(5.0).refuses(LegId(2), 486);
    expect![[r#"
         65.0 fact: l1 ended by Agent None
         65.0 fact: transferred Blind to bob
         65.0 fact: amy disconnected by Agent
         65.0 Ended { agent: amy, wrap_up: Some(30s) }
         65.0 l100: quiet
         65.0 l100: ring-back
         70.0 fact: l2 ended by Agent Some(486)
         70.0 Rejected { agent: bob }
         70.0 l100: quiet
         70.0 queue sales, since 0.0
         70.0 l100: hold music
    "#]]
    .assert_eq(&desk.told());
}

#[test]
fn caller_of_no_queue_whose_transfer_fails_after_the_agent_left_rings_that_agent_again_and_then_ends() {
    let mut desk = Desk::begin(None, Target::Agent(amy()), false);
    desk.input(Input::RingAgent { agent: amy(), queue: None }).input(Input::LegAnswered { leg: LegId(1) });
    desk.command(Command::Transfer { to: outside() }).unwrap();
    desk.hangs_up(LegId(1)).told();
    desk.refuses(LegId(2), 503).input(Input::AgentRefused { agent: amy() });
    expect![[r#"
          0.0 fact: l2 ended by Outside Some(503)
          0.0 ReserveAgent { agent: amy }
          0.0 l100: hang up, 19
          0.0 fact: l100 ended by Host None
          0.0 fact: closed by Host, 19
          0.0 over
    "#]]
    .assert_eq(&desk.told());
}

/// The phone is registered and gone: no 1xx, no refusal.
#[test]
fn phone_that_is_given_up_before_it_rang_has_failed_and_one_that_rang_is_missed() {
    let mut desk = Desk::in_queue();
    desk.input(Input::RingAgent { agent: amy(), queue: Some(sales()) }).told();
    desk.wait(4.0);
    desk.refuses(LegId(1), 408);
    let silent = desk.told();
    desk.input(Input::RingAgent { agent: bob(), queue: Some(sales()) })
        .input(Input::LegRinging { leg: LegId(2) })
        .told();
    desk.wait(60.0);
    let rings = desk.told();
    desk.refuses(LegId(2), 480);
    expect![[r#"
        4.0 fact: l1 ended by Agent Some(408)
        4.0 DeviceFailed { agent: amy }
        ---
        ---
        64.0 fact: l2 ended by Agent Some(480)
        64.0 Missed { agent: bob }
    "#]]
    .assert_eq(&format!("{silent}---\n{rings}---\n{}", desk.told()));
}

#[test]
fn other_phone_of_the_agent_takes_the_call_over_and_nobody_wraps_up() {
    let mut desk = Desk::talking();
    desk.call.replace_leg(LegId(1), LegId(50)).unwrap();
    desk.drain();
    expect![[r#"
          0.0 fact: amy on l50 instead of l1
          0.0 l100 and l1 apart
          0.0 l100 and l50 hear each other
          0.0 l1: hang up, 16
          0.0 fact: l1 ended by Host None
    "#]]
    .assert_eq(&desk.told());
    assert_eq!(desk.call.replace_leg(CALLER, LegId(51)), Err(Refused::WrongState), "the caller is no agent");
}

#[test]
fn number_that_an_agent_dialled_hears_the_music_when_the_agent_holds() {
    let mut desk = Desk::begin(Some(amy()), outside(), false);
    desk.input(Input::LegAnswered { leg: LegId(1) });
    desk.input(Input::LegHeld { leg: CALLER, held: true });
    assert_eq!(desk.call.situation().talk, Talk::OnHold);
    desk.hangs_up(LegId(1));
    expect![[r#"
          0.0 offered, dialled by Some(AgentId("amy"))
          0.0 AgentDialled { agent: amy }
          0.0 fact: l1 dialled, Outside
          0.0 l1: dial +4930
          0.0 l100: answer
          0.0 l100 and l1 hear each other
          0.0 fact: amy connected on l100
          0.0 l1 and l100 apart
          0.0 l1: hold music
          0.0 Held { agent: amy }
          0.0 fact: l1 ended by Outside None
          0.0 l100: hang up, 16
          0.0 fact: l100 ended by Outside None
          0.0 fact: amy disconnected by Outside
          0.0 Ended { agent: amy, wrap_up: None }
          0.0 fact: closed by Outside, 16
          0.0 over
    "#]]
    .assert_eq(&desk.told());
}

#[test]
fn agent_who_clicked_to_dial_answers_for_themselves() {
    let mut desk = Desk::begin(Some(amy()), outside(), true);
    assert_eq!(desk.call.situation().offering, Offering::RingingOwn);
    assert_eq!(desk.command(Command::Answer), Err(Refused::WrongState));
    desk.input(Input::LegAnswered { leg: CALLER });
    expect![[r#"
          0.0 offered, dialled by Some(AgentId("amy"))
          0.0 AgentDialled { agent: amy }
          0.0 fact: l100 dialled, Agent
          0.0 l100: dial amy
          0.0 l100: ring-back
          0.0 fact: l1 dialled, Outside
          0.0 l1: dial +4930
    "#]]
    .assert_eq(&desk.told());
}

/// The configuration was changed under a ringing phone.
#[test]
fn phone_of_an_agent_who_was_removed_stops_ringing() {
    let mut desk = Desk::in_queue();
    desk.input(Input::RingAgent { agent: amy(), queue: Some(sales()) }).told();
    desk.input(Input::StopRinging { agent: amy(), reason: ReleaseReason::Moved });
    assert_eq!(desk.call.situation().offering, Offering::Nobody);
    expect![[r#"
          0.0 l1: hang up, 19
          0.0 fact: l1 ended by Host None
    "#]]
    .assert_eq(&desk.told());
}

#[test]
fn transfer_to_somebody_who_is_not_there_costs_no_waiting_caller_the_call() {
    let mut desk = Desk::in_queue();
    let nobody = Target::Agent("nobody".parse().unwrap());
    desk.told();
    assert_eq!(desk.command(Command::Transfer { to: nobody }), Err(Refused::BadTarget));
    assert_eq!(desk.told(), "");
}
