//! A component made with the SDK, in the real engine.

use std::sync::Arc;

use plugboard_authors::{expected, question, rank, rust_example};
use plugboard_model::{
    InteractionId, Timestamp,
    flow::{
        Cause, Channel, Digits, Direction, Effect, End, Event, FailureCode, GatherEnd, Happening, Setting, Start,
        Stepped, Token,
    },
};
use plugboard_plugin::{Answer, Ask, AskFailure, Asker, Engine, EngineSettings, FlowPlugin, Settings};

fn engine() -> Engine {
    Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine")
}

#[test]
fn the_customers_last_agent_comes_first_then_the_longest_idle() {
    let engine = engine();
    let policy = engine.load_routing(&rust_example("route-last-agent")).expect("a policy");
    let mut asker = Asker::new(&engine);
    for count in [1, 10, 100, 256] {
        let rank = rank(&policy, count);
        let Ok(Answer::Order(order)) = asker.ask(rank.clone()).result else { panic!("an order of {count}") };
        assert_eq!(order.numbers, expected(&rank));
    }
}

/// One interaction; the instances that serve it are thrown away where a test wants that.
struct Call {
    engine: Engine,
    asker: Asker,
    flow: FlowPlugin,
    settings: Arc<Settings>,
    state: Vec<u8>,
    seq: u32,
}

impl Call {
    fn of_office(settings: Vec<Setting>) -> Self {
        let engine = engine();
        let flow = engine.load_flow(&rust_example("flow-office")).expect("a flow");
        let asker = Asker::new(&engine);
        Self { engine, asker, flow, settings: Arc::new(Settings::new(settings)), state: Vec::new(), seq: 0 }
    }

    fn try_step(&mut self, answers: Option<Token>, what: Happening) -> Result<Stepped, AskFailure> {
        // Monday 2026-11-23, 10:00 UTC.
        let at = Timestamp::from_secs(1_795_428_000 + u64::from(self.seq));
        let event = Box::new(Event { seq: self.seq, at, utc_offset_min: 0, answers, more: false, what });
        let (flow, settings, state) = (self.flow.clone(), self.settings.clone(), self.state.clone());
        match self.asker.ask(question(Ask::FlowStep { flow, settings, state, event })).result? {
            Answer::Stepped(stepped) => {
                (self.state, self.seq) = (stepped.state.clone(), self.seq + 1);
                Ok(stepped)
            }
            other => panic!("a step, not {other:?}"),
        }
    }

    /// The effects' names and tokens.
    fn step(&mut self, answers: Option<Token>, what: Happening) -> Vec<(Token, Effect)> {
        let stepped = self.try_step(answers, what).expect("a step");
        stepped.actions.into_iter().map(|action| (action.token, action.what)).collect()
    }

    fn start(&mut self) -> Vec<(Token, Effect)> {
        let start = Start {
            interaction: InteractionId(1),
            channel: Channel::Voice,
            direction: Direction::Inbound,
            caller: "+8613800000000".into(),
            called: "8001".into(),
            verified: false,
            language: "zh-CN".into(),
        };
        self.step(None, Happening::Started(start))
    }
}

fn pressed(digits: &str) -> Happening {
    Happening::Gathered(Digits { digits: digits.into(), ended: GatherEnd::Complete })
}

#[test]
fn a_flow_goes_on_in_an_instance_that_has_never_heard_of_the_call() {
    let mut call = Call::of_office(vec![]);
    let begun = call.start();
    assert!(
        matches!(&begun[..], [(0, Effect::PickUp), (1, Effect::Invoke(_)), (2, Effect::Play(_))]),
        "picks up, looks up and plays, not {begun:?}"
    );
    call.step(Some(1), Happening::LookedUp(plugboard_model::flow::Answer { json: r#"{"vip":true}"#.into() }));
    call.asker = Asker::new(&call.engine);
    call.step(Some(2), Happening::Played { to_the_end: true });
    call.asker = Asker::new(&call.engine);
    let queued = call.step(Some(3), pressed("1"));
    let [(4, Effect::Enqueue(place)), (5, Effect::Timer { .. })] = &queued[..] else {
        panic!("queues, not {queued:?}")
    };
    assert_eq!((place.queue.as_str(), place.priority), ("sales", 8));
}

#[test]
fn the_trail_of_a_caller_who_hangs_up_ends_where_it_was() {
    let mut call = Call::of_office(vec![]);
    call.start();
    call.step(Some(2), Happening::Played { to_the_end: true });
    let end = Happening::HungUp(End { cause: Cause::NORMAL_CLEARING, by_caller: true });
    let stepped = call.try_step(None, end).expect("a step");
    let left: Vec<_> = stepped.trail.iter().map(|visit| (visit.node.as_str(), visit.exit.as_deref())).collect();
    assert_eq!(left, [("welcome", Some("hung-up"))]);
}

#[test]
fn settings_that_the_flow_cannot_use_are_refused_with_a_remedy() {
    let call = Call::of_office(vec![]);
    let settings = Settings::new(vec![Setting { name: "tries".into(), value: "0".into() }]);
    let problems = call.flow.check(&settings).expect("an answer");
    assert_eq!(
        problems.iter().map(|problem| problem.remedy.as_str()).collect::<Vec<_>>(),
        ["write a number from 1 to 9"]
    );
}

#[test]
fn a_state_of_something_else_is_refused_as_such() {
    let mut call = Call::of_office(vec![]);
    call.start();
    call.state = vec![9; 40];
    let Err(AskFailure::Plugin(failure)) = call.try_step(Some(2), Happening::Played { to_the_end: true }) else {
        panic!("a failure")
    };
    assert_eq!(failure.code, FailureCode::BadState);
}
