//! What the API asks of the process.

use std::sync::{Arc, PoisonError};

use plugboard_api::{
    AlarmName, Answer, Applied, ApplyError, Came, CdrQuery, ChannelView, ConnectorView, Cursor, DayUsage, DeadLetters,
    Host, HostError, HostView, Known, LettersRefused, Message, MessageQuery, PackChanged, PackDetail, PackLog,
    PackOrder, PackRefused, PackView, Page, Phase, PluginFigures, PluginTraces, RecordingFile, RecordingQuery,
    RolloutView, Sealed, Sha256, TapeQuery, TenantSummary, TraceQuery, Upload, WebhookRefused,
};
use plugboard_exchange::{Command, CommandError, Leave, Reply, SharedConfiguration, SharedEvent};
use plugboard_model::{
    InteractionId, RecordingId, TenantId, Timestamp, channel::WebhookReply, routing::Tables, tape::Tape,
};
use plugboard_reporting::{AgentInterval, Cdr, QueueInterval};
use plugboard_store::Store as _;
use tokio::sync::broadcast;

use super::{PlugboardHost, later, write_file};
use crate::{cdrs, channels::kept, plugins::figures, tapes, usage};

impl Host for PlugboardHost {
    fn view(&self) -> HostView {
        HostView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sip: self.listeners.clone(),
            ready: self.phase() == Phase::Serving && !self.alarms.stands(AlarmName::StoreFailed),
            phase: self.phase(),
            alarms: self.alarms.list(),
        }
    }

    fn plugins(&self) -> Vec<PluginFigures> {
        figures(&self.components, &self.packs, &self.plugins[0])
    }

    fn plugin_traces(&self, tenant: &TenantId, plugin: &str, query: &TraceQuery) -> Option<PluginTraces> {
        self.traces_of_plugin(tenant, plugin, query)
    }

    fn usage<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: String,
        to: String,
    ) -> Answer<'a, Result<Vec<DayUsage>, HostError>> {
        self.read(tenant, move |store, tenant| usage::between(store, tenant, &from, &to))
    }

    fn tenants(&self) -> Vec<TenantSummary> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants
            .values()
            .map(|parts| {
                let configuration = parts.configuration();
                TenantSummary {
                    id: configuration.tenant.clone(),
                    name: configuration.name.clone(),
                    revision: configuration.revision,
                }
            })
            .collect()
    }

    fn configuration(&self, tenant: &TenantId) -> Option<SharedConfiguration> {
        self.parts_of(tenant).map(|parts| parts.configuration())
    }

    fn apply<'a>(&'a self, tenant: &'a TenantId, upload: Upload) -> Answer<'a, Result<Applied, ApplyError>> {
        Box::pin(self.apply_checked(tenant, upload))
    }

    fn command<'a>(
        &'a self,
        tenant: &'a TenantId,
        by: &'a str,
        command: Command,
    ) -> Answer<'a, Result<Reply, HostError>> {
        Box::pin(async move {
            let command = match command {
                Command::Send(wish) => return self.send_once(tenant, by, wish).await,
                command => command,
            };
            let later = later(&command);
            match (self.ask(tenant, by, command).await, later) {
                // Over, but with a record: somebody says only now what came of it.
                (Err(HostError::Command(CommandError::NoSuchInteraction(interaction))), Some(later))
                    if self.record_of(tenant, interaction).await?.is_some() =>
                {
                    self.ask(tenant, by, later).await
                }
                (answer, _) => answer,
            }
        })
    }

    fn missing_prompts<'a>(
        &'a self,
        tenant: &'a TenantId,
        wanted: Vec<Sha256>,
    ) -> Answer<'a, Result<Vec<Sha256>, HostError>> {
        Box::pin(async move {
            Ok(wanted.into_iter().filter(|sha256| !self.prompt_path(tenant, &sha256.to_string()).is_file()).collect())
        })
    }

    fn put_prompt<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: Sha256,
        bytes: Vec<u8>,
    ) -> Answer<'a, Result<(), HostError>> {
        Box::pin(write_file(self.prompt_path(tenant, &sha256.to_string()), bytes))
    }

    fn cdrs<'a>(&'a self, tenant: &'a TenantId, query: CdrQuery) -> Answer<'a, Result<Sealed<Page<Cdr>>, HostError>> {
        self.read(tenant, move |store, tenant| cdrs::search(store, tenant, &query).map(Sealed::new))
    }

    fn cdr<'a>(
        &'a self,
        tenant: &'a TenantId,
        interaction: InteractionId,
    ) -> Answer<'a, Result<Option<Sealed<Cdr>>, HostError>> {
        self.read(tenant, move |store, tenant| Ok(cdrs::one(store, tenant, interaction)?.map(Sealed::new)))
    }

    fn queue_intervals<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<QueueInterval>>, HostError>> {
        self.intervals(tenant, from, to)
    }

    fn agent_intervals<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<AgentInterval>>, HostError>> {
        self.intervals(tenant, from, to)
    }

    fn tapes<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: TapeQuery,
    ) -> Answer<'a, Result<Sealed<Page<Tape>>, HostError>> {
        self.read(tenant, move |store, tenant| tapes::search(store, tenant, &query).map(Sealed::new))
    }

    fn tables<'a>(&'a self, tenant: &'a TenantId, name: String) -> Answer<'a, Result<Option<Tables>, HostError>> {
        self.read(tenant, move |store, tenant| tapes::tables(store, tenant, &name))
    }

    fn recordings<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: RecordingQuery,
    ) -> Answer<'a, Result<Page<RecordingFile>, HostError>> {
        let root = self.folders.recordings.clone();
        self.read(tenant, move |store, tenant| cdrs::recordings(store, tenant, &query, &root))
    }

    fn recording<'a>(
        &'a self,
        tenant: &'a TenantId,
        recording: RecordingId,
    ) -> Answer<'a, Result<Option<RecordingFile>, HostError>> {
        let root = self.folders.recordings.clone();
        self.read(tenant, move |store, tenant| cdrs::recording(store, tenant, recording, &root))
    }

    fn history<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: u64,
        limit: usize,
    ) -> Answer<'a, Result<Sealed<Vec<SharedEvent>>, HostError>> {
        self.read(tenant, move |store, tenant| {
            let events = store.read_log(tenant, after.saturating_add(1), limit)?;
            Ok(Sealed::new(events.into_iter().map(Arc::new).collect()))
        })
    }

    fn channels(&self, tenant: &TenantId) -> Vec<ChannelView> {
        self.channels_of(tenant)
    }

    fn webhook<'a>(
        &'a self,
        tenant: &'a TenantId,
        channel: &'a str,
        came: Came,
    ) -> Answer<'a, Result<WebhookReply, WebhookRefused>> {
        Box::pin(self.channels.webhook(self, tenant, channel, came))
    }

    fn messages<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: MessageQuery,
    ) -> Answer<'a, Result<Sealed<Page<Message>>, HostError>> {
        self.read(tenant, move |store, tenant| kept::search(store, tenant, &query).map(Sealed::new))
    }

    fn known_message<'a>(
        &'a self,
        tenant: &'a TenantId,
        channel: &'a str,
        address: &'a str,
        id: &'a str,
    ) -> Answer<'a, Result<Known, HostError>> {
        let (channel, address, id) = (channel.to_owned(), address.to_owned(), id.to_owned());
        let now = self.channels.now();
        self.read(tenant, move |store, tenant| kept::known(store, tenant, (&channel, &address, &id), now))
    }

    fn is_session_over(&self, tenant: &TenantId, channel: &str, last_heard: Option<Timestamp>) -> bool {
        self.session_is_over(tenant, channel, last_heard)
    }

    fn connectors(&self, tenant: &TenantId) -> Vec<ConnectorView> {
        self.connectors_of(tenant)
    }

    fn dead_letters<'a>(
        &'a self,
        tenant: &'a TenantId,
        connector: &'a str,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Answer<'a, Result<DeadLetters, LettersRefused>> {
        Box::pin(self.dead_letters_of(tenant, connector, cursor, limit))
    }

    fn retry_letters<'a>(
        &'a self,
        tenant: &'a TenantId,
        connector: &'a str,
        letter: Option<String>,
    ) -> Answer<'a, Result<u64, LettersRefused>> {
        Box::pin(self.retry_letters_of(tenant, connector, letter))
    }

    fn packs<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Result<Vec<PackView>, HostError>> {
        Box::pin(async move { self.packs_of(tenant) })
    }

    fn pack<'a>(&'a self, tenant: &'a TenantId, pack: &'a str) -> Answer<'a, Result<PackDetail, PackRefused>> {
        Box::pin(self.detail_of_pack(tenant, pack))
    }

    fn change_pack<'a>(
        &'a self,
        tenant: &'a TenantId,
        order: PackOrder,
        by: String,
    ) -> Answer<'a, Result<PackChanged, PackRefused>> {
        Box::pin(self.carry_out_order(tenant, order, by))
    }

    fn pack_rollout<'a>(&'a self, tenant: &'a TenantId, pack: &'a str) -> Answer<'a, Result<RolloutView, PackRefused>> {
        Box::pin(async move { self.rollout_of(tenant, pack) })
    }

    fn pack_file<'a>(
        &'a self,
        tenant: &'a TenantId,
        pack: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Vec<u8>, PackRefused>> {
        Box::pin(self.file_of_pack(tenant, pack, version))
    }

    fn pack_log<'a>(
        &'a self,
        tenant: &'a TenantId,
        pack: &'a str,
        after: u64,
    ) -> Answer<'a, Result<PackLog, PackRefused>> {
        Box::pin(async move { self.log_of_pack(tenant, pack, after) })
    }

    fn live(&self, tenant: &TenantId, _: &Leave) -> Option<broadcast::Receiver<SharedEvent>> {
        self.follow(tenant)
    }
}
