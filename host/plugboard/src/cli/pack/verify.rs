//! Whether a pack is what somebody whom we trust has signed.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_pack::signature::Verdict;
use serde_json::json;

use super::{Refusal, in_words, key, open, say, shown};
use crate::clock::Clock;

/// Say whether a pack is unaltered and signed by somebody whom you trust
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack verify acme.crm-1.2.0.pbpack --trust acme.pub
  plugboard pack verify acme.crm-1.2.0.pbpack --trust d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a

One good signature by one of the keys is enough. Exit code 0 if there is one, else 1.")]
pub(crate) struct Verify {
    /// The pack
    file: PathBuf,
    /// Public keys that you trust: files, or their 64 hexadecimal digits
    #[arg(long, value_name = "KEY", num_args = 1.., required = true)]
    trust: Vec<String>,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Verify {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let trust = key::trusted(&self.trust)?;
        let pack = open(&self.file)?;
        match pack.judge(&trust, None, Clock::start().now()) {
            Verdict::Trusted { by } if self.json => {
                let manifest = pack.manifest();
                let (id, version, digest) = (&manifest.id, &manifest.version, pack.digest());
                let done =
                    json!({ "ok": true, "code": "trusted", "by": by, "id": id, "version": version, "digest": digest });
                say(&format!("{done}\n"));
                Ok(ExitCode::SUCCESS)
            }
            verdict @ Verdict::Trusted { .. } => {
                let words = verdict.words();
                say(&format!("{} {}: {}\n", pack.manifest().id, pack.release(), in_words(&words)));
                Ok(ExitCode::SUCCESS)
            }
            verdict => Err(Refusal::NotTrusted { file: shown(&self.file), verdict }),
        }
    }
}
