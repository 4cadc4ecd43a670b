//! How much a component may take: what the host gives, or less where the manifest says so.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::Bytes;

/// What a manifest sets; `None` is the host's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Linear memory of one instance, all its memories together.
    pub memory: Option<Bytes>,
    /// Time of the guest's own work for one question.
    #[serde(rename = "budget_ms", serialize_with = "whole_ms")]
    pub budget: Option<Duration>,
    /// One answer, in bytes as the contract counts them.
    pub answer: Option<Bytes>,
}

/// What the host gives a component of one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    pub memory: Bytes,
    pub budget: Duration,
    pub answer: Bytes,
}

/// A manifest that needs more than the host gives would fail later, in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitFault {
    #[error("it sets {asked} of memory, this host gives at most {most}")]
    Memory { asked: Bytes, most: Bytes },
    #[error("it sets a budget of {asked:?}, this host gives at most {most:?}")]
    Budget { asked: Duration, most: Duration },
    #[error("it sets answers of {asked}, this host takes at most {most}")]
    Answer { asked: Bytes, most: Bytes },
}

impl Limits {
    /// What holds for the component on a host that gives `ceiling`.
    pub fn under(&self, ceiling: &Ceiling) -> Result<Ceiling, LimitFault> {
        let memory = self.memory.unwrap_or(ceiling.memory);
        let budget = self.budget.unwrap_or(ceiling.budget);
        let answer = self.answer.unwrap_or(ceiling.answer);
        if memory > ceiling.memory {
            return Err(LimitFault::Memory { asked: memory, most: ceiling.memory });
        }
        if budget > ceiling.budget {
            return Err(LimitFault::Budget { asked: budget, most: ceiling.budget });
        }
        if answer > ceiling.answer {
            return Err(LimitFault::Answer { asked: answer, most: ceiling.answer });
        }
        Ok(Ceiling { memory, budget, answer })
    }
}

fn whole_ms<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_may_take_less_than_the_host_gives_and_never_more() {
        let host = Ceiling { memory: Bytes(16 << 20), budget: Duration::from_millis(20), answer: Bytes(8 << 20) };
        let less = Limits { budget: Some(Duration::from_millis(5)), ..Limits::default() };
        let more = Limits { memory: Some(Bytes(64 << 20)), ..less };
        assert_eq!(
            (less.under(&host), more.under(&host)),
            (
                Ok(Ceiling { budget: Duration::from_millis(5), ..host }),
                Err(LimitFault::Memory { asked: Bytes(64 << 20), most: Bytes(16 << 20) })
            )
        );
    }
}
