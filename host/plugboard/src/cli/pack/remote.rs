//! Packs of a tenant at a running host, over its API.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use plugboard_api::PackLook;
use plugboard_pack::archive::Bounds;
use plugboard_phrases::Language;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Refusal,
    inspect::{judged, text_of},
    read,
    rollout::Tried,
    shown,
};
use crate::cli::{
    OfTenant,
    client::{Client, ClientError, escaped},
    say, say_line, spoken,
    table::time,
};

/// Bring a pack to a tenant of a running host
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack install acme.lines-1.2.0.pbpack --dry-run        what it is, what it asks for, and what would become of it
  plugboard pack install acme.lines-1.2.0.pbpack

It serves at once if it asks for nothing; else it waits, and what it asks for is shown. Queues and flows name its components as
acme.lines/lines. The host takes packs that somebody whom its plugboard.toml trusts has signed.")]
pub(crate) struct Install {
    /// The pack
    file: PathBuf,
    /// Let the host say what would become of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: OfTenant,
}

/// Bring another version of a pack; live calls keep the one that they began with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack upgrade acme.lines-1.3.0.pbpack                  serves all at once, watched for an hour
  plugboard pack upgrade acme.lines-1.3.0.pbpack --shadow         asked beside; differences are counted
  plugboard pack upgrade acme.lines-1.3.0.pbpack --canary 5%      serves one caller in twenty
  plugboard pack upgrade acme.lines-1.3.0.pbpack --dry-run        what it asks for more, and what would become of it

If it asks for more than was granted it waits, and the version before goes on serving; `+` shows what is asked for more. A version that
spends its budget goes back on its own: `plugboard pack rollout` shows how it does.")]
pub(crate) struct Upgrade {
    /// The pack
    file: PathBuf,
    #[command(flatten)]
    trial: Tried,
    /// Let the host say what would become of it, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: OfTenant,
}

/// Grant all that a waiting version asks for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack list                             what waits, and what it asks for
  plugboard pack grant acme.crm 1.3.0             that, and nothing that came since")]
pub(crate) struct Grant {
    /// The pack, as `plugboard pack list` has it
    id: String,
    /// The version that waits
    version: String,
    #[command(flatten)]
    of: OfTenant,
}

/// The packs of a tenant, their versions and what they may do
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfTenant,
}

