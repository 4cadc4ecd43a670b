//! The process's one clock: monotonic, anchored to the wall clock once.

use std::time::{Duration, Instant, SystemTime};

use plugboard_model::Timestamp;

/// Turns monotonic time into [`Timestamp`]s and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { started: Instant::now(), started_at: Timestamp::from(since_epoch) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.started_at + self.started.elapsed()
    }

    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.started_at)
    }
}
