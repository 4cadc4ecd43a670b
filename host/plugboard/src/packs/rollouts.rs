//! Which version of a pack each interaction is asked of, and how the versions do.
//!
//! The signalling thread asks, plugin threads tell outcomes, the ledger tells ends, and the API changes plans: each holds the lock for a look-up and
//! a count. What a plan does on its own is in force at once and [news](Rollouts::take_news) for whoever keeps it on disk.

mod served;
mod shadow;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use plugboard_model::{InteractionId, TenantId, Timestamp};
use plugboard_pack::{
    PackId, Release,
    rollout::{Caller, End, Event, Plan, Rollout, RolloutError, Stage, Tally},
};
use plugboard_plugin::{Answer, Reply};
use tokio::sync::Notify;

use super::{Component, Shelved};
pub(crate) use served::{Documents, Served};
pub(crate) use shadow::beside;
use shadow::{Pair, Run, Shadows};

/// The components of one version, by full name.
pub(crate) type Row = BTreeMap<String, Arc<Shelved>>;

/// Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Rollouts(Arc<Shared>);

impl fmt::Debug for Rollouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        write!(f, "roll-outs of {} tenants, {} questions on their way", inner.tenants.len(), inner.asked.len())
    }
}

#[derive(Default)]
struct Shared {
    /// Whether any tenant has a pack that serves: without one, nobody takes the lock.
    any: AtomicBool,
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Default)]
struct Inner {
    tenants: BTreeMap<TenantId, Tenant>,
    /// Questions on their way, by number. Each comes back once.
    asked: BTreeMap<u64, Asked>,
    shadows: Shadows,
    news: Vec<News>,
}

#[derive(Default)]
struct Tenant {
    packs: BTreeMap<PackId, Live>,
    /// Of interactions that live: the version of each pack that they began with.
    pins: BTreeMap<InteractionId, Vec<Pin>>,
}

struct Live {
    rollout: Rollout,
    loaded: BTreeMap<Release, Arc<Row>>,
}

struct Pin {
    pack: PackId,
    release: Release,
    /// Stays, whatever becomes of the pack.
    row: Arc<Row>,
    /// The flow that a candidate runs beside.
    shadow: Option<Run>,
}

struct Asked {
    tenant: TenantId,
    pack: PackId,
    release: Release,
}

/// Who is part of an interaction, as far as it is known.
pub(crate) struct Party<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// `name=value`.
    pub(crate) tags: Vec<String>,
}

/// A question to a component of a pack.
pub(crate) struct Asking<'a> {
    /// Of the question, in this process.
    pub(crate) id: u64,
    pub(crate) now: Timestamp,
    pub(crate) tenant: &'a TenantId,
    /// `None`: about many, and for the stable version.
    pub(crate) interaction: Option<InteractionId>,
    /// In full.
    pub(crate) name: &'a str,
    /// The number of the event, where it is a step of a flow.
    pub(crate) step: Option<u32>,
}

/// What a plan did on its own.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) tenant: TenantId,
    pub(crate) pack: PackId,
    pub(crate) events: Vec<Event>,
}

/// How the versions of a pack do.
pub(crate) struct Standing {
    pub(crate) plan: Plan,
    pub(crate) stable: Tally,
    pub(crate) candidate: Tally,
    /// Live interactions, by version; of versions that no plan names any more as well.
    pub(crate) users: Vec<(Release, u64)>,
}

