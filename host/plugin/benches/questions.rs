//! What a question costs: `rank` of 100 candidates and one flow step in a component, beside an HTTP webhook on loopback that does the same.
//!
//! `cargo bench -p plugboard-plugin --bench questions [-- --json]`; with `--json` the last line is one JSON object. The webhook is as lean as
//! one can be: a kept connection, no framework, a thread that only reads, parses, decides and writes.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock and opens a socket")]

#[path = "../tests/guests/built.rs"]
mod built;

use std::{
    fs,
    hint::black_box,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use plugboard_model::{
    InteractionId, TenantId, Timestamp,
    flow::{Action, Channel, Digits, Direction, Effect, Enqueue, Event, GatherEnd, Happening, Start, Stepped},
    routing::{Candidate, Levels, Need, Order, Tables, Waiting},
};
use plugboard_plugin::{
    Answer, Ask, Asker, Engine, EngineSettings, FlowPlugin, Question, RoutingPlugin, Runtime, RuntimeSettings,
    Settings, TableSet,
};
use serde::{Deserialize, Serialize};

const WARM_UP: usize = 500;
const ROUNDS: usize = 5_000;

const DOCUMENT: &str = r#"{
  "format": 1, "name": "main", "language": "zh-CN", "start": "hours", "variables": { "tier": "basic" },
  "nodes": {
    "hours": { "kind": "business-hours", "week": { "mon": ["00:00-24:00"] }, "exits": { "open": "menu", "closed": "bye" } },
    "menu": { "kind": "menu", "prompt": "menu.wav", "exits": { "1": "tier", "2": "bye", "no_input": "bye", "no_match": "bye" } },
    "tier": { "kind": "branch", "rules": [{ "variable": "tier", "is": "==", "value": "gold", "exit": "gold" }], "exits": { "gold": "vip", "else": "sales" } },
    "vip": { "kind": "set-queue", "queue": "vip", "priority": 9, "exits": { "next": "wait" } },
    "sales": { "kind": "set-queue", "queue": "sales", "skills": { "english": 3 }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "max_wait_s": 600, "announce": { "every_s": 30, "prompt": ["place.wav", { "position": true }] }, "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" }
  }
}"#;

/// What is asked over HTTP.
#[derive(Serialize, Deserialize)]
struct RankRequest {
    who: Waiting,
    needs: Vec<Need>,
    candidates: Vec<Candidate>,
}

#[derive(Serialize, Deserialize)]
struct StepRequest {
    state: String,
    event: Event,
}

/// Microseconds: wall time per question, and CPU of the whole process per question.
#[derive(Clone, Copy, Serialize)]
struct Cost {
    p50: f64,
    p99: f64,
    cpu: f64,
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let begun = Instant::now();
    let engine = Engine::new(EngineSettings::default()).expect("an engine");
    println!(
        "engine with {} instances: {:.1} ms",
        EngineSettings::default().instances,
        begun.elapsed().as_secs_f64() * 1e3
    );
    let flow = engine.load_flow(&built::component("flow-graph")).expect("a flow");
    let policy = engine.load_routing(&built::component("route-skills")).expect("a policy");
    let mut asker = Asker::new(&engine);

    let (rank, step) = (rank(&policy), step(&flow, &mut asker));
    let rank_component = measure(|| black_box(asker.ask(rank.clone())).result.is_ok());
    let step_component = measure(|| black_box(asker.ask(step.clone())).result.is_ok());
    let fresh = measure_rounds(500, || black_box(Asker::new(&engine).ask(step.clone())).result.is_ok());
    let threads = through_threads(&engine, &rank);

    let mut webhook = Webhook::start();
    let rank_webhook = measure(|| webhook.rank(&rank).numbers.len() == 100);
    let step_webhook = measure(|| webhook.step(&step).actions.len() == 1);

