//! Offer and answer: from what each side can do to what both do (RFC 3264).

use std::net::{IpAddr, SocketAddr};

use plugboard_srtp::MasterKeys;

use crate::codec::{ClockRate, Codec, PacketTime};
use crate::crypto::{self, Protection, Security};
use crate::session::{Connection, Direction, Media, Origin, Session, SyntaxError};

/// Our end of one audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we receive RTP.
    pub address: SocketAddr,
    /// The `o=` line's session number; one for the life of a dialog.
    pub session: u64,
    /// The `o=` line's version; raise it with each description that differs from the last.
    pub version: u64,
    /// What we speak, best first.
    pub codecs: Vec<Codec>,
    /// The codec of the leg that this one will be heard with, if it is known: where the peer has it, nothing needs to be transcoded. First in our offer,
    /// and before the peer's own first choice in our answer.
    pub beside: Option<String>,
    /// RFC 4733 digits, offered as 101.
    pub telephone_event: bool,
    pub packet_time: PacketTime,
    /// What we want; the answer never goes beyond what the offer allows.
    pub direction: Direction,
    pub security: Security,
}

/// What both sides will do, for the media plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where the peer receives RTP. Behind NAT its packets come from elsewhere.
    pub remote: SocketAddr,
    pub remote_rtcp: SocketAddr,
    pub rtcp_mux: bool,
    pub codec: Codec,
    /// In packets that we send.
    pub send_payload_type: u8,
    /// In packets that we receive.
    pub receive_payload_type: u8,
    pub telephone_event: Option<TelephoneEvent>,
    /// The peer describes its silence by packets of type 13, and takes them (RFC 3389).
    pub comfort_noise: bool,
    /// What the peer wishes to receive.
    pub packet_time: PacketTime,
    /// Seen from us.
    pub direction: Direction,
    /// The peer does not want our audio: it put us on hold (RFC 3264 §8.4).
    pub is_held: bool,
    /// `None`: plain RTP.
    pub srtp: Option<MasterKeys>,
}

/// Payload types of RFC 4733 digits, whose lengths count at `clock`: the codec's, or 8,000 beside Opus for phones that know no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    pub send: u8,
    pub receive: u8,
    pub clock: ClockRate,
}

/// Our answer and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub session: Session,
    pub agreed: Agreed,
}

/// Why an SDP offer gets no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("offer is not SDP")]
    Malformed(#[from] SyntaxError),
    #[error("offer has no open audio stream over RTP")]
    NoAudio,
    #[error("offer is not encrypted, and nothing goes plain here")]
    Plain,
    /// Also where we may not say a key, or are not to encrypt.
    #[error("offer is encrypted as it is not done here: {offered}")]
    NoCommonSuite { offered: String },
    #[error("offer names no codec we speak, only {offered}")]
    NoCommonCodec { offered: String },
    #[error("offer says no address to send to")]
    NoAddress,
    /// IPv6 where we have an IPv4 port, or the other way round: sound could go one way at most.
    #[error("offer receives at {0}, which cannot be reached from here")]
    OtherFamily(IpAddr),
}

impl AnswerError {
    /// The SIP response this earns (RFC 3261 §21).
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NoAudio
            | Self::Plain
            | Self::NoCommonSuite { .. }
            | Self::NoCommonCodec { .. }
            | Self::NoAddress
            | Self::OtherFamily(_) => 488,
        }
    }

    /// The warn-code and the text of a Warning for the response (RFC 3261 §20.43).
    pub fn warning(&self) -> (u16, String) {
        let code = match self {
            Self::Plain | Self::NoCommonSuite { .. } => 302,
            Self::NoCommonCodec { .. } => 305,
            Self::OtherFamily(_) => 300,
            Self::Malformed(_) | Self::NoAudio | Self::NoAddress => 399,
        };
        (code, self.to_string())
    }
}

/// Why an answer to our offer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    #[error("answer is not SDP")]
    Malformed(#[from] SyntaxError),
    #[error("answer refuses the audio stream")]
    Refused,
    #[error("answer does not encrypt as it was offered")]
    NotAsOffered,
    #[error("answer names no codec of our offer, only {answered}")]
    NoCommonCodec { answered: String },
    #[error("answer says no address to send to")]
    NoAddress,
    #[error("answer receives at {0}, which cannot be reached from here")]
    OtherFamily(IpAddr),
}

