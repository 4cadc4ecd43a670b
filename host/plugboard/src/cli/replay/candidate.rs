//! How a component is named wherever another one may stand in.
//!
//! | written | is |
//! |---|---|
//! | `route-skills` | one that comes with this program |
//! | `policy.wasm` | a file |
//! | `acme.lines-1.3.0.pbpack/lines` | a component of a pack's file; its name may be left out where only one is of the world |
//! | `acme.lines/lines`, `acme.lines/lines@1.3.0` | a component of a pack that the tenant has; of the version that serves, unless another is named |

use std::path::Path;

use plugboard_pack::{Pack, World, archive::Bounds};
use plugboard_plugin::{self as plugin, AnyPlugin, Terms};

use super::{Client, ReplayError, escaped, read};
use crate::{
    cli::examine::limits,
    packs::{Row, contents},
    serve::shipped_plugins,
};

/// As it is written after an @ or `--plugin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate<'a> {
    Shipped(&'a str),
    File(&'a Path),
    PackFile { file: &'a Path, component: Option<&'a str> },
    Installed { pack: &'a str, component: &'a str, version: Option<&'a str> },
}

const PACK: &str = ".pbpack";

impl<'a> Candidate<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        if let Some(at) = text.rfind(PACK) {
            let (file, rest) = text.split_at(at + PACK.len());
            if rest.is_empty() || rest.starts_with('/') {
                let component = rest.strip_prefix('/').filter(|name| !name.is_empty());
                return Self::PackFile { file: Path::new(file), component };
            }
        }
        if Path::new(text).extension().is_some_and(|extension| extension == "wasm") {
            return Self::File(Path::new(text));
        }
        match text.split_once('/') {
            Some((pack, rest)) => {
                let (component, version) = match rest.split_once('@') {
                    Some((component, version)) => (component, Some(version)),
                    None => (rest, None),
                };
                Self::Installed { pack, component, version }
            }
            None => Self::Shipped(text),
        }
    }
}

/// A component, and the name under which queues, flows and rules would have it.
pub(super) struct Found<T> {
    pub(super) plugin: T,
    pub(super) name: String,
}

/// Finds components, here and at the host.
pub(super) struct Finder<'a> {
    pub(super) engine: &'a plugin::Engine,
    pub(super) client: &'a Client,
    /// The path of the tenant.
    pub(super) tenant: &'a str,
}

