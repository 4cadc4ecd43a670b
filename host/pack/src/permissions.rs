//! What a component asks for, what a tenant grants, and the difference between two versions, in words for the person who decides.

mod ask;
mod changes;
mod grant;
mod import;

pub use ask::{Addresses, Ask, Asks, Difference, EffectKind, MOST_KV, MOST_ORIGINS, MOST_SECRETS, UnknownEffect};
pub use changes::{Changes, ComponentChange, Fate};
pub use grant::{Grant, Wanting};
pub use import::{Import, ImportFault, check_imports};
