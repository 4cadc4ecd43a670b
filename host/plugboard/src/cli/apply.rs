//! A tenant's folder: checked here, applied to a host.

use std::{io, path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_config::{
    Applied, Bundle, Changes, Digests, Fault, Upload, diff, load_tenant, read_shown, render, without_secrets,
};
use plugboard_model::flow::Problem;
use serde_json::{Value, json};

use super::{
    Remote,
    client::{Client, ClientError, escaped},
    say, style_of, tell,
};

/// Say what is wrong with a tenant's folder, offline
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard check examples/demo
  plugboard check my-shop --json | jq '.faults[] | select(.severity == \"error\")'

Every fault comes with file, line and a remedy; all of them at once. Exit code 1 if there is an error.")]
pub(crate) struct Check {
    /// The folder that holds tenant.toml
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Make a tenant's folder the running configuration; live calls go on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard apply examples/demo --dry-run         what would change, in words
  plugboard apply examples/demo
  plugboard apply my-shop --host https://pbx.example --token \"$TOKEN\"

The folder is checked as by `plugboard check`. All of it is applied or nothing; sounds that the host has are not sent again.")]
pub(crate) struct Apply {
    /// The folder that holds tenant.toml
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Check {
    pub(super) fn run(self, check_flow: &dyn Fn(&str) -> Vec<Problem>) -> ExitCode {
        let Some(bundle) = load(&self.folder, check_flow, self.json) else { return ExitCode::FAILURE };
        let configuration = &bundle.configuration;
        if self.json {
            print(&json!({ "ok": true, "faults": bundle.warnings }));
        } else {
            say(&format!(
                "{} is right: {} queues, {} agents, {} numbers, {} flows, {} prompts\n",
                self.folder.display(),
                configuration.queues.len(),
                configuration.agents.len(),
                configuration.numbers.len(),
                configuration.flows.len(),
                configuration.prompts.len(),
            ));
        }
        ExitCode::SUCCESS
    }
}

impl Apply {
    pub(super) fn run(self, check_flow: &dyn Fn(&str) -> Vec<Problem>) -> ExitCode {
        let json = self.remote.json;
        let Some(bundle) = load(&self.folder, check_flow, json) else { return ExitCode::FAILURE };
        match self.send(&bundle) {
            Ok(applied) if json => {
                let Applied { revision, changes } = applied;
                print(
                    &json!({ "ok": true, "dry_run": self.dry_run, "revision": revision, "changes": changes.changes, "faults": bundle.warnings }),
                );
                ExitCode::SUCCESS
            }
            Ok(applied) => {
                say(&applied.changes.to_string());
                if self.dry_run {
                    say(&format!("revision {} stays: this was a dry run\n", applied.revision));
                } else {
                    say(&format!("{} is at revision {}\n", bundle.configuration.tenant, applied.revision));
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                if json {
                    print(&json!({ "ok": false, "error": error.to_string() }));
                }
                error.tell()
            }
        }
    }

    /// Sounds first, so that the configuration never names one that is not there.
    fn send(&self, bundle: &Bundle) -> Result<Applied, ClientError> {
        let client = self.remote.client();
        let configuration = &bundle.configuration;
        let path = format!("/v1/tenants/{}", escaped(configuration.tenant.as_str()));
        let shown: Result<Value, _> = client.get(&format!("{path}/configuration"));
        let running = shown.ok().and_then(|shown| read_shown(shown).ok());
        if !self.dry_run {
            send_prompts(&client, &path, bundle)?;
        }
        let query = if self.dry_run { "?dry_run=true" } else { "" };
        let mut applied: Applied = client.put(&format!("{path}/configuration{query}"), &Upload::of(configuration))?;
        // The host says which resources change; which of their fields is told by a comparison with what it showed before.
        if let Some(running) = running {
            let detailed = diff(&without_secrets(&running), &without_secrets(configuration));
            add_fields(&mut applied.changes, detailed);
        }
        Ok(applied)
    }
}

fn add_fields(told: &mut Changes, detailed: Changes) {
    for change in detailed.changes {
        let same = told.changes.iter_mut().find(|told| told.resource == change.resource && told.id == change.id);
        if let Some(told) = same.filter(|told| told.fields.is_empty()) {
            told.fields = change.fields;
        }
    }
}

fn send_prompts(client: &Client, path: &str, bundle: &Bundle) -> Result<(), ClientError> {
    let prompts = &bundle.configuration.prompts;
    let mut sha256: Vec<String> = prompts.values().map(|prompt| prompt.sha256.clone()).collect();
    sha256.sort_unstable();
    sha256.dedup();
    if sha256.is_empty() {
        return Ok(());
    }
    let missing: Digests = client.post(&format!("{path}/prompts:missing"), &Digests { sha256 })?;
    for digest in &missing.sha256 {
        let Some(prompt) = prompts.values().find(|prompt| prompt.sha256 == *digest) else { continue };
        let bytes = std::fs::read(&prompt.path).map_err(|error: io::Error| ClientError::File {
            file: prompt.path.display().to_string(),
            reason: error.to_string(),
        })?;
        client.put_bytes(&format!("{path}/prompts/{digest}"), "audio/wav", &bytes)?;
    }
    Ok(())
}

/// The tenant of the folder; its faults are told either way. `None` if there is an error among them.
fn load(folder: &std::path::Path, check_flow: &dyn Fn(&str) -> Vec<Problem>, json: bool) -> Option<Bundle> {
    let shown = |faults: &[Fault]| tell(&render(faults, style_of(&io::stderr())));
    match load_tenant(folder, check_flow) {
        Ok(bundle) => {
            if !json && !bundle.warnings.is_empty() {
                shown(&bundle.warnings);
            }
            Some(bundle)
        }
        Err(faults) => {
            if json {
                print(&json!({ "ok": false, "faults": faults }));
            } else {
                shown(&faults);
                tell("nothing was applied\n");
            }
            None
        }
    }
}

fn print(json: &Value) {
    say(&format!("{json}\n"));
}
