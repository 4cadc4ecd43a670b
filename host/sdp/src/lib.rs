//! SDP (RFC 8866) read tolerantly and written strictly, and the offer/answer model (RFC 3264) for audio.
//!
//! [`Session::parse`] keeps every line that it does not understand. [`Local`] is what we can do: [`Local::offer`] makes our
//! offer, [`Local::answer`] answers theirs, [`Local::accept`] reads the answer to ours. [`Agreed`] is what the media
//! plane needs to know in the end. [`Security`] says whether all that may or must be SRTP, with keys in the descriptions (RFC 4568).

mod agree;
mod codec;
mod crypto;
mod session;

pub use agree::{AcceptError, Agreed, Answer, AnswerError, Local, TelephoneEvent};
pub use codec::{ClockRate, Codec, PacketTime};
pub use crypto::{Crypto, OurKeys, Security};
pub use session::{Connection, Direction, Media, Origin, Session, SyntaxError};
