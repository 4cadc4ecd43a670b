//! What plugins used, in sums of a day that survive the process: what each counted since it began is added to what is on disk.
//!
//! ```text
//!   accounts of the plugin threads ── every ten seconds, what came to them since ──► rows of today (UTC) ──► GET /v1/tenants/{tenant}/usage
//! ```
//!
//! A crash forgets at most the last ten seconds; a stop forgets nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use plugboard_api::{DayUsage, Host as _, Used};
use plugboard_model::{TenantId, Timestamp};
use plugboard_plugin::{Account, Asked, FailureKind, RuntimeWatch};
use plugboard_store::{
    CommitError, Embedded, IndexEntry, IndexValue, Query, ReadError, Record, Store as _, Transaction, TransactionError,
};
use serde::{Deserialize, Serialize};

use crate::{clock::Clock, components::Components, host::PlugboardHost, packs::Packs, plugins};

const EVERY: Duration = Duration::from_secs(10);
/// Rows of one transaction.
const AT_ONCE: usize = 200;
/// Days that sums are kept; the API asks for no more.
const KEPT_DAYS: u64 = 400;
const DAY_S: u64 = 86_400;

/// One version of a plugin on one day. Found by the day.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct KeptUsage(DayUsage);

impl Record for KeptUsage {
    const KIND: &'static str = "plugin-usage";

    fn id(&self) -> String {
        id(&self.0.day, &self.0.version, &self.0.world)
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("day", IndexValue::text(&self.0.day))]
    }
}

fn id(day: &str, version: &str, world: &str) -> String {
    format!("{day}@{version}@{world}")
}

/// Why sums are not on disk yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Put(#[from] TransactionError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Knows what of the threads' accounts is on disk.
pub(crate) struct Usage {
    store: Arc<Embedded>,
    /// Of those that answer, and of those beside them: both take CPU time.
    watches: [RuntimeWatch; 2],
    components: Components,
    packs: Arc<Packs>,
    /// Written by one at a time.
    told: Mutex<BTreeMap<Asked, Used>>,
}

impl Usage {
    pub(crate) fn new(
        store: Arc<Embedded>,
        watches: [RuntimeWatch; 2],
        components: Components,
        packs: Arc<Packs>,
    ) -> Self {
        Self { store, watches, components, packs, told: Mutex::default() }
    }

    /// Waits for the disk. What cannot be written is written the next time.
    pub(crate) fn write(&self, now: Timestamp) -> Result<(), WriteError> {
        let mut counted: BTreeMap<Asked, Used> = BTreeMap::new();
        for watch in &self.watches {
            for (asked, account) in watch.accounts().by_asked {
                *counted.entry(asked).or_default() += used(&account);
            }
        }
        let name = |asked: &Asked| plugins::version(&self.components, &self.packs, asked).plugin;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        add(&self.store, &mut told, counted, &day(now), name)
    }

    /// Those that are older than anybody may ask for.
    fn erase(&self, tenant: &TenantId, now: Timestamp) -> Result<(), WriteError> {
        let last = Timestamp::from_secs(now.since_epoch().as_secs().saturating_sub(KEPT_DAYS * DAY_S));
        loop {
            let query = of_days(tenant, "", &day(last)).limit(AT_ONCE);
            let page = self.store.query(&query)?;
            if page.rows.is_empty() {
                return Ok(());
            }
            let mut transaction = Transaction::new();
            for row in &page.rows {
                transaction.delete::<KeptUsage>(tenant, &row.id)?;
            }
            self.store.commit(transaction)?;
        }
    }
}

/// Adds what came since it was told last to the sums of `day`.
fn add(
    store: &Embedded,
    told: &mut BTreeMap<Asked, Used>,
    counted: BTreeMap<Asked, Used>,
    day: &str,
    name: impl Fn(&Asked) -> String,
) -> Result<(), WriteError> {
    let is_more = |(asked, used): &(Asked, Used)| told.get(asked).copied().unwrap_or_default() != *used;
    let more: Vec<(Asked, Used)> = counted.into_iter().filter(is_more).collect();
    for part in more.chunks(AT_ONCE) {
        let mut transaction = Transaction::new();
        for (asked, used) in part {
            let version = asked.plugin.to_string();
            let known = store.get::<KeptUsage>(&asked.tenant, &id(day, &version, asked.world))?;
            let mut sum = known.map(|(KeptUsage(sum), _)| sum.used).unwrap_or_default();
            sum += since(used, told.get(asked).copied().unwrap_or_default());
            let (plugin, world) = (name(asked), asked.world.to_owned());
            let row = KeptUsage(DayUsage { day: day.to_owned(), plugin, version, world, used: sum });
            transaction.put(&asked.tenant, &row)?;
        }
        store.commit(transaction)?;
        told.extend(part.iter().cloned());
    }
    Ok(())
}

