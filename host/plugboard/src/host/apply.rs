//! A tenant's configuration on its way into force: from a folder or the API, checked, kept, and told to the exchange.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use plugboard_api::{AlarmName, Applied, ApplyError, Change, ChangeKind, Fault, Host as _, HostError, Sha256, Upload};
use plugboard_config::{ConnectorSays, Finding, Judges};
use plugboard_exchange::SharedConfiguration;
use plugboard_model::{
    Configuration, Limits, Prompt, TenantId, Timestamp, channel::Channel, compliance::Rule, connector::Connector,
    flow::Severity, routing::Tables,
};
use plugboard_store::{Store as _, Transaction};
use tokio::sync::oneshot;

use super::{PlugboardHost, TRY_AGAIN, TenantParts, write_file};
use crate::{
    claims,
    components::Components,
    packs::Row,
    recovery::{KnownTenant, host_tenant},
    signalling::Message,
};

impl PlugboardHost {
    /// Applies every tenant below `folder`; what is wrong is logged, and the tenant stays as it was.
    pub(crate) async fn apply_folders(&self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            self.alarms.raise(AlarmName::TenantNotApplied, "", format!("{} cannot be read", folder.display()));
            return;
        };
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            let folder = entry.path();
            match self.apply_folder(&folder).await {
                Ok(applied) => {
                    tracing::info!(folder = %folder.display(), revision = applied.revision, "tenant is configured");
                }
                Err(reason) => {
                    tracing::error!(folder = %folder.display(), "tenant is not applied:\n{reason}");
                    let first = reason.lines().next().unwrap_or_default();
                    self.alarms.raise(AlarmName::TenantNotApplied, &folder.display().to_string(), first);
                }
            }
        }
    }

    /// Applies one tenant's folder, prompts included. `Err` is text for a terminal.
    pub(crate) async fn apply_folder(&self, folder: &Path) -> Result<Applied, String> {
        let flow = |document: &str, limits: &Limits| self.components.check_flow(None, "flow-graph", document, limits);
        // Whose folder it is stands in it; what packs bring is judged when it is applied.
        let policy = |plugin: &str, tables: &Tables| match plugin.contains('/') {
            true => Vec::new(),
            false => self.components.check_policy(None, plugin, tables),
        };
        let rule = |rule: &Rule| match rule.plugin.contains('/') {
            true => Vec::new(),
            false => self.components.check_rule(None, rule),
        };
        let connector = |connector: &Connector| match connector.plugin.contains('/') {
            true => ConnectorSays::default(),
            false => self.components.check_connector(None, connector),
        };
        let channel = |channel: &Channel| match channel.component.plugin.contains('/') {
            true => Vec::new(),
            false => self.components.check_channel(None, channel),
        };
        let judges = Judges { flow: &flow, policy: &policy, rule: &rule, connector: &connector, channel: &channel };
        let bundle = plugboard_config::load_tenant(folder, judges)
            .map_err(|faults| plugboard_config::render(&faults, plugboard_config::Style::Plain))?;
        let tenant = bundle.configuration.tenant.clone();
        for prompt in bundle.configuration.prompts.values() {
            let bytes = std::fs::read(&prompt.path).map_err(|error| format!("{}: {error}", prompt.path.display()))?;
            let sha256 = Sha256::of(&bytes);
            self.put_prompt(&tenant, sha256, bytes).await.map_err(|error| error.to_string())?;
        }
        let upload = Upload {
            configuration: bundle.configuration,
            expected_revision: None,
            dry_run: false,
            by: "start".to_owned(),
        };
        self.apply(&tenant, upload).await.map_err(|error| match error {
            ApplyError::Invalid(faults) => {
                let place = |fault: &Fault| {
                    let (file, place) = bundle.origin.find(fault.field.as_deref()?);
                    place.map(|place| format!("{}:{}:{}: ", file.display(), place.line, place.column))
                };
                let lines = faults.iter().map(|fault| {
                    let place = place(fault).unwrap_or_default();
                    format!("{place}{}: {}; {}", fault.code, fault.message, fault.remedy)
                });
                lines.collect::<Vec<_>>().join("\n")
            }
            error => error.to_string(),
        })
    }

    pub(super) async fn apply_checked(&self, tenant: &TenantId, upload: Upload) -> Result<Applied, ApplyError> {
        let _one_at_a_time = self.turn().await?;
        let known = self.parts_of(tenant);
        let before = known.as_ref().map(TenantParts::configuration);
        let revision = before.as_ref().map_or(0, |before| before.revision);
        if upload.expected_revision.is_some_and(|expected| expected != revision) {
            return Err(ApplyError::Conflict { actual: revision });
        }
        let mut configuration = upload.configuration;
        let mut faults = Vec::new();
        if configuration.tenant != *tenant || *tenant == host_tenant() {
            faults.push(Fault {
                field: Some("/tenant".into()),
                code: "wrong-tenant".into(),
                message: format!("the configuration is for {}, the address names {tenant}", configuration.tenant),
                remedy: "send it to the tenant that it is for".into(),
                ..Fault::default()
            });
        }
        for (_, other) in self.all_parts().into_iter().filter(|(id, _)| id != tenant) {
            claims::conflicts(&configuration, &other.configuration(), &mut faults);
        }
        self.place_prompts(tenant, &mut configuration, before.as_deref(), &mut faults).await;
        configuration.brought = Some(Arc::new(self.packs.brought(tenant, None)));
        self.check(&self.components, &configuration, &mut faults);
        self.connectors.missing_secrets(&configuration, &mut faults);
        if !faults.is_empty() {
            return Err(ApplyError::Invalid(faults));
        }
        let empty = Configuration::empty(tenant.clone());
        let changes = changes(before.as_deref().unwrap_or(&empty), &configuration);
        if upload.dry_run || (changes.is_empty() && before.is_some()) {
            return Ok(Applied { revision, changes });
        }
        configuration.revision = revision + 1;
        let configuration = Arc::new(configuration);
        self.keep(tenant, &configuration).await?;
        self.put_in_force(&configuration).await?;
        tracing::info!(%tenant, revision = configuration.revision, by = upload.by, "configuration applied");
        Ok(Applied { revision: configuration.revision, changes })
    }

    /// Lets the running configuration find what the tenant's packs bring, `also` what a version brings that is about to begin.
    pub(super) async fn bring(&self, tenant: &TenantId, also: Option<&Row>) -> Result<(), HostError> {
        let Some(parts) = self.parts_of(tenant) else { return Ok(()) };
        let (configuration, brought) = (parts.configuration(), self.packs.brought(tenant, also));
        if configuration.brought.as_deref().cloned().unwrap_or_default() == brought {
            return Ok(());
        }
        let brought = Some(Arc::new(brought));
        self.put_in_force(&Arc::new(Configuration { brought, ..(*configuration).clone() })).await
    }

    /// From the store into the exchange.
    async fn put_in_force(&self, configuration: &SharedConfiguration) -> Result<(), HostError> {
        self.prepare_connectors(configuration).await;
        let (done, wait) = oneshot::channel();
        let message = Message::Configure { configuration: Arc::clone(configuration), done };
        self.inbox.send(message).await.map_err(|_| HostError::Stopping)?;
        wait.await.map_err(|_| HostError::Stopping)?;
        if let Some(parts) = self.parts_of(&configuration.tenant) {
            *parts.configuration.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(configuration);
        }
        Ok(())
    }

    /// Before anybody may ask them: a connector or channel says what it is in some milliseconds, at most in a second.
    pub(super) async fn prepare_connectors(&self, configuration: &SharedConfiguration) {
        let tenant = &configuration.tenant;
        let asks_connectors = !configuration.connectors.is_empty() || self.connectors.has(tenant);
        let has_channels = !configuration.channels.is_empty() || self.channels.has(tenant);
        if !asks_connectors && !has_channels {
            return;
        }
        let (connectors, channels) = (Arc::clone(&self.connectors), Arc::clone(&self.channels));
        let (configuration, components) = (Arc::clone(configuration), self.components.clone());
        let prepare = move || {
            connectors.prepare(&configuration, &components);
            channels.prepare(&configuration, &components);
        };
        let prepared = tokio::task::spawn_blocking(prepare).await;
        if let Err(error) = prepared {
            tracing::error!(error = &error as &dyn std::error::Error, "connectors and channels were not made ready");
        }
    }

    /// Lists the changes of each tenant's clock anew, so that a host that is never restarted does not run out of them.
    pub(crate) async fn renew_zones(&self, now: Timestamp) {
        let _one_at_a_time = self.applying.lock().await;
        for (tenant, parts) in self.all_parts() {
            if let Some(renewed) = with_zone_renewed(&parts.configuration(), now)
                && let Err(error) = self.put_in_force(&Arc::new(renewed)).await
            {
                tracing::error!(%tenant, error = &error as &dyn std::error::Error, "time zone is not renewed");
            }
        }
    }

    /// On disk before it is in force, and in force before it is acknowledged.
    async fn keep(&self, tenant: &TenantId, configuration: &SharedConfiguration) -> Result<(), ApplyError> {
        let store_failed = |reason: String| ApplyError::Host(HostError::Store { reason });
        let file = format!("{tenant}-{}.json", configuration.revision);
        let json = serde_json::to_vec(&**configuration).map_err(|error| store_failed(error.to_string()))?;
        write_file(self.folders.configurations.join(&file), json).await?;
        let mut transaction = Transaction::new();
        let known = KnownTenant { tenant: tenant.clone(), file };
        transaction.put(&host_tenant(), &known).map_err(|error| store_failed(error.to_string()))?;
        self.commit(transaction).await.map_err(ApplyError::Host)
    }

    pub(super) async fn commit(&self, transaction: Transaction) -> Result<(), HostError> {
        let (sender, receiver) = oneshot::channel();
        let acknowledge = Box::new(move |result| {
            // The client may have gone.
            let _ = sender.send(result);
        });
        self.store.submit(transaction, acknowledge).map_err(|_| HostError::Busy { retry_after: TRY_AGAIN })?;
        match receiver.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(HostError::Store { reason: error.to_string() }),
            Err(_) => Err(HostError::Stopping),
        }
    }

    /// Each prompt gets the path of the file that was uploaded under its hash. Those that are new are looked into: whoever sends them need not have done so.
    async fn place_prompts(
        &self,
        tenant: &TenantId,
        configuration: &mut Configuration,
        before: Option<&Configuration>,
        faults: &mut Vec<Fault>,
    ) {
        // Configurations of earlier versions hold no lengths.
        let measured = |prompt: &&Prompt| prompt.length < Prompt::LONGEST;
        let playing: BTreeMap<&str, Duration> = before
            .into_iter()
            .flat_map(|before| before.prompts.values().filter(measured))
            .map(|prompt| (&*prompt.sha256, prompt.length))
            .collect();
        for (name, prompt) in &mut configuration.prompts {
            let path = self.prompt_path(tenant, &prompt.sha256);
            if path.is_file() {
                let length = match playing.get(&*prompt.sha256) {
                    Some(length) => Ok(*length),
                    None => length_of(path.clone()).await,
                };
                match length {
                    Ok(length) => *prompt = Prompt { path: path.into(), sha256: prompt.sha256.clone(), length },
                    Err(reason) => faults.push(Fault {
                        field: Some(format!("/prompts/{name}")),
                        code: "unplayable-prompt".into(),
                        message: format!("the prompt {name} cannot be played: {reason}"),
                        remedy: "make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav".into(),
                        ..Fault::default()
                    }),
                }
            } else {
                faults.push(Fault {
                    field: Some(format!("/prompts/{name}")),
                    code: "prompt-missing".into(),
                    message: format!("the sound file of prompt {name} was not uploaded"),
                    remedy: format!("PUT it to /v1/tenants/{tenant}/prompts/{}", prompt.sha256),
                    ..Fault::default()
                });
            }
        }
    }

    pub(super) fn check(&self, components: &Components, configuration: &Configuration, faults: &mut Vec<Fault>) {
        // What runs may also find what other versions bring, which calls of theirs still hear.
        let brought = Some(Arc::new(components.brought(&configuration.tenant)));
        let configuration = &Configuration { brought, ..configuration.clone() };
        let tenant = Some(&configuration.tenant);
        let flow = |document: &str, limits: &Limits| components.check_flow(tenant, "flow-graph", document, limits);
        let policy = |plugin: &str, tables: &Tables| components.check_policy(tenant, plugin, tables);
        let rule = |rule: &Rule| components.check_rule(tenant, rule);
        let connector = |connector: &Connector| components.check_connector(tenant, connector);
        let channel = |channel: &Channel| components.check_channel(tenant, channel);
        let judges = Judges { flow: &flow, policy: &policy, rule: &rule, connector: &connector, channel: &channel };
        let findings = plugboard_config::check(configuration, judges);
        let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        faults.extend(errors.map(fault_of));
        for (id, flow) in configuration.flows.iter().filter(|(_, flow)| flow.plugin != "flow-graph") {
            let (plugin, Some(document)) = (&*flow.plugin, configuration.document(flow)) else { continue };
            let mut problems = components.check_flow(tenant, plugin, document, &configuration.limits);
            problems.retain(|problem| problem.severity == Severity::Error);
            if problems.is_empty() {
                match components.references(tenant, plugin, document) {
                    Ok(named) => {
                        let findings = plugboard_config::check_references(configuration, id, &named);
                        faults.extend(findings.into_iter().map(fault_of));
                    }
                    Err(failure) => faults.push(Fault {
                        file: Some(format!("flows/{id}.json")),
                        code: "plugin".into(),
                        message: format!("{plugin} does not say what the flow names: {failure}"),
                        remedy: "mend the plugin, or name another one".into(),
                        ..Fault::default()
                    }),
                }
            }
            faults.extend(problems.into_iter().map(|problem| Fault {
                file: Some(format!("flows/{id}.json")),
                node: problem.node,
                field: problem.field,
                code: problem.code,
                message: problem.message,
                remedy: problem.remedy,
                ..Fault::default()
            }));
        }
    }
}

