//! Channels and messages as the API shows them.

use std::sync::Arc;

use plugboard_api::{ChannelView, CircuitState, HostError};
use plugboard_exchange::{Command, CommandError, Reply};
use plugboard_model::{TenantId, Timestamp, channel::Wish, millis};
use plugboard_store::Store as _;

use super::PlugboardHost;
use crate::channels::{Ready, kept};

impl PlugboardHost {
    pub(super) fn channels_of(&self, tenant: &TenantId) -> Vec<ChannelView> {
        let Some(parts) = self.parts_of(tenant) else { return Vec::new() };
        let configuration = parts.configuration();
        let view = |(name, ready): (Arc<str>, Result<Arc<Ready>, Arc<str>>)| {
            let problem = ready.as_ref().err().map(ToString::to_string);
            let ready = ready.ok();
            let figures = ready.as_ref().map(|ready| ready.figures(self.channels.now()));
            let (asked, failed) = figures.as_ref().map_or((0, 0), |figures| figures.recent);
            let until = figures.as_ref().and_then(|figures| figures.let_be_until);
            let took = |permille| figures.as_ref().map_or(0, |figures| millis(figures.took.quantile(permille)));
            let words = |(word, count): (&&str, &u64)| ((*word).to_owned(), *count);
            let about = ready.as_ref().map(|ready| ready.about());
            let channel = configuration.channels.get(&name);
            ChannelView {
                plugin: channel.map(|channel| channel.component.plugin.to_string()).unwrap_or_default(),
                kind: about.map(|about| about.kind.clone()).unwrap_or_default(),
                callers: channel.is_some_and(|channel| channel.callers),
                webhook: format!("/channels/{tenant}/{name}"),
                state: match (&problem, until) {
                    (Some(_), _) => CircuitState::NotReady,
                    (None, Some(_)) => CircuitState::Open,
                    (None, None) => CircuitState::Closed,
                },
                let_be_until: until.map(|until| until.to_string()),
                text_max: about.map_or(0, |about| about.text_max),
                session_ms: about.and_then(|about| about.session).map(millis),
                sent: figures.iter().flat_map(|figures| figures.outcomes.iter().map(words)).collect(),
                came: ready
                    .iter()
                    .flat_map(|ready| ready.came())
                    .map(|(word, count)| (word.to_owned(), count))
                    .collect(),
                asked_last_minute: asked,
                failed_last_minute: failed,
                p50_ms: took(500),
                p99_ms: took(990),
                problem,
                name: name.to_string(),
            }
        };
        self.channels.of_tenant(tenant).into_iter().map(view).collect()
    }

    pub(super) fn session_is_over(&self, tenant: &TenantId, channel: &str, last_heard: Option<Timestamp>) -> bool {
        let ready = self.channels.of_tenant(tenant).remove(channel).and_then(Result::ok);
        ready.is_some_and(|ready| ready.is_session_over(self.channels.now(), last_heard))
    }

    /// A message once, however many requests have it sent at the same time.
    pub(super) async fn send_once(&self, tenant: &TenantId, by: &str, wish: Box<Wish>) -> Result<Reply, HostError> {
        let id = kept::ours(&wish.id);
        let taken = self.channels.take(tenant, id.clone());
        let _taken = taken.ok_or(HostError::Busy { retry_after: super::TRY_AGAIN })?;
        // One that was faster is on disk by now.
        let sent = move |store: &plugboard_store::Embedded, tenant: &TenantId| store.get::<kept::Kept>(tenant, &id);
        if self.read(tenant, sent).await?.is_some() {
            return Err(CommandError::WrongState { state: "sent" }.into());
        }
        self.ask(tenant, by, Command::Send(wish)).await
    }
}
