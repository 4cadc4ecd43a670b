//! What a start finds on disk: tenants, how far their logs go, calls that the last process left behind, and recordings that it did not close.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use plugboard_model::{Configuration, Event, EventKind, TenantId, Timestamp};
use plugboard_store::{
    CommitError, Embedded, IndexEntry, IndexValue, Query, ReadError, Record, Store, Transaction, TransactionError,
};
use serde::{Deserialize, Serialize};

use crate::{books::Books, salvage::OpenRecording, serve::Folders};

/// Why the store cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("the store cannot be read")]
    Read(#[from] ReadError),
    #[error("configuration of tenant {tenant} in {file} cannot be read: {reason}; restore the file from a backup")]
    Configuration { tenant: TenantId, file: String, reason: String },
    #[error("the start cannot be recorded")]
    Write(#[from] TransactionError),
    #[error("the start cannot be recorded")]
    Commit(#[from] CommitError),
}

/// Which tenants there are: kept under a tenant of the host's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KnownTenant {
    pub(crate) tenant: TenantId,
    /// The file with its configuration, below the folder of configurations. A file, because it may be large; written before this record names it.
    pub(crate) file: String,
}

impl Record for KnownTenant {
    const KIND: &'static str = "tenant";

    fn id(&self) -> String {
        self.tenant.to_string()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("id", IndexValue::text(self.tenant.as_str()))]
    }
}

/// The tenant under which the host keeps what belongs to none. No configuration may have this name.
pub(crate) fn host_tenant() -> TenantId {
    "plugboard.host".parse().expect("a valid name")
}

/// What the process goes on with.
pub(crate) struct Recovered {
    /// Configuration, number of the last event, and a number above every id ever given.
    pub(crate) tenants: Vec<(Arc<Configuration>, u64, u64)>,
    /// Reports that go on where the last process stopped.
    pub(crate) books: BTreeMap<TenantId, Books>,
}

/// Events read at once.
const CHUNK: usize = 5_000;
/// How far back calls that were live at the end may have begun: the bound of a fold's memory.
const LOOK_BACK: u64 = 200_000;

pub(crate) fn recover(store: &Arc<Embedded>, folders: &Folders, now: Timestamp) -> Result<Recovered, RecoveryError> {
    let host = host_tenant();
    let mut recovered = Recovered { tenants: Vec::new(), books: BTreeMap::new() };
    let mut after = None;
    loop {
        let page = store.query(&Query::new(&host, KnownTenant::KIND, "id").after(after))?;
        for row in &page.rows {
            let KnownTenant { tenant, file } = row.read().map_err(ReadError::from)?;
            let path = folders.configurations.join(&file);
            let configuration = std::fs::read(&path)
                .map_err(|error| error.to_string())
                .and_then(|json| serde_json::from_slice(&json).map_err(|error| error.to_string()))
                .map_err(|reason| RecoveryError::Configuration { tenant, file: path.display().to_string(), reason })?;
            take_over(store, folders, now, configuration, &mut recovered)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(recovered);
        }
    }
}

fn take_over(
    store: &Arc<Embedded>,
    folders: &Folders,
    now: Timestamp,
    configuration: Configuration,
    recovered: &mut Recovered,
) -> Result<(), RecoveryError> {
    let tenant = configuration.tenant.clone();
    let last = store.last_seq(&tenant)?;
    let mut seq = last.saturating_sub(LOOK_BACK) + 1;
    let mut books = match store.read_log(&tenant, seq, 1)?.first() {
        Some(first) if seq > 1 => Books::from_the_middle(first.at),
        _ => Books::new(),
    };
    books.configure(&configuration);
    let mut open_recordings = Vec::new();
    while seq <= last {
        let events = store.read_log(&tenant, seq, CHUNK)?;
        let Some(read) = events.last().map(|event| event.seq) else { break };
        for event in &events {
            books.enter(event);
            note_recording(event, &mut open_recordings);
        }
        while books.next_cdr().is_some() {}
        seq = read + 1;
    }
    let live_before = u64::try_from(books.live()).unwrap_or(u64::MAX);
    let mut kinds: Vec<EventKind> = open_recordings.into_iter().map(|open| open.close()).collect();
    kinds.push(EventKind::Restarted { live_before });
    let facts: Vec<Event> = (last + 1..).zip(kinds).map(|(seq, kind)| Event { seq, at: now, kind }).collect();
    for fact in &facts {
        books.enter(fact);
    }
    let last = last + facts.len() as u64 - 1;
    let mut transaction = Transaction::new();
    transaction.append(&tenant, &facts)?;
    while let Some(cdr) = books.next_cdr() {
        transaction.put(&tenant, &cdr)?;
    }
    store.commit(transaction)?;
    if live_before > 0 {
        tracing::warn!(%tenant, live_before, "calls were live when the last process ended; their records are closed");
    }
    // Each event gives at most a few ids, so this is above all of them; ids only need to be unique and to rise.
    let last_id = (last + 1) * 4;
    recovered.tenants.push((Arc::new(configuration), last + 1, last_id));
    recovered.books.insert(tenant.clone(), books);
    // The folder is there before the first recording asks for it.
    let _ = std::fs::create_dir_all(folders.recordings.join(tenant.as_str()));
    Ok(())
}

fn note_recording(event: &Event, open: &mut Vec<OpenRecording>) {
    match &event.kind {
        EventKind::RecordingStarted { interaction, recording, path, .. } => {
            open.push(OpenRecording { interaction: *interaction, recording: *recording, path: PathBuf::from(&**path) });
        }
        EventKind::RecordingClosed { recording, .. } | EventKind::RecordingFailed { recording, .. } => {
            open.retain(|other| other.recording != *recording);
        }
        _ => {}
    }
}
