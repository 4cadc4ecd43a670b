//! What compliance rules say of what a flow asks for, as it was and as it would be.

use std::fmt;

use plugboard_model::{
    compliance::{Act, Asker, Verdict},
    tape::{Judged, Run},
};
use serde::Serialize;

use crate::{
    Comparison,
    rules::{Ruling, together},
    trace::{End, Trace},
};

/// An effect that rules judge, where a flow asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gated {
    /// The passage that asks for it, counted from 0.
    pub step: usize,
    /// `dial`, `record`.
    pub effect: String,
    /// The number, or the step of a recording.
    pub about: String,
    /// `None`: nobody judged it.
    pub ruling: Option<Ruling>,
}

impl Gated {
    fn is_about_the_same(&self, other: &Self) -> bool {
        self.effect == other.effect && self.about == other.about
    }
}

/// The first thing that a run asks for and that is judged otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OtherVerdict {
    /// `None`: it asked for nothing of the kind, or for nothing more.
    pub was: Option<Gated>,
    pub is: Option<Gated>,
}

impl OtherVerdict {
    /// The passage of the other version's path; of the old one's where the other asks for nothing.
    pub fn step(&self) -> usize {
        self.is.as_ref().or(self.was.as_ref()).map_or(0, |gated| gated.step)
    }
}

impl Comparison {
    /// Asks for verdicts on what the other version wants and no tape judges. `None` leaves it unjudged, or where the old version wanted the same, as it was judged then.
    pub fn judge_the_rest(&mut self, mut ask: impl FnMut(&Act) -> Option<Verdict>) {
        for (index, act) in std::mem::take(&mut self.unjudged) {
            let Some(gated) = self.is.gated.get_mut(index) else { continue };
            gated.ruling = match ask(&act) {
                Some(verdict) => Some(Ruling::of(&verdict)),
                None => {
                    let same = self.was.gated.iter().find(|was| was.is_about_the_same(gated));
                    same.and_then(|was| was.ruling.clone())
                }
            };
        }
    }

    /// `None`: it asks for the same, judged alike; also where nobody knows how it goes on.
    pub fn first_other_verdict(&self) -> Option<OtherVerdict> {
        let (was, is) = (&self.was.gated, &self.is.gated);
        let is_unknown = matches!(self.is.end, End::Unknown { .. });
        let differs = |(was, is): (&Gated, &Gated)| !was.is_about_the_same(is) || was.ruling != is.ruling;
        let more_or_less = || is.len() > was.len() || is.len() < was.len() && !is_unknown;
        let at = was.iter().zip(is).position(differs);
        let at = at.or_else(|| more_or_less().then_some(was.len().min(is.len())))?;
        Some(OtherVerdict { was: was.get(at).cloned(), is: is.get(at).cloned() })
    }
}

/// What the tape says of what the run asked for, in its order.
pub(crate) fn on_tape(was: &mut Trace, run: &Run, judged: &[Judged]) {
    let by = Asker::Flow(run.flow.clone());
    let mut judged = together(judged.iter().filter(|judged| judged.act.by == by));
    for gated in &mut was.gated {
        let is_it =
            |judged: &(Act, Verdict)| judged.0.what.name() == gated.effect && judged.0.what.about() == gated.about;
        if let Some(at) = judged.iter().position(is_it) {
            gated.ruling = Some(Ruling::of(&judged.remove(at).1));
        }
    }
}

/// What was asked for then, in the same circumstances, is judged as it was; what remains was judged by nobody.
pub(crate) fn as_it_was(was: &Trace, is: &mut Trace) -> Vec<(usize, Act)> {
    let mut known: Vec<_> = was.gated.iter().zip(&was.acts).collect();
    let mut unjudged = Vec::new();
    for (index, (gated, act)) in is.gated.iter_mut().zip(&is.acts).enumerate() {
        let same = |(was, then): &(&Gated, &Act)| was.is_about_the_same(gated) && then.tags == act.tags;
        match known.iter().position(same) {
            Some(at) => gated.ruling.clone_from(&known.remove(at).0.ruling),
            None => unjudged.push((index, act.clone())),
        }
    }
    unjudged
}

impl fmt::Display for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { effect, about, ruling, .. } = self;
        match ruling {
            Some(ruling) => write!(f, "{effect} {about}: {ruling}"),
            None => write!(f, "{effect} {about}: unjudged"),
        }
    }
}

impl fmt::Display for OtherVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |gated: &Option<Gated>| gated.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        write!(f, "step {}: asks for {}, before for {}", self.step(), word(&self.is), word(&self.was))
    }
}