fn used(account: &Account) -> Used {
    let failed = |is_the_plugins: bool| -> u64 {
        let kinds = FailureKind::ALL.into_iter().filter(|kind| kind.is_the_plugins() == is_the_plugins);
        kinds.map(|kind| account.failed(kind)).sum()
    };
    Used {
        questions: account.asked,
        failures: failed(true),
        not_asked: failed(false),
        cpu_us: u64::try_from(account.worked.as_micros()).unwrap_or(u64::MAX),
        fuel: account.fuel,
        http_calls: account.http_calls,
    }
}

/// Counts of a process only grow.
fn since(counted: &Used, told: Used) -> Used {
    Used {
        questions: counted.questions.saturating_sub(told.questions),
        failures: counted.failures.saturating_sub(told.failures),
        not_asked: counted.not_asked.saturating_sub(told.not_asked),
        cpu_us: counted.cpu_us.saturating_sub(told.cpu_us),
        fuel: counted.fuel.map(|fuel| fuel.saturating_sub(told.fuel.unwrap_or(0))),
        http_calls: counted.http_calls.saturating_sub(told.http_calls),
    }
}

/// The tenant's sums from the day `from` to the day `to`, both included.
pub(crate) fn between(store: &Embedded, tenant: &TenantId, from: &str, to: &str) -> Result<Vec<DayUsage>, ReadError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        // No day has a `~`, which is behind all that they are made of.
        let page = store.query(&of_days(tenant, from, &format!("{to}~")).limit(1_000).after(after))?;
        for row in &page.rows {
            found.push(row.read::<KeptUsage>()?.0);
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn of_days<'a>(tenant: &'a TenantId, from: &str, before: &str) -> Query<'a> {
    Query::new(tenant, KeptUsage::KIND, "day").between(IndexValue::text(from), IndexValue::text(before))
}

/// UTC: `2026-11-23`.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-23".len()).collect()
}

/// Writes until the host is gone.
pub(crate) async fn watch(host: Weak<PlugboardHost>, usage: Arc<Usage>, clock: Clock) {
    let mut erased_on = String::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(host) = host.upgrade() else { return };
        let now = clock.now();
        let today = day(now);
        let tenants = if erased_on == today { Vec::new() } else { host.tenants() };
        erased_on = today;
        let usage = Arc::clone(&usage);
        let written = tokio::task::spawn_blocking(move || {
            usage.write(now)?;
            tenants.iter().try_for_each(|tenant| usage.erase(&tenant.id, now))
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what plugins used is written later");
            }
            Err(error) => tracing::error!(%error, "what plugins used is not written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use plugboard_plugin::{Engine, EngineSettings};
    use plugboard_store::Options;

    use super::*;

    fn asked(tenant: &str) -> Asked {
        let engine = Engine::new(EngineSettings { instances: 1, ..EngineSettings::default() }).unwrap();
        let flow = engine.load_flow(include_bytes!("../../plugin/tests/released/0.1.0/flow.wasm")).unwrap();
        Asked { tenant: tenant.parse().unwrap(), plugin: flow.hash(), world: "flow-plugin" }
    }

    fn used(questions: u64, fuel: Option<u64>) -> Used {
        Used { questions, failures: 1, not_asked: 0, cpu_us: questions * 10, fuel, http_calls: 2 }
    }

    /// Two processes, one after the other, each with accounts that begin at nothing.
    #[test]
    fn a_day_is_the_sum_of_what_each_process_counted_and_no_question_counts_twice() {
        let folder = std::env::temp_dir().join(format!("plugboard-usage-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let (acme, shop) = (asked("acme"), asked("shop"));
        let open = || Embedded::open(Options::new(&folder)).unwrap();
        let name = |_: &Asked| "menu".to_owned();
        let first = open();
        let mut told = BTreeMap::new();
        let counts = [("2026-11-22", 3), ("2026-11-23", 5), ("2026-11-23", 5), ("2026-11-23", 9)];
        for (day, questions) in counts {
            let counted = [(acme.clone(), used(questions, Some(questions * 100))), (shop.clone(), used(1, None))];
            add(&first, &mut told, counted.into(), day, name).unwrap();
        }
        drop(first);
        let second = open();
        add(&second, &mut BTreeMap::new(), [(acme.clone(), used(4, None))].into(), "2026-11-23", name).unwrap();
        let found = |tenant: &Asked, from, to| {
            let days = between(&second, &tenant.tenant, from, to).unwrap();
            days.into_iter()
                .map(|DayUsage { day, plugin, used, .. }| format!("{day} {plugin} {used:?}\n"))
                .collect::<String>()
        };
        expect![[r#"
            2026-11-22 menu Used { questions: 3, failures: 1, not_asked: 0, cpu_us: 30, fuel: Some(300), http_calls: 2 }
            2026-11-23 menu Used { questions: 10, failures: 1, not_asked: 0, cpu_us: 100, fuel: Some(600), http_calls: 2 }
        "#]]
        .assert_eq(&found(&acme, "2026-11-01", "2026-11-23"));
        assert_eq!(found(&acme, "2026-11-22", "2026-11-22").lines().count(), 1);
        assert_eq!(found(&shop, "2026-11-23", "2026-11-30"), "");
        drop(second);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
