//! The caller's ear and keys: prompts, digits and messages that a flow asked for, one at a time.

use std::time::Duration;

use plugboard_model::{
    EventKind, RecordingId, Timestamp,
    flow::{Digits, Gather, GatherEnd, Happening, Prompt, Record, Recording, RefusalCode, Source, Token},
};

use super::{CLOSING, Current, MOST_QUEUED, MOST_TYPED, OnLeg};
use crate::{
    Call, Context, Sides, Sound, SoundSource,
    gate::{Entry, Judged, JudgingId, PROOF_LIMIT},
    judging::Wish,
};

/// The tone before a message is shorter.
const BEEP: Duration = Duration::from_secs(1);
/// A play's end that is later than this and an eighth of its length is not coming. The first caller of a prompt waits for the file to be read and
/// resampled, which takes less than a hundredth of its length; the rest is for a machine with more work than it can do.
const LATE: Duration = Duration::from_secs(5);

/// When a play of this length that begins now is surely over.
pub(crate) fn over_by(now: Timestamp, length: Duration) -> Timestamp {
    now + length + length / 8 + LATE
}

/// What a prompt comes down to.
#[derive(Debug, Default)]
struct Sounds {
    sources: Vec<SoundSource>,
    length: Duration,
}

impl Sounds {
    fn push(&mut self, prompt: &plugboard_model::Prompt) {
        self.sources.push(SoundSource::File(prompt.path.to_path_buf()));
        self.length += prompt.length;
    }

    fn over_by(&self, now: Timestamp) -> Timestamp {
        over_by(now, self.length)
    }
}

impl Current {
    pub(super) fn until(&self) -> Timestamp {
        match self {
            Self::Play { until, .. }
            | Self::Gather { until, .. }
            | Self::Judged { until, .. }
            | Self::Beep { until, .. }
            | Self::Record { until, .. }
            | Self::Announcement { until, .. } => *until,
        }
    }
}

impl Call {
    pub(super) fn queue_on_leg(&mut self, now: Timestamp, token: Token, what: OnLeg, context: &mut Context<'_>) {
        self.pick_up();
        let Some(flow) = &mut self.flow else { return };
        if flow.queued.len() >= MOST_QUEUED {
            return self.refuse(now, token, RefusalCode::Limit, "too much is queued for the leg", context);
        }
        flow.queued.push_back((token, what));
    }

    pub(crate) fn leg_is_busy(&self) -> bool {
        self.exception.is_some()
            || self.flow.as_ref().is_some_and(|flow| flow.current.is_some() || !flow.queued.is_empty())
    }

    pub(super) fn next_on_leg(&mut self, now: Timestamp, context: &mut Context<'_>) {
        while !self.ended && self.talk.is_none() {
            let Some(flow) = self.flow.as_mut().filter(|flow| flow.current.is_none()) else { return };
            let Some((token, what)) = flow.queued.pop_front() else { return self.ensure_music(context) };
            match what {
                OnLeg::Play(prompt) => match self.sounds(&prompt, context) {
                    Ok(sounds) if sounds.sources.is_empty() => {
                        self.tell(now, Some(token), false, Happening::Played { to_the_end: true }, context);
                    }
                    Ok(sounds) => {
                        let until = sounds.over_by(now);
                        let play = self.play_over_music(sounds.sources);
                        self.set_current(Current::Play { token, play, barge_in: prompt.barge_in, until });
                    }
                    Err(missing) => self.prompt_missing(now, token, &missing, context),
                },
                OnLeg::Gather(gather) => self.begin_gather(now, token, gather, context),
                OnLeg::Record(record) => self.ask_to_record(now, token, record, context),
            }
        }
    }

    fn ask_to_record(&mut self, now: Timestamp, token: Token, record: Record, context: &mut Context<'_>) {
        if self.never_record {
            return self.refuse(now, token, RefusalCode::Denied, "this caller is not recorded", context);
        }
        match self.wish(now, Wish::Message(record), context) {
            Entry::Free(record) => self.may_record(now, token, record, context),
            Entry::Judging(judging) => {
                // A backstop: the gate has deadlines of its own.
                self.set_current(Current::Judged { token, judging, until: now + 3 * PROOF_LIMIT });
            }
        }
    }

    /// The rules allow the message that they were asked about.
    pub(crate) fn message_allowed(
        &mut self,
        now: Timestamp,
        judging: JudgingId,
        wish: Judged<Wish>,
        context: &mut Context<'_>,
    ) {
        if let Some(token) = self.judged_message(judging) {
            self.may_record(now, token, wish, context);
        }
    }

    pub(crate) fn message_denied(
        &mut self,
        now: Timestamp,
        judging: JudgingId,
        reason: &str,
        context: &mut Context<'_>,
    ) {
        if let Some(token) = self.judged_message(judging) {
            self.refuse(now, token, RefusalCode::Denied, reason, context);
            self.next_on_leg(now, context);
        }
    }

