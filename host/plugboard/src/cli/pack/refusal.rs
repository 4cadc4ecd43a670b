//! Why a command about packs was not done, and what to do about it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use plugboard_config::{Fault, Place, render_in};
use plugboard_model::flow::Severity;
use plugboard_pack::{
    NameError, PackId, World,
    archive::ArchiveError,
    manifest::{MANIFEST, ManifestFault},
    signature::{SignError, Verdict},
};
use plugboard_phrases::Language;
use serde_json::{Value, json};

use super::{in_words, say};
use crate::{
    cli::{spoken, style_of, tell},
    packs::fit::Unfit,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// All of them at once.
    #[error("{} things are wrong", .0.len())]
    Faults(Vec<Fault>),
    #[error("{file} cannot be read: {reason}")]
    Read { file: String, reason: String },
    #[error("{file} cannot be written: {reason}")]
    Write { file: String, reason: String },
    #[error("{file}: {error}")]
    NoPack { file: String, error: ArchiveError },
    #[error("{file} is there already")]
    Exists { file: String },
    #[error("no chance is to be had from the system: {reason}")]
    NoChance { reason: String },
    #[error("{file} holds no private key")]
    NoPrivateKey { file: String },
    #[error("{file} holds no public key")]
    NoPublicKey { file: String },
    #[error("{file} holds a private key")]
    PrivateKey { file: String },
    #[error("others than you may read the private key {file}")]
    KeyForAll { file: String },
    #[error("{error}")]
    Sign { error: SignError },
    /// What `verify` found; never the trusted one.
    #[error("{}", .verdict.words().en)]
    NotTrusted { file: String, verdict: Verdict },
    #[error("these are two packs, {old} and {new}")]
    TwoPacks { old: PackId, new: PackId },
    #[error("{reason}")]
    Engine { reason: String },
    #[error("{folder} is not empty")]
    NotEmpty { folder: String },
    #[error("{folder} gives no name for a pack: {reason}")]
    NoName { folder: String, reason: NameError },
    /// `known` and `worlds`: apart by commas.
    #[error("there is no template in {language}")]
    NoTemplate { language: String, known: String },
    #[error("there is no template in {language} for the world {world}")]
    NoTemplateOfWorld { world: World, language: &'static str, worlds: String },
}

impl Refusal {
    /// Kebab-case and stable.
    fn code(&self) -> &'static str {
        match self {
            Self::Faults(_) => "faulty",
            Self::Read { .. } => "unreadable",
            Self::Write { .. } => "unwritable",
            Self::NoPack { error, .. } => error.code(),
            Self::Exists { .. } => "exists",
            Self::NoChance { .. } => "no-chance",
            Self::NoPrivateKey { .. } => "no-private-key",
            Self::NoPublicKey { .. } => "no-public-key",
            Self::PrivateKey { .. } => "private-key",
            Self::KeyForAll { .. } => "key-for-all",
            Self::Sign { .. } => "not-signed",
            Self::NotTrusted { verdict, .. } => verdict.code(),
            Self::TwoPacks { .. } => "two-packs",
            Self::Engine { .. } => "engine",
            Self::NotEmpty { .. } => "not-empty",
            Self::NoName { .. } => "bad-name",
            Self::NoTemplate { .. } | Self::NoTemplateOfWorld { .. } => "no-template",
        }
    }

    /// One sentence of the catalogue.
    fn remedy(&self) -> String {
        match self {
            Self::Faults(_) => "mend them and try again".into(),
            Self::Read { .. } => "see whether the name is right and the file is yours to read".into(),
            Self::Write { .. } => "see whether the folder is there, yours to write, and has room".into(),
            Self::NoPack { error, .. } => error.remedy().into(),
            Self::Exists { .. } => "choose another name; what is there is not written over".into(),
            Self::NoChance { .. } => "try again when the system has started".into(),
            Self::NoPrivateKey { .. } => "name a file that `plugboard pack key new` has made, NAME.key".into(),
            Self::NoPublicKey { .. } => "name a file NAME.pub, or give the 64 hexadecimal digits of the key".into(),
            Self::PrivateKey { .. } => "name the public one beside it, NAME.pub; the private one is for signing".into(),
            Self::KeyForAll { file } => format!("chmod 600 {file}; make a new one if somebody may have read it"),
            Self::Sign { error: SignError::TooManySigners } => "let those sign whom somebody trusts".into(),
            Self::Sign { error: SignError::NoRoom(error) } => error.remedy().into(),
            Self::NotTrusted { verdict, .. } => {
                verdict.remedy().map(|words| in_words(&words).to_owned()).unwrap_or_default()
            }
            Self::TwoPacks { .. } => "name two versions of one pack".into(),
            Self::Engine { .. } => "see whether this machine has memory left".into(),
            Self::NotEmpty { .. } => "name a folder that is empty or not there; nothing is written over".into(),
            Self::NoName { .. } => "call it by small letters, digits and '-', or give --name".into(),
            Self::NoTemplate { known, .. } => {
                format!("there are some in {known}; other languages build against the same wit/, as its README says")
            }
            Self::NoTemplateOfWorld { language, worlds, .. } => {
                format!("in {language} there is one for {worlds}; in rust for every world")
            }
        }
    }

    fn message(&self, language: Language) -> String {
        match (self, language) {
            (Self::NotTrusted { file, verdict }, Language::English) => format!("{file}: {}", verdict.words().en),
            (Self::NotTrusted { file, verdict }, Language::Chinese) => format!("{file}：{}", verdict.words().zh_cn),
            (Self::NoPack { file, error }, language) => format!("{file}: {}", language.say(&error.to_string())),
            (refusal, language) => language.say(&refusal.to_string()).into_owned(),
        }
    }

    /// Says it to the person, or to the script; the exit code is 1.
    pub(super) fn tell(&self, json: bool) -> ExitCode {
        if json {
            say(&format!("{}\n", self.json()));
        } else if let Self::Faults(faults) = self {
            tell(&render_in(faults, style_of(&std::io::stderr()), spoken()));
        } else {
            let (language, remedy) = (spoken(), self.remedy());
            let (error, remedies) = (language.say("error"), language.say("remedy:"));
            let message = self.message(language);
            tell(&format!("{error}[{}]: {message}\n  {remedies} {}\n", self.code(), language.say(&remedy)));
        }
        ExitCode::FAILURE
    }

    fn json(&self) -> Value {
        match self {
            Self::Faults(faults) => json!({ "ok": false, "code": self.code(), "faults": faults }),
            refusal => json!({
                "ok": false,
                "code": refusal.code(),
                "message": refusal.message(Language::English),
                "remedy": refusal.remedy(),
            }),
        }
    }
}

