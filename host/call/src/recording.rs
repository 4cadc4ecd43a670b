//! The recording of a conversation, and a caller's message.

use std::time::Duration;

use plugboard_model::{EventKind, LegId, RecordingId, Timestamp};

use crate::{Call, Context, Refused, Sound};

#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) id: RecordingId,
    paused: bool,
}

impl Call {
    /// Starts, or goes on with the new agent on the right side.
    pub(crate) fn record_conversation(&mut self, right: LegId, context: &mut Context<'_>) {
        if let Some(recording) = &self.recording {
            let recording = recording.id;
            return self.sound(Sound::Attach { recording, right });
        }
        let recording = context.ids.recording();
        self.recording = Some(Recording { id: recording, paused: false });
        self.sound(Sound::Record { recording, left: self.caller.leg, right: Some(right) });
    }

    pub(crate) fn pause_recording(&mut self, pause: bool) -> Result<(), Refused> {
        let Some(recording) = self.recording.as_mut().filter(|recording| recording.paused != pause) else {
            return Err(Refused::NotRecording);
        };
        recording.paused = pause;
        let (recording, interaction) = (recording.id, self.id);
        if pause {
            self.sound(Sound::Pause { recording });
            self.fact(EventKind::RecordingPaused { interaction, recording });
        } else {
            self.sound(Sound::Resume { recording });
            self.fact(EventKind::RecordingResumed { interaction, recording });
        }
        Ok(())
    }

    pub(crate) fn stop_recording(&mut self) {
        if let Some(recording) = self.recording.take() {
            self.sound(Sound::StopRecording { recording: recording.id });
        }
        if let Some(recording) = self.message_being_recorded() {
            self.sound(Sound::StopRecording { recording });
        }
    }

    /// `length` is `None` if it failed.
    pub(crate) fn recording_closed(
        &mut self,
        now: Timestamp,
        recording: RecordingId,
        length: Option<Duration>,
        context: &mut Context<'_>,
    ) {
        if self.recording.take_if(|own| own.id == recording).is_none() {
            self.message_recorded(now, recording, length, context);
        }
    }
}
