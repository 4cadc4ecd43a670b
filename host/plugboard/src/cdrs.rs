//! Call detail records, figures and recordings, as the API asks for them.

use std::path::{Path, PathBuf};

use plugboard_api::{CdrQuery, Page, RecordingFile, RecordingQuery, Sound};
use plugboard_model::{AgentId, InteractionId, RecordingId, TenantId, Timestamp};
use plugboard_reporting::Cdr;
use plugboard_store::{CdrOf, CdrSearch, Cursor, Embedded, IndexValue, Order, Query, ReadError, Record, Store};

pub(crate) fn search(store: &Embedded, tenant: &TenantId, query: &CdrQuery) -> Result<Page<Cdr>, ReadError> {
    // The narrowest condition chooses the index; the others are checked row by row.
    let of = match query {
        CdrQuery { caller: Some(caller), .. } => CdrOf::Caller(caller),
        CdrQuery { agent: Some(agent), .. } => CdrOf::Agent(agent),
        CdrQuery { called: Some(called), .. } => CdrOf::Called(called),
        CdrQuery { queue: Some(queue), .. } => CdrOf::Queue(queue),
        _ => CdrOf::Anyone,
    };
    let from = query.from.unwrap_or(Timestamp::EPOCH);
    let to = query.to.unwrap_or(Timestamp::from_secs(u64::MAX / 2_000_000));
    let mut search = CdrSearch::new(of, from, to);
    search.limit = query.limit;
    search.after = query.cursor.clone().map(|cursor| Cursor(cursor.0));
    let page = store.query(&search.query(tenant))?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let cdr: Cdr = row.read()?;
        let answered = |agent: &AgentId| cdr.agents.iter().any(|one| one.agent == *agent && one.answered_at.is_some());
        let by_agent = query.agent.as_ref().is_none_or(answered);
        let by_queue = query.queue.as_ref().is_none_or(|queue| cdr.queues.iter().any(|one| one.queue == *queue));
        if by_agent && by_queue && query.called.as_ref().is_none_or(|called| cdr.to == *called) {
            items.push(cdr);
        }
    }
    Ok(Page { items, next: page.next.map(|next| plugboard_api::Cursor(next.0)) })
}

