//! What is known of all tenants' packs: the store's records with the manifests of what they name, and the files themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use plugboard_api::{AlarmName, PackComponent, PackVersion, PackView, Words};
use plugboard_model::{Brought, TenantId};
use plugboard_pack::{
    Digest, Held, Installation, Manifest, Pack, PackId,
    rollout::{Budget, Plan, Rollout, Stage},
};
use plugboard_plugin::PluginHash;
use plugboard_store::{BlobError, BlobName, Directory, Embedded, Query, ReadError, Store as _};

use super::{Admitted, Gate, InstalledPack, Lines, Rollouts, Row, Shelf, Shelved, admit, contents, full_name};
use crate::alarms::Alarms;

/// Packs of all tenants.
#[derive(Debug)]
pub(crate) struct Packs {
    pub(crate) gate: Gate,
    pub(crate) shelf: Shelf,
    pub(crate) rollouts: Rollouts,
    pub(crate) lines: Arc<Lines>,
    files: Directory,
    known: RwLock<BTreeMap<(TenantId, PackId), Known>>,
    /// Full names of components by content, of versions that went as well: what they wrote and why they failed is asked for most when they are gone.
    names: RwLock<BTreeMap<(TenantId, PluginHash), String>>,
}

/// Names that are remembered. Past this many, those of versions that went are forgotten.
const MOST_NAMES: usize = 10_000;

/// One pack of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) installation: Installation,
    /// Of the versions that the installation names, by their content.
    pub(crate) manifests: BTreeMap<Digest, Described>,
}

/// What a version's file says.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) manifest: Arc<Manifest>,
    /// Hashes of the components, by full name.
    pub(crate) hashes: Vec<(PluginHash, String)>,
    /// Files that its sounds are kept in.
    sounds: Vec<String>,
}

impl Packs {
    pub(crate) fn open(folder: &Path, gate: Gate, lines: Arc<Lines>) -> io::Result<Self> {
        let files = Directory::open(folder)?;
        Ok(Self {
            gate,
            shelf: Shelf::default(),
            rollouts: Rollouts::default(),
            lines,
            files,
            known: RwLock::default(),
            names: RwLock::default(),
        })
    }

    /// What a start finds of a tenant. A pack that cannot serve any more raises an alarm, and native defaults decide.
    pub(crate) fn recover(&self, store: &Embedded, tenant: &TenantId, alarms: &Alarms) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = store
                .query(&Query::new(tenant, <InstalledPack as plugboard_store::Record>::KIND, "id").after(after))?;
            for row in &page.rows {
                let InstalledPack(installation) = row.read().map_err(ReadError::from)?;
                if let Err(reason) = self.take_over(tenant, &installation) {
                    let about = format!("{tenant}/{}", installation.pack);
                    alarms.raise(AlarmName::PackNotLoaded, &about, format!("{reason}; native defaults decide for it"));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn take_over(&self, tenant: &TenantId, installation: &Installation) -> Result<(), String> {
        let mut manifests = BTreeMap::new();
        let mut broken = None;
        for held in installation.held() {
            match self.file(held).and_then(|file| described(&file)) {
                Ok(described) => drop(manifests.insert(held.release.digest, described)),
                Err(reason) => broken = Some(format!("{}: {reason}", held.release)),
            }
        }
        self.know(tenant, Known { installation: installation.clone(), manifests });
        if let Some(serving) = &installation.serving {
            let components = self.load(tenant, serving)?;
            self.shelf.put(tenant, &installation.pack, &components);
            let mut loaded = BTreeMap::from([(serving.release.clone(), Arc::new(Row::from_iter(components)))]);
            let mut plan = installation.plan.clone().filter(|plan| plan.stable == serving.release);
            // What would be gone back to, or is tried.
            let is_watched = plan.as_ref().is_some_and(|plan| matches!(plan.stage, Stage::Watched { .. }));
            let beside = if is_watched { &installation.previous } else { &installation.trial };
            if let Some(beside) = beside {
                match self.load(tenant, beside) {
                    Ok(components) => {
                        drop(loaded.insert(beside.release.clone(), Arc::new(components.into_iter().collect())));
                    }
                    Err(reason) => {
                        broken = Some(format!("{}: {reason}", beside.release));
                        plan = plan.map(|plan| Plan { stage: Stage::Alone, ..plan });
                    }
                }
            }
            let rollout = match plan {
                Some(plan) => Rollout::resume(plan),
                None => Rollout::new(installation.pack.clone(), serving.release.clone(), Budget::default()),
            };
            self.rollouts.put(tenant, rollout, loaded);
        }
        broken.map_or(Ok(()), Err)
    }

    /// The components of a version that was kept.
    fn load(&self, tenant: &TenantId, held: &Held) -> Result<Vec<(String, Arc<Shelved>)>, String> {
        let admitted = self.gate.admit(tenant, self.file(held)?).map_err(|faults| {
            let first = faults.first().map(|fault| format!("{}; {}", fault.message, fault.remedy));
            first.unwrap_or_default()
        });
        let Admitted { components, file, .. } = admitted?;
        // Whoever restored the packs may have left their sounds behind.
        let kept = admit::read(&file).map_or(Ok(()), |pack| self.keep_sounds(&pack));
        kept.map_err(|error| crate::chain(&error))?;
        Ok(components)
    }

    /// What a tenant's configuration finds of its packs while it runs.
    pub(crate) fn brought(&self, tenant: &TenantId, also: Option<&Row>) -> Brought {
        let rows = self.rollouts.rows(tenant);
        contents::brought(rows.iter().map(|row| &**row).chain(also))
    }

    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|((of, _), _)| of == tenant).map(|(_, known)| known.clone()).collect()
    }

