//! What a start finds on disk: tenants, how far their logs go, calls that the last process left behind, and recordings that it did not close.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use plugboard_exchange::Memory;
use plugboard_model::{Configuration, Event, EventKind, TenantId, Timestamp};
use plugboard_reporting::Cdr;
use plugboard_store::{CommitError, Embedded, IndexEntry, IndexValue, Query, ReadError, Record, Store, Transaction};
use serde::{Deserialize, Serialize};

use crate::{books::Books, host::with_zone_renewed, ledger::in_transactions, salvage::OpenRecording, serve::Folders};

/// Why the store cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("the store cannot be read")]
    Read(#[from] ReadError),
    #[error("configuration of tenant {tenant} in {file} cannot be read: {reason}; restore the file from a backup")]
    Configuration { tenant: TenantId, file: String, reason: String },
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
    /// What rules are told of the past.
    pub(crate) memories: BTreeMap<TenantId, Memory>,
    /// Reports that go on where the last process stopped.
    pub(crate) books: BTreeMap<TenantId, Books>,
}

/// Events read at once.
const CHUNK: usize = 5_000;
/// How far back calls that were live at the end may have begun: the bound of a fold's memory.
const LOOK_BACK: u64 = 200_000;

pub(crate) fn recover(store: &Arc<Embedded>, folders: &Folders, now: Timestamp) -> Result<Recovered, RecoveryError> {
    let host = host_tenant();
    let mut recovered = Recovered { tenants: Vec::new(), memories: BTreeMap::new(), books: BTreeMap::new() };
    let mut after = None;
    loop {
        let page = store.query(&Query::new(&host, KnownTenant::KIND, "id").after(after))?;
        for row in &page.rows {
            let KnownTenant { tenant, file } = row.read().map_err(ReadError::from)?;
            let path = folders.configurations.join(&file);
            let configuration = std::fs::read(&path)
                .map_err(|error| error.to_string())
                .and_then(|json| serde_json::from_slice::<Configuration>(&json).map_err(|error| error.to_string()))
                .map_err(|reason| RecoveryError::Configuration { tenant, file: path.display().to_string(), reason })?;
            let configuration = with_zone_renewed(&configuration, now).unwrap_or(configuration);
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
    let mut memory = Memory::default();
    let mut open_recordings = Vec::new();
    while seq <= last {
        let events = store.read_log(&tenant, seq, CHUNK)?;
        let Some(read) = events.last().map(|event| event.seq) else { break };
        for event in &events {
            books.enter(event);
            memory.handle_event(event, &configuration);
            note_recording(event, &mut open_recordings);
        }
        while books.next_cdr().is_some() {}
        seq = read + 1;
    }
    let live_before = u64::try_from(books.live().len()).unwrap_or(u64::MAX);
    let mut kinds: Vec<EventKind> = open_recordings.into_iter().map(|open| open.close()).collect();
    // Each by itself, so that whoever waits for the end of one hears of it: connectors first of all.
    kinds.extend(books.live().map(|interaction| EventKind::InteractionInterrupted { interaction }));
    kinds.push(EventKind::Restarted { live_before });
    let mut facts: Vec<Event> = (last + 1..).zip(kinds).map(|(seq, kind)| Event { seq, at: now, kind }).collect();
    for fact in &facts {
        books.enter(fact);
    }
    let last = last + facts.len() as u64 - 1;
    for transaction in closing(&tenant, &mut facts, || books.next_cdr()) {
        store.commit(transaction)?;
    }
    if live_before > 0 {
        tracing::warn!(%tenant, live_before, "calls were live when the last process ended; their records are closed");
    }
    // Each event gives at most a few ids, so this is above all of them; ids only need to be unique and to rise.
    let last_id = (last + 1) * 4;
    recovered.tenants.push((Arc::new(configuration), last + 1, last_id));
    recovered.memories.insert(tenant.clone(), memory.finish());
    recovered.books.insert(tenant.clone(), books);
    // The folder is there before the first recording asks for it.
    let _ = std::fs::create_dir_all(folders.recordings.join(tenant.as_str()));
    Ok(())
}

/// The end of the last run, in as few transactions as hold it: records first, and `Restarted` last of all. A start that is killed in between finds the same calls
/// open again and closes them again.
fn closing(tenant: &TenantId, facts: &mut [Event], mut records: impl FnMut() -> Option<Cdr>) -> Vec<Transaction> {
    let mut all = Vec::new();
    let mut transaction = Transaction::new();
    while let Some(cdr) = records() {
        if transaction.put(tenant, &cdr).is_ok() {
            continue;
        }
        all.push(std::mem::take(&mut transaction));
        if let Err(error) = transaction.put(tenant, &cdr) {
            tracing::error!(%tenant, error = &error as &dyn std::error::Error, "a record of the last run cannot be closed");
        }
    }
    all.push(transaction);
    all.extend(in_transactions(tenant, facts).into_iter().map(|(transaction, _)| transaction));
    all
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

#[cfg(test)]
mod tests {
    use plugboard_model::{InteractionId, LegId};
    use plugboard_store::Options;

    use super::*;

    fn configured(name: &str) -> Configuration {
        Configuration { name: name.to_owned(), ..Configuration::empty("acme".parse().unwrap()) }
    }

    /// A configuration is written as a file, then named in the store. A process that is killed between the two never acknowledged it.
    #[test]
    fn a_configuration_that_the_store_does_not_name_yet_is_not_in_force_after_a_kill() {
        let folder = std::env::temp_dir().join(format!("plugboard-half-applied-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let folders = Folders::make(&folder).unwrap();
        let store = Arc::new(Embedded::open(Options::new(folder.join("store"))).unwrap());
        let in_force = || {
            let recovered = recover(&store, &folders, Timestamp::from_secs(9_000)).unwrap();
            recovered.tenants.first().map(|(configuration, ..)| configuration.name.clone())
        };
        let write = |file: &str, name: &str| {
            std::fs::write(folders.configurations.join(file), serde_json::to_vec(&configured(name)).unwrap()).unwrap();
        };
        let name = |file: &str| {
            let mut transaction = Transaction::new();
            let known = KnownTenant { tenant: "acme".parse().unwrap(), file: file.to_owned() };
            transaction.put(&host_tenant(), &known).unwrap();
            store.commit(transaction).unwrap();
        };
        let mut seen = vec![in_force()];
        write("acme-1.json", "first");
        seen.push(in_force());
        name("acme-1.json");
        write("acme-2.json", "second");
        seen.push(in_force());
        name("acme-2.json");
        seen.push(in_force());
        let first = Some("first".to_owned());
        assert_eq!(seen, [None, None, first, Some("second".to_owned())]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// All of them in one transaction would be more than one may hold, and the host would not start again.
    #[test]
    fn a_start_closes_two_thousand_calls_that_the_last_process_left_behind() {
        let folder = std::env::temp_dir().join(format!("plugboard-recovery-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let data = |name: &str| folder.join(name);
        let folders = Folders::make(&folder).unwrap();
        let store = Arc::new(Embedded::open(Options::new(data("store"))).unwrap());
        let tenant: TenantId = "acme".parse().unwrap();
        let offered = |id: u64| EventKind::InteractionOffered {
            interaction: InteractionId(id),
            leg: LegId(id),
            from: "4930".into(),
            to: "8000".into(),
            channel: "voice".into(),
            dialled_by: None,
        };
        let events: Vec<Event> =
            (1..=2_000).map(|seq| Event { seq, at: Timestamp::from_secs(seq), kind: offered(seq) }).collect();
        let mut transaction = Transaction::new();
        transaction.append(&tenant, &events).unwrap();
        store.commit(transaction).unwrap();

        let mut recovered = Recovered { tenants: Vec::new(), memories: BTreeMap::new(), books: BTreeMap::new() };
        let configuration = Configuration::empty(tenant.clone());
        take_over(&store, &folders, Timestamp::from_secs(9_000), configuration, &mut recovered).unwrap();
        let last = store.get::<Cdr>(&tenant, "i2000").unwrap().map(|(cdr, _)| cdr.interrupted);
        // Each has its end in the log, and the process its start.
        assert_eq!((recovered.tenants[0].1, last), (4_001, Some(true)));
        let told = store.read_log(&tenant, 4_000, 10).unwrap().into_iter().map(|event| event.kind);
        let interrupted = EventKind::InteractionInterrupted { interaction: InteractionId(2_000) };
        assert_eq!(told.collect::<Vec<_>>(), [interrupted, EventKind::Restarted { live_before: 2_000 }]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