    let rows = [
        ("rank 100, component", rank_component),
        ("rank 100, component, through the runtime's threads", threads),
        ("rank 100, webhook on loopback", rank_webhook),
        ("flow step, component", step_component),
        ("flow step, component, instance and settings fresh", fresh),
        ("flow step, webhook on loopback", step_webhook),
    ];
    println!("| question | p50 µs | p99 µs | CPU µs |\n|---|---|---|---|");
    for (name, cost) in rows {
        println!("| {name} | {:.1} | {:.1} | {:.1} |", cost.p50, cost.p99, cost.cpu);
    }
    let (rank_ratio, step_ratio) = (rank_webhook.cpu / rank_component.cpu, step_webhook.cpu / step_component.cpu);
    println!("a webhook takes {rank_ratio:.1} times the CPU for a rank, {step_ratio:.1} times for a step");
    if json {
        let result = serde_json::json!({
            "rank_100_us": rank_component,
            "step_us": step_component,
            "webhook_cpu_ratio": rank_ratio,
            "webhook_cpu_ratio_step": step_ratio,
            "rank_100_webhook_us": rank_webhook,
            "step_webhook_us": step_webhook,
            "rank_100_threads_us": threads,
            "step_fresh_us": fresh,
        });
        println!("{result}");
    }
}

fn measure(question: impl FnMut() -> bool) -> Cost {
    measure_rounds(ROUNDS, question)
}

fn measure_rounds(rounds: usize, mut question: impl FnMut() -> bool) -> Cost {
    for _ in 0..WARM_UP.min(rounds) {
        assert!(question(), "the question is answered");
    }
    let cpu = cpu_time();
    let mut wall: Vec<f64> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            assert!(question(), "the question is answered");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let cpu = (cpu_time() - cpu).as_secs_f64() * 1e6 / rounds as f64;
    wall.sort_by(f64::total_cmp);
    Cost { p50: wall[rounds / 2], p99: wall[rounds * 99 / 100], cpu }
}

/// Time on a processor of all threads of this process.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let nanos = tasks.filter_map(|task| {
        let schedstat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn through_threads(engine: &Engine, rank: &Question) -> Cost {
    let (sender, replies) = std::sync::mpsc::channel();
    let settings = RuntimeSettings { threads: 1.try_into().expect("not zero"), ..RuntimeSettings::default() };
    let runtime = Runtime::start(engine, &settings, move |reply| drop(sender.send(reply))).expect("threads");
    measure(|| {
        runtime.ask(rank.clone()).expect("room");
        replies.recv().expect("a reply").result.is_ok()
    })
}

fn question(ask: Ask) -> Question {
    Question { id: 1, tenant: "acme".parse::<TenantId>().expect("a name"), budget: Duration::from_secs(1), ask }
}

fn rank(policy: &RoutingPlugin) -> Question {
    let candidate = |number: u32| Candidate {
        number,
        levels: Levels::from_needs([(number * 7 % 10 + 1) as u8, (number * 3 % 10 + 1) as u8]),
        idle_ms: number * 7_919 % 60_000,
        taken_today: number % 40,
        load_permille: (number % 3 * 250) as u16,
    };
    question(Ask::RankAgents {
        policy: policy.clone(),
        tables: Arc::new(TableSet::new(Tables::default())),
        who: Waiting { number: 1, queue: 0, priority: 5, channel: 0, waited_ms: 12_000, value: 0 },
        needs: vec![Need { skill: 0, level: 1 }, Need { skill: 3, level: 1 }],
        candidates: (0..100).map(candidate).collect(),
        columns: vec![],
    })
}

