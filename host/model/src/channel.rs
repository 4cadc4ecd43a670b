//! What a message channel is asked and answers: the host's side of the WIT interface `channel`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/channel.wit`.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Configuration, InteractionId, Timestamp,
    compliance::{self, Asker},
    connector::Connector,
    flow::Open,
};

/// A channel of a tenant: which component carries its messages, what that is told, and whom it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The component, and how far it may reach: as of a connector. `concurrent` and `per_second` bound the webhooks that come in.
    #[serde(flatten)]
    pub component: Connector,
    /// Its addresses are telephone numbers: what a flow sends to a caller goes by it. At most one channel of a tenant.
    #[serde(default)]
    pub callers: bool,
}

impl Channel {
    /// Channels of one tenant.
    pub const MOST: usize = 16;
    /// A webhook's body, in bytes.
    pub const MOST_BODY: usize = 1 << 20;
    /// Headers of a webhook.
    pub const MOST_HEADERS: usize = 64;
    /// An address or an id on a platform, in bytes.
    pub const LONGEST_ADDRESS: usize = 128;
    /// A text to a customer, in bytes: rules see all of it.
    pub const LONGEST_TEXT: usize = 4 * 1024;
    /// Files with one message.
    pub const MOST_FILES: usize = 10;
}

impl Configuration {
    /// The channel by which flows write to those who call.
    pub fn channel_of_callers(&self) -> Option<&Arc<str>> {
        self.channels.iter().find(|(_, channel)| channel.callers).map(|(name, _)| name)
    }
}

/// A message that somebody wants to have sent. No rule has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Unique in the tenant.
    pub id: Arc<str>,
    pub interaction: Option<InteractionId>,
    pub by: Asker,
    /// The tenant's name for it.
    pub channel: Arc<str>,
    pub to: String,
    pub thread: Option<String>,
    pub text: String,
    pub template: Option<String>,
    pub choices: Vec<String>,
    pub attachments: Vec<Attachment>,
    /// When that person last wrote to us on this channel.
    pub last_heard: Option<Timestamp>,
    /// Messages sent to that address in the last 24 hours.
    pub sent_today: u32,
}

impl Wish {
    /// What rules are asked.
    pub fn effect(&self, lists: Vec<String>) -> compliance::Effect {
        compliance::Effect::Message(compliance::Message {
            channel: self.channel.to_string(),
            to: self.to.clone(),
            text: self.text.clone(),
            template: self.template.clone(),
            last_heard: self.last_heard,
            lists,
            sent_today: self.sent_today,
        })
    }
}

/// A request that came from outside to the channel's address: anybody's, until it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub method: String,
    /// What stands behind the channel's own address, with the query.
    pub path: String,
    /// Names in lower case. At most 64.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
    pub at: Timestamp,
}

/// Whose request it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    Genuine,
    Forged,
    /// The platform only wants this answer.
    Answer(WebhookReply),
}

/// What the platform is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReply {
    /// 200 to 599.
    pub status: u16,
    /// Its media type.
    pub kind: String,
    /// At most 64 KiB.
    pub body: Vec<u8>,
}

/// What a webhook held. At most 100 of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub messages: Vec<Incoming>,
    pub reports: Vec<Report>,
    /// None: 200 with an empty body, once all of it is stored.
    pub reply: Option<WebhookReply>,
}

/// A message from a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// The platform's id; a second one with the same is dropped.
    pub id: String,
    /// Address of the customer on the platform.
    pub from: String,
    /// None: one conversation for each address.
    pub thread: Option<String>,
    pub at: Timestamp,
    pub what: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// At most 16 KiB.
    Text(String),
    File(Attachment),
    /// The value of a button.
    Choice(String),
    /// The customer ended the conversation.
    Left,
    Other(Open),
}

/// A file that the host fetches with the channel's grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    /// In bytes; 0: not known.
    pub size: u64,
    pub url: String,
}

/// What became of a message of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// That of its receipt.
    pub id: String,
    pub state: Delivery,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    Delivered,
    Read,
    /// Why, in the platform's words.
    Failed(String),
    Other(String),
}

impl Delivery {
    /// As it stands in records; a platform's own word is kept.
    pub fn word(&self) -> &str {
        match self {
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed(_) => "failed",
            Self::Other(word) => word,
        }
    }
}

/// A message to a customer. It was judged before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Unique in the tenant; the same at each attempt.
    pub id: String,
    pub to: String,
    pub thread: Option<String>,
    pub text: String,
    /// A template that the platform has approved; `text` then holds its values as JSON.
    pub template: Option<String>,
    /// Values of buttons. At most 10.
    pub choices: Vec<String>,
    pub attachments: Vec<Attachment>,
    pub at: Timestamp,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFailure {
    pub code: ChannelFailureCode,
    pub message: String,
    /// When it may work; `None`: never.
    pub retry: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelFailureCode {
    BadWebhook,
    NoRecipient,
    /// The platform's own window for plain text is over: use a template.
    SessionOver,
    UnknownTemplate,
    TooLarge,
    Denied,
    Unreachable,
    Limit,
    BadSettings,
    Other(String),
}

impl ChannelFailureCode {
    /// As the WIT has it: `session-over`. A component's own word is `other`: it may hold anything.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BadWebhook => "bad-webhook",
            Self::NoRecipient => "no-recipient",
            Self::SessionOver => "session-over",
            Self::UnknownTemplate => "unknown-template",
            Self::TooLarge => "too-large",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::Limit => "limit",
            Self::BadSettings => "bad-settings",
            Self::Other(_) => "other",
        }
    }
}
