//! Whose packs are taken, as plugboard.toml says it at present: it is read again where it changes, and at SIGHUP.
//!
//! What serves goes on: whether a flow is taken from callers is for a person to decide. A pack that this host would take no more is an alarm until it is gone,
//! replaced, or trusted again.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::{Duration, SystemTime},
};

use plugboard_api::{AlarmName, Host as _};
use plugboard_config::{Packs as Trusted, ProcessConfig};
use plugboard_model::TenantId;
use plugboard_pack::Installation;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{Packs, admit};
use crate::{alarms::Alarms, host::PlugboardHost};

/// How often the file's time is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// A key may end on a day: what serves is judged anew after so many looks.
const JUDGE_AFTER: u32 = 720;
const NOT_READ: AlarmName = AlarmName::TrustNotRead;
const NOT_TRUSTED: AlarmName = AlarmName::PackNotTrusted;

/// Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None`: the host runs without one.
    file: Option<PathBuf>,
    trusted: RwLock<Arc<Trusted>>,
}

impl Trust {
    pub(crate) fn new(file: Option<PathBuf>, trusted: Trusted) -> Self {
        Self(Arc::new(Inner { file, trusted: RwLock::new(Arc::new(trusted)) }))
    }

    pub(crate) fn now(&self) -> Arc<Trusted> {
        Arc::clone(&self.0.trusted.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again. `Err`: the first of its faults; what was trusted stays so.
    fn reload(&self) -> Result<(), String> {
        let Some(file) = &self.0.file else { return Ok(()) };
        let read = ProcessConfig::load(file).map_err(|faults| {
            let first = faults.first().map_or_else(String::new, |fault| fault.message.clone());
            format!("{} has {} faults; the first: {first}", file.display(), faults.len())
        })?;
        *self.0.trusted.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read.packs);
        Ok(())
    }

    fn changed_at(&self) -> Option<SystemTime> {
        self.0.file.as_ref()?.metadata().and_then(|about| about.modified()).ok()
    }
}

impl Packs {
    /// Versions that serve the tenant and would be taken no more, each with why. Reads their files.
    fn not_trusted(&self, tenant: &TenantId) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for known in self.of_tenant(tenant) {
            let Installation { pack, serving, trial, .. } = &known.installation;
            for held in [serving, trial].into_iter().flatten() {
                // What cannot be read has an alarm of its own.
                let Some(read) = self.file(held).ok().and_then(|file| admit::read(&file).ok()) else { continue };
                let (verdict, mode) = self.gate.judge(tenant, &read);
                if !verdict.admits(mode) {
                    let detail = format!(
                        "{} goes on to serve, but would be taken no more: {}; replace or remove it, or trust its key again",
                        held.release,
                        verdict.words().en
                    );
                    found.push((format!("{tenant}/{pack}"), detail));
                }
            }
        }
        found
    }
}

/// Reads and judges until the host is gone.
pub(crate) async fn watch(host: Weak<PlugboardHost>, packs: Arc<Packs>, alarms: Arc<Alarms>) {
    let trust = packs.gate.packs.clone();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Ok(mut told) = signal(SignalKind::hangup()) else { return };
    let mut seen = trust.changed_at();
    let mut looks = 0;
    let mut standing = BTreeSet::new();
    loop {
        tokio::select! {
            _ = look.tick() => {
                let is = trust.changed_at();
                looks = (looks + 1) % JUDGE_AFTER;
                if is == seen && looks != 1 {
                    continue;
                }
                seen = is;
            }
            _ = told.recv() => {}
        }
        let Some(host) = host.upgrade() else { return };
        let tenants: Vec<TenantId> = host.tenants().into_iter().map(|tenant| tenant.id).collect();
        let (trust, packs) = (trust.clone(), Arc::clone(&packs));
        let judged = tokio::task::spawn_blocking(move || {
            let read = trust.reload();
            (read, tenants.iter().flat_map(|tenant| packs.not_trusted(tenant)).collect::<Vec<_>>())
        });
        let Ok((read, found)) = judged.await else { continue };
        match read {
            Ok(()) => alarms.clear(NOT_READ, ""),
            Err(reason) => alarms.raise(NOT_READ, "", format!("{reason}; the keys of before are trusted")),
        }
        let about: BTreeSet<String> = found.iter().map(|(about, _)| about.clone()).collect();
        standing.difference(&about).for_each(|gone: &String| alarms.clear(NOT_TRUSTED, gone));
        found.into_iter().for_each(|(about, detail)| alarms.raise(NOT_TRUSTED, &about, detail));
        standing = about;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_what_the_file_says_at_present_and_stays_while_the_file_is_broken() {
        let file = std::env::temp_dir().join(format!("plugboard-trust-{}.toml", std::process::id()));
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("[packs]\ndevelopment = true\n");
        let trust = Trust::new(Some(file.clone()), ProcessConfig::load(&file).unwrap().packs);
        let mut seen = vec![trust.now().development];
        for text in ["[packs]\n", "[packs]\ndevelopment = maybe\n", "[packs]\ndevelopment = true\n"] {
            write(text);
            let read = trust.reload().is_ok();
            seen.extend([read, trust.now().development]);
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(seen, [true, true, false, false, false, true, true]);
    }
}
