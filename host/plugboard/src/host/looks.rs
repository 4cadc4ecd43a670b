//! Packs looked at: before they change anything, and while they are there.

use std::sync::Arc;

use plugboard_api::{
    HostError, PackChanged, PackDetail, PackLog, PackLogField, PackLogLine, PackLook, PackRefused, PackView,
};
use plugboard_model::TenantId;
use plugboard_pack::{Held, Installation, permissions::Changes};
use plugboard_plugin::LogLevel;

use super::{
    PlugboardHost,
    packs::{Decision, changed},
};
use crate::packs::{Admitted, Known, look::look, read, told};

impl PlugboardHost {
    pub(super) fn packs_of(&self, tenant: &TenantId) -> Result<Vec<PackView>, HostError> {
        self.parts(tenant)?;
        Ok(self.packs.of_tenant(tenant).iter().map(Known::view).collect())
    }

    /// What [`Self::settle`] would do, or why it would not, with what stands in the file.
    pub(super) async fn foresee(&self, tenant: &TenantId, decision: Decision) -> Result<PackChanged, PackRefused> {
        let ready = self.ready(tenant, &decision)?;
        let Decision { before, step, held, admitted, .. } = decision;
        let look = match admitted {
            Some(admitted) => tokio::task::spawn_blocking(move || look_into(&admitted)).await.unwrap_or_default(),
            None => None,
        };
        let changed = changed(before.as_ref(), &ready.known, &held, &ready.described.manifest, step);
        let look = look.ok_or_else(|| HostError::Store { reason: "what was admitted cannot be read".into() })?;
        Ok(PackChanged { look: Some(look), ..changed })
    }

    /// A pack with what stands in its files, which are read; nothing of it is compiled for that.
    pub(super) async fn detail_of_pack(&self, tenant: &TenantId, id: &str) -> Result<PackDetail, PackRefused> {
        self.parts(tenant)?;
        let known = self.still_known(tenant, &self.known_pack(tenant, id)?)?;
        let Installation { serving, previous, waiting, trial, .. } = known.installation.clone();
        let manifest = |held: &Option<Held>| held.as_ref().and_then(|held| known.manifest(held));
        let beside = manifest(&waiting).or_else(|| manifest(&trial));
        let changes = manifest(&serving).zip(beside).map(|(served, beside)| Changes::between(served, beside).lines());
        let changes = changes.unwrap_or_default().into_iter().map(told).collect();
        let pack = known.view();
        let held: Vec<Held> = [serving, previous, waiting, trial].into_iter().flatten().collect();
        let (packs, of) = (Arc::clone(&self.packs), tenant.clone());
        let looks = move || -> Vec<PackLook> {
            let files = held.iter().filter_map(|held| packs.file(held).ok());
            let kept = files.filter_map(|file| read(&file).ok());
            let judged = kept.map(|pack| {
                let (verdict, mode) = packs.gate.judge(&of, &pack);
                look(&pack, &[], &verdict, mode)
            });
            judged.collect()
        };
        let broke_down = |error: tokio::task::JoinError| HostError::Store { reason: error.to_string() };
        let versions = tokio::task::spawn_blocking(looks).await.map_err(broke_down)?;
        Ok(PackDetail { pack, changes, versions })
    }

    pub(super) async fn file_of_pack(
        &self,
        tenant: &TenantId,
        id: &str,
        version: Option<&str>,
    ) -> Result<Vec<u8>, PackRefused> {
        self.parts(tenant)?;
        let Known { installation, .. } = self.still_known(tenant, &self.known_pack(tenant, id)?)?;
        let held = match version {
            None => installation.serving.clone(),
            Some(version) => installation.held().find(|held| held.release.version.to_string() == version).cloned(),
        };
        let held = held.ok_or_else(|| PackRefused::NotNow {
            code: "no-such-version",
            detail: match version {
                None => format!("no version of {id} serves"),
                Some(version) => format!("{id} has no version {version}"),
            },
            remedy: "name one that `plugboard pack list` shows".into(),
        })?;
        let packs = Arc::clone(&self.packs);
        let read = tokio::task::spawn_blocking(move || packs.file(&held)).await;
        let file = read.map_err(|error| error.to_string()).and_then(|read| read);
        file.map_err(|reason| HostError::Store { reason }.into())
    }

    pub(super) fn log_of_pack(&self, tenant: &TenantId, id: &str, after: u64) -> Result<PackLog, PackRefused> {
        self.parts(tenant)?;
        self.known_pack(tenant, id)?;
        let names = self.packs.names(tenant, id);
        let components: Vec<_> = names.keys().copied().collect();
        let part = self.packs.lines.after(tenant, &components, after);
        let line = |line: crate::packs::Line| PackLogLine {
            at: line.at.to_string(),
            component: names.get(&line.said.plugin).cloned().unwrap_or_default(),
            level: level(line.said.level).into(),
            message: line.said.message,
            fields: line.said.fields.into_iter().map(|(name, value)| PackLogField { name, value }).collect(),
            dropped: line.said.dropped,
        };
        Ok(PackLog { lines: part.lines.into_iter().map(line).collect(), next: part.next, lost: part.lost })
    }
}

fn look_into(admitted: &Admitted) -> Option<PackLook> {
    let pack = read(&admitted.file).ok()?;
    Some(look(&pack, &admitted.inspected, &admitted.verdict, admitted.mode))
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
