//! Hold and attended transfer as the caller hears them, measured on RTP.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that measures")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use plugboard_live::{Ear, Events, Hearing, Host, Sipp, Sound, Tenant, count};
use plugboard_softphone::{Account, Config, Phone, Softphones};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
/// The longest that a caller may hear nothing.
const MOST_SILENCE: Duration = Duration::from_millis(500);
/// What a built-in phone hums is 440 Hz, which lies nearest to this one.
const HUM: Sound = Sound::Hertz(450);
const MUSIC: Sound = Sound::Hertz(Tenant::MUSIC_HERTZ);

struct Scene {
    host: Host,
    events: Events,
    caller: Arc<Ear>,
}

impl Scene {
    fn new() -> Self {
        let host = Host::start(&Tenant::default());
        Self { events: host.events(), caller: Arc::new(Ear::open(None)), host }
    }

    /// A phone of SIPp that talks by this ear.
    fn phone(&self, agent: usize, ear: &Ear) -> Sipp {
        self.host.phone("agent_until_hung_up", agent, ear, 0)
    }

    fn call(&self, scenario: &'static str) -> Sipp {
        self.host.caller(scenario, "493", "8002", &self.caller)
    }

    /// The call's name in paths, once it is connected.
    fn connected(&mut self) -> String {
        let told = self.events.until_count("connected", 1, SOON);
        let event = told.iter().find(|event| event["type"] == "connected").unwrap();
        format!("calls/i{}", event["interaction"])
    }

    fn record(&mut self) -> Value {
        self.events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == 1);
        self.host.cdrs().remove(0)
    }
}

fn only(heard: Vec<Hearing>) -> Hearing {
    let [one] = <[Hearing; 1]>::try_from(heard).unwrap();
    one
}

/// Who talked, and whether each segment lasted.
fn segments(cdr: &Value) -> Vec<(&str, bool)> {
    let agents = cdr["agents"].as_array().unwrap();
    agents.iter().map(|agent| (agent["agent"].as_str().unwrap(), agent["talk_ms"].as_u64() > Some(0))).collect()
}

#[test]
fn a_caller_on_hold_hears_music_the_agent_nothing_and_the_time_is_in_the_record() {
    let mut scene = Scene::new();
    let ear = Ear::saying(600);
    let phone = scene.phone(1, &ear);
    let caller = scene.call("caller");
    let call = scene.connected();
    scene.caller.until_sounds(Sound::Hertz(600), SOON);

    scene.host.order(&format!("{call}/hold"), &json!({}));
    let held = Instant::now();
    // Three seconds of music by its own packets.
    let music = scene.caller.until("music", SOON, |calls| calls.iter().any(|call| call.count(MUSIC) >= 150));
    let resumed = Instant::now();
    scene.host.order(&format!("{call}/resume"), &json!({}));
    scene.caller.until_sounds(Sound::Hertz(600), SOON);
    scene.host.order(&format!("{call}/hang-up"), &json!({}));
    caller.done();
    phone.done();

    // A packet or two may be under way when the order comes.
    let calm = held + Duration::from_millis(150)..=resumed;
    let music = only(music).sounds(&calm);
    let to_agent: usize = ear.heard().iter().map(|call| call.sounds(&calm).values().sum::<usize>()).sum();
    assert_eq!((music.into_keys().collect::<Vec<_>>(), to_agent), (vec![MUSIC], 0));
    let silence = only(scene.caller.heard()).longest_silence();
    assert!(silence <= MOST_SILENCE, "{silence:?}");
    let cdr = scene.record();
    let (hold, measured) = (cdr["hold_ms"].as_f64().unwrap(), (resumed - held).as_secs_f64() * 1_000.0);
    assert!((hold - measured).abs() <= 150.0, "held {hold} ms, measured {measured} ms");
}

