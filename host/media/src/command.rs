use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{Codec, Digit, MasterKeys, OpusParameters, Port, Tone};

/// What offer and answer agreed for one leg, seen from our side (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where the far end's SDP wants RTP. Once the far end sends, we answer to where its packets come from (symmetric RTP).
    pub remote: SocketAddr,
    /// Where the far end's SDP wants RTCP: one above `remote` unless `a=rtcp` says otherwise (RFC 3605). Once RTCP comes, we answer to its source.
    pub remote_rtcp: SocketAddr,
    /// RTCP goes by the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    pub codec: Codec,
    /// Of `codec`: 0 for PCMU, 8 for PCMA and 9 for G.722 unless negotiated otherwise.
    pub payload_type: PayloadType,
    /// Of telephone-event (RFC 4733); `None` if the far end does not take it.
    pub telephone_event: Option<PayloadType>,
    /// Ticks a second in which telephone-events count their length: those of `codec`, or 8,000 beside Opus. Their timestamps are of the codec's clock.
    pub telephone_event_clock: u32,
    /// The far end takes comfort noise (RFC 3389), by its static type 13.
    pub comfort_noise: bool,
    /// What the far end says of Opus, if that is the codec.
    pub opus: OpusParameters,
    pub direction: Direction,
    /// The far end's `a=ptime`. Generated G.711 honours whole multiples of 20 ms; all else that is encoded here goes out in packets of 20 ms. Relayed
    /// packets keep their size.
    pub packet_time: Duration,
    /// Also listen for DTMF tones in the audio. Costs some CPU on every packet, so ask only where `telephone_event` is `None`.
    pub detect_inband_dtmf: bool,
    /// SRTP under these keys: what is not protected by them is neither heard nor sent. `None`: plain RTP.
    pub srtp: Option<MasterKeys>,
}

impl Stream {
    /// Audio both ways at 20 ms with the static payload type (96 where there is none) and no telephone-event: the start that tests and callers adjust.
    pub fn new(remote: SocketAddr, codec: Codec) -> Self {
        Self {
            remote,
            remote_rtcp: SocketAddr::new(remote.ip(), remote.port().wrapping_add(1)),
            rtcp_mux: false,
            codec,
            payload_type: codec.static_payload_type().unwrap_or(96).into(),
            telephone_event: None,
            telephone_event_clock: codec.clock_rate(),
            comfort_noise: false,
            opus: OpusParameters::DEFAULT,
            direction: Direction::SendReceive,
            packet_time: Duration::from_millis(20),
            detect_inband_dtmf: false,
            srtp: None,
        }
    }
}

/// What marks one format in RTP, 0–127. Each side says how it wants to receive it, so the two may differ (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadType {
    /// In packets that we send: the far end's choice.
    pub send: u8,
    /// In packets that we receive: ours.
    pub receive: u8,
}

impl From<u8> for PayloadType {
    /// The same both ways.
    fn from(both: u8) -> Self {
        Self { send: both, receive: both }
    }
}

/// Which way audio flows, seen from our side (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendReceive,
    /// We send, the far end is silent: it put us on hold, or we hold it with music.
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// One piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A WAV file: 8, 16, 24 or 32 bit, float, A-law or µ-law, mono or stereo, any rate. Read and resampled once, off the media thread.
    File(Arc<Path>),
    Tone(Tone),
    Silence(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Once,
    /// Start over after the last source, until stopped: hold music, ring-back.
    Forever,
}

/// What the exchange asks of the media plane.
///
/// Commands need no reply: one about a port or recording that does not exist (any more) changes nothing. They take effect in the order
/// in which they were sent to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Starts a leg on a port that [`Event::PortsAvailable`](crate::Event::PortsAvailable) offered. On a port already open it acts as `Retarget`.
    Open {
        port: Port,
        stream: Stream,
    },
    /// A re-INVITE changed the stream. The source lock starts anew if `remote` changed; playing, bridge and recording stay.
    Retarget {
        port: Port,
        stream: Stream,
    },
    /// Hold and resume without a change of the rest.
    Direct {
        port: Port,
        direction: Direction,
    },
    /// What the leg says reaches neither the other leg nor the recording; digits are still heard.
    Mute {
        port: Port,
        muted: bool,
    },
    /// Plays the sources one after another to the far end of `port`.
    ///
    /// It starts when all files are loaded. While it lasts the leg hears this and not its bridge. Another `Play` replaces it, and the
    /// replaced one ends with `complete: false`. Ends with exactly one `PlayEnded` or `PlayFailed` with this `token`.
    Play {
        port: Port,
        token: u64,
        sources: Vec<Source>,
        repeat: Repeat,
    },
    /// Stops the playing `token`; another token is left alone.
    StopPlay {
        port: Port,
        token: u64,
    },
    /// Presses keys towards the far end: telephone-event where negotiated, otherwise tones. Queued behind digits still being sent, at most 64.
    SendDigits {
        port: Port,
        digits: Vec<Digit>,
    },
    /// Relays audio between two legs of one worker. A leg that was bridged elsewhere leaves that bridge.
    ///
    /// Packets go through as they are where both legs speak the same codec, and are decoded and encoded anew where they do not.
    ///
    /// Keys pass in the form that the other side takes: as the telephone-events they are, as tones where it takes none, and as events where they were
    /// tones in the audio or have another clock.
    Bridge {
        a: Port,
        b: Port,
    },
    /// Stops relaying between the two.
    Unbridge {
        a: Port,
        b: Port,
    },
    /// Records what the far ends of two legs say: 16 bit, 8 kHz, stereo, `left` the caller and `right` the agent.
    /// With no `right` the right side is silence (voicemail). `path` must not exist yet; its folder must.
    Record {
        recording: u64,
        path: PathBuf,
        left: Port,
        right: Option<Port>,
    },
    /// The right side becomes this leg: the agent joins later, or another agent after a transfer.
    AttachRecording {
        recording: u64,
        right: Port,
    },
    /// From here on both sides are written as silence, so that times in the recording stay times in the call.
    PauseRecording {
        recording: u64,
    },
    ResumeRecording {
        recording: u64,
    },
    /// Ends with exactly one `RecordingClosed`, or `RecordingFailed` if there was none before.
    StopRecording {
        recording: u64,
    },
    /// Ends the leg: its play ends incomplete, its bridge ends, its recordings hear silence, an RTCP BYE is sent, and the port comes back
    /// by `PortsAvailable` after a rest in which late packets of this call die out. Also returns a port that was never opened.
    Close {
        port: Port,
    },
}

impl Command {
    /// The worker that this is for; `None` for the commands that only name a recording, which go to every worker.
    pub fn worker(&self) -> Option<u16> {
        match self {
            Self::Open { port, .. }
            | Self::Retarget { port, .. }
            | Self::Direct { port, .. }
            | Self::Mute { port, .. }
            | Self::Play { port, .. }
            | Self::StopPlay { port, .. }
            | Self::SendDigits { port, .. }
            | Self::Bridge { a: port, .. }
            | Self::Unbridge { a: port, .. }
            | Self::Record { left: port, .. }
            | Self::AttachRecording { right: port, .. }
            | Self::Close { port } => Some(port.worker),
            Self::PauseRecording { .. } | Self::ResumeRecording { .. } | Self::StopRecording { .. } => None,
        }
    }
}