impl Rollouts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        !self.0.any.load(Ordering::Relaxed)
    }

    /// A pack that serves from here on, as its plan has it.
    pub(crate) fn put(&self, tenant: &TenantId, rollout: Rollout, loaded: BTreeMap<Release, Arc<Row>>) {
        self.0.any.store(true, Ordering::Relaxed);
        let pack = rollout.plan().pack.clone();
        self.lock().tenants.entry(tenant.clone()).or_default().packs.insert(pack, Live { rollout, loaded });
    }

    /// Interactions that live keep the version that they began with.
    pub(crate) fn forget(&self, tenant: &TenantId, pack: &PackId) {
        if let Some(tenant) = self.lock().tenants.get_mut(tenant) {
            tenant.packs.remove(pack);
        }
    }

    /// As it stands, to try a change on.
    pub(crate) fn get(&self, tenant: &TenantId, pack: &PackId) -> Option<Rollout> {
        Some(self.lock().live(tenant, pack)?.rollout.clone())
    }

    /// Changes a plan; `loaded` is what the change brings.
    pub(crate) fn change(
        &self,
        tenant: &TenantId,
        pack: &PackId,
        loaded: Option<(Release, Row)>,
        change: impl FnOnce(&mut Rollout) -> Result<Vec<Event>, RolloutError>,
    ) -> Result<Vec<Event>, RolloutError> {
        let mut inner = self.lock();
        let live = inner.live(tenant, pack).ok_or(RolloutError::NothingBefore)?;
        let events = change(&mut live.rollout)?;
        if let Some((release, row)) = loaded {
            live.loaded.entry(release).or_insert_with(|| Arc::new(row));
        }
        live.unload();
        Ok(events)
    }

    /// The components of a version, if it is loaded.
    pub(crate) fn row(&self, tenant: &TenantId, pack: &PackId, release: &Release) -> Option<Arc<Row>> {
        self.lock().live(tenant, pack)?.loaded.get(release).cloned()
    }

    pub(crate) fn standing(&self, now: Timestamp, tenant: &TenantId, pack: &PackId) -> Option<Standing> {
        let mut inner = self.lock();
        let rollout = &inner.live(tenant, pack)?.rollout;
        let (stable, candidate) = rollout.tallies(now);
        let users = |release: &Release| (release.clone(), rollout.users(release));
        let users = rollout.needed().into_iter().map(users).collect();
        Some(Standing { plan: rollout.plan().clone(), stable, candidate, users })
    }

    /// Whom to ask. An interaction that is asked about for the first time keeps the version from here on. `party` is asked for then; `None`: the
    /// interaction is over, or was never known. Whoever is given must be asked, or [given back](Self::not_asked).
    pub(crate) fn serve<'a>(
        &self,
        asking: &Asking<'_>,
        party: impl FnOnce(InteractionId) -> Option<Party<'a>>,
    ) -> Option<Served> {
        let pack = asking.name.split_once('/').filter(|_| !self.is_idle())?.0;
        let mut inner = self.lock();
        let Inner { tenants, asked, shadows, .. } = &mut *inner;
        let Tenant { packs, pins } = tenants.get_mut(asking.tenant)?;
        let mut live = packs.get_mut(pack);
        let pin = asking.interaction.and_then(|interaction| pin(live.as_deref_mut(), pins, pack, interaction, party));
        let stable = || live.as_ref().and_then(|live| live.stable());
        let (release, row) = match &pin {
            Some(pin) => (pin.release.clone(), Arc::clone(&pin.row)),
            None => stable().map(|(release, row)| (release.clone(), Arc::clone(row)))?,
        };
        // A component that this version lacks is one that the configuration names since another came.
        let shelved = row.get(asking.name).or_else(|| stable()?.1.get(asking.name))?;
        let component = shelved.component.clone();
        let beside = live.and_then(|live| live.shadow(asking, &release, pin, shadows));
        let (tenant, pack) = (asking.tenant.clone(), pack.parse().ok()?);
        asked.insert(asking.id, Asked { tenant, pack, release });
        Some(Served { component, beside })
    }

    /// What a pack brings under a key, of the version that the interaction began with: one that hears or asks of the pack for the first time keeps
    /// the version from here on. Without an interaction, or with one that is over, of the version that serves all.
    pub(crate) fn find<'a>(
        &self,
        tenant: &TenantId,
        interaction: Option<InteractionId>,
        key: &str,
        party: impl FnOnce(InteractionId) -> Option<Party<'a>>,
    ) -> Option<Arc<Shelved>> {
        let pack = key.split_once('/').filter(|_| !self.is_idle())?.0;
        let mut inner = self.lock();
        let Tenant { packs, pins } = inner.tenants.get_mut(tenant)?;
        let mut live = packs.get_mut(pack);
        let pin = interaction.and_then(|interaction| pin(live.as_deref_mut(), pins, pack, interaction, party));
        let stable = || live.as_ref()?.stable()?.1.get(key);
        pin.and_then(|pin| pin.row.get(key)).or_else(stable).cloned()
    }

    /// The same of the version that is tried beside the one that serves.
    pub(crate) fn find_beside(&self, tenant: &TenantId, key: &str) -> Option<Arc<Shelved>> {
        let mut inner = self.lock();
        let live = inner.tenants.get_mut(tenant)?.packs.get_mut(key.split_once('/')?.0)?;
        live.loaded.get(live.rollout.candidate()?)?.get(key).cloned()
    }

    /// All that serves or may still be heard of a tenant's packs; of each pack the version that serves all first.
    pub(crate) fn rows(&self, tenant: &TenantId) -> Vec<Arc<Row>> {
        let inner = self.lock();
        let Some(Tenant { packs, pins }) = inner.tenants.get(tenant) else { return Vec::new() };
        let stable = packs.values().filter_map(|live| live.stable()).map(|(_, row)| row);
        let pinned = pins.values().flatten().map(|pin| &pin.row);
        let mut rows: Vec<Arc<Row>> = Vec::new();
        for row in stable.chain(packs.values().flat_map(|live| live.loaded.values())).chain(pinned) {
            if !rows.iter().any(|known| Arc::ptr_eq(known, row)) {
                rows.push(Arc::clone(row));
            }
        }
        rows
    }

    /// The question was not put after all.
    pub(crate) fn not_asked(&self, id: u64) {
        let mut inner = self.lock();
        inner.asked.remove(&id);
        if let Some(pair) = inner.shadows.forget(id) {
            inner.end_run(&pair);
        }
    }

    /// The shadow's question was not put, since the host has more to do.
    pub(crate) fn shadow_dropped(&self, now: Timestamp, id: u64) {
        let mut inner = self.lock();
        let Some(pair) = inner.shadows.forget(id) else { return };
        inner.end_run(&pair);
        if let Some(live) = inner.live(&pair.tenant, &pair.pack) {
            live.rollout.handle_dropped(now);
        }
    }

    /// A reply of whoever was asked.
    pub(crate) fn heard(&self, now: Timestamp, reply: &Reply) {
        if self.is_idle() {
            return;
        }
        let mut inner = self.lock();
        let Some(Asked { tenant, pack, release }) = inner.asked.remove(&reply.id) else { return };
        if let Some(pair) = inner.shadows.stable_said(reply.id, reply.result.as_ref().ok()) {
            inner.compare(now, &pair);
        }
        let Some(outcome) = reply.outcome() else { return };
        inner.tell(&tenant, &pack, |rollout| rollout.handle_outcome(now, &release, outcome));
        self.notify(&inner);
    }

    /// A reply of a shadow.
    pub(crate) fn shadow_heard(&self, now: Timestamp, reply: &Reply) {
        let mut inner = self.lock();
        let (said, pair) = inner.shadows.shadow_said(reply.id, reply.result.as_ref().ok());
        let Some(of) = said else { return };
        match &reply.result {
            Ok(Answer::Stepped(stepped)) => inner.go_on(&of, stepped.state.clone()),
            Ok(_) => {}
            Err(_) => inner.end_run(&of),
        }
        if let Some(pair) = pair {
            inner.compare(now, &pair);
        }
        let Some(outcome) = reply.outcome() else { return };
        inner.tell(&of.tenant, &of.pack, |rollout| rollout.handle_outcome(now, &of.candidate, outcome));
        self.notify(&inner);
    }

    /// An interaction is over.
    pub(crate) fn ended(&self, now: Timestamp, tenant: &TenantId, interaction: InteractionId, end: End) {
        if self.is_idle() {
            return;
        }
        let mut inner = self.lock();
        let pins = inner.tenants.get_mut(tenant).and_then(|tenant| tenant.pins.remove(&interaction));
        for Pin { pack, release, .. } in pins.into_iter().flatten() {
            inner.tell(tenant, &pack, |rollout| rollout.handle_end(now, &release, end));
        }
        self.notify(&inner);
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let inner = self.lock();
        let lives = inner.tenants.values().flat_map(|tenant| tenant.packs.values());
        lives.filter_map(|live| live.rollout.poll_timeout()).min()
    }

    pub(crate) fn handle_timeout(&self, now: Timestamp) {
        let mut inner = self.lock();
        let of = |(tenant, packs): (&TenantId, &Tenant)| {
            packs.packs.keys().map(|pack| (tenant.clone(), pack.clone())).collect::<Vec<_>>()
        };
        let all: Vec<_> = inner.tenants.iter().flat_map(of).collect();
        for (tenant, pack) in all {
            inner.tell(&tenant, &pack, |rollout| rollout.handle_timeout(now));
        }
    }

    /// What plans did on their own since this was last asked.
    pub(crate) fn take_news(&self) -> Vec<News> {
        std::mem::take(&mut self.lock().news)
    }

    /// Returns when there may be news.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// To be told once more: whoever took it could not keep it.
    pub(crate) fn put_back(&self, news: News) {
        self.lock().news.push(news);
    }

    fn notify(&self, inner: &Inner) {
        if !inner.news.is_empty() {
            self.0.news.notify_one();
        }
    }
}