impl Unfit {
    /// Told where the manifest names what does not fit.
    pub(super) fn fault(&self, file: PathBuf, place: Option<Place>) -> Fault {
        let is_right = matches!(self, Self::NotAskedYet { .. });
        Fault {
            severity: if is_right { Severity::Warning } else { Severity::Error },
            code: self.code().into(),
            file,
            place,
            node: None,
            message: self.to_string(),
            remedy: self.remedy(),
        }
    }
}

/// Says what is not wrong, and better known.
pub(super) fn warn(warnings: &[Fault]) {
    if !warnings.is_empty() {
        tell(&render_in(warnings, style_of(&std::io::stderr()), spoken()));
    }
}

/// Faults of a manifest as all faults are told; `whole`: the folder or the file that it was read from.
pub(super) fn faults_of(faults: Vec<ManifestFault>, whole: &Path) -> Vec<Fault> {
    let fault = |fault: ManifestFault| {
        // The folder as such, where it lacks the manifest itself.
        let file =
            if fault.file == MANIFEST && fault.place.is_none() { whole.to_owned() } else { whole.join(fault.file) };
        Fault {
            severity: Severity::Error,
            code: fault.wrong.code().into(),
            file: super::shown(&file).into(),
            place: fault.place,
            node: None,
            message: fault.wrong.to_string(),
            remedy: fault.wrong.remedy(),
        }
    };
    faults.into_iter().map(fault).collect()
}
