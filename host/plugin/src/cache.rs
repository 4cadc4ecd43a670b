//! Compiled components on disk, so that a start costs no compilation.
//!
//! Machine code is only ever read from this folder, under a name made of the component's hash and the engine's, and behind a hash of its own:
//! a torn or rotten file is compiled anew. What comes from outside is always a component, never machine code.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

const HASH: usize = 32;

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Version and settings of the compiler.
    compatibility: u64,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { folder, compatibility: hasher.finish() }
    }

    pub(crate) fn path(&self, component: &[u8; HASH]) -> PathBuf {
        let hex: String = component.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{hex}-{:016x}.machine-code", self.compatibility))
    }

    /// `None` where there is none, or none that is whole.
    pub(crate) fn get(&self, engine: &Engine, component: &[u8; HASH]) -> Option<Component> {
        let bytes = fs::read(self.path(component)).ok()?;
        let (hash, code) = bytes.split_at_checked(HASH)?;
        if Sha256::digest(code).as_slice() != hash {
            tracing::warn!(path = %self.path(component).display(), "compiled plugin is damaged; it is compiled anew");
            return None;
        }
        #[allow(unsafe_code, reason = "this folder is ours, and the bytes are those that `put` wrote")]
        // SAFETY: `put` wrote these bytes from `Component::serialize`; the hash says that they are whole, and wasmtime checks that version
        // and settings are its own.
        let component = unsafe { Component::deserialize(engine, code) };
        component.ok()
    }

    /// A full or read-only disk costs the next start a compilation, nothing else.
    pub(crate) fn put(&self, hash: &[u8; HASH], component: &Component) {
        let path = self.path(hash);
        let code = match component.serialize() {
            Ok(code) => code,
            Err(error) => return tracing::warn!(%error, "compiled plugin cannot be kept"),
        };
        if let Err(error) = write(&self.folder, &path, &code) {
            tracing::warn!(%error, path = %path.display(), "compiled plugin cannot be kept");
        }
    }
}

fn write(folder: &Path, path: &Path, code: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Two processes may write the same: each has its own draft, and the last rename wins with the same bytes.
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    fs::write(&draft, [Sha256::digest(code).as_slice(), code].concat())?;
    fs::rename(&draft, path)
}
