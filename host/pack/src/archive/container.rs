//! The zip container, read with suspicion and written in one way only.
//!
//! Before the library sees a container, its end record and the names of its directory are read here: the library keeps the later of two equal
//! names and makes room for as many files as a record claims.

use std::{
    collections::BTreeSet,
    io::{Cursor, Read, Write},
};

use zip::{
    CompressionMethod, DateTime, ZipArchive, ZipWriter,
    read::{ArchiveOffset, Config, ZipFile},
    result::ZipError,
    write::SimpleFileOptions,
};

use super::{Archive, ArchiveError, Bounds, FileName};
use crate::Bytes;

/// End of central directory record without a comment: APPNOTE 4.3.16.
const END: usize = 22;
/// Central directory header without its name: APPNOTE 4.3.12.
const HEADER: usize = 46;
/// Below this size no ratio is asked: a page of spaces packs well.
const SMALL: u64 = 1 << 20;

pub(super) fn read(bytes: &[u8], bounds: Bounds) -> Result<Archive, ArchiveError> {
    if bytes.len() as u64 > bounds.packed.0 {
        return Err(ArchiveError::TooLarge { bytes: Bytes(bytes.len() as u64), most: bounds.packed });
    }
    let directory = check_directory(bytes, bounds)?;
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(|error| not_an_archive(&error))?;
    // What was checked is what the library reads, whatever records stand elsewhere.
    if (zip.len(), zip.central_directory_start()) != (directory.count, directory.start) {
        return Err(ArchiveError::Inconsistent { reason: "it has two directories".to_owned() });
    }
    let (mut plain, mut unpacked) = (Vec::new(), 0u64);
    for index in 0..zip.len() {
        let file = zip.by_index_raw(index).map_err(|error| not_an_archive(&error))?;
        let Some(name) = check_entry(&file, bounds)? else { continue };
        unpacked = unpacked.saturating_add(file.size());
        if unpacked > bounds.unpacked.0 {
            return Err(ArchiveError::UnpacksTooFar { name, bytes: Bytes(unpacked), most: bounds.unpacked });
        }
        plain.push((index, name, file.size()));
    }
    zip.validate_header_consistency().map_err(|error| ArchiveError::Inconsistent { reason: reason(&error) })?;
    let mut archive = Archive::new(bounds);
    for (index, name, size) in plain {
        let damaged = |reason| ArchiveError::Damaged { name: name.clone(), reason };
        let file = zip.by_index(index).map_err(|error| damaged(reason(&error)))?;
        let mut content = Vec::new();
        // One byte more than is claimed shows that the claim is false.
        file.take(size.saturating_add(1)).read_to_end(&mut content).map_err(|error| damaged(error.to_string()))?;
        if content.len() as u64 != size {
            return Err(damaged(format!("it unpacks to another length than {}", Bytes(size))));
        }
        archive.insert(name, content)?;
    }
    Ok(archive)
}

/// As the end record says.
struct Directory {
    count: usize,
    start: u64,
}

/// The end record stands at the very end, counts no more than `bounds` allow, and each name of the directory is there once.
fn check_directory(bytes: &[u8], bounds: Bounds) -> Result<Directory, ArchiveError> {
    let no = |reason: &str| ArchiveError::NotAnArchive { reason: reason.to_owned() };
    let at = bytes.len().checked_sub(END).ok_or_else(|| no("it is too short"))?;
    let end = &bytes[at..];
    if !end.starts_with(b"PK\x05\x06") || u16_at(end, 20) != 0 {
        return Err(no("it does not end as a zip container without a comment does"));
    }
    let count = usize::from(u16_at(end, 10));
    let (size, start) = (u32_at(end, 12) as usize, u32_at(end, 16) as usize);
    if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || usize::from(u16_at(end, 8)) != count {
        return Err(no("it is spread over several files"));
    }
    if count > bounds.files {
        return Err(ArchiveError::TooManyFiles { count, most: bounds.files });
    }
    if start.checked_add(size) != Some(at) {
        return Err(no("its directory does not end where its end begins"));
    }
    let mut directory = &bytes[start..at];
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let name = next_name(&mut directory).ok_or_else(|| no("its directory is cut off"))?;
        if !names.insert(name) {
            return Err(ArchiveError::Twice { name: lossy(name) });
        }
    }
    if !directory.is_empty() {
        return Err(no("its directory lists more than it counts"));
    }
    Ok(Directory { count, start: start as u64 })
}

/// The name in the header that `directory` begins with, which is taken off.
fn next_name<'a>(directory: &mut &'a [u8]) -> Option<&'a [u8]> {
    let header = directory.get(..HEADER).filter(|header| header.starts_with(b"PK\x01\x02"))?;
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(header, at)));
    let bytes = directory.get(HEADER..HEADER + name)?;
    *directory = directory.get(HEADER + name + extra + comment..)?;
    Some(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The name of a plain file; `None` for a folder, which says nothing that its files do not say.
fn check_entry<R: Read>(file: &ZipFile<'_, R>, bounds: Bounds) -> Result<Option<FileName>, ArchiveError> {
    let raw = file.name_raw();
    let name = std::str::from_utf8(raw).map_err(|_| ArchiveError::NotUtf8 { name: lossy(raw) })?;
    // A second name beside this one (the extra field 0x7075) may say something else.
    if file.name().ok().as_deref() != Some(name) {
        return Err(ArchiveError::NotUtf8 { name: lossy(raw) });
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    let path: FileName = path.parse().map_err(|reason| ArchiveError::BadName { name: lossy(raw), reason })?;
    if name.ends_with('/') && file.size() == 0 {
        return Ok(None);
    }
    /// The kind of file in a Unix mode; zero where a container comes from elsewhere.
    const KIND: u32 = 0o170_000;
    match file.unix_mode().unwrap_or_default() & KIND {
        0 | 0o100_000 => {}
        0o120_000 => return Err(ArchiveError::Link { name: path }),
        _ => return Err(ArchiveError::Special { name: path }),
    }
    if file.encrypted() {
        return Err(ArchiveError::Encrypted { name: path });
    }
    if !matches!(file.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(ArchiveError::UnknownMethod { name: path });
    }
    let (size, packed) = (file.size(), file.compressed_size());
    if size > bounds.file.0 {
        return Err(ArchiveError::FileTooLarge { name: path, bytes: Bytes(size), most: bounds.file });
    }
    let ratio = size / packed.max(1);
    if size > SMALL && ratio > bounds.ratio {
        return Err(ArchiveError::Inflates { name: path, ratio, most: bounds.ratio });
    }
    if name.ends_with('/') {
        return Err(ArchiveError::Special { name: path });
    }
    Ok(Some(path))
}

fn lossy(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).chars().take(60).collect()
}

fn not_an_archive(error: &ZipError) -> ArchiveError {
    ArchiveError::NotAnArchive { reason: reason(error) }
}

fn reason(error: &ZipError) -> String {
    match error {
        ZipError::InvalidArchive(reason) => reason.to_string(),
        ZipError::UnsupportedArchive(reason) => (*reason).to_owned(),
        other => other.to_string(),
    }
}

/// Sorted names, one time, one mode, one level of compression.
pub(super) fn write<'a>(files: impl Iterator<Item = (&'a FileName, &'a [u8])>) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .system(zip::System::Unix);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let written = zip.start_file(name.as_str(), options).and_then(|()| Ok(zip.write_all(bytes)?));
        written.expect("names and sizes are within the format's bounds, and memory takes every byte");
    }
    zip.finish().expect("memory takes every byte").into_inner()
}
