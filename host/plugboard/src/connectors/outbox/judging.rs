//! Letters that wait for the compliance gate, and what it says of them.

use std::collections::BTreeSet;

use plugboard_api::{AlarmName, HostError};
use plugboard_exchange::{CommandError, Leave, Reply};
use plugboard_store::{ReadError, Store as _, Transaction};
use tokio::sync::oneshot::error::TryRecvError;

use super::{BUDGET, Key, MOST_JUDGED, Post};
use crate::{
    chain,
    connectors::letter::{Letter, Words},
    host::{Judging, PlugboardHost},
};

impl Post {
    /// Puts letters that are due and hold nothing to the gate.
    pub(super) fn judge(&mut self, host: &PlugboardHost, key: &Key) {
        let Some(waiting) = self.boxes.get(key) else { return };
        let now = self.connectors.now();
        let under_way: BTreeSet<u64> = self.judged.keys().filter(|(of, _)| of == key).map(|(_, seq)| *seq).collect();
        let mut due: Vec<(u64, _)> = Vec::new();
        for (seq, letter) in &waiting.letters {
            if due.len() + under_way.len() >= MOST_JUDGED {
                break;
            }
            if !letter.is_judged() && letter.next_at <= now && !under_way.contains(seq) {
                due.push((*seq, letter.handout()));
            }
        }
        for (seq, handout) in due {
            match host.judge(&key.0, handout) {
                Ok(Judging::Given(leave)) => self.may_leave(key, seq, &leave),
                Ok(Judging::Asked(reply)) => drop(self.judged.insert((key.clone(), seq), reply)),
                // The loop is overloaded, or ends: at the next look.
                Err(_) => return,
            }
        }
    }

    /// What rules said of letters.
    pub(super) fn hear_rules(&mut self) {
        let mut said = Vec::new();
        self.judged.retain(|place, reply| match reply.try_recv() {
            Ok(result) => {
                said.push((place.clone(), result));
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => false,
        });
        for ((key, seq), result) in said {
            match result {
                Ok(Reply::Leave(leave)) => self.may_leave(&key, seq, &leave),
                Err(HostError::Command(CommandError::Denied(denial))) => {
                    let now = self.connectors.now();
                    self.change(&key, seq, |letter| letter.denied(now, &denial));
                }
                // The gate is full, or the verdict did not come to disk.
                _ => {
                    let letter = self.boxes.get_mut(&key).and_then(|waiting| waiting.letters.get_mut(&seq));
                    if let Some(letter) = letter {
                        letter.next_at = self.connectors.now() + BUDGET;
                    }
                }
            }
        }
    }

    /// The gate lets it pass: it gets its words.
    fn may_leave(&mut self, key: &Key, seq: u64, leave: &Leave) {
        let read = || -> Result<_, ReadError> {
            let Some(event) = self.store.read_log(&key.0, seq, 1)?.into_iter().find(|event| event.seq == seq) else {
                return Ok(None);
            };
            let cdr = self.record_of(&key.0, event.kind.interaction())?;
            Ok(Some(Words::of(&event, cdr.as_ref())))
        };
        match read() {
            Ok(Some(words)) => self.change(key, seq, |letter| {
                letter.hold(words, leave);
            }),
            Ok(None) => self.change(key, seq, Letter::lost),
            Err(error) => self.alarms.note(AlarmName::Outbox, &format!("{}/{}", key.0, key.1), chain(&error)),
        }
    }

    /// Changes a letter that waits, on disk first: what the disk does not take is judged again.
    fn change(&mut self, key: &Key, seq: u64, change: impl FnOnce(&mut Letter)) {
        let Some(waiting) = self.boxes.get_mut(key) else { return };
        let Some(letter) = waiting.letters.get(&seq) else { return };
        let mut changed = letter.clone();
        change(&mut changed);
        if changed.is_dead {
            return self.give_up(key, &changed);
        }
        let mut transaction = Transaction::new();
        if transaction.put(&key.0, &changed).is_ok() && self.store.commit(transaction).is_ok() {
            waiting.letters.insert(seq, changed);
        }
    }
}
