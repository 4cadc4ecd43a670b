//! The WebAssembly engines with this host's limits: one for small components, whose instances are pooled, and one for large ones.

use std::{path::PathBuf, sync::Arc};

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{
    Authorities, Limits,
    cache::Cache,
    log::{Log, LogSink},
    ticker::Ticker,
};

/// Deepest stack of a guest, in bytes.
const STACK_LIMIT: usize = 512 << 10;

#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where compiled components are kept; must belong to this process alone. `None`: compile at each start.
    pub cache: Option<PathBuf>,
    /// Most instances of small components alive at once, 1 to 4,000. Each reserves 16 MiB of address space and uses what it touches.
    pub instances: u32,
    /// What no plugin gets more of, whatever it asks.
    pub ceiling: Limits,
    /// Where plugins' lines go; `None`: nowhere.
    pub log: Option<LogSink>,
    /// Whether the instructions that guests run are counted: the same on every machine, where CPU time is not, and dearer.
    pub counts_fuel: bool,
    /// Who signs certificates of systems on private networks, beside the public authorities.
    pub authorities: Option<Authorities>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            cache: None,
            instances: 1_000,
            ceiling: Limits::CEILING,
            log: None,
            counts_fuel: false,
            authorities: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("WebAssembly engine cannot start: {reason}")]
    Start { reason: String },
    #[error("epoch thread cannot start")]
    Thread(#[source] std::io::Error),
}

/// Compiles components and runs their instances. Cheap to clone; one for a process.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Instances from a pool, in microseconds: for all that fits in [`Limits::SMALL`].
    pub(crate) small: Compiler,
    /// Instances on demand: Python, Go and JavaScript bring megabytes of code and several memories.
    pub(crate) large: Compiler,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) instances: u32,
    pub(crate) ceiling: Limits,
    pub(crate) log: Option<Log>,
    pub(crate) counts_fuel: bool,
    pub(crate) authorities: Option<Authorities>,
}

/// One of the two engines, with the cache of what it compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) cache: Option<Arc<Cache>>,
}

impl Engine {
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let instances = settings.instances.clamp(1, 4_000);
        // What a component of JavaScript is made of: 13 core modules and 3 memories; one of Rust has 1 of each.
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(instances)
            .total_core_instances(instances * 4)
            .max_core_instances_per_component(20)
            .total_memories(instances)
            .max_memories_per_component(4)
            .total_tables(instances * 2)
            .max_tables_per_component(20)
            .table_elements(Limits::SMALL.table_elements)
            .max_memory_size(Limits::SMALL.memory)
            .max_core_instance_size(1 << 20)
            .max_component_instance_size(1 << 20)
            .max_unused_warm_slots(64);
        let mut small = config(settings.counts_fuel);
        small
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .memory_reservation(Limits::SMALL.memory as u64)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(0);
        let mut large = config(settings.counts_fuel);
        large.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        let compiler = |config: &Config| {
            let wasm = wasmtime::Engine::new(config);
            let wasm = wasm.map_err(|error| EngineError::Start { reason: format!("{error:#}") })?;
            let cache = settings.cache.clone().map(|folder| Arc::new(Cache::new(folder, &wasm)));
            Ok(Compiler { wasm, cache })
        };
        let (small, large) = (compiler(&small)?, compiler(&large)?);
        let ticker = Ticker::start([small.wasm.clone(), large.wasm.clone()]).map_err(EngineError::Thread)?;
        let log = settings.log.map(Log::new);
        let EngineSettings { ceiling, counts_fuel, authorities, .. } = settings;
        Ok(Self { small, large, ticker: Arc::new(ticker), instances, ceiling, log, counts_fuel, authorities })
    }
}

fn config(counts_fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(counts_fuel)
        // No async in the contract; left on it costs every synchronous call (wasmtime #12836).
        .concurrency_support(false)
        .max_wasm_stack(STACK_LIMIT);
    config
}
