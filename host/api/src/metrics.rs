//! `GET /metrics`: what a Prometheus server reads (text format 0.0.4). Figures of calls are at `/v1/tenants/{tenant}/figures`.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{Method, StatusCode, header},
    response::IntoResponse,
};
use plugboard_model::{TenantId, Timestamp};

use crate::{
    access::Caller,
    channels::ChannelView,
    connectors::{CircuitState, ConnectorView},
    route::Route,
    server::Shared,
};

/// What one version of a plugin was asked by one tenant since the process began. Counts only grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFigures {
    /// `None`: of all that found no room in the books.
    pub of: Option<PluginVersion>,
    pub asked: u64,
    /// By kind, in words that are fit for a label: `trapped`, `deadline` …; kinds that never were are left out.
    pub failed: Vec<(&'static str, u64)>,
    /// CPU time.
    pub worked: Duration,
    /// Instructions that guests ran; `None` where the host does not count them.
    pub fuel: Option<u64>,
    pub took: Took,
    /// It is not asked before then, because it failed too often.
    pub quarantined: Option<Timestamp>,
}

/// How long those took that were put to the plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    pub count: u64,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
}

/// Who was asked, by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginVersion {
    pub tenant: TenantId,
    /// As configuration names it; the version again where it does not.
    pub plugin: String,
    /// Of its content.
    pub version: String,
    /// As in the contract: `flow-plugin`.
    pub world: &'static str,
}

pub(crate) fn routes() -> Vec<Route> {
    let what = "What each plugin was asked, how it failed and what it cost, by tenant and version, for Prometheus";
    vec![Route::new(Method::GET, "/metrics", "readMetrics", what, metrics).answers_bytes(
        StatusCode::OK,
        "Those of the tenants that the token may see; counts begin with the process",
        "text/plain",
    )]
}