fn fault_of(finding: Finding) -> Fault {
    Fault {
        node: finding.node,
        field: Some(finding.pointer),
        code: finding.code,
        message: finding.message,
        remedy: finding.remedy,
        ..Fault::default()
    }
}

/// `Err`: the file cannot be played.
async fn length_of(path: PathBuf) -> Result<Duration, String> {
    let read = move || {
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        plugboard_config::read_wav(&bytes).map(|wav| wav.length).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// `None`: the list of clock changes is as it should be, or the zone is not known here.
pub(crate) fn with_zone_renewed(configuration: &Configuration, now: Timestamp) -> Option<Configuration> {
    let zone = plugboard_config::resolve_zone(&configuration.time_zone.name, now)?;
    (zone != configuration.time_zone).then(|| Configuration { time_zone: zone, ..configuration.clone() })
}

/// In the words of the API.
fn changes(before: &Configuration, after: &Configuration) -> Vec<Change> {
    plugboard_config::diff(before, after)
        .changes
        .into_iter()
        .map(|change| Change {
            change: match change.change {
                plugboard_config::ChangeKind::Added => ChangeKind::Added,
                plugboard_config::ChangeKind::Changed => ChangeKind::Changed,
                plugboard_config::ChangeKind::Removed => ChangeKind::Removed,
            },
            resource: change.resource,
            id: change.id,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_resolved_years_ago_knows_the_summers_to_come_again() {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        let (then, now) = (Timestamp::from_secs(1_000_000_000), Timestamp::from_secs(1_767_225_600)); // 2001, 2026-01-01
        configuration.time_zone = plugboard_config::resolve_zone("Europe/Berlin", then).unwrap();
        let renewed = with_zone_renewed(&configuration, now).unwrap();
        assert_eq!(renewed.time_zone.offset_at(Timestamp::from_secs(1_782_864_000)), 120); // 2026-07-01
        assert_eq!(with_zone_renewed(&renewed, now), None);
    }
}
