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
