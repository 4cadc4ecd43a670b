//! From a component's bytes to a plugin that can be asked.

use std::{fmt, sync::Arc, time::Duration};

use plugboard_model::flow::{Problem, Reference};
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre, Linker};

use crate::{
    AskFailure, Engine, Settings, TableSet, answer,
    bindings::{flow, routing},
    instance::{Instance, Limits},
    question,
};

/// For all that happens once: `describe`, `check`, `configure`.
const SETUP_BUDGET: Duration = Duration::from_secs(1);

/// Why a component is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("this is no WebAssembly component: {reason}")]
    NotAComponent { reason: String },
    /// It imports something, or lacks an export of the world.
    #[error("component does not fit the world {world}: {reason}")]
    WrongWorld { world: &'static str, reason: String },
    #[error("component does not say what it is")]
    Describe(#[source] AskFailure),
    #[error("component needs what this host lacks: {}", .needs.join(", "))]
    Needs { needs: Vec<String> },
}

/// What a flow plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// States of another revision cannot be read.
    pub revision: u32,
    pub nodes: Vec<NodeKind>,
}

/// A kind of node, for the designer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKind {
    pub kind: String,
    pub exits: Vec<String>,
    /// JSON Schema 2020-12.
    pub settings_schema: String,
}

/// A component of the world `flow-plugin`. Cheap to clone.
#[derive(Clone)]
pub struct FlowPlugin(Arc<Loaded<flow::FlowPluginPre<Limits>>>, Arc<Description>);

/// A component of the world `routing-plugin`. Cheap to clone.
#[derive(Clone)]
pub struct RoutingPlugin(Arc<Loaded<routing::RoutingPluginPre<Limits>>>);

struct Loaded<P> {
    engine: Engine,
    pre: P,
    hash: [u8; 32],
}

pub(crate) type FlowInstance = Instance<flow::FlowPlugin>;
pub(crate) type RoutingInstance = Instance<routing::RoutingPlugin>;

impl Engine {
    /// Compiles a flow, checks its world and asks what it is.
    pub fn load_flow(&self, component: &[u8]) -> Result<FlowPlugin, LoadError> {
        let (pre, hash) = self.prepare(component, "flow-plugin")?;
        let wrong_world = |error: wasmtime::Error| wrong_world("flow-plugin", &error);
        let pre = flow::FlowPluginPre::new(pre).map_err(wrong_world)?;
        let loaded = Loaded { engine: self.clone(), pre, hash };
        let describe = || {
            let mut instance = loaded.flow_instance()?;
            instance.call(SETUP_BUDGET, |guest, store| guest.plugboard_plugin_flow().call_describe(store))
        };
        let said = describe().map_err(LoadError::Describe)?;
        let unfit = |bad| LoadError::Describe(AskFailure::BadAnswer(bad));
        let (description, needs) = answer::description(said).map_err(unfit)?;
        if !needs.is_empty() {
            return Err(LoadError::Needs { needs });
        }
        Ok(FlowPlugin(Arc::new(loaded), Arc::new(description)))
    }

    /// Compiles a routing policy and checks its world.
    pub fn load_routing(&self, component: &[u8]) -> Result<RoutingPlugin, LoadError> {
        let (pre, hash) = self.prepare(component, "routing-plugin")?;
        let pre = routing::RoutingPluginPre::new(pre).map_err(|error| wrong_world("routing-plugin", &error))?;
        Ok(RoutingPlugin(Arc::new(Loaded { engine: self.clone(), pre, hash })))
    }

