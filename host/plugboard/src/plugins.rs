//! How plugins fare: their figures for the API, and their quarantines for the operator.

use std::num::NonZeroUsize;

use plugboard_api::{AlarmName, PluginFigures, PluginVersion, Took};
use plugboard_config::{PluginShare, Plugins};
use plugboard_model::{EventKind, TenantId};
use plugboard_plugin::{
    Account, Allowance, Asked, FailureKind, QuarantineTransition, Reply, RuntimeSettings, RuntimeWatch, Traces,
};

use crate::{alarms::Alarms, components::Components, packs::Packs};

const ALARM: AlarmName = AlarmName::PluginQuarantined;

/// For versions that serve, as the operator shares out this machine.
pub(crate) fn serving(plugins: &Plugins) -> RuntimeSettings {
    let allowance =
        |share: &PluginShare| Allowance { questions: share.questions_per_second, work: share.cpu_per_second };
    let own = plugins.tenants.iter().map(|(tenant, share)| (tenant.clone(), allowance(share)));
    let usual = RuntimeSettings::default();
    RuntimeSettings {
        threads: plugins.threads.unwrap_or(usual.threads),
        calling_threads: plugins.calling_threads.unwrap_or(usual.calling_threads),
        allowance: allowance(&plugins.share),
        own_allowances: own.collect(),
        ..usual
    }
}

/// For versions that are asked beside those that serve, and traced with them: one thread and a short line, and what finds no room there is not asked.
pub(crate) fn beside(plugins: &Plugins, traces: Traces) -> RuntimeSettings {
    const ONE: NonZeroUsize = NonZeroUsize::MIN;
    let kept = Some(16);
    RuntimeSettings { threads: ONE, calling_threads: ONE, queue: 64, kept, traces, ..serving(plugins) }
}

/// What each plugin was asked by each tenant, by the names of this installation.
pub(crate) fn figures(components: &Components, packs: &Packs, watch: &RuntimeWatch) -> Vec<PluginFigures> {
    let quarantined = watch.quarantined();
    let accounts = watch.accounts();
    let told = |of: Option<&Asked>, account: &Account| {
        let failed = |kind: FailureKind| (kind.name(), account.failed(kind));
        PluginFigures {
            of: of.map(|asked| version(components, packs, asked)),
            asked: account.asked,
            failed: FailureKind::ALL.into_iter().map(failed).filter(|(_, count)| *count > 0).collect(),
            worked: account.worked,
            fuel: account.fuel,
            took: Took { count: account.took.count(), p50: account.took.p50(), p99: account.took.p99() },
            quarantined: quarantined.iter().find(|one| Some(&one.asked) == of).map(|one| one.until),
        }
    };
    let mut all: Vec<_> = accounts.by_asked.iter().map(|(asked, account)| told(Some(asked), account)).collect();
    if accounts.rest.asked > 0 {
        all.push(told(None, &accounts.rest));
    }
    all
}

/// By the name that this installation or a pack of the tenant has for it.
pub(crate) fn version(components: &Components, packs: &Packs, asked: &Asked) -> PluginVersion {
    let version = asked.plugin.to_string();
    let of_pack = || packs.name_of(&asked.tenant, asked.plugin);
    let plugin = components.name_of(asked.plugin).map(str::to_owned).or_else(of_pack);
    let plugin = plugin.unwrap_or_else(|| version.clone());
    PluginVersion { tenant: asked.tenant.clone(), plugin, version, world: asked.world }
}

/// Tells the operator when a plugin is not asked any more, and when it is again; gives what the tenant's log is to say of it.
pub(crate) fn watch_over(
    components: &Components,
    packs: &Packs,
    alarms: &Alarms,
    reply: &Reply,
) -> Option<(TenantId, EventKind)> {
    let transition = reply.quarantine?;
    let version = version(components, packs, &reply.asked);
    let PluginVersion { tenant, plugin, version: hash, .. } = &version;
    let about = format!("{tenant}/{plugin}");
    let why = reply.failure().map_or("unknown", FailureKind::name);
    match transition {
        QuarantineTransition::Opened { until } | QuarantineTransition::Reopened { until } => {
            let detail =
                format!("{plugin} {hash} fails ({why}) and is not asked before {until}; the native default decides");
            alarms.raise(ALARM, &about, detail);
        }
        QuarantineTransition::Closed => alarms.clear(ALARM, &about),
    }
    Some((tenant.clone(), fact(&version, transition, why)))
}

fn fact(of: &PluginVersion, transition: QuarantineTransition, why: &str) -> EventKind {
    let (plugin, version) = (of.plugin.as_str().into(), of.version.as_str().into());
    match transition {
        QuarantineTransition::Opened { until } | QuarantineTransition::Reopened { until } => {
            EventKind::PluginQuarantined { plugin, version, why: why.into(), until }
        }
        QuarantineTransition::Closed => EventKind::PluginWell { plugin, version },
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::Timestamp;

    use super::*;

    #[test]
    fn the_log_of_a_tenant_says_until_when_a_plugin_is_let_be_and_that_it_is_well_again() {
        let of = PluginVersion {
            tenant: "shop".parse().unwrap(),
            plugin: "acme.ivr/menu".into(),
            version: "0123456789abcdef".into(),
            world: "flow-plugin",
        };
        let until = Timestamp::from_secs(1_795_428_000);
        let transitions = [
            QuarantineTransition::Opened { until },
            QuarantineTransition::Reopened { until },
            QuarantineTransition::Closed,
        ];
        let said =
            transitions.map(|transition| serde_json::to_string(&fact(&of, transition, "trapped")).unwrap() + "\n");
        expect_test::expect![[r#"
            {"type":"plugin-quarantined","plugin":"acme.ivr/menu","version":"0123456789abcdef","why":"trapped","until":"2026-11-23T10:00:00.000000Z"}
            {"type":"plugin-quarantined","plugin":"acme.ivr/menu","version":"0123456789abcdef","why":"trapped","until":"2026-11-23T10:00:00.000000Z"}
            {"type":"plugin-well","plugin":"acme.ivr/menu","version":"0123456789abcdef"}
        "#]]
        .assert_eq(&said.concat());
    }

    #[test]
    fn a_tenant_has_the_share_that_the_operator_gives_it() {
        let share = |questions_per_second| PluginShare { questions_per_second, ..PluginShare::default() };
        let plugins = Plugins {
            threads: NonZeroUsize::new(3),
            share: share(500),
            tenants: [("shop".parse().unwrap(), share(50))].into(),
            ..Plugins::default()
        };
        let settings = serving(&plugins);
        let own: Vec<_> = settings.own_allowances.values().map(|own| own.questions).collect();
        assert_eq!((settings.threads.get(), settings.allowance.questions, own), (3, 500, vec![50]));
        let beside = beside(&plugins, Traces::default());
        assert_eq!((beside.threads.get(), beside.allowance), (1, settings.allowance), "shadows have a thread alone");
    }
}
