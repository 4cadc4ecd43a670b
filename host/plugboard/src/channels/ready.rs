//! One channel that can be asked.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use plugboard_api::AlarmName;
use plugboard_model::{
    Timestamp,
    channel::{Channel, ChannelFailure, ChannelFailureCode, Outgoing},
};
use plugboard_pack::quarantine::Ticket;
use plugboard_plugin::{Access, Answer, Ask, AskFailure, ChannelDescription, ChannelPlugin};
use tokio::sync::Semaphore;

use super::lock;
use crate::{
    alarms::Alarms,
    connectors::{Change, Ended, Figures, Health},
};

const FAILING: AlarmName = AlarmName::ChannelFailing;

/// A component with all that it is given.
pub(crate) struct Ready {
    channel: Arc<Channel>,
    pub(super) plugin: ChannelPlugin,
    pub(super) access: Arc<Access>,
    about: ChannelDescription,
    /// As they were when it was made: where one is another by now, so is this.
    secrets: BTreeMap<Arc<str>, String>,
    health: Mutex<Health>,
    /// What came in, by word.
    came: Mutex<BTreeMap<&'static str, u64>>,
    /// Webhooks at the same time.
    pub(super) room: Semaphore,
    pace: Mutex<Pace>,
    alarms: Arc<Alarms>,
    /// `shop/sms`.
    called: String,
}

/// Without its secrets.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("called", &self.called).finish_non_exhaustive()
    }
}

/// When the next webhook may come: each takes its share of a second, and a second's worth may come at once.
#[derive(Debug)]
struct Pace {
    clear: Timestamp,
}

impl Pace {
    fn admits(&mut self, now: Timestamp, per_second: u32) -> bool {
        let share = Duration::from_secs(1) / per_second.max(1);
        let clear = self.clear.max(now) + share;
        let admits = clear.since(now) <= Duration::from_secs(1);
        if admits {
            self.clear = clear;
        }
        admits
    }
}

impl Ready {
    pub(super) fn new(
        channel: Arc<Channel>,
        (plugin, about): (ChannelPlugin, ChannelDescription),
        access: Access,
        secrets: BTreeMap<Arc<str>, String>,
        (called, alarms): (String, Arc<Alarms>),
    ) -> Self {
        let room = usize::try_from(channel.component.concurrent).unwrap_or(1);
        Self {
            plugin,
            access: Arc::new(access),
            about,
            secrets,
            health: Mutex::new(Health::new()),
            came: Mutex::default(),
            room: Semaphore::new(room),
            pace: Mutex::new(Pace { clear: Timestamp::EPOCH }),
            alarms,
            called,
            channel,
        }
    }

    pub(super) fn is_made_of(
        &self,
        channel: &Arc<Channel>,
        plugin: &ChannelPlugin,
        secrets: &BTreeMap<Arc<str>, String>,
    ) -> bool {
        self.channel == *channel && self.plugin.hash() == plugin.hash() && self.secrets == *secrets
    }

    pub(crate) fn about(&self) -> &ChannelDescription {
        &self.about
    }

    /// Whether plain text may no longer be sent to whoever wrote last then.
    pub(crate) fn is_session_over(&self, now: Timestamp, last_heard: Option<Timestamp>) -> bool {
        self.about.session.is_some_and(|session| last_heard.is_none_or(|heard| now.since(heard) >= session))
    }

    /// Whether one more webhook comes no faster than the tenant allows.
    pub(super) fn is_in_pace(&self, now: Timestamp) -> bool {
        let rate = self.channel.component.per_second;
        rate.is_none_or(|rate| lock(&self.pace).admits(now, rate))
    }

    pub(super) fn count(&self, word: &'static str, count: u64) {
        if count > 0 {
            *lock(&self.came).entry(word).or_default() += count;
        }
    }

