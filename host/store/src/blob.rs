//! Large values as files: prompts, recordings, packs.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

/// A blob's name: a relative path of words, `acme/prompts/welcome.wav`. It cannot leave the directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobName(String);

impl BlobName {
    /// Parts of 1 to 128 bytes, without control characters and backslash, not beginning with a dot; at most 512 bytes in all.
    pub fn parse(name: &str) -> Option<Self> {
        let fits = |part: &str| {
            (1..=128).contains(&part.len())
                && !part.starts_with('.')
                && !part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'))
        };
        (name.len() <= 512 && name.split('/').all(fits)).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSummary {
    pub bytes: u64,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("there is no blob {name}")]
    Absent { name: String },
    #[error("disk is full")]
    FullDisk,
    #[error("blob {name} cannot be read or written")]
    Io { name: String, source: io::Error },
}

/// Blobs as files under one folder. A name holds a whole blob or nothing: files are written aside, synced and renamed.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    next_aside: AtomicU64,
}

impl Directory {
    /// Opens the folder, making it if need be, and removes what an earlier process left half written.
    pub fn open(root: &Path) -> io::Result<Self> {
        let aside = root.join(".aside");
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&aside)?,
        }
        Ok(Self { root: root.to_owned(), next_aside: AtomicU64::new(0) })
    }

    /// Stores what `content` gives, in the place of what had the name. Durable when this returns.
    pub fn put(&self, name: &BlobName, content: &mut dyn Read) -> Result<BlobSummary, BlobError> {
        let aside = self.root.join(".aside").join(self.next_aside.fetch_add(1, Ordering::Relaxed).to_string());
        let stored = self.write(&aside, content).and_then(|summary| {
            self.rename(&aside, name)?;
            Ok(summary)
        });
        stored.map_err(|error| {
            // The half-written file is of no use, and on a full disk its room is.
            let _ = fs::remove_file(&aside);
            blob_error(name, error)
        })
    }

    /// Takes over a finished file on the same file system, such as a recording. Durable when this returns.
    pub fn adopt(&self, file: &Path, name: &BlobName) -> Result<BlobSummary, BlobError> {
        let taken = (|| {
            let mut source = File::open(file)?;
            let summary = copy_hashed(&mut source, &mut io::sink())?;
            source.sync_all()?;
            self.rename(file, name)?;
            Ok(summary)
        })();
        taken.map_err(|error| blob_error(name, error))
    }

    /// Opens a blob for reading from any position.
    pub fn open_blob(&self, name: &BlobName) -> Result<File, BlobError> {
        File::open(self.path(name)).map_err(|error| blob_error(name, error))
    }

    /// Removes a blob; one that is not there is no error.
    pub fn delete(&self, name: &BlobName) -> Result<(), BlobError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(blob_error(name, error)),
            _ => Ok(()),
        }
    }

    /// Where the blob is, or would be.
    pub fn path(&self, name: &BlobName) -> PathBuf {
        self.root.join(name.as_str())
    }

    fn write(&self, aside: &Path, content: &mut dyn Read) -> io::Result<BlobSummary> {
        let mut file = File::create(aside)?;
        let summary = copy_hashed(content, &mut file)?;
        file.sync_all()?;
        Ok(summary)
    }

    fn rename(&self, from: &Path, name: &BlobName) -> io::Result<()> {
        let to = self.path(name);
        let folder = to.parent().expect("a blob's path has the root above it");
        fs::create_dir_all(folder)?;
        fs::rename(from, &to)?;
        // The name is durable only when its folder is, and a new folder only when the one above it is.
        for folder in folder.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn copy_hashed(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<BlobSummary> {
    let mut buffer = vec![0; 64 * 1024];
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(BlobSummary { bytes, sha256 })
}

fn blob_error(name: &BlobName, source: io::Error) -> BlobError {
    let name = name.0.clone();
    match source.kind() {
        io::ErrorKind::NotFound => BlobError::Absent { name },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::FullDisk,
        _ => BlobError::Io { name, source },
    }
}
