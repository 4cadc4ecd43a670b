//! A candidate that is asked the same as the version that serves: which answers belong together, and whether they are the same.

use std::collections::BTreeMap;

use plugboard_model::{InteractionId, TenantId};
use plugboard_pack::{PackId, Release};
use plugboard_plugin::{Answer, Ask};

use super::{Asking, Component};

/// Pairs of questions of which at least one answer is still to come. Each of both comes once or is taken back, so that none stays.
#[derive(Default)]
pub(super) struct Shadows(BTreeMap<u64, Pair>);

/// One question to two versions.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) tenant: TenantId,
    pub(super) pack: PackId,
    pub(super) interaction: Option<InteractionId>,
    pub(super) candidate: Release,
    stable: Said,
    shadow: Said,
}

#[derive(Clone)]
enum Said {
    NotYet,
    Failed,
    Answered(Box<Answer>),
}

/// A flow that a candidate runs beside.
pub(super) struct Run {
    pub(super) candidate: Release,
    /// What it returned last; `None` while it is asked.
    pub(super) state: Option<Vec<u8>>,
}

impl Run {
    pub(super) fn new(candidate: Release) -> Self {
        Self { candidate, state: None }
    }
}

impl Pair {
    pub(super) fn new(asking: &Asking<'_>, pack: PackId, candidate: Release) -> Self {
        let (tenant, interaction) = (asking.tenant.clone(), asking.interaction);
        Self { tenant, pack, interaction, candidate, stable: Said::NotYet, shadow: Said::NotYet }
    }

    /// `None` unless both gave an answer. Of a step only what it does counts: its state is the component's own affair, and its trail is told to people.
    pub(super) fn is_same(&self) -> Option<bool> {
        let (Said::Answered(stable), Said::Answered(shadow)) = (&self.stable, &self.shadow) else { return None };
        Some(match (&**stable, &**shadow) {
            (Answer::Stepped(stable), Answer::Stepped(shadow)) => stable.actions == shadow.actions,
            (stable, shadow) => stable == shadow,
        })
    }

    fn is_complete(&self) -> bool {
        !matches!(self.stable, Said::NotYet) && !matches!(self.shadow, Said::NotYet)
    }
}

impl From<Option<&Answer>> for Said {
    fn from(answer: Option<&Answer>) -> Self {
        answer.map_or(Self::Failed, |answer| Self::Answered(Box::new(answer.clone())))
    }
}

impl Shadows {
    pub(super) fn begin(&mut self, id: u64, pair: Pair) {
        self.0.insert(id, pair);
    }

    pub(super) fn forget(&mut self, id: u64) -> Option<Pair> {
        self.0.remove(&id)
    }

    /// The pair, if that completes it. `None` is no answer.
    pub(super) fn stable_said(&mut self, id: u64, answer: Option<&Answer>) -> Option<Pair> {
        self.0.get_mut(&id)?.stable = answer.into();
        self.complete(id)
    }

    /// Whose shadow it is, and the pair if that completes it.
    pub(super) fn shadow_said(&mut self, id: u64, answer: Option<&Answer>) -> (Option<Pair>, Option<Pair>) {
        let Some(pair) = self.0.get_mut(&id) else { return (None, None) };
        pair.shadow = answer.into();
        (Some(pair.clone()), self.complete(id))
    }

    fn complete(&mut self, id: u64) -> Option<Pair> {
        self.0.get(&id).is_some_and(Pair::is_complete).then(|| self.0.remove(&id)).flatten()
    }
}

/// The same question to another version; `None` if that is of another world. A step of a document that it has changed is put with its own.
pub(crate) fn beside(ask: &Ask, component: &Component, own_state: Vec<u8>) -> Option<Ask> {
    let mut same = ask.clone();
    match (&mut same, component) {
        (Ask::FlowStep { flow, state, .. }, Component::Flow(candidate)) => {
            (*flow, *state) = (candidate.clone(), own_state);
        }
        (
            Ask::RankAgents { policy, .. } | Ask::RankWaiting { policy, .. } | Ask::OnTimer { policy, .. },
            Component::Routing(candidate),
        ) => *policy = candidate.clone(),
        (
            Ask::Judge { rule, .. } | Ask::Review { rule, .. } | Ask::Redact { rule, .. },
            Component::Compliance(candidate),
        ) => *rule = candidate.clone(),
        _ => return None,
    }
    Some(same)
}
