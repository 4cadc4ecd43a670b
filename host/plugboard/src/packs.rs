//! Packs of plugins at a running host: which tenant has which, and what of them is loaded.
//!
//! ```text
//!   file ─► admit (signature, manifest, components) ─► Installation (serves or waits) ─► store ─► Shelf ─► questions
//! ```

mod admit;
pub(crate) mod fit;
mod kept;
mod lines;
mod record;
mod runs;
mod shelf;

pub(crate) use admit::{Admitted, Gate};
pub(crate) use kept::{Known, Packs, told};
pub(crate) use lines::{Line, Lines};
pub(crate) use record::InstalledPack;
pub(crate) use runs::Runs;
pub(crate) use shelf::{Component, Shelf, Shelved, is_of};

use plugboard_pack::{ComponentName, PackId};

/// A component as queues and flows name it: `acme.crm/lookup`.
pub(crate) fn full_name(pack: &PackId, component: &ComponentName) -> String {
    format!("{pack}/{component}")
}
