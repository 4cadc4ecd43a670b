//! Letters of messages: each change is on disk, and stays there until what came of the message is a fact.

use std::sync::Arc;

use plugboard_api::AlarmName;
use plugboard_model::{Timestamp, channel::Outgoing};
use plugboard_store::{Store as _, Transaction};
use tokio::sync::oneshot::error::TryRecvError;

use super::{Key, Post};
use crate::{
    channels::{
        self, kept,
        posted::{self, End},
    },
    connectors::letter::{self, Letter},
    host::PlugboardHost,
};

impl Post {
    /// When whoever it goes to last wrote, where the platform cares.
    pub(super) fn last_heard(
        &self,
        ready: &channels::Ready,
        (tenant, name): &Key,
        message: &Outgoing,
    ) -> Option<Timestamp> {
        ready.about().session?;
        let address = (name.trim_start_matches('@'), message.to.as_str(), "");
        let known = kept::known(&self.store, tenant, address, self.connectors.now());
        known.inspect_err(|error| tracing::warn!(%error, "messages cannot be read")).ok()?.last_heard
    }

    /// Changes the letter of a message. What the platform took is not sent again by this process, whatever the disk says.
    pub(super) fn end(&mut self, (tenant, name): &Key, seq: u64, change: impl FnOnce(&mut Letter)) {
        let waiting = self.boxes.get_mut(&(tenant.clone(), Arc::clone(name)));
        let Some(letter) = waiting.and_then(|waiting| waiting.letters.get_mut(&seq)) else { return };
        change(letter);
        if std::mem::take(&mut letter.is_dead) {
            let why = letter.failure.clone().unwrap_or_default();
            let detail = format!("message {} is not sent: {why}; plugboard message list", letter.id);
            self.alarms.note(AlarmName::MessageFailed, &format!("{tenant}/{}", name.trim_start_matches('@')), detail);
            letter.posted.end = Some(End::Failed(why));
        }
        let mut transaction = Transaction::new();
        if transaction.put(tenant, letter).is_err() || self.store.commit(transaction).is_err() {
            self.alarms.note(AlarmName::Outbox, &format!("{tenant}/{name}"), "a letter cannot be written");
        }
    }

    /// Has it become a fact what came of messages.
    pub(super) fn tell_ends(&mut self, host: &PlugboardHost, key: &Key) {
        let Some(waiting) = self.boxes.get(key) else { return };
        for (seq, letter) in waiting.letters.iter().filter(|(_, letter)| letter.posted.end.is_some()) {
            let place = (key.clone(), *seq);
            if self.told.contains_key(&place) {
                continue;
            }
            let message = letter.message().map(|message| message.id).unwrap_or_default();
            let Some(fact) = posted::fact(&key.1, &message, &letter.posted) else { continue };
            // The loop is overloaded, or ends: at the next look.
            let Ok(reply) = host.tell_fact(&key.0, fact) else { return };
            self.told.insert(place, reply);
        }
    }

    /// What is a fact needs no letter any more.
    pub(super) fn hear_ends(&mut self, host: &PlugboardHost) {
        let mut told = Vec::new();
        self.told.retain(|place, reply| match reply.try_recv() {
            Ok(result) => {
                told.extend(result.is_ok().then(|| place.clone()));
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => false,
        });
        for (key, seq) in told {
            if host.has_lost(&key.0) {
                continue;
            }
            let mut transaction = Transaction::new();
            let gone = transaction.delete::<Letter>(&key.0, &letter::record_id(&key.1, seq)).is_ok();
            if gone && self.store.commit(transaction).is_ok() {
                self.boxes.get_mut(&key).map(|waiting| waiting.letters.remove(&seq));
            }
        }
    }
}
