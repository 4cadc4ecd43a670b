//! What happens on a host, line by line.

use std::{fmt::Display, io::Read as _, net::TcpStream, ops::ControlFlow, time::Duration};

use clap::Args;
use serde_json::Value;
use tungstenite::{
    HandshakeError, Message,
    client::{IntoClientRequest as _, uri_mode},
    http::{
        HeaderValue, Response, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH},
    },
    stream::Mode,
};

use super::{
    OfTenant,
    client::{Client, ClientError, escaped},
    say, spoken,
    table::time,
    tell,
};

/// Everything that happens, one event a line: from the log, or as it happens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard events --follow                       from now on, until Ctrl-C; a lost connection is made anew, with no event lost or told twice
  plugboard events --after 1200 --json            the log after event 1200, one JSON object a line
  plugboard events --interaction i42              what happened to one call
  plugboard events --follow --json | jq 'select(.type == \"interaction-ended\")'")]
pub(crate) struct Events {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Begin after this event; without it, --follow begins now and the log from its start
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Only those of one call
    #[arg(long, value_name = "ID")]
    interaction: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

/// How long a lost connection rests before it is tried again: twice as long each time in vain.
#[derive(Clone, Copy)]
struct Pause {
    first: Duration,
    longest: Duration,
}

const PAUSE: Pause = Pause { first: Duration::from_millis(500), longest: Duration::from_secs(10) };

impl Events {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let (client, tenant) = self.of.open()?;
        let only = self.interaction.as_deref().map_or_else(String::new, |id| format!("&interaction={}", escaped(id)));
        if self.follow {
            let after = match self.after {
                Some(after) => after,
                // Named once, so that a connection that breaks before the first event loses none either.
                None => client.get::<Value>(&format!("{tenant}/live"))?["seq"].as_u64().unwrap_or_default(),
            };
            return follow(&client, &tenant, &only, after, PAUSE, &mut |event| {
                self.show(event);
                ControlFlow::Continue(())
            });
        }
        let mut after = self.after.unwrap_or(0);
        loop {
            let page: Value = client.get(&format!("{tenant}/events?after={after}&limit=1000{only}"))?;
            for event in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                self.show(event);
            }
            match page.get("next").and_then(Value::as_str).and_then(|next| next.parse().ok()) {
                Some(next) if next > after => after = next,
                _ => return Ok(()),
            }
        }
    }

    fn show(&self, event: &Value) {
        say(&if self.of.json() { format!("{event}\n") } else { line(event) });
    }
}

/// Every event after `after`, until `show` has seen enough. A connection that was there and is lost is made anew from the last event seen.
fn follow(
    client: &Client,
    tenant: &str,
    only: &str,
    mut after: u64,
    pause: Pause,
    show: &mut dyn FnMut(&Value) -> ControlFlow<()>,
) -> Result<(), ClientError> {
    let (mut was_there, mut rest) = (false, pause.first);
    loop {
        let before = after;
        let lost = match connect(client, &format!("{tenant}/events/live?after={after}{only}")) {
            Ok(mut socket) => {
                was_there = true;
                loop {
                    match socket.read() {
                        Ok(Message::Text(text)) => {
                            let event: Value = serde_json::from_str(&text)
                                .map_err(|error| ClientError::Answer { reason: error.to_string() })?;
                            let seq = event["seq"].as_u64().unwrap_or_default();
                            if seq > after {
                                after = seq;
                                if show(&event).is_break() {
                                    return Ok(());
                                }
                            }
                        }
                        Ok(Message::Close(frame)) => {
                            break frame
                                .map_or_else(|| "the host closed it".to_owned(), |frame| frame.reason.to_string());
                        }
                        // Pings are answered by the library when it reads on.
                        Ok(_) => {}
                        Err(error) => break error.to_string(),
                    }
                }
            }
            Err(Failure::ForGood(error)) => return Err(error),
            Err(Failure::ForNow(error)) if !was_there => return Err(error),
            Err(Failure::ForNow(error)) => error.to_string(),
        };
        rest = if after > before { pause.first } else { rest };
        let english = format!("connection lost ({lost}); going on after event {after} in {:.1} s", rest.as_secs_f32());
        tell(&format!("{}\n", spoken().say(&english)));
        std::thread::sleep(rest);
        rest = (rest * 2).min(pause.longest);
    }
}

/// Why there is no connection, and whether another try may bring one.
enum Failure {
    ForGood(ClientError),
    ForNow(ClientError),
}

type Socket = tungstenite::WebSocket<TcpStream>;

/// A host that says nothing for so long while it is asked to open a stream is gone.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// More than any problem of the API says.
const LONGEST_REFUSAL: u64 = 64 * 1_024;

