//! The audio of one worker's legs: codec, prompt, DTMF, bridge, recording.
//!
//! No sockets, threads, files or clocks: bytes and commands go in with a time, packets and events come out. Times are [`std::time::Duration`] since
//! any fixed point, never going back.

mod command;
mod event;
mod port;

pub use command::{Command, Direction, Repeat, Source, Stream};
pub use event::{Event, PlayError, RecordingError, RecordingSummary, Statistics};
pub use port::Port;

mod g711;
mod prompt;
mod tone;

pub use g711::{Codec, FRAME, RATE};
pub use plugboard_rtp::Digit;
pub use prompt::PromptError;
pub use tone::Tone;
mod latch;
mod outgoing;
mod playing;
mod quality;
pub use prompt::{FileVersion, Prompt, PromptCache};
mod recorder;
mod timeline;
mod wav;
pub use recorder::{Recorder, RecorderInput};
pub use wav::{Repaired, repair};
