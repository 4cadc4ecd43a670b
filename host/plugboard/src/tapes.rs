//! Tapes of flows on their way to disk and, days later, away from it.

use plugboard_api::{Page, TapeQuery};
use plugboard_model::{InteractionId, TenantId, Timestamp, tape::Tape};
use plugboard_store::{Cursor, Embedded, KeptTape, ReadError, Store as _, TapeSearch, Transaction};

/// Tapes erased in one go.
const MOST_ERASED: usize = 200;

pub(crate) fn search(store: &Embedded, tenant: &TenantId, query: &TapeQuery) -> Result<Page<Tape>, ReadError> {
    let search = TapeSearch {
        flow: query.flow.as_ref(),
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

/// How long tapes are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tapes {
    days: u64,
}

impl Tapes {
    /// 0: none is kept.
    pub(crate) fn kept_for(days: u32) -> Self {
        Self { days: days.into() }
    }

    pub(crate) fn packed(self, tenant: &TenantId, tapes: &[Tape]) -> Vec<KeptTape> {
        if self.days == 0 {
            return Vec::new();
        }
        let packed = |tape: &Tape| match KeptTape::pack(tape) {
            Ok(kept) => Some(kept),
            Err(error) => {
                let interaction = tape.interaction;
                tracing::error!(%tenant, %interaction, error = &error as &dyn std::error::Error, "a tape cannot be packed");
                None
            }
        };
        tapes.iter().filter_map(packed).collect()
    }

    /// What erases the oldest tapes that are kept no longer; `None`: there are none.
    pub(crate) fn outdated(
        self,
        store: &Embedded,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Option<Transaction>, ReadError> {
        let kept_ms = self.days * 24 * 3_600 * 1_000;
        let to = Timestamp::from_millis(now.as_millis().saturating_sub(kept_ms));
        let search = TapeSearch { flow: None, from: Timestamp::EPOCH, to, after: None, limit: MOST_ERASED };
        let page = store.query(&search.query(tenant))?;
        let mut transaction = Transaction::new();
        for row in &page.rows {
            let interaction: InteractionId = row.read::<KeptTape>()?.interaction();
            // 200 ids fit into any transaction.
            let _ = transaction.delete::<KeptTape>(tenant, &interaction.to_string());
        }
        Ok((!transaction.is_empty()).then_some(transaction))
    }
}

#[cfg(test)]
mod tests {
    use plugboard_store::Options;

    use super::*;

    const DAY: u64 = 24 * 3_600;

    #[test]
    fn tape_is_found_by_its_flow_for_as_many_days_as_it_is_kept_and_then_erased() {
        let folder = std::env::temp_dir().join(format!("plugboard-tapes-{}", std::process::id()));
        let store = Embedded::open(Options::new(&folder)).unwrap();
        let tenant: TenantId = "demo".parse().unwrap();
        let tape = |number: u64, day: u64, flow: &str| Tape {
            interaction: InteractionId(number),
            begun_at: Timestamp::from_secs(day * DAY),
            flows: vec![flow.parse().unwrap()],
            is_cut: false,
            lines: format!("{{\"number\":{number}}}\n"),
        };
        let tapes = [tape(1, 100, "menu"), tape(2, 103, "night"), tape(3, 106, "menu")];
        let keep = |days: u32| {
            let mut transaction = Transaction::new();
            for tape in Tapes::kept_for(days).packed(&tenant, &tapes) {
                transaction.put(&tenant, &tape).unwrap();
            }
            if !transaction.is_empty() {
                store.commit(transaction).unwrap();
            }
        };
        let found = |flow: Option<&str>| -> Vec<u64> {
            let flow = flow.map(|flow| flow.parse().unwrap());
            let page = search(&store, &tenant, &TapeQuery { flow, limit: 10, ..TapeQuery::default() }).unwrap();
            page.items.iter().map(|tape| tape.interaction.0).collect()
        };
        keep(0);
        assert_eq!(found(None), Vec::<u64>::new());
        keep(7);
        assert_eq!((found(None), found(Some("menu"))), (vec![1, 2, 3], vec![1, 3]));
        let mut left = Vec::new();
        for day in [107, 108, 111, 120] {
            let now = Timestamp::from_secs(day * DAY);
            if let Some(transaction) = Tapes::kept_for(7).outdated(&store, &tenant, now).unwrap() {
                store.commit(transaction).unwrap();
            }
            left.push(found(None));
        }
        assert_eq!(left, [vec![1, 2, 3], vec![2, 3], vec![3], vec![]]);
        drop(store);
        let _ = std::fs::remove_dir_all(folder);
    }
}
