//! The thread that reads prompts for all workers.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use plugboard_media::{FileVersion, Prompt, PromptCache, PromptError};

use super::Handle;
use super::worker::ToWorker;

pub(crate) fn run(requests: &Receiver<(u16, Arc<Path>)>, workers: &[Handle], max_bytes: usize) {
    let mut cache = PromptCache::new(max_bytes);
    // Ends when the last worker has gone.
    while let Ok((worker, path)) = requests.recv() {
        let loaded = load(&mut cache, &path);
        if let Err(error) = &loaded {
            tracing::warn!(path = %path.display(), %error, "prompt cannot be played");
        }
        if workers[usize::from(worker)].send(ToWorker::Prompt { path, loaded }).is_err() {
            tracing::warn!(worker, "prompt was loaded for a worker that does not take it");
        }
    }
}

fn load(cache: &mut PromptCache, path: &Path) -> Result<Arc<Prompt>, PromptError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(PromptError::Unreadable { reason: "not a file".into() });
    }
    let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let version = FileVersion { modified, bytes: metadata.len() };
    if let Some(prompt) = cache.get(path, version) {
        return Ok(prompt);
    }
    let mut bytes = Vec::new();
    file.take(Prompt::MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > Prompt::MAX_FILE_BYTES {
        return Err(PromptError::Long { max_minutes: Prompt::MAX_MINUTES });
    }
    let prompt = Arc::new(Prompt::from_wav(&bytes)?);
    cache.insert(path.into(), version, Arc::clone(&prompt));
    Ok(prompt)
}
