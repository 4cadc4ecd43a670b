//! A version that nobody asks any more costs no memory.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

#[path = "guests/begins.rs"]
mod begins;

use std::{num::NonZeroUsize, sync::mpsc};

use begins::begins;
use plugboard_plugin::{Engine, EngineSettings, FlowPlugin, Runtime, RuntimeSettings};

const FLOW: &[u8] = include_bytes!("released/0.1.0/flow.wasm");

#[test]
fn instances_that_wait_for_a_version_that_was_let_go_are_dropped_and_its_memory_is_given_back() {
    let engine = Engine::new(EngineSettings { instances: 8, ..EngineSettings::default() }).unwrap();
    let [old, new] = [&b""[..], &[0, 2, 1, b'x']].map(|more| engine.load_flow(&[FLOW, more].concat()).unwrap());
    let (sender, replies) = mpsc::channel();
    let settings = RuntimeSettings { threads: NonZeroUsize::MIN, ..RuntimeSettings::default() };
    let runtime = Runtime::start(&engine, &settings, move |reply| drop(sender.send(reply))).unwrap();
    let ask = |flow: &FlowPlugin| {
        runtime.ask(begins(flow)).unwrap();
        assert!(replies.recv().unwrap().result.is_ok());
    };
    let traces = [old.trace(), new.trace()];
    ask(&old);
    ask(&new);
    drop(old);
    // Until somebody says that there is something to let go, it might be asked again.
    let kept = traces[0].is_in_memory();
    runtime.watch().drop_unused();
    ask(&new);
    assert_eq!((kept, traces.map(|trace| trace.is_in_memory())), (true, [false, true]));
}
