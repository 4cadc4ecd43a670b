//! From a component's bytes to a plugin that can be asked.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use plugboard_model::TenantId;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::{
    AskFailure, Engine, Limits, bindings,
    engine::Compiler,
    instance::{Instance, StartFailure},
    log::Log,
    room::Room,
    wasi,
    world::{
        World, assistant::Assistant, channel::Channel, compliance::Compliance, connector::Connector, dialer::Dialer,
        flow::Flow, routing::Routing,
    },
};

/// A component longer than this is one of a large runtime, and runs on demand rather than from the pool.
const SMALL_CODE: usize = 512 << 10;
const PACKAGE: &str = "plugboard:plugin/";

/// Why a component is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("this is no WebAssembly component: {reason}")]
    NotAComponent { reason: String },
    /// It lacks an interface of the world, or has it otherwise.
    #[error("component does not fit the world {world}: {reason}")]
    WrongWorld { world: &'static str, reason: String },
    /// It is none that a host asks.
    #[error("component exports {found}, and none of {}", AnyPlugin::INTERFACES.join(", "))]
    NoWorld { found: String },
    /// What a plugin may import depends on its world alone; `wit/README.md` has the table.
    #[error("component imports {import}, which the world {world} does not give; build it without")]
    Import { world: &'static str, import: String },
    #[error("component does not say what it is")]
    Describe(#[source] AskFailure),
    #[error("component needs what this host lacks: {}", .needs.join(", "))]
    Needs { needs: Vec<String> },
}

/// On what terms a component is loaded: what it asks, as far as it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Cut to the engine's ceiling.
    pub limits: Limits,
    /// Whether its lines go to the engine's log.
    pub log: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { limits: Limits::SMALL, log: true }
    }
}

/// SHA-256 of a component: which version of a plugin it is, whatever it says of itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginHash(pub [u8; 32]);

impl PluginHash {
    pub(crate) fn of(component: &[u8]) -> Self {
        Self(Sha256::digest(component).into())
    }
}

/// The first eight bytes tell plugins apart in a log.
impl fmt::Display for PluginHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PluginHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A component of a world, ready to be asked. Cheap to clone.
#[allow(private_bounds, reason = "worlds are those of the contract: nobody else adds one")]
pub struct Plugin<W: World>(Arc<Loaded<W>>, Arc<W::About>);

/// A component of the world `flow-plugin`.
pub type FlowPlugin = Plugin<Flow>;
/// A component of the world `routing-plugin`.
pub type RoutingPlugin = Plugin<Routing>;
/// A component of the world `compliance-plugin`.
pub type CompliancePlugin = Plugin<Compliance>;
/// A component of the world `connector-plugin`.
pub type ConnectorPlugin = Plugin<Connector>;
/// A component of the world `channel-plugin`.
pub type ChannelPlugin = Plugin<Channel>;
/// A component of the world `assistant-plugin`.
pub type AssistantPlugin = Plugin<Assistant>;
/// A component of the world `dialer-plugin`.
pub type DialerPlugin = Plugin<Dialer>;

/// A component of one world or another.
#[derive(Clone, Debug)]
pub enum AnyPlugin {
    Flow(FlowPlugin),
    Routing(RoutingPlugin),
    Compliance(CompliancePlugin),
    Connector(ConnectorPlugin),
    Channel(ChannelPlugin),
    Assistant(AssistantPlugin),
    Dialer(DialerPlugin),
}

impl AnyPlugin {
    /// By which a component shows what it is.
    const INTERFACES: [&str; 7] = [
        Flow::INTERFACE,
        Routing::INTERFACE,
        Compliance::INTERFACE,
        Connector::INTERFACE,
        Channel::INTERFACE,
        Assistant::INTERFACE,
        Dialer::INTERFACE,
    ];
}

pub(crate) struct Loaded<W: World> {
    /// Unique in this process: the same bytes loaded on other terms are another plugin.
    number: u64,
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<Room>,
    pub(crate) indices: W::Indices,
    pub(crate) hash: PluginHash,
    pub(crate) limits: Limits,
    pub(crate) imports_wasi: bool,
    pub(crate) is_large: bool,
    logs: bool,
}

impl<W: World> Loaded<W> {
    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        if self.is_large { &self.engine.large.wasm } else { &self.engine.small.wasm }
    }

    pub(crate) fn log(&self) -> Option<Log> {
        self.engine.log.clone().filter(|_| self.logs)
    }
}

