//! What a flow remembers between two events, as bytes.
//!
//! Version, fingerprint of the document, then the fields in order; numbers little-endian, text by length. The document itself is not in it:
//! the host gives it to each instance once.

use crate::document::{NodeNumber, QueueChoice, Value};

const VERSION: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) fingerprint: u64,
    pub(crate) next_token: u32,
    pub(crate) picked_up: bool,
    /// Nodes entered since that time, Unix milliseconds: who goes through many in no time runs in a circle.
    pub(crate) entered: u16,
    pub(crate) since_ms: u64,
    pub(crate) spot: Spot,
    /// Attempts used in this node.
    pub(crate) tries: u8,
    pub(crate) choice: QueueChoice,
    /// Collected digits that wait for a yes.
    pub(crate) unconfirmed: String,
    /// One for each variable of the document.
    pub(crate) values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Waits for the answer to that token.
    In {
        node: NodeNumber,
        awaits: u32,
        stage: Stage,
    },
    /// The same within the exception flow.
    Exception {
        awaits: u32,
        stage: Stage,
    },
    Ended,
}

/// What the awaited answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A prompt that leads to something else, or to nothing.
    Prompt,
    /// Keys, a queue, a transfer or a recording: what the node is for.
    Main,
    /// The yes to digits that were read back.
    Confirm,
}

impl Session {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(128));
        out.u8(VERSION);
        out.0.extend(self.fingerprint.to_le_bytes());
        out.u32(self.next_token);
        out.u8(self.picked_up.into());
        out.u16(self.entered);
        out.0.extend(self.since_ms.to_le_bytes());
        let (tag, node, awaits, stage) = match self.spot {
            Spot::In { node, awaits, stage } => (0, node, awaits, stage),
            Spot::Exception { awaits, stage } => (1, 0, awaits, stage),
            Spot::Ended => (2, 0, 0, Stage::Main),
        };
        out.u8(tag);
        out.u16(node);
        out.u32(awaits);
        out.u8(match stage {
            Stage::Prompt => 0,
            Stage::Main => 1,
            Stage::Confirm => 2,
        });
        out.u8(self.tries);
        let choice = &self.choice;
        out.u8(u8::from(choice.queue.is_some())
            | u8::from(choice.priority.is_some()) << 1
            | u8::from(choice.skills.is_some()) << 2);
        if let Some(queue) = &choice.queue {
            out.text(queue);
        }
        if let Some(priority) = choice.priority {
            out.u8(priority);
        }
        if let Some(skills) = &choice.skills {
            out.count(skills.len());
            for (skill, level) in skills {
                out.text(skill);
                out.u8(*level);
            }
        }
        out.text(&self.unconfirmed);
        out.count(self.values.len());
        for value in &self.values {
            match value {
                Value::Text(text) => {
                    out.u8(0);
                    out.text(text);
                }
                Value::Number(number) => {
                    out.u8(1);
                    out.0.extend(number.to_le_bytes());
                }
                Value::Bool(yes) => out.u8(2 + u8::from(*yes)),
            }
        }
        out.0
    }

    /// `None`: not a session of this version.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader(bytes);
        if input.u8()? != VERSION {
            return None;
        }
        let fingerprint = u64::from_le_bytes(input.array()?);
        let next_token = input.u32()?;
        let picked_up = input.u8()? == 1;
        let (entered, since_ms) = (input.u16()?, u64::from_le_bytes(input.array()?));
        let (tag, node, awaits) = (input.u8()?, input.u16()?, input.u32()?);
        let stage = match input.u8()? {
            0 => Stage::Prompt,
            1 => Stage::Main,
            2 => Stage::Confirm,
            _ => return None,
        };
        let spot = match tag {
            0 => Spot::In { node, awaits, stage },
            1 => Spot::Exception { awaits, stage },
            2 => Spot::Ended,
            _ => return None,
        };
        let tries = input.u8()?;
        let has = input.u8()?;
        let queue = if has & 1 != 0 { Some(input.text()?) } else { None };
        let priority = if has & 2 != 0 { Some(input.u8()?) } else { None };
        let skills = if has & 4 != 0 {
            Some((0..input.u16()?).map(|_| Some((input.text()?, input.u8()?))).collect::<Option<_>>()?)
        } else {
            None
        };
        let unconfirmed = input.text()?;
        let values = (0..input.u16()?)
            .map(|_| {
                Some(match input.u8()? {
                    0 => Value::Text(input.text()?),
                    1 => Value::Number(i64::from_le_bytes(input.array()?)),
                    2 => Value::Bool(false),
                    3 => Value::Bool(true),
                    _ => return None,
                })
            })
            .collect::<Option<_>>()?;
        let choice = QueueChoice { queue, priority, skills };
        let session =
            Self { fingerprint, next_token, picked_up, entered, since_ms, spot, tries, choice, unconfirmed, values };
        input.0.is_empty().then_some(session)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    fn u16(&mut self, number: u16) {
        self.0.extend(number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.u16(u16::try_from(count).expect("the reader of documents bounds every list"));
    }

    /// Text of at most 64 KiB; the rest is cut off at a character.
    fn text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(self.u16()?);
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            fingerprint: 7,
            next_token: 12,
            picked_up: true,
            entered: 300,
            since_ms: 1_795_392_000_000,
            spot: Spot::In { node: 3, awaits: 11, stage: Stage::Confirm },
            tries: 2,
            choice: QueueChoice {
                queue: Some("售后".into()), priority: Some(9), skills: Some(vec![("en".into(), 5)])
            },
            unconfirmed: "4711".into(),
            values: vec![Value::Text("+86".into()), Value::Number(-1), Value::Bool(true), Value::Bool(false)],
        }
    }

    #[test]
    fn survives_its_bytes() {
        assert_eq!(Session::from_bytes(&session().to_bytes()), Some(session()));
    }

    #[test]
    fn cut_lengthened_or_foreign_bytes_are_no_session() {
        let bytes = session().to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(Session::from_bytes(&bytes[..length]), None, "cut at {length}");
        }
        assert_eq!(Session::from_bytes(&[bytes.as_slice(), &[0]].concat()), None);
        assert_eq!(Session::from_bytes(&[&[VERSION + 1], &bytes[1..]].concat()), None);
    }
}
