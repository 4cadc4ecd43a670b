//! Everything in one file: for rebuilding, for backups, for moving to another store.
//!
//! A snapshot is scanned while commits go on, so the scan alone is of no one moment; the journal's groups since the scan began follow it
//! and make it one. After a magic come chunks: length, CRC-32, redo bytes. A chunk of length 0 ends it, with the last
//! revision and the number of entries.

use std::{
    io::{self, Read, Write},
    path::Path,
    sync::atomic::Ordering,
    thread,
    time::Instant,
};

use crate::{
    ReadError, Revision, SnapshotError, SnapshotSummary,
    committer::Progress,
    journal::{self, ReadFailure},
    key,
    redo::{self, Redo},
};

const MAGIC: &[u8; 8] = b"PLUGSNP1";
const CHUNK: usize = 256 * 1024;
/// A chunk ends with the entry that fills it, and a group of the journal is one chunk: more than this is damage.
const CHUNK_LIMIT: usize = 64 * 1024 * 1024;

/// How a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Fast,
    /// Leaves half of a processor to others, and gives up when the store closes.
    Gentle,
}

/// Writes the tree as of the last group that was begun when the scan ended.
///
/// The journal must keep its segments from the moment of the call on.
pub(crate) fn write(
    tree: &sled::Tree,
    folder: &Path,
    progress: &Progress,
    pace: Pace,
    out: &mut dyn Write,
) -> Result<SnapshotSummary, SnapshotError> {
    let from = progress.applied.load(Ordering::Acquire);
    let mut writer = Writer { out, entries: 0, bytes: 0 };
    writer.write(MAGIC)?;
    let mut redo = Redo::default();
    let mut begun = Instant::now();
    for entry in tree.iter() {
        let (key, value) = entry.map_err(|error| ReadError::Database { source: io::Error::other(error) })?;
        if key != key::APPLIED {
            redo.put(&key, &value);
        }
        if redo.bytes().len() >= CHUNK {
            writer.chunk(redo.bytes(), redo.entries)?;
            redo.clear();
            if pace == Pace::Gentle {
                if progress.closing.load(Ordering::Relaxed) {
                    return Err(SnapshotError::Io(io::ErrorKind::Interrupted.into()));
                }
                thread::sleep(begun.elapsed());
                begun = Instant::now();
            }
        }
    }
    writer.chunk(redo.bytes(), redo.entries)?;
    // The scan may have seen part of a group that is being applied: it is in the journal, and is taken whole.
    let until = progress.applying.load(Ordering::Acquire);
    let read =
        journal::read(folder, from, until, |group| writer.chunk(group.redo, redo::entries(group.redo).count() as u64));
    read.map_err(|failure| match failure {
        ReadFailure::Io(error) => SnapshotError::Io(error),
        ReadFailure::Damaged { last_good } => SnapshotError::Damaged { offset: last_good },
    })?;
    writer.end(until)
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    entries: u64,
    bytes: u64,
}

impl Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn chunk(&mut self, redo: &[u8], entries: u64) -> io::Result<()> {
        if redo.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(redo.len()).map_err(io::Error::other)?;
        self.write(&length.to_le_bytes())?;
        self.write(&crc32fast::hash(redo).to_le_bytes())?;
        self.entries += entries;
        self.write(redo)
    }

    fn end(mut self, revision: u64) -> Result<SnapshotSummary, SnapshotError> {
        let trailer = [revision.to_le_bytes(), self.entries.to_le_bytes()].concat();
        self.write(&0_u32.to_le_bytes())?;
        self.write(&crc32fast::hash(&trailer).to_le_bytes())?;
        self.write(&trailer)?;
        self.out.flush()?;
        Ok(SnapshotSummary { revision: Revision(revision), entries: self.entries, bytes: self.bytes })
    }
}

/// Gives `each` the redo bytes of every chunk, in order. An error if the snapshot is not whole to its last byte.
pub(crate) fn read(
    from: &mut dyn Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<SnapshotSummary, SnapshotError> {
    let mut offset = 0;
    let mut entries = 0;
    let mut take = |buffer: &mut [u8]| -> Result<(), SnapshotError> {
        from.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SnapshotError::Damaged { offset },
            _ => SnapshotError::Io(error),
        })?;
        offset += buffer.len() as u64;
        Ok(())
    };
    let mut magic = [0; 8];
    take(&mut magic)?;
    if magic != *MAGIC {
        return Err(SnapshotError::Damaged { offset: 0 });
    }
    let mut bytes = magic.len() as u64;
    let mut chunk = Vec::new();
    loop {
        let (mut length, mut sum) = ([0; 4], [0; 4]);
        take(&mut length)?;
        take(&mut sum)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let last = length == 0;
        let length = if last { 16 } else { length };
        if length > CHUNK_LIMIT {
            return Err(SnapshotError::Damaged { offset: bytes });
        }
        chunk.resize(length, 0);
        take(&mut chunk)?;
        if crc32fast::hash(&chunk) != u32::from_le_bytes(sum) {
            return Err(SnapshotError::Damaged { offset: bytes });
        }
        bytes += 8 + length as u64;
        if last {
            let number = |at: usize| chunk[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            return match number(8) == entries {
                true => Ok(SnapshotSummary { revision: Revision(number(0)), entries, bytes }),
                false => Err(SnapshotError::Damaged { offset: bytes }),
            };
        }
        entries += redo::entries(&chunk).count() as u64;
        each(&chunk)?;
    }
}
