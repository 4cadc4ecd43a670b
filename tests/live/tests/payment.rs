//! IVR-09: a card number that a caller presses is told to the bank, and stands nowhere else: `examples/payment` at a real host, with real keys
//! (RFC 4733), a real recording and a bank over HTTP.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes, sockets and files")]

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use plugboard_live::{Ear, Host, Sipp, Sound, Surroundings, Tenant, free_port, plugboard, serve_http};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const CARD: &str = "4539578763621486";
const RECEIPT: &str = "R-8842-lantern";
/// Samples of a channel per second, and per 20 ms.
const RATE: usize = 8_000;
const FRAME: usize = 160;

macro_rules! example {
    ($include:ident, $file:literal) => {
        $include!(concat!("../../../examples/payment/", $file))
    };
}

fn tenant(bank: u16) -> Tenant {
    let here = |text: &str| {
        let at = format!("http://localhost:{bank}");
        text.replace("https://pay.example.com", &at).replace("\nallow = ", "\nallow_private = ")
    };
    Tenant {
        more: vec![
            ("numbers.toml", "8101 = { flow = \"payment-en\" }\n".to_owned()),
            ("flows/payment-en.json", example!(include_str, "flows/payment-en.json").to_owned()),
            ("rules.toml", example!(include_str, "rules.toml").to_owned()),
            ("connectors.toml", here(example!(include_str, "connectors.toml"))),
            ("bank.json", here(example!(include_str, "bank.json"))),
        ],
        prompts: vec![
            ("en/card-number", example!(include_bytes, "prompts/en/card-number.wav")),
            ("en/expiry", example!(include_bytes, "prompts/en/expiry.wav")),
            ("en/security-code", example!(include_bytes, "prompts/en/security-code.wav")),
            ("en/paid", example!(include_bytes, "prompts/en/paid.wav")),
            ("en/not-paid", example!(include_bytes, "prompts/en/not-paid.wav")),
        ],
        secrets: vec![("bank-key", "hunter2-hunter2\n")],
        ..Tenant::default()
    }
}

/// One that repeats what it is told, as some do.
fn bank() -> (Arc<Mutex<Vec<Value>>>, u16) {
    let told = Arc::<Mutex<Vec<Value>>>::default();
    let kept = Arc::clone(&told);
    let port = serve_http(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let said = json!({ "id": RECEIPT, "echo": body }).to_string();
        kept.lock().unwrap().push(body);
        (201, said)
    });
    (told, port)
}

/// What a secret looks like in a file: as it is, in hexadecimal, in Base64 at each offset, and as a list of bytes.
fn guises(secret: &str) -> Vec<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = secret.as_bytes();
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let listed: Vec<String> = bytes.iter().map(ToString::to_string).collect();
    let mut guises = vec![bytes.to_vec(), hexadecimal.into_bytes(), listed.join(",").into_bytes()];
    for skipped in 0..3 {
        // Letters that hold bits of what stands before or behind are left out.
        let letters = bytes[skipped..].chunks_exact(3).flat_map(|three| {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize])
        });
        guises.push(letters.collect());
    }
    guises
}

