//! Plans of packs: changed by people here, and kept on disk and told where they change on their own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use plugboard_api::{
    AlarmName, Fault, HostError, PackChanged, PackRefused, PackTrial, RolloutRole, RolloutStage, RolloutTally,
    RolloutVersion, RolloutView,
};
use plugboard_model::{EventKind, TenantId, Timestamp};
use plugboard_pack::{
    Held, PackId, Release, Step,
    rollout::{Budget, Event, Rollout, RolloutError, Stage, Tally, Trial, Why},
};

use super::{
    PlugboardHost, TRY_AGAIN,
    packs::{Decision, digest, version},
};
use crate::{
    clock::Clock,
    packs::{News, Row, Standing},
};

const ALARM: AlarmName = AlarmName::PackRolledBack;

/// What was not kept is tried again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// What a decision does to a plan.
#[derive(Clone, Debug)]
pub(super) struct Way {
    change: Change,
    budget: Option<Budget>,
}

#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Upgrade,
    Stage(Trial),
    Promote,
    RollBack,
}

impl Way {
    /// Of a version that came, or was granted.
    pub(super) fn of(step: &Step, budget: Option<Budget>) -> Self {
        let change = match step {
            Step::Serves { .. } => Change::Upgrade,
            Step::Tried { trial, .. } => Change::Stage(trial.clone()),
            Step::Waits { .. } => Change::Nothing,
        };
        Self { change, budget }
    }

    fn apply(&self, now: Timestamp, release: &Release, rollout: &mut Rollout) -> Result<Vec<Event>, RolloutError> {
        if let Some(budget) = self.budget {
            rollout.set_budget(budget);
        }
        match &self.change {
            Change::Nothing => Ok(Vec::new()),
            Change::Upgrade => rollout.upgrade(now, release.clone()),
            Change::Stage(trial) => rollout.stage(release.clone(), trial.clone()),
            Change::Promote => rollout.promote(now),
            Change::RollBack => rollout.roll_back(Why::Asked),
        }
    }
}

impl PlugboardHost {
    /// How somebody wants a version to be tried, and what it may spend.
    pub(super) fn way_of(
        &self,
        tenant: &TenantId,
        pack: &PackId,
        how: &PackTrial,
    ) -> Result<(Option<Trial>, Option<Budget>), PackRefused> {
        let fault = |field: &str, code: &str, message: String, remedy: &str| {
            let (field, code, remedy) = (Some(field.to_owned()), code.to_owned(), remedy.to_owned());
            PackRefused::Invalid(vec![Fault { field, code, message, remedy, ..Fault::default() }])
        };
        let trial = how.trial.as_deref().map(str::parse::<Trial>).transpose();
        let trial = trial.map_err(|error| fault("/trial", "bad-trial", error.to_string(), error.remedy()))?;
        let current = self.packs.rollouts.get(tenant, pack).map(|rollout| rollout.plan().budget);
        let budget = how.budget.as_deref().map(|text| current.unwrap_or_default().changed(text)).transpose();
        let budget = budget.map_err(|error| fault("/budget", "bad-budget", error.to_string(), error.remedy()))?;
        Ok((trial, budget))
    }

