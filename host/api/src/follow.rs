//! One reader's way through the events of a tenant: first the log, then live, with no gap and nothing twice.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use plugboard_exchange::{Leave, SharedEvent};
use plugboard_model::TenantId;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep},
};

use crate::{Host, HostError, Sealed};

/// Events read from the log at once.
const PAGE: usize = 256;
/// How often the log is asked for an event that was heard of and is not in it yet.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// An event that was heard of is in the log by then, or the log is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there are no more events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error("the log cannot be read")]
    Log(#[source] HostError),
    #[error("event {missing} never came into the log")]
    Gap { missing: u64 },
    #[error("an event cannot be handed out as it should be")]
    Withheld,
    /// The tenant or the host stops.
    #[error("no more events")]
    Ended,
}

pub(crate) struct Follow {
    host: Arc<dyn Host>,
    tenant: TenantId,
    live: Receiver<SharedEvent>,
    /// To hand them out.
    leave: Leave,
    /// `seq` of the last event given; `None`: none yet, and the first live one is welcome, whatever its number.
    last: Option<u64>,
    /// Out of the log, not given yet, in order.
    read: VecDeque<SharedEvent>,
    /// The log may hold more after `read`.
    behind: bool,
    /// Heard live while events before it are missing, and since when.
    ahead: Option<(SharedEvent, Instant)>,
}

impl Follow {
    /// From the event after `after` on, or from now on. `live` was taken before, so nothing falls between.
    pub(crate) fn new(
        host: Arc<dyn Host>,
        tenant: TenantId,
        after: Option<u64>,
        live: Receiver<SharedEvent>,
        leave: Leave,
    ) -> Self {
        Self { host, tenant, live, leave, last: after, read: VecDeque::new(), behind: after.is_some(), ahead: None }
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// The next event. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<SharedEvent, FollowError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                // It was opened with its page.
                self.last = Some(event.seq);
                return Ok(event);
            }
            if self.behind
                && let Some(last) = self.last
            {
                let page = self.host.history(&self.tenant, last, PAGE).await.map_err(FollowError::Log)?;
                let page = page.open(&self.leave).ok_or(FollowError::Withheld)?;
                self.behind = page.len() == PAGE;
                self.read = page.into_iter().filter(|event| event.seq > last).collect();
                continue;
            }
            if let Some((event, since)) = self.ahead.take() {
                let last = self.last.unwrap_or_default();
                if event.seq == last + 1 {
                    return self.give(event);
                }
                if event.seq > last {
                    if since.elapsed() > PATIENCE {
                        return Err(FollowError::Gap { missing: last + 1 });
                    }
                    self.ahead = Some((event, since));
                    sleep(ASK_AGAIN).await;
                    self.behind = true;
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) => match self.last {
                    Some(last) if event.seq <= last => {}
                    Some(last) if event.seq > last + 1 => {
                        self.ahead = Some((event, Instant::now()));
                        self.behind = true;
                    }
                    _ => return self.give(event),
                },
                // The log has what was dropped; the next live event tells how far it must reach.
                Err(RecvError::Lagged(_)) => self.behind = self.last.is_some(),
                Err(RecvError::Closed) => return Err(FollowError::Ended),
            }
        }
    }

    /// Events from here on are handed out with this leave.
    pub(crate) fn go_on_with(&mut self, leave: Leave) {
        self.leave = leave;
    }

    fn give(&mut self, event: SharedEvent) -> Result<SharedEvent, FollowError> {
        self.last = Some(event.seq);
        Sealed::new(event).open(&self.leave).ok_or(FollowError::Withheld)
    }
}
