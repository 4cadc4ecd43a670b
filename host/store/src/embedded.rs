//! The store on this machine's disk.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    ops::Bound,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fs2::FileExt;
use plugboard_model::{Event, TenantId};

use crate::{
    Acknowledge, Cursor, Order, Page, Query, ReadError, RecordError, Row, SnapshotError, SnapshotSummary, Store,
    SubmitError, Transaction,
    committer::{Committer, Progress, Submission},
    evaluate::{self, Evaluator, damaged, database},
    journal::{self, Journal, NextSegment, ReadFailure},
    key::{self, StoredRecord},
    redo,
    snapshot::{self, Pace},
    upkeep::{self, State, Upkeep},
};

/// How an embedded store is opened.
#[derive(Clone)]
pub struct Options {
    /// Folder of the store. Made if it is not there.
    pub folder: PathBuf,
    /// sled's page cache in bytes. Default 256 MiB.
    pub cache: u64,
    /// Transactions that may wait for the disk. Default 8,192; and at most 64 MiB of them.
    pub queue: usize,
    /// A busy committer syncs at most once in this long; an idle one commits at once. Default 2 ms, which is also the most.
    pub gather: Duration,
    /// Room that is kept free on the disk: below it the store counts as full, while the database can still write. Default 64 MiB.
    pub reserve: u64,
    /// Journal since the last snapshot that makes the next one due, in bytes, or the size of that snapshot if larger. Default 64 MiB.
    pub journal: u64,
    /// Hears changes of [`Health`], on the committer's thread: hand it on and return.
    pub on_health: Option<Arc<dyn Fn(Health) + Send + Sync>>,
}

impl Options {
    /// A store in `folder` with every default.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            cache: 256 * 1024 * 1024,
            queue: 8_192,
            gather: Duration::from_millis(2),
            reserve: 64 * 1024 * 1024,
            journal: 64 * 1024 * 1024,
            on_health: None,
        }
    }
}

/// How the committer is. The host raises an alarm for all but `Good`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// Appends wait until there is room; nothing acknowledged is lost.
    FullDisk {
        available: u64,
    },
    /// The disk failed: nothing is taken any more. Open the store again; it rebuilds what it must.
    Failed {
        reason: String,
    },
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("store in {folder} cannot be opened")]
    Io { folder: String, source: io::Error },
    /// Another process has it open.
    #[error("store in {folder} is in use by another process")]
    InUse { folder: String },
    /// The journal lacks commits that were acknowledged: restore a backup, or ask for help; nothing was changed.
    #[error("journal of {folder} is damaged after commit {last_good}")]
    JournalDamaged { folder: String, last_good: u64 },
    /// The database did not open and the snapshot to rebuild it from is damaged.
    #[error("snapshot {file} is damaged")]
    SnapshotDamaged { file: String },
}

/// A tree that could not be trusted, while it is rebuilt.
const DAMAGED: &str = "db.damaged";

/// Bytes of transactions that may wait for the disk.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// A store in one folder: sled for reading, a journal for durability.
///
/// ```text
/// lock                       held while the store is open
/// state                      how far the tree is whole, and whether it was closed in order
/// db/                        sled: the tree that is read
/// journal-<first revision>   commits since the snapshot; the last one is written
/// snapshot-<revision>        everything up to there
/// ```
/// Dropping it closes it in order.
pub struct Embedded {
    folder: PathBuf,
    db: sled::Db,
    progress: Arc<Progress>,
    segments_needed: Arc<Mutex<()>>,
    queue: Option<SyncSender<Submission>>,
    committer: Option<JoinHandle<()>>,
    upkeep: Option<JoinHandle<()>>,
    /// Where the tree was rebuilt from, if it was.
    rebuilt: Option<u64>,
    #[cfg(test)]
    pub(crate) faults: Arc<journal::Faults>,
    /// Last, so that another process may open the folder only when all else is closed.
    _lock: File,
}

