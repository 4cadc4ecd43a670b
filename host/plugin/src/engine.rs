//! The WebAssembly engine with this host's limits.

use std::{path::PathBuf, sync::Arc};

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{cache::Cache, ticker::Ticker};

/// Most memory of one instance, all its memories together.
pub(crate) const MEMORY_LIMIT: usize = 16 << 20;
/// Most table elements of one instance, all its tables together.
pub(crate) const TABLE_LIMIT: usize = 20_000;
/// Most that one answer may take up on the host's side. A guest may name the same bytes of its own a thousand times, so its memory is no
/// bound. The largest answer that the contract allows is 64 actions of 64 KiB, or 10,000 references.
pub(crate) const ANSWER_LIMIT: usize = 8 << 20;
/// Deepest stack of a guest, in bytes.
const STACK_LIMIT: usize = 512 << 10;

#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where compiled components are kept; must belong to this process alone. `None`: compile at each start.
    pub cache: Option<PathBuf>,
    /// Most instances alive at once, 1 to 4,000. Each reserves 16 MiB of address space and uses what it touches.
    pub instances: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { cache: None, instances: 1_000 }
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
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) instances: u32,
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
            .table_elements(TABLE_LIMIT)
            .max_memory_size(MEMORY_LIMIT)
            .max_core_instance_size(1 << 20)
            .max_component_instance_size(1 << 20)
            .max_unused_warm_slots(64);
        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .epoch_interruption(true)
            // No async in the contract; left on it costs every synchronous call (wasmtime #12836).
            .concurrency_support(false)
            .max_wasm_stack(STACK_LIMIT)
            .memory_reservation(MEMORY_LIMIT as u64)
            .memory_guard_size(64 << 10)
            .memory_reservation_for_growth(0);
        let start = |error: wasmtime::Error| EngineError::Start { reason: format!("{error:#}") };
        let wasm = wasmtime::Engine::new(&config).map_err(start)?;
        let ticker = Arc::new(Ticker::start(wasm.clone()).map_err(EngineError::Thread)?);
        let cache = settings.cache.map(|folder| Arc::new(Cache::new(folder, &wasm)));
        Ok(Self { wasm, ticker, cache, instances })
    }
}
