//! Packs of a tenant on their way into service: admitted, decided, kept, put where questions find them, and told as an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use plugboard_api::{Fault, HostError, PackAsk, PackChange, PackChanged, PackOrder, PackRefused};
use plugboard_exchange::Command;
use plugboard_model::{Configuration, EventKind, TenantId};
use plugboard_pack::{
    Digest, Held, Installation, Manifest, PackId, Step,
    permissions::{Changes, Wanting},
    rollout::{Budget, Rollout, Trial},
};
use plugboard_store::Transaction;

use super::{
    PlugboardHost,
    rollouts::{Way, tried},
};
use crate::{
    chain,
    components::Components,
    packs::{Admitted, Described, InstalledPack, Known, Row, full_name, told},
};

/// Packs of one tenant.
const MOST_PACKS: usize = 100;

/// What has been decided about a pack, before anything of it is done.
pub(super) struct Decision {
    pub(super) before: Option<Known>,
    pub(super) after: Installation,
    pub(super) step: Step,
    /// The version that it is about.
    pub(super) held: Held,
    /// What was loaded for it; `None` where it is loaded already.
    pub(super) admitted: Option<Admitted>,
    pub(super) way: Way,
    /// To be told once it is in force.
    pub(super) events: Vec<EventKind>,
}

/// What is decided, as it will be.
pub(super) struct Ready {
    loaded: Option<Row>,
    /// It serves somebody from here on, or is asked beside.
    begins: bool,
    planned: Option<Rollout>,
    pub(super) described: Described,
    pub(super) known: Known,
}

impl PlugboardHost {
    pub(super) async fn carry_out_order(
        &self,
        tenant: &TenantId,
        order: PackOrder,
        by: String,
    ) -> Result<PackChanged, PackRefused> {
        self.parts(tenant)?;
        let by: Arc<str> = by.into();
        match order {
            PackOrder::Install { file, dry_run } => {
                let admitted = self.admit(tenant, file).await?;
                if dry_run {
                    return self.foresee(tenant, self.to_install(tenant, admitted, by)?).await;
                }
                let _one_at_a_time = self.turn().await?;
                self.settle(tenant, self.to_install(tenant, admitted, by)?).await
            }
            PackOrder::Upgrade { pack, file, how, dry_run } => {
                let id = self.known_pack(tenant, &pack)?;
                let how = self.way_of(tenant, &id, &how)?;
                let admitted = self.admit(tenant, file).await?;
                if dry_run {
                    return self.foresee(tenant, self.to_upgrade(tenant, &id, admitted, how, by)?).await;
                }
                let _one_at_a_time = self.turn().await?;
                self.settle(tenant, self.to_upgrade(tenant, &id, admitted, how, by)?).await
            }
            PackOrder::Promote { pack, how } => self.promote(tenant, self.known_pack(tenant, &pack)?, &how, by).await,
            PackOrder::Grant { pack, digest } => self.grant(tenant, self.known_pack(tenant, &pack)?, &digest, by).await,
            PackOrder::RollBack { pack } => self.roll_back(tenant, self.known_pack(tenant, &pack)?, by).await,
            PackOrder::Remove { pack } => self.remove(tenant, self.known_pack(tenant, &pack)?, by).await,
        }
    }

    fn to_install(&self, tenant: &TenantId, admitted: Admitted, by: Arc<str>) -> Result<Decision, PackRefused> {
        let manifest = Arc::clone(&admitted.described.manifest);
        if let Some(known) = self.packs.get(tenant, &manifest.id) {
            return Err(PackRefused::NotNow {
                code: "installed-already",
                detail: format!("{} is installed already, as {}", manifest.id, versions(&known.installation)),
                remedy: "upgrade it with `plugboard pack upgrade`".into(),
            });
        }
        if self.packs.of_tenant(tenant).len() >= MOST_PACKS {
            return Err(PackRefused::NotNow {
                code: "too-many-packs",
                detail: format!("the tenant has {MOST_PACKS} packs already"),
                remedy: "remove one that nothing names any more".into(),
            });
        }
        let (after, step) = Installation::install(&manifest, admitted.held.clone());
        let events = vec![EventKind::PackInstalled {
            pack: manifest.id.as_str().into(),
            version: version(&admitted.held),
            digest: digest(&admitted.held),
            waits: matches!(step, Step::Waits { .. }),
            by,
        }];
        let (held, way) = (admitted.held.clone(), Way::of(&step, None));
        Ok(Decision { before: None, after, step, held, admitted: Some(admitted), way, events })
    }

