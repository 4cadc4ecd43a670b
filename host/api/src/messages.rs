//! What was written with customers, and the one way to have something sent to them.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use plugboard_exchange::{Command, CommandError};
use plugboard_model::{
    Timestamp,
    channel::{Attachment, Channel, Wish},
};
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::schema::Type};

use crate::{
    Cursor, Fault, HostError, Leaves, Page, Problem,
    handing::Reason,
    mask,
    request::{Asked, Paging, Sent, Tenant, bounded},
    route::{AT_WORK, Route},
    server::Shared,
};

/// One message, to or from a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Of a customer's: the platform's id. Of ours: that which it was sent under.
    pub id: String,
    /// Of the event by which it came to be.
    pub seq: u64,
    pub channel: String,
    pub direction: Direction,
    /// The customer's, on the platform.
    pub address: String,
    #[schema(required = true)]
    pub thread: Option<String>,
    /// When it was received, or accepted to be sent.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// `text`, `file`, `choice`, `left` (the customer ended the conversation), or a word of the platform's.
    pub kind: String,
    pub text: String,
    #[schema(required = true)]
    pub template: Option<String>,
    pub choices: Vec<String>,
    pub files: Vec<MessageFile>,
    pub state: MessageState,
    /// Why it was not sent, or did not arrive.
    #[schema(required = true)]
    pub failure: Option<String>,
    /// The platform's ids of a message of ours: a long text is several to it.
    pub receipts: Vec<String>,
    /// Who had it sent: `flow menu`, `token desk`.
    #[schema(required = true)]
    pub by: Option<String>,
    /// The call in which it was sent.
    #[schema(required = true)]
    pub interaction: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the customer.
    In,
    /// To the customer.
    Out,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// By us, from the customer.
    Received,
    /// It waits to be sent.
    Accepted,
    /// The platform took it.
    Sent,
    Delivered,
    Read,
    /// It was not sent, or did not arrive.
    Failed,
}

/// A file that came with a message, or goes with one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageFile {
    pub name: String,
    pub media_type: String,
    /// In bytes; 0: not known.
    #[serde(default)]
    pub size: u64,
    pub url: String,
}

impl From<Attachment> for MessageFile {
    fn from(file: Attachment) -> Self {
        let Attachment { name, media_type, size, url } = file;
        Self { name, media_type, size, url }
    }
}

impl From<MessageFile> for Attachment {
    fn from(file: MessageFile) -> Self {
        let MessageFile { name, media_type, size, url } = file;
        Self { name, media_type, size, url }
    }
}

impl Leaves for Message {
    const KIND: &'static str = "messages";

    fn rows(&self) -> u32 {
        1
    }

    fn is_personal(&self) -> bool {
        true
    }

    fn masked(self) -> Option<Self> {
        let mut json = serde_json::to_value(&self).ok()?;
        mask::json(&mut json);
        serde_json::from_value(json).ok()
    }
}

/// Which messages; every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageQuery {
    pub channel: Option<String>,
    /// Where a channel is named.
    pub address: Option<String>,
    pub cursor: Option<Cursor>,
    /// 1 to 1,000.
    pub limit: usize,
}

/// What is known of a message that is about to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// One of that id, which is there already.
    pub same: Option<Box<Message>>,
    /// When that address last wrote to us on this channel.
    pub last_heard: Option<Timestamp>,
    /// Messages to that address in the last 24 hours.
    pub sent_today: u32,
}

const MESSAGES: &str = "/v1/tenants/{tenant}/messages";

pub(crate) fn routes() -> Vec<Route> {
    let routes = vec![
        Route::new(Method::GET, MESSAGES, "listMessages", "What was written with customers, newest first", list)
            .query("channel", Type::String, "by that channel")
            .query("address", Type::String, "with that address, exactly; where a channel is named")
            .query("reason", Type::String, "why they are wanted, for the tenant's rules; at most 1 KiB")
            .paged()
            .refuses(StatusCode::FORBIDDEN)
            .answers::<MessagePage>(StatusCode::OK, "A page"),
        Route::new(
            Method::POST,
            MESSAGES,
            "sendMessage",
            "Have a message sent to a customer, if no rule forbids it; what is answered 202 is kept and sent, or says why not",
            send,
        )
        .may(AT_WORK)
        .takes::<Writing>()
        .refuses(StatusCode::FORBIDDEN)
        .refuses(StatusCode::NOT_FOUND)
        .refuses(StatusCode::CONFLICT)
        .refuses(StatusCode::SERVICE_UNAVAILABLE)
        .answers::<Accepted>(StatusCode::ACCEPTED, "It waits to be sent"),
    ];
    routes.into_iter().map(|route| route.tag("messages")).collect()
}

/// A page of messages.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands for Page<Message> in the document")]
struct MessagePage {
    items: Vec<Message>,
    #[schema(required = true)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Conditions {
    channel: Option<String>,
    address: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(conditions): Asked<Conditions>,
    reason: Reason,
) -> Result<Json<Page<Message>>, Problem> {
    let Conditions { channel, address, cursor, limit } = conditions;
    if address.is_some() && channel.is_none() {
        return Err(Problem::bad_request("`address` is given without `channel`", "name the channel as well"));
    }
    let paging = Paging { cursor, limit };
    let query = MessageQuery { channel, address, cursor: paging.cursor(), limit: paging.limit()? };
    let sealed = shared.host.messages(&tenant.id, query).await?;
    shared.hand_out(&tenant, sealed, "api", reason).await.map(Json)
}