    /// The version on trial serves all, or is tried otherwise.
    pub(super) async fn promote(
        &self,
        tenant: &TenantId,
        id: PackId,
        how: &PackTrial,
        by: Arc<str>,
    ) -> Result<PackChanged, PackRefused> {
        let (trial, budget) = self.way_of(tenant, &id, how)?;
        let _one_at_a_time = self.turn().await?;
        let before = self.still_known(tenant, &id)?;
        let held = before.installation.trial.clone().ok_or_else(|| refused(&RolloutError::NoCandidate))?;
        let (change, after, step, event) = match trial {
            Some(trial) => {
                let (after, event) = (before.installation.clone(), tried(&id, &held, &trial, by));
                let step = Step::Tried { release: held.release.clone(), trial: trial.clone() };
                (Change::Stage(trial), after, step, event)
            }
            None => {
                let promoted = before.installation.promote();
                let (after, step) = promoted.ok_or_else(|| refused(&RolloutError::NoCandidate))?;
                let watch = budget.or_else(|| Some(after.plan.as_ref()?.budget)).unwrap_or_default().watch();
                let event = EventKind::RolloutPromoted {
                    pack: id.as_str().into(),
                    from: before.installation.serving.as_ref().map(version).unwrap_or_default(),
                    version: version(&held),
                    digest: digest(&held),
                    watched_until: self.packs.gate.clock.now() + watch,
                    by,
                };
                (Change::Promote, after, step, event)
            }
        };
        let (before, way) = (Some(before), Way { change, budget });
        self.settle(tenant, Decision { before, after, step, held, admitted: None, way, events: vec![event] }).await
    }

    /// Away with the version on trial; without one, back to what served before.
    pub(super) async fn roll_back(
        &self,
        tenant: &TenantId,
        id: PackId,
        by: Arc<str>,
    ) -> Result<PackChanged, PackRefused> {
        let nothing_before = || PackRefused::NotNow {
            code: "nothing-before",
            detail: format!("there is no version of {id} to go back to"),
            remedy: "send the version that you want with `plugboard pack upgrade`".into(),
        };
        let installed = self.still_known(tenant, &id)?.installation;
        let is_on_trial = installed.trial.is_some();
        let to = if is_on_trial { installed.serving } else { installed.previous }.ok_or_else(nothing_before)?;
        // What goes on serving is loaded.
        let admitted = if is_on_trial { None } else { Some(self.admit_again(tenant, &to).await?) };
        let _one_at_a_time = self.turn().await?;
        let before = self.still_known(tenant, &id)?;
        let (after, step) = before.installation.roll_back().map_err(|_| nothing_before())?;
        if after.serving.as_ref().map(|held| &held.release) != Some(&to.release)
            || before.installation.trial.is_some() != is_on_trial
        {
            return Err(HostError::Busy { retry_after: TRY_AGAIN }.into());
        }
        let from = before.installation.trial.as_ref().or(before.installation.serving.as_ref());
        let event = EventKind::PackRolledBack {
            pack: id.as_str().into(),
            from: from.map(version),
            version: version(&to),
            digest: digest(&to),
            by,
        };
        let way = Way { change: Change::RollBack, budget: None };
        self.settle(
            tenant,
            Decision { before: Some(before), after, step, held: to, admitted, way, events: vec![event] },
        )
        .await
    }

    /// The plan as it will be, tried on a copy: nothing changes before it is on disk. `None` where nothing serves.
    pub(super) fn plan(
        &self,
        tenant: &TenantId,
        pack: &PackId,
        release: &Release,
        way: &Way,
    ) -> Result<Option<Rollout>, PackRefused> {
        let known = self.packs.rollouts.get(tenant, pack);
        match (known, &way.change) {
            (Some(mut rollout), _) => {
                way.apply(self.packs.gate.clock.now(), release, &mut rollout).map_err(|error| refused(&error))?;
                Ok(Some(rollout))
            }
            (None, Change::Upgrade | Change::RollBack) => {
                let budget = way.budget.unwrap_or_default();
                Ok(Some(Rollout::new(pack.clone(), release.clone(), budget)))
            }
            (None, Change::Stage(_) | Change::Promote) => Err(refused(&RolloutError::NoCandidate)),
            (None, Change::Nothing) => Ok(None),
        }
    }

