//! What another system is to be told, as it waits in the store: one letter for each event and connector, or for each message.
//!
//! Its words leave the host, so they are an export: a letter holds none until the compliance gate gave leave, and then those that it let pass.

use std::{sync::Arc, time::Duration};

use plugboard_api::{Leaves, Sealed, mask_numbers};
use plugboard_exchange::{Handout, Leave};
use plugboard_model::{
    EndedBy, Event, EventKind, InteractionId, TenantId, Timestamp,
    channel::Outgoing,
    compliance::{Asker, Denial, Effect, Export, Role},
    connector::Notice,
};
use plugboard_reporting::{Cdr, INTERRUPTED};
use plugboard_store::{IndexEntry, IndexValue, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::channels::posted::Posted;

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
    /// `None`: nobody allowed it to leave yet.
    json: Option<String>,
    /// Of a message: the conversation, whose messages go one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    /// Of a message: how much of it went.
    #[serde(default, skip_serializing_if = "Posted::is_nothing")]
    pub(crate) posted: Posted,
}

/// Letters of one of these go one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Line<'a> {
    Interaction(InteractionId),
    Conversation(&'a str),
}

/// What of an event another system would be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words(Map<String, Value>);

impl Leaves for Words {
    const KIND: &'static str = "interactions";

    fn rows(&self) -> u32 {
        1
    }

    /// It names who called, or what somebody noted.
    fn is_personal(&self) -> bool {
        true
    }

    fn masked(self) -> Option<Self> {
        let mut json = Value::Object(self.0);
        mask_numbers(&mut json);
        match json {
            Value::Object(words) => Some(Self(words)),
            _ => None,
        }
    }
}

impl Words {
    /// `cdr`: the record of its interaction, as far as it goes.
    pub(crate) fn of(event: &Event, cdr: Option<&Cdr>) -> Sealed<Self> {
        Sealed::new(Self(words(&event.kind, event.kind.interaction(), cdr)))
    }

    fn into_text(self) -> String {
        let text = Value::Object(self.0.clone()).to_string();
        if text.len() <= LONGEST {
            return text;
        }
        let mut told = self.0;
        told.retain(|name, _| !LISTS.contains(&name.as_str()));
        Value::Object(told).to_string()
    }
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
        EventKind::InteractionClosed { .. } | EventKind::InteractionInterrupted { .. } => Some("interaction-ended"),
        EventKind::DispositionSet { .. } => Some("disposition-set"),
        _ => None,
    }
}

