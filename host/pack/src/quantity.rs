//! Sizes and times as people write them in a manifest: `64KiB`, `200ms`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIMES: [(&str, u64); 3] = [("ms", 1), ("s", 1_000), ("m", 60_000)];

/// Why a size or a time cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("no whole number with its unit")]
    NotANumber,
    #[error("the unit is none of {known}")]
    UnknownUnit { known: &'static str },
    #[error("the number is too large")]
    TooLarge,
}

fn read(text: &str, units: &[(&str, u64)], known: &'static str) -> Result<u64, QuantityError> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - unit.len()];
    if digits.is_empty() {
        return Err(QuantityError::NotANumber);
    }
    let number: u64 = digits.parse().map_err(|_| QuantityError::TooLarge)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, size) = units.iter().find(|(name, _)| *name == unit).ok_or(QuantityError::UnknownUnit { known })?;
    number.checked_mul(*size).ok_or(QuantityError::TooLarge)
}

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        read(text, &SIZES, "B, KiB, MiB and GiB").map(Self)
    }
}

/// In the largest unit that needs no fraction: `64 KiB`, `1000 B`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) =
            SIZES.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)).unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / size)
    }
}

/// `200ms`, `2s`, `1m`.
pub(crate) fn duration(text: &str) -> Result<Duration, QuantityError> {
    read(text, &TIMES, "ms, s and m").map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_and_reads_back_what_it_shows() {
        let read = |text: &str| text.parse::<Bytes>().map(|bytes| bytes.to_string());
        assert_eq!(
            ["64KiB", "1024 KiB", "1000B", "0B", "12", "KiB", "1.5MiB", "99999999999GiB"].map(read),
            [
                Ok("64 KiB".into()),
                Ok("1 MiB".into()),
                Ok("1000 B".into()),
                Ok("0 B".into()),
                Err(QuantityError::UnknownUnit { known: "B, KiB, MiB and GiB" }),
                Err(QuantityError::NotANumber),
                Err(QuantityError::UnknownUnit { known: "B, KiB, MiB and GiB" }),
                Err(QuantityError::TooLarge),
            ]
        );
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1_500)));
    }
}