/// RFC 4733's name, at any clock rate.
const TELEPHONE_EVENT: &str = "telephone-event";
/// The number that nearly everybody uses for it.
const TELEPHONE_EVENT_TYPE: u8 = 101;
/// RFC 3389. We answer it and never offer it: who is asked for comfort noise leaves out silence, which does no good to recordings and keys.
const COMFORT_NOISE: &str = "CN";

impl Local {
    /// G.711 A-law first, then µ-law, telephone-event 101, 20 ms, both ways.
    pub fn g711(address: SocketAddr, session: u64) -> Self {
        Self {
            address,
            session,
            version: 1,
            codecs: vec![Codec::pcma(), Codec::pcmu()],
            beside: None,
            telephone_event: true,
            packet_time: PacketTime::DEFAULT,
            direction: Direction::SendReceive,
            security: Security::Off,
        }
    }

    /// G.711 as trunks have it, then the wideband codecs, G.722 and Opus; otherwise as [`Local::g711`].
    pub fn voice(address: SocketAddr, session: u64) -> Self {
        let codecs = vec![Codec::pcma(), Codec::pcmu(), Codec::g722(), Codec::opus()];
        Self { codecs, ..Self::g711(address, session) }
    }

    /// Our offer: one audio stream with everything we speak.
    pub fn offer(&self) -> Session {
        let mut clocks: Vec<ClockRate> = self.codecs.iter().map(|codec| codec.clock).collect();
        clocks.sort();
        clocks.dedup();
        let mut codecs = self.codecs.clone();
        codecs.sort_by_key(|codec| !self.is_beside(codec));
        if self.telephone_event {
            codecs.extend((TELEPHONE_EVENT_TYPE..).zip(clocks).map(|(number, clock)| telephone_event(number, clock)));
        }
        let (profile, keys) = self.security.offer();
        let mut media = self.media(profile);
        self.describe(&mut media, &codecs, self.direction);
        media.attributes.extend(keys);
        Session { media: vec![media], ..self.session() }
    }

    /// The first open audio stream that is encrypted is answered, else the first plain one, where that is allowed; every other is refused
    /// with port 0, in the offer's order.
    pub fn answer(&self, offer: &Session) -> Result<Answer, AnswerError> {
        let (theirs, protection) = self.choose(offer)?;
        let offered = theirs.codecs();
        let no_common = || AnswerError::NoCommonCodec { offered: names(&offered, theirs) };
        let common: Vec<&Codec> =
            offered.iter().filter(|codec| self.codecs.iter().any(|ours| ours.is_same_as(codec))).collect();
        let has_digits = |codec: &&&Codec| digits_beside(codec, &offered).is_some();
        // The first of the offer that we speak: the offerer's preference counts (RFC 3264 §6.1). But a codec beside which the peer has no keys
        // would leave it without any, and one that the other leg speaks costs nobody anything.
        let beside = common.iter().find(|codec| self.is_beside(codec));
        let codec = beside.or_else(|| common.iter().find(has_digits)).or_else(|| common.first());
        let codec = (*codec.ok_or_else(no_common)?).clone();
        let noise = offered.iter().find(|c| c.name.eq_ignore_ascii_case(COMFORT_NOISE) && c.clock == codec.clock);
        let digits = self.telephone_event.then(|| digits_beside(&codec, &offered)).flatten();

        let their_direction = direction_with_hold(offer, theirs);
        let wish = Direction::new(self.direction.sends(), self.direction.receives());
        let mirrored = their_direction.mirrored();
        let direction = Direction::new(wish.sends() && mirrored.sends(), wish.receives() && mirrored.receives());
        let mut agreed = agree(offer, theirs, &codec, direction).ok_or(AnswerError::NoAddress)?;
        if !self.can_reach(agreed.remote.ip()) {
            return Err(AnswerError::OtherFamily(agreed.remote.ip()));
        }
        let taken = self.security.take(&protection);
        agreed.srtp = taken.as_ref().map(|(keys, _)| *keys);
        agreed.telephone_event =
            digits.map(|d| TelephoneEvent { send: d.payload_type, receive: d.payload_type, clock: d.clock });

        agreed.comfort_noise = noise.is_some();

        let mut answered: Vec<Codec> = vec![Codec { fmtp: self.fmtp_of(&codec), ..codec.clone() }];
        answered.extend(noise.cloned());
        answered.extend(digits.map(|d| telephone_event(d.payload_type, d.clock)));
        let media = offer.media.iter().map(|media| {
            if !std::ptr::eq(media, theirs) {
                return refused(media);
            }
            let mut ours = self.media(&media.protocol);
            self.describe(&mut ours, &answered, direction);
            if agreed.rtcp_mux {
                ours.attributes.push("rtcp-mux".into());
            }
            ours.attributes.extend(taken.as_ref().map(|(_, attribute)| attribute.clone()));
            ours
        });
        // The answer's time is the offer's (RFC 3264 §6).
        let time = offer.lines.iter().find(|(kind, _)| *kind == 't').map_or("0 0", |(_, time)| time);
        let mut session = Session { media: media.collect(), ..self.session() };
        session.lines = vec![('s', "-".into()), ('t', time.into())];
        Ok(Answer { session, agreed })
    }

