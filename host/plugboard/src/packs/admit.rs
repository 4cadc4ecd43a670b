//! From the bytes that somebody sent to a pack that this host can run, or all that stands in its way.

use std::{path::PathBuf, sync::Arc};

use plugboard_api::Fault;
use plugboard_config::SettingsSchema;
use plugboard_model::TenantId;
use plugboard_pack::{
    AskedWorld, Digest, Held, Pack, PackError,
    archive::Bounds,
    manifest::{self, MANIFEST, ManifestFault},
    signature::{Mode, Verdict},
};
use plugboard_plugin::{Engine, Inspected, Limits, LoadError, Terms};

use super::{
    Component, Shelved, Trust, contents,
    fit::{self, Depth, Unfit},
    full_name,
    kept::Described,
};
use crate::clock::Clock;

/// What a pack is held against.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) engine: Engine,
    pub(crate) packs: Trust,
    pub(crate) clock: Clock,
    /// Where sounds of packs are kept.
    pub(crate) sounds: PathBuf,
}

/// A pack that this host can run, with its components loaded.
pub(crate) struct Admitted {
    pub(crate) held: Held,
    pub(crate) described: Described,
    /// By full name, with what the pack brings beside them.
    pub(crate) components: Vec<(String, Arc<Shelved>)>,
    /// What each component names, in the manifest's order.
    pub(crate) inspected: Vec<Option<Inspected>>,
    pub(crate) verdict: Verdict,
    pub(crate) mode: Mode,
    pub(crate) file: Vec<u8>,
}