impl Embedded {
    /// Opens the store, doing again what the tree lacks of the journal; rebuilds the tree from snapshot and journal if it does not open, or if
    /// power was cut while it was not synced.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let folder = options.folder.clone();
        let failed = |source| OpenError::Io { folder: folder.display().to_string(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = lock(&folder)?;
        let snapshot = upkeep::newest_snapshot(&folder).map_err(failed)?;
        let opened = open_tree(&options, snapshot)?;
        let next = Arc::<NextSegment>::default();
        let journal = Journal::start(&folder, opened.last, Arc::clone(&next)).map_err(failed)?;
        let evaluator = Evaluator::load(&opened.db, opened.last).map_err(|error| failed(io::Error::other(error)))?;
        let progress = Arc::<Progress>::default();
        progress.applying.store(opened.last, Ordering::Release);
        progress.applied.store(opened.last, Ordering::Release);
        // What was rebuilt or done again is whole on disk from now on; without this a crash would do it all once more.
        let checkpoint = upkeep::checkpoint(&opened.db, &folder, &progress, false).map_err(failed)?;
        if folder.join(DAMAGED).exists() {
            fs::remove_dir_all(folder.join(DAMAGED)).map_err(failed)?;
        }
        let segments_needed = Arc::<Mutex<()>>::default();
        #[cfg(test)]
        let faults = Arc::clone(&journal.faults);

        let (queue, submissions) = mpsc::sync_channel(options.queue);
        let (rotated, rotations) = mpsc::sync_channel(1);
        let upkeep = Upkeep {
            folder: folder.clone(),
            db: opened.db.clone(),
            progress: Arc::clone(&progress),
            next,
            segments_needed: Arc::clone(&segments_needed),
            journal: options.journal,
            snapshot,
            checkpoint,
        };
        let committer = Committer {
            queue: submissions,
            journal,
            tree: (*opened.db).clone(),
            evaluator,
            progress: Arc::clone(&progress),
            folder: folder.clone(),
            gather: options.gather.min(Duration::from_millis(2)),
            reserve: options.reserve,
            on_health: options.on_health,
            // One message waiting says as much as two.
            on_rotate: Box::new(move || {
                let _ = rotated.try_send(());
            }),
            full: false,
            room_checked: None,
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run).map_err(failed)
        };
        Ok(Self {
            upkeep: Some(spawn("store-upkeep", Box::new(move || upkeep.run(&rotations)))?),
            committer: Some(spawn("store-committer", Box::new(move || committer.run()))?),
            folder,
            db: opened.db,
            progress,
            segments_needed,
            queue: Some(queue),
            rebuilt: opened.rebuilt,
            #[cfg(test)]
            faults,
            _lock: lock,
        })
    }

    /// Makes a store out of what [`Store::snapshot`] wrote, in a folder that does not exist or is empty. Then open it.
    pub fn restore(folder: &Path, from: &mut dyn Read) -> Result<SnapshotSummary, SnapshotError> {
        fs::create_dir_all(folder)?;
        if fs::read_dir(folder)?.next().is_some() {
            return Err(SnapshotError::NotEmpty { folder: folder.display().to_string() });
        }
        let aside = folder.join("snapshot.aside");
        let mut copy = BufWriter::new(File::create(&aside)?);
        let summary = snapshot::read(&mut Tee { from, to: &mut copy }, |_| Ok(()))?;
        copy.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, upkeep::path(folder, summary.revision.0))?;
        journal::sync_folder(folder)?;
        Ok(summary)
    }

    /// Revision up to which the tree was rebuilt when the store was opened; `None` if it opened as it was.
    pub fn rebuilt(&self) -> Option<u64> {
        self.rebuilt
    }

    /// Commits what was submitted, makes the tree whole on disk and lets the folder go. Appends that wait for room on a
    /// full disk are answered [`crate::CommitError::FullDisk`].
    pub fn close(mut self) -> io::Result<()> {
        self.shut()
    }

    fn shut(&mut self) -> io::Result<()> {
        self.progress.closing.store(true, Ordering::Relaxed);
        drop(self.queue.take());
        // The committer holds the upkeep thread's sender, so this order ends both.
        for thread in [self.committer.take(), self.upkeep.take()].into_iter().flatten() {
            if thread.join().is_err() {
                self.progress.failed.store(true, Ordering::Relaxed);
            }
        }
        if self.progress.failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("the store failed and is not closed in order"));
        }
        upkeep::checkpoint(&self.db, &self.folder, &self.progress, true).map(|_| ())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if self.committer.is_some()
            && let Err(error) = self.shut()
        {
            tracing::error!(error = &error as &dyn std::error::Error, "store was not closed in order");
        }
    }
}

impl Store for Embedded {
    fn submit(&self, transaction: Transaction, acknowledge: Acknowledge) -> Result<(), SubmitError> {
        let Some(queue) = &self.queue else { return Err(SubmitError::Closed(Box::new(transaction))) };
        let size = transaction.size;
        if self.progress.queued_bytes.fetch_add(size, Ordering::Relaxed) + size > QUEUE_BYTES {
            self.progress.queued_bytes.fetch_sub(size, Ordering::Relaxed);
            return Err(SubmitError::Full(Box::new(transaction)));
        }
        queue.try_send(Submission { transaction, acknowledge }).map_err(|error| {
            self.progress.queued_bytes.fetch_sub(size, Ordering::Relaxed);
            match error {
                TrySendError::Full(back) => SubmitError::Full(Box::new(back.transaction)),
                TrySendError::Disconnected(back) => SubmitError::Closed(Box::new(back.transaction)),
            }
        })
    }