    fn judged_message(&mut self, judging: JudgingId) -> Option<Token> {
        let current = &mut self.flow.as_mut()?.current;
        let own = current.take_if(|current| matches!(current, Current::Judged { judging: own, .. } if *own == judging));
        match own? {
            Current::Judged { token, .. } => Some(token),
            _ => None,
        }
    }

    fn may_record(&mut self, now: Timestamp, token: Token, wish: Judged<Wish>, context: &mut Context<'_>) {
        let leg = self.caller.leg;
        let Wish::Message(record) = wish.what() else { return };
        let record = record.clone();
        let sides = wish.map(|_| Sides { left: leg, right: None });
        if record.beep {
            let play = self.play_over_music(vec![SoundSource::Beep]);
            let until = over_by(now, BEEP);
            self.set_current(Current::Beep { token, play, record, sides, until });
        } else {
            self.begin_record(now, token, record, sides, context);
        }
    }

    fn set_current(&mut self, current: Current) {
        if let Some(flow) = &mut self.flow {
            flow.current = Some(current);
        }
    }

    /// A new play replaces what sounds; the music is asked for again when the leg is idle.
    fn play_over_music(&mut self, sources: Vec<SoundSource>) -> u64 {
        self.music = None;
        self.play(self.caller.leg, sources, false)
    }

    fn begin_gather(&mut self, now: Timestamp, token: Token, gather: Gather, context: &mut Context<'_>) {
        let barge_in = gather.prompt.as_ref().is_none_or(|prompt| prompt.barge_in);
        let typed = match &mut self.flow {
            Some(flow) if barge_in => std::mem::take(&mut flow.typed),
            Some(flow) => {
                flow.typed.clear();
                String::new()
            }
            None => return,
        };
        let sounds = match gather.prompt.as_ref().map(|prompt| self.sounds(prompt, context)) {
            Some(Err(missing)) => return self.prompt_missing(now, token, &missing, context),
            Some(Ok(sounds)) => sounds,
            None => Sounds::default(),
        };
        // Whoever typed ahead has heard this prompt before.
        let (prompt, until) = if typed.is_empty() && !sounds.sources.is_empty() {
            let until = sounds.over_by(now);
            (Some(self.play_over_music(sounds.sources)), until)
        } else {
            (None, now + Duration::from_millis(gather.first_ms.into()))
        };
        self.set_current(Current::Gather { token, gather, prompt, digits: String::new(), until });
        for digit in typed.chars() {
            self.digit(now, digit, context);
        }
    }

    fn begin_record(
        &mut self,
        now: Timestamp,
        token: Token,
        record: Record,
        sides: Judged<Sides>,
        context: &mut Context<'_>,
    ) {
        let recording = context.ids.recording();
        let until = now + Duration::from_millis(record.max_ms.into());
        self.set_current(Current::Record { token, recording, until, end_keys: record.end_keys, stopping: false });
        self.sound(Sound::Record { recording, sides });
        self.keep_for_days(recording);
    }

    pub(crate) fn digit(&mut self, now: Timestamp, digit: char, context: &mut Context<'_>) {
        if self.door.is_some() {
            return self.key_at_the_door(now, context);
        }
        let leg = self.caller.leg;
        let current = self.flow.as_mut().and_then(|flow| flow.current.as_mut());
        match current {
            Some(Current::Gather { gather, prompt, .. }) => {
                if let Some(play) = *prompt {
                    if !gather.prompt.as_ref().is_none_or(|prompt| prompt.barge_in) {
                        return;
                    }
                    *prompt = None;
                    self.output_stop(leg, play);
                }
                let Some(Current::Gather { gather, digits, until, .. }) =
                    self.flow.as_mut().and_then(|flow| flow.current.as_mut())
                else {
                    return;
                };
                if gather.terminators.contains(digit) {
                    return self.gathered(now, GatherEnd::Terminator, context);
                }
                digits.push(digit);
                *until = now + Duration::from_millis(gather.between_ms.into());
                if digits.len() >= usize::from(gather.max_digits) {
                    self.gathered(now, GatherEnd::Complete, context);
                }
            }
            Some(Current::Record { recording, until, end_keys, stopping, .. }) => {
                if end_keys.contains(digit) && !*stopping {
                    *stopping = true;
                    *until = now + CLOSING;
                    let recording = *recording;
                    self.sound(Sound::StopRecording { recording });
                }
            }
            current => {
                let barged = match current {
                    Some(Current::Play { play, barge_in: true, .. }) => Some(*play),
                    _ => None,
                };
                if self.talk.is_some() || self.exit_by_key(now, digit, context) {
                    return;
                }
                let Some(flow) = &mut self.flow else { return };
                if flow.typed.len() < MOST_TYPED {
                    flow.typed.push(digit);
                }
                if let Some(play) = barged {
                    self.output_stop(leg, play);
                }
            }
        }
    }

