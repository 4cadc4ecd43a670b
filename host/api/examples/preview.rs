//! The status page on made-up calls that move: `cargo run -p plugboard-api --example preview`, then open the address that it prints. The token is `preview`.
//! `--example preview -- 8080 open` lets everybody in without it, for screenshots.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a toy for people who work on the page")]

#[path = "../tests/api/double.rs"]
mod double;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
};
use double::{Double, cdr, segment, visit};
use plugboard_api::{Access, Api, Limits, RecordingFile, Sha256, Token, router, serve};
use plugboard_exchange::{AgentSnapshot, CallSnapshot, QueueSnapshot, Snapshot, TrunkSnapshot};
use plugboard_model::{
    Agent, AgentId, AgentState, EndedBy, EventKind, InteractionId, LegId, QueueExit, QueueId, RecordingId, Role,
    Timestamp,
};
use plugboard_reporting::{Cdr, cdr::RecordingRecord};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/ (token: preview)", listener.local_addr()?);
    let host = Double::new();
    {
        let mut configuration = host.configuration.lock().unwrap();
        let mut more = (**configuration).clone();
        for (id, name, extension) in [
            ("omar", "Omar Haddad", "104"),
            ("ravi", "Ravi Nair", "105"),
            ("wei", "王伟", "106"),
            ("zoe", "Zoë Martin", "107"),
        ] {
            let amy = more.agents.values().next().cloned().unwrap();
            let agent = Agent { name: name.into(), extension: extension.parse().unwrap(), ..amy };
            more.agents.insert(id.parse().unwrap(), agent);
        }
        *configuration = Arc::new(more);
    }
    let stage = Stage { host: host.clone(), begun: now() };
    stage.tell_the_past();
    stage.paint(0);
    tokio::spawn(async move {
        for second in 1.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stage.paint(second);
        }
    });
    let access = Access::new(vec![Token::new("preview", "preview")], [1; 32]);
    let api = Api { host, access, limits: Limits::default() };
    if std::env::args().nth(2).as_deref() != Some("open") {
        return serve(listener, api, std::future::pending()).await;
    }
    let known = |mut request: Request, next: Next| {
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer preview"));
        next.run(request)
    };
    axum::serve(listener, router(api).layer(middleware::from_fn(known))).await
}

fn now() -> Timestamp {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().into()
}

struct Stage {
    host: Arc<Double>,
    begun: Timestamp,
}

