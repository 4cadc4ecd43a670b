//! The command line: what it takes, and everything that it does itself. `serve` and `demo` are the process's own.

mod apply;
mod client;
mod connector;
mod control;
mod events;
mod examine;
mod figures;
mod list;
mod message;
mod pack;
mod replay;
mod table;
mod usage;

use std::{io::Write as _, net::IpAddr, path::PathBuf, process::ExitCode, sync::OnceLock};

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use plugboard_config::{Judges, ProcessConfig, Style, render_in};
use plugboard_phrases::Language;
use serde_json::Value;

use client::{Client, ClientError};

const START: &str = "\
Start here:
  plugboard demo                                  a call through the demo tenant, from dialling to its record
  plugboard config example > plugboard.toml       every setting with its default and what it does
  plugboard serve --config plugboard.toml         the host
  plugboard check examples/demo                   is this tenant right? offline, with file, line and remedy
  plugboard apply examples/demo                   make it the running one; live calls go on

Exit codes: 0 done, 1 refused or faulty, 2 wrong arguments, 3 the host cannot be reached.";

/// A contact-centre host: calls, queues, agents and recordings, with flows and routing as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "plugboard", version, after_help = START, max_term_width = 120)]
pub(crate) struct Cli {
    /// Language of what is said, en or zh; without it, as LC_ALL, LC_MESSAGES or LANG say
    #[arg(long = "lang", id = "lang", global = true, value_name = "LANGUAGE", env = "PLUGBOARD_LANG", value_parser = language)]
    lang: Vec<Lang>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Settles the language of everything that is said from here on.
    pub(crate) fn settle_language(&self) {
        let named = |name: &str| std::env::var(name).ok().filter(|locale| !locale.is_empty());
        let of_system = || ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(named);
        let spoken = self.lang.iter().rev().find_map(|lang| match lang {
            Lang::Spoken(language) => Some(*language),
            Lang::Code(_) => None,
        });
        let begins_a_plugin = matches!(self.command, Command::Client(ClientCommand::Pack(pack::Pack::New(_))));
        if let Some(Lang::Code(code)) = self.lang.iter().find(|lang| matches!(lang, Lang::Code(_)) && !begins_a_plugin)
        {
            let message = format!("{code} is a language of plugins, for `plugboard pack new`; en and zh are spoken");
            Self::command().error(clap::error::ErrorKind::InvalidValue, message).exit();
        }
        let language = spoken.or_else(|| of_system().map(|locale| Language::of_locale(&locale)));
        // Set once, at the start.
        let _ = LANGUAGE.set(language.unwrap_or_default());
    }
}

static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// The language of the person in front of the terminal; English in tests.
fn spoken() -> Language {
    LANGUAGE.get().copied().unwrap_or_default()
}

/// What `--lang` names: the language that is spoken, or, for `pack new`, the one that a plugin is written in.
#[derive(Clone, Debug)]
enum Lang {
    Spoken(Language),
    Code(String),
}

