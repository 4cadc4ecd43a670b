//! The interaction, from the author's side.

use std::{
    cell::{RefCell, RefMut},
    fmt,
    rc::Rc,
    time::Duration,
};

use super::{
    Ask, Digits, Effect, Enqueue, Gather, Happening, Invoke, Listen, Message, Outgoing, Prompt, QueueEnd, QueueNews,
    Record, Recording, Setting, Speech, Start, Target, Transfer, TransferEnd, ask, effect::millis, talk::Talk,
};
use crate::{Level, contract::flow::exports::plugboard::plugin::flow_types::Open};

/// The longest timer of the contract: a day.
const DAY_MS: u32 = 86_400_000;
/// The longest wait for a connector.
const INVOKE_MS: u32 = 10_000;

/// One call, chat, SMS or e-mail. Cheap to clone.
#[derive(Clone)]
pub struct Call(Rc<RefCell<Talk>>);

impl Call {
    pub(crate) fn new(talk: Talk) -> Self {
        Self(Rc::new(RefCell::new(talk)))
    }

    /// Never across an `await`, nor while anything of the author's is run or dropped.
    pub(crate) fn talk(&self) -> RefMut<'_, Talk> {
        self.0.borrow_mut()
    }

    fn wait<T>(&self, what: Effect, read: fn(Happening) -> Option<T>) -> Ask<T> {
        let token = self.talk().ask_and_wait(what);
        Ask::new(self.0.clone(), token, read)
    }

    fn spoken(&self, prompt: impl Into<Prompt>) -> Prompt {
        let mut prompt = prompt.into();
        if prompt.language.is_empty() {
            prompt.language = self.talk().language().into();
        }
        prompt
    }

    /// Answers the line. Asking twice is harmless.
    pub fn pick_up(&self) {
        self.talk().ask(Effect::PickUp);
    }

    /// A file by its name, or a [`Prompt`]. True if it was heard to its end, false if a key stopped it.
    pub fn play(&self, prompt: impl Into<Prompt>) -> Ask<bool> {
        let prompt = self.spoken(prompt);
        self.wait(Effect::Play(prompt), |what| match what {
            Happening::Played(whole) => Some(whole),
            _ => None,
        })
    }

    /// Waits for keys; none is an answer too ([`Digits::is_empty`]). Digits of a `secret` gather stand in the state until the flow, or the round of
    /// [`Call::repeat`], is over.
    pub fn gather(&self, mut gather: Gather) -> Ask<Digits> {
        gather.prompt = gather.prompt.map(|prompt| self.spoken(prompt));
        self.wait(Effect::Gather(gather), |what| match what {
            Happening::Gathered(digits) => Some(digits),
            _ => None,
        })
    }

    /// Waits for speech.
    pub fn listen(&self, mut listen: Listen) -> Ask<Speech> {
        listen.prompt = listen.prompt.map(|prompt| self.spoken(prompt));
        self.wait(Effect::Listen(listen), |what| match what {
            Happening::Heard(speech) => Some(speech),
            _ => None,
        })
    }

    /// Stands in a queue, by its name or by an [`Enqueue`], until an agent takes the call or the wait ends.
    pub fn queue(&self, place: impl Into<Enqueue>) -> Ask<QueueEnd> {
        let mut place = place.into();
        if let Some(announce) = &mut place.announce {
            announce.prompt = self.spoken(announce.prompt.clone());
        }
        self.wait(Effect::Enqueue(place), |what| match what {
            Happening::Queue(QueueNews::Connected(agent)) => Some(QueueEnd::Connected(agent)),
            Happening::Queue(QueueNews::GaveUp(why)) => Some(QueueEnd::GaveUp(why)),
            _ => None,
        })
    }

    /// To an agent, a number or another flow; `ring` is 1 s to 2 minutes. A flow is never answered by but a refusal: await it, and that was it.
    pub fn transfer(&self, to: Target, ring: Duration) -> Ask<TransferEnd> {
        let ring_ms = millis(ring, 120_000);
        self.wait(Effect::Transfer(Transfer { to, ring_ms }), |what| match what {
            Happening::Transferred(end) => Some(end),
            _ => None,
        })
    }

    /// Asks a connector, with JSON of the operation's schema, and is answered with JSON. `timeout` is at most 10 s. The answer stands in the state:
    /// ask for what is needed, not for all there is.
    pub fn invoke(&self, connector: &str, operation: &str, json: &str, timeout: Duration) -> Ask<String> {
        let invoke = Invoke {
            connector: connector.into(),
            operation: operation.into(),
            json: json.into(),
            timeout_ms: millis(timeout, INVOKE_MS),
        };
        self.wait(Effect::Invoke(invoke), |what| match what {
            Happening::LookedUp(answer) => Some(answer.json),
            _ => None,
        })
    }

    /// Records the caller alone.
    pub fn record(&self, record: Record) -> Ask<Recording> {
        self.wait(Effect::Record(record), |what| match what {
            Happening::Recorded(recording) => Some(recording),
            _ => None,
        })
    }

    /// At most a day.
    pub fn timer(&self, time: Duration) -> Ask<()> {
        self.wait(Effect::Timer(millis(time, DAY_MS)), |what| match what {
            Happening::Timer => Some(()),
            _ => None,
        })
    }

    /// The next message of the other side. Those that came before anybody asked are kept, [`super::MOST_UNREAD`] of them, 8 KiB of text each.
    pub async fn message(&self) -> Message {
        ask::message(&self.0).await
    }

    /// Sends a message. At most 4 KiB.
    pub fn send(&self, text: &str) {
        self.talk().ask(Effect::Send(Outgoing { text: text.into(), template: None }));
    }

    /// Something that this version of the contract has no name for; answered by nothing but a refusal.
    pub fn other(&self, name: &str, json: &str) {
        self.talk().ask(Effect::Other(Open { name: name.into(), json: json.into() }));
    }

    /// Stands on the interaction's record: `name` at most 64 bytes, `value` at most 1 KiB.
    pub fn tag(&self, name: &str, value: &str) {
        self.talk().ask(Effect::Tag(Setting { name: name.into(), value: value.into() }));
    }

    /// The language of all that is played and spoken from here on, BCP 47.
    pub fn set_language(&self, language: &str) {
        self.tag("language", language);
        self.talk().set_language(language);
    }

    /// Hangs up: Q.850 cause, 16 for the ordinary end. The last thing to ask.
    pub fn hang_up(&self, cause: u16) {
        self.talk().ask(Effect::HangUp(cause));
    }

    /// What is known from the beginning.
    pub fn start(&self) -> Start {
        self.talk().pages.start.clone()
    }

    /// What the network claims; empty when withheld.
    pub fn caller(&self) -> String {
        self.talk().pages.start.caller.clone()
    }

    pub fn called(&self) -> String {
        self.talk().pages.start.called.clone()
    }

    pub fn language(&self) -> String {
        self.talk().language().into()
    }

    /// Filled in by the tenant's administrator.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.talk().setting(name).map(Into::into)
    }

    /// Unix milliseconds of the event that is being heard; the same at each re-run.
    pub fn now_ms(&self) -> u64 {
        self.talk().now().at_ms
    }

    /// What the clock on the wall shows at the interaction's site.
    pub fn wall_clock(&self) -> WallClock {
        let now = self.talk().now();
        let minutes = i64::try_from(now.at_ms / 60_000).unwrap_or(i64::MAX / 2);
        WallClock { minutes: minutes + i64::from(now.utc_offset_min) }
    }

    /// Where the caller is from here on: stands in the trail of the interaction, in the guard's words, and in [`super::Parting::stage`]. At most 64
    /// bytes.
    pub fn stage(&self, name: &str) {
        self.talk().enter_stage(name);
    }

    /// Writes a line once, however often the function is run again. Never what a caller said, pressed or is called.
    pub fn log(&self, level: Level, message: &str) {
        if self.talk().is_live() {
            crate::log(level, message);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

/// Day and minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock {
    /// Since 1970-01-01 00:00.
    minutes: i64,
}

impl WallClock {
    /// 1 Monday to 7 Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        let days = self.minutes.div_euclid(1_440) + 3;
        u8::try_from(days.rem_euclid(7)).expect("below 7") + 1
    }

    /// 0 to 1,439.
    pub fn minute_of_day(self) -> u16 {
        u16::try_from(self.minutes.rem_euclid(1_440)).expect("below 1,440")
    }

    /// From the first full hour to before the second.
    pub fn is_between(self, from_hour: u16, to_hour: u16) -> bool {
        (from_hour * 60..to_hour * 60).contains(&self.minute_of_day())
    }
}
