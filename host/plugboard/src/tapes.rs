//! Tapes on their way to disk and, days later, away from it.

use std::{collections::BTreeMap, sync::Arc};

use plugboard_api::{Page, TapeQuery};
use plugboard_exchange::{Piece, TapeWriter, Taped};
use plugboard_model::{InteractionId, TenantId, Timestamp, routing::Tables, tape::Tape};
use plugboard_store::{
    Cursor, Embedded, KeptTables, KeptTape, ReadError, Store as _, TapeSearch, TapesOf, Transaction,
};

/// Tapes erased in one go.
const MOST_ERASED: usize = 200;

pub(crate) fn search(store: &Embedded, tenant: &TenantId, query: &TapeQuery) -> Result<Page<Tape>, ReadError> {
    let search = TapeSearch {
        of: match (&query.flow, &query.queue) {
            (Some(flow), _) => TapesOf::Flow(flow),
            (None, Some(queue)) => TapesOf::Queue(queue),
            (None, None) => TapesOf::All,
        },
        from: query.from.unwrap_or(Timestamp::EPOCH),
        to: query.to.unwrap_or(Timestamp::from_secs(u64::MAX / 2_000_000)),
        after: query.cursor.clone().map(|cursor| Cursor(cursor.0)),
        limit: query.limit,
    };
    let page = store.query(&search.query(tenant))?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        match row.read::<KeptTape>()?.unpack() {
            Ok(tape) => items.push(tape),
            // One that is damaged takes none of the others with it.
            Err(error) => tracing::error!(%tenant, error = &error as &dyn std::error::Error, "a tape cannot be read"),
        }
    }
    Ok(Page { items, next: page.next.map(|next| plugboard_api::Cursor(next.0)) })
}

pub(crate) fn tables(store: &Embedded, tenant: &TenantId, name: &str) -> Result<Option<Tables>, ReadError> {
    Ok(store.get::<KeptTables>(tenant, name)?.map(|(kept, _)| kept.tables))
}

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Tables that are known to be on disk. Past this many they are written again, which changes nothing.
const MOST_KNOWN: usize = 4_096;

/// Writes tapes, and knows how long they are kept.
#[derive(Debug)]
pub(crate) struct Tapes {
    days: u64,
    writers: BTreeMap<TenantId, TapeWriter>,
    /// On disk as used on that day.
    known: BTreeMap<(TenantId, Arc<str>), u64>,
}

/// What is to be kept.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) tapes: Vec<KeptTape>,
    pub(crate) tables: Vec<KeptTables>,
}

impl Tapes {
    /// 0: none is kept.
    pub(crate) fn kept_for(days: u32) -> Self {
        Self { days: days.into(), writers: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// What the pieces complete.
    pub(crate) fn written(&mut self, tenant: &TenantId, now: Timestamp, pieces: Vec<Taped>) -> Written {
        let mut written = Written::default();
        if self.days == 0 {
            return written;
        }
        let today_ms = now.as_millis() / DAY_MS * DAY_MS;
        for taped in pieces {
            if let Piece::Ranked(ranked, tables) = &taped.piece {
                written.tables.extend(self.if_new(tenant, today_ms, &ranked.tables, tables));
            }
            let interaction = taped.interaction;
            let writer = self.writers.entry(tenant.clone()).or_default();
            let Some(tape) = writer.write(taped) else { continue };
            match KeptTape::pack(&tape) {
                Ok(kept) => written.tapes.push(kept),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%tenant, %interaction, error, "a tape cannot be packed");
                }
            }
        }
        written
    }

    fn if_new(&mut self, tenant: &TenantId, today_ms: u64, name: &Arc<str>, tables: &Tables) -> Option<KeptTables> {
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let used_on_ms = self.known.entry((tenant.clone(), Arc::clone(name))).or_default();
        if std::mem::replace(used_on_ms, today_ms) == today_ms {
            return None;
        }
        Some(KeptTables { name: name.to_string(), used_on_ms: today_ms, tables: tables.clone() })
    }

