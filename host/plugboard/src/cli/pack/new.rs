//! A folder that an author begins with: it builds, is tested and makes a pack by the commands that are printed.

mod template;

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_pack::{ComponentName, World};
use serde_json::json;

use super::{Refusal, refusal::warn, say, say_line, shown, spoken};
use crate::{cli::Lang, packs::fit};
use template::Template;

/// Begin a plugin: a folder that builds, with the contract, a test and a manifest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack new my-policy --lang rust --world routing
  plugboard pack new my-flow --lang python --world flow
  plugboard pack new my-crm --world connector     in Rust, since no language is named

It prints the commands that build, pack, test and sign it. Every world begins in rust, js, python and go; c has flow,
routing, compliance, connector and dialer.")]
pub(crate) struct New {
    /// Where it goes: a folder that is empty or not there
    folder: PathBuf,
    /// Programming language of the plugin: rust, c, go, js or python. Also takes en or zh, as everywhere
    #[arg(long = "lang", id = "lang", value_name = "LANGUAGE", value_parser = crate::cli::language)]
    lang: Vec<Lang>,
    /// What it decides: flow, routing, compliance, connector, channel, assistant or dialer
    #[arg(long)]
    world: World,
    /// What it is called; without it, as the folder is
    #[arg(long)]
    name: Option<ComponentName>,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl New {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let code = self.lang.iter().rev().find_map(|lang| match lang {
            Lang::Code(code) => Some(code.as_str()),
            Lang::Spoken(_) => None,
        });
        let name = match self.name {
            Some(name) => name,
            None => name_of(&self.folder)?,
        };
        let template = Template::find(code.unwrap_or("rust"), self.world)?;
        check_empty(&self.folder)?;
        let commands = template.commands(&name);
        let files = template.files(&name, spoken());
        for (file, text) in &files {
            let path = self.folder.join(file);
            let cannot = |error: io::Error| Refusal::Write { file: shown(&path), reason: error.to_string() };
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(cannot)?;
            }
            fs::write(&path, text).map_err(cannot)?;
        }
        let folder = shown(&self.folder);
        let warning = fit::not_asked_yet(&format!("{name}.wasm"), self.world);
        let warnings: Vec<_> = warning.map(|warning| warning.fault(folder.clone().into(), None)).into_iter().collect();
        if self.json {
            let files: Vec<&String> = files.iter().map(|(file, _)| file).collect();
            let done = json!({ "ok": true, "folder": folder, "name": name, "world": self.world, "files": files, "commands": commands, "warnings": warnings });
            say(&format!("{done}\n"));
            return Ok(ExitCode::SUCCESS);
        }
        say_line(&format!("{folder} is there: a plugin of the world {}. Next:", self.world));
        say(&format!("  cd {folder}\n"));
        for command in commands {
            say(&format!("  {command}\n"));
        }
        say_line("README.md says the same; what installs is needed once");
        warn(&warnings);
        Ok(ExitCode::SUCCESS)
    }
}

fn name_of(folder: &std::path::Path) -> Result<ComponentName, Refusal> {
    // `.` has a name too.
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let last = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    last.parse().map_err(|reason| Refusal::NoName { folder: shown(folder), reason })
}

fn check_empty(folder: &std::path::Path) -> Result<(), Refusal> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::NotEmpty { folder: shown(folder) }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Refusal::Write { file: shown(folder), reason: error.to_string() }),
    }
}
