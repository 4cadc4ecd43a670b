//! A component held against what its manifest says of it. The manifest's author reads it when the pack is built, an operator when it is looked at.

use plugboard_config::{SchemaFault, SettingsSchema};
use plugboard_pack::{
    AskedWorld, Manifest, Pack, World,
    manifest::Component,
    permissions::{ImportFault, check_imports},
};
use plugboard_plugin::{CONTRACT, Engine, Inspected, LoadError};
use semver::Version;

/// Why a component is not what its manifest says. In words of the catalogue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{file} is no valid component: {reason}")]
    NotAComponent { file: String, reason: String },
    #[error("{file} exports nothing of the contract")]
    ExportsNothing { file: String },
    #[error("{file} exports {found}, not {wanted}")]
    OtherWorld { file: String, found: String, wanted: World },
    #[error("{what} needs contract {found}, this host speaks {CONTRACT}")]
    NewerContract { what: String, found: String },
    #[error("{file} was built against contract {found}, which this host no longer speaks")]
    OlderContract { file: String, found: String },
    #[error("{file} {fault}")]
    Import { file: String, fault: ImportFault },
    /// The names are right, the types behind them are not.
    #[error("{file} does not fit the world {world}: {reason}")]
    OtherTypes { file: String, world: World, reason: String },
    #[error("{file} needs what this host lacks: {needs}")]
    Needs { file: String, needs: String },
    #[error("{file} does not say what it is: {reason}")]
    Mute { file: String, reason: String },
    #[error("{file} is of the world {world}, which this host does not run yet")]
    NotRun { file: String, world: World },
    /// Told to the author, whose pack is right.
    #[error("no host asks a component of the world {world} yet; every host refuses to install {file}")]
    NotAskedYet { file: String, world: World },
    #[error("the schema {file} at {at}: {fault}")]
    Schema { file: String, at: String, fault: SchemaFault },
    #[error("{file} cannot be played: {reason}")]
    Unplayable { file: String, reason: String },
    #[error("{file} is no *.wav, and nothing else is played")]
    NotPlayed { file: String },
    #[error("{file} is no document of a flow: {reason}")]
    NoDocument { file: String, reason: String },
    #[error("{file} holds no words of a language: {reason}")]
    NoWords { file: String, reason: String },
    /// A tenant could not tell its prompts from a folder of its own.
    #[error("prompts and flows are named after their pack, and {id} names no vendor")]
    NoVendor { id: String },
}

/// The key of `plugin.toml` that a fault is told at.
pub(crate) type Key = &'static str;

