//! The journal of commits: the point at which a commit is durable.
//!
//! A commit costs one write and one `fdatasync` into a segment that was filled with zeros ahead of need, so that the file system has no
//! metadata to write. The tree is brought up to the journal when the store opens. That is half the syncs of flushing the tree for
//! each commit, and none of its whole-segment writes.
//!
//! A segment `journal-<first revision>` is a header (magic, salt, first revision) and records. A record is magic, length, CRC-32, first
//! and last revision of its group, redo bytes. The checksum is seeded with the salt, so that no stored value can pass for a record.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// Bytes of a segment; one larger group makes a longer one.
pub(crate) const SEGMENT: u64 = 16 * 1024 * 1024;

const HEADER: usize = 24;
const RECORD_HEADER: usize = 28;
const SEGMENT_MAGIC: &[u8; 8] = b"PLUGJRN1";
const RECORD_MAGIC: &[u8; 4] = b"pjr1";

/// One group of transactions as the journal holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) redo: &'a [u8],
}

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    next: Arc<NextSegment>,
    file: File,
    salt: u64,
    /// Where the next record goes.
    position: u64,
    length: u64,
    /// Revision of the last durable group.
    last: u64,
    buffer: Vec<u8>,
    #[cfg(test)]
    pub(crate) faults: Arc<Faults>,
}

/// What a test lets the disk do wrong.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) write: Mutex<Option<io::ErrorKind>>,
    pub(crate) sync: Mutex<Option<io::ErrorKind>>,
}

/// Why a group is not durable.
#[derive(Debug)]
pub(crate) enum WriteFailure {
    /// Nothing of it counts; it may be written again.
    NotWritten(io::Error),
    /// It may be on the disk or not, and a second sync would lie.
    Unknown(io::Error),
}

impl Journal {
    /// Starts a segment for the groups after `last`.
    pub(crate) fn start(folder: &Path, last: u64, next: Arc<NextSegment>) -> io::Result<Self> {
        let (file, salt, length) = next.begin(folder, last + 1, 0)?;
        Ok(Self {
            folder: folder.to_owned(),
            next,
            file,
            salt,
            position: HEADER as u64,
            length,
            last,
            buffer: Vec::new(),
            #[cfg(test)]
            faults: Arc::default(),
        })
    }

    /// Writes one group and waits until it is on the disk. `Ok(true)`: a new segment was begun for it.
    pub(crate) fn append(&mut self, last: u64, redo: &[u8]) -> Result<bool, WriteFailure> {
        let first = self.last + 1;
        let needed = (RECORD_HEADER + redo.len()) as u64;
        let rotate = self.position + needed > self.length;
        if rotate {
            let begun =
                self.fault_on_write().and_then(|()| self.next.begin(&self.folder, first, needed + HEADER as u64));
            let (file, salt, length) = begun.map_err(WriteFailure::NotWritten)?;
            (self.file, self.salt, self.length, self.position) = (file, salt, length, HEADER as u64);
        }
        self.buffer.clear();
        encode_record(&mut self.buffer, self.salt, Entry { first, last, redo });
        let written = self.fault_on_write().and_then(|()| self.file.write_all_at(&self.buffer, self.position));
        written.map_err(WriteFailure::NotWritten)?;
        self.fault_on_sync().and_then(|()| self.file.sync_data()).map_err(WriteFailure::Unknown)?;
        self.position += needed;
        self.last = last;
        Ok(rotate)
    }

    #[cfg(test)]
    fn fault_on_write(&self) -> io::Result<()> {
        self.faults.write.lock().unwrap().map_or(Ok(()), |kind| Err(kind.into()))
    }

    #[cfg(test)]
    fn fault_on_sync(&self) -> io::Result<()> {
        self.faults.sync.lock().unwrap().map_or(Ok(()), |kind| Err(kind.into()))
    }

    #[cfg(not(test))]
    fn fault_on_write(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(test))]
    fn fault_on_sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The segment that lies ready, filled with zeros. The upkeep thread makes it; the committer takes it, or makes it if it must.
#[derive(Debug, Default)]
pub(crate) struct NextSegment {
    making: Mutex<()>,
}

impl NextSegment {
    /// Makes it unless it lies ready with room for `needed` bytes. Returns its length.
    pub(crate) fn prepare(&self, folder: &Path, needed: u64) -> io::Result<u64> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder.join("journal.next");
        let wanted = SEGMENT.max(needed);
        if let Ok(found) = fs::metadata(&path)
            && found.len() >= wanted
        {
            return Ok(found.len());
        }
        let aside = folder.join("journal.aside");
        let prepared = fill_with_zeros(&aside, wanted).and_then(|()| fs::rename(&aside, &path));
        if prepared.is_err() {
            // What was written of it takes the last room on a full disk.
            let _ = fs::remove_file(&aside);
        }
        prepared.map(|()| wanted)
    }

    fn begin(&self, folder: &Path, first: u64, needed: u64) -> io::Result<(File, u64, u64)> {
        let length = self.prepare(folder, needed)?;
        let ready = folder.join("journal.next");
        let file = OpenOptions::new().read(true).write(true).open(&ready)?;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let salt = (nanos as u64).rotate_left(20) ^ u64::from(std::process::id());
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(SEGMENT_MAGIC);
        header[8..16].copy_from_slice(&salt.to_le_bytes());
        header[16..].copy_from_slice(&first.to_le_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()?;
        fs::rename(&ready, segment_path(folder, first))?;
        sync_folder(folder)?;
        Ok((file, salt, length))
    }
}

