//! Which version of a pack serves whom, and when a new one goes back on its own.
//!
//! ```text
//!            stage                promote
//!  Alone ─────────────► Shadow ─────────────┐
//!    ▲  │                 │                 ▼        until is reached
//!    │  └── stage ────► Canary ─ promote ─► Watched ──────────────────► Alone
//!    │                    │                 │
//!    └──── roll back ─────┴─────────────────┘   asked for, or the budget is spent
//! ```
//!
//! A pack's components go together: a caller meets all of one version, whichever of them is asked. Interactions keep the version that they began
//! with; [`Rollout`] counts them, so that the host knows when a version can be unloaded. The plan is plain data that outlives the process; counts of
//! outcomes do not, so a budget begins anew with it.

mod audience;
mod budget;
mod trial;

use std::collections::BTreeMap;

use plugboard_model::Timestamp;
use serde::{Deserialize, Serialize};

pub use audience::{Audience, AudienceError, BasisPoints, Caller, bucket};
pub use budget::{Budget, BudgetError, Tally, Why};
pub use trial::{Trial, TrialError};

use crate::{Outcome, PackId, Release};
use budget::Window;

/// Most versions of a pack that are in use at once, those that only old interactions use included.
pub const MOST_RELEASES: usize = 8;

/// What serves whom: the part that is kept across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub pack: PackId,
    pub stable: Release,
    /// What was stable before, kept loaded to go back to.
    pub previous: Option<Release>,
    pub stage: Stage,
    pub budget: Budget,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The stable version serves all.
    Alone,
    /// The candidate is asked beside the stable version; its answers have no effect.
    Shadow { candidate: Release },
    /// The candidate serves its audience.
    Canary { candidate: Release, audience: Audience },
    /// The stable version is new: it goes back on its own until then.
    Watched { until: Timestamp },
}

impl Plan {
    /// The version on trial.
    pub fn candidate(&self) -> Option<&Release> {
        match &self.stage {
            Stage::Shadow { candidate } | Stage::Canary { candidate, .. } => Some(candidate),
            Stage::Alone | Stage::Watched { .. } => None,
        }
    }
}

/// Whom to ask for an interaction that begins now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    pub release: Release,
    /// To be asked the same, without effect.
    pub shadow: Option<Release>,
}

/// How an interaction ended, as far as it tells good versions from bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The caller gave up while the flow still had the call.
    pub hung_up_in_flow: bool,
    /// Whether the queue's service level was met; `None` if it never came to a queue.
    pub within_service_level: Option<bool>,
}

/// What changed, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    ShadowStarted {
        candidate: Release,
    },
    /// Also each time the audience is another.
    CanaryServes {
        candidate: Release,
        audience: Audience,
    },
    Promoted {
        from: Release,
        to: Release,
        watched_until: Timestamp,
    },
    /// The new version stays.
    Settled {
        stable: Release,
    },
    RolledBack {
        from: Release,
        to: Release,
        why: Why,
    },
    /// Nobody uses it any more and nothing goes back to it.
    Unused {
        release: Release,
    },
}

/// Why the plan stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    #[error("{0} serves all already")]
    IsStable(Release),
    #[error("{0} is on trial; promote it or roll it back first")]
    OnTrial(Release),
    #[error("no version is on trial")]
    NoCandidate,
    #[error("there is no version to go back to")]
    NothingBefore,
    #[error("{MOST_RELEASES} versions are in use; wait until old interactions have ended")]
    TooManyReleases,
    #[error(transparent)]
    Audience(#[from] AudienceError),
}

impl RolloutError {
    /// Kebab-case and stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::IsStable(_) => "serves-already",
            Self::OnTrial(_) => "on-trial",
            Self::NoCandidate => "no-candidate",
            Self::NothingBefore => "nothing-before",
            Self::TooManyReleases => "too-many-versions",
            Self::Audience(_) => "bad-audience",
        }
    }

    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::IsStable(_) => "nothing is to be done",
            Self::OnTrial(_) => "use `plugboard pack promote` or `plugboard pack rollback`, then send this one again",
            Self::NoCandidate => "bring one with `plugboard pack upgrade --shadow` or `--canary 5%`",
            Self::NothingBefore => "send the version that you want with `plugboard pack upgrade`",
            Self::TooManyReleases => "look at who uses them with `plugboard pack rollout`",
            Self::Audience(_) => "name at least one caller, number or tag, and at most as many as are allowed",
        }
    }
}

/// One pack's versions.
#[derive(Clone, Debug)]
pub struct Rollout {
    plan: Plan,
    /// Interactions that live, by the version that they began with; never zero.
    users: BTreeMap<Release, u64>,
    stable: Window,
    candidate: Window,
    /// How the version before did, at the time of promotion.
    before: Tally,
}

