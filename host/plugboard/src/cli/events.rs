//! What happens on a host, line by line.

use clap::Args;
use serde_json::Value;
use tungstenite::{
    Message,
    client::IntoClientRequest as _,
    http::{HeaderValue, header::AUTHORIZATION},
};

use super::{
    OfTenant,
    client::{Client, ClientError},
    say,
    table::time,
};

/// Everything that happens, one event a line: from the log, or as it happens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard events --follow                       from now on, until Ctrl-C
  plugboard events --after 1200 --json            the log after event 1200, one JSON object a line
  plugboard events --follow --json | jq 'select(.type == \"interaction-ended\")'")]
pub(crate) struct Events {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Begin after this event; without it, --follow begins now and the log from its start
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    #[command(flatten)]
    of: OfTenant,
}

impl Events {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let (client, tenant) = self.of.open()?;
        if self.follow {
            return self.follow(&client, &tenant);
        }
        let mut after = self.after.unwrap_or(0);
        loop {
            let page: Value = client.get(&format!("{tenant}/events?after={after}&limit=1000"))?;
            let items = page.get("items").and_then(Value::as_array);
            let Some(last) = items.and_then(|items| items.last()).and_then(|last| last["seq"].as_u64()) else {
                return Ok(());
            };
            for event in items.into_iter().flatten() {
                self.show(event);
            }
            after = last;
        }
    }

    fn follow(&self, client: &Client, tenant: &str) -> Result<(), ClientError> {
        let query = self.after.map_or_else(String::new, |after| format!("?after={after}"));
        let (address, authorization) = client.web_socket(&format!("{tenant}/events/live{query}"));
        let unreachable =
            |error: tungstenite::Error| ClientError::Unreachable { host: address.clone(), reason: error.to_string() };
        let mut request = address.as_str().into_client_request().map_err(unreachable)?;
        if let Some(value) = authorization.and_then(|authorization| HeaderValue::from_str(authorization).ok()) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let (mut socket, _) = tungstenite::connect(request).map_err(unreachable)?;
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let event = serde_json::from_str(&text)
                        .map_err(|error| ClientError::Answer { reason: error.to_string() })?;
                    self.show(&event);
                }
                Ok(Message::Close(reason)) => {
                    let detail = reason.map_or_else(String::new, |reason| reason.reason.to_string());
                    return Err(ClientError::Refused {
                        title: "the host ended the events".to_owned(),
                        detail,
                        remedy: "go on with --after and the last number shown".to_owned(),
                        errors: Vec::new(),
                    });
                }
                // Pings are answered by the library when it reads on.
                Ok(_) => {}
                Err(error) => return Err(unreachable(error)),
            }
        }
    }

    fn show(&self, event: &Value) {
        say(&if self.of.json() { format!("{event}\n") } else { line(event) });
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line_that_begins_with_its_number_and_time() {
        let event = json!({ "seq": 12, "at": "2024-02-28T23:59:59.999250Z", "type": "leg-answered", "interaction": 7, "leg": 9, "agent": null });
        assert_eq!(line(&event), "12  2024-02-28T23:59:59.999Z  i7  leg-answered  leg=9\n");
    }
}
