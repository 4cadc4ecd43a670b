//! Request methods: rsip's vocabulary, and any token beyond it (RFC 3261 §7.1).

use std::fmt;

/// What a request asks for. Case matters: `invite` is an unknown method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Known(rsip::Method),
    /// A token that we have no meaning for; answered 405.
    Other(Box<str>),
}

impl Method {
    pub const INVITE: Self = Self::Known(rsip::Method::Invite);
    pub const ACK: Self = Self::Known(rsip::Method::Ack);
    pub const BYE: Self = Self::Known(rsip::Method::Bye);
    pub const CANCEL: Self = Self::Known(rsip::Method::Cancel);
    pub const OPTIONS: Self = Self::Known(rsip::Method::Options);
    pub const REGISTER: Self = Self::Known(rsip::Method::Register);
    pub const INFO: Self = Self::Known(rsip::Method::Info);
    pub const MESSAGE: Self = Self::Known(rsip::Method::Message);
    pub const NOTIFY: Self = Self::Known(rsip::Method::Notify);
    pub const PRACK: Self = Self::Known(rsip::Method::PRack);
    pub const PUBLISH: Self = Self::Known(rsip::Method::Publish);
    pub const REFER: Self = Self::Known(rsip::Method::Refer);
    pub const SUBSCRIBE: Self = Self::Known(rsip::Method::Subscribe);
    pub const UPDATE: Self = Self::Known(rsip::Method::Update);

    /// Reads a token; the caller has made sure that it is one.
    pub fn from_token(token: &str) -> Self {
        match token {
            "INVITE" => Self::INVITE,
            "ACK" => Self::ACK,
            "BYE" => Self::BYE,
            "CANCEL" => Self::CANCEL,
            "OPTIONS" => Self::OPTIONS,
            "REGISTER" => Self::REGISTER,
            "INFO" => Self::INFO,
            "MESSAGE" => Self::MESSAGE,
            "NOTIFY" => Self::NOTIFY,
            "PRACK" => Self::PRACK,
            "PUBLISH" => Self::PUBLISH,
            "REFER" => Self::REFER,
            "SUBSCRIBE" => Self::SUBSCRIBE,
            "UPDATE" => Self::UPDATE,
            other => Self::Other(other.into()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(known) => match known {
                rsip::Method::Ack => "ACK",
                rsip::Method::Bye => "BYE",
                rsip::Method::Cancel => "CANCEL",
                rsip::Method::Info => "INFO",
                rsip::Method::Invite => "INVITE",
                rsip::Method::Message => "MESSAGE",
                rsip::Method::Notify => "NOTIFY",
                rsip::Method::Options => "OPTIONS",
                rsip::Method::PRack => "PRACK",
                rsip::Method::Publish => "PUBLISH",
                rsip::Method::Refer => "REFER",
                rsip::Method::Register => "REGISTER",
                rsip::Method::Subscribe => "SUBSCRIBE",
                rsip::Method::Update => "UPDATE",
            },
            Self::Other(token) => token,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