fn connect(client: &Client, path: &str) -> Result<Socket, Failure> {
    let (address, authorization) = client.web_socket(path);
    let unreachable =
        |reason: &dyn Display| ClientError::Unreachable { host: address.clone(), reason: reason.to_string() };
    let mut request = address.as_str().into_client_request().map_err(|error| Failure::ForGood(unreachable(&error)))?;
    if let Some(value) = authorization.and_then(|authorization| HeaderValue::from_str(authorization).ok()) {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    if !matches!(uri_mode(request.uri()), Ok(Mode::Plain)) {
        return Err(Failure::ForGood(unreachable(&"a stream of events is read over http only")));
    }
    let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']);
    let gone = |error: std::io::Error| Failure::ForNow(unreachable(&error));
    let stream = TcpStream::connect((host, request.uri().port_u16().unwrap_or(80))).map_err(gone)?;
    stream.set_read_timeout(Some(OPENS_WITHIN)).map_err(gone)?;
    match tungstenite::client(request, stream.try_clone().map_err(gone)?) {
        Ok((socket, _)) => stream.set_read_timeout(None).map(|()| socket).map_err(gone),
        Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            let status = response.status();
            let problem = serde_json::from_slice(&body_of(*response, stream));
            let refused = ClientError::refused(status.as_u16(), &problem.unwrap_or_default());
            // Busy, draining or too many wrong tokens: all of these end.
            let ends = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            Err(if ends { Failure::ForNow(refused) } else { Failure::ForGood(refused) })
        }
        Err(error) => Err(Failure::ForNow(unreachable(&error))),
    }
}

/// All of a refusal: of its body the library keeps only what happened to come with the head.
fn body_of(response: Response<Option<Vec<u8>>>, stream: TcpStream) -> Vec<u8> {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = response.into_body().unwrap_or_default();
    let rest = length.unwrap_or(LONGEST_REFUSAL).min(LONGEST_REFUSAL).saturating_sub(body.len() as u64);
    // A body that breaks off is no problem document, and the status alone is told.
    let _ = stream.take(rest).read_to_end(&mut body);
    body
}

/// `12  2026-11-22T10:41:00.250Z  i7  leg-answered  leg=9`
fn line(event: &Value) -> String {
    let at = time(event["at"].as_str().unwrap_or_default());
    let interaction = event["interaction"].as_u64().map_or_else(|| "-".to_owned(), |number| format!("i{number}"));
    let mut out = format!("{}  {at}  {interaction}  {}", event["seq"], event["type"].as_str().unwrap_or("?"));
    for (name, value) in event.as_object().into_iter().flatten() {
        match value {
            _ if ["seq", "at", "interaction", "type"].contains(&name.as_str()) => {}
            Value::Null => {}
            Value::String(text) => {
                let plain: String = text.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
                out += &format!("  {name}={plain}");
            }
            value => out += &format!("  {name}={value}"),
        }
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a host to talk to is a socket and a thread")]
    #![allow(clippy::result_large_err, reason = "tungstenite's own callback answers with a whole response")]

    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
    };

    use serde_json::json;
    use tungstenite::handshake::server::{Request, Response};

    use super::*;

    #[test]
    fn a_lost_connection_goes_on_after_the_last_event_with_none_lost_or_told_twice() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for seqs in [vec![5, 6], vec![], vec![6, 7, 8]] {
                let (stream, _) = listener.accept().unwrap();
                let note = |request: &Request, response: Response| {
                    asked.push(request.uri().query().unwrap_or_default().to_owned());
                    Ok(response)
                };
                let mut socket = tungstenite::accept_hdr(stream, note).unwrap();
                for seq in seqs {
                    // The last of them may come when enough was seen.
                    let _ = socket.send(Message::text(json!({ "seq": seq }).to_string()));
                }
            }
            asked
        });
        let mut seen = Vec::new();
        let pause = Pause { first: Duration::ZERO, longest: Duration::ZERO };
        follow(&Client::new(&host, None), "/v1/tenants/demo", "&interaction=i7", 4, pause, &mut |event| {
            seen.push(event["seq"].as_u64().unwrap());
            if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(seen, [5, 6, 7, 8]);
        assert_eq!(
            server.join().unwrap(),
            ["after=4", "after=6", "after=6"].map(|query| format!("{query}&interaction=i7"))
        );
    }

    #[test]
    fn a_host_that_was_never_there_or_says_no_is_not_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        // More than the library reads at once, so that its head and its end come apart.
        let detail = "the request names no token; ".repeat(600);
        let body = json!({ "title": "Not logged in", "detail": detail, "remedy": "log in" }).to_string();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            while !lines.next().unwrap().unwrap().is_empty() {}
            write!(&stream, "HTTP/1.1 401 .\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let ask = || {
            let client = Client::new(&host, None);
            follow(&client, "/v1/tenants/demo", "", 0, PAUSE, &mut |_| ControlFlow::Continue(())).unwrap_err()
        };
        let refused = ask();
        server.join().unwrap();
        assert!(matches!(&refused, ClientError::Refused { title, .. } if title == "Not logged in"), "{refused:?}");
        assert!(matches!(ask(), ClientError::Unreachable { .. }));
    }

    #[test]
    fn an_event_is_one_line_that_begins_with_its_number_and_time() {
        let event = json!({ "seq": 12, "at": "2024-02-28T23:59:59.999250Z", "type": "leg-answered", "interaction": 7, "leg": 9, "agent": null });
        assert_eq!(line(&event), "12  2024-02-28T23:59:59.999Z  i7  leg-answered  leg=9\n");
    }
}
