//! Single questions of a tenant to a plugin, by the names of its packs and of this installation.

use std::{collections::BTreeMap, time::Duration};

use plugboard_api::{PluginCall, PluginTrace, PluginTraces, TraceQuery};
use plugboard_model::TenantId;
use plugboard_plugin::{FailureKind, HostCall, PluginHash, QuestionTrace, TraceEnd, TraceSearch};

use super::PlugboardHost;

impl PlugboardHost {
    pub(super) fn traces_of_plugin(&self, tenant: &TenantId, plugin: &str, query: &TraceQuery) -> Option<PluginTraces> {
        let names = self.versions_of(tenant, plugin)?;
        let versions: Vec<_> = names.keys().copied().collect();
        let TraceQuery { after, interaction, slow_us } = *query;
        let search = TraceSearch { after, interaction, at_least: Duration::from_micros(slow_us) };
        // What is asked beside those that serve is traced with them.
        let part = self.plugins[0].traces().find(tenant, &versions, &search);
        let traces = part.traces.into_iter().map(|trace| {
            let name = names.get(&trace.asked.plugin).cloned().unwrap_or_default();
            told(trace, name)
        });
        Some(PluginTraces { traces: traces.collect(), next: part.next })
    }

    /// Names by content: of all versions of a pack, or of one of its components, that the tenant has or had; or of a component of the host.
    fn versions_of(&self, tenant: &TenantId, plugin: &str) -> Option<BTreeMap<PluginHash, String>> {
        if let Some(hash) = self.components.hash_of(plugin) {
            return Some(BTreeMap::from([(hash, plugin.to_owned())]));
        }
        let names = self.packs.names(tenant, plugin);
        (!names.is_empty()).then_some(names)
    }
}

fn told(trace: QuestionTrace, plugin: String) -> PluginTrace {
    let (outcome, why) = match trace.ended {
        TraceEnd::Answered => ("answered", None),
        TraceEnd::Defaulted { kind, why } => (FailureKind::name(kind), Some(why)),
    };
    let call = |call: HostCall| PluginCall {
        what: call.what.to_owned(),
        about: call.about,
        took_us: micros(call.took),
        ended: call.ended,
    };
    PluginTrace {
        number: trace.number,
        at: trace.at.to_string(),
        plugin,
        version: trace.asked.plugin.to_string(),
        world: trace.asked.world.to_owned(),
        question: trace.question.to_owned(),
        interaction: trace.interaction.map(|interaction| interaction.0),
        waited_us: micros(trace.waited),
        took_us: micros(trace.took),
        budget_us: micros(trace.budget),
        worked_us: micros(trace.worked),
        fuel: trace.spent.fuel,
        memory_bytes: trace.spent.memory as u64,
        fresh: trace.spent.is_fresh,
        calls: trace.spent.calls.into_iter().map(call).collect(),
        more_calls: trace.spent.more_calls,
        outcome: outcome.to_owned(),
        why,
        kept: trace.kept.word().to_owned(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
