//! How a candidate is tried, as people write it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use plugboard_model::Number;
use serde::{Deserialize, Serialize};

use super::{Audience, AudienceError};

/// How a candidate begins.
///
/// Written `shadow`, `share=5%`, `callers=+8613800138000,+8613900139000`, `dialled=8001` or `tag=tier=gold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trial {
    Shadow,
    Canary(Audience),
}

/// Why it is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    #[error("{text:?} is no way to try a version")]
    Unknown { text: String },
    #[error("{text:?} is no number")]
    NoNumber { text: String },
    #[error(transparent)]
    Audience(#[from] AudienceError),
}

impl TrialError {
    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "write shadow, share=5%, callers=+8613800138000, dialled=8001 or tag=tier=gold",
            Self::NoNumber { .. } => "write numbers as they are called from, with commas between them",
            Self::Audience(_) => "name at least one caller, number or tag, and at most as many as are allowed",
        }
    }
}

impl FromStr for Trial {
    type Err = TrialError;

    fn from_str(text: &str) -> Result<Self, TrialError> {
        if text == "shadow" {
            return Ok(Self::Shadow);
        }
        let unknown = || TrialError::Unknown { text: text.chars().take(80).collect() };
        let (kind, value) = text.split_once('=').ok_or_else(unknown)?;
        let numbers = || -> Result<BTreeSet<Number>, TrialError> {
            let read = |text: &str| {
                text.trim()
                    .parse::<Number>()
                    .map_err(|_| TrialError::NoNumber { text: text.chars().take(80).collect() })
            };
            value.split(',').filter(|text| !text.trim().is_empty()).map(read).collect()
        };
        let audience = match kind {
            "share" => Audience::Share(value.parse()?),
            "callers" => Audience::Callers(numbers()?),
            "dialled" => Audience::Dialled(numbers()?),
            "tag" if value.contains('=') => Audience::Tag(value.to_owned()),
            _ => return Err(unknown()),
        };
        audience.check()?;
        Ok(Self::Canary(audience))
    }
}

/// As it is read, but that of a long list only the length is told.
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadow => f.write_str("shadow"),
            Self::Canary(audience) => audience.fmt(f),
        }
    }
}

/// Numbers that are named one by one.
const FEW: usize = 8;

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "share={share}"),
            Self::Callers(numbers) | Self::Dialled(numbers) => {
                f.write_str(if matches!(self, Self::Callers(_)) { "callers=" } else { "dialled=" })?;
                if numbers.len() > FEW {
                    return write!(f, "({} numbers)", numbers.len());
                }
                let numbers: Vec<&str> = numbers.iter().map(Number::as_str).collect();
                f.write_str(&numbers.join(","))
            }
            Self::Tag(tag) => write!(f, "tag={tag}"),
        }
    }
}
