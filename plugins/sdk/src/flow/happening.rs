//! Answers: which one is whose, and how they are written down.

use super::{
    Digits, Effect, GatherEnd, GiveUp, Happening, Message, Open, QueueNews, Recording, Refusal, Speech, TransferEnd,
    bytes::{Reader, Writer},
};
use crate::contract::flow::exports::plugboard::plugin::flow_types::Answer;

/// What became of a wait in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueEnd {
    /// That agent took it; the flow has nothing more to do.
    Connected(String),
    GaveUp(GiveUp),
}

impl Digits {
    pub fn as_str(&self) -> &str {
        &self.digits
    }

    /// Whether the caller pressed nothing.
    pub fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }
}

/// Whether this ends what was asked by that effect.
pub(crate) fn answers(effect: Kind, what: &Happening) -> bool {
    match what {
        Happening::Refused(_) => true,
        Happening::Queue(QueueNews::Connected(_) | QueueNews::GaveUp(_)) => effect == Kind::Enqueue,
        Happening::Played(_) => effect == Kind::Play,
        Happening::Gathered(_) => effect == Kind::Gather,
        Happening::Heard(_) => effect == Kind::Listen,
        Happening::LookedUp(_) => effect == Kind::Invoke,
        Happening::Recorded(_) => effect == Kind::Record,
        Happening::Transferred(_) => effect == Kind::Transfer,
        Happening::Timer => effect == Kind::Timer,
        // News on the way to an answer, or none at all.
        Happening::Queue(_)
        | Happening::Started(_)
        | Happening::Message(_)
        | Happening::HungUp(_)
        | Happening::Other(_) => false,
    }
}

/// Which effect it was, for marks and for words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    PickUp,
    Play,
    Gather,
    Listen,
    Enqueue,
    Transfer,
    Invoke,
    Record,
    Send,
    Timer,
    Cancel,
    Tag,
    HangUp,
    Other,
}

impl Kind {
    /// A mark holds the place in this list: append only.
    const ALL: [(Self, &str); 14] = [
        (Self::PickUp, "pick-up"),
        (Self::Play, "play"),
        (Self::Gather, "gather"),
        (Self::Listen, "listen"),
        (Self::Enqueue, "enqueue"),
        (Self::Transfer, "transfer"),
        (Self::Invoke, "invoke"),
        (Self::Record, "record"),
        (Self::Send, "send"),
        (Self::Timer, "timer"),
        (Self::Cancel, "cancel"),
        (Self::Tag, "tag"),
        (Self::HangUp, "hang-up"),
        (Self::Other, "other"),
    ];

    pub(crate) fn of(effect: &Effect) -> Self {
        match effect {
            Effect::PickUp => Self::PickUp,
            Effect::Play(_) => Self::Play,
            Effect::Gather(_) => Self::Gather,
            Effect::Listen(_) => Self::Listen,
            Effect::Enqueue(_) => Self::Enqueue,
            Effect::Transfer(_) => Self::Transfer,
            Effect::Invoke(_) => Self::Invoke,
            Effect::Record(_) => Self::Record,
            Effect::Send(_) => Self::Send,
            Effect::Timer(_) => Self::Timer,
            Effect::Cancel(_) => Self::Cancel,
            Effect::Tag(_) => Self::Tag,
            Effect::HangUp(_) => Self::HangUp,
            Effect::Other(_) => Self::Other,
        }
    }

    /// As in the contract.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[usize::from(self.number())].1
    }

    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(kind, _)| *kind)
    }
}

/// `what` is an answer or a message: nothing else is written down.
pub(crate) fn write(out: &mut Writer, what: &Happening) {
    match what {
        Happening::Played(whole) => {
            out.byte(0);
            out.byte((*whole).into());
        }
        Happening::Gathered(Digits { digits, ended }) => {
            out.byte(1);
            out.text(digits);
            match ended {
                GatherEnd::Complete => out.byte(0),
                GatherEnd::Terminator => out.byte(1),
                GatherEnd::Timeout => out.byte(2),
                GatherEnd::Other(word) => {
                    out.byte(3);
                    out.text(word);
                }
            }
        }
        Happening::Heard(Speech { text, confidence, language, intent }) => {
            out.byte(2);
            out.text(text);
            out.number((*confidence).into());
            out.text(language);
            out.byte(intent.is_some().into());
            intent.iter().for_each(|intent| out.text(intent));
        }
        Happening::Queue(QueueNews::Connected(agent)) => {
            out.byte(3);
            out.text(agent);
        }
        Happening::Queue(QueueNews::GaveUp(why)) => {
            out.byte(4);
            match why {
                GiveUp::Timeout => out.byte(0),
                GiveUp::Closed => out.byte(1),
                GiveUp::Full => out.byte(2),
                GiveUp::NoAgents => out.byte(3),
                GiveUp::ExitKey(key) => {
                    out.byte(4);
                    out.number((*key).into());
                }
                GiveUp::Other(word) => {
                    out.byte(5);
                    out.text(word);
                }
            }
        }
        Happening::LookedUp(Answer { json }) => {
            out.byte(5);
            out.text(json);
        }
        Happening::Recorded(Recording { id, length_ms }) => {
            out.byte(6);
            out.text(id);
            out.number((*length_ms).into());
        }
        Happening::Transferred(end) => {
            out.byte(7);
            match end {
                TransferEnd::Connected => out.byte(0),
                TransferEnd::Busy => out.byte(1),
                TransferEnd::NoAnswer => out.byte(2),
                TransferEnd::Offline => out.byte(3),
                TransferEnd::Failed(cause) => {
                    out.byte(4);
                    out.number((*cause).into());
                }
                TransferEnd::Other(Open { name, json }) => {
                    out.byte(5);
                    out.text(name);
                    out.text(json);
                }
            }
        }
        Happening::Timer => out.byte(8),
        Happening::Refused(Refusal { code, message, retryable }) => {
            out.byte(9);
            out.text(code);
            out.text(message);
            out.byte((*retryable).into());
        }
        Happening::Message(message) => {
            out.byte(10);
            write_message(out, message);
        }
        Happening::Started(_) | Happening::Queue(_) | Happening::HungUp(_) | Happening::Other(_) => {
            unreachable!("`answers` lets none of these through")
        }
    }
}

