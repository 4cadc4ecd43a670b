//! What each figure means. A definition never changes: a better one gets the next version, and reports print both id and version.

use serde::Serialize;

use crate::Counters;

/// A figure that can be made of [`Counters`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Metric {
    /// Kebab-case, stable.
    pub id: &'static str,
    pub version: u32,
    pub unit: Unit,
    /// In the words of the counters.
    pub definition: &'static str,
    #[serde(skip)]
    pub value: fn(&Counters) -> Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Count,
    Milliseconds,
    /// 0 to 1.
    Share,
}

/// How the service level is computed; six ways are in use, and the same day gives 81.1 % by one and 86.0 % by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceLevel {
    /// Abandons within T count as served.
    Sl1,
    /// Of the answered alone.
    Sl2,
    /// Every abandon counts against it.
    Sl3,
    /// Abandons within T (short ones are among them) do not count at all. The default.
    #[default]
    Sl4,
    /// Short abandons count as served.
    Sl5,
    /// Short abandons do not count at all.
    SlNetShort,
}

impl ServiceLevel {
    pub const ALL: [Self; 6] = [Self::Sl1, Self::Sl2, Self::Sl3, Self::Sl4, Self::Sl5, Self::SlNetShort];

    /// 0 to 1; `None` where nothing counts.
    pub fn of(self, counters: &Counters) -> Option<f64> {
        let Counters { answered, answered_within, abandoned, abandoned_within, short_abandoned, .. } = *counters;
        let (served, counted) = match self {
            Self::Sl1 => (answered_within + abandoned_within, answered + abandoned),
            Self::Sl2 => (answered_within, answered),
            Self::Sl3 => (answered_within, answered + abandoned),
            Self::Sl4 => {
                (answered_within, (answered + abandoned).saturating_sub(abandoned_within.max(short_abandoned)))
            }
            Self::Sl5 => (answered_within + short_abandoned, answered + abandoned),
            Self::SlNetShort => (answered_within, (answered + abandoned).saturating_sub(short_abandoned)),
        };
        share(served, counted)
    }

    /// The metric of this formula.
    pub fn metric(self) -> &'static Metric {
        &METRICS[self as usize]
    }
}

/// Every figure of a queue. The first six are the service levels in the order of [`ServiceLevel::ALL`].
pub const METRICS: [Metric; 17] = [
    metric("service-level-1", Unit::Share, "(answered_within + abandoned_within) / (answered + abandoned)", |c| {
        ServiceLevel::Sl1.of(c)
    }),
    metric("service-level-2", Unit::Share, "answered_within / answered", |c| ServiceLevel::Sl2.of(c)),
    metric("service-level-3", Unit::Share, "answered_within / (answered + abandoned)", |c| ServiceLevel::Sl3.of(c)),
    metric(
        "service-level-4",
        Unit::Share,
        "answered_within / (answered + abandoned - max(abandoned_within, short_abandoned))",
        |c| ServiceLevel::Sl4.of(c),
    ),
    metric("service-level-5", Unit::Share, "(answered_within + short_abandoned) / (answered + abandoned)", |c| {
        ServiceLevel::Sl5.of(c)
    }),
    metric("service-level-net-short", Unit::Share, "answered_within / (answered + abandoned - short_abandoned)", |c| {
        ServiceLevel::SlNetShort.of(c)
    }),
    metric("offered", Unit::Count, "offered", |c| Some(c.offered as f64)),
    metric("answered", Unit::Count, "answered", |c| Some(c.answered as f64)),
    metric("abandoned", Unit::Count, "abandoned", |c| Some(c.abandoned as f64)),
    metric("connect-rate", Unit::Share, "answered / offered", |c| share(c.answered, c.offered)),
    metric("abandon-rate", Unit::Share, "(abandoned - short_abandoned) / (offered - short_abandoned)", |c| {
        share(c.abandoned - c.short_abandoned.min(c.abandoned), c.offered.saturating_sub(c.short_abandoned))
    }),
    metric("abandon-rate-raw", Unit::Share, "abandoned / offered", |c| share(c.abandoned, c.offered)),
    metric("average-speed-of-answer", Unit::Milliseconds, "wait_answered_ms / answered", |c| {
        share(c.wait_answered_ms, c.answered)
    }),
    metric("average-handle-time", Unit::Milliseconds, "(talk_ms + hold_ms + wrap_up_ms) / answered", |c| {
        share(c.talk_ms + c.hold_ms + c.wrap_up_ms, c.answered)
    }),
    metric("average-talk-time", Unit::Milliseconds, "talk_ms / answered", |c| share(c.talk_ms, c.answered)),
    metric("average-wrap-up", Unit::Milliseconds, "wrap_up_ms / answered", |c| share(c.wrap_up_ms, c.answered)),
    metric("longest-wait", Unit::Milliseconds, "max_wait_ms", |c| Some(c.max_wait_ms as f64)),
];

const fn metric(id: &'static str, unit: Unit, definition: &'static str, value: fn(&Counters) -> Option<f64>) -> Metric {
    Metric { id, version: 1, unit, definition, value }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of callcentrehelper, T = 20 s, short = 5 s: four of six pass an 82 % target and two fail.
    #[test]
    fn six_service_level_formulas_give_six_figures_for_one_day() {
        let day = Counters {
            offered: 1_060,
            answered: 1_000,
            abandoned: 60,
            answered_within: 860,
            abandoned_within: 20,
            short_abandoned: 10,
            ..Counters::default()
        };
        let figures = ServiceLevel::ALL.map(|formula| {
            let metric = formula.metric();
            format!("{} v{} {:.2} %", metric.id, metric.version, (metric.value)(&day).unwrap() * 100.0)
        });
        assert_eq!(
            figures,
            [
                "service-level-1 v1 83.02 %",
                "service-level-2 v1 86.00 %",
                "service-level-3 v1 81.13 %",
                "service-level-4 v1 82.69 %",
                "service-level-5 v1 82.08 %",
                "service-level-net-short v1 81.90 %",
            ]
        );
    }

    #[test]
    fn a_quiet_interval_has_no_shares() {
        let shares = METRICS.iter().filter(|metric| metric.unit == Unit::Share);
        assert!(shares.into_iter().all(|metric| (metric.value)(&Counters::default()).is_none()));
    }

    #[test]
    fn rates_leave_short_abandons_out_and_raw_ones_do_not() {
        let counters =
            Counters { offered: 110, answered: 90, abandoned: 20, short_abandoned: 10, ..Counters::default() };
        let value = |id| METRICS.iter().find(|metric| metric.id == id).and_then(|metric| (metric.value)(&counters));
        assert_eq!((value("abandon-rate"), value("abandon-rate-raw")), (Some(0.1), Some(20.0 / 110.0)));
    }
}