impl Finder<'_> {
    pub(super) fn flow(&self, text: &str) -> Result<Found<plugin::FlowPlugin>, ReplayError> {
        self.one(text, World::Flow, |any| if let AnyPlugin::Flow(flow) = any { Some(flow) } else { None })
    }

    pub(super) fn policy(&self, text: &str) -> Result<Found<plugin::RoutingPlugin>, ReplayError> {
        self.one(text, World::Routing, |any| if let AnyPlugin::Routing(policy) = any { Some(policy) } else { None })
    }

    pub(super) fn rule(&self, text: &str) -> Result<Found<plugin::CompliancePlugin>, ReplayError> {
        self.one(text, World::Compliance, |any| if let AnyPlugin::Compliance(rule) = any { Some(rule) } else { None })
    }

    /// The text of a document that a pack of the tenant brings, of the version that serves all.
    pub(super) fn document(&self, name: &str) -> Result<String, ReplayError> {
        let missing = || ReplayError::Document { problem: format!("no pack brings the flow {name}") };
        let (pack, _) = name.split_once('/').ok_or_else(missing)?;
        let file = self.client.get_bytes(&format!("{}/packs/{}/file", self.tenant, escaped(pack)))?;
        let pack = Pack::read(&file, Bounds::default())
            .map_err(|error| ReplayError::Document { problem: error.to_string() })?;
        let row: Row = contents::brought_by(&pack, Path::new("")).into_iter().collect();
        let text = contents::brought([&row]).flows.get(name).map(ToString::to_string);
        text.ok_or_else(missing)
    }

    fn one<T>(
        &self,
        text: &str,
        world: World,
        of_world: impl Fn(AnyPlugin) -> Option<T>,
    ) -> Result<Found<T>, ReplayError> {
        let (bytes, terms, name) = self.bytes(text, world)?;
        let any = self.engine.load_any(&bytes, terms).map_err(|error| ReplayError::component(&error))?;
        let plugin =
            of_world(any).ok_or_else(|| ReplayError::OtherWorld { name: name.clone(), world: world.name() })?;
        Ok(Found { plugin, name })
    }

    fn bytes(&self, text: &str, world: World) -> Result<(Vec<u8>, Terms, String), ReplayError> {
        match Candidate::of(text) {
            Candidate::Shipped(name) => {
                let file = shipped_plugins().join(format!("{name}.wasm"));
                if !file.exists() {
                    return Err(ReplayError::NotShipped { plugin: name.to_owned() });
                }
                Ok((read(&file)?, Terms::default(), name.to_owned()))
            }
            Candidate::File(file) => {
                let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                // Alone it has no manifest to ask for more: it gets what a manifest may ask for.
                let terms = Terms { limits: plugin::Limits::CEILING, ..Terms::default() };
                Ok((read(file)?, terms, name))
            }
            Candidate::PackFile { file, component } => of_pack(&read(file)?, text, component, world),
            Candidate::Installed { pack, component, version } => {
                let version = version.map_or_else(String::new, |version| format!("?version={}", escaped(version)));
                let path = format!("{}/packs/{}/file{version}", self.tenant, escaped(pack));
                of_pack(&self.client.get_bytes(&path)?, text, Some(component), world)
            }
        }
    }
}

/// Of the component of that name, or of the only one of the world.
fn of_pack(
    bytes: &[u8],
    text: &str,
    component: Option<&str>,
    world: World,
) -> Result<(Vec<u8>, Terms, String), ReplayError> {
    let no_pack = |reason: String| ReplayError::NoPack { file: text.to_owned(), reason };
    let pack = Pack::read(bytes, Bounds::default()).map_err(|error| no_pack(error.to_string()))?;
    let all = &pack.manifest().components;
    let mut fitting = all.iter().filter(|one| match component {
        Some(name) => one.name.as_str() == name,
        None => one.world == world,
    });
    let (Some(one), None) = (fitting.next(), fitting.next()) else {
        let known = all.iter().map(|one| format!("{} ({})", one.name, one.world)).collect::<Vec<_>>().join(", ");
        return Err(ReplayError::WhichComponent { file: text.to_owned(), known });
    };
    let terms = Terms { limits: limits(&one.limits), ..Terms::default() };
    let name = format!("{}/{}", pack.manifest().id, one.name);
    Ok((pack.component(one).unwrap_or_default().to_vec(), terms, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_told_by_how_it_is_written() {
        let read = |text| match Candidate::of(text) {
            Candidate::Shipped(name) => format!("shipped {name}"),
            Candidate::File(file) => format!("file {}", file.display()),
            Candidate::PackFile { file, component } => format!("pack {} {component:?}", file.display()),
            Candidate::Installed { pack, component, version } => format!("{pack} at the host, {component} {version:?}"),
        };
        let written = [
            "route-skills",
            "./policy.wasm",
            "acme.lines-1.3.0.pbpack",
            "out/acme.lines-1.3.0.pbpack/lines",
            "acme.lines/lines",
            "acme.lines/lines@1.3.0",
        ];
        expect_test::expect![[r#"
            shipped route-skills
            file ./policy.wasm
            pack acme.lines-1.3.0.pbpack None
            pack out/acme.lines-1.3.0.pbpack Some("lines")
            acme.lines at the host, lines None
            acme.lines at the host, lines Some("1.3.0")"#]]
        .assert_eq(&written.map(read).join("\n"));
    }
}
