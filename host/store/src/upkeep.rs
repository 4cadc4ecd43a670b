//! What keeps the journal short, off the path of a commit: the next segment, checkpoints of the tree, snapshots.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    SnapshotError,
    committer::Progress,
    journal::{self, NextSegment},
    snapshot::{self, Pace},
};

/// Journal bytes after which the tree is flushed, so that little is done again at the next start.
const CHECKPOINT: u64 = 8 * 1024 * 1024;
/// A quiet store is flushed after this long.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(30);

/// What is known of the folder apart from its data; the file `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The tree on disk is whole up to this revision.
    pub(crate) checkpoint: u64,
    /// Closed in order, with the tree synced.
    pub(crate) clean: bool,
    /// Of the kernel that wrote last. Another one now, and not clean: power was cut, and an unsynced tree cannot be trusted.
    pub(crate) boot: String,
}

impl State {
    pub(crate) fn read(folder: &Path) -> Self {
        let read = fs::read(folder.join("state")).ok().and_then(|json| serde_json::from_slice(&json).ok());
        read.unwrap_or_default()
    }

    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let aside = folder.join("state.aside");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&aside, folder.join("state"))?;
        journal::sync_folder(folder)
    }
}

/// Changes with each start of the kernel; empty where it does not say.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

pub(crate) struct Upkeep {
    pub(crate) folder: PathBuf,
    pub(crate) db: sled::Db,
    pub(crate) progress: Arc<Progress>,
    pub(crate) next: Arc<NextSegment>,
    /// Held while a snapshot needs the journal's segments.
    pub(crate) segments_needed: Arc<Mutex<()>>,
    /// Journal bytes that make a snapshot due.
    pub(crate) journal: u64,
    pub(crate) snapshot: Option<Snapshot>,
    /// The tree on disk is whole up to this revision.
    pub(crate) checkpoint: u64,
}

/// The snapshot in the folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) revision: u64,
    pub(crate) bytes: u64,
}

impl Upkeep {
    /// Until the sender is gone. A message: a segment of the journal was begun.
    pub(crate) fn run(mut self, rotated: &Receiver<()>) {
        let mut checkpointed = 0;
        // What earlier processes left may be due already, if each lived too short to come to it.
        let mut due = true;
        let mut quiet = Duration::ZERO;
        let tick = Duration::from_millis(250);
        loop {
            match rotated.recv_timeout(tick) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => quiet += tick,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Making it early also finds a full disk early. Should it fail, the committer tries again and says so.
            if let Err(error) = self.next.prepare(&self.folder, 0) {
                tracing::debug!(error = &error as &dyn std::error::Error, "next journal segment cannot be made");
            }
            let journalled = self.progress.journalled.load(Ordering::Relaxed);
            let behind = journalled - checkpointed;
            if due || behind >= CHECKPOINT.min(self.journal) || (behind > 0 && quiet >= CHECKPOINT_AFTER) {
                due = false;
                checkpointed = journalled;
                quiet = Duration::ZERO;
                if let Err(error) = self.keep_short()
                    && !self.progress.closing.load(Ordering::Relaxed)
                {
                    tracing::error!(error = &error as &dyn std::error::Error, "journal cannot be shortened");
                }
            }
        }
    }

    fn keep_short(&mut self) -> Result<(), SnapshotError> {
        self.checkpoint = checkpoint(&self.db, &self.folder, &self.progress, false)?;
        let since_snapshot = journal_bytes(&self.folder)?;
        if since_snapshot > self.journal.max(self.snapshot.map_or(0, |snapshot| snapshot.bytes)) {
            self.take_snapshot()?;
        }
        Ok(())
    }

    fn take_snapshot(&mut self) -> Result<(), SnapshotError> {
        let _needed = self.segments_needed.lock().unwrap_or_else(PoisonError::into_inner);
        let aside = self.folder.join("snapshot.aside");
        let mut file = BufWriter::new(File::create(&aside)?);
        let summary = match snapshot::write(&self.db, &self.folder, &self.progress, Pace::Gentle, &mut file) {
            Ok(summary) => summary,
            Err(error) => {
                // On a full disk its room is of use.
                let _ = fs::remove_file(&aside);
                return Err(error);
            }
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, path(&self.folder, summary.revision.0))?;
        journal::sync_folder(&self.folder)?;
        for old in snapshots(&self.folder)?.iter().filter(|old| old.revision < summary.revision.0) {
            fs::remove_file(path(&self.folder, old.revision))?;
        }
        // The tree on disk may be behind the snapshot; it needs the journal from there on.
        journal::prune(&self.folder, summary.revision.0.min(self.checkpoint))?;
        self.snapshot = Some(Snapshot { revision: summary.revision.0, bytes: summary.bytes });
        tracing::info!(revision = summary.revision.0, bytes = summary.bytes, "snapshot taken, journal shortened");
        Ok(())
    }
}

/// Makes the tree whole on disk up to what is applied now, and returns that. sled's `flush` writes and does not sync, so its file is synced after it.
pub(crate) fn checkpoint(db: &sled::Db, folder: &Path, progress: &Progress, clean: bool) -> io::Result<u64> {
    let applied = progress.applied.load(Ordering::Acquire);
    db.flush().map_err(io::Error::other)?;
    File::open(folder.join("db").join("db"))?.sync_all()?;
    State { checkpoint: applied, clean, boot: boot_id() }.write(folder)?;
    Ok(applied)
}

/// The newest snapshot of the folder.
pub(crate) fn newest_snapshot(folder: &Path) -> io::Result<Option<Snapshot>> {
    Ok(snapshots(folder)?.into_iter().max_by_key(|snapshot| snapshot.revision))
}

fn snapshots(folder: &Path) -> io::Result<Vec<Snapshot>> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let revision = file.file_name().to_str().and_then(|name| name.strip_prefix("snapshot-")?.parse().ok());
        if let Some(revision) = revision {
            found.push(Snapshot { revision, bytes: file.metadata()?.len() });
        }
    }
    Ok(found)
}

pub(crate) fn path(folder: &Path, revision: u64) -> PathBuf {
    folder.join(format!("snapshot-{revision:020}"))
}

fn journal_bytes(folder: &Path) -> io::Result<u64> {
    journal::segments(folder)?.iter().map(|(_, path)| fs::metadata(path).map(|segment| segment.len())).sum()
}
