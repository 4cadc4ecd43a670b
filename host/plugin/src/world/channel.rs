//! The world `channel-plugin`: a message platform. Each question has an instance of its own.

use std::time::Duration;

use plugboard_model::{
    Timestamp,
    channel::{
        self as host, ChannelFailure, ChannelFailureCode, Content, Delivery, Incoming, Outgoing, Received, Report,
        Verified, Webhook, WebhookReply,
    },
    flow::Open,
};

use crate::{
    AskFailure, BadAnswer, ChannelPlugin,
    bindings::channel as wit,
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Checked, Question, SETUP_BUDGET, World, words},
};

/// Ids and addresses on a platform.
const ID: usize = 128;
const TEXT: usize = 16 * 1024;
const REPLY: usize = 64 * 1024;
const BODY: usize = 1 << 20;
const HEADERS: usize = 64;

/// What a channel says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDescription {
    pub name: String,
    /// `chat`, `message`, `e-mail`, `social`; words grow.
    pub kind: String,
    /// Longest text, in bytes.
    pub text_max: u32,
    /// Media types that can be sent.
    pub attachments: Vec<String>,
    /// How long after the customer's last message plain text may be sent; `None`: always.
    pub session: Option<Duration>,
}

/// Marks what belongs to the world `channel-plugin`.
pub struct Channel;

impl World for Channel {
    const NAME: &'static str = "channel-plugin";
    const INTERFACE: &'static str = "channel";
    type About = ChannelDescription;

    world::guest_of!(wit);
    world::reaches_out!();

    fn describe(instance: &mut Instance<Self>) -> Result<(ChannelDescription, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        description(said).map_err(AskFailure::BadAnswer)
    }
}

world::described!(ChannelPlugin, ChannelDescription);

/// What a channel answers, or why it does not: that is no failure of the plugin.
type Said<T> = Result<T, ChannelFailure>;

pub(crate) struct Verify(pub(crate) Box<Webhook>);

impl Question<Channel> for Verify {
    type Answer = Said<Verified>;

    fn ask(self, instance: &mut Instance<Channel>, (): &(), turn: Turn) -> Result<Said<Verified>, AskFailure> {
        let webhook = webhook(*self.0).map_err(AskFailure::BadAnswer)?;
        let said = instance.call(turn, |guest, store| guest.call_verify(store, &webhook))?;
        read(said, |verified| {
            Ok(match verified {
                wit::Verified::Genuine => Verified::Genuine,
                wit::Verified::Forged => Verified::Forged,
                wit::Verified::Answer(answer) => Verified::Answer(reply(answer)?),
            })
        })
    }
}

pub(crate) struct Receive(pub(crate) Box<Webhook>);

impl Question<Channel> for Receive {
    type Answer = Said<Received>;

    fn ask(self, instance: &mut Instance<Channel>, (): &(), turn: Turn) -> Result<Said<Received>, AskFailure> {
        let webhook = webhook(*self.0).map_err(AskFailure::BadAnswer)?;
        let said = instance.call(turn, |guest, store| guest.call_receive(store, &webhook))?;
        read(said, received)
    }
}

pub(crate) struct Deliver(pub(crate) Box<Outgoing>);

impl Question<Channel> for Deliver {
    type Answer = Said<String>;

    fn ask(self, instance: &mut Instance<Channel>, (): &(), turn: Turn) -> Result<Said<String>, AskFailure> {
        let Outgoing { id, to, thread, text, template, choices, attachments, at } = *self.0;
        door::at_most("choices", 10, choices.len()).map_err(AskFailure::BadAnswer)?;
        let attachments = attachments.into_iter().map(|file| wit::Attachment {
            name: file.name,
            media_type: file.media_type,
            size: file.size,
            url: file.url,
        });
        let attachments = attachments.collect();
        let (at_ms, extra) = (at.as_millis(), Vec::new());
        let message = wit::Outgoing { id, to, thread, text, template, choices, attachments, at_ms, extra };
        let said = instance.call(turn, |guest, store| guest.call_send(store, &message))?;
        read(said, |receipt| id_of("receipt", receipt.id))
    }
}

fn read<T, U>(said: Result<T, wit::Failure>, read: impl FnOnce(T) -> Checked<U>) -> Result<Said<U>, AskFailure> {
    match said {
        Ok(answer) => read(answer).map(Ok).map_err(AskFailure::BadAnswer),
        Err(failure) => Ok(Err(self::failure(failure))),
    }
}

