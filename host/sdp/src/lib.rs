//! SDP (RFC 8866) read tolerantly and written strictly, and the offer/answer model (RFC 3264) for audio.
//!
//! [`Session::parse`] keeps every line that it does not understand. [`Local`] is what we can do: [`Local::offer`] makes our
//! offer, [`Local::answer`] answers theirs, [`Local::accept`] reads the answer to ours. [`Agreed`] is what the media
//! plane needs to know in the end.

mod agree;
mod codec;
mod session;

pub use agree::{AcceptError, Agreed, Answer, AnswerError, Local, TelephoneEvent};
pub use codec::{ClockRate, Codec, PacketTime};
pub use session::{Connection, Direction, Media, Origin, Session, SyntaxError};
