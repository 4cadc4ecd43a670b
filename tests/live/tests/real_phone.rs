//! An agent with a phone that we did not make.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Baresip, Ear, Host, Sound, Speaks, Surroundings, Tenant, count, sounds_of_file};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

/// An agent's phone that is called encrypted, beside a caller who is not.
fn encryption(policy: &str) -> Tenant {
    let table =
        format!("[encryption]\nsrtp = \"off\"\nkeys_in_clear = true\n[encryption.agents]\na001 = \"{policy}\"\n");
    Tenant { more: vec![("tenant.toml", table)], ..Tenant::default() }
}

#[track_caller]
fn an_agent_talks_with(transport: &str, tenant: &Tenant, srtp: Option<&str>) {
    let Some(address) = Baresip::address() else { return };
    // libre 1.1 of Debian 12 gives up at a SHA-256 challenge, even beside one for MD5.
    let surroundings = Surroundings {
        address: Some(address),
        digest: Some("[\"MD5\"]"),
        encrypted: transport == "tls",
        ..Surroundings::default()
    };
    let host = Host::start_in(tenant, surroundings);
    let mut events = host.events();
    let ear = Ear::open(None);
    let phone = match srtp {
        Some(srtp) => Baresip::start_encrypted(&host, "a001", transport, 600, srtp),
        None => Baresip::start(&host, "a001", transport, 600),
    };
    let Some(phone) = phone else { return };
    events.until_count("phone-registered", 1, SOON);
    let caller = host.caller("caller", "493", "8002", &ear);
    let told = events.until("a call that talks", SOON, |all| count(all, "connected") == 1);
    let call = told.iter().find(|event| event["type"] == "connected").unwrap()["interaction"].clone();
    ear.until_sounds(Sound::Hertz(600), SOON);
    // The caller has spoken for two seconds more.
    let so_far = ear.heard()[0].packets.len();
    ear.until("two seconds more", SOON, |calls| calls[0].packets.len() >= so_far + 100);
    host.order(&format!("calls/i{call}/hang-up"), &json!({}));
    caller.done();
    events.until_count("recording-closed", 1, SOON);
    let cdr = host.cdrs().remove(0);
    let recording = &cdr["recordings"][0];
    let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
    let agent = &cdr["agents"][0]["agent"];
    assert_eq!((agent, loud("left_dbfs"), loud("right_dbfs")), (&json!("a001"), true, true), "{cdr}");

    let heard = hound::WavReader::open(phone.heard()).unwrap();
    let samples: Vec<f64> = heard.into_samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64;
    assert!(power.sqrt() > 300.0, "the phone played {} samples of power {power}", samples.len());
}

#[test]
fn baresip_registers_over_udp_answers_and_both_hear_each_other() {
    an_agent_talks_with("udp", &Tenant::default(), None);
}

#[test]
fn baresip_registers_over_tcp_and_is_called_over_its_connection() {
    an_agent_talks_with("tcp", &Tenant::default(), None);
}

/// The phone takes no plain call and the host offers none; the caller is plain.
#[test]
fn baresip_that_insists_on_srtp_and_a_plain_caller_hear_each_other() {
    an_agent_talks_with("udp", &encryption("required"), Some("srtp-mand"));
}

#[test]
fn baresip_takes_the_srtp_that_it_is_offered_beside_plain_sound() {
    an_agent_talks_with("tcp", &encryption("offered"), Some("srtp"));
}

#[test]
fn baresip_registers_over_tls_and_is_called_over_its_connection() {
    an_agent_talks_with("tls", &Tenant::default(), None);
}

/// It hears what is played in its own codec, and talks with an agent whose phone has another.
#[track_caller]
fn a_caller_who_speaks(speaks: Speaks) {
    let Some(address) = Baresip::address() else { return };
    let surroundings = Surroundings { address: Some(address), digest: Some("[\"MD5\"]"), ..Surroundings::default() };
    let host = Host::start_in(&Tenant { ready_on_register: false, ..Tenant::default() }, surroundings);
    let mut events = host.events();
    let Some(caller) = Baresip::start_calling(&host, "a001", 600, speaks, "8002") else { return };
    events.until_count("queued", 1, SOON);
    let ear = Ear::open(None);
    let agent = host.phone("agent_until_hung_up", 2, &ear, 0);
    host.make_ready("a002");
    let told = events.until("a call that talks", SOON, |all| count(all, "connected") == 1);
    let call = told.iter().find(|event| event["type"] == "connected").unwrap()["interaction"].clone();
    ear.until_sounds(Sound::Hertz(600), SOON);
    let so_far = ear.heard()[0].packets.len();
    ear.until("two seconds more", SOON, |calls| calls[0].packets.len() >= so_far + 100);
    host.order(&format!("calls/i{call}/hang-up"), &json!({}));
    agent.done();
    events.until_count("recording-closed", 1, SOON);
    let cdr = host.cdrs().remove(0);
    let recording = &cdr["recordings"][0];
    let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -25.0);
    assert!(loud("left_dbfs") && loud("right_dbfs"), "{cdr}");
    let heard = sounds_of_file(&caller.heard());
    let sounds = |hertz, least| heard.get(&Sound::Hertz(hertz)).is_some_and(|packets| *packets >= least);
    // The agent's phone rings for 100 ms, and nobody can make a queue longer than that.
    assert!(sounds(Tenant::MUSIC_HERTZ, 3) && sounds(400, 50), "{heard:?}");
}

#[test]
fn baresip_with_g722_hears_the_music_and_talks_with_an_agent_who_has_g711() {
    a_caller_who_speaks(Speaks::G722);
}

#[test]
fn baresip_with_opus_hears_the_music_and_talks_with_an_agent_who_has_g711() {
    a_caller_who_speaks(Speaks::OPUS);
}
