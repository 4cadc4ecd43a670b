//! One interaction from its begin to its end: what the flow asks for is answered as a host would, by a seed.

use plugboard_model::{
    AgentId, InteractionId, RecordingId, Timestamp,
    flow::{
        self, Action, Cause, Channel, Digits, Direction, Effect, End, Event, Failure, FailureCode, GatherEnd, GaveUp,
        Happening, Message, Open, Place, QueueNews, Recording, Refusal, RefusalCode, Speech, Start, Token, TransferEnd,
    },
};

use crate::{
    Answer, Ask, Ended, Kind, Question, Settings,
    exam::Exam,
    hostile::{Chance, json, texts},
};

/// Events of one call, the end included.
const MOST_EVENTS: u32 = 48;
/// Who calls: as networks tell it.
const CALLERS: [&str; 5] = ["+8613800000000", "", "anonymous", "+1 (555) 010-9999;ext=\"7\"", "sip:张三@例子.测试"];

pub(crate) struct Walk {
    settings: Settings,
    seed: u64,
    chance: Chance,
    state: Vec<u8>,
    seq: u32,
    /// What was asked for and is not answered yet.
    open: Vec<Action>,
    last_token: Option<Token>,
}

impl Walk {
    pub(crate) fn of(settings: &Settings, seed: u64) -> Self {
        Self {
            settings: settings.clone(),
            seed,
            chance: Chance::of(seed),
            state: Vec::new(),
            seq: 0,
            open: Vec::new(),
            last_token: None,
        }
    }

    /// To the end of the call, or to the first step without an answer. Gives the states that it went through.
    pub(crate) fn go(mut self, exam: &mut Exam<'_>, channel: Channel) -> Vec<Vec<u8>> {
        let caller = CALLERS[self.chance.below(CALLERS.len())];
        let mut next = Some(begin(channel, caller));
        let mut states = Vec::new();
        while let Some(event) = next.take() {
            let is_over = matches!(event.what, Happening::HungUp(_));
            let Some(hangs_up) = self.step(exam, event) else { break };
            states.push(self.state.clone());
            if !is_over {
                next = Some(if hangs_up { self.hung_up(false) } else { self.happens() });
            }
        }
        states
    }

    /// Whether the flow ended the call; `None`: it gave no answer.
    fn step(&mut self, exam: &mut Exam<'_>, event: Event) -> Option<bool> {
        let case = format!("call {}, event {}", self.seed, self.seq);
        let (is_unknown, is_over) =
            (matches!(event.what, Happening::Other(_)), matches!(event.what, Happening::HungUp(_)));
        let ask = Ask::Step { state: self.state.clone(), event: Box::new(event) };
        let question = Question::of(&self.settings, ask);
        let stepped = match exam.survives(&case, &question) {
            Ended::Answered(Answer::Stepped(stepped)) => stepped,
            // A word of its own: it gives up on purpose, and the tenant's exception flow takes over.
            Ended::NoAnswer(Failure { code: FailureCode::Other(_), .. }) => return None,
            ended => {
                exam.refused(&case, &question, &ended);
                return None;
            }
        };
        self.state = stepped.state;
        self.seq += 1;
        let mut hangs_up = false;
        for action in stepped.actions {
            if self.last_token.is_some_and(|last| action.token <= last) {
                let last = self.last_token.unwrap_or_default();
                exam.note(Kind::TokenReused, &case, &question, &format!("token {} after {last}", action.token));
            }
            self.last_token = self.last_token.max(Some(action.token));
            let name = shown(&action.what);
            if is_unknown {
                exam.note(Kind::ActsOnUnknown, &case, &question, &name);
            }
            if is_over && !matches!(action.what, Effect::Tag(_) | Effect::Invoke(_) | Effect::Other(_)) {
                exam.note(Kind::ActsAfterHangUp, &case, &question, &name);
            }
            match action.what {
                Effect::HangUp { .. } => hangs_up = true,
                // Another flow has the call from there on.
                Effect::Transfer(flow::Transfer { to: flow::Target::Flow(_), .. }) => hangs_up = true,
                Effect::Cancel(token) => self.open.retain(|open| open.token != token),
                Effect::PickUp | Effect::Tag(_) | Effect::Send(_) => {}
                what => self.open.push(Action { token: action.token, what }),
            }
        }
        Some(hangs_up)
    }

    fn happens(&mut self) -> Event {
        if self.seq + 1 >= MOST_EVENTS || self.open.is_empty() || self.chance.below(24) == 0 {
            return self.hung_up(true);
        }
        match self.chance.below(20) {
            0 => {
                let open = Open { name: "plugboard-kit.unknown".into(), json: "{}".into() };
                return event(self.seq, None, false, Happening::Other(open));
            }
            1 => {
                let message = Message { id: "m-1".into(), text: self.text(), attachments: 1 };
                return event(self.seq, None, false, Happening::Message(message));
            }
            _ => {}
        }
        let at = self.chance.below(self.open.len());
        let token = self.open[at].token;
        let (what, more) = match self.open[at].what.clone() {
            _ if self.chance.below(8) == 0 => (self.refused(), false),
            effect => self.answer(&effect),
        };
        if !more {
            self.open.remove(at);
        }
        event(self.seq, Some(token), more, what)
    }