impl Gate {
    /// Nothing of a pack runs, and nothing of it is compiled, before its signature is known to be good. Takes as long as its components take to
    /// compile: not for a thread that others wait for.
    pub(crate) fn admit(&self, tenant: &TenantId, file: Vec<u8>) -> Result<Admitted, Vec<Fault>> {
        let pack = read(&file)?;
        let (verdict, mode) = self.judge(tenant, &pack);
        if !verdict.admits(mode) {
            return Err(vec![not_trusted(&verdict)]);
        }
        let (inspected, unfit) = self.unfit(&pack);
        let unfit: Vec<Fault> = unfit.iter().map(|(at, unfit)| told(at, unfit)).collect();
        if !unfit.is_empty() {
            return Err(unfit);
        }
        let (mut components, mut faults) = (Vec::new(), Vec::new());
        for component in &pack.manifest().components {
            match self.load(&pack, component) {
                Ok(shelved) => {
                    components.push((full_name(&pack.manifest().id, &component.name), Arc::new(shelved)));
                }
                Err(unfit) => faults.push(told(&place(component, &unfit), &unfit)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        components.extend(contents::brought_by(&pack, &self.sounds));
        let signed_by = if let Verdict::Trusted { by } = &verdict { by.clone() } else { Vec::new() };
        let held = Held { release: pack.release(), file: Digest::of(&file), signed_by, grant: None };
        Ok(Admitted { held, described: Described::of(&pack), components, inspected, verdict, mode, file })
    }

    /// Whose the pack is, as the tenant sees it at present, and how strict the tenant is.
    pub(crate) fn judge(&self, tenant: &TenantId, pack: &Pack) -> (Verdict, Mode) {
        let trusted = self.packs.now();
        (pack.judge(&trusted.trust, Some(tenant), self.clock.now()), trusted.mode(tenant))
    }

    pub(crate) fn mode(&self, tenant: &TenantId) -> Mode {
        self.packs.now().mode(tenant)
    }

    /// What each component names, and what does not fit with its place in the manifest.
    fn unfit(&self, pack: &Pack) -> (Vec<Option<Inspected>>, Vec<(String, Unfit)>) {
        let newer = fit::contract(pack.manifest()).map(|unfit| ("/pack/contract".to_owned(), unfit));
        let (mut inspected, mut all) = (Vec::new(), Vec::from_iter(newer));
        for component in &pack.manifest().components {
            let (names, unfit) = fit::look(&self.engine, pack, component, Depth::Names);
            inspected.push(names);
            all.extend(unfit.into_iter().map(|unfit| (place(component, &unfit), unfit)));
        }
        all.extend(contents::unfit(pack).into_iter().map(|(key, unfit)| (format!("/folders/{key}"), unfit)));
        (inspected, all)
    }

    fn load(&self, pack: &Pack, component: &manifest::Component) -> Result<Shelved, Unfit> {
        let bytes = pack.component(component).unwrap_or_default();
        let loaded = self.component(component, bytes);
        let schema = pack.settings_schema(&component.name).and_then(|schema| SettingsSchema::read(schema).ok());
        Ok(Shelved { component: loaded?, schema })
    }

    fn component(&self, component: &manifest::Component, bytes: &[u8]) -> Result<Component, Unfit> {
        let terms = Terms { limits: limits(&component.limits), ..Terms::default() };
        let not_loaded = |error: LoadError| fit::not_loaded(component, error);
        match fit::asked(component)? {
            AskedWorld::Flow => self.engine.load(bytes, terms).map(Component::Flow).map_err(not_loaded),
            AskedWorld::Routing => self.engine.load(bytes, terms).map(Component::Routing).map_err(not_loaded),
            AskedWorld::Compliance => self.engine.load(bytes, terms).map(Component::Compliance).map_err(not_loaded),
            AskedWorld::Connector => {
                let connector = self.engine.load(bytes, terms).map_err(not_loaded)?;
                Ok(Component::Connector(connector, component.asks.clone()))
            }
            AskedWorld::Channel => {
                let channel = self.engine.load(bytes, terms).map_err(not_loaded)?;
                Ok(Component::Channel(channel, component.asks.clone()))
            }
        }
    }
}

/// A pack's file, held against its manifest.
pub(crate) fn read(file: &[u8]) -> Result<Pack, Vec<Fault>> {
    Pack::read(file, Bounds::default()).map_err(|error| match error {
        PackError::Archive(error) => {
            let (code, message, remedy) = (error.code().into(), error.to_string(), error.remedy().into());
            vec![Fault { code, message, remedy, ..Fault::default() }]
        }
        PackError::Manifest(faults) => faults.iter().map(of_manifest).collect(),
    })
}

fn of_manifest(fault: &ManifestFault) -> Fault {
    Fault {
        file: Some(fault.file.clone()),
        line: fault.place.as_ref().and_then(|place| u32::try_from(place.line).ok()),
        code: fault.wrong.code().into(),
        message: fault.wrong.to_string(),
        remedy: fault.wrong.remedy(),
        ..Fault::default()
    }
}

fn not_trusted(verdict: &Verdict) -> Fault {
    Fault {
        file: Some(plugboard_pack::archive::SIGNATURE.into()),
        code: verdict.code().into(),
        message: verdict.words().en,
        remedy: verdict.remedy().map(|words| words.en).unwrap_or_default(),
        ..Fault::default()
    }
}

/// A JSON Pointer into the manifest.
fn place(component: &manifest::Component, unfit: &Unfit) -> String {
    format!("/components/{}/{}", component.name, unfit.key())
}

fn told(place: &str, unfit: &Unfit) -> Fault {
    Fault {
        file: Some(MANIFEST.into()),
        field: Some(place.to_owned()),
        code: unfit.code().into(),
        message: unfit.to_string(),
        remedy: unfit.remedy(),
        ..Fault::default()
    }
}

/// What a manifest asks, beside what every plugin gets; the engine cuts it to its ceiling.
fn limits(asked: &manifest::Limits) -> Limits {
    let bytes = |asked: Option<plugboard_pack::Bytes>, otherwise| {
        asked.map_or(otherwise, |asked| usize::try_from(asked.0).unwrap_or(usize::MAX))
    };
    Limits {
        memory: bytes(asked.memory, Limits::SMALL.memory),
        answer: bytes(asked.answer, Limits::SMALL.answer),
        budget: asked.budget.unwrap_or(Limits::SMALL.budget),
        ..Limits::SMALL
    }
}