    /// `how`: as [`Self::way_of`] has it.
    fn to_upgrade(
        &self,
        tenant: &TenantId,
        id: &PackId,
        admitted: Admitted,
        (trial, budget): (Option<Trial>, Option<Budget>),
        by: Arc<str>,
    ) -> Result<Decision, PackRefused> {
        let manifest = Arc::clone(&admitted.described.manifest);
        if manifest.id != *id {
            return Err(PackRefused::Invalid(vec![Fault {
                file: Some(plugboard_pack::manifest::MANIFEST.into()),
                field: Some("/pack/id".into()),
                code: "other-pack".into(),
                message: format!("this is {}, not {id}", manifest.id),
                remedy: "send it to the pack that it is a version of, or install it".into(),
                ..Fault::default()
            }]));
        }
        let before = self.still_known(tenant, id)?;
        let mode = self.packs.gate.mode(tenant);
        let upgraded = before.installation.upgrade(&manifest, admitted.held.clone(), mode, trial);
        let (after, step) = upgraded.map_err(|error| PackRefused::NotNow {
            code: error.code(),
            detail: error.to_string(),
            remedy: error.remedy().into(),
        })?;
        let event = match &step {
            Step::Tried { trial, .. } => tried(id, &admitted.held, trial, by),
            Step::Serves { .. } | Step::Waits { .. } => EventKind::PackUpgraded {
                pack: id.as_str().into(),
                from: before.installation.serving.as_ref().map(version),
                version: version(&admitted.held),
                digest: digest(&admitted.held),
                waits: matches!(step, Step::Waits { .. }),
                by,
            },
        };
        let (before, events) = (Some(before), vec![event]);
        let (held, way) = (admitted.held.clone(), Way::of(&step, budget));
        Ok(Decision { before, after, step, held, admitted: Some(admitted), way, events })
    }

    async fn grant(&self, tenant: &TenantId, id: PackId, seen: &str, by: Arc<str>) -> Result<PackChanged, PackRefused> {
        let nothing_waits = || PackRefused::NotNow {
            code: "nothing-waits",
            detail: format!("no version of {id} waits for a grant"),
            remedy: "nothing is to be done".into(),
        };
        let waiting = self.still_known(tenant, &id)?.installation.waiting.ok_or_else(nothing_waits)?;
        let admitted = self.admit_again(tenant, &waiting).await?;
        let _one_at_a_time = self.turn().await?;
        let before = self.still_known(tenant, &id)?;
        let digest_seen = seen.parse().ok().filter(|seen| *seen == admitted.held.release.digest);
        let granted = digest_seen
            .and_then(|seen| before.installation.grant(tenant, &admitted.described.manifest, seen).ok())
            .ok_or_else(|| PackRefused::NotNow {
                code: "other-content",
                detail: format!("what waits is {}, not what you have looked at", waiting.release),
                remedy: "look at what waits with `plugboard pack list`, and grant that".into(),
            })?;
        let (after, step) = granted;
        let event = EventKind::PackGranted {
            pack: id.as_str().into(),
            from: before.installation.serving.as_ref().map(version),
            version: version(&admitted.held),
            digest: digest(&admitted.held),
            by: Arc::clone(&by),
        };
        let mut events = vec![event];
        if let Step::Tried { trial, .. } = &step {
            events.push(tried(&id, &admitted.held, trial, by));
        }
        let (before, held, way) = (Some(before), admitted.held.clone(), Way::of(&step, None));
        self.settle(tenant, Decision { before, after, step, held, admitted: Some(admitted), way, events }).await
    }

