//! What an operator must know now, for `GET /v1/host`, the status page and the log.
//!
//! An alarm *stands* from [`Alarms::raise`] until [`Alarms::clear`]; what happens once ([`Alarms::note`]) stands until it has not happened again for [`LINGER`].

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use plugboard_api::{Alarm, AlarmName};
use plugboard_model::{Event, EventKind, TenantId, Timestamp};

use crate::clock::Clock;

/// How long something that happened once is shown.
const LINGER: Duration = Duration::from_secs(5 * 60);
/// A write that takes longer than this makes agents wait to ring.
const SLOW: Duration = Duration::from_secs(1);
/// Alarms kept at most; who has that many mends the first ones first.
const MOST: usize = 256;

#[derive(Debug)]
pub(crate) struct Alarms {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By name and what it is about.
    standing: BTreeMap<(AlarmName, String), Standing>,
    /// Writes on their way, and when the last of them moved.
    writing: u32,
    moved: Option<Instant>,
}

#[derive(Debug)]
struct Standing {
    detail: String,
    since: Timestamp,
    /// `None`: until it is cleared.
    until: Option<Instant>,
}

impl Alarms {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    /// Stands until it is cleared. `about`: the tenant or thing that it concerns; may be empty.
    pub(crate) fn raise(&self, name: AlarmName, about: &str, detail: impl Into<String>) {
        self.stand(name, about, detail.into(), None);
    }

    /// Happened now.
    pub(crate) fn note(&self, name: AlarmName, about: &str, detail: impl Into<String>) {
        self.stand(name, about, detail.into(), Some(Instant::now() + LINGER));
    }

    pub(crate) fn clear(&self, name: AlarmName, about: &str) {
        if self.inner().standing.remove(&(name, about.to_owned())).is_some() {
            tracing::info!(alarm = name.as_str(), about, "alarm is over");
        }
    }

    pub(crate) fn stands(&self, name: AlarmName) -> bool {
        self.inner().standing.keys().any(|(standing, _)| *standing == name)
    }

    /// A fact that an operator should see.
    pub(crate) fn hear(&self, tenant: &TenantId, event: &Event) {
        let about = tenant.as_str();
        match &event.kind {
            EventKind::PluginFailed { plugin, reason, .. } => {
                let detail = format!("{plugin}: {reason}; the native default decides");
                self.note(AlarmName::PluginFailed, &format!("{about}/{plugin}"), detail);
            }
            EventKind::FlowFailed { flow, reason, .. } => {
                let detail = format!("flow {flow}: {reason}; callers take the exception flow");
                self.note(AlarmName::FlowFailed, &format!("{about}/{flow}"), detail);
            }
            EventKind::RecordingFailed { reason, .. } => self.note(AlarmName::RecordingFailed, about, &**reason),
            // The store tells of its disk itself, and also when it has room again.
            EventKind::Alarm { name, .. } if &**name == "disk-full" => {}
            EventKind::Alarm { name, detail } => match AlarmName::parse(name) {
                Some(name) => self.note(name, about, &**detail),
                None => self.note(AlarmName::Exchange, about, format!("{name}: {detail}")),
            },
            _ => {}
        }
    }

    /// Something is on its way to disk.
    pub(crate) fn write_begins(&self, now: Instant) {
        let mut inner = self.inner();
        inner.writing += 1;
        inner.moved.get_or_insert(now);
    }

    /// It is there, or never will be.
    pub(crate) fn write_ended(&self, took: Duration) {
        let mut inner = self.inner();
        inner.writing = inner.writing.saturating_sub(1);
        inner.moved = (inner.writing > 0).then(Instant::now);
        drop(inner);
        if took > SLOW {
            self.note(AlarmName::StoreSlow, "", format!("a write took {:.1} s", took.as_secs_f32()));
        }
    }

    /// All that stand, by name.
    pub(crate) fn list(&self) -> Vec<Alarm> {
        let now = Instant::now();
        let mut inner = self.inner();
        inner.standing.retain(|_, standing| standing.until.is_none_or(|until| until > now));
        let stuck = inner.moved.map(|moved| now.saturating_duration_since(moved)).filter(|stuck| *stuck > SLOW);
        let mut all: Vec<Alarm> = inner
            .standing
            .iter()
            .map(|((name, about), standing)| Alarm {
                name: *name,
                about: (!about.is_empty()).then(|| about.clone()),
                detail: standing.detail.clone(),
                since: standing.since,
            })
            .collect();
        if let Some(stuck) = stuck.filter(|_| !all.iter().any(|alarm| alarm.name == AlarmName::StoreSlow)) {
            let detail = format!("nothing came to disk for {:.1} s", stuck.as_secs_f32());
            let since = Timestamp::from(self.clock.now().since_epoch().saturating_sub(stuck));
            all.push(Alarm { name: AlarmName::StoreSlow, about: None, detail, since });
        }
        all
    }

    fn stand(&self, name: AlarmName, about: &str, detail: String, until: Option<Instant>) {
        let mut inner = self.inner();
        let key = (name, about.to_owned());
        if let Some(standing) = inner.standing.get_mut(&key) {
            (standing.detail, standing.until) = (detail, until);
            return;
        }
        if inner.standing.len() < MOST {
            tracing::error!(alarm = name.as_str(), about, detail, "alarm");
            inner.standing.insert(key, Standing { detail, since: self.clock.now(), until });
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(alarms: &Alarms) -> Vec<String> {
        alarms.list().into_iter().map(|alarm| format!("{} {}", alarm.name.as_str(), alarm.detail)).collect()
    }

    #[test]
    fn an_alarm_stands_until_it_is_cleared_and_says_the_latest_word() {
        let alarms = Alarms::new(Clock::start());
        alarms.raise(AlarmName::DiskFull, "", "1 MiB left");
        alarms.raise(AlarmName::DiskFull, "", "0 MiB left");
        alarms.raise(AlarmName::TenantNotApplied, "shop", "1 error");
        assert_eq!(names(&alarms), ["disk-full 0 MiB left", "tenant-not-applied 1 error"]);
        alarms.clear(AlarmName::DiskFull, "");
        assert_eq!(names(&alarms), ["tenant-not-applied 1 error"]);
    }

    #[test]
    fn what_happens_in_calls_is_shown_by_tenant_and_plugin_once() {
        let alarms = Alarms::new(Clock::start());
        let kind = EventKind::RecordingFailed {
            interaction: plugboard_model::InteractionId(1),
            recording: plugboard_model::RecordingId(2),
            reason: "the disk is full".into(),
        };
        let event = Event { seq: 1, at: Timestamp::EPOCH, kind };
        for tenant in ["acme", "acme", "shop"] {
            alarms.hear(&tenant.parse().unwrap(), &event);
        }
        let about: Vec<_> = alarms.list().into_iter().map(|alarm| alarm.about.unwrap()).collect();
        assert_eq!(about, ["acme", "shop"]);
    }

    #[test]
    fn a_write_that_does_not_end_is_an_alarm_until_it_does() {
        let alarms = Alarms::new(Clock::start());
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(3)) else { return };
        alarms.write_begins(long_ago);
        assert_eq!(alarms.list().len(), 1);
        alarms.write_ended(Duration::from_millis(1));
        assert_eq!(alarms.list().len(), 0);
    }
}
