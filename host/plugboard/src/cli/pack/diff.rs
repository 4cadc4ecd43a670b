//! What an upgrade asks for beside what is granted already.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_pack::permissions::Changes;
use serde_json::json;

use super::{Refusal, in_words, open, say, say_line};

/// Say what a new version of a pack asks for more, less and the same
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plugboard pack diff acme.crm-1.2.0.pbpack acme.crm-1.3.0.pbpack

`+` is asked for by the new one only: each tenant has to grant it before the upgrade. `-` is no longer asked for, `=` stays. The exit
code is 0 either way; scripts read `asks_more` from --json.")]
pub(crate) struct Diff {
    /// The pack that is in use
    old: PathBuf,
    /// The one that shall take its place
    new: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Diff {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let (old, new) = (open(&self.old)?, open(&self.new)?);
        if old.manifest().id != new.manifest().id {
            let (old, new) = (old.manifest().id.clone(), new.manifest().id.clone());
            return Err(Refusal::TwoPacks { old, new });
        }
        let changes = Changes::between(old.manifest(), new.manifest());
        let (more, newer) = (changes.asks_more(), changes.to > changes.from);
        if self.json {
            let done =
                json!({ "ok": true, "id": new.manifest().id, "asks_more": more, "newer": newer, "changes": changes });
            say(&format!("{done}\n"));
            return Ok(ExitCode::SUCCESS);
        }
        for line in changes.lines() {
            say(&format!("{}\n", in_words(&line)));
        }
        say_line(if more { "it asks for more: each tenant has to grant it first" } else { "it asks for nothing more" });
        if old.digest() == new.digest() {
            say_line("both have the same content");
        } else if !newer {
            say_line(&format!("{} does not come after {}: a host takes it for no upgrade", changes.to, changes.from));
        }
        Ok(ExitCode::SUCCESS)
    }
}