impl Rollout {
    /// A first version, which serves all.
    pub fn new(pack: PackId, stable: Release, budget: Budget) -> Self {
        Self::resume(Plan { pack, stable, previous: None, stage: Stage::Alone, budget })
    }

    /// After a restart. Interactions that live on are told by [`Self::adopt`].
    pub fn resume(plan: Plan) -> Self {
        let window = Window::new(plan.budget.window());
        Self { plan, users: BTreeMap::new(), stable: window.clone(), candidate: window, before: Tally::default() }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn candidate(&self) -> Option<&Release> {
        self.plan.candidate()
    }

    /// Versions that have to be loaded: those of the plan, and those that interactions use.
    pub fn needed(&self) -> Vec<&Release> {
        let Plan { stable, previous, .. } = &self.plan;
        let planned = [Some(stable), previous.as_ref(), self.candidate()].into_iter().flatten();
        let mut all: Vec<&Release> = planned.chain(self.users.keys()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Interactions that use `release`.
    pub fn users(&self, release: &Release) -> u64 {
        self.users.get(release).copied().unwrap_or_default()
    }

    /// What was counted of the stable version and of the candidate within the budget's window.
    pub fn tallies(&self, now: Timestamp) -> (Tally, Tally) {
        (self.stable.sum(now), self.candidate.sum(now))
    }

    /// What the next new version may spend. What was counted stays, unless it looks back another time than before.
    pub fn set_budget(&mut self, budget: Budget) {
        if budget.window() != self.plan.budget.window() {
            (self.stable, self.candidate) = (Window::new(budget.window()), Window::new(budget.window()));
        }
        self.plan.budget = budget;
    }

    /// Which version is for this caller, without counting anybody.
    pub fn choose(&self, caller: &Caller<'_>) -> Serving {
        let stable = || self.plan.stable.clone();
        match &self.plan.stage {
            Stage::Canary { candidate, audience } if audience.holds(&self.plan.pack, &candidate.version, caller) => {
                Serving { release: candidate.clone(), shadow: None }
            }
            Stage::Shadow { candidate } => Serving { release: stable(), shadow: Some(candidate.clone()) },
            Stage::Alone | Stage::Canary { .. } | Stage::Watched { .. } => Serving { release: stable(), shadow: None },
        }
    }

    /// An interaction begins. It keeps the version until [`Self::handle_end`].
    pub fn begin(&mut self, caller: &Caller<'_>) -> Serving {
        let serving = self.choose(caller);
        self.adopt(&serving.release);
        serving
    }

    /// An interaction of before the restart lives on with `release`.
    pub fn adopt(&mut self, release: &Release) {
        *self.users.entry(release.clone()).or_default() += 1;
    }

    /// Brings a candidate beside the stable version, or changes how it is tried. Who starts a trial takes a stable version that is still watched
    /// for good.
    pub fn stage(&mut self, candidate: Release, trial: Trial) -> Result<Vec<Event>, RolloutError> {
        if candidate == self.plan.stable {
            return Err(RolloutError::IsStable(candidate));
        }
        if let Trial::Canary(audience) = &trial {
            audience.check()?;
        }
        match self.candidate() {
            Some(other) if *other != candidate => return Err(RolloutError::OnTrial(other.clone())),
            Some(_) => {}
            None => {
                self.check_room(&candidate)?;
                self.candidate = Window::new(self.plan.budget.window());
            }
        }
        let (stage, event) = match trial {
            Trial::Shadow => (Stage::Shadow { candidate: candidate.clone() }, Event::ShadowStarted { candidate }),
            Trial::Canary(audience) => (
                Stage::Canary { candidate: candidate.clone(), audience: audience.clone() },
                Event::CanaryServes { candidate, audience },
            ),
        };
        let before = std::mem::replace(&mut self.plan.stage, stage);
        let settled = Event::Settled { stable: self.plan.stable.clone() };
        let settled = matches!(before, Stage::Watched { .. }).then_some(settled);
        Ok(settled.into_iter().chain([event]).collect())
    }

    /// The candidate serves all who begin from now on, watched for a while.
    pub fn promote(&mut self, now: Timestamp) -> Result<Vec<Event>, RolloutError> {
        let to = self.candidate().ok_or(RolloutError::NoCandidate)?.clone();
        Ok(self.replace(now, to))
    }

    /// A version serves all at once, without a trial, watched for a while.
    pub fn upgrade(&mut self, now: Timestamp, to: Release) -> Result<Vec<Event>, RolloutError> {
        if to == self.plan.stable {
            return Err(RolloutError::IsStable(to));
        }
        if let Some(other) = self.candidate().filter(|other| **other != to) {
            return Err(RolloutError::OnTrial(other.clone()));
        }
        self.check_room(&to)?;
        Ok(self.replace(now, to))
    }

    /// Away with the candidate; without one, back to the version before.
    pub fn roll_back(&mut self, why: Why) -> Result<Vec<Event>, RolloutError> {
        let Plan { stable, previous, stage, .. } = &mut self.plan;
        let (from, to) = match std::mem::replace(stage, Stage::Alone) {
            Stage::Shadow { candidate } | Stage::Canary { candidate, .. } => (candidate, stable.clone()),
            kept @ (Stage::Alone | Stage::Watched { .. }) => {
                let Some(to) = previous.take() else {
                    *stage = kept;
                    return Err(RolloutError::NothingBefore);
                };
                self.stable = Window::new(self.plan.budget.window());
                (std::mem::replace(&mut self.plan.stable, to.clone()), to)
            }
        };
        let mut events = vec![Event::RolledBack { from: from.clone(), to, why }];
        events.extend(self.unused(from));
        Ok(events)
    }

    /// A question to `release` came to its end. For a shadow: its own question, whatever the stable version answered.
    pub fn handle_outcome(&mut self, now: Timestamp, release: &Release, outcome: Outcome) -> Vec<Event> {
        self.count(now, release, |tally| tally.count(outcome))
    }

    /// A shadow's answer was good and is compared with that of the stable version. Nothing follows from it but figures.
    pub fn handle_comparison(&mut self, now: Timestamp, same: bool) {
        self.candidate.add(now, |tally| tally.compare(same));
    }

    /// A shadow was not asked, or its answer not compared, because the host had more to do.
    pub fn handle_dropped(&mut self, now: Timestamp) {
        self.candidate.add(now, Tally::drop_one);
    }

    /// An interaction that began with `release` ends.
    pub fn handle_end(&mut self, now: Timestamp, release: &Release, end: End) -> Vec<Event> {
        let mut events = self.count(now, release, |tally| tally.end(end));
        if let Some(users) = self.users.get_mut(release) {
            *users -= 1;
            if *users == 0 {
                self.users.remove(release);
                events.extend(self.unused(release.clone()));
            }
        }
        events
    }

    /// When to call back with [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.plan.stage {
            Stage::Watched { until } => Some(until),
            Stage::Alone | Stage::Shadow { .. } | Stage::Canary { .. } => None,
        }
    }

    /// A watched version that is still there has settled.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Event> {
        if self.poll_timeout().is_none_or(|until| now < until) {
            return Vec::new();
        }
        self.plan.stage = Stage::Alone;
        vec![Event::Settled { stable: self.plan.stable.clone() }]
    }