    fn output_stop(&mut self, leg: plugboard_model::LegId, token: u64) {
        self.sound(Sound::Stop { leg, token });
    }

    pub(super) fn gathered(&mut self, now: Timestamp, ended: GatherEnd, context: &mut Context<'_>) {
        let Some(Current::Gather { token, digits, .. }) = self.flow.as_mut().and_then(|flow| flow.current.take())
        else {
            return;
        };
        self.tell(now, Some(token), false, Happening::Gathered(Digits { digits, ended }), context);
        self.next_on_leg(now, context);
    }

    pub(crate) fn play_ended(&mut self, now: Timestamp, token: u64, complete: bool, context: &mut Context<'_>) {
        if self.apology_ended(now, token, context) || self.duty_said(now, token, complete, context) {
            return;
        }
        if self.music == Some(token) {
            self.music = None;
            return;
        }
        let Some(flow) = &mut self.flow else { return };
        match &mut flow.current {
            Some(Current::Play { token: action, play, .. }) if *play == token => {
                let action = *action;
                flow.current = None;
                self.tell(now, Some(action), false, Happening::Played { to_the_end: complete }, context);
                self.next_on_leg(now, context);
            }
            Some(Current::Gather { gather, prompt, until, .. }) if *prompt == Some(token) => {
                *prompt = None;
                *until = now + Duration::from_millis(gather.first_ms.into());
            }
            Some(Current::Beep { play, .. }) if *play == token => {
                if let Some(Current::Beep { token, record, sides, .. }) = flow.current.take() {
                    self.begin_record(now, token, record, sides, context);
                }
            }
            Some(Current::Announcement { play, .. }) if *play == token => {
                flow.current = None;
                self.next_on_leg(now, context);
            }
            _ => {}
        }
    }

    pub(crate) fn play_failed(&mut self, now: Timestamp, token: u64, reason: &str, context: &mut Context<'_>) {
        if self.apology_ended(now, token, context) || self.duty_said(now, token, false, context) {
            return;
        }
        if self.music == Some(token) {
            // Silence is better than asking for the same broken file again and again.
            return;
        }
        let Some(flow) = &mut self.flow else { return };
        let failed = flow.current.take_if(|current| match current {
            Current::Play { play, .. } | Current::Beep { play, .. } | Current::Announcement { play, .. } => {
                *play == token
            }
            Current::Gather { prompt, .. } => *prompt == Some(token),
            Current::Judged { .. } | Current::Record { .. } => false,
        });
        match failed {
            Some(Current::Play { token, .. } | Current::Gather { token, .. }) => {
                self.prompt_failed(now, token, "", reason, context);
            }
            Some(Current::Beep { token, record, sides, .. }) => self.begin_record(now, token, record, sides, context),
            _ => {}
        }
        self.next_on_leg(now, context);
    }

    /// Whatever uses the ear has outlasted its time.
    ///
    /// That a play has ended may be lost where the host is overloaded, and so may the play itself. Then it counts as heard: the caller goes on through
    /// the flow, at worst without one sentence, and does not stand in silence until the call's longest length has passed.
    pub(super) fn ear_is_overdue(&mut self, now: Timestamp, context: &mut Context<'_>) {
        match self.flow.as_mut().and_then(|flow| flow.current.as_mut()) {
            Some(
                Current::Play { play, .. }
                | Current::Beep { play, .. }
                | Current::Announcement { play, .. }
                | Current::Gather { prompt: Some(play), .. },
            ) => {
                let play = *play;
                // Should it sound after all, it must not run into what comes next.
                self.output_stop(self.caller.leg, play);
                self.play_ended(now, play, true, context);
            }
            Some(Current::Gather { prompt: None, .. }) => self.gathered(now, GatherEnd::Timeout, context),
            Some(Current::Judged { judging, .. }) => {
                let judging = *judging;
                self.abandon(judging);
                self.message_denied(now, judging, "no rule decides", context);
            }
            Some(Current::Record { until, recording, stopping, .. }) => {
                let recording = *recording;
                if std::mem::replace(stopping, true) {
                    self.message_recorded(now, recording, None, context);
                } else {
                    *until = now + CLOSING;
                    self.sound(Sound::StopRecording { recording });
                }
            }
            None => {}
        }
    }

    fn prompt_missing(&mut self, now: Timestamp, token: Token, prompt: &str, context: &mut Context<'_>) {
        self.prompt_failed(now, token, prompt, "not among the tenant's prompts", context);
    }

