//! What a message channel is asked and answers: the host's side of the WIT interface `channel`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/channel.wit`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, flow::Open};

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