    fn prepare(&self, bytes: &[u8], world: &'static str) -> Result<(InstancePre<Limits>, [u8; 32]), LoadError> {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let cached = self.cache.as_ref().and_then(|cache| cache.get(&self.wasm, &hash));
        let component = match cached {
            Some(component) => component,
            None => {
                // `from_binary` also refuses text and machine code, which `new` or `deserialize` would take.
                let compiled = Component::from_binary(&self.wasm, bytes);
                let component = compiled.map_err(|error| LoadError::NotAComponent { reason: format!("{error:#}") })?;
                if let Some(cache) = &self.cache {
                    cache.put(&hash, &component);
                }
                component
            }
        };
        // An empty linker: whatever imports anything does not link.
        let linker = Linker::new(&self.wasm);
        let pre = linker.instantiate_pre(&component).map_err(|error| wrong_world(world, &error))?;
        Ok((pre, hash))
    }
}

fn wrong_world(world: &'static str, error: &wasmtime::Error) -> LoadError {
    LoadError::WrongWorld { world, reason: format!("{error:#}") }
}

impl Loaded<flow::FlowPluginPre<Limits>> {
    fn flow_instance(&self) -> Result<FlowInstance, AskFailure> {
        Instance::new(&self.engine, SETUP_BUDGET, |store| self.pre.instantiate(store))
    }
}

impl FlowPlugin {
    pub fn description(&self) -> &Description {
        &self.1
    }

    /// SHA-256 of the component.
    pub fn hash(&self) -> [u8; 32] {
        self.0.hash
    }

    /// What is wrong with these settings, said by the very bytes that would run them. Takes some milliseconds, at most a second.
    pub fn check(&self, settings: &Settings) -> Result<Vec<Problem>, AskFailure> {
        let settings = question::settings(settings.items());
        let mut instance = self.0.flow_instance()?;
        let problems =
            instance.call(SETUP_BUDGET, |guest, store| guest.plugboard_plugin_flow().call_check(store, &settings))?;
        answer::problems(problems).map_err(AskFailure::BadAnswer)
    }

    /// What these settings name of the tenant's; empty where [`Self::check`] finds an error.
    pub fn references(&self, settings: &Settings) -> Result<Vec<Reference>, AskFailure> {
        let settings = question::settings(settings.items());
        let mut instance = self.0.flow_instance()?;
        let found = instance
            .call(SETUP_BUDGET, |guest, store| guest.plugboard_plugin_flow().call_references(store, &settings))?;
        answer::references(found).map_err(AskFailure::BadAnswer)
    }

    /// An instance that knows its settings.
    pub(crate) fn instance(&self, settings: &Settings) -> Result<FlowInstance, AskFailure> {
        let settings = question::settings(settings.items());
        let mut instance = self.0.flow_instance()?;
        instance
            .call(SETUP_BUDGET, |guest, store| guest.plugboard_plugin_flow().call_configure(store, &settings))?
            .map_err(|failure| AskFailure::Plugin(answer::flow_failure(failure)))?;
        instance.mark_ready();
        Ok(instance)
    }
}

impl RoutingPlugin {
    /// SHA-256 of the component.
    pub fn hash(&self) -> [u8; 32] {
        self.0.hash
    }

    /// An instance that knows its tables. Also tells whether the policy takes them: ask when they change.
    pub(crate) fn instance(&self, tables: &TableSet) -> Result<RoutingInstance, AskFailure> {
        let tables = question::tables(tables.tables());
        let mut instance = Instance::new(&self.0.engine, SETUP_BUDGET, |store| self.0.pre.instantiate(store))?;
        instance
            .call(SETUP_BUDGET, |guest, store| guest.plugboard_plugin_routing().call_configure(store, &tables))?
            .map_err(|failure| AskFailure::Plugin(answer::routing_failure(failure)))?;
        instance.mark_ready();
        Ok(instance)
    }

    /// Whether the policy can work with these tables and settings.
    pub fn check(&self, tables: &TableSet) -> Result<(), AskFailure> {
        self.instance(tables).map(drop)
    }
}

impl fmt::Debug for FlowPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlowPlugin").field(&self.1.name).finish()
    }
}

impl fmt::Debug for RoutingPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutingPlugin")
    }
}
