//! The world `dialer-plugin`: how fast a campaign dials, and when a number is tried again.

use std::time::Duration;

use plugboard_model::{
    Timestamp,
    dialer::{Attempt, History, MAX_ATTEMPTS, MAX_MORE, Next, Stats, Tempo},
};

use crate::{
    AskFailure, BadAnswer, DialerPlugin, Settings,
    bindings::dialer as wit,
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Checked, Question, SETUP_BUDGET, World, words},
};

/// When a number may be tried again, after it was asked.
const SOONEST: Duration = Duration::from_secs(60);
const LATEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What a dialer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialerDescription {
    pub name: String,
    /// Attributes that it wants in [`Stats::more`], in this order.
    pub wants: Vec<String>,
}

/// Marks what belongs to the world `dialer-plugin`.
pub struct Dialer;

impl World for Dialer {
    const NAME: &'static str = "dialer-plugin";
    const INTERFACE: &'static str = "dialer";
    type Setup = Settings;
    type About = DialerDescription;

    world::guest_of!(wit);

    fn describe(instance: &mut Instance<Self>) -> Result<(DialerDescription, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        description(said).map_err(AskFailure::BadAnswer)
    }

    fn configure(instance: &mut Instance<Self>, settings: &Settings) -> Result<(), AskFailure> {
        let settings = words::settings(settings.items());
        instance
            .call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_configure(store, &settings))?
            .map_err(world::failure)
    }
}

world::described!(DialerPlugin, DialerDescription);

impl DialerPlugin {
    /// Whether an instance takes these settings, whatever `check` says of them.
    pub fn configure(&self, settings: &Settings) -> Result<(), AskFailure> {
        self.instance(None, settings).map(drop)
    }
}

/// How many calls to place now.
pub(crate) struct Pace(pub(crate) Box<Stats>);

impl Question<Dialer> for Pace {
    type Answer = Tempo;

    fn ask(self, instance: &mut Instance<Dialer>, _: &Settings, turn: Turn) -> Result<Tempo, AskFailure> {
        door::at_most("values", MAX_MORE, self.0.more.len()).map_err(AskFailure::BadAnswer)?;
        let stats = stats(*self.0);
        let said = instance.call(turn, |guest, store| guest.call_pace(store, &stats))?;
        said.map(|tempo| Tempo { calls: tempo.calls }).map_err(world::failure)
    }
}

/// When a number is tried again.
pub(crate) struct NextAttempt(pub(crate) Box<History>);

impl Question<Dialer> for NextAttempt {
    type Answer = Next;

    fn ask(self, instance: &mut Instance<Dialer>, _: &Settings, turn: Turn) -> Result<Next, AskFailure> {
        door::at_most("attempts", MAX_ATTEMPTS, self.0.attempts.len()).map_err(AskFailure::BadAnswer)?;
        let at = self.0.at;
        let history = history(&self.0);
        let said = instance.call(turn, |guest, store| guest.call_next_attempt(store, &history))?;
        next(said.map_err(world::failure)?, at).map_err(AskFailure::BadAnswer)
    }
}

fn stats(stats: Stats) -> wit::Stats {
    wit::Stats {
        at_ms: stats.at.as_millis(),
        agents_free: stats.agents_free,
        agents_talking: stats.agents_talking,
        agents_wrapping: stats.agents_wrapping,
        ringing: stats.ringing,
        waiting: stats.waiting,
        numbers_left: stats.numbers_left,
        lines_free: stats.lines_free,
        placed_total: stats.placed_total,
        answered_total: stats.answered_total,
        abandoned_total: stats.abandoned_total,
        abandon_limit: stats.abandon_limit_permille,
        mean_ring_ms: stats.mean_ring_ms,
        mean_talk_ms: stats.mean_talk_ms,
        mean_wrap_ms: stats.mean_wrap_ms,
        more: stats.more,
    }
}

fn history(history: &History) -> wit::History {
    let attempt = |attempt: &Attempt| wit::Attempt {
        at_ms: attempt.at.as_millis(),
        outcome: attempt.outcome.number(),
        ring_ms: attempt.ring_ms,
        talk_ms: attempt.talk_ms,
    };
    wit::History {
        at_ms: history.at.as_millis(),
        their_offset_min: history.their_offset_min,
        attempts: history.attempts.iter().map(attempt).collect(),
        extra: Vec::new(),
    }
}

/// `asked`: when.
fn next(next: wit::Next, asked: Timestamp) -> Checked<Next> {
    match next {
        wit::Next::Never => Ok(Next::Never),
        wit::Next::At(at_ms) => {
            let asked = asked.since_epoch();
            let after = Duration::from_millis(at_ms).checked_sub(asked);
            if after.is_some_and(|after| (SOONEST..=LATEST).contains(&after)) {
                Ok(Next::At(Timestamp::from_millis(at_ms)))
            } else {
                Err(BadAnswer::OutOfRange { field: "at", value: i64::try_from(at_ms).unwrap_or(i64::MAX) })
            }
        }
    }
}

fn description(said: wit::Description) -> Checked<(DialerDescription, Vec<String>)> {
    door::at_most("wants", MAX_MORE, said.wants.len())?;
    let wants = said.wants.into_iter().map(|want| door::line("wants", 64, want));
    let description =
        DialerDescription { name: door::line("name", 64, said.name)?, wants: wants.collect::<Checked<_>>()? };
    Ok((description, words::needs(said.needs)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_tried_again_after_a_minute_at_the_soonest_and_within_366_days() {
        let asked = Timestamp::from_millis(1_000_000);
        let taken = |after_ms: i64| {
            let at = 1_000_000_i64.saturating_add(after_ms);
            next(wit::Next::At(u64::try_from(at).unwrap_or(0)), asked).is_ok()
        };
        let day = 24 * 60 * 60 * 1_000;
        let after = [-1, 0, 59_999, 60_000, 366 * day, 366 * day + 1, i64::MAX];
        assert_eq!(after.map(taken), [false, false, false, true, true, false, false]);
    }
}