    fn get_row(&self, tenant: &TenantId, kind: &'static str, id: &str) -> Result<Option<Row>, ReadError> {
        let key = key::record(tenant, kind, id);
        let Some(value) = self.db.get(&key).map_err(database)? else { return Ok(None) };
        let stored = StoredRecord::decode(&value).ok_or_else(|| damaged(&key))?;
        Ok(Some(Row { id: id.to_owned(), revision: stored.revision, json: stored.json.to_vec() }))
    }

    fn query(&self, query: &Query<'_>) -> Result<Page, ReadError> {
        let index = key::index(query.tenant, query.kind, query.index);
        let whole = [index.as_slice(), &query.prefix.0].concat();
        let mut from = Bound::Included(whole.clone().max([index.as_slice(), &query.from.0].concat()));
        let whole_end = key::after_prefix(&whole).expect("a key begins with a letter");
        let mut to = query.to.as_ref().map_or_else(|| whole_end.clone(), |to| [index.as_slice(), &to.0].concat());
        to = to.min(whole_end);
        if let Some(cursor) = &query.after {
            let bad = || ReadError::BadCursor { cursor: cursor.0.clone() };
            let key = [index.as_slice(), &from_hex(&cursor.0).ok_or_else(bad)?].concat();
            if !(matches!(&from, Bound::Included(from) if *from <= key) && key < to) {
                return Err(bad());
            }
            match query.order {
                Order::Ascending => from = Bound::Excluded(key),
                Order::Descending => to = key,
            }
        }
        if matches!(&from, Bound::Included(from) | Bound::Excluded(from) if *from >= to) {
            return Ok(Page::default());
        }
        let limit = query.limit.clamp(1, 1_000);
        let mut page = Page::default();
        let mut range = self.db.range((from, Bound::Excluded(to)));
        let mut last = None;
        loop {
            let entry = match query.order {
                Order::Ascending => range.next(),
                Order::Descending => range.next_back(),
            };
            let Some(entry) = entry else { return Ok(page) };
            let (key, id) = entry.map_err(database)?;
            if page.rows.len() == limit {
                page.next = last.map(Cursor);
                return Ok(page);
            }
            let id = std::str::from_utf8(&id).map_err(|_| damaged(&key))?;
            let record_key = key::record(query.tenant, query.kind, id);
            let Some(value) = self.db.get(&record_key).map_err(database)? else { continue };
            let stored = StoredRecord::decode(&value).ok_or_else(|| damaged(&record_key))?;
            // Put anew since the index was read: it stands elsewhere now.
            if !stored.index_keys.contains(&&*key) {
                continue;
            }
            page.rows.push(Row { id: id.to_owned(), revision: stored.revision, json: stored.json.to_vec() });
            last = Some(to_hex(&key[index.len()..]));
        }
    }

    fn read_log(&self, tenant: &TenantId, from_seq: u64, limit: usize) -> Result<Vec<Event>, ReadError> {
        let to = key::after_prefix(&key::log(tenant)).expect("a key begins with a letter");
        let range = self.db.range(key::event(tenant, from_seq)..to);
        let read = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, json) = entry.map_err(database)?;
            serde_json::from_slice(&json).map_err(|source| {
                let id = key::parse_seq(&key).map_or_else(String::new, |seq| seq.to_string());
                ReadError::Record(RecordError::Read { kind: "event", id, source })
            })
        };
        range.take(limit.min(10_000)).map(read).collect()
    }

    fn last_seq(&self, tenant: &TenantId) -> Result<u64, ReadError> {
        evaluate::last_seq(&self.db, tenant)
    }

    fn snapshot(&self, out: &mut dyn Write) -> Result<SnapshotSummary, SnapshotError> {
        let _needed = self.segments_needed.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot::write(&self.db, &self.folder, &self.progress, Pace::Fast, out)
    }
}

struct OpenedTree {
    db: sled::Db,
    /// The tree and the journal end here.
    last: u64,
    rebuilt: Option<u64>,
}

