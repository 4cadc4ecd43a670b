//! The files of a pack, and the one file that carries them: a zip container (APPNOTE 6.3.10) with the extension `.pbpack`.
//!
//! What is signed is the [`Listing`]: names, lengths and hashes. How the container is packed does not matter to it, so a pack may be zipped anew.

mod container;
mod digest;
mod listing;
mod name;

use std::collections::BTreeMap;

pub use digest::{Digest, NotHex};
pub(crate) use digest::{hex, unhex};
pub use listing::{Difference, Listed, Listing};
pub(crate) use name::is_deceptive;
pub use name::{FileName, FileNameError};

use crate::Bytes;

/// The extension of a pack's file.
pub const EXTENSION: &str = "pbpack";
/// Carries the signatures; not part of what is signed.
pub const SIGNATURE: &str = "signature.json";

/// How much a pack may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The container itself.
    pub packed: Bytes,
    /// Files and folders. At most 65,534, since zip64 is not read.
    pub files: usize,
    /// One file, unpacked.
    pub file: Bytes,
    /// All files, unpacked.
    pub unpacked: Bytes,
    /// Times that a file of more than 1 MiB may be larger than what it was packed to.
    pub ratio: u64,
}

impl Default for Bounds {
    /// Three components of Python, or some hours of prompts.
    fn default() -> Self {
        Self { packed: Bytes(64 << 20), files: 1_000, file: Bytes(64 << 20), unpacked: Bytes(256 << 20), ratio: 200 }
    }
}

/// Why a container is no pack, or a file cannot be put into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("the pack is {bytes} long, at most {most} are read")]
    TooLarge { bytes: Bytes, most: Bytes },
    #[error("this is no pack: {reason}")]
    NotAnArchive { reason: String },
    #[error("the pack lists {count} files, at most {most} are read")]
    TooManyFiles { count: usize, most: usize },
    #[error("{name:?} is no name for a file of a pack: {reason}")]
    BadName { name: String, reason: FileNameError },
    #[error("the name {name:?} is no UTF-8")]
    NotUtf8 { name: String },
    #[error("{name:?} stands there twice")]
    Twice { name: String },
    /// Where case does not count, or a file cannot be a folder too, one of the two would be lost.
    #[error("{name} and {other} are the same file on some systems")]
    Clash { name: FileName, other: FileName },
    #[error("{name} is a link")]
    Link { name: FileName },
    #[error("{name} is no plain file")]
    Special { name: FileName },
    #[error("{name} is encrypted")]
    Encrypted { name: FileName },
    #[error("{name} is packed by a method other than deflate")]
    UnknownMethod { name: FileName },
    #[error("{name} is {bytes} long, at most {most} are unpacked")]
    FileTooLarge { name: FileName, bytes: Bytes, most: Bytes },
    #[error("all files are {bytes} long at {name}, at most {most} are unpacked")]
    UnpacksTooFar { name: FileName, bytes: Bytes, most: Bytes },
    #[error("{name} unpacks to {ratio} times its size, at most {most} times are unpacked")]
    Inflates { name: FileName, ratio: u64, most: u64 },
    /// Two readers of such a container may find different files in it.
    #[error("the pack's directory does not fit its files: {reason}")]
    Inconsistent { reason: String },
    #[error("{name} is damaged: {reason}")]
    Damaged { name: FileName, reason: String },
}

impl ArchiveError {
    /// Kebab-case and stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotAnArchive { .. } => "not-a-pack",
            Self::TooManyFiles { .. } => "too-many-files",
            Self::BadName { .. } => "bad-file-name",
            Self::NotUtf8 { .. } => "file-name-not-utf8",
            Self::Twice { .. } => "file-twice",
            Self::Clash { .. } => "files-clash",
            Self::Link { .. } => "link",
            Self::Special { .. } => "special-file",
            Self::Encrypted { .. } => "encrypted",
            Self::UnknownMethod { .. } => "unknown-method",
            Self::FileTooLarge { .. } => "file-too-large",
            Self::UnpacksTooFar { .. } => "unpacks-too-far",
            Self::Inflates { .. } => "inflates",
            Self::Inconsistent { .. } => "inconsistent",
            Self::Damaged { .. } => "damaged",
        }
    }

    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotAnArchive { .. }
            | Self::Inconsistent { .. }
            | Self::UnknownMethod { .. }
            | Self::NotUtf8 { .. } => "build the pack with `plugboard pack build`",
            Self::Damaged { .. } => "fetch the pack again",
            Self::BadName { .. } | Self::Twice { .. } | Self::Clash { .. } => {
                "rename the file and build the pack again"
            }
            Self::Link { .. } | Self::Special { .. } => "put the file itself into the pack",
            Self::Encrypted { .. } => "build the pack without a password",
            Self::TooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::FileTooLarge { .. }
            | Self::UnpacksTooFar { .. }
            | Self::Inflates { .. } => "leave out what the components do not need, or make two packs of it",
        }
    }
}