impl Engine {
    /// Compiles a flow, checks its world and asks what it is.
    pub fn load_flow(&self, component: &[u8]) -> Result<FlowPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a routing policy and checks its world.
    pub fn load_routing(&self, component: &[u8]) -> Result<RoutingPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a compliance rule, checks its world and asks what it judges.
    pub fn load_compliance(&self, component: &[u8]) -> Result<CompliancePlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a connector, checks its world and asks what it can do.
    pub fn load_connector(&self, component: &[u8]) -> Result<ConnectorPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a channel, checks its world and asks what it carries.
    pub fn load_channel(&self, component: &[u8]) -> Result<ChannelPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles an assistant, checks its world and asks what it can do.
    pub fn load_assistant(&self, component: &[u8]) -> Result<AssistantPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a dialer, checks its world and asks what it is.
    pub fn load_dialer(&self, component: &[u8]) -> Result<DialerPlugin, LoadError> {
        self.load(component, Terms::default())
    }

    /// Compiles a component, checks that it is one of the world that the caller wants, and asks what it is. Takes up to a minute for a large
    /// one that is not in the cache.
    #[allow(private_bounds, reason = "worlds are those of the contract")]
    pub fn load<W: World>(&self, bytes: &[u8], terms: Terms) -> Result<Plugin<W>, LoadError> {
        self.load_compiled(self.compile(bytes, terms)?)
    }

    /// Compiles a component and loads it as one of the world that it exports: where it stands among others and nobody says what it is.
    pub fn load_any(&self, bytes: &[u8], terms: Terms) -> Result<AnyPlugin, LoadError> {
        let compiled = self.compile(bytes, terms)?;
        let exports = contract_exports(&compiled.component);
        let world = exports.iter().map(|export| interface_of(export)).find(|name| AnyPlugin::INTERFACES.contains(name));
        match world {
            Some(Flow::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Flow),
            Some(Routing::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Routing),
            Some(Compliance::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Compliance),
            Some(Connector::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Connector),
            Some(Channel::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Channel),
            Some(Assistant::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Assistant),
            Some(Dialer::INTERFACE) => self.load_compiled(compiled).map(AnyPlugin::Dialer),
            _ => Err(LoadError::NoWorld { found: listed(&exports) }),
        }
    }

    fn compile(&self, bytes: &[u8], terms: Terms) -> Result<Compiled, LoadError> {
        let limits = terms.limits.within(self.ceiling);
        let is_large = bytes.len() > SMALL_CODE
            || limits.memory > Limits::SMALL.memory
            || limits.table_elements > Limits::SMALL.table_elements;
        let compiler = if is_large { &self.large } else { &self.small };
        let hash = PluginHash::of(bytes);
        let component = compiler.compile(bytes, &hash)?;
        Ok(Compiled { component, hash, limits, is_large, logs: terms.log })
    }

    fn load_compiled<W: World>(&self, compiled: Compiled) -> Result<Plugin<W>, LoadError> {
        static LOADED: AtomicU64 = AtomicU64::new(0);
        let Compiled { component, hash, limits, is_large, logs } = compiled;
        check_exports::<W>(&component)?;
        let imports_wasi = check_imports::<W>(&component)?;
        let wrong_world =
            |error: wasmtime::Error| LoadError::WrongWorld { world: W::NAME, reason: format!("{error:#}") };
        let compiler = if is_large { &self.large } else { &self.small };
        let pre = link::<W>(compiler, &component, imports_wasi).map_err(wrong_world)?;
        let indices = W::indices(&pre).map_err(wrong_world)?;
        let number = LOADED.fetch_add(1, Ordering::Relaxed);
        let engine = self.clone();
        let loaded = Arc::new(Loaded { number, engine, pre, indices, hash, limits, imports_wasi, is_large, logs });
        // A first instance also tells whether the functions are those of the contract.
        let mut instance = Instance::new(&loaded, None).map_err(|failure| match failure {
            StartFailure::Failed(failure) => LoadError::Describe(failure),
            StartFailure::Mismatch(error) => wrong_world(error),
        })?;
        let (about, needs) = W::describe(&mut instance).map_err(LoadError::Describe)?;
        if !needs.is_empty() {
            return Err(LoadError::Needs { needs });
        }
        Ok(Plugin(loaded, Arc::new(about)))
    }
}

/// A component that has not shown yet of which world it is.
struct Compiled {
    component: Component,
    hash: PluginHash,
    limits: Limits,
    is_large: bool,
    logs: bool,
}

impl Compiler {
    fn compile(&self, bytes: &[u8], hash: &PluginHash) -> Result<Component, LoadError> {
        if let Some(component) = self.compiled_before(hash) {
            return Ok(component);
        }
        let component = self.compile_anew(bytes)?;
        if let Some(cache) = &self.cache {
            cache.put(&hash.0, &component);
        }
        Ok(component)
    }

    pub(crate) fn compiled_before(&self, hash: &PluginHash) -> Option<Component> {
        self.cache.as_ref()?.get(&self.wasm, &hash.0)
    }

    pub(crate) fn compile_anew(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        // `from_binary` also refuses text and machine code, which `new` or `deserialize` would take.
        let compiled = Component::from_binary(&self.wasm, bytes);
        compiled.map_err(|error| LoadError::NotAComponent { reason: format!("{error:#}") })
    }
}

