//! Messages as they lie in the store: a fold over facts, written with them in one transaction.

use plugboard_api::{Direction, Known, Message, MessageFile, MessageQuery, MessageState, Page, Sha256};
use plugboard_model::{
    Event, EventKind, TenantId, Timestamp,
    channel::{Content, Delivery},
    compliance::Asker,
};
use plugboard_store::{Cursor, Embedded, IndexEntry, IndexValue, Order, Query, ReadError, Record, Store as _};
use serde::{Deserialize, Serialize};

/// Messages to one address that are counted for a day.
const MOST_COUNTED: usize = 200;
const A_DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Kept(pub(crate) Message);

impl Record for Kept {
    const KIND: &'static str = "message";

    fn id(&self) -> String {
        match self.0.direction {
            Direction::In => received(&self.0.channel, &self.0.id),
            Direction::Out => ours(&self.0.id),
        }
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        let Message { channel, address, seq, receipts, .. } = &self.0;
        let receipt = |receipt: &String| IndexEntry::new("receipt", IndexValue::text(channel).then_text(receipt));
        let mut indexes: Vec<IndexEntry> = receipts.iter().map(receipt).collect();
        indexes.extend([
            IndexEntry::new("any", IndexValue::number(*seq)),
            IndexEntry::new("channel", IndexValue::text(channel).then_number(*seq)),
            IndexEntry::new("address", IndexValue::text(channel).then_text(address).then_number(*seq)),
        ]);
        indexes
    }
}

/// Under which id a customer's message lies: a platform's id may hold what a key may not.
pub(crate) fn received(channel: &str, id: &str) -> String {
    format!("in.{channel}.{}", Sha256::of(id.as_bytes()))
}

/// Likewise one of ours, which is unique in the tenant.
pub(crate) fn ours(id: &str) -> String {
    format!("out.{}", Sha256::of(id.as_bytes()))
}

impl Kept {
    /// The record that a fact begins; `None` for a fact that only changes one.
    pub(crate) fn begun(event: &Event) -> Option<Self> {
        let Event { seq, at, kind } = event;
        let message = match kind {
            EventKind::MessageReceived { channel, message, from, thread, what, .. } => {
                let (kind, text, files) = match &**what {
                    Content::Text(text) => ("text", text.clone(), Vec::new()),
                    Content::Choice(choice) => ("choice", choice.clone(), Vec::new()),
                    Content::File(file) => ("file", String::new(), vec![MessageFile::from(file.clone())]),
                    Content::Left => ("left", String::new(), Vec::new()),
                    Content::Other(open) => (open.name.as_str(), String::new(), Vec::new()),
                };
                Message {
                    id: message.to_string(),
                    seq: *seq,
                    channel: channel.to_string(),
                    direction: Direction::In,
                    address: from.to_string(),
                    thread: thread.as_deref().map(str::to_owned),
                    at: *at,
                    kind: kind.to_owned(),
                    text,
                    template: None,
                    choices: Vec::new(),
                    files,
                    state: MessageState::Received,
                    failure: None,
                    receipts: Vec::new(),
                    by: None,
                    interaction: None,
                }
            }
            EventKind::MessageAccepted {
                interaction,
                channel,
                message,
                to,
                thread,
                text,
                template,
                choices,
                attachments,
                by,
            } => Message {
                id: message.to_string(),
                seq: *seq,
                channel: channel.to_string(),
                direction: Direction::Out,
                address: to.to_string(),
                thread: thread.as_deref().map(str::to_owned),
                at: *at,
                kind: "text".to_owned(),
                text: text.to_string(),
                template: template.as_deref().map(str::to_owned),
                choices: choices.iter().map(ToString::to_string).collect(),
                files: attachments.iter().cloned().map(MessageFile::from).collect(),
                state: MessageState::Accepted,
                failure: None,
                receipts: Vec::new(),
                by: Some(words(by)),
                interaction: interaction.map(|interaction| interaction.to_string()),
            },
            _ => return None,
        };
        Some(Self(message))
    }

    /// The record that a fact changes.
    pub(crate) fn changed_by(kind: &EventKind) -> Option<String> {
        match kind {
            EventKind::MessageSent { message, .. }
            | EventKind::MessageReported { message, .. }
            | EventKind::MessageFailed { message, .. } => Some(ours(message)),
            _ => None,
        }
    }