    /// What erases the oldest tapes that are kept no longer, and tables that no tape names; `None`: there are none.
    pub(crate) fn outdated(
        &self,
        store: &Embedded,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Option<Transaction>, ReadError> {
        let to = |days: u64| Timestamp::from_millis(now.as_millis().saturating_sub(days * DAY_MS));
        let (from, to_day) = (Timestamp::EPOCH, to(self.days));
        let search = TapeSearch { of: TapesOf::All, from, to: to_day, after: None, limit: MOST_ERASED };
        let page = store.query(&search.query(tenant))?;
        let mut transaction = Transaction::new();
        for row in &page.rows {
            let interaction: InteractionId = row.read::<KeptTape>()?.interaction();
            // 400 ids fit into any transaction.
            let _ = transaction.delete::<KeptTape>(tenant, &interaction.to_string());
        }
        // A tape is written when its call ends, and kept by when it began: two days more are enough for any call.
        let page = store.query(&KeptTables::unused_since(tenant, to(self.days + 2), MOST_ERASED))?;
        for row in &page.rows {
            let _ = transaction.delete::<KeptTables>(tenant, &row.read::<KeptTables>()?.name);
        }
        Ok((!transaction.is_empty()).then_some(transaction))
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::tape::{Decided, Line, Ranked, Ranking};
    use plugboard_store::Options;

    use super::*;

    const DAY: u64 = 24 * 3_600;

    fn at_day(day: u64) -> Timestamp {
        Timestamp::from_secs(day * DAY)
    }

    /// Of a call that went through the flow and was ranked in queue `sales`.
    fn call(number: u64, day: u64, flow: &str) -> Vec<Taped> {
        let who =
            plugboard_model::routing::Waiting { number: 0, queue: 0, priority: 0, channel: 0, waited_ms: 0, value: 0 };
        let ranked = Ranked {
            at: at_day(day),
            queue: "sales".parse().unwrap(),
            plugin: "any".into(),
            tables: "t1".into(),
            asked: Ranking::Relax { who, needs: Vec::new() },
            said: Decided::Failed { reason: "none".into() },
            taken: None,
        };
        let begun = Line::Begun { run: 0, flow: flow.parse().unwrap(), plugin: "any".into(), revision: 1 };
        let pieces = [
            Piece::Begun { at: at_day(day) },
            Piece::Line(Box::new(begun)),
            Piece::Ranked(Box::new(ranked), Arc::new(Tables::default())),
            Piece::Over { left_out: 0 },
        ];
        pieces.map(|piece| Taped { interaction: InteractionId(number), piece }).into()
    }

    #[test]
    fn tape_is_found_by_its_flow_or_queue_for_as_many_days_as_it_is_kept_and_then_erased_with_its_tables() {
        let folder = std::env::temp_dir().join(format!("plugboard-tapes-{}", std::process::id()));
        let store = Embedded::open(Options::new(&folder)).unwrap();
        let tenant: TenantId = "demo".parse().unwrap();
        let keep = |days: u32| {
            let (mut transaction, mut tapes) = (Transaction::new(), Tapes::kept_for(days));
            for (number, day, flow) in [(1, 100, "menu"), (2, 103, "night"), (3, 106, "menu")] {
                let written = tapes.written(&tenant, at_day(day), call(number, day, flow));
                written.tapes.iter().for_each(|tape| transaction.put(&tenant, tape).unwrap());
                written.tables.iter().for_each(|tables| transaction.put(&tenant, tables).unwrap());
            }
            if !transaction.is_empty() {
                store.commit(transaction).unwrap();
            }
        };
        let found = |flow: Option<&str>, queue: Option<&str>| -> Vec<u64> {
            let (flow, queue) = (flow.map(|flow| flow.parse().unwrap()), queue.map(|queue| queue.parse().unwrap()));
            let page = search(&store, &tenant, &TapeQuery { flow, queue, limit: 10, ..TapeQuery::default() }).unwrap();
            page.items.iter().map(|tape| tape.interaction.0).collect()
        };
        keep(0);
        assert_eq!(found(None, None), Vec::<u64>::new());
        keep(7);
        let all = vec![1, 2, 3];
        assert_eq!(
            (found(None, None), found(Some("menu"), None), found(None, Some("sales")), found(None, Some("other"))),
            (all.clone(), vec![1, 3], all, vec![])
        );
        let mut left = Vec::new();
        for day in [107, 108, 111, 115, 116] {
            if let Some(transaction) = Tapes::kept_for(7).outdated(&store, &tenant, at_day(day)).unwrap() {
                store.commit(transaction).unwrap();
            }
            left.push((found(None, None), tables(&store, &tenant, "t1").unwrap().is_some()));
        }
        assert_eq!(left, [(vec![1, 2, 3], true), (vec![2, 3], true), (vec![3], true), (vec![], true), (vec![], false)]);
        drop(store);
        let _ = std::fs::remove_dir_all(folder);
    }
}
