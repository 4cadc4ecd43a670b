//! A plugin that fails is let be, and others are not concerned.

#[path = "guests/begins.rs"]
mod begins;
#[path = "guests/built.rs"]
mod built;

use std::{
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use begins::{begins_with, how};
use built::component;
use plugboard_plugin::{
    AskFailure, Engine, EngineSettings, FailureKind, FlowPlugin, QuarantineRules, QuarantineTransition, Question,
    Reply, Runtime, RuntimeSettings,
};

fn question(flow: &FlowPlugin, tenant: &str, word: &str, state: &str) -> Question {
    Question { tenant: tenant.parse().expect("a name"), ..begins_with(flow, how(word), state) }
}

struct Bench {
    flow: FlowPlugin,
    runtime: Runtime,
    replies: Receiver<Reply>,
}

impl Bench {
    /// Three failures in an hour, then let be for `first`.
    fn new(first: Duration) -> Self {
        let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
        let flow = engine.load_flow(&component("hostile-flow")).expect("a flow");
        let hour = Duration::from_secs(3_600);
        let quarantine = QuarantineRules::new(3, hour, (first, hour), hour).expect("rules");
        let (sender, replies) = mpsc::channel();
        let settings = RuntimeSettings { quarantine, ..RuntimeSettings::default() };
        let runtime = Runtime::start(&engine, &settings, move |reply| drop(sender.send(reply))).expect("threads");
        Self { flow, runtime, replies }
    }

    fn ask(&self, tenant: &str, how: &str, state: &str) -> Result<Reply, AskFailure> {
        self.runtime.ask(question(&self.flow, tenant, how, state))?;
        Ok(self.replies.recv().expect("a reply"))
    }
}

#[test]
fn a_plugin_that_trapped_thrice_is_not_asked_and_its_other_settings_and_tenants_are() {
    let bench = Bench::new(Duration::from_secs(60));
    let transitions = [(); 3].map(|()| bench.ask("acme", "panics", "").expect("asked").quarantine);
    let Some(QuarantineTransition::Opened { until }) = transitions[2] else { panic!("opened, not {transitions:?}") };
    assert_eq!(transitions[..2], [None, None]);
    assert_eq!(bench.ask("acme", "panics", ""), Err(AskFailure::Quarantined { until }));
    assert!(bench.ask("acme", "well", "").expect("asked").result.is_ok());
    assert_eq!(bench.ask("umbrella", "panics", "").expect("asked").failure(), Some(FailureKind::Trapped));
    let quarantined = bench.runtime.watch().quarantined();
    let told: Vec<_> = quarantined.iter().map(|one| (one.asked.tenant.as_str(), one.until)).collect();
    assert_eq!(told, [("acme", until)]);
    let acme = bench.runtime.accounts().of_tenant(&"acme".parse().expect("a name"));
    assert_eq!([acme.failed(FailureKind::Trapped), acme.failed(FailureKind::Quarantined), acme.answered], [3, 1, 1]);
}

#[test]
fn a_probe_that_is_answered_ends_the_quarantine_and_one_that_traps_prolongs_it() {
    let bench = Bench::new(Duration::from_millis(1));
    // The wait is a millisecond, then two: as good as none, and passed on the real clock.
    let ask = |state: &str| loop {
        match bench.ask("acme", "obeys-its-state", state) {
            Err(AskFailure::Quarantined { .. }) => std::thread::yield_now(),
            asked => break asked.expect("asked"),
        }
    };
    let mut transitions = Vec::new();
    for state in ["panic", "panic", "panic", "panic", "", ""] {
        let word = match ask(state).quarantine {
            None => "as before",
            Some(QuarantineTransition::Opened { .. }) => "opened",
            Some(QuarantineTransition::Reopened { .. }) => "reopened",
            Some(QuarantineTransition::Closed) => "closed",
        };
        transitions.push(word);
    }
    assert_eq!(transitions, ["as before", "as before", "opened", "reopened", "closed", "as before"]);
    assert_eq!(bench.runtime.watch().quarantined(), []);
}
