//! What another system is to be told, as it waits in the store: one letter for each event and connector.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    Event, EventKind, InteractionId, TenantId, Timestamp,
    connector::{ConnectorFailure, Notice},
};
use plugboard_reporting::Cdr;
use plugboard_store::{IndexEntry, IndexValue, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Tried no longer than this after it happened.
const A_DAY: Duration = Duration::from_secs(24 * 3_600);
/// Between the first attempts, doubled each time.
const FIRST_GAP: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(3_600);
/// Bytes of a letter's JSON; what is of no use without the rest is left out above it.
const LONGEST: usize = 48 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) connector: Arc<str>,
    /// Of the event in the tenant's log.
    pub(crate) seq: u64,
    /// The same at each attempt, and unlike that of any other tenant.
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) interaction: Option<InteractionId>,
    pub(crate) at: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) next_at: Timestamp,
    /// When it began to be tried: when it happened, or when somebody sent it again.
    pub(crate) since: Timestamp,
    /// Why the last attempt came to nothing.
    pub(crate) failure: Option<String>,
    /// It is tried no more.
    pub(crate) is_dead: bool,
    pub(crate) json: String,
}

impl Record for Letter {
    const KIND: &'static str = "connector-letter";

    fn id(&self) -> String {
        record_id(&self.connector, self.seq)
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("state", state(self.is_dead, &self.connector).then_number(self.seq))]
    }
}

pub(crate) fn record_id(connector: &str, seq: u64) -> String {
    format!("{connector}.{seq}")
}

pub(crate) fn state(is_dead: bool, connector: &str) -> IndexValue {
    IndexValue::text(if is_dead { "dead" } else { "waiting" }).then_text(connector)
}

/// Up to which event of the log letters were written for a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) connector: Arc<str>,
    pub(crate) seq: u64,
}

impl Record for Mark {
    const KIND: &'static str = "connector-mark";

    fn id(&self) -> String {
        self.connector.to_string()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("connector", IndexValue::text(&self.connector))]
    }
}

/// The contract's word for an event; `None`: no connector hears of it.
pub(crate) fn kind(event: &EventKind) -> Option<&'static str> {
    match event {
        EventKind::InteractionClosed { .. } => Some("interaction-ended"),
        EventKind::DispositionSet { .. } => Some("disposition-set"),
        _ => None,
    }
}

impl Letter {
    /// `cdr`: the record of its interaction, as far as it goes.
    pub(crate) fn new(tenant: &TenantId, connector: &Arc<str>, event: &Event, cdr: Option<&Cdr>) -> Option<Self> {
        let kind = kind(&event.kind)?;
        let interaction = event.kind.interaction();
        Some(Self {
            connector: Arc::clone(connector),
            seq: event.seq,
            id: format!("{tenant}-{}", event.seq),
            kind: kind.to_owned(),
            interaction,
            at: event.at,
            attempts: 0,
            next_at: event.at,
            since: event.at,
            failure: None,
            is_dead: false,
            json: words(&event.kind, interaction, cdr),
        })
    }

    pub(crate) fn notice(&self) -> Notice {
        let Self { id, kind, at, attempts, json, .. } = self.clone();
        Notice { id, kind, at, attempt: attempts + 1, json }
    }

    /// An attempt came to nothing: it waits for the next, or is given up.
    pub(crate) fn failed(&mut self, now: Timestamp, failure: &ConnectorFailure) {
        self.attempts += 1;
        self.failure = Some(format!("{}: {}", failure.code.as_str(), failure.message));
        let doubled = FIRST_GAP.saturating_mul(1 << (self.attempts - 1).min(16)).min(LONGEST_GAP);
        match failure.retry {
            Some(retry) if now.since(self.since) < A_DAY => self.next_at = now + doubled.max(retry.min(A_DAY)),
            _ => self.is_dead = true,
        }
    }

    /// Somebody wants it tried again from the beginning.
    pub(crate) fn again(&mut self, now: Timestamp) {
        (self.attempts, self.next_at, self.since, self.is_dead) = (0, now, now, false);
    }
}