    /// Whether more follows for the same token.
    fn answer(&mut self, effect: &Effect) -> (Happening, bool) {
        let what = match effect {
            Effect::Play(_) => Happening::Played { to_the_end: self.chance.below(4) > 0 },
            Effect::Gather(gather) => Happening::Gathered(self.digits(gather.max_digits)),
            Effect::Listen(_) => Happening::Heard(Speech {
                text: self.text(),
                confidence_permille: 700,
                language: "zh-CN".into(),
                intent: None,
            }),
            Effect::Enqueue(_) => return self.queue_news(),
            Effect::Transfer(_) => {
                let failed = TransferEnd::Failed { cause: Cause::TEMPORARY_FAILURE };
                let ends =
                    [TransferEnd::Connected, TransferEnd::Busy, TransferEnd::NoAnswer, TransferEnd::Offline, failed];
                Happening::Transferred(ends[self.chance.below(ends.len())])
            }
            Effect::Invoke(_) => {
                let answers = json();
                let at = self.chance.below(answers.len());
                Happening::LookedUp(flow::Answer { json: answers[at].clone() })
            }
            Effect::Record(_) => Happening::Recorded(Recording { id: RecordingId(9), length_ms: 7_000 }),
            Effect::Timer { .. } => Happening::Timer,
            _ => self.refused(),
        };
        (what, false)
    }

    fn digits(&mut self, most: u8) -> Digits {
        const KEYS: [&str; 12] = ["1", "2", "0", "*", "#", "3", "9", "5", "4", "6", "7", "8"];
        match self.chance.below(4) {
            0 => Digits { digits: String::new(), ended: GatherEnd::Timeout },
            1 => {
                let count = self.chance.below(usize::from(most)) + 1;
                let digits = (0..count).map(|_| KEYS[self.chance.below(KEYS.len())]).collect();
                Digits { digits, ended: GatherEnd::Terminator }
            }
            _ => {
                let digits = (0..most).map(|_| KEYS[self.chance.below(6)]).collect();
                Digits { digits, ended: GatherEnd::Complete }
            }
        }
    }

    fn queue_news(&mut self) -> (Happening, bool) {
        let news = match self.chance.below(10) {
            0..6 => QueueNews::Waiting(Place { position: 3, wait_ms: Some(40_000) }),
            6 => "anna"
                .parse::<AgentId>()
                .map_or(QueueNews::GaveUp(GaveUp::NoAgents), |agent| QueueNews::Connected { agent }),
            7 => QueueNews::GaveUp(GaveUp::Timeout),
            8 => QueueNews::GaveUp(GaveUp::Full),
            _ => QueueNews::GaveUp(GaveUp::ExitKey('1')),
        };
        let more = matches!(news, QueueNews::Waiting(_));
        (Happening::Queue(news), more)
    }

    fn refused(&mut self) -> Happening {
        const CODES: [RefusalCode; 7] = [
            RefusalCode::UnknownEffect,
            RefusalCode::PromptMissing,
            RefusalCode::UnknownTarget,
            RefusalCode::Denied,
            RefusalCode::Limit,
            RefusalCode::Failed,
            RefusalCode::TooLate,
        ];
        let code = CODES[self.chance.below(CODES.len())];
        Happening::Refused(Refusal { code, message: "the kit refuses".into(), retryable: self.chance.below(2) == 0 })
    }

    fn text(&mut self) -> String {
        let mut texts = texts();
        let at = self.chance.below(texts.len());
        texts.swap_remove(at).1
    }

    fn hung_up(&self, by_caller: bool) -> Event {
        event(self.seq, None, false, Happening::HungUp(End { cause: Cause::NORMAL_CLEARING, by_caller }))
    }
}

/// Event 0.
pub(crate) fn begin(channel: Channel, caller: &str) -> Event {
    let start = Start {
        interaction: InteractionId(1),
        channel,
        direction: Direction::Inbound,
        caller: caller.into(),
        called: "8001".into(),
        verified: false,
        language: "zh-CN".into(),
    };
    event(0, None, false, Happening::Started(start))
}

/// Monday 2026-11-23 from 10:00 UTC on, a second each.
pub(crate) fn event(seq: u32, answers: Option<Token>, more: bool, what: Happening) -> Event {
    let at = Timestamp::from_secs(1_795_428_000 + u64::from(seq));
    Event { seq, at, utc_offset_min: 480, answers, more, what }
}

fn shown(effect: &Effect) -> String {
    serde_json::to_string(effect).unwrap_or_default()
}
