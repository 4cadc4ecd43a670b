//! A call that came in and is not led anywhere yet: rules think about it, and what they order is said first.
//!
//! ```text
//!   offered ──no rule──────────────────────────────────────────────────────────▶ led to its target
//!      └▶ judged ──allowed──▶ says (announcement, question) ──▶ listens ──key or 3 s──▶ ┘
//!            └── denied ──▶ ended, 403
//! ```

use std::{collections::VecDeque, time::Duration};

use plugboard_model::{
    EndedBy, LegId, Timestamp,
    compliance::{Consent, Duty},
    flow::Cause,
};

use crate::{
    Call, Context, Ear, Sound, SoundSource, Target,
    flow_run::over_by,
    gate::{Entry, Judged},
    judging::Wish,
};

/// How long after the question a key still refuses.
const KEY_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) target: Target,
    state: State,
    /// What is still to be said.
    duties: VecDeque<Duty>,
}

#[derive(Debug)]
enum State {
    /// Its deadline is the gate's.
    Judged,
    Says {
        play: u64,
        until: Timestamp,
        asks: bool,
    },
    Listens {
        until: Timestamp,
    },
}

impl Door {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Judged => None,
            State::Says { until, .. } | State::Listens { until } => Some(until),
        }
    }

    pub(crate) fn ear(&self) -> Ear {
        match self.state {
            State::Judged => Ear::Judged,
            State::Says { .. } | State::Listens { .. } => Ear::Duty,
        }
    }
}

impl Call {
    /// Has the call judged, where rules are there to do so, and leads it to `target`.
    pub(crate) fn knock(&mut self, now: Timestamp, target: Target, context: &mut Context<'_>) {
        if self.dialled_by.is_some() {
            self.may_answer = Some(Judged::own_phone(self.caller.leg));
            return self.lead_to(now, target, context);
        }
        let leg = self.caller.leg;
        match self.wish(now, Wish::PickUp, context) {
            Entry::Free(wish) => {
                self.may_answer = Some(wish.map(|_| leg));
                self.lead_to(now, target, context);
            }
            Entry::Judging(_) => {
                self.door = Some(Door { target, state: State::Judged, duties: VecDeque::new() });
            }
        }
    }

    pub(crate) fn let_in(&mut self, now: Timestamp, leg: Judged<LegId>, duties: Vec<Duty>, context: &mut Context<'_>) {
        let Some(door) = &mut self.door else { return };
        self.may_answer = Some(leg);
        self.never_record = duties.contains(&Duty::NoRecording);
        door.duties = duties.into_iter().filter(|duty| !matches!(duty, Duty::NoRecording | Duty::Tell)).collect();
        if !door.duties.is_empty() {
            self.pick_up();
        }
        self.next_duty(now, context);
    }

    pub(crate) fn turn_away(&mut self, now: Timestamp, context: &mut Context<'_>) {
        // Q.850 21: call rejected.
        let rejected = Cause::from_q850(21).unwrap_or(Cause::TEMPORARY_FAILURE);
        self.end(now, EndedBy::Host, rejected, context);
    }

    fn next_duty(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(door) = &mut self.door else { return };
        let (name, asks) = match door.duties.pop_front() {
            Some(Duty::Announce(name)) => (name, false),
            Some(Duty::AskConsent(name)) => (name, true),
            // The gate denies what cannot be fulfilled.
            Some(_) => return self.next_duty(now, context),
            None => {
                if let Some(Door { target, .. }) = self.door.take() {
                    self.lead_to(now, target, context);
                }
                return;
            }
        };
        let Some(prompt) = context.configuration.prompt(&name, &self.language).cloned() else {
            // Taken out of the configuration since the rule ordered it: what was not said allows no recording.
            self.never_record = true;
            return self.next_duty(now, context);
        };
        let play = self.play(self.caller.leg, vec![SoundSource::File(prompt.path.to_path_buf())], false);
        if let Some(door) = &mut self.door {
            door.state = State::Says { play, until: over_by(now, prompt.length), asks };
        }
    }

    /// Whether `token` was what a rule ordered.
    pub(crate) fn duty_said(&mut self, now: Timestamp, token: u64, complete: bool, context: &mut Context<'_>) -> bool {
        let Some(door) = &mut self.door else { return false };
        let State::Says { play, asks, .. } = door.state else { return false };
        if play != token {
            return false;
        }
        // What was not said to its end is no announcement and no question.
        self.announced |= complete;
        self.never_record |= !complete;
        if asks && complete {
            door.state = State::Listens { until: now + KEY_WAIT };
        } else {
            self.next_duty(now, context);
        }
        true
    }

    /// A key refuses to be recorded, during the question and shortly after it.
    pub(crate) fn key_at_the_door(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(door) = &self.door else { return };
        match door.state {
            State::Says { play, asks: true, .. } => {
                self.sound(Sound::Stop { leg: self.caller.leg, token: play });
                self.answer_consent(now, Consent::Refused, context);
            }
            State::Listens { .. } => self.answer_consent(now, Consent::Refused, context),
            State::Judged | State::Says { asks: false, .. } => {}
        }
    }

    fn answer_consent(&mut self, now: Timestamp, consent: Consent, context: &mut Context<'_>) {
        self.consent = consent;
        self.never_record |= consent == Consent::Refused;
        let word = if consent == Consent::Given { "given" } else { "refused" };
        self.note(now, "recording-consent".into(), word.into(), context);
        self.next_duty(now, context);
    }

    pub(crate) fn door_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(door) = self.door.as_ref().filter(|door| door.deadline().is_some_and(|until| now >= until)) else {
            return;
        };
        match door.state {
            State::Says { play, .. } => {
                // Nobody told that it ended: it may or may not have been heard, so it counts as not said.
                self.sound(Sound::Stop { leg: self.caller.leg, token: play });
                self.duty_said(now, play, false, context);
            }
            State::Listens { .. } => self.answer_consent(now, Consent::Given, context),
            State::Judged => {}
        }
    }
}