impl Unfit {
    /// Kebab-case and stable.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent { .. } => "not-a-component",
            Self::ExportsNothing { .. } => "exports-nothing",
            Self::OtherWorld { .. } | Self::OtherTypes { .. } => "wrong-world",
            Self::NewerContract { .. } => "newer-contract",
            Self::OlderContract { .. } => "older-contract",
            Self::Import { fault: ImportFault::Unknown { .. }, .. } => "import-unknown",
            Self::Import { fault: ImportFault::NotInWorld { .. }, .. } => "import-not-in-world",
            Self::Import { fault: ImportFault::NotAsked { .. }, .. } => "import-not-asked",
            Self::Needs { .. } | Self::NotRun { .. } => "host-lacks",
            Self::NotAskedYet { .. } => "not-asked-yet",
            Self::Mute { .. } => "does-not-describe",
            Self::Schema { .. } => "not-a-schema",
            Self::Unplayable { .. } | Self::NotPlayed { .. } => "unplayable-prompt",
            Self::NoDocument { .. } => "bad-document",
            Self::NoWords { .. } => "bad-translation",
            Self::NoVendor { .. } => "no-vendor",
        }
    }

    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::NotAComponent { .. } => {
                "build it again; the compiler's output is damaged or of another version".into()
            }
            Self::ExportsNothing { .. } => {
                "export the interface of its world; in Rust, `export!` must not be left out for wasm32".into()
            }
            Self::OtherWorld { found, .. } => match found.parse::<World>() {
                Ok(world) => format!("write world = \"{world}\", or build it for the other world"),
                Err(_) => "name one world, and build the component for that one".into(),
            },
            Self::NewerContract { .. } => format!("build it against contract {CONTRACT}, or upgrade the host"),
            Self::OlderContract { .. } => format!("build it against contract {CONTRACT}"),
            Self::Import { fault, .. } => fault.remedy(),
            Self::OtherTypes { .. } => format!("build it against wit/ of contract {CONTRACT}, unchanged"),
            Self::Needs { .. } => "leave it out of `needs`, or upgrade the host".into(),
            Self::NotRun { .. } => "leave the component out, or upgrade the host".into(),
            Self::NotAskedYet { .. } => {
                "go on with `plugboard pack test` and keep it for a host that asks it; what a flow can ask today is a connector"
                    .into()
            }
            Self::Mute { .. } => "let `describe` answer within a second, with names of 1 to 64 bytes".into(),
            Self::Schema { fault, .. } => fault.remedy().into(),
            Self::Unplayable { .. } | Self::NotPlayed { .. } => {
                "make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav".into()
            }
            Self::NoDocument { .. } => "let it be JSON, in a file called like the flow: menu.json".into(),
            Self::NoWords { .. } => {
                "let it be one JSON object from English to its language, in a file called like that: zh-CN.json".into()
            }
            Self::NoVendor { id } => format!("call the pack VENDOR.{id}"),
        }
    }

    pub(crate) fn key(&self) -> Key {
        match self {
            Self::OtherWorld { .. } | Self::NotRun { .. } | Self::NotAskedYet { .. } => "world",
            Self::Schema { .. } => "settings",
            _ => "file",
        }
    }
}

/// How far a component is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What it names. Nothing of it runs.
    Names,
    /// Also whether the types fit; the component is asked what it is, within the limits of every guest.
    Types,
}

/// The manifest's own claim.
pub(crate) fn contract(manifest: &Manifest) -> Option<Unfit> {
    let newer = manifest.contract > spoken();
    newer.then(|| Unfit::NewerContract { what: manifest.id.to_string(), found: manifest.contract.to_string() })
}

/// What a host asks of it.
pub(crate) fn asked(component: &Component) -> Result<AskedWorld, Unfit> {
    let world = component.world;
    world.asked().ok_or_else(|| Unfit::NotRun { file: component.file.to_string(), world })
}

/// What is right and of no use yet.
pub(crate) fn not_asked_yet(file: &str, world: World) -> Option<Unfit> {
    world.asked().is_none().then(|| Unfit::NotAskedYet { file: file.to_owned(), world })
}

/// What is wrong with one component, all at once, and what it names if it can be read.
pub(crate) fn look(
    engine: &Engine,
    pack: &Pack,
    component: &Component,
    depth: Depth,
) -> (Option<Inspected>, Vec<Unfit>) {
    let file = || component.file.to_string();
    let mut unfit = settings(pack, component);
    let bytes = pack.component(component).unwrap_or_default();
    let before = unfit.len();
    let inspected = match engine.inspect(bytes) {
        Ok(inspected) => inspected,
        Err(error) => {
            unfit.push(not_loaded(component, error));
            return (None, unfit);
        }
    };
    unfit.extend(exports(component, &inspected));
    let imports = inspected.imports.iter().map(String::as_str);
    let faults = check_imports(component.world, &component.asks, imports);
    unfit.extend(faults.into_iter().map(|fault| Unfit::Import { file: file(), fault }));
    if unfit.len() == before && depth == Depth::Types {
        unfit.extend(types(engine, component, bytes));
    }
    (Some(inspected), unfit)
}