    /// `prompt` is empty where the media plane names the file in `reason`.
    fn prompt_failed(&mut self, now: Timestamp, token: Token, prompt: &str, reason: &str, context: &mut Context<'_>) {
        self.fact(EventKind::PromptFailed { interaction: self.id, prompt: prompt.into(), reason: reason.into() });
        let message = if prompt.is_empty() { reason } else { prompt };
        self.refuse(now, token, RefusalCode::PromptMissing, message, context);
    }

    /// The files of a prompt, or the name of the first one that is missing.
    fn sounds(&self, prompt: &Prompt, context: &Context<'_>) -> Result<Sounds, String> {
        let mut sounds = Sounds { sources: Vec::with_capacity(prompt.sources.len()), length: Duration::ZERO };
        let language = if prompt.language.is_empty() { &self.language } else { &prompt.language };
        let mut file = |name: &str| match context.configuration.prompt(name, language) {
            Some(prompt) => {
                sounds.push(prompt);
                Ok(())
            }
            None => Err(name.to_owned()),
        };
        for source in &prompt.sources {
            match source {
                Source::File(name) => file(name)?,
                Source::Digits(digits) => {
                    for digit in digits.chars().filter(char::is_ascii_digit) {
                        file(&format!("digits/{digit}"))?;
                    }
                }
                Source::Number(number) => read_digits(*number, &mut file)?,
                Source::Position => {
                    if let Some(place) = context.place(self.id) {
                        read_digits(place.position, &mut file)?;
                    }
                }
                Source::Other(open) if open.name == "callers-ahead" => {
                    match context.place(self.id).map(|place| place.position) {
                        // Position 0 is whoever is being offered to an agent.
                        Some(0 | 1) => {
                            let next: String = serde_json::from_str(&open.json).map_err(|_| open.name.clone())?;
                            let next = context.configuration.prompt(&next, language).ok_or(next)?;
                            let mut sounds = Sounds::default();
                            sounds.push(next);
                            return Ok(sounds);
                        }
                        Some(position) => read_digits(position - 1, &mut file)?,
                        None => {}
                    }
                }
                Source::Text(_) => return Err("text (no speech engine is configured)".to_owned()),
                Source::Other(open) => return Err(open.name.clone()),
            }
        }
        Ok(sounds)
    }

    pub(crate) fn announce(&mut self, now: Timestamp, prompt: &Prompt, context: &mut Context<'_>) {
        if self.flow.as_ref().is_none_or(|flow| flow.current.is_some()) {
            return;
        }
        if let Ok(sounds) = self.sounds(prompt, context)
            && !sounds.sources.is_empty()
        {
            let until = sounds.over_by(now);
            let play = self.play_over_music(sounds.sources);
            self.set_current(Current::Announcement { play, until });
        }
    }

    /// The caller is with somebody else now: whatever the flow was playing or waiting for stops.
    pub(crate) fn silence_flow(&mut self) {
        let Some(flow) = &mut self.flow else { return };
        flow.queued.clear();
        flow.typed.clear();
        match flow.current.take() {
            Some(
                Current::Play { play, .. }
                | Current::Beep { play, .. }
                | Current::Announcement { play, .. }
                | Current::Gather { prompt: Some(play), .. },
            ) => self.sound(Sound::Stop { leg: self.caller.leg, token: play }),
            Some(Current::Record { recording, .. }) => self.sound(Sound::StopRecording { recording }),
            Some(Current::Judged { judging, .. }) => self.abandon(judging),
            Some(Current::Gather { prompt: None, .. }) | None => {}
        }
    }

    pub(crate) fn message_being_recorded(&mut self) -> Option<RecordingId> {
        match self.flow.as_mut().and_then(|flow| flow.current.as_mut()) {
            Some(Current::Record { recording, stopping, .. }) if !*stopping => {
                *stopping = true;
                Some(*recording)
            }
            _ => None,
        }
    }

    pub(crate) fn message_recorded(
        &mut self,
        now: Timestamp,
        recording: RecordingId,
        length: Option<Duration>,
        context: &mut Context<'_>,
    ) {
        let Some(flow) = &mut self.flow else { return };
        let own = flow
            .current
            .take_if(|current| matches!(current, Current::Record { recording: own, .. } if *own == recording));
        let Some(Current::Record { token, .. }) = own else { return };
        match length {
            Some(length) => {
                let length_ms = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
                let recorded = Recording { id: recording, length_ms };
                self.tell(now, Some(token), false, Happening::Recorded(recorded), context);
            }
            None => self.refuse(now, token, RefusalCode::Failed, "the recording could not be written", context),
        }
        self.next_on_leg(now, context);
    }
}

/// Reads `number` digit by digit, or as one file (`numbers/12`) is not asked for: digits are always there.
fn read_digits(number: u32, file: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<(), String> {
    number.to_string().chars().try_for_each(|digit| file(&format!("digits/{digit}")))
}
