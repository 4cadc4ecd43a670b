//! The latest lines that plugins wrote, by tenant and component: what `plugboard pack logs` shows.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use plugboard_model::{TenantId, Timestamp};
use plugboard_plugin::{LogLine, LogSink, PluginHash};

use crate::clock::Clock;

/// Lines of one component and tenant.
const MOST_OF_ONE: usize = 256;
/// Lines of all. One takes up 4 KiB at most.
const MOST: usize = 16_384;

/// Bounded: old lines make room for new ones, of the same component first.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rings: BTreeMap<(TenantId, PluginHash), Ring>,
    /// The number of the last line.
    last: u64,
    count: usize,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    /// The number of the last line that was dropped.
    dropped: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Rises from 1, over all components.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) said: LogLine,
}

/// A part of the lines.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// By number.
    pub(crate) lines: Vec<Line>,
    /// Where the next part begins.
    pub(crate) next: u64,
    /// Some after the one that was asked for are not kept any more.
    pub(crate) lost: bool,
}

impl Lines {
    /// What plugins write goes to the log of the process, and here.
    pub(crate) fn sink(self: &Arc<Self>, clock: Clock) -> LogSink {
        let (lines, log) = (Arc::clone(self), LogSink::tracing());
        LogSink::new(move |line| {
            lines.write(clock.now(), line.clone());
            log.write(line);
        })
    }

    /// Lines that are no tenant's, as those of a component that is being loaded, are not kept.
    pub(crate) fn write(&self, at: Timestamp, said: LogLine) {
        let Some(tenant) = said.tenant.clone() else { return };
        let mut inner = self.inner();
        inner.last += 1;
        let number = inner.last;
        let ring = inner.rings.entry((tenant, said.plugin)).or_default();
        let full = ring.lines.len() >= MOST_OF_ONE;
        if full && let Some(oldest) = ring.lines.pop_front() {
            ring.dropped = oldest.number;
        }
        ring.lines.push_back(Line { number, at, said });
        inner.count += usize::from(!full);
        if inner.count > MOST {
            inner.drop_quietest();
        }
    }

    /// Lines of these components after the one numbered `after`.
    pub(crate) fn after(&self, tenant: &TenantId, components: &[PluginHash], after: u64) -> Part {
        let inner = self.inner();
        let mut part = Part { next: inner.last.max(after), ..Part::default() };
        for component in components {
            let Some(ring) = inner.rings.get(&(tenant.clone(), *component)) else { continue };
            part.lost |= after > 0 && ring.dropped > after;
            part.lines.extend(ring.lines.iter().filter(|line| line.number > after).cloned());
        }
        part.lines.sort_unstable_by_key(|line| line.number);
        part
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whoever has written nothing for the longest time loses all of its lines.
    fn drop_quietest(&mut self) {
        let written = |ring: &Ring| ring.lines.back().map_or(0, |line| line.number);
        let quietest = self.rings.iter().min_by_key(|(_, ring)| written(ring)).map(|(key, _)| key.clone());
        let dropped = quietest.and_then(|quietest| self.rings.remove(&quietest));
        self.count -= dropped.map_or(0, |ring| ring.lines.len());
    }
}

#[cfg(test)]
mod tests {
    use plugboard_plugin::LogLevel;

    use super::*;

    fn line(tenant: &str, plugin: u8, message: &str) -> LogLine {
        LogLine {
            tenant: Some(tenant.parse().unwrap()),
            plugin: PluginHash([plugin; 32]),
            level: LogLevel::Info,
            message: message.to_owned(),
            fields: Vec::new(),
            dropped: 0,
        }
    }

    fn said(part: &Part) -> Vec<&str> {
        part.lines.iter().map(|line| line.said.message.as_str()).collect()
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_and_sees_its_own_tenant_and_components_alone() {
        let (lines, at) = (Lines::default(), Timestamp::EPOCH);
        for (tenant, plugin, message) in [("shop", 1, "a"), ("other", 1, "b"), ("shop", 2, "c"), ("shop", 3, "d")] {
            lines.write(at, line(tenant, plugin, message));
        }
        let (shop, mine) = ("shop".parse().unwrap(), [PluginHash([1; 32]), PluginHash([2; 32])]);
        let first = lines.after(&shop, &mine, 0);
        lines.write(at, line("shop", 1, "e"));
        let second = lines.after(&shop, &mine, first.next);
        assert_eq!((said(&first), said(&second), second.lost), (vec!["a", "c"], vec!["e"], false));
    }

    #[test]
    fn who_writes_much_loses_its_own_old_lines_and_a_slow_reader_is_told() {
        let (lines, at) = (Lines::default(), Timestamp::EPOCH);
        lines.write(at, line("shop", 2, "quiet"));
        for number in 0..=MOST_OF_ONE {
            lines.write(at, line("shop", 1, &number.to_string()));
        }
        let shop = "shop".parse().unwrap();
        let loud = lines.after(&shop, &[PluginHash([1; 32])], 1);
        let quiet = lines.after(&shop, &[PluginHash([2; 32])], 0);
        assert_eq!(
            (loud.lines.len(), loud.lost, said(&loud)[0], said(&quiet)),
            (MOST_OF_ONE, true, "1", vec!["quiet"])
        );
    }

    #[test]
    fn all_lines_together_are_bounded() {
        let (lines, at) = (Lines::default(), Timestamp::EPOCH);
        for number in 0..=MOST {
            let [high, low] = u16::try_from(number / MOST_OF_ONE).unwrap().to_be_bytes();
            lines.write(
                at,
                LogLine {
                    plugin: PluginHash(std::array::from_fn(|at| [high, low].get(at).copied().unwrap_or_default())),
                    ..line("shop", 0, "")
                },
            );
        }
        assert_eq!(lines.inner().count, MOST + 1 - MOST_OF_ONE);
    }
}