    pub(crate) fn came(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.came).clone()
    }

    pub(crate) fn figures(&self, now: Timestamp) -> Figures {
        lock(&self.health).figures(now)
    }

    /// The question; `None`: the platform is let be for a while.
    pub(crate) fn send(self: &Arc<Self>, now: Timestamp, message: Box<Outgoing>) -> Option<(Sending, Ask)> {
        let ticket = lock(&self.health).admit(now).ok()?;
        let sending = Sending { ready: Arc::clone(self), ticket, begun: now };
        let (channel, access) = (self.plugin.clone(), Arc::clone(&self.access));
        Some((sending, Ask::Send { channel, access, message }))
    }

    /// Ends an alarm that is over, though nothing was sent since.
    pub(crate) fn look(&self, now: Timestamp) {
        let change = lock(&self.health).look(now);
        self.tell(now, change);
    }

    fn ended(&self, now: Timestamp, ticket: Ticket, how: Ended, took: Duration) {
        let change = lock(&self.health).ended(now, ticket, how, took);
        self.tell(now, change);
    }

    fn tell(&self, now: Timestamp, change: Change) {
        match change {
            Change::None => {}
            Change::Alarm => {
                let Figures { recent: (asked, failed), let_be_until, last_failure, .. } = self.figures(now);
                let last = last_failure.map_or_else(String::new, |last| format!("; the last: {}", last.why));
                let until = let_be_until.map_or_else(String::new, |at| format!("; nothing is sent before {at}"));
                let detail = format!("{failed} of {asked} messages failed within a minute{last}{until}");
                self.alarms.raise(FAILING, &self.called, detail);
            }
            Change::Well => self.alarms.clear(FAILING, &self.called),
        }
    }

    /// Nothing is sent by it any more: another one is made of its name, or nothing.
    pub(super) fn replaced(&self) {
        self.alarms.clear(FAILING, &self.called);
    }
}

/// One message that is under way.
#[derive(Debug)]
pub(crate) struct Sending {
    ready: Arc<Ready>,
    ticket: Ticket,
    begun: Timestamp,
}

impl Sending {
    /// The plugin threads had no room for it.
    pub(crate) fn withdraw(self, now: Timestamp) {
        lock(&self.ready.health).withdraw(now, self.ticket);
    }

    /// The platform's id of it, once the outcome is counted.
    pub(crate) fn ended(self, now: Timestamp, result: Result<Answer, AskFailure>) -> Result<String, ChannelFailure> {
        let failure = |message: String| ChannelFailure {
            code: ChannelFailureCode::Unreachable,
            message,
            // Whoever may try again does so after the usual while.
            retry: Some(Duration::from_secs(5)),
        };
        let said = match result {
            Ok(Answer::Sent(said)) => said,
            Ok(_) => Err(failure("the answer is of another kind".to_owned())),
            Err(AskFailure::Deadline { .. } | AskFailure::Stale { .. }) => {
                Err(failure("the platform did not answer in time".to_owned()))
            }
            Err(why) => Err(failure(why.to_string())),
        };
        let how = match &said {
            Ok(_) => Ended { word: "ok", failure: None },
            Err(ChannelFailure { code, message, .. }) => {
                let failure = is_the_platforms(code).then(|| format!("{}: {message}", code.as_str()));
                Ended { word: code.as_str(), failure }
            }
        };
        self.ready.ended(now, self.ticket, how, now.since(self.begun));
        said
    }
}

/// Whether it says that the way there is broken, and not that this one message was wrong.
fn is_the_platforms(code: &ChannelFailureCode) -> bool {
    match code {
        ChannelFailureCode::NoRecipient
        | ChannelFailureCode::SessionOver
        | ChannelFailureCode::UnknownTemplate
        | ChannelFailureCode::TooLarge
        | ChannelFailureCode::BadWebhook => false,
        ChannelFailureCode::Denied
        | ChannelFailureCode::Unreachable
        | ChannelFailureCode::Limit
        | ChannelFailureCode::BadSettings
        | ChannelFailureCode::Other(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_worth_of_webhooks_may_come_at_once_and_then_one_for_each_share() {
        let mut pace = Pace { clear: Timestamp::EPOCH };
        let at = |millis: u64| Timestamp::from_millis(1_000_000 + millis);
        let burst = (0..10).filter(|_| pace.admits(at(0), 5)).count();
        let later = (1..=10).filter(|step| pace.admits(at(step * 100), 5)).count();
        assert_eq!((burst, later), (5, 5));
    }
}
