//! What comes from a platform: verified, read, and on disk before it is answered.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use plugboard_api::{Came, WebhookRefused};
use plugboard_model::{
    EventKind, TenantId,
    channel::{ChannelFailure, Content, Incoming, Received, Report, Verified, Webhook, WebhookReply},
};
use plugboard_plugin::{Answer, Ask};
use plugboard_store::{ReadError, Store as _};

use super::{Channels, Ready, Taken, kept};
use crate::host::{PlugboardHost, blocking};

/// plugins.md: what a component gets before the platform is told to try again.
const VERIFY_BUDGET: Duration = Duration::from_millis(100);
const RECEIVE_BUDGET: Duration = Duration::from_secs(2);
/// A platform may report on a message before what it answered to us is on disk.
const FAST_REPORT: Duration = Duration::from_millis(500);

/// `Err`: the platform tries again.
type Kept<T> = Result<T, WebhookRefused>;

impl Channels {
    pub(crate) async fn webhook(
        self: &Arc<Self>,
        host: &PlugboardHost,
        tenant: &TenantId,
        name: &str,
        came: Came,
    ) -> Result<WebhookReply, WebhookRefused> {
        let found = self.of_tenant(tenant).get(name).cloned();
        let ready = found.ok_or(WebhookRefused::NoSuchChannel)?.map_err(|_| WebhookRefused::NotNow)?;
        if !ready.is_in_pace(self.now()) {
            ready.count("refused", 1);
            return Err(WebhookRefused::TooMany);
        }
        let Ok(_room) = ready.room.try_acquire() else {
            ready.count("refused", 1);
            return Err(WebhookRefused::NotNow);
        };
        let taken = self.let_in(host, tenant, name, &ready, came).await;
        match &taken {
            Err(WebhookRefused::Forged) => ready.count("forged", 1),
            Err(_) => ready.count("failed", 1),
            Ok(_) => {}
        }
        taken
    }

    async fn let_in(
        self: &Arc<Self>,
        host: &PlugboardHost,
        tenant: &TenantId,
        name: &str,
        ready: &Ready,
        came: Came,
    ) -> Result<WebhookReply, WebhookRefused> {
        let Came { method, path, headers, body } = came;
        let webhook = Webhook { method, path, headers, body, at: self.now() };
        let (channel, access) = (ready.plugin.clone(), Arc::clone(&ready.access));
        let ask = Ask::Verify { channel, access, webhook: Box::new(webhook.clone()) };
        match self.ask(tenant, VERIFY_BUDGET, ask).await {
            Some(Answer::Verified(Ok(Verified::Genuine))) => {}
            Some(Answer::Verified(Ok(Verified::Forged))) => return Err(WebhookRefused::Forged),
            Some(Answer::Verified(Ok(Verified::Answer(reply)))) => {
                ready.count("answered", 1);
                return Ok(reply);
            }
            Some(Answer::Verified(Err(failure))) => return Err(not_now(tenant, name, &failure)),
            _ => return Err(WebhookRefused::NotNow),
        }
        let (channel, access) = (ready.plugin.clone(), Arc::clone(&ready.access));
        let ask = Ask::Receive { channel, access, webhook: Box::new(webhook) };
        let Received { messages, reports, reply } = match self.ask(tenant, RECEIVE_BUDGET, ask).await {
            Some(Answer::Received(Ok(received))) => received,
            Some(Answer::Received(Err(failure))) => return Err(not_now(tenant, name, &failure)),
            _ => return Err(WebhookRefused::NotNow),
        };
        self.keep(host, tenant, name, ready, messages).await?;
        self.note(host, tenant, name, ready, reports).await?;
        let taken = || WebhookReply { status: 200, kind: "text/plain".to_owned(), body: Vec::new() };
        Ok(reply.unwrap_or_else(taken))
    }

    /// Each message once, however often the platform sends it.
    async fn keep(
        self: &Arc<Self>,
        host: &PlugboardHost,
        tenant: &TenantId,
        name: &str,
        ready: &Ready,
        messages: Vec<Incoming>,
    ) -> Kept<()> {
        let (mut ids, mut fresh, mut repeated) = (BTreeSet::new(), Vec::new(), 0);
        for message in messages {
            let id = kept::received(name, &message.id);
            if !ids.insert(id.clone()) {
                repeated += 1;
                continue;
            }
            // Another request brings it just now: should that come to nothing, this one is sent again.
            let taken: Taken = self.take(tenant, id.clone()).ok_or(WebhookRefused::NotNow)?;
            fresh.push((id, taken, message));
        }
        let (store, of) = (Arc::clone(&self.store), tenant.clone());
        let asked: Vec<String> = fresh.iter().map(|(id, ..)| id.clone()).collect();
        let known = blocking(move || {
            let is_known = |id: &String| Ok(store.get::<kept::Kept>(&of, id)?.is_some());
            asked.iter().map(is_known).collect::<Result<Vec<bool>, ReadError>>()
        });
        let known = known.await?;
        let mut facts = Vec::new();
        let mut taken = Vec::new();
        for ((_, own, message), is_known) in fresh.into_iter().zip(known) {
            if is_known {
                repeated += 1;
                continue;
            }
            taken.push(own);
            let Incoming { id, from, thread, at, what } = message;
            facts.push(EventKind::MessageReceived {
                channel: name.into(),
                message: id.into(),
                from: from.into(),
                thread: thread.map(Into::into),
                what: Box::new(plain(what)),
                sent_at: at,
            });
        }
        ready.count("repeated", repeated);
        let count = facts.len() as u64;
        host.note_all(tenant, facts).await?;
        ready.count("received", count);
        drop(taken);
        Ok(())
    }

    async fn note(
        &self,
        host: &PlugboardHost,
        tenant: &TenantId,
        name: &str,
        ready: &Ready,
        reports: Vec<Report>,
    ) -> Kept<()> {
        if reports.is_empty() {
            return Ok(());
        }
        let mut unknown = reports;
        for wait in [None, Some(FAST_REPORT)] {
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
            let (store, of, channel) = (Arc::clone(&self.store), tenant.clone(), name.to_owned());
            let asked = std::mem::take(&mut unknown);
            let found = blocking(move || {
                let mut found = Vec::new();
                for report in asked {
                    found.push((kept::of_receipt(&store, &of, &channel, &report.id)?, report));
                }
                Ok(found)
            });
            let mut facts = Vec::new();
            for (message, report) in found.await? {
                match message {
                    Some(message) if kept::news(message.state, &report.state).is_some() => {
                        let (channel, message) = (name.into(), message.id.into());
                        facts.push(EventKind::MessageReported { channel, message, state: report.state });
                    }
                    // It says again what is known.
                    Some(_) => {}
                    None => unknown.push(report),
                }
            }
            ready.count("reported", facts.len() as u64);
            host.note_all(tenant, facts).await?;
            if unknown.is_empty() {
                return Ok(());
            }
        }
        ready.count("unknown-report", unknown.len() as u64);
        Ok(())
    }
}

/// What cannot be seen is of no use, and takes six times the room in an event.
fn plain(what: Content) -> Content {
    let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    match what {
        Content::Text(text) if text.contains(hidden) => Content::Text(text.replace(hidden, " ")),
        what => what,
    }
}

fn not_now(tenant: &TenantId, name: &str, failure: &ChannelFailure) -> WebhookRefused {
    let code = failure.code.as_str();
    tracing::info!(%tenant, channel = name, code, reason = failure.message, "a webhook is not taken");
    WebhookRefused::NotNow
}
