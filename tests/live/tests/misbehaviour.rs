//! Phones and callers that do not do as they should. Each scenario is named by what is wrong.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of sockets")]

use std::time::Duration;

use plugboard_live::{Ear, Events, Host, Sipp, Tenant, count, free_port};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

struct Scene {
    host: Host,
    events: Events,
    ear: Ear,
}

impl Scene {
    fn with(tenant: &Tenant) -> Self {
        let host = Host::start(&Tenant { ready_on_register: false, ..tenant.clone() });
        Self { events: host.events(), ear: Ear::open(None), host }
    }

    fn phone(&self, scenario: &'static str, agent: usize) -> Sipp {
        let phone = self.host.phone(scenario, agent, &self.ear, 500);
        // Only now: a caller who waits makes it ring at once, and at a port that is still closed it would count as failed.
        self.host.make_ready(&Tenant::agent(agent));
        phone
    }

    fn caller(&self, scenario: &'static str) -> Sipp {
        self.host.caller(scenario, "493", "8002", &self.ear)
    }

    fn closed(&mut self, within: Duration) -> Value {
        self.events.until("the end of the call", within, |all| count(all, "interaction-closed") == 1);
        self.host.cdrs().remove(0)
    }
}

/// Whom the call was answered by, and why the others did not get it.
fn told(cdr: &Value) -> (Option<&str>, Vec<&str>) {
    let agents = cdr["agents"].as_array().unwrap();
    let answered =
        agents.iter().find(|agent| agent["answered_at"].is_string()).and_then(|agent| agent["agent"].as_str());
    (answered, agents.iter().filter_map(|agent| agent["released"].as_str()).collect())
}

#[test]
fn a_caller_who_acknowledges_after_the_second_200_talks() {
    let mut scene = Scene::with(&Tenant::default());
    let phone = scene.phone("agent", 1);
    scene.caller("caller_acknowledges_late").done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a001"), vec![]));
}

#[test]
fn a_caller_whose_invite_has_no_sdp_answers_our_offer_and_talks() {
    let mut scene = Scene::with(&Tenant::default());
    let phone = scene.phone("agent", 1);
    scene.caller("caller_offers_nothing").done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a001"), vec![]));
}

#[test]
fn a_caller_who_never_acknowledges_is_hung_up_on_after_half_a_minute() {
    let mut scene = Scene::with(&Tenant::default());
    scene.caller("caller_never_acknowledges").done();
    assert_eq!(told(&scene.closed(SOON)), (None, vec![]));
}

#[test]
fn a_busy_agent_loses_the_call_to_the_next_one() {
    let mut scene = Scene::with(&Tenant::default());
    let busy = scene.phone("agent_is_busy", 1);
    let caller = scene.caller("caller");
    busy.done();
    let phone = scene.phone("agent", 2);
    caller.done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a002"), vec!["rejected"]));
}

#[test]
fn an_agent_whose_phone_rings_for_ever_loses_the_call_to_the_next_one() {
    let mut scene = Scene::with(&Tenant { ring_timeout: "2s", ..Tenant::default() });
    let deaf = scene.phone("agent_rings_for_ever", 1);
    let caller = scene.caller("caller");
    deaf.done();
    let phone = scene.phone("agent", 2);
    caller.done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a002"), vec!["missed"]));
}

#[test]
fn a_caller_who_gives_up_while_the_phone_rings_stops_the_ringing() {
    let mut scene = Scene::with(&Tenant::default());
    let phone = scene.phone("agent_rings_for_ever", 1);
    scene.host.caller("caller_gives_up_while_it_rings", "493", "7001", &scene.ear).done();
    // The phone's scenario ends well only if its CANCEL came.
    phone.done();
    assert_eq!(told(&scene.closed(SOON)).0, None);
}

#[test]
fn an_agent_whose_phone_is_gone_loses_the_call_to_the_next_one() {
    let mut scene = Scene::with(&Tenant { ring_timeout: "2s", ..Tenant::default() });
    // Registered a moment ago, from a port at which nobody listens any more.
    scene.host.register(&[Tenant::agent(1)], free_port());
    scene.host.make_ready(&Tenant::agent(1));
    let caller = scene.caller("caller");
    scene.events.until_count("released", 1, SOON);
    let phone = scene.phone("agent", 2);
    caller.done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a002"), vec!["device-failed"]));
}

#[test]
fn an_agent_whose_phone_is_dead_silent_loses_the_call_when_its_ring_time_is_over() {
    let mut scene = Scene::with(&Tenant { ring_timeout: "2s", ..Tenant::default() });
    let port = free_port();
    scene.host.register(&[Tenant::agent(1)], port);
    let _silent = std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    scene.host.make_ready(&Tenant::agent(1));
    let caller = scene.caller("caller");
    scene.events.until_count("released", 1, SOON);
    let phone = scene.phone("agent", 2);
    caller.done();
    phone.done();
    assert_eq!(told(&scene.closed(SOON)), (Some("a002"), vec!["missed"]));
}
