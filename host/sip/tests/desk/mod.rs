//! One endpoint and a peer that may write whatever it likes, told as a ladder: the peer on the left, the endpoint on the right.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use plugboard_sip::endpoint::HangUp;
use plugboard_sip::message::{HeaderName, Writer};
use plugboard_sip::{
    CallHandle, Config, Endpoint, Event, Input, Invite, Message, Method, Output, Source, Status, Target, Transport,
};

pub(crate) const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

/// Headers that the ladder shows: those that a refusal owes.
const SHOWN: [&str; 7] = ["Allow", "Accept", "Accept-Encoding", "Unsupported", "Retry-After", "Warning", "Contact"];

pub(crate) struct Desk {
    pub(crate) now: Duration,
    pub(crate) endpoint: Endpoint,
    pub(crate) source: Source,
    pub(crate) ladder: String,
    /// What the endpoint sent, oldest first.
    pub(crate) sent: Vec<(Target, Message)>,
    pub(crate) events: Vec<Event>,
    /// Contacts and every Via are noise in most ladders.
    pub(crate) shows_contact: bool,
    branch: u32,
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Desk {
    pub(crate) fn new(config: Config) -> Self {
        let (local, remote) = (address("192.0.2.2:5060"), address("192.0.2.1:5060"));
        Self {
            now: Duration::from_secs(1),
            endpoint: Endpoint::new(config, 1),
            source: Source { transport: Transport::Udp, local, remote, connection: None },
            ladder: String::new(),
            sent: Vec::new(),
            events: Vec::new(),
            shows_contact: false,
            branch: 0,
        }
    }

    /// A request with the headers that every request has, `more` and a body. Where `more` names one of them, it stands instead.
    pub(crate) fn request(&mut self, start: &str, more: &str, body: &str) -> String {
        self.branch += 1;
        let method = start.split(' ').next().unwrap();
        let usual = [
            format!(
                "Via: SIP/2.0/{} 192.0.2.1:5060;branch=z9hG4bKt{};rport",
                self.source.transport.name(),
                self.branch
            ),
            "Max-Forwards: 70".into(),
            "From: <sip:100@example.com>;tag=peer".into(),
            "To: <sip:400@example.com>".into(),
            format!("Call-ID: c{}@peer", self.branch),
            format!("CSeq: 1 {method}"),
            "Contact: <sip:100@192.0.2.1:5060>".into(),
            format!("Content-Length: {}", body.len()),
        ];
        let name_of = |line: &str| line.split(':').next().unwrap().to_ascii_lowercase();
        let given: Vec<String> = more.lines().map(name_of).collect();
        let kept = usual.into_iter().filter(|line| !given.contains(&name_of(line)));
        let lines: Vec<String> =
            kept.chain(more.lines().filter(|line| !line.ends_with(": -")).map(str::to_owned)).collect();
        format!("{start}\r\n{}\r\n\r\n{body}", lines.join("\r\n"))
    }

    pub(crate) fn invite(&mut self, more: &str) -> String {
        let more = format!("Content-Type: application/sdp\n{more}");
        self.request("INVITE sip:400@192.0.2.2 SIP/2.0", more.trim_end(), SDP)
    }

    /// The peer says something; what the endpoint does about it is taken down.
    pub(crate) fn hear(&mut self, text: &str) {
        self.drain();
        let what = match Message::parse(text.as_bytes()) {
            Ok(message) => name_of(&message),
            Err(_) => "noise".into(),
        };
        writeln!(self.ladder, "{:.3} -> {what}", self.now.as_secs_f64()).unwrap();
        self.endpoint.handle_input(self.now, Input::Received { source: self.source, bytes: text.as_bytes() });
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            let at = self.now.as_secs_f64();
            match output {
                Output::Send { target, bytes } => {
                    let message = Message::parse(&bytes).expect("what we write can be read");
                    // A bad header is echoed as it came.
                    if message.status() != Some(Status::BAD_REQUEST) {
                        message.check().expect("what we write is sound");
                    }
                    write!(self.ladder, "{at:.3} <- {}", name_of(&message)).unwrap();
                    for name in SHOWN.iter().filter(|name| self.shows_contact || **name != "Contact") {
                        if let Some(value) =
                            message.other(name).filter(|_| message.status().is_some_and(|s| s.code() >= 300))
                        {
                            write!(self.ladder, " | {name}: {value}").unwrap();
                        }
                    }
                    self.ladder.push('\n');
                    self.sent.push((target, message));
                }
                Output::Event(event) => {
                    let told = match &event {
                        Event::Incoming(_) => "a call".into(),
                        Event::Answered { .. } => "answered".into(),
                        Event::Confirmed { .. } => "confirmed".into(),
                        Event::Progress { status, .. } => format!("progress {}", status.code()),
                        Event::Refused { status, .. } => format!("refused {}", status.code()),
                        Event::Ended { cause, .. } => format!("ended {cause:?}"),
                        Event::Reinvited { .. } => "a change".into(),
                        Event::Response { status, .. } => format!("response {}", status.code()),
                        Event::Register { .. } => "a registration".into(),
                        other => format!("{other:?}"),
                    };
                    writeln!(self.ladder, "{at:.3}    {told}").unwrap();
                    self.events.push(event);
                }
            }
        }
    }

