//! Letters come to be: from what a start finds in the store, and from the log as it grows.

use std::sync::Arc;

use plugboard_api::AlarmName;
use plugboard_model::{Event, InteractionId, TenantId};
use plugboard_reporting::Cdr;
use plugboard_store::{Query, ReadError, Record as _, Store as _, Transaction};

use super::{Carrier, Key, MOST_WAITING, PAGE, Post, Waiting};
use crate::{
    channels::posted,
    connectors::letter::{self, Letter, Mark, Words},
    host::PlugboardHost,
};

impl Post {
    /// Writes letters for what happened since the mark.
    pub(super) fn gather(&mut self, host: &PlugboardHost, key: &Key, carrier: &Carrier) -> Result<(), ReadError> {
        let (tenant, name) = key;
        if !self.boxes.contains_key(key) {
            let waiting = self.open(key)?;
            self.boxes.insert(key.clone(), waiting);
        }
        let Some(waiting) = self.boxes.get_mut(key) else { return Ok(()) };
        let last = self.store.last_seq(tenant)?;
        if !carrier.wants_events() {
            waiting.mark = last;
        }
        if last <= waiting.mark || waiting.letters.len() >= MOST_WAITING {
            return Ok(());
        }
        let before = waiting.mark;
        let events = self.store.read_log(tenant, before + 1, PAGE)?;
        let (mut transaction, mut letters) = (Transaction::new(), Vec::new());
        let mut mark = before;
        for event in &events {
            if carrier.wants(name, &event.kind)
                && let Some(letter) = self.letter(host, (tenant, name), event)?
            {
                if transaction.put(tenant, &letter).is_err() {
                    // There is room for no more in one transaction.
                    break;
                }
                letters.push(letter);
            }
            mark = event.seq;
        }
        if mark == before {
            return Ok(());
        }
        // What nobody wants moves the mark in memory; a start looks through it again.
        let is_news = !letters.is_empty() || mark / PAGE as u64 > before / PAGE as u64;
        if is_news {
            let put = transaction.put(tenant, &Mark { connector: Arc::clone(name), seq: mark });
            if put.is_err() || self.store.commit(transaction).is_err() {
                self.alarms.note(
                    AlarmName::Outbox,
                    &format!("{tenant}/{name}"),
                    "letters cannot be written; they are again soon",
                );
                return Ok(());
            }
        }
        let Some(waiting) = self.boxes.get_mut(key) else { return Ok(()) };
        waiting.mark = mark;
        waiting.letters.extend(letters.into_iter().map(|letter| (letter.seq, letter)));
        Ok(())
    }

    /// What a start finds, or somebody changed. A connector that is new hears of what happens from here on.
    fn open(&self, (tenant, name): &Key) -> Result<Waiting, ReadError> {
        let mark = match self.store.get::<Mark>(tenant, name)? {
            Some((mark, _)) => mark.seq,
            None => {
                let seq = self.store.last_seq(tenant)?;
                let mut transaction = Transaction::new();
                let put = transaction.put(tenant, &Mark { connector: Arc::clone(name), seq });
                if put.is_err() || self.store.commit(transaction).is_err() {
                    tracing::warn!(%tenant, connector = %name, "the mark of a connector is not kept yet");
                }
                seq
            }
        };
        let mut waiting = Waiting { mark, ..Waiting::default() };
        let mut after = None;
        loop {
            let query = Query::new(tenant, Letter::KIND, "state").within(letter::state(false, name)).limit(1_000);
            let page = self.store.query(&query.after(after))?;
            for row in &page.rows {
                let letter: Letter = row.read()?;
                waiting.letters.insert(letter.seq, letter);
            }
            after = page.next;
            if after.is_none() || waiting.letters.len() >= MOST_WAITING {
                break;
            }
        }
        let mut after = None;
        loop {
            let query = Query::new(tenant, Letter::KIND, "state").within(letter::state(true, name)).limit(1_000);
            let page = self.store.query(&query.after(after))?;
            waiting.dead += page.rows.len();
            after = page.next;
            if after.is_none() {
                return Ok(waiting);
            }
        }
    }

    fn letter(
        &self,
        host: &PlugboardHost,
        (tenant, name): (&TenantId, &Arc<str>),
        event: &Event,
    ) -> Result<Option<Letter>, ReadError> {
        let Some(mut letter) = Letter::new(tenant, name, event) else { return Ok(posted::letter(tenant, event)) };
        if let Some(leave) = host.leave_without_rules(tenant, letter.handout()) {
            let cdr = self.record_of(tenant, event.kind.interaction())?;
            letter.hold(Words::of(event, cdr.as_ref()), &leave);
        }
        Ok(Some(letter))
    }

    pub(super) fn record_of(
        &self,
        tenant: &TenantId,
        interaction: Option<InteractionId>,
    ) -> Result<Option<Cdr>, ReadError> {
        let Some(interaction) = interaction else { return Ok(None) };
        Ok(self.store.get::<Cdr>(tenant, &interaction.to_string())?.map(|(cdr, _)| cdr))
    }
}