fn holds(text: &[u8], secret: &str) -> bool {
    let stands = |text: &[u8], part: &[u8]| text.windows(part.len()).any(|window| window == part);
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    let is_number = secret.bytes().all(|byte| byte.is_ascii_digit());
    // With whatever stands between its digits, too.
    guises(secret).iter().any(|guise| stands(text, guise)) || (is_number && stands(&digits, secret.as_bytes()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Everything that the host keeps and tells, with its name: each file of its data, its log, and what is packed on disk as the API unpacks it.
fn kept(host: &Host) -> Vec<(String, Vec<u8>)> {
    let data = host.scratch().join("data");
    let mut all: Vec<(String, Vec<u8>)> =
        files(&data).into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    all.push(("log".to_owned(), host.log().into_bytes()));
    for path in ["tapes?limit=100", "events?limit=1000", "cdrs", "connectors", "live"] {
        all.push((path.to_owned(), host.get(path).to_string().into_bytes()));
    }
    for plugin in ["connector-rest", "flow-graph", "rule-payment-pause"] {
        let path = format!("plugins/{plugin}/traces");
        all.push((path.clone(), host.get(&path).to_string().into_bytes()));
    }
    all.push(("metrics".to_owned(), host.metrics().into_bytes()));
    all
}

fn names_with(kept: &[(String, Vec<u8>)], secret: &str) -> Vec<String> {
    kept.iter().filter(|(_, bytes)| holds(bytes, secret)).map(|(name, _)| name.clone()).collect()
}

#[test]
fn scan_finds_a_number_in_each_of_its_guises() {
    let found = ["n=4539578763621486", "\"4539-5787-6362-1486\"", "34353339353738373633363231343836"];
    let base64 = ["NDUzOTU3ODc2MzYyMTQ4Ng==", "eDQ1Mzk1Nzg3NjM2MjE0ODZ4", "eHg0NTM5NTc4NzYzNjIxNDg2"];
    let not = ["4539578763621487", "453957******1486"];
    let holds = |text: &&str| holds(text.as_bytes(), CARD);
    assert_eq!((found.iter().all(holds), base64.iter().all(holds), not.iter().any(holds)), (true, true, false));
}

/// Frames of 20 ms of each channel that are no silence, within a time since the recording began.
fn audible(recording: &[u8], within: RangeInclusive<Duration>) -> [usize; 2] {
    let samples: Vec<i16> = hound::WavReader::new(recording).unwrap().samples().map(Result::unwrap).collect();
    let frame = |at: &Duration| at.as_micros() as usize * RATE / 1_000_000 / FRAME;
    let frames: Vec<&[i16]> = samples.chunks_exact(2 * FRAME).collect();
    let within = &frames[frame(within.start())..frame(within.end()).min(frames.len())];
    [0, 1].map(|channel| {
        let loud = |frame: &&&[i16]| frame.iter().skip(channel).step_by(2).any(|sample| sample.abs() > 100);
        within.iter().filter(loud).count()
    })
}

/// Microseconds of the clock in an event's `at`: `…T10:38:18.123456Z`. No test runs over midnight for long.
fn at(event: &Value) -> Duration {
    let clock = event["at"].as_str().unwrap().split_once('T').unwrap().1.trim_end_matches('Z');
    let seconds = clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap());
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_card_number_reaches_the_bank_and_stands_in_no_file_no_log_and_no_recording() {
    let (told, port) = bank();
    // What an operator turns on to see what is wrong.
    let host = Host::start_in(&tenant(port), Surroundings { log: Some("debug"), ..Surroundings::default() });
    let mut events = host.events();
    let (caller_ear, agent_ear) = (Ear::open(None), Ear::saying(600));
    let phone_port = free_port();
    host.register(&[Tenant::agent(1)], phone_port);
    let key = agent_ear.port.to_string();
    let phone =
        Sipp::start(host.scratch(), "agent_until_hung_up", host.sip, phone_port, 2, &[], &["-key", "ear", &key]);
    let phone = phone.listening();
    let caller = host.caller("caller", "4930900", "8002", &caller_ear);
    let told_of = events.until_count("recording-started", 1, SOON);
    let interaction = told_of.iter().find_map(|event| event["interaction"].as_u64()).unwrap();
    let call = format!("calls/i{interaction}");
    let talk = |more: usize| {
        let agent = Sound::Hertz(600);
        let before: usize = caller_ear.heard().iter().map(|call| call.count(agent)).sum();
        let enough = move |calls: &[plugboard_live::Hearing]| {
            calls.iter().map(|call| call.count(agent)).sum::<usize>() >= before + more
        };
        caller_ear.until("the agent", SOON, enough);
    };
    talk(50);

    // The agent takes the number down, and the caller presses it to the agent.
    host.order(&format!("{call}/tags"), &json!({ "name": "payment", "value": "begun" }));
    events.until_count("recording-paused", 1, SOON);
    caller_ear.press(&format!("{CARD}#"));
    caller_ear.until_pressed(SOON);
    host.order(&format!("{call}/tags"), &json!({ "name": "payment", "value": "over" }));
    events.until_count("recording-resumed", 1, SOON);
    talk(50);

    // The flow collects it for the bank.
    host.order(&format!("{call}/transfer"), &json!({ "to": "8101" }));
    events.until_count("recording-paused", 2, SOON);
    for (node, keys) in [("card", &*format!("{CARD}#")), ("expiry", "1227"), ("code", "907#")] {
        caller_ear.press(keys);
        let is_left = |event: &Value| event["node"] == node && event["exit"] == "ok";
        events.until(node, SOON, |all| all.iter().any(is_left));
    }
    events.until_count("recording-resumed", 2, SOON);
    events.until_count("connected", 2, SOON);
    talk(50);
    host.order(&format!("{call}/hang-up"), &json!({}));
    caller.done();
    phone.done();
    let told_of = events.until_count("recording-closed", 1, SOON).to_vec();
    events.until_count("interaction-closed", 1, SOON);

    let payment = told.lock().unwrap().clone();
    let card = json!({ "number": CARD, "expiry": "1227", "code": "907" });
    assert_eq!((payment.len(), &payment[0]["card"], &payment[0]["amount"]), (1, &card, &json!(4200)));
    let times = |kind: &str| told_of.iter().filter(|event| event["type"] == kind).map(at).collect::<Vec<_>>();
    let started = times("recording-started")[0];
    let (paused, resumed) = (times("recording-paused"), times("recording-resumed"));
    let number = told_of.iter().find(|event| event["type"] == "recording-closed").unwrap()["recording"].clone();
    let (status, _, sound) = host.fetch(&format!("recordings/{number}"), &[]);
    assert_eq!(status, 200);
    // A packet or two may be under way when the order comes.
    let edge = Duration::from_millis(200);
    let mut talk_begins = Duration::ZERO;
    for (paused, resumed) in paused.iter().zip(&resumed) {
        let (paused, resumed) = (*paused - started, *resumed - started);
        assert!(resumed - paused > Duration::from_secs(3), "17 keys take longer than from {paused:?} to {resumed:?}");
        let [caller, agent] = audible(&sound, talk_begins + edge..=paused - edge);
        assert!(caller > 20 && agent > 20, "talk before {paused:?}: {caller} and {agent} frames");
        assert_eq!(audible(&sound, paused + edge..=resumed - edge), [0, 0], "from {paused:?} to {resumed:?}");
        talk_begins = resumed;
    }
    let [caller, agent] = audible(&sound, talk_begins + edge..=Duration::from_secs(3_600));
    assert!(caller > 20 && agent > 20, "talk at the end: {caller} and {agent} frames");

    let kept = kept(&host);
    assert_ne!(names_with(&kept, RECEIPT), Vec::<String>::new(), "the scan finds what is kept");
    assert_eq!(names_with(&kept, CARD), Vec::<String>::new());
    // Once it has stopped, everything is on disk.
    let mut host = host;
    assert!(host.stop());
    let left: Vec<(String, Vec<u8>)> = files(&host.scratch().join("data"))
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .chain([("log".to_owned(), host.log().into_bytes())])
        .collect();
    assert_eq!(names_with(&left, CARD), Vec::<String>::new());
}

#[test]
fn the_example_has_no_fault() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/payment");
    let checked = plugboard(["check", example.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap() + &String::from_utf8(checked.stderr).unwrap();
    assert!(said.ends_with("is right: 1 queues, 2 agents, 3 numbers, 2 flows, 10 prompts\n"), "{said}");
}
