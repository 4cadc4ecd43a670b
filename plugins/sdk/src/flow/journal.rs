//! What a flow keeps between two events: what it asked, what it heard, where its loops stand.
//!
//! Times are written as the distance from the start, and most numbers take one byte: an answered prompt is 5 bytes of asking and about 6 of hearing.

use super::{
    Channel, Direction, Effect, Event, Happening, Message, Start,
    bytes::{Reader, Writer},
    happening::{self, Kind},
};
use std::hash::{Hash as _, Hasher};

const VERSION: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    /// Nothing more will be asked.
    Over,
    Open(Box<Pages>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    pub(crate) start: Start,
    pub(crate) began: Moment,
    /// What was asked, forgotten rounds left out.
    pub(crate) asks: Vec<Mark>,
    /// What was heard, in the order in which it came.
    pub(crate) log: Vec<Heard>,
    /// Loops in the order in which they were entered.
    pub(crate) loops: Vec<LoopPage>,
}

/// The time of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Unix milliseconds.
    pub(crate) at_ms: u64,
    pub(crate) utc_offset_min: i16,
}

impl Moment {
    pub(crate) fn of(event: &Event) -> Self {
        Self { at_ms: event.at_ms, utc_offset_min: event.utc_offset_min }
    }
}

/// Enough of a request to tell another from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) kind: Kind,
    hash: u32,
}

/// An answer, or a message where there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) answers: Option<u32>,
    pub(crate) at: Moment,
    pub(crate) what: Happening,
}

/// What the present round of a loop began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoopPage {
    /// Requests and answers of the journal that came before.
    pub(crate) asks: usize,
    pub(crate) heard: usize,
    /// The first token of the round.
    pub(crate) token: u32,
    pub(crate) at: Moment,
    pub(crate) stage: String,
    pub(crate) language: String,
    /// The author's value.
    pub(crate) value: Vec<u8>,
    /// Answers that came in forgotten rounds to what was asked before the loop.
    pub(crate) carried: Vec<Heard>,
    /// Messages that nobody had taken.
    pub(crate) unread: Vec<Message>,
}

impl Mark {
    pub(crate) fn of(effect: &Effect) -> Self {
        let mut hash = Fnv(0x811c_9dc5);
        effect.hash(&mut hash);
        Self { kind: Kind::of(effect), hash: hash.0 }
    }
}

/// FNV-1a, 32 bits; every number as 8 bytes, so that the width of `usize` does not show.
struct Fnv(u32);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }

    fn finish(&self) -> u64 {
        self.0.into()
    }
}

impl Journal {
    pub(crate) fn to_bytes(&self, revision: u32) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(VERSION);
        out.number(revision.into());
        match self {
            Self::Over => out.byte(1),
            Self::Open(pages) => {
                out.byte(0);
                pages.write(&mut out);
            }
        }
        out.0
    }

    /// `None`: not a journal of this version and revision.
    pub(crate) fn from_bytes(bytes: &[u8], revision: u32) -> Option<Self> {
        let mut input = Reader(bytes);
        if input.byte()? != VERSION || input.small() != Some(revision) {
            return None;
        }
        let journal = if input.flag()? { Self::Over } else { Self::Open(Box::new(Pages::read(&mut input)?)) };
        input.0.is_empty().then_some(journal)
    }
}

impl Pages {
    fn write(&self, out: &mut Writer) {
        write_start(out, &self.start);
        out.number(self.began.at_ms);
        out.signed(self.began.utc_offset_min.into());
        out.list(&self.asks, |out, mark| {
            out.byte(mark.kind.number());
            out.0.extend(mark.hash.to_le_bytes());
        });
        out.list(&self.log, |out, heard| self.write_heard(out, heard));
        out.list(&self.loops, |out, page| {
            out.number(page.asks as u64);
            out.number(page.heard as u64);
            out.number(page.token.into());
            self.write_moment(out, page.at);
            out.text(&page.stage);
            out.text(&page.language);
            out.bytes(&page.value);
            out.list(&page.carried, |out, heard| self.write_heard(out, heard));
            out.list(&page.unread, happening::write_message);
        });
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let start = read_start(input)?;
        let began = Moment { at_ms: input.number()?, utc_offset_min: i16::try_from(input.signed()?).ok()? };
        let asks = input.list(|input| {
            let kind = Kind::from_number(input.byte()?)?;
            let hash = [input.byte()?, input.byte()?, input.byte()?, input.byte()?];
            Some(Mark { kind, hash: u32::from_le_bytes(hash) })
        })?;
        let log = input.list(|input| read_heard(input, began))?;
        let loops = input.list(|input| {
            Some(LoopPage {
                asks: input.small().filter(|before| *before <= asks.len())?,
                heard: input.small().filter(|before| *before <= log.len())?,
                token: input.small()?,
                at: read_moment(input, began)?,
                stage: input.text()?,
                language: input.text()?,
                value: input.bytes()?.to_vec(),
                carried: input.list(|input| read_heard(input, began))?,
                unread: input.list(happening::read_message)?,
            })
        })?;
        Some(Self { start, began, asks, log, loops })
    }

    fn write_heard(&self, out: &mut Writer, heard: &Heard) {
        out.number(heard.answers.map_or(0, |token| u64::from(token) + 1));
        self.write_moment(out, heard.at);
        happening::write(out, &heard.what);
    }