#[test]
fn a_warm_transfer_by_the_desk_leaves_no_silence_and_one_record_with_both_agents() {
    let mut scene = Scene::new();
    let (first_ear, second_ear) = (Ear::saying(600), Ear::saying(800));
    let first = scene.phone(1, &first_ear);
    let caller = scene.call("caller");
    let call = scene.connected();
    scene.caller.until_sounds(Sound::Hertz(600), SOON);
    let second = scene.phone(2, &second_ear);

    scene.host.order(&format!("{call}/consult"), &json!({ "to": "agent:a002" }));
    scene.caller.until_sounds(MUSIC, SOON);
    // The agents hear each other while the caller hears music.
    first_ear.until_sounds(Sound::Hertz(800), SOON);
    second_ear.until_sounds(Sound::Hertz(600), SOON);
    scene.host.order(&format!("{call}/complete-transfer"), &json!({}));
    scene.caller.until_sounds(Sound::Hertz(800), SOON);
    second_ear.until_sounds(Sound::Hertz(400), SOON);
    first.done();
    scene.host.order(&format!("{call}/hang-up"), &json!({}));
    caller.done();
    second.done();

    let silence = only(scene.caller.heard()).longest_silence();
    println!("longest silence for the caller: {} ms", silence.as_millis());
    assert!(silence <= MOST_SILENCE, "{silence:?}");
    let cdr = scene.record();
    assert_eq!((segments(&cdr), scene.host.cdrs().len()), (vec![("a001", true), ("a002", true)], 1), "{cdr}");
}

async fn phone(phones: &Softphones, host: &Host, agent: usize) -> Phone {
    let agent = Tenant::agent(agent);
    let phone = phones.phone(Account::new(&agent, &Tenant::password(&agent), host.sip)).await.unwrap();
    phone.register(Duration::from_secs(600)).await.unwrap();
    phone
}

/// The phones go on meanwhile.
async fn heard_by(ear: &Arc<Ear>, sound: Sound) {
    let ear = Arc::clone(ear);
    tokio::task::spawn_blocking(move || drop(ear.until_sounds(sound, SOON))).await.unwrap();
}

/// REFER with Replaces, as a desk phone's transfer key does it (RFC 5589 §7).
#[tokio::test]
async fn a_warm_transfer_by_the_phone_leaves_no_silence_and_one_record_with_both_agents() {
    let mut scene = Scene::new();
    let left = Softphones::start(Config::default()).await.unwrap();
    let right = Softphones::start(Config::default()).await.unwrap();
    let mut first = phone(&left, &scene.host, 1).await;
    let caller = scene.call("caller");
    let with_caller = first.next_incoming(SOON).await.unwrap();
    with_caller.answer().await.unwrap();
    with_caller.hears(SOON).await.unwrap();
    let mut second = phone(&right, &scene.host, 2).await;
    // Whoever talks hums.
    let talk = Duration::from_secs(60);
    tokio::select! {
        hummed = with_caller.hum(talk) => panic!("the first agent has no breath left: {hummed:?}"),
        () = heard_by(&scene.caller, HUM) => {}
    }
    with_caller.hold().await.unwrap();
    let with_second = first.call("1002").await.unwrap();
    let at_second = second.next_incoming(SOON).await.unwrap();
    at_second.answer().await.unwrap();
    with_second.answered(SOON).await.unwrap();
    let joined = async {
        with_second.hears(SOON).await.unwrap();
        heard_by(&scene.caller, MUSIC).await;
        with_caller.attended_transfer(&with_second).await.unwrap();
        with_caller.ended(SOON).await.unwrap();
        with_second.ended(SOON).await.unwrap();
        heard_by(&scene.caller, HUM).await;
    };
    tokio::select! {
        hummed = at_second.hum(talk) => panic!("the second agent has no breath left: {hummed:?}"),
        () = joined => {}
    }
    at_second.hang_up().await.unwrap();
    tokio::task::spawn_blocking(move || caller.done()).await.unwrap();

    let heard = only(scene.caller.heard());
    let silence = heard.longest_silence();
    println!("longest silence for the caller: {} ms", silence.as_millis());
    assert!(silence <= MOST_SILENCE, "{silence:?}");
    assert!(heard.count(MUSIC) > 0, "music while the agents talk");
    scene.events.until("the end of both calls", SOON, |all| count(all, "interaction-closed") == 2);
    let cdrs = scene.host.cdrs();
    let cdr = cdrs.iter().find(|cdr| cdr["from"] == "493").unwrap();
    assert_eq!(segments(cdr), [("a001", true), ("a002", true)], "{cdrs:?}");
}
