//! Each transaction machine as the ladder of what it sends and tells, after the tables of RFC 3261 §17.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{Expect, expect};
use plugboard_sip::Status;
use plugboard_sip::transaction::{
    Client, Effect, InviteClient, InviteServer, Server, Timers, client, invite_client, invite_server, server,
};

/// One machine behind one face, so that one loop drives all four.
trait Machine {
    type Input: Copy + std::fmt::Debug;
    const TIMEOUT: Self::Input;
    fn input(&mut self, now: Duration, timers: &Timers, input: Self::Input) -> Option<Effect>;
    fn timeout(&self) -> Option<Duration>;
    fn is_over(&self) -> bool;
}

macro_rules! machine {
    ($machine:ty, $module:ident) => {
        impl Machine for $machine {
            type Input = $module::Input;
            const TIMEOUT: Self::Input = $module::Input::Timeout;
            fn input(&mut self, now: Duration, timers: &Timers, input: Self::Input) -> Option<Effect> {
                self.handle_input(now, timers, input)
            }
            fn timeout(&self) -> Option<Duration> {
                self.poll_timeout()
            }
            fn is_over(&self) -> bool {
                self.is_terminated()
            }
        }
    };
}

machine!(InviteServer, invite_server);
machine!(Server, server);
machine!(InviteClient, invite_client);
machine!(Client, client);

/// Feeds the inputs at their times (seconds) and lets the timers run until nothing more happens.
fn ladder<M: Machine>(mut machine: M, inputs: &[(f64, M::Input)], wanted: &Expect) {
    let timers = Timers::default();
    let mut drawn = String::new();
    let mut inputs = inputs.iter().peekable();
    loop {
        let given = inputs.peek().map(|(at, _)| Duration::from_secs_f64(*at));
        let (now, input) = match (given, machine.timeout()) {
            (Some(at), timeout) if timeout.is_none_or(|timeout| at <= timeout) => (at, inputs.next().unwrap().1),
            (_, Some(timeout)) => (timeout, M::TIMEOUT),
            (_, None) => break,
        };
        let was_over = machine.is_over();
        let effect = machine.input(now, &timers, input);
        let over = if machine.is_over() && !was_over { " over" } else { "" };
        if effect.is_some() || !over.is_empty() {
            let effect = effect.map_or(String::new(), |effect| format!(" {effect:?}"));
            writeln!(drawn, "{:.3} {input:?}:{effect}{over}", now.as_secs_f64()).unwrap();
        }
    }
    wanted.assert_eq(&drawn);
}

fn status(code: u16) -> Status {
    Status::from_code(code).unwrap()
}

