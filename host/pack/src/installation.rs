//! One pack of one tenant, from its installation to its removal: which version serves, which waits for a grant, and which one to go back to.
//!
//! ```text
//!                install                              upgrade
//!  (no pack) ─────────────► serving ◄─ grant ─ waiting ◄───── serving
//!      └─ asks for more ──► waiting ── grant ─► serving (what served before is `previous`)
//! ```
//!
//! A version that is to be tried first is on trial beside the one that serves; which of them serves whom is the affair of [`Plan`], which the
//! installation [follows](Installation::follow).
//!
//! Each version runs with the grant that it was given, so that going back needs nobody's decision again.

use plugboard_model::TenantId;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Grant, Manifest, PackId, Release,
    permissions::Wanting,
    rollout::{Plan, Trial},
    signature::Mode,
};

/// The part that is kept across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    pub pack: PackId,
    /// Answers questions. `None` until somebody has granted what the first version asks for.
    pub serving: Option<Held>,
    /// What served before, kept to go back to.
    pub previous: Option<Held>,
    /// Asks for more than was granted.
    pub waiting: Option<Held>,
    /// How the waiting version begins once it is granted; `None`: it serves all at once.
    #[serde(default)]
    pub begins: Option<Trial>,
    /// Tried beside the one that serves.
    #[serde(default)]
    pub trial: Option<Held>,
    /// Which version serves whom; there once any does.
    #[serde(default)]
    pub plan: Option<Plan>,
}

/// One version of the pack that the host keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    pub release: Release,
    /// SHA-256 of the file that was sent, signature included.
    pub file: Digest,
    /// Keys that vouched for it when it came, as administrators call them; none in development.
    pub signed_by: Vec<String>,
    /// What it runs with; `None` where it asks for nothing, or waits.
    pub grant: Option<Grant>,
}

/// What became of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `to` answers from here on.
    Serves { from: Option<Release>, to: Release },
    /// What serves stays; `release` is tried beside it.
    Tried { release: Release, trial: Trial },
    /// What serves stays until somebody grants what is wanted.
    Waits { release: Release, wanting: Wanting },
}

/// Why an upgrade changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    #[error("{pack} {release} serves already")]
    Same { pack: PackId, release: Release },
    #[error("{pack} {offered} does not come after {serving}, which serves")]
    NotNewer { pack: PackId, serving: Version, offered: Version },
    #[error("{pack} {version} is here already with another content")]
    OtherContent { pack: PackId, version: Version },
    #[error("no version of {pack} serves yet, so none can be tried beside it")]
    NothingServes { pack: PackId },
}

impl UpgradeError {
    /// Kebab-case and stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Same { .. } => "serves-already",
            Self::NotNewer { .. } => "not-newer",
            Self::OtherContent { .. } => "other-content",
            Self::NothingServes { .. } => "nothing-serves",
        }
    }

    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Same { .. } => "nothing is to be done",
            Self::NotNewer { .. } => "go back with `plugboard pack rollback`, or give the pack a higher version",
            Self::OtherContent { .. } => "give each build that is handed on a version of its own",
            Self::NothingServes { .. } => "send it without a trial",
        }
    }
}

/// Why nothing is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("no version of {pack} waits for a grant")]
    NothingWaits { pack: PackId },
    /// What was looked at is not what waits.
    #[error("{waiting} of {pack} waits, not the content {granted}")]
    OtherContent { pack: PackId, waiting: Release, granted: String },
}

/// Why there is no way back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no version of {pack} to go back to")]
pub struct NothingBefore {
    pub pack: PackId,
}

impl Installation {
    fn empty(pack: PackId) -> Self {
        Self { pack, serving: None, previous: None, waiting: None, begins: None, trial: None, plan: None }
    }

    /// A pack that is new to the tenant. `held` comes without a grant.
    pub fn install(manifest: &Manifest, held: Held) -> (Self, Step) {
        Self::empty(manifest.id.clone()).take(manifest, held, None)
    }