impl Inner {
    fn live(&mut self, tenant: &TenantId, pack: &PackId) -> Option<&mut Live> {
        self.tenants.get_mut(tenant)?.packs.get_mut(pack)
    }

    fn run(&mut self, of: &Pair) -> Option<&mut Option<Run>> {
        let pins = self.tenants.get_mut(&of.tenant)?.pins.get_mut(&of.interaction?)?;
        pins.iter_mut().find(|pin| pin.pack == of.pack).map(|pin| &mut pin.shadow)
    }

    /// A shadow that knows how its flow goes on.
    fn go_on(&mut self, of: &Pair, state: Vec<u8>) {
        if let Some(Some(run)) = self.run(of) {
            run.state = Some(state);
        }
    }

    /// From here on nothing that happens to the interaction would answer what the shadow said.
    fn end_run(&mut self, of: &Pair) {
        if let Some(run) = self.run(of) {
            *run = None;
        }
    }

    fn compare(&mut self, now: Timestamp, pair: &Pair) {
        let Some(same) = pair.is_same() else { return };
        if !same {
            self.end_run(pair);
        }
        if let Some(live) = self.live(&pair.tenant, &pair.pack)
            && live.rollout.candidate() == Some(&pair.candidate)
        {
            live.rollout.handle_comparison(now, same);
        }
    }

