//! What other threads tell the loop.

use std::{sync::Arc, time::Duration};

use plugboard_exchange::Command;
use plugboard_media as media;
use plugboard_model::{Configuration, EventKind, TenantId};
use tokio::sync::oneshot;

use crate::backlog::ReplyTo;

/// What other threads tell the loop.
pub(crate) enum Message {
    Media(Vec<media::Event>),
    Answered(plugboard_plugin::Reply),
    Command {
        tenant: TenantId,
        /// The name of the access key that it came with.
        by: Option<Arc<str>>,
        command: Command,
        reply: ReplyTo,
    },
    /// A tenant's new configuration, or a new tenant. `done` once it is in force.
    Configure {
        configuration: Arc<Configuration>,
        done: oneshot::Sender<()>,
    },
    /// The store has no room, or has room again.
    Storage {
        full: bool,
    },
    /// Take no new calls; end when the last one has, or at `until`.
    Drain {
        until: Duration,
    },
}

impl Message {
    /// Has something become a fact of the tenant; nobody waits until it is one.
    pub(crate) fn noted(tenant: TenantId, fact: EventKind) -> Self {
        let (reply, _) = oneshot::channel();
        Self::Command { tenant, by: None, command: Command::Note(fact), reply }
    }
}