/// What of a record another system can do something with.
const OF_THE_RECORD: [&str; 20] = [
    "direction",
    "channel",
    "from",
    "to",
    "started_at",
    "picked_up_at",
    "answered_at",
    "ended_at",
    "answered",
    "abandoned",
    "voicemail",
    "duration_ms",
    "wait_ms",
    "talk_ms",
    "hold_ms",
    "wrap_up_ms",
    "queues",
    "agents",
    "tags",
    "disposition",
];
/// These grow with the call.
const LISTS: [&str; 3] = ["queues", "agents", "tags"];

fn words(event: &EventKind, interaction: Option<InteractionId>, cdr: Option<&Cdr>) -> String {
    let mut told = Map::new();
    if let Some(interaction) = interaction {
        told.insert("interaction".to_owned(), json!(interaction.to_string()));
    }
    match event {
        EventKind::InteractionClosed { by, cause, .. } => {
            if let Some(Value::Object(record)) = cdr.and_then(|cdr| serde_json::to_value(cdr).ok()) {
                told.extend(record.into_iter().filter(|(name, _)| OF_THE_RECORD.contains(&name.as_str())));
            }
            told.extend([("ended_by".to_owned(), json!(by)), ("cause".to_owned(), json!(cause))]);
        }
        EventKind::DispositionSet { agent, code, note, .. } => {
            told.extend([
                ("agent".to_owned(), json!(agent)),
                ("code".to_owned(), json!(code)),
                ("note".to_owned(), json!(note)),
            ]);
        }
        _ => {}
    }
    let text = Value::Object(told.clone()).to_string();
    if text.len() <= LONGEST {
        return text;
    }
    told.retain(|name, _| !LISTS.contains(&name.as_str()));
    Value::Object(told).to_string()
}

#[cfg(test)]
mod tests {
    use plugboard_model::connector::ConnectorFailureCode;

    use super::*;

    fn letter() -> Letter {
        let kind = EventKind::DispositionSet {
            interaction: InteractionId(7),
            agent: None,
            code: "sold".into(),
            note: "two".into(),
        };
        let event = Event { seq: 12, at: Timestamp::from_secs(1_000), kind };
        Letter::new(&"shop".parse().unwrap(), &"crm".into(), &event, None).unwrap()
    }

    fn failure(retry_s: Option<u64>) -> ConnectorFailure {
        let (code, message) = (ConnectorFailureCode::Unreachable, "the other system answered 503".to_owned());
        ConnectorFailure { code, message, retry: retry_s.map(Duration::from_secs) }
    }

    #[test]
    fn letter_tells_what_happened_under_an_id_that_stays() {
        let mut letter = letter();
        let first = letter.notice();
        letter.failed(letter.at, &failure(Some(5)));
        let second = letter.notice();
        assert_eq!((first.id.as_str(), first.attempt), ("shop-12", 1));
        assert_eq!((second.id, second.attempt, &second.json), (first.id, 2, &first.json));
        assert_eq!(first.json, r#"{"agent":null,"code":"sold","interaction":"i7","note":"two"}"#);
    }

    #[test]
    fn gaps_grow_to_an_hour_and_are_no_shorter_than_the_other_system_wants() {
        let mut letter = letter();
        let mut gaps = Vec::new();
        let mut now = letter.at;
        while !letter.is_dead {
            letter.failed(now, &failure(Some(5)));
            gaps.push(letter.next_at.since(now).as_secs());
            now = letter.next_at;
        }
        assert_eq!(gaps[..14], [5, 5, 5, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600]);
        assert!((24 * 3_600..26 * 3_600).contains(&now.since(letter.at).as_secs()), "{} attempts", gaps.len());
    }

    #[test]
    fn what_will_never_work_is_a_dead_letter_at_once_and_can_be_sent_again() {
        let mut letter = letter();
        letter.failed(letter.at, &failure(None));
        assert!(letter.is_dead);
        letter.again(letter.at + A_DAY);
        assert_eq!((letter.is_dead, letter.attempts, letter.next_at), (false, 0, letter.at + A_DAY));
    }
}