async fn metrics(State(shared): State<Arc<Shared>>, Extension(caller): Extension<Caller>) -> impl IntoResponse {
    let mut plugins = shared.host.plugins();
    plugins.retain(|figures| match &figures.of {
        Some(of) => caller.may_see(&of.tenant),
        None => caller.tenant.is_none(),
    });
    let tenants = shared.host.tenants().into_iter().map(|tenant| tenant.id).filter(|tenant| caller.may_see(tenant));
    let tenants: Vec<TenantId> = tenants.collect();
    let connectors: Vec<_> = tenants.iter().map(|tenant| (shared.host.connectors(tenant), tenant.clone())).collect();
    let channels: Vec<_> = tenants.into_iter().map(|tenant| (shared.host.channels(&tenant), tenant)).collect();
    let text = text(&plugins) + &of_connectors(&connectors) + &of_channels(&channels);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// One line of a family, but for its name and the labels that all have.
struct Sample {
    suffix: &'static str,
    labels: String,
    value: String,
}

fn sample(value: &dyn fmt::Display) -> Sample {
    Sample { suffix: "", labels: String::new(), value: value.to_string() }
}

fn text(plugins: &[PluginFigures]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &dyn Fn(&PluginFigures) -> Vec<Sample>| {
        let mut lines = String::new();
        for figures in plugins {
            let of = labels(figures.of.as_ref());
            for Sample { suffix, labels, value } in samples(figures) {
                lines += &format!("{name}{suffix}{{{of}{labels}}} {value}\n");
            }
        }
        if !lines.is_empty() {
            text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
    };
    let help = "Questions to a plugin, those included that were refused.";
    family("plugboard_plugin_questions_total", "counter", help, &|figures| vec![sample(&figures.asked)]);
    let help = "Questions without an answer, where the native default was taken.";
    family("plugboard_plugin_failures_total", "counter", help, &|figures| {
        let failed = |(kind, count): &(&str, u64)| Sample { labels: format!(",kind=\"{kind}\""), ..sample(count) };
        figures.failed.iter().map(failed).collect()
    });
    let help = "CPU time of a plugin's instances.";
    family("plugboard_plugin_cpu_seconds_total", "counter", help, &|figures| vec![sample(&seconds(figures.worked))]);
    let help = "Instructions that a plugin's instances ran.";
    family("plugboard_plugin_fuel_total", "counter", help, &|figures| {
        figures.fuel.iter().map(|fuel| sample(fuel)).collect()
    });
    let help = "Time from the begin of a plugin's work to its end, since the process began.";
    family("plugboard_plugin_duration_seconds", "summary", help, &|figures| {
        let Took { count, p50, p99 } = figures.took;
        let quantile = |which: &str, took| {
            let labels = format!(",quantile=\"{which}\"");
            Sample { labels, ..sample(&seconds(took)) }
        };
        vec![quantile("0.5", p50), quantile("0.99", p99), Sample { suffix: "_count", ..sample(&count) }]
    });
    let help = "1 while a plugin is not asked because it failed too often.";
    family("plugboard_plugin_quarantined", "gauge", help, &|figures| {
        vec![sample(&u8::from(figures.quarantined.is_some()))]
    });
    text
}

fn of_connectors(tenants: &[(Vec<ConnectorView>, TenantId)]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &dyn Fn(&ConnectorView) -> Vec<Sample>| {
        let mut lines = String::new();
        for (connectors, tenant) in tenants {
            for connector in connectors {
                let (tenant, called) = (escaped(tenant.as_str()), escaped(&connector.name));
                for Sample { suffix, labels, value } in samples(connector) {
                    lines += &format!("{name}{suffix}{{tenant=\"{tenant}\",connector=\"{called}\"{labels}}} {value}\n");
                }
            }
        }
        if !lines.is_empty() {
            text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
    };
    let help = "Calls of another system by what came of them; let-be: not asked because it failed too often.";
    family("plugboard_connector_calls_total", "counter", help, &|connector| {
        let of = |(outcome, count): (&String, &u64)| Sample {
            labels: format!(",outcome=\"{}\"", escaped(outcome)),
            ..sample(count)
        };
        connector.outcomes.iter().map(of).collect()
    });
    let help = "Time that calls of another system took, since the process began.";
    family("plugboard_connector_duration_seconds", "summary", help, &|connector| {
        let quantile = |which: &str, millis: u64| {
            let labels = format!(",quantile=\"{which}\"");
            Sample { labels, ..sample(&seconds(Duration::from_millis(millis))) }
        };
        vec![quantile("0.5", connector.p50_ms), quantile("0.99", connector.p99_ms)]
    });
    let help = "1 while a connector is not asked: it failed too often, or is not ready.";
    family("plugboard_connector_open", "gauge", help, &|connector| {
        vec![sample(&u8::from(connector.state != CircuitState::Closed))]
    });
    text
}

fn of_channels(tenants: &[(Vec<ChannelView>, TenantId)]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &dyn Fn(&ChannelView) -> Vec<Sample>| {
        let mut lines = String::new();
        for (channels, tenant) in tenants {
            for channel in channels {
                let (tenant, called) = (escaped(tenant.as_str()), escaped(&channel.name));
                for Sample { suffix, labels, value } in samples(channel) {
                    lines += &format!("{name}{suffix}{{tenant=\"{tenant}\",channel=\"{called}\"{labels}}} {value}\n");
                }
            }
        }
        if !lines.is_empty() {
            text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
    };
    let by_outcome = |counts: &std::collections::BTreeMap<String, u64>| {
        let of = |(outcome, count): (&String, &u64)| Sample {
            labels: format!(",outcome=\"{}\"", escaped(outcome)),
            ..sample(count)
        };
        counts.iter().map(of).collect::<Vec<_>>()
    };
    let help = "Attempts to send a message by what came of them; let-be: not tried because it failed too often.";
    family("plugboard_channel_sends_total", "counter", help, &|channel| by_outcome(&channel.sent));
    let help =
        "What came to a channel's address, by what it was: messages received and repeated, reports, forged requests.";
    family("plugboard_channel_webhooks_total", "counter", help, &|channel| by_outcome(&channel.came));
    let help = "Time that sending took, since the process began.";
    family("plugboard_channel_send_seconds", "summary", help, &|channel| {
        let quantile = |which: &str, millis: u64| {
            let labels = format!(",quantile=\"{which}\"");
            Sample { labels, ..sample(&seconds(Duration::from_millis(millis))) }
        };
        vec![quantile("0.5", channel.p50_ms), quantile("0.99", channel.p99_ms)]
    });
    let help = "1 while nothing is sent by a channel: it failed too often, or is not ready.";
    family("plugboard_channel_open", "gauge", help, &|channel| {
        vec![sample(&u8::from(channel.state != CircuitState::Closed))]
    });
    text
}

fn labels(of: Option<&PluginVersion>) -> String {
    match of {
        Some(PluginVersion { tenant, plugin, version, world }) => {
            let (tenant, plugin) = (escaped(tenant.as_str()), escaped(plugin));
            format!("tenant=\"{tenant}\",plugin=\"{plugin}\",version=\"{version}\",world=\"{world}\"")
        }
        None => "tenant=\"\",plugin=\"\",version=\"\",world=\"\"".to_owned(),
    }
}

/// Names are one line; a file's name may hold the rest.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// To the microsecond.
fn seconds(duration: Duration) -> String {
    format!("{}.{:06}", duration.as_secs(), duration.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_by_tenant_plugin_and_version() {
        let version = |tenant: &str, plugin: &str| PluginVersion {
            tenant: tenant.parse().unwrap(),
            plugin: plugin.into(),
            version: "0123456789abcdef".into(),
            world: "flow-plugin",
        };
        let acme = PluginFigures {
            of: Some(version("acme", "flow-graph")),
            asked: 55,
            failed: vec![("trapped", 3), ("quarantined", 40)],
            worked: Duration::from_micros(1_234_567),
            fuel: Some(987_654),
            took: Took { count: 15, p50: Duration::from_micros(20), p99: Duration::from_millis(20) },
            quarantined: Some(Timestamp::from_secs(1)),
        };
        let shop = PluginFigures {
            of: Some(version("shop", "a \"b\"")),
            asked: 1,
            failed: vec![],
            worked: Duration::from_micros(7),
            fuel: None,
            took: Took { count: 1, p50: Duration::from_micros(8), p99: Duration::from_micros(8) },
            quarantined: None,
        };
        let rest = PluginFigures { of: None, ..shop.clone() };
        expect_test::expect![[r##"
            # HELP plugboard_plugin_questions_total Questions to a plugin, those included that were refused.
            # TYPE plugboard_plugin_questions_total counter
            plugboard_plugin_questions_total{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin"} 55
            plugboard_plugin_questions_total{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin"} 1
            plugboard_plugin_questions_total{tenant="",plugin="",version="",world=""} 1
            # HELP plugboard_plugin_failures_total Questions without an answer, where the native default was taken.
            # TYPE plugboard_plugin_failures_total counter
            plugboard_plugin_failures_total{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin",kind="trapped"} 3
            plugboard_plugin_failures_total{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin",kind="quarantined"} 40
            # HELP plugboard_plugin_cpu_seconds_total CPU time of a plugin's instances.
            # TYPE plugboard_plugin_cpu_seconds_total counter
            plugboard_plugin_cpu_seconds_total{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin"} 1.234567
            plugboard_plugin_cpu_seconds_total{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin"} 0.000007
            plugboard_plugin_cpu_seconds_total{tenant="",plugin="",version="",world=""} 0.000007
            # HELP plugboard_plugin_fuel_total Instructions that a plugin's instances ran.
            # TYPE plugboard_plugin_fuel_total counter
            plugboard_plugin_fuel_total{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin"} 987654
            # HELP plugboard_plugin_duration_seconds Time from the begin of a plugin's work to its end, since the process began.
            # TYPE plugboard_plugin_duration_seconds summary
            plugboard_plugin_duration_seconds{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin",quantile="0.5"} 0.000020
            plugboard_plugin_duration_seconds{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin",quantile="0.99"} 0.020000
            plugboard_plugin_duration_seconds_count{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin"} 15
            plugboard_plugin_duration_seconds{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin",quantile="0.5"} 0.000008
            plugboard_plugin_duration_seconds{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin",quantile="0.99"} 0.000008
            plugboard_plugin_duration_seconds_count{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin"} 1
            plugboard_plugin_duration_seconds{tenant="",plugin="",version="",world="",quantile="0.5"} 0.000008
            plugboard_plugin_duration_seconds{tenant="",plugin="",version="",world="",quantile="0.99"} 0.000008
            plugboard_plugin_duration_seconds_count{tenant="",plugin="",version="",world=""} 1
            # HELP plugboard_plugin_quarantined 1 while a plugin is not asked because it failed too often.
            # TYPE plugboard_plugin_quarantined gauge
            plugboard_plugin_quarantined{tenant="acme",plugin="flow-graph",version="0123456789abcdef",world="flow-plugin"} 1
            plugboard_plugin_quarantined{tenant="shop",plugin="a \"b\"",version="0123456789abcdef",world="flow-plugin"} 0
            plugboard_plugin_quarantined{tenant="",plugin="",version="",world=""} 0
        "##]].assert_eq(&text(&[acme, shop, rest]));
    }

    #[test]
    fn where_nothing_was_asked_nothing_is_told() {
        assert_eq!(text(&[]), "");
    }
}
