//! A signature into a pack's file.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_pack::signature::Signatures;
use serde_json::json;

use super::{Refusal, key, open, say, say_line, shown, write};

/// Sign a pack: whoever trusts your key can tell that it is yours and unaltered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack sign acme.crm-1.2.0.pbpack --key acme.key
  plugboard pack sign acme.crm-1.2.0.pbpack --key second.key      a second signature beside the first

The pack's content stays byte for byte; signatures of another content are dropped, since their word was for something else.")]
pub(crate) struct Sign {
    /// The pack
    file: PathBuf,
    /// The private key, as `plugboard pack key new` wrote it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the signed pack goes; without it, into the same file
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Sign {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let key = key::private(&self.key)?;
        let pack = open(&self.file)?;
        let signers = |archive| Signatures::of(archive).ok().flatten().map_or(0, |signatures| signatures.signers.len());
        let before = signers(pack.archive());
        let mut archive = pack.archive().clone();
        archive.sign(&key).map_err(|error| Refusal::Sign { error })?;
        let after = signers(&archive);
        let out = self.out.unwrap_or(self.file);
        write(&out, &archive.write())?;
        let (id, manifest) = (key.public().id(), pack.manifest());
        if self.json {
            let (pack_id, version, digest) = (&manifest.id, &manifest.version, pack.digest());
            let file = shown(&out);
            let done = json!({ "ok": true, "file": file, "id": pack_id, "version": version, "digest": digest, "key": id, "signatures": after });
            say(&format!("{done}\n"));
        } else {
            say_line(&format!("{} {} is signed with the key {id}", manifest.id, pack.release()));
            if after < before {
                say_line("  earlier signatures were of another content and are dropped");
            }
            say_line(&format!("  next: plugboard pack verify {} --trust NAME.pub", shown(&out)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