    async fn remove(&self, tenant: &TenantId, id: PackId, by: Arc<str>) -> Result<PackChanged, PackRefused> {
        let _one_at_a_time = self.turn().await?;
        let before = self.still_known(tenant, &id)?;
        let mut users = users_of(&id, &self.parts(tenant)?.configuration());
        if users.is_empty() {
            // Prompts are named in many places, and by documents that only their components can read.
            let named = self.faults_with(tenant, &id, &[])?.into_iter().filter_map(|fault| fault.field.or(fault.file));
            users.extend(named);
        }
        if !users.is_empty() {
            return Err(PackRefused::NotNow {
                code: "in-use",
                detail: format!("{id} is named by {}", users.join(", ")),
                remedy: "name something else there first, or nothing".into(),
            });
        }
        let mut transaction = Transaction::new();
        let deleted = transaction.delete::<InstalledPack>(tenant, id.as_str());
        deleted.map_err(|error| HostError::Store { reason: chain(&error) })?;
        self.commit(transaction).await?;
        self.packs.forget(tenant, &id);
        self.packs.sweep(&before.installation);
        self.bring(tenant, None).await?;
        self.note(tenant, EventKind::PackRemoved { pack: id.as_str().into(), by }).await?;
        let last = [&before.installation.serving, &before.installation.waiting].into_iter().flatten().next();
        Ok(PackChanged {
            outcome: PackChange::Removed,
            id: id.to_string(),
            version: last.map(|held| held.release.version.to_string()).unwrap_or_default(),
            digest: last.map(|held| held.release.digest.to_string()).unwrap_or_default(),
            to_grant: Vec::new(),
            changes: Vec::new(),
            pack: None,
            look: None,
        })
    }

    /// All that may stand in the way of what was decided. It changes nothing.
    pub(super) fn ready(&self, tenant: &TenantId, decision: &Decision) -> Result<Ready, PackRefused> {
        let Decision { before, after, step, held, admitted, way, .. } = decision;
        let row = admitted.as_ref().map(|admitted| admitted.components.iter().cloned().collect::<Row>());
        let loaded = row.or_else(|| Some((*self.packs.rollouts.row(tenant, &after.pack, &held.release)?).clone()));
        let begins = !matches!(step, Step::Waits { .. });
        if begins && let Some(row) = &loaded {
            let components: Vec<_> = row.iter().map(|(name, shelved)| (name.clone(), Arc::clone(shelved))).collect();
            self.check_what_names_it(tenant, &after.pack, &components)?;
        }
        let planned = self.plan(tenant, &after.pack, &held.release, way)?;
        let known_before = before.as_ref().and_then(|before| before.manifests.get(&held.release.digest)).cloned();
        let described = admitted.as_ref().map(|admitted| admitted.described.clone()).or(known_before);
        let described = described.ok_or_else(|| HostError::Store { reason: "its file cannot be read".into() })?;
        let mut manifests = before.as_ref().map(|before| before.manifests.clone()).unwrap_or_default();
        manifests.insert(held.release.digest, described.clone());
        let mut after = after.clone();
        after.plan = planned.as_ref().map(|rollout| rollout.plan().clone());
        Ok(Ready { loaded, begins, planned, described, known: known_of(after, manifests) })
    }

    /// On disk before it is in force, in force before it is told, and told before it is acknowledged.
    pub(super) async fn settle(&self, tenant: &TenantId, decision: Decision) -> Result<PackChanged, PackRefused> {
        let Ready { loaded, begins, planned, described, known } = self.ready(tenant, &decision)?;
        let Decision { before, step, held, admitted, way, events, .. } = decision;
        if let Some(Admitted { file, .. }) = admitted {
            self.keep_file(held.clone(), file).await?;
        }
        self.keep_installed(tenant, &known.installation).await?;
        self.packs.know(tenant, known.clone());
        // Before anybody is served by it: a call that begins with it hears what it brings.
        self.bring(tenant, loaded.as_ref().filter(|_| begins)).await?;
        let more = match planned {
            Some(planned) => self.carry_out(tenant, planned, &way, &held.release, loaded)?,
            None => Vec::new(),
        };
        self.bring(tenant, None).await?;
        if begins && let Some(parts) = self.parts_of(tenant) {
            self.prepare_connectors(&parts.configuration()).await;
        }
        if let Some(before) = &before {
            self.packs.sweep(&before.installation);
        }
        for event in events.into_iter().chain(more) {
            self.note(tenant, event).await?;
        }
        tracing::info!(%tenant, pack = %known.installation.pack, release = %held.release, ?step, "pack changed");
        Ok(changed(before.as_ref(), &known, &held, &described.manifest, step))
    }

