//! Prompts at a worker's hand, and plays that wait for theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plugboard_codec::{Codec, Rate};

use crate::command::{Repeat, Source};
use crate::frames::Frames;
use crate::prompt::Prompt;
use crate::tone::{EncodedTone, Tone};
use crate::{FRAME, Port};

/// Within this time a file is not looked at again: a prompt that is published anew is heard at the latest then.
const FRESH: Duration = Duration::from_secs(2);
/// Unused prompts are let go, so that the shared cache can forget them.
const UNUSED: Duration = Duration::from_secs(60);

/// A request that was not answered for so long was lost: the loader had no room for it.
const LOADING: Duration = Duration::from_secs(5);
/// Tones of any kind; a flow has a handful.
const MAX_TONES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    prompts: BTreeMap<Arc<Path>, Shelved>,
    /// Of G.711 in both laws under `None`.
    tones: BTreeMap<(Tone, Option<Codec>), (Arc<EncodedTone>, Duration)>,
    silences: BTreeMap<Codec, Arc<[u8]>>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Shelved {
    /// `None` while it is loading for the first time.
    prompt: Option<Arc<Prompt>>,
    checked: Duration,
    used: Duration,
    /// Since when it is asked for.
    loading: Option<Duration>,
}

/// A play that is not yet heard.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) deadline: Duration,
    pub(crate) port: Port,
    pub(crate) token: u64,
    /// Of the leg.
    pub(crate) codec: Codec,
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
    pub(crate) fn new(
        deadline: Duration,
        port: Port,
        token: u64,
        codec: Codec,
        sources: Vec<Source>,
        repeat: Repeat,
    ) -> Self {
        Self { deadline, port, token, codec, sources, repeat, missing: Vec::new() }
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
                loading: None,
            });
            shelved.used = now;
            let there = shelved.prompt.as_ref().is_some_and(|prompt| prompt.speaks(play.codec));
            let fresh = there && now.saturating_sub(shelved.checked) < FRESH;
            if !fresh && !play.missing.contains(path) {
                play.missing.push(Arc::clone(path));
                if shelved.loading.is_none_or(|since| now.saturating_sub(since) >= LOADING) {
                    shelved.loading = Some(now);
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

    /// A file has come; the plays that now have all of theirs, and the codec that it has to be prepared for yet.
    pub(crate) fn put(
        &mut self,
        now: Duration,
        path: &Arc<Path>,
        prompt: Arc<Prompt>,
    ) -> (Vec<Waiting>, Option<Codec>) {
        let mut lacks = None;
        for play in &mut self.waiting {
            if prompt.speaks(play.codec) {
                play.missing.retain(|missing| missing != path);
            } else if play.missing.contains(path) {
                lacks = Some(play.codec);
            }
        }
        let shelved = Shelved { prompt: Some(prompt), checked: now, used: now, loading: lacks.map(|_| now) };
        self.prompts.insert(Arc::clone(path), shelved);
        (self.waiting.extract_if(.., |play| play.missing.is_empty()).collect(), lacks)
    }

    /// One frame of silence for a codec whose payloads hold together, as it is when nothing was said for a while; empty for G.711.
    pub(crate) fn silence(&mut self, codec: Codec) -> Arc<[u8]> {
        if codec.law().is_some() {
            return Arc::default();
        }
        let encode = || {
            let frames = Frames::encode(codec, Rate::Narrow, &[0; 5 * FRAME]);
            frames.get(frames.len() - 1).into()
        };
        Arc::clone(self.silences.entry(codec).or_insert_with(encode))
    }

    /// The prompt of a play that is ready.
    pub(crate) fn take(&mut self, now: Duration, path: &Path) -> Option<Arc<Prompt>> {
        let shelved = self.prompts.get_mut(path)?;
        shelved.used = now;
        shelved.prompt.clone()
    }

    /// The tone, encoded once for all who hear it.
    pub(crate) fn tone(&mut self, now: Duration, tone: Tone, codec: Codec) -> Arc<EncodedTone> {
        let codec = Some(codec).filter(|codec| codec.law().is_none());
        let tone = (tone, codec);
        if self.tones.len() >= MAX_TONES
            && !self.tones.contains_key(&tone)
            && let Some(oldest) = self.tones.iter().min_by_key(|(_, (_, used))| *used).map(|(oldest, _)| *oldest)
        {
            self.tones.remove(&oldest);
        }
        let (encoded, used) =
            self.tones.entry(tone).or_insert_with(|| (Arc::new(EncodedTone::new(&tone.0, codec)), now));
        *used = now;
        Arc::clone(encoded)
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
        self.tones.retain(|_, (_, used)| now.saturating_sub(*used) < UNUSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_hear_a_tone_share_it_and_it_is_let_go_when_nobody_does() {
        let mut shelf = Shelf::default();
        let (first, second) =
            (shelf.tone(Duration::ZERO, Tone::BEEP, Codec::Pcmu), shelf.tone(Duration::ZERO, Tone::BEEP, Codec::Pcma));
        for frequency in 0..200 {
            shelf.tone(Duration::from_secs(1), Tone { frequencies: [frequency, 0], ..Tone::BEEP }, Codec::Pcmu);
        }
        let most = shelf.tones.len();
        shelf.tidy(Duration::from_secs(100));
        assert_eq!((Arc::ptr_eq(&first, &second), most, shelf.tones.len()), (true, MAX_TONES, 0));
    }

    /// Each play asked for the file within the minute after which unused ones are forgotten, so it was never asked for again.
    #[test]
    fn a_file_whose_request_was_lost_is_asked_for_again() {
        let mut shelf = Shelf::default();
        let port = Port { worker: 0, number: 2, ip: std::net::IpAddr::from([127, 0, 0, 1]) };
        let asked: Vec<usize> = [0, 1, 6]
            .into_iter()
            .map(|second| {
                let now = Duration::from_secs(second);
                let sources = vec![Source::File(Path::new("/p").into())];
                match shelf.gather(now, Waiting::new(now + LOADING, port, second, Codec::Pcma, sources, Repeat::Once)) {
                    Wait::Ready(_) => unreachable!("nothing was loaded"),
                    Wait::Loading(paths) => paths.len(),
                }
            })
            .collect();
        assert_eq!(asked, [1, 0, 1]);
    }
}