    /// Tells a plan something, and remembers what it did about it.
    fn tell(&mut self, tenant: &TenantId, pack: &PackId, tell: impl FnOnce(&mut Rollout) -> Vec<Event>) {
        let Some(live) = self.live(tenant, pack) else { return };
        let events = tell(&mut live.rollout);
        if !events.is_empty() {
            live.unload();
            self.news.push(News { tenant: tenant.clone(), pack: pack.clone(), events });
        }
    }
}

/// The version of a pack that an interaction has; from here on, if it had none.
fn pin<'p, 'a>(
    live: Option<&mut Live>,
    pins: &'p mut BTreeMap<InteractionId, Vec<Pin>>,
    pack: &str,
    interaction: InteractionId,
    party: impl FnOnce(InteractionId) -> Option<Party<'a>>,
) -> Option<&'p mut Pin> {
    let known = pins.get(&interaction).and_then(|all| all.iter().position(|pin| pin.pack.as_str() == pack));
    let place = match known {
        Some(place) => place,
        None => {
            let pin = live?.begin(&party(interaction)?)?;
            let all = pins.entry(interaction).or_default();
            all.push(pin);
            all.len() - 1
        }
    };
    pins.get_mut(&interaction)?.get_mut(place)
}

impl Live {
    fn stable(&self) -> Option<(&Release, &Arc<Row>)> {
        self.loaded.get_key_value(&self.rollout.plan().stable)
    }

    /// An interaction that is asked about for the first time.
    fn begin(&mut self, party: &Party<'_>) -> Option<Pin> {
        let tags: Vec<&str> = party.tags.iter().map(String::as_str).collect();
        // RFC 3323: who hides the number calls as this.
        let number = (!party.from.is_empty() && party.from != "anonymous").then_some(party.from);
        let caller = Caller { number, dialled: Some(party.to), tags: &tags };
        let row = self.loaded.get(&self.rollout.choose(&caller).release)?;
        let (row, release) = (Arc::clone(row), self.rollout.begin(&caller).release);
        Some(Pin { pack: self.rollout.plan().pack.clone(), release, row, shadow: None })
    }

    /// The candidate, if it is to be asked the same without effect.
    fn shadow(
        &mut self,
        asking: &Asking<'_>,
        release: &Release,
        pin: Option<&mut Pin>,
        shadows: &mut Shadows,
    ) -> Option<(Component, Vec<u8>)> {
        let Stage::Shadow { candidate } = &self.rollout.plan().stage else { return None };
        if *release != self.rollout.plan().stable {
            return None;
        }
        let component = self.loaded.get(candidate)?.get(asking.name)?.component.clone();
        let state = match (asking.step, pin) {
            (None, _) => Vec::new(),
            (Some(_), None) => return None,
            (Some(0), Some(pin)) => {
                pin.shadow = Some(Run::new(candidate.clone()));
                Vec::new()
            }
            // One that began before the trial, or has gone its own way, is not followed.
            (Some(_), Some(pin)) => {
                let run = pin.shadow.as_mut().filter(|run| run.candidate == *candidate)?;
                let Some(state) = run.state.take() else {
                    pin.shadow = None;
                    self.rollout.handle_dropped(asking.now);
                    return None;
                };
                state
            }
        };
        shadows.begin(asking.id, Pair::new(asking, self.rollout.plan().pack.clone(), candidate.clone()));
        Some((component, state))
    }

    /// Lets go of versions that neither the plan nor an interaction needs.
    fn unload(&mut self) {
        let needed: Vec<Release> = self.rollout.needed().into_iter().cloned().collect();
        self.loaded.retain(|release, _| needed.contains(release));
    }
}
