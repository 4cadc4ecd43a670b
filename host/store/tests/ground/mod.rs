//! Where the stores of the tests lie, and how small they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use plugboard_model::TenantId;
use plugboard_store::Options;

pub(crate) fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

/// An empty place for one test.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

pub(crate) fn options(folder: &Path) -> Options {
    Options { cache: 16 * 1024 * 1024, ..Options::new(folder) }
}