fn language(text: &str) -> Result<Lang, String> {
    match text {
        "en" => Ok(Lang::Spoken(Language::English)),
        "zh" | "zh-CN" => Ok(Lang::Spoken(Language::Chinese)),
        "rust" | "js" | "javascript" | "ts" | "typescript" | "python" | "c" | "go" => Ok(Lang::Code(text.to_owned())),
        _ => Err("en and zh are spoken".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub(crate) enum Command {
    Serve(Serve),
    Demo(Demo),
    #[command(flatten)]
    Client(ClientCommand),
}

/// Run the host until it is told to stop (Ctrl-C, SIGTERM); live calls may end first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard serve                                 all defaults: SIP on 5060, API on 127.0.0.1:8080, data in ./data
  plugboard serve --config /etc/plugboard.toml

`plugboard config example` prints every setting; `plugboard config check FILE` tells what is wrong with yours.")]
pub(crate) struct Serve {
    /// plugboard.toml; without it, the one in this folder if there is one, else the defaults
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Serve {
    /// The configuration to run with, or its faults, told already.
    pub(crate) fn configuration(&self) -> Result<ProcessConfig, ExitCode> {
        let here = PathBuf::from("plugboard.toml");
        let path = self.config.clone().or_else(|| here.exists().then_some(here));
        path.map_or_else(|| Ok(ProcessConfig::default()), |path| ProcessConfig::load(&path)).map_err(|faults| {
            tell(&render_in(&faults, style_of(&std::io::stderr()), spoken()));
            ExitCode::FAILURE
        })
    }
}

/// Start a host with the demo tenant and place a call through it, shown as a ladder while it happens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard demo                                  stays up afterwards for your own SIP phone
  plugboard demo --once --json                    ends after the call with one JSON object
  plugboard demo --address 192.168.1.20           for a desk phone on another machine")]
pub(crate) struct Demo {
    /// End after the call
    #[arg(long)]
    pub(crate) once: bool,
    /// End with one JSON object: path, queue, agent, recording, CDR
    #[arg(long)]
    pub(crate) json: bool,
    /// The number that the built-in caller dials: 8000 speaks Chinese, 8001 English
    #[arg(long, default_value = "8001")]
    pub(crate) dial: String,
    /// Address of this machine that a desk phone elsewhere can reach; its passwords are public: only in a network that you trust
    #[arg(long, default_value = "127.0.0.1", value_name = "IP", value_parser = one_address)]
    pub(crate) address: IpAddr,
    /// Folder of the demo tenant
    #[arg(long, default_value = "examples/demo", value_name = "FOLDER")]
    pub(crate) tenant: PathBuf,
    /// Folder of components; without it, those beside the program
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plugins: Option<PathBuf>,
    /// Where the demo keeps its store and recordings
    #[arg(long, default_value = "data/demo", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
}

/// An address that can be told to a phone.
fn one_address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| "not an IP address".to_owned())?;
    if address.is_unspecified() {
        return Err("no phone can call that; name one address of this machine (ip address)".to_owned());
    }
    Ok(address)
}

/// What the command line does by itself: with files here, or with a host over its API.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    Check(apply::Check),
    Apply(apply::Apply),
    Tenants(list::Tenants),
    Queues(list::Queues),
    Agents(list::Agents),
    Calls(list::Calls),
    Trunks(list::Trunks),
    Cdrs(list::Cdrs),
    Figures(figures::Figures),
    Usage(usage::Usage),
    /// Control a live call: answer, hold, transfer, hang up
    #[command(subcommand)]
    Call(control::Call),
    /// Log an agent in or out, or set them ready or not
    #[command(subcommand)]
    Agent(control::Agent),
    Events(events::Events),
    Replay(replay::Replay),
    #[command(subcommand)]
    Connector(connector::Connector),
    #[command(subcommand)]
    Message(message::Message),
    /// plugboard.toml: an example with every setting, or a check of yours
    #[command(subcommand)]
    Config(Config),
    /// Packs of plugins: make, build, test, sign, look inside, compare; install, grant, upgrade and take back at a host
    #[command(subcommand)]
    Pack(pack::Pack),
    Plugins(pack::Plugins),
    Ask(examine::Ask),
    Completions(Completions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print a plugboard.toml with every setting at its default
    #[command(after_help = "Example:\n  plugboard config example > plugboard.toml")]
    Example,
    /// Say what is wrong with a plugboard.toml
    Check { file: PathBuf },
}

/// Print a shell's completions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard completions bash > ~/.local/share/bash-completion/completions/plugboard
  plugboard completions zsh > ~/.zfunc/_plugboard")]
pub(crate) struct Completions {
    shell: clap_complete::Shell,
}

/// Which host to talk to, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct Remote {
    /// Where the host's API listens
    #[arg(long, value_name = "URL", env = "PLUGBOARD_HOST", default_value = "http://127.0.0.1:8080")]
    host: String,
    /// Bearer token; a host of this machine may do without
    #[arg(long, env = "PLUGBOARD_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// As [`Remote`], for one tenant.
#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    #[command(flatten)]
    remote: Remote,
    /// May be left out where the host has one tenant only
    #[arg(long, env = "PLUGBOARD_TENANT", help_heading = "Host")]
    tenant: Option<String>,
}

impl Remote {
    fn client(&self) -> Client {
        Client::new(&self.host, self.token.as_deref())
    }
}

impl OfTenant {
    /// The client, and the path of the tenant's resources.
    fn open(&self) -> Result<(Client, String), ClientError> {
        let client = self.remote.client();
        let tenant = client.tenant(self.tenant.as_deref())?;
        Ok((client, format!("/v1/tenants/{}", client::escaped(&tenant))))
    }

    fn json(&self) -> bool {
        self.remote.json
    }

    /// Shows all that the tenant has of something that comes in one piece.
    fn show_all(&self, of: &str, columns: &[table::Column]) -> Result<(), ClientError> {
        let (client, tenant) = self.open()?;
        let all: Value = client.get(&format!("{tenant}/{of}"))?;
        list::show(all["items"].as_array().map_or(&[][..], Vec::as_slice), columns, self.json());
        Ok(())
    }
}

/// Does what was asked. `judges` are called for `check` and `apply` only.
pub(crate) fn run(command: ClientCommand, judges: Judges<'_>) -> ExitCode {
    let done = match command {
        ClientCommand::Check(check) => return check.run(judges),
        ClientCommand::Apply(apply) => return apply.run(judges),
        ClientCommand::Tenants(tenants) => tenants.run(),
        ClientCommand::Queues(queues) => queues.run(),
        ClientCommand::Agents(agents) => agents.run(),
        ClientCommand::Calls(calls) => calls.run(),
        ClientCommand::Trunks(trunks) => trunks.run(),
        ClientCommand::Cdrs(cdrs) => cdrs.run(),
        ClientCommand::Figures(figures) => figures.run(),
        ClientCommand::Usage(usage) => usage.run(),
        ClientCommand::Call(call) => call.run(),
        ClientCommand::Agent(agent) => agent.run(),
        ClientCommand::Events(events) => events.run(),
        ClientCommand::Connector(connector) => connector.run(),
        ClientCommand::Message(message) => message.run(),
        ClientCommand::Replay(replay) => return replay.run(),
        ClientCommand::Config(Config::Example) => {
            say(ProcessConfig::example());
            Ok(())
        }
        ClientCommand::Config(Config::Check { file }) => return check_process(&file),
        ClientCommand::Pack(pack) => return pack.run(),
        ClientCommand::Plugins(plugins) => return plugins.run(),
        ClientCommand::Ask(ask) => return ask.run(),
        ClientCommand::Completions(Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "plugboard", &mut script);
            say(&String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    done.map_or_else(|error| error.tell(), |()| ExitCode::SUCCESS)
}

fn check_process(file: &std::path::Path) -> ExitCode {
    match ProcessConfig::load(file) {
        Ok(_) => {
            say_line(&format!("{} is right", file.display()));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            tell(&render_in(&faults, style_of(&std::io::stderr()), spoken()));
            ExitCode::FAILURE
        }
    }
}

/// To standard output. Whoever closed it has read enough.
fn say(text: &str) {
    if std::io::stdout().lock().write_all(text.as_bytes()).is_err() {
        std::process::exit(0);
    }
}

/// A sentence of the catalogue, to standard output.
fn say_line(english: &str) {
    say(&format!("{}\n", spoken().say(english)));
}

/// To standard error.
fn tell(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Colours on a terminal, unless NO_COLOR is set (no-color.org).
#[allow(clippy::disallowed_methods, reason = "what the terminal can show is the edge's to know")]
fn style_of(stream: &impl std::io::IsTerminal) -> Style {
    let wanted = std::env::var("NO_COLOR").map_or(true, |value| value.is_empty());
    if wanted && stream.is_terminal() { Style::Colour } else { Style::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_in_its_help_what_it_is_for() {
        fn mute(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                if sub.get_about().is_none() {
                    found.push(path.clone());
                }
                mute(sub, &path, found);
            }
        }
        let mut found = Vec::new();
        mute(&Cli::command(), "plugboard", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