pub(crate) fn read(input: &mut Reader<'_>) -> Option<Happening> {
    Some(match input.byte()? {
        0 => Happening::Played(input.flag()?),
        1 => {
            let digits = input.text()?;
            let ended = match input.byte()? {
                0 => GatherEnd::Complete,
                1 => GatherEnd::Terminator,
                2 => GatherEnd::Timeout,
                3 => GatherEnd::Other(input.text()?),
                _ => return None,
            };
            Happening::Gathered(Digits { digits, ended })
        }
        2 => {
            let (text, confidence, language) = (input.text()?, input.small()?, input.text()?);
            let intent = if input.flag()? { Some(input.text()?) } else { None };
            Happening::Heard(Speech { text, confidence, language, intent })
        }
        3 => Happening::Queue(QueueNews::Connected(input.text()?)),
        4 => Happening::Queue(QueueNews::GaveUp(match input.byte()? {
            0 => GiveUp::Timeout,
            1 => GiveUp::Closed,
            2 => GiveUp::Full,
            3 => GiveUp::NoAgents,
            4 => GiveUp::ExitKey(char::from_u32(input.small()?)?),
            5 => GiveUp::Other(input.text()?),
            _ => return None,
        })),
        5 => Happening::LookedUp(Answer { json: input.text()? }),
        6 => Happening::Recorded(Recording { id: input.text()?, length_ms: input.small()? }),
        7 => Happening::Transferred(match input.byte()? {
            0 => TransferEnd::Connected,
            1 => TransferEnd::Busy,
            2 => TransferEnd::NoAnswer,
            3 => TransferEnd::Offline,
            4 => TransferEnd::Failed(input.small()?),
            5 => TransferEnd::Other(Open { name: input.text()?, json: input.text()? }),
            _ => return None,
        }),
        8 => Happening::Timer,
        9 => Happening::Refused(Refusal { code: input.text()?, message: input.text()?, retryable: input.flag()? }),
        10 => Happening::Message(read_message(input)?),
        _ => return None,
    })
}

pub(crate) fn write_message(out: &mut Writer, message: &Message) {
    out.text(&message.id);
    out.text(&message.text);
    out.number(message.attachments.into());
}

pub(crate) fn read_message(input: &mut Reader<'_>) -> Option<Message> {
    Some(Message { id: input.text()?, text: input.text()?, attachments: input.small()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_survives_its_bytes() {
        let gathered = |ended| Happening::Gathered(Digits { digits: "12#".into(), ended });
        let speech = |intent| Speech { text: "你好".into(), confidence: 1_000, language: "zh-CN".into(), intent };
        let gave_up = |why| Happening::Queue(QueueNews::GaveUp(why));
        let all = [
            Happening::Played(true),
            Happening::Played(false),
            gathered(GatherEnd::Complete),
            gathered(GatherEnd::Terminator),
            gathered(GatherEnd::Timeout),
            gathered(GatherEnd::Other("barge".into())),
            Happening::Heard(speech(None)),
            Happening::Heard(speech(Some("sales".into()))),
            Happening::Queue(QueueNews::Connected("anna".into())),
            gave_up(GiveUp::Timeout),
            gave_up(GiveUp::Closed),
            gave_up(GiveUp::Full),
            gave_up(GiveUp::NoAgents),
            gave_up(GiveUp::ExitKey('*')),
            gave_up(GiveUp::Other("storm".into())),
            Happening::LookedUp(Answer { json: "{}".into() }),
            Happening::Recorded(Recording { id: "r".into(), length_ms: u32::MAX }),
            Happening::Transferred(TransferEnd::Connected),
            Happening::Transferred(TransferEnd::Busy),
            Happening::Transferred(TransferEnd::NoAnswer),
            Happening::Transferred(TransferEnd::Offline),
            Happening::Transferred(TransferEnd::Failed(17)),
            Happening::Transferred(TransferEnd::Other(Open { name: "x".into(), json: "1".into() })),
            Happening::Timer,
            Happening::Refused(Refusal { code: "denied".into(), message: String::new(), retryable: true }),
            Happening::Message(Message { id: "m".into(), text: "hi".into(), attachments: 2 }),
        ];
        let read_back = all.clone().map(|what| {
            let mut out = Writer::default();
            write(&mut out, &what);
            read(&mut Reader(&out.0)).unwrap()
        });
        assert_eq!(read_back, all);
    }

    #[test]
    fn a_kinds_number_is_its_place_in_the_list() {
        let places: Vec<_> = (0..14).map(|number| Kind::from_number(number).map(Kind::number)).collect();
        assert_eq!(places, (0..14).map(Some).collect::<Vec<_>>());
    }
}
