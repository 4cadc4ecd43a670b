//! A tenant's folder: checked here, applied to a host.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use plugboard_config::{
    Applied, Bundle, Change, ChangeKind, Changes, Digests, Fault, FieldChange, Judges, Origin, Upload, check, diff,
    load_tenant, read_shown, render_in, without_secrets,
};
use plugboard_model::{Brought, Configuration};
use plugboard_pack::{Pack, archive::Bounds};
use serde_json::{Value, json};

use super::{
    Remote,
    client::{Client, ClientError, escaped},
    say, say_line, spoken, style_of, tell,
};
use crate::packs::{Row, contents};

/// Say what is wrong with a tenant's folder, offline
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard check examples/demo
  plugboard check my-shop --pack acme.ivr-1.0.0.pbpack
  plugboard check my-shop --json | jq '.faults[] | select(.severity == \"error\")'

Every fault comes with file, line and a remedy; all of them at once. Exit code 1 if there is an error.")]
pub(crate) struct Check {
    /// The folder that holds tenant.toml
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A pack that the tenant has, or will have: prompts and flows named after it are looked up there, those of others are not found
    #[arg(long = "pack", value_name = "FILE")]
    packs: Vec<PathBuf>,
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
  plugboard apply my-shop --host http://10.0.0.5:8080 --token \"$TOKEN\"

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
    pub(super) fn run(self, judges: Judges<'_>) -> ExitCode {
        let brought = match brought_by(&self.packs) {
            Ok(brought) => brought,
            Err(faults) => {
                show(&faults, self.json);
                return ExitCode::FAILURE;
            }
        };
        let Some(bundle) = load(&self.folder, judges, self.json, brought) else { return ExitCode::FAILURE };
        let configuration = &bundle.configuration;
        if self.json {
            print(&json!({ "ok": true, "faults": bundle.warnings }));
        } else {
            say_line(&format!(
                "{} is right: {} queues, {} agents, {} numbers, {} flows, {} prompts",
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
    pub(super) fn run(self, judges: Judges<'_>) -> ExitCode {
        let json = self.remote.json;
        let Some(bundle) = load(&self.folder, judges, json, None) else {
            tell(&format!("{}\n", spoken().say("nothing was applied")));
            return ExitCode::FAILURE;
        };
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
                    say_line(&format!("revision {} stays: this was a dry run", applied.revision));
                } else {
                    say_line(&format!("{} is at revision {}", bundle.configuration.tenant, applied.revision));
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                let error = error.located(|pointer| place_of(&bundle.origin, pointer));
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
        let lists = shown.as_ref().map_or(Value::Null, |shown| shown["lists"].clone());
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
            add_lengths(&mut applied.changes, &lists, configuration);
        }
        Ok(applied)
    }
}

/// `flows.toml:3:12`, if that is where it is written down.
fn place_of(origin: &Origin, pointer: &str) -> Option<String> {
    let (file, place) = origin.find(pointer);
    place.map(|place| format!("{}:{}:{}", file.display(), place.line, place.column))
}

fn add_fields(told: &mut Changes, detailed: Changes) {
    for change in detailed.changes {
        let same = told.changes.iter_mut().find(|told| told.resource == change.resource && told.id == change.id);
        if let Some(told) = same.filter(|told| told.fields.is_empty()) {
            told.fields = change.fields;
        }
    }
}

/// Of a list the host shows only how long it is.
fn add_lengths(told: &mut Changes, shown: &Value, configuration: &Configuration) {
    let is_other = |change: &&mut Change| change.resource == "list" && change.change == ChangeKind::Changed;
    for list in told.changes.iter_mut().filter(is_other) {
        let from = shown[&list.id]["numbers"].as_u64().map(|numbers| numbers.to_string());
        let to = configuration.lists.get(&*list.id).map(|numbers| numbers.len().to_string());
        list.fields = vec![FieldChange { field: "numbers".to_owned(), from, to }];
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
/// `brought`: what its packs bring, if that is known here.
fn load(folder: &Path, judges: Judges<'_>, json: bool, brought: Option<Brought>) -> Option<Bundle> {
    let loaded = load_tenant(folder, judges).and_then(|bundle| match brought {
        Some(brought) => with_packs(bundle, brought, judges),
        None => Ok(bundle),
    });
    match loaded {
        Ok(bundle) => {
            if !json && !bundle.warnings.is_empty() {
                show(&bundle.warnings, false);
            }
            Some(bundle)
        }
        Err(faults) => {
            show(&faults, json);
            None
        }
    }
}

/// Checked once more, as a host with these packs does.
fn with_packs(mut bundle: Bundle, brought: Brought, judges: Judges<'_>) -> Result<Bundle, Vec<Fault>> {
    bundle.configuration.brought = Some(Arc::new(brought));
    let found = check(&bundle.configuration, judges).into_iter().map(|finding| bundle.origin.locate(finding));
    let found: Vec<Fault> = found.collect();
    if found.iter().any(Fault::is_error) { Err(found) } else { Ok(bundle) }
}

/// Prompts and flows of packs' files; `None` without any, when nothing is known of packs.
fn brought_by(packs: &[PathBuf]) -> Result<Option<Brought>, Vec<Fault>> {
    let mut row = Row::new();
    for file in packs {
        let fault = |code, message: String, remedy: String| vec![Fault::of_file(file, code, message, remedy)];
        let bytes = std::fs::read(file).map_err(|error| {
            fault("unreadable", format!("cannot be read: {error}"), "let it be a pack that this user may read".into())
        })?;
        let pack = Pack::read(&bytes, Bounds::default())
            .map_err(|error| fault("not-a-pack", error.to_string(), "build it with `plugboard pack build`".into()))?;
        row.extend(contents::brought_by(&pack, Path::new("")));
    }
    Ok((!packs.is_empty()).then(|| contents::brought([&row])))
}

fn show(faults: &[Fault], json: bool) {
    if json {
        print(&json!({ "ok": false, "faults": faults }));
    } else {
        tell(&render_in(faults, style_of(&io::stderr()), spoken()));
    }
}

fn print(json: &Value) {
    say(&format!("{json}\n"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a host to talk to is a socket and a thread")]

    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
        thread::{JoinHandle, spawn},
    };

    use expect_test::expect;
    use plugboard_config::sha256_hex;
    use plugboard_model::{Configuration, Prompt, Queue};
    use plugboard_phrases::Language;

    use super::*;

    /// Answers one request after the other with what is given, and tells what was asked: method, path, body.
    fn host(answers: Vec<(u16, String)>) -> (Remote, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let asked = spawn(move || {
            let mut asked = String::new();
            for (status, answer) in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                let head: Vec<String> =
                    reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                let length =
                    head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                let line = head[0].trim_end_matches(" HTTP/1.1");
                let authorization = head.iter().find(|line| line.to_lowercase().starts_with("authorization"));
                let shown =
                    if body.len() < 90 { String::from_utf8_lossy(&body).into_owned() } else { "…".to_owned() };
                let line = format!("{line} {} {shown}", authorization.map_or("nobody", |line| &line[15..]));
                asked += line.trim_end();
                asked.push('\n');
                let kind = if status < 400 { "application/json" } else { "application/problem+json" };
                let head = format!("HTTP/1.1 {status} .\r\ncontent-type: {kind}\r\nconnection: close\r\n");
                write!(socket, "{head}content-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
            }
            asked
        });
        (Remote { host, token: Some("secret".to_owned()), json: false }, asked)
    }

    fn shop(folder: &Path) -> Bundle {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        configuration.queues.insert("sales".parse().unwrap(), Queue::named("Sales"));
        for (name, sound) in [("hello", "ding"), ("bye", "dong")] {
            let path = folder.join(name);
            std::fs::write(&path, sound).unwrap();
            let sha256 = sha256_hex(sound.as_bytes());
            let prompt = Prompt { path: path.as_path().into(), sha256, length: Prompt::LONGEST };
            configuration.prompts.insert(name.to_owned(), prompt);
        }
        Bundle { configuration, warnings: Vec::new(), origin: Origin::default() }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("plugboard-apply-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn only_sounds_that_the_host_lacks_are_sent_and_before_the_configuration() {
        let folder = folder("sends");
        let mut bundle = shop(&folder);
        let number = "+4930123456".parse().unwrap();
        bundle.configuration.lists.insert("do-not-call".into(), Arc::new([number].into()));
        let mut running = bundle.configuration.clone();
        running.queues.get_mut("sales").unwrap().name = "Verkauf".to_owned();
        let mut running = serde_json::to_value(Upload::of(&running)).unwrap();
        running["lists"] = json!({ "do-not-call": { "numbers": 3, "sha256": "00" } });
        let missing = json!({ "sha256": [sha256_hex(b"dong")] });
        let changed = json!({ "revision": 8, "changes": [
            { "change": "changed", "resource": "queue", "id": "sales" },
            { "change": "changed", "resource": "list", "id": "do-not-call" },
            { "change": "removed", "resource": "list", "id": "gone" },
        ] });
        let (remote, asked) = host(vec![
            (200, running.to_string()),
            (200, missing.to_string()),
            (204, String::new()),
            (200, changed.to_string()),
        ]);
        let applied = Apply { folder: folder.clone(), dry_run: false, remote }.send(&bundle).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        expect![[r#"
            GET /v1/tenants/shop/configuration Bearer secret
            POST /v1/tenants/shop/prompts:missing Bearer secret …
            PUT /v1/tenants/shop/prompts/1ff69c405a41cda970cf36c6c8192247650ea952227fa1df8048e707bf7e8d7a Bearer secret dong
            PUT /v1/tenants/shop/configuration Bearer secret …
        "#]].assert_eq(&asked.join().unwrap());
        expect![[r#"
            ~ queue sales changed
                name: Verkauf → Sales
            ~ list do-not-call changed
                numbers: 3 → 1
            - list gone removed
            revision 8
        "#]]
        .assert_eq(&format!("{}revision {}\n", applied.changes, applied.revision));
    }

    #[test]
    fn a_refusal_is_told_with_each_fault_and_its_remedy() {
        let folder = folder("refused");
        let bundle = shop(&folder);
        let fault = json!({ "field": "queues.sales.overflow_to", "code": "unknown-queue", "message": "no queue is called \"x\"", "remedy": "did you mean `y`?" });
        let problem = json!({ "type": "urn:plugboard:problem:invalid", "title": "Understood, but not valid", "status": 422,
            "detail": "1 fault", "remedy": "mend each of `errors` and send it again; nothing was changed", "errors": [fault] });
        let (remote, asked) = host(vec![(404, "{}".to_owned()), (422, problem.to_string())]);
        let error = Apply { folder: folder.clone(), dry_run: true, remote }.send(&bundle).unwrap_err();
        std::fs::remove_dir_all(folder).unwrap();
        expect![[r#"
            GET /v1/tenants/shop/configuration Bearer secret
            PUT /v1/tenants/shop/configuration?dry_run=true Bearer secret …
        "#]]
        .assert_eq(&asked.join().unwrap());
        expect![[r#"
            error: Understood, but not valid: 1 fault
              queues.sales.overflow_to: no queue is called "x" [unknown-queue]
                remedy: did you mean `y`?
              remedy: mend each of `errors` and send it again; nothing was changed
        "#]]
        .assert_eq(&error.in_words(Language::English));
    }

    #[test]
    fn a_host_that_is_not_there_gets_its_own_exit_code() {
        let remote = Remote { host: "http://127.0.0.1:1".to_owned(), token: None, json: false };
        let error = remote.client().tenant(None).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
        assert_eq!(format!("{:?}", error.tell()), format!("{:?}", ExitCode::from(3)));
    }
}
