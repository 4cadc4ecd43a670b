//! The files of a pack, and the one file that carries them: a zip container (APPNOTE 6.3.10) with the extension `.pbpack`.

mod digest;
mod name;

pub use digest::{Digest, NotHex};
pub(crate) use digest::{hex, unhex};
pub(crate) use name::is_deceptive;
pub use name::{FileName, FileNameError};
