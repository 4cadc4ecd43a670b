use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Digit, Port, PromptError, Refused};

/// What the media plane tells the exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// These ports are bound and free; the exchange may open them at any time. Comes at the start and whenever few are left.
    PortsAvailable {
        ports: Vec<Port>,
    },
    /// The far end pressed a key: once per press, from telephone-event or from tones, at the end of the press if its end is heard.
    Digit {
        port: Port,
        digit: Digit,
        duration: Duration,
    },
    /// The first RTP of this leg that passed the source lock.
    Heard {
        port: Port,
    },
    /// `complete` is false if it was stopped, replaced, or the leg closed.
    PlayEnded {
        port: Port,
        token: u64,
        complete: bool,
    },
    /// Nothing of this play was heard: a file is missing or cannot be read.
    PlayFailed {
        port: Port,
        token: u64,
        reason: PlayError,
    },
    /// No RTP for `silent_for` although the direction says that we should receive. Once per silence.
    RtpTimeout {
        port: Port,
        silent_for: Duration,
    },
    RecordingClosed {
        recording: u64,
        path: PathBuf,
        summary: RecordingSummary,
    },
    /// The recording stopped; the call goes on. What was written before stays playable.
    RecordingFailed {
        recording: u64,
        reason: RecordingError,
    },
    /// The leg has ended; the port is not usable until it is offered again.
    Closed {
        port: Port,
        statistics: Statistics,
    },
}

/// Why a play came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    #[error("prompt {} cannot be played", path.display())]
    Prompt { path: PathBuf, source: Arc<PromptError> },
    #[error("prompt {} was not loaded within {} s", path.display(), waited.as_secs())]
    Slow { path: PathBuf, waited: Duration },
    #[error("the leg is not open")]
    NoSuchLeg,
}

/// Why a recording stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("recording file cannot be created: {reason}")]
    Create { reason: String },
    #[error("disk is full")]
    DiskFull,
    #[error("recording file cannot be written: {reason}")]
    Write { reason: String },
    #[error("leg to record is not open")]
    NoSuchLeg,
}

/// A closed recording.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingSummary {
    /// Length of the file, pauses included.
    pub length: Duration,
    /// Of `length`, how much is the silence of pauses.
    pub paused: Duration,
    /// Of the whole file, header included.
    pub sha256: [u8; 32],
    /// RMS of the caller's side over the whole length, in dB below full scale; `None` if there was only digital silence.
    pub left_dbfs: Option<f32>,
    /// The agent's side.
    pub right_dbfs: Option<f32>,
    /// Places where audio was lost because the writer could not keep up; they are silence of the right length.
    pub gaps: u32,
}

/// What a leg saw while it was open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// RTP packets that passed the source lock.
    pub received: u64,
    pub sent: u64,
    /// RTP payload bytes, without headers.
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Expected by sequence number and not received (RFC 3550 §6.4.1).
    pub lost: u64,
    /// Our packets that the far end says it lost, by its RTCP.
    pub lost_by_remote: u64,
    /// Interarrival jitter at the end (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// The largest seen at any RTCP report of ours.
    pub jitter_max: Duration,
    /// By RTCP; `None` if the far end sends none.
    pub round_trip: Option<Duration>,
    /// RTP dropped because it came from a source that the lock does not trust.
    pub strangers: u64,
    /// Dropped before anything else looked at them, because nobody with the far end's key sent them, or not for the first time.
    pub refused: Refused,
    /// Listening quality of what we received, 1.0–4.5, by the E-model (ITU-T G.107) from loss, jitter and delay; `None` if nothing was received.
    /// What Opus repeated in the next packet is not lost.
    pub mos: Option<f32>,
}