    fn check_room(&self, more: &Release) -> Result<(), RolloutError> {
        let needed = self.needed();
        let fits = needed.contains(&more) || needed.len() < MOST_RELEASES;
        if fits { Ok(()) } else { Err(RolloutError::TooManyReleases) }
    }

    fn replace(&mut self, now: Timestamp, to: Release) -> Vec<Event> {
        let watched_until = now + self.plan.budget.watch();
        let from = std::mem::replace(&mut self.plan.stable, to.clone());
        let dropped = self.plan.previous.replace(from.clone());
        self.plan.stage = Stage::Watched { until: watched_until };
        let fresh = Window::new(self.plan.budget.window());
        self.before = std::mem::replace(&mut self.stable, fresh.clone()).sum(now);
        self.candidate = fresh;
        let mut events = vec![Event::Promoted { from, to, watched_until }];
        events.extend(dropped.and_then(|dropped| self.unused(dropped)));
        events
    }

    fn unused(&self, release: Release) -> Option<Event> {
        if self.needed().contains(&&release) { None } else { Some(Event::Unused { release }) }
    }

    /// Counts for the version that serves all or for the one on trial; older ones are judged no more.
    fn count(&mut self, now: Timestamp, release: &Release, count: impl FnOnce(&mut Tally)) -> Vec<Event> {
        if *release == self.plan.stable {
            self.stable.add(now, count);
        } else if self.candidate() == Some(release) {
            self.candidate.add(now, count);
        } else {
            return Vec::new();
        }
        let (judged, beside) = match self.plan.stage {
            Stage::Shadow { .. } | Stage::Canary { .. } => (self.candidate.sum(now), self.stable.sum(now)),
            Stage::Watched { .. } => (self.stable.sum(now), self.before),
            Stage::Alone => return Vec::new(),
        };
        let spent = self.plan.budget.spent(&judged, &beside);
        spent.and_then(|why| self.roll_back(why).ok()).unwrap_or_default()
    }
}
