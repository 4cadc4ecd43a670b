//! Key files: a line of text each, `KIND HEXADECIMAL NAME`, below lines that say what it is.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use plugboard_pack::{
    ComponentName,
    signature::{Packs, PublicKey, Scope, SecretKey, TrustStore, TrustedKey},
};
use serde_json::json;

use super::{Refusal, read, say, say_line, shown};

const PRIVATE: &str = "plugboard-pack-private-key";
const PUBLIC: &str = "plugboard-pack-public-key";
/// Most bytes of a key file.
const MOST_BYTES: u64 = 4_096;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    New(New),
}

/// Make a pair of keys: one to sign with and to keep, one to give away
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plugboard pack key new acme                     writes acme.key (yours alone) and acme.pub (for everybody)

Keep NAME.key where you keep passwords: whoever has it signs in your name. Publish NAME.pub and its key id, so that customers can
compare. Files that are there are never written over.")]
pub(crate) struct New {
    /// What administrators will read beside your packs: small letters, digits and '-'
    name: ComponentName,
    /// Where the two files go
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl New {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Refusal::NoChance { reason: error.to_string() })?;
        let key = SecretKey::from_seed(&seed);
        let public = key.public();
        let (name, id) = (self.name.as_str(), public.id());
        let private_file = self.folder.join(format!("{name}.key"));
        let public_file = self.folder.join(format!("{name}.pub"));
        if public_file.exists() {
            return Err(Refusal::Exists { file: shown(&public_file) });
        }
        let seed: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        let private_text = format!(
            "# Private key {id} for Plugboard packs (ed25519).\n# Whoever has it signs in your name: keep it to yourself.\n{PRIVATE} {seed} {name}\n"
        );
        let public_text = format!(
            "# Public key {id} for Plugboard packs (ed25519).\n# Give it to those who shall trust your packs.\n{PUBLIC} {public} {name}\n"
        );
        create(&private_file, &private_text, 0o600)?;
        if let Err(refusal) = create(&public_file, &public_text, 0o644) {
            // Half a pair is of no use, and would stand in the way of the next attempt.
            let _ = fs::remove_file(&private_file);
            return Err(refusal);
        }
        if self.json {
            let files = json!({ "private": shown(&private_file), "public": shown(&public_file) });
            say(&format!("{}\n", json!({ "ok": true, "name": name, "key": id, "public": public, "files": files })));
        } else {
            say_line(&format!("key {id} is made"));
            say_line(&format!("  {}: private, to sign with; keep it to yourself", shown(&private_file)));
            say_line(&format!("  {}: public, for those who shall trust your packs", shown(&public_file)));
            say_line(&format!("  public key: {public}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Never over a file that is there.
fn create(file: &Path, text: &str, mode: u32) -> Result<(), Refusal> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let written = opened.and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Refusal::Exists { file: shown(file) },
        _ => Refusal::Write { file: shown(file), reason: error.to_string() },
    })
}

/// What a key file's line holds: kind, key and name.
fn line(text: &str) -> Option<(&str, &str, &str)> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let mut words = line.split_whitespace();
    let kind = words.next()?;
    let (key, name) = (words.next()?, words.next().unwrap_or_default());
    words.next().is_none().then_some((kind, key, name))
}

fn text_of(file: &Path) -> Result<String, Refusal> {
    // What is no text is no key either, and told so.
    Ok(String::from_utf8(read(file, MOST_BYTES)?).unwrap_or_default())
}

/// The key to sign with, from a file that its owner alone can read.
pub(super) fn private(file: &Path) -> Result<SecretKey, Refusal> {
    let text = text_of(file)?;
    let wrong = || Refusal::NoPrivateKey { file: shown(file) };
    let (_, key, _) = line(&text).filter(|(kind, ..)| *kind == PRIVATE).ok_or_else(wrong)?;
    let seed = seed(key).ok_or_else(wrong)?;
    let cannot = |error: std::io::Error| Refusal::Read { file: shown(file), reason: error.to_string() };
    let mode = fs::metadata(file).map_err(cannot)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Refusal::KeyForAll { file: shown(file) });
    }
    Ok(SecretKey::from_seed(&seed))
}

fn seed(digits: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in seed.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(seed)
}

/// Those whom `--trust` names, by a file or by the key's digits: for all packs, for whoever asks.
pub(super) fn trusted(keys: &[String]) -> Result<TrustStore, Refusal> {
    let mut store = TrustStore::default();
    for text in keys {
        let (name, key) = match text.parse::<PublicKey>() {
            Ok(key) => (key.id().to_string(), key),
            Err(_) => public(Path::new(text))?,
        };
        let (scope, packs) = (Scope::Installation, Packs::All);
        // A key that is named twice is trusted once.
        let _ = store.add(TrustedKey { name, key, scope, packs, not_after: None, revoked: None });
    }
    Ok(store)
}

fn public(file: &Path) -> Result<(String, PublicKey), Refusal> {
    let text = text_of(file)?;
    let wrong = || Refusal::NoPublicKey { file: shown(file) };
    let (kind, key, name) = line(&text).ok_or_else(wrong)?;
    match (kind, key.parse::<PublicKey>()) {
        (PUBLIC, Ok(key)) if name.is_empty() => Ok((key.id().to_string(), key)),
        (PUBLIC, Ok(key)) => Ok((name.to_owned(), key)),
        (PRIVATE, _) => Err(Refusal::PrivateKey { file: shown(file) }),
        _ => Err(wrong()),
    }
}