fn fill_with_zeros(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    let zeros = vec![0; 256 * 1024];
    let mut written = 0;
    while written < length {
        let piece = usize::try_from(length - written).map_or(zeros.len(), |rest| rest.min(zeros.len()));
        file.write_all_at(&zeros[..piece], written)?;
        written += piece as u64;
    }
    file.sync_all()
}

/// Makes names in the folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("journal-{first:020}"))
}

fn checksum(salt: u64, entry: Entry<'_>) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&salt.to_le_bytes());
    hash.update(&entry.first.to_le_bytes());
    hash.update(&entry.last.to_le_bytes());
    hash.update(entry.redo);
    hash.finalize()
}

fn encode_record(buffer: &mut Vec<u8>, salt: u64, entry: Entry<'_>) {
    let length = u32::try_from(entry.redo.len()).expect("the committer bounds a group");
    buffer.extend_from_slice(RECORD_MAGIC);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(salt, entry).to_le_bytes());
    buffer.extend_from_slice(&entry.first.to_le_bytes());
    buffer.extend_from_slice(&entry.last.to_le_bytes());
    buffer.extend_from_slice(entry.redo);
}

/// The record at the beginning of `bytes`, if it is whole, and its length.
fn decode_record(bytes: &[u8], salt: u64) -> Option<(Entry<'_>, usize)> {
    let rest = bytes.strip_prefix(RECORD_MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (last, rest) = rest.split_first_chunk()?;
    let redo = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let entry = Entry { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), redo };
    (checksum(salt, entry) == u32::from_le_bytes(*sum)).then_some((entry, RECORD_HEADER + redo.len()))
}

/// The segments of a folder by their first revision, in order.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let first = path.file_name().and_then(|name| name.to_str()?.strip_prefix("journal-")?.parse().ok());
        if let Some(first) = first {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Why the journal was not read to its end.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    Io(io::Error),
    /// Groups after `last_good` that were acknowledged are missing or damaged.
    Damaged {
        last_good: u64,
    },
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Gives `each` every group after revision `after` and up to `until`, in order, and returns the last revision of the journal read.
///
/// A torn record at the very end is a group that was never acknowledged and ends the journal. Anything else that is missing is damage.
pub(crate) fn read(
    folder: &Path,
    after: u64,
    until: u64,
    mut each: impl FnMut(Entry<'_>) -> io::Result<()>,
) -> Result<u64, ReadFailure> {
    let segments = segments(folder)?;
    // Segments before the one that holds `after + 1` are not needed.
    let start = segments.partition_point(|(first, _)| *first <= after + 1).saturating_sub(1);
    let mut last = match segments.get(start) {
        None => return Ok(after),
        Some((first, _)) if *first > after + 1 => return Err(ReadFailure::Damaged { last_good: after }),
        Some((first, _)) => first - 1,
    };
    for (first, path) in &segments[start..] {
        let bytes = fs::read(path)?;
        let salt = bytes.get(8..16).and_then(|salt| salt.try_into().ok()).map(u64::from_le_bytes);
        let (Some(salt), true) = (salt, bytes.starts_with(SEGMENT_MAGIC) && *first == last + 1) else {
            return Err(ReadFailure::Damaged { last_good: last });
        };
        let mut position = HEADER;
        while last < until {
            let Some((entry, length)) = bytes.get(position..).and_then(|rest| decode_record(rest, salt)) else { break };
            if entry.first != last + 1 {
                break;
            }
            if entry.last > after {
                each(entry)?;
            }
            last = entry.last;
            position += length;
        }
        if last >= until {
            return Ok(last);
        }
        let rest = bytes.get(position..).unwrap_or_default();
        if holds_later_record(rest, salt, last) {
            return Err(ReadFailure::Damaged { last_good: last });
        }
    }
    Ok(last)
}

/// A whole record beyond an unreadable one: the unreadable one had been acknowledged, for groups are synced one after the other.
fn holds_later_record(bytes: &[u8], salt: u64, last: u64) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == RECORD_MAGIC[0]) {
        rest = &rest[at..];
        if decode_record(rest, salt).is_some_and(|(entry, _)| entry.first > last + 1) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Deletes the segments whose groups are all at or before `revision`. The newest stays.
pub(crate) fn prune(folder: &Path, revision: u64) -> io::Result<()> {
    let segments = segments(folder)?;
    for pair in segments.windows(2) {
        if pair[1].0 <= revision + 1 {
            fs::remove_file(&pair[0].1)?;
        }
    }
    Ok(())
}
