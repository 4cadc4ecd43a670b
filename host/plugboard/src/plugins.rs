//! How plugins fare: their figures for the API, and their quarantines for the operator.

use std::num::NonZeroUsize;

use plugboard_api::{PluginFigures, PluginVersion, Took};
use plugboard_plugin::{
    Account, Asked, FailureKind, QuarantineTransition, Reply, RuntimeSettings, RuntimeWatch, Traces,
};

use crate::{alarms::Alarms, components::Components};

const ALARM: &str = "plugin-quarantined";

/// For versions that are asked beside those that serve, and traced with them: one thread and a short line, and what finds no room there is not asked.
pub(crate) fn beside(traces: Traces) -> RuntimeSettings {
    const ONE: NonZeroUsize = NonZeroUsize::MIN;
    let kept = Some(16);
    RuntimeSettings { threads: ONE, calling_threads: ONE, queue: 64, kept, traces, ..RuntimeSettings::default() }
}

/// What each plugin was asked by each tenant, by the names of this installation.
pub(crate) fn figures(components: &Components, watch: &RuntimeWatch) -> Vec<PluginFigures> {
    let quarantined = watch.quarantined();
    let accounts = watch.accounts();
    let told = |of: Option<&Asked>, account: &Account| {
        let failed = |kind: FailureKind| (kind.name(), account.failed(kind));
        PluginFigures {
            of: of.map(|asked| version(components, asked)),
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

fn version(components: &Components, asked: &Asked) -> PluginVersion {
    let version = asked.plugin.to_string();
    let plugin = components.name_of(asked.plugin).unwrap_or(&version).to_owned();
    PluginVersion { tenant: asked.tenant.clone(), plugin, version, world: asked.world }
}

/// Tells the operator when a plugin is not asked any more, and when it is again.
pub(crate) fn watch_over(components: &Components, alarms: &Alarms, reply: &Reply) {
    let Some(transition) = reply.quarantine else { return };
    let PluginVersion { tenant, plugin, version, .. } = version(components, &reply.asked);
    let about = format!("{tenant}/{plugin}");
    match transition {
        QuarantineTransition::Opened { until } | QuarantineTransition::Reopened { until } => {
            let why = reply.failure().map_or("unknown", FailureKind::name);
            let detail =
                format!("{plugin} {version} fails ({why}) and is not asked before {until}; the native default decides");
            alarms.raise(ALARM, &about, detail);
        }
        QuarantineTransition::Closed => alarms.clear(ALARM, &about),
    }
}