#[test]
fn busy_here_is_repeated_at_growing_gaps_until_the_caller_acknowledges() {
    use invite_server::Input::{Ack, Invite, Respond};
    let inputs = [(0.0, Respond(status(100))), (0.5, Invite), (1.0, Respond(status(486))), (9.0, Ack), (9.1, Invite)];
    ladder(
        InviteServer::new(false),
        &inputs,
        &expect![[r#"
            0.000 Respond(Status(100)): Send
            0.500 Invite: Send
            1.000 Respond(Status(486)): Send
            1.500 Timeout: Send
            2.500 Timeout: Send
            4.500 Timeout: Send
            8.500 Timeout: Send
            14.000 Timeout: over
        "#]],
    );
}

#[test]
fn refusal_that_nobody_acknowledges_is_given_up_after_64_t1() {
    ladder(
        InviteServer::new(true),
        &[(0.0, invite_server::Input::Respond(status(486)))],
        &expect![[r#"
            0.000 Respond(Status(486)): Send
            32.000 Timeout: TimedOut over
        "#]],
    );
}

#[test]
fn copies_of_an_accepted_invite_are_absorbed() {
    use invite_server::Input::{Ack, Invite, Respond};
    ladder(
        InviteServer::new(false),
        &[(0.0, Respond(status(200))), (0.1, Invite), (0.5, Respond(status(200))), (0.6, Ack)],
        &expect![[r#"
            0.000 Respond(Status(200)): Send
            0.500 Respond(Status(200)): Send
            32.000 Timeout: over
        "#]],
    );
}

#[test]
fn answer_to_options_is_repeated_for_each_copy_and_forgotten_after_timer_j() {
    use server::Input::{Request, Respond};
    let timers = Timers::default();
    ladder(
        Server::new(Duration::ZERO, &timers, false),
        &[(0.1, Request), (1.0, Respond(status(200))), (2.0, Request), (3.0, Respond(status(500)))],
        &expect![[r#"
            1.000 Respond(Status(200)): Send
            2.000 Request: Send
            33.000 Timeout: over
        "#]],
    );
}

#[test]
fn request_that_no_user_decides_is_forgotten() {
    let timers = Timers::default();
    ladder(
        Server::new(Duration::ZERO, &timers, true),
        &[],
        &expect![[r#"
        32.000 Timeout: TimedOut over
    "#]],
    );
}

#[test]
fn invite_without_any_response_is_sent_seven_times() {
    let timers = Timers::default();
    // The first time is the owner's.
    ladder(
        InviteClient::new(Duration::ZERO, &timers, false),
        &[],
        &expect![[r#"
        0.500 Timeout: Send
        1.500 Timeout: Send
        3.500 Timeout: Send
        7.500 Timeout: Send
        15.500 Timeout: Send
        31.500 Timeout: Send
        32.000 Timeout: TimedOut over
    "#]],
    );
}

#[test]
fn invite_over_a_stream_is_sent_once() {
    let timers = Timers::default();
    ladder(
        InviteClient::new(Duration::ZERO, &timers, true),
        &[],
        &expect![[r#"
        32.000 Timeout: TimedOut over
    "#]],
    );
}

#[test]
fn refusal_is_acknowledged_for_each_copy_until_timer_d() {
    use invite_client::Input::Response;
    let timers = Timers::default();
    ladder(
        InviteClient::new(Duration::ZERO, &timers, false),
        &[
            (0.1, Response(status(180))),
            (1.0, Response(status(486))),
            (1.5, Response(status(486))),
            (2.0, Response(status(180))),
        ],
        &expect![[r#"
            0.100 Response(Status(180)): Pass
            1.000 Response(Status(486)): PassAndAck
            1.500 Response(Status(486)): Ack
            33.000 Timeout: over
        "#]],
    );
}

#[test]
fn every_copy_of_a_2xx_reaches_the_user_until_timer_m() {
    use invite_client::Input::Response;
    let timers = Timers::default();
    ladder(
        InviteClient::new(Duration::ZERO, &timers, false),
        &[(0.1, Response(status(200))), (0.6, Response(status(200))), (0.7, Response(status(486)))],
        &expect![[r#"
            0.100 Response(Status(200)): Pass
            0.600 Response(Status(200)): Pass
            32.100 Timeout: over
        "#]],
    );
}

#[test]
fn bye_is_repeated_up_to_t2_and_slower_once_a_provisional_response_came() {
    use client::Input::Response;
    let timers = Timers::default();
    ladder(
        Client::new(Duration::ZERO, &timers, false),
        &[(9.0, Response(status(100))), (20.0, Response(status(200))), (20.5, Response(status(200)))],
        &expect![[r#"
            0.500 Timeout: Send
            1.500 Timeout: Send
            3.500 Timeout: Send
            7.500 Timeout: Send
            9.000 Response(Status(100)): Pass
            13.000 Timeout: Send
            17.000 Timeout: Send
            20.000 Response(Status(200)): Pass
            25.000 Timeout: over
        "#]],
    );
}

#[test]
fn request_without_any_response_ends_with_timer_f() {
    let timers = Timers::default();
    ladder(
        Client::new(Duration::ZERO, &timers, true),
        &[],
        &expect![[r#"
        32.000 Timeout: TimedOut over
    "#]],
    );
}
