//! Short ways to say what is asked for. All fields are open: `Gather { secret: true, ..Gather::keys(16) }`.

use std::time::Duration;

use super::{Announce, Enqueue, Gather, Listen, Mailbox, Prompt, Record, SkillNeed, Source};

/// Whole milliseconds, at most `most`.
pub(crate) fn millis(time: Duration, most: u32) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).min(most)
}

/// Nothing yet, in the caller's language; a key stops it.
#[allow(clippy::derivable_impls, reason = "the record is generated")]
impl Default for Prompt {
    fn default() -> Self {
        Self { sources: Vec::new(), language: String::new(), barge_in: true }
    }
}

/// A prompt file.
impl From<&str> for Prompt {
    fn from(file: &str) -> Self {
        Self::default().file(file)
    }
}

/// A prompt file.
impl From<String> for Prompt {
    fn from(file: String) -> Self {
        Self::default().and(Source::File(file))
    }
}

impl Prompt {
    #[must_use]
    pub fn file(self, name: &str) -> Self {
        self.and(Source::File(name.into()))
    }

    /// To be spoken. At most 1,000 bytes.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.and(Source::Text(text.into()))
    }

    /// Read one by one. At most 64.
    #[must_use]
    pub fn digits(self, digits: &str) -> Self {
        self.and(Source::Digits(digits.into()))
    }

    /// Read as a number.
    #[must_use]
    pub fn number(self, number: u32) -> Self {
        self.and(Source::Number(number))
    }

    /// The caller's place in the queue.
    #[must_use]
    pub fn position(self) -> Self {
        self.and(Source::Position)
    }

    /// At most 16 sources.
    #[must_use]
    pub fn and(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// No key stops it: for what the law wants heard.
    #[must_use]
    pub fn to_the_end(mut self) -> Self {
        self.barge_in = false;
        self
    }
}

impl Gather {
    /// Up to so many keys, 1 to 64; `#` ends them, 5 s for the first and 3 s for each further one.
    #[must_use]
    pub fn keys(most: u8) -> Self {
        Self {
            prompt: None,
            max_digits: most,
            first_ms: 5_000,
            between_ms: 3_000,
            terminators: "#".into(),
            secret: false,
        }
    }

    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<Prompt>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// For the first key, from the end of the prompt. At most 2 minutes.
    #[must_use]
    pub fn first(mut self, time: Duration) -> Self {
        self.first_ms = millis(time, 120_000);
        self
    }
}

impl Listen {
    /// 5 s to begin, 15 s in all.
    #[must_use]
    pub fn after(prompt: impl Into<Prompt>) -> Self {
        Self { prompt: Some(prompt.into()), first_ms: 5_000, max_ms: 15_000, grammar: None }
    }
}

/// That queue, priority 5, its own limit and its own music.
impl From<&str> for Enqueue {
    fn from(queue: &str) -> Self {
        Self::to(queue)
    }
}

impl Enqueue {
    #[must_use]
    pub fn to(queue: &str) -> Self {
        Self {
            queue: queue.into(),
            priority: 5,
            skills: Vec::new(),
            timeout_ms: None,
            hold_music: None,
            announce: None,
            exit_keys: String::new(),
        }
    }

    /// 0 to 9, 9 first.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// All are needed, at most 16; `level` 1 to 10.
    #[must_use]
    pub fn skill(mut self, skill: &str, level: u8) -> Self {
        self.skills.push(SkillNeed { skill: skill.into(), level });
        self
    }

    /// Gives up after so long.
    #[must_use]
    pub fn at_most(mut self, time: Duration) -> Self {
        self.timeout_ms = Some(millis(time, u32::MAX));
        self
    }

    /// Interrupts the music each time so much has passed, 5 s or more.
    #[must_use]
    pub fn announce(mut self, every: Duration, prompt: impl Into<Prompt>) -> Self {
        self.announce = Some(Announce { every_ms: millis(every, u32::MAX), prompt: prompt.into() });
        self
    }

    /// Keys that leave the queue.
    #[must_use]
    pub fn exit_keys(mut self, keys: &str) -> Self {
        self.exit_keys = keys.into();
        self
    }
}

impl Record {
    /// After a beep, until `#`, 5 s of silence, or so long: 10 minutes at most.
    #[must_use]
    pub fn at_most(time: Duration) -> Self {
        Self { max_ms: millis(time, 600_000), silence_ms: 5_000, beep: true, end_keys: "#".into(), mailbox: None }
    }

    /// Whose voicemail it is.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailbox = Some(mailbox);
        self
    }
}
