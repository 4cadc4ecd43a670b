//! A WASI with next to nothing behind it, for components of languages that cannot do without.
//!
//! No files, no network, no environment. In the pure worlds clocks stand still and chance is always the same, so that a replay compares equal;
//! whoever reaches out has both for real, because signatures and sessions of other systems want them, and because its answers are recorded. It
//! is no stub: with functions that trap, Go does not start and a Rust panic loses its message. Only waiting traps, because a guest that sleeps
//! would take a plugin thread with it where no deadline reaches it.

use std::time::Duration;

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceTable},
};
use wasmtime_wasi::{
    Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView,
    p2::{self, DynPollable, pipe::MemoryOutputPipe},
};

use crate::room::Room;

/// Most things that a guest may hold open: streams, clocks to wait for.
const MOST_HANDLES: usize = 256;
/// Bytes of what one instance prints that are kept; then its output is closed.
const PRINTED: usize = 4 * 1024;
/// Most random bytes at once.
const RANDOM: u64 = 64 * 1024;
/// In step with wasmtime-wasi; a test with a guest that sleeps tells when it is not.
const POLL: &str = "wasi:io/poll@0.2.12";

pub(crate) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    printed: MemoryOutputPipe,
    /// Bytes of it that were taken.
    taken: usize,
}

impl Wasi {
    pub(crate) fn new(reaches_out: bool) -> Self {
        let printed = MemoryOutputPipe::new(PRINTED);
        let mut builder = WasiCtx::builder();
        builder
            .stdout(printed.clone())
            .stderr(printed.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM);
        if !reaches_out {
            builder
                .wall_clock(Frozen)
                .monotonic_clock(Frozen)
                .insecure_random_seed(0)
                .secure_random(chance())
                .insecure_random(chance());
        }
        let context = builder.build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_HANDLES);
        Self { context, table, printed, taken: 0 }
    }

    /// What the guest printed since this was last asked.
    pub(crate) fn take_printed(&mut self) -> String {
        let all = self.printed.contents();
        let new = String::from_utf8_lossy(all.get(self.taken..).unwrap_or_default()).trim_end().to_owned();
        self.taken = all.len();
        new
    }
}

/// 251 bytes, over and over: long enough that whoever draws until a number fits will find one.
fn chance() -> Deterministic {
    Deterministic::new((0..=250_u8).map(|n| n.wrapping_mul(181).wrapping_add(n >> 3)).collect())
}

struct Frozen;

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Frozen {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    /// Not 0, which Go's runtime takes for a broken clock, and ends.
    fn now(&self) -> u64 {
        1
    }
}

impl WasiView for Room {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut().expect("whoever imports WASI has one");
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a plugin may not wait: time is the host's to give")]
struct Waits;

pub(crate) fn add_to_linker(linker: &mut Linker<Room>) -> wasmtime::Result<()> {
    p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    let mut poll = linker.instance(POLL)?;
    poll.func_wrap("[method]pollable.block", |_: StoreContextMut<'_, Room>, (_,): (Resource<DynPollable>,)| {
        Err::<(), _>(Waits.into())
    })?;
    poll.func_wrap("poll", |_: StoreContextMut<'_, Room>, (_,): (Vec<Resource<DynPollable>>,)| {
        Err::<(Vec<u32>,), _>(Waits.into())
    })?;
    linker.allow_shadowing(false);
    Ok(())
}
