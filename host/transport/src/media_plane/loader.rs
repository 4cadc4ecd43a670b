//! The thread that reads prompts for all workers.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::SystemTime;

use plugboard_media::{Codec, FileVersion, Prompt, PromptCache, PromptError};

use super::Handle;
use super::worker::ToWorker;

/// A worker, and what it is to play in which codec.
pub(crate) type Wanted = (u16, Arc<Path>, Codec);

/// Where prompts are asked for: those in the laws of G.711 do not wait behind music that takes seconds to be encoded.
#[derive(Clone, Debug)]
pub(crate) struct Loaders {
    pub(crate) laws: SyncSender<Wanted>,
    pub(crate) others: SyncSender<Wanted>,
}

impl Loaders {
    /// False if too many wait already.
    pub(crate) fn ask(&self, wanted: Wanted) -> bool {
        let (_, _, codec) = &wanted;
        let loader = if codec.law().is_some() { &self.laws } else { &self.others };
        loader.try_send(wanted).is_ok()
    }
}

pub(crate) fn run(requests: &Receiver<Wanted>, workers: &[Handle], max_bytes: usize) {
    let mut cache = PromptCache::new(max_bytes);
    // Ends when the last worker has gone.
    while let Ok((worker, path, codec)) = requests.recv() {
        let loaded = load(&mut cache, &path, codec);
        if let Err(error) = &loaded {
            tracing::warn!(path = %path.display(), %error, "prompt cannot be played");
        }
        if workers[usize::from(worker)].send(ToWorker::Prompt { path, loaded }).is_err() {
            tracing::warn!(worker, "prompt was loaded for a worker that does not take it");
        }
    }
}

fn load(cache: &mut PromptCache, path: &Path, codec: Codec) -> Result<Arc<Prompt>, PromptError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(PromptError::Unreadable { reason: "not a file".into() });
    }
    let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let version = FileVersion { modified, bytes: metadata.len() };
    let mut codecs = vec![codec];
    if let Some(prompt) = cache.get(path, version) {
        if prompt.speaks(codec) {
            return Ok(prompt);
        }
        // Whoever asked for another codec goes on hearing it.
        codecs.extend(prompt.codecs());
    }
    let mut bytes = Vec::new();
    file.take(Prompt::MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > Prompt::MAX_FILE_BYTES {
        return Err(PromptError::Long { max_minutes: Prompt::MAX_MINUTES });
    }
    let prompt = Arc::new(Prompt::from_wav_for(&bytes, &codecs)?);
    cache.insert(path.into(), version, Arc::clone(&prompt));
    Ok(prompt)
}
