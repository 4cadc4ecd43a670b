//! What compliance rules said.

use plugboard_model::{
    Timestamp,
    compliance::{Judgement, Opinion, Verdict},
};

use super::Draft;
use crate::{
    bound::{LONG, SHORT, cut, push, weight},
    cdr::JudgementRecord,
};

impl Draft {
    /// The event itself is the evidence; the record keeps as much of it as it has room for.
    pub(super) fn take_judgement(&mut self, at: Timestamp, judgement: &Judgement) -> bool {
        let opinion = |opinion: &Opinion| Opinion {
            rule: cut(&opinion.rule, SHORT).into(),
            plugin: cut(&opinion.plugin, SHORT).into(),
            verdict: Verdict {
                code: cut(&opinion.verdict.code, SHORT),
                reason: cut(&opinion.verdict.reason, LONG),
                ..opinion.verdict.clone()
            },
            ..opinion.clone()
        };
        let judgement = Judgement {
            about: cut(&judgement.about, SHORT).into(),
            opinions: judgement.opinions.iter().map(opinion).collect(),
            ..judgement.clone()
        };
        let of_opinion = |opinion: &Opinion| {
            let Opinion { rule, plugin, verdict, .. } = opinion;
            // A duty in JSON is a few bytes longer than as Rust writes it.
            let duties: usize = verdict.duties.iter().map(|duty| 16 + weight(&format!("{duty:?}"))).sum();
            120 + weight(rule) + weight(plugin) + weight(&verdict.code) + weight(&verdict.reason) + duties
        };
        let bytes = 160
            + weight(&format!("{:?}", judgement.by))
            + weight(&judgement.about)
            + judgement.opinions.iter().map(of_opinion).sum::<usize>();
        let record = JudgementRecord { at, judgement };
        push(&mut self.cdr.judgements, &mut self.room, &mut self.cdr.left_out, bytes, record)
    }
}
