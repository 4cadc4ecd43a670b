//! A telephone: a SIP endpoint with an address, an account and manners.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use plugboard_model::Timestamp;
use plugboard_sdp as sdp;
use plugboard_sip as sip;

/// Names one phone of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneId(pub(crate) usize);

/// Names one call of one phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId {
    pub phone: PhoneId,
    pub(crate) call: sip::CallHandle,
}

/// What a phone does with a call that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// After ringing for so many milliseconds, from and to.
    Answer(u64, u64),
    Reject(u64, sip::Status),
    /// It rings and nobody comes.
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    pub then: Then,
    /// Hangs up so long after the answer, in milliseconds from and to. `None`: the other side does.
    pub talk_ms: Option<(u64, u64)>,
    /// Of a hundred calls so many are not noticed.
    pub misses_percent: u64,
    /// Of a hundred conversations so many are handed on by REFER; only where `talk_ms` says how long one lasts.
    pub transfers_percent: u64,
}

impl Manners {
    pub const PROMPT: Self =
        Self { then: Then::Answer(1_000, 1_000), talk_ms: None, misses_percent: 0, transfers_percent: 0 };
    pub const ABSENT: Self = Self { then: Then::Ignore, ..Self::PROMPT };

    pub const fn rejecting(status: sip::Status) -> Self {
        Self { then: Then::Reject(500, status), ..Self::PROMPT }
    }
}

/// How one call of a phone ended, as the phone saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Refused { status: u16, retry_after: Option<u32> },
    Ended(sip::endpoint::EndCause),
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) local: sdp::Local,
    /// Where Plugboard receives this line's sound.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) answered: bool,
    /// Their offer that we are to answer.
    pub(crate) offer: Option<sip::endpoint::Body>,
    /// Our INVITE had an offer of ours.
    pub(crate) has_offered: bool,
}

impl Session {
    /// Our answer to what they offered; our own offer where they offered nothing.
    pub(crate) fn answer(&self) -> String {
        let offer = self.offer.as_ref().and_then(|body| sdp::Session::parse(body.text()?).ok());
        let answer = offer.and_then(|offer| self.local.answer(&offer).ok());
        answer.map_or_else(|| self.local.offer(), |answer| answer.session).to_string()
    }
}

/// One phone.
#[derive(Debug)]
pub struct Phone {
    pub name: String,
    pub address: SocketAddr,
    pub manners: Manners,
    /// Takes nothing in and sends nothing: unplugged.
    pub dead: bool,
    /// Nobody listens at its port any more, and the network says so.
    pub closed: bool,
    /// Max-Forwards of the calls that it makes.
    pub max_forwards: u8,
    /// Max-Forwards of the calls that came to it, in order.
    pub hops: Vec<Option<u32>>,
    /// Whom the calls that came to it were from, and whom they were for, in order.
    pub called: Vec<(String, String)>,
    /// Q.850 causes of the refusals that it got, in order.
    pub causes: Vec<Option<u16>>,
    pub(crate) endpoint: sip::Endpoint,
    pub(crate) account: Option<sip::digest::Account>,
    pub(crate) sessions: BTreeMap<sip::CallHandle, Session>,
    pub(crate) outcomes: BTreeMap<sip::CallHandle, Outcome>,
    pub(crate) registration: Registration,
    /// When the world looks after this phone's timers next.
    pub(crate) wakes_at: Option<Timestamp>,
    /// Progress of transfers that this phone asked for, as SIP statuses.
    pub(crate) transfers: Vec<u16>,
    pub(crate) next_session: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Registration {
    pub(crate) pending: Option<sip::RequestHandle>,
    pub(crate) series: Option<sip::endpoint::Series>,
    /// Status of the last REGISTER.
    pub(crate) status: Option<u16>,
    pub(crate) wanted: bool,
}

impl Phone {
    pub(crate) fn new(name: &str, address: SocketAddr, account: Option<sip::digest::Account>, seed: u64) -> Self {
        let token = format!("p{}", name.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>());
        let config = sip::Config { token, user_agent: "Phone".into(), ..sip::Config::default() };
        Self {
            name: name.to_owned(),
            address,
            manners: Manners::PROMPT,
            dead: false,
            closed: false,
            max_forwards: sip::MAX_FORWARDS,
            hops: Vec::new(),
            called: Vec::new(),
            causes: Vec::new(),
            endpoint: sip::Endpoint::new(config, seed),
            account,
            sessions: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            registration: Registration::default(),
            wakes_at: None,
            transfers: Vec::new(),
            next_session: 1,
        }
    }

    pub(crate) fn new_session(&mut self) -> Session {
        let number = self.next_session;
        self.next_session += 1;
        let port = 20_000 + u16::try_from(number % 10_000).unwrap_or_default() * 2;
        let address = SocketAddr::new(self.address.ip(), port);
        Session {
            local: sdp::Local::g711(address, number),
            remote: None,
            answered: false,
            offer: None,
            has_offered: false,
        }
    }

    /// How the call ended; `None` while it lasts.
    pub fn outcome(&self, line: LineId) -> Option<&Outcome> {
        self.outcomes.get(&line.call)
    }

    pub fn is_answered(&self, line: LineId) -> bool {
        self.sessions.get(&line.call).is_some_and(|session| session.answered)
    }

    /// What the phone was told while its call was set up, and how the call ended.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values()
    }

    /// Calls that live.
    pub fn lines(&self) -> usize {
        self.sessions.len()
    }

    /// What the last REGISTER came to.
    pub fn register_status(&self) -> Option<u16> {
        self.registration.status
    }

    /// Progress of transfers that this phone asked for.
    pub fn transfers(&self) -> &[u16] {
        &self.transfers
    }
}

/// Where a description says that sound is received.
pub(crate) fn sound_address(body: Option<&sip::endpoint::Body>) -> Option<SocketAddr> {
    let session = sdp::Session::parse(body?.text()?).ok()?;
    let media = session.media.first()?;
    Some(SocketAddr::new(session.connection_of(media)?.ip()?, media.port))
}

/// Refresh a registration this long before it ends.
pub(crate) const REFRESH: Duration = Duration::from_secs(1_800);