    pub(super) async fn keep_installed(&self, tenant: &TenantId, installation: &Installation) -> Result<(), HostError> {
        let mut transaction = Transaction::new();
        let put = transaction.put(tenant, &InstalledPack(installation.clone()));
        put.map_err(|error| HostError::Store { reason: chain(&error) })?;
        self.commit(transaction).await
    }

    pub(super) fn remember(
        &self,
        tenant: &TenantId,
        installation: Installation,
        manifests: BTreeMap<Digest, Described>,
    ) {
        self.packs.know(tenant, known_of(installation, manifests));
    }

    /// Queues and flows of the running configuration that name a component of the pack go on to do so: the new version has to take their settings.
    fn check_what_names_it(
        &self,
        tenant: &TenantId,
        pack: &PackId,
        components: &[(String, Arc<crate::packs::Shelved>)],
    ) -> Result<(), PackRefused> {
        let after = self.faults_with(tenant, pack, components)?;
        if after.is_empty() { Ok(()) } else { Err(PackRefused::Invalid(after)) }
    }

    /// What would be wrong with the running configuration if the pack brought this, and is not wrong as it is.
    fn faults_with(
        &self,
        tenant: &TenantId,
        pack: &PackId,
        components: &[(String, Arc<crate::packs::Shelved>)],
    ) -> Result<Vec<Fault>, HostError> {
        let configuration = self.parts(tenant)?.configuration();
        let found = |components: &Components| {
            let mut faults = Vec::new();
            self.check(components, &configuration, &mut faults);
            faults
        };
        let after = found(&self.components.with(tenant, pack, components));
        if after.is_empty() {
            return Ok(after);
        }
        let before = found(&self.components);
        Ok(after.into_iter().filter(|fault| !before.contains(fault)).collect())
    }

    async fn admit(&self, tenant: &TenantId, file: Vec<u8>) -> Result<Admitted, PackRefused> {
        let (packs, tenant) = (Arc::clone(&self.packs), tenant.clone());
        let admitted = tokio::task::spawn_blocking(move || packs.gate.admit(&tenant, file)).await;
        let broke_down = |error: tokio::task::JoinError| HostError::Store { reason: error.to_string() };
        admitted.map_err(broke_down)?.map_err(PackRefused::Invalid)
    }

    /// A version that was kept. Its signer may have lost our trust since.
    pub(super) async fn admit_again(&self, tenant: &TenantId, held: &Held) -> Result<Admitted, PackRefused> {
        let (packs, of) = (Arc::clone(&self.packs), held.clone());
        let read = tokio::task::spawn_blocking(move || packs.file(&of)).await;
        let file = read.map_err(|error| error.to_string()).and_then(|read| read);
        let mut admitted = self.admit(tenant, file.map_err(|reason| HostError::Store { reason })?).await?;
        admitted.held = held.clone();
        Ok(admitted)
    }

    async fn keep_file(&self, held: Held, file: Vec<u8>) -> Result<(), HostError> {
        let packs = Arc::clone(&self.packs);
        let kept = tokio::task::spawn_blocking(move || packs.keep(&held, &file)).await;
        let failed = |reason| HostError::Store { reason };
        kept.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(chain(&error)))
    }

    /// Returns when the event is on disk.
    pub(crate) async fn note(&self, tenant: &TenantId, event: EventKind) -> Result<(), HostError> {
        self.ask(tenant, "", Command::Note(event)).await.map(drop)
    }

    pub(super) fn known_pack(&self, tenant: &TenantId, id: &str) -> Result<PackId, PackRefused> {
        let known = id.parse().ok().filter(|id| self.packs.get(tenant, id).is_some());
        known.ok_or_else(|| PackRefused::NoSuchPack(id.to_owned()))
    }

    pub(super) fn still_known(&self, tenant: &TenantId, id: &PackId) -> Result<Known, PackRefused> {
        self.packs.get(tenant, id).ok_or_else(|| PackRefused::NoSuchPack(id.to_string()))
    }
}