    /// From here on questions go where the plan says. What happened beside what was asked for is to be told.
    pub(super) fn carry_out(
        &self,
        tenant: &TenantId,
        planned: Rollout,
        way: &Way,
        release: &Release,
        loaded: Option<Row>,
    ) -> Result<Vec<EventKind>, PackRefused> {
        let pack = planned.plan().pack.clone();
        let rollouts = &self.packs.rollouts;
        let events = if rollouts.get(tenant, &pack).is_some() {
            let now = self.packs.gate.clock.now();
            let loaded = loaded.map(|row| (release.clone(), row));
            // A version that spent its budget in this very moment has gone back; whoever keeps plans puts that on disk.
            let changed = rollouts.change(tenant, &pack, loaded, |rollout| way.apply(now, release, rollout));
            changed.map_err(|error| refused(&error))?
        } else {
            let loaded = loaded.map(|row| (release.clone(), Arc::new(row)));
            rollouts.put(tenant, planned, BTreeMap::from_iter(loaded));
            Vec::new()
        };
        self.show_stable(tenant, &pack);
        if !matches!(way.change, Change::Nothing) {
            self.alarms.clear(ALARM, &format!("{tenant}/{pack}"));
        }
        let beside = |event: &Event| matches!(event, Event::Settled { .. } | Event::Unused { .. });
        Ok(events.into_iter().filter(beside).filter_map(|event| told(&pack, event)).collect())
    }

    /// Configurations are checked against the version that serves all; what is used no more is let go.
    fn show_stable(&self, tenant: &TenantId, pack: &PackId) {
        let rollouts = &self.packs.rollouts;
        let stable = rollouts.get(tenant, pack).map(|rollout| rollout.plan().stable.clone());
        if let Some(row) = stable.and_then(|stable| rollouts.row(tenant, pack, &stable)) {
            let row: Vec<_> = row.iter().map(|(name, shelved)| (name.clone(), Arc::clone(shelved))).collect();
            self.packs.shelf.put(tenant, pack, &row);
        }
        self.plugins.iter().for_each(plugboard_plugin::RuntimeWatch::drop_unused);
    }

    /// Keeps on disk, and tells, what plans do on their own.
    pub(crate) async fn keep_plans(host: Weak<Self>, clock: Clock) {
        loop {
            let Some(rollouts) = host.upgrade().map(|host| host.packs.rollouts.clone()) else { return };
            let next = rollouts.poll_timeout().map_or(AGAIN, |at| at.since(clock.now()).min(AGAIN));
            // Without news it is time to look at plans that are watched, or at what could not be kept.
            let _ = tokio::time::timeout(next, rollouts.news()).await;
            rollouts.handle_timeout(clock.now());
            for mut news in rollouts.take_news() {
                let Some(host) = host.upgrade() else { return };
                if let Err(error) = host.keep_plan(&mut news).await {
                    tracing::warn!(%error, pack = %news.pack, "what a pack's versions did is not on disk yet");
                    rollouts.put_back(news);
                }
            }
        }
    }

    async fn keep_plan(&self, news: &mut News) -> Result<(), HostError> {
        let _one_at_a_time = self.turn().await?;
        let News { tenant, pack, events } = news;
        let known = self.packs.get(tenant, pack);
        let plan = self.packs.rollouts.get(tenant, pack).map(|rollout| rollout.plan().clone());
        let (Some(known), Some(plan)) = (known, plan) else { return Ok(()) };
        let after = known.installation.follow(&plan);
        if after != known.installation {
            self.keep_installed(tenant, &after).await?;
            self.remember(tenant, after, known.manifests.clone());
            self.packs.sweep(&known.installation);
        }
        self.show_stable(tenant, pack);
        self.bring(tenant, None).await?;
        while let Some(event) = events.first() {
            if let Event::RolledBack { from, to, why } = event {
                let detail = format!("{pack} {} went back to {}: {why}", from.version, to.version);
                self.alarms.raise(ALARM, &format!("{tenant}/{pack}"), detail);
            }
            if let Some(event) = told(pack, event.clone()) {
                self.note(tenant, event).await?;
            }
            events.remove(0);
        }
        Ok(())
    }