/// The step after the caller pressed 1: four nodes on.
fn step(flow: &FlowPlugin, asker: &mut Asker) -> Question {
    let settings = Arc::new(Settings::document(DOCUMENT));
    // Monday 2026-11-23, 10:00 UTC.
    let event = |seq, answers, what| {
        let at = Timestamp::from_secs(1_795_428_000);
        Box::new(Event { seq, at, utc_offset_min: 0, answers, more: false, what })
    };
    let start = Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: "+8613800000000".into(),
        called: "8001".into(),
        verified: false,
        language: "zh-CN".into(),
    };
    let (flow, first) = (flow.clone(), event(0, None, Happening::Started(start)));
    let reply = asker.ask(question(Ask::FlowStep {
        flow: flow.clone(),
        settings: settings.clone(),
        state: vec![],
        event: first,
    }));
    let Ok(Answer::Stepped(Stepped { state, .. })) = reply.result else { panic!("a step, not {reply:?}") };
    let pressed = Happening::Gathered(Digits { digits: "1".into(), ended: GatherEnd::Complete });
    question(Ask::FlowStep { flow, settings, state, event: event(1, Some(1), pressed) })
}

/// The same decisions as an HTTP server on loopback, and the client that asks it.
struct Webhook {
    stream: BufReader<TcpStream>,
}

impl Webhook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_nodelay(true).expect("a socket");
            serve(BufReader::new(stream));
        });
        let stream = TcpStream::connect(address).expect("a server");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream) }
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Vec<u8> {
        let mut request = Vec::with_capacity(body.len() + 200);
        write!(
            request,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("memory");
        request.extend(body);
        self.stream.get_mut().write_all(&request).expect("a request");
        read_message(&mut self.stream).expect("an answer").1
    }

    fn rank(&mut self, question: &Question) -> Order {
        let Ask::RankAgents { who, needs, candidates, .. } = &question.ask else { panic!("a rank") };
        let request = RankRequest { who: *who, needs: needs.clone(), candidates: candidates.clone() };
        let answer = self.post("/rank", &serde_json::to_vec(&request).expect("JSON"));
        serde_json::from_slice(&answer).expect("an order")
    }

    fn step(&mut self, question: &Question) -> Stepped {
        let Ask::FlowStep { state, event, .. } = &question.ask else { panic!("a step") };
        let request =
            StepRequest { state: state.iter().map(|byte| format!("{byte:02x}")).collect(), event: (**event).clone() };
        let answer = self.post("/step", &serde_json::to_vec(&request).expect("JSON"));
        serde_json::from_slice(&answer).expect("a step")
    }
}

fn serve(mut stream: BufReader<TcpStream>) {
    while let Some((path, body)) = read_message(&mut stream) {
        let answer = if path.contains("/rank") {
            let request: RankRequest = serde_json::from_slice(&body).expect("a rank");
            let mut agents = request.candidates;
            let levels =
                |agent: &Candidate| (0..request.needs.len()).map(|need| u32::from(agent.levels.get(need))).sum::<u32>();
            agents.sort_unstable_by_key(|agent| {
                (std::cmp::Reverse(levels(agent)), agent.load_permille, std::cmp::Reverse(agent.idle_ms), agent.number)
            });
            let order = Order { numbers: agents.iter().map(|agent| agent.number).collect(), again_ms: None };
            serde_json::to_vec(&order)
        } else {
            let request: StepRequest = serde_json::from_slice(&body).expect("a step");
            let queue = match request.event.what {
                Happening::Gathered(Digits { digits, .. }) if digits == "1" => "sales",
                _ => "vip",
            };
            let enqueue = Enqueue {
                queue: queue.parse().expect("a name"),
                priority: 5,
                skills: vec![],
                timeout_ms: Some(600_000),
                hold_music: None,
                announce: None,
                exit_keys: String::new(),
            };
            let state = request.state.into_bytes();
            serde_json::to_vec(&Stepped {
                state,
                actions: vec![Action { token: 2, what: Effect::Enqueue(enqueue) }],
                trail: vec![],
            })
        };
        let answer = answer.expect("JSON");
        let mut message = Vec::with_capacity(answer.len() + 100);
        write!(
            message,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        )
        .expect("memory");
        message.extend(answer);
        if stream.get_mut().write_all(&message).is_err() {
            return;
        }
    }
}

/// First line and body; `None` at the end of the connection.
fn read_message(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    stream.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}