    pub(crate) fn get(&self, tenant: &TenantId, pack: &PackId) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&(tenant.clone(), pack.clone())).cloned()
    }

    pub(crate) fn know(&self, tenant: &TenantId, known: Known) {
        let key = (tenant.clone(), known.installation.pack.clone());
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES {
            names.clear();
            for ((tenant, _), known) in all.iter() {
                names.extend(known.names().map(|(hash, name)| ((tenant.clone(), hash), name)));
            }
        }
        names.extend(known.names().map(|(hash, name)| ((tenant.clone(), hash), name)));
        all.insert(key, known);
    }

    /// The components of the pack that the tenant has or had, or the one of that full name, by content.
    pub(crate) fn names(&self, tenant: &TenantId, plugin: &str) -> BTreeMap<PluginHash, String> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |name: &str| name == plugin || name.split_once('/').is_some_and(|(pack, _)| pack == plugin);
        let meant = names.iter().filter(|((of, _), name)| of == tenant && is_meant(name));
        meant.map(|((_, hash), name)| (*hash, name.clone())).collect()
    }

    /// The full name of a component that the tenant has or had.
    pub(crate) fn name_of(&self, tenant: &TenantId, hash: PluginHash) -> Option<String> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(&(tenant.clone(), hash)).cloned()
    }

    pub(crate) fn forget(&self, tenant: &TenantId, pack: &PackId) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), pack.clone()));
        self.shelf.put(tenant, pack, &[]);
        self.rollouts.forget(tenant, pack);
    }

    /// The file of a version, as it was sent.
    pub(crate) fn file(&self, held: &Held) -> Result<Vec<u8>, String> {
        let read = |file| std::fs::read(file).map_err(|error| error.to_string());
        let bytes = read(self.files.path(&name_of(&held.file)))?;
        let altered = || "its file on disk is not what was installed; send it again".to_owned();
        if Digest::of(&bytes) == held.file { Ok(bytes) } else { Err(altered()) }
    }

    /// Keeps a file, and the sounds in it as files of their own, to be played. Durable when this returns; doing it twice is doing it once.
    pub(crate) fn keep(&self, held: &Held, file: &[u8]) -> Result<(), BlobError> {
        self.files.put(&name_of(&held.file), &mut &*file)?;
        // It was admitted, so it can be read.
        admit::read(file).map_or(Ok(()), |pack| self.keep_sounds(&pack))
    }

    fn keep_sounds(&self, pack: &Pack) -> Result<(), BlobError> {
        for (name, bytes) in contents::sounds(pack) {
            let name = BlobName::parse(&name).expect("hexadecimal digits and an extension");
            if !self.files.path(&name).is_file() {
                self.files.put(&name, &mut &*bytes)?;
            }
        }
        Ok(())
    }

    /// Removes sounds that no version of any pack brings any more. For a start, when nobody hears any.
    pub(crate) fn sweep_sounds(&self) -> io::Result<()> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let brought: BTreeSet<&str> = known
            .values()
            .flat_map(|known| known.manifests.values())
            .flat_map(|described| described.sounds.iter().map(String::as_str))
            .collect();
        for entry in std::fs::read_dir(&self.gate.sounds)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_left = |name: &str| name.ends_with(".wav") && !brought.contains(name);
            if name.to_str().is_some_and(is_left) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes files that no pack of any tenant names any more, of those that `before` named.
    pub(crate) fn sweep(&self, before: &Installation) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let named =
            |file: &Digest| known.values().any(|known| known.installation.held().any(|held| held.file == *file));
        for held in before.held().filter(|held| !named(&held.file)) {
            if let Err(error) = self.files.delete(&name_of(&held.file)) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a pack's file that nobody needs is not removed"
                );
            }
        }
    }
}

