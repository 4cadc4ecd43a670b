//! Header names, long and compact (RFC 3261 §7.3.3).

/// A header that the stack reads; all others are kept as [`HeaderName::Other`] and found by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderName {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    ContentLength,
    ContentType,
    ContentEncoding,
    Route,
    RecordRoute,
    Require,
    Supported,
    Unsupported,
    Allow,
    Accept,
    Expires,
    MinExpires,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    ReferTo,
    ReferredBy,
    Replaces,
    Reason,
    RetryAfter,
    Event,
    SubscriptionState,
    UserAgent,
    Other,
}

impl HeaderName {
    /// Any case, long or compact.
    pub fn from_bytes(name: &[u8]) -> Self {
        let mut buffer = [0_u8; 20];
        let Some(lower) = buffer.get_mut(..name.len()) else { return Self::Other };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"via" | b"v" => Self::Via,
            b"from" | b"f" => Self::From,
            b"to" | b"t" => Self::To,
            b"call-id" | b"i" => Self::CallId,
            b"cseq" => Self::CSeq,
            b"contact" | b"m" => Self::Contact,
            b"max-forwards" => Self::MaxForwards,
            b"content-length" | b"l" => Self::ContentLength,
            b"content-type" | b"c" => Self::ContentType,
            b"content-encoding" | b"e" => Self::ContentEncoding,
            b"route" => Self::Route,
            b"record-route" => Self::RecordRoute,
            b"require" => Self::Require,
            b"supported" | b"k" => Self::Supported,
            b"unsupported" => Self::Unsupported,
            b"allow" => Self::Allow,
            b"accept" => Self::Accept,
            b"expires" => Self::Expires,
            b"min-expires" => Self::MinExpires,
            b"authorization" => Self::Authorization,
            b"proxy-authorization" => Self::ProxyAuthorization,
            b"www-authenticate" => Self::WwwAuthenticate,
            b"proxy-authenticate" => Self::ProxyAuthenticate,
            b"refer-to" | b"r" => Self::ReferTo,
            b"referred-by" | b"b" => Self::ReferredBy,
            b"replaces" => Self::Replaces,
            b"reason" => Self::Reason,
            b"retry-after" => Self::RetryAfter,
            b"event" | b"o" => Self::Event,
            b"subscription-state" => Self::SubscriptionState,
            b"user-agent" => Self::UserAgent,
            _ => Self::Other,
        }
    }

    /// The long form; empty for [`HeaderName::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::MaxForwards => "Max-Forwards",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::ContentEncoding => "Content-Encoding",
            Self::Route => "Route",
            Self::RecordRoute => "Record-Route",
            Self::Require => "Require",
            Self::Supported => "Supported",
            Self::Unsupported => "Unsupported",
            Self::Allow => "Allow",
            Self::Accept => "Accept",
            Self::Expires => "Expires",
            Self::MinExpires => "Min-Expires",
            Self::Authorization => "Authorization",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::Replaces => "Replaces",
            Self::Reason => "Reason",
            Self::RetryAfter => "Retry-After",
            Self::Event => "Event",
            Self::SubscriptionState => "Subscription-State",
            Self::UserAgent => "User-Agent",
            Self::Other => "",
        }
    }
}
