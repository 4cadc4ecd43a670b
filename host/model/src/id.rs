//! One type for each noun that has an id, so that a queue cannot stand where an agent belongs.
//!
//! Names that people choose (tenant, queue, agent, flow, skill) are short words, checked once at the door; ids that the host gives are numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("a name may not be empty")]
    Empty,
    #[error("name is {length} bytes long, at most 64 are allowed")]
    TooLong { length: usize },
    #[error("name holds {found:?}; letters, digits, '-', '_', '.' and '+' are allowed")]
    BadCharacter { found: char },
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > 64 {
        return Err(IdError::TooLong { length: text.len() });
    }
    match text.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))) {
        Some(found) => Err(IdError::BadCharacter { found }),
        None => Ok(()),
    }
}

/// Makes a type of a name: a short text, checked once where it comes in, that is cheap to clone and reads and writes as text.
///
/// `name_type! { /// Doc. Name, Error, check }`, where `check` is `fn(&str) -> Result<(), Error>`. Who uses it depends on serde.
#[macro_export]
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $error:ty, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(::std::sync::Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                $check(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $error;

            fn try_from(text: &str) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as ::serde::Deserialize>::deserialize(deserializer)?.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        name_type! {
            $(#[$doc])*
            ///
            /// 1 to 64 bytes of letters (any script), digits, `-`, `_`, `.` and `+`. Cheap to clone.
            $name, IdError, check
        }
    };
}

name! {
    /// One business on this installation.
    TenantId
}
name! {
    /// A queue, unique in its tenant.
    QueueId
}
name! {
    /// A person who takes interactions; also the user part of the agent's SIP account.
    AgentId
}
name! {
    /// A flow, unique in its tenant. Other resources refer to it by this name, never by an installation's own key.
    FlowId
}
name! {
    /// A skill, unique in its tenant.
    SkillId
}
name! {
    /// What was dialled to reach us, as the trunk delivers it: `+862112345678`, `8001`.
    Number
}
name! {
    /// A short number that reaches an agent's phone from inside the tenant.
    Extension
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

numbered! {
    /// All of one customer's need: the call, its legs, its waits and its wrap-up. Unique in its tenant for ever, rising.
    InteractionId, "i"
}
numbered! {
    /// One party's line in an interaction. Unique in its tenant for ever, rising.
    LegId, "l"
}
numbered! {
    /// One recording. Unique in its tenant for ever, rising.
    RecordingId, "r"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_chinese_but_hold_no_space_or_slash() {
        assert_eq!("售后".parse::<QueueId>().map(|queue| queue.to_string()), Ok("售后".to_owned()));
        assert_eq!("a b".parse::<QueueId>(), Err(IdError::BadCharacter { found: ' ' }));
        assert_eq!("../x".parse::<QueueId>(), Err(IdError::BadCharacter { found: '/' }));
    }
}
