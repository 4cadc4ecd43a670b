//! The same decisions asked over HTTP on loopback: once as lean as can be, once with the libraries that one would take.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use axum::{Json, Router, routing::post};
use plugboard_model::{
    flow::{Action, Digits, Effect, Enqueue, Event, Happening, Stepped},
    routing::{Candidate, Need, Order, Waiting},
};
use plugboard_plugin::{Ask, Question};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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

/// One that answers for as long as the process lives.
pub(crate) trait Webhook {
    fn post<A: DeserializeOwned>(&mut self, path: &str, request: &impl Serialize) -> A;

    fn rank(&mut self, question: &Question) -> Order {
        let Ask::RankAgents { who, needs, candidates, .. } = &question.ask else { panic!("a rank") };
        self.post("/rank", &RankRequest { who: *who, needs: needs.clone(), candidates: candidates.clone() })
    }

    fn step(&mut self, question: &Question) -> Stepped {
        let Ask::FlowStep { state, event, .. } = &question.ask else { panic!("a step") };
        let state = state.iter().map(|byte| format!("{byte:02x}")).collect();
        self.post("/step", &StepRequest { state, event: (**event).clone() })
    }
}

/// `axum` answers on a thread of its own, `ureq` asks over a connection that it keeps.
pub(crate) struct Usual {
    agent: ureq::Agent,
    address: String,
}

impl Usual {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        listener.set_nonblocking(true).expect("a socket");
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let paths = Router::new()
                .route("/rank", post(async |Json(request)| Json(rank(request))))
                .route("/step", post(async |Json(request)| Json(step(request))));
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                axum::serve(listener, paths).await.expect("a server");
            });
        });
        Self { agent: ureq::Agent::new_with_defaults(), address }
    }
}

impl Webhook for Usual {
    fn post<A: DeserializeOwned>(&mut self, path: &str, request: &impl Serialize) -> A {
        let answer = self.agent.post(format!("{}{path}", self.address)).send_json(request);
        answer.expect("an answer").body_mut().read_json().expect("JSON")
    }
}

/// A kept connection, no framework, a thread that only reads, parses, decides and writes.
pub(crate) struct Lean {
    stream: BufReader<TcpStream>,
}

impl Lean {
    pub(crate) fn start() -> Self {
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
}

impl Webhook for Lean {
    fn post<A: DeserializeOwned>(&mut self, path: &str, request: &impl Serialize) -> A {
        let body = serde_json::to_vec(request).expect("JSON");
        let mut request = Vec::with_capacity(body.len() + 200);
        write!(
            request,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("memory");
        request.extend(body);
        self.stream.get_mut().write_all(&request).expect("a request");
        serde_json::from_slice(&read_message(&mut self.stream).expect("an answer").1).expect("JSON")
    }
}

fn serve(mut stream: BufReader<TcpStream>) {
    while let Some((path, body)) = read_message(&mut stream) {
        let answer = if path.contains("/rank") {
            serde_json::to_vec(&rank(serde_json::from_slice(&body).expect("a rank")))
        } else {
            serde_json::to_vec(&step(serde_json::from_slice(&body).expect("a step")))
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

fn rank(request: RankRequest) -> Order {
    let mut agents = request.candidates;
    let levels =
        |agent: &Candidate| (0..request.needs.len()).map(|need| u32::from(agent.levels.get(need))).sum::<u32>();
    agents.sort_unstable_by_key(|agent| {
        (std::cmp::Reverse(levels(agent)), agent.load_permille, std::cmp::Reverse(agent.idle_ms), agent.number)
    });
    Order { numbers: agents.iter().map(|agent| agent.number).collect(), again_ms: None }
}

fn step(request: StepRequest) -> Stepped {
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
    let actions = vec![Action { token: 2, what: Effect::Enqueue(enqueue) }];
    Stepped { state: request.state.into_bytes(), actions, trail: vec![] }
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
