//! The last word, once the caller is gone.

use std::fmt;

use super::{Call, Effect, End, Setting, Start, journal::Moment};

/// An interaction that is over. What may still be done: tags and connectors, neither of which is answered.
pub struct Parting {
    call: Call,
    end: End,
}

impl Parting {
    pub(crate) fn new(call: Call, end: End, at: Moment) -> Self {
        call.talk().part(at);
        Self { call, end }
    }

    /// Why, and who hung up.
    pub fn end(&self) -> End {
        self.end
    }

    /// Where the caller was: the last [`Call::stage`].
    pub fn stage(&self) -> String {
        self.call.talk().stage().into()
    }

    pub fn start(&self) -> Start {
        self.call.start()
    }

    pub fn setting(&self, name: &str) -> Option<String> {
        self.call.setting(name)
    }

    /// Unix milliseconds of the end.
    pub fn now_ms(&self) -> u64 {
        self.call.now_ms()
    }

    /// As [`Call::tag`].
    pub fn tag(&self, name: impl AsRef<str>, value: impl AsRef<str>) {
        let setting = Setting { name: name.as_ref().into(), value: value.as_ref().into() };
        self.call.talk().ask(Effect::Tag(setting));
    }

    /// Tells a connector; what it answers is heard by nobody.
    pub fn invoke(&self, connector: &str, operation: &str, json: &str) {
        let invoke = super::Invoke {
            connector: connector.into(),
            operation: operation.into(),
            json: json.into(),
            timeout_ms: 10_000,
        };
        self.call.talk().ask(Effect::Invoke(invoke));
    }
}

impl fmt::Debug for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parting").field("end", &self.end).finish_non_exhaustive()
    }
}
