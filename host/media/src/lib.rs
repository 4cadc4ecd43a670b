//! The audio of one worker's legs: codec, prompt, DTMF, bridge, recording.
//!
//! No sockets, threads, files or clocks: bytes and commands go in with a time, packets and events come out. Times are [`std::time::Duration`]
//! since any fixed point, never going back. [`Plane`] is one worker; [`Recorder`] is what its writer thread runs.

mod chance;
mod command;
mod dtmf;
mod ears;
mod event;
mod frames;
mod latch;
mod leg;
mod listener;
mod mouth;
mod murmur;
mod outbox;
mod outgoing;
mod plane;
mod playing;
mod port;
mod ports;
mod prompt;
mod protection;
mod quality;
mod recorder;
mod reports;
mod settings;
mod shelf;
mod sound_file;
mod timeline;
mod tone;
mod wav;
mod wheel;

pub use command::{Command, Direction, PayloadType, Repeat, Source, Stream};
pub use event::{Event, PlayError, RecordingError, RecordingSummary, Statistics};
pub use outbox::{Channel, Request, Transmit};
pub use plane::Plane;
pub use plugboard_codec::{Codec, Law, OpusParameters};
pub use plugboard_rtp::Digit;
pub use plugboard_srtp::{MasterKeys, Refused};
pub use port::Port;
pub use prompt::{FileVersion, Prompt, PromptCache, PromptError};
pub use recorder::{Recorder, RecorderInput};
pub use settings::Settings;
pub use tone::Tone;
pub use wav::{Repaired, WAV_FRAME, WAV_HEADER, repair};

/// Samples a second of what is recorded, and of all that is the telephone's.
pub const RATE: u32 = 8_000;

/// 20 ms, the tick of generated audio, in samples of [`RATE`].
pub const FRAME: usize = 160;