/// A message to a customer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Writing {
    channel: String,
    /// The customer's address on that channel.
    #[schema(max_length = 128)]
    to: String,
    /// The conversation, where the platform has several with one address.
    #[serde(default)]
    #[schema(max_length = 128)]
    thread: Option<String>,
    /// With a template: its values, as JSON.
    #[serde(default)]
    #[schema(max_length = 4096)]
    text: String,
    /// One that the platform has approved.
    #[serde(default)]
    #[schema(max_length = 128)]
    template: Option<String>,
    /// Values of buttons.
    #[serde(default)]
    #[schema(max_items = 10)]
    choices: Vec<String>,
    /// Files that the platform fetches.
    #[serde(default)]
    #[schema(max_items = 10)]
    attachments: Vec<MessageFile>,
    /// Names the message: sent twice with the same, it is one message. Letters, digits, `-`, `_` and `.`.
    #[schema(max_length = 64)]
    id: String,
}

/// It is on disk, and so is what the rules said.
#[derive(Serialize, ToSchema)]
struct Accepted {
    id: String,
    channel: String,
    state: MessageState,
}

const MOST_CHOICES: usize = 10;
const LONGEST_CHOICE: usize = 256;
/// All of a message has room in one event.
const LONGEST_URL: usize = 1_024;

async fn send(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Sent(writing): Sent<Writing>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let writing = writing.checked()?;
    let known = shared.host.known_message(&tenant.id, &writing.channel, &writing.to, &writing.id).await?;
    let accepted = |state| {
        let (id, channel) = (writing.id.clone(), writing.channel.clone());
        (StatusCode::ACCEPTED, Json(Accepted { id, channel, state }))
    };
    let again = |same: &Message| match same.channel == writing.channel && same.address == writing.to {
        true => Ok(accepted(same.state)),
        false => Err(used(&writing.id)),
    };
    if let Some(same) = &known.same {
        return again(same);
    }
    if writing.template.is_none() && shared.host.is_session_over(&tenant.id, &writing.channel, known.last_heard) {
        return Err(Problem::conflict(
            "session-over",
            "the platform takes plain text only for a while after the customer last wrote",
            "send a template that the platform has approved",
        ));
    }
    let wish = Wish {
        id: writing.id.as_str().into(),
        interaction: None,
        by: tenant.asker(),
        channel: writing.channel.as_str().into(),
        to: writing.to.clone(),
        thread: writing.thread.clone(),
        text: writing.text.clone(),
        template: writing.template.clone(),
        choices: writing.choices.clone(),
        attachments: writing.attachments.iter().cloned().map(Into::into).collect(),
        last_heard: known.last_heard,
        sent_today: known.sent_today,
    };
    match shared.host.command(&tenant.id, &tenant.caller.name, Command::Send(Box::new(wish))).await {
        Ok(_) => Ok(accepted(MessageState::Accepted)),
        // Another request with the same id was faster.
        Err(error @ HostError::Command(CommandError::WrongState { .. })) => {
            let known = shared.host.known_message(&tenant.id, &writing.channel, &writing.to, &writing.id).await?;
            known.same.as_deref().map_or_else(|| Err(error.into()), again)
        }
        Err(error) => Err(error.into()),
    }
}

fn used(id: &str) -> Problem {
    Problem::conflict(
        "id-in-use",
        format!("another message has the id {id:?}"),
        "give each message an id of its own; the same message keeps its id",
    )
}

impl Writing {
    fn checked(self) -> Result<Self, Problem> {
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=64).contains(&self.id.len()) || !self.id.chars().all(is_id) {
            return Err(fault("id", "bad-id", "`id` names the message with 1 to 64 letters, digits, '-', '_' and '.'"));
        }
        let address = |field: &str, text: &str| match text.is_empty() || text.chars().any(char::is_control) {
            true => Err(fault(field, "bad-address", &format!("`{field}` is no address"))),
            false => bounded(field, text.to_owned(), Channel::LONGEST_ADDRESS).map(drop),
        };
        address("to", &self.to)?;
        self.thread.as_deref().map(|thread| address("thread", thread)).transpose()?;
        self.template.as_deref().map(|template| address("template", template)).transpose()?;
        bounded("text", self.text.clone(), Channel::LONGEST_TEXT)?;
        if self.text.is_empty() && self.template.is_none() && self.attachments.is_empty() {
            return Err(fault("text", "nothing-to-send", "there is no text, no template and no file"));
        }
        if self.choices.len() > MOST_CHOICES {
            return Err(fault("choices", "too-many", "there are more than 10 choices"));
        }
        for choice in &self.choices {
            bounded("choices", choice.clone(), LONGEST_CHOICE)?;
        }
        if self.attachments.len() > Channel::MOST_FILES {
            return Err(fault("attachments", "too-many", "there are more than 10 files"));
        }
        for file in &self.attachments {
            address("attachments/name", &file.name)?;
            address("attachments/media_type", &file.media_type)?;
            bounded("attachments/url", file.url.clone(), LONGEST_URL)?;
            if !file.url.starts_with("https://") {
                return Err(fault("attachments/url", "bad-address", "a file's `url` begins with https://"));
            }
        }
        Ok(self)
    }
}

fn fault(field: &str, code: &str, message: &str) -> Problem {
    Problem::invalid(vec![Fault {
        field: Some(field.to_owned()),
        code: code.to_owned(),
        message: message.to_owned(),
        remedy: "see the schema in /openapi.json".to_owned(),
        ..Fault::default()
    }])
}