/// One pack of a tenant: what stands in its versions, and whose they are
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard pack show acme.lines")]
pub(crate) struct Show {
    /// The pack, as `plugboard pack list` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

/// Take the version on trial away; without one, go back to the version that served before
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard pack rollback acme.lines")]
pub(crate) struct Rollback {
    /// The pack, as `plugboard pack list` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

/// Remove a pack that no queue and no flow names any more
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard pack remove acme.lines")]
pub(crate) struct Remove {
    /// The pack, as `plugboard pack list` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

/// What a pack's components wrote lately
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard pack logs acme.lines --follow")]
pub(crate) struct Logs {
    /// The pack, as `plugboard pack list` has it
    id: String,
    /// Go on until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    of: OfTenant,
}

/// How long a new line may take to be shown.
const EVERY: Duration = Duration::from_millis(500);

impl Install {
    pub(super) fn run(self) -> ExitCode {
        let query = if self.dry_run { "?dry_run=true" } else { "" };
        told(&self.of, |client, packs| client.post_bytes(&format!("{packs}{query}"), MEDIA_TYPE, &file(&self.file)?))
    }
}

impl Upgrade {
    pub(super) fn run(self) -> ExitCode {
        let Self { file: path, trial, dry_run, of } = self;
        told(&of, |client, packs| {
            let bytes = file(&path)?;
            let how = trial.read()?;
            // Whose version it is stands in it; the host says what is wrong with one that cannot be read.
            let Ok(pack) = plugboard_pack::Pack::read(&bytes, Bounds::default()) else {
                return client.post_bytes(&format!("{packs}?dry_run={dry_run}"), MEDIA_TYPE, &bytes);
            };
            let pack = format!("{packs}/{}", pack.manifest().id);
            how.upgrade(client, &pack, dry_run, |query| {
                client.post_bytes(&format!("{pack}/upgrade{query}"), MEDIA_TYPE, &bytes)
            })
        })
    }
}

impl Grant {
    pub(super) fn run(self) -> ExitCode {
        let Self { id, version, of } = self;
        told(&of, |client, packs| {
            let all = packs_of(client, packs)?;
            let waiting = all.iter().find(|pack| text(pack, "/id") == id).map(|pack| &pack["waiting"]);
            // Another version that waits is for the host to name.
            let seen = waiting.filter(|waiting| text(waiting, "/version") == version);
            let digest = seen.map(|seen| text(seen, "/digest")).unwrap_or_default();
            client.post(&format!("{packs}/{}/grant", escaped(&id)), &json!({ "digest": digest }))
        })
    }
}

impl Rollback {
    pub(super) fn run(self) -> ExitCode {
        told(&self.of, |client, packs| client.post(&format!("{packs}/{}/rollback", escaped(&self.id)), &json!({})))
    }
}

impl Remove {
    pub(super) fn run(self) -> ExitCode {
        told(&self.of, |client, packs| client.delete(&format!("{packs}/{}", escaped(&self.id))))
    }
}

impl List {
    pub(super) fn run(self) -> ExitCode {
        let list = || {
            let (client, packs) = open(&self.of)?;
            let packs = packs_of(&client, &packs)?;
            if self.of.json() {
                say(&format!("{}\n", json!({ "ok": true, "items": packs })));
            } else if packs.is_empty() {
                say_line("the tenant has no packs");
            } else {
                packs.iter().for_each(|pack| say(&shown_pack(pack, spoken())));
            }
            Ok(())
        };
        ended(list())
    }
}

impl Show {
    pub(super) fn run(self) -> ExitCode {
        let show = || {
            let (client, packs) = open(&self.of)?;
            let mut detail: Value = client.get(&format!("{packs}/{}", escaped(&self.id)))?;
            if self.of.json() {
                say(&format!("{}\n", with_ok(detail)));
                return Ok(());
            }
            let versions: Vec<PackLook> = looks(detail["versions"].take())?;
            let language = spoken();
            say(&shown_pack(&detail["pack"], language));
            list(&detail, "/changes").for_each(|line| say(&format!("  {}\n", words(line, language))));
            for look in versions {
                say(&format!("\n{}{}", text_of(&look, language), judged(&look, language)));
            }
            Ok(())
        };
        ended(show())
    }
}

impl Logs {
    pub(super) fn run(self) -> ExitCode {
        let follow = || {
            let (client, packs) = open(&self.of)?;
            let mut after = 0;
            loop {
                let path = format!("{packs}/{}/logs?after={after}", escaped(&self.id));
                let part: Value = client.get(&path)?;
                if part["lost"] == true && !self.of.json() {
                    say_line("… lines are missing here: more were written than are kept");
                }
                for line in part["lines"].as_array().into_iter().flatten() {
                    say(&if self.of.json() { format!("{line}\n") } else { shown_line(line) });
                }
                after = part["next"].as_u64().unwrap_or(after);
                if !self.follow {
                    return Ok(());
                }
                std::thread::sleep(EVERY);
            }
        };
        ended(follow())
    }
}

pub(super) const MEDIA_TYPE: &str = "application/zip";

pub(super) fn open(of: &OfTenant) -> Result<(Client, String), ClientError> {
    let (client, tenant) = of.open()?;
    Ok((client, format!("{tenant}/packs")))
}

fn packs_of(client: &Client, packs: &str) -> Result<Vec<Value>, ClientError> {
    let mut answer: Value = client.get(packs)?;
    match answer["items"].take() {
        Value::Array(packs) => Ok(packs),
        _ => Err(ClientError::Answer { reason: "a list without `items`".to_owned() }),
    }
}

fn file(file: &std::path::Path) -> Result<Vec<u8>, ClientError> {
    let unreadable = |refusal| {
        let reason = if let Refusal::Read { reason, .. } = refusal { reason } else { String::new() };
        ClientError::File { file: shown(file), reason }
    };
    read(file, Bounds::default().packed.0).map_err(unreadable)
}

/// Carries out an order, and says what became of it.
pub(super) fn told(of: &OfTenant, order: impl FnOnce(&Client, &str) -> Result<Value, ClientError>) -> ExitCode {
    let done = open(of).and_then(|(client, packs)| order(&client, &packs)).and_then(|mut changed| {
        if of.json() {
            say(&format!("{}\n", with_ok(changed)));
        } else if changed["look"].is_object() {
            let (look, language): (PackLook, _) = (looks(changed["look"].take())?, spoken());
            say(&format!("{}{}\n", text_of(&look, language), judged(&look, language)));
            say(&shown_foreseen(&changed, language));
        } else {
            say(&shown_change(&changed, spoken()));
        }
        Ok(())
    });
    if of.json()
        && let Err(error) = &done
    {
        say(&format!("{}\n", error.json()));
        return error.code();
    }
    ended(done)
}

pub(super) fn ended(done: Result<(), ClientError>) -> ExitCode {
    done.map_or_else(|error| error.tell(), |()| ExitCode::SUCCESS)
}

/// What a host says of what stands in packs.
fn looks<T: DeserializeOwned>(value: Value) -> Result<T, ClientError> {
    serde_json::from_value(value).map_err(|error| ClientError::Answer { reason: error.to_string() })
}

fn with_ok(mut changed: Value) -> Value {
    changed["ok"] = true.into();
    changed
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One of the two languages of a pack's own words, without what a terminal would act on.
fn words(value: &Value, language: Language) -> String {
    let word = value.get(language.tag()).and_then(Value::as_str).unwrap_or_default();
    word.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// What would become of a pack; nothing did.
fn shown_foreseen(changed: &Value, language: Language) -> String {
    let (id, version) = (text(changed, "/id"), text(changed, "/version"));
    let outcome = match text(changed, "/outcome") {
        "waits" => format!("{id} {version} would wait: somebody would have to grant what it asks for"),
        "tried" => format!("{id} {version} would be tried"),
        _ => format!("{id} {version} would serve"),
    };
    let nothing = language.say("nothing was changed");
    format!("{}\n{}{nothing}\n", language.say(&outcome), shown_asks(changed, language))
}

/// What it asks for beside the version that serves, and what nobody has granted yet.
fn shown_asks(changed: &Value, language: Language) -> String {
    let changes = list(changed, "/changes").map(|line| format!("  {}\n", words(line, language)));
    let asks = list(changed, "/to_grant").map(|ask| {
        let component = text(ask, "/component");
        format!("  {component}: {}\n", words(&ask["ask"], language))
    });
    changes.chain(asks).collect()
}

fn shown_change(changed: &Value, language: Language) -> String {
    let say = |text: &str| language.say(text).into_owned();
    let (id, version) = (text(changed, "/id"), text(changed, "/version"));
    let mut out = match text(changed, "/outcome") {
        "removed" => return say(&format!("{id} is removed; calls that live keep it to their end")) + "\n",
        "waits" => say(&format!("{id} {version} waits: somebody has to grant what it asks for")) + "\n",
        "tried" => say(&format!("{id} {version} is tried")) + "\n",
        _ => say(&format!("{id} {version} serves")) + "\n",
    };
    out += &shown_asks(changed, language);
    if text(changed, "/outcome") == "waits" {
        if let Some(serving) = changed.pointer("/pack/serving/version").and_then(Value::as_str) {
            out += &format!("  {}\n", say(&format!("{serving} goes on serving")));
        }
        out += &format!("  {}\n", say(&format!("next: plugboard pack grant {id} {version}")));
    } else if text(changed, "/outcome") == "tried" {
        out += &format!("  {}\n", say(&format!("next: plugboard pack rollout {id}")));
    } else if list(changed, "/changes").next().is_none() {
        for component in list(changed, "/pack/serving/components") {
            let (name, world) = (text(component, "/name"), text(component, "/world"));
            out += &format!("  {}\n", say(&format!("component {name} ({world})")));
        }
    }
    out
}

fn shown_pack(pack: &Value, language: Language) -> String {
    let say = |text: &str| language.say(text).into_owned();
    let mut out = format!("{}  {}  {}\n", text(pack, "/id"), words(&pack["name"], language), text(pack, "/vendor"));
    for (role, name) in
        [("serves", "serving"), ("on trial", "trial"), ("waits for a grant", "waiting"), ("before", "previous")]
    {
        let held = &pack[name];
        if held.is_null() {
            continue;
        }
        let by: Vec<&str> = list(held, "/signed_by").filter_map(Value::as_str).collect();
        let by = if by.is_empty() { say("nobody has signed it") } else { say(&format!("signed by {}", by.join(", "))) };
        out += &format!("  {} {} ({by})\n", say(role), text(held, "/version"));
        if name == "previous" {
            continue;
        }
        for component in list(held, "/components") {
            let (name, world) = (text(component, "/name"), text(component, "/world"));
            out += &format!("    {}\n", say(&format!("component {name} ({world})")));
            for permission in list(component, "/permissions") {
                out += &format!("      {}\n", words(permission, language));
            }
        }
    }
    out
}

fn shown_line(line: &Value) -> String {
    let fields = list(line, "/fields").map(|field| format!(" {}={}", text(field, "/name"), text(field, "/value")));
    let (at, level) = (time(text(line, "/at")), text(line, "/level").to_uppercase());
    let (component, message) = (text(line, "/component"), text(line, "/message"));
    format!("{at} {level:5} {component}: {message}{}\n", fields.collect::<String>())
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