/// Every record of `R` whose index `start` lies in `from..to` (milliseconds), in order.
pub(crate) fn intervals<R: Record>(
    store: &Embedded,
    tenant: &TenantId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<R>, ReadError> {
    let at = |time: Timestamp| IndexValue::number(time.as_millis());
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let query = Query::new(tenant, R::KIND, "start").between(at(from), at(to)).limit(1_000).after(after);
        let page = store.query(&query)?;
        for row in &page.rows {
            found.push(row.read()?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

pub(crate) fn one(store: &Embedded, tenant: &TenantId, interaction: InteractionId) -> Result<Option<Cdr>, ReadError> {
    Ok(store.get::<Cdr>(tenant, &interaction.to_string())?.map(|(cdr, _)| cdr))
}

pub(crate) fn recordings(
    store: &Embedded,
    tenant: &TenantId,
    query: &RecordingQuery,
    root: &Path,
) -> Result<Page<RecordingFile>, ReadError> {
    if let Some(interaction) = query.interaction {
        let items = one(store, tenant, interaction)?.map_or_else(Vec::new, |cdr| files_of(&cdr, root));
        return Ok(Page { items, next: None });
    }
    let page = store.query(
        &Query::new(tenant, Cdr::KIND, "recording")
            .order(Order::Descending)
            .after(query.cursor.clone().map(|cursor| Cursor(cursor.0)))
            .limit(query.limit),
    )?;
    let mut items = Vec::new();
    for row in &page.rows {
        items.extend(files_of(&row.read()?, root));
    }
    // A call with two recordings has two entries in the index and would else be listed twice.
    items.dedup_by_key(|file| file.recording);
    Ok(Page { items, next: page.next.map(|next| plugboard_api::Cursor(next.0)) })
}

pub(crate) fn recording(
    store: &Embedded,
    tenant: &TenantId,
    recording: RecordingId,
    root: &Path,
) -> Result<Option<RecordingFile>, ReadError> {
    let query = Query::new(tenant, Cdr::KIND, "recording").within(IndexValue::number(recording.0)).limit(1);
    let page = store.query(&query)?;
    let Some(row) = page.rows.first() else { return Ok(None) };
    Ok(files_of(&row.read()?, root).into_iter().find(|file| file.recording == recording))
}

/// Recordings whose days are over at `now`, and where they lie, at most `limit`.
pub(crate) fn to_erase(
    store: &Embedded,
    tenant: &TenantId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(InteractionId, RecordingId, PathBuf)>, ReadError> {
    let over = IndexValue::number(now.as_millis());
    let page =
        store.query(&Query::new(tenant, Cdr::KIND, "erase").between(IndexValue::number(0), over).limit(limit))?;
    let mut found = Vec::new();
    for row in &page.rows {
        let cdr: Cdr = row.read()?;
        let over =
            cdr.recordings.iter().filter(|one| one.erased_at.is_none() && one.erase_at.is_some_and(|at| at <= now));
        found.extend(over.map(|one| (cdr.interaction, one.recording, PathBuf::from(&one.path))));
    }
    // Of two recordings of one call each is found twice.
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Only files below the folder of recordings are given out, whatever a record says.
fn files_of(cdr: &Cdr, root: &Path) -> Vec<RecordingFile> {
    cdr.recordings
        .iter()
        .filter(|recording| recording.erased_at.is_none())
        .filter_map(|recording| {
            let path = Path::new(&recording.path);
            let sha256 = recording.sha256.clone()?;
            path.starts_with(root).then(|| RecordingFile {
                recording: recording.recording,
                interaction: cdr.interaction,
                started: recording.started_at,
                length_ms: recording.length_ms.unwrap_or_default(),
                sha256,
                voicemail: recording.voicemail,
                sound: Sound::new((cdr.interaction, path.to_path_buf())),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use plugboard_model::{EndedBy, Event, EventKind, LegId};
    use plugboard_reporting::{Bounds, InteractionFold};
    use plugboard_store::{Options, Transaction};

    use super::*;

    const DAY: u64 = 86_400;
    const CALL: InteractionId = InteractionId(1);

    /// The record of a call that was recorded on the first of January 1970 and may be kept for three days.
    fn recorded(folder: &Path) -> Cdr {
        let (interaction, recording, path) = (CALL, RecordingId(7), folder.join("r7.wav").display().to_string().into());
        let kinds = [
            EventKind::InteractionOffered {
                interaction,
                leg: LegId(1),
                from: "a".into(),
                to: "b".into(),
                channel: "voice".into(),
                dialled_by: None,
            },
            EventKind::RecordingStarted { interaction, recording, path, voicemail: false },
            EventKind::RecordingKept { interaction, recording, days: 9 },
            EventKind::RecordingKept { interaction, recording, days: 3 },
            EventKind::InteractionClosed { interaction, by: EndedBy::Caller, cause: 16 },
        ];
        let mut fold = InteractionFold::new(Bounds::default());
        for (kind, seq) in kinds.into_iter().zip(1..) {
            fold.handle_event(&Event { seq, at: Timestamp::EPOCH, kind });
        }
        fold.poll_output().unwrap()
    }

    #[test]
    fn recording_is_erased_when_its_days_are_over_and_once() {
        let folder = std::env::temp_dir().join(format!("plugboard-erasing-{}", std::process::id()));
        let store = Embedded::open(Options::new(&folder)).unwrap();
        let tenant: TenantId = "demo".parse().unwrap();
        let mut cdr = recorded(&folder);
        let keep = |cdr: &Cdr| {
            let mut transaction = Transaction::new();
            transaction.put(&tenant, cdr).unwrap();
            store.commit(transaction).unwrap();
        };
        let due = |day: u64| {
            let found = to_erase(&store, &tenant, Timestamp::from_secs(day * DAY), 10).unwrap();
            found.into_iter().map(|(_, recording, _)| recording.0).collect::<Vec<_>>()
        };
        keep(&cdr);
        let before = [due(2), due(4)];
        let kind = EventKind::RecordingErased { interaction: CALL, recording: RecordingId(7) };
        cdr.amend(&Event { seq: 9, at: Timestamp::from_secs(4 * DAY), kind });
        keep(&cdr);
        assert_eq!((before, due(4), cdr.revision), ([vec![], vec![7]], vec![], 2));
        drop(store);
        let _ = std::fs::remove_dir_all(folder);
    }
}