fn webhook(webhook: Webhook) -> Checked<wit::Webhook> {
    let Webhook { method, path, headers, body, at } = webhook;
    door::at_most("headers", HEADERS, headers.len())?;
    door::at_most("bytes of body", BODY, body.len())?;
    Ok(wit::Webhook { method, path, headers, body, at_ms: at.as_millis(), extra: Vec::new() })
}

fn id_of(field: &'static str, id: String) -> Checked<String> {
    if id.is_empty() {
        return Err(BadAnswer::BadText { field, value: id });
    }
    door::line(field, ID, id)
}

fn reply(reply: wit::Reply) -> Checked<WebhookReply> {
    door::at_most("bytes of reply", REPLY, reply.body.len())?;
    Ok(WebhookReply {
        status: door::within("status", (200, 599), reply.status)?,
        kind: door::line("kind", ID, reply.kind)?,
        body: reply.body,
    })
}

fn received(received: wit::Received) -> Checked<Received> {
    door::at_most("messages", 100, received.messages.len())?;
    door::at_most("reports", 100, received.reports.len())?;
    Ok(Received {
        messages: received.messages.into_iter().map(message).collect::<Checked<_>>()?,
        reports: received.reports.into_iter().map(report).collect::<Checked<_>>()?,
        reply: received.reply.map(reply).transpose()?,
    })
}

fn message(message: wit::Message) -> Checked<Incoming> {
    let what = match message.what {
        wit::Content::Text(text) => Content::Text(door::text("text", TEXT, text)?),
        wit::Content::File(file) => Content::File(host::Attachment {
            name: door::file("name", file.name)?,
            media_type: door::line("media-type", ID, file.media_type)?,
            size: file.size,
            url: door::line("url", 8 * 1024, file.url)?,
        }),
        wit::Content::Choice(choice) => Content::Choice(door::line("choice", 1_024, choice)?),
        wit::Content::Left => Content::Left,
        wit::Content::Other(open) => {
            let (name, json) = (door::line("name", 64, open.name)?, door::text("json", TEXT, open.json)?);
            Content::Other(Open { name, json })
        }
    };
    Ok(Incoming {
        id: id_of("id", message.id)?,
        from: id_of("from", message.from)?,
        thread: message.thread.map(|thread| id_of("thread", thread)).transpose()?,
        at: Timestamp::from_millis(message.at_ms),
        what,
    })
}

fn report(report: wit::Report) -> Checked<Report> {
    let state = match report.state {
        wit::Delivery::Delivered => Delivery::Delivered,
        wit::Delivery::Read => Delivery::Read,
        wit::Delivery::Failed(why) => Delivery::Failed(words::shown(&why)),
        wit::Delivery::Other(word) => Delivery::Other(door::shown(64, &word)),
    };
    Ok(Report { id: id_of("id", report.id)?, state, at: Timestamp::from_millis(report.at_ms) })
}

fn failure(failure: wit::Failure) -> ChannelFailure {
    use wit::FailureCode;
    let code = match failure.code {
        FailureCode::BadWebhook => ChannelFailureCode::BadWebhook,
        FailureCode::NoRecipient => ChannelFailureCode::NoRecipient,
        FailureCode::SessionOver => ChannelFailureCode::SessionOver,
        FailureCode::UnknownTemplate => ChannelFailureCode::UnknownTemplate,
        FailureCode::TooLarge => ChannelFailureCode::TooLarge,
        FailureCode::Denied => ChannelFailureCode::Denied,
        FailureCode::Unreachable => ChannelFailureCode::Unreachable,
        FailureCode::Limit => ChannelFailureCode::Limit,
        FailureCode::BadSettings => ChannelFailureCode::BadSettings,
        FailureCode::Other(word) => ChannelFailureCode::Other(door::shown(64, &word)),
    };
    let retry = failure.retry_ms.map(|ms| Duration::from_millis(ms.into()));
    ChannelFailure { code, message: words::shown(&failure.message), retry }
}

fn description(said: wit::Description) -> Checked<(ChannelDescription, Vec<String>)> {
    door::at_most("attachments", 64, said.attachments.len())?;
    let kinds = said.attachments.into_iter().map(|kind| door::line("attachments", ID, kind));
    let description = ChannelDescription {
        name: door::line("name", 64, said.name)?,
        kind: door::line("kind", 64, said.kind)?,
        text_max: said.text_max,
        attachments: kinds.collect::<Checked<_>>()?,
        session: said.session_ms.map(Duration::from_millis),
    };
    Ok((description, words::needs(said.needs)?))
}
