//! What legs play: asked for, waited for while its files are loaded, begun and ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Plane;
use crate::Port;
use crate::command::{Repeat, Source};
use crate::event::{Event, PlayError};
use crate::outbox::Request;
use crate::playing::{Piece, Playing};
use crate::prompt::{Prompt, PromptError};
use crate::shelf::{Wait, Waiting};
use crate::tone::samples;

/// A file that takes longer to load will not be waited for.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);

impl Plane {
    /// Takes a file that was asked for by [`Request::LoadPrompt`].
    pub fn handle_prompt(&mut self, now: Duration, path: &Arc<Path>, loaded: Result<Arc<Prompt>, PromptError>) {
        match loaded {
            Ok(prompt) => {
                let (ready, lacks) = self.shelf.put(now, path, prompt);
                for ready in ready {
                    self.start_play(now, ready);
                }
                if let Some(codec) = lacks {
                    self.outbox.request(Request::LoadPrompt { path: Arc::clone(path), codec });
                }
            }
            Err(error) => {
                let source = Arc::new(error);
                while let Some(Waiting { port, token, .. }) = self.shelf.abandon(|waiting| waiting.waits_for(path)) {
                    let reason = PlayError::Prompt { path: path.to_path_buf(), source: Arc::clone(&source) };
                    self.outbox.event(Event::PlayFailed { port, token, reason });
                }
                self.shelf.forget(path);
            }
        }
    }

    pub(super) fn play(&mut self, now: Duration, port: Port, token: u64, sources: Vec<Source>, repeat: Repeat) {
        if self.find(port).is_none() {
            self.outbox.event(Event::PlayFailed { port, token, reason: PlayError::NoSuchLeg });
            return;
        }
        // The one that it replaces goes on until this one is ready, but one that still waits will never be heard.
        if let Some(replaced) = self.shelf.abandon(|waiting| waiting.port == port) {
            self.outbox.event(Event::PlayEnded { port, token: replaced.token, complete: false });
        }
        self.play_when_ready(now, port, token, sources, repeat);
    }

    pub(super) fn play_when_ready(
        &mut self,
        now: Duration,
        port: Port,
        token: u64,
        sources: Vec<Source>,
        repeat: Repeat,
    ) {
        let Some((_, leg, _)) = self.leg(port) else { return };
        let codec = leg.stream.codec;
        match self.shelf.gather(now, Waiting::new(now + LOAD_PATIENCE, port, token, codec, sources, repeat)) {
            Wait::Ready(ready) => self.start_play(now, ready),
            Wait::Loading(paths) => {
                for path in paths {
                    self.outbox.request(Request::LoadPrompt { path, codec });
                }
            }
        }
    }

    fn start_play(&mut self, now: Duration, ready: Waiting) {
        let Waiting { port, token, repeat, codec, .. } = ready;
        if self.leg(port).is_some_and(|(_, leg, _)| leg.stream.codec != codec && leg.stream.codec.law().is_none()) {
            // Another codec was agreed while the files were on their way.
            return self.play_when_ready(now, port, token, ready.sources, repeat);
        }
        let shelf = &mut self.shelf;
        let piece = |source: &Source| match source {
            Source::File(path) => shelf.take(now, path).map(Piece::Prompt).ok_or_else(|| path.to_path_buf()),
            Source::Tone(tone) => Ok(Piece::Tone(shelf.tone(now, *tone, codec))),
            Source::Silence(time) => Ok(Piece::Silence(samples(*time))),
        };
        let pieces = match ready.sources.iter().map(piece).collect::<Result<Vec<_>, _>>() {
            Ok(pieces) => pieces,
            // It was there when the play was asked for, and another has found since that it is no more.
            Err(path) => {
                let reason = PlayError::Prompt { path, source: Arc::new(PromptError::Missing) };
                self.outbox.event(Event::PlayFailed { port, token, reason });
                return;
            }
        };
        let silence = self.shelf.silence(codec);
        if let Some((at, leg, outbox)) = self.leg(port) {
            leg.end_play(false, outbox);
            leg.playing = Some(Playing::new(token, ready.sources, pieces, silence, repeat));
            leg.marker = true;
            self.start_ticking(now, at);
        }
    }

    pub(super) fn stop_play(&mut self, port: Port, token: u64) {
        if self.shelf.abandon(|waiting| waiting.port == port && waiting.token == token).is_some() {
            self.outbox.event(Event::PlayEnded { port, token, complete: false });
        }
        if let Some((_, leg, outbox)) = self.leg(port)
            && leg.playing.as_ref().is_some_and(|playing| playing.token == token)
        {
            leg.end_play(false, outbox);
        }
    }

    pub(super) fn give_up_late_plays(&mut self, now: Duration) {
        while let Some(late) = self.shelf.abandon(|waiting| waiting.deadline <= now) {
            let (port, token) = (late.port, late.token);
            let path = late.missing().map(Path::to_path_buf).unwrap_or_default();
            let reason = PlayError::Slow { path, waited: LOAD_PATIENCE };
            self.outbox.event(Event::PlayFailed { port, token, reason });
        }
    }
}
