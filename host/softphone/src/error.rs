//! Why a phone could not do what it was asked, one enum for each kind of operation.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use plugboard_media::{PlayError, RecordingError};
use plugboard_transport::{media_plane, sip_sockets::BindError};

use crate::call::Ended;

/// Why there are no phones.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0} cannot be told to others as our address; name an interface's own")]
    Unspecified(IpAddr),
    #[error("no SIP socket at {0}")]
    NoSocket(SocketAddr),
    #[error("no SIP socket")]
    Socket(#[from] BindError),
    #[error("no sound")]
    Media(#[from] media_plane::StartError),
    #[error("system gives no random numbers")]
    Chance(#[source] io::Error),
}

/// Why a phone is not registered, or not there at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// 401 after a challenge was answered: the password is wrong.
    #[error("registrar refuses with {status}")]
    Refused { status: u16 },
    #[error("registrar {registrar} does not answer")]
    Silent { registrar: SocketAddr },
    /// Another phone of the group has it.
    #[error("there is a phone {user} already")]
    Taken { user: String },
    #[error("account cannot stand in a SIP message")]
    Unwritable,
    #[error("the phones have stopped")]
    Stopped,
}

/// Why no call was placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Neither a number nor a SIP address over UDP.
    #[error("{target} is nothing that can be called")]
    BadTarget { target: String },
    /// More calls wait for an answer than [`Config::max_unanswered`](crate::Config::max_unanswered), or the range is used up.
    #[error("no RTP port is free")]
    NoPort,
    #[error("too many calls at once")]
    Full,
    #[error("the phones have stopped")]
    Stopped,
}

/// Why something did not come about in a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    #[error("{what} did not come within {} ms", within.as_millis())]
    TimedOut { what: &'static str, within: Duration },
    #[error("call is over: {0}")]
    Ended(Ended),
    #[error("the phones have stopped")]
    Stopped,
}

/// Why an action in a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("call is over")]
    Over,
    /// Not answered yet, answered already, or the same is under way.
    #[error("not possible in the state of the call")]
    WrongState,
    #[error("far end refuses with {status}")]
    Refused { status: u16 },
    #[error("{what} did not come about within {} ms", within.as_millis())]
    TimedOut { what: &'static str, within: Duration },
    #[error("{found:?} is no key of a telephone")]
    BadKey { found: char },
    #[error("{target} is nothing that can be called")]
    BadTarget { target: String },
    #[error("file cannot be played")]
    Play(#[from] PlayError),
    #[error("recording failed")]
    Recording(#[from] RecordingError),
    #[error("the phones have stopped")]
    Stopped,
}
