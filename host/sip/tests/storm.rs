//! Many calls over a network that loses, repeats and reorders: every one ends, and nothing is left.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pair::{ANSWER, OFFER, Pair, Side, Weather};
use plugboard_sip::endpoint::{HangUp, Response};
use plugboard_sip::{CallHandle, Config, Event, Status, Transport};

/// What is left after `calls` calls with every kind of ending, and how many never had their last event. No call has two.
fn storm(calls: u64, weather: Weather, transport: Transport, seed: u64) -> (usize, usize) {
    let config = |token: &str| Config { token: token.into(), ..Config::default() };
    let mut pair = Pair::with(config("alice"), config("bob"), seed);
    pair.weather = weather;
    pair.transport = transport;
    pair.is_drawn = false;
    let mut todo: BTreeMap<(Duration, u64), (Side, CallHandle, bool)> = BTreeMap::new();
    let mut order = 0;
    let mut plan = |pair: &mut Pair, todo: &mut BTreeMap<_, _>, after_ms: u64, side, call, may_answer| {
        order += 1;
        let at = pair.now + Duration::from_millis(pair.roll(after_ms));
        todo.insert((at, order), (side, call, may_answer));
    };
    let mut begun = 0;
    // A message that lost its To tag on the way may look like a new call to either side.
    let mut live: BTreeSet<(bool, CallHandle)> = BTreeSet::new();
    loop {
        let next_call = Duration::from_millis(begun * 40);
        if begun < calls && pair.now >= next_call {
            begun += 1;
            let call = pair.call();
            live.insert((true, call));
            plan(&mut pair, &mut todo, 60_000, Side::Alice, call, false);
        }
        while let Some(entry) = todo.first_entry().filter(|entry| entry.key().0 <= pair.now) {
            let (side, call, may_answer) = entry.remove();
            let now = pair.now;
            let dice = pair.roll(10);
            let endpoint = pair.side(side);
            // A command that comes too late is ordinary.
            let _ = match (may_answer, dice) {
                (true, 0) => endpoint.reject(now, call, &Response::new(Status::BUSY_HERE)),
                (true, _) => endpoint.answer(now, call, ANSWER),
                (false, 0..4) => endpoint.reinvite(now, call, Some(OFFER)),
                (false, _) => endpoint.hang_up(now, call, HangUp::default()),
            };
            if !may_answer && dice < 4 {
                plan(&mut pair, &mut todo, 5_000, side, call, false);
            }
        }
        for (side, event) in pair.take_events() {
            match event {
                Event::Incoming(event) => {
                    live.insert((side == Side::Alice, event.call));
                    plan(&mut pair, &mut todo, 4_000, side, event.call, true);
                    plan(&mut pair, &mut todo, 60_000, side, event.call, false);
                }
                Event::Reinvited { call, .. } => {
                    let now = pair.now;
                    let _ = pair.side(side).answer_reinvite(now, call, ANSWER);
                }
                Event::Ended { call, .. } | Event::Refused { call, .. } => {
                    assert!(live.remove(&(side == Side::Alice, call)), "{call} ended twice");
                }
                _ => {}
            }
        }
        let planned = todo.keys().next().map(|(at, _)| *at);
        let begins = (begun < calls).then_some(Duration::from_millis(begun * 40));
        let until = planned.into_iter().chain(begins).min().unwrap_or(Duration::from_secs(3_600));
        if !pair.step(until) && planned.is_none() && begins.is_none() {
            break;
        }
    }
    let left = pair.alice.calls() + pair.bob.calls() + pair.alice.transactions() + pair.bob.transactions();
    (left, live.len())
}

#[test]
fn thousand_calls_in_bad_weather_all_end_and_leave_nothing() {
    let weather = Weather { loss: 10, copies: 5, delay_ms: 20, jitter_ms: 200, damage: 0 };
    assert_eq!(storm(1_000, weather, Transport::Udp, 7), (0, 0));
}

#[test]
fn thousand_calls_over_a_network_that_loses_half_all_end_and_leave_nothing() {
    let weather = Weather { loss: 50, copies: 20, delay_ms: 20, jitter_ms: 900, damage: 0 };
    assert_eq!(storm(1_000, weather, Transport::Udp, 11), (0, 0));
}

#[test]
fn thousand_calls_over_a_stream_all_end_and_leave_nothing() {
    let weather = Weather { delay_ms: 20, ..Weather::default() };
    assert_eq!(storm(1_000, weather, Transport::Tcp, 3), (0, 0));
}

/// Every fifth message is damaged on its way, so that wrong ones meet calls, changes and transactions in every state.
#[test]
fn thousand_calls_over_a_network_that_damages_messages_all_end_and_leave_nothing() {
    for seed in 0..4 {
        let weather = Weather { loss: 5, copies: 5, delay_ms: 20, jitter_ms: 200, damage: 20 };
        assert_eq!(storm(1_000, weather, Transport::Udp, seed), (0, 0));
    }
}
