//! The media plane's side of calls.

use std::sync::Arc;
use std::time::Duration;

use plugboard_media::{self as media, Command, Event, RecordingError, RecordingSummary, Repeat, Source, Stream, Tone};
use plugboard_sdp as sdp;

use super::{Engine, Recording, Reply};
use crate::call::{CallEvent, CallId};
use crate::error::ActionError;

/// The play that fills the time between files: a phone that says nothing still sends sound.
const SILENCE: u64 = 0;
/// Ends of recordings that are kept for those who may still ask.
const MOST_RECORDINGS: usize = 1_000;

impl Engine {
    pub(super) fn command(&self, command: Command) {
        if let Err(error) = self.media.send(vec![command]) {
            tracing::warn!(%error, "softphone has no sound");
        }
    }

    /// Starts the sound of a call, or changes it.
    pub(super) fn open(&mut self, id: CallId, agreed: &sdp::Agreed) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let port = line.port;
        let codec = media::Codec::from_name(&agreed.codec.name).unwrap_or(media::Codec::Pcma);
        let stream = Stream {
            remote: agreed.remote,
            remote_rtcp: agreed.remote_rtcp,
            rtcp_mux: agreed.rtcp_mux,
            codec,
            payload_type: media::PayloadType { send: agreed.send_payload_type, receive: agreed.receive_payload_type },
            telephone_event: agreed
                .telephone_event
                .map(|event| media::PayloadType { send: event.send, receive: event.receive }),
            telephone_event_clock: agreed.telephone_event.map_or(agreed.codec.clock, |event| event.clock).0,
            comfort_noise: agreed.comfort_noise,
            opus: media::OpusParameters::from_fmtp(agreed.codec.fmtp.as_deref().unwrap_or_default()),
            direction: match agreed.direction {
                sdp::Direction::SendReceive => media::Direction::SendReceive,
                sdp::Direction::SendOnly => media::Direction::SendOnly,
                sdp::Direction::ReceiveOnly => media::Direction::ReceiveOnly,
                sdp::Direction::Inactive => media::Direction::Inactive,
            },
            packet_time: Duration::from_millis(agreed.packet_time.as_millis().into()),
            detect_inband_dtmf: agreed.telephone_event.is_none(),
            srtp: agreed.srtp,
        };
        let (was_held, phone) = (line.is_held(), line.phone.clone());
        if agreed.is_held != was_held {
            line.tell(if agreed.is_held { CallEvent::Held } else { CallEvent::Resumed });
        }
        if line.stream.replace(stream).is_none() {
            self.command(Command::Open { port, stream });
            self.command(silence(port));
        } else {
            self.command(Command::Retarget { port, stream });
        }
        if agreed.is_held != was_held {
            self.watch_local(&phone, if agreed.is_held { "is on hold" } else { "is off hold" });
        }
    }

    pub(super) fn take_media(&mut self, event: Event) {
        match event {
            Event::PortsAvailable { ports } => self.ports.extend(ports),
            Event::Digit { port, digit, .. } => {
                let key = digit.as_char();
                self.tell_at(port, CallEvent::Digit(key), &format!("hears key {key}"));
            }
            Event::Heard { port } => self.tell_at(port, CallEvent::Heard, "hears sound"),
            Event::PlayEnded { port, token, complete } => self.play_over(port, token, Ok(complete)),
            Event::PlayFailed { port, token, reason } => self.play_over(port, token, Err(reason.into())),
            Event::RtpTimeout { port, .. } => {
                if let Some(line) = self.by_port.get(&port).and_then(|id| self.lines.get(id)) {
                    self.watch_local(&line.phone.clone(), "hears nothing any more");
                }
            }
            Event::RecordingClosed { recording, summary, .. } => self.recorded(CallId(recording), Ok(summary)),
            Event::RecordingFailed { recording, reason } => self.recorded(CallId(recording), Err(reason)),
            Event::Closed { port, statistics } => {
                if let Some(mut line) = self.closing.remove(&port) {
                    line.measured(statistics);
                }
            }
        }
    }

    fn tell_at(&mut self, port: media::Port, event: CallEvent, text: &str) {
        let Some(line) = self.by_port.get(&port).and_then(|id| self.lines.get_mut(id)) else { return };
        line.tell(event);
        let phone = line.phone.clone();
        self.watch_local(&phone, text);
    }

    fn play_over(&mut self, port: media::Port, token: u64, result: Result<bool, ActionError>) {
        if let Some(reply) = self.plays.remove(&token) {
            let _ = reply.send(result);
        }
        let line = self.by_port.get(&port).and_then(|id| self.lines.get_mut(id));
        if let Some(line) = line
            && line.playing == Some(token)
        {
            line.playing = None;
            self.command(silence(port));
        }
    }

    pub(super) fn play(&mut self, id: CallId, source: Source, reply: Reply<bool>) {
        let Some(line) = self.lines.get_mut(&id) else {
            let _ = reply.send(Err(ActionError::Over));
            return;
        };
        if line.stream.is_none() {
            let _ = reply.send(Err(ActionError::WrongState));
            return;
        }
        self.next_token += 1;
        let token = self.next_token;
        line.playing = Some(token);
        let (port, phone) = (line.port, line.phone.clone());
        let what = match &source {
            Source::File(path) => format!("says {}", path.file_stem().unwrap_or_default().to_string_lossy()),
            _ => "hums".into(),
        };
        self.plays.insert(token, reply);
        self.command(Command::Play { port, token, sources: vec![source], repeat: Repeat::Once });
        self.watch_local(&phone, what);
    }

    pub(super) fn press(&mut self, id: CallId, digit: media::Digit) -> Result<(), ActionError> {
        let line = self.lines.get(&id).ok_or(ActionError::Over)?;
        if line.stream.is_none() {
            return Err(ActionError::WrongState);
        }
        self.command(Command::SendDigits { port: line.port, digits: vec![digit] });
        self.watch_local(&line.phone.clone(), format!("presses {}", digit.as_char()));
        Ok(())
    }

    pub(super) fn record(&mut self, id: CallId, path: std::path::PathBuf) -> Result<(), ActionError> {
        let line = self.lines.get(&id).ok_or(ActionError::Over)?;
        if line.stream.is_none() || self.recordings.contains_key(&id) {
            return Err(ActionError::WrongState);
        }
        let port = line.port;
        if self.recordings.len() >= MOST_RECORDINGS {
            // The oldest is the likeliest to have no reader.
            self.recordings.pop_first();
        }
        self.recordings.insert(id, Recording::Running);
        self.command(Command::Record { recording: id.0, path, left: port, right: None });
        Ok(())
    }

    pub(super) fn stop_recording(&mut self, id: CallId, reply: Reply<RecordingSummary>) {
        match self.recordings.remove(&id) {
            None | Some(Recording::Wanted(_)) => {
                let _ = reply.send(Err(ActionError::WrongState));
            }
            Some(Recording::Over(result)) => {
                let _ = reply.send(result.map_err(ActionError::from));
            }
            Some(Recording::Running) => {
                self.recordings.insert(id, Recording::Wanted(reply));
                self.command(Command::StopRecording { recording: id.0 });
            }
        }
    }

    fn recorded(&mut self, id: CallId, result: Result<RecordingSummary, RecordingError>) {
        match self.recordings.remove(&id) {
            Some(Recording::Wanted(reply)) => {
                let _ = reply.send(result.map_err(ActionError::from));
            }
            Some(Recording::Running) => {
                self.recordings.insert(id, Recording::Over(result));
            }
            over => {
                self.recordings.extend(over.map(|over| (id, over)));
            }
        }
    }
}

/// A tone to test with.
pub(super) fn hum(length: Duration) -> Source {
    Source::Tone(Tone { frequencies: [440, 0], on: length, off: Duration::ZERO, below_full_scale_db: 13 })
}

pub(super) fn file(path: &Arc<std::path::Path>) -> Source {
    Source::File(Arc::clone(path))
}

fn silence(port: media::Port) -> Command {
    let sources = vec![Source::Silence(Duration::from_secs(1))];
    Command::Play { port, token: SILENCE, sources, repeat: Repeat::Forever }
}
