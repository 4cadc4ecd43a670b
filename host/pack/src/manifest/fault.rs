//! What is wrong with a manifest, for the author who has to mend it.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{
    Bytes, FileName, FileNameError, NameError, Origin, OriginError, SecretName, World, permissions::EffectKind,
    quantity::QuantityError,
};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFault {
    pub wrong: Wrong,
    /// `plugin.toml`, or a file that it names.
    pub file: String,
    /// `None` where the file as a whole is meant, or is missing.
    pub place: Option<Place>,
}

/// A stretch of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1; never past the end of the line.
    pub length: usize,
    /// The line as it is written; what a terminal would act on is replaced by U+FFFD.
    pub text: String,
}

/// What is wrong. The message says it, the remedy what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("the pack holds no {file}")]
    NoSuchFile { file: FileName },
    #[error("the folder {folder} holds no file")]
    NoSuchFolder { folder: FileName },
    #[error("the pack holds no plugin.toml")]
    NoManifest,
    #[error("the file is {bytes} long, at most {most} are read")]
    TooLong { bytes: Bytes, most: Bytes },
    #[error("the file is no UTF-8")]
    NotUtf8,
    #[error("{reason}")]
    NotToml { reason: String },
    #[error("{table} needs `{key}`")]
    MissingKey { table: &'static str, key: &'static str, example: &'static str },
    #[error("{table} has no `{key}`")]
    UnknownKey { table: &'static str, key: String, known: Vec<&'static str> },
    #[error("`{key}` is {found}; it takes {wanted}")]
    WrongType { key: String, found: &'static str, wanted: &'static str, example: &'static str },
    #[error("`{key}` is empty")]
    EmptyText { key: &'static str },
    #[error("`{key}` has {characters} characters, at most {most} are shown")]
    LongText { key: &'static str, characters: usize, most: usize },
    #[error("`{key}` holds {found:?}, which a page or a terminal does not show as it is")]
    DeceptiveText { key: &'static str, found: char },
    #[error("{count} entries in `{what}`, at most {most} are allowed")]
    TooMany { what: &'static str, count: usize, most: usize },
    #[error("{name:?}: {reason}")]
    BadName { name: String, reason: NameError },
    #[error("`{key}` is {text:?}: {reason}")]
    BadVersion { key: &'static str, text: String, reason: String },
    #[error("`{key}` cannot be {text:?}")]
    UnknownWord { key: &'static str, text: String, known: Vec<&'static str> },
    #[error("`{key}` is {text:?}: {reason}")]
    BadPath { key: &'static str, text: String, reason: FileNameError },
    #[error("{text:?} is no origin: {reason}")]
    BadOrigin { text: String, reason: OriginError },
    #[error("`{key}` is {text:?}: {reason}")]
    BadQuantity { key: &'static str, text: String, reason: QuantityError, example: &'static str },
    #[error("`{key}` is {asked}")]
    SizeOutOfRange { key: &'static str, asked: Bytes, least: Bytes, most: Bytes },
    #[error("`{key}` is {asked:?}")]
    TimeOutOfRange { key: &'static str, asked: Duration, least: Duration, most: Duration },
    #[error("{what} stands there twice")]
    Twice { what: String },
    #[error("a component of the world {world} has no network")]
    NoNetwork { world: World },
    #[error("a component of the world {world} keeps no state of its own")]
    NoState { world: World },
    #[error("a component of the world {world} cannot ask for the effect {}", .effect.name())]
    NoEffect { world: World, effect: EffectKind },
    #[error("the secret `{secret}` would go to {origin}, which the component does not ask to reach")]
    SecretGoesElsewhere { secret: SecretName, origin: Origin },
    #[error("{file} is no WebAssembly component")]
    NotAComponent { file: FileName, found: Preamble },
    #[error("{file} is not JSON: {reason}")]
    NotJson { file: FileName, reason: String },
    #[error("{file} is no JSON Schema of an object of settings")]
    NotASchema { file: FileName },
}

/// What a file that should be a component begins like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// A core module, as `cargo build --target wasm32-unknown-unknown` leaves it.
    Module,
    Other,
}

impl Wrong {
    /// Kebab-case and stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFile { .. } | Self::NoSuchFolder { .. } | Self::NoManifest => "no-such-file",
            Self::TooLong { .. } => "file-too-long",
            Self::NotUtf8 => "not-utf8",
            Self::NotToml { .. } => "not-toml",
            Self::MissingKey { .. } | Self::EmptyText { .. } => "missing-key",
            Self::UnknownKey { .. } => "unknown-key",
            Self::WrongType { .. } => "wrong-type",
            Self::LongText { .. } | Self::DeceptiveText { .. } => "bad-text",
            Self::TooMany { .. } => "too-many",
            Self::BadName { .. } => "bad-name",
            Self::BadVersion { .. } => "bad-version",
            Self::UnknownWord { .. } => "unknown-word",
            Self::BadPath { .. } => "bad-path",
            Self::BadOrigin { .. } => "bad-origin",
            Self::BadQuantity { .. } => "bad-quantity",
            Self::SizeOutOfRange { .. } | Self::TimeOutOfRange { .. } => "out-of-range",
            Self::Twice { .. } => "twice",
            Self::NoNetwork { .. } | Self::NoState { .. } | Self::NoEffect { .. } => "not-in-world",
            Self::SecretGoesElsewhere { .. } => "secret-unbound",
            Self::NotAComponent { .. } => "not-a-component",
            Self::NotJson { .. } => "not-json",
            Self::NotASchema { .. } => "not-a-schema",
        }
    }

    /// One sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoSuchFile { .. } => "put the file into the pack, or mend its name here".into(),
            Self::NoSuchFolder { .. } => "put a file into it, or leave the key out".into(),
            Self::NoManifest => "begin one with `plugboard pack new`".into(),
            Self::TooLong { .. } => "say it shorter".into(),
            Self::NotUtf8 => "save it as UTF-8".into(),
            Self::NotToml { .. } => "mend the TOML here; texts stand in double quotes, lists in brackets".into(),
            Self::MissingKey { example, .. } | Self::WrongType { example, .. } | Self::BadQuantity { example, .. } => {
                format!("write {example}")
            }
            Self::UnknownKey { known, .. } | Self::UnknownWord { known, .. } => one_of(known),
            Self::EmptyText { .. } => "write at least a word".into(),
            Self::LongText { most, .. } => format!("shorten it to {most} characters"),
            Self::DeceptiveText { .. } => "take the character out".into(),
            Self::TooMany { most, .. } => format!("keep {most}"),
            Self::BadName { .. } => "choose a short word of small letters, like \"acme-crm\"".into(),
            Self::BadVersion { .. } => "give three numbers, like \"1.0.0\"".into(),
            Self::BadPath { .. } => "name a file of the pack, relative to plugin.toml, with `/` between folders".into(),
            Self::BadOrigin { .. } => "write scheme, host and port only, like \"https://crm.example.com\"".into(),
            Self::SizeOutOfRange { least, most, .. } => format!("give from {least} to {most}"),
            Self::TimeOutOfRange { least, most, .. } => format!("give from {least:?} to {most:?}"),
            Self::Twice { .. } => "keep one".into(),
            Self::NoNetwork { .. } => "move the request to a component of the world connector".into(),
            Self::NoState { world: World::Flow } => "keep it in the state that each answer returns".into(),
            Self::NoState { .. } => "take it from the question's arguments, or move it to a connector".into(),
            Self::NoEffect { world, .. } if world.effects().is_empty() => {
                "leave the effect out: what it decides is acted on by the host".into()
            }
            Self::NoEffect { world, .. } => {
                one_of(&world.effects().iter().map(|effect| effect.name()).collect::<Vec<_>>())
            }
            Self::SecretGoesElsewhere { .. } => {
                "add the origin to `http`, or bind the secret to one that is there".into()
            }
            Self::NotAComponent { found: Preamble::Module, .. } => {
                "it is a core module: wrap it with `plugboard pack build`".into()
            }
            Self::NotAComponent { found: Preamble::Other, .. } => "build it again with `plugboard pack build`".into(),
            Self::NotJson { .. } => "mend the JSON".into(),
            Self::NotASchema { .. } => "write { \"type\": \"object\", \"properties\": { … } }".into(),
        }
    }
}

fn one_of(known: &[&str]) -> String {
    format!("use one of: {}", known.join(", "))
}

/// `plugin.toml:3:11: bad-version: …`, the line with a caret below, the remedy.
impl fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: {}", self.wrong.code(), self.wrong)?;
        if let Some(place) = self.place.as_ref().filter(|place| !place.text.trim().is_empty()) {
            let before: String = place.text.chars().take(place.column - 1).collect();
            let blank: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n    {}\n    {blank}{}", place.text, "^".repeat(place.length))?;
        }
        write!(f, "\n  remedy: {}", self.wrong.remedy())
    }
}

impl std::error::Error for ManifestFault {}