/// The files of a pack in memory, in order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    bounds: Bounds,
    files: BTreeMap<FileName, Vec<u8>>,
    /// Names of files and of the folders that they lie in, in lower case, with a file that shows each.
    taken: BTreeMap<String, (Taken, FileName)>,
    unpacked: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    File,
    Folder,
}

impl Archive {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, files: BTreeMap::new(), taken: BTreeMap::new(), unpacked: 0 }
    }

    /// Reads a container. Nothing is unpacked before the whole directory is checked, and never more than `bounds` allow.
    pub fn read(bytes: &[u8], bounds: Bounds) -> Result<Self, ArchiveError> {
        container::read(bytes, bounds)
    }

    /// The container: the same bytes for the same files, whoever builds it with this library.
    pub fn write(&self) -> Vec<u8> {
        container::write(self.files())
    }

    /// Puts a file in, within the bounds.
    pub fn insert(&mut self, name: FileName, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let Bounds { files, file, unpacked, .. } = self.bounds;
        if self.files.contains_key(&name) {
            return Err(ArchiveError::Twice { name: name.to_string() });
        }
        if self.files.len() >= files {
            return Err(ArchiveError::TooManyFiles { count: self.files.len() + 1, most: files });
        }
        let length = Bytes(bytes.len() as u64);
        if length > file {
            return Err(ArchiveError::FileTooLarge { name, bytes: length, most: file });
        }
        let all = Bytes(self.unpacked + length.0);
        if all > unpacked {
            return Err(ArchiveError::UnpacksTooFar { name, bytes: all, most: unpacked });
        }
        self.claim(&name)?;
        self.unpacked = all.0;
        self.files.insert(name, bytes);
        Ok(())
    }

    /// Takes `name` and the folders above it for itself, unless something else has them on some system.
    fn claim(&mut self, name: &FileName) -> Result<(), ArchiveError> {
        let folded = name.as_str().to_lowercase();
        let folders = folded.match_indices('/').map(|(at, _)| (&folded[..at], Taken::Folder));
        let claims: Vec<_> = folders.chain([(folded.as_str(), Taken::File)]).collect();
        for (claim, kind) in &claims {
            match self.taken.get(*claim) {
                Some((Taken::Folder, _)) if *kind == Taken::Folder => {}
                Some((_, other)) => {
                    return Err(ArchiveError::Clash { name: name.clone(), other: other.clone() });
                }
                None => {}
            }
        }
        for (claim, kind) in claims {
            self.taken.entry(claim.to_owned()).or_insert_with(|| (kind, name.clone()));
        }
        Ok(())
    }

    /// Puts the signature's file in, in place of one that is there.
    pub(crate) fn set_signature(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let name: FileName = SIGNATURE.parse().expect("a plain name");
        if let Some(before) = self.files.remove(&name) {
            self.unpacked -= before.len() as u64;
            self.taken.remove(name.as_str());
        }
        self.insert(name, bytes)
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// By name.
    pub fn files(&self) -> impl Iterator<Item = (&FileName, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name, bytes.as_slice()))
    }

    /// Names, lengths and hashes of all files but the signature.
    pub fn listing(&self) -> Listing {
        let listed = |(name, bytes): (&FileName, &[u8])| Listed {
            name: name.clone(),
            length: Bytes(bytes.len() as u64),
            sha256: Digest::of(bytes),
        };
        Listing::new(self.files().filter(|(name, _)| name.as_str() != SIGNATURE).map(listed))
    }

    /// What tells this content from any other: the digest of its listing.
    pub fn digest(&self) -> Digest {
        self.listing().digest()
    }
}