    fn choose<'a>(&self, offer: &'a Session) -> Result<(&'a Media, Protection), AnswerError> {
        let is_rtp = |m: &&Media| is_plain_rtp(&m.protocol) || crypto::is_secure_profile(&m.protocol);
        let open = || offer.media.iter().filter(|m| m.kind == "audio" && m.port != 0).filter(is_rtp);
        let mut wanted: Vec<_> = open().filter_map(|media| Some((media, self.security.of_offer(media)?))).collect();
        let encrypted = wanted.iter().position(|(_, protection)| *protection != Protection::Plain);
        if !wanted.is_empty() {
            return Ok(wanted.swap_remove(encrypted.unwrap_or(0)));
        }
        let first = open().next().ok_or(AnswerError::NoAudio)?;
        Err(match open().find(|media| crypto::is_secure_profile(&media.protocol)) {
            Some(media) => AnswerError::NoCommonSuite { offered: crypto::suites_of(media) },
            None if first.attribute("crypto").is_some() => {
                AnswerError::NoCommonSuite { offered: crypto::suites_of(first) }
            }
            None => AnswerError::Plain,
        })
    }

    /// Reads the peer's answer to our [`Local::offer`].
    pub fn accept(&self, answer: &Session) -> Result<Agreed, AcceptError> {
        let theirs = answer.media.first().filter(|m| m.kind == "audio" && m.port != 0).ok_or(AcceptError::Refused)?;
        let answered = theirs.codecs();
        let (codec, ours) = answered
            .iter()
            .find_map(|codec| self.codecs.iter().find(|ours| ours.is_same_as(codec)).map(|ours| (codec, ours)))
            .ok_or_else(|| AcceptError::NoCommonCodec { answered: names(&answered, theirs) })?;
        let mirrored = direction_with_hold(answer, theirs).mirrored();
        let direction = Direction::new(
            self.direction.sends() && mirrored.sends(),
            self.direction.receives() && mirrored.receives(),
        );
        let mut agreed = agree(answer, theirs, codec, direction).ok_or(AcceptError::NoAddress)?;
        if !self.can_reach(agreed.remote.ip()) {
            return Err(AcceptError::OtherFamily(agreed.remote.ip()));
        }
        agreed.srtp = self.security.of_answer(theirs).map_err(|_| AcceptError::NotAsOffered)?;
        agreed.receive_payload_type = ours.payload_type;
        let offered_digits = self.offer().media.first().map(Media::codecs).unwrap_or_default();
        agreed.telephone_event = digits_beside(codec, &answered).and_then(|theirs| {
            let ours = offered_digits.iter().find(|c| is_telephone_event(c) && c.clock == theirs.clock)?;
            Some(TelephoneEvent { send: theirs.payload_type, receive: ours.payload_type, clock: theirs.clock })
        });
        Ok(agreed)
    }

    fn is_beside(&self, codec: &Codec) -> bool {
        self.beside.as_ref().is_some_and(|name| codec.name.eq_ignore_ascii_case(name))
    }

    /// The unspecified address is a hold, of whatever family.
    fn can_reach(&self, remote: IpAddr) -> bool {
        remote.is_unspecified() || remote.is_ipv4() == self.address.is_ipv4()
    }

    fn session(&self) -> Session {
        let address = Connection::from(self.address.ip());
        Session {
            origin: Origin { user: "-".into(), session: self.session, version: self.version, address: address.clone() },
            connection: Some(address),
            lines: vec![('s', "-".into()), ('t', "0 0".into())],
            media: Vec::new(),
        }
    }

    fn media(&self, protocol: &str) -> Media {
        Media {
            kind: "audio".into(),
            port: self.address.port(),
            port_count: None,
            protocol: protocol.into(),
            formats: Vec::new(),
            connection: None,
            lines: Vec::new(),
            attributes: Vec::new(),
        }
    }

    fn describe(&self, media: &mut Media, codecs: &[Codec], direction: Direction) {
        for codec in codecs {
            let number = codec.payload_type;
            media.formats.push(number.to_string());
            media.attributes.push(format!("rtpmap:{number} {codec}"));
            if let Some(fmtp) = &codec.fmtp {
                media.attributes.push(format!("fmtp:{number} {fmtp}"));
            }
        }
        media.attributes.push(format!("ptime:{}", self.packet_time.as_millis()));
        media.attributes.push(direction.as_str().into());
    }

    fn fmtp_of(&self, codec: &Codec) -> Option<String> {
        self.codecs.iter().find(|ours| ours.is_same_as(codec)).and_then(|ours| ours.fmtp.clone())
    }
}