    fn write_moment(&self, out: &mut Writer, at: Moment) {
        out.signed(at.at_ms.wrapping_sub(self.began.at_ms) as i64);
        out.signed(i64::from(at.utc_offset_min) - i64::from(self.began.utc_offset_min));
    }
}

fn read_heard(input: &mut Reader<'_>, began: Moment) -> Option<Heard> {
    let answers = match input.number()? {
        0 => None,
        token => Some(u32::try_from(token - 1).ok()?),
    };
    Some(Heard { answers, at: read_moment(input, began)?, what: happening::read(input)? })
}

fn read_moment(input: &mut Reader<'_>, began: Moment) -> Option<Moment> {
    let at_ms = began.at_ms.wrapping_add(input.signed()? as u64);
    let utc_offset_min = i16::try_from(input.signed()?.checked_add(began.utc_offset_min.into())?).ok()?;
    Some(Moment { at_ms, utc_offset_min })
}

fn write_start(out: &mut Writer, start: &Start) {
    out.text(&start.interaction);
    match &start.channel {
        Channel::Voice => out.byte(0),
        Channel::Chat => out.byte(1),
        Channel::Message => out.byte(2),
        Channel::Email => out.byte(3),
        Channel::Other(name) => {
            out.byte(4);
            out.text(name);
        }
    }
    out.byte(match start.direction {
        Direction::Inbound => 0,
        Direction::Outbound => 1,
        Direction::Internal => 2,
    });
    out.text(&start.caller);
    out.text(&start.called);
    out.byte(start.verified.into());
    out.text(&start.language);
}

fn read_start(input: &mut Reader<'_>) -> Option<Start> {
    let interaction = input.text()?;
    let channel = match input.byte()? {
        0 => Channel::Voice,
        1 => Channel::Chat,
        2 => Channel::Message,
        3 => Channel::Email,
        4 => Channel::Other(input.text()?),
        _ => return None,
    };
    let direction = match input.byte()? {
        0 => Direction::Inbound,
        1 => Direction::Outbound,
        2 => Direction::Internal,
        _ => return None,
    };
    let (caller, called) = (input.text()?, input.text()?);
    Some(Start { interaction, channel, direction, caller, called, verified: input.flag()?, language: input.text()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ms: u64) -> Moment {
        Moment { at_ms, utc_offset_min: 480 }
    }

    fn journal() -> Journal {
        let start = Start {
            interaction: "i-1".into(),
            channel: Channel::Other("fax".into()),
            direction: Direction::Internal,
            caller: "+8613800000000".into(),
            called: "8001".into(),
            verified: true,
            language: "zh-CN".into(),
        };
        let heard = |answers, at_ms, what| Heard { answers, at: at(at_ms), what };
        let message = Message { id: "m".into(), text: "售后".into(), attachments: 0 };
        let mark = Mark::of(&Effect::Timer(5));
        Journal::Open(Box::new(Pages {
            start,
            began: at(1_795_392_000_000),
            asks: vec![mark, Mark::of(&Effect::PickUp)],
            log: vec![
                heard(Some(0), 1_795_392_000_005, Happening::Timer),
                heard(None, 1_795_392_000_009, Happening::Message(message.clone())),
            ],
            loops: vec![LoopPage {
                asks: 2,
                heard: 1,
                token: 17,
                at: at(1_795_392_000_007),
                stage: "queue".into(),
                language: "en".into(),
                value: vec![1, 2],
                carried: vec![heard(Some(3), 1_795_391_999_000, Happening::Played(true))],
                unread: vec![message],
            }],
        }))
    }

    #[test]
    fn survives_its_bytes() {
        assert_eq!(Journal::from_bytes(&journal().to_bytes(7), 7), Some(journal()));
        assert_eq!(Journal::from_bytes(&Journal::Over.to_bytes(7), 7), Some(Journal::Over));
    }

    #[test]
    fn cut_lengthened_or_foreign_bytes_are_no_journal() {
        let bytes = journal().to_bytes(7);
        for length in 0..bytes.len() {
            assert_eq!(Journal::from_bytes(&bytes[..length], 7), None, "cut at {length}");
        }
        assert_eq!(Journal::from_bytes(&[bytes.as_slice(), &[0]].concat(), 7), None);
        assert_eq!(Journal::from_bytes(&bytes, 8), None);
    }

    /// What it says about any one byte does not matter, as long as it does not panic.
    #[test]
    fn no_byte_makes_it_panic() {
        let bytes = journal().to_bytes(7);
        for place in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] = byte;
                if let Some(read) = Journal::from_bytes(&bytes, 7) {
                    assert!(read.to_bytes(7).len() <= bytes.len() + 16);
                }
            }
        }
    }

    #[test]
    fn the_same_effect_has_the_same_mark_and_another_argument_another() {
        assert_eq!(Mark::of(&Effect::HangUp(16)), Mark::of(&Effect::HangUp(16)));
        assert_ne!(Mark::of(&Effect::HangUp(16)), Mark::of(&Effect::HangUp(17)));
        // On every platform, in every build: a state outlives both.
        assert_eq!(Mark::of(&Effect::Timer(30_000)).hash, 3_843_449_355);
    }
}