fn open_tree(options: &Options, snapshot: Option<upkeep::Snapshot>) -> Result<OpenedTree, OpenError> {
    let folder = &options.folder;
    let state = State::read(folder);
    let power_cut = !state.clean && state.boot != upkeep::boot_id();
    let sound = if power_cut { None } else { open_sled(options).filter(|(_, applied)| *applied >= state.checkpoint) };
    let failed = |source| OpenError::Io { folder: folder.display().to_string(), source };
    let (db, base, rebuilt) = match sound {
        Some((db, _)) => (db, state.checkpoint, false),
        None => {
            let new = !folder.join("db").exists() && snapshot.is_none() && state == State::default();
            if !new {
                tracing::warn!(power_cut, "the database cannot be trusted and is rebuilt from snapshot and journal");
            }
            let (db, base) = rebuild(options, snapshot)?;
            (db, base, !new)
        }
    };
    let redone = journal::read(folder, base, u64::MAX, |group| {
        redo::apply(&db, group.redo, group.last).map_err(io::Error::other)
    });
    let last = redone.map_err(|failure| match failure {
        ReadFailure::Io(source) => failed(source),
        ReadFailure::Damaged { last_good } => journal_damaged(folder, last_good),
    })?;
    // A tree that knows more than the journal: the journal has lost its end.
    if applied(&db).map_err(failed)? > last {
        return Err(journal_damaged(folder, last));
    }
    Ok(OpenedTree { db, last, rebuilt: rebuilt.then_some(last) })
}

fn journal_damaged(folder: &Path, last_good: u64) -> OpenError {
    OpenError::JournalDamaged { folder: folder.display().to_string(), last_good }
}

/// `None` if it does not open, whatever the reason: sled may also panic over a damaged file.
fn open_sled(options: &Options) -> Option<(sled::Db, u64)> {
    let folder = options.folder.join("db");
    if !folder.exists() {
        return None;
    }
    let opened = panic::catch_unwind(AssertUnwindSafe(|| {
        let db = sled_config(options, &folder).open().map_err(io::Error::other)?;
        let applied = applied(&db)?;
        io::Result::Ok((db, applied))
    }));
    match opened {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "database does not open");
            None
        }
        Err(_) => None,
    }
}

fn sled_config(options: &Options, folder: &Path) -> sled::Config {
    // No flusher of its own: it would write without a sync, and the journal holds what is not flushed.
    sled::Config::new().path(folder).cache_capacity(options.cache).flush_every_ms(None)
}

fn applied(db: &sled::Db) -> io::Result<u64> {
    let value = db.get(key::APPLIED).map_err(io::Error::other)?;
    Ok(value.and_then(|value| value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))).unwrap_or(0))
}

/// A new tree out of the snapshot. Returns the revision up to which it holds everything.
fn rebuild(options: &Options, snapshot: Option<upkeep::Snapshot>) -> Result<(sled::Db, u64), OpenError> {
    let folder = &options.folder;
    let failed = |source| OpenError::Io { folder: folder.display().to_string(), source };
    let tree = folder.join("db");
    if tree.exists() {
        // Kept until the new one is whole: should the snapshot be damaged too, somebody may still want what is in it.
        let damaged = folder.join(DAMAGED);
        let moved = if damaged.exists() { fs::remove_dir_all(&tree) } else { fs::rename(&tree, &damaged) };
        moved.map_err(failed)?;
    }
    // From here on and until it is checkpointed, a half-built tree must not pass for a whole one.
    State { checkpoint: u64::MAX, clean: false, boot: upkeep::boot_id() }.write(folder).map_err(failed)?;
    let db = sled_config(options, &tree).open().map_err(|error| failed(io::Error::other(error)))?;
    let Some(snapshot) = snapshot else { return Ok((db, 0)) };
    let file = upkeep::path(folder, snapshot.revision);
    let mut from = io::BufReader::with_capacity(256 * 1024, File::open(&file).map_err(failed)?);
    let read = snapshot::read(&mut from, |chunk| redo::apply(&db, chunk, 0).map_err(io::Error::other));
    match read {
        Ok(summary) if summary.revision.0 == snapshot.revision => {
            db.insert(key::APPLIED, &snapshot.revision.to_be_bytes())
                .map_err(|error| failed(io::Error::other(error)))?;
            Ok((db, snapshot.revision))
        }
        Ok(_) | Err(SnapshotError::Damaged { .. }) => {
            Err(OpenError::SnapshotDamaged { file: file.display().to_string() })
        }
        Err(error) => Err(failed(io::Error::other(error))),
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let name = folder.display().to_string();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(|source| OpenError::Io { folder: name.clone(), source })?;
    match FileExt::try_lock_exclusive(&file) {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => Err(OpenError::InUse { folder: name }),
        Err(source) => Err(OpenError::Io { folder: name, source }),
    }
}

/// Copies what is read.
struct Tee<'a> {
    from: &'a mut dyn Read,
    to: &'a mut dyn Write,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests;