/// What stands in the way in words that its author can act on: no such interface, or one of another version.
fn check_exports<W: World>(component: &Component) -> Result<(), LoadError> {
    let exports = contract_exports(component);
    let wrong_world = |reason| Err(LoadError::WrongWorld { world: W::NAME, reason });
    match exports.iter().find(|name| interface_of(name) == W::INTERFACE) {
        // Below 1.0 each minor version is a major one to the linker.
        Some(found) if !found.split_once('@').is_some_and(|(_, version)| version.starts_with("0.1.")) => {
            wrong_world(format!(
                "it exports {found}, and this host speaks 0.1; build it against an older contract, or update the host"
            ))
        }
        Some(_) => Ok(()),
        None => wrong_world(format!("it exports {}, and not {PACKAGE}{}", listed(&exports), W::INTERFACE)),
    }
}

/// Interfaces of the contract that a component exports, in full: `plugboard:plugin/flow@0.1.1`.
fn contract_exports(component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    let names = component_type.exports(component.engine()).map(|(name, _)| name.to_owned());
    names.filter(|name| name.starts_with(PACKAGE)).collect()
}

/// `flow` of `plugboard:plugin/flow@0.1.1`; empty where it is none of the contract.
fn interface_of(export: &str) -> &str {
    let interface = export.strip_prefix(PACKAGE).unwrap_or_default();
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

fn listed(exports: &[String]) -> String {
    if exports.is_empty() { "nothing of the contract".into() } else { exports.join(", ") }
}

/// Whether it wants a WASI.
fn check_imports<W: World>(component: &Component) -> Result<bool, LoadError> {
    let component_type = component.component_type();
    let mut imports_wasi = false;
    for (import, _) in component_type.imports(component.engine()) {
        if import.starts_with("wasi:") {
            imports_wasi = true;
            continue;
        }
        let given: &[&str] = if W::REACHES_OUT { &["log", "config", "kv", "http"] } else { &["log"] };
        let is_given = given.iter().any(|name| {
            let version = import.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix(name));
            version.is_some_and(|version| version.starts_with("@0.1."))
        });
        if !is_given {
            return Err(LoadError::Import { world: W::NAME, import: import.to_owned() });
        }
    }
    Ok(imports_wasi)
}

fn link<W: World>(compiler: &Compiler, component: &Component, wasi: bool) -> wasmtime::Result<InstancePre<Room>> {
    let mut linker = Linker::new(&compiler.wasm);
    bindings::log::add_to_linker::<Room, HasSelf<_>>(&mut linker, |room| &mut room.log)?;
    if W::REACHES_OUT {
        bindings::config::add_to_linker::<Room, HasSelf<_>>(&mut linker, |room| room)?;
        bindings::kv::add_to_linker::<Room, HasSelf<_>>(&mut linker, |room| room)?;
        bindings::http::add_to_linker::<Room, HasSelf<_>>(&mut linker, |room| room)?;
    }
    if wasi {
        wasi::add_to_linker(&mut linker)?;
    }
    linker.instantiate_pre(component)
}

#[allow(private_bounds, reason = "worlds are those of the contract")]
impl<W: World> Plugin<W> {
    /// SHA-256 of the component.
    pub fn hash(&self) -> PluginHash {
        self.0.hash
    }

    /// What its instances may use.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Content and world.
    pub(crate) fn identity(&self) -> (PluginHash, &'static str) {
        (self.0.hash, W::NAME)
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    pub(crate) fn about(&self) -> &W::About {
        &self.1
    }

    /// Lives as long as anybody holds this plugin to ask it; its instances do not count.
    pub(crate) fn handle(&self) -> Weak<W::About> {
        Arc::downgrade(&self.1)
    }

    /// Tells whether its machine code is still in memory, once all that hold it have let go.
    pub fn trace(&self) -> Trace
    where
        W: 'static,
    {
        let loaded: Weak<dyn Any + Send + Sync> = Arc::downgrade(&self.0) as Weak<_>;
        Trace(loaded)
    }

    /// An instance that knows no settings.
    pub(crate) fn raw_instance(&self, tenant: Option<TenantId>) -> Result<Instance<W>, AskFailure> {
        Ok(Instance::new(&self.0, tenant)?)
    }

    /// An instance that is ready for questions.
    pub(crate) fn instance(&self, tenant: Option<TenantId>, setup: &W::Setup) -> Result<Instance<W>, AskFailure> {
        let mut instance = self.raw_instance(tenant)?;
        W::configure(&mut instance, setup)?;
        instance.mark_ready();
        Ok(instance)
    }
}

/// What remains of a plugin that was let go.
#[derive(Clone, Debug)]
pub struct Trace(Weak<dyn Any + Send + Sync>);

impl Trace {
    pub fn is_in_memory(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl<W: World> Clone for Plugin<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.1))
    }
}

impl<W: World> fmt::Debug for Plugin<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", W::NAME, self.0.hash)
    }
}
