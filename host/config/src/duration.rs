//! Durations as people write them: `20s`, `1m30s`, `500ms`, `2h`.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Whole numbers, each with its unit, largest unit first, none twice. `0s` is a duration, `20` is not.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0u64;
    let mut larger = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (_, millis) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
        if *millis >= larger {
            return None;
        }
        larger = *millis;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(Duration::from_millis(total))
}

/// The shortest text that [`parse`] reads as these milliseconds.
pub fn written(millis: u64) -> String {
    let mut rest = millis;
    let mut out = String::new();
    for (unit, size) in UNITS.iter().rev() {
        if rest >= *size {
            out += &format!("{}{unit}", rest / size);
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_time() {
        for millis in [0, 1, 500, 20_000, 90_000, 3_600_500, 86_400_000] {
            assert_eq!(parse(&written(millis)), Some(Duration::from_millis(millis)));
        }
        assert_eq!(written(90_000), "1m30s");
    }

    #[test]
    fn a_number_without_a_unit_or_with_its_units_in_disorder_is_refused() {
        assert_eq!(["20", "", "s", "30s1m", "1s1s", "1.5s", "-1s", "99999999999999999999s"].map(parse), [None; 8]);
    }
}