impl Letter {
    /// A letter that holds nothing yet; `None`: no connector hears of such events.
    pub(crate) fn new(tenant: &TenantId, connector: &Arc<str>, event: &Event) -> Option<Self> {
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
            json: None,
            conversation: None,
            posted: Posted::default(),
        })
    }

    /// The letter of a message that was accepted: it was judged before the event came to be. `None`: it is no text.
    pub(crate) fn of_message(
        tenant: &TenantId,
        letterbox: Arc<str>,
        event: &Event,
        conversation: String,
        message: &Outgoing,
    ) -> Option<Self> {
        Some(Self {
            connector: letterbox,
            seq: event.seq,
            id: format!("{tenant}-{}", event.seq),
            kind: "message".to_owned(),
            interaction: event.kind.interaction(),
            at: event.at,
            attempts: 0,
            next_at: event.at,
            since: event.at,
            failure: None,
            is_dead: false,
            json: Some(serde_json::to_string(message).ok()?),
            conversation: Some(conversation),
            posted: Posted::default(),
        })
    }

    /// The message that it holds.
    pub(crate) fn message(&self) -> Option<Outgoing> {
        serde_json::from_str(self.json.as_deref()?).ok()
    }

    /// `None`: it waits for no other.
    pub(crate) fn line(&self) -> Option<Line<'_>> {
        let conversation = self.conversation.as_deref().map(Line::Conversation);
        conversation.or_else(|| self.interaction.map(Line::Interaction))
    }

    /// What the gate is asked before the letter may hold anything.
    pub(crate) fn handout(&self) -> Handout {
        let Self { connector, kind, interaction, .. } = self;
        let what = Effect::Export(Export {
            kind: Words::KIND.to_owned(),
            role: Role::Administrator.word().to_owned(),
            rows: 1,
            personal: true,
            masked: false,
            target: "connector".to_owned(),
            reason: format!("{kind} for {connector}"),
        });
        Handout { by: Asker::Host, what, interaction: *interaction }
    }

    /// Takes in what the gate lets pass, masked where it says so. Whether it did: a leave may be for something else.
    pub(crate) fn hold(&mut self, words: Sealed<Words>, leave: &Leave) -> bool {
        self.json = words.open(leave).map(Words::into_text);
        self.json.is_some()
    }

    pub(crate) fn is_judged(&self) -> bool {
        self.json.is_some()
    }

    /// `None`: it may not be sent before it is judged.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let Self { id, kind, at, attempts, json, .. } = self.clone();
        Some(Notice { id, kind, at, attempt: attempts + 1, json: json? })
    }

    /// A rule forbids that it leaves: it is given up, or judged again at the time that the rule names. Should somebody want it sent all the same, it is
    /// judged anew.
    pub(crate) fn denied(&mut self, now: Timestamp, denial: &Denial) {
        self.attempts += 1;
        self.failure = Some(format!("denied: {denial}"));
        match denial.later {
            Some(later) if later > now && later.since(self.since) < A_DAY => self.next_at = later,
            _ => self.is_dead = true,
        }
    }

    /// What happened stands in the log no more: nothing can be told of it.
    pub(crate) fn lost(&mut self) {
        self.failure = Some("gone: what happened stands in the log no more".to_owned());
        self.is_dead = true;
    }

    /// An attempt came to nothing: it waits for the next, or is given up.
    pub(crate) fn failed(&mut self, now: Timestamp, why: String, retry: Option<Duration>) {
        self.attempts += 1;
        self.failure = Some(why);
        let doubled = FIRST_GAP.saturating_mul(1 << (self.attempts - 1).min(16)).min(LONGEST_GAP);
        match retry {
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

fn words(event: &EventKind, interaction: Option<InteractionId>, cdr: Option<&Cdr>) -> Map<String, Value> {
    let mut told = Map::new();
    if let Some(interaction) = interaction {
        told.insert("interaction".to_owned(), json!(interaction.to_string()));
    }
    match event {
        EventKind::InteractionClosed { by, cause, .. } => ended(&mut told, cdr, *by, *cause),
        EventKind::InteractionInterrupted { .. } => {
            let (by, cause) = INTERRUPTED;
            ended(&mut told, cdr, by, cause);
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
    told
}

fn ended(told: &mut Map<String, Value>, cdr: Option<&Cdr>, by: EndedBy, cause: u16) {
    if let Some(Value::Object(record)) = cdr.and_then(|cdr| serde_json::to_value(cdr).ok()) {
        told.extend(record.into_iter().filter(|(name, _)| OF_THE_RECORD.contains(&name.as_str())));
    }
    told.extend([("ended_by".to_owned(), json!(by)), ("cause".to_owned(), json!(cause))]);
}

#[cfg(test)]
mod tests {
    use plugboard_model::Configuration;

    use super::*;

    fn letter() -> Letter {
        let kind = EventKind::DispositionSet {
            interaction: InteractionId(7),
            agent: None,
            code: "sold".into(),
            note: "two".into(),
        };
        let event = Event { seq: 12, at: Timestamp::from_secs(1_000), kind };
        let mut letter = Letter::new(&"shop".parse().unwrap(), &"crm".into(), &event).unwrap();
        assert_eq!(letter.notice(), None);
        let configuration = Arc::new(Configuration::empty("shop".parse().unwrap()));
        let leave = Leave::without_rules(&configuration, letter.handout()).unwrap();
        assert!(letter.hold(Words::of(&event, None), &leave));
        letter
    }

    fn fails(letter: &mut Letter, now: Timestamp, retry_s: Option<u64>) {
        let why = "unreachable: the other system answered 503".to_owned();
        letter.failed(now, why, retry_s.map(Duration::from_secs));
    }

    #[test]
    fn letter_tells_what_happened_under_an_id_that_stays() {
        let mut letter = letter();
        let first = letter.notice().unwrap();
        let at = letter.at;
        fails(&mut letter, at, Some(5));
        let second = letter.notice().unwrap();
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
            fails(&mut letter, now, Some(5));
            gaps.push(letter.next_at.since(now).as_secs());
            now = letter.next_at;
        }
        assert_eq!(gaps[..14], [5, 5, 5, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600, 3_600]);
        assert!((24 * 3_600..26 * 3_600).contains(&now.since(letter.at).as_secs()), "{} attempts", gaps.len());
    }

    #[test]
    fn what_will_never_work_is_a_dead_letter_at_once_and_can_be_sent_again() {
        let mut letter = letter();
        let at = letter.at;
        fails(&mut letter, at, None);
        assert!(letter.is_dead);
        letter.again(letter.at + A_DAY);
        assert_eq!((letter.is_dead, letter.attempts, letter.next_at), (false, 0, letter.at + A_DAY));
    }

    fn denial(later: Option<Timestamp>) -> Denial {
        Denial { rule: "hours".into(), code: "quiet".into(), reason: "not at night".to_owned(), later }
    }

    #[test]
    fn what_a_rule_puts_off_is_judged_again_then_and_what_it_forbids_is_dead() {
        let event = Event {
            seq: 12,
            at: Timestamp::from_secs(1_000),
            kind: EventKind::DispositionSet {
                interaction: InteractionId(7),
                agent: None,
                code: "".into(),
                note: "".into(),
            },
        };
        let mut letter = Letter::new(&"shop".parse().unwrap(), &"crm".into(), &event).unwrap();
        let morning = letter.at + Duration::from_secs(8 * 3_600);
        letter.denied(letter.at, &denial(Some(morning)));
        assert_eq!((letter.is_dead, letter.next_at, letter.notice()), (false, morning, None));
        letter.denied(morning, &denial(None));
        assert_eq!(
            (letter.is_dead, letter.failure.as_deref()),
            (true, Some("denied: rule hours (quiet): not at night"))
        );
    }
}