/// With what stands in the files of those versions that are still kept.
fn known_of(installation: Installation, mut manifests: BTreeMap<Digest, Described>) -> Known {
    let named: BTreeSet<_> = installation.held().map(|held| held.release.digest).collect();
    manifests.retain(|digest, _| named.contains(digest));
    Known { installation, manifests }
}

/// What became of it, or would become. `manifest`: that of `held`.
pub(super) fn changed(
    before: Option<&Known>,
    known: &Known,
    held: &Held,
    manifest: &Manifest,
    step: Step,
) -> PackChanged {
    let served = before.and_then(|before| before.manifest(before.installation.serving.as_ref()?));
    let changes = served.map(|served| Changes::between(served, manifest).lines()).unwrap_or_default();
    PackChanged {
        outcome: match step {
            Step::Serves { .. } => PackChange::Serves,
            Step::Tried { .. } => PackChange::Tried,
            Step::Waits { .. } => PackChange::Waits,
        },
        id: known.installation.pack.to_string(),
        version: held.release.version.to_string(),
        digest: held.release.digest.to_string(),
        to_grant: to_grant(manifest, step),
        changes: changes.into_iter().map(told).collect(),
        pack: Some(known.view()),
        look: None,
    }
}

pub(super) fn version(held: &Held) -> Arc<str> {
    held.release.version.to_string().into()
}

pub(super) fn digest(held: &Held) -> Arc<str> {
    held.release.digest.to_string().into()
}

/// `1.2.0`, or `1.2.0 and 1.3.0, which waits`.
fn versions(installation: &Installation) -> String {
    let serving = installation.serving.iter().map(|held| held.release.version.to_string());
    let waiting = installation.waiting.iter().map(|held| format!("{}, which waits for a grant", held.release.version));
    serving.chain(waiting).collect::<Vec<_>>().join(" and ")
}

/// What of the tenant's configuration names a component of the pack.
fn users_of(pack: &PackId, configuration: &Configuration) -> Vec<String> {
    let queues = configuration.queues.iter().filter_map(|(id, queue)| {
        let policy = queue.policy.as_ref()?;
        crate::packs::is_of(&policy.plugin, pack).then(|| format!("queue {id}"))
    });
    let flows = configuration.flows.iter().filter(|(_, flow)| {
        crate::packs::is_of(&flow.plugin, pack) || flow.of_pack().is_some_and(|name| crate::packs::is_of(name, pack))
    });
    let rules = configuration.rules.iter().filter(|(_, rule)| crate::packs::is_of(&rule.plugin, pack));
    let connectors = configuration.connectors.iter();
    let connectors = connectors.filter(|(_, connector)| crate::packs::is_of(&connector.plugin, pack));
    let rules = rules.map(|(name, _)| format!("rule {name}"));
    let connectors = connectors.map(|(name, _)| format!("connector {name}"));
    let channels = configuration.channels.iter();
    let channels = channels.filter(|(_, channel)| crate::packs::is_of(&channel.component.plugin, pack));
    let channels = channels.map(|(name, _)| format!("channel {name}"));
    queues.chain(flows.map(|(id, _)| format!("flow {id}"))).chain(rules).chain(connectors).chain(channels).collect()
}

/// What nobody has granted yet; of a version that the grant is not for, all that it asks.
fn to_grant(manifest: &Manifest, step: Step) -> Vec<PackAsk> {
    let ask = |component, ask: &plugboard_pack::permissions::Ask| PackAsk {
        component: full_name(&manifest.id, component),
        ask: told(ask.words()),
    };
    match step {
        Step::Serves { .. } | Step::Tried { .. } => Vec::new(),
        Step::Waits { wanting: Wanting::Missing { missing, .. }, .. } => {
            missing.iter().map(|(component, wanted)| ask(component, wanted)).collect()
        }
        Step::Waits { wanting: Wanting::OtherVersions { .. }, .. } => {
            let all = manifest.components.iter();
            all.flat_map(|component| component.asks.each().into_iter().map(|wanted| ask(&component.name, &wanted)))
                .collect()
        }
    }
}