    /// Lets the timers run until `until_s`.
    pub(crate) fn run(&mut self, until_s: f64) {
        let until = Duration::from_secs_f64(until_s);
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    pub(crate) fn last(&self) -> &Message {
        &self.sent.last().expect("something was sent").1
    }

    /// The last request of this method that the endpoint sent, with where to.
    pub(crate) fn last_of(&self, method: &Method) -> (Target, Message) {
        self.sent.iter().rev().find(|(_, m)| m.method() == Some(method)).cloned().expect("one was sent")
    }

    pub(crate) fn incoming(&self) -> CallHandle {
        let call = |event: &Event| if let Event::Incoming(incoming) = event { Some(incoming.call) } else { None };
        self.events.iter().rev().find_map(call).expect("a call came in")
    }

    /// The peer calls us with `more` in its INVITE.
    pub(crate) fn offered(&mut self, more: &str) -> CallHandle {
        let invite = self.invite(more);
        self.hear(&invite);
        self.incoming()
    }

    /// The peer calls us, and we answer; the 200 is the last thing sent.
    pub(crate) fn answered(&mut self, more: &str) -> CallHandle {
        let call = self.offered(more);
        self.endpoint.answer(self.now, call, SDP).unwrap();
        self.drain();
        let answer = self.last().clone();
        let ack = in_dialog(self, "ACK", 1, &answer);
        self.hear(&ack);
        call
    }

    /// We hang up a call that is answered: the BYE, with where to.
    pub(crate) fn bye(&mut self, call: CallHandle) -> (Target, Message) {
        self.endpoint.hang_up(self.now, call, HangUp::default()).unwrap();
        self.drain();
        self.last_of(&Method::BYE)
    }

    /// Our call to the peer; the INVITE is the last thing sent.
    pub(crate) fn call(&mut self, change: impl FnOnce(&mut Invite)) -> CallHandle {
        let mut invite = Invite {
            uri: "sip:100@192.0.2.1:5060".into(),
            next_hop: Target::from(self.source),
            from: "<sip:400@example.com>".into(),
            to: "<sip:100@example.com>".into(),
            headers: Vec::new(),
            offer: Some(SDP.into()),
            account: None,
            max_forwards: plugboard_sip::MAX_FORWARDS,
        };
        change(&mut invite);
        let call = self.endpoint.invite(self.now, invite).unwrap();
        self.drain();
        call
    }

    /// Whether nothing is left of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoint.calls() + self.endpoint.transactions() == 0
    }
}

/// A peer's response to a request of ours.
pub(crate) fn response(request: &Message, code: u16, tag: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut writer = Writer::response(Status::from_code(code).unwrap(), None);
    writer.copy(request, HeaderName::Via).copy(request, HeaderName::From);
    let to = request.value(HeaderName::To).unwrap();
    if tag.is_empty() || to.contains("tag=") {
        writer.header("To", to);
    } else {
        writer.header("To", &format!("{to};tag={tag}"));
    }
    writer.copy(request, HeaderName::CallId).copy(request, HeaderName::CSeq);
    for (name, value) in headers {
        writer.header(name, value);
    }
    let body = (!body.is_empty()).then_some(("application/sdp", body.as_bytes()));
    String::from_utf8(writer.finish(body).unwrap().to_vec()).unwrap()
}

/// The request of a peer in the dialog that its INVITE opened.
pub(crate) fn in_dialog(desk: &mut Desk, method: &str, cseq: u32, answer: &Message) -> String {
    let to = answer.value(HeaderName::To).unwrap().to_owned();
    let call_id = answer.call_id().unwrap().to_owned();
    let more = format!("To: {to}\nCall-ID: {call_id}\nCSeq: {cseq} {method}");
    desk.request(&format!("{method} sip:pb@192.0.2.2 SIP/2.0"), &more, "")
}

fn name_of(message: &Message) -> String {
    match (message.method(), message.status()) {
        (Some(method), _) => method.to_string(),
        (None, Some(status)) => {
            let method = message.cseq().map_or_else(|| "?".into(), |cseq| cseq.method.to_string());
            format!("{} {method}", status.code())
        }
        (None, None) => unreachable!("a message is one or the other"),
    }
}
