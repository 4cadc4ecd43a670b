//! Whom a canary serves.

use std::{collections::BTreeSet, fmt, str::FromStr};

use plugboard_model::Number;
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::PackId;

/// Most numbers of a list.
const MOST_NUMBERS: usize = 10_000;

/// Whom a canary serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// A share of all callers; the same callers as long as the version is on trial, and as the share grows they stay in it.
    Share(BasisPoints),
    /// Who calls from these numbers.
    Callers(BTreeSet<Number>),
    /// Who calls these numbers of ours.
    Dialled(BTreeSet<Number>),
    /// Interactions that carry this tag.
    Tag(String),
}

/// Hundredths of a percent, at most 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct BasisPoints(u16);

/// Who calls, as far as it is known when the interaction begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// In one form always, or the caller is not recognised: E.164 where it is known. `None` for who hides it.
    pub number: Option<&'a str>,
    pub dialled: Option<&'a str>,
    pub tags: &'a [&'a str],
}

/// Why nobody can be served so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    #[error("a share is at most 10000 basis points, not {0}")]
    MoreThanAll(u16),
    #[error("a share is a percentage of 0 to 100, with two decimals at most")]
    NoShare,
    #[error("the list names nobody")]
    Empty,
    #[error("the list names {0}, at most {MOST_NUMBERS} are allowed")]
    TooMany(usize),
}

impl BasisPoints {
    pub const ALL: Self = Self(10_000);

    /// `None` above 100.
    pub fn from_percent(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(u16::from(percent) * 100))
    }

    pub fn get(self) -> u16 {
        self.0
    }
}

/// `5%`, `0.25%`.
impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match (part, part % 10) {
            (0, _) => write!(f, "{whole}%"),
            (_, 0) => write!(f, "{whole}.{}%", part / 10),
            _ => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// A percentage with up to two decimals, with or without its sign.
impl FromStr for BasisPoints {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let read = || {
            let number = text.strip_suffix('%').unwrap_or(text).trim();
            let (whole, part) = number.split_once('.').unwrap_or((number, ""));
            let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
            let fits = !whole.is_empty() && whole.len() <= 3 && part.len() <= 2 && digits(whole) && digits(part);
            fits.then(|| format!("{whole}{part:0<2}").parse::<u32>().ok())?
        };
        let points = read().ok_or(AudienceError::NoShare)?;
        u16::try_from(points).ok().filter(|points| *points <= 10_000).map(Self).ok_or(AudienceError::NoShare)
    }
}

impl TryFrom<u16> for BasisPoints {
    type Error = AudienceError;

    fn try_from(points: u16) -> Result<Self, AudienceError> {
        if points <= 10_000 { Ok(Self(points)) } else { Err(AudienceError::MoreThanAll(points)) }
    }
}

impl From<BasisPoints> for u16 {
    fn from(points: BasisPoints) -> Self {
        points.0
    }
}

impl Audience {
    pub(super) fn check(&self) -> Result<(), AudienceError> {
        match self {
            Self::Callers(numbers) | Self::Dialled(numbers) if numbers.is_empty() => Err(AudienceError::Empty),
            Self::Callers(numbers) | Self::Dialled(numbers) if numbers.len() > MOST_NUMBERS => {
                Err(AudienceError::TooMany(numbers.len()))
            }
            Self::Tag(tag) if tag.is_empty() => Err(AudienceError::Empty),
            _ => Ok(()),
        }
    }

    /// How many it names; 0 for a share or a tag.
    pub fn names(&self) -> usize {
        match self {
            Self::Callers(numbers) | Self::Dialled(numbers) => numbers.len(),
            Self::Share(_) | Self::Tag(_) => 0,
        }
    }

    /// Who hides the number is nobody's canary by share: each call would be another caller.
    pub fn holds(&self, pack: &PackId, candidate: &Version, caller: &Caller<'_>) -> bool {
        match self {
            Self::Share(share) => caller.number.is_some_and(|number| bucket(pack, candidate, number) < share.0),
            Self::Callers(numbers) => caller.number.is_some_and(|number| numbers.contains(number)),
            Self::Dialled(numbers) => caller.dialled.is_some_and(|number| numbers.contains(number)),
            Self::Tag(tag) => caller.tags.contains(&tag.as_str()),
        }
    }
}

/// Where a caller stands among 10,000, the same on every host and after every restart.
///
/// The first 8 bytes, as a big-endian number, of the SHA-256 of four lines, each but the last with a line feed at its end: `plugboard canary 1`, pack
/// (`acme.crm`), version (`1.2.0`), caller; times 10,000, divided by 2⁶⁴, rounded down. The version is in it so that it is not the same
/// callers who meet every new version first.
pub fn bucket(pack: &PackId, candidate: &Version, caller: &str) -> u16 {
    let hash = Sha256::digest(format!("plugboard canary 1\n{pack}\n{candidate}\n{caller}"));
    let first = u64::from_be_bytes(*hash.first_chunk().expect("32 bytes begin with 8"));
    u16::try_from((u128::from(first) * 10_000) >> 64).expect("less than 10,000")
}