fn name_of(file: &Digest) -> BlobName {
    BlobName::parse(&format!("{file}.pbpack")).expect("hexadecimal digits and an extension")
}

/// What stands in a file that was admitted once.
fn described(file: &[u8]) -> Result<Described, String> {
    let pack =
        admit::read(file).map_err(|faults| faults.first().map(|fault| fault.message.clone()).unwrap_or_default())?;
    Ok(Described::of(&pack))
}

impl Described {
    pub(super) fn of(pack: &Pack) -> Self {
        let id = &pack.manifest().id;
        let hash = |component: &plugboard_pack::manifest::Component| {
            let Digest(hash) = Digest::of(pack.component(component).unwrap_or_default());
            (PluginHash(hash), full_name(id, &component.name))
        };
        Self {
            manifest: Arc::new(pack.manifest().clone()),
            hashes: pack.manifest().components.iter().map(hash).collect(),
            sounds: contents::sounds(pack).map(|(name, _)| name).collect(),
        }
    }
}

/// Words as the API writes them.
pub(crate) fn told(words: plugboard_pack::Words) -> Words {
    Words { en: words.en, zh_cn: words.zh_cn }
}

impl Known {
    /// As clients see it.
    pub(crate) fn view(&self) -> PackView {
        let Installation { pack, serving, previous, waiting, trial, .. } = &self.installation;
        let latest = [serving, waiting, previous].into_iter().flatten().find_map(|held| self.manifest(held));
        let name = latest.map_or_else(|| plugboard_pack::Words::same(pack.as_str()), |manifest| manifest.name.clone());
        let version = |held: &Option<Held>| held.as_ref().map(|held| self.version(held));
        PackView {
            id: pack.to_string(),
            name: told(name),
            vendor: latest.map(|manifest| manifest.vendor.clone()).unwrap_or_default(),
            serving: version(serving),
            previous: version(previous),
            waiting: version(waiting),
            trial: version(trial),
        }
    }

    fn names(&self) -> impl Iterator<Item = (PluginHash, String)> {
        self.manifests.values().flat_map(|described| described.hashes.iter().cloned())
    }

    pub(crate) fn manifest(&self, held: &Held) -> Option<&Manifest> {
        self.manifests.get(&held.release.digest).map(|described| &*described.manifest)
    }

    fn version(&self, held: &Held) -> PackVersion {
        let components = self.manifest(held).map(|manifest| manifest.components.as_slice()).unwrap_or_default();
        let component = |component: &plugboard_pack::manifest::Component| PackComponent {
            name: full_name(&self.installation.pack, &component.name),
            world: component.world.to_string(),
            permissions: component.asks.each().iter().map(|ask| told(ask.words())).collect(),
        };
        PackVersion {
            version: held.release.version.to_string(),
            digest: held.release.digest.to_string(),
            signed_by: held.signed_by.clone(),
            components: components.iter().map(component).collect(),
        }
    }
}