    pub(super) fn rollout_of(&self, tenant: &TenantId, id: &str) -> Result<RolloutView, PackRefused> {
        self.parts(tenant)?;
        let id = self.known_pack(tenant, id)?;
        let standing = self.packs.rollouts.standing(self.packs.gate.clock.now(), tenant, &id);
        let nothing_serves = || PackRefused::NotNow {
            code: "nothing-serves",
            detail: format!("no version of {id} serves yet"),
            remedy: "grant the one that waits with `plugboard pack grant`".into(),
        };
        Ok(view(standing.ok_or_else(nothing_serves)?))
    }
}

fn refused(error: &RolloutError) -> PackRefused {
    PackRefused::NotNow { code: error.code(), detail: error.to_string(), remedy: error.remedy().into() }
}

/// That a version is tried.
pub(super) fn tried(pack: &PackId, held: &Held, trial: &Trial, by: Arc<str>) -> EventKind {
    let (pack, version, digest) = (pack.as_str().into(), version(held), digest(held));
    match trial {
        Trial::Shadow => EventKind::RolloutShadowed { pack, version, digest, by },
        Trial::Canary(audience) => {
            EventKind::RolloutCanary { pack, version, digest, audience: audience.to_string().into(), by }
        }
    }
}

/// What a plan did on its own; what people did is told with their name.
fn told(pack: &PackId, event: Event) -> Option<EventKind> {
    let pack = pack.as_str().into();
    let of = |release: &Release| (release.version.to_string().into(), release.digest.to_string().into());
    match event {
        Event::Settled { stable } => {
            let (version, digest) = of(&stable);
            Some(EventKind::RolloutSettled { pack, version, digest })
        }
        Event::RolledBack { from, to, why } => {
            let (version, digest) = of(&to);
            let (from, why) = (from.version.to_string().into(), why.to_string().into());
            Some(EventKind::RolloutRolledBack { pack, from, version, digest, why })
        }
        Event::Unused { release } => {
            let (version, digest) = of(&release);
            Some(EventKind::RolloutUnused { pack, version, digest })
        }
        Event::ShadowStarted { .. } | Event::CanaryServes { .. } | Event::Promoted { .. } => None,
    }
}

fn view(standing: Standing) -> RolloutView {
    let Standing { plan, stable, candidate, users } = standing;
    let (stage, audience, watched_until) = match &plan.stage {
        Stage::Alone => (RolloutStage::Alone, None, None),
        Stage::Shadow { .. } => (RolloutStage::Shadow, None, None),
        Stage::Canary { audience, .. } => (RolloutStage::Canary, Some(audience.to_string()), None),
        Stage::Watched { until } => (RolloutStage::Watched, None, Some(until.to_string())),
    };
    let described = |(release, live): (Release, u64)| {
        let (role, counted) = if release == plan.stable {
            (RolloutRole::Stable, Some(tally(&stable)))
        } else if plan.candidate() == Some(&release) {
            (RolloutRole::Candidate, Some(tally(&candidate)))
        } else if plan.previous.as_ref() == Some(&release) {
            (RolloutRole::Before, None)
        } else {
            (RolloutRole::Old, None)
        };
        let (version, digest) = (release.version.to_string(), release.digest.to_string());
        RolloutVersion { role, version, digest, live, counted }
    };
    let mut versions: Vec<RolloutVersion> = users.into_iter().map(described).collect();
    versions.sort_by_key(|version| version.role);
    let (pack, budget) = (plan.pack.to_string(), plan.budget.to_string());
    RolloutView { pack, stage, audience, watched_until, budget, versions }
}

fn tally(tally: &Tally) -> RolloutTally {
    RolloutTally {
        interactions: tally.ended,
        questions: tally.replies,
        trapped: tally.trapped,
        late: tally.late,
        bad_answers: tally.bad_answers,
        declined: tally.declined,
        hung_up_in_flow: tally.hung_up_in_flow,
        queued: tally.queued,
        beyond_service_level: tally.beyond_service_level,
        same: tally.same,
        different: tally.different,
        dropped: tally.dropped,
    }
}
