//! Many calls over a network that loses, repeats and reorders: every one ends, and nothing is left.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use std::collections::BTreeMap;
use std::time::Duration;

use pair::{ANSWER, OFFER, Pair, Side, Weather};
use plugboard_sip::endpoint::{HangUp, Response};
use plugboard_sip::{CallHandle, Config, Event, Status, Transport};

/// What is left after `calls` calls with every kind of ending, and how many of each last event there were.
fn storm(calls: u64, weather: Weather, transport: Transport, seed: u64) -> (usize, u64, u64) {
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
    let (mut begun, mut over_alice, mut over_bob, mut incoming) = (0, 0, 0, 0);
    loop {
        let next_call = Duration::from_millis(begun * 40);
        if begun < calls && pair.now >= next_call {
            begun += 1;
            let invite = pair.invite();
            let call = pair.alice.invite(pair.now, invite).unwrap();
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
                    incoming += 1;
                    plan(&mut pair, &mut todo, 4_000, side, event.call, true);
                    plan(&mut pair, &mut todo, 60_000, side, event.call, false);
                }
                Event::Reinvited { call, .. } => {
                    let now = pair.now;
                    let _ = pair.side(side).answer_reinvite(now, call, ANSWER);
                }
                Event::Ended { .. } | Event::Refused { .. } if side == Side::Alice => over_alice += 1,
                Event::Ended { .. } => over_bob += 1,
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
    assert_eq!((begun, incoming), (calls, over_bob), "every call that came in ended once");
    let left = pair.alice.calls() + pair.bob.calls() + pair.alice.transactions() + pair.bob.transactions();
    (left, over_alice, begun)
}

#[test]
fn thousand_calls_in_bad_weather_all_end_and_leave_nothing() {
    let weather = Weather { loss: 10, copies: 5, delay_ms: 20, jitter_ms: 200 };
    assert_eq!(storm(1_000, weather, Transport::Udp, 7), (0, 1_000, 1_000));
}

#[test]
fn thousand_calls_over_a_network_that_loses_half_all_end_and_leave_nothing() {
    let weather = Weather { loss: 50, copies: 20, delay_ms: 20, jitter_ms: 900 };
    assert_eq!(storm(1_000, weather, Transport::Udp, 11), (0, 1_000, 1_000));
}

#[test]
fn thousand_calls_over_a_stream_all_end_and_leave_nothing() {
    let weather = Weather { delay_ms: 20, ..Weather::default() };
    assert_eq!(storm(1_000, weather, Transport::Tcp, 3), (0, 1_000, 1_000));
}