fn exports(component: &Component, inspected: &Inspected) -> Option<Unfit> {
    let file = component.file.to_string();
    let decides = |interface: &&String| World::ALL.iter().any(|world| world.name() == interface.as_str());
    let found: Vec<&str> = inspected.exports.iter().filter(decides).map(String::as_str).collect();
    let own = spoken();
    let built_against = inspected.contracts.iter().filter_map(|version| version.parse::<Version>().ok());
    if let Some(other) = built_against.into_iter().find(|version| !goes_with(version, &own)) {
        let found = other.to_string();
        let newer = other > own;
        return Some(if newer {
            Unfit::NewerContract { what: file, found }
        } else {
            Unfit::OlderContract { file, found }
        });
    }
    match found.as_slice() {
        [] => Some(Unfit::ExportsNothing { file }),
        [one] if *one == component.world.name() => None,
        _ => Some(Unfit::OtherWorld { file, found: found.join(" and "), wanted: component.world }),
    }
}

/// As the engine's linker has it: the same major, or the same minor below 1.0.0.
fn goes_with(version: &Version, own: &Version) -> bool {
    let line = |version: &Version| match version {
        Version { major: 0, minor: 0, patch, .. } => (0, 0, *patch),
        Version { major: 0, minor, .. } => (0, *minor, 0),
        Version { major, .. } => (*major, 0, 0),
    };
    line(version) == line(own)
}

fn spoken() -> Version {
    CONTRACT.parse().expect("a version, held by a test")
}

fn types(engine: &Engine, component: &Component, bytes: &[u8]) -> Option<Unfit> {
    let loaded = match component.world {
        World::Flow => engine.load_flow(bytes).map(drop),
        World::Routing => engine.load_routing(bytes).map(drop),
        World::Compliance => engine.load_compliance(bytes).map(drop),
        World::Connector => engine.load_connector(bytes).map(drop),
        World::Channel => engine.load_channel(bytes).map(drop),
        World::Assistant => engine.load_assistant(bytes).map(drop),
        World::Dialer => engine.load_dialer(bytes).map(drop),
    };
    loaded.err().map(|error| not_loaded(component, error))
}

/// What the engine says of a component that it does not load.
pub(crate) fn not_loaded(component: &Component, error: LoadError) -> Unfit {
    let (file, world) = (component.file.to_string(), component.world);
    match error {
        LoadError::NotAComponent { reason } => Unfit::NotAComponent { file, reason: why_unreadable(&reason) },
        LoadError::WrongWorld { reason, .. } => Unfit::OtherTypes { file, world, reason: one_line(&reason) },
        // The engine is the last to say what a world may import.
        LoadError::Import { import, .. } => Unfit::Import { file, fault: ImportFault::NotInWorld { import, world } },
        LoadError::Needs { needs } => Unfit::Needs { file, needs: needs.join(", ") },
        error => Unfit::Mute { file, reason: one_line(&crate::chain(&error)) },
    }
}

fn settings(pack: &Pack, component: &Component) -> Vec<Unfit> {
    let (Some(schema), Some(file)) = (pack.settings_schema(&component.name), &component.settings) else {
        return Vec::new();
    };
    let unfit = |(at, fault): (String, SchemaFault)| {
        let at = if at.is_empty() { "/".to_owned() } else { at };
        Unfit::Schema { file: file.to_string(), at, fault }
    };
    SettingsSchema::read(schema).err().unwrap_or_default().into_iter().map(unfit).collect()
}

/// What an upload or a disk breaks, in words of ours; else the engine's.
fn why_unreadable(reason: &str) -> String {
    let is_short = ["out of bounds", "unexpected end"].iter().any(|words| reason.contains(words));
    if is_short { "it ends too early".to_owned() } else { one_line(reason) }
}

/// The engine's words come on many lines, with a chain of causes.
fn one_line(reason: &str) -> String {
    let words: Vec<&str> = reason.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_goes_with_those_that_the_linker_takes_for_the_same() {
        let pairs =
            [("0.1.0", "0.1.5"), ("0.1.5", "0.1.0"), ("0.2.0", "0.1.0"), ("1.4.0", "1.0.0"), ("0.0.1", "0.0.2")];
        let fits = pairs.map(|(found, own)| goes_with(&found.parse().unwrap(), &own.parse().unwrap()));
        assert_eq!(fits, [true, true, false, true, false]);
    }
}
