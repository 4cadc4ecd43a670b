//! Recordings that a rule lets be kept for some days only are erased when those are over: first the file, then it is told. Who stops between the two
//! finds no file the next time, and tells it then.

use std::{path::Path, sync::Weak, time::Duration};

use plugboard_api::Host as _;
use plugboard_model::{EventKind, TenantId, Timestamp};

use crate::{clock::Clock, host::PlugboardHost};

/// A day is over at most so much later than it should be.
const EVERY: Duration = Duration::from_secs(60);
/// Erased in one go.
pub(crate) const AT_ONCE: usize = 100;

pub(crate) async fn watch(host: Weak<PlugboardHost>, clock: Clock) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(host) = host.upgrade() else { return };
        for tenant in host.tenants() {
            erase(&host, &tenant.id, clock.now()).await;
        }
    }
}

async fn erase(host: &PlugboardHost, tenant: &TenantId, now: Timestamp) {
    let due = match host.recordings_to_erase(tenant, now).await {
        Ok(due) => due,
        Err(error) => {
            return tracing::error!(%tenant, error = &error as &dyn std::error::Error, "recordings to erase cannot be found");
        }
    };
    for (interaction, recording, path) in due {
        let gone = tokio::task::spawn_blocking(move || remove(&path)).await;
        if let Err(error) = gone.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::error!(%tenant, %recording, %error, "a recording whose days are over cannot be erased");
            continue;
        }
        let fact = EventKind::RecordingErased { interaction, recording };
        if let Err(error) = host.note(tenant, fact).await {
            tracing::warn!(%tenant, %recording, error = &error as &dyn std::error::Error, "that a recording is erased is told later");
        }
    }
}

/// A file that is not there is erased.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
