//! Connectors as the API shows them, and letters that somebody sends again.

use std::sync::Arc;

use plugboard_api::{
    CircuitState, ConnectorFailed, ConnectorLetters, ConnectorView, Cursor, DeadLetter, DeadLetters, HostError,
    LettersRefused,
};
use plugboard_model::TenantId;
use plugboard_store::{Query, Record as _, Store as _, Transaction};

use super::{PlugboardHost, blocking};
use crate::{
    chain,
    connectors::{
        Ready,
        letter::{self, Letter},
    },
};

/// Letters of one transaction.
const TOGETHER: usize = 100;

impl PlugboardHost {
    pub(super) fn connectors_of(&self, tenant: &TenantId) -> Vec<ConnectorView> {
        let plugins = self.parts_of(tenant).map(|parts| parts.configuration());
        let plugin = |name: &str| {
            let connector = plugins.as_ref().and_then(|configuration| configuration.connectors.get(name));
            connector.map(|connector| connector.plugin.to_string()).unwrap_or_default()
        };
        let view = |(name, ready): (Arc<str>, Result<Arc<Ready>, Arc<str>>)| {
            let figures = ready.as_ref().ok().map(|ready| ready.figures(self.connectors.now()));
            let (asked, failed) = figures.as_ref().map_or((0, 0), |figures| figures.recent);
            let until = figures.as_ref().and_then(|figures| figures.let_be_until);
            let millis = |permille| {
                let took = figures.as_ref().map(|figures| figures.took.quantile(permille)).unwrap_or_default();
                u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
            };
            let last_failure = figures.as_ref().and_then(|figures| figures.last_failure.clone());
            let letters = ready.as_ref().ok().and_then(|ready| ready.letters());
            let outcomes = figures.iter().flat_map(|figures| &figures.outcomes);
            ConnectorView {
                plugin: plugin(&name),
                state: match (&ready, until) {
                    (Err(_), _) => CircuitState::NotReady,
                    (Ok(_), Some(_)) => CircuitState::Open,
                    (Ok(_), None) => CircuitState::Closed,
                },
                failing: figures.as_ref().is_some_and(|figures| figures.is_alarming),
                problem: ready.as_ref().err().map(ToString::to_string),
                let_be_until: until.map(|until| until.to_string()),
                outcomes: outcomes.map(|(word, count)| ((*word).to_owned(), *count)).collect(),
                asked_last_minute: asked,
                failed_last_minute: failed,
                p50_ms: millis(500),
                p99_ms: millis(990),
                last_failure: last_failure.map(|last| ConnectorFailed { at: last.at.to_string(), why: last.why }),
                letters: letters.map(|letters| ConnectorLetters {
                    waiting: letters.waiting as u64,
                    oldest_at: letters.oldest.map(|at| at.to_string()),
                    dead: letters.dead as u64,
                }),
                name: name.to_string(),
            }
        };
        self.connectors.of_tenant(tenant).into_iter().map(view).collect()
    }

    fn known_connector(&self, tenant: &TenantId, name: &str) -> Result<Arc<str>, LettersRefused> {
        let parts = self.parts(tenant)?;
        let configuration = parts.configuration();
        let known = configuration.connectors.get_key_value(name).map(|(name, _)| Arc::clone(name));
        known.ok_or_else(|| LettersRefused::NoSuchConnector(name.to_owned()))
    }

    pub(super) async fn dead_letters_of(
        &self,
        tenant: &TenantId,
        name: &str,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<DeadLetters, LettersRefused> {
        let name = self.known_connector(tenant, name)?;
        let (store, tenant) = (Arc::clone(&self.store), tenant.clone());
        let read = move || {
            let query = Query::new(&tenant, Letter::KIND, "state").within(letter::state(true, &name)).limit(limit);
            let page = store.query(&query.after(cursor.map(|cursor| plugboard_store::Cursor(cursor.0))))?;
            let mut items = Vec::with_capacity(page.rows.len());
            for row in &page.rows {
                let Letter { id, kind, interaction, at, attempts, failure, .. } = row.read()?;
                items.push(DeadLetter {
                    id,
                    kind,
                    interaction: interaction.map(|interaction| interaction.to_string()),
                    at: at.to_string(),
                    attempts,
                    failure: failure.unwrap_or_default(),
                });
            }
            Ok(DeadLetters { items, next: page.next.map(|next| Cursor(next.0)) })
        };
        Ok(blocking(read).await?)
    }

    pub(super) async fn retry_letters_of(
        &self,
        tenant: &TenantId,
        name: &str,
        id: Option<String>,
    ) -> Result<u64, LettersRefused> {
        let name = self.known_connector(tenant, name)?;
        let (store, of, connector) = (Arc::clone(&self.store), tenant.clone(), Arc::clone(&name));
        let read = move || {
            let (mut dead, mut after) = (Vec::new(), None);
            loop {
                let query = Query::new(&of, Letter::KIND, "state").within(letter::state(true, &connector));
                let page = store.query(&query.limit(1_000).after(after))?;
                for row in &page.rows {
                    dead.push(row.read::<Letter>()?);
                }
                after = page.next;
                if after.is_none() {
                    return Ok(dead);
                }
            }
        };
        let mut dead = blocking(read).await?;
        if let Some(id) = id {
            dead.retain(|letter| letter.id == id);
            if dead.is_empty() {
                return Err(LettersRefused::NoSuchLetter(id));
            }
        }
        let now = self.connectors.now();
        for some in dead.chunks_mut(TOGETHER) {
            let mut transaction = Transaction::new();
            for letter in some {
                letter.again(now);
                let put = transaction.put(tenant, letter);
                put.map_err(|error| HostError::Store { reason: chain(&error) })?;
            }
            self.commit(transaction).await?;
        }
        self.outbox.changed(tenant.clone(), name);
        Ok(dead.len() as u64)
    }
}
