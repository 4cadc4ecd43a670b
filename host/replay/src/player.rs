//! Gives another version what the caller and the queues did.

use std::collections::VecDeque;

use plugboard_model::{
    Timestamp,
    flow::{Event, Happening, Stepped, Token},
    tape::{Judged, Run, Said, Step},
};

use crate::{
    Comparison,
    trace::{Asked, End, Trace, Unknown},
    verdicts,
};

/// More steps than any call takes: a version that goes round for ever is stopped.
const MOST_STEPS: u32 = 2_000;

/// What the component is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub state: Vec<u8>,
    pub event: Event,
}

/// Plays one run to another version.
#[derive(Debug)]
pub struct Player {
    /// What is still to come, each with what it answered when it was recorded.
    tape: VecDeque<(Event, Option<Asked>)>,
    was: Trace,
    is: Trace,
    state: Vec<u8>,
    seq: u32,
    /// When the last event was, and where.
    now: Timestamp,
    utc_offset_min: i16,
}

impl Player {
    pub fn new(run: &Run) -> Self {
        let mut was = Trace::of(&run.flow);
        let mut tape = VecDeque::with_capacity(run.steps.len());
        for Step { event, said } in &run.steps {
            let answered = event.answers.and_then(|token| was.asked(token).cloned());
            // Our own hanging up, or the end of a run that another flow or an agent took over, comes of what the old version asked for.
            let is_consequence = matches!(event.what, Happening::HungUp(_)) && was.is_over();
            if !is_consequence {
                was.heard(event);
                was.said(said);
                tape.push_back((event.clone(), answered));
            }
        }
        if matches!(was.end, End::StandsStill) {
            // Nobody recorded how it ended.
            was.stop(Unknown::TapeEnds);
        }
        let now = run.steps.first().map_or(Timestamp::EPOCH, |step| step.event.at);
        let utc_offset_min = run.steps.first().map_or(0, |step| step.event.utc_offset_min);
        Self { tape, was, is: Trace::of(&run.flow), state: Vec::new(), seq: 0, now, utc_offset_min }
    }

    /// With what rules said during the interaction.
    #[must_use]
    pub fn judged(mut self, run: &Run, judged: &[Judged]) -> Self {
        verdicts::on_tape(&mut self.was, run, judged);
        self
    }

    /// `None` when the run is over, or nobody knows how it goes on.
    pub fn next_question(&mut self) -> Option<Question> {
        if self.is.is_over() {
            return None;
        }
        if self.seq >= MOST_STEPS {
            self.is.stop(Unknown::Runaway);
            return None;
        }
        let Some((answers, more, what)) = self.next_happening() else {
            if !self.is.is_over() {
                self.is.stop(Unknown::TapeEnds);
            }
            return None;
        };
        let (at, utc_offset_min) = (self.now, self.utc_offset_min);
        let event = Event { seq: self.seq, at, utc_offset_min, answers, more, what };
        self.seq += 1;
        self.is.heard(&event);
        Some(Question { state: self.state.clone(), event })
    }

    /// What the component answered; `Err` in its own words, or why it could not be asked.
    pub fn said(&mut self, answer: Result<Stepped, String>) {
        match answer {
            Ok(stepped) => {
                self.is.stepped(&stepped.actions, &stepped.trail);
                self.state = stepped.state;
            }
            Err(reason) => self.is.said(&Said::Failed { reason }),
        }
    }

    pub fn finish(mut self) -> Comparison {
        let unjudged = verdicts::as_it_was(&self.was, &mut self.is);
        Comparison { was: self.was, is: self.is, unjudged }
    }

    fn next_happening(&mut self) -> Option<(Option<Token>, bool, Happening)> {
        loop {
            // What the caller hears takes no part in what they do: it is over when the tape goes on with something else.
            let ear = self.is.open().find(|(_, asked)| asked.is_on_leg()).map(|(token, asked)| (token, asked.clone()));
            let Some((_, answered)) = self.tape.front() else { return self.by_itself(ear.as_ref()) };
            let token = match answered {
                None => None,
                Some(Asked::Play) => match ear {
                    Some((token, Asked::Play)) => Some(token),
                    _ => {
                        self.drop_front();
                        continue;
                    }
                },
                Some(Asked::Timer) => match self.find(&Asked::Timer) {
                    Some(token) => Some(token),
                    None => {
                        self.drop_front();
                        continue;
                    }
                },
                Some(wanted) if wanted.is_on_leg() => match ear {
                    Some((_, Asked::Gather { .. })) if matches!(wanted, Asked::Gather { secret: true }) => {
                        self.is.stop(Unknown::Secret);
                        return None;
                    }
                    Some((token, asked)) if asked.word() == wanted.word() => Some(token),
                    _ => return self.by_itself(ear.as_ref()),
                },
                Some(wanted) => match self.find(wanted) {
                    Some(token) => Some(token),
                    None => return self.by_itself(ear.as_ref()),
                },
            };
            let (event, _) = self.tape.pop_front()?;
            (self.now, self.utc_offset_min) = (event.at, event.utc_offset_min);
            return Some((token, event.more, event.what));
        }
    }

    /// What comes next has nothing to do with what the other version waits for, or there is nothing more: prompts are heard to their end and timers run out,
    /// whoever is there. Anything else the tape does not tell.
    fn by_itself(&mut self, ear: Option<&(Token, Asked)>) -> Option<(Option<Token>, bool, Happening)> {
        if let Some((token, Asked::Play)) = ear {
            return Some((Some(*token), false, Happening::Played { to_the_end: true }));
        }
        if let Some(token) =
            self.find(&Asked::Timer).filter(|_| self.is.open().all(|(_, asked)| *asked == Asked::Timer))
        {
            return Some((Some(token), false, Happening::Timer));
        }
        let why = self.is.open().find(|(_, asked)| !matches!(asked, Asked::Timer)).map(|(_, asked)| match asked {
            Asked::Enqueue(queue) if !self.was.queues.contains(queue) => Unknown::OtherQueue { queue: queue.clone() },
            Asked::Transfer(to) => Unknown::OtherTransfer { to: to.clone() },
            Asked::Play | Asked::Timer => Unknown::TapeEnds,
            asked => Unknown::NeverAsked { what: asked.word() },
        });
        if let Some(why) = why {
            self.is.stop(why);
        }
        None
    }

    fn find(&self, wanted: &Asked) -> Option<Token> {
        self.is.open().find(|(_, asked)| *asked == wanted).map(|(token, _)| token)
    }

    fn drop_front(&mut self) {
        self.tape.pop_front();
    }
}
