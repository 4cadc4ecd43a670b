//! Call detail records, figures and recordings, as the API asks for them.

use std::path::Path;

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

/// Only files below the folder of recordings are given out, whatever a record says.
fn files_of(cdr: &Cdr, root: &Path) -> Vec<RecordingFile> {
    cdr.recordings
        .iter()
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
