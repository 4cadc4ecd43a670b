//! Messages with customers and the channels that carry them, at a running host, over its API.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    OfTenant,
    client::{ClientError, escaped},
    list::show,
    say_line,
    table::{Cell, Column},
};

/// Messages with customers: send one, list them, and the channels that carry them
#[derive(Debug, Subcommand)]
pub(crate) enum Message {
    Send(Send),
    List(List),
    Channels(Channels),
}

/// Have a message sent to a customer, if no rule forbids it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plugboard message send sms +8613800138000 \"your order is ready\"\n  plugboard message send chat user-7 '{\"name\":\"Li\"}' --template welcome --id order-17"
)]
pub(crate) struct Send {
    /// The channel, as `plugboard message channels` has it
    channel: String,
    /// The customer's address on that channel
    to: String,
    /// The text; with a template: its values, as JSON
    text: String,
    /// One that the platform has approved
    #[arg(long)]
    template: Option<String>,
    /// The conversation, where the platform has several with one address
    #[arg(long)]
    thread: Option<String>,
    /// A button; may be given several times
    #[arg(long = "choice", value_name = "VALUE")]
    choices: Vec<String>,
    /// Names the message: sent twice with the same, it is one message
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

/// What was written with customers, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard message list --channel sms --address +8613800138000")]
pub(crate) struct List {
    /// By that channel
    #[arg(long)]
    channel: Option<String>,
    /// With that address, exactly
    #[arg(long, requires = "channel")]
    address: Option<String>,
    /// Most messages
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    of: OfTenant,
}

/// The channels of a tenant and how they fare
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(flatten)]
    of: OfTenant,
}

impl Message {
    pub(super) fn run(self) -> Result<(), ClientError> {
        match self {
            Self::Send(send) => send.run(),
            Self::List(list) => list.run(),
            Self::Channels(channels) => channels.run(),
        }
    }
}

impl Send {
    fn run(self) -> Result<(), ClientError> {
        let (client, tenant) = self.of.open()?;
        let Self { channel, to, text, template, thread, choices, id, .. } = self;
        let id = id.unwrap_or_else(fresh_id);
        let body = json!({
            "channel": channel, "to": to, "text": text, "template": template, "thread": thread, "choices": choices,
            "id": id,
        });
        let accepted: Value = client.post(&format!("{tenant}/messages"), &body)?;
        say_line(&format!("message {id} is {}", accepted["state"].as_str().unwrap_or_default()));
        Ok(())
    }
}

/// Unlike any other; random where the system gives chance, else by the clock.
fn fresh_id() -> String {
    let number = crate::serve::random_seed().unwrap_or_else(|_| crate::clock::Clock::start().now().as_millis());
    format!("cli-{number:016x}")
}

impl List {
    fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 8] = [
            ("at", "/at", Cell::Time),
            ("channel", "/channel", Cell::Text),
            ("way", "/direction", Cell::Text),
            ("address", "/address", Cell::Text),
            ("state", "/state", Cell::Text),
            ("text", "/text", Cell::Text),
            ("id", "/id", Cell::Text),
            ("failure", "/failure", Cell::Text),
        ];
        let (client, tenant) = self.of.open()?;
        let part =
            |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={}", escaped(value)));
        let query: Vec<String> =
            [part("channel", &self.channel), part("address", &self.address)].into_iter().flatten().collect();
        let path = match query.is_empty() {
            true => format!("{tenant}/messages"),
            false => format!("{tenant}/messages?{}", query.join("&")),
        };
        let messages = client.all(&path, usize::try_from(self.limit).unwrap_or(usize::MAX))?;
        show(&messages, &COLUMNS, self.of.json());
        Ok(())
    }
}

impl Channels {
    fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 8] = [
            ("channel", "/name", Cell::Text),
            ("plugin", "/plugin", Cell::Text),
            ("state", "/state", Cell::Text),
            ("webhook", "/webhook", Cell::Text),
            ("asked/min", "/asked_last_minute", Cell::Text),
            ("failed/min", "/failed_last_minute", Cell::Text),
            ("p99 ms", "/p99_ms", Cell::Text),
            ("problem", "/problem", Cell::Text),
        ];
        self.of.show_all("channels", &COLUMNS)
    }
}