    pub(crate) fn change(&mut self, kind: &EventKind) {
        let Self(message) = self;
        match kind {
            EventKind::MessageSent { receipts, .. } => {
                message.receipts = receipts.iter().map(ToString::to_string).collect();
                message.state = message.state.max(MessageState::Sent);
            }
            EventKind::MessageReported { state: report, .. } => {
                if let Some(state) = news(message.state, report) {
                    message.state = state;
                }
                if let Delivery::Failed(why) = report
                    && message.state == MessageState::Failed
                {
                    message.failure = Some(why.clone());
                }
            }
            EventKind::MessageFailed { reason, .. } => {
                message.state = MessageState::Failed;
                message.failure = Some(reason.to_string());
            }
            _ => {}
        }
    }
}

/// What a report makes of a message; `None`: nothing new. Platforms repeat and swap reports.
pub(crate) fn news(before: MessageState, report: &Delivery) -> Option<MessageState> {
    let state = match report {
        Delivery::Delivered => MessageState::Delivered,
        Delivery::Read => MessageState::Read,
        Delivery::Failed(_) => MessageState::Failed,
        Delivery::Other(_) => return None,
    };
    // What arrived did not fail.
    let arrived = matches!(before, MessageState::Delivered | MessageState::Read);
    (state > before && !(arrived && state == MessageState::Failed)).then_some(state)
}

fn words(by: &Asker) -> String {
    match by {
        Asker::Flow(flow) => format!("flow {flow}"),
        Asker::Agent(agent) => format!("agent {agent}"),
        Asker::Supervisor(name) => format!("supervisor {name}"),
        Asker::Campaign(name) => format!("campaign {name}"),
        Asker::Api(name) => format!("token {name}"),
        Asker::Host => "host".to_owned(),
    }
}

pub(crate) fn search(store: &Embedded, tenant: &TenantId, query: &MessageQuery) -> Result<Page<Message>, ReadError> {
    let (index, within) = match (&query.channel, &query.address) {
        (Some(channel), Some(address)) => ("address", Some(IndexValue::text(channel).then_text(address))),
        (Some(channel), None) => ("channel", Some(IndexValue::text(channel))),
        (None, _) => ("any", None),
    };
    let mut asked = Query::new(tenant, Kept::KIND, index).order(Order::Descending).limit(query.limit);
    if let Some(within) = within {
        asked = asked.within(within);
    }
    let page = store.query(&asked.after(query.cursor.clone().map(|cursor| Cursor(cursor.0))))?;
    let items = page.rows.iter().map(|row| row.read::<Kept>().map(|Kept(message)| message));
    Ok(Page { items: items.collect::<Result<_, _>>()?, next: page.next.map(|next| plugboard_api::Cursor(next.0)) })
}

/// What is known of the address, and of a message of that id.
pub(crate) fn known(
    store: &Embedded,
    tenant: &TenantId,
    (channel, address, id): (&str, &str, &str),
    now: Timestamp,
) -> Result<Known, ReadError> {
    let mut known = Known::default();
    if !id.is_empty() {
        known.same = store.get::<Kept>(tenant, &ours(id))?.map(|(Kept(message), _)| Box::new(message));
    }
    let within = IndexValue::text(channel).then_text(address);
    let query = Query::new(tenant, Kept::KIND, "address").within(within).order(Order::Descending).limit(MOST_COUNTED);
    for row in &store.query(&query)?.rows {
        let Kept(message) = row.read()?;
        match message.direction {
            Direction::In if known.last_heard.is_none() => known.last_heard = Some(message.at),
            Direction::Out if now.since(message.at) < A_DAY => known.sent_today += 1,
            Direction::In | Direction::Out => {}
        }
    }
    Ok(known)
}

/// The message of ours that the platform knows by that id.
pub(crate) fn of_receipt(
    store: &Embedded,
    tenant: &TenantId,
    channel: &str,
    receipt: &str,
) -> Result<Option<Message>, ReadError> {
    let within = IndexValue::text(channel).then_text(receipt);
    let page = store.query(&Query::new(tenant, Kept::KIND, "receipt").within(within).limit(1))?;
    let Some(row) = page.rows.first() else { return Ok(None) };
    let Kept(message) = row.read()?;
    Ok(Some(message))
}
