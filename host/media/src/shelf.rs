//! Prompts at a worker's hand, and plays that wait for theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::Port;
use crate::command::{Repeat, Source};
use crate::prompt::Prompt;

/// Within this time a file is not looked at again: a prompt that is published anew is heard at the latest then.
const FRESH: Duration = Duration::from_secs(2);
/// Unused prompts are let go, so that the shared cache can forget them.
const UNUSED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    prompts: BTreeMap<Arc<Path>, Shelved>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Shelved {
    /// `None` while it is loading for the first time.
    prompt: Option<Arc<Prompt>>,
    checked: Duration,
    used: Duration,
    loading: bool,
}

/// A play that is not yet heard.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) deadline: Duration,
    pub(crate) port: Port,
    pub(crate) token: u64,
    pub(crate) sources: Vec<Source>,
    pub(crate) repeat: Repeat,
    missing: Vec<Arc<Path>>,
}

pub(crate) enum Wait {
    Ready(Waiting),
    /// Waits; these files are to be loaded, others already are on their way.
    Loading(Vec<Arc<Path>>),
}

impl Waiting {
    pub(crate) fn new(deadline: Duration, port: Port, token: u64, sources: Vec<Source>, repeat: Repeat) -> Self {
        Self { deadline, port, token, sources, repeat, missing: Vec::new() }
    }

    pub(crate) fn waits_for(&self, path: &Path) -> bool {
        self.missing.iter().any(|missing| **missing == *path)
    }

    pub(crate) fn missing(&self) -> Option<&Path> {
        self.missing.first().map(AsRef::as_ref)
    }
}

impl Shelf {
    /// Looks for all files of a play.
    pub(crate) fn gather(&mut self, now: Duration, mut play: Waiting) -> Wait {
        let mut to_load = Vec::new();
        for source in &play.sources {
            let Source::File(path) = source else { continue };
            let shelved = self.prompts.entry(Arc::clone(path)).or_insert_with(|| Shelved {
                prompt: None,
                checked: now,
                used: now,
                loading: false,
            });
            shelved.used = now;
            let fresh = shelved.prompt.is_some() && now.saturating_sub(shelved.checked) < FRESH;
            if !fresh && !play.missing.contains(path) {
                play.missing.push(Arc::clone(path));
                if !std::mem::replace(&mut shelved.loading, true) {
                    to_load.push(Arc::clone(path));
                }
            }
        }
        if play.missing.is_empty() {
            return Wait::Ready(play);
        }
        self.waiting.push(play);
        Wait::Loading(to_load)
    }

    /// A file has come; the plays that now have all of theirs.
    pub(crate) fn put(&mut self, now: Duration, path: &Arc<Path>, prompt: Arc<Prompt>) -> Vec<Waiting> {
        let shelved = Shelved { prompt: Some(prompt), checked: now, used: now, loading: false };
        self.prompts.insert(Arc::clone(path), shelved);
        for play in &mut self.waiting {
            play.missing.retain(|missing| missing != path);
        }
        self.waiting.extract_if(.., |play| play.missing.is_empty()).collect()
    }

    /// The prompt of a play that is ready.
    pub(crate) fn take(&mut self, now: Duration, path: &Path) -> Option<Arc<Prompt>> {
        let shelved = self.prompts.get_mut(path)?;
        shelved.used = now;
        shelved.prompt.clone()
    }

    pub(crate) fn forget(&mut self, path: &Path) {
        self.prompts.remove(path);
    }

    /// Takes back the first waiting play that fits.
    pub(crate) fn abandon(&mut self, fits: impl FnMut(&Waiting) -> bool) -> Option<Waiting> {
        self.waiting.iter().position(fits).map(|at| self.waiting.remove(at))
    }

    pub(crate) fn any_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn tidy(&mut self, now: Duration) {
        self.prompts.retain(|_, shelved| now.saturating_sub(shelved.used) < UNUSED);
    }
}
