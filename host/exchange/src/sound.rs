//! Between calls and the media plane: legs become ports, prompts become files, and events find their call.

use std::{path::Path, sync::Arc};

use plugboard_call::{Input as CallInput, Sides, Sound, SoundSource, gate::Judged};
use plugboard_media as media;
use plugboard_model::{EventKind, InteractionId, LegId, RecordingId, Timestamp, millis};

use crate::{exchange::Exchange, line::Line};

/// A recording that the plane writes.
#[derive(Debug)]
pub(crate) struct RecordingInProgress {
    interaction: InteractionId,
    path: Arc<str>,
}

impl Exchange {
    pub(crate) fn sound(&mut self, now: Timestamp, interaction: InteractionId, sound: Sound) {
        let port = |leg: LegId| self.lines.get(leg).and_then(Line::port);
        let command = match sound {
            Sound::Play { leg, token, sources, forever } => port(leg).map(|port| media::Command::Play {
                port,
                token,
                sources: sources.iter().flat_map(|source| self.sources(source)).collect(),
                repeat: if forever { media::Repeat::Forever } else { media::Repeat::Once },
            }),
            Sound::Stop { leg, token } => port(leg).map(|port| media::Command::StopPlay { port, token }),
            Sound::Bridge { a, b } => port(a).zip(port(b)).map(|(a, b)| media::Command::Bridge { a, b }),
            Sound::Unbridge { a, b } => port(a).zip(port(b)).map(|(a, b)| media::Command::Unbridge { a, b }),
            Sound::Record { recording, sides } => {
                return self.record(now, interaction, recording, sides);
            }
            Sound::Attach { recording, right } => {
                port(right).map(|right| media::Command::AttachRecording { recording: recording.0, right })
            }
            Sound::Pause { recording } => Some(media::Command::PauseRecording { recording: recording.into_what().0 }),
            Sound::Resume { recording } => Some(media::Command::ResumeRecording { recording: recording.into_what().0 }),
            Sound::StopRecording { recording } => Some(media::Command::StopRecording { recording: recording.0 }),
        };
        // A leg without a port has ended, or was never answered: there is nothing to hear.
        if let Some(command) = command {
            self.media(command);
        }
    }

    fn record(&mut self, now: Timestamp, interaction: InteractionId, recording: RecordingId, sides: Judged<Sides>) {
        let Sides { left, right } = sides.into_what();
        let port = |leg: LegId| self.lines.get(leg).and_then(Line::port);
        if self.disk_full {
            return self.recording_failed(now, interaction, recording, "the disk is full");
        }
        let Some(left) = port(left) else {
            return self.recording_failed(now, interaction, recording, "the leg is gone");
        };
        let right = right.and_then(port);
        let day = now.to_string();
        let day = day.split('T').next().unwrap_or_default();
        let path = self.settings.recordings.join(day).join(format!("{recording}.wav"));
        let shown: Arc<str> = path.display().to_string().into();
        self.recordings.insert(recording, RecordingInProgress { interaction, path: shown.clone() });
        self.fact(now, EventKind::RecordingStarted { interaction, recording, path: shown, voicemail: right.is_none() });
        self.media(media::Command::Record { recording: recording.0, path, left, right });
    }

    fn recording_failed(&mut self, now: Timestamp, interaction: InteractionId, recording: RecordingId, reason: &str) {
        self.fact(now, EventKind::RecordingFailed { interaction, recording, reason: reason.into() });
        self.later(interaction, CallInput::RecordingFailed { recording });
    }

    fn sources(&self, source: &SoundSource) -> Vec<media::Source> {
        let file = |path: &Path| media::Source::File(path.into());
        match source {
            SoundSource::File(path) => vec![file(path)],
            SoundSource::HoldMusic => match &self.settings.hold_music {
                Some(path) => vec![file(path)],
                None => hold_tune(),
            },
            SoundSource::Beep => vec![media::Source::Tone(media::Tone::BEEP)],
            SoundSource::RingBack => vec![media::Source::Tone(media::Tone::RINGBACK_CN)],
        }
    }

    pub(crate) fn media_event(&mut self, now: Timestamp, event: media::Event) {
        match event {
            media::Event::PortsAvailable { ports } => self.ports.add(ports),
            media::Event::Digit { port, digit, .. } => {
                self.leg_input(now, port, |leg| CallInput::Digit { leg, digit: digit.as_char() });
            }
            media::Event::Heard { port } => {
                if let Some(line) = self.lines.at_port(port).and_then(|leg| self.lines.get_mut(leg)) {
                    line.heard = true;
                }
            }
            media::Event::PlayEnded { port, token, complete } => {
                self.leg_input(now, port, |leg| CallInput::PlayEnded { leg, token, complete });
            }
            media::Event::PlayFailed { port, token, reason } => {
                let reason: Arc<str> = whole_chain(&reason).into();
                self.leg_input(now, port, |leg| CallInput::PlayFailed { leg, token, reason });
            }
            media::Event::RtpTimeout { port, silent_for } => {
                // A phone that sends nothing until its user speaks is no dead one; a phone that stopped sending is.
                let leg = self.lines.at_port(port).and_then(|leg| self.lines.get(leg));
                if leg.is_none_or(|line| !line.heard) {
                    return;
                }
                self.leg_input(now, port, |leg| CallInput::Silent { leg, silent_for });
            }
            media::Event::RecordingClosed { recording, summary, .. } => {
                let recording = RecordingId(recording);
                let Some(RecordingInProgress { interaction, path }) = self.recordings.remove(&recording) else {
                    return;
                };
                self.fact(
                    now,
                    EventKind::RecordingClosed {
                        interaction,
                        recording,
                        path,
                        length_ms: millis(summary.length),
                        sha256: hex(&summary.sha256).into(),
                        left_dbfs: summary.left_dbfs,
                        right_dbfs: summary.right_dbfs,
                        gaps: summary.gaps.into(),
                    },
                );
                let length = summary.length;
                self.call_input(now, interaction, CallInput::RecordingClosed { recording, length });
            }
            media::Event::RecordingFailed { recording, reason } => {
                let recording = RecordingId(recording);
                let Some(RecordingInProgress { interaction, .. }) = self.recordings.remove(&recording) else { return };
                if reason == media::RecordingError::DiskFull {
                    self.storage_is_full(now);
                }
                self.fact(
                    now,
                    EventKind::RecordingFailed { interaction, recording, reason: reason.to_string().into() },
                );
                self.call_input(now, interaction, CallInput::RecordingFailed { recording });
            }
            media::Event::Closed { port, statistics } => self.leg_measured(now, port, &statistics),
        }
    }

    fn leg_input(&mut self, now: Timestamp, port: media::Port, input: impl FnOnce(LegId) -> CallInput) {
        // Late news of a leg that ended is ordinary.
        let Some(leg) = self.lines.at_port(port) else { return };
        let Some(interaction) = self.lines.get(leg).map(|line| line.interaction) else { return };
        self.call_input(now, interaction, input(leg));
    }
}

/// An error with everything behind it.
fn whole_chain(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |error| error.source());
    behind.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A quiet phrase of five tones, for installations without a music file.
fn hold_tune() -> Vec<media::Source> {
    [392, 494, 587, 494, 440]
        .into_iter()
        .map(|frequency| {
            media::Source::Tone(media::Tone {
                frequencies: [frequency, 0],
                on: std::time::Duration::from_millis(420),
                off: std::time::Duration::from_millis(380),
                below_full_scale_db: 30,
            })
        })
        .collect()
}