fn telephone_event(payload_type: u8, clock: ClockRate) -> Codec {
    Codec { name: TELEPHONE_EVENT.into(), clock, channels: 1, payload_type, fmtp: Some("0-16".into()) }
}

fn is_telephone_event(codec: &Codec) -> bool {
    codec.name.eq_ignore_ascii_case(TELEPHONE_EVENT)
}

/// The digits that go with a codec: at its clock rate (RFC 4733 §2.1), else at the telephone's, as many phones have them beside Opus.
fn digits_beside<'a>(codec: &Codec, among: &'a [Codec]) -> Option<&'a Codec> {
    let at = |clock| among.iter().find(|c| is_telephone_event(c) && c.clock == clock);
    at(codec.clock).or_else(|| at(ClockRate::G711))
}

fn is_plain_rtp(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("RTP/AVP") || protocol.eq_ignore_ascii_case("RTP/AVPF")
}

/// `c=0.0.0.0` is the hold of RFC 2543: the peer receives nothing, whatever its attribute says.
fn direction_with_hold(session: &Session, media: &Media) -> Direction {
    let direction = session.direction_of(media);
    let is_nowhere = session.connection_of(media).and_then(Connection::ip).is_some_and(|ip| ip.is_unspecified());
    if is_nowhere { Direction::new(direction.sends(), false) } else { direction }
}

fn agree(session: &Session, theirs: &Media, codec: &Codec, direction: Direction) -> Option<Agreed> {
    let ip = session.connection_of(theirs)?.ip()?;
    let remote = SocketAddr::new(ip, theirs.port);
    let rtcp_mux = theirs.attribute("rtcp-mux").is_some();
    let packet_time = theirs
        .attribute("ptime")
        .and_then(|ms| ms.trim().parse().ok())
        .and_then(PacketTime::from_millis)
        .unwrap_or(PacketTime::DEFAULT);
    Some(Agreed {
        remote,
        remote_rtcp: if rtcp_mux { remote } else { rtcp_address(theirs, remote) },
        rtcp_mux,
        codec: codec.clone(),
        send_payload_type: codec.payload_type,
        receive_payload_type: codec.payload_type,
        telephone_event: None,
        comfort_noise: false,
        packet_time,
        direction,
        is_held: !direction_with_hold(session, theirs).receives(),
        srtp: None,
    })
}

/// `a=rtcp:53020 IN IP4 192.0.2.1` (RFC 3605), else the port after RTP's.
fn rtcp_address(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let next = || SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or_else(|| rtp.port()));
    let Some(value) = media.attribute("rtcp") else { return next() };
    let mut words = value.split_whitespace();
    let Some(port) = words.next().and_then(|port| port.parse().ok()) else { return next() };
    let ip = words.nth(2).and_then(|host| host.parse::<IpAddr>().ok()).unwrap_or_else(|| rtp.ip());
    SocketAddr::new(ip, port)
}

/// RFC 3264 §6: same line, port 0, and the formats of the offer.
fn refused(media: &Media) -> Media {
    Media { port: 0, port_count: None, connection: None, lines: Vec::new(), attributes: Vec::new(), ..media.clone() }
}

fn names(codecs: &[Codec], media: &Media) -> String {
    if codecs.is_empty() {
        return media.formats.join(", ");
    }
    codecs.iter().map(Codec::to_string).collect::<Vec<_>>().join(", ")
}
