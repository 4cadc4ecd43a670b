//! What a plugin pack is, without an engine: its manifest, its signature, what it asks for and what a tenant grants, and which of its versions serves
//! whom. Data in, verdict out: nothing here reads a file or a clock.

pub mod archive;
mod id;
mod installation;
pub mod manifest;
mod origin;
mod outcome;
mod pack;
pub mod permissions;
mod quantity;
pub mod quarantine;
pub mod rollout;
pub mod signature;
mod words;
mod world;

pub use archive::{Digest, FileName, FileNameError};
pub use id::{ComponentName, NameError, PackId, Release, SecretName};
pub use installation::{GrantError, Held, Installation, NothingBefore, Step, UpgradeError};
pub use manifest::Manifest;
pub use origin::{Host, Origin, OriginError, Scheme};
pub use outcome::Outcome;
pub use pack::{Pack, PackError};
pub use permissions::Grant;
pub use quantity::{Bytes, QuantityError};
pub use words::Words;
pub use world::{AskedWorld, UnknownWorld, World};