    /// Another version of it. It takes over at once, or is tried, if its asks are within what was granted to the one that serves; else it waits.
    pub fn upgrade(
        &self,
        manifest: &Manifest,
        held: Held,
        mode: Mode,
        trial: Option<Trial>,
    ) -> Result<(Self, Step), UpgradeError> {
        let pack = || self.pack.clone();
        if trial.is_some() && self.serving.is_none() {
            return Err(UpgradeError::NothingServes { pack: pack() });
        }
        let known = self.serving.as_ref().or(self.waiting.as_ref());
        if let Some(serving) = self.serving.as_ref().filter(|serving| serving.release.digest == held.release.digest) {
            return Err(UpgradeError::Same { pack: pack(), release: serving.release.clone() });
        }
        let (same, older) = known.map_or((false, false), |known| {
            let (known, offered) = (&known.release, &held.release);
            (known.version == offered.version && known.digest != offered.digest, offered.version < known.version)
        });
        // The number of a version stands for one content; in development it is built over and over.
        match (mode, known) {
            (Mode::Production, Some(known)) if older => Err(UpgradeError::NotNewer {
                pack: pack(),
                serving: known.release.version.clone(),
                offered: held.release.version,
            }),
            (Mode::Production, Some(_)) if same => {
                Err(UpgradeError::OtherContent { pack: pack(), version: held.release.version })
            }
            _ => Ok(self.clone().take(manifest, held, trial)),
        }
    }

    fn take(mut self, manifest: &Manifest, mut held: Held, trial: Option<Trial>) -> (Self, Step) {
        let granted = self.serving.as_ref().and_then(|serving| serving.grant.clone());
        match manifest.judge(granted.as_ref()) {
            Ok(()) => {
                held.grant = granted;
                let step = self.begin(held, trial);
                (self, step)
            }
            Err(wanting) => {
                let release = held.release.clone();
                (self.waiting, self.begins) = (Some(held), trial);
                (self, Step::Waits { release, wanting })
            }
        }
    }

    /// All that the waiting version asks for is granted. `manifest` is that version's; `seen` the content that whoever grants has looked at.
    pub fn grant(&self, tenant: &TenantId, manifest: &Manifest, seen: Digest) -> Result<(Self, Step), GrantError> {
        let mut granted = self.clone();
        let pack = || self.pack.clone();
        let Some(mut held) = granted.waiting.take() else { return Err(GrantError::NothingWaits { pack: pack() }) };
        if held.release.digest != seen {
            return Err(GrantError::OtherContent { pack: pack(), waiting: held.release, granted: seen.short() });
        }
        held.grant = Some(Grant::of(tenant.clone(), manifest));
        let trial = granted.begins.take();
        let step = granted.begin(held, trial);
        Ok((granted, step))
    }

    /// The version on trial serves all.
    pub fn promote(&self) -> Option<(Self, Step)> {
        let mut promoted = self.clone();
        let step = promoted.trial.take().map(|held| promoted.serve(held))?;
        Some((promoted, step))
    }

    /// Away with the version on trial; without one, back to what served before. What waits is given up with what serves.
    pub fn roll_back(&self) -> Result<(Self, Step), NothingBefore> {
        let nothing_before = || NothingBefore { pack: self.pack.clone() };
        let (from, to, previous) = match (&self.trial, &self.serving) {
            (Some(trial), Some(serving)) => (Some(trial), serving, self.previous.clone()),
            _ => (self.serving.as_ref(), self.previous.as_ref().ok_or_else(nothing_before)?, None),
        };
        let step = Step::Serves { from: from.map(|held| held.release.clone()), to: to.release.clone() };
        let (serving, plan) = (Some(to.clone()), self.plan.clone());
        Ok((Self { serving, previous, plan, ..Self::empty(self.pack.clone()) }, step))
    }

    /// As `plan` has it, which may have gone its own way: a version that spent its budget is not here any more.
    pub fn follow(&self, plan: &Plan) -> Self {
        let find = |release: &Release| self.held().find(|held| held.release == *release).cloned();
        Self {
            serving: find(&plan.stable).or_else(|| self.serving.clone()),
            previous: plan.previous.as_ref().and_then(find),
            trial: plan.candidate().and_then(find),
            plan: Some(plan.clone()),
            ..self.clone()
        }
    }

    /// Every version that has to be kept.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        [&self.serving, &self.previous, &self.waiting, &self.trial].into_iter().flatten()
    }

    fn begin(&mut self, held: Held, trial: Option<Trial>) -> Step {
        let Some(trial) = trial else { return self.serve(held) };
        let release = held.release.clone();
        (self.waiting, self.begins, self.trial) = (None, None, Some(held));
        Step::Tried { release, trial }
    }

    fn serve(&mut self, held: Held) -> Step {
        let to = held.release.clone();
        // A version that waits or is tried is overtaken, and not wanted any more.
        (self.waiting, self.begins, self.trial) = (None, None, None);
        let before = self.serving.replace(held);
        let from = before.as_ref().map(|before| before.release.clone());
        if before.is_some() {
            self.previous = before;
        }
        Step::Serves { from, to }
    }
}
