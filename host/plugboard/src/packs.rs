//! Packs of plugins at a running host: which tenant has which, and what of them is loaded.
//!
//! ```text
//!   file ─► admit (signature, manifest, components) ─► Installation (serves, is tried or waits) ─► store ─► Rollouts ─► questions
//!                                                                                                     └───► Shelf ─► checks
//! ```

mod admit;
pub(crate) mod contents;
mod ends;
pub(crate) mod fit;
mod kept;
mod lines;
pub(crate) mod look;
mod record;
mod rollouts;
mod shelf;
pub(crate) mod trust;

pub(crate) use admit::{Admitted, Gate, read};
pub(crate) use ends::end_of;
pub(crate) use kept::{Described, Known, Packs, told};
pub(crate) use lines::{Line, Lines};
pub(crate) use record::InstalledPack;
pub(crate) use rollouts::{Asking, Documents, News, Party, Rollouts, Row, Served, Standing, beside};
pub(crate) use shelf::{Component, Shelf, Shelved, is_of};
pub(crate) use trust::Trust;

use plugboard_pack::{ComponentName, PackId};

/// A component as queues and flows name it: `acme.crm/lookup`.
pub(crate) fn full_name(pack: &PackId, component: &ComponentName) -> String {
    format!("{pack}/{component}")
}