/// Interaction, caller, dialled, stage, queue, agent, seconds that it lasts already.
type Line = (u64, &'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>, u64);

const CALLS: [Line; 6] = [
    (412, "+8613900001111", "8000", "talking", Some("sales"), Some("amy"), 221),
    (415, "+493012345678", "8001", "held", Some("support"), Some("bo"), 96),
    (418, "+8613855550123", "8000", "ringing", Some("sales"), Some("lin"), 31),
    (419, "+33142278186", "8001", "waiting", Some("support"), None, 48),
    (420, "+442079460958", "8000", "waiting", Some("sales"), None, 22),
    (421, "+8618612349876", "8000", "ivr", None, None, 7),
];

impl Stage {
    fn ago(&self, seconds: u64) -> Timestamp {
        Timestamp::from_micros(self.begun.as_micros() - seconds * 1_000_000)
    }

    /// Records and the ladder of the call that is shown first.
    fn tell_the_past(&self) {
        for back in 0..9_u64 {
            let wave = wave(2 + back);
            let sha256 = Sha256::of(&wave).to_string();
            let path = std::env::temp_dir().join(format!("plugboard-preview-{back}.wav"));
            std::fs::write(&path, wave).unwrap();
            let (interaction, started) = (InteractionId(411 - back), self.ago(400 + back * 370));
            let answered = back % 4 != 2;
            let agent = ["amy", "bo", "lin"][back as usize % 3];
            let queue = ["sales", "support"][back as usize % 2];
            let recording = RecordingId(100 + back);
            let sound = RecordingRecord {
                recording,
                path: path.display().to_string(),
                voicemail: false,
                started_at: started,
                pauses: 0,
                length_ms: Some((2 + back) * 1_000),
                sha256: Some(sha256.clone()),
                left_dbfs: None,
                right_dbfs: None,
                gaps: None,
                failed: None,
                erase_at: None,
                erased_at: None,
            };
            let (agents, recordings) = match answered {
                true => (vec![segment(agent, started, Some(started))], vec![sound]),
                false => (vec![], vec![]),
            };
            self.host.cdrs.lock().unwrap().push(Cdr {
                from: CALLS[back as usize % 6].1.into(),
                to: CALLS[back as usize % 6].2.into(),
                answered,
                abandoned: !answered,
                duration_ms: 95_000 + back * 17_000,
                wait_ms: 4_000 + back * 1_900,
                talk_ms: if answered { 60_000 } else { 0 },
                queues: vec![visit(queue, started)],
                agents,
                recordings,
                ..cdr(interaction, started)
            });
            self.host.recordings.lock().unwrap().push(RecordingFile {
                recording,
                interaction,
                started,
                length_ms: (2 + back) * 1_000,
                sha256,
                voicemail: false,
                sound: plugboard_api::Sound::new((interaction, path)),
            });
        }
        let (interaction, amy) = (InteractionId(412), "amy".parse::<AgentId>().unwrap());
        let queue = Some("sales".parse::<QueueId>().unwrap());
        let visited =
            |node: &str, exit: &str| EventKind::FlowVisited { interaction, node: node.into(), exit: exit.into() };
        let story = [
            (
                221,
                EventKind::InteractionOffered {
                    interaction,
                    leg: LegId(900),
                    from: CALLS[0].1.into(),
                    to: "8000".into(),
                    channel: "voice".into(),
                    dialled_by: None,
                },
            ),
            (221, EventKind::LegAnswered { interaction, leg: LegId(900) }),
            (221, EventKind::FlowStarted { interaction, flow: "main".parse().unwrap(), revision: 7 }),
            (218, visited("welcome", "done")),
            (213, visited("menu", "2")),
            (213, EventKind::Tagged { interaction, name: "language".into(), value: "zh-CN".into() }),
            (
                213,
                EventKind::Queued {
                    interaction,
                    queue: queue.clone().unwrap(),
                    priority: 0,
                    skills: vec![],
                    position: 1,
                },
            ),
            (
                206,
                EventKind::Reserved {
                    interaction,
                    agent: amy.clone(),
                    queue: queue.clone(),
                    lease_ms: 25_000,
                    since_free_ms: 3,
                    choice: None,
                },
            ),
            (
                206,
                EventKind::LegDialled {
                    interaction,
                    leg: LegId(901),
                    role: Role::Agent,
                    party: "101".into(),
                    agent: Some(amy.clone()),
                },
            ),
            (206, EventKind::LegRinging { interaction, leg: LegId(901) }),
            (201, EventKind::LegAnswered { interaction, leg: LegId(901) }),
            (201, EventKind::LeftQueue { interaction, queue: queue.clone().unwrap(), exit: QueueExit::Connected }),
            (201, EventKind::Connected { interaction, agent: amy.clone(), leg: LegId(901), queue }),
            (
                201,
                EventKind::RecordingStarted {
                    interaction,
                    recording: RecordingId(112),
                    path: "r112.wav".into(),
                    voicemail: false,
                },
            ),
            (120, EventKind::Held { interaction, agent: amy.clone() }),
            (97, EventKind::Resumed { interaction, agent: amy }),
        ];
        for (seconds, kind) in story {
            self.host.say(self.ago(seconds), kind);
        }
        let gone = EventKind::InteractionClosed { interaction: InteractionId(411), by: EndedBy::Caller, cause: 16 };
        self.host.say(self.ago(90), gone);
    }

    /// What is live, `second` seconds after the beginning.
    fn paint(&self, second: u64) {
        let on_phone = |agent: &str| CALLS.iter().find(|call| call.5 == Some(agent)).map(|call| InteractionId(call.0));
        let states = [
            ("amy", "Amy Chen", "101", AgentState::Talking { interaction: on_phone("amy").unwrap() }, 201, true),
            ("bo", "Bo Larsen", "102", AgentState::Held { interaction: on_phone("bo").unwrap() }, 14, true),
            ("lin", "林晓", "103", AgentState::Ringing { interaction: on_phone("lin").unwrap() }, 6, true),
            ("omar", "Omar Haddad", "104", AgentState::WrapUp { interaction: InteractionId(411) }, 18, true),
            ("ravi", "Ravi Nair", "105", AgentState::Ready, 340, true),
            ("wei", "王伟", "106", AgentState::NotReady { reason: "lunch".into() }, 1_460, true),
            ("zoe", "Zoë Martin", "107", AgentState::LoggedOut, 9_000, false),
        ];
        let agents = states.map(|(id, name, extension, state, since, registered)| AgentSnapshot {
            id: id.parse().unwrap(),
            name: name.into(),
            extension: extension.into(),
            state,
            since: self.ago(since),
            pending: None,
            registered,
            occupancy_permille: 640,
        });
        let calls: Vec<_> = CALLS
            .iter()
            .map(|&(id, from, to, stage, queue, agent, age)| CallSnapshot {
                interaction: InteractionId(id),
                from: from.into(),
                to: to.into(),
                started: self.ago(age),
                stage,
                queue: queue.map(|queue| queue.parse().unwrap()),
                agent: agent.map(|agent| agent.parse().unwrap()),
                position: (stage == "waiting").then_some(1),
                estimated_wait_ms: (stage == "waiting").then_some(30_000),
                recording: matches!(stage, "talking" | "held"),
            })
            .collect();
        let queue = |id: &str, name: &str, waiting, longest: u64, ready, talking| QueueSnapshot {
            id: id.parse().unwrap(),
            name: name.into(),
            waiting,
            longest_wait_ms: if waiting == 0 { 0 } else { (longest + second) * 1_000 },
            staffed: 5,
            ready,
            talking,
            wrap_up: 1,
        };
        *self.host.snapshot.lock().unwrap() = Snapshot {
            at: now(),
            seq: self.host.log.lock().unwrap().len() as u64,
            revision: 7,
            calls,
            agents: agents.into(),
            queues: vec![
                queue("sales", "Sales", 1, 22, 1, 1),
                queue("support", "售后支持", 1, 48, 1, 1),
                queue("billing", "Billing", 0, 0, 2, 0),
            ],
            trunks: BTreeMap::from([("carrier".to_owned(), TrunkSnapshot { calls: 6, ..TrunkSnapshot::default() })]),
        };
        let (interaction, agent) = (InteractionId(412), "amy".parse::<AgentId>().unwrap());
        match second % 30 {
            10 => drop(self.host.say(now(), EventKind::Held { interaction, agent })),
            18 => drop(self.host.say(now(), EventKind::Resumed { interaction, agent })),
            _ => {}
        }
    }
}

/// A soft tone of `seconds`, mono, 8 kHz, 16 bits.
fn wave(seconds: u64) -> Vec<u8> {
    let samples = u32::try_from(seconds * 8_000).unwrap();
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + samples * 2).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((samples * 2).to_le_bytes());
    for sample in 0..samples {
        let level = (f64::from(sample) * 330.0 * std::f64::consts::TAU / 8_000.0).sin() * 4_000.0;
        #[allow(clippy::cast_possible_truncation, reason = "the level is within ±4,000")]
        file.extend((level as i16).to_le_bytes());
    }
    file
}
